"""The published number: a weighted mean in log-odds, weights by past loss alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from features.build import cell_coordinates
from features.hazards import LEVELS, hazards
from models.publishing import (
    INITIAL_WEIGHTS,
    LEARNING_RATE,
    live_weights,
    losses,
    publish,
    rolling_weights,
    weights_after,
    yearly_weights,
)

HEAT, DROUGHT = hazards()["heat"], hazards()["drought"]
DIMS = ("cell", "level", "init_time", "location")


def backtested(hazard=HEAT, years: int = 4, places: int = 2, seed: int = 0) -> xr.Dataset:
    """A backtest whose model knows each day's true probability; persistence half of it."""
    rng = np.random.default_rng(seed)
    days = np.concatenate(
        [pd.date_range(f"{2000 + y}-06-01", periods=60).values for y in range(years)]
    ).astype("datetime64[ns]")
    shape = (len(hazard.cells), 1, len(days), places)
    signal = rng.normal(0, 1.5, shape)
    offsets = np.array([1.0, 2.0, 3.0])[None, :, None, None]
    truth, half = (expit(share * signal - offsets) for share in (1.0, 0.5))
    outcome = (rng.random(shape) < truth).astype(float)
    usual = np.broadcast_to(outcome.mean(axis=(0, 2, 3), keepdims=True), truth.shape)
    parts = {"model": truth, "persistence": half, "climatology": usual, "outcome": outcome}
    coords = {
        "level": list(LEVELS),
        "init_time": days,
        "location": [f"p{k}" for k in range(places)],
    }
    return xr.Dataset(
        {name: (DIMS, part) for name, part in parts.items()},
        {**coords, **cell_coordinates(hazard)},
    )


def test_weights_begin_as_declared_and_sum_to_one() -> None:
    assert sum(INITIAL_WEIGHTS.values()) == pytest.approx(1.0)
    weights = live_weights(HEAT, None)
    assert weights.shape == (3, len(HEAT.cells), 1, 1, 1)
    assert weights[:, 0, 0, 0, 0] == pytest.approx(list(INITIAL_WEIGHTS.values()))


def test_a_unit_of_loss_takes_its_share_of_a_weight() -> None:
    # model 10 units better than persistence, 20 than the calendar
    weights = weights_after(np.array([0.0, 10.0, 20.0]))
    own = np.array([INITIAL_WEIGHTS["model"], *(
        INITIAL_WEIGHTS[name] * np.exp(-LEARNING_RATE * loss)
        for name, loss in (("persistence", 10), ("climatology", 20))
    )])  # fmt: skip
    assert weights == pytest.approx(own / own.sum())


def test_the_loss_is_summed_over_levels_and_days_and_averaged_over_locations() -> None:
    made = backtested(years=1)
    p, y = (made[name].values[3] for name in ("model", "outcome"))
    p = np.clip(p, 1e-3, 1 - 1e-3)
    own = -np.where(y == 1, np.log(p), np.log(1 - p))
    found = losses(HEAT, made, np.zeros(60, dtype=int))
    assert found[3, 0, 0] == pytest.approx(own.sum(axis=(0, 1)).mean())


def test_twice_the_locations_do_not_count_twice() -> None:
    one, two = backtested(places=1), backtested(places=1)
    both = xr.concat([one, two.assign_coords(location=["other"])], dim="location")
    zero = np.zeros(240, dtype=int)
    assert losses(HEAT, both, zero) == pytest.approx(losses(HEAT, one, zero))


def test_whoever_did_better_weighs_more_and_what_comes_later_changes_nothing() -> None:
    made = backtested()
    weights = yearly_weights(HEAT, made)
    assert (weights[0, :, 0, -1, 0] > weights[0, :, 0, 0, 0]).all()
    late = made["init_time"].dt.year.values >= 2002
    other = made.copy(deep=True)
    other["outcome"].values[:, :, late] = 1 - other["outcome"].values[:, :, late]
    until = made["init_time"].dt.year.values <= 2002
    again = yearly_weights(HEAT, other)
    assert np.array_equal(weights[:, :, :, until], again[:, :, :, until])
    assert not np.allclose(weights[:, :, :, ~until], again[:, :, :, ~until])


def test_the_windows_of_an_index_share_the_weights_of_their_lead() -> None:
    weights = live_weights(DROUGHT, backtested(DROUGHT))[:, :, 0, 0, 0]
    leads = [cell.lead_days for cell in DROUGHT.cells]
    for lead in set(leads):
        here = [number for number, other in enumerate(leads) if other == lead]
        assert np.ptp(weights[:, here], axis=1) == pytest.approx(0.0)


def test_weights_of_a_period_are_those_after_the_periods_before_it() -> None:
    loss = np.random.default_rng(0).random((2, 5, 3)) * 30
    rolling = rolling_weights(loss)
    for period in range(5):
        expected = weights_after(loss[:, :period].sum(axis=1))
        assert rolling[:, period] == pytest.approx(expected)


chances = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).map(
    lambda values: np.sort(values)[::-1].reshape(1, 3, 1, 1)
)
loss_of = st.lists(st.floats(0.0, 200.0), min_size=3, max_size=3)


@given(chances, chances, chances, loss_of)
def test_a_weighted_mean_of_nested_numbers_is_nested_and_within_them(
    model: np.ndarray, known: np.ndarray, usual: np.ndarray, loss: list[float]
) -> None:
    weights = weights_after(np.array(loss)).reshape(3, 1, 1, 1, 1)
    said = {"model": model, "persistence": known, "climatology": usual}
    made = publish(weights, said)[0, :, 0, 0]
    assert (np.diff(made) <= 1e-12).all()
    clipped = [np.clip(part, 1e-4, 1 - 1e-4)[0, :, 0, 0] for part in said.values()]
    assert (made >= np.min(clipped, axis=0) - 1e-12).all()
    assert (made <= np.max(clipped, axis=0) + 1e-12).all()


def test_the_mean_is_of_log_odds() -> None:
    said = {
        name: np.full((1, 3, 1, 1), p)
        for name, p in zip(INITIAL_WEIGHTS, (0.5, 0.2, 0.1), strict=True)
    }
    weights = np.array(list(INITIAL_WEIGHTS.values())).reshape(3, 1, 1, 1, 1)
    expected = sum(
        w * logit(p) for w, p in zip(INITIAL_WEIGHTS.values(), (0.5, 0.2, 0.1), strict=True)
    )
    assert publish(weights, said)[0, 0, 0, 0] == pytest.approx(expit(expected))


def test_no_number_comes_of_a_forecaster_without_one() -> None:
    said = {name: np.full((1, 3, 1, 2), 0.3) for name in INITIAL_WEIGHTS}
    said["climatology"][..., 1] = np.nan
    made = publish(live_weights(HEAT, None)[:, :1], said)
    assert np.isfinite(made[..., 0]).all() and np.isnan(made[..., 1]).all()
