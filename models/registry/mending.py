"""MLflow's database made usable before it is opened: by its copy, or by MLflow's migrations.

``mlflow.db.copy`` beside it is the database as it was after the last training or forecast.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from configs import clock
from configs.remarks import Remark, as_remark
from configs.sqlite_files import (
    copy_database,
    damage_of,
    known_revisions,
    put_aside,
    revision_of,
)
from configs.whole_files import whole_file
from models.registry.refusals import RegistryError

MIGRATIONS = ("store", "db_migrations", "versions")
MIGRATION_SECONDS = 600
"""How long MLflow may take to bring a database to its own version."""


def copy_of(database: Path) -> Path:
    """Where the copy of a database lies."""
    return database.with_name(f"{database.name}.copy")


def keep_copy(database: Path, seconds: float) -> None:
    """Makes the copy anew, whole or not at all, unless the database is damaged.

    Raises sqlite3.Error and OSError.
    """
    if not database.is_file() or not database.stat().st_size:
        return
    with suppress(_NotWhole), whole_file(copy_of(database)) as aside:
        copy_database(database, aside, seconds)
        if damage_of(aside, seconds):
            raise _NotWhole


class _NotWhole(Exception):
    """A copy that is not to take the place of the one there is."""


def mend(database: Path, seconds: float) -> Remark | None:
    """Puts the copy in the place of a database that is damaged, and says so.

    The damaged one is kept beside it. None where nothing was to be done, or where there is no whole
    copy. Raises sqlite3.Error where the database stays locked for ``seconds``.
    """
    copy = copy_of(database)
    if not database.is_file() or not copy.is_file():
        return None
    why = damage_of(database, seconds) if database.stat().st_size else "no byte in it"
    if not why or damage_of(copy, seconds):
        return None
    now = clock.now()
    copied_at = copy.stat().st_mtime
    aside = put_aside(database, f"damaged-{now:%Y%m%dT%H%M%S}")
    copy_database(copy, database, seconds)
    os.utime(database, (copied_at, copied_at))
    return as_remark(
        f"model registry {database}: found {why}; its copy was put in its place, the damaged one "
        f"is {aside.name}. Runs that MLflow took since the copy are not listed; reports, models' "
        "files and data are whole."
    )


def require_known(database: Path, seconds: float) -> None:
    """Raises RegistryError for a database of a later MLflow, and sqlite3.Error."""
    revision = revision_of(database, seconds) if database.is_file() else ""
    if not revision:
        return
    if revision not in known_revisions("mlflow", *MIGRATIONS):
        from importlib.metadata import version

        raise RegistryError(
            f"model registry {database}: found tables of a later MLflow (revision {revision}), "
            f"expected those of MLflow {version('mlflow')} or before; install the version that "
            "wrote them, nothing is lost."
        )


def migrate(database: Path) -> None:
    """Brings a database of an earlier MLflow to the installed one's tables. Raises RegistryError.

    The copy is made first.
    """
    keep_copy(database, MIGRATION_SECONDS)
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{database}"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=MIGRATION_SECONDS
    )
    if done.returncode:
        last = " ".join(done.stderr.split())[-200:]
        raise RegistryError(
            f"model registry {database}: found that MLflow cannot bring its tables to its own "
            f"version ({last}), expected that it can; put {copy_of(database).name} in its place "
            "and install the MLflow that was last used with it."
        )
