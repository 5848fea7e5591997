"""The registry: which model speaks for a hazard, and what each training and forecast was made from.

The only module that imports MLflow. Everything lies below ``<home>/mlruns``: ``mlflow.db`` and
``artifacts/<region>``.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import hashlib
import importlib.metadata
import json
import logging
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import pandas as pd
import xarray as xr

from configs import CHECKOUT, Region, RiskError, Settings
from models.plots import reliability_diagram, skill_by_lead
from models.scores import no_worse
from models.train import Model, OtherFormat, load_model, save_model
from models.tune import Study

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "champion"
MANIFEST = "manifest.json"
METRICS = (
    "brier",
    "brier_published",
    "bss_climatology",
    "bss_persistence",
    "roc_area",
    "reliability",
    "resolution",
)

# Every column of MLflow 3.17's tables that holds an absolute path below the home.
_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)


BUSY_SECONDS = 60.0
"""How long another process may hold the database locked before we give up."""

P = ParamSpec("P")
R = TypeVar("R")


class RegistryError(RiskError):
    """A registry that cannot be opened, read or written."""


class _Refusal(NamedTuple):
    """What a code of SQLite or of the operating system means, and what cures it."""

    found: str
    cure: str


_LOCKED = _Refusal(
    "it locked by another process",
    "wait until that process is done, or stop it, then run this again",
)
_READ_ONLY = _Refusal(
    "that it may not be written to",
    "give this user the right to write the file and its folder, or mount their disk for writing",
)
_FULL = _Refusal("its disk full", "make room there, then run this again")
_UNOPENED = _Refusal(
    "that it cannot be opened",
    "look that it is a file in a folder, both of which this user may read and write",
)
_CORRUPT = _Refusal(
    "a file SQLite cannot read", "restore it from a copy, or move it away and train anew"
)
_REFUSALS = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CANTOPEN: _UNOPENED,
    sqlite3.SQLITE_IOERR: _Refusal(
        "a disk that fails to read or write it", "see to the disk, then run this again"
    ),
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_ERROR: _Refusal(
        "tables of another version of MLflow",
        "install the version that it was last used with, or restore it from a copy",
    ),
}
_OS_REFUSALS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
}


def _sqlite_error(error: BaseException | None) -> sqlite3.Error | None:
    """SQLite's own error behind one of SQLAlchemy's or MLflow's."""
    while error is not None and not isinstance(error, sqlite3.Error):
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return error


def _refused(database: Path, error: Exception) -> RegistryError | None:
    """The sentence for an error that its reader can cure, else None."""
    found = _sqlite_error(error)
    if found is not None:  # the low byte of an extended code is the code itself
        why = _REFUSALS.get(getattr(found, "sqlite_errorcode", sqlite3.SQLITE_NOTADB) & 0xFF)
        where, said = database, str(found)
    elif isinstance(error, OSError):
        why = _OS_REFUSALS.get(error.errno or 0)
        where, said = Path(error.filename or database.parent), error.strerror or ""
    else:
        return None
    if why is None:
        return None
    return RegistryError(
        f"model registry {where}: found {why.found} ({said}), "
        f"expected MLflow's database and files, to read and write; {why.cure}."
    )


def _told(
    method: Callable[Concatenate[Registry, P], R],
) -> Callable[Concatenate[Registry, P], R]:
    """The method, raising RegistryError where SQLite or the disk refuses what it wants."""

    @functools.wraps(method)
    def call(self: Registry, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except RiskError:
            raise
        except Exception as error:
            if told := _refused(self.database, error):
                raise told from None
            raise

    return call


class Damaged(ValueError):
    """Files of a model that are not what was registered."""


@dataclass(frozen=True)
class Registered:
    """A newly registered model: its version, whether it became the champion, and why (not)."""

    version: str
    champion: bool
    reason: str


@dataclass(frozen=True)
class Champion:
    """The model that speaks for a hazard and its out-of-fold predictions; both may be None.

    ``degraded``: one sentence when it is not the version the alias names.
    """

    model: Model | None
    out_of_fold: xr.Dataset | None
    version: str
    degraded: str | None


def code_version() -> str:
    """What ``git describe`` says of the checkout, "-dirty" where files differ.

    Without git it is the package's version.
    """
    if (CHECKOUT / ".git").exists():
        command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--tags", "--dirty"]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=30
            ).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            pass  # no git here, or a checkout of another user
    return importlib.metadata.version("climate-risk")


