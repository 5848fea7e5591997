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
    """Margins (level, time, location) of all days that forecasts issued first to last speak of.

    NaN on days that are not observed, those to come among them.
    """
    reach = max(cell.lead_days + cell.window_days for cell in hazard.cells)
    begin = first - pd.Timedelta(days=hazard.memory_days)
    days = pd.date_range(begin, last + pd.Timedelta(days=reach))
    return hazard.margins(observations.reindex(time=days), normals, options)


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
    margins = margins_for(hazard, normals, observations, first, last, options)
    outcome = build_outcome(hazard, margins, normals, options)
    return outcome.sel(init_time=slice(first, last))
