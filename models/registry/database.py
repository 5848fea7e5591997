"""MLflow's database and artifacts of one home: opened, locked, and their paths repaired.

Everything lies below ``<home>/mlruns``: ``mlflow.db`` and ``artifacts/<region>``. MLflow stores
absolute paths, so that a home that was moved needs them repaired before it is read.
"""

from __future__ import annotations

import functools
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from configs.collection import no_collection
from configs.remarks import Remark
from configs.sqlite_files import require_writable
from models.registry import mending
from models.registry.refusals import explains_refusals

if TYPE_CHECKING:
    from mlflow import MlflowClient

BUSY_SECONDS = 60.0
"""How long another process may hold the database locked before we give up."""

# Every column of MLflow 3.17's tables that holds an absolute path below the home.
_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)


class Database:
    """SQLite and plain files in one folder, no server and no network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "mlflow.db"
        self.artifacts = folder / "artifacts"
        self.mended: Remark | None = None

    @explains_refusals
    def open(self) -> None:
        """Make the folder where there is none, mend a damaged database by its copy, and repair the
        paths of a home that was moved.

        ``mended`` then tells what was mended. Raises RegistryError for one of a later MLflow.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.locked():
            self.mended = mending.mend(self.database, BUSY_SECONDS)
            mending.require_known(self.database, BUSY_SECONDS)
            repair_paths(self.database, self.artifacts)

    @functools.cached_property
    @explains_refusals
    def client(self) -> MlflowClient:
        """MLflow's own client."""
        quieten()
        with self.locked():
            require_writable(self.database, BUSY_SECONDS)
            client = self._opened()
            # MLflow's own "Default" experiment points into the working folder.
            repair_paths(self.database, self.artifacts)
        return client

    def _opened(self) -> MlflowClient:
        """A client whose tables are there, and of MLflow's version."""
        address = f"sqlite:///{self.database}"
        with no_collection():  # a client imports its store
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException

            client = MlflowClient(tracking_uri=address, registry_uri=address)
        try:
            client.search_experiments(max_results=1)  # creates the tables
        except MlflowException as error:
            if "out-of-date database schema" not in str(error):
                raise
            mending.migrate(self.database)
            client = MlflowClient(tracking_uri=address, registry_uri=address)
        return client

    @explains_refusals
    def keep_copy(self) -> None:
        """Make the copy anew that ``open`` mends a damaged database by. Call it when locked."""
        mending.keep_copy(self.database, BUSY_SECONDS)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time: the gate reads the champion before it moves the alias."""
        with FileLock(self.folder / "registry.lock"):
            yield


def quieten() -> None:
    """Keep MLflow from phoning home and from logging its migrations; call before its import."""
    settings = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It logs tracebacks of errors that it raises as well, and that RegistryError explains.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def repair_paths(database: Path, artifacts: Path) -> int:
    """Make MLflow's absolute artifact paths point below ``artifacts``, wherever they did before.

    Returns how many were changed; 0 where there is no database yet. Raises sqlite3.Error.
    """
    if not database.is_file():
        return 0
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        present = {row[0] for row in tables}
        if "experiments" not in present:
            return 0
        return sum(
            _repair(connection, old, new, present) for old, new in _moves(connection, artifacts)
        )


def _moves(connection: sqlite3.Connection, artifacts: Path) -> list[tuple[str, str]]:
    """(old, new) artifact folder of each experiment that is ours or MLflow's default.

    One put elsewhere by hand stays.
    """
    moves = []
    for number, location in connection.execute(
        "SELECT experiment_id, artifact_location FROM experiments"
    ).fetchall():
        old = Path(location)
        ours = "://" not in location and (
            old.parent.parts[-2:] == artifacts.parts[-2:] or number == 0
        )
        if ours and old.parent != artifacts:
            moves.append((location, str(artifacts / old.name)))
    return moves


def _repair(connection: sqlite3.Connection, old: str, new: str, present: set[str]) -> int:
    changed = 0
    for table, column in _PATHS:
        if table in present:
            statement = (
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?"
            )
            changed += connection.execute(
                statement, (new, len(old) + 1, old, len(old) + 1, old + "/")
            ).rowcount
    return changed
