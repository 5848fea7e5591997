"""The state model (K), the weather model (N) and both combined, on the same days.

The state model learns from all years without weather forecasts, the weather model speaks from
forecasts as they were issued (models.paths), and both combined (models.blend) take the state
model's place in the published number where they are no worse. They are held against each other on
the days with forecasts alone, in blocks of 15 days: such archives hold too few years to draw years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from features.hazards import LEVELS, Hazard, hazards
from models.blend import blend, learn_blend, speaks
from models.publishing import laid_out, log_loss, losses, publish, rolling_weights
from models.verdicts import NOT_ASSESSED, PROVISIONAL
from models.verification.inference import sign_flip_p
from models.verification.samples import MIN_EVENT_DAYS as FEWEST_EVENT_DAYS
from models.verification.samples import Sample, sample
from models.verification.scores import COLUMNS, decide, p_values
from models.verification.scores import score_sample as describe

STAGES = {"K": "model", "N": "weather", "both": "both"}
KEYS = ("hazard", "level", "lead_days", "window_days")
COMBINED = {"model": "both"}
"""What stands for the model in the published number where forecasts are at hand."""
BLOCK_DAYS = 15
FEWEST_SEASONS = 2
FEWEST_SPELLS = 5
APART = 3  # days between events of two spells, as between episodes of rain
WHOLE_SEASON = 0.8  # of the days of a season, to count as one
REFIT_GROWTH = 1.2  # weights are learnt anew when the days to learn from are so many times as many
MONTHS_UNTIL_SCORED = (
    2  # after a month's first day, what was forecast in the one before it is known
)


@dataclass(frozen=True)
class Assessment:
    """How good forecasts are: ``known``, the state model's over all years; ``weather``, see
    ``assess_weather``."""

    known: pd.DataFrame
    weather: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """scores.csv: of each cell and level the row of what is published."""
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


def with_weather(hazard: Hazard, out_of_fold: xr.Dataset) -> xr.Dataset:
    """A backtest with ``weather`` and, from it, ``both`` and ``published_with_weather``."""
    dims = out_of_fold["weather"].dims
    both = together(hazard, out_of_fold, out_of_fold.attrs["delay_days"]).astype(np.float32)
    made = out_of_fold.assign(both=(dims, both))
    months = made["init_time"].values.astype("datetime64[M]").astype(int)
    months = months - months.min()
    loss = losses(hazard, made, months, COMBINED)
    late = np.concatenate([np.zeros_like(loss[:, : MONTHS_UNTIL_SCORED - 1]), loss], axis=1)
    weights = laid_out(rolling_weights(late)[:, months])
    published = publish(weights, made, COMBINED).astype(np.float32)
    return made.assign(published_with_weather=(dims, published))


def together(hazard: Hazard, out_of_fold: xr.Dataset, delay_days: int) -> np.ndarray:
    """Both models' probability on each past day by weights learnt from what was known that day.

    (cell, level, init_time, location). ``out_of_fold`` holds ``model``, ``weather`` and
    ``outcome``. NaN where the weather model is silent.
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


def blend_weights(out_of_fold: xr.Dataset | None, cells: int) -> xr.DataArray:
    """Weights of the two models from all that was backtested; without any, the weather's alone."""
    if out_of_fold is None or "weather" not in out_of_fold:
        nothing = np.full((cells, len(LEVELS), 0, 1), np.nan)
        return learn_blend(nothing, nothing, nothing)
    return learn_blend(
        *(out_of_fold[name].values.astype(np.float64) for name in ("model", "weather", "outcome"))
    )


