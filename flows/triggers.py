"""Triggers: what a rule of acting would have come to, year by year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from configs import RiskError, Settings
from features.hazards import hazards
from flows.check import COLOURS, open_region
from flows.grading import marks_of
from flows.past import past_of
from flows.records import write_records
from flows.run import region_lock
from flows.trigger_tables import backtest_benches
from models.verification.triggers import Bench, rule_by_year
from models.verification.yearly_counts import economic_value

STAGES = {
    "state": "all past years, from what is measured alone",
    "combined": "past days with weather forecasts",
}


@dataclass(frozen=True)
class Rule:
    """A rule to try: act where the probability of a colour's event is at least ``cost / loss``.

    ``threshold``: another probability to act from, None for none. ``hazard``: None for each.
    ``lead_days``: None for one day ahead, or an index's shortest lead.
    """

    cost: float
    loss: float
    threshold: float | None = None
    hazard: str | None = None
    colour: str = "orange"
    lead_days: int | None = None


def triggers(name: str, rule: Rule) -> list[str]:
    """Lines on what the rule would have come to on past days; writes the page on triggers too.

    Raises RiskError.
    """
    check_rule(rule)
    settings, region = Settings.from_environment(), open_region(name)
    with region_lock(region, settings):
        past = past_of(region, settings)
        if not past.backtests:
            raise RiskError(
                f"{region.name}: found no backtested model, expected one; train it with "
                f"climate-risk train {name}."
            )
        write_records(past, marks_of(region, settings))
    benches = backtest_benches(past)
    wanted = [bench for bench in benches if rule.hazard in (None, bench.hazard.name)]
    if not wanted:
        raise RiskError(
            f"--hazard {rule.hazard}: found no backtest of it, expected one of "
            f"{', '.join(past.backtests)}."
        )
    lines = [line for bench in wanted for line in _lines(bench, rule)]
    return [*lines, f"Pages and tables: {settings.published / region.name / 'triggers.html'}"]


def check_rule(rule: Rule) -> None:
    """Raises RiskError for a rule that can never pay, or that names no hazard there is."""
    if not 0 < rule.cost < rule.loss:
        raise RiskError(
            f"--cost {rule.cost:g} --loss {rule.loss:g}: found a cost that is not between 0 and the"
            " loss, expected what acting costs to be less than what it saves; give both in one "
            "currency."
        )
    if rule.threshold is not None and not 0 < rule.threshold <= 1:
        raise RiskError(
            f"--threshold {rule.threshold:g}: expected a probability above 0 and up to 1, such as "
            "0.3; give another."
        )
    if rule.hazard is not None and rule.hazard not in hazards():
        raise RiskError(
            f"--hazard {rule.hazard}: there is none of that name, expected one of "
            f"{', '.join(hazards())}."
        )


def _lines(bench: Bench, rule: Rule) -> list[str]:
    """The rule on one hazard and stage: a line a year, their sum, and what other rules come to."""
    cell = _cell_of(bench, rule)
    level = COLOURS.index(rule.colour) + 1
    ratio = rule.cost / rule.loss
    years = rule_by_year(bench, cell, level, ratio, rule.cost, rule.loss)
    ahead = int(bench.lead_days[cell])
    head = (
        f"{bench.hazard.title}, level {level} ({rule.colour}), lead {ahead} d, "
        f"{STAGES[bench.stage]}; location-days of all places together"
    )
    if not years["event_days"].sum():
        return [head, "no event on these days: nothing can be told", ""]
    shown = years.astype({"year": str}).round(2)
    table = pd.concat([shown, _sum(shown)], ignore_index=True)
    lines = [
        head,
        f"act where p >= {ratio:.3g} (cost {rule.cost:g} / loss {rule.loss:g})",
        *table.to_string(index=False).splitlines(),
        f"p* = C/L = {ratio:.3g}: {_in_words(years, bench, cell, rule)}",
    ]
    if rule.threshold is not None:
        other = rule_by_year(bench, cell, level, rule.threshold, rule.cost, rule.loss)
        lines.append(f"what if p >= {rule.threshold:.3g}: {_in_words(other, bench, cell, rule)}")
    return [*lines, ""]


def _sum(years: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame([{"year": "sum", **years.drop(columns="year").sum().to_dict()}]).astype(
        {name: kind for name, kind in years.dtypes.items() if name != "year"}
    )


def _cell_of(bench: Bench, rule: Rule) -> int:
    """The cell of the rule's lead. Raises RiskError where the hazard has none."""
    leads = {int(bench.lead_days[cell]): cell for cell in bench.singles}
    wanted = rule.lead_days
    if wanted is None:
        wanted = 1 if 1 in leads else min(leads)
    if wanted not in leads:
        raise RiskError(
            f"--lead {wanted}: {bench.hazard.name} has none, expected one of "
            f"{', '.join(map(str, leads))}; give one, or --hazard."
        )
    return leads[wanted]


def _in_words(years: pd.DataFrame, bench: Bench, cell: int, rule: Rule) -> str:
    """A rule's sums per year, and its relative economic value."""
    total = {name: np.array([float(years[name].sum())]) for name in years.columns}
    value = economic_value(
        np.array([rule.cost / rule.loss]),
        total["hits"],
        total["in_vain"],
        total["missed"],
        total["always"] / rule.cost,
    )[0]
    n, step = len(years), bench.hazard.backtesting.step_days
    each = f" (every {step}th day counted)" if step > 1 else ""
    return (
        f"acts on {years['acted'].sum() / n:.1f} a year, {years['in_vain'].sum() / n:.1f} in vain, "
        f"misses {years['missed'].sum() / n:.1f}{each}; expense {years['expense'].sum() / n:.4g} a "
        f"year (never acting {years['never'].sum() / n:.4g}, always "
        f"{years['always'].sum() / n:.4g}, perfect {years['perfect'].sum() / n:.4g}); value "
        f"{value:.2f}"
    )
