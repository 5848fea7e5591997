"""The registry: which model speaks for a hazard, and what each training and forecast was made from.

The only module that imports MLflow, which in turn loads models.serving. Everything lies below ``<home>/mlruns``: ``mlflow.db`` and
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
import platform
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import pandas as pd
import xarray as xr

from configs import CHECKOUT, Region, RiskError, Settings
from features.hazards import hazards
from models import serving
from models.hyperparameters import hyperparameters
from models.lineage import dataset_of, learning_code
from models.manifest import Damaged, check_manifest, write_manifest
from models.model_files import OtherFormat, load_model, save_model
from models.plots import reliability_diagram, skill_by_lead
from models.scores import no_worse
from models.training import Model

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "champion"
CANDIDATE = "candidate"
HELD = "held"
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


@dataclass(frozen=True)
class Registered:
    """A registered model: its version, whether it is the champion, and why (not).

    ``new``: whether this training made the version; else one of before is the same.
    """

    version: str
    champion: bool
    reason: str
    new: bool = True


@dataclass(frozen=True)
class Admission:
    """Whether a model may become the champion, where the gate lets it.

    ``candidate``: it may not, yet. ``promote_dirty``: it may though its code is not committed.
    """

    candidate: bool = False
    promote_dirty: bool = False


@dataclass(frozen=True)
class Training:
    """What a training tells of itself beside its model.

    ``observations``: what it learnt from. ``seconds``: how long each step took, by its name.
    ``started``: when the fit began, in seconds since 1970 (default: when it is registered).
    """

    observations: xr.Dataset | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    started: float | None = None


_UNUSABLE = (OtherFormat, Damaged, ValueError, OSError, KeyError)
"""What loading a version raises where its files are not a model of this package."""


class _Verdict(NamedTuple):
    """What becomes of a model, ALIAS, CANDIDATE or HELD, and why."""

    gate: str
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

    Region files do not count: they are their owners', and a model keeps their fingerprint.
    Without git it is the package's version.
    """
    if (CHECKOUT / ".git").exists():
        try:
            changed = _git("status", "--porcelain", "--untracked-files=no", "--", *_CODE)
            return _git("describe", "--always", "--tags") + ("-dirty" if changed else "")
        except (OSError, subprocess.SubprocessError):
            pass  # no git here, or a checkout of another user
    return importlib.metadata.version("climate-risk")


_CODE = (".", ":(exclude)configs/regions")


