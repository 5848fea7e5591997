"""Outcomes: what happened after an issue day, by the hazards' own definitions.

The same for a backtest's test year and for forecasts that were issued.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from features.build import build_outcome, measured
from features.hazards import Hazard, Options


class Definition(NamedTuple):
    """What an event of a hazard is, as a model learnt it: its normals, and the region's options."""

    normals: xr.Dataset
    options: Options


def margins_for(
    hazard: Hazard,
    normals: xr.Dataset,
    observations: xr.Dataset,
    first: pd.Timestamp,
    last: pd.Timestamp,
    options: Options,
) -> xr.DataArray:
    """Margins (level, time, location) of the record's days that forecasts issued first to last
    speak of.
    """
    begin, end = _span(hazard, first, last)
    return hazard.margins(observations.sel(time=slice(begin, end)), normals, options)


def _span(
    hazard: Hazard, first: pd.Timestamp, last: pd.Timestamp
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The first and the last day that decide what forecasts issued first to last speak of."""
    reach = max(cell.lead_days + cell.window_days for cell in hazard.cells)
    begin = first - pd.Timedelta(days=hazard.memory_days)
    return begin, last + pd.Timedelta(days=reach)


def observed_outcome(
    hazard: Hazard,
    normals: xr.Dataset,
    observations: xr.Dataset,
    first: pd.Timestamp,
    last: pd.Timestamp,
    options: Options,
) -> xr.DataArray:
    """What came after each issue day, first to last: (cell, level, init_time, location).

    1.0 where the event happened, 0.0 where it did not, NaN where that is not known yet.
    """
    to_come = observations.reindex(time=pd.date_range(*_span(hazard, first, last)))
    margins = margins_for(hazard, normals, to_come, first, last, options)
    outcome = build_outcome(hazard, margins, normals, options)
    return outcome.sel(init_time=slice(first, last))


def outcomes_of_rows(
    hazard: Hazard, definition: Definition, observations: xr.Dataset, rows: pd.DataFrame
) -> np.ndarray:
    """What came of rows of forecasts of one hazard: (row,), 1.0, 0.0, NaN where it is not known.

    ``rows``: columns issued, location, level, lead_days, window_days. ``observations``: the record
    as it is known; nothing after it is read. NaN also at places and in cells that the definition or
    the record does not have.
    """
    normals = definition.normals
    kept = np.intersect1d(observations["location"].values, normals["location"].values)
    known, normals = observations.sel(location=kept), normals.sel(location=kept)
    first, last = pd.Timestamp(rows["issued"].min()), pd.Timestamp(rows["issued"].max())
    outcome = observed_outcome(hazard, normals, known, first, last, definition.options)
    here = measured(hazard, known, definition.options)
    outcome = outcome.where(xr.DataArray(here, dims="location"))
    at = positions(hazard, rows, outcome["init_time"].values, outcome["location"].values)
    there = np.all([index >= 0 for index in at], axis=0)
    values = np.full(len(rows), np.nan)
    values[there] = outcome.values[tuple(index[there] for index in at)]
    return values


def positions(
    hazard: Hazard, rows: pd.DataFrame, init_time: np.ndarray, location: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Where each row stands in an array (cell, level, init_time, location); -1 where it does not.

    ``rows`` as for ``outcomes_of_rows``.
    """
    return (
        cell_positions(hazard, rows),
        rows["level"].to_numpy(dtype=int) - 1,
        pd.Index(init_time).get_indexer(rows["issued"].to_numpy()),
        pd.Index(location.astype(str)).get_indexer(rows["location"].astype(str)),
    )


def cell_positions(hazard: Hazard, rows: pd.DataFrame) -> np.ndarray:
    """The number of the hazard's cell that each row is of; -1 where it has none such."""
    cells = pd.MultiIndex.from_tuples([(one.lead_days, one.window_days) for one in hazard.cells])
    of_row = pd.MultiIndex.from_arrays([rows["lead_days"], rows["window_days"]])
    return cells.get_indexer(of_row)
