"""Grids: which cells a box has, what they are called, and what cannot be a grid."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from configs import CHECKOUT, ConfigError, Region, load_region
from configs.grid import Grid, cells_of
from configs.tiles import indices_of
from configs.yaml_files import parse_yaml
from sources.common.options import options_of
from sources.gridded_files.options import GriddedFilesOptions

BOX = "{west: -3, south: 34, east: -1, north: 35, step: 0.5%s}"


def region_of(folder: Path, grid: str, more: str = "") -> Region:
    path = folder / "gridded.yaml"
    path.write_text(f"name: gridded\ntitle: G\nsources: [station_files]\ngrid: {grid}\n{more}")
    return load_region(path)


def test_edges_are_given_and_the_cells_lie_inside(tmp_path: Path) -> None:
    """Two rows and four columns: centres at 34 + 0.25, 34.75 and at -3 + 0.25, ... -1.25."""
    region = region_of(tmp_path, BOX % "")
    assert [(cell.id, cell.latitude, cell.longitude) for cell in region.locations[:5]] == [
        ("N34.25W001.25", 34.25, -1.25),
        ("N34.25W001.75", 34.25, -1.75),
        ("N34.25W002.25", 34.25, -2.25),
        ("N34.25W002.75", 34.25, -2.75),
        ("N34.75W001.25", 34.75, -1.25),
    ]
    assert len(region.locations) == region.places == 8


IDS = {
    (-10, 0, -9, 1, 1.0): ["N00.5W009.5"],
    (10, -4, 12, 0, 2.0): ["S01E011", "S03E011"],
    (0, 10, 0.5, 10.25, 0.25): ["N10.125E000.125", "N10.125E000.375"],
    (-0.1, -0.1, 0.1, 0.1, 0.1): ["N00.05E000.05", "N00.05W000.05", "S00.05E000.05"],
    (0, 0, 0.25, 0.25, 0.083333): ["N00.041667E000.041667", "N00.041667E000.125000"],
}


@pytest.mark.parametrize(("box", "ids"), IDS.items(), ids=str)
def test_an_id_is_the_centre_with_the_decimals_that_the_step_needs(
    box: tuple[float, ...], ids: list[str]
) -> None:
    grid = Grid(**dict(zip(("west", "south", "east", "north", "step"), box, strict=True)))
    assert [cell.id for cell in cells_of(grid, Path())][: len(ids)] == ids


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Boxes of a few cells anywhere, the edges on hundredths of a degree."""
    step = draw(st.sampled_from(["0.05", "0.1", "0.25", "0.5", "1", "2.5"]))
    size = round(float(step) * 100)
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    south = draw(st.integers(-9000, 9000 - rows * size))
    west = draw(st.integers(-18000, 18000 - columns * size))
    edges = {"south": south, "north": south + rows * size}
    edges |= {"west": west, "east": west + columns * size}
    return Grid(**{name: value / 100 for name, value in edges.items()}, step=float(step))


def coordinates_in(cell_id: str) -> tuple[float, float]:
    north, east = cell_id[1:].replace("W", "E-").split("E")
    return float(north) * (1 if cell_id[0] == "N" else -1), float(east)


@given(grid=grids())
def test_a_cell_is_found_again_by_its_id(grid: Grid) -> None:
    cells = cells_of(grid, Path())
    assert len(cells) == grid.shape[0] * grid.shape[1]
    ids = [cell.id for cell in cells]
    assert ids == sorted(set(ids)) and len(set(map(len, ids))) == 1
    for cell in cells:
        assert coordinates_in(cell.id) == (cell.latitude, cell.longitude)
        assert grid.cell_id(cell.latitude, cell.longitude) == cell.id
        rows = (cell.latitude - grid.south) / grid.step
        columns = (cell.longitude - grid.west) / grid.step
        assert rows % 1 == pytest.approx(0.5) and 0 < rows < grid.shape[0]
        assert columns % 1 == pytest.approx(0.5) and 0 < columns < grid.shape[1]


@given(grid=grids(), rows=st.integers(0, 3), columns=st.integers(0, 3))
def test_a_larger_box_has_the_same_cells_and_more(grid: Grid, rows: int, columns: int) -> None:
    rows = min(rows, int((90 - grid.north) / grid.step + 1e-9))
    columns = min(columns, int((180 - grid.east) / grid.step + 1e-9))
    edges = {
        "north": round(grid.north + rows * grid.step, 2),
        "east": round(grid.east + columns * grid.step, 2),
    }
    larger = cells_of(Grid.model_validate(grid.model_dump() | edges), Path())
    assert len(larger) == (grid.shape[0] + rows) * (grid.shape[1] + columns)
    known = {cell.id: cell for cell in larger}
    assert all(known[cell.id] == cell for cell in cells_of(grid, Path()))


