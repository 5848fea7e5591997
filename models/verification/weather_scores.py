"""The state model, the weather model and both combined, scored on the same days.

The state model learns from all years without weather forecasts. The weather model uses forecasts
as they were issued. The combined model takes the state model's place in the published number where
it is no worse. All are compared on the days with forecasts only, in blocks of 15 days: such
archives hold too few years to draw years from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from features.hazards import LEVELS, Hazard, hazards
from models.publishing import log_loss
from models.verdicts import COMBINED, NOT_ASSESSED, PROVISIONAL, STATE, WEATHER
from models.verification.inference import sign_flip_p
from models.verification.samples import MIN_EVENT_DAYS, Sample, sample
from models.verification.scores import COLUMNS, decide, p_values, score_sample

STAGES = {STATE: "model", WEATHER: "weather", COMBINED: "both"}
"""Which variable of a backtest is each model's."""
CELL_KEYS = ("hazard", "level", "lead_days", "window_days")
BLOCK_DAYS = 15
MIN_SEASONS = 2
MIN_SPELLS = 5
MAX_GAP_IN_SPELL_DAYS = 3  # between events of one spell, as between episodes of rain
MIN_SEASON_SHARE = 0.8  # of the days of a season, to count as one


@dataclass(frozen=True)
class Assessment:
    """How good forecasts are.

    ``state``: the state model's scores over all years. ``weather``: see ``assess_weather``.
    """

    state: pd.DataFrame
    weather: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """scores.csv: of each cell and level the row of what is published."""
        is_published = self.weather["published"] & (self.weather["stage"] == COMBINED)
        combined = self.weather[is_published].set_index(list(CELL_KEYS))
        state = self.state.set_index(list(CELL_KEYS))
        rows = state
        if len(combined):
            columns = [name for name in COLUMNS if name not in CELL_KEYS]
            rest = state[~state.index.isin(combined.index)]
            rows = pd.concat([part[columns] for part in (rest, combined) if len(part)])
        return rows.reindex(state.index).reset_index()[list(COLUMNS)]


def assess_weather(out_of_fold: Mapping[str, xr.Dataset], state: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell, level and stage ("state", "weather", "combined"); days with forecasts.

    Columns of scores.csv, ``stage`` and ``published``. ``state``: the state model's scores over all
    years, models.scores.assess. Rows of "combined" say whether that number is ``published``: where
    its logarithmic loss, all levels of the cell together, is no greater than that of the number
    without forecasts. Their verdict is ``provisional`` until the archive holds MIN_SEASONS of the
    hazard's seasons and MIN_EVENT_DAYS event days in MIN_SPELLS spells. No rows where there are
    no forecasts.
    """
    rows = []
    for name, part in out_of_fold.items():
        if "both" in part:
            rows += _hazard_rows(hazards()[name], part, state[state["hazard"] == name])
    extra = ["stage", "published", "_assessed", "_p_persistence"]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *extra]).astype(
        {"published": bool, "_assessed": bool}
    )
    combined = table["stage"] == COMBINED
    decided = decide(table[combined])["verdict"].replace({NOT_ASSESSED: PROVISIONAL})
    table.loc[combined, "verdict"] = decided
    return table.drop(columns=extra[2:])


def _hazard_rows(
    hazard: Hazard, out_of_fold: xr.Dataset, state: pd.DataFrame
) -> list[dict[str, Any]]:
    """The rows of one hazard; ``_assessed`` and ``_p_persistence`` for ``decide`` among them."""
    with_forecasts = out_of_fold.where(np.isfinite(out_of_fold["both"]))
    keys = ["lead_days", "window_days", "level"]
    state_rows = {tuple(row[key] for key in keys): row for row in state.to_dict("records")}
    no_worse, rows = _no_worse(with_forecasts), []
    for number, cell in enumerate(hazard.cells):
        for level in LEVELS:
            row = state_rows.get((cell.lead_days, cell.window_days, level))
            samples = _samples(with_forecasts, number, level)
            if row is None or not len(samples[COMBINED].outcome):
                continue
            names = ("region", *CELL_KEYS, "fallback", "verdict", "delay_days")
            shared = {name: row[name] for name in names}
            seasons = _count_seasons(hazard, with_forecasts, number)
            rows += [
                shared
                | score_sample(part)
                | _judge(stage, samples, bool(no_worse[number]), seasons)
                for stage, part in samples.items()
            ]
    return rows


def _samples(with_forecasts: xr.Dataset, cell: int, level: int) -> dict[str, Sample]:
    """The scored days of each stage."""
    published = {stage: "published_with_weather" for stage in STAGES} | {STATE: "published"}
    return {
        stage: sample(
            with_forecasts,
            cell,
            level,
            {"model": variable, "published": published[stage]},
            BLOCK_DAYS,
        )
        for stage, variable in STAGES.items()
    }


def _no_worse(with_forecasts: xr.Dataset) -> np.ndarray:
    """Whether the number with forecasts has no greater logarithmic loss than without: (cell,)."""
    outcome = with_forecasts["outcome"].values
    with_weather, without = (
        np.nansum(log_loss(with_forecasts[name].values, outcome), axis=(1, 2, 3))
        for name in ("published_with_weather", "published")
    )
    return with_weather <= without


def _judge(
    stage: str, samples: Mapping[str, Sample], published: bool, seasons: int
) -> dict[str, Any]:
    """Whether a stage's number is published, and what its verdict is decided by."""
    if stage != COMBINED:
        return {"stage": stage, "published": False, "_assessed": False}
    combined, state = samples[COMBINED], samples[STATE]
    own = combined.by_block(combined.published)
    p_climatology, p_persistence = p_values(combined)
    rivals = [state.by_block(part) for part in (state.published, state.model)]
    return {
        "stage": stage,
        "published": published,
        "_assessed": is_long_enough(combined, seasons),
        "p_value": p_climatology,
        "_p_persistence": max(p_persistence, *(sign_flip_p(rival - own) for rival in rivals)),
    }


def is_long_enough(scored: Sample, seasons: int) -> bool:
    """Whether an archive says enough for more than a provisional verdict."""
    days = scored.event_days.astype("datetime64[D]").astype(int)
    spells = 1 + int((np.diff(days) > MAX_GAP_IN_SPELL_DAYS).sum()) if len(days) else 0
    return seasons >= MIN_SEASONS and len(days) >= MIN_EVENT_DAYS and spells >= MIN_SPELLS


def _count_seasons(hazard: Hazard, with_forecasts: xr.Dataset, cell: int) -> int:
    """How many of the hazard's seasons are mostly covered by forecasts.

    A season is the warm season or the rest of the year.
    """
    first, last = (int(month) for month in with_forecasts.attrs["warm_season"])
    warm = (last - first) % 12 + 1
    begin, length = (first, warm) if hazard.seasonal else (last % 12 + 1, 12 - warm)
    covered = np.isfinite(with_forecasts["both"].values[cell, 0]).any(axis=1)
    days = with_forecasts["init_time"].values[covered]
    months = days.astype("datetime64[M]").astype(int) - (begin - 1)
    counts = np.unique(months[months % 12 < length] // 12, return_counts=True)[1]
    enough = MIN_SEASON_SHARE * length * 365.25 / 12 / hazard.backtesting.step_days
    return int((counts >= enough).sum())
