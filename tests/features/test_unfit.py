"""Places whose statistics cannot be told have no forecast, and say why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from configs.remarks import text
from features.build import measured
from features.hazards import Options, hazards
from models.verification.backtest import reasons_missing


@pytest.fixture
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=12, places=2)


def with_flow(record: xr.Dataset, place: int, values: np.ndarray) -> xr.Dataset:
    changed = record.copy(deep=True)
    changed["river_discharge"].values[:, place] = values
    return changed


def wadi(days: int, years: int) -> np.ndarray:
    """A river that flows for ten days in some years of twelve."""
    flow = np.zeros(days)
    for year in range(years):
        flow[year * 3 * 365 + 100 : year * 3 * 365 + 110] = 8.0 + year
    return flow


def test_a_river_that_is_dry_in_most_years_is_not_assessed_there(record: xr.Dataset) -> None:
    hazard, dry = hazards()["river_flood"], with_flow(record, 1, wadi(record.sizes["time"], 3))
    assert measured(hazard, dry).tolist() == [True, False]
    assert reasons_missing(hazard, dry) is None
    why = hazard.unfit(dry, Options())[1]
    assert text(why).startswith("the river has no flow in 9 of 11 years")


def test_where_every_river_is_dry_the_hazard_says_so(record: xr.Dataset) -> None:
    hazard, flow = hazards()["river_flood"], wadi(record.sizes["time"], 2)
    dry = with_flow(with_flow(record, 0, flow), 1, flow)
    assert text(reasons_missing(hazard, dry)).startswith("the river has no flow in")


def test_a_river_that_never_rises_is_not_assessed(record: xr.Dataset) -> None:
    flat = with_flow(record, 0, np.full(record.sizes["time"], 4.0))
    hazard = hazards()["river_flood"]
    assert measured(hazard, flat).tolist() in ([False, True], [True, True])
    normals = hazard.fit_normals(flat, Options())
    assert not (hazard.margins(flat, normals, Options()).values[:, :, 0] > 0).any()


def test_an_agencys_own_levels_need_no_statistics(record: xr.Dataset) -> None:
    hazard, dry = hazards()["river_flood"], with_flow(record, 1, wadi(record.sizes["time"], 2))
    own = Options(thresholds={"level_1": 5.0})
    assert measured(hazard, dry, own).tolist() == [True, True]


def test_rain_that_nearly_never_falls_has_no_severity(record: xr.Dataset) -> None:
    hazard, desert = hazards()["flash_flood"], record.copy(deep=True)
    desert["precipitation"].values[:, 1] = wadi(record.sizes["time"], 2)
    assert measured(hazard, desert).tolist() == [True, False]
    assert text(hazard.unfit(desert, Options())[1]).startswith("the rain that is exceeded once")


@pytest.mark.parametrize("name", hazards())
def test_a_plain_record_is_fit_for_every_hazard(record: xr.Dataset, name: str) -> None:
    assert measured(hazards()[name], record).all()
