"""Trigger bench: counts, lead times and economic value of rules, against sums worked by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as some

sys.path.insert(0, str(Path(__file__).parent))

from test_contingency import HEAT, REGION, made

from models.verdicts import SKILFUL
from models.verification.contingency import contingency_table
from models.verification.issued import issued_bench
from models.verification.outcomes import Definition, outcomes_of_rows
from models.verification.scores import COLUMNS
from models.verification.triggers import (
    COST_LOSS,
    RATES,
    benches,
    rule_by_year,
    trigger_table,
    value_table,
)
from models.verification.weather_scores import Assessment
from models.verification.yearly_counts import count_years, economic_value

DIMS = ("cell", "level", "init_time", "location")
LEADS = range(10)


def assessed() -> Assessment:
    """Scores by which every cell of heat is skilful."""
    rows = [
        dict.fromkeys(COLUMNS, 0)
        | {
            "hazard": "heat",
            "level": level,
            "lead_days": cell.lead_days,
            "window_days": cell.window_days,
            "verdict": SKILFUL,
        }
        for cell in HEAT.cells
        for level in (1, 2, 3)
    ]
    return Assessment(pd.DataFrame(rows), pd.DataFrame(columns=[*COLUMNS, "stage"]))


def bench_of(data: xr.Dataset):
    (one,) = benches({"heat": data}, assessed(), REGION)
    return one


def happening(days: int, spells: dict[int, int], first: str = "2001-01-01") -> xr.Dataset:
    """Heat of one place: level 1 on the valid days ``first day: length``, seen by every lead."""
    data = made(days, first)
    event = np.zeros(days + 10)
    for begin, length in spells.items():
        event[begin : begin + length] = 1
    for lead in LEADS:
        data["outcome"][lead, 0, :, 0] = event[lead : days + lead]
    return data


def row(table: pd.DataFrame, colour: str, lead: int) -> pd.Series:
    return table.query(f"colour == '{colour}' and lead_days == {lead} and window_days == 1").iloc[0]


def test_rates_are_days_of_one_place_and_year() -> None:
    """Two years, two places. A day ahead yellow on 30 days at one place, 10 of them with the event.

    2 event days besides: 30 / 4 = 7.5 a year fire, 5 in vain, 0.5 missed; hits 10 of 12.
    """
    data = made(730, places=2)
    published = np.zeros(data["published"].shape)
    published[1, 0, 100:130, 0] = 0.5
    data["outcome"][1, 0, 100:110, 0] = 1
    data["outcome"][1, 0, 300:302, 1] = 1
    found = row(trigger_table([bench_of(data.assign(published=(DIMS, published)))]), "yellow", 1)
    assert found[["fires", "in_vain", "missed"]].tolist() == [7.5, 5.0, 0.5]
    assert found["hit_rate"] == pytest.approx(10 / 12)
    assert found["false_alarm_ratio"] == pytest.approx(20 / 30)
    assert found["years"] == 2 and found["event_days"] == 3.0
    # All of it fell into the first year: drawn twice, once or never, of 4 years of a place.
    assert found[["fires_low", "fires_high"]].tolist() == [0.0, 15.0]


def test_every_fifth_day_stands_for_five_and_years_without_an_outcome_for_none() -> None:
    """73 of a year's days, acted on 10: 50 days a year. The second year is not known yet."""
    years = np.repeat([2001, 2002], 73)
    outcome = np.zeros((146, 1))
    outcome[73:] = np.nan
    acted = np.zeros((146, 1), dtype=bool)
    acted[:10], acted[73:] = True, True
    counts = count_years(acted, outcome, years, step_days=5)
    assert counts.years.tolist() == [2001]
    assert (counts.acted / counts.location_years).tolist() == [50.0]


