"""The registry: which model forecasts a hazard, and what each training and forecast was made from.

In: a trained model with its out-of-fold predictions and scores; a published forecast.
Out: the ``Champion`` of a hazard, loaded; runs in MLflow that name record, code and numbers.
Start at ``Registry`` below, which flows use. ``versions`` holds the gate and the aliases,
``tracking`` the runs, ``files`` and ``manifest`` a model's folder, ``signature`` what MLflow reads,
``lineage`` and ``hyperparameters`` what was learnt from, ``database`` the repair of a moved home,
``mending`` that of a damaged one.
Only this package imports MLflow, inside functions; nobody else opens its database.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from configs import Region, Settings
from configs.remarks import Remark
from features.hazards import Options
from models.registry import live_marks, signature, tracking
from models.registry.database import Database
from models.registry.files import save_model
from models.registry.lineage import code_version, training_key
from models.registry.manifest import write_manifest
from models.registry.refusals import RegistryError, explains_refusals
from models.registry.tracking import UNTOLD, TrainingRun
from models.registry.versions import (
    BY_THE_GATE,
    Admission,
    Challenger,
    Champion,
    Registered,
    Versions,
)
from models.training import Model
from models.verification.outcomes import Definition
from models.verification.plots import reliability_diagram, skill_by_lead

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "Admission",
    "Champion",
    "Registered",
    "Registry",
    "RegistryError",
    "TrainingRun",
    "code_version",
]


class Registry:
    """MLflow's store of one home: SQLite and plain files, no server and no network.

    Every method raises RegistryError where the database is none or another process has it locked,
    where the disk is full, and where this user may not write.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.mlruns)
        self._versions = Versions(self._database)
        self._database.open()

    @property
    def database(self) -> Path:
        """MLflow's SQLite file."""
        return self._database.database

    @property
    def mended(self) -> tuple[Remark, ...]:
        """What opening it mended, a message at most."""
        return (self._database.mended,) if self._database.mended else ()

    @property
    def artifacts(self) -> Path:
        """The folder of all runs' files."""
        return self._database.artifacts

    @property
    def client(self) -> MlflowClient:
        """MLflow's own client of this home, for whatever this class has no word for."""
        return self._database.client

    @explains_refusals
    def register(
        self,
        region: Region,
        model: Model,
        out_of_fold: xr.Dataset,
        scores: pd.DataFrame,
        code_version: str,
        training: TrainingRun = UNTOLD,
        admission: Admission = BY_THE_GATE,
    ) -> Registered:
        """Track one training as a run and register its model, the champion unless it is worse.

        ``scores``: rows of scores.csv; other hazards' rows are ignored.
        """
        database, rows = self._database, scores[scores["hazard"] == model.hazard]
        tags = {
            "kind": "training",
            "hazard": model.hazard,
            "snapshot": str(model.meta.get("snapshot", "")),
            "code_version": code_version,
            tracking.FLOW_RUN: training.started_by,
        }
        name = f"train {model.hazard} to {model.meta.get('trained_until', '')}"
        with (
            tracking.run_of(database, region, name, tags, training.started) as run_id,
            tempfile.TemporaryDirectory() as scratch,
        ):
            parameters = tracking.training_parameters(model, region)
            tracking.log_parameters(database, run_id, parameters)
            values = [*tracking.metrics(rows), *tracking.durations(training)]
            tracking.log_metrics(database, run_id, values)
            tracking.log_dataset(database, run_id, region, tags["snapshot"], training.observations)
            folder = Path(scratch)
            options = signature.options_of(model, region, training.observations)
            digest = _write_model(model, out_of_fold, options, run_id, folder / "model")
            _write_scores(rows, out_of_fold, folder)
            database.client.log_artifacts(run_id, str(folder))
        challenger = Challenger(region, model, out_of_fold, code_version, admission)
        with database.locked():
            registered = self._versions.admit(challenger, run_id, digest)
            database.keep_copy()
        return registered

    @explains_refusals
    def again(
        self,
        region: Region,
        hazard: str,
        snapshot: str,
        until: str,
        code_version: str,
        admission: Admission = BY_THE_GATE,
    ) -> Registered | None:
        """The version that this very training made before, judged anew; None where there is none.

        It learns nothing: the gate reads the version's out-of-fold predictions.
        """
        key = training_key(region, hazard, snapshot, until)
        _ = self.client  # opens the database, which takes the lock for itself
        with self._database.locked():
            return self._versions.again(region, hazard, key, code_version, admission)

    @explains_refusals
    def champion(
        self, region: Region, hazard: str, locations: Iterable[str] | None = None
    ) -> Champion:
        """The model the champion alias names, or the newest earlier champion whose files are whole.

        A model made for another version of the region file or of this package, or for other
        ``locations`` (where given), counts as absent.
        """
        return self._versions.champion(region, hazard, locations)

    @explains_refusals
    def version(self, region: Region, hazard: str, number: str) -> Champion:
        """A version by its number, as a report names it. Raises RiskError where it is not there."""
        return self._versions.version(region, hazard, number)

    @explains_refusals
    def forget(
        self, region: Region, named: Mapping[str, Collection[str]], last: int
    ) -> tuple[int, int, int]:
        """Take away a region's old versions; see ``Versions.forget``."""
        _ = self.client  # opens the database, which takes the lock for itself
        with self._database.locked():
            return self._versions.forget(region, named, last)

    @explains_refusals
    def tiles_folder(self, region: Region, hazard: str, number: str) -> Path:
        """Where the normals of a grid's tiles lie that belong to a version."""
        return self._versions.tiles_folder(region, hazard, number)

    def definition(self, region: Region, hazard: str, number: str) -> Definition | None:
        """What an event is by a version, as its forecasts are graded by; None where it is gone."""
        return self._versions.definition(region, hazard, number)

    @explains_refusals
    def close_dead_runs(self, region: Region) -> list[str]:
        """Mark runs that a killed process left unfinished as killed; returns their ids.

        To be called by whoever holds the region's lock.
        """
        return tracking.close_dead_runs(self._database, region)

    def log_forecast(
        self,
        region: Region,
        issued: date,
        forecast: xr.Dataset,
        provenance: dict[str, Any],
        folder: Path,
        started_by: str = "",
    ) -> str:
        """Track a published forecast as a run and return the run's id.

        The same files of the same day make one run only.
        ``folder`` holds forecast.csv and provenance.json, as published. The run names it and the
        SHA-256 of the two (tags ``report`` and ``sha256``); it copies no file. ``started_by``: the
        address of the flow run that made it.
        """
        files = [folder / "forecast.csv", folder / "provenance.json"]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        tags = {"kind": "forecast", "issued": issued.isoformat(), "sha256": digest}
        tags["report"] = f"published/{folder.parent.name}/{folder.name}"
        tags |= {live_marks.VERIFIED: live_marks.WAITING}
        for name in ("snapshot", "code_version"):
            tags[name] = str(provenance.get(name, ""))
        if earlier := tracking.finished_forecast(self._database, region, tags):
            return earlier
        tags[tracking.FLOW_RUN] = started_by
        with tracking.run_of(self._database, region, f"forecast {issued}", tags) as run_id:
            tracking.log_parameters(self._database, run_id, tracking.parameters(provenance))
            tracking.log_metrics(self._database, run_id, tracking.highest(forecast))
        with self._database.locked():
            self._database.keep_copy()
        return run_id

    @explains_refusals
    def log_marks(self, region: Region, marks: pd.DataFrame, today: date) -> None:
        """Track what came of live forecasts; again adds nothing.

        Scores stand on the run that issued each forecast once all of its marks are closed, and by
        issue month on the region's run "verification". ``marks``: as Marks.frame gives them.
        """
        live_marks.log_on_forecasts(self._database, region, marks)
        live_marks.log_series(self._database, region, marks, today)


def _write_model(
    model: Model, out_of_fold: xr.Dataset, options: Options, run_id: str, folder: Path
) -> str:
    """Write all that is registered of a model; returns the SHA-256 of its manifest."""
    folder.mkdir()
    save_model(model, out_of_fold, folder)
    signature.save_options(options, folder)
    signature.write_mlmodel(model, run_id, folder)
    return write_manifest(folder)


def _write_scores(rows: pd.DataFrame, out_of_fold: xr.Dataset, folder: Path) -> None:
    """Write the hazard's scores and their two plots."""
    rows.to_csv(folder / "scores.csv", index=False)
    skill_by_lead(rows, folder / "plots" / "skill_by_lead.png")
    reliability_diagram(out_of_fold, rows, folder / "plots" / "reliability.png")
