from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.signal import lfilter

import models.quantiles as quantiles
from features.build import build_features, delays_of
from features.hazards import Cell, Hazard, Options, always, hazards
from models.quantiles import (
    BLOCKS,
    QUANTILES,
    SEASONS,
    Outlook,
    conformal_offsets,
    fit_outlook,
    grade_outlook,
    load_outlook,
    pinball,
    predict_outlook,
    save_outlook,
    usual_outlook,
)

ALL_YEAR = Options(warm_season=(1, 12))
POINTS = 0.03


@dataclass(frozen=True)
class Lesson:
    """A hazard's outlook of a record's first days, and all that is needed to ask it about later ones."""

    hazard: Hazard
    outlook: Outlook
    normals: xr.Dataset
    later: xr.Dataset
    past: xr.Dataset
    options: Options

    def said(self, outlook: Outlook | None = None) -> xr.DataArray:
        return predict_outlook(
            outlook or self.outlook, self.hazard, self.later, self.normals, self.options
        )


def taught(
    hazard: Hazard, record: xr.Dataset, until: str, options: Options, later_step: int = 1
) -> Lesson:
    train = record.sel(time=slice(None, until))
    normals, days = (
        hazard.fit_normals(train, options),
        train["time"].values[400 :: hazard.issue_step_days],
    )
    features = build_features(hazard, train, normals, days, delays_of(record), options).compute()
    outlook = fit_outlook(
        hazard, features, hazard.history(train, normals, options), normals, options
    )
    assert outlook is not None
    after = record["time"].values[train.sizes["time"] :: later_step]
    later = build_features(hazard, record, normals, after, delays_of(record), options).compute()
    return Lesson(
        hazard, outlook, normals, later, hazard.history(record, normals, options), options
    )


def seasonal_tmax(years: int, places: int, seed: int) -> xr.Dataset:
    """Tmax (degC) with memory 0.7, whose deviation is 2 in July and 6 in January; skewed, so that no normal law fits."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("1950-01-01", periods=round(years * 365.2425)).as_unit("ns")
    season = np.cos(2 * np.pi * (times.day_of_year.to_numpy() - 15) / 365.25)[:, None]
    anomaly = lfilter(
        [np.sqrt(1 - 0.7**2)],
        [1, -0.7],
        rng.gamma(2.0, 1 / np.sqrt(2), (len(times), places)) - np.sqrt(2),
        axis=0,
    )
    values = (22 - 8 * season + (4 + 2 * season) * anomaly).astype(np.float32)
    coords = {"time": times, "location": [f"place_{number}" for number in range(places)]}
    return xr.Dataset(
        {"air_temperature_max": (("time", "location"), values, {"delay_days": 1})}, coords
    )


def taught_few_cells(name: str, record: xr.Dataset, until: str) -> Lesson:
    """A lesson of the leads of 0 and 3 days, and of a window that has no outlook."""
    cells = (Cell(0, 1), Cell(3, 1), Cell(0, 3))
    hazard = replace(hazards()[name], cells=cells, applies=always(cells))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module(f"features.hazards.{name}"), "CELLS", cells)
        return taught(hazard, record, until, ALL_YEAR)


def seasonal_lesson() -> Lesson:
    """30 years learnt from and 30 later ones, at two places."""
    return taught_few_cells("heat", seasonal_tmax(60, 2, seed=5), "1979-12-31")


@pytest.fixture(scope="module")
def seasonal() -> Lesson:
    return seasonal_lesson()


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "MOST_ROWS", 1_500)


def by_season(graded: pd.DataFrame) -> pd.DataFrame:
    """Coverage by season, leads together."""
    assert (graded["n"] > 1000).all()
    return graded.groupby("season")[["inside_90", "inside_50", "pinball"]].mean().loc[list(SEASONS)]


def test_intervals_cover_what_they_say_in_each_season_of_later_years(seasonal: Lesson) -> None:
    covered = by_season(grade_outlook(seasonal.said(), seasonal.past))
    assert covered["inside_90"].to_numpy() == pytest.approx(0.9, abs=POINTS)
    assert covered["inside_50"].to_numpy() == pytest.approx(0.5, abs=POINTS)


def test_each_lead_covers_what_it_says_too(seasonal: Lesson) -> None:
    graded = (
        grade_outlook(seasonal.said(), seasonal.past)
        .groupby("lead_days")[["inside_90", "inside_50"]]
        .mean()
    )
    assert list(graded.index) == [0, 3]
    assert graded["inside_90"].to_numpy() == pytest.approx(0.9, abs=POINTS)
    assert graded["inside_50"].to_numpy() == pytest.approx(0.5, abs=POINTS)


def graded_bare(lesson: Lesson) -> pd.DataFrame:
    """How the lesson's outlook fares without its shifts."""
    bare = replace(
        lesson.outlook,
        learnt=lesson.outlook.learnt.assign(offset=lesson.outlook.learnt["offset"] * 0),
    )
    return grade_outlook(lesson.said(bare), lesson.past)


