"""Forecasts that cannot be used are flagged and left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from models.postprocessing.forecast_pairs import (
    plausible_range,
    within_range,
)
from models.postprocessing.quality import quality_flags, usable_pairs
from models.postprocessing.silence import describe_flags


def spoilt(
    pairs: xr.Dataset, change: Callable[[np.ndarray], np.ndarray], horizons: slice = slice(None)
) -> xr.Dataset:
    """Pairs whose forecast means were changed at some horizons."""
    values = pairs["mean"].values.copy()
    values[:, horizons] = change(values[:, horizons])
    return pairs.assign(mean=(pairs["mean"].dims, values))


def a_day_late(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.full_like(values[:1], np.nan), values[:-1]])


def test_nothing_is_wrong_with_sound_forecasts(archive: dict[str, xr.Dataset]) -> None:
    """Nor with those of a place that has no river, which has nothing that could be left out."""
    assert not [flag for pairs in archive.values() for flag in quality_flags(pairs)]


CASES = {
    "no value": ("air_temperature_max", lambda x: x * np.nan, slice(3, 4), "there is no value"),
    "constant": ("air_temperature_max", lambda x: x * 0 + 21.5, slice(2, 3), "never change"),
    "no rain ever": ("precipitation", lambda x: x * 0, slice(2, 3), "never change"),
    "Kelvin": ("air_temperature_max", lambda x: x + 273.15, slice(None), "Kelvin"),
    "Fahrenheit": ("air_temperature_min", lambda x: 1.8 * x + 32, slice(5, 6), "Fahrenheit"),
    "metres": ("precipitation", lambda x: x / 1000, slice(None), "another unit"),
    "litres": ("river_discharge", lambda x: x + np.log(1000), slice(1, 2), "another unit"),
    "a day late, all": ("air_temperature_max", a_day_late, slice(None), "day before"),
    "a day late, one": ("air_temperature_max", a_day_late, slice(3, 4), "day before"),
    "a day early": (
        "air_temperature_max",
        lambda x: a_day_late(x[::-1])[::-1],
        slice(None),
        "day after",
    ),
    "rain a day late": ("precipitation", a_day_late, slice(None), "day before"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_bad_forecast_is_noticed_and_left_out(
    archive: dict[str, xr.Dataset], case: str
) -> None:
    variable, change, horizons, words = CASES[case]
    bad = spoilt(archive[variable], change, horizons)
    flags = [flag for flag in quality_flags(bad) if flag.location == "river"]
    expected = set(bad["horizon"].values[horizons].tolist())
    named = {flag.horizon for flag in flags if words in str(flag.reason)}
    assert named == expected if len(expected) == 1 else {0, 1, 2} <= named
    left = usable_pairs(bad, flags)["mean"].sel(location="river", horizon=sorted(named)).values
    assert np.isnan(left).all()
    assert any(words in text and text.endswith(".") for text in map(str, describe_flags(flags)))


def test_one_morning_in_kelvin_is_left_out_at_once(archive: dict[str, xr.Dataset]) -> None:
    pairs = archive["air_temperature_max"]
    values = pairs["mean"].values.copy()
    values[-1] += 273.15
    left = within_range(pairs.assign(mean=(pairs["mean"].dims, values)), *plausible_range(pairs))
    assert np.isnan(left["mean"].values[-1]).all()
    np.testing.assert_array_equal(left["mean"].values[:-1], pairs["mean"].values[:-1])


def test_ninety_days_are_needed(archive: dict[str, xr.Dataset]) -> None:
    pairs = archive["air_temperature_max"].sel(location=["plain"])
    few, enough = (pairs.isel(init_time=slice(0, days)).sel(horizon=[0, 1]) for days in (80, 100))
    assert all("90 are needed" in str(flag.reason) for flag in quality_flags(few))
    assert len(quality_flags(few)) == 2
    assert not quality_flags(enough)
