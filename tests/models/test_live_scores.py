"""Live scores: the backtest's own function, an independent recount, and claims on noise."""

from __future__ import annotations

from datetime import date
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from lived import HEAT, USUAL, backtest, draws, marks, season

from features.hazards import hazards
from models.verification import decline
from models.verification.live_scores import COLUMNS, live_sample, live_scores

PAST = backtest(season(2001, 2015), 1)
LIVED = marks(season(2016, 2017), 5_000_000)


def scored(table: pd.DataFrame, today: date = date(2018, 1, 1), past=None) -> pd.DataFrame:
    return live_scores(table, {} if past is None else {"heat": past}, "city", today)


def row(scores: pd.DataFrame, level: int = 1, lead: int = 0, window: int = 1) -> pd.Series:
    at = (scores["level"] == level) & (scores["lead_days"] == lead)
    return scores[at & (scores["window_days"] == window)].iloc[0]


def test_a_plain_recount_of_the_marks_gives_the_same_scores() -> None:
    """pandas alone: Brier is the mean of (p - o)^2, its skill 1 - Brier / Brier of climatology."""
    table = LIVED.assign(colour=np.where(LIVED["probability"] > 0.5, "yellow", "green"))
    late = table["issued"] < "2016-06-01"
    lost = table["issued"] >= "2017-10-01"
    table = table.assign(
        late=late,
        state=np.where(lost, "ungradable", "graded"),
        outcome=table["outcome"].where(~lost),
    )
    scores = scored(table)
    assert list(scores.columns) == list(COLUMNS)
    assert len(scores) == 3 * len(HEAT.cells)
    plain = table[~late & ~lost]
    error = (plain["probability"] - plain["outcome"]) ** 2
    usual = (plain["climatology"] - plain["outcome"]) ** 2
    keys = ["level", "lead_days", "window_days"]
    counted = plain.assign(error=error, usual=usual).groupby(keys)
    ours = scores.set_index(keys)
    np.testing.assert_allclose(ours["brier"], counted["error"].mean())
    np.testing.assert_allclose(
        ours["bss_climatology"], 1 - counted["error"].sum() / counted["usual"].sum()
    )
    assert (ours["n"] == counted.size()).all()
    assert set(ours["late"]) == {31} and set(ours["ungradable"]) == {31}
    first = plain[(plain["level"] == 1) & (plain["lead_days"] == 0) & (plain["window_days"] == 1)]
    shown = first["probability"] > 0.5
    one = row(scores)
    assert one["hits"] == (shown & (first["outcome"] == 1)).sum()
    assert one["false_alarm_ratio"] == pytest.approx(1 - first["outcome"][shown].mean())
    assert one["hit_rate"] == pytest.approx(shown[first["outcome"] == 1].mean())
    assert one["days_a_year"] == pytest.approx(365.25 * shown.mean())
    assert one["issue_days"] == first["issued"].nunique() == 2 * 184 - 31 - 31


def test_days_a_year_are_those_of_the_season() -> None:
    shown = marks(season(2016, 2016)[:40], 3).assign(colour="yellow")
    one = row(scored(shown, past=PAST))
    assert one["days_a_year"] == 184 and one["shown"] == 40


@pytest.mark.parametrize(("years", "told"), [(4, False), (6, True)])
def test_intervals_are_told_from_five_years_on(years: int, told: bool) -> None:
    days = season(2010, 2009 + years)[::7]
    scores = scored(marks(days, 11).assign(colour="yellow")).query("level == 1")
    ends = [name for name in scores if name.endswith(("_low", "_high")) and "backtest" not in name]
    assert scores[ends].notna().all(axis=None) == told
    assert scores[ends].isna().all(axis=None) != told


def test_marks_of_reports_that_kept_no_persistence_are_scored_against_the_calendar() -> None:
    none = dict.fromkeys(("persistence", "model", "climatology_smoothed"), np.nan)
    bare = row(scored(LIVED.assign(**none)))
    whole = row(scored(LIVED))
    assert bare["bss_climatology"] == whole["bss_climatology"]
    assert np.isnan([bare["bss_persistence"], bare["brier_persistence"], bare["brier_model"]]).all()
    half = LIVED.assign(persistence=LIVED["persistence"].where(LIVED["issued"] >= "2017-01-01"))
    kept = row(scored(LIVED[LIVED["issued"] >= "2017-01-01"]))
    assert row(scored(half))["bss_persistence"] == pytest.approx(kept["bss_persistence"])


