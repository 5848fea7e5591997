"""Runs of an index below a threshold, and where its newest value ranks among the years.

Run theory (Yevjevich 1967): a drought is a run of days on which the index is at or below the
threshold of level 1. It begins on the first of them; a day without a value ends it.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from features.calendar import day_index


def present_state(index: np.ndarray, windows: np.ndarray, past: xr.Dataset) -> xr.Dataset:
    """How an index stands on each location's newest day with a value: variables (location,).

    ``index`` (window, time, location): the index of each of ``windows`` (window,) in days.
    ``past``: ``window_days`` (time, location), the window that counts on each day, and
    ``threshold`` (time, location), level 1. The answer holds ``state_index`` of the window that
    counts on the newest day (1), ``state_window_days``, ``state_threshold`` (1), ``state_day``,
    ``state_since``: first day of the run at or below the threshold that holds the newest day, NaT
    without one; ``state_rank``: 1 where no other year was lower on that day of the year, and
    ``state_years``: the years that have a value then. NaN and NaT where nothing is known.
    """
    times = past["time"].values.astype("datetime64[ns]")
    rows = [
        _state_of(index[:, :, place], windows, past.isel(location=place), times)
        for place in range(past.sizes["location"])
    ]
    names = ("index", "window_days", "threshold", "day", "since", "rank", "years")
    columns = zip(*rows, strict=True)
    return xr.Dataset(
        {
            f"state_{name}": ("location", np.array(column))
            for name, column in zip(names, columns, strict=True)
        },
        coords={"location": past["location"].values},
    )


Row = tuple[float, float, float, np.datetime64, np.datetime64, float, float]
NEVER = np.datetime64("NaT", "ns")


def _state_of(index: np.ndarray, windows: np.ndarray, past: xr.Dataset, times: np.ndarray) -> Row:
    """The state of one location: ``index`` (window, time)."""
    counted, threshold = past["window_days"].values, past["threshold"].values
    of_day = index[np.searchsorted(windows, counted), np.arange(len(times))]
    known = np.flatnonzero(np.isfinite(of_day))
    if not len(known):
        return np.nan, np.nan, np.nan, NEVER, NEVER, np.nan, np.nan
    newest = int(known[-1])
    same = index[int(np.searchsorted(windows, counted[newest]))]
    below = same[: newest + 1] <= threshold[: newest + 1]
    since = times[run_start(below)] if below[-1] else NEVER
    others = same[: newest + 1][day_index(times[: newest + 1]) == day_index(times[newest])]
    others = others[np.isfinite(others)]
    rank = 1 + int((others < same[newest]).sum())
    return (
        float(same[newest]),
        float(counted[newest]),
        float(threshold[newest]),
        times[newest],
        since,
        float(rank),
        float(len(others)),
    )


def run_start(below: np.ndarray) -> int:
    """Position of the first day of the run of true days that ends with the last one."""
    breaks = np.flatnonzero(~below)
    return int(breaks[-1]) + 1 if len(breaks) else 0
