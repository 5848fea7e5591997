"""The areas that a report of a grid speaks of: polygons of its boundaries, or the whole of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from configs import Location, Region, RiskError
from reports.view.outlines import features_in, joined, texts_of

FIRST_KEYS = ("", "id", "name")
"""Where an area's name is looked for first: the feature's own id, then its properties."""
MAX_AREAS = 200
"""A report has a page and a line of each; beyond that nobody reads it."""


@dataclass(frozen=True)
class Areas:
    """Areas of a region of a grid: ``locations`` and their ``shapes``, in degrees, in one order."""

    region: Region
    locations: tuple[Location, ...]
    shapes: tuple[shapely.Geometry, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(location.id for location in self.locations)

    @cached_property
    def drawn(self) -> Region:
        """The region as its report draws it: with areas for places."""
        update = {"grid": None, "locations": self.locations, "utc_offset": self.region.day_offset}
        return self.region.model_copy(update=update)

    def shares(self, places: Sequence[Location], step: float) -> np.ndarray:
        """How much of each place's cell lies in each area, in proportion to km2: (area, place).

        ``step``: of the grid, degrees.
        """
        half = step / 2
        latitude = np.array([place.latitude for place in places], dtype=float)
        longitude = np.array([place.longitude for place in places], dtype=float)
        west, south, east, north = (
            longitude - half, latitude - half, longitude + half, latitude + half
        )  # fmt: skip
        cells = shapely.box(west, south, east, north)
        around = shapely.box(west.min(), south.min(), east.max(), north.max())
        inside = np.zeros((len(self.shapes), len(places)))
        for number, shape in enumerate(self.shapes):
            if shapely.intersects(shape, around):
                inside[number] = shapely.area(shapely.intersection(cells, shape))
        return inside * np.cos(np.radians(latitude))


def as_told(region: Region) -> Region:
    """The region as its reports tell of it: of a grid its areas. Raises as ``areas_of``."""
    return region if region.grid is None else areas_of(region).drawn


def areas_of(region: Region) -> Areas:
    """The areas of a region of a grid. Raises RiskError for boundaries that cannot be used."""
    assert region.grid is not None
    if not region.boundaries:
        whole = shapely.box(*region.grid.box)
        return Areas(region, (_location(region.name, whole, region.names),), (whole,))
    path = region.path.parent / Path(region.boundaries).expanduser()
    features = features_in(path)
    by_name = _by_name(features, path)
    shapes = {name: joined(members, name, path) for name, members in by_name.items()}
    inside = shapely.box(*region.grid.box)
    kept = {name: shape for name, shape in shapes.items() if shapely.intersects(shape, inside)}
    if not kept:
        turned = shapely.transform([*shapes.values()], lambda corners: corners[:, ::-1])
        cure = (
            "swap their coordinates, GeoJSON has longitude, latitude"
            if shapely.intersects(turned, inside).any()
            else "give those of the region"
        )
        raise RiskError(
            f"boundaries {path}: found no polygon within the grid, expected one or more; {cure}."
        )
    for shape in kept.values():
        shapely.prepare(shape)
    locations = tuple(_location(name, shape, {}) for name, shape in kept.items())
    return Areas(region, locations, tuple(kept.values()))


def _location(name: str, shape: shapely.Geometry, names: Mapping[str, str]) -> Location:
    point = shape.point_on_surface()
    return Location(
        id=name, names=dict(names), latitude=round(point.y, 4), longitude=round(point.x, 4)
    )


def _by_name(features: list[dict[str, Any]], path: Path) -> dict[str, list[dict[str, Any]]]:
    """The features of each area, by the first property that names every one of them."""
    texts = [texts_of(feature) for feature in features]
    keys = sorted(
        set.intersection(*map(set, texts)) if texts else set(),
        key=lambda key: (FIRST_KEYS.index(key) if key in FIRST_KEYS else len(FIRST_KEYS), key),
    )
    if not keys:
        raise RiskError(
            f"boundaries {path}: found no property that names every feature, expected one such as "
            "'name'; add it."
        )
    named: dict[str, list[dict[str, Any]]] = {}
    for feature in features:
        named.setdefault(_name(feature, keys[0]), []).append(feature)
    if len(named) > MAX_AREAS:
        raise RiskError(
            f"boundaries {path}: found {len(named)} areas, expected at most {MAX_AREAS} for a "
            "report; give larger ones, such as provinces."
        )
    return named


def _name(feature: Mapping[str, Any], key: str) -> str:
    return str(feature["id"] if key == "" else feature["properties"][key])
