"""EMOS models adapt to the newest errors that are known, and only to these."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from models.postprocessing.calibration import Calibration
from models.postprocessing.emos import (
    MAX_MEMORY_DAYS,
    MEMORY_DAYS,
    RECENT_PRIOR_ERRORS,
    recent_error,
)
from models.postprocessing.forecast_pairs import known_after, pair_archive
from models.postprocessing.screening import calibrate_on
from models.postprocessing.trajectories import prepare_runs, sample_trajectories

DAY = np.timedelta64(1, "D")
NAME = "air_temperature_max"
LEADS = 3


def drifting(
    deviation: float, seed: int, days: int = 900, delay: int = 1, run_delay: int = 0
) -> tuple[xr.Dataset, xr.Dataset]:
    """Forecasts (degC) of two places whose bias drifts by ``deviation`` with a memory of 40 days.

    Beside that they err by 1.2 degC, each run by itself; and the record.
    """
    random = np.random.default_rng(seed)
    times = np.datetime64("2004-03-01", "ns") + np.arange(days) * DAY
    angle = 2 * np.pi * np.arange(days) / 365.25
    record = 22 - 8 * np.cos(angle)[:, None] + random.normal(0, 3, (days, 2))
    keeps = np.exp(-1 / 40)
    steps = random.normal(0, deviation * np.sqrt(1 - keeps**2), (days, 2))
    drift = lfilter([1], [1, -keeps], steps, axis=0) - 0.7
    valid = np.minimum(np.arange(days)[:, None] + np.arange(LEADS), days - 1)
    issued = (record + drift)[valid] + random.normal(0, 1.2, (days, LEADS, 2))
    places = ["a", "b"]
    leads = np.arange(LEADS).astype("timedelta64[D]").astype("timedelta64[ns]")
    observations = xr.Dataset(
        {NAME: (("time", "location"), record.astype(np.float32), {"delay_days": delay})},
        coords={"time": times, "location": places},
    )
    attrs = {"delay_days": run_delay}
    forecasts = xr.Dataset(
        {NAME: (("init_time", "lead_time", "location"), issued.astype(np.float32), attrs)},
        coords={"init_time": times, "lead_time": leads, "location": places},
    )
    return observations, forecasts


def calibrated(observations: xr.Dataset, forecasts: xr.Dataset, day: np.datetime64) -> Calibration:
    archive = pair_archive(forecasts, observations, [NAME])
    return calibrate_on(archive, observations, day, changes=[], months=(month_of(day),))


def month_of(day: np.datetime64) -> int:
    return int(day.astype("datetime64[M]").astype(int) % 12 + 1)


def shares(calibration: Calibration) -> np.ndarray:
    return calibration.by_variable[NAME]["coefficient"].sel(term="recent").values


def test_recent_errors_are_a_decaying_mean_of_those_known() -> None:
    """Calibration 2 and 1 of the days 3 and 2 before, and 1000 of the day before, not known yet.

    With d = exp(-1 / 15): (2 + 0 * d + ...) known after 2 days: (1 + 2 d) / (1 + d + 2).
    """
    error = np.array([2.0, 1.0, 1000.0, np.nan])[:, None]
    d = np.exp(-1 / MEMORY_DAYS)
    recent = recent_error(error, np.zeros(4, int), known_after=2)[:, 0]
    expected = [0, 0, 2 / (1 + RECENT_PRIOR_ERRORS), (1 + 2 * d) / (1 + d + RECENT_PRIOR_ERRORS)]
    np.testing.assert_allclose(recent, expected)


def test_errors_of_another_forecast_model_count_nothing() -> None:
    error = np.array([5.0, 5.0, 5.0, 1.0, 0.0])[:, None]
    recent = recent_error(error, np.array([0, 0, 0, 1, 1]), known_after=1)[:, 0]
    assert recent[3] == 0
    assert recent[4] == pytest.approx(1 / (1 + RECENT_PRIOR_ERRORS))


def test_errors_beyond_the_reach_count_nothing() -> None:
    error = np.zeros((MAX_MEMORY_DAYS + 2, 1))
    error[0] = 9.0
    recent = recent_error(error, np.zeros(len(error), int), known_after=1)[:, 0]
    assert recent[MAX_MEMORY_DAYS] > 0
    assert recent[MAX_MEMORY_DAYS + 1] == 0


@pytest.mark.parametrize(
    ("delay", "run_delay", "expected"), [(1, 0, [1, 2, 3]), (3, 0, [3, 4, 5]), (1, 1, [1, 1, 2])]
)
def test_an_error_is_known_when_its_day_is(delay: int, run_delay: int, expected: list[int]) -> None:
    """Of lead 2, seen a day late, when the run is 3 days old; a run a day late knows one more."""
    observations, forecasts = drifting(0.0, 83_001, 200, delay, run_delay)
    pairs = pair_archive(forecasts, observations, [NAME])[NAME]
    assert known_after(pairs).tolist() == expected


def errors_of(
    observations: xr.Dataset, forecasts: xr.Dataset, adapt: Callable[[Calibration], Calibration]
) -> tuple[float, float]:
    """RMSE (degC) of lead 1 over a year of fits each quarter, and the cover of 90 % intervals."""
    pairs = pair_archive(forecasts, observations, [NAME])[NAME]
    trajectories, seen = [], []
    for begin in np.arange("2005-04", "2006-04", 3, dtype="datetime64[M]"):
        days = np.arange(begin, begin + 1, dtype="datetime64[D]").astype("datetime64[ns]")
        calibration = adapt(calibrated(observations, forecasts, days[0]))
        trajectories.append(
            sample_trajectories(calibration, prepare_runs(calibration, pairs, days), days)[:, :, 1]
        )
        seen.append(pairs["observed"].sel(init_time=days, horizon=1).values)
    drawn, truth = np.concatenate(trajectories, axis=1), np.concatenate(seen)
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    error = drawn.mean(axis=0) - truth
    return float(np.sqrt((error**2).mean())), float(((low <= truth) & (truth <= high)).mean())


def unadapted(calibration: Calibration) -> Calibration:
    coefficient = calibration.by_variable[NAME]["coefficient"].copy()
    coefficient.loc[{"term": "recent"}] = 0.0
    changed = {NAME: calibration.by_variable[NAME].assign(coefficient=coefficient)}
    return Calibration(changed, calibration.temperatures, calibration.meta)


def test_a_bias_that_drifts_is_followed_and_intervals_stay_right() -> None:
    """Drift of 1 degC beside errors of 1.2: 1.34 on average, sqrt(1 + 1.44) = 1.56 at worst.

    Less than 1.2 nobody can reach; the mean over 15 days leaves about half of the drift.
    """
    worlds = [drifting(1.0, seed) for seed in (83_021, 83_022, 83_023, 83_024)]
    still = np.mean([errors_of(*world, unadapted) for world in worlds], axis=0)
    moved = np.mean(
        [errors_of(*world, lambda calibration: calibration) for world in worlds], axis=0
    )
    for world in worlds:
        assert (shares(calibrated(*world, np.datetime64("2006-01-01"))) > 0.5).all()
    assert moved[0] < 0.94 * still[0]
    assert moved[1] == pytest.approx(0.89, abs=0.03)
    assert moved[1] >= still[1]


@pytest.mark.parametrize("seed", [83_003, 83_004, 83_005])
def test_errors_that_do_not_persist_are_not_followed(seed: int) -> None:
    assert (shares(calibrated(*drifting(0.0, seed), np.datetime64("2006-06-01"))) < 0.15).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 55), st.integers(1, 3), st.integers(0, 1), st.floats(-40, 60))
def test_nothing_published_after_the_issue_day_changes_a_number(
    after: int, delay: int, run_delay: int, nonsense: float
) -> None:
    """Fitted on 1 January 2006, issued ``after`` days later; what follows is replaced."""
    fitted = np.datetime64("2006-01-01", "ns")
    day = fitted + after * DAY
    observations, forecasts = drifting(1.0, 83_006, 800, delay, run_delay)
    drawn = []
    for spoilt in (False, True):
        if spoilt:
            late = observations["time"] <= day - delay * DAY
            runs = forecasts["init_time"] <= day - run_delay * DAY
            observations = observations.where(late, nonsense, drop=False)
            observations[NAME].attrs["delay_days"] = delay
            forecasts = forecasts.where(runs, nonsense)
            forecasts[NAME].attrs["delay_days"] = run_delay
        calibration = calibrated(observations, forecasts, fitted)
        pairs = pair_archive(forecasts, observations, [NAME])[NAME]
        calibration = Calibration(
            {NAME: calibration.by_variable[NAME].assign_coords(month=[month_of(day)])},
            calibration.temperatures,
            calibration.meta,
        )
        drawn.append(
            sample_trajectories(
                calibration, prepare_runs(calibration, pairs, np.array([day])), np.array([day])
            )
        )
    assert (shares(calibration) > 0.3).all()
    assert np.isfinite(drawn[0]).any()
    np.testing.assert_array_equal(*drawn)


def test_the_day_before_matters_and_days_issued_together_are_as_alone() -> None:
    """An error that became known this morning moves the number; other issue days do not."""
    observations, forecasts = drifting(1.0, 83_007, 800)
    days = np.datetime64("2006-01-01", "ns") + np.arange(12) * DAY
    calibration = calibrated(observations, forecasts, days[0])
    pairs = pair_archive(forecasts, observations, [NAME])[NAME]
    together = sample_trajectories(calibration, prepare_runs(calibration, pairs, days), days)
    alone = sample_trajectories(calibration, prepare_runs(calibration, pairs, days[7:8]), days[7:8])
    np.testing.assert_array_equal(together[:, 7:8], alone)
    warmer = observations.copy(deep=True)
    warmer[NAME].loc[{"time": days[6]}] += 4.0
    moved = sample_trajectories(
        calibration,
        prepare_runs(calibration, pair_archive(forecasts, warmer, [NAME])[NAME], days[7:8]),
        days[7:8],
    )
    assert (moved[:, 0, 0] > alone[:, 0, 0]).all()
