"""Stages K and N on the same days: what each is worth, and which of a region's numbers both together give.

Stage K learns from all years without weather forecasts, stage N from weather forecasts as they were issued (models.paths), and
both together (models.blend) are what can be published instead of K's number. They are held against K and its fallback on the days
with forecasts alone, in blocks of 15 days, because such archives hold too few years to draw years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from features.hazards import LEVELS, Cell, Hazard, hazards
from models.blend import blend, learn_blend, speaks
from models.scores import (
    COLUMNS,
    FEWEST_EVENT_DAYS,
    PROVISIONAL,
    SKILFUL,
    Sample,
    describe,
    discoveries,
    nest,
    published_numbers,
    sample,
    sign_flip_p,
)

STAGES = {"K": "model", "N": "weather", "both": "both"}
KEYS = ("hazard", "level", "lead_days", "window_days")
BLOCK_DAYS = 15
FEWEST_SEASONS = 2
FEWEST_SPELLS = 5
APART = 3  # days between events of two spells, as between episodes of rain
WHOLE_SEASON = 0.8  # of the days of a season, to count as one
REFIT_GROWTH = 1.2  # weights are learnt anew when the days to learn from are so many times as many


@dataclass(frozen=True)
class Assessment:
    """How good a region's forecasts are: ``known``, stage K over all its years, and ``weather``, see ``assess_weather``."""

    known: pd.DataFrame
    weather: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """scores.csv: of each cell and level the rows of what is published, on the days that was assessed on."""
        chosen = self.weather[
            self.weather["published"] & (self.weather["stage"] == "both")
        ].set_index(list(KEYS))
        kept = self.known.set_index(list(KEYS))
        rest = kept[~kept.index.isin(chosen.index)]
        both = (
            pd.concat(
                [
                    part[[c for c in COLUMNS if c not in KEYS]]
                    for part in (rest, chosen)
                    if len(part)
                ]
            )
            if len(chosen)
            else kept
        )
        return both.reindex(kept.index).reset_index()[list(COLUMNS)]


def together(hazard: Hazard, out_of_fold: xr.Dataset, delay_days: int) -> np.ndarray:
    """Both stages' probability on each past day by weights learnt from what was known that day: (cell, level, init_time, location).

    ``out_of_fold`` holds ``model``, ``weather`` and ``outcome``. NaN where stage N is silent.
    """
    days = out_of_fold["init_time"].values
    known, weather, outcome = (
        out_of_fold[name].values.astype(np.float64) for name in ("model", "weather", "outcome")
    )
    spoken = speaks(weather).any(axis=(0, 1, 3))
    reach = np.timedelta64(
        max(cell.lead_days + cell.window_days for cell in hazard.cells) + delay_days, "D"
    )
    made, weights, learnt_from = np.full(known.shape, np.nan), None, 0
    months = days.astype("datetime64[M]")
    for month in np.unique(months[spoken]):
        now = np.flatnonzero((months == month) & spoken)
        past = np.flatnonzero((days <= days[now[0]] - reach) & spoken)
        if weights is None or len(past) >= REFIT_GROWTH * max(learnt_from, 1):
            weights, learnt_from = (
                learn_blend(known[:, :, past], weather[:, :, past], outcome[:, :, past]),
                len(past),
            )
        made[:, :, now] = blend(weights, known[:, :, now], weather[:, :, now])
    return np.where(speaks(weather), made, np.nan)


def live_weights(out_of_fold: xr.Dataset | None, cells: int) -> xr.DataArray:
    """The weights of the two stages from all that was backtested; those of trusting N alone where nothing was."""
    if out_of_fold is None or "weather" not in out_of_fold:
        nothing = np.full((cells, len(LEVELS), 0, 1), np.nan)
        return learn_blend(nothing, nothing, nothing)
    return learn_blend(
        *(out_of_fold[name].values.astype(np.float64) for name in ("model", "weather", "outcome"))
    )


