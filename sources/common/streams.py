"""What a stream's readings of a sum are, and how they become amounts.

``amounts``: each is what fell since the one before, the usual. ``counter``: what has fallen since
it last fell back to 0, as at midnight. ``cumulative``: what has fallen ever since; a fall means
that the counter was changed, and what came between is not known. ``events``: an amount is sent only
when there is one, as when a bucket tips; what silence means, ``silence.py`` says.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from configs.remarks import Remark, remark
from data_contracts.variables import VARIABLES
from sources.common.readings import Kind, ReadingOptions

VARIABLE = "precipitation"
"""The variable of which a kind is guessed; of others a region file may tell it."""

LEAST_READINGS, LEAST_POSITIVE, LEAST_PLATEAU = 12, 4, 3
"""Readings, readings above 0, and equal ones in a row, before a stream looks like a counter."""

LEAST_ROLLING = 2
"""Falls, each the rise of a day before, of a sum over the last 24 hours."""

LEAST_EVENTS, EVENT_SIZES, EVENT_SHARE = 3, 3, 0.5
"""Readings without a 0, different values, and share of the time covered, of events."""

RESET_HOURS = (0, 6, 7, 8, 9)
"""Of the region's day, at which counters fall back to 0: midnight, and when gauges are read."""

LONGEST_INTERVAL = pd.Timedelta(hours=3)
"""That a reading is taken to stand for."""

MOST_HOURS = 6.0
"""Hours between readings beyond which a stream is of days, or of parts of them."""

DAY = pd.Timedelta(days=1)


def looks_like(stream: pd.DataFrame, offset: float) -> Kind | Literal["rolling"] | None:
    """What else than amounts a stream of rain must be; None where it may be amounts.

    ``rolling``: sums over the last 24 hours, of which no day's sum can be made for certain.

    ``stream``: columns time (UTC, in order), value; of one place. ``offset``: hours of the region's
    day from UTC.
    """
    stream = stream[stream["value"] >= 0]
    values, times = stream["value"].to_numpy(float), stream["time"]
    gap = pd.Timedelta(times.diff().median())
    if len(values) < LEAST_EVENTS or not gap <= pd.Timedelta(hours=MOST_HOURS):
        return None
    positive = values > 0
    if len(values) >= LEAST_READINGS and positive.sum() >= LEAST_POSITIVE:
        steps = np.diff(values)
        falls = np.flatnonzero(steps < 0) + 1
        stands = _plateau(values) >= LEAST_PLATEAU
        if not len(falls) and positive.mean() > 0.5 and stands and (steps > 0).any():
            return "cumulative"
        if len(falls) and stands and _resets(times, values, falls, offset):
            return "counter"
        if len(falls) and _is_rolling(times, steps):
            return "rolling"
    span = max(times.iloc[-1] - times.iloc[0] + gap, DAY)
    gaps = times.diff().dt.total_seconds()
    covered = gaps.clip(upper=LONGEST_INTERVAL.total_seconds()).sum() / span.total_seconds()
    few = len(np.unique(values)) <= EVENT_SIZES
    return "events" if positive.all() and few and covered < EVENT_SHARE else None


def _plateau(values: np.ndarray) -> int:
    """The most readings above 0 in a row that are equal."""
    edges = np.flatnonzero(np.diff(values) != 0) + 1
    runs = np.split(values, edges)
    return max((len(run) for run in runs if run[0] > 0), default=0)


def _resets(times: pd.Series, values: np.ndarray, falls: np.ndarray, offset: float) -> bool:
    """Whether a stream falls only where a counter does: at one hour, once a day.

    Of a single fall more is asked: at midnight, and to near 0.
    """
    local = (times + pd.Timedelta(hours=offset)).iloc[falls]
    minutes = local.dt.hour * 60 + local.dt.minute
    once_a_day = minutes.nunique() == 1 and local.dt.normalize().nunique() == len(falls)
    if len(falls) > 1:
        return once_a_day and local.dt.hour.iloc[0] in RESET_HOURS
    return bool(minutes.iloc[0] < 60 and values[falls[0]] <= 0.1 * values[falls[0] - 1])


