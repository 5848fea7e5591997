"""Where the names of places stand on a map: within its frame, not one over another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.view.outlook import NamedLocation

LETTER, LINE, BELOW = 6.2, 11.0, 2.8
"""Width and height of a name's letters at 9 units, and what of it is below its line."""
EDGE, GAP = 2.0, 1.5
TURNS, ROUNDS = 24, 12
DISTANCES = (9.0, 13.0, 18.0, 24.0, 31.0, 39.0, 48.0, 58.0, 70.0, 84.0, 100.0)
NEAR = 14.0
"""A name further from its place than this has a line that leads there."""
LONGEST = 0.6
"""Of the width of the map."""
Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Name:
    """A location's name on the large map: the middle of its line, and where it leads from there.

    ``leader``: the ends of a thin line from the name to the place; None where the name is near.
    """

    at: Point
    text: str
    leader: tuple[Point, Point] | None = None


def names_on_map(
    places: Sequence[tuple[NamedLocation, Point]], width: float, height: float
) -> tuple[Name, ...]:
    """The names of all places that there is room for, the most populous first.

    ``places``: in order of importance, each with the point that it is at. A name that found no
    room goes before the others, but the first, in the next round.
    """
    if not places:
        return ()
    first = max(places, key=lambda item: item[0].population or 0)
    order = [first, *(item for item in places if item is not first)]
    best: tuple[Name, ...] = ()
    for _ in range(ROUNDS):
        names, left = _placed(order, width, height)
        best = max(best, names, key=len)
        if not left:
            break
        order = [first, *(x for x in left if x is not first)] + [
            item for item in order if item is not first and item not in left
        ]
    return best


def _placed(
    order: Sequence[tuple[NamedLocation, Point]], width: float, height: float
) -> tuple[tuple[Name, ...], list[tuple[NamedLocation, Point]]]:
    taken: list[Box] = []
    names: list[Name] = []
    left = []
    for location, at in order:
        text = _fitting(location.name, width * LONGEST)
        for middle in _candidates(at):
            box = _box(middle, text)
            if _inside(box, width, height) and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                names.append(Name(middle, text, _leader(middle, box, at)))
                break
        else:
            left.append((location, at))
    return tuple(names), left


def _fitting(name: str, most: float) -> str:
    letters = int(most / LETTER)
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"


def _candidates(at: Point) -> Iterator[Point]:
    """Middles of lines around a point, the nearest first; beside it before above and below."""
    yield at
    for distance in DISTANCES:
        for turn in range(TURNS):
            angle = 2 * math.pi * turn / TURNS
            x = at[0] + distance * 2 * math.cos(angle)
            yield round(x, 1), round(at[1] + distance * math.sin(angle), 1)


def _box(middle: Point, text: str) -> Box:
    half = len(text) * LETTER / 2 + GAP
    return middle[0] - half, middle[1] - LINE + BELOW, middle[0] + half, middle[1] + BELOW


def _leader(middle: Point, box: Box, at: Point) -> tuple[Point, Point] | None:
    end = (min(max(at[0], box[0]), box[2]), min(max(at[1], box[1]), box[3]))
    far = math.dist(end, at) > NEAR / 2
    return ((round(end[0], 1), round(end[1], 1)), at) if far else None


def _inside(box: Box, width: float, height: float) -> bool:
    return box[0] >= EDGE and box[1] >= EDGE and box[2] <= width - EDGE and box[3] <= height - EDGE


def _overlap(first: Box, second: Box) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )
