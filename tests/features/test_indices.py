import numpy as np
import pandas as pd
import pytest
from monthly_indices import monthly_spei, monthly_spi
from scipy import stats

from configs.remarks import remark
from features.calendar import trailing_mean
from features.hazards import Options, drought
from features.indices import (
    LEAST_WET,
    WHY_UNDEFINED,
    LogLogistic,
    ZeroGamma,
    annual_maxima,
    episode_peaks,
    excess_heat_factor,
    gev_return_level,
    l_moments,
    quantile,
    severity_exceeded_every,
    standardised,
    why_undefined,
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
    assert [float(part[0]) for part in l_moments(holed)] == pytest.approx(
        [float(part[0]) for part in l_moments(sample)]
    )


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.15])
def test_return_levels_are_those_of_the_distribution_drawn_from(shape: float) -> None:
    maxima = stats.genextreme.rvs(shape, loc=50, scale=12, size=(20_000, 1), random_state=1)
    for years in (1.5, 2.0, 5.0):
        assert gev_return_level(maxima, years)[0] == pytest.approx(
            stats.genextreme.ppf(1 - 1 / years, shape, 50, 12), rel=0.02
        )


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
        # 40 years less 10 leap days: 20 and 8 episodes
        assert (peaks > severity_exceeded_every(severity, years)).sum() == 40 / years


@pytest.mark.parametrize("q", [0.0, 0.75, 0.95, 1.0])
def test_a_quantile_is_numpys_of_what_is_known(q: float) -> None:
    values = np.random.default_rng(4).normal(size=(90, 3))
    values[::7, 1], values[1:, 2] = np.nan, np.nan
    expected = np.nanquantile(values, q, axis=0)
    np.testing.assert_allclose(quantile(values, q), expected, rtol=1e-12)
    assert np.isnan(quantile(np.full((5, 1), np.nan), q)[0])


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
    assert np.isnan(fitted.probability(np.zeros(2))[0]) and fitted.probability(np.zeros(2))[
        1
    ] == pytest.approx(0.4)
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
    ehf, significance, acclimatisation = excess_heat_factor(tmean, np.array([25.0]))
    # day 52: 3-day mean 30, T95 25, mean of the 30 days before 20: 5 * 10
    assert significance[52, 0] == 5.0 and acclimatisation[52, 0] == pytest.approx(10.0)
    assert ehf[52, 0] == pytest.approx(50.0)
    # day 50: 3-day mean 23.33: below T95
    assert ehf[50, 0] < 0 and trailing_mean(tmean, 3)[50, 0] == pytest.approx(70 / 3)


HOSKING = np.array([2.0, 3.0, 4.0, 2.4, 5.5, 1.2, 5.4, 2.2, 7.1, 1.3, 1.5])[:, None]


def test_l_moments_and_fits_are_those_of_hoskings_own_routines() -> None:
    # Hosking's LMOMENTS (SAMLMU, PELGLO, PELGEV, QUAGEV) on these 11 values, as the tests of its
    # ports quote them
    assert [float(part[0]) for part in l_moments(HOSKING)[:3]] == pytest.approx(
        [3.23636364, 1.14181818, 0.27388535], abs=5e-9
    )
    fitted = LogLogistic.fit(HOSKING)
    assert [float(fitted.xi[0]), float(fitted.alpha[0]), float(fitted.k[0])] == pytest.approx(
        [2.7406580, 1.0060517, -0.2738854], abs=1e-7
    )
    assert [float(fitted.quantile(p)[0]) for p in (0.2, 0.5, 0.8)] == pytest.approx(
        [1.580189, 2.740658, 4.437061], abs=1e-6
    )
    # his GEV is exact, ours the approximation: levels of 1.25, 2 and 5 years
    levels = [float(gev_return_level(HOSKING, years)[0]) for years in (1.25, 2.0, 5.0)]
    assert levels == pytest.approx([1.539112, 2.705672, 4.537048], abs=0.0012)


def test_a_rainless_month_never_comes_out_wet() -> None:
    random = np.random.default_rng(7)
    for dry in (0.1, 0.3, 0.5):
        rain = np.where(
            random.random((12 * 60, 40)) < dry, 0.0, random.gamma(0.4, 10.0, (12 * 60, 40))
        )
        rain = np.where(
            random.random(rain.shape) < 0.3, np.minimum(rain, 0.9 * LEAST_WET), rain
        )  # a model's drizzle of nothing
        index = monthly_spi(rain, 1)
        assert np.nanmax(index[rain < LEAST_WET]) <= 0.0
        assert not np.isinf(index).any()
        fitted = ~np.isnan(index)
        assert fitted.any() and (np.abs(index[fitted]) <= 3.0).all()


