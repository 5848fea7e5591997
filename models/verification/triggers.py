"""Trigger bench: what acting on a colour, or on a probability, would have brought on past days.

Colours by the rule of live forecasts, each year's probabilities by what was learnt before it. A
colour speaks of the event of its level: yellow 1, orange 2, red 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region
from features.hazards import Hazard, hazards
from models.colours import COLOURS
from models.verdicts import COMBINED, STATE
from models.verification.contingency import shown_ranks, verdicts_of
from models.verification.samples import by_lead
from models.verification.weather_scores import Assessment
from models.verification.yearly_counts import (
    Interval,
    YearlyCounts,
    count_years,
    economic_value,
    interval,
    ratio,
)

COST_LOSS = np.array(
    [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
)
"""Ratios of cost to loss for which a value is told: close where events are rare."""
PUBLISHED = {STATE: "published", COMBINED: "published_with_weather"}
"""Stage -> the variable of a backtest that holds its published probability."""
RATES = ("fires", "in_vain", "missed", "hit_rate", "false_alarm_ratio", "warned", "lead_time")
"""Columns of ``trigger_table`` that have an interval, <name>_low and <name>_high."""


@dataclass(frozen=True)
class Bench:
    """One hazard's past days of one stage, as its cells are judged.

    ``rank`` (cell, init_time, location): the colour shown, 0 to 3. ``probability`` and ``outcome``
    (cell, level, init_time, location). ``years`` (init_time,).
    """

    hazard: Hazard
    stage: str
    lead_days: np.ndarray
    window_days: np.ndarray
    init_time: np.ndarray
    years: np.ndarray
    rank: np.ndarray
    probability: np.ndarray
    outcome: np.ndarray

    @property
    def singles(self) -> list[int]:
        """The cells of one day each, shortest lead first; of an index those of each lead."""
        single = [
            number
            for number, window in enumerate(self.window_days)
            if self.hazard.windows_look_back or window == 1
        ]
        return sorted(single, key=lambda number: int(self.lead_days[number]))

    def counts(self, cell: int, acted: np.ndarray, level: int) -> YearlyCounts:
        """Counts of a rule (init_time, location) about the event of a level."""
        scored = np.isfinite(self.probability[cell, 0])
        outcome = np.where(scored, self.outcome[cell, level - 1], np.nan)
        return count_years(acted, outcome, self.years, self.hazard.backtesting.step_days)


def benches(
    out_of_fold: Mapping[str, xr.Dataset], assessment: Assessment, region: Region
) -> list[Bench]:
    """The bench of each hazard and stage that was backtested. ``out_of_fold`` by hazard."""
    made = []
    for name in sorted(out_of_fold):
        judged = by_lead(hazards()[name], out_of_fold[name])
        for stage, variable in PUBLISHED.items():
            if variable in judged:
                made.append(_bench(hazards()[name], region, judged, stage, assessment))
    return made


def _bench(
    hazard: Hazard, region: Region, judged: xr.Dataset, stage: str, assessment: Assessment
) -> Bench:
    scores = assessment.state
    if stage == COMBINED:
        scores = assessment.weather[assessment.weather["stage"] == COMBINED]
    published = PUBLISHED[stage]
    told = np.isfinite(judged[published].values[:, 0]).any(axis=(0, 2))
    judged = judged[[published, "climatology", "outcome"]].isel(init_time=told)
    verdict = verdicts_of(judged, scores[scores["hazard"] == hazard.name])
    rank, _ = shown_ranks(hazard, region, judged, published, verdict)
    days = judged["init_time"]
    return Bench(
        hazard,
        stage,
        judged["lead_days"].values,
        judged["window_days"].values,
        days.values,
        days.dt.year.values,
        rank,
        judged[published].values,
        judged["outcome"].values,
    )


def trigger_table(made: list[Bench]) -> pd.DataFrame:
    """A row for each hazard, stage, lead, window and colour. Days are of one location and year.

    ``fires``: days on which the colour or a worse one is shown, ``in_vain``: of these without the
    event, ``missed``: event days without it. ``hit_rate``: share of event days with it.
    ``false_alarm_ratio``: share of its days without the event. Of single days also ``warned``:
    share of spells of the event whose first day had the colour at any lead, and ``lead_time``: the
    longest such lead in days, mean over those. ``event_days``: that came. Each of RATES with its
    95 % interval. ``value``: the greatest relative economic value, ``value_at``: its cost/loss.
    """
    rows = [row for bench in made for row in _rows(bench)]
    return pd.DataFrame(rows)


def _rows(bench: Bench) -> Iterator[dict[str, Any]]:
    first_days = {level: _warnings(bench, level) for level in range(1, len(COLOURS))}
    for cell in range(len(bench.lead_days)):
        for level, colour in enumerate(COLOURS[1:], start=1):
            counts = bench.counts(cell, bench.rank[cell] >= level, level)
            if not counts.scored.sum():
                continue
            rates = _rates(counts)
            if cell in bench.singles:
                rates |= first_days[level]
            value = _value(counts)
            best = int(np.argmax(np.nan_to_num(value, nan=-np.inf)))
            yield {
                **_keys(bench, cell, level, colour),
                "years": len(counts.years),
                "event_days": float(counts.events.sum() / counts.location_years.sum()),
                **_columns(rates),
                "value": float(value[best]),
                "value_at": float(COST_LOSS[best]),
            }


def _keys(bench: Bench, cell: int, level: int, colour: str) -> dict[str, Any]:
    """The columns that say what a row of either table is of."""
    return {
        "hazard": bench.hazard.name,
        "stage": bench.stage,
        "lead_days": int(bench.lead_days[cell]),
        "window_days": int(bench.window_days[cell]),
        "colour": colour,
        "level": level,
    }


def _columns(rates: Mapping[str, Interval]) -> dict[str, float]:
    none = np.array(np.nan)
    nothing = (none, none, none)
    return {
        f"{name}{end}": part.item()
        for name in RATES
        for end, part in zip(("", "_low", "_high"), rates.get(name, nothing), strict=True)
    }


def _rates(counts: YearlyCounts) -> dict[str, Interval]:
    return {
        "fires": interval(ratio, counts.acted, counts.location_years),
        "in_vain": interval(ratio, counts.false, counts.location_years),
        "missed": interval(ratio, counts.missed, counts.location_years),
        "hit_rate": interval(ratio, counts.hits, counts.events),
        "false_alarm_ratio": interval(ratio, counts.false, counts.acted),
    }


def _value(counts: YearlyCounts) -> np.ndarray:
    """Relative economic value at each of COST_LOSS: (cost_loss,)."""
    parts = (counts.hits, counts.false, counts.missed, counts.scored)
    hits, false, missed, scored = (np.full(COST_LOSS.shape, part.sum(), float) for part in parts)
    return economic_value(COST_LOSS, hits, false, missed, scored)


def _warnings(bench: Bench, level: int) -> dict[str, Interval]:
    """``warned`` and ``lead_time`` of the first days of spells of a level's event."""
    longest, year = _longest_leads(bench, level)
    years, index = np.unique(year, return_inverse=True)
    if not len(years):
        return {}
    warned = np.isfinite(longest)
    spells = np.bincount(index, minlength=len(years))
    with_warning = np.bincount(index[warned], minlength=len(years))
    days = np.bincount(index[warned], longest[warned], len(years))
    return {
        "warned": interval(ratio, with_warning, spells),
        "lead_time": interval(ratio, days, with_warning),
    }


