"""Tiles: a region of a grid is worked square by square, each square a small region of its own.

A tile is the unit of storage, of work and of failure. What one process holds is a tile, however
large the region is; tiles of a region are worked by as many processes as there are.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from configs import Location, Region
from configs.grid import Grid

SIDE = 15
"""Cells on a side. 225 places are within one chunk of the store, which holds 250."""
LEARNT_A_TILE = 4
"""Cells of a tile that models learn from, more where there are few tiles. See docs/scaling.md."""


def tiles_of(region: Region) -> tuple[Region, ...]:
    """The tiles of a region, from north-west to south-east; the region itself without a grid.

    A tile's name is the region's, a slash, and its row and column: "morocco/003-011".
    """
    if region.grid is None:
        return (region,)
    members: dict[tuple[int, int], list[int]] = {}
    rows, columns = indices_of(region.locations, region.grid)
    squares = zip((rows // SIDE).tolist(), (columns // SIDE).tolist(), strict=True)
    for number, square in enumerate(squares):
        members.setdefault(square, []).append(number)
    whole = {"grid": None, "utc_offset": region.day_offset, "places": region.places}
    return tuple(
        region.model_copy(
            update=whole
            | {
                "name": f"{region.name}/{row:03d}-{column:03d}",
                "locations": tuple(region.locations[number] for number in numbers),
            }
        )
        for (row, column), numbers in sorted(members.items())
    )


def indices_of(places: Sequence[Location], grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Row from the north and column from the west of each cell of a grid: int (place,) both."""
    latitude = np.array([place.latitude for place in places], dtype=float)
    longitude = np.array([place.longitude for place in places], dtype=float)
    west, _, _, north = grid.box
    rows = np.floor((north - latitude) / grid.step).astype(int)
    return rows, np.floor((longitude - west) / grid.step).astype(int)


def learning_places(tiles: Sequence[Region], cells: int) -> Mapping[str, tuple[str, ...]]:
    """The places that models of a grid of these tiles learn from, by name of their tile.

    A stratified sample of about so many ``cells``, always the same. Tiles are taken evenly over the
    region; a tile's places one from each of as many strips.
    """
    count = min(-(-cells // LEARNT_A_TILE), len(tiles))
    chosen = [tiles[(2 * number + 1) * len(tiles) // (2 * count)] for number in range(count)]
    each = -(-cells // count)
    return {tile.name: _sample(tile, each) for tile in chosen}


def _sample(tile: Region, most: int) -> tuple[str, ...]:
    ids = [place.id for place in tile.locations]
    if len(ids) <= most:
        return tuple(ids)
    rng = np.random.default_rng(zlib.crc32(tile.name.encode()))
    edges = np.linspace(0, len(ids), most + 1).astype(int)
    return tuple(ids[rng.integers(*ends)] for ends in pairwise(edges))
