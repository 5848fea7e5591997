"""Do the outlines of a region's boundaries file hold their locations?"""

from __future__ import annotations

import shapely
from shapely.ops import nearest_points

from configs import Location, Region, RiskError
from configs.geodesy import distance
from reports.view.outlines import Outline, outlines

TOLERANCE_KM = 10.0
"""A gauge or a town hall may stand beyond the line, and lines are simplified."""


def boundary_problems(region: Region) -> list[str]:
    """A sentence for a file that cannot be used, or for each location outside of its outline."""
    try:
        drawn = outlines(region)
    except RiskError as error:
        return [str(error)]
    problems = [
        _outside(region, location, drawn[location.id])
        for location in region.locations
        if location.id in drawn and location.latitude is not None and location.longitude is not None
    ]
    return [problem for problem in problems if problem]


def _outside(region: Region, location: Location, outline: Outline) -> str:
    """A sentence on a location that lies outside of its outline, or nothing."""
    shape = shapely.multipolygons([shapely.Polygon(ring) for ring in outline.polygons])
    latitude, longitude = location.latitude or 0.0, location.longitude or 0.0
    away = _distance_km(shape, latitude, longitude)
    if away <= TOLERANCE_KM:
        return ""
    cure = "mend the boundaries or the location's coordinates"
    if _distance_km(shape, longitude, latitude) <= TOLERANCE_KM:
        cure = "swap them in the file, GeoJSON coordinates are longitude, latitude"
    return (
        f"boundaries {region.boundaries}: location {location.id!r} ({latitude:g}, {longitude:g}) "
        f"lies outside of its polygon by {away:,.0f} km, expected inside of it; {cure}."
    )


def _distance_km(shape: shapely.Geometry, latitude: float, longitude: float) -> float:
    """Great-circle distance (km) of a point from a shape in degrees; 0 within it."""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return float("inf")
    point = shapely.Point(longitude, latitude)
    nearest, _ = nearest_points(shape, point)
    return float(distance((nearest.y, nearest.x), (latitude, longitude)))
