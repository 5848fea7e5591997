"""The store: the only door to the data.

What the contract has passed, in Icechunk, one repository a region. <home>/data/store/<region>/
holds a group a source, each with ``observations`` (time, location) and ``forecasts`` (init_time,
lead_time, location[, member]), and the ``lists`` of values withheld, of values in doubt and of what
sources say of their readings. Every ingest that changes anything is one snapshot, and values that
it revises are one of their own; a process killed while writing leaves the newest snapshot as it
was. For people to look at, the lists are also written to <home>/data/quarantine/<region>.csv,
flagged/ and quality/. All paths are relative to the home, which may be moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import icechunk
import numpy as np
import pandas as pd
import xarray as xr

from configs import Region, RiskError, Settings
from configs.remarks import Remark
from data_contracts.background import Background
from data_contracts.batch import Batch, FetchRequest, Source, StoredRecord
from data_contracts.contract import CheckedBatch, check
from data_contracts.fingerprints import KeptBatch, fingerprint, keep_batch, kept_batch
from data_contracts.grids import grids_of
from data_contracts.groups import Change, change_of, open_group, write_change, write_revision
from data_contracts.lists import (
    delivered,
    has_list,
    read_former_list,
    read_list,
    show_lists,
    tidy,
    write_list,
)
from data_contracts.merging import merge_sources, on_one_axis, origin_of
from data_contracts.refusals import NothingStored, explained
from data_contracts.repository import Repository
from data_contracts.stored_background import background_of
from data_contracts.tables import no_cells, no_quality

LISTS: Mapping[str, Callable[[], pd.DataFrame]] = {
    "withheld": no_cells,
    "flagged": no_cells,
    "quality": no_quality,
}
"""Name of a list -> the columns it has, as a table without rows."""


@dataclass(frozen=True)
class IngestResult:
    """What became of a batch: the newest snapshot, whether this batch made it, and its bad values.

    ``withheld``, and ``flagged`` for values in doubt: columns source, variable, time, location,
    value, rule. ``remarks`` and ``notes``: what is said of these, as CheckedBatch's.
    ``revised``: the days of which stored values were replaced by other ones.
    """

    snapshot: str
    changed: bool
    withheld: pd.DataFrame
    flagged: pd.DataFrame = field(default_factory=no_cells)
    remarks: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    revised: tuple[date, ...] = ()


class Store:
    """The data of one region."""

    def __init__(self, settings: Settings, region: Region) -> None:
        self.region, self.settings = region, settings
        self.path = settings.data / "store" / region.name
        self.quarantine = settings.data / "quarantine" / f"{region.name}.csv"
        self.flags = settings.data / "flagged" / f"{region.name}.csv"
        self.qualities = settings.data / "quality" / f"{region.name}.csv"
        self.shown = dict(zip(LISTS, (self.quarantine, self.flags, self.qualities), strict=True))
        self.repository = Repository(region.name, self.path)
        self.explained = partial(explained, region.name, self.path)

    def ingest(self, source: Source, batch: Batch) -> IngestResult:
        """Checks a batch and stores it.

        A ``complete`` source replaces what it held. Another adds to it: its new values win over old
        ones, a value that is withheld takes the old one back, so that no cell is listed as withheld
        and used, and a missing value leaves the old one. No snapshot is made when nothing changed;
        the very batch that was stored last is not even checked again. Raises ContractBroken, and
        then nothing is stored, and StoreUnusable where the store or its disk refuses.
        """
        mark = fingerprint(self.region, source, batch)
        if (again := self._stored_before(source, batch, mark)) is not None:
            return again
        known = self._background(source, batch)
        checked = check(batch, source.name, source.complete, source.readings, known)
        with self.repository.writing() as repository:
            session, changes = self._planned(repository, source, checked)
            every = np.unique(np.concatenate([change.days for change in changes]))
            revised: tuple[date, ...] = tuple(every.tolist())
            metadata = {"source": source.name, "revised": [day.isoformat() for day in revised]}
            if revised and any(change.more for change in changes):
                with self.explained():
                    for change in changes:
                        write_revision(session, change)
                message = f"{source.name}: revised"
                self.repository.commit(repository, session, message, metadata)
                session, changes = self._planned(repository, source, checked)
            with self.explained():
                for change in changes:
                    write_change(session, change)
                lists = self._lists_with(session, source, batch, checked)
                changed = session.has_uncommitted_changes
                if changed:
                    stored = KeptBatch(mark, checked.remarks, checked.notes)
                    keep_batch(session, source.name, stored)
            snapshot = session.snapshot_id
            if changed:
                snapshot = self.repository.commit(repository, session, source.name, metadata)
            with suppress(OSError):  # the store has the lists: what is shown may be late
                show_lists({self.shown[name]: table for name, table in lists.items()})
        listed = (checked.withheld, checked.flagged, checked.remarks, checked.notes)
        return IngestResult(snapshot, changed or bool(revised), *listed, revised)

    def _planned(
        self, repository: icechunk.Repository, source: Source, checked: CheckedBatch
    ) -> tuple[icechunk.Session, list[Change]]:
        """A session to write in, and what the batch changes in what it holds."""
        session = self.repository.writable(repository)
        withheld = checked.withheld[~_of_forecasts(checked.withheld)]
        taken_back = {"observations": withheld, "forecasts": no_cells()}
        return session, [
            change_of(
                session,
                f"{source.name}/{what}",
                new,
                source.complete,
                self.explained,
                taken_back[what],
            )
            for what, new in grids_of(checked, source).items()
        ]

    def _stored_before(self, source: Source, batch: Batch, mark: str | None) -> IngestResult | None:
        """The result of a batch that is the last one stored of its source; None of any other."""
        if mark is None or not self.repository.exists():
            return None
        session = self.repository.session()
        with self.explained():
            kept = kept_batch(session, source.name)
        if kept is None or kept.mark != mark:
            return None
        withheld, flagged = (
            _of_batch(cells, source, batch) for cells in (self.withheld(), self.flagged())
        )
        snapshot = session.snapshot_id
        return IngestResult(snapshot, False, withheld, flagged, kept.remarks, kept.notes)

    def _background(self, source: Source, batch: Batch) -> Background:
        """What the batch is held against besides itself."""
        session = self.repository.session() if self.repository.exists() else None
        with self.explained():
            return background_of(session, source, batch, self.region, self.explained)

    @property
    def stored(self) -> bool:
        """Whether anything was ever stored."""
        return self.repository.exists()

    def verify(self) -> None:
        """Raises StoreUnusable where something is stored whose newest snapshot cannot be used."""
        if self.repository.exists():
            self.repository.session()

    def fetch_request(self, source: str) -> FetchRequest:
        """What to ask a source for: this region, and what is stored from the source already."""
        try:
            session = self.repository.session()
        except NothingStored:
            return FetchRequest(self.region, self.settings)
        observations, forecasts = (
            open_group(session, f"{source}/{what}", self.explained)
            for what in ("observations", "forecasts")
        )
        return FetchRequest(self.region, self.settings, StoredRecord(observations, forecasts))

    def observations(self, snapshot: str | None = None) -> xr.Dataset:
        """Daily observations, Dask-backed: dims (time, location), float32, contiguous days.

        Missing is NaN. Sources are merged in the region's order of preference, of a variable in its
        own: the first that has a value gives it. Coordinates latitude, longitude, elevation and
        name by location, and ``source`` (variable, time, location): which source gave each value,
        as a number into its attribute ``flag_meanings`` (CF 3.5), -1 where none did. Each
        variable's attribute ``delay_days`` is that of the first source that has it, as it was when
        stored. Raises RiskError when nothing is stored, and StoreUnusable, then or when values are
        read, where the store is damaged.
        """
        records = self._read("observations", snapshot)
        if not records:
            raise RiskError(
                f"region {self.region.name!r}: no observations are stored yet, run `climate-risk "
                f"pull {self.region.name}` first."
            )
        records = on_one_axis(records)
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
        return self.repository.session().snapshot_id

    def withheld(self, snapshot: str | None = None) -> pd.DataFrame:
        """All values withheld: columns source, variable, time, location, value, rule."""
        return self._list("withheld", snapshot)

    def flagged(self, snapshot: str | None = None) -> pd.DataFrame:
        """All values in doubt, which are used: columns as of ``withheld``."""
        return self._list("flagged", snapshot)

    def quality(self, snapshot: str | None = None) -> pd.DataFrame:
        """What sources say of the readings behind each day, as ``tables.no_quality``."""
        return self._list("quality", snapshot)

    def _list(self, name: str, snapshot: str | None = None) -> pd.DataFrame:
        try:
            session = self.repository.session(snapshot)
        except NothingStored:
            return self._former(name)
        return self._list_of(session, name)

    def _list_of(self, session: icechunk.Session, name: str) -> pd.DataFrame:
        table = read_list(session, name, LISTS[name](), self.explained)
        return self._former(name) if table is None else table

    def _former(self, name: str) -> pd.DataFrame:
        return read_former_list(self.shown[name], LISTS[name]())

    def _read(self, what: str, snapshot: str | None) -> dict[str, xr.Dataset]:
        """What each source of the region has stored, in the region's order of preference."""
        session = self.repository.session(snapshot)
        groups = {
            name: open_group(session, f"{name}/{what}", self.explained)
            for name in self.region.sources
        }
        return {name: dataset for name, dataset in groups.items() if dataset is not None}

    def _lists_with(
        self, session: icechunk.Session, source: Source, batch: Batch, checked: CheckedBatch
    ) -> dict[str, pd.DataFrame]:
        """The lists with what this batch says, written into the session where they changed."""
        new = {
            "withheld": checked.withheld,
            "flagged": checked.flagged,
            "quality": batch.quality.assign(source=source.name),
        }
        now = {}
        for name, rows in new.items():
            before = self._list_of(session, name)
            stale = before["source"] == source.name
            if name == "quality":
                stale &= delivered(before, batch.observations) | delivered(before, batch.quality)
            elif not source.complete:
                stale &= delivered(before, checked.observations) & ~_of_forecasts(before)
            now[name] = _joined(before[~stale], rows)
            self._write_lists(session, name, before, now[name])
        return now

    def _write_lists(
        self, session: icechunk.Session, name: str, before: pd.DataFrame, now: pd.DataFrame
    ) -> None:
        """Writes the list of each source that changed; of a former version's CSV, every one."""
        kept = has_list(session, name)
        for source in sorted({*before["source"], *now["source"]}):
            rows, old = (table[table["source"] == source] for table in (now, before))
            if not kept or not rows.reset_index(drop=True).equals(old.reset_index(drop=True)):
                write_list(session, source, name, rows)


def _joined(kept: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """A list of what is kept of it and what is new."""
    return tidy(pd.concat([kept, new], ignore_index=True), kept)


def _of_batch(cells: pd.DataFrame, source: Source, batch: Batch) -> pd.DataFrame:
    """The rows of a list that a batch stored before brought."""
    own = cells["source"] == source.name
    if not source.complete:
        own &= delivered(cells, batch.observations) | _of_forecasts(cells)
    return cells[own].reset_index(drop=True)


def _of_forecasts(cells: pd.DataFrame) -> pd.Series:
    """Which rows are of weather forecasts."""
    return cells["rule"].str.contains("forecast issued", regex=False)
