"""Drift of inputs and of calibration: told where something changed, silent on faultless records."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import CHECKOUT
from models.verification.drift import (
    MIN_BLOCKS,
    RECENT_DAYS,
    calibration_drift,
    input_drift,
)


def record(years: int = 12, seed: int = 1, places: int = 2) -> xr.Dataset:
    """Days of a temperature with a season and of rain, until 2012-12-31."""
    time = pd.date_range(end="2012-12-31", periods=365 * years)
    rng = np.random.default_rng(seed)
    warm = 20 - 8 * np.cos(2 * np.pi * time.dayofyear.to_numpy() / 365.25)[:, None]
    temperature = warm + rng.normal(0, 3, (len(time), places))
    rain = rng.gamma(0.2, 10, (len(time), places))
    return xr.Dataset(
        {
            "air_temperature_max": (("time", "location"), temperature.astype(np.float32)),
            "precipitation": (("time", "location"), rain.astype(np.float32)),
        },
        coords={"time": time.to_numpy(), "location": [f"p{i}" for i in range(places)]},
    )


def shares(observations: xr.Dataset) -> dict[str, float]:
    return {one.variable: one.share for one in input_drift(observations)}


def changed(observations: xr.Dataset, variable: str, factor: float, offset: float) -> xr.Dataset:
    """The record with a variable changed on its newest 30 days."""
    late = np.arange(observations.sizes["time"]) >= observations.sizes["time"] - RECENT_DAYS
    values = observations[variable]
    other = values * factor + offset
    return observations.assign({variable: values.where(~xr.DataArray(late, dims="time"), other)})


def test_of_a_record_that_did_not_change_two_in_a_hundred_lie_outside() -> None:
    found = [share for seed in range(8) for share in shares(record(seed=seed)).values()]
    assert 0.005 < np.mean(found) < 0.04 and max(found) < 0.15


@pytest.mark.parametrize(
    ("variable", "factor", "offset"),
    [
        ("air_temperature_max", 1.0, 8.0),  # a sensor in the sun
        ("air_temperature_max", 1.8, 32.0),  # degrees Fahrenheit
        ("air_temperature_max", 1.0, 273.15),  # kelvin
        ("precipitation", 1.0, 40.0),  # a gauge that never says 0
    ],
)
def test_a_change_of_the_inputs_is_seen(variable: str, factor: float, offset: float) -> None:
    assert shares(changed(record(), variable, factor, offset))[variable] > 0.3


def test_a_hot_month_of_every_year_is_its_season_and_no_drift() -> None:
    """Summer ends the record: its highest values are usual there, and would not be in the year."""
    summer = record().sel(time=slice(None, "2012-07-20"))
    assert shares(summer)["air_temperature_max"] < 0.15


def test_too_few_years_tell_nothing() -> None:
    assert input_drift(record(years=4)) == []
    assert input_drift(record().isel(time=slice(-20, None))) == []


def test_of_real_months_weather_was_never_told_as_drift() -> None:
    """Tunis, which comes with the project: every 30th day of its last twelve years."""
    table = pd.read_csv(next((CHECKOUT / "configs/regions/tunis").glob("*.csv")), parse_dates=[0])
    table = table.set_index("time").astype(np.float32)
    observations = xr.Dataset(
        {name: (("time", "location"), table[[name]].to_numpy()) for name in table},
        coords={"time": table.index.to_numpy(), "location": ["tunis"]},
    )
    days = pd.date_range("1990-01-01", table.index[-1], freq="30D")
    found = [
        one.share for day in days for one in input_drift(observations.sel(time=slice(None, day)))
    ]
    assert len(found) > 400 and max(found) <= 0.2


def marks(chance: float, came: float, weeks: int = 60, late: bool = False) -> pd.DataFrame:
    """Daily chances of one hazard at two leads, and how often it came."""
    rng = np.random.default_rng(7)
    valid = np.repeat(pd.date_range("2026-01-01", periods=7 * weeks), 2)
    n = len(valid)
    outcome = np.repeat(rng.random(n // 2) < came, 2)
    return pd.DataFrame(
        {
            "hazard": "heat",
            "level": 1,
            "valid": valid,
            "lead_days": np.tile([0, 1], n // 2),
            "window_days": 1,
            "probability": chance,
            "outcome": outcome.astype(float),
            "state": "graded",
            "late": late,
        }
    )


def test_chances_that_come_true_have_no_drift_and_others_do() -> None:
    (good,) = calibration_drift(marks(0.2, 0.2))
    (bad,) = calibration_drift(marks(0.2, 0.5))
    assert (good.n, good.blocks, good.forecast) == (420, 60, pytest.approx(0.2))
    assert abs(good.z) < 3 < bad.z and bad.observed == pytest.approx(0.5, abs=0.08)
    assert good.blocks >= MIN_BLOCKS


def test_only_graded_chances_count_that_were_not_late() -> None:
    table = marks(0.2, 0.2)
    ungradable = table.assign(state="ungradable", outcome=np.nan)
    (found,) = calibration_drift(pd.concat([table, ungradable, marks(0.2, 1.0, late=True)]))
    assert found.n == 420
    assert list(calibration_drift(ungradable)) == []


def test_z_is_the_mean_of_blocks_over_its_standard_error() -> None:
    """Two weeks, chance 0.5: outcomes 1 in the first and 0 in the second: 0.5 and -0.5.

    Mean 0; with 0.75 and -0.25: mean 0.25, deviation .7071, error .5, z .5.
    """
    table = marks(0.5, 0.0, weeks=2)
    first = table["valid"] < pd.Timestamp("2026-01-08")
    (even,) = calibration_drift(table.assign(outcome=first.astype(float)))
    assert even.z == 0
    lower = table.assign(outcome=first.astype(float), probability=0.25)
    (found,) = calibration_drift(lower)
    assert found.z == pytest.approx(0.5)


def test_an_event_that_always_comes_and_is_never_foretold_has_a_z_without_end() -> None:
    (found,) = calibration_drift(marks(0.25, 0.0).assign(outcome=1.0))
    assert found.z == 99.0
    (single,) = calibration_drift(marks(0.25, 0.0, weeks=1))
    assert single.z == 0
