"""Stacking: what is learnt, where the state model stands alone, nested levels."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from models.baselines import log_odds
from models.postprocessing.stacking import PRIOR_WEIGHTS, combine, fit_stacking


def two_models(
    seed: int, state_share: float, weather_share: float, days: int = 4_000
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """State model, weather model and outcomes (2 cells, 3 levels, days, 1 location).

    Each model knows a part of the log-odds of the truth.
    """
    random = np.random.default_rng(seed)
    shape = (2, 3, days, 1)
    a, b = random.normal(-0.5, 1.2, shape), random.normal(-0.5, 1.2, shape)
    happens = np.cumprod(
        random.random(shape) < expit(state_share * a + weather_share * b), axis=1
    ).astype(float)
    return np.cumprod(expit(a), axis=1), np.cumprod(expit(b), axis=1), happens


def test_what_each_model_knows_is_learnt() -> None:
    weights = fit_stacking(*two_models(81_021, 0.5, 0.9, 20_000)).values
    np.testing.assert_allclose(weights[:, 0], [[0.0, 0.5, 0.9]] * 2, atol=0.1)


def test_no_weight_is_negative() -> None:
    weights = fit_stacking(*two_models(81_022, -0.8, 1.0)).values
    assert (weights[..., 1:] >= 0).all()
    assert weights[:, 0, 1].max() < 0.02


def test_without_events_weather_is_trusted() -> None:
    state, weather, outcome = two_models(81_023, 0.5, 0.5, 50)
    np.testing.assert_array_equal(
        fit_stacking(state, weather, outcome * 0).values[..., :],
        np.broadcast_to(PRIOR_WEIGHTS, (2, 3, 3)),
    )


def test_what_weather_says_is_left_as_it_is_where_it_is_trusted() -> None:
    state, weather, outcome = two_models(81_024, 0.5, 0.5, 50)
    weights = fit_stacking(state, weather, outcome * 0)
    np.testing.assert_allclose(combine(weights, state, weather), weather, atol=2e-3)


def test_where_weather_is_silent_the_state_model_stands_cell_by_cell() -> None:
    state, weather, outcome = two_models(81_025, 0.4, 0.7)
    weights = fit_stacking(state, weather, outcome)
    weather[1, :, 7] = np.nan
    combined = combine(weights, state, weather)
    np.testing.assert_array_equal(combined[1, :, 7], state[1, :, 7])
    assert (combined[0, :, 7] != state[0, :, 7]).all()


def test_levels_are_nested_and_better_than_either_model() -> None:
    state, weather, outcome = two_models(81_026, 0.5, 0.7, 8_000)
    early, late = slice(0, 4_000), slice(4_000, None)
    weights = fit_stacking(state[:, :, early], weather[:, :, early], outcome[:, :, early])
    combined = combine(weights, state[:, :, late], weather[:, :, late])
    assert not (np.diff(combined, axis=1) > 0).any()
    errors = [
        np.mean((p - outcome[:, :, late]) ** 2)
        for p in (combined, state[:, :, late], weather[:, :, late])
    ]
    assert errors[0] < min(errors[1:])


def test_a_step_no_trajectory_reaches_is_the_state_models() -> None:
    """Level 1 on no trajectory: the second step is not 0 but the state model's."""
    state = np.array([0.5, 0.25, 0.1]).reshape(1, 3, 1, 1)
    weather = np.zeros((1, 3, 1, 1))
    weights = fit_stacking(state, weather, np.full(state.shape, np.nan))
    combined = combine(weights, state, weather)[0, :, 0, 0]
    assert combined[1] / combined[0] == 0.5
    assert log_odds(combined[0]) < -6
