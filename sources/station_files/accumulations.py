"""Sums that add up through the day, as ERA5-Land has them: found, and taken apart.

ERA5-Land's precipitation, radiation and evaporation at an hour are what came since 00 UTC, and at
00 UTC that of the whole day before (Muñoz-Sabater et al. 2021, doi:10.5194/essd-13-4349-2021;
documentation of the Climate Data Store). ERA5 itself has each hour's own sum under the same names
and with the same GRIB attributes, so that only the values tell the two apart.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

CUMULATIVE_SHARE = 0.9
"""Of days with rain or sun: as many never fall only where values add up from hour to hour."""

LEAST_DAYS, LEAST_DECLARED_DAYS = 3, 1
"""Such days that a file must have, and one that says itself that its values are accumulated."""

PACKING = 0.01
"""mm or MJ m-2: a fall that packed values make, which is none."""


def adds_up(columns: pd.DataFrame, name: str, ends: bool, declared: bool) -> bool:
    """Whether a sum's values never fall within the UTC day, on nearly every day that has some.

    ``columns``: time (UTC), location and variables. ``ends``: whether a time is the end of what it
    is for. ``declared``: the file says that its values are accumulated.
    """
    shift = pd.Timedelta(seconds=1) if ends or declared else pd.Timedelta(0)
    ordered = columns.dropna(subset=[name]).sort_values(["location", "time"])
    day = (ordered["time"] - shift).dt.normalize()
    groups = ordered.assign(day=day).groupby(["location", "day"])[name]
    rises = groups.last() > groups.first()
    falls = groups.agg(lambda values: bool((np.diff(values.to_numpy()) < -PACKING).any()))
    counted = (groups.max() > 0) & (groups.size() > 2)
    least = LEAST_DECLARED_DAYS if declared else LEAST_DAYS
    return bool(counted.sum() >= least and (rises & ~falls)[counted].mean() >= CUMULATIVE_SHARE)


def differences(columns: pd.DataFrame, name: str) -> pd.DataFrame:
    """What came in each time between two values that add up from 00 UTC on.

    ``columns``: as of ``adds_up``. Columns time (UTC, the end of each), location and the variable;
    the first time of a day is for what came since 00 UTC. A time that is left out within a day
    costs nothing, as the next value has what came in it: it has a 0.
    """
    known = columns[["time", "location", name]].dropna().sort_values(["location", "time"])
    day = (known["time"] - pd.Timedelta(seconds=1)).dt.normalize()
    groups = known.groupby([known["location"], day])
    before = groups[name].shift().fillna(0.0)
    came = known[name] - before
    came = came.mask(came.between(-PACKING, 0), 0.0).where(came >= -PACKING)
    made = known.assign(**{name: came})
    since = (known["time"] - groups["time"].shift().fillna(day)).dt.total_seconds()
    step = float(since.median()) if len(since) else np.nan
    missing = (since / step).round().sub(1).clip(lower=0).fillna(0).astype(int)
    rows = made.loc[made.index.repeat(missing)]
    number = np.concatenate([[], *(np.arange(1, count + 1) for count in missing if count)])
    silent = rows.assign(time=rows["time"] - pd.to_timedelta(number * step, unit="s"))
    silent[name] = silent[name].where(silent[name].isna(), 0.0)
    return pd.concat([made, silent], ignore_index=True)
