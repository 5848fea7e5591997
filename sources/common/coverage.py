"""What the store has of a source, and the blocks of days that it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_contracts.batch import StoredRecord
from sources.common.grid import GridCell, batches

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr

MAX_WAIT = timedelta(days=10)
"""A variable this much behind the others is waited for; one further behind has ended."""

DAY = timedelta(days=1)

ASKED_AGAIN = timedelta(days=90)
"""Days without a value are asked for again for so long."""

BLOCK_YEARS = 5
"""Years of a block. Blocks end at calendar dates, so that they are the same on every day."""

DaySpan = tuple[date, date]
"""The first and last day."""


@dataclass(frozen=True)
class Coverage:
    """What the store has of a source.

    ``spans``: variable -> location -> the first and last day with a value. ``issued``,
    ``members``: issue day -> the locations that have a forecast, an ensemble.
    """

    spans: dict[str, dict[str, DaySpan]] = field(default_factory=dict)
    issued: dict[date, frozenset[str]] = field(default_factory=dict)
    members: dict[date, frozenset[str]] = field(default_factory=dict)

    def span_of(self, variables: Iterable[str]) -> dict[str, DaySpan]:
        """Location -> the first day with a value of any of the variables, and the last day that
        none of them is still to fill.

        The variables of a day may come on different days; one that is more than MAX_WAIT behind is
        not waited for.
        """
        spans: dict[str, list[DaySpan]] = {}
        for variable in variables:
            for location, span in self.spans.get(variable, {}).items():
                spans.setdefault(location, []).append(span)
        return {location: _together(each) for location, each in spans.items()}


def _together(spans: Sequence[DaySpan]) -> DaySpan:
    newest = max(last for _, last in spans)
    last = min(last for _, last in spans if newest - last <= MAX_WAIT)
    return min(first for first, _ in spans), last


def coverage_of(stored: StoredRecord) -> Coverage:
    """What is stored of a source, by variable, location and day."""
    observed, issued = stored.observations, stored.forecasts
    spans: dict[str, dict[str, DaySpan]] = {}
    if observed is not None:
        spans = {str(name): _spans(observed[name]) for name in observed.data_vars}
    return Coverage(spans, _issue_days(issued, False), _issue_days(issued, True))


def _spans(values: xr.DataArray) -> dict[str, DaySpan]:
    """Location -> the first and last day with a value, of an array (time, location)."""
    has_value = np.isfinite(values.transpose("time", "location").values)
    days = values["time"].values.astype("datetime64[D]")
    first, last = np.argmax(has_value, axis=0), len(days) - 1 - np.argmax(has_value[::-1], axis=0)
    locations = values["location"].values
    return {
        str(locations[i]): (days[first[i]].item(), days[last[i]].item())
        for i in np.flatnonzero(has_value.any(axis=0))
    }


def _issue_days(issued: xr.Dataset | None, ensemble: bool) -> dict[date, frozenset[str]]:
    """Issue day -> the locations with a forecast: of an ensemble, or of the deterministic run."""
    if issued is None or (ensemble and "member" not in issued.dims):
        return {}
    if "member" in issued.dims:
        chosen = issued["member"] >= 0 if ensemble else issued["member"] == -1
        issued = issued.sel(member=issued["member"][chosen.values])
    locations = issued["location"].values
    has_value = np.zeros((issued.sizes["init_time"], len(locations)), bool)
    for name in issued.data_vars:
        values = issued[name].notnull()
        others = [dim for dim in values.dims if dim not in ("init_time", "location")]
        has_value |= values.any(others).transpose("init_time", "location").values
    days = issued["init_time"].values.astype("datetime64[D]").tolist()
    return {
        day: frozenset(locations[row].tolist())
        for day, row in zip(days, has_value, strict=True)
        if row.any()
    }


@dataclass(frozen=True)
class Block:
    """Days of some cells that one request brings.

    ``final``: none of them will change, so that the answer may be kept.
    """

    cells: tuple[GridCell, ...]
    first: date
    last: date
    final: bool

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Period:
    """The days that a source is asked for: ``start`` to ``end``, final until ``settled``."""

    start: date
    end: date
    settled: date


def missing_blocks(
    cells: Sequence[GridCell],
    spans: Mapping[str, DaySpan],
    period: Period,
    cells_a_request: Callable[[int], int],
) -> Iterator[Block]:
    """What is missing of a period, the oldest first, in blocks of one request each.

    ``spans``: a location's first and last day at hand, if it has any. ``cells_a_request``: how many
    cells a request for so many days may be of.
    """
    windows: dict[DaySpan, list[GridCell]] = {}
    for cell in cells:
        for window in _missing(cell, spans, period.start, period.end):
            windows.setdefault(window, []).append(cell)
    for (first, last), group in sorted(windows.items()):
        for begin, until in final_spans(first, last, period.settled):
            for part in batches(group, cells_a_request((until - begin).days + 1)):
                yield Block(tuple(part), begin, until, until <= period.settled)


def _missing(cell: GridCell, spans: Mapping[str, DaySpan], start: date, end: date) -> list[DaySpan]:
    """The days that some location of a cell lacks: before its first, after its last, or all."""
    known = [spans[name] for name in cell.locations if name in spans]
    if len(known) < len(cell.locations):
        return [(start, end)]
    first, last = max(span[0] for span in known), min(span[1] for span in known)
    around = [(start, first - DAY), (last + DAY, end)]
    return [(begin, until) for begin, until in around if begin <= until]


def final_part(spans: Mapping[str, DaySpan], period: Period) -> dict[str, DaySpan]:
    """Each location's span without the days that are to be asked for again.

    These are the days that were not final when the last one was stored, however long ago that was,
    and those of ASKED_AGAIN, in which a missing value may be there by now. They are asked for
    together with newer days: a span that reaches the end of the period stays whole.
    """
    again = max(ASKED_AGAIN, period.end - period.settled)
    return {
        location: (first, last if last >= period.end else max(last - again, first - DAY))
        for location, (first, last) in spans.items()
    }


def final_spans(first: date, end: date, settled: date) -> Iterator[DaySpan]:
    """The days from ``first`` to ``end`` in the longest stretches that are final.

    Five years each, then quarters of a year, then what is not final.
    """
    while first <= end:
        years = date(first.year - first.year % BLOCK_YEARS + BLOCK_YEARS, 1, 1) - DAY
        quarter_start = date(first.year, first.month - (first.month - 1) % 3, 28)
        quarter = (quarter_start + timedelta(days=66)).replace(day=1) - DAY
        last = min(end, next((each for each in (years, quarter) if each <= settled), end))
        yield first, last
        first = last + DAY


def published(table: pd.DataFrame, variables: Sequence[str]) -> pd.DataFrame:
    """A table without the days at its end that have no value: they are not published yet."""
    measured = table[list(variables)].notna().any(axis=1)
    return table[measured[::-1].cummax()[::-1]]


def news(table: pd.DataFrame, stored: StoredRecord) -> pd.DataFrame:
    """The rows of which any value is not what is stored of it already.

    What is asked for again and is the same as before is no news; a missing value is none either.
    """
    held = stored.observations
    if held is None or table.empty:
        return table
    rows = held.indexes["time"].get_indexer(pd.Index(table["time"].astype("datetime64[ns]")))
    columns = held.indexes["location"].get_indexer(pd.Index(table["location"]))
    is_held = (rows >= 0) & (columns >= 0)
    if not is_held.any():
        return table
    first = int(rows[is_held].min())
    is_news = ~is_held
    for name in (name for name in table if name not in ("time", "location")):
        values = table[name].to_numpy(np.float32)
        before = np.full(len(table), np.nan, np.float32)
        if name in held:
            recent = held[name].isel(time=slice(first, None)).transpose("time", "location").values
            before[is_held] = recent[rows[is_held] - first, columns[is_held]]
        is_news |= np.isfinite(values) & (values != before)
    return table[is_news].reset_index(drop=True)