def test_an_index_is_scored_by_its_lead() -> None:
    drought = hazards()["drought"]
    days = pd.date_range("2016-01-01", "2016-12-31")
    table = marks(days, 1, hazard=drought)
    summer = table["issued"].dt.month.isin([6, 7, 8])
    table = table[(table["window_days"] == 365) == summer]  # each day has one window
    scores = scored(table)
    assert len(scores) == 3 * 3 and (scores["n"] == len(days)).all()


def test_the_p_of_stretches_is_the_share_of_choices_that_are_as_low() -> None:
    random = np.random.default_rng(5)
    own, usual = random.random((2, 9))
    together = np.stack([own, usual + 0.5], axis=1)
    lived, known = together[:2], together[2:]

    def gap(chosen: tuple[int, ...]) -> float:
        rest = [number for number in range(9) if number not in chosen]
        ours, theirs = (together[list(part)].sum(axis=0) for part in (chosen, rest))
        return (1 - ours[0] / ours[1]) - (1 - theirs[0] / theirs[1])

    all_of_them = [gap(chosen) for chosen in combinations(range(9), 2)]
    as_low = sum(one <= gap((0, 1)) + 1e-12 for one in all_of_them)
    assert decline.permutation_p(lived, known) == pytest.approx(as_low / 36)


@pytest.mark.parametrize("years", [1, 3])
def test_on_noise_live_skill_is_no_lower_more_often_than_chance_has_it(years: int) -> None:
    """150 live records that are as good as their backtest: p <= .2 in a fifth of them at most,
    within three standard errors (.10)."""
    low = []
    for seed in range(150):
        past, live = (
            live_sample(one_cell(days, seed + far))
            for days, far in ((season(2001, 2015), 0), (season(2016, 2015 + years), 10_000))
        )
        low.append(decline.p_below(live, past) <= 0.2)
    assert 0.05 < np.mean(low) < 0.30


def one_cell(days: pd.DatetimeIndex, seed: int, sharpness: float = 1.0) -> pd.DataFrame:
    p, outcome = draws(days, seed, sharpness)
    return pd.DataFrame(
        {
            "issued": days, "probability": p[:, 0], "outcome": outcome[:, 0],
            **dict.fromkeys(("climatology", "climatology_smoothed", "persistence"), USUAL),
        }
    )  # fmt: skip


def test_the_same_families_claim_on_noise_nothing_and_on_a_worse_forecaster_all() -> None:
    noise = scored(LIVED, past=PAST)
    assert not noise["below"].any()
    worse = scored(marks(season(2016, 2017), 9_000_000, sharpness=0.3), past=PAST)
    assert worse["below"].all()
    assert (worse["bss_climatology"] < worse["backtest_bss_low"]).all()
    assert worse["p_below"].max() <= 0.1


def test_it_is_judged_once_a_month_by_what_was_closed_before() -> None:
    days = season(2016, 2016)
    table = marks(days, 5_000_000)
    first, later = (scored(table, date(2016, 9, day), PAST)["p_below"] for day in (1, 30))
    pd.testing.assert_series_equal(first, later)
    assert not first.equals(scored(table, date(2016, 10, 1), PAST)["p_below"])
    few = scored(table[table["issued"] < "2016-05-20"], date(2016, 7, 1), PAST)
    assert not few["below"].any()  # fewer than 30 days are not judged


def test_days_that_are_live_are_not_the_past_they_are_held_against() -> None:
    both = backtest(season(2001, 2017), 1)
    early = both.sel(init_time=both["init_time"] < np.datetime64("2016-01-01"))
    for name in ("backtest_bss", "p_below"):
        assert row(scored(LIVED, past=both))[name] == row(scored(LIVED, past=early))[name]
