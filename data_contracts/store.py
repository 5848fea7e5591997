"""The store: the only door to the data.

What the contract has passed, in Icechunk, one repository a region. <home>/data/store/<region>/
holds a group a source, each with ``observations`` (time, location) and ``forecasts`` (init_time,
lead_time, location[, member]). Every ingest that changes anything is one snapshot; a process killed
while writing leaves the newest snapshot as it was. Three lists are kept beside:
<home>/data/quarantine/<region>.csv of the values withheld, <home>/data/flagged/<region>.csv of
those in doubt, <home>/data/quality/<region>.csv of what sources say of their readings. All paths
are relative to the home, which may be moved.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import icechunk
import pandas as pd
import xarray as xr

from configs import Region, RiskError, Settings
from configs.remarks import Remark
from data_contracts.background import Background
from data_contracts.batch import Batch, FetchRequest, Source, StoredRecord
from data_contracts.contract import CheckedBatch, check
from data_contracts.grids import grids_of
from data_contracts.groups import open_group, put_group
from data_contracts.lists import delivered, read_list, write_list
from data_contracts.merging import merge_sources, origin_of
from data_contracts.stored_background import background_of
from data_contracts.tables import no_cells, no_quality

# Icechunk warns on stdout that local commits must not be concurrent; the file lock sees to that.
icechunk.set_logs_filter("error")


@dataclass(frozen=True)
class IngestResult:
    """What became of a batch: the newest snapshot, whether this batch made it, and its bad values.

    ``withheld``, and ``flagged`` for values in doubt: columns source, variable, time, location,
    value, rule. ``remarks`` and ``notes``: what is said of these, as CheckedBatch's.
    """

    snapshot: str
    changed: bool
    withheld: pd.DataFrame
    flagged: pd.DataFrame = field(default_factory=no_cells)
    remarks: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()


class Store:
    """The data of one region."""

    def __init__(self, settings: Settings, region: Region) -> None:
        self.region, self.settings = region, settings
        self.path = settings.data / "store" / region.name
        self.quarantine = settings.data / "quarantine" / f"{region.name}.csv"
        self.flags = settings.data / "flagged" / f"{region.name}.csv"
        self.qualities = settings.data / "quality" / f"{region.name}.csv"

    def ingest(self, source: Source, batch: Batch) -> IngestResult:
        """Checks a batch and stores it.

        A ``complete`` source replaces what it held. Another adds to it: its new values win over old
        ones, and a missing value leaves the old one.
        No snapshot is made when nothing changed. Raises ContractBroken, and then nothing is stored.
        """
        checked = check(
            batch, source.name, source.complete, source.readings, self._background(source, batch)
        )
        self.path.mkdir(parents=True, exist_ok=True)
        with _lock(self.path.with_suffix(".lock")):
            repository = icechunk.Repository.open_or_create(_storage(self.path), config=_config())
            session = repository.writable_session("main")
            self._keep_quality(source, batch)
            for what, new in grids_of(checked, source).items():
                put_group(session, f"{source.name}/{what}", new, source.complete)
            changed = session.has_uncommitted_changes
            snapshot = session.commit(f"{source.name}") if changed else session.snapshot_id
            self._list(self.quarantine, source, checked, checked.withheld)
            self._list(self.flags, source, checked, checked.flagged)
        return IngestResult(
            snapshot, changed, checked.withheld, checked.flagged, checked.remarks, checked.notes
        )

    def fetch_request(self, source: str) -> FetchRequest:
        """What to ask a source for: this region, and what is stored from the source already."""
        try:
            session = self._session(None)
        except RiskError:
            return FetchRequest(self.region, self.settings)
        stored = (open_group(session, f"{source}/{what}") for what in ("observations", "forecasts"))
        return FetchRequest(self.region, self.settings, StoredRecord(*stored))

    def observations(self, snapshot: str | None = None) -> xr.Dataset:
        """Daily observations, Dask-backed: dims (time, location), float32, contiguous days.

        Missing is NaN. Sources are merged in the region's order of preference, of a variable in its
        own: the first that has a value gives it. Coordinates latitude, longitude, elevation and
        name by location, and ``source`` (variable, time, location): which source gave each value,
        as a number into its attribute ``flag_meanings`` (CF 3.5), -1 where none did. Each
        variable's attribute ``delay_days`` is that of the first source that has it, as it was when
        stored. Raises RiskError when nothing is stored.
        """
        records = self._read("observations", snapshot)
        if not records:
            raise RiskError(
                f"region {self.region.name!r}: no observations are stored yet, run `climate-risk "
                f"pull {self.region.name}` first."
            )
        merged = merge_sources(records, "time", self.region)
        return merged.assign_coords(source=origin_of(merged, records, self.region))

    def forecasts(self, snapshot: str | None = None) -> xr.Dataset | None:
        """Weather forecasts as they were issued: dims (init_time, lead_time, location[, member]).

        None where there are none. Each variable's attribute ``delay_days`` is that of its runs,
        Source.run_delay_days.
        """
        records = self._read("forecasts", snapshot)
        return merge_sources(records, "init_time", self.region) if records else None

    def snapshot(self) -> str:
        """Id of the newest snapshot. Raises RiskError when nothing is stored."""
        return self._session(None).snapshot_id

    def withheld(self) -> pd.DataFrame:
        """All values now withheld: columns source, variable, time, location, value, rule."""
        return read_list(self.quarantine, no_cells())

    def flagged(self) -> pd.DataFrame:
        """All values now in doubt and used: columns as of ``withheld``."""
        return read_list(self.flags, no_cells())

    def quality(self) -> pd.DataFrame:
        """What sources say of the readings behind each day, as ``tables.no_quality``."""
        return read_list(self.qualities, no_quality())

    def _session(self, snapshot: str | None) -> icechunk.Session:
        """A read-only session at a snapshot (default: the newest).

        Looks first: opening Icechunk would create the folder.
        """
        if not self.path.is_dir() or not icechunk.Repository.exists(_storage(self.path)):
            raise RiskError(
                f"region {self.region.name!r}: nothing is stored yet, run `climate-risk pull "
                f"{self.region.name}` first."
            )
        repository = icechunk.Repository.open(_storage(self.path), config=_config())
        try:
            return (
                repository.readonly_session(snapshot_id=snapshot)
                if snapshot
                else repository.readonly_session("main")
            )
        except (icechunk.IcechunkError, ValueError):
            raise RiskError(
                f"region {self.region.name!r}: the store has no snapshot {snapshot!r}, expected "
                f"one such as {self.snapshot()}."
            ) from None

    def _read(self, what: str, snapshot: str | None) -> dict[str, xr.Dataset]:
        """What each source of the region has stored, in the region's order of preference."""
        session = self._session(snapshot)
        groups = {name: open_group(session, f"{name}/{what}") for name in self.region.sources}
        return {name: dataset for name, dataset in groups.items() if dataset is not None}

    def _background(self, source: Source, batch: Batch) -> Background:
        """What the batch is held against besides itself."""
        try:
            session = self._session(None)
        except RiskError:
            session = None
        return background_of(session, source, batch, self.region)

    def _list(self, path: Path, source: Source, checked: CheckedBatch, new: pd.DataFrame) -> None:
        """Lists the values now withheld or in doubt: of a complete source all, else those of days
        that were delivered.
        """
        before = read_list(path, no_cells())
        stale = before["source"] == source.name
        if not source.complete and len(before):
            stale &= delivered(before, checked.observations) & ~before["rule"].str.contains(
                "forecast issued"
            )
        write_list(path, before, before[~stale], new)

    def _keep_quality(self, source: Source, batch: Batch) -> None:
        """Lists what is now said of the days that the batch speaks of; of others it stays."""
        before, new = self.quality(), batch.quality.assign(source=source.name)
        stale = (before["source"] == source.name) & (
            delivered(before, batch.observations) | delivered(before, batch.quality)
        )
        write_list(self.qualities, before, before[~stale], new)


def _storage(path: Path) -> icechunk.Storage:
    return icechunk.local_filesystem_storage(str(path))


def _config() -> icechunk.RepositoryConfig:
    """Nothing is read ahead in the background: it would complain of a folder moved meanwhile."""
    preload = icechunk.ManifestPreloadConfig(
        max_total_refs=0, preload_if=icechunk.ManifestPreloadCondition.false()
    )
    return icechunk.RepositoryConfig(manifest=icechunk.ManifestConfig(preload=preload))


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One writer a region at a time. The kernel frees the lock of a process that dies."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
