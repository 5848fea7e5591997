"""Indices beside references not written here.

Each bound is the largest difference that features/indices.py states.
"""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from monthly_indices import monthly_spei, monthly_spi
from scipy.optimize import brentq
from scipy.signal import find_peaks
from scipy.special import binom, gamma, ndtri

from features.calendar import DAYS, by_year, day_index, trailing_sum
from features.evapotranspiration import hargreaves
from features.hazards import Options, drought
from features.indices import (
    INDEX_LIMIT,
    LogLogistic,
    ZeroGamma,
    annual_maxima,
    excess_heat_factor,
    gev_return_level,
    l_moments,
    severity_exceeded_every,
    standardised,
)
from features.water_balance import index_of


def largest(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference of two series that lack the same values."""
    assert (np.isnan(found) == np.isnan(expected)).all() and np.isfinite(found).any()
    return float(np.nanmax(np.abs(found - expected)))


def clipped(index: np.ndarray) -> np.ndarray:
    """A peer's index within our limits: climate-indices clips at 3.09, xclim at 8.21."""
    return np.clip(index, -INDEX_LIMIT, INDEX_LIMIT)


@pytest.fixture(scope="module")
def reference(shared: Path) -> dict[str, np.ndarray]:
    """The arrays of the climate_indices project by file name, series (month,) from January 1895."""
    return {
        path.stem: np.load(path).ravel() for path in (shared / "indices_reference").glob("*.npy")
    }


@pytest.fixture(scope="module")
def balances(shared: Path) -> np.ndarray:
    """Monthly precipitation minus PET of eleven cities, mm, as the R package SPEI ships them.

    (month, city).
    """
    return pd.read_csv(shared / "indices_reference" / "spei_balance.txt", sep=r"\s+").to_numpy(
        float
    )


def station(shared: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(
        shared / "stations" / name / "observations.csv", parse_dates=["time"], index_col="time"
    ).asfreq("D")


@pytest.fixture(scope="module")
def melilla(shared: Path) -> pd.DataFrame:
    return station(shared, "melilla").loc["1971":"2010"]


@pytest.fixture(scope="module")
def sums(melilla: pd.DataFrame) -> dict[str, np.ndarray]:
    """90- and 365-day sums of rain and of the balance, laid out (year, day of year), mm."""
    rain = melilla["precipitation"].to_numpy()[:, None]
    tmax, tmin = (melilla[f"air_temperature_{name}"].to_numpy()[:, None] for name in ("max", "min"))
    pet = hargreaves(
        tmax, tmin, (tmax + tmin) / 2, melilla.index.day_of_year.to_numpy(), np.array([35.28])
    )
    daily = {"rain": rain, "balance": rain - pet}
    made = {
        f"{name}_{window}": trailing_sum(values, window)
        for name, values in daily.items()
        for window in (90, 365)
    }
    return {name: by_year(values, melilla.index.values)[..., 0].T for name, values in made.items()}


@pytest.fixture(scope="module")
def peer(
    reference, balances, melilla, sums, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    """What climate-indices makes of the same inputs, in a process of its own."""
    folder = tmp_path_factory.mktemp("peer")
    leap = melilla.loc["2000"]
    inputs = {
        "balance_monthly": balances,
        "rain_monthly": reference["precips_mm_monthly"],
        "rain_daily": melilla["precipitation"].fillna(0.0).to_numpy(),
        "leap_year_tmax": leap["air_temperature_max"].to_numpy(),
        "leap_year_tmin": leap["air_temperature_min"].to_numpy(),
        "latitude": np.array(35.28),
    }
    np.savez(folder / "given.npz", **inputs, **sums)
    script = Path(__file__).with_name("run_climate_indices.py")
    subprocess.run(
        [sys.executable, str(script), folder / "given.npz", folder / "found.npz"],
        check=True,
        capture_output=True,
        text=True,
    )
    with np.load(folder / "found.npz") as found:
        return dict(found)


@pytest.fixture(scope="module")
def xclim():
    """xclim's indices; it takes seconds to import and leaves the root logger as it was."""
    before = logging.getLogger().handlers[:]
    import xclim.indices

    assert logging.getLogger().handlers == before
    return xclim.indices


def months(reference: dict[str, np.ndarray]) -> pd.DatetimeIndex:
    return pd.date_range("1895-01-01", periods=len(reference["precips_mm_monthly"]), freq="MS")


@pytest.mark.parametrize("window", [1, 6])
def test_monthly_spi_is_that_of_the_climate_indices_project(reference, window: int) -> None:
    found = monthly_spi(reference["precips_mm_monthly"][:, None], window)[:, 0]
    assert largest(found, clipped(reference[f"spi_0{window}_gamma"])) <= 2e-11


def test_monthly_spei_differs_from_that_project_by_its_distribution_alone(reference) -> None:
    balance = (reference["precips_mm_monthly"] - reference["pet_thornthwaite"])[:, None]
    # its gamma SPEI is the SPI of the balance + 1000 mm; its file has five digits
    assert (
        largest(monthly_spi(balance + 1000.0, 6)[:, 0], clipped(reference["spei_06_gamma"])) <= 6e-6
    )
    found, pearson = monthly_spei(balance, 6)[:, 0], clipped(reference["spei_06_pearson3"])
    assert largest(found, pearson) <= 0.52 and np.nanmean(np.abs(found - pearson)) <= 0.05


@pytest.mark.parametrize("window", [1, 6, 12])
def test_monthly_indices_are_those_of_climate_indices(
    peer, reference, balances, window: int
) -> None:
    learnt = (months(reference).year >= 1981) & (months(reference).year <= 2010)
    spi = monthly_spi(reference["precips_mm_monthly"][:, None], window, reference=learnt)[:, 0]
    assert largest(spi, clipped(peer[f"spi_{window}"])) <= 2e-11
    assert largest(monthly_spei(balances, window), clipped(peer[f"spei_{window}"])) <= 2e-11


@pytest.mark.parametrize("window", [90, 365])
def test_distributions_of_daily_sums_are_those_of_climate_indices(peer, sums, window: int) -> None:
    # each day of the year alone: climate-indices does not pool neighbouring days
    for kind, name, fit in (("spi", "rain", ZeroGamma.fit), ("spei", "balance", LogLogistic.fit)):
        values = sums[f"{name}_{window}"]
        found = standardised(fit(values).probability(values))
        assert largest(found.ravel(), clipped(peer[f"{kind}_{name}_{window}"])) <= 2e-11


@pytest.mark.parametrize("window", drought.WINDOWS)
def test_the_drought_index_is_that_of_the_published_formulas(shared, window: int) -> None:
    """Vicente-Serrano et al.

    2010, eq. 8 to 13, on sums less their seasonal cycle, written without ours.
    """
    record = station(shared, "tunis")
    balance = record["precipitation"] - record["potential_evapotranspiration"]
    total = (
        balance.rolling(window, min_periods=int(np.ceil(0.90 * window))).mean() * window
    ).to_numpy()
    index = day_index(record.index.values)
    angle = 2 * np.pi * index / DAYS
    waves = np.stack(
        [np.ones(len(angle))] + [f(k * angle) for k in (1, 2, 3, 4) for f in (np.sin, np.cos)],
        axis=1,
    )
    ok = np.isfinite(total)
    apart = total - waves @ np.linalg.lstsq(waves[ok], total[ok], rcond=None)[0]
    expected = np.full(len(total), np.nan)
    for day in range(DAYS):
        x = np.sort(apart[ok & (np.abs((index - day + 183) % DAYS - 183) <= 15)])
        n, rank = len(x), np.arange(1, len(x) + 1)
        w0, w1, w2 = (
            float((binom(n - rank, s) * x).sum() / binom(n - 1, s) / n) for s in (0, 1, 2)
        )
        beta = (2 * w1 - w0) / (6 * w1 - w0 - 6 * w2)
        product = gamma(1 + 1 / beta) * gamma(1 - 1 / beta)
        alpha = (w0 - 2 * w1) * beta / product
        origin = w0 - alpha * product
        at = np.flatnonzero(ok & (index == day))
        ratio = alpha / (apart[at] - origin)
        inside = (
            ratio > 0
            # beyond the fitted bound: impossible below it where alpha > 0, certain above it where
            # alpha
            # < 0
        )
        expected[at] = np.where(inside, 1 / (1 + np.abs(ratio) ** beta), float(alpha < 0))
    data = xr.Dataset(
        {
            name: (("time", "location"), record[name].to_numpy()[:, None])
            for name in record.columns
            if name != "location"
        },
        {"time": record.index.values, "location": ["tunis"]},
    )
    normals = drought.fit_normals(data, Options())
    found = index_of(trailing_sum(balance.to_numpy()[:, None], window), index, window, normals)[
        :, 0
    ]
    assert largest(found, clipped(ndtri(expected))) <= 2e-11


def test_hargreaves_is_that_of_climate_indices(peer, melilla) -> None:
    leap = melilla.loc["2000"]
    tmax, tmin = (leap[f"air_temperature_{name}"].to_numpy()[:, None] for name in ("max", "min"))
    pet = hargreaves(tmax, tmin, (tmax + tmin) / 2, np.arange(1, 367), np.array([35.28]))[:, 0]
    assert largest(pet, peer["hargreaves"]) <= 1e-13


@pytest.mark.filterwarnings("ignore")
def test_indices_are_those_of_xclim(xclim, reference, balances) -> None:
    rain = xr.DataArray(
        reference["precips_mm_monthly"], {"time": months(reference)}, attrs={"units": "mm/month"}
    )
    thom = {"dist": "gamma", "method": "APP", "fitkwargs": {"floc": 0}}
    for window in (1, 6):
        expected = xclim.standardized_precipitation_index(rain, freq=None, window=window, **thom)
        assert (
            largest(monthly_spi(rain.values[:, None], window)[:, 0], clipped(expected.values))
            <= 2e-11
        )
    valencia = balances[:, 3]
    time = pd.date_range("1900-01-01", periods=len(valencia), freq="MS")
    balance = xr.DataArray(valencia, {"time": time}, attrs={"units": "mm/month"})
    likeliest = xclim.standardized_precipitation_evapotranspiration_index(
        balance, freq=None, window=6, dist="fisk", method="ML"
    )
    # another estimator of the same distribution
    assert largest(monthly_spei(valencia[:, None], 6)[:, 0], clipped(likeliest.values)) <= 0.19


@pytest.mark.filterwarnings("ignore")
def test_hargreaves_is_that_of_xclim(xclim, melilla) -> None:
    time = {"time": melilla.index}
    tmax, tmin = (
        xr.DataArray(melilla[f"air_temperature_{name}"], time, attrs={"units": "degC"})
        for name in ("max", "min")
    )
    north = xr.DataArray(35.28, attrs={"units": "degrees_north"})
    expected = (
        xclim.potential_evapotranspiration(tasmin=tmin, tasmax=tmax, lat=north, method="HG85")
        * 86_400
    )
    tmax, tmin = tmax.values[:, None], tmin.values[:, None]
    found = hargreaves(
        tmax, tmin, (tmax + tmin) / 2, melilla.index.day_of_year.to_numpy(), np.array([35.28])
    )[:, 0]
    assert largest(found, expected.values) <= 0.14  # its sun is Spencer's, not FAO-56's


def test_excess_heat_is_that_of_thermofeel(melilla) -> None:
    from thermofeel import excess_heat

    mean = excess_heat.daily_mean_temperature(
        melilla["air_temperature_min"], melilla["air_temperature_max"]
    )
    t95 = np.nanquantile(mean, 0.95)
    three, thirty = mean.rolling(3).mean(), mean.rolling(30).mean().shift(3)
    significance = excess_heat.significance_index(three, t95)
    acclimatisation = excess_heat.acclimatisation_index(three, thirty)
    expected = excess_heat.excess_heat_factor(significance, acclimatisation)
    found, ours, our_acclimatisation = (
        part[:, 0] for part in excess_heat_factor(mean.to_numpy()[:, None], np.array([t95]))
    )
    both = np.isfinite(expected.to_numpy())  # a 30-day mean of ours may lack a day
    assert both.mean() > 0.98 and np.abs(found - expected)[both].max() <= 1e-9
    assert largest(ours, significance.to_numpy()) <= 1e-10
    assert np.abs(our_acclimatisation - acclimatisation)[both].max() <= 1e-10


def exact_return_level(maxima: np.ndarray, years: float) -> float:
    """Return level of the GEV that has just the sample's L-moments, its shape found numerically."""
    l1, l2, skew, _ = (float(part[0]) for part in l_moments(maxima[:, None]))
    k = brentq(lambda k: 2 * (1 - 3.0**-k) / (1 - 2.0**-k) - 3 - skew, -0.95, 1.95)
    alpha = l2 * k / ((1 - 2.0**-k) * gamma(1 + k))
    return float(l1 + alpha * (gamma(1 + k) - (-np.log(1 - 1 / years)) ** k) / k)


def test_return_levels_are_those_of_the_exact_shape(shared) -> None:
    for name in ("melilla", "tunis", "camels_01031500"):
        record = station(shared, name)
        series = [
            trailing_sum(record["precipitation"].to_numpy()[:, None], days) for days in (1, 3)
        ]
        if "river_discharge" in record:
            series.append(record["river_discharge"].to_numpy()[:, None])
        for values in series:
            maxima = annual_maxima(values, record.index.values)
            for years in (1.5, 2.0, 5.0):
                exact = exact_return_level(maxima[np.isfinite(maxima[:, 0]), 0], years)
                assert gev_return_level(maxima, years)[0] == pytest.approx(exact, rel=4e-4)


def test_rain_severity_is_exceeded_by_as_many_storms_as_asked(shared) -> None:
    for name in ("melilla", "tunis", "camels_01031500"):
        record = station(shared, name)
        rain = record["precipitation"].to_numpy()[:, None]
        sums = rain, trailing_sum(rain, 3)
        levels = [
            gev_return_level(annual_maxima(values, record.index.values), 2.0) for values in sums
        ]
        severity = np.fmax(sums[0] / levels[0], sums[1] / levels[1])[:, 0]
        known = np.where(np.isfinite(severity), severity, 0.0)
        storms = known[find_peaks(known, distance=3)[0]]  # scipy's: the highest first, 3 days apart
        record_years = np.isfinite(severity).sum() / 365.25
        for years in (2.0, 5.0):
            level = severity_exceeded_every(severity, years)
            assert (storms > level).sum() == pytest.approx(record_years / years, abs=1.0)
