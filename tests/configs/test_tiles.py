"""Tiles: every cell of a grid is in one of them, and learning places are always the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from configs import Region
from configs.tiles import SIDE, indices_of, learning_places, tiles_of


def grid_of(rows: int, columns: int, **more: object) -> Region:
    box = {"west": -3.0, "north": 35.0, "step": 0.1}
    edges = {"east": round(-3.0 + 0.1 * columns, 6), "south": round(35.0 - 0.1 * rows, 6)}
    return Region(
        name="g", title="G", sources=("s",), path=Path("g.yaml"), grid=box | edges, **more
    )


@pytest.mark.parametrize("shape", [(1, 1), (SIDE, SIDE), (SIDE + 1, 2), (40, 31)])
def test_each_cell_is_in_one_tile_of_its_square(shape: tuple[int, int]) -> None:
    region = grid_of(*shape)
    tiles = tiles_of(region)
    ids = [place.id for tile in tiles for place in tile.locations]
    assert sorted(ids) == sorted(place.id for place in region.locations)
    assert len(tiles) == -(-shape[0] // SIDE) * -(-shape[1] // SIDE)
    for tile in tiles:
        row, column = map(int, tile.name.removeprefix("g/").split("-"))
        assert region.grid is not None
        rows, columns = indices_of(tile.locations, region.grid)
        assert set((rows // SIDE).tolist()) == {row} and set((columns // SIDE).tolist()) == {column}
        assert tile.day_offset == region.day_offset and tile.places == len(region.locations)


def test_a_region_of_places_is_its_own_tile() -> None:
    region = Region(name="r", title="R", sources=("s",), path=Path("r.yaml"))
    assert tiles_of(region) == (region,)


def test_learning_places_are_spread_and_the_same_each_time() -> None:
    region = grid_of(75, 75)
    chosen = learning_places(tiles_of(region), 64)
    assert chosen == learning_places(tiles_of(grid_of(75, 75)), 64)
    ids = [place for places in chosen.values() for place in places]
    assert len(ids) == len(set(ids)) == 64 and len(chosen) == 16
    latitudes = [place.latitude for place in region.locations if place.id in set(ids)]
    assert np.ptp(np.array(latitudes, dtype=float)) > 0.8 * 7.5


def test_a_small_grid_learns_from_every_cell() -> None:
    region = grid_of(2, 16)
    chosen = learning_places(tiles_of(region), 64)
    learnt = {place for places in chosen.values() for place in places}
    assert learnt == {place.id for place in region.locations}


@pytest.mark.parametrize(("cells", "tiles"), [(1, 1), (16, 4), (64, 16), (200, 25), (1_000, 25)])
def test_a_region_file_says_from_how_many_cells_models_learn(cells: int, tiles: int) -> None:
    chosen = learning_places(tiles_of(grid_of(75, 75)), cells)
    assert len(chosen) == tiles
    assert sum(map(len, chosen.values())) == cells
