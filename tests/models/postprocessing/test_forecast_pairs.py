"""Archived forecasts beside observations: members, lost runs, what was known when."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from province import Province

from models.postprocessing.forecast_pairs import (
    known_by,
    latest_available,
    pair_archive,
    pair_with_observations,
)
from models.postprocessing.screening import calibrate_on
from models.postprocessing.trajectories import prepare_runs, sample_trajectories

DAY = np.timedelta64(1, "D")


def small(values: list, variable: str = "air_temperature_max") -> tuple[xr.Dataset, xr.Dataset]:
    """Forecasts of one place from nested lists (init_time, lead, member) from 1 January 2001.

    And a record that goes 20, 21, 22 and so on.
    """
    array = np.array(values, dtype=np.float32)[:, :, None, :]
    days = np.datetime64("2001-01-01", "ns") + np.arange(len(array)) * DAY
    leads = np.arange(array.shape[1]).astype("timedelta64[D]").astype("timedelta64[ns]")
    axes = {
        "init_time": days,
        "lead_time": leads,
        "location": ["here"],
        "member": np.arange(array.shape[3]),
    }
    forecasts = xr.Dataset(
        {variable: (("init_time", "lead_time", "location", "member"), array)}, coords=axes
    )
    times = np.datetime64("2001-01-01", "ns") + np.arange(6) * DAY
    record = (("time", "location"), 20.0 + np.arange(6.0)[:, None], {"delay_days": 1})
    return forecasts, xr.Dataset({variable: record}, coords={"time": times, "location": ["here"]})


def test_a_missing_member_is_not_a_zero() -> None:
    """Members 20, 24 and one missing: mean 22, deviation sqrt((4 + 4) / 1) = 2.83.

    One member alone has no spread; none has no mean.
    """
    forecasts, observations = small(
        [[[20.0, np.nan, 24.0]], [[np.nan, 21.0, np.nan]], [[np.nan] * 3]]
    )
    pairs = pair_with_observations(forecasts, observations, "air_temperature_max")
    np.testing.assert_allclose(pairs["mean"].values.ravel(), [22.0, 21.0, np.nan])
    np.testing.assert_allclose(pairs["spread"].values.ravel(), [np.sqrt(8.0), np.nan, np.nan])
    np.testing.assert_allclose(pairs["observed"].values.ravel(), [20.0, 21.0, 22.0])


def test_a_deterministic_run_beside_an_ensemble_gives_the_mean_and_the_members_the_spread() -> None:
    """Run 25 beside members 20 and 24; then only the run, then only the members."""
    forecasts, observations = small(
        [[[25.0, 20.0, 24.0]], [[26.0, np.nan, np.nan]], [[np.nan, 20.0, 24.0]]]
    )
    pairs = pair_with_observations(
        forecasts.assign_coords(member=[-1, 0, 1]), observations, "air_temperature_max"
    )
    np.testing.assert_allclose(pairs["mean"].values.ravel(), [25.0, 26.0, 22.0])
    np.testing.assert_allclose(pairs["spread"].values.ravel(), [np.sqrt(8.0), np.nan, np.sqrt(8.0)])


def test_a_spread_that_was_issued_is_taken_as_that_of_members() -> None:
    """Mean 22 and spread 2.83 say what members 20 and 24 do; a mean alone has no spread.

    Where both were issued the issued spread counts; without a mean it says nothing.
    """
    values = [[[2.83, 22.0, np.nan, np.nan]], [[np.nan, 22.0, np.nan, np.nan]],
              [[1.5, 22.0, 20.0, 24.0]], [[1.5, np.nan, np.nan, np.nan]]]  # fmt: skip
    forecasts, observations = small(values)
    with_spread = forecasts.assign_coords(member=[-2, -1, 0, 1])
    pairs = pair_with_observations(with_spread, observations, "air_temperature_max")
    np.testing.assert_allclose(pairs["mean"].values.ravel(), [22, 22, 22, np.nan])
    spread = pairs["spread"].values.ravel()
    np.testing.assert_allclose(spread[:3], [2.83, np.nan, 1.5], rtol=1e-6)


def test_a_spread_of_rain_adds_no_member_and_one_of_discharge_is_on_its_scale() -> None:
    """Rain: wet as the mean is. Discharge: sqrt(log(1 + (5 / 10)^2)) = 0.472 of the logarithm."""
    rain = small([[[3.0, 1.0]], [[3.0, 0.0]]], "precipitation")
    pairs = pair_with_observations(rain[0].assign_coords(member=[-2, -1]), rain[1], "precipitation")
    assert pairs["wet"].values.ravel().tolist() == [1.0, 0.0]
    assert pairs["spread"].values.ravel().tolist() == [3.0, 3.0]
    flow = small([[[5.0, 10.0]]], "river_discharge")
    pairs = pair_with_observations(
        flow[0].assign_coords(member=[-2, -1]), flow[1], "river_discharge"
    )
    assert pairs["spread"].item() == pytest.approx(0.472, abs=1e-3)
    assert pairs["mean"].item() == pytest.approx(np.log(10.0))


def test_mean_and_spread_give_the_trajectories_that_members_give(province: Province) -> None:
    """The same error models from five members and from their mean and standard deviation."""
    names = ["air_temperature_max"]
    runs = province.forecasts[names].sel(init_time=slice("2011-01-01", None))
    moments = xr.concat([runs.std("member", ddof=1), runs.mean("member")], dim="member")
    moments = moments.assign_coords(member=[-2, -1])
    moments["air_temperature_max"].attrs = runs["air_temperature_max"].attrs
    day = np.array([np.datetime64("2012-07-01", "ns")])
    drawn = []
    for issued in (runs, moments):
        pairs = pair_archive(issued, province.observations, names)
        calibration = calibrate_on(pairs, province.observations, day[0], months=(7,))
        assert np.isfinite(pairs[names[0]]["spread"].values[0]).any()
        drawn.append(
            sample_trajectories(calibration, prepare_runs(calibration, pairs[names[0]], day), day)
        )
    np.testing.assert_allclose(drawn[0], drawn[1], atol=0.02)


def test_the_share_of_wet_members_counts_those_there_are() -> None:
    pairs = pair_with_observations(*small([[[0.0, np.nan, 3.0]]], "precipitation"), "precipitation")
    assert pairs["wet"].item() == 0.5
    assert pairs["mean"].item() == 1.5


def test_a_lost_run_leaves_the_older_one_with_its_longer_horizon() -> None:
    """Run 2 is lost: on its morning run 1 forecasts day 2 at horizon 1, no later run does."""
    forecasts, observations = small([[[10.0], [11.0]], [[np.nan], [np.nan]], [[30.0], [31.0]]])
    pairs = pair_with_observations(forecasts, observations, "air_temperature_max")
    values, horizon = latest_available(pairs, pairs["init_time"].values, np.array([0, 1]))
    np.testing.assert_array_equal(values["mean"][:, :, 0], [[10, 11], [11, np.nan], [30, 31]])
    np.testing.assert_array_equal(horizon[:, :, 0], [[0, 1], [1, -1], [0, 1]])


def test_a_run_that_arrives_a_day_later_is_not_used_on_its_own_morning() -> None:
    forecasts, observations = small([[[10.0], [11.0], [12.0]], [[20.0], [21.0], [22.0]]])
    pairs = pair_with_observations(forecasts, observations, "air_temperature_max")
    values, horizon = latest_available(
        pairs, pairs["init_time"].values, np.array([-1, 0, 1]), run_delay=1
    )
    np.testing.assert_array_equal(values["mean"][1, :, 0], [10, 11, 12])
    np.testing.assert_array_equal(horizon[1, :, 0], [0, 1, 2])


def test_only_what_was_observed_by_the_morning_is_known() -> None:
    forecasts, observations = small([[[10.0], [11.0]], [[20.0], [21.0]]])
    pairs = pair_with_observations(forecasts, observations, "air_temperature_max")
    known = known_by(pairs, pairs["init_time"].values[1], delay=1)
    np.testing.assert_array_equal(
        known["observed"].values[:, :, 0], [[20, np.nan], [np.nan, np.nan]]
    )
