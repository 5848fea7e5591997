"""Reliability: how often events happened when a probability was published, in bins of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from features.hazards import Hazard, hazards
from models.verification.inference import bootstrap_years

EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Edges of the bins of a probability: narrow where most forecasts are."""
MIN_CASES = 20
"""Cases of a bin; with fewer it joins its neighbour."""


def reliability_table(out_of_fold: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """A row for each hazard and bin, see ``reliability_rows``; ``out_of_fold`` by hazard."""
    rows: list[dict[str, Any]] = []
    for name in sorted(out_of_fold):
        rows += reliability_rows(hazards()[name], out_of_fold[name])
    return pd.DataFrame(rows)


def reliability_rows(hazard: Hazard, out_of_fold: xr.Dataset) -> Iterator[dict[str, Any]]:
    """Bins of the level-1 probability of single days, of an index that of its leads.

    All leads and locations together. ``forecast``: the mean probability. ``observed``: the share
    that happened. ``low`` and ``high``: its 5 % and 95 % points by drawing whole years again,
    because days and locations of one year are not independent (Broecker & Smith 2007 draw days).
    ``n`` cases, ``events`` and ``years``.
    """
    probability, event, year = _cases(hazard, out_of_fold)
    if not len(probability):
        return
    years, year_index = np.unique(year, return_inverse=True)
    bins = np.clip(np.searchsorted(EDGES, probability, side="right") - 1, 0, len(EDGES) - 2)
    bins = merge_small_bins(bins)
    drawn = bootstrap_years(len(years))
    for number in np.unique(bins):
        here = bins == number
        counts = np.bincount(year_index[here], minlength=len(years)).astype(float)
        events = np.bincount(year_index[here], event[here], len(years))
        with np.errstate(invalid="ignore", divide="ignore"):
            low, high = np.nanquantile((drawn @ events) / (drawn @ counts), [0.05, 0.95])
        yield {
            "hazard": hazard.name,
            "forecast": probability[here].mean(),
            "observed": event[here].mean(),
            "low": low,
            "high": high,
            "n": int(here.sum()),
            "events": int(event[here].sum()),
            "years": len(years),
        }


def _cases(hazard: Hazard, out_of_fold: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Published probability, outcome and year of every scored case of level 1: (case,) each."""
    single = [
        number
        for number, cell in enumerate(hazard.cells)
        if hazard.windows_look_back or cell.window_days == 1
    ]
    probability, event = (
        out_of_fold[name].values[single, 0].astype(np.float64) for name in ("published", "outcome")
    )
    scored = np.isfinite(probability) & np.isfinite(event)
    years = out_of_fold["init_time"].dt.year.values[None, :, None]
    return probability[scored], event[scored], np.broadcast_to(years, scored.shape)[scored]


def merge_small_bins(bins: np.ndarray) -> np.ndarray:
    """The bin of each case, where bins of few cases are joined to another.

    To the next lower bin with a case; what is left in the lowest stays.
    """
    counts = np.bincount(bins, minlength=len(EDGES) - 1)
    target = np.arange(len(counts))
    for number in range(len(counts) - 1, 0, -1):
        if 0 < counts[number] < MIN_CASES:
            lower = np.flatnonzero(counts[:number])
            if len(lower):
                counts[lower[-1]] += counts[number]
                counts[number] = 0
                target[target == number] = lower[-1]
    return target[bins]
