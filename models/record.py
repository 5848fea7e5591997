"""What would have been published on past days, and what came of it: how often each colour was shown, hit and cried wolf; reliability.

Past days are those of the backtest, each year's numbers by what was learnt before it.
The colours are those of single days, without the margin by which a live colour outlasts a falling chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region
from features.hazards import LEVELS, Hazard, hazards
from models.colours import COLOURS, colour_ranks, tells_more
from models.scores import NOT_ASSESSED, bootstrap_years, by_lead

EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
FEWEST_CASES = 20
"""In a bin of the reliability diagram; with fewer it joins its neighbour."""


@dataclass(frozen=True)
class Record:
    """A region's record. ``colours``: a row for each hazard, lead, window and colour, see ``colour_marks``; ``reliability``: for each
    hazard and bin, see ``reliability_of``."""

    colours: pd.DataFrame
    reliability: pd.DataFrame


def record_of(
    out_of_fold: Mapping[str, xr.Dataset], scores: pd.DataFrame, region: Region
) -> Record:
    """The record of all hazards with a backtest.

    ``scores``: the state model's, as models.scores.assess gives them.
    """
    colours, bins = [], []
    for name in sorted(out_of_fold):
        hazard, made = hazards()[name], out_of_fold[name]
        judged = by_lead(hazard, made)
        rows = scores[scores["hazard"] == name].set_index(["lead_days", "window_days", "level"])
        verdict = np.array(
            [
                [rows["verdict"].get((lead, window, level), NOT_ASSESSED) for level in LEVELS]
                for lead, window in zip(
                    judged["lead_days"].values, judged["window_days"].values, strict=True
                )
            ],
            dtype=object,
        )
        colours += list(colour_marks(hazard, region, judged, verdict))
        bins += list(reliability_of(hazard, made))
    return Record(pd.DataFrame(colours), pd.DataFrame(bins))


def colour_marks(
    hazard: Hazard, region: Region, made: xr.Dataset, verdict: np.ndarray
) -> Iterator[dict]:
    """For each cell and colour, per location and year (of a season, where only that is scored).

    ``shown``: days with that colour or a worse one; ``hits``: those on which the event it speaks of
    happened (yellow level 1, orange 2, red 3); ``false``: those on which it did not; ``missed``:
    days with the event and no such colour; ``days`` scored, ``years`` with any; ``grey``: never
    shown, because no number tells more than the climatology. ``verdict`` (cell, level).
    """
    usual, outcome = made["climatology"].values.astype(np.float64), made["outcome"].values
    said = made["published"].values.astype(np.float64)
    tells = tells_more(said, usual, np.broadcast_to(verdict[..., None, None], said.shape))
    rank = np.where(tells, colour_ranks(hazard, region, said, usual), 0)
    years = made["init_time"].dt.year.values
    for number in range(made.sizes["cell"]):
        lead, window = (int(made[name].values[number]) for name in ("lead_days", "window_days"))
        for level, colour in enumerate(COLOURS[1:], start=1):
            ok = np.isfinite(said[number, 0]) & np.isfinite(outcome[number, level - 1])
            if not ok.any():
                continue
            shown = (rank[number] >= level)[ok]
            event = outcome[number, level - 1][ok] == 1
            of_years = np.unique(np.broadcast_to(years[:, None], ok.shape)[ok])
            spans = _place_years(ok, years) / hazard.backtesting.step_days
            yield {
                "hazard": hazard.name, "lead_days": lead, "window_days": window, "colour": colour,
                "shown": shown.sum() / spans, "hits": (shown & event).sum() / spans,
                "false": (shown & ~event).sum() / spans, "missed": (~shown & event).sum() / spans,
                "days": int(ok.sum()), "years": len(of_years), "grey": not tells[number].any(),
            }  # fmt: skip


def _place_years(ok: np.ndarray, years: np.ndarray) -> float:
    """Place-years scored: a place and year counts by its scored days as a share of those of the fullest."""
    days = np.stack([ok[years == year].sum(axis=0) for year in np.unique(years)])
    return float(days.sum() / days.max())


def reliability_of(hazard: Hazard, made: xr.Dataset) -> Iterator[dict]:
    """Bins of the level-1 chance of single days (of an index: its leads), all leads and places together: ``forecast``, the mean chance;
    ``observed``, the share that happened, with the 5 % and 95 % points ``low`` and ``high`` by drawing whole years again, because
    days and places of one year are not independent (Broecker & Smith 2007 draw days); ``n`` cases and ``events``.
    """
    single = [
        number
        for number, cell in enumerate(hazard.cells)
        if hazard.windows_look_back or cell.window_days == 1
    ]
    p, y = (made[name].values[single, 0].astype(np.float64) for name in ("published", "outcome"))
    ok = np.isfinite(p) & np.isfinite(y)
    if not ok.any():
        return
    year = np.broadcast_to(made["init_time"].dt.year.values[None, :, None], ok.shape)[ok]
    p, y = p[ok], y[ok]
    of_years, place = np.unique(year, return_inverse=True)
    bin_of = _merged(np.clip(np.searchsorted(EDGES, p, side="right") - 1, 0, len(EDGES) - 2))
    drawn = bootstrap_years(len(of_years))
    for number in np.unique(bin_of):
        here = bin_of == number
        counts = np.bincount(place[here], minlength=len(of_years)).astype(float)
        events = np.bincount(place[here], y[here], len(of_years))
        with np.errstate(invalid="ignore", divide="ignore"):
            again = (drawn @ events) / (drawn @ counts)
        low, high = np.nanquantile(again, [0.05, 0.95])
        yield {
            "hazard": hazard.name, "forecast": p[here].mean(), "observed": y[here].mean(), "low": low, "high": high,
            "n": int(here.sum()), "events": int(y[here].sum()), "years": len(of_years),
        }  # fmt: skip


def _merged(bin_of: np.ndarray) -> np.ndarray:
    """Bins with too few cases joined to the next lower one that has enough, the lowest to the next higher."""
    counts = np.bincount(bin_of, minlength=len(EDGES) - 1)
    to = np.arange(len(counts))
    for number in range(len(counts) - 1, 0, -1):
        if 0 < counts[number] < FEWEST_CASES:
            lower = np.flatnonzero(counts[:number])
            if len(lower):
                counts[lower[-1]] += counts[number]
                counts[number] = 0
                to[to == number] = lower[-1]
    return to[bin_of]
