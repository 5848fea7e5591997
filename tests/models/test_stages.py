"""State and weather model on the same days: rows, verdicts, weights by rolling origin."""

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
from features.build import cell_coordinates
from features.hazards import LEVELS, Cell, Hazard, hazards
from models.predict import ForecastRequest, predict
from models.publishing import publish, yearly_weights
from models.stages import Assessment, assess_weather, blend_weights, together, with_weather
from models.training import fit_model
from models.verification.backtest import backtest
from models.verification.scores import COLUMNS, assess

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
    made = made.assign_coords(cell_coordinates(hazards()["heat"]))
    return published(made.assign_attrs(hazard="heat", delay_days=1, warm_season=[5, 10]))


def published(made: xr.Dataset) -> xr.Dataset:
    """A backtest with the numbers published, without forecasts and with them."""
    heat = hazards()["heat"]
    number = publish(yearly_weights(heat, made), made).astype(np.float32)
    return with_weather(heat, made.assign(published=(DIMS, number)))


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
    blind = published(made.assign(weather=(DIMS, noise)))
    assert not {"skilful", "known"} & set(judged(blind, made_region).table["verdict"])


def test_one_season_of_forecasts_is_provisional(made_region: Region) -> None:
    found = judged(backtested(years=1), made_region)
    rows = found.table.query("level == 1")
    assert set(rows["verdict"]) == {"provisional"}
    assert found.weather.query("stage == 'both' and level == 1")["published"].all()


def test_few_events_are_provisional_however_long_the_archive(made_region: Region) -> None:
    found = judged(backtested(years=4, rare=4.0), made_region)
    both = found.weather.query("stage == 'both' and n_events < 10")
    assert len(both) and set(both["verdict"]) == {"provisional"}


def test_without_forecasts_nothing_changes(made_region: Region) -> None:
    plain = backtested().drop_vars(["weather", "both", "published_with_weather"])
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


def test_what_is_published_with_forecasts_weighs_what_was_known_by_then() -> None:
    """What happens in a month changes nothing that is published in it or in the month after."""
    made = backtested()
    cut = np.datetime64("2011-07-01", "ns")
    late = made["init_time"].values >= cut
    flipped = np.where(late[:, None], 1 - made["outcome"].values, made["outcome"].values)
    other = with_weather(hazards()["heat"], made.assign(outcome=(DIMS, flipped)))
    until = made["init_time"].values < np.datetime64("2011-07-18", "ns")
    one, two = (part["published_with_weather"].values[:, :, until] for part in (made, other))
    np.testing.assert_array_equal(one, two)


def test_levels_of_all_numbers_are_nested() -> None:
    made = backtested()
    for name in ("both", "published", "published_with_weather"):
        values = made[name].values
        whole = values[:, :, np.isfinite(values).all(axis=(0, 1, 3))]
        assert whole.size and (np.diff(whole, axis=1) <= 1e-6).all()


def test_the_gate_is_one_for_all_levels_of_a_cell(made_region: Region) -> None:
    both = judged(backtested(), made_region).weather.query("stage == 'both'")
    assert (both.groupby(["lead_days", "window_days"])["published"].nunique() == 1).all()


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
    added = ["weather", "both", "published_with_weather"]
    xr.testing.assert_identical(out_of_fold.drop_vars(added), plain)
    found = Assessment(
        known := assess({"heat": out_of_fold}, region, {}),
        assess_weather({"heat": out_of_fold}, known),
    )
    stages = found.weather.query("level == 1 and lead_days == 0 and window_days == 1").set_index(
        "stage"
    )
    assert stages.loc["both", "bss_climatology"] > stages.loc["K", "bss_climatology"] + 0.15
    assert stages.loc["both", "verdict"] in ("skilful", "provisional")

    model = fit_model(heat, record, region)
    issued, tested = date(2011, 7, 15), {"heat": out_of_fold}

    def said(forecasts: xr.Dataset | None) -> xr.Dataset:
        return predict(
            ForecastRequest(
                region,
                issued,
                record,
                models={"heat": model},
                backtests=tested,
                assessment=found,
                versions={"heat": "1"},
                forecasts=forecasts,
            )
        )

    with_forecasts, without = said(rich.forecasts), said(None)
    use = with_forecasts["stage"].values == "N"
    assert use[0, 0].all()
    assert set(with_forecasts["verdict"].values[use]) <= {
        "skilful",
        "known",
        "no better than usual",
        "provisional",
    }
    low, chance, high = (
        with_forecasts[name].values[use]
        for name in ("probability_low", "probability", "probability_high")
    )
    assert (low <= chance).all() and (chance <= high).all() and (high > low).any()
    np.testing.assert_array_equal(
        with_forecasts["probability"].values[~use], without["probability"].values[~use]
    )
    assert (np.diff(with_forecasts["probability"].values, axis=1) <= 1e-9).all()
    why = with_forecasts["contribution"].sel(cause="the weather forecast").values
    assert (why[use] != 0).any()
    assert "have their say" in json.loads(with_forecasts.attrs["notes"])[0]
    cut = rich.forecasts.sel(init_time=slice(None, "2011-07-15"))
    xr.testing.assert_identical(said(cut), with_forecasts)

    fallen = said(rich.forecasts.sel(init_time=slice(None, "2011-07-05")))
    np.testing.assert_array_equal(fallen["probability"].values, without["probability"].values)
    assert (
        "no weather forecast could be used at coast, plain"
        in json.loads(fallen.attrs["degraded"])[0]
    )


def test_before_anything_was_backtested_the_weather_model_is_trusted() -> None:
    weights = blend_weights(None, 3)
    np.testing.assert_array_equal(weights.sel(weight="weather").values, 1.0)
    np.testing.assert_array_equal(weights.sel(weight="known").values, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [81_051, 81_052, 81_053])
def test_where_forecasts_know_nothing_no_skill_is_claimed(
    seed: int, heat: Hazard, region: Region
) -> None:
    """Weather without memory, forecasts without skill: nothing can be known or is claimed."""
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