class Registry:
    """MLflow's store of one home: SQLite and plain files, no server and no network.

    Every method raises RegistryError where the database is none or another process has it locked,
    where the disk is full, and where this user may not write.
    """

    @_told
    def __init__(self, settings: Settings) -> None:
        self.folder = settings.mlruns
        self.database = self.folder / "mlflow.db"
        self.artifacts = self.folder / "artifacts"
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            repair_paths(self.database, self.artifacts)

    @functools.cached_property
    @_told
    def client(self) -> MlflowClient:
        """MLflow's own client of this home, for whatever this class has no word for."""
        quieten()
        from mlflow import MlflowClient

        with self._alone():
            require_writable(self.database)
            client = MlflowClient(
                tracking_uri=f"sqlite:///{self.database}", registry_uri=f"sqlite:///{self.database}"
            )
            client.search_experiments(max_results=1)  # creates the tables
            # MLflow's own "Default" experiment points into the working folder.
            repair_paths(self.database, self.artifacts)
        return client

    @_told
    def register(
        self,
        region: Region,
        model: Model,
        out_of_fold: xr.Dataset,
        scores: pd.DataFrame,
        code_version: str,
    ) -> Registered:
        """Track one training as a run and register its model, the champion unless it is worse.

        ``scores``: rows of models.scores.assess, other hazards' rows are ignored.
        """
        rows = scores[scores["hazard"] == model.hazard]
        tags = {
            "kind": "training",
            "hazard": model.hazard,
            "snapshot": str(model.meta.get("snapshot", "")),
            "code_version": code_version,
        }
        name = f"train {model.hazard} to {model.meta.get('trained_until', '')}"
        with self._run(region, name, tags) as run_id, tempfile.TemporaryDirectory() as scratch:
            for key, value in parameters(model.meta).items():
                self.client.log_param(run_id, key, value)
            self._log_metrics(run_id, metrics(rows))
            folder = Path(scratch)
            (folder / "model").mkdir()
            save_model(model, out_of_fold, folder / "model")
            digest = write_manifest(folder / "model")
            rows.to_csv(folder / "scores.csv", index=False)
            skill_by_lead(rows, folder / "plots" / "skill_by_lead.png")
            reliability_diagram(out_of_fold, rows, folder / "plots" / "reliability.png")
            self.client.log_artifacts(run_id, str(folder))
        with self._alone():
            return self._admit(region, model, out_of_fold, run_id, digest)

    @_told
    def champion(
        self, region: Region, hazard: str, locations: Iterable[str] | None = None
    ) -> Champion:
        """The model the champion alias names, or the newest earlier champion whose files are whole.

        A model made for another version of the region file or of this package, or for other
        ``locations`` (where given), counts as absent.
        """
        broken: list[str] = []
        for version in self._candidates(f"{region.name}-{hazard}"):
            try:
                model, out_of_fold = self._load(version)
            except OtherFormat:
                break
            except (Damaged, ValueError, OSError, KeyError) as error:
                broken.append(
                    f"version {version.version} "
                    f"({' '.join(str(error).split()) or type(error).__name__})"
                )
                continue
            if not made_for(model, region, locations):
                break
            degraded = (
                _degraded(region, hazard, broken, f"version {version.version}") if broken else None
            )
            return Champion(model, out_of_fold, str(version.version), degraded)
        return Champion(
            None,
            None,
            "",
            _degraded(region, hazard, broken, "what the calendar knows") if broken else None,
        )

    @_told
    def log_forecast(
        self,
        region: Region,
        issued: date,
        forecast: xr.Dataset,
        provenance: dict[str, Any],
        folder: Path,
    ) -> str:
        """Track a published forecast as a run and return the run's id.

        The same files of the same day make one run only.
        ``folder`` holds forecast.csv and provenance.json, as published.
        """
        files = [folder / "forecast.csv", folder / "provenance.json"]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        tags = {"kind": "forecast", "issued": issued.isoformat(), "sha256": digest}
        for name in ("snapshot", "code_version"):
            tags[name] = str(provenance.get(name, ""))
        if earlier := self._finished(region, tags):
            return earlier
        with self._run(region, f"forecast {issued}", tags) as run_id:
            for key, value in parameters(provenance).items():
                self.client.log_param(run_id, key, value)
            self._log_metrics(run_id, highest(forecast))
            for path in files:
                self.client.log_artifact(run_id, str(path))
        return run_id

    @_told
    def log_study(self, region: Region, study: Study) -> str:
        """Track a search for boosting parameters as a run of the region and return the run's id.

        Metric steps are trials.
        """
        tags = {"kind": "study", "hazard": study.hazard, "code_version": code_version()}
        with (
            self._run(region, f"study {study.hazard}", tags) as run_id,
            tempfile.TemporaryDirectory() as scratch,
        ):
            for key, value in parameters(
                {"records": list(study.records), "best": study.best}
            ).items():
                self.client.log_param(run_id, key, value)
            totals = {
                "loss_best": study.loss,
                "loss_default": study.loss_of_defaults,
                "blocks_won": study.won,
                "blocks_lost": study.lost,
            }
            losses = [("loss", float(loss), step) for step, loss in enumerate(study.trials["loss"])]
            self._log_metrics(
                run_id, [*losses, *((key, float(value), 0) for key, value in totals.items())]
            )
            path = Path(scratch) / "trials.csv"
            study.trials.to_csv(path, index=False)
            self.client.log_artifact(run_id, str(path))
        return run_id

    def _admit(
        self, region: Region, model: Model, out_of_fold: xr.Dataset, run_id: str, digest: str
    ) -> Registered:
        from mlflow.exceptions import MlflowException

        name = f"{region.name}-{model.hazard}"
        standing = self.champion(region, model.hazard, model.meta.get("locations"))
        if standing.out_of_fold is None:
            wins, reason = (
                True,
                f"there was no champion of {name} for this region file and its places",
            )
        else:
            wins, reason = no_worse(out_of_fold, standing.out_of_fold)
            reason = f"against version {standing.version}: {reason}"
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        tags = {
            "gate": "champion" if wins else "held",
            "gate_reason": reason,
            "manifest_sha256": digest,
            "region": region.name,
        }
        source = f"{self.client.get_run(run_id).info.artifact_uri}/model"
        version = str(self.client.create_model_version(name, source, run_id, tags=tags).version)
        self.client.set_tag(run_id, "gate_reason", reason)
        self.client.set_tag(run_id, "model_version", version)
        if wins:
            self.client.set_registered_model_alias(name, ALIAS, version)
        return Registered(version, wins, reason)

    def _candidates(self, name: str) -> list[ModelVersion]:
        """The version the alias names, then earlier ones that passed the gate, newest first."""
        from mlflow.exceptions import MlflowException

        try:
            named = self.client.get_model_version_by_alias(name, ALIAS)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return []
        known = self.client.search_model_versions(f"name='{name}'", max_results=10_000)
        earlier = [
            v for v in known if int(v.version) < int(named.version) and v.tags.get("gate") == ALIAS
        ]
        return [named, *sorted(earlier, key=lambda v: -int(v.version))]

    def _load(self, version: ModelVersion) -> tuple[Model, xr.Dataset]:
        folder = Path(str(version.source))
        check_manifest(folder, version.tags.get("manifest_sha256"))
        return load_model(folder)

    def _experiment(self, region: Region) -> str:
        found = self.client.get_experiment_by_name(region.name)
        if found is None:
            with self._alone():
                found = self.client.get_experiment_by_name(region.name)
                if found is None:
                    return self.client.create_experiment(
                        region.name, artifact_location=str(self.artifacts / region.name)
                    )
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return found.experiment_id

    @contextmanager
    def _run(self, region: Region, name: str, tags: dict[str, str]) -> Iterator[str]:
        experiment = self._experiment(region)
        run_id = self.client.create_run(
            experiment, run_name=name, tags={"region": region.name, **tags}
        ).info.run_id
        try:
            yield run_id
        except BaseException:
            self.client.set_terminated(run_id, "FAILED")
            raise
        self.client.set_terminated(run_id, "FINISHED")

    def _finished(self, region: Region, tags: dict[str, str]) -> str | None:
        wanted = " and ".join(f"tags.{key} = '{tags[key]}'" for key in ("kind", "issued", "sha256"))
        runs = self.client.search_runs(
            [self._experiment(region)],
            f"{wanted} and attributes.status = 'FINISHED'",
            max_results=1,
        )
        return runs[0].info.run_id if runs else None

    def _log_metrics(self, run_id: str, found: list[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        for start in range(0, len(found), 1000):  # MLflow takes at most 1000 at once
            self.client.log_batch(
                run_id,
                metrics=[
                    Metric(key, value, 0, step) for key, value, step in found[start : start + 1000]
                ],
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time: the gate reads the champion before it moves the alias."""
        with open(self.folder / "registry.lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
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
    # Its tracebacks of errors that it raises as well, and that are told in a sentence here.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def require_writable(database: Path) -> None:
    """Raises sqlite3.Error where SQLite cannot write to the database: MLflow tries for minutes."""
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()


def repair_paths(database: Path, artifacts: Path) -> int:
    """Make MLflow's absolute artifact paths point below ``artifacts``, wherever they did before.

    Returns how many were changed; 0 where there is no database yet. Raises sqlite3.Error.
    """
    if not database.is_file():
        return 0
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection, connection:
        present = {
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
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


def write_manifest(folder: Path) -> str:
    """Write manifest.json, the SHA-256 of every file in ``folder``; returns the manifest's own."""
    text = json.dumps(_hashes(folder), indent=1, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def check_manifest(folder: Path, expected: str | None) -> None:
    """Raise Damaged unless ``folder`` holds exactly the files its manifest lists.

    ``expected`` is the manifest's own hash.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise Damaged(f"{MANIFEST} is missing")
    if expected is not None and hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise Damaged(f"{MANIFEST} is not the one that was registered")
    listed, found = json.loads(path.read_text()), _hashes(folder)
    wrong = sorted(
        name for name in listed.keys() | found.keys() if listed.get(name) != found.get(name)
    )
    if wrong:
        raise Damaged(
            f"{wrong[0]} is {'missing' if wrong[0] not in found else 'not what was registered'}"
        )


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def made_for(model: Model, region: Region, locations: Iterable[str] | None) -> bool:
    """Whether the model is of this very region file and, where they are given, these places."""
    trained = model.meta.get("locations")
    same_places = (
        locations is None or trained is None or set(map(str, trained)) == set(map(str, locations))
    )
    return same_places and model.meta.get("fingerprint") == region.fingerprint


def _degraded(region: Region, hazard: str, broken: list[str], instead: str) -> str:
    what = f"The {hazard} model of {region.name} could not be loaded, {', '.join(broken)}"
    return f"{what}; {instead} is used instead; run climate-risk train {region.name}."


def parameters(meta: Mapping[str, Any]) -> dict[str, str]:
    """MLflow parameters of a mapping: nested keys joined by dots, lists as JSON.

    Each has at most 6000 characters.
    """
    found: dict[str, str] = {}
    for key, value in meta.items():
        if isinstance(value, Mapping):
            found.update({f"{key}.{inner}": text for inner, text in parameters(value).items()})
        else:
            found[str(key)] = (value if isinstance(value, str) else json.dumps(value, default=str))[
                :6000
            ]
    return found


def metrics(rows: pd.DataFrame) -> list[tuple[str, float, int]]:
    """(key, value, step) of a hazard's scores: a curve per score, level and window.

    The step is the lead in days.
    """
    found = [
        (f"cells_{str(verdict).replace(' ', '_')}", float(count), 0)
        for verdict, count in rows["verdict"].value_counts().items()
    ]
    curves = (
        "_level" + rows["level"].astype(str) + "_window" + rows["window_days"].astype(str) + "d"
    )
    for score in METRICS:
        values = pd.to_numeric(rows[score], errors="coerce")
        if values.notna().any():
            found.append((f"{score}_mean", float(values.mean()), 0))
        steps = zip(curves, values, rows["lead_days"].astype(int), strict=True)
        found += [
            (score + curve, float(value), lead) for curve, value, lead in steps if pd.notna(value)
        ]
    return found


def highest(forecast: xr.Dataset) -> list[tuple[str, float, int]]:
    """(key, value, step) of a forecast: the highest probability per hazard and level.

    The step is the lead in days.
    """
    top = (
        forecast["probability"]
        .max(["init_time", "location"], skipna=True)
        .to_dataframe(name="value")
        .reset_index()
    )
    top = top.dropna(subset="value")
    keys = (
        "highest_"
        + top["hazard"].astype(str)
        + "_level"
        + top["level"].astype(str)
        + "_window"
        + top["window_days"].astype(str)
        + "d"
    )
    return list(zip(keys, top["value"].astype(float), top["lead_days"].astype(int), strict=True))
