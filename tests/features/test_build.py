from collections.abc import Callable

import dask.array
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import Region
from configs.tiles import SIDE
from features.build import (
    LOCATIONS_PER_CHUNK,
    as_known_at,
    build_features,
    build_outcome,
    delays_of,
    options_for,
)
from features.hazards import Cell, Options, hazards

ALL = sorted(hazards())
CELL_PARTS = ("lead_days", "window_days")


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=6, places=2, seed=3)


def test_a_variable_is_known_as_late_as_its_delay(record: xr.Dataset) -> None:
    until = record["time"].values[-1] + np.timedelta64(1, "D")
    known = as_known_at(record, until, {"air_temperature_max": 1, "precipitation": 6})
    # on the morning after the record's last day the newest Tmax is the last day's, the newest rain
    # is 5 days older
    assert np.array_equal(
        known["air_temperature_max"].values[-1], record["air_temperature_max"].values[-1]
    )
    assert np.array_equal(known["precipitation"].values[-1], record["precipitation"].values[-6])
    assert known["init_time"].values[-1] == until


@pytest.mark.parametrize("name", ALL)
def test_features_are_dask_backed_and_chunked_along_location(
    name: str, made_record: Callable[..., xr.Dataset]
) -> None:
    hazard, wide = hazards()[name], made_record(years=3, places=LOCATIONS_PER_CHUNK + 1)
    normals = hazard.fit_normals(wide, Options())
    built = build_features(
        hazard, wide, normals, wide["time"].values[800:810], delays_of(wide), Options()
    )
    assert set(built.data_vars) == set(hazard.features)
    for name, values in built.data_vars.items():
        assert isinstance(values.data, dask.array.Array)
        by_cell = ("cell",) if name in hazard.by_cell else ()
        assert values.dims == ("init_time", *by_cell, "location") and values.dtype == np.float32
        assert values.chunksizes["location"] == (LOCATIONS_PER_CHUNK, 1)
        assert values.compute().shape == tuple(values.sizes.values())
    cells = [Cell(*pair) for pair in zip(*(built[k].values for k in CELL_PARTS), strict=True)]
    assert tuple(cells) == hazard.cells


@pytest.mark.parametrize("name", ALL)
def test_a_place_has_the_same_features_alone_as_among_others(name: str, record: xr.Dataset) -> None:
    hazard, days = hazards()[name], record["time"].values[1_000:1_400:7]

    def features(part: xr.Dataset) -> xr.Dataset:
        return build_features(
            hazard, part, hazard.fit_normals(part, Options()), days, delays_of(part), Options()
        ).compute()

    xr.testing.assert_allclose(
        features(record).isel(location=[1]), features(record.isel(location=[1]))
    )