def _longest_leads(bench: Bench, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each spell's first day: the longest lead (days) that showed the colour, NaN for none.

    And its year. Arrays (spell,).
    """
    singles = bench.singles
    shortest = singles[0]
    happened = bench.outcome[shortest, level - 1]
    before = np.vstack([np.full((1, happened.shape[1]), np.nan), happened[:-1]])
    step = np.timedelta64(bench.hazard.backtesting.step_days, "D")
    follows = np.concatenate([[False], np.diff(bench.init_time) == step])[:, None]
    rows, places = np.nonzero((happened == 1) & (before == 0) & follows)
    valid = bench.init_time + np.timedelta64(int(bench.lead_days[shortest]), "D")
    longest = np.full(len(rows), np.nan)
    for cell in singles:  # shortest lead first, so that the longest stands
        lead = int(bench.lead_days[cell])
        issued = valid[rows] - np.timedelta64(lead, "D")
        at = np.clip(np.searchsorted(bench.init_time, issued), 0, len(bench.init_time) - 1)
        shown = (bench.init_time[at] == issued) & (bench.rank[cell, at, places] >= level)
        longest[shown] = lead
    return longest, valid[rows].astype("datetime64[Y]").astype(int) + 1970


def value_table(made: list[Bench]) -> pd.DataFrame:
    """Relative economic value against cost/loss, a row for each stage, cell, colour and ratio.

    ``value``: of acting where the probability of the colour's level is at least p* = C/L (Murphy
    1977), with its 95 % interval ``value_low`` and ``value_high``; ``value_colour``: of acting on
    the colour. Cells are those of one day, and an index's.
    """
    rows: list[dict[str, Any]] = []
    for bench in made:
        for cell in bench.singles:
            for level, colour in enumerate(COLOURS[1:], start=1):
                rows += _value_rows(bench, cell, level, colour)
    return pd.DataFrame(rows)


def _value_rows(bench: Bench, cell: int, level: int, colour: str) -> list[dict[str, Any]]:
    by_colour = bench.counts(cell, bench.rank[cell] >= level, level)
    if not by_colour.events.sum():
        return []
    value, low, high = _value_at_threshold(bench, cell, level)
    own = _value(by_colour)
    return [
        {
            **_keys(bench, cell, level, colour),
            "cost_loss": float(share),
            "value": float(value[number]),
            "value_low": float(low[number]),
            "value_high": float(high[number]),
            "value_colour": float(own[number]),
        }
        for number, share in enumerate(COST_LOSS)
    ]


def _value_at_threshold(bench: Bench, cell: int, level: int) -> Interval:
    """Relative economic value of acting where p >= C/L: (cost_loss,), with its interval."""
    probability, outcome = (
        part[cell, level - 1].astype(np.float64) for part in (bench.probability, bench.outcome)
    )
    scored = np.isfinite(probability) & np.isfinite(outcome)
    known, index = np.unique(bench.years, return_inverse=True)
    year = np.broadcast_to(index[:, None], scored.shape)[scored]
    reached = np.searchsorted(COST_LOSS, probability[scored], side="right")
    event, size = outcome[scored] == 1, len(COST_LOSS) + 1
    hits, false = (
        _reached(year[part], reached[part], len(known), size) for part in (event, ~event)
    )
    events, scored_days = hits[:, :1], (hits + false)[:, :1]
    hits, false = hits[:, 1:], false[:, 1:]
    whole = np.broadcast_to(scored_days, hits.shape)
    return interval(
        lambda *sums: economic_value(COST_LOSS, *sums), hits, false, events - hits, whole
    )


def _reached(year: np.ndarray, reached: np.ndarray, years: int, size: int) -> np.ndarray:
    """How many cases of each year reached at least so many thresholds: (year, size)."""
    cases = np.bincount(year * size + reached, minlength=years * size).reshape(years, size)
    return np.cumsum(cases[:, ::-1], axis=1)[:, ::-1]


def rule_by_year(
    bench: Bench, cell: int, level: int, threshold: float, cost: float, loss: float
) -> pd.DataFrame:
    """What acting where p >= ``threshold`` would have come to, a row a year, all locations summed.

    ``expense``: a cost for each day acted and the loss of each missed event day; ``never``,
    ``always`` and ``perfect``: that of acting never, always, and on event days alone.
    """
    with np.errstate(invalid="ignore"):
        acted = bench.probability[cell, level - 1].astype(np.float64) >= threshold
    counts = bench.counts(cell, acted, level)
    return pd.DataFrame(
        {
            "year": counts.years,
            "event_days": counts.events.astype(int),
            "acted": counts.acted.astype(int),
            "hits": counts.hits.astype(int),
            "in_vain": counts.false.astype(int),
            "missed": counts.missed.astype(int),
            "expense": cost * counts.acted + loss * counts.missed,
            "never": loss * counts.events,
            "always": cost * counts.scored,
            "perfect": cost * counts.events,
        }
    )
