"""Outlines of locations for maps and alerts.

Read from a region's boundaries file and simplified so that neighbours still fit.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from configs import Location, Region, RiskError
from reports.view.antimeridian import split

Ring = tuple[tuple[float, float], ...]
_DECIMALS = 6  # a tenth of a metre
_GROWTH = 1.25
_FIRST = 1e-4  # of the region's extent: where the search for the tolerance begins
MAX_BYTES = 50_000_000  # outlines of thousands of communes to the metre
_RING = 10  # vertices that a ring should have on average to still look like itself


@dataclass(frozen=True)
class Outline:
    """A location's outer rings, as (longitude, latitude) in degrees.

    Each is closed and counter-clockwise; holes are left out. None crosses the antimeridian.
    """

    location: str
    polygons: tuple[Ring, ...]


def outlines(region: Region, max_vertices: int = 100) -> dict[str, Outline]:
    """Outlines by location id; none where the region names no boundaries or no locations.

    A feature is a location's where its ``id`` or one property equals the location's id or one of
    its names, whatever case and accents; that property is the same for all: the one by which most
    locations are found. Several features may be one location. Simplified as a coverage (Visvalingam
    and Whyatt 1993), as little as gives every location ``max_vertices`` at most, 5 or more, the
    repeated last one of each ring counted. Of many rings only the largest are kept, one for ten of
    the vertices; where that is not enough, fewer, and a single ring that is still too long becomes
    its convex hull or its bounding box. Raises RiskError: a file that cannot be read or is not
    GeoJSON in degrees, or a location without a polygon in it.
    """
    if not region.boundaries or not region.locations:
        return {}
    path = region.path.parent / Path(region.boundaries).expanduser()
    shapes = _shapes(features_in(path), region.locations, path)
    large = [
        shapely.multipolygons(_rings(geometry)[: max(1, max_vertices // _RING)])
        for geometry in shapes.values()
    ]
    simple = _simplified(large, max_vertices)
    return {
        location: Outline(location, _fit(geometry, max_vertices))
        for location, geometry in zip(shapes, simple, strict=True)
    }


def features_in(path: Path) -> list[dict[str, Any]]:
    """The features of a GeoJSON file. Raises RiskError where it is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RiskError(
                f"boundaries {path}: it has {path.stat().st_size:,} bytes, expected at most "
                f"{MAX_BYTES:,}; simplify the outlines."
            )
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RiskError(
            f"boundaries {path}: it cannot be read ({error.strerror}); give the path of a "
            "GeoJSON file."
        ) from None
    except (ValueError, RecursionError):
        raise RiskError(
            f"boundaries {path}: it is not JSON in UTF-8, expected a GeoJSON FeatureCollection; "
            "save it as that."
        ) from None
    features = (
        document.get("features")
        if isinstance(document, dict) and document.get("type") == "FeatureCollection"
        else None
    )
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise RiskError(
            f"boundaries {path}: found no features, expected a GeoJSON FeatureCollection; save "
            "it as that."
        )
    return features


def _shapes(
    features: Sequence[dict[str, Any]], locations: Sequence[Location], path: Path
) -> dict[str, shapely.Geometry]:
    """The polygons of every location by its id, in the order of ``locations``."""
    texts = [texts_of(feature) for feature in features]
    keys = sorted({key for text in texts for key in text}, key=lambda key: (key != "", key))
    if not keys:
        raise RiskError(
            f"boundaries {path}: no feature has an id or a property that is text; add the "
            "location ids as property 'id'."
        )
    by_key = [{location.id: _named(location, texts, key) for location in locations} for key in keys]
    matches = max(by_key, key=lambda matched: sum(map(bool, matched.values())))
    return {
        location.id: joined([features[i] for i in matches[location.id]], location.id, path)
        for location in locations
    }


def texts_of(feature: Mapping[str, Any]) -> dict[str, str]:
    """What a feature says of itself, by property; its own id is under ""."""
    properties = feature.get("properties")
    values = {"": feature.get("id"), **(properties if isinstance(properties, dict) else {})}
    return {
        str(key): plain(str(value))
        for key, value in values.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    }


