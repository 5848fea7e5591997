"""Polygons across the antimeridian, in two (RFC 7946, section 3.1.9)."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.affinity import translate

_HALF, _TURN = 180.0, 360.0


def split(polygon: shapely.Polygon) -> list[shapely.Polygon]:
    """The polygon, or its parts on either side of the antimeridian where its outline crosses it.

    Degrees, longitudes from -180 to 180. An outline crosses where two corners in a row are more
    than half a turn apart: the shorter way between them leads across. Holes are left out of one
    that crosses.
    """
    ring = np.array(polygon.exterior.coords)[:, :2]
    if not (np.abs(np.diff(ring[:, 0])) > _HALF).any():
        return [polygon]
    eastward = np.where(ring[:, 0] < 0, ring[:, 0] + _TURN, ring[:, 0])
    whole = shapely.make_valid(shapely.Polygon(np.column_stack([eastward, ring[:, 1]])))
    west = whole.intersection(shapely.box(0, -90, _HALF, 90))
    east = translate(whole.intersection(shapely.box(_HALF, -90, _TURN, 90)), -_TURN)
    return [
        part
        for side in (west, east)
        for part in shapely.get_parts(side)
        if part.geom_type == "Polygon" and part.area > 0
    ]