def test_a_lead_time_is_that_of_the_longest_lead_before_a_spell_began() -> None:
    """Spells begin on days 50, 100 and 150. Yellow for day 50 from 3 days ahead, for day 100 on the
    day itself, for day 150 never: warned 2 of 3, mean lead (3 + 0) / 2.
    """
    data = happening(200, {50: 4, 100: 1, 150: 2})
    published = np.zeros(data["published"].shape)
    published[3, 0, 47], published[1, 0, 49], published[0, 0, 100] = 0.5, 0.5, 0.5
    published[2, 0, 50] = 0.5  # for day 52, within the first spell: not its beginning
    table = trigger_table([bench_of(data.assign(published=(DIMS, published)))])
    found = row(table, "yellow", 1)
    assert found["warned"] == pytest.approx(2 / 3)
    assert found["lead_time"] == pytest.approx(1.5)
    assert np.isnan(found["warned_low"]), "one year has no interval"
    assert np.isnan(table.query("window_days == 3")["lead_time"]).all()


def test_the_value_is_that_of_richardson() -> None:
    """C/L 0.2, 100 days, 10 events, 8 hits, 12 in vain, 2 missed. With L = 1: the forecast costs
    0.2 x 20 + 2 = 6, never acting 10, always 20, perfect 2: value (10 - 6) / (10 - 2) = 0.5.
    """
    found = economic_value(np.array([0.2]), *(np.array([float(n)]) for n in (8, 12, 2, 100)))
    assert found == pytest.approx([0.5])


@given(some.tuples(*[some.integers(0, 500)] * 4), some.sampled_from(list(COST_LOSS)))
def test_no_rule_is_worth_more_than_a_perfect_one(cases: tuple, share: float) -> None:
    hits, false, missed, rest = (np.array([float(n)]) for n in cases)
    scored, ratio = hits + false + missed + rest, np.array([share])
    value = economic_value(ratio, hits, false, missed, scored)[0]
    perfect = economic_value(ratio, hits + missed, 0 * false, 0 * missed, scored)[0]
    always_or_never = not hits + missed or not false + rest
    assert np.isnan(value) == bool(always_or_never)
    assert np.isnan(value) or (value <= 1 + 1e-9 and perfect == pytest.approx(1))


def test_acting_at_the_cost_loss_ratio_has_the_value_of_its_rule_year_by_year() -> None:
    """The curve of p* = C/L is made by sorting, the table year by year by comparing."""
    random = np.random.default_rng(3)
    data = made(1460)
    p = random.beta(0.5, 2, data["published"].shape)
    outcome = (random.random(p.shape) < p).astype(float)
    bench = bench_of(data.assign(published=(DIMS, p), outcome=(DIMS, outcome)))
    curve = value_table([bench]).query("lead_days == 1 and window_days == 1 and colour == 'orange'")
    assert list(curve["cost_loss"]) == list(COST_LOSS)
    for share, value in zip(curve["cost_loss"], curve["value"], strict=True):
        years = rule_by_year(bench, 1, 2, share, cost=share, loss=1.0)
        without = min(years["never"].sum(), years["always"].sum())
        expected = (without - years["expense"].sum()) / (without - years["perfect"].sum())
        assert value == pytest.approx(expected)
    assert (curve["value_low"] <= curve["value"]).all()
    assert (curve["value_high"] >= curve["value"]).all()


def test_a_rule_is_told_year_by_year() -> None:
    """2001: acts on 2 days, one in vain, misses 1. 2002: nothing happens and nobody acts."""
    data = made(730)
    p = np.zeros(data["published"].shape)
    p[1, 0, [10, 20]] = 0.3
    data["outcome"][1, 0, [10, 40]] = 1
    years = rule_by_year(bench_of(data.assign(published=(DIMS, p))), 1, 1, 0.25, 10.0, 100.0)
    assert years["year"].tolist() == [2001, 2002]
    assert years.loc[0, ["event_days", "acted", "hits", "in_vain", "missed"]].tolist() == [
        2,
        2,
        1,
        1,
        1,
    ]
    assert years["expense"].tolist() == [2 * 10 + 100, 0]
    assert years["never"].tolist() == [200, 0] and years["perfect"].tolist() == [20, 0]
    assert years["always"].tolist() == [3650, 3650]


