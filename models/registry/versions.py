"""Versions of a registered model: registered, judged against the champion, promoted, loaded.

A registered model is ``<region>-<hazard>``. The alias "champion" names the version that forecasts,
"candidate" one that waits to be judged. A version's tag ``gate`` says what became of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import xarray as xr

from configs import Region, RiskError
from configs.remarks import Remark, remark, text
from features.hazards import hazards
from models import remarks
from models.registry.database import Database
from models.registry.files import OtherFormat, load_model, load_normals
from models.registry.lineage import is_dirty, training_key
from models.registry.manifest import Damaged, check_manifest
from models.registry.signature import load_options
from models.training import Model
from models.verification.comparison import no_worse, no_worse_live
from models.verification.outcomes import Definition

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "champion"
CANDIDATE = "candidate"
HELD = "held"
TILES = "tiles"
"""Folder beside a model's: normals of places it did not learn from, see models.places."""
MAX_VERSIONS = 10_000
"""Versions of one registered model that are looked at."""
UNUSABLE = (OtherFormat, Damaged, ValueError, OSError, KeyError)
"""What loading a version raises where its files are not a model of this package."""


@dataclass(frozen=True)
class Registered:
    """A registered model: its version, whether it is the champion, and why (not).

    ``new``: whether this training made the version; else one of before is the same.
    """

    version: str
    champion: bool
    reason: Remark
    new: bool = True


@dataclass(frozen=True)
class Admission:
    """Whether a model may become the champion, where the gate lets it.

    ``candidate``: it may not, yet. ``promote_dirty``: it may though its code is not committed.
    ``marks``: what came of the region's live forecasts, see verification.marks; None where the gate
    is not to look at them.
    """

    candidate: bool = False
    promote_dirty: bool = False
    marks: pd.DataFrame | None = field(default=None, compare=False)


BY_THE_GATE = Admission()
"""The gate alone decides."""


@dataclass(frozen=True)
class Champion:
    """The model that forecasts a hazard and its out-of-fold predictions; both may be None.

    ``degraded``: one message when it is not the version the alias names.
    """

    model: Model | None
    out_of_fold: xr.Dataset | None
    version: str
    degraded: Remark | None


@dataclass(frozen=True)
class Challenger:
    """A model that may become the champion of its hazard, and its out-of-fold predictions."""

    region: Region
    model: Model
    out_of_fold: xr.Dataset
    code_version: str
    admission: Admission

    @property
    def name(self) -> str:
        """The name of the registered model."""
        return registered_name(self.region, self.model.hazard)


class _Gate(NamedTuple):
    """What becomes of a model, ALIAS, CANDIDATE or HELD, and why."""

    decision: str
    reason: Remark


def registered_name(region: Region, hazard: str) -> str:
    """The name under which MLflow keeps the hazard's models."""
    return f"{region.name}-{hazard}"


def made_for(model: Model, region: Region, locations: Iterable[str] | None) -> bool:
    """Whether the model is of this very region file and, where given, of these locations."""
    trained = model.meta.get("locations")
    same_locations = (
        locations is None or trained is None or set(map(str, trained)) == set(map(str, locations))
    )
    return same_locations and model.meta.get("fingerprint") == region.fingerprint


def _beside(version: ModelVersion) -> Path:
    return Path(str(version.source)).parent / TILES


