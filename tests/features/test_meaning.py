"""What a level is at a place: beyond the figures told the event is, below them it is not."""

from __future__ import annotations

import string
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from features.hazards import LEVELS, Options, hazards
from features.hazards.heat import HAZARD as HEAT

NAMES = tuple(hazards())
TIMES = pd.date_range("1990-01-01", "2009-12-31")
OPTIONS = Options((5, 10))


@pytest.fixture(scope="module")
def record() -> xr.Dataset:
    """Twenty years of one place: hot summers, wet winters, a river."""
    rng = np.random.default_rng(16)
    wave = np.cos(2 * np.pi * (TIMES.day_of_year.to_numpy() - 200) / 365.25)
    tmax = 25 + 9 * wave + rng.normal(0, 3, len(TIMES))
    rain = np.where(rng.random(len(TIMES)) < 0.2 - 0.12 * wave, rng.gamma(0.8, 9, len(TIMES)), 0.0)
    columns = {
        "air_temperature_max": tmax,
        "air_temperature_min": tmax - 10,
        "precipitation": rain,
        "potential_evapotranspiration": np.maximum(4 + 3 * wave, 0.3),
        "river_discharge": 3 + rng.gamma(1.5, 6, len(TIMES)),
    }
    return xr.Dataset(
        {name: (("time", "location"), values[:, None]) for name, values in columns.items()},
        {"time": TIMES, "location": ["here"], "latitude": ("location", [35.0])},
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_level_has_words_for_its_figures(name: str, record: xr.Dataset) -> None:
    hazard = hazards()[name]
    meaning = hazard.meaning
    assert meaning is not None and set(meaning.words) == set(LEVELS)
    normals = hazard.fit_normals(record, OPTIONS)
    day = np.array(["2010-07-15"], dtype="datetime64[ns]")
    thresholds = meaning.thresholds(day, normals, OPTIONS)
    assert thresholds.shape == (2, 3, 1, 1)
    for level in LEVELS:
        known = np.isfinite(thresholds[:, level - 1, 0, 0])
        names = {
            field for _, field, _, _ in string.Formatter().parse(meaning.words[level][0]) if field
        }
        assert names <= {"first", "second", "window"}
        assert ("first" in names, "second" in names) == tuple(known)


@pytest.mark.parametrize("name", NAMES)
def test_no_level_begins_below_the_one_before_it(name: str, record: xr.Dataset) -> None:
    hazard = hazards()[name]
    normals = hazard.fit_normals(record, OPTIONS)
    days = pd.date_range("2010-05-01", "2010-10-31").values
    first = hazard.meaning.thresholds(days, normals, OPTIONS)[0, :, :, 0]
    sign = -1 if name == "drought" else 1
    assert (np.diff(sign * first, axis=0) >= 0).all()


def test_a_day_is_hot_beyond_the_temperature_that_is_told(record: xr.Dataset) -> None:
    normals = HEAT.fit_normals(record, OPTIONS)
    days = pd.date_range("2010-07-01", "2010-07-10").values
    told = HEAT.meaning.thresholds(days, normals, OPTIONS)[0, 0]
    for over, happens in ((0.01, 1.0), (-0.01, 0.0)):
        hot = xr.Dataset(
            {"air_temperature_max": (("time", "location"), told + over)},
            {"time": days, "location": ["here"]},
        )
        assert (HEAT.events(hot, normals, OPTIONS).values[0] == happens).all()


def test_three_days_of_the_mean_that_is_told_are_extreme_after_a_month_as_usual(
    record: xr.Dataset,
) -> None:
    """And a degree less are not."""
    normals = HEAT.fit_normals(record, OPTIONS)
    days = pd.date_range("2010-06-10", "2010-07-20").values
    index = pd.DatetimeIndex(days).day_of_year.to_numpy()  # one below that of a leap calendar
    _, told = HEAT.meaning.thresholds(days[-1:], normals, OPTIONS)[:, 2, 0, 0]
    usual = normals["tmax_mean"].values[index], normals["tmin_mean"].values[index]
    for over, happens in ((0.1, 1.0), (-1.0, 0.0)):
        highest, lowest = (part.copy() for part in usual)
        highest[-3:], lowest[-3:] = told + over + 9, told + over - 9
        hot = xr.Dataset(
            {
                "air_temperature_max": (("time", "location"), highest),
                "air_temperature_min": (("time", "location"), lowest),
            },
            {"time": days, "location": ["here"]},
        )
        assert HEAT.events(hot, normals, OPTIONS).values[2, -1, 0] == happens


@pytest.mark.parametrize("level", LEVELS)
def test_rain_floods_beyond_the_sum_that_is_told(level: int, record: xr.Dataset) -> None:
    hazard = hazards()["flash_flood"]
    normals = hazard.fit_normals(record, OPTIONS)
    days = pd.date_range("2010-11-01", "2010-11-03").values
    three, one = hazard.meaning.thresholds(days[-1:], normals, OPTIONS)[:, level - 1, 0, 0]
    spread = [0.4, 0.3, 0.3]  # of the three days: none of them is much by itself
    sums = [np.array(spread) * three]
    if np.isfinite(one):
        sums.append(np.array([0.0, 0.0, one]))
    for rain in sums:
        for factor, happens in ((1.001, 1.0), (0.999, 0.0)):
            wet = xr.Dataset(
                {"precipitation": (("time", "location"), factor * rain[:, None])},
                {"time": days, "location": ["here"]},
            )
            assert hazard.events(wet, normals, OPTIONS).values[level - 1, -1, 0] == happens


@pytest.mark.parametrize("level", LEVELS)
def test_a_river_floods_beyond_the_discharge_that_is_told(level: int, record: xr.Dataset) -> None:
    hazard = hazards()["river_flood"]
    normals = hazard.fit_normals(record, OPTIONS)
    day = np.array(["2010-11-01"], dtype="datetime64[ns]")
    told = hazard.meaning.thresholds(day, normals, OPTIONS)[0, level - 1]
    for factor, happens in ((1.001, 1.0), (0.999, 0.0)):
        flow = xr.Dataset(
            {"river_discharge": (("time", "location"), factor * told)},
            {"time": day, "location": ["here"]},
        )
        assert hazard.events(flow, normals, OPTIONS).values[level - 1, 0, 0] == happens


@pytest.mark.parametrize("level", LEVELS)
def test_it_is_a_drought_at_the_balance_that_is_told(level: int, record: xr.Dataset) -> None:
    """The last day's rain is set so that the window's balance is just below or above it."""
    hazard = hazards()["drought"]
    normals = hazard.fit_normals(record, OPTIONS)
    day = TIMES[-40:-39].values
    _, told = hazard.meaning.thresholds(day, normals, OPTIONS)[:, level - 1, 0, 0]
    window = int(normals["index_window"].values[pd.DatetimeIndex(day).day_of_year.to_numpy()[0], 0])
    until = record.sel(time=slice(None, day[0]))
    balance = until["precipitation"] - until["potential_evapotranspiration"]
    gap = told - float(balance[-window:].sum())
    for over, happens in ((-0.5, 1.0), (0.5, 0.0)):
        pet = until["potential_evapotranspiration"].copy()
        pet[-1] -= gap + over
        changed = until.assign(potential_evapotranspiration=pet)
        assert hazard.events(changed, normals, OPTIONS).values[level - 1, -1, 0] == happens


def test_an_event_has_a_name_with_its_level() -> None:
    assert HEAT.event_of(3) == "extreme heat"
    assert replace(HEAT, title="Hot Spell", event="").event_of(1) == "unusual hot spell"