def assess_weather(out_of_fold: Mapping[str, xr.Dataset], known: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell, level and stage ("K", "N", "both") over the days with forecasts: columns of scores.csv, stage, published.

    ``known``: stage K's scores over all years, models.scores.assess. Rows of "both" say what it beats (``p_value``), whether it is
    ``published`` and as what: ``provisional`` until the archive holds FEWEST_SEASONS of the hazard's seasons and FEWEST_EVENT_DAYS
    event days in FEWEST_SPELLS spells, and then only where its Brier score is no worse than that of what K publishes; afterwards
    ``skilful`` where it beats K, what K publishes and the calendar. No rows where there are no forecasts.
    """
    spoken = {
        name: _days_with_forecasts(hazards()[name], part, known)
        for name, part in out_of_fold.items()
        if "both" in part
    }
    rows = [
        row
        for name, part in spoken.items()
        for row in _hazard_rows(hazards()[name], part, known[known["hazard"] == name])
    ]
    stages = pd.DataFrame(rows, columns=[*COLUMNS, "stage", "published", "_assessed"])
    stages = _decide(stages.astype({"published": bool, "_assessed": bool})).drop(
        columns="_assessed"
    )
    for _, of_cell in stages[stages["published"]].groupby(["hazard", "lead_days", "window_days"]):
        row = of_cell.iloc[0]
        cell = hazards()[row["hazard"]].cells.index(Cell(row["lead_days"], row["window_days"]))
        briers = _published_briers(spoken[row["hazard"]], cell, of_cell["level"].to_numpy())
        stages.loc[of_cell.index.to_numpy(), "brier_published"] = briers
    return stages


def _days_with_forecasts(
    hazard: Hazard, out_of_fold: xr.Dataset, known: pd.DataFrame
) -> xr.Dataset:
    """The backtest where both stages speak, and ``said``, what K would have published there."""
    said = np.full(out_of_fold["both"].shape, np.nan)
    for _, rows in known[known["hazard"] == hazard.name].groupby(["lead_days", "window_days"]):
        cell, numbers = published_numbers(hazard, out_of_fold, rows)
        said[cell] = numbers
    return out_of_fold.assign(said=(out_of_fold["both"].dims, said)).where(
        np.isfinite(out_of_fold["both"])
    )


def _hazard_rows(hazard: Hazard, spoken: xr.Dataset, known: pd.DataFrame) -> list[dict]:
    rows = []
    for before in known.to_dict("records"):
        cell, level = (
            hazard.cells.index(Cell(before["lead_days"], before["window_days"])),
            before["level"],
        )
        ones = {
            speaker: sample(spoken, cell, level, speaker, BLOCK_DAYS)
            for speaker in (*STAGES.values(), "said")
        }
        if len(ones["both"].outcome):
            same = {
                name: before[name]
                for name in ("region", *KEYS, "fallback", "verdict", "delay_days")
            }
            rows += [same | row for row in _rows(ones, _seasons(hazard, spoken, cell))]
    return rows


def _rows(ones: Mapping[str, Sample], seasons: int) -> list[dict]:
    """A cell's and level's rows of each stage, those of both undecided; ``ones`` by forecaster."""
    said = ones["said"].brier(ones["said"].model)
    nothing = {"published": False, "_assessed": False, "brier_published": said}
    rows = [
        describe(ones[speaker]) | nothing | {"stage": stage} for stage, speaker in STAGES.items()
    ]
    both = {
        "p_value": _surely_better(ones),
        "_assessed": long_enough(ones["both"], seasons),
        "published": rows[-1]["brier"] <= said,
    }
    return [*rows[:-1], rows[-1] | both]


def _published_briers(spoken: xr.Dataset, cell: int, published: np.ndarray) -> list[float]:
    """Brier scores of the levels ``published`` as both stages' number, nested between the levels that are K's."""
    use = np.isin(LEVELS, published)[:, None, None] & np.isfinite(spoken["both"].values[cell])
    error = (
        publish_both(spoken["said"].values[cell], spoken["both"].values[cell], use)
        - spoken["outcome"].values[cell]
    ) ** 2
    return [float(np.nanmean(error[level - 1])) for level in published]


def _surely_better(ones: Mapping[str, Sample]) -> float:
    """The greatest p that both stages are no better than K, what K publishes, the known state or a calendar."""
    one = ones["both"]
    rivals = [
        ones["said"].model,
        ones["model"].model,
        one.persistence,
        one.climatology,
        one.climatology_smoothed,
    ]
    own = one.by_block(one.model)
    return max(sign_flip_p(one.by_block(rival) - own) for rival in rivals)


def long_enough(one: Sample, seasons: int) -> bool:
    """Whether an archive says enough for more than a provisional verdict."""
    days = one.event_days.astype("datetime64[D]").astype(int)
    spells = 1 + int((np.diff(days) > APART).sum()) if len(days) else 0
    return seasons >= FEWEST_SEASONS and len(days) >= FEWEST_EVENT_DAYS and spells >= FEWEST_SPELLS


def _seasons(hazard: Hazard, spoken: xr.Dataset, cell: int) -> int:
    """How many of the hazard's seasons, the warm one or the rest of the year, are mostly covered by forecasts."""
    first, last = (int(month) for month in spoken.attrs["warm_season"])
    warm = (last - first) % 12 + 1
    begin, length = (first, warm) if hazard.seasonal else (last % 12 + 1, 12 - warm)
    days = (
        spoken["init_time"]
        .values[np.isfinite(spoken["both"].values[cell, 0]).any(axis=1)]
        .astype("datetime64[M]")
        .astype(int)
    )
    months = days - (begin - 1)
    counts = np.unique(months[months % 12 < length] // 12, return_counts=True)[1]
    return int((counts >= WHOLE_SEASON * length * 365.25 / 12 / hazard.issue_step_days).sum())


def _decide(stages: pd.DataFrame) -> pd.DataFrame:
    """Which rows of both stages are published, and their verdicts: false discoveries are limited over all of them together."""
    both = stages["stage"] == "both"
    ready = both & stages["_assessed"]
    found = pd.Series(False, index=stages.index)
    found[ready] = discoveries(stages.loc[ready, "p_value"].to_numpy(dtype=float))
    ordered = stages[ready].sort_values("lead_days")
    unbroken = (
        found[ordered.index]
        .groupby([ordered["hazard"], ordered["level"], ordered["window_days"]])
        .cummin()
    )
    skilful = found & unbroken.reindex(stages.index, fill_value=False)
    provisional = both & ~ready & stages["published"]
    verdict = np.select([skilful, provisional], [SKILFUL, PROVISIONAL], stages["verdict"])
    published = skilful | provisional
    return stages.assign(verdict=verdict, published=published)


def publish_both(said: np.ndarray, both: np.ndarray, use: np.ndarray) -> np.ndarray:
    """What is published where ``use`` of both stages' numbers and else what K publishes; all (level, ...), level on axis 0.

    K's number is never altered; both stages' are held between the published neighbours.
    """
    return nest(np.where(use, both, said), ~use)
