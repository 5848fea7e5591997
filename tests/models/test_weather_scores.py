"""State and weather model on the same days: rows, verdicts, weights by rolling origin."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from province import Province, make
from scipy.special import expit

from configs import Region
from features.build import cell_coordinates
from features.hazards import LEVELS, Cell, Hazard, hazards
from models.postprocessing.rolling_stacking import (
    add_combined,
    combined_probabilities,
    stacking_weights,
)
from models.predict import ForecastRequest, predict
from models.publishing import publish, yearly_weights
from models.training import fit_model
from models.verification.backtest import backtest
from models.verification.scores import COLUMNS, assess
from models.verification.weather_scores import Assessment, assess_weather

DIMS = ("cell", "level", "init_time", "location")


@cache
def backtested(
    years: int = 3, skill: float = 1.0, first: int = 2010, seed: int = 0, rare: float = 0.0
) -> xr.Dataset:
    """A heat backtest of ten years, the last ``years`` with forecasts; made once, to be read only.

    The forecasts know the share ``skill`` of the log-odds.
    """
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
    probability = np.cumprod(
        np.stack([expit(signal - offset) for offset in offsets], axis=1), axis=1
    )
    outcome = (random.random((shape[0], 1, *shape[1:])) < probability).astype(float)
    climatology = np.broadcast_to(outcome.mean(axis=(0, 2, 3))[None, :, None, None], outcome.shape)
    weather = np.cumprod(
        np.stack([expit(skill * signal - offset) for offset in offsets], axis=1), axis=1
    )
    weather[:, :, days < np.datetime64(f"{first}-01-01")] = np.nan
    numbers = {
        "model": climatology,
        "persistence": climatology,
        "climatology": climatology,
        "climatology_smoothed": climatology,
    }
    arrays = {
        name: (DIMS, part.astype(np.float32))
        for name, part in {**numbers, "outcome": outcome, "weather": weather}.items()
    }
    out_of_fold = xr.Dataset(
        arrays, {"level": list(LEVELS), "init_time": days, "location": ["here"]}
    )
    out_of_fold = out_of_fold.assign_coords(cell_coordinates(hazards()["heat"]))
    return published(out_of_fold.assign_attrs(hazard="heat", delay_days=1, warm_season=[5, 10]))


def published(out_of_fold: xr.Dataset) -> xr.Dataset:
    """A backtest with the numbers published, without forecasts and with them."""
    heat = hazards()["heat"]
    number = publish(yearly_weights(heat, out_of_fold), out_of_fold).astype(np.float32)
    return add_combined(heat, out_of_fold.assign(published=(DIMS, number)))


def assess_both(out_of_fold: xr.Dataset, region: Region) -> Assessment:
    known = assess({"heat": out_of_fold}, region, {})
    return Assessment(known, assess_weather({"heat": out_of_fold}, known))


@pytest.fixture(scope="module")
def assessed(made_region: Region) -> Assessment:
    """Of the usual backtest, to be read only."""
    return assess_both(backtested(), made_region)


def test_forecasts_that_know_are_published_as_skilful_and_scored_on_their_own_days(
    assessed: Assessment,
) -> None:
    out_of_fold, assessment = backtested(), assessed
    assert set(assessment.weather["stage"]) == {"state", "weather", "combined"}
    row = assessment.table.query("level == 1 and lead_days == 0 and window_days == 1").iloc[0]
    assert row["verdict"] == "skilful"
    assert (
        row["n"]
        == np.isfinite(out_of_fold["both"].values[0, 0]).sum()
        < np.isfinite(out_of_fold["outcome"].values[0, 0]).sum()
    )
    outcome, both = (out_of_fold[name].values[0, 0].astype(float) for name in ("outcome", "both"))
    assert row["brier"] == pytest.approx(np.nanmean((both - outcome) ** 2))
    assert list(assessment.table.columns) == list(COLUMNS)


def test_the_rows_of_a_table_stand_where_they_stood(assessed: Assessment) -> None:
    keys = ["hazard", "level", "lead_days", "window_days"]
    pd.testing.assert_frame_equal(assessed.table[keys], assessed.state[keys])


@pytest.mark.parametrize("seed", [1, *(pytest.param(s, marks=pytest.mark.slow) for s in (2, 3))])
def test_forecasts_that_know_nothing_are_left_out(made_region: Region, seed: int) -> None:
    """Noise of the same spread, far worse than the climatology: the state model stands."""
    out_of_fold = backtested(seed=seed)
    noise = out_of_fold["weather"].values[:, :, ::-1].copy()
    noise[np.isnan(out_of_fold["weather"].values)] = np.nan
    noise = np.where(
        np.isnan(noise), np.where(np.isnan(out_of_fold["weather"].values), np.nan, 0.5), noise
    )
    blind = published(out_of_fold.assign(weather=(DIMS, noise)))
    assert not {"skilful", "known"} & set(assess_both(blind, made_region).table["verdict"])


def test_one_season_of_forecasts_is_provisional(made_region: Region) -> None:
    assessment = assess_both(backtested(years=1), made_region)
    rows = assessment.table.query("level == 1")
    assert set(rows["verdict"]) == {"provisional"}
    assert assessment.weather.query("stage == 'combined' and level == 1")["published"].all()


def test_few_events_are_provisional_however_long_the_archive(made_region: Region) -> None:
    assessment = assess_both(backtested(years=4, rare=4.0), made_region)
    both = assessment.weather.query("stage == 'combined' and n_events < 10")
    assert len(both) and set(both["verdict"]) == {"provisional"}


def test_without_forecasts_nothing_changes(made_region: Region) -> None:
    plain = backtested().drop_vars(["weather", "both", "published_with_weather"])
    assessment = assess_both(plain, made_region)
    assert assessment.weather.empty
    pd.testing.assert_frame_equal(assessment.table, assessment.state)


def test_weights_are_learnt_from_the_past_alone() -> None:
    """What happens from a day on changes nothing of what both models say until then."""
    out_of_fold = backtested()
    cut = np.datetime64("2011-07-20", "ns")
    late = out_of_fold["init_time"].values >= cut
    other = out_of_fold.assign(
        outcome=(
            DIMS,
            np.where(
                late[:, None], 1 - out_of_fold["outcome"].values, out_of_fold["outcome"].values
            ),
        )
    )
    first, second = (
        combined_probabilities(hazards()["heat"], part, 1)[:, :, ~late]
        for part in (out_of_fold, other)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(
        *(
            combined_probabilities(hazards()["heat"], part, 1)[:, :, late]
            for part in (out_of_fold, other)
        ),
        equal_nan=True,
    )


@pytest.mark.parametrize(
    ("first", "last"), [("2011-07-01", "2011-07-18"), ("2011-06-21", "2011-07-31")]
)
def test_what_is_published_with_forecasts_weighs_what_was_known_by_then(
    first: str, last: str
) -> None:
    """What happens in a month changes nothing that is published in it.

    What was forecast in its last ten days changes nothing in the month after: on its first day some
    of that has not come yet.
    """
    out_of_fold = backtested()
    cut = np.datetime64(first, "ns")
    late = out_of_fold["init_time"].values >= cut
    flipped = np.where(
        late[:, None], 1 - out_of_fold["outcome"].values, out_of_fold["outcome"].values
    )
    other = add_combined(hazards()["heat"], out_of_fold.assign(outcome=(DIMS, flipped)))
    until = out_of_fold["init_time"].values < np.datetime64(last, "ns")
    one, two = (part["published_with_weather"].values[:, :, until] for part in (out_of_fold, other))
    np.testing.assert_array_equal(one, two)


def test_levels_of_all_numbers_are_nested() -> None:
    out_of_fold = backtested()
    for name in ("both", "published", "published_with_weather"):
        values = out_of_fold[name].values
        whole = values[:, :, np.isfinite(values).all(axis=(0, 1, 3))]
        assert whole.size and (np.diff(whole, axis=1) <= 1e-6).all()


def test_the_gate_is_one_for_all_levels_of_a_cell(assessed: Assessment) -> None:
    both = assessed.weather.query("stage == 'combined'")
    assert (both.groupby(["lead_days", "window_days"])["published"].nunique() == 1).all()


# The whole of it, on an exercise of two places


@pytest.fixture(scope="module")
def rich() -> Province:
    return make(
        81_021,
        ids=("coast", "plain"),
        first=np.datetime64("2008-06-01"),
        until=np.datetime64("2011-10-31"),
    )


@pytest.fixture
def heat(with_cells: Callable[..., Hazard]) -> Hazard:
    return with_cells("heat", Cell(0, 1), Cell(2, 1), Cell(0, 3))


@pytest.fixture(scope="module")
def region(made_region: Region) -> Region:
    return made_region.model_copy(update={"warm_season": (5, 10)})


def located(out_of_fold: Province) -> xr.Dataset:
    return out_of_fold.observations.assign_coords(latitude=("location", [35.28, 34.92]))


def test_a_record_rich_in_forecasts_is_assessed_with_and_without_them(
    rich: Province, heat: Hazard, region: Region, few_replicas: None
) -> None:
    """16 years of observations, 3 of forecasts: the combined model is far better at lead 0.

    What comes later changes nothing.
    """
    record = located(rich)
    out_of_fold = backtest(heat, record, region, rich.forecasts)
    plain = backtest(heat, record, region)
    added = ["weather", "both", "published_with_weather"]
    xr.testing.assert_identical(out_of_fold.drop_vars(added), plain)
    assessment = Assessment(
        known := assess({"heat": out_of_fold}, region, {}),
        assess_weather({"heat": out_of_fold}, known),
    )
    stages = assessment.weather.query(
        "level == 1 and lead_days == 0 and window_days == 1"
    ).set_index("stage")
    assert stages.loc["combined", "bss_climatology"] > stages.loc["state", "bss_climatology"] + 0.15
    assert stages.loc["combined", "verdict"] in ("skilful", "provisional")

    model = fit_model(heat, record, region)
    issued, tested = date(2011, 7, 15), {"heat": out_of_fold}

    def forecast_with(forecasts: xr.Dataset | None) -> xr.Dataset:
        return predict(
            ForecastRequest(
                region,
                issued,
                record,
                models={"heat": model},
                backtests=tested,
                assessment=assessment,
                versions={"heat": "1"},
                forecasts=forecasts,
            )
        )

    with_forecasts, without = forecast_with(rich.forecasts), forecast_with(None)
    use = with_forecasts["stage"].values == "combined"
    assert use[0, 0].all()
    assert set(with_forecasts["verdict"].values[use]) <= {
        "skilful",
        "known",
        "no better than usual",
        "provisional",
    }
    low, probability, high = (
        with_forecasts[name].values[use]
        for name in ("probability_low", "probability", "probability_high")
    )
    assert (low <= probability).all() and (probability <= high).all() and (high > low).any()
    np.testing.assert_array_equal(
        with_forecasts["probability"].values[~use], without["probability"].values[~use]
    )
    assert (np.diff(with_forecasts["probability"].values, axis=1) <= 1e-9).all()
    why = with_forecasts["contribution"].sel(cause="the weather forecast").values
    assert (why[use] != 0).any()
    assert "use weather forecasts" in json.loads(with_forecasts.attrs["notes"])[0]
    cut = rich.forecasts.sel(init_time=slice(None, "2011-07-15"))
    xr.testing.assert_identical(forecast_with(cut), with_forecasts)

    fallen = forecast_with(rich.forecasts.sel(init_time=slice(None, "2011-07-05")))
    np.testing.assert_array_equal(fallen["probability"].values, without["probability"].values)
    assert (
        "no weather forecast could be used at coast, plain"
        in json.loads(fallen.attrs["degraded"])[0]
    )


def test_before_anything_was_backtested_the_weather_model_is_trusted() -> None:
    weights = stacking_weights(None, 3)
    np.testing.assert_array_equal(weights.sel(weight="weather").values, 1.0)
    np.testing.assert_array_equal(weights.sel(weight="state").values, 0.0)


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