def test_days_with_weather_forecasts_are_a_stage_of_their_own() -> None:
    data = made(400)
    only = np.full(data["published"].shape, np.nan)
    only[:, :, 300:] = 0.1
    made_of = benches(
        {"heat": data.assign(published_with_weather=(DIMS, only))}, assessed(), REGION
    )
    assert [(one.stage, len(one.init_time)) for one in made_of] == [
        ("state", 400),
        ("combined", 100),
    ]


def test_the_report_and_the_bench_count_the_same() -> None:
    random = np.random.default_rng(2)
    data = made(1095, places=3)
    p = random.beta(0.4, 1, data["published"].shape)
    outcome = (random.random(p.shape) < p).astype(float)
    outcome[:, :, 900:, 1] = np.nan  # one place is measured for less long
    data = data.assign(published=(DIMS, p), outcome=(DIMS, outcome))
    report = contingency_table({"heat": data}, assessed().state, REGION)
    keys = ["lead_days", "window_days", "colour"]
    both = trigger_table([bench_of(data)]).merge(report, on=keys, suffixes=("", "_report"))
    assert len(both) == 3 * len(HEAT.cells)
    for ours, theirs in (("fires", "shown"), ("in_vain", "false"), ("missed", "missed_report")):
        np.testing.assert_allclose(both[ours], both[theirs])


def test_every_rate_has_its_interval_around_it() -> None:
    random = np.random.default_rng(1)
    data = made(1825)
    p = random.beta(0.4, 1, data["published"].shape)
    outcome = (random.random(p.shape) < p).astype(float)
    table = trigger_table([bench_of(data.assign(published=(DIMS, p), outcome=(DIMS, outcome)))])
    for name in RATES:
        known = table.dropna(subset=[name])
        assert len(known)
        assert (known[f"{name}_low"] <= known[name] + 1e-9).all()
        assert (known[f"{name}_high"] >= known[name] - 1e-9).all()


def issued_rows(day: str, place: str, colour: str, lead: int, valid: str) -> list[dict]:
    return [
        {
            "hazard": "heat",
            "location": place,
            "issued": pd.Timestamp(day),
            "valid": pd.Timestamp(valid),
            "lead_days": lead,
            "window_days": 1,
            "level": level,
            "probability": p,
            "colour": colour,
        }
        for level, p in ((1, 0.6), (2, 0.2), (3, 0.1))
    ]


def test_what_was_issued_is_held_against_the_hazards_own_events(made_record) -> None:
    """A day that is made 60 degC warm is unusual; the days after the record are not known yet."""
    record = made_record(years=20, places=2, start="1990-01-01")
    normals = HEAT.fit_normals(record, _options())
    day = pd.Timestamp("2009-07-10")
    record["air_temperature_max"].loc[{"time": day}] = [60.0, 0.0]
    rows = [
        part
        for place in ("place_0", "place_1")
        for part in (
            *issued_rows("2009-07-09", place, "yellow", 1, "2009-07-10"),
            *issued_rows("2009-07-09", place, "yellow", 5, "2009-07-14"),
        )
    ]
    issued = pd.DataFrame(rows)
    known = record.sel(time=slice(None, "2009-07-11"))
    definition = Definition(normals, _options())
    held = issued.assign(outcome=outcomes_of_rows(HEAT, definition, known, issued))
    first = held.query("level == 1").set_index(["location", "lead_days"])["outcome"]
    assert first["place_0", 1] == 1 and first["place_1", 1] == 0
    assert np.isnan(first["place_0", 5]) and np.isnan(first["place_1", 5])
    older = issued_rows("2009-07-09", "place_0", "red", 30, "2009-08-08")  # a lead of before
    gone = issued_rows("2009-07-09", "place_9", "red", 1, "2009-07-10")
    issued = pd.concat([issued, pd.DataFrame(older + gone)], ignore_index=True)
    held = issued.assign(outcome=outcomes_of_rows(HEAT, definition, known, issued))
    assert held["outcome"].iloc[-6:].isna().all()
    found = row(trigger_table([issued_bench(HEAT, held)]), "yellow", 1)
    assert found["stage"] == "issued" and found["hit_rate"] == 1
    assert found["false_alarm_ratio"] == 0.5 and np.isnan(found["fires_low"])


def _options():
    from features.hazards import Options

    return Options((5, 10), {})
