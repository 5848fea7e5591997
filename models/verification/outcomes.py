"""Outcomes: what happened after an issue day, by the hazards' own definitions.

The same for a backtest's test year and for forecasts that were issued.
"""

from __future__ import annotations

import pandas as pd
import xarray as xr

from features.build import build_outcome
from features.hazards import Hazard, Options


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
