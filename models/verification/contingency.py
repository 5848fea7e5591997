"""Contingency of colours: how often each would have been shown on past days, hit, and cried wolf.

Past days are those of the backtest, each year's probabilities by what was learnt before it. Colours
are those of single forecasts: none is kept because it was given the day before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region
from features.hazards import LEVELS, Hazard, hazards
from models.colours import COLOURS, colour_ranks, tells_more
from models.verdicts import NOT_ASSESSED
from models.verification.samples import by_lead


def contingency_table(
    out_of_fold: Mapping[str, xr.Dataset], scores: pd.DataFrame, region: Region
) -> pd.DataFrame:
    """A row for each hazard, lead, window and colour, see ``contingency_rows``.

    ``out_of_fold``: backtests by hazard. ``scores``: the state model's, see scores.assess.
    """
    rows: list[dict[str, Any]] = []
    for name in sorted(out_of_fold):
        hazard = hazards()[name]
        judged = by_lead(hazard, out_of_fold[name])
        verdict = verdicts_of(judged, scores[scores["hazard"] == name])
        rows += contingency_rows(hazard, region, judged, verdict)
    return pd.DataFrame(rows)


def verdicts_of(judged: xr.Dataset, scores: pd.DataFrame) -> np.ndarray:
    """Verdicts of a hazard's scores: (cell, level)."""
    verdicts = scores.set_index(["lead_days", "window_days", "level"])["verdict"]
    cells = zip(judged["lead_days"].values, judged["window_days"].values, strict=True)
    rows = [
        [verdicts.get((lead, window, level), NOT_ASSESSED) for level in LEVELS]
        for lead, window in cells
    ]
    return np.array(rows, dtype=object)


def contingency_rows(
    hazard: Hazard, region: Region, judged: xr.Dataset, verdict: np.ndarray
) -> Iterator[dict[str, Any]]:
    """Counts of each cell and colour, per location and year; of a season, where that is scored.

    ``shown``: days with that colour or a worse one. ``hits``: those on which its event happened
    (yellow level 1, orange 2, red 3). ``false``: those on which it did not. ``missed``: days with
    the event and no such colour. ``days`` scored, and ``years`` with any. ``grey``: never shown,
    because no probability tells more than the climatology. ``verdict``: (cell, level).
    """
    published, outcome = judged["published"].values, judged["outcome"].values
    years = judged["init_time"].dt.year.values
    rank, tells = shown_ranks(hazard, region, judged, "published", verdict)
    for cell in range(judged.sizes["cell"]):
        of_cell = {
            "hazard": hazard.name,
            "lead_days": int(judged["lead_days"].values[cell]),
            "window_days": int(judged["window_days"].values[cell]),
        }
        for level, colour in enumerate(COLOURS[1:], start=1):
            scored = np.isfinite(published[cell, 0]) & np.isfinite(outcome[cell, level - 1])
            if scored.any():
                shown, event = rank[cell] >= level, outcome[cell, level - 1] == 1
                counts = _counts(shown[scored], event[scored])
                per = _location_years(scored, years) / hazard.backtesting.step_days
                yield {
                    **of_cell,
                    "colour": colour,
                    **{name: count / per for name, count in counts.items()},
                    "days": int(scored.sum()),
                    "years": int(np.unique(years[scored.any(axis=1)]).size),
                    "grey": not tells[cell].any(),
                }


def shown_ranks(
    hazard: Hazard, region: Region, judged: xr.Dataset, variable: str, verdict: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The colours shown on past days, 0 green or grey to 3 red, and where a cell tells anything.

    Both (cell, init_time, location): int8 and bool. ``variable``: that of ``judged`` which was
    published. ``verdict``: (cell, level).
    """
    shape = (judged.sizes["cell"], judged.sizes["init_time"], judged.sizes["location"])
    ranks, telling = np.zeros(shape, np.int8), np.zeros(shape, bool)
    for cell in range(len(ranks)):
        published, climatology = (
            judged[name].values[[cell]].astype(np.float64) for name in (variable, "climatology")
        )
        verdicts = np.broadcast_to(verdict[[cell], :, None, None], published.shape)
        [telling[cell]] = tells_more(published, climatology, verdicts)
        [ranks[cell]] = colour_ranks(hazard, region, published, climatology)
    return np.where(telling, ranks, np.int8(0)), telling


def _counts(shown: np.ndarray, event: np.ndarray) -> dict[str, int]:
    """The contingency table of a yes or no forecast: booleans (case,)."""
    return {
        "shown": shown.sum(),
        "hits": (shown & event).sum(),
        "false": (shown & ~event).sum(),
        "missed": (~shown & event).sum(),
    }


def _location_years(scored: np.ndarray, years: np.ndarray) -> float:
    """How many location-years were scored: (init_time, location) and (init_time,).

    Each location and year counts by its scored days as a share of those of the fullest.
    """
    days = np.stack([scored[years == year].sum(axis=0) for year in np.unique(years)])
    return float(days.sum() / days.max())
