"""Tidy: what a home holds longer than it is of use goes, so that it runs for years.

It takes away no number that was published, none that a report is graded by, and no observation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from configs import Region, RiskError, Settings, clock
from configs.disk import explained
from configs.remarks import Remark, as_remark
from configs.whole_files import write_whole
from data_contracts.tiled_store import open_store
from flows.alive import nobody_holds
from flows.progress import stage
from flows.store import compact_stores
from models.registry import Registry
from reports.storage.archive import PROVENANCE, report_folders
from reports.storage.retention import Gone, shrink, take_away

REMADE_DAYS = 130
"""A report can be made again as stored, and graded, for so long: the model versions and snapshots
that it names are kept. A drought is foretold 90 days ahead, an archive is 6 days behind, and
observations may be 30 days late."""
LAST_VERSIONS = 3
"""Versions of each model that are kept besides the champion, the candidate, and those named."""
COMPACT_DAYS = 30
"""The store is freed of old snapshots this often: all of it is read for that."""
LEFTOVER_DAYS = 60
"""Services' kept answers, locks of runs and Prefect's stored results go after so long."""
DAMAGED_DAYS = 400
"""Databases that were put aside as damaged go after so long."""
LEFTOVERS = (
    ("data/cache", "*/*", LEFTOVER_DAYS),
    ("data/runs", "*.lock", LEFTOVER_DAYS),
    ("prefect/storage", "*", LEFTOVER_DAYS),
    ("prefect", "prefect.db.*-*", DAMAGED_DAYS),
    ("mlruns", "mlflow.db.damaged-*", DAMAGED_DAYS),
)
"""Folders of the home, what in them goes, and after how many days without a change."""


@dataclass(frozen=True)
class Named:
    """What the reports of the last REMADE_DAYS days name."""

    snapshots: frozenset[str] = frozenset()
    versions: dict[str, frozenset[str]] = field(default_factory=dict)


def tidy_when_due(region: Region, settings: Settings) -> tuple[Remark, ...]:
    """Tidies once a day, and says what failed, if anything. For whoever holds the region's lock."""
    if _done(region, settings).get("day") == str(clock.now().date()):
        return ()
    try:
        with stage("tidy") as say:
            tidied = tidy(region, settings)
            say(files=tidied.gone.files, versions=tidied.versions, snapshots=tidied.snapshots)
    except (RiskError, OSError) as error:
        why = explained(error, settings.home)
        return (as_remark(f"The home was not tidied, nothing else is missing: {why}"),)
    return ()


@dataclass(frozen=True)
class Tidied:
    """What went: files, versions of models, snapshots of the store."""

    gone: Gone
    versions: int
    snapshots: int


def tidy(region: Region, settings: Settings) -> Tidied:
    """Takes away what is kept no longer. Raises RiskError and OSError; what is left is whole then.

    For whoever holds the region's lock.
    """
    done, now = _done(region, settings), clock.now()
    gone = shrink(settings, region.name)
    named = _named(settings.published / region.name)
    versions, files, size = Registry(settings).forget(region, named.versions, LAST_VERSIONS)
    gone += Gone(files, size)
    compacted, snapshots = done.get("compacted", str(now.date())), 0
    if (now.date() - date.fromisoformat(compacted)).days >= COMPACT_DAYS:
        snapshots, compacted = _compact(region, settings, named, now), str(now.date())
    for path in _leftovers(settings, now):
        gone += take_away(path)
    done_now = {"day": str(now.date()), "compacted": compacted}
    write_whole(_path(region, settings), json.dumps(done_now, sort_keys=True))
    return Tidied(gone, versions, snapshots)


def _path(region: Region, settings: Settings) -> Path:
    return settings.data / "tidied" / f"{region.name}.json"


def _done(region: Region, settings: Settings) -> dict[str, str]:
    """When the home was tidied for a region, and its store compacted; empty where it never was."""
    try:
        stored = json.loads(_path(region, settings).read_text(encoding="utf-8"))
        return {key: str(date.fromisoformat(stored[key])) for key in ("day", "compacted")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _named(published: Path) -> Named:
    """What the newest reports of a region name. Raises RiskError where one cannot be read."""
    folders = report_folders(published)
    if not folders:
        return Named()
    first = max(folders) - timedelta(days=REMADE_DAYS)
    snapshots, versions = set[str](), dict[str, set[str]]()
    for day, folder in folders.items():
        if day < first:
            continue
        path = folder / PROVENANCE
        try:
            provenance = json.loads(path.read_text(encoding="utf-8"))
            snapshots.add(str(provenance["snapshot"]))
            for hazard, model in provenance["models"].items():
                versions.setdefault(hazard, set()).add(str(model["version"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise RiskError(
                f"report {path}: found no snapshot and models named in it, expected these, so that "
                "they are kept; put the file back from a backup."
            ) from None
    return Named(frozenset(snapshots), {hazard: frozenset(of) for hazard, of in versions.items()})


def _compact(region: Region, settings: Settings, named: Named, now: datetime) -> int:
    """Forgets the store's snapshots that no report needs any more; says how many."""
    if not open_store(settings, region).stored:
        return 0
    before = now - timedelta(days=REMADE_DAYS)
    done = compact_stores(region, settings, named.snapshots, before, only_named=True)
    return done.snapshots


def _leftovers(settings: Settings, now: datetime) -> Iterator[Path]:
    for folder, pattern, days in LEFTOVERS:
        for path in (settings.home / folder).glob(pattern):
            old = path.is_file() and now.timestamp() - path.stat().st_mtime > days * 86400
            if old and (path.suffix != ".lock" or nobody_holds(path)):
                yield path


def tidy_region(name: str, settings: Settings) -> str:
    """Tidies for one region now; says what went. Raises RiskError."""
    from flows.check import open_region
    from flows.run import region_lock

    region = open_region(name)
    with region_lock(region, settings):
        tidied = tidy(region, settings)
    return (
        f"{region.name}: {tidied.gone.files:,} files and {tidied.gone.bytes / 1e6:,.1f} MB gone, "
        f"{tidied.versions} versions of models, {tidied.snapshots} snapshots"
    )