@pytest.mark.parametrize("name", ALL)
def test_an_issue_day_has_the_same_features_alone_as_among_others(
    name: str, record: xr.Dataset
) -> None:
    hazard, days = hazards()[name], record["time"].values[1_000:1_400]
    normals = hazard.fit_normals(record, Options())
    many = build_features(hazard, record, normals, days, delays_of(record), Options()).compute()
    cut = record.sel(time=slice(None, days[100] - np.timedelta64(1, "D")))
    alone = build_features(
        hazard, cut, normals, days[[100]], delays_of(record), Options()
    ).compute()
    xr.testing.assert_allclose(many.isel(init_time=[100]), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_events_are_nested_and_known_or_nan(name: str, record: xr.Dataset) -> None:
    hazard = hazards()[name]
    holed = record.copy(deep=True)
    rng = np.random.default_rng(1)
    for variable in holed.data_vars:
        holed[variable].values[rng.random(holed[variable].shape) < 0.02] = np.nan
    happened = hazard.events(holed, hazard.fit_normals(holed, Options()), Options()).values
    assert set(np.unique(happened[np.isfinite(happened)])) <= {0.0, 1.0}
    for higher, lower in ((1, 0), (2, 1)):
        both = np.isfinite(happened[higher]) & np.isfinite(happened[lower])
        assert (happened[higher][both] <= happened[lower][both]).all()
    assert np.nansum(happened[0]) > 0


@pytest.mark.parametrize("name", ALL)
def test_an_event_uses_nothing_after_its_day(name: str, record: xr.Dataset) -> None:
    hazard = hazards()[name]
    normals = hazard.fit_normals(record, Options())
    whole, cut = (
        hazard.events(part, normals, Options())
        for part in (record, record.isel(time=slice(0, 1_500)))
    )
    xr.testing.assert_equal(whole.isel(time=slice(0, 1_500)), cut)


def test_a_window_is_an_event_if_any_of_its_days_is() -> None:
    hazard = hazards()["flash_flood"]
    times = pd.date_range("2001-01-01", periods=12).as_unit("ns")
    days = np.zeros((3, 12, 1))
    days[0, 4] = 1.0
    days[0, 9] = np.nan
    happened = xr.DataArray(
        days,
        dims=("level", "time", "location"),
        coords={"level": [1, 2, 3], "time": times, "location": ["here"]},
    )
    normals = xr.Dataset(coords={"location": ["here"]})
    outcome = build_outcome(hazard, happened, normals, Options())
    three = outcome.values[hazard.cells.index(Cell(0, 3)), 0, :, 0]
    # days 2, 3, 4 hold day 4; 7, 8, 9 hold the unknown day; 10 and 11 reach beyond the record
    assert three[:7].tolist() == [0, 0, 1, 1, 1, 0, 0] and np.isnan(three[7:]).all()
    lead_2 = outcome.values[2, 0, :, 0]
    assert lead_2[2] == 1 and np.isnan(lead_2[7]) and np.isnan(lead_2[10])


def test_the_warm_season_follows_the_hemisphere_unless_the_region_says(
    made_region: Region, record: xr.Dataset
) -> None:
    heat = hazards()["heat"]
    south = record.assign_coords(latitude=("location", [-35.0, -36.0]))
    assert options_for(heat, made_region, record).warm_season == (5, 10)
    assert options_for(heat, made_region, south).warm_season == (11, 4)
    assert options_for(
        heat, made_region.model_copy(update={"warm_season": (6, 9)}), south
    ).warm_season == (6, 9)


def test_absolute_thresholds_replace_fitted_ones(record: xr.Dataset) -> None:
    own = Options(thresholds={"level_1": 33.0})
    heat = hazards()["heat"]
    happened = heat.events(record, heat.fit_normals(record, own), own).sel(level=1)
    warm = record["time"].dt.month.isin(range(5, 11))
    assert np.array_equal(
        happened.values == 1, ((record["air_temperature_max"] > 33.0) & warm).values
    )
    own = Options(thresholds={"level_1": 4.0, "level_2": 6.0, "level_3": 9.0})
    river = hazards()["river_flood"]
    happened = river.events(record, river.fit_normals(record, own), own)
    assert np.array_equal(
        happened.sel(level=2).values == 1, (record["river_discharge"] > 6.0).values
    )


@pytest.mark.parametrize("name", ALL)
def test_the_graph_of_a_tile_grows_with_its_blocks_and_not_with_days(
    name: str, made_record: Callable[..., xr.Dataset]
) -> None:
    """A tile of 225 places, of which a province of 10,000 cells has 46, is under 1,000 tasks."""
    hazard = hazards()[name]

    def tasks(record: xr.Dataset, days: int) -> int:
        normals = hazard.fit_normals(record, Options())
        issued = record["time"].values[-days:]
        built = build_features(hazard, record, normals, issued, delays_of(record), Options())
        return len(built.__dask_graph__())

    few, more = (made_record(years=3, places=n * LOCATIONS_PER_CHUNK) for n in (1, 3))
    assert tasks(few, 5) == tasks(few, 300)
    assert tasks(more, 5) == 3 * tasks(few, 5)
    assert tasks(few, 5) * -(-SIDE * SIDE // LOCATIONS_PER_CHUNK) < 1_000
