"""Events: runs of days and places that belong together, which one alert tells of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import shapely
from shapely.affinity import translate

from configs import Location
from configs.geodesy import distance
from reports.view.claims import Claim
from reports.view.outlines import Outline

NEAR = 1.5
"""Without outlines two places are neighbours up to so many times the geometric mean of their
distances to the nearest other place: on a grid those around one, diagonals included."""
GAP = 0.001
"""Degrees, about 100 m: outlines drawn so far apart still share a border."""

Neighbours = Mapping[str, frozenset[str]]
Event = tuple[Claim, ...]


def neighbours(locations: Mapping[str, Location], outlines: Mapping[str, Outline]) -> Neighbours:
    """The neighbours of each place, itself among them.

    Places with outlines: those that share a border; without: those near (``NEAR``). A place that
    has neither an outline nor coordinates is a neighbour of all, so that its days alone decide.
    """
    drawn = [place for place in locations if place in outlines]
    points = [place for place in locations if place not in outlines and _placed(locations[place])]
    lost = {place for place in locations if place not in outlines and place not in points}
    near: dict[str, set[str]] = {place: {place} | lost for place in locations}
    for one, other in (*_bordering(drawn, outlines), *_close(points, locations)):
        near[one].add(other)
    everywhere = frozenset(locations)
    return {
        place: everywhere if place in lost else frozenset(found) for place, found in near.items()
    }


def _placed(location: Location) -> bool:
    return location.latitude is not None and location.longitude is not None


def _bordering(places: Sequence[str], outlines: Mapping[str, Outline]) -> Iterable[tuple[str, str]]:
    """Pairs of places whose outlines touch, both ways."""
    if not places:
        return []
    shapes = [
        shapely.multipolygons([shapely.polygons(ring) for ring in outlines[place].polygons])
        for place in places
    ]
    tree = shapely.STRtree(shapes)
    turned = [translate(one, 360) for one in shapes]  # a border may be the antimeridian
    pairs = [
        (places[i], places[j])
        for moved in (shapes, turned)
        for i, j in tree.query(moved, predicate="dwithin", distance=GAP).T
    ]
    return pairs + [(other, one) for one, other in pairs]


def _close(places: Sequence[str], locations: Mapping[str, Location]) -> Iterable[tuple[str, str]]:
    """Pairs of places whose points are near, both ways."""
    if len(places) < 2:
        return []
    north, east = (
        np.array([getattr(locations[place], name) for place in places], dtype=np.float64)
        for name in ("latitude", "longitude")
    )
    apart = distance((north[:, None], east[:, None]), (north[None], east[None]))
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    near = apart <= NEAR * np.sqrt(nearest[:, None] * nearest[None])
    return [(places[i], places[j]) for i, j in np.argwhere(near)]


def events(claims: Sequence[Claim], near: Neighbours) -> list[Event]:
    """Claims of one place each in groups: of one hazard, on days that touch, of neighbours.

    Two claims belong together where their places are neighbours and no day lies between them, and
    so do those that others join. In the order of the claims.
    """
    at: dict[tuple[str, str], list[int]] = {}
    for i, claim in enumerate(claims):
        at.setdefault((claim.hazard, claim.locations[0]), []).append(i)
    group = list(range(len(claims)))

    def first(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for (hazard, place), here in at.items():
        for other in near.get(place, frozenset({place})):
            for i in here:
                for j in at.get((hazard, other), ()):
                    if claims[i].touches(claims[j]):
                        low, high = sorted((first(i), first(j)))
                        group[high] = low
    together: dict[int, list[Claim]] = {}
    for i, claim in enumerate(claims):
        together.setdefault(first(i), []).append(claim)
    return [tuple(found) for found in together.values()]


def days_in_common(one: Iterable[Claim], other: Iterable[Claim]) -> tuple[int, int]:
    """How many days of places two groups of claims have in common, and how many places."""
    mine, theirs = _days(one), _days(other)
    places = {place for place, _ in mine} & {place for place, _ in theirs}
    return len(mine & theirs), len(places)


def _days(claims: Iterable[Claim]) -> set[tuple[str, object]]:
    """Each place with each of its days."""
    return {(place, day) for claim in claims for place in claim.locations for day in claim.days}
