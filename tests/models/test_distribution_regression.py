"""P(margin > c) for any c by one regression: what is planted is found, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from models.distribution_regression import (
    TERMS,
    Fit,
    PredictorSpec,
    Rows,
    _Design,
    fit,
    fit_without,
    fits_of,
    fitted_log_odds,
    standardised,
    to_dataset,
)

WIDE = PredictorSpec({"one": 10.0, "two": 10.0}, with_season=10.0)


def made(
    n: int = 6_000,
    seed: int = 0,
    slope: float = 1.0,
    effect: tuple[float, float] = (0.8, 0.0),
    levels: tuple[float, ...] = (-2.0, -1.0, 0.0, 1.0),
) -> Rows:
    """Cases whose margin is logistic with a location linear in two predictors; scale 1 / slope."""
    rng = np.random.default_rng(seed)
    x, angle = rng.normal(size=(n, 2)), rng.uniform(0, 2 * np.pi, n)
    margin = x @ np.array(effect) / slope - 1.0 + rng.logistic(size=n) / slope
    c = np.broadcast_to(np.array(levels), (n, len(levels)))
    s = np.stack([rng.normal(size=n), np.sin(angle), np.cos(angle)], axis=1)
    weight = np.full(c.shape, 1 / len(levels))
    y = (margin[:, None] > c).astype(float)
    return Rows(x, s, c, y, np.zeros(c.shape), weight)


def log_odds_of(fitted: Fit, spec: PredictorSpec, rows: Rows) -> np.ndarray:
    return rows.start + fitted_log_odds(fitted, spec, rows.x, rows.c, rows.s)


def test_planted_coefficients_are_found() -> None:
    rows = made()
    found = fit(rows, WIDE)
    assert found.coefficient == pytest.approx([0.8, 0.0], abs=0.06)
    # log-odds fall by the slope for a unit of c, which is divided by the largest threshold, 2
    assert found.slope[0] / found.reach[0] == pytest.approx(-1.0, abs=0.06)
    assert found.slope[1:] == pytest.approx(np.zeros(6), abs=0.15)


def test_probabilities_come_true_between_and_beyond_the_thresholds_learnt_at() -> None:
    found, later = fit(made(), WIDE), made(seed=1, levels=(-1.5, 0.5, 2.0))
    p = expit(log_odds_of(found, WIDE, later))
    assert p.mean(axis=0) == pytest.approx(later.y.mean(axis=0), abs=0.015)


def test_a_spread_that_varies_with_the_season_is_found() -> None:
    rng = np.random.default_rng(3)
    n, levels = 8_000, np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    angle = rng.uniform(0, 2 * np.pi, n)
    margin = (1 + 0.6 * np.sin(angle)) * rng.logistic(size=n)
    c = np.broadcast_to(levels, (n, 5))
    s = np.stack([rng.normal(size=n), np.sin(angle), np.cos(angle)], axis=1)
    y, weight = (margin[:, None] > c).astype(float), np.full(c.shape, 0.2)
    rows = Rows(np.zeros((n, 0)), s, c, y, np.zeros(c.shape), weight)
    spec = PredictorSpec({}, with_season=10.0)
    p = expit(log_odds_of(fit(rows, spec), spec, rows))
    for season in (np.sin(angle) > 0.7, np.sin(angle) < -0.7):
        assert p[season].mean(axis=0) == pytest.approx(y[season].mean(axis=0), abs=0.06)


def test_every_day_teaches_what_few_events_cannot() -> None:
    """With one event in a hundred days, thresholds below it halve the error of a coefficient."""
    errors = []
    for levels in ((3.5,), (3.5, 2.0, 1.0, 0.0, -1.0)):
        found = [fit(made(n=1_500, seed=seed, levels=levels), WIDE) for seed in range(12)]
        errors.append(np.std([one.coefficient[0] for one in found]))
    assert errors[1] < 0.5 * errors[0]


def test_the_fit_is_where_a_general_optimiser_finds_it() -> None:
    rows = made(n=800)
    spec = PredictorSpec({"one": 0.3, "two": 0.3})
    found = fit(rows, spec)
    design = _Design(spec, rows, found)

    def loss(w: np.ndarray) -> float:
        return design.at(w, rows.weight)[0]

    best = minimize(loss, np.zeros(len(design.begin)), method="BFGS", options={"gtol": 1e-6})
    at = design.fit(best.x)
    assert found.coefficient == pytest.approx(at.coefficient, abs=1e-3)
    assert found.slope == pytest.approx(at.slope, abs=1e-3)


def test_derivatives_are_those_of_the_loss() -> None:
    rows = made(n=300)
    design = _Design(WIDE, rows, fit(rows, WIDE))
    w = design.begin + 0.1
    here, moments = design.at(w, rows.weight)
    gradient, curvature = design.derivatives(w, moments)

    def around(number: int, step: float) -> float:
        moved = w.copy()
        moved[number] += step
        return design.at(moved, rows.weight)[0]

    for number in range(len(w)):
        up, down = around(number, 1e-4), around(number, -1e-4)
        assert (up - down) / 2e-4 == pytest.approx(gradient[number], rel=1e-4, abs=1e-4)
        second = (up + down - 2 * here) / 1e-8
        assert second == pytest.approx(curvature[number, number], rel=0.01, abs=0.1)
    assert curvature == pytest.approx(curvature.T)


def test_a_prior_holds_back_what_few_cases_say() -> None:
    rows = made(n=60)
    tight, wide = (
        abs(fit(rows, PredictorSpec({"one": width, "two": width})).coefficient).max()
        for width in (0.05, 5.0)
    )
    assert tight < 0.15 < wide


def test_an_ensemble_that_is_right_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    rows = made(n=3_000)
    start = rng.normal(-1.5, 1.2, size=(3_000, 1))
    y = (rng.random((3_000, 1)) < expit(start)).astype(float)
    right = Rows(rows.x, rows.s, np.zeros((3_000, 1)), y, start, np.ones((3_000, 1)))
    spec = PredictorSpec({"one": 0.05, "two": 0.05}, ensemble=True)
    p = expit(log_odds_of(fit(right, spec), spec, right))
    assert abs(p - expit(start)).mean() < 0.01


@pytest.mark.parametrize("rows", [0, 10])
def test_too_few_cases_give_the_frequency(rows: int) -> None:
    few = made(n=200).take(np.arange(rows))
    found = fit(few, WIDE)
    assert not found.coefficient.any() and not found.slope.any()
    total, events = few.weight.sum(), (few.weight * few.y).sum()
    assert expit(found.intercept) == pytest.approx((events + 0.5) / (total + 1))


def test_what_is_missing_counts_as_its_mean_and_what_never_varies_not_at_all() -> None:
    rows = made()
    holed = rows.x.copy()
    holed[::3, 0] = np.nan
    dull = np.column_stack([holed[:, 0], np.full(len(holed), 7.0)])
    part = Rows(dull, rows.s, rows.c, rows.y, rows.start, rows.weight)
    found = fit(part, WIDE)
    assert np.isfinite(found.coefficient).all() and found.coefficient[0] > 0.5
    assert standardised(found, WIDE, np.array([[np.nan, 7.0]])).tolist() == [[0.0, 0.0]]
    mostly = np.where(np.arange(len(holed))[:, None] % 3 > 0, np.nan, rows.x)
    unused = fit(Rows(mostly, rows.s, rows.c, rows.y, rows.start, rows.weight), WIDE)
    assert not unused.coefficient.any()


def test_a_departure_counts_at_most_so_much() -> None:
    found = fit(made(), WIDE)
    far, farther = (standardised(found, WIDE, np.array([[value, 0.0]])) for value in (50, 500))
    assert far[0, 0] == farther[0, 0] == 3.0


def test_the_result_depends_on_nothing_but_the_cases() -> None:
    one, two = (fit(made(), WIDE) for _ in range(2))
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in vars(one))
    order = np.random.default_rng(0).permutation(6_000)
    other = fit(made().take(order), WIDE)
    assert other.coefficient == pytest.approx(one.coefficient, abs=1e-6)


def test_a_fit_begun_near_another_ends_where_any_does() -> None:
    rows = made()
    cold = fit(rows, WIDE)
    warm = fit(rows, WIDE, near=fit(rows.take(np.arange(4_000)), WIDE))
    p = [expit(log_odds_of(one, WIDE, rows)) for one in (cold, warm)]
    assert abs(p[0] - p[1]).max() < 0.02


def test_fits_without_some_cases_are_near_those_learnt_anew() -> None:
    rows, out = made(), np.arange(6_000) // 1_500
    whole = fit(rows, WIDE)
    for number, near in enumerate(fit_without(rows, WIDE, whole, [out == k for k in range(4)])):
        anew = fit(rows.take(np.flatnonzero(out != number)), WIDE)
        p, far, all_of_it = (expit(log_odds_of(one, WIDE, rows)) for one in (anew, near, whole))
        assert abs(p - far).max() < 0.25 * abs(p - all_of_it).max()


def test_fits_stand_side_by_side_in_a_dataset() -> None:
    rows = made(n=500)
    fits = [[fit(rows, WIDE), fit(rows.take(np.arange(300)), WIDE)]]
    there = fits_of(to_dataset(fits, WIDE))
    for cell in range(2):
        for name, value in vars(fits[0][cell]).items():
            assert np.array_equal(getattr(there[0][cell], name), value)
    assert len(TERMS) == len(fits[0][0].slope)