@dataclass(frozen=True)
class Versions:
    """The versions in one database."""

    database: Database

    def champion(
        self, region: Region, hazard: str, locations: Iterable[str] | None = None
    ) -> Champion:
        """The model the champion alias names, or the newest earlier champion whose files are whole.

        A model made for another version of the region file or of this package, or for other
        ``locations`` (where given), counts as absent.
        """
        broken: list[Remark] = []
        for version in self._champions(registered_name(region, hazard)):
            number = str(version.version)
            try:
                model, out_of_fold = self._load(version)
            except OtherFormat:
                break
            except UNUSABLE as error:
                broken.append(remarks.broken_version(number, error))
                continue
            if not made_for(model, region, locations):
                break
            return Champion(model, out_of_fold, number, _degraded(region, hazard, broken, number))
        return Champion(None, None, "", _degraded(region, hazard, broken, None))

    def version(self, region: Region, hazard: str, number: str) -> Champion:
        """A version by its number, whatever became of it. Raises RiskError where it cannot be used.

        One made for another version of the region file counts as none.
        """
        name = registered_name(region, hazard)
        for version in self._all(name):
            if str(version.version) != number:
                continue
            try:
                model, out_of_fold = self._load(version)
            except UNUSABLE as error:
                broken = text(remarks.broken_version(number, error))
                raise RiskError(
                    f"model {name}: found {broken}, expected its files as they were registered; "
                    "put mlruns back from a copy."
                ) from None
            if made_for(model, region, None):
                return Champion(model, out_of_fold, number, None)
            raise RiskError(
                f"model {name}: found version {number} of another region file, expected one of "
                f"{region.path}; put the region file back as it was then."
            )
        raise RiskError(
            f"model {name}: found no version {number}, expected it in the registry; put mlruns "
            "back from a copy."
        )

    def definition(self, region: Region, hazard: str, number: str) -> Definition | None:
        """What an event is by a version, whatever the region file says now; None where it is gone.

        Gone: there is no such version, or its files are not whole or of another format.
        """
        named = {str(one.version): one for one in self._all(registered_name(region, hazard))}
        if number not in named:
            return None
        folder = Path(str(named[number].source))
        try:
            check_manifest(folder, named[number].tags.get("manifest_sha256"))
            return Definition(load_normals(folder), load_options(folder))
        except UNUSABLE:
            return None

    def admit(self, challenger: Challenger, run_id: str, digest: str) -> Registered:
        """Register the model that a run logged, and judge it. Call it with the database locked.

        ``digest``: SHA-256 of its manifest.
        """
        from mlflow.exceptions import MlflowException

        client, name, meta = self.database.client, challenger.name, challenger.model.meta
        gate = self._judge(challenger)
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        snapshot, until = (str(meta.get(key, "")) for key in ("snapshot", "trained_until"))
        tags = {
            "manifest_sha256": digest,
            "region": challenger.region.name,
            "code_version": challenger.code_version,
            "training_key": training_key(
                challenger.region, challenger.model.hazard, snapshot, until
            ),
        }
        source = f"{client.get_run(run_id).info.artifact_uri}/model"
        version = client.create_model_version(name, source, run_id, tags=tags)
        client.set_tag(run_id, "model_version", str(version.version))
        self._settle(version, gate)
        return Registered(str(version.version), gate.decision == ALIAS, gate.reason)

    def again(
        self, region: Region, hazard: str, key: str, code_version: str, admission: Admission
    ) -> Registered | None:
        """The newest whole version that trainings of this key made, judged anew; else None.

        ``key``: of lineage.training_key. Call it with the database locked.
        """
        for version in self._all(registered_name(region, hazard)):
            if not key or version.tags.get("training_key") != key:
                continue
            try:
                model, out_of_fold = self._load(version)
            except UNUSABLE:
                continue
            challenger = Challenger(region, model, out_of_fold, code_version, admission)
            return self._judge_again(challenger, version)
        return None

    def forget(
        self, region: Region, named: Mapping[str, Collection[str]], last: int
    ) -> tuple[int, int, int]:
        """Takes away a region's versions but those of an alias, the ``last`` ones and those named.

        ``named``: hazard -> versions. The champion before the present one stays too, to fall back
        to. The run of a version stays with its parameters and metrics, without the model's files.
        Returns how many versions, files and bytes went. Call it with the database locked.
        """
        gone = (0, 0, 0)
        for hazard in hazards():
            name = registered_name(region, hazard)
            versions = self._all(name)
            stays = {
                str(version.version) for version in (*versions[:last], *self._champions(name)[:2])
            }
            waiting = self._named(name, CANDIDATE)
            stays |= {str(waiting.version)} if waiting else set()
            for version in versions:
                if str(version.version) not in stays | set(named.get(hazard, ())):
                    files, size = self._take_away(version)
                    gone = gone[0] + 1, gone[1] + files, gone[2] + size
        return gone

    def tiles_folder(self, region: Region, hazard: str, number: str) -> Path:
        """Where the normals of a grid's tiles lie that belong to a version."""
        found = (
            version
            for version in self._all(registered_name(region, hazard))
            if str(version.version) == number
        )
        return _beside(next(found))

    def _take_away(self, version: ModelVersion) -> tuple[int, int]:
        """Deletes a version and its files; returns how many these were, and their bytes."""
        folder, size = Path(str(version.source)), 0
        ours = folder.is_relative_to(self.database.artifacts)
        files = [path for path in folder.rglob("*") if path.is_file()] if ours else []
        for path in files:
            size += path.stat().st_size
        if ours:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(_beside(version), ignore_errors=True)
        self.database.client.delete_model_version(str(version.name), str(version.version))
        return len(files), size

    def _judge(self, challenger: Challenger) -> _Gate:
        """Whether the model may take the champion's place."""
        model, code_version = challenger.model, challenger.code_version
        standing = self.champion(challenger.region, model.hazard, model.meta.get("locations"))
        if standing.out_of_fold is None:
            wins, reason = True, remark("gate.no_champion", model=challenger.name)
        else:
            wins, difference = no_worse(challenger.out_of_fold, standing.out_of_fold)
            reason = remark("gate.compared", version=str(standing.version), difference=difference)
            lives, reason = self._judge_live(challenger, standing, reason)
            wins = wins and lives
        if is_dirty(code_version):
            reason = remark("gate.uncommitted", reason=reason, version=code_version)
        if challenger.admission.candidate:
            return _Gate(CANDIDATE, remark("gate.candidate", reason=reason))
        if wins and is_dirty(code_version) and standing.out_of_fold is not None:
            if not challenger.admission.promote_dirty:
                return _Gate(HELD, remark("gate.held_uncommitted", reason=reason))
            reason = remark("gate.promoted_uncommitted", reason=reason)
        return _Gate(ALIAS if wins else HELD, reason)

    def _judge_live(
        self, challenger: Challenger, standing: Champion, reason: Remark
    ) -> tuple[bool, Remark]:
        """Whether the model is no worse than the champion on live days, and the whole reason."""
        marks = challenger.admission.marks
        if marks is None:
            return True, reason
        passes, live = no_worse_live(
            challenger.out_of_fold, marks, challenger.model.hazard, standing.version
        )
        return passes, remark("gate.and_live", reason=reason, live=live)

    def _judge_again(self, challenger: Challenger, version: ModelVersion) -> Registered:
        number = str(version.version)
        champion = self._named(challenger.name, ALIAS)
        if champion is not None and champion.version == version.version:
            return Registered(number, True, remark("gate.champion_already"), new=False)
        gate = self._judge(challenger)
        self._settle(version, gate)
        return Registered(number, gate.decision == ALIAS, gate.reason, new=False)

    def _settle(self, version: ModelVersion, gate: _Gate) -> None:
        """Tags and alias of a version that was judged; a former champion stays so tagged."""
        client, name, number = self.database.client, str(version.name), str(version.version)
        if version.tags.get("gate") != ALIAS:
            client.set_model_version_tag(name, number, "gate", gate.decision)
            client.set_model_version_tag(name, number, "gate_reason", text(gate.reason))
        client.set_tag(str(version.run_id), "gate_reason", text(gate.reason))
        if gate.decision != HELD:
            client.set_registered_model_alias(name, gate.decision, number)
        waiting = self._named(name, CANDIDATE)
        if gate.decision == ALIAS and waiting is not None and str(waiting.version) == number:
            client.delete_registered_model_alias(name, CANDIDATE)

    def _all(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model, newest first."""
        versions = self.database.client.search_model_versions(
            f"name='{name}'", max_results=MAX_VERSIONS
        )
        return sorted(versions, key=lambda version: -int(version.version))

    def _named(self, name: str, alias: str) -> ModelVersion | None:
        """The version an alias names, if any."""
        from mlflow.exceptions import MlflowException

        try:
            return self.database.client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None

    def _champions(self, name: str) -> list[ModelVersion]:
        """The version the alias names, then earlier ones that passed the gate, newest first."""
        named = self._named(name, ALIAS)
        if named is None:
            return []
        earlier = [
            version
            for version in self._all(name)
            if int(version.version) < int(named.version) and version.tags.get("gate") == ALIAS
        ]
        return [named, *earlier]

    def _load(self, version: ModelVersion) -> tuple[Model, xr.Dataset]:
        folder = Path(str(version.source))
        check_manifest(folder, version.tags.get("manifest_sha256"))
        return load_model(folder)


def _degraded(
    region: Region, hazard: str, broken: list[Remark], instead: str | None
) -> Remark | None:
    """The message on versions that could not be loaded; None where there are none."""
    return remarks.model_unusable(region.name, hazard, broken, instead) if broken else None
