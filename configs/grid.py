"""Grids as regions: the cells of a box, which are places like any other.

A region file says ``grid: {west, south, east, north, step}`` in the place of ``locations``. The box
is given by its edges, in degrees; the cells lie inside, their centres at west + step / 2,
west + 3 step / 2 and so on. ``mask`` names a file of land: of the cells those count whose centre is
on it. A cell's id is its centre: N34.95W002.35.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from configs.location import Location

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_CELLS = 1_000_000
"""Cells of a region: the world's land at 0.15 degrees."""
MAX_CENTRES = 10_000_000
"""Cells of a box before its mask is laid on it: the world at 0.1 degrees."""
MAX_DECIMALS = 6
"""Of the degrees in an id: 0.1 m."""
FITS = Fraction(1, 100)
"""Of a cell: how far a box may be from whole steps, as with a step of 0.083333."""


class Grid(BaseModel):
    """A box of the earth in cells of ``step`` degrees.

    ``west``, ``south``, ``east``, ``north``: its edges, degrees; longitudes from -180 to 180 or
    from 0 to 360. ``mask``: a file of land, relative to the region file: GeoJSON polygons, or
    NetCDF or Zarr with a variable that is above 0.5 on land, ``mask_variable`` where it has
    several. ``learning_cells``: how many cells models learn from, a sample of the grid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    west: float = Field(ge=-180, le=360, allow_inf_nan=False)
    south: float = Field(ge=-90, le=90, allow_inf_nan=False)
    east: float = Field(ge=-180, le=360, allow_inf_nan=False)
    north: float = Field(ge=-90, le=90, allow_inf_nan=False)
    step: float = Field(gt=0, le=90, allow_inf_nan=False)
    mask: str | None = Field(None, min_length=1)
    mask_variable: str | None = Field(None, min_length=1)
    learning_cells: int = Field(64, ge=1, le=1_000)

    @model_validator(mode="after")
    def _box(self) -> Grid:
        west, east = self._edges
        if self.south >= self.north:
            raise ValueError(
                f"found south {self.south:g} and north {self.north:g}, expected south below north; "
                "swap them"
            )
        if self.west == self.east or (west >= east and (west - east) < 180):
            raise ValueError(
                f"found west {self.west:g} and east {self.east:g}, expected west below east; "
                "swap them"
            )
        if west >= east:
            raise ValueError(
                f"found west {self.west:g} and east {self.east:g}, a box over the antimeridian, "
                f"expected one on one side of it; write two regions, one from {float(west):g} to "
                f"180 and one from -180 to {float(east):g}"
            )
        self._require_whole_steps()
        if self.centres > MAX_CENTRES:
            raise ValueError(
                f"found {self.centres:,} cells, expected at most {MAX_CENTRES:,}; choose a larger "
                "step or a smaller box"
            )
        if self.mask is None and self.centres > MAX_CELLS:
            raise ValueError(
                f"found {self.centres:,} cells, expected at most {MAX_CELLS:,}; choose a larger "
                "step, a smaller box or a mask"
            )
        if self.mask_variable and not self.mask:
            raise ValueError("found mask_variable without a mask, expected both; add the mask")
        return self

    def _require_whole_steps(self) -> None:
        width, height, step = *self._sides, _exact(self.step)
        if all(abs(side / step - _times(side, step)) <= FITS for side in (width, height)):
            return
        common = Fraction(
            gcd(width.numerator * height.denominator, height.numerator * width.denominator),
            width.denominator * height.denominator,
        )
        parts = max(1, int(common / step))
        fits = min((common / n for n in (parts, parts + 1)), key=lambda s: abs(s - step))
        east, north = (
            float(edge + step * _times(side, step))
            for edge, side in ((self._edges[0], width), (_exact(self.south), height))
        )
        raise ValueError(
            f"step: found {self.step:g}, which does not divide the box of {float(width):g} by "
            f"{float(height):g} degrees, expected one that does; the nearest is "
            f"{float(fits):.6g}, or keep it and write east: {east:g}, north: {north:g}"
        )

    @property
    def _edges(self) -> tuple[Fraction, Fraction]:
        """West and east, degrees from -180 to 180."""
        if self.east - self.west == 360:
            return Fraction(-180), Fraction(180)
        west, east = _exact(self.west), _exact(self.east)
        return west - 360 * (west >= 180), east - 360 * (east > 180) + 360 * (east == -180)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """West, south, east and north, degrees, longitudes from -180 to 180."""
        west, east = self._edges
        return float(west), self.south, float(east), self.north

    @property
    def _sides(self) -> tuple[Fraction, Fraction]:
        """Width and height, degrees."""
        west, east = self._edges
        return east - west, _exact(self.north) - _exact(self.south)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the box."""
        step = _exact(self.step)
        columns, rows = (_times(side, step) for side in self._sides)
        return rows, columns

    @property
    def centres(self) -> int:
        """Cells of the box, those of the sea too."""
        rows, columns = self.shape
        return rows * columns

    @cached_property
    def decimals(self) -> int:
        """Decimals of the degrees of every centre."""
        firsts = self._firsts
        numbers = [number for first, step, _ in firsts for number in (first, step)]
        needed = (
            decimals
            for decimals in range(MAX_DECIMALS)
            if all((number * 10**decimals).denominator == 1 for number in numbers)
        )
        return next(needed, MAX_DECIMALS)

    @property
    def _firsts(self) -> tuple[tuple[Fraction, Fraction, int], ...]:
        """Of latitudes and of longitudes: the first centre, the step, how many there are."""
        (width, height), (rows, columns) = self._sides, self.shape
        return (
            (_exact(self.south) + height / rows / 2, height / rows, rows),
            (self._edges[0] + width / columns / 2, width / columns, columns),
        )

    @property
    def latitudes(self) -> list[float]:
        """Centres of the rows, degrees north, from south to north."""
        return self._rounded(*self._firsts[0])

    @property
    def longitudes(self) -> list[float]:
        """Centres of the columns, degrees east from -180 to 180, from west to east."""
        return self._rounded(*self._firsts[1])

    def _rounded(self, first: Fraction, step: Fraction, count: int) -> list[float]:
        return [round(float(first + number * step), self.decimals) for number in range(count)]

    def cell_id(self, latitude: float, longitude: float) -> str:
        """The id of the cell with a centre: N34.95W002.35. The same for ever, and they sort."""
        return _label(latitude, "NS", 2, self.decimals) + _label(longitude, "EW", 3, self.decimals)

    def learnt_with(self, cells: Sequence[Location]) -> dict[str, Any]:
        """What models of its region depend on, JSON-able: its centres, a hash of its cells.

        And how many of them are learnt from. The same for a box written in another way, and for
        masks with the same land.
        """
        ids = "\n".join(cell.id for cell in cells)
        (south, rise, rows), (west, run, columns) = self._firsts
        return {
            "first": [float(south), float(west)],
            "step": [float(rise), float(run)],
            "shape": [rows, columns],
            "cells": hashlib.sha256(ids.encode()).hexdigest()[:16],
            "learning_cells": self.learning_cells,
        }


