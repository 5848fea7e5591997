"""Statistics by one pass over ordered values beside those of each window's sample."""

import numpy as np
import pandas as pd
import pytest
from doy_samples import window_samples

from features.calendar import day_index
from features.day_windows import (
    rising,
    value_of,
    window_counts,
    window_moments,
    window_quantile,
    window_wet_sums,
)
from features.indices import LEAST_WET, ZeroGamma, l_moments, why_of, why_undefined

Series = tuple[np.ndarray, np.ndarray]
PLACES = 18  # more than a block


@pytest.fixture(scope="module")
def sums() -> Series:
    """Nine years of sums at many places, mm, and their days.

    One place without an autumn, one never known, one with few days, one always alike, one never
    wet.
    """
    random = np.random.default_rng(4)
    times = pd.date_range("2001-03-01", "2010-02-28")
    values = random.gamma(2.0, 10.0, size=(len(times), PLACES))
    values[random.random(values.shape) < 0.2] = np.nan
    values[random.random(values.shape) < 0.2] = 0.0
    values[times.month >= 9, 1] = np.nan
    values[:, 2], values[40:, 3], values[:, 4], values[:, 5] = np.nan, np.nan, 7.0, 0.0
    values[:, 6] -= 25.0
    return values, times.values


def test_values_rise_with_their_days(sums: Series) -> None:
    values, times = sums
    keys, count = rising(values, day_index(times))
    assert np.array_equal(count, np.isfinite(values).sum(axis=0))
    for place in range(PLACES):
        known = values[np.isfinite(values[:, place]), place]
        found = np.array([value_of(key) for key in keys[place, : count[place]]])
        np.testing.assert_allclose(found, np.sort(known), rtol=2e-13, atol=1e-300)
        days = day_index(times)[np.isfinite(values[:, place])]
        assert np.array_equal(
            np.sort(keys[place, : count[place]] & 511),
            np.sort(days),
        )


def test_float32_values_stay_as_they_are() -> None:
    values = np.random.default_rng(5).normal(20.0, 9.0, (1000, 1)).astype(np.float32)
    keys, _ = rising(values, np.arange(1000) % 366)
    assert [value_of(key) for key in keys[0]] == np.sort(values[:, 0]).astype(float).tolist()


def test_moments_are_those_of_each_windows_sample(sums: Series) -> None:
    values, times = sums
    season = np.linspace(-5.0, 5.0, 366)[:, None] * np.ones(PLACES)
    sample = window_samples(values - season[day_index(times)], times)
    found = window_moments(values, day_index(times), season)
    *expected, count = l_moments(sample)
    assert np.array_equal(found.known, count)
    for made, wanted in zip((found.l1, found.l2, found.skewness), expected, strict=True):
        assert np.array_equal(np.isnan(made), np.isnan(wanted))
        np.testing.assert_allclose(made, wanted, rtol=1e-9, atol=1e-10)
    why = why_of(found.known, found.known, found.lowest, found.highest)
    assert np.array_equal(why, why_undefined(sample))
    assert set(np.unique(why)) == {0, 1}


def test_windows_whose_values_are_alike_say_so(sums: Series) -> None:
    values, times = sums
    found = window_moments(values, day_index(times), np.zeros((366, PLACES)))
    why = why_of(found.known, found.known, found.lowest, found.highest)
    assert np.array_equal(why, why_undefined(window_samples(values, times)))
    assert set(np.unique(why[:, 4])) == {3} and set(np.unique(why[:, 2])) == {1}


def test_the_gamma_is_that_of_each_windows_sample(sums: Series) -> None:
    values, times = sums
    values = np.where(values < 0, 0.0, values)
    sample = window_samples(values, times)
    known, wet, *parts, lowest, highest = window_wet_sums(values, day_index(times), LEAST_WET)
    why = why_of(wet, known, lowest, highest)
    assert np.array_equal(why, why_undefined(sample, rain=True))
    assert set(np.unique(why)) == {0, 1, 2, 3}
    found, expected = ZeroGamma.of_sums(known, wet, *parts, why), ZeroGamma.fit(sample)
    for name in ("shape", "scale", "dry"):
        made, wanted = getattr(found, name), getattr(expected, name)
        assert np.array_equal(np.isnan(made), np.isnan(wanted))
        np.testing.assert_allclose(made, wanted, rtol=1e-9)


@pytest.mark.parametrize("q", [0.0, 0.1, 0.9, 1.0])
def test_quantiles_are_those_of_each_windows_sample(sums: Series, q: float) -> None:
    values, times = sums
    sample = window_samples(values, times)
    expected = np.full(sample.shape[1:], np.nan)
    some = np.isfinite(sample).any(axis=0)
    expected[some] = np.nanquantile(sample[:, some], q, axis=0)
    np.testing.assert_allclose(window_quantile(values, times, q), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("half", [10, 15])
def test_a_window_holds_its_days_of_all_years(sums: Series, half: int) -> None:
    values, times = sums
    keys, count = rising(values, day_index(times))
    expected = np.isfinite(window_samples(values, times, half)).sum(axis=0)
    for place in range(PLACES):
        found = window_counts(keys[place, : count[place]], half)
        assert np.array_equal(found, expected[:, place])