def assert_same_cells(one: Grid, other: Grid) -> None:
    """Their cells are the same, and lie in the same rows and columns."""
    cells = cells_of(one, Path())
    assert cells == cells_of(other, Path())
    assert one.box == other.box
    np.testing.assert_array_equal(indices_of(cells, one), indices_of(cells, other))


@given(grid=grids())
def test_longitudes_may_run_from_0_to_360(grid: Grid) -> None:
    turned = {
        name: round(getattr(grid, name) % 360, 2)
        if getattr(grid, name) < 0
        else getattr(grid, name)
        for name in ("west", "east")
    }
    other = Grid.model_validate(grid.model_dump() | turned)
    assert_same_cells(other, grid)


def test_the_whole_turn_is_one_box() -> None:
    east = Grid(west=0, south=0, east=360, north=30, step=30)
    assert_same_cells(east, Grid(west=-180, south=0, east=180, north=30, step=30))


WRONG = {
    "west beyond east": (
        "{west: 3, south: 34, east: -1, north: 35, step: 0.5}",
        "grid: found west 3 and east -1, expected west below east; swap them",
    ),
    "south beyond north": (
        "{west: -3, south: 36, east: -1, north: 35, step: 0.5}",
        "grid: found south 36 and north 35, expected south below north; swap them",
    ),
    "no width": (
        "{west: 1, south: 34, east: 1, north: 35, step: 0.5}",
        "grid: found west 1 and east 1, expected west below east",
    ),
    "over the antimeridian": (
        "{west: 175, south: -20, east: -175, north: -10, step: 0.5}",
        "a box over the antimeridian, .* write two regions, one from 175 to 180 and one from -180 "
        "to -175",
    ),
    "over the antimeridian, from 0 to 360": (
        "{west: 175, south: -20, east: 185, north: -10, step: 0.5}",
        "write two regions, one from 175 to 180 and one from -180 to -175",
    ),
    # 2 by 1 degrees: a third of a degree is the largest step below 0.4, 0.5 is further away.
    "a step that does not divide": (
        "{west: -3, south: 34, east: -1, north: 35, step: 0.4}",
        "step: found 0.4, which does not divide the box of 2 by 1 degrees, expected one that does; "
        "the nearest is 0.333333, or keep it and write east: -1, north: 34.8",
    ),
    "no step": (
        "{west: -3, south: 34, east: -1, north: 35, step: 0}",
        "grid.step: found 0, expected greater than 0",
    ),
    "too many cells": (
        "{west: -180, south: -90, east: 180, north: 90, step: 0.25}",
        "grid: found 1,036,800 cells, expected at most 1,000,000; choose a larger step",
    ),
    "far too many cells": (
        "{west: -180, south: -90, east: 180, north: 90, step: 0.05, mask: land.geojson}",
        "grid: found 25,920,000 cells, expected at most 10,000,000; choose a larger step",
    ),
    "a key that is misspelt": (
        "{west: -3, south: 34, east: -1, north: 35, stp: 0.5}",
        "the key 'grid.step' is missing, add it. unknown key 'grid.stp', did you mean 'step'",
    ),
    "a latitude beyond the pole": (
        "{west: -3, south: 34, east: -1, north: 95, step: 0.5}",
        "grid.north: found 95, expected less than or equal to 90",
    ),
    "no number": (
        "{west: -3, south: .nan, east: -1, north: 35, step: 0.5}",
        "grid.south: found nan, expected a finite number",
    ),
    "text": ("morocco", "grid: found 'morocco', expected keys and values"),
    "no mask": (
        BOX % ", mask: land.geojson",
        "grid.mask: there is no file .*land.geojson, expected GeoJSON, NetCDF or Zarr; mend",
    ),
    "a variable of no mask": (
        BOX % ", mask_variable: lsm",
        "grid: found mask_variable without a mask, expected both; add the mask",
    ),
}


@pytest.mark.parametrize(("grid", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_grid_is_told_in_one_sentence(tmp_path: Path, grid: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        region_of(tmp_path, grid)
    assert str(tmp_path / "gridded.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_region_has_a_grid_or_locations(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found both grid and locations, expected one; take one"):
        region_of(tmp_path, BOX % "", "locations: [{id: here}]\n")
    with pytest.raises(ConfigError, match="unknown key 'places', take it out"):
        region_of(tmp_path, BOX % "", "places: 3\n")


def polygons(*boxes: tuple[float, float, float, float]) -> dict[str, Any]:
    shapes = [json.loads(shapely.to_geojson(shapely.box(*box))) for box in boxes]
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {}, "geometry": one} for one in shapes],
    }