def test_without_the_shifts_coverage_is_worse(seasonal: Lesson) -> None:
    shifted, bare = (
        np.abs(graded[["inside_90", "inside_50"]].to_numpy() - [0.9, 0.5])
        for graded in (grade_outlook(seasonal.said(), seasonal.past), graded_bare(seasonal))
    )
    assert bare.mean() > 1.5 * shifted.mean()
    assert bare.max() > POINTS > shifted.max()


def test_the_shifts_give_even_overfitted_trees_their_coverage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rash = {
        **quantiles.PARAMETERS,
        "max_depth": 8,
        "min_child_weight": 1.0,
        "eta": 0.5,
        "lambda": 0.0,
    }
    for name, value in (("PARAMETERS", rash), ("ROUNDS", (0, 80)), ("MOST_ROWS", 6_000)):
        monkeypatch.setattr(quantiles, name, value)
    monkeypatch.setattr(quantiles, "_choose_rounds", lambda rows, *rest: np.full(3, 80))
    lesson = seasonal_lesson()
    shifted, bare = (
        by_season(grade_outlook(lesson.said(), lesson.past)),
        by_season(graded_bare(lesson)),
    )
    assert (bare["inside_90"] < 0.85).all()
    assert shifted["inside_90"].to_numpy() == pytest.approx(0.9, abs=POINTS)
    assert shifted["inside_50"].mean() == pytest.approx(0.5, abs=POINTS)


def test_high_quantiles_of_rain_are_exceeded_as_often_as_they_say(
    flat_record: Callable[..., xr.Dataset],
) -> None:
    lesson = taught_few_cells(
        "flash_flood", flat_record("precipitation", years=45, places=2, seed=8), "2012-12-31"
    )
    said = lesson.said().isel(cell=[0, 1]).sel(init_time=slice("2013-01-05", "2034-12-20"))
    valid = said["init_time"].values + said["lead_days"].values[:, None].astype("timedelta64[D]")
    actual, season = (
        lesson.past["value"].sel(time=xr.DataArray(valid, dims=("cell", "init_time"))),
        quantiles._season(valid),
    )
    below = (actual.transpose("cell", "init_time", "location").values <= said.values + 1e-4).mean(
        axis=-1
    )
    shares = [
        [below[3:, cell, season[cell] == number].mean(axis=-1) for cell in (0, 1)]
        for number in range(len(SEASONS))
    ]
    quartile, high = np.moveaxis(np.array(shares), -1, 0)  # each (season, lead)
    assert high == pytest.approx(np.full((4, 2), 0.95), abs=POINTS)
    # 0.8^3 = 0.51 of 3-day sums are dry; after two dry days 0.8 are, so that nothing can be below the third quartile at lead 0
    assert quartile[:, 1].mean() == pytest.approx(0.75, abs=POINTS)
    assert quartile[:, 0].mean() >= 0.75 - POINTS


def test_the_outlook_knows_more_than_the_calendar_where_there_is_memory(seasonal: Lesson) -> None:
    usual = usual_outlook(
        seasonal.outlook, seasonal.hazard, seasonal.later, seasonal.normals, seasonal.options
    )
    ours, theirs = (
        grade_outlook(made, seasonal.past).groupby("lead_days")["pinball"].mean()
        for made in (seasonal.said(), usual)
    )
    gain = 1 - ours / theirs
    # of a quantile loss, memory r takes 1 - sqrt(1 - r^2) where the law is normal: r = 0.7 at lead 0 0.29, 0.7^4 at lead 3 0.03
    assert gain.loc[0] == pytest.approx(0.29, abs=0.05)
    assert 0.0 < gain.loc[3] < 0.06