def test_a_masked_month_says_why() -> None:
    rain = np.tile(np.linspace(1.0, 40.0, 40)[:, None], (1, 5))
    rain[:21, 1], rain[:, 2], rain[3:, 3], rain[:20, 4] = 0.0, 7.0, np.nan, 0.0
    said = [
        str(code and remark(WHY_UNDEFINED[code]) or "") for code in why_undefined(rain, rain=True)
    ]
    assert said == [
        "",
        "more than half of the sums are zero",
        "all values are alike",
        "fewer than 4 values",
        "",
    ]
    assert np.isnan(ZeroGamma.fit(rain).shape).tolist() == [bool(why) for why in said]
    # zeros are values like others to the balance
    said = [str(code and remark(WHY_UNDEFINED[code]) or "") for code in why_undefined(rain)]
    assert said == ["", "", "all values are alike", "fewer than 4 values", ""]
    assert np.isnan(LogLogistic.fit(rain).xi).tolist() == [bool(why) for why in said]


@pytest.mark.parametrize("value", [0.0, 1e-9, 5.0, 1e6])
def test_no_sample_and_no_value_gives_an_infinite_index(value: float) -> None:
    samples = [
        np.full(40, value),
        np.r_[np.zeros(30), np.full(10, value)],
        np.r_[np.zeros(20), np.full(20, value)],
    ]
    samples += [
        np.r_[np.full(39, value), value + 1e-9],
        np.r_[np.full(39, 1.0), 1e5],
        np.full(40, np.nan),
        np.arange(40.0),
    ]
    columns = np.stack(samples, axis=1)
    asked = np.array([-1e9, -1.0, 0.0, 1e-12, value, 1e9])[:, None]
    for fitted in (LogLogistic.fit(columns), ZeroGamma.fit(columns)):
        index = standardised(fitted.probability(np.broadcast_to(asked, (6, columns.shape[1]))))
        assert not np.isinf(index).any() and np.isfinite(index[:, -1]).all()


def test_a_sum_is_at_most_the_quantile_just_where_its_index_is_at_most_the_standard() -> None:
    random = np.random.default_rng(9)
    rain = np.where(random.random((400, 1)) < 0.3, 0.0, random.gamma(0.3, 20.0, (400, 1)))
    fitted = ZeroGamma.fit(rain)
    values = np.r_[0.0, 1e-12, 0.99 * LEAST_WET, 1.01 * LEAST_WET, np.geomspace(0.01, 100, 200)]
    for p in (0.02, float(fitted.dry[0]), 0.305, 0.5, 0.9):
        assert ((values <= fitted.quantile(p)) == (fitted.probability(values) <= p)).all()


def test_a_month_missing_from_the_window_is_missing_and_a_reference_is_all_that_is_learnt() -> None:
    balance = np.random.default_rng(11).normal(0.0, 40.0, (12 * 30, 2))
    balance[100, 0] = np.nan
    index = monthly_spei(balance, 3)
    assert (
        np.isnan(index[:2]).all()
        and np.isnan(index[100:103, 0]).all()
        and np.isfinite(index[103:, 0]).all()
    )
    first = np.arange(len(balance)) < 12 * 20
    changed = np.where(first[:, None], balance, 5 * balance)
    learnt, again = (monthly_spei(values, 3, reference=first) for values in (balance, changed))
    assert (
        learnt[: 12 * 20] == pytest.approx(again[: 12 * 20], nan_ok=True)
        and (learnt != again)[12 * 20 + 2 :].any()
    )


def test_the_drought_hazard_says_why_its_index_is_undefined(made_record) -> None:
    record = made_record(20, places=2, variables=("precipitation",))
    summer = record["time"].dt.month.isin([5, 6, 7, 8, 9])
    rain = record["precipitation"]
    desert = record.assign(
        precipitation=rain.where(~summer | (rain["location"] == "place_0"), 0.0).assign_attrs(
            rain.attrs
        )
    )
    normals = drought.fit_normals(desert, Options())
    why = normals["undefined"].sel(window=90)
    assert set(np.unique(why.sel(location="place_1"))) == {
        0,
        WHY_UNDEFINED.index("index.zeros"),
    }
    assert (why.sel(location="place_0") == 0).all() and drought.reasons(
        normals.sel(location=["place_0"])
    ) == []
    past = drought.history(desert, normals, Options())
    assert (
        past.attrs["title"]
        == "Precipitation index (SPI); undefined at some time of the year, more than half of "
        "the sums are zero"
    )
    index, rainless = (
        past["value"].values,
        drought.trailing_sum(desert["precipitation"].values, 90) == 0,
    )
    assert np.isnan(index[rainless]).all() or np.nanmax(index[rainless]) <= 0.0
    assert not np.isinf(index).any()
