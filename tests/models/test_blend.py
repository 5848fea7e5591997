"""Stages K and N together: what is learnt, where K stands alone, nested levels."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from models.baselines import log_odds
from models.blend import TRUST, blend, learn_blend


def stages(
    seed: int, of_known: float, of_weather: float, days: int = 4_000
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """K, N and outcomes (2 cells, 3 levels, days, 1 place): each knows a part of the log-odds of the truth."""
    random = np.random.default_rng(seed)
    shape = (2, 3, days, 1)
    a, b = random.normal(-0.5, 1.2, shape), random.normal(-0.5, 1.2, shape)
    happens = np.cumprod(
        random.random(shape) < expit(of_known * a + of_weather * b), axis=1
    ).astype(float)
    return np.cumprod(expit(a), axis=1), np.cumprod(expit(b), axis=1), happens


def test_what_each_stage_knows_is_learnt() -> None:
    weights = learn_blend(*stages(81_021, 0.5, 0.9, 20_000)).values
    np.testing.assert_allclose(weights[:, 0], [[0.0, 0.5, 0.9]] * 2, atol=0.1)


def test_no_weight_is_negative() -> None:
    weights = learn_blend(*stages(81_022, -0.8, 1.0)).values
    assert (weights[..., 1:] >= 0).all()
    assert weights[:, 0, 1].max() < 0.02


def test_without_events_weather_is_trusted() -> None:
    known, weather, outcome = stages(81_023, 0.5, 0.5, 50)
    np.testing.assert_array_equal(
        learn_blend(known, weather, outcome * 0).values[..., :], np.broadcast_to(TRUST, (2, 3, 3))
    )


def test_what_weather_says_is_left_as_it_is_where_it_is_trusted() -> None:
    known, weather, outcome = stages(81_024, 0.5, 0.5, 50)
    weights = learn_blend(known, weather, outcome * 0)
    np.testing.assert_allclose(blend(weights, known, weather), weather, atol=2e-3)


def test_where_weather_is_silent_the_past_stands_cell_by_cell() -> None:
    known, weather, outcome = stages(81_025, 0.4, 0.7)
    weights = learn_blend(known, weather, outcome)
    weather[1, :, 7] = np.nan
    made = blend(weights, known, weather)
    np.testing.assert_array_equal(made[1, :, 7], known[1, :, 7])
    assert (made[0, :, 7] != known[0, :, 7]).all()


def test_levels_are_nested_and_better_than_either_stage() -> None:
    known, weather, outcome = stages(81_026, 0.5, 0.7, 8_000)
    early, late = slice(0, 4_000), slice(4_000, None)
    weights = learn_blend(known[:, :, early], weather[:, :, early], outcome[:, :, early])
    made = blend(weights, known[:, :, late], weather[:, :, late])
    assert not (np.diff(made, axis=1) > 0).any()
    errors = [
        np.mean((p - outcome[:, :, late]) ** 2)
        for p in (made, known[:, :, late], weather[:, :, late])
    ]
    assert errors[0] < min(errors[1:])


def test_a_step_no_path_reaches_is_the_past_s() -> None:
    """N: level 1 on no path. Its share of the second step is not zero but what K says."""
    known = np.array([0.5, 0.25, 0.1]).reshape(1, 3, 1, 1)
    weather = np.zeros((1, 3, 1, 1))
    weights = learn_blend(known, weather, np.full(known.shape, np.nan))
    made = blend(weights, known, weather)[0, :, 0, 0]
    assert made[1] / made[0] == 0.5
    assert log_odds(made[0]) < -6
