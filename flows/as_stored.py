"""As stored: a published report made again from the snapshot and the model versions it names."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from configs import Region, RiskError, Settings
from configs.remarks import Remark, from_json, remark
from data_contracts.tiled_store import open_store
from flows.check import open_region
from flows.engine import engine
from flows.forecast import make_forecast
from flows.issue import Issue
from flows.orchestration import risk_flow
from flows.run import Outcome, as_prefect_state, known_before, region_lock
from flows.train import available_hazards, forecasts_of
from models.registry import Champion, Registry
from reports.site.notices import read_note
from reports.storage.archive import PROVENANCE
from reports.storage.ledger import late_days
from reports.storage.retraction import retraction_of

AGAIN = "as-stored"
"""Folder of a region's published ones in which reports that were made again lie, by day."""


@dataclass(frozen=True)
class Published:
    """A report: its folder, and what its provenance says that it was made from.

    ``models``: hazard -> version. ``missing``: hazard -> why it has no model. ``sent``: when an
    official one was sent. ``late``: after its day was over.
    """

    folder: Path
    snapshot: str
    hindcast: bool
    models: dict[str, str]
    missing: dict[str, Remark]
    degraded: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    sent: datetime | None
    late: bool


@risk_flow("forecast as stored", hours=4)
def as_stored(region: str, issued: date, out: str | None = None) -> Outcome:
    """Makes the report of a day again, byte for byte, and says where it differs.

    It is made from the snapshot and the model versions that the report names, by the code and the
    region file there are now, into published/<region>/as-stored/<day> or ``out``. It is what the
    data said: a note or a retraction of the one published is not part of it, and the run says that
    there is one.

    Args:
        region: A name under configs/regions, or the path of a region's YAML file.
        issued: The day of a published report.
        out: Write the report into this folder instead.
    """
    settings, place = Settings.from_environment(), open_region(region)
    with region_lock(place, settings), engine():
        published = settings.published / place.name
        report = find_report(published, issued)
        folder = Path(out).expanduser().resolve() if out else published / AGAIN / issued.isoformat()
        outcome = make_forecast(issue_of(report, place, settings, issued, folder))
        return as_prefect_state(
            replace(
                outcome,
                notes=(
                    *outcome.notes,
                    compared(report.folder, folder),
                    *said_of(report, place, settings, issued),
                ),
            )
        )


def find_report(published: Path, issued: date) -> Published:
    """The official report of a day, or else the hindcast. Raises RiskError where there is none."""
    day = issued.isoformat()
    folder = published / day if (published / day).is_dir() else published / "hindcast" / day
    try:
        provenance: dict[str, Any] = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        remarks = provenance["remarks"]
        return Published(
            folder,
            str(provenance["snapshot"]),
            bool(provenance["hindcast"]),
            {name: str(model["version"]) for name, model in provenance["models"].items()},
            {name: from_json(why) for name, why in remarks["missing"].items()},
            tuple(map(from_json, remarks["degraded"])),
            tuple(map(from_json, remarks["notes"])),
            None if provenance["hindcast"] else datetime.fromisoformat(provenance["sent"]),
            day in late_days(published),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RiskError(
            f"--as-stored: found no report of {issued} in {published} that tells what it was made "
            "from, expected one; give the day of a published report."
        ) from None


def issue_of(
    report: Published, region: Region, settings: Settings, issued: date, folder: Path
) -> Issue:
    """What a report was made from, to be made again into ``folder``.

    Raises RiskError where the snapshot or a model version is not there any more.
    """
    store, registry = open_store(settings, region), Registry(settings)
    observations = known_before(store.observations(report.snapshot), issued)
    possible = available_hazards(observations, region)
    champions = {
        name: registry.version(region, name, report.models[name])
        if name in report.models
        else Champion(None, None, "", None)
        for name in possible.hazards
    }
    missing = {name: why for name, why in report.missing.items() if name in possible.hazards}
    return Issue(
        region,
        settings,
        issued,
        report.snapshot,
        observations,
        forecasts_of(store, report.snapshot),
        champions,
        possible,
        folder,
        report.hindcast,
        report.degraded,
        missing,
        report.notes,
        report.late,
        report.sent,
    )


def compared(published: Path, again: Path) -> Remark:
    """Whether a report that was made again has the bytes of the one published, or what differs."""
    files = {path.relative_to(published) for path in published.rglob("*") if path.is_file()}
    files |= {path.relative_to(again) for path in again.rglob("*") if path.is_file()}
    differing = sorted(str(name) for name in files if not _same(published / name, again / name))
    if differing:
        return remark("stored.differs", files=tuple(differing))
    return remark("stored.same")


def said_of(
    report: Published, region: Region, settings: Settings, issued: date
) -> tuple[Remark, ...]:
    """What people said of the report that was published, which is no part of the data."""
    if report.hindcast:
        return ()
    retracted = retraction_of(report.folder)
    remarks_made = [remark("stored.retracted", reason=retracted.reason)] if retracted else []
    if read_note(region, issued, settings):
        remarks_made.append(remark("stored.noted"))
    return tuple(remarks_made)


def _same(first: Path, other: Path) -> bool:
    return first.is_file() and other.is_file() and first.read_bytes() == other.read_bytes()