def plain(text: str) -> str:
    """A name without case, accents and outer space, to compare it by."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(sign for sign in apart if not unicodedata.combining(sign)).split())


def _named(location: Location, texts: Sequence[Mapping[str, str]], key: str) -> list[int]:
    """The features whose ``key`` is the location's id, else those where it is one of its names."""
    for wanted in ({plain(location.id)}, {plain(name) for name in location.names.values()}):
        if matches := [i for i, text in enumerate(texts) if text.get(key) in wanted]:
            return matches
    return []


def joined(features: Sequence[Mapping[str, Any]], location: str, path: Path) -> shapely.Geometry:
    """The polygons of a location's features as one shape. Raises RiskError without any."""
    polygons = [polygon for feature in features for polygon in _polygons(feature, location, path)]
    if not polygons:
        expected = "expected one polygon or more whose id or name is the location's"
        raise RiskError(
            f"boundaries {path}: found no feature for location {location!r}, {expected}; add it "
            "or mend the name."
        )
    return polygons[0] if len(polygons) == 1 else shapely.union_all(polygons)


def _polygons(feature: Mapping[str, Any], location: str, path: Path) -> Iterator[shapely.Geometry]:
    try:
        geometry = shape(feature["geometry"])
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        OverflowError,
        RecursionError,
        shapely.errors.ShapelyError,
    ):
        raise RiskError(
            f"boundaries {path}: the geometry of location {location!r} is not GeoJSON; save the "
            "file again."
        ) from None
    corners = shapely.get_coordinates(geometry)
    if not (np.isfinite(corners).all() and (np.abs(corners) <= (180, 90)).all()):
        raise RiskError(
            f"boundaries {path}: location {location!r} lies outside of the world, expected "
            "degrees; save the file in WGS 84."
        )
    for part in _parts(geometry):
        for piece in split(part):
            valid = piece if piece.is_valid else shapely.make_valid(piece)
            yield from (one for one in _parts(valid) if one.area > 0)


def _parts(geometry: shapely.Geometry) -> list[shapely.Polygon]:
    """The polygons of a geometry, those of collections within it too."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]


def _simplified(shapes: list[shapely.Geometry], max_vertices: int) -> list[shapely.Geometry]:
    """The shapes with the least simplification that gives each ``max_vertices``, if any does."""
    west, south, east, north = shapely.total_bounds(shapes)
    extent = max(east - west, north - south)
    tolerance, simplified = extent * _FIRST, shapes
    while max(_vertices(geometry) for geometry in simplified) > max_vertices and tolerance < extent:
        simplified = list(shapely.coverage_simplify(shapes, tolerance))
        tolerance *= _GROWTH
    return simplified


def _rings(geometry: shapely.Geometry) -> list[shapely.Polygon]:
    """The polygons of a geometry without their holes, the largest first."""
    solid = [
        shapely.Polygon(part.exterior) for part in shapely.get_parts(geometry) if part.area > 0
    ]
    return sorted(solid, key=lambda polygon: (-polygon.area, polygon.bounds))


def _vertices(geometry: shapely.Geometry) -> int:
    return sum(len(polygon.exterior.coords) for polygon in _rings(geometry))


def _fit(geometry: shapely.Geometry, max_vertices: int) -> tuple[Ring, ...]:
    kept: list[Ring] = []
    left = max_vertices
    for ring in _rings(geometry):
        polygon = ring
        if not kept:
            polygon = next(
                (p for p in (ring, ring.convex_hull) if len(p.exterior.coords) <= left),
                ring.envelope,
            )
        if len(polygon.exterior.coords) > left:
            break
        kept.append(_ring(polygon))
        left -= len(polygon.exterior.coords)
    return tuple(kept)


def _ring(polygon: shapely.Polygon) -> Ring:
    corners = shapely.orient_polygons(polygon).exterior.coords
    return tuple((round(x, _DECIMALS), round(y, _DECIMALS)) for x, y, *_ in corners)