def cells_of(grid: Grid, folder: Path) -> tuple[Location, ...]:
    """A grid's cells on land, in the order of their ids.

    ``folder``: that of the region file. Raises ValueError, the end of a sentence: a mask that
    cannot be read or that has no cell, more than MAX_CELLS.
    """
    latitudes, longitudes = grid.latitudes, grid.longitudes
    import numpy as np  # is slow to import, and most regions have no grid

    land = np.ones(grid.shape, bool)
    if grid.mask is not None:
        path = folder / Path(grid.mask).expanduser()
        from configs.land_mask import land_at

        land = land_at(path, np.array(latitudes), np.array(longitudes), grid.mask_variable)
        if not land.any():
            raise ValueError(
                f"grid.mask: found no cell whose centre is on the land of {path}, expected one at "
                "least; mend the box or the mask"
            )
    if (count := int(land.sum())) > MAX_CELLS:
        raise ValueError(
            f"grid: found {count:,} cells on land, expected at most {MAX_CELLS:,}; choose a larger "
            "step or a smaller box"
        )
    rows = _in_order(latitudes, "NS", 2, grid.decimals)
    columns = _in_order(longitudes, "EW", 3, grid.decimals)
    return tuple(
        Location(id=north + east, latitude=latitudes[row], longitude=longitudes[column])
        for north, row in rows
        for east, column in columns
        if land[row, column]
    )


def _in_order(degrees: Sequence[float], letters: str, width: int, decimals: int) -> Any:
    """The labels of rows or of columns with their numbers, in the order of the labels."""
    labels = [_label(value, letters, width, decimals) for value in degrees]
    return sorted(zip(labels, range(len(labels)), strict=True))


def _label(degrees: float, letters: str, width: int, decimals: int) -> str:
    """A latitude or longitude with as many digits as all of its grid have."""
    size = width + bool(decimals) + decimals
    return f"{letters[degrees < 0]}{abs(degrees):0{size}.{decimals}f}"


def _exact(number: float) -> Fraction:
    """A number as it was written: 0.1 is a tenth."""
    return Fraction(Decimal(repr(number)))


def _times(side: Fraction, step: Fraction) -> int:
    """The whole number of steps that is nearest to a side, one at least."""
    return max(1, round(side / step))
