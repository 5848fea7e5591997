"""Maps of the cells of a grid: each pixel is the highest colour of its cells."""

from __future__ import annotations

import base64
import io
import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from configs import Region, load_region
from configs.grid import Grid
from flows.cells import NONE, WORDS, create_cells
from reports.render.cell_maps import LINE, SHADES, CellPicture, cell_map, cell_pictures
from reports.text.language import language_of
from reports.view.outlook import HazardOutlook

NUMBERS = {"": NONE} | {word: number for number, word in enumerate(WORDS["colour"])}


def region_of(folder: Path, columns: int, rows: int) -> Region:
    path = folder / "cells.yaml"
    box = f"{{west: -10, south: {40 - rows / 8}, east: {columns / 8 - 10}, north: 40, step: 0.125}}"
    path.write_text(f"name: cells\ntitle: C\nsources: [gridded_files]\ngrid: {box}\n")
    return load_region(path)


def stored(folder: Path, region: Region, worst: np.ndarray) -> Path:
    """The Zarr of a grid with a highest colour of each cell of heat: texts (row, column)."""
    path = folder / "cells.zarr"
    create_cells(path, region, ["heat", "drought"], date(2026, 7, 1))
    root = zarr.open_group(path, mode="r+")
    heat = np.flatnonzero(root["hazard"][:] == "heat")
    colours = np.full((root["hazard"].shape[0], *worst.shape), NONE, dtype=np.uint8)
    rng = np.random.default_rng(3)
    for number, colour in enumerate(order := [*SHADES]):
        for row, column in np.argwhere(worst == colour):
            lower = rng.choice(order[: number + 1], len(heat))
            lower[rng.integers(len(heat))] = colour
            colours[heat, row, column] = [NUMBERS[one] for one in lower]
    root["colour"][...] = colours
    return path


def opened(picture: CellPicture) -> np.ndarray:
    """The pixels of a picture as texts such as #bfe0d3: (row, column)."""
    start = "data:image/png;base64,"
    assert picture.address.startswith(start)
    content = base64.b64decode(picture.address.removeprefix(start))
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    codes = (pixels * [1 << 16, 1 << 8, 1]).sum(axis=2)
    return np.array([[f"#{code:06x}" for code in row] for row in codes])


def at_centres(pixels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The pixel in the middle of each of so many rows and columns of equal rectangles."""
    down, right = (
        ((np.arange(count) + 0.5) * size / count).astype(int)
        for count, size in zip((rows, columns), pixels.shape, strict=True)
    )
    return pixels[np.ix_(down, right)]


@pytest.mark.parametrize(("columns", "rows"), [(16, 9), (1, 3), (5, 1), (40, 80)])
def test_each_cell_has_its_highest_colour(tmp_path: Path, columns: int, rows: int) -> None:
    region = region_of(tmp_path, columns, rows)
    worst = np.random.default_rng(columns).choice([*SHADES], (rows, columns))
    path = stored(tmp_path, region, worst)
    found = cell_pictures(path, region)
    assert [*found] == ["drought", "heat"]
    seen = at_centres(opened(found["heat"]), rows, columns)
    np.testing.assert_array_equal(seen, np.vectorize(SHADES.get)(worst))
    counts = {colour: int((worst == colour).sum()) for colour in [*SHADES][:0:-1]}
    assert [*found["heat"].counts.items()] == [*counts.items()]
    assert set(opened(found["drought"]).ravel()) == {SHADES[""]}
    assert not any(found["drought"].counts.values())
    assert cell_pictures(path, region) == found


def test_of_more_cells_than_pixels_the_highest_is_seen(tmp_path: Path) -> None:
    region = region_of(tmp_path, 1_000, 400)
    worst = np.full((400, 1_000), "green", dtype="<U6")
    worst[123, 457] = "red"
    found = cell_pictures(stored(tmp_path, region, worst), region)["heat"]
    assert found.counts["red"] == 1
    pixels = opened(found)
    assert max(pixels.shape) <= 900
    rows, columns = np.nonzero(pixels == SHADES["red"])
    assert rows.mean() / pixels.shape[0] == pytest.approx(123.5 / 400, abs=0.005)
    assert columns.mean() / pixels.shape[1] == pytest.approx(457.5 / 1_000, abs=0.005)


def test_a_cell_is_as_wide_as_it_is_at_its_latitude(tmp_path: Path) -> None:
    region = region_of(tmp_path, 80, 80)
    found = cell_pictures(stored(tmp_path, region, np.full((80, 80), "green")), region)["heat"]
    rows, columns = opened(found).shape
    assert columns / rows == pytest.approx(np.cos(np.radians(35)), abs=0.002)


def test_outlines_are_drawn_over_the_cells(tmp_path: Path) -> None:
    """A square of 4 by 4 cells, whose sides run through the middles of cells."""
    region = region_of(tmp_path, 16, 16)
    assert isinstance(region.grid, Grid)
    west, east, south, north = -9.6875, -9.1875, 39.1875, 39.6875
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    feature = {"type": "Feature", "properties": {"id": "square"}}
    polygon = {"type": "Polygon", "coordinates": [ring]}
    (tmp_path / "b.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature | {"geometry": polygon}]})
    )
    place = region.locations[0].model_copy(update={"id": "square"})
    areas = region.model_copy(update={"boundaries": "b.geojson", "locations": (place,)})
    found = cell_pictures(stored(tmp_path, region, np.full((16, 16), "green")), areas)["heat"]
    pixels = opened(found)
    rows, columns = np.nonzero(pixels == LINE)
    for axis, size, ends in (
        (columns, pixels.shape[1], ((west + 10) / 2, (east + 10) / 2)),
        (rows, pixels.shape[0], ((40 - north) / 2, (40 - south) / 2)),
    ):
        assert axis.min() / size == pytest.approx(ends[0], abs=0.003)
        assert axis.max() / size == pytest.approx(ends[1], abs=0.003)
    assert len(rows) < 0.02 * pixels.size


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", "Heat: the highest colour of each cell in the days ahead. Red: 12. Green: 40,158."),
        (
            "fr",
            "Chaleur\u202f: la couleur la plus élevée de chaque maille dans les jours à venir. "
            "Rouge\u202f: 12. Vert\u202f: 40\u202f158.",
        ),
        ("ar", "الحرارة: أعلى لون لكل خلية في الأيام المقبلة. أحمر: 12. أخضر: 40,158."),
    ],
)
def test_a_map_says_in_words_what_it_shows(tag: str, expected: str) -> None:
    counts = {"red": 12, "orange": 0, "yellow": 0, "green": 40_158, "grey": 0}
    heat = HazardOutlook("heat", (), (), (), (), None, 0)
    found = cell_map(heat, {"heat": CellPicture("data:", counts)}, language_of(tag, "Africa/Rabat"))
    assert found is not None and found.description == expected
    assert [colour for colour, _ in found.keys] == ["red", "green"]


def test_a_region_without_a_grid_has_no_map_of_cells() -> None:
    assert cell_pictures(None, load_region("tunis")) == {}
