import numpy as np
import pandas as pd
import pytest
from scipy import stats

from features.calendar import trailing_mean
from features.indices import (
    LogLogistic,
    ZeroGamma,
    annual_maxima,
    episode_peaks,
    excess_heat_factor,
    gev_return_level,
    l_moments,
    severity_exceeded_every,
    standardised,
)


def test_l_moments_are_the_unbiased_ones() -> None:
    sample = np.random.default_rng(0).gumbel(size=(200, 1))
    l1, l2, skew, n = l_moments(sample)
    l3 = stats.lmoment(sample[:, 0], order=3)
    assert [l1[0], l2[0]] == pytest.approx(stats.lmoment(sample[:, 0], order=[1, 2]).tolist())
    assert skew[0] == pytest.approx(l3) and n[0] == 200  # scipy standardises the third


def test_l_moments_leave_nan_out() -> None:
    sample = np.random.default_rng(0).gumbel(size=(50, 1))
    holed = np.concatenate([sample, np.full((7, 1), np.nan)])
    assert [float(part[0]) for part in l_moments(holed)] == pytest.approx([float(part[0]) for part in l_moments(sample)])


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.15])
def test_return_levels_are_those_of_the_distribution_drawn_from(shape: float) -> None:
    maxima = stats.genextreme.rvs(shape, loc=50, scale=12, size=(20_000, 1), random_state=1)
    for years in (1.5, 2.0, 5.0):
        assert gev_return_level(maxima, years)[0] == pytest.approx(stats.genextreme.ppf(1 - 1 / years, shape, 50, 12), rel=0.02)


def test_a_hydrological_year_begins_in_september_and_needs_330_days() -> None:
    times = pd.date_range("2000-09-01", "2002-08-31")
    values = np.zeros((len(times), 1))
    values[times == "2001-08-31"], values[times == "2001-09-01"] = 5.0, 7.0
    assert annual_maxima(values, times.values)[:, 0].tolist() == [5.0, 7.0]
    values[(times >= "2002-01-01") & (times < "2002-02-15")] = np.nan  # 45 days short of 365
    assert np.isnan(annual_maxima(values, times.values)[1, 0])


def test_episodes_are_maxima_three_days_apart() -> None:
    # 9 takes days 1..5; the 8 on day 6 is 3 days away and stands; the 7 on day 5 does not
    assert episode_peaks(np.array([0, 1, 0, 9, 2, 7, 8, 0.0])).tolist() == [9, 8]


def test_the_severity_of_one_in_n_years_is_exceeded_that_often() -> None:
    rng = np.random.default_rng(3)
    severity = np.where(rng.random(365 * 40) < 0.05, rng.gamma(1.0, 0.4, 365 * 40), 0.0)
    peaks = episode_peaks(severity)
    for years in (2.0, 5.0):
        # 40 years: 20 and 8 episodes
        assert (peaks > severity_exceeded_every(severity, years)).sum() == pytest.approx(40 / years, abs=1)


@pytest.mark.parametrize("beta", [3.0, 8.0])
def test_log_logistic_fits_the_distribution_drawn_from(beta: float) -> None:
    sample = stats.fisk.rvs(beta, loc=-100, scale=150, size=(200_000, 1), random_state=2)
    fitted = LogLogistic.fit(sample)
    for p in (0.02, 0.16, 0.5, 0.9):
        assert fitted.quantile(p)[0] == pytest.approx(stats.fisk.ppf(p, beta, -100, 150), abs=2.0)
        assert fitted.probability(fitted.quantile(p))[0] == pytest.approx(p)


def test_log_logistic_holds_where_skewness_is_negative() -> None:
    sample = -stats.fisk.rvs(4.0, size=(50_000, 1), random_state=4)
    fitted = LogLogistic.fit(sample)
    assert fitted.quantile(0.1)[0] == pytest.approx(np.quantile(sample, 0.1), rel=0.03)
    assert np.isfinite(standardised(fitted.probability(np.array([1e9, -1e9])))).all()


def test_an_index_is_clipped_and_never_infinite() -> None:
    assert standardised(np.array([0.0, 0.5, 1.0])).tolist() == [-3.0, 0.0, 3.0]
    assert np.isnan(standardised(np.array([np.nan])))[0]


def test_spi_of_a_window_that_is_mostly_dry_is_undefined() -> None:
    rain = np.zeros((100, 2))
    rain[:40, 0], rain[:60, 1] = np.linspace(1, 40, 40), np.linspace(1, 60, 60)
    fitted = ZeroGamma.fit(rain)
    assert np.isnan(fitted.probability(np.zeros(2))[0]) and fitted.probability(np.zeros(2))[1] == pytest.approx(0.4)
    # 40 % of sums are zero: no sum of rain is as rare as one in 10
    assert fitted.quantile(0.1)[1] == -np.inf


def test_gamma_quantile_and_probability_are_each_others_inverse() -> None:
    rain = np.random.default_rng(5).gamma(2.0, 30.0, (5_000, 1))
    fitted = ZeroGamma.fit(rain)
    assert fitted.quantile(0.2)[0] == pytest.approx(stats.gamma.ppf(0.2, 2.0, scale=30.0), rel=0.05)
    assert fitted.probability(fitted.quantile(0.2))[0] == pytest.approx(0.2)


def test_excess_heat_looks_back_only() -> None:
    tmean = np.full((60, 1), 20.0)
    tmean[50:53] = 30.0
    ehf, significance = excess_heat_factor(tmean, np.array([25.0]))
    # day 52: 3-day mean 30, T95 25, mean of the 30 days before 20: 5 * 10
    assert significance[52, 0] == 5.0 and ehf[52, 0] == pytest.approx(50.0)
    # day 50: 3-day mean 23.33: below T95
    assert ehf[50, 0] < 0 and trailing_mean(tmean, 3)[50, 0] == pytest.approx(70 / 3)