def _is_rolling(times: pd.Series, steps: np.ndarray) -> bool:
    """Whether each fall is the rise of a day before: sums over the last 24 hours.

    Told of streams of an even interval only, with more than one rise and fall.
    """
    gaps = times.diff().iloc[1:]
    gap = gaps.iloc[0]
    if not (gaps == gap).all() or DAY % gap:
        return False
    day = int(DAY / gap)
    before, after = steps[:-day], steps[day:]
    fell, rose = -np.minimum(after, 0), np.maximum(before, 0)
    return bool((fell > 0).sum() >= LEAST_ROLLING and np.allclose(fell, rose, atol=1e-6))


def amounts(stream: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """A stream's readings as amounts, each at the middle of the time that it is for.

    ``stream``: as ``daily`` takes readings, of one place and variable, in the order of time; what
    comes has a column event besides. Of
    counters, times of which nothing was sent are filled up within a day, as nothing was lost, and
    what fell over more than a day is left out.
    """
    stream = stream.assign(event=kind == "events")
    if kind in ("amounts", "events"):
        return stream
    stream = stream[stream["value"] >= 0]
    values = stream["value"].to_numpy(float)
    rise = np.diff(values, prepend=np.nan)
    fell = rise < 0
    rise = np.where(fell, values if kind == "counter" else np.nan, rise)
    since = stream["time"].diff()
    high = VARIABLES[str(stream["variable"].iloc[0])].high if len(stream) else np.inf
    table = stream.assign(value=rise, time=stream["time"] - since / 2, impossible=rise > high)
    table = table[(since <= DAY) & np.isfinite(rise)]
    return pd.concat([table, _fillings(table, since)], ignore_index=True).sort_values("time")


def _fillings(table: pd.DataFrame, since: pd.Series) -> pd.DataFrame:
    """Readings of 0 beside an amount that stands for several intervals."""
    seconds = since.dt.total_seconds()
    usual = float(seconds.median())
    if table.empty or not usual > 0:
        return table.iloc[:0]
    extra = (seconds.loc[table.index] / usual).round().sub(1).clip(lower=0).astype(int)
    wide = table.loc[table.index.repeat(extra)]
    step = [np.arange(1, count + 1) / (count + 1) - 0.5 for count in extra if count]
    shift = np.concatenate([[], *step]) * seconds.loc[wide.index].to_numpy()
    return wide.assign(value=0.0, time=wide["time"] + pd.to_timedelta(shift, unit="s"))


def as_amounts(
    readings: pd.DataFrame,
    options: ReadingOptions,
    offset: float,
    source: str,
    remarks: list[Remark],
) -> pd.DataFrame:
    """All streams' readings as amounts; of one that must be something else none, and a remark.

    ``readings``: as ``daily`` takes them, without missing values. The remark says what to write
    into the region file.
    """
    parts = []
    for (location, variable), stream in readings.groupby(["location", "variable"], sort=False):
        ordered = stream.sort_values("time", kind="stable")
        kind = options.kind_of(str(location), str(variable))
        guessed = None
        if kind is None and variable == VARIABLE and not ordered["rate"].any():
            guessed = looks_like(ordered[["time", "value"]], offset)
        if guessed is not None:
            names = {"source": source, "variable": str(variable), "place": str(location)}
            if guessed != "rolling":
                names["option"] = f"streams: {{{location}: {{{variable}: {guessed}}}}}"
            remarks.append(remark(f"readings.{guessed}", **names))
            continue
        parts.append(amounts(ordered, kind or "amounts"))
    return pd.concat(parts, ignore_index=True) if parts else readings.iloc[:0].assign(event=False)
