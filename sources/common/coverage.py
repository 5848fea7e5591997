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
    """What is missing or not final of a period, the oldest first, in blocks of one request each.

    ``spans``: a location's first and last day at hand, if it has any. ``cells_a_request``: how many
    cells a request for so many days may be of.
    """
    windows: dict[DaySpan, list[GridCell]] = {}
    for cell in cells:
        for window in _missing(cell, spans, period):
            windows.setdefault(window, []).append(cell)
    for (first, last), group in sorted(windows.items()):
        for begin, until in final_spans(first, last, period.settled):
            for part in batches(group, cells_a_request((until - begin).days + 1)):
                yield Block(tuple(part), begin, until, until <= period.settled)


def _missing(cell: GridCell, spans: Mapping[str, DaySpan], period: Period) -> list[DaySpan]:
    """The days to ask for of a cell: before its first, and from its preliminary ones to the end.

    All where a location has none. Where there are newer days than the last, those that were not
    final when that one was stored come with them, and those of ASKED_AGAIN: a value that was
    missing may be there by now. So each day is asked for until it is final, however long nobody
    pulled.
    """
    known = [spans[name] for name in cell.locations if name in spans]
    if len(known) < len(cell.locations):
        return [(period.start, period.end)]
    first, last = max(span[0] for span in known), min(span[1] for span in known)
    again = max(ASKED_AGAIN, period.end - period.settled)
    newer = max(first, last + timedelta(days=1) - again)
    windows = [(period.start, first - timedelta(days=1))]
    windows += [(newer, period.end)] if last < period.end else []
    return [(begin, until) for begin, until in windows if begin <= until]


def final_spans(first: date, end: date, settled: date) -> Iterator[DaySpan]:
    """The days from ``first`` to ``end`` in the longest stretches that are final.

    Five years each, then quarters of a year, then what is not final.
    """
    while first <= end:
        years = date(first.year - first.year % BLOCK_YEARS + BLOCK_YEARS, 1, 1) - timedelta(days=1)
        quarter_start = date(first.year, first.month - (first.month - 1) % 3, 28)
        quarter = (quarter_start + timedelta(days=66)).replace(day=1) - timedelta(days=1)
        last = min(end, next((each for each in (years, quarter) if each <= settled), end))
        yield first, last
        first = last + timedelta(days=1)


def published(table: pd.DataFrame, variables: Sequence[str]) -> pd.DataFrame:
    """A table without the days at its end that have no value: they are not published yet."""
    measured = table[list(variables)].notna().any(axis=1)
    return table[measured[::-1].cummax()[::-1]]
