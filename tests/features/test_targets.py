"""Targets, whatever the weather: levels are nested, and what happened by a day does not depend on
any later one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.build import build_features, build_outcome, delays_of
from features.hazards import Options, hazards

ALL = sorted(hazards())
OVERLAPS = sorted(name for name, hazard in hazards().items() if hazard.overlap)
SETTINGS = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
YEARS = 6


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=YEARS, seed=21)


spoilt_records = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**31),
        "missing": st.sampled_from([0.0, 0.01, 0.3, 1.0]),  # share of values
        "stretched": st.sampled_from([0.0, 1.0, 30.0]),  # 0: a constant record
        "spikes": st.sampled_from([0.0, 0.002, 0.2]),  # share of values a thousand times as large
    }
)


def spoil(
    record: xr.Dataset, seed: int, missing: float, stretched: float, spikes: float
) -> xr.Dataset:
    """The record stretched about its means, with spikes and holes."""
    rng = np.random.default_rng(seed)
    changed = record.copy(deep=True)
    for name, values in changed.data_vars.items():
        made = values.values.mean() + stretched * (values.values - values.values.mean())
        made = np.where(rng.random(made.shape) < spikes, made * 1_000, made)
        made = np.where(rng.random(made.shape) < missing, np.nan, made)
        low = -np.inf if str(name).startswith("air_temperature") else 0.0
        changed[name].values[:] = np.maximum(made, low)
    return changed


def assert_nested(levels: np.ndarray) -> None:
    """Where a level is known to be reached (or has a chance), each lower one is (has at least that
    chance); level on axis 0."""
    for higher, lower in ((1, 0), (2, 1)):
        both = np.isfinite(levels[higher]) & np.isfinite(levels[lower])
        assert (levels[higher][both] <= levels[lower][both]).all()
        assert not (np.isnan(levels[lower]) & (levels[higher] > 0)).any()


@pytest.mark.parametrize("name", ALL)
@SETTINGS
@given(how=spoilt_records)
def test_levels_are_nested_for_any_input(name: str, how: dict, record: xr.Dataset) -> None:
    hazard, given_record = hazards()[name], spoil(record, **how)
    normals = hazard.fit_normals(given_record, Options())
    happened = hazard.events(given_record, normals, Options())
    assert set(np.unique(happened.values[np.isfinite(happened.values)])) <= {0.0, 1.0}
    assert_nested(happened.values)
    assert_nested(np.moveaxis(build_outcome(hazard, happened, normals, Options()).values, 1, 0))


@pytest.mark.parametrize("name", OVERLAPS)
@SETTINGS
@given(how=spoilt_records)
def test_overlap_ensembles_are_nested_for_any_input(
    name: str, how: dict, record: xr.Dataset
) -> None:
    hazard, given_record = hazards()[name], spoil(record, **how)
    normals = hazard.fit_normals(given_record, Options())
    days = given_record["time"].values[-200::10]
    features = build_features(
        hazard, given_record, normals, days, delays_of(given_record), Options()
    ).compute()
    shares = np.stack([features[part].values for part in hazard.overlap])
    assert_nested(shares)
    assert ((shares >= 0) & (shares <= 1) | np.isnan(shares)).all()


@pytest.mark.parametrize("name", ALL)
@SETTINGS
@given(day=st.integers(500, YEARS * 365 - 120), how=spoilt_records)
def test_a_target_uses_nothing_after_its_valid_day(
    name: str, day: int, how: dict, record: xr.Dataset
) -> None:
    hazard = hazards()[name]
    normals = hazard.fit_normals(record, Options())
    changed = record.copy(deep=True)
    for variable, values in spoil(record, **how).data_vars.items():
        changed[variable].values[day + 1 :] = values.values[day + 1 :]
    honest, tampered = (hazard.events(part, normals, Options()) for part in (record, changed))
    assert np.array_equal(
        honest.values[:, : day + 1], tampered.values[:, : day + 1], equal_nan=True
    )
    outcomes = [
        build_outcome(hazard, happened, normals, Options()).values
        for happened in (honest, tampered)
    ]
    for number, cell in enumerate(hazard.cells):
        last = cell.lead_days + (
            0 if hazard.windows_look_back else cell.window_days - 1
        )  # days from issue to the last it speaks of
        decided = slice(None, day + 1 - last)
        assert np.array_equal(
            *(outcome[number][:, decided] for outcome in outcomes), equal_nan=True
        )