WEST = ["N34.25W002.25", "N34.25W002.75", "N34.75W002.25", "N34.75W002.75"]
MULTI = {
    "type": "MultiPolygon",
    "coordinates": [[[[-4, 33], [-2, 33], [-2, 36], [-4, 36], [-4, 33]]]],
}
SHAPES = {
    "a collection": polygons((-4, 33, -2.5, 36), (-2.5, 33, -2, 36)),
    "a geometry": polygons((-4, 33, -2, 36))["features"][0]["geometry"],
    "several in one": MULTI,
    "among others": {
        "type": "GeometryCollection",
        "geometries": [{"type": "Point", "coordinates": [-1.25, 34.25]}, MULTI],
    },
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_polygons_keep_the_cells_whose_centre_is_inside(
    tmp_path: Path, shape: dict[str, Any]
) -> None:
    """The land lies west of 2 degrees west; a cell that it covers in part counts by its centre."""
    (tmp_path / "land.geojson").write_text(json.dumps(shape))
    region = region_of(tmp_path, BOX % ", mask: land.geojson")
    assert [cell.id for cell in region.locations] == WEST
    assert region.places == 4


def test_a_lake_is_no_land(tmp_path: Path) -> None:
    lake = shapely.box(-4, 33, 0, 36).difference(shapely.box(-2, 34.5, -1.5, 35))
    (tmp_path / "land.json").write_text(shapely.to_geojson(lake))
    cells = region_of(tmp_path, BOX % ", mask: land.json").locations
    assert len(cells) == 7 and "N34.75W001.75" not in {cell.id for cell in cells}


def share(turn: bool = False, down: bool = False, **attrs: str) -> xr.Dataset:
    """A quarter of a degree, land west of 2 degrees west: ERA5's own way, with a day of its own."""
    latitude = np.arange(33, 36.01, 0.25)[:: -1 if down else 1]
    longitude = np.arange(-4, 0.01, 0.25)
    land = np.where(longitude < -2, 1.0, np.where(longitude > -1.4, np.nan, 0.5))
    values = np.tile(land, (1, len(latitude), 1))
    longitude = longitude % 360 if turn else longitude
    return xr.Dataset(
        {"lsm": (("valid_time", "latitude", "longitude"), values, attrs)},
        {"valid_time": [0], "latitude": latitude, "longitude": longitude},
    )


@pytest.mark.parametrize("kind", ["nc", "zarr"])
@pytest.mark.parametrize(("turn", "down"), [(False, False), (True, True)])
def test_a_share_of_land_above_a_half_is_land(
    tmp_path: Path, kind: str, turn: bool, down: bool
) -> None:
    path, mask = tmp_path / f"lsm.{kind}", share(turn, down)
    mask.to_netcdf(path) if kind == "nc" else mask.to_zarr(path, consolidated=False)
    region = region_of(tmp_path, BOX % f", mask: lsm.{kind}")
    assert [cell.id for cell in region.locations] == WEST


def test_a_share_may_be_in_percent(tmp_path: Path) -> None:
    mask = share(units="%")
    mask["lsm"] = mask["lsm"] * 100
    mask["lsm"].attrs = {"units": "%"}
    mask.to_netcdf(tmp_path / "sftlf.nc")
    region = region_of(tmp_path, BOX % ", mask: sftlf.nc")
    assert [cell.id for cell in region.locations] == WEST


def test_beyond_the_mask_there_is_no_land(tmp_path: Path) -> None:
    """The mask ends at 35.125 degrees north with half a step, the box at 36."""
    share().sel(latitude=slice(33, 35)).to_netcdf(tmp_path / "lsm.nc")
    box = "{west: -3, south: 34, east: -1, north: 36, step: 0.5, mask: lsm.nc}"
    assert [cell.id for cell in region_of(tmp_path, box).locations] == WEST


def test_a_mask_that_cannot_be_used_is_told_in_one_sentence(tmp_path: Path) -> None:
    def told(mask: str) -> str:
        with pytest.raises(ConfigError) as caught:
            region_of(tmp_path, BOX % mask)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    (tmp_path / "far.geojson").write_text(json.dumps(polygons((10, 10, 11, 11))))
    (tmp_path / "points.geojson").write_text('{"type": "Point", "coordinates": [-2, 34]}')
    (tmp_path / "broken.geojson").write_text('{"type": "Polygon", "coord')
    (tmp_path / "broken.nc").write_bytes(b"CDF\x01 and no more")
    (share() * 0).to_netcdf(tmp_path / "sea.nc")
    share().assign(other=share()["lsm"]).to_netcdf(tmp_path / "two.nc")
    share().rename(latitude="j", longitude="i").to_netcdf(tmp_path / "strange.nc")
    assert "found no cell whose centre is on the land of" in told(", mask: far.geojson")
    assert "found no cell whose centre is on the land of" in told(", mask: sea.nc")
    assert "found no polygon in" in told(", mask: points.geojson")
    assert "cannot be read as GeoJSON" in told(", mask: broken.geojson")
    assert "cannot be read as NetCDF or Zarr" in told(", mask: broken.nc")
    assert "mask_variable: found none, expected one of" in told(", mask: two.nc")
    assert ": lsm, other; name it" in told(", mask: two.nc")
    assert "found x, expected one of" in told(", mask: two.nc, mask_variable: x")
    assert "expected latitude and longitude with" in told(", mask: strange.nc")
    assert len(region_of(tmp_path, BOX % ", mask: two.nc, mask_variable: lsm").locations) == 4


def test_a_model_depends_on_the_grid_and_not_on_how_it_is_written(tmp_path: Path) -> None:
    plain = region_of(tmp_path, BOX % "")
    assert "coordinates" not in plain.learnt_with
    assert len(json.dumps(plain.learnt_with)) < 500
    same = [
        "{west: 357, south: 34, east: 359, north: 35, step: 0.5}",
        "{west: -3.0, south: 34.0, east: -1.0, north: 35.0, step: 0.50}",
    ]
    other = [
        "{west: -3, south: 34, east: -1.5, north: 35, step: 0.5}",
        "{west: -3, south: 34, east: -1, north: 35, step: 0.25}",
        "{west: -3, south: 34, east: -1, north: 35, step: 0.5, learning_cells: 2}",
    ]
    assert {region_of(tmp_path, grid).fingerprint for grid in same} == {plain.fingerprint}
    assert plain.fingerprint not in {region_of(tmp_path, grid).fingerprint for grid in other}
    (tmp_path / "land.geojson").write_text(json.dumps(polygons((-4, 33, -2, 36))))
    west = region_of(tmp_path, BOX % ", mask: land.geojson").fingerprint
    share().to_netcdf(tmp_path / "lsm.nc")
    assert west == region_of(tmp_path, BOX % ", mask: lsm.nc").fingerprint != plain.fingerprint


def test_a_region_without_a_grid_keeps_its_fingerprint(tmp_path: Path) -> None:
    """Another one would make every model of every region absent."""
    path = tmp_path / "somewhere.yaml"
    place = "{id: here, latitude: 35.0, longitude: -2.0, elevation: 50}"
    path.write_text(
        "name: somewhere\ntitle: Somewhere\ntimezone: UTC\nsources: [station_files]\n"
        f"locations: [{place}]\n"
    )
    assert load_region(path).fingerprint == "2b31022b54bec4ea"


def test_the_cells_of_a_disc_have_its_area(tmp_path: Path) -> None:
    """A circle of 9.5 degrees in cells of 0.1: pi x 9.5^2 / 0.01 = 28,353 of 40,000."""
    coast = shapely.Point(0, 35).buffer(9.5, quad_segs=5000)
    (tmp_path / "land.geojson").write_text(shapely.to_geojson(coast))
    box = "{west: -10, south: 25, east: 10, north: 45, step: 0.1, mask: land.geojson}"
    assert abs(len(region_of(tmp_path, box).locations) - 28_353) < 100


def test_the_grid_of_the_manual_is_one(tmp_path: Path) -> None:
    manual = (CHECKOUT / "docs" / "adding.md").read_text(encoding="utf-8")
    (grid,) = re.findall(r"^grid: (.*)$", manual, re.MULTILINE)
    (options,) = re.findall(
        r"^sources: \[gridded_files\]\n(source_options:.*?)```", manual, re.M | re.S
    )
    (tmp_path / "land.geojson").write_text(json.dumps(polygons((-8, 30, -7, 31))))
    region = region_of(tmp_path, grid).model_copy(update=parse_yaml(options))
    assert len(region.locations) == 100
    assert options_of(region, "gridded_files", GriddedFilesOptions).path == ("era5-land/*.nc",)