def test_windows_of_several_days_have_no_outlook(seasonal: Lesson) -> None:
    said = seasonal.said()
    assert said.dims == ("quantile", "cell", "init_time", "location")
    assert np.isfinite(said.isel(cell=[0, 1])).all()
    assert np.isnan(said.isel(cell=2)).all()


@pytest.mark.parametrize("name", sorted(hazards()))
def test_quantiles_never_cross_and_are_possible(
    name: str, made_record: Callable[..., xr.Dataset], few_rows: None
) -> None:
    lesson = taught(
        hazards()[name],
        made_record(years=9, places=2, seed=3),
        "1997-12-31",
        ALL_YEAR,
        later_step=9,
    )
    said = lesson.said()
    known = said.values[:, np.isfinite(said.values).all(axis=0)]
    assert (
        known.size > 0
        and np.isnan(said.values).any(axis=0).sum() == np.isnan(said.values).all(axis=0).sum()
    )
    assert (np.diff(known, axis=0) >= 0).all() and (known[-1] > known[0]).any()
    least, most = {
        "flash_flood": (0, 500),
        "river_flood": (0, 1000),
        "drought": (-3, 3),
        "heat": (-30, 60),
    }[name]
    assert known.min() >= least and known.max() <= most


@pytest.mark.parametrize("name", sorted(hazards()))
def test_a_place_without_a_record_has_no_outlook_and_does_not_change_the_others(
    name: str, made_record: Callable[..., xr.Dataset], few_rows: None
) -> None:
    record = made_record(years=8, places=1, seed=4)
    empty = (record * np.nan).assign_coords(location=["nowhere"])
    both = xr.concat([record, empty], dim="location", coords="different", compat="equals")
    for variable in both.data_vars:
        both[variable].attrs["delay_days"] = 1
    alone, beside = (
        taught(hazards()[name], part, "1996-12-31", ALL_YEAR, later_step=9)
        for part in (record, both)
    )
    assert np.isnan(beside.said().sel(location="nowhere")).all()
    np.testing.assert_array_equal(
        beside.said().sel(location="place_0"), alone.said().sel(location="place_0")
    )


def test_nothing_is_said_where_the_newest_value_or_the_place_is_unknown(seasonal: Lesson) -> None:
    later = seasonal.later.isel(init_time=slice(0, 20)).copy(deep=True)
    later["tmax_anomaly_1d"][7] = np.nan
    said = predict_outlook(
        seasonal.outlook, seasonal.hazard, later, seasonal.normals, seasonal.options
    )
    assert (
        np.isnan(said.isel(init_time=7)).all() and np.isfinite(said.isel(init_time=8, cell=0)).all()
    )
    elsewhere = predict_outlook(
        seasonal.outlook,
        seasonal.hazard,
        later.assign_coords(location=["far", "away"]),
        seasonal.normals,
        seasonal.options,
    )
    assert np.isnan(elsewhere).all()


def test_nothing_is_said_where_the_hazard_cannot_strike(seasonal: Lesson) -> None:
    strikes = np.ones((3, seasonal.later.sizes["init_time"], 2))
    strikes[1, 10:20, 1], strikes[0, 5] = 0, np.nan
    out_of_season = replace(seasonal.hazard, applies=lambda times, normals, options: strikes)
    said = predict_outlook(
        seasonal.outlook, out_of_season, seasonal.later, seasonal.normals, seasonal.options
    )
    np.testing.assert_array_equal(np.isfinite(said.values[:, :2]).all(axis=0), strikes[:2] == 1)


