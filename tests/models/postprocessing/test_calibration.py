"""Calibrated forecasts err as they say."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from province import CHANGE, Province

from models.postprocessing.calibration import (
    CalibrationPlan,
    fit_calibration,
)
from models.postprocessing.screening import calibrate_on
from models.postprocessing.trajectories import prepare_runs, sample_trajectories


def forecast_months(
    province: Province, pairs: xr.Dataset, months: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Trajectories (trajectory, issue_time, lead, location) of whole months, and what was observed.

    Each month by what was known on its first day.
    """
    name, trajectories, observed = pairs.attrs["variable"], [], []
    for month in months:
        days = np.arange(month, month + 1, dtype="datetime64[D]").astype("datetime64[ns]")
        calibration = calibrate_on(
            {name: pairs},
            province.observations,
            days[0],
            changes=[CHANGE],
            months=(int(month.astype(int) % 12 + 1),),
        )
        trajectories.append(
            sample_trajectories(calibration, prepare_runs(calibration, pairs, days), days)
        )
        observed.append(pairs["observed"].sel(init_time=days).values)
    return np.concatenate(trajectories, axis=1), np.concatenate(observed)


def test_the_error_falls_as_published_and_the_trajectories_are_as_wide_as_they_err(
    province: Province, archive: dict[str, xr.Dataset]
) -> None:
    """Next-day Tmax over Seoul goes from RMSE 2.08 to 1.55, to 0.75 of it (Cho et al. 2020).

    Raw ensembles are half as wide as they err.
    """
    pairs = archive["air_temperature_max"]
    months = np.arange("2008-11", "2010-05", dtype="datetime64[M]")
    trajectories, observed = forecast_months(province, pairs, months)
    there = pairs.sel(init_time=slice("2008-11-01", "2010-04-30"))
    left = np.sqrt(np.nanmean((trajectories.mean(axis=0) - observed) ** 2, axis=(0, 2)))
    before = np.sqrt(np.nanmean((there["mean"].values - observed) ** 2, axis=(0, 2)))
    assert left[1] / before[1] < 0.9
    assert left[1] == pytest.approx(
        1.3, abs=0.3
    )  # the German station of issue 4: 1.3 at 24 h, 2.2 at 120 h
    assert left[5] == pytest.approx(2.2, abs=0.5)
    assert (np.nanmean(there["spread"].values, axis=(0, 2))[:6] < 0.65 * left[:6]).all()
    known = np.isfinite(trajectories[0]) & np.isfinite(observed)
    inside = [
        np.mean(np.abs((trajectories < observed).mean(axis=0)[:, lead][known[:, lead]] - 0.5) < 0.4)
        for lead in range(11)
    ]
    np.testing.assert_allclose(inside, 0.8, atol=0.06)


def test_rain_is_dry_as_often_as_it_should_be_and_as_heavy(
    province: Province, archive: dict[str, xr.Dataset]
) -> None:
    months = np.arange("2008-10", "2012-12", dtype="datetime64[M]")
    trajectories, observed = forecast_months(
        province, archive["precipitation"], months[np.isin(months.astype(int) % 12 + 1, (11, 2))]
    )
    assert (trajectories[np.isfinite(trajectories)] >= 0).all()
    ok = np.isfinite(trajectories[0]) & np.isfinite(observed)
    for level, within in (
        (0.1, 0.2),
        (5.0, 0.3),
        (15.0, 0.5),
    ):  # the rarer, the less a few months tell
        drawn, happened = (
            (trajectories >= level).mean(axis=0)[ok].mean(),
            (observed >= level)[ok].mean(),
        )
        assert drawn == pytest.approx(happened, rel=within)
    assert (
        np.corrcoef(
            (trajectories >= 1).mean(axis=0)[:, 0][ok[:, 0]], (observed[:, 0] >= 1)[ok[:, 0]]
        )[0, 1]
        > 0.6
    )


def test_a_season_without_thirty_issue_days_is_silent(
    province: Province, archive: dict[str, xr.Dataset]
) -> None:
    winter = {
        "air_temperature_max": archive["air_temperature_max"].sel(
            init_time=slice("2007-01-01", "2007-04-10")
        )
    }
    calibration = fit_calibration(winter, province.observations, CalibrationPlan(months=(3, 8)))
    assert np.isfinite(calibration.by_variable["air_temperature_max"]["score"].sel(month=3)).all()
    assert np.isnan(calibration.by_variable["air_temperature_max"]["score"].sel(month=8)).all()
