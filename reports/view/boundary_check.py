"""Do the outlines of a region's boundaries file hold their locations? What may be drawn of it."""

from __future__ import annotations

from dataclasses import dataclass

import shapely
from shapely.ops import nearest_points

from configs import Location, Region, RiskError
from configs.geodesy import distance
from configs.remarks import Remark, remark
from reports.view.outlines import Outline, outlines

TOLERANCE_KM = 10.0
"""A gauge or a town hall may stand beyond the line, and lines are simplified."""


@dataclass(frozen=True)
class BoundaryProblem:
    """What is wrong with a boundaries file.

    ``location``: the id of one that lies outside of its outline, "" for a file of no use.
    """

    words: Remark
    location: str = ""


def boundary_problems(region: Region) -> list[BoundaryProblem]:
    """A problem of a file that cannot be used, or one for each location outside of its outline."""
    try:
        drawn = outlines(region)
    except RiskError as error:
        return [BoundaryProblem(error.remark)]
    problems = [
        _outside(region, location, drawn[location.id])
        for location in region.locations
        if location.id in drawn and location.latitude is not None and location.longitude is not None
    ]
    return [problem for problem in problems if problem]


def drawable(region: Region) -> tuple[Region, Remark | None]:
    """The region as maps and alerts may draw it, and the sentence on what is left out of it.

    With a boundary problem no outline is drawn. A location that lies outside of its outline has no
    coordinates either: nobody knows which of the two is wrong.
    """
    problems = boundary_problems(region)
    if not problems:
        return region, None
    places = tuple(_unplaced(location, problems) for location in region.locations)
    without = {"boundaries": None, "locations": places, "utc_offset": region.day_offset}
    first, n = problems[0].words, len(problems) - 1
    words = (
        remark("boundaries.left_out_several", reason=first, n=n)
        if n
        else remark("boundaries.left_out", reason=first)
    )
    return region.model_copy(update=without), words


def _unplaced(location: Location, problems: list[BoundaryProblem]) -> Location:
    """The location, without coordinates where it has a problem."""
    if location.id not in {problem.location for problem in problems}:
        return location
    return location.model_copy(update={"latitude": None, "longitude": None})


def _outside(region: Region, location: Location, outline: Outline) -> BoundaryProblem | None:
    """The problem of a location that lies outside of its outline, if it does."""
    shape = shapely.multipolygons([shapely.Polygon(ring) for ring in outline.polygons])
    latitude, longitude = location.latitude or 0.0, location.longitude or 0.0
    away = _distance_km(shape, latitude, longitude)
    if away <= TOLERANCE_KM:
        return None
    swapped = _distance_km(shape, longitude, latitude) <= TOLERANCE_KM
    words = remark(
        "boundaries.swapped" if swapped else "boundaries.outside",
        file=str(region.boundaries),
        place=location.id,
        latitude=f"{latitude:g}",
        longitude=f"{longitude:g}",
        km=round(away),
    )
    return BoundaryProblem(words, location.id)


def _distance_km(shape: shapely.Geometry, latitude: float, longitude: float) -> float:
    """Great-circle distance (km) of a point from a shape in degrees; 0 within it."""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return float("inf")
    point = shapely.Point(longitude, latitude)
    nearest, _ = nearest_points(shape, point)
    return float(distance((nearest.y, nearest.x), (latitude, longitude)))