def assess_weather(out_of_fold: Mapping[str, xr.Dataset], known: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell, level and stage ("K", "N", "both") over the days with forecasts.

    Columns of scores.csv, ``stage`` and ``published``. ``known``: the state model's scores over all
    years, models.scores.assess. Rows of "both" say whether the combined number is ``published``:
    where its logarithmic loss, all levels of the cell together, is no worse than that of the number
    without forecasts. Their verdict is ``provisional`` until the archive holds FEWEST_SEASONS of
    the hazard's seasons and FEWEST_EVENT_DAYS event days in FEWEST_SPELLS spells. No rows where
    there are no forecasts.
    """
    rows = []
    for name, part in out_of_fold.items():
        if "both" in part:
            rows += _hazard_rows(hazards()[name], part, known[known["hazard"] == name])
    extra = ["stage", "published", "_assessed", "_p_persistence"]
    stages = pd.DataFrame(rows, columns=[*COLUMNS, *extra]).astype(
        {"published": bool, "_assessed": bool}
    )
    both = stages["stage"] == "both"
    decided = decide(stages[both])["verdict"].replace({NOT_ASSESSED: PROVISIONAL})
    stages.loc[both, "verdict"] = decided
    return stages.drop(columns=extra[2:])


def _hazard_rows(hazard: Hazard, out_of_fold: xr.Dataset, known: pd.DataFrame) -> list[dict]:
    spoken = out_of_fold.where(np.isfinite(out_of_fold["both"]))
    keys = ["lead_days", "window_days", "level"]
    before = {tuple(row[key] for key in keys): row for row in known.to_dict("records")}
    gate, rows = _no_worse(spoken), []
    for number, cell in enumerate(hazard.cells):
        for level in LEVELS:
            row = before.get((cell.lead_days, cell.window_days, level))
            ones = {
                stage: sample(
                    spoken,
                    number,
                    level,
                    {"model": name, "published": _published_by(stage)},
                    BLOCK_DAYS,
                )
                for stage, name in STAGES.items()
            }
            if row is None or not len(ones["both"].outcome):
                continue
            same = {
                name: row[name] for name in ("region", *KEYS, "fallback", "verdict", "delay_days")
            }
            seasons = _seasons(hazard, spoken, number)
            rows += [
                same | describe(one) | _judged(stage, ones, bool(gate[number]), seasons)
                for stage, one in ones.items()
            ]
    return rows


def _published_by(stage: str) -> str:
    return "published" if stage == "K" else "published_with_weather"


def _no_worse(spoken: xr.Dataset) -> np.ndarray:
    """Whether the number with forecasts has no greater logarithmic loss than that without: (cell,)."""
    outcome = spoken["outcome"].values
    with_forecasts, without = (
        np.nansum(log_loss(spoken[name].values, outcome), axis=(1, 2, 3))
        for name in ("published_with_weather", "published")
    )
    return with_forecasts <= without


def _judged(stage: str, ones: Mapping[str, Sample], published: bool, seasons: int) -> dict:
    """Whether a stage's number is published, and what its verdict is decided by."""
    if stage != "both":
        return {"stage": stage, "published": False, "_assessed": False}
    one = ones["both"]
    own, without = one.by_block(one.published), ones["K"]
    usual, known = p_values(one)
    rivals = [without.by_block(part) for part in (without.published, without.model)]
    return {
        "stage": stage,
        "published": published,
        "_assessed": long_enough(one, seasons),
        "p_value": usual,
        "_p_persistence": max(known, *(sign_flip_p(rival - own) for rival in rivals)),
    }


def long_enough(one: Sample, seasons: int) -> bool:
    """Whether an archive says enough for more than a provisional verdict."""
    days = one.event_days.astype("datetime64[D]").astype(int)
    spells = 1 + int((np.diff(days) > APART).sum()) if len(days) else 0
    return seasons >= FEWEST_SEASONS and len(days) >= FEWEST_EVENT_DAYS and spells >= FEWEST_SPELLS


def _seasons(hazard: Hazard, spoken: xr.Dataset, cell: int) -> int:
    """How many of the hazard's seasons are mostly covered by forecasts.

    The warm season or the rest of the year.
    """
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
    return int((counts >= WHOLE_SEASON * length * 365.25 / 12 / hazard.backtesting.step_days).sum())
