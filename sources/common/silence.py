"""What the silence of a stream of events means: no rain of a gauge that is alive, else nothing.

A gauge that sends a reading only when its bucket tips is silent when it is dry and when it is dead.
The other streams of its place tell which: on a day on which any of them sent something, silence is
0, and on a day on which none did, the value is missing. Where a place has no other stream, the
gauge's own readings must do: silence is 0 between two of them that are no more than a dry season
apart, and for a month before the first and after the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from configs.remarks import Remark, remark

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr

DAY = pd.Timedelta(days=1)

MONTH, DRY_SEASON = 31, 184
"""Days: of silence beside a reading, and between two readings, of a gauge that nothing else tells
of."""


@dataclass(frozen=True)
class Signs:
    """The days (no zone) on which a place was heard of, in order.

    ``own``: the stream sent an amount. ``others``: another stream of the place sent anything.
    """

    own: pd.DatetimeIndex
    others: pd.DatetimeIndex


def signs_of_life(
    location: str, variable: str, heard: pd.DataFrame, stored: xr.Dataset | None
) -> Signs:
    """The signs of a stream's life.

    ``heard``: the readings of this pull, columns location, variable, day, value. ``stored``: the
    source's own observations, as far back as they matter.
    """
    here = heard[heard["location"] == location]
    mine = here["variable"] == variable
    own = [here.loc[mine & (here["value"] > 0), "day"].to_numpy("datetime64[ns]")]
    others = [here.loc[~mine, "day"].to_numpy("datetime64[ns]")]
    if stored is not None and location in stored["location"].values:
        values = stored.sel(location=location)
        for name in map(str, values.data_vars):
            column = values[name].values
            spoke = column > 0 if name == variable else np.isfinite(column)
            (own if name == variable else others).append(values["time"].values[spoke])
    return Signs(*(pd.DatetimeIndex(np.unique(np.concatenate(part))) for part in (own, others)))


def tells_of_itself(signs: Signs, days: pd.DatetimeIndex) -> bool:
    """Whether no other stream of the place was heard of from a month before ``days`` on."""
    since = signs.others >= days.min() - MONTH * DAY
    return not bool((since & (signs.others <= days.max())).any())


def dry_days(signs: Signs, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The days of ``days`` on which silence is 0."""
    if not len(days):
        return days
    if not tells_of_itself(signs, days):
        return days.intersection(signs.others)
    if not len(signs.own):
        return days[:0]
    after = signs.own.searchsorted(days)
    far = np.timedelta64(10 * DRY_SEASON, "D")
    own = signs.own.to_numpy("datetime64[ns]")
    padded = np.concatenate([[own[0] - far], own, [own[-1] + far]])
    since, until = days.to_numpy() - padded[after], padded[after + 1] - days.to_numpy()
    month, season = (np.timedelta64(n, "D") for n in (MONTH, DRY_SEASON))
    return days[(since <= month) | (until <= month) | (since + until <= season)]


def with_silence(
    table: pd.DataFrame, dry: Mapping[tuple[str, str], pd.DatetimeIndex]
) -> pd.DataFrame:
    """Days with the silent ones of streams of events as 0.

    ``table``: columns time, location, variables. ``dry``: (location, variable) -> the days on which
    silence is 0.
    """
    for (location, variable), days in dry.items():
        silent = pd.DataFrame({"time": days.as_unit("ns"), "location": location, "silence": 0.0})
        table = table.merge(silent, on=["time", "location"], how="outer")
        known = table[variable] if variable in table else pd.Series(np.nan, index=table.index)
        table = table.assign(**{variable: known.fillna(table["silence"])}).drop(columns="silence")
    return table


def silence_remark(
    source: str, stream: tuple[str, str], missing: pd.DatetimeIndex, signs: Signs
) -> Remark:
    """The remark on days of silence that are missing, since nothing tells that they were dry."""
    location, variable = stream
    code = "readings.silent_alone" if tells_of_itself(signs, missing) else "readings.silent"
    return remark(
        code,
        source=source,
        variable=variable,
        place=location,
        n=len(missing),
        first=missing[0].date(),
    )
