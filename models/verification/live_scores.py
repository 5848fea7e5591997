"""Scores of live forecasts from their marks, beside those of the backtest: marks-scores.csv.

The same ``score_sample`` as the backtest's, of the published probability.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from features.hazards import Hazard, hazards
from models.colours import COLOURS
from models.verdicts import COMBINED
from models.verification import decline
from models.verification.inference import skill_interval
from models.verification.marks import GRADED, RETRACTED, UNGRADABLE
from models.verification.samples import FORECASTERS, Sample, by_lead, sample
from models.verification.scores import claimed, score_sample
from models.verification.yearly_counts import Interval, count_years, interval, ratio

MIN_SPAN_DAYS = 5 * 365
"""Days from the first to the last issue day, below which no interval is told."""
SCORES = (
    "n", "n_events", "n_event_years", "base_rate", "brier", "brier_climatology",
    "brier_persistence", "bss_climatology", "bss_climatology_low", "bss_climatology_high",
    "bss_persistence", "bss_persistence_low", "bss_persistence_high",
    "roc_area", "roc_area_climatology", "reliability", "resolution",
)  # fmt: skip
RATES = ("days_a_year", "hit_rate", "false_alarm_ratio")
COLUMNS = (
    "region", "hazard", "level", "lead_days", "window_days", "first", "last", "issue_days",
    *SCORES, "brier_model", "backtest_bss", "backtest_bss_low", "backtest_bss_high", "p_below",
    "below", "colour", "shown", "hits", "false_alarms", "missed",
    *(f"{name}{end}" for name in RATES for end in ("", "_low", "_high")),
    "ungradable", "retracted", "late",
)  # fmt: skip
"""Columns of marks-scores.csv. ``n`` to ``resolution`` as in scores.csv, of the published
probability. ``backtest_bss``: that of the backtest's published probability. ``p_below``: see
decline.p_below, of the marks that were closed before this month; ``below``: live skill is below the
backtest's interval, by the test of all families together. ``shown`` to ``missed``: cases of the
colour of the level. ``ungradable``, ``retracted``, ``late``: marks that are in no score."""


@dataclass(frozen=True)
class LiveCell:
    """The timely graded marks of one judged cell and level, and its backtest, if there is one."""

    hazard: Hazard
    level: int
    lead_days: int
    window_days: int
    rows: pd.DataFrame
    past: Sample | None

    @property
    def days(self) -> int:
        """The distinct issue days."""
        return int(self.rows["issued"].nunique())


def live_scores(
    marks: pd.DataFrame, out_of_fold: Mapping[str, xr.Dataset], region: str, today: date
) -> pd.DataFrame:
    """The table of marks-scores.csv: a row for each cell and level that has a closed mark.

    ``marks``: of Marks.frame. ``out_of_fold``: the champions' backtests by hazard.
    """
    rows = list(_rows(marks, out_of_fold, np.datetime64(today, "M")))
    scores = pd.DataFrame(rows, columns=[*COLUMNS, "_judged"])
    judged = scores["_judged"].fillna(False).astype(bool) & scores["p_below"].notna()
    lower = scores["bss_climatology"] < scores["backtest_bss_low"]
    below = claimed(scores, judged, "p_below") & lower if judged.any() else judged
    return scores.assign(region=region, below=below)[list(COLUMNS)]


def _rows(
    marks: pd.DataFrame, out_of_fold: Mapping[str, xr.Dataset], month: np.datetime64
) -> Iterator[dict[str, Any]]:
    for name in sorted(set(marks["hazard"]) & set(hazards())):
        hazard = hazards()[name]
        of_hazard = marks[(marks["hazard"] == name) & (marks["graded_on"].notna())]
        judged = by_lead(hazard, out_of_fold[name]) if name in out_of_fold else None
        season = season_days(hazard, judged)
        keys = ["level", "lead_days"] + ([] if hazard.windows_look_back else ["window_days"])
        for _, rows in of_hazard.groupby(keys, sort=True):
            scored = rows[(rows["state"] == GRADED) & ~rows["late"]]
            past = None if judged is None else past_sample(hazard, judged, rows, scored)
            cell = LiveCell(
                hazard,
                int(rows["level"].iloc[0]),
                int(rows["lead_days"].iloc[0]),
                int(rows["window_days"].mode().iloc[0]),
                scored,
                past,
            )
            yield _row(cell, rows, season, month)


def _row(cell: LiveCell, rows: pd.DataFrame, season: float, month: np.datetime64) -> dict[str, Any]:
    timely = rows[~rows["late"]]
    columns: dict[str, Any] = {
        "hazard": cell.hazard.name,
        "level": cell.level,
        "lead_days": cell.lead_days,
        "window_days": cell.window_days,
        "issue_days": cell.days,
        "colour": COLOURS[cell.level],
        "ungradable": int((timely["state"] == UNGRADABLE).sum()),
        "retracted": int((timely["state"] == RETRACTED).sum()),
        "late": int(rows["late"].sum()),
        "n": 0,
        "_judged": False,
    }
    if not cell.days:
        return columns
    live, with_intervals = live_sample(cell.rows), spans_years(cell.rows)
    columns |= {"first": cell.rows["issued"].min(), "last": cell.rows["issued"].max()}
    columns |= _scores(cell.rows, live, with_intervals) | _colour(cell, season, with_intervals)
    return columns | (_against(cell, month) if cell.past is not None else {})


def live_sample(rows: pd.DataFrame) -> Sample:
    """Graded marks of one cell and level as a sample; its model is the published probability.

    A forecaster that the report did not keep is NaN.
    """
    ordered = rows.sort_values("issued", kind="stable")
    values = {name: ordered[name].to_numpy(dtype=float) for name in FORECASTERS if name in ordered}
    published = ordered["probability"].to_numpy(dtype=float)
    day = ordered["issued"].to_numpy().astype("datetime64[D]")
    return Sample(
        **values | {"model": published, "published": published},
        outcome=ordered["outcome"].to_numpy(dtype=float),
        block=day.astype("datetime64[Y]").astype(int) + 1970,
        day=day,
    )


def spans_years(rows: pd.DataFrame) -> bool:
    """Whether the marks are of years enough for intervals."""
    return bool((rows["issued"].max() - rows["issued"].min()).days >= MIN_SPAN_DAYS)


def _scores(rows: pd.DataFrame, live: Sample, told: bool) -> dict[str, Any]:
    """The columns SCORES: against persistence those of the marks that keep it."""
    scores = score_sample(live)
    kept = rows[rows["persistence"].notna()]
    if len(kept) < len(rows):
        part = score_sample(live_sample(kept)) if len(kept) else {}
        scores |= {name: part.get(name, np.nan) for name in scores if "persistence" in name}
    if not told:
        scores |= {name: np.nan for name in scores if name.endswith(("_low", "_high"))}
    error = (rows["model"] - rows["outcome"]) ** 2
    return {name: scores[name] for name in SCORES} | {"brier_model": error.mean()}


def _colour(cell: LiveCell, season: float, told: bool) -> dict[str, Any]:
    """What the colour of the level came to; intervals by years."""
    ranks = cell.rows["colour"].map({colour: rank for rank, colour in enumerate(COLOURS)})
    acted = ranks.astype(float).fillna(0).to_numpy()[:, None] >= cell.level
    outcome = cell.rows["outcome"].to_numpy(dtype=float)[:, None]
    years = cell.rows["issued"].dt.year.to_numpy()
    counts = count_years(acted, outcome, years, 1)
    rates = {
        "days_a_year": interval(ratio, counts.acted * season, counts.scored),
        "hit_rate": interval(ratio, counts.hits, counts.events),
        "false_alarm_ratio": interval(ratio, counts.false, counts.acted),
    }
    numbers = {"shown": counts.acted, "hits": counts.hits, "false_alarms": counts.false}
    return {
        **{name: int(part.sum()) for name, part in numbers.items()},
        "missed": int(counts.missed.sum()),
        **{key: value for name in RATES for key, value in _ends(name, rates[name], told).items()},
    }


def _ends(name: str, estimate: Interval, told: bool) -> dict[str, float]:
    value, low, high = (float(part) for part in estimate)
    ends = {f"{name}_low": low, f"{name}_high": high}
    return {name: value, **(ends if told else dict.fromkeys(ends, float("nan")))}


def season_days(hazard: Hazard, judged: xr.Dataset | None) -> float:
    """Days of a year on which forecasts of a hazard are scored, by its backtest."""
    if judged is None:
        return 365.25
    scored = np.isfinite(judged["outcome"].values[:, 0]).any(axis=(0, 2))
    years = judged["init_time"].dt.year.values[scored]
    most = np.unique(years, return_counts=True)[1].max(initial=0)
    return min(float(most) * hazard.backtesting.step_days, 365.25)


def past_sample(
    hazard: Hazard, judged: xr.Dataset, rows: pd.DataFrame, scored: pd.DataFrame
) -> Sample | None:
    """The backtest's days of the cell and level of some marks, those before the first of them.

    Its published probability is that with weather forecasts where most of the marks have them.
    """
    level, lead, window = (
        int(rows[name].iloc[0]) for name in ("level", "lead_days", "window_days")
    )
    same = judged["lead_days"].values == lead
    if not hazard.windows_look_back:
        same &= judged["window_days"].values == window
    if not same.any() or not len(scored):
        return None
    weather = "published_with_weather" in judged and (scored["stage"] == COMBINED).mean() > 0.5
    names = dict.fromkeys(
        ("published", "model"), "published_with_weather" if weather else "published"
    )
    whole = sample(judged, int(np.flatnonzero(same)[0]), level, names)
    return part_of(whole, whole.day < scored["issued"].min().to_datetime64())


def part_of(whole: Sample, chosen: np.ndarray) -> Sample:
    """Some days of a sample: ``chosen`` bool (day,)."""
    return replace(
        whole, **{name: part[chosen] for name, part in vars(whole).items() if name in _DAILY}
    )


_DAILY = (*FORECASTERS, "outcome", "block", "day")


def _against(cell: LiveCell, month: np.ndarray | np.datetime64) -> dict[str, Any]:
    """How the live skill stands to that of the backtest, by the marks closed before a month."""
    past = cell.past
    if past is None or not len(past.day):
        return {}
    own, reference = past.by_block(past.published), past.by_block(past.climatology)
    low, high = skill_interval(own, reference)
    before = cell.rows[cell.rows["graded_on"].to_numpy() < month]
    live = live_sample(before[before["issued"].to_numpy() < month])
    return {
        "backtest_bss": 1 - own.sum() / reference.sum() if reference.sum() > 0 else np.nan,
        "backtest_bss_low": low,
        "backtest_bss_high": high,
        "p_below": decline.p_below(live, past) if len(live.day) else np.nan,
        "_judged": decline.judged(live),
    }
