"""Grid cells: locations of one cell of a service's grid are fetched once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd

from configs import ConfigError, Location, Region

Item = TypeVar("Item")


@dataclass(frozen=True, order=True)
class GridCell:
    """A cell of a regular grid: its centre, degrees north and east, and its locations' ids."""

    latitude: float
    longitude: float
    locations: tuple[str, ...] = ()


def cells_of(region: Region, size: float) -> list[GridCell]:
    """The region's locations by the cell of ``size`` degrees they lie in.

    Raises ConfigError for a region without locations or a location without coordinates.
    """
    if not region.locations:
        raise ConfigError(
            f"region file {region.path}: locations: found none, Open-Meteo needs at least one "
            "place; add it."
        )
    inside: dict[tuple[float, float], list[str]] = {}
    for location in region.locations:
        latitude, longitude = coordinates_of(region, location)
        centre = _centre(latitude, size), _centre(longitude, size)
        inside.setdefault(centre, []).append(location.id)
    return [GridCell(*centre, tuple(ids)) for centre, ids in sorted(inside.items())]


def coordinates_of(region: Region, location: Location) -> tuple[float, float]:
    """Degrees north and east of a location. Raises ConfigError where the region file has none."""
    if location.latitude is None or location.longitude is None:
        raise ConfigError(
            f"region file {region.path}: locations: {location.id!r} has no latitude or longitude, "
            "which it needs here; add them."
        )
    return location.latitude, location.longitude


def _centre(degrees: float, size: float) -> float:
    return round(round(degrees / size) * size, 6)


def cells_without(cells: Sequence[GridCell], locations: Collection[str]) -> list[GridCell]:
    """The cells without the given locations; a cell that has none left is left out."""
    rest = [
        replace(cell, locations=tuple(name for name in cell.locations if name not in locations))
        for cell in cells
    ]
    return [cell for cell in rest if cell.locations]


def shortened(locations: Sequence[str]) -> str:
    """Locations for a message: all of a few, else how many more there are."""
    if len(locations) <= 3:
        return ", ".join(locations)
    return f"{', '.join(locations[:2])} and {len(locations) - 2} more"


def shortened_of(cells: Sequence[GridCell]) -> str:
    """The locations of some cells for a message."""
    return shortened([location for cell in cells for location in cell.locations])


def per_location(table: pd.DataFrame, cell: GridCell) -> pd.DataFrame:
    """A cell's table once for each of its locations."""
    return pd.concat([table.assign(location=name) for name in cell.locations], ignore_index=True)


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in order, ``size`` at a time."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