def _git(*words: str) -> str:
    command = ["git", "-C", str(CHECKOUT), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def dirty(code_version: str) -> bool:
    """Whether the code has changes that are not committed."""
    return code_version.endswith("-dirty")


def training_key(region: Region, hazard: str, snapshot: str, until: str) -> str:
    """Trainings with one key learn the same: same record to the day ``until``, region file, code.

    Empty where the record has no snapshot.
    """
    parts = (hazard, region.fingerprint, snapshot, until, learning_code())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest() if snapshot else ""


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
        training: Training = Training(),
        admission: Admission = Admission(),
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
        with (
            self._run(region, name, tags, training.started) as run_id,
            tempfile.TemporaryDirectory() as scratch,
        ):
            self._log_parameters(run_id, parameters_of(model, region))
            self._log_metrics(run_id, [*metrics(rows), *durations(training)])
            self._log_dataset(run_id, region, tags["snapshot"], training.observations)
            folder = Path(scratch)
            (folder / "model").mkdir()
            save_model(model, out_of_fold, folder / "model")
            options = serving.options_of(model, region, training.observations)
            serving.save_options(options, folder / "model")
            describe(model, run_id, folder / "model")
            digest = write_manifest(folder / "model")
            rows.to_csv(folder / "scores.csv", index=False)
            skill_by_lead(rows, folder / "plots" / "skill_by_lead.png")
            reliability_diagram(out_of_fold, rows, folder / "plots" / "reliability.png")
            self.client.log_artifacts(run_id, str(folder))
        with self._alone():
            return self._admit(region, model, out_of_fold, run_id, digest, code_version, admission)

    @_told
    def again(
        self,
        region: Region,
        hazard: str,
        snapshot: str,
        until: str,
        code_version: str,
        admission: Admission = Admission(),
    ) -> Registered | None:
        """The version that this very training made before, judged anew; None where there is none.

        It learns nothing: the gate reads the version's out-of-fold predictions.
        """
        name, key = f"{region.name}-{hazard}", training_key(region, hazard, snapshot, until)
        _ = self.client  # opens the database, which takes the lock for itself
        with self._alone():
            for version in self._versions_of(name, key):
                try:
                    model, out_of_fold = self._load(version)
                except _UNUSABLE:
                    continue
                return self._judge_again(
                    region, model, out_of_fold, version, code_version, admission
                )
        return None

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
            except _UNUSABLE as error:
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
            self._log_parameters(run_id, parameters(provenance))
            self._log_metrics(run_id, highest(forecast))
            for path in files:
                self.client.log_artifact(run_id, str(path))
        return run_id

    def _admit(
        self,
        region: Region,
        model: Model,
        out_of_fold: xr.Dataset,
        run_id: str,
        digest: str,
        code_version: str,
        admission: Admission,
    ) -> Registered:
        from mlflow.exceptions import MlflowException

        name, meta = f"{region.name}-{model.hazard}", model.meta
        verdict = self._judge(region, model, out_of_fold, code_version, admission)
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        tags = {
            "manifest_sha256": digest,
            "region": region.name,
            "code_version": code_version,
            "training_key": training_key(
                region,
                model.hazard,
                str(meta.get("snapshot", "")),
                str(meta.get("trained_until", "")),
            ),
        }
        source = f"{self.client.get_run(run_id).info.artifact_uri}/model"
        version = self.client.create_model_version(name, source, run_id, tags=tags)
        self.client.set_tag(run_id, "model_version", str(version.version))
        self._settle(version, verdict)
        return Registered(str(version.version), verdict.gate == ALIAS, verdict.reason)

    def _judge(
        self,
        region: Region,
        model: Model,
        out_of_fold: xr.Dataset,
        code_version: str,
        admission: Admission,
    ) -> _Verdict:
        """Whether the model may take the champion's place."""
        standing = self.champion(region, model.hazard, model.meta.get("locations"))
        if standing.out_of_fold is None:
            name = f"{region.name}-{model.hazard}"
            wins = True
            reason = f"there was no champion of {name} for this region file and its places"
        else:
            wins, words = no_worse(out_of_fold, standing.out_of_fold)
            reason = f"against version {standing.version}: {words}"
        if dirty(code_version):
            reason += f"; its code has changes that are not committed ({code_version})"
        if admission.candidate:
            return _Verdict(CANDIDATE, f"registered as a candidate, as asked for; {reason}")
        if wins and dirty(code_version) and standing.out_of_fold is not None:
            if not admission.promote_dirty:
                cure = "commit them and train again, or train with --promote-dirty"
                return _Verdict(HELD, f"{reason}; {cure}")
            reason += ", promoted all the same as asked for"
        return _Verdict(ALIAS if wins else HELD, reason)

    def _judge_again(
        self,
        region: Region,
        model: Model,
        out_of_fold: xr.Dataset,
        version: ModelVersion,
        code_version: str,
        admission: Admission,
    ) -> Registered:
        named = self._named(str(version.name))
        if named is not None and named.version == version.version:
            return Registered(str(version.version), True, "it is the champion already", new=False)
        verdict = self._judge(region, model, out_of_fold, code_version, admission)
        self._settle(version, verdict)
        return Registered(str(version.version), verdict.gate == ALIAS, verdict.reason, new=False)

    def _settle(self, version: ModelVersion, verdict: _Verdict) -> None:
        """Tags and alias of a version that was judged; one that was champion once stays so tagged."""
        name, number = str(version.name), str(version.version)
        if version.tags.get("gate") != ALIAS:
            self.client.set_model_version_tag(name, number, "gate", verdict.gate)
            self.client.set_model_version_tag(name, number, "gate_reason", verdict.reason)
        self.client.set_tag(str(version.run_id), "gate_reason", verdict.reason)
        if verdict.gate != HELD:
            self.client.set_registered_model_alias(name, verdict.gate, number)
        waiting = self._named(name, CANDIDATE)
        if verdict.gate == ALIAS and waiting is not None and str(waiting.version) == number:
            self.client.delete_registered_model_alias(name, CANDIDATE)

    def _versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model, newest first."""
        known = self.client.search_model_versions(f"name='{name}'", max_results=10_000)
        return sorted(known, key=lambda version: -int(version.version))

    def _versions_of(self, name: str, key: str) -> list[ModelVersion]:
        """The versions that trainings of this key made, newest first."""
        return [one for one in self._versions(name) if key and one.tags.get("training_key") == key]

    def _named(self, name: str, alias: str = ALIAS) -> ModelVersion | None:
        """The version an alias names, if any."""
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None

    def _candidates(self, name: str) -> list[ModelVersion]:
        """The version the alias names, then earlier ones that passed the gate, newest first."""
        named = self._named(name)
        if named is None:
            return []
        earlier = [
            version
            for version in self._versions(name)
            if int(version.version) < int(named.version) and version.tags.get("gate") == ALIAS
        ]
        return [named, *earlier]

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
    def _run(
        self, region: Region, name: str, tags: dict[str, str], started: float | None = None
    ) -> Iterator[str]:
        experiment = self._experiment(region)
        run_id = self.client.create_run(
            experiment,
            start_time=round(1000 * (time.time() if started is None else started)),
            run_name=name,
            tags={"region": region.name, **tags},
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

    def _log_parameters(self, run_id: str, found: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        items = [Param(key, value) for key, value in found.items()]
        for start in range(0, len(items), 100):  # MLflow takes at most 100 at once
            self.client.log_batch(run_id, params=items[start : start + 100])

    def _log_dataset(
        self, run_id: str, region: Region, snapshot: str, observations: xr.Dataset | None
    ) -> None:
        """Name the record that was learnt from, where it is known."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        if observations is None or not snapshot:
            return
        learnt_from = Dataset(**dataset_of(region, snapshot, observations))
        context = InputTag("mlflow.data.context", "training")
        self.client.log_inputs(run_id, [DatasetInput(learnt_from, [context])])

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


def describe(model: Model, run_id: str, folder: Path) -> None:
    """Write MLmodel, by which MLflow finds models.serving and knows its tables."""
    from mlflow.models import Model as Description
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(kind, name, required=required)
        for name, kind, required in serving.columns_read(model)
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(kind, name) for name, kind in serving.COLUMNS_SAID
    ]
    issued = ParamSchema([ParamSpec("issued", "string", None)])
    described = Description(
        artifact_path="model",
        run_id=run_id,
        signature=ModelSignature(Schema(inputs), Schema(outputs), issued),
    )
    described.add_flavor(
        "python_function",
        loader_module=serving.__name__,
        python_version=platform.python_version(),
    )
    described.save(str(folder / "MLmodel"))


def parameters_of(model: Model, region: Region) -> dict[str, str]:
    """All that a training was set to: its meta, the region file's part in it, hyper-parameters."""
    hazard = hazards()[model.hazard]
    asked = {f"region.{key}": value for key, value in region.learnt_with.items() if key != "name"}
    return parameters({**model.meta, **asked, **hyperparameters(hazard)})


def durations(training: Training) -> list[tuple[str, float, int]]:
    """(key, value, step) of how long each step took, such as fit_seconds."""
    return [(f"{name}_seconds", float(value), 0) for name, value in training.seconds.items()]


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
