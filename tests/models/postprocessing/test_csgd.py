"""The likelihood of rain and quantiles of the gamma distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import gammaincinv, ndtr

from models.postprocessing.csgd import CSGD_TERMS, csgd_loss, gamma_quantile


@pytest.mark.parametrize("seed", [81_011, 81_012])
def test_the_likelihood_of_rain_falls_as_its_gradient_says(seed: int) -> None:
    random, n = np.random.default_rng(seed), 3000
    means = [
        random.gamma(1, 1, n),
        random.gamma(0.3, 5, n),
        random.random(n),
        random.gamma(0.5, 1, n),
    ]
    rain, weight = np.where(random.random(n) < 0.6, 0.0, random.gamma(0.5, 5, n)), random.random(n)
    logs = random.normal(-1, 0.7, len(CSGD_TERMS))
    gradient = csgd_loss(logs, means, rain, weight)[1]
    np.testing.assert_allclose(
        gradient,
        approx_fprime(logs, lambda at: csgd_loss(at, means, rain, weight)[0], 1e-6),
        rtol=1e-3,
        atol=1e-5,
    )


def test_gamma_quantiles_of_the_table_are_right() -> None:
    random = np.random.default_rng(81_002)
    shape, score = (
        np.exp(random.uniform(np.log(0.02), np.log(100), 2000)),
        random.uniform(-3, 3, 2000),
    )
    right = gammaincinv(shape, ndtr(score))
    assert np.abs(gamma_quantile(shape, score) - right).max() < 0.02 * np.sqrt(shape.max())
    near = right > 0.05
    np.testing.assert_allclose(gamma_quantile(shape, score)[near], right[near], rtol=0.05)
