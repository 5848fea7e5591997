"""Trees on top of the regression: they must earn their rounds, and a greater threshold is never
likelier."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from features.build import delays_of
from features.hazards import Cell, Hazard, Options
from models.boosting import add_trees, fit_boosters, tree_inputs
from models.state_model import fit_regression, model_spec, step_log_odds
from models.training import TrainingSet, build_training_set

ALL_YEAR = Options(warm_season=(1, 12))


@pytest.fixture
def heat(with_cells: Callable[..., Hazard]) -> Hazard:
    return with_cells("heat", Cell(0, 1), Cell(1, 1))


def record(planted: bool, years: int = 14, places: int = 3, seed: int = 0) -> xr.Dataset:
    """Tmax without memory; where ``planted``, wind far from its mean makes the next day hotter.

    Far to either side: on average a straight line sees nothing.
    """
    rng = np.random.default_rng(seed)
    times = pd.date_range("1990-01-01", periods=round(years * 365.2425)).as_unit("ns")
    shape = (len(times), places)
    wind, humidity = rng.normal(5, 1, shape), rng.normal(60, 8, shape)
    hotter = 6.0 * (abs(wind - 5) > 1.2) if planted else np.zeros(shape)
    tmax = 25 + 3 * rng.normal(size=shape)
    tmax[1:] += hotter[:-1]
    values = {"air_temperature_max": tmax, "wind_speed": wind, "relative_humidity": humidity}
    return xr.Dataset(
        {
            name: (("time", "location"), part.astype(np.float32), {"delay_days": 1})
            for name, part in values.items()
        },
        {"time": times, "location": [f"place_{number}" for number in range(places)]},
    )


def learnt(hazard: Hazard, planted: bool) -> tuple[TrainingSet, xr.Dataset, dict]:
    observations = record(planted)
    training = build_training_set(
        hazard, observations, observations, delays_of(observations), ALL_YEAR
    )
    regression = fit_regression(hazard, training.laid_out, model_spec(hazard))
    days = training.features["init_time"].values
    boosters = fit_boosters(hazard, training.laid_out, regression, days, 3)
    return training, regression, boosters


def test_a_curve_no_straight_line_can_see_earns_rounds_and_skill(heat: Hazard) -> None:
    training, regression, boosters = learnt(heat, planted=True)
    assert boosters[0].num_boosted_rounds() > 10
    odds = step_log_odds(heat, model_spec(heat), regression, training.inputs)
    boosted = add_trees(heat, boosters, training.inputs, odds)
    y = training.issued.values > 0
    ok = np.isfinite(training.issued.values)

    def brier(log_odds: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-log_odds[0, 0]))
        return float(np.mean((p - y[0, 0])[ok[0, 0]] ** 2))

    assert brier(boosted) < 0.95 * brier(odds)
    assert np.array_equal(boosted[:, 1:], odds[:, 1:]) or 1 in boosters or 2 in boosters


def test_noise_earns_none(heat: Hazard) -> None:
    assert learnt(heat, planted=False)[2] == {}


def test_shap_values_sum_to_what_trees_change(heat: Hazard) -> None:
    training, regression, boosters = learnt(heat, planted=True)
    odds = step_log_odds(heat, model_spec(heat), regression, training.inputs)
    boosted = add_trees(heat, boosters, training.inputs, odds)
    blank = np.zeros_like(odds)
    for levels, data, shape in tree_inputs(heat, boosters, training.inputs, blank):
        values = boosters[levels[0]].predict(data, pred_contribs=True)
        finite = np.isfinite(odds[:, levels])
        change = boosted[:, levels][finite] - odds[:, levels][finite]
        summed = values.sum(axis=1).reshape(shape)[finite]
        assert summed == pytest.approx(change, abs=1e-4) and abs(change).max() > 0.1


def test_rounds_that_are_given_are_taken_and_the_same_cases_give_the_same_trees(
    heat: Hazard,
) -> None:
    training, regression, _ = learnt(heat, planted=True)
    days = training.features["init_time"].values
    one, two = (
        fit_boosters(heat, training.laid_out, regression, days, 3, {0: 7}) for _ in range(2)
    )
    assert {step: booster.num_boosted_rounds() for step, booster in one.items()} == {0: 7}
    assert one[0].save_raw("json") == two[0].save_raw("json")


def test_a_greater_threshold_is_never_likelier(with_cells: Callable[..., Hazard]) -> None:
    """Of a hazard whose levels share a quantity: the booster itself falls in c."""
    river = with_cells("river_flood", Cell(0, 1), Cell(1, 1))
    rng = np.random.default_rng(1)
    times = pd.date_range("1990-01-01", periods=25 * 365).as_unit("ns")
    rain = np.where(rng.random((len(times), 1)) < 0.3, rng.gamma(0.8, 9.0, (len(times), 1)), 0.0)
    flow = np.ones_like(rain)
    for day in range(1, len(times)):
        flow[day] = 0.8 * flow[day - 1] + 0.2 + 0.3 * rain[day]
    observations = xr.Dataset(
        {
            "river_discharge": (("time", "location"), flow, {"delay_days": 1}),
            "precipitation": (("time", "location"), rain, {"delay_days": 1}),
        },
        {"time": times, "location": ["here"]},
    )
    training = build_training_set(
        river, observations, observations, delays_of(observations), Options()
    )
    regression = fit_regression(river, training.laid_out, model_spec(river))
    days = training.features["init_time"].values
    boosters = fit_boosters(river, training.laid_out, regression, days, 1, {0: 40})
    blank = np.zeros((2, 3, len(days), 1))
    boosted = add_trees(river, boosters, training.inputs, blank)
    assert (np.diff(boosted, axis=1) <= 1e-6).all() and boosted.std() > 0
