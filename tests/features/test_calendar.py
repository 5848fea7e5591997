import numpy as np
import pandas as pd
import pytest
from doy_samples import window_samples

from features.calendar import (
    day_index,
    in_season,
    seasonal_mean,
    trailing_mean,
    trailing_sum,
    window_mean,
)
from features.day_windows import window_quantile


@pytest.mark.parametrize(
    ("day", "index"),
    [
        ("2001-01-01", 0),
        ("2001-02-28", 58),
        ("2000-02-29", 59),
        ("2001-03-01", 60),
        ("2000-03-01", 60),
        ("2001-12-31", 365),
    ],
)
def test_a_date_has_the_same_index_in_every_year(day: str, index: int) -> None:
    assert day_index(pd.DatetimeIndex([day])).tolist() == [index]


@pytest.mark.parametrize(
    ("months", "day", "inside"),
    [((5, 10), "2001-05-01", True), ((5, 10), "2001-04-30", False), ((5, 10), "2001-10-31", True)]
    + [
        ((11, 4), "2001-01-15", True),
        ((11, 4), "2001-06-15", False),
        ((11, 4), "2001-11-01", True),
    ],
)
def test_a_season_may_span_the_new_year(months: tuple[int, int], day: str, inside: bool) -> None:
    assert in_season(np.array([day], "datetime64[D]"), months).tolist() == [inside]


def test_a_short_window_needs_all_its_days_and_a_long_one_most() -> None:
    values = np.ones((100, 1))
    values[50] = np.nan
    assert np.isnan(trailing_sum(values, 3)[50:53]).all() and trailing_sum(values, 3)[53, 0] == 3
    # 30 days with one missing: 29 of 30 is 97 %, so the sum of 29 is scaled to 30
    assert trailing_sum(values, 30)[60, 0] == pytest.approx(30.0)
    values[51:53] = np.nan  # 27 of 30 is 90 %
    assert trailing_sum(values, 30)[60, 0] == pytest.approx(30.0)
    values[53] = np.nan
    assert np.isnan(trailing_sum(values, 30)[60, 0])
    # a mean asks 80 %: 24 of 30
    assert trailing_mean(values, 30)[60, 0] == pytest.approx(1.0)
    values[54:56] = np.nan
    assert trailing_mean(values, 30)[60, 0] == pytest.approx(1.0)
    values[56] = np.nan
    assert np.isnan(trailing_mean(values, 30)[60, 0])


def test_a_trailing_window_ends_with_its_own_day() -> None:
    values = np.arange(10.0)[:, None]
    assert trailing_mean(values, 2)[:, 0].tolist()[1:] == [
        0.5,
        1.5,
        2.5,
        3.5,
        4.5,
        5.5,
        6.5,
        7.5,
        8.5,
    ]
    assert np.isnan(trailing_mean(values, 2)[0, 0])


def test_window_statistics_pool_31_days_of_all_years_around_the_new_year() -> None:
    times = pd.date_range("2001-01-01", "2004-12-31")
    values = np.asarray(times.year, dtype=float)[:, None]
    assert window_mean(values, times.values)[0, 0] == pytest.approx(2002.5, abs=0.01)
    # each year gives 31 values (30 around 29 February in three of four years)
    assert (
        window_quantile(values, times.values, 0.0)[0, 0] == 2001
        and window_quantile(values, times.values, 1.0)[0, 0] == 2004
    )


def test_window_quantile_is_numpys() -> None:
    rng = np.random.default_rng(1)
    times = pd.date_range("2001-01-01", "2006-12-31")
    values = rng.normal(size=(len(times), 2))
    values[rng.random(values.shape) < 0.1] = np.nan
    distance = np.abs((day_index(times) - 200 + 183) % 366 - 183)
    expected = np.nanquantile(values[distance <= 15], 0.9, axis=0)
    assert window_quantile(values, times.values, 0.9)[200] == pytest.approx(expected)


def test_seasonal_mean_finds_the_waves_it_is_given() -> None:
    times = pd.date_range("2001-01-01", "2008-12-31")
    angle = 2 * np.pi * day_index(times) / 366
    cycle = 3 + 2 * np.sin(angle) - np.cos(4 * angle)
    assert seasonal_mean(cycle[:, None], times.values)[day_index(times), 0] == pytest.approx(
        cycle, abs=1e-9
    )


@pytest.fixture
def gappy() -> tuple[np.ndarray, np.ndarray]:
    """Seven years of two series with gaps, one without any autumn: (time, location), times."""
    rng = np.random.default_rng(2)
    times = pd.date_range("2001-03-01", "2008-02-29")
    values = rng.gamma(2.0, 10.0, size=(len(times), 2)).round(1)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[times.month >= 9, 1] = np.nan
    return values, times.values


def test_a_quantile_of_no_days_is_not_known(gappy: tuple[np.ndarray, np.ndarray]) -> None:
    values, times = gappy
    found = window_quantile(values, times, 0.9)
    assert np.isfinite(found[:, 0]).all() and np.isnan(found[300, 1])
    assert np.isnan(window_quantile(np.full((400, 1), np.nan), times[:400], 0.9)).all()


@pytest.mark.parametrize(
    ("window", "least"), [(1, 0.9), (3, 0.9), (30, 0.9), (90, 1.0), (9_999, 0)]
)
def test_trailing_sums_are_those_of_pandas(
    gappy: tuple[np.ndarray, np.ndarray], window: int, least: float
) -> None:
    values, _ = gappy
    need = window if window <= 3 else max(int(np.ceil(least * window)), 1)
    expected = pd.DataFrame(values).rolling(window, min_periods=need).mean().to_numpy() * window
    found = trailing_sum(values, window, least)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert np.array_equal(trailing_sum(values[:, 0], window, least), found[:, 0], equal_nan=True)


def test_the_seasonal_mean_is_the_least_squares_fit_of_all_days(
    gappy: tuple[np.ndarray, np.ndarray],
) -> None:
    values, times = gappy
    angle = 2 * np.pi * day_index(times) / 366
    waves = np.stack(
        [np.ones(len(angle))] + [f(k * angle) for k in (1, 2, 3, 4) for f in (np.sin, np.cos)],
        axis=1,
    )
    for place in range(2):
        ok = np.isfinite(values[:, place])
        expected = waves @ np.linalg.lstsq(waves[ok], values[ok, place], rcond=None)[0]
        found = seasonal_mean(values, times)[day_index(times), place]
        assert found[ok] == pytest.approx(expected[ok], abs=1e-9)


def test_the_window_mean_is_that_of_its_samples(gappy: tuple[np.ndarray, np.ndarray]) -> None:
    values, times = gappy
    samples = window_samples(values, times)
    for place in range(2):
        for day in (0, 59, 200, 300, 365):
            known = samples[np.isfinite(samples[:, day, place]), day, place]
            expected = known.mean() if len(known) else np.nan
            found = window_mean(values, times)[day, place]
            assert found == pytest.approx(expected, nan_ok=True)