def test_what_is_saved_says_the_same(seasonal: Lesson, tmp_path: Path) -> None:
    save_outlook(seasonal.outlook, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outlook.json", "outlook.nc"]
    again = load_outlook(tmp_path)
    xr.testing.assert_identical(again.learnt, seasonal.outlook.learnt)
    np.testing.assert_array_equal(seasonal.said(again), seasonal.said())


def test_a_place_is_spoken_of_the_same_with_and_without_the_others(seasonal: Lesson) -> None:
    one = seasonal.later.isel(location=[1])
    alone = predict_outlook(
        seasonal.outlook,
        seasonal.hazard,
        one,
        seasonal.normals.isel(location=[1]),
        seasonal.options,
    )
    np.testing.assert_array_equal(alone.isel(location=0), seasonal.said().isel(location=1))


def test_a_block_of_years_is_foretold_by_what_did_not_see_it(few_rows: None) -> None:
    rng, count = np.random.default_rng(0), 3000
    days = pd.date_range("1990-01-01", periods=count).to_numpy()
    x = rng.normal(size=(count, 2)).astype(np.float32)
    zero = np.zeros(count, dtype=np.int64)
    rows = quantiles._Rows(x, x[:, 0].astype(float), zero, zero, days, days)
    y = 2.0 * x[:, 0] + rng.normal(size=count)
    changed = np.where(quantiles.year_blocks(days, BLOCKS) == 2, 50.0 - y, y)
    before, after = (
        quantiles._outside(
            rows,
            values,
            xr.DataArray(
                values[:, None], {"time": days, "location": ["here"]}, ("time", "location")
            ),
            1,
            30,
        )
        for values in (y, changed)
    )
    held = quantiles.year_blocks(days, BLOCKS) == 2
    np.testing.assert_array_equal(before[:, held], after[:, held])
    assert (before[:, ~held] != after[:, ~held]).any()


def test_too_short_a_record_has_no_outlook(
    made_record: Callable[..., xr.Dataset], few_rows: None
) -> None:
    record, heat = made_record(years=5, seed=1), hazards()["heat"]
    normals = heat.fit_normals(record, ALL_YEAR)
    features = build_features(
        heat, record, normals, record["time"].values[400:], delays_of(record), ALL_YEAR
    ).compute()
    assert (
        fit_outlook(heat, features, heat.history(record, normals, ALL_YEAR), normals, ALL_YEAR)
        is None
    )


def test_a_hazard_without_a_quantity_has_no_outlook(seasonal: Lesson) -> None:
    without = replace(seasonal.hazard, outlook=None)
    assert (
        fit_outlook(without, seasonal.later, seasonal.past, seasonal.normals, seasonal.options)
        is None
    )


@pytest.mark.parametrize(
    "name", sorted(name for name, hazard in hazards().items() if hazard.outlook)
)
def test_scales_rise_and_come_back(name: str) -> None:
    quantity = hazards()[name].outlook
    assert quantity is not None and quantity.start in hazards()[name].features
    possible = np.linspace(-3, 3, 50) if name == "drought" else np.linspace(0, 400, 50)
    assert (np.diff(quantity.scale(possible)) > 0).all()
    np.testing.assert_allclose(quantity.back(quantity.scale(possible)), possible, atol=1e-9)
    assert np.isnan(quantity.back(quantity.scale(np.array([np.nan])))).all()


def test_shifts_are_the_order_statistics_that_cover_a_new_day() -> None:
    # 99 errors 1..99: ranks (99 + 1) q = 5, 25, 50, 75, 95
    errors = np.repeat(
        np.random.default_rng(0).permutation(np.arange(1.0, 100.0))[:, None], len(QUANTILES), axis=1
    )
    assert conformal_offsets(errors).tolist() == [5, 25, 50, 75, 95]
    # 10 errors: ranks 0.55, 2.75, 5.5, 8.25, 10.45 away from the median: at least 1, 2, 6, 9, at most 10
    assert conformal_offsets(errors[:10] * 0 + np.arange(1.0, 11.0)[:, None]).tolist() == [
        1,
        2,
        6,
        9,
        10,
    ]


def test_pinball_is_the_mean_quantile_loss() -> None:
    # actual 2 above all: 2 * (.05 + .25 + .5 + .75 + .95) / 5 = 1; 2 below all: 2 * (.95 + .75 + .5 + .25 + .05) / 5 = 1
    assert pinball(np.zeros((2, 5)), np.array([2.0, -2.0])).tolist() == pytest.approx([1.0, 1.0])
    # only the 95 % quantile is off, 1 above the outcome: (1 - .95) / 5
    assert pinball(
        np.array([[3.0, 3.0, 3.0, 3.0, 4.0]]), np.array([3.0])
    ).tolist() == pytest.approx([0.01])
