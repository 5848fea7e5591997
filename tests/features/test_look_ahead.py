"""No look-ahead: what was not published by the morning of an issue day cannot change its
predictors."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import features.calendar
from features.build import build_features, delays_of
from features.hazards import Hazard, Options, hazards

ALL = sorted(hazards())
SETTINGS = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    """Six years with a delay of its own for every variable."""
    made = made_record(years=6, places=2, seed=11)
    for number, name in enumerate(made.data_vars):
        made[name].attrs["delay_days"] = 1 + number % 4
    return made


def tampered(record: xr.Dataset, issued: np.datetime64, seed: int) -> xr.Dataset:
    """The record with every value not yet published on the issue day replaced by noise or taken
    away."""
    rng = np.random.default_rng(seed)
    changed = record.copy(deep=True)
    for name, delay in delays_of(record).items():
        unpublished = changed["time"].values > issued - np.timedelta64(delay, "D")
        noise = rng.normal(50.0, 40.0, (unpublished.sum(), record.sizes["location"])).astype(
            np.float32
        )
        noise[rng.random(noise.shape) < 0.3] = np.nan
        changed[name].values[unpublished] = noise
    return changed


def seen_on(
    hazard: Hazard, record: xr.Dataset, normals: xr.Dataset, issued: np.datetime64
) -> xr.Dataset:
    """The predictors of one issue day, built in one call with those of the 40 days after it."""
    days = issued + np.arange(40).astype("timedelta64[D]")
    return (
        build_features(hazard, record, normals, days, delays_of(record), Options())
        .isel(init_time=0)
        .compute()
    )


@pytest.mark.parametrize("name", ALL)
@SETTINGS
@given(day=st.integers(1_000, 2_100), seed=st.integers(0, 2**31))
def test_what_is_not_yet_published_changes_nothing(
    name: str, day: int, seed: int, record: xr.Dataset
) -> None:
    hazard, issued = hazards()[name], record["time"].values[day].astype("datetime64[D]")
    normals = hazard.fit_normals(record.isel(time=slice(0, 1_000)), Options())
    honest = seen_on(hazard, record, normals, issued)
    xr.testing.assert_identical(
        honest, seen_on(hazard, tampered(record, issued, seed), normals, issued)
    )


@pytest.mark.parametrize("name", ALL)
def test_what_is_published_does_change_something(name: str, record: xr.Dataset) -> None:
    hazard, issued = hazards()[name], record["time"].values[1_500].astype("datetime64[D]")
    normals = hazard.fit_normals(record.isel(time=slice(0, 1_000)), Options())
    after = tampered(record, issued - np.timedelta64(1, "D"), 1)
    assert not seen_on(hazard, record, normals, issued).equals(
        seen_on(hazard, after, normals, issued)
    )


@pytest.mark.parametrize("name", ALL)
def test_the_check_turns_red_where_a_window_is_centred(
    name: str, record: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that takes half of its days from after its own day, that is the future shifted into
    the past, is noticed."""

    def centred(values: np.ndarray, window: int, least: float = 0.95) -> np.ndarray:
        whole = features.calendar.trailing_sum(values, window, least)
        half = window // 2
        return np.concatenate([whole[half:], np.full((half, *values.shape[1:]), np.nan)])

    def centred_mean(values: np.ndarray, window: int, least: float = 0.95) -> np.ndarray:
        return centred(values, window, least) / window

    hazard, issued = hazards()[name], record["time"].values[1_500].astype("datetime64[D]")
    normals = hazard.fit_normals(record.isel(time=slice(0, 1_000)), Options())
    module = f"features.hazards.{name}"
    monkeypatch.setattr(f"{module}.trailing_sum", centred)
    monkeypatch.setattr(f"{module}.trailing_mean", centred_mean, raising=False)
    honest = seen_on(hazard, record, normals, issued)
    assert not honest.equals(seen_on(hazard, tampered(record, issued, 2), normals, issued))
