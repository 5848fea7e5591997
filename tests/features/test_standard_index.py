"""Indices by kernels beside scipy's functions of the same distributions."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, ndtri

from features.calendar import DAYS, day_index
from features.indices import INDEX_LIMIT, LogLogistic, ZeroGamma, standardised
from features.standard_index import ODDS_LIMIT, gamma_index, log_logistic_index

PLACES = 18  # more than a block
INDEX = day_index(pd.date_range("2001-01-01", "2008-12-31").values)


def laws(random: np.random.Generator, low: float, high: float) -> np.ndarray:
    return random.uniform(low, high, (DAYS, PLACES))


@pytest.mark.parametrize("k", [-0.9, -0.2, -1e-6, 1e-6, 0.3, 0.9])
def test_the_log_logistic_index_is_that_of_its_probability(k: float) -> None:
    random = np.random.default_rng(6)
    law = LogLogistic(laws(random, -50, 50), laws(random, 10, 30), np.full((DAYS, PLACES), k))
    law.xi[40:50, 3] = np.nan
    total = random.normal(0.0, 90.0, (len(INDEX), PLACES))
    total[100:120, 1], total[7, 5], total[8, 5] = np.nan, 1e9, -1e9
    of_day = LogLogistic(law.xi[INDEX], law.alpha[INDEX], law.k[INDEX])
    expected = standardised(of_day.probability(total))
    found = log_logistic_index(total, INDEX, law)
    # where k is hardly any its power of 1 / k magnifies rounding
    tolerance = 1e-8 if abs(k) < 1e-3 else 1e-11
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    assert {-INDEX_LIMIT, INDEX_LIMIT} <= set(found[np.isfinite(found)])


def test_log_odds_become_the_standard_normal_value() -> None:
    odds = np.linspace(-ODDS_LIMIT - 1, ODDS_LIMIT + 1, 20_001)[:, None]
    # k, xi and alpha that make the log-odds of x those of -log(1 + x)
    law = LogLogistic(*(np.full((1, 1), part) for part in (0.0, 1.0, -1.0)))
    found = log_logistic_index(np.expm1(odds), np.zeros(len(odds), dtype=int), law)
    expected = np.where(odds < 0, ndtri(expit(odds)), -ndtri(expit(-odds)))
    np.testing.assert_allclose(found, np.clip(expected, -3, 3), rtol=0, atol=1e-13)


@pytest.mark.parametrize("shape", [0.05, 0.7, 3.0, 40.0, 800.0, 5_000.0])
def test_the_gamma_index_is_that_of_its_probability(shape: float) -> None:
    random = np.random.default_rng(7)
    law = ZeroGamma(shape * laws(random, 0.8, 1.2), laws(random, 5, 30), laws(random, 0.0, 0.5))
    law.dry[:, 4] = 0.0
    law.shape[40:50, 3], law.scale[40:50, 3], law.dry[40:50, 3] = np.nan, np.nan, np.nan
    total = random.gamma(shape, 15.0, (len(INDEX), PLACES))
    total[random.random(total.shape) < 0.2] = 0.0
    total[100:120, 1], total[7, 5], total[8, 5] = np.nan, 1e9, 0.004
    of_day = ZeroGamma(law.shape[INDEX], law.scale[INDEX], law.dry[INDEX])
    expected = standardised(of_day.probability(total))
    np.testing.assert_allclose(gamma_index(total, INDEX, law), expected, rtol=0, atol=1e-9)
