"""Stages K and N on the same days: rows, verdicts, weights by rolling origin; and what is published of both."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from province import Made, make
from scipy.special import expit

from configs import Region
from features.hazards import LEVELS, Cell, Hazard, hazards
from models.backtest import backtest
from models.predict import Weather, predict
from models.scores import COLUMNS, assess
from models.stages import Assessment, assess_weather, live_weights, publish_both, together
from models.train import fit

DIMS = ("cell", "level", "init_time", "location")


def backtested(
    years: int = 3, skill: float = 1.0, first: int = 2010, seed: int = 0, rare: float = 0.0
) -> xr.Dataset:
    """A heat backtest of ten years of which the last ``years`` have forecasts that know the share ``skill`` of the log-odds."""
    random = np.random.default_rng(seed)
    days = np.concatenate(
        [
            pd.date_range(
                f"{first - 10 + years + y}-05-01", f"{first - 10 + years + y}-10-31"
            ).values
            for y in range(10)
        ]
    )
    days = days.astype("datetime64[ns]")
    shape = (len(hazards()["heat"].cells), len(days), 1)
    signal = random.normal(0, 2.0, shape)
    offsets = np.array([1.5, 3.0, 4.5]) + rare
    chance = np.cumprod(np.stack([expit(signal - offset) for offset in offsets], axis=1), axis=1)
    outcome = (random.random((shape[0], 1, *shape[1:])) < chance).astype(float)
    usual = np.broadcast_to(outcome.mean(axis=(0, 2, 3))[None, :, None, None], outcome.shape)
    weather = np.cumprod(
        np.stack([expit(skill * signal - offset) for offset in offsets], axis=1), axis=1
    )
    weather[:, :, days < np.datetime64(f"{first}-01-01")] = np.nan
    numbers = {
        "model": usual,
        "persistence": usual,
        "climatology": usual,
        "climatology_smoothed": usual,
    }
    arrays = {
        name: (DIMS, part.astype(np.float32))
        for name, part in {**numbers, "outcome": outcome, "weather": weather}.items()
    }
    made = xr.Dataset(arrays, {"level": list(LEVELS), "init_time": days, "location": ["here"]})
    made = made.assign_attrs(hazard="heat", delay_days=1, warm_season=[5, 10])
    return made.assign(both=(DIMS, together(hazards()["heat"], made, 1).astype(np.float32)))


def judged(made: xr.Dataset, region: Region) -> Assessment:
    known = assess({"heat": made}, region, {})
    return Assessment(known, assess_weather({"heat": made}, known))


def test_forecasts_that_know_are_published_as_skilful_and_scored_on_their_own_days(
    made_region: Region,
) -> None:
    made = backtested()
    found = judged(made, made_region)
    assert set(found.weather["stage"]) == {"K", "N", "both"}
    row = found.table.query("level == 1 and lead_days == 0 and window_days == 1").iloc[0]
    assert row["verdict"] == "skilful"
    assert (
        row["n"]
        == np.isfinite(made["both"].values[0, 0]).sum()
        < np.isfinite(made["outcome"].values[0, 0]).sum()
    )
    outcome, both = (made[name].values[0, 0].astype(float) for name in ("outcome", "both"))
    assert row["brier"] == pytest.approx(np.nanmean((both - outcome) ** 2))
    assert list(found.table.columns) == list(COLUMNS)


def test_the_rows_of_a_table_stand_where_they_stood(made_region: Region) -> None:
    found = judged(backtested(), made_region)
    keys = ["hazard", "level", "lead_days", "window_days"]
    pd.testing.assert_frame_equal(found.table[keys], found.known[keys])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_forecasts_that_know_nothing_are_left_out(made_region: Region, seed: int) -> None:
    """Noise of the same spread, unrelated to what happens: far worse than the calendar, so K stands."""
    made = backtested(seed=seed)
    noise = made["weather"].values[:, :, ::-1].copy()
    noise[np.isnan(made["weather"].values)] = np.nan
    noise = np.where(
        np.isnan(noise), np.where(np.isnan(made["weather"].values), np.nan, 0.5), noise
    )
    blind = made.assign(weather=(DIMS, noise))
    blind = blind.assign(both=(DIMS, together(hazards()["heat"], blind, 1).astype(np.float32)))
    assert "skilful" not in set(judged(blind, made_region).table["verdict"])


def test_one_season_of_forecasts_is_provisional(made_region: Region) -> None:
    found = judged(backtested(years=1), made_region)
    rows = found.table.query("level == 1")
    assert set(rows["verdict"]) == {"provisional"}
    assert found.weather.query("stage == 'both' and level == 1")["published"].all()


def test_few_events_are_provisional_however_long_the_archive(made_region: Region) -> None:
    found = judged(backtested(years=4, rare=4.0), made_region)
    both = found.weather.query("stage == 'both' and n_events < 10")
    assert len(both) and "skilful" not in set(both["verdict"])
    assert (both["published"] == (both["verdict"] == "provisional")).all()


def test_without_forecasts_nothing_changes(made_region: Region) -> None:
    plain = backtested().drop_vars(["weather", "both"])
    found = judged(plain, made_region)
    assert found.weather.empty
    pd.testing.assert_frame_equal(found.table, found.known)


def test_weights_are_learnt_from_the_past_alone() -> None:
    """What happens from a day on changes nothing of what both stages say until then."""
    made = backtested()
    cut = np.datetime64("2011-07-20", "ns")
    late = made["init_time"].values >= cut
    other = made.assign(
        outcome=(DIMS, np.where(late[:, None], 1 - made["outcome"].values, made["outcome"].values))
    )
    one, two = (together(hazards()["heat"], part, 1)[:, :, ~late] for part in (made, other))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(
        *(together(hazards()["heat"], part, 1)[:, :, late] for part in (made, other)),
        equal_nan=True,
    )


def test_levels_of_both_stages_and_their_mixture_are_nested() -> None:
    made = backtested()
    both = made["both"].values[:, :, np.isfinite(made["both"].values).all(axis=(0, 1, 3))]
    assert (np.diff(both, axis=1) <= 1e-6).all()
    said = np.array([0.3, 0.2, 0.1])
    np.testing.assert_array_equal(
        publish_both(said, np.array([0.6, 0.5, 0.4]), np.array([False, True, False])),
        [0.3, 0.3, 0.1],
    )
    np.testing.assert_array_equal(
        publish_both(said, np.array([0.05, 0.04, 0.4]), np.array([True, False, False])),
        [0.2, 0.2, 0.1],
    )


# The whole of it, on an exercise of two places


@pytest.fixture(scope="module")
def rich() -> Made:
    return make(
        81_021,
        ids=("coast", "plain"),
        first=np.datetime64("2007-06-01"),
        until=np.datetime64("2011-12-31"),
    )


@pytest.fixture
def heat(with_cells: Callable[..., Hazard]) -> Hazard:
    return with_cells("heat", Cell(0, 1), Cell(2, 1), Cell(0, 3))


@pytest.fixture(scope="module")
def region(made_region: Region) -> Region:
    return made_region.model_copy(update={"warm_season": (5, 10)})


def located(made: Made) -> xr.Dataset:
    return made.observations.assign_coords(latitude=("location", [35.28, 34.92]))


def test_a_record_rich_in_forecasts_is_assessed_with_and_without_them(
    rich: Made, heat: Hazard, region: Region
) -> None:
    """16 years of observations, 4 of forecasts: both stages beat K at lead 0 by far; what comes later changes nothing."""
    record = located(rich)
    out_of_fold = backtest(heat, record, region, rich.forecasts)
    plain = backtest(heat, record, region)
    xr.testing.assert_identical(out_of_fold.drop_vars(["weather", "both"]), plain)
    found = Assessment(
        known := assess({"heat": out_of_fold}, region, {}),
        assess_weather({"heat": out_of_fold}, known),
    )
    stages = found.weather.query("level == 1 and lead_days == 0 and window_days == 1").set_index(
        "stage"
    )
    assert stages.loc["both", "bss_climatology"] > stages.loc["K", "bss_climatology"] + 0.15
    assert stages.loc["both", "verdict"] in ("skilful", "provisional")

    model = fit(heat, record, region)
    weather = Weather(rich.forecasts, found.weather, {"heat": out_of_fold})
    issued = date(2011, 7, 15)

    def said(part: Weather | None) -> xr.Dataset:
        return predict(
            {"heat": model}, found.known, record, region, issued, {"heat": "1"}, None, part
        )

    with_forecasts, without = said(weather), said(None)
    use = with_forecasts["stage"].values == "N"
    assert use[0, 0].all()
    assert set(with_forecasts["verdict"].values[use]) <= {"skilful", "provisional"}
    assert np.isnan(with_forecasts["probability_low"].values[use]).all()
    np.testing.assert_array_equal(
        with_forecasts["probability"].values[~use], without["probability"].values[~use]
    )
    assert (np.diff(with_forecasts["probability"].values, axis=1) <= 1e-9).all()
    why = with_forecasts["contribution"].sel(cause="the weather forecast").values
    assert (why[use] != 0).any()
    assert "have their say" in json.loads(with_forecasts.attrs["notes"])[0]
    cut = rich.forecasts.sel(init_time=slice(None, "2011-07-15"))
    xr.testing.assert_identical(
        said(Weather(cut, found.weather, weather.backtests)), with_forecasts
    )

    dark = rich.forecasts.sel(init_time=slice(None, "2011-07-05"))
    fallen = said(Weather(dark, found.weather, weather.backtests))
    np.testing.assert_array_equal(fallen["probability"].values, without["probability"].values)
    assert (
        "no weather forecast could be used at coast, plain"
        in json.loads(fallen.attrs["degraded"])[0]
    )


def test_before_anything_was_backtested_stage_n_is_trusted_and_provisional(
    rich: Made, heat: Hazard, region: Region
) -> None:
    weights = live_weights(None, 3)
    np.testing.assert_array_equal(weights.sel(weight="weather").values, 1.0)
    np.testing.assert_array_equal(weights.sel(weight="known").values, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [81_051, 81_052, 81_053])
def test_where_forecasts_know_nothing_no_skill_is_claimed(
    seed: int, heat: Hazard, region: Region
) -> None:
    """Weather without memory and forecasts without skill: nothing can be known, and nothing is published as skilful."""
    blind = make(
        seed,
        ("no_forecast_skill", "no_memory", "no_trend"),
        ids=("coast", "plain"),
        first=np.datetime64("2007-06-01"),
    )
    out_of_fold = backtest(heat, located(blind), region, blind.forecasts)
    known = assess({"heat": out_of_fold}, region, {})
    assert "skilful" not in set(
        Assessment(known, assess_weather({"heat": out_of_fold}, known)).table["verdict"]
    )
