"""The recent past as a report shows it: value, normal and threshold of each hazard's days."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import xarray as xr

from features.hazards import Hazard, Options

PAST_DAYS, PAST_DAYS_OF_INDICES = 120, 3 * 365
"""Days of recent past the report shows: of a hazard of days, and of one of months."""


def recent(
    hazard: Hazard, normals: xr.Dataset, observations: xr.Dataset, options: Options, issued: date
) -> xr.Dataset:
    """Value, normal and threshold of the days before an issue: see ``Hazard.history``."""
    days = PAST_DAYS_OF_INDICES if hazard.windows_look_back else PAST_DAYS
    first = pd.Timestamp(issued - timedelta(days=days))
    record = observations.sel(time=slice(first - pd.Timedelta(days=hazard.memory_days), None))
    return hazard.history(record, normals, options).sel(time=slice(first, None))
