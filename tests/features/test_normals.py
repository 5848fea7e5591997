"""What is usual and which thresholds count, each beside its definition written anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from features.hazards import Options, hazards
from features.indices import annual_maxima, episode_peaks, gev_return_level
from features.water_balance import index_of

SEASON = (5, 10)


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=12, seed=17)


def normals_of(name: str, record: xr.Dataset) -> xr.Dataset:
    return hazards()[name].fit_normals(record, Options(SEASON))


@pytest.mark.parametrize(("month", "day"), [(7, 15), (5, 1), (10, 31)])
def test_the_heat_threshold_is_p90_of_31_days_of_the_season(
    record: xr.Dataset, month: int, day: int
) -> None:
    tmax = record["air_temperature_max"].isel(location=0).to_series()
    warm = tmax[tmax.index.month.isin(range(5, 11))]
    near = pd.concat(
        warm[abs(warm.index - pd.Timestamp(year, month, day)) <= pd.Timedelta(days=15)]
        for year in warm.index.year.unique()
    )
    normals = normals_of("heat", record)
    number = pd.Timestamp(2000, month, day).day_of_year - 1
    assert normals["tmax_p90"].values[number, 0] == pytest.approx(near.quantile(0.90), abs=1e-4)
    assert normals["heat_floor"].item() == pytest.approx(warm.quantile(0.75), abs=1e-4)


def test_excess_heat_is_over_p95_of_the_mean_temperature_of_all_days(record: xr.Dataset) -> None:
    mean = record["air_temperature_mean"].isel(location=0).to_series().astype(float)
    normals = normals_of("heat", record)
    assert normals["tmean_p95"].item() == pytest.approx(mean.quantile(0.95), abs=1e-4)
    significance = mean.rolling(3).mean() - mean.quantile(0.95)
    acclimatisation = mean.rolling(3).mean() - mean.rolling(30).mean().shift(3)
    factor = significance * acclimatisation.clip(lower=1)
    assert normals["ehf_p85"].item() == pytest.approx(factor[factor > 0].quantile(0.85), rel=1e-3)


def test_flash_flood_levels_are_p95_of_wet_sums_and_one_episode_in_2_and_5_years(
    record: xr.Dataset,
) -> None:
    rain = record["precipitation"].isel(location=0).to_series().astype(float)
    three, times = rain.rolling(3).sum(), record["time"].values
    normals = normals_of("flash_flood", record)
    wet = three[three >= 1.0]
    assert normals["sum_3d_p95"].item() == pytest.approx(wet.quantile(0.95), abs=1e-3)
    two_year = [
        gev_return_level(annual_maxima(part.to_numpy()[:, None], times), 2.0)[0]
        for part in (rain, three)
    ]
    severity = np.fmax(rain / two_year[0], three / two_year[1]).to_numpy()
    peaks = np.sort(episode_peaks(severity))[::-1]
    # 12 years: the 6th episode is above the level of one in two, the 7th is not; 2.4: the 2nd is
    assert peaks[5] > normals["severity_2"].item() >= peaks[6]
    assert peaks[1] > normals["severity_3"].item() >= peaks[2]


def test_river_flood_levels_come_every_1_5_2_and_5_years(record: xr.Dataset) -> None:
    maxima = annual_maxima(record["river_discharge"].values, record["time"].values)
    expected = [gev_return_level(maxima, years)[0] for years in (1.5, 2.0, 5.0)]
    levels = normals_of("river_flood", record)["return_level"].values[:, 0]
    np.testing.assert_allclose(levels, expected, rtol=1e-6)


@pytest.mark.parametrize("window", [90, 365])
def test_drought_levels_are_indices_of_minus_1_1_5_and_2(record: xr.Dataset, window: int) -> None:
    normals, days = normals_of("drought", record), np.arange(366)
    limits = normals["limit"].sel(window=window).values
    index = np.stack([index_of(limit, days, window, normals) for limit in limits])
    known = np.isfinite(index)
    expected = np.broadcast_to(np.array([-1.0, -1.5, -2.0])[:, None, None], index.shape)
    assert known.mean() > 0.9
    np.testing.assert_allclose(index[known], expected[known], atol=1e-6)
