"""What belongs together: neighbours, days that touch, and those that others join."""

from datetime import date, timedelta

import pytest

from configs import Location, Region
from reports.view.claims import Claim
from reports.view.events import days_in_common, events, neighbours
from reports.view.outlines import Outline

FIRST = date(2026, 7, 8)


def square(west: float, south: float) -> Outline:
    corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    return Outline("x", (tuple((west + x, south + y) for x, y in corners),))


def claim(place: str, first: int, last: int, hazard: str = "heat", colour: str = "orange") -> Claim:
    days = (FIRST + timedelta(days=first), FIRST + timedelta(days=last))
    return Claim(hazard, colour, (place,), *days, 1, True, FIRST)


def place(name: str, latitude: float | None = None, longitude: float | None = None) -> Location:
    return Location(id=name, latitude=latitude, longitude=longitude)


def near(**pairs: str) -> dict[str, frozenset[str]]:
    return {name: frozenset({name, *others.split()}) for name, others in pairs.items()}


def test_communes_that_share_a_border_are_neighbours(berkane: Region, shapes: dict[str, Outline]):
    found = neighbours({one.id: one for one in berkane.locations}, shapes)
    assert found["saidia"] == {"saidia", "madagh", "laatamna"}
    assert found["ahfir"] == {"ahfir", "aghbal"}, "Ahfir lies within Aghbal"
    assert all(one in found[other] for one, others in found.items() for other in others)


def test_without_outlines_the_places_next_to_one_are_its_neighbours():
    """A grid of 11 km (of latitude): beside and across, not two steps away; and a far station."""
    grid = {f"{i}{j}": place(f"{i}{j}", i / 10, j / 10) for i in range(3) for j in range(3)}
    found = neighbours({**grid, "far": place("far", 9, 9)}, {})
    assert found["00"] == {"00", "01", "10", "11"}
    assert found["11"] == set(grid)
    assert found["far"] == {"far"}


def test_a_place_that_lies_nowhere_is_everybodys_neighbour():
    found = neighbours({"a": place("a", 0, 0), "b": place("b"), "c": place("c", 1, 1)}, {})
    assert found["b"] == {"a", "b", "c"} and "b" in found["a"]
    alone = neighbours({name: place(name) for name in "ab"}, {})
    assert alone == near(a="b", b="a")


def test_places_on_either_side_of_the_antimeridian_are_neighbours():
    drawn = {"a": square(179, 0), "b": square(-180, 0), "c": square(-178, 0)}
    found = neighbours({name: place(name) for name in drawn}, drawn)
    assert found == near(a="b", b="a", c="")


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ([claim("a", 0, 1), claim("a", 2, 2)], 1),  # days that touch
        ([claim("a", 0, 1), claim("a", 3, 3)], 2),  # a day between
        ([claim("a", 0, 1), claim("b", 1, 1)], 1),  # neighbours
        ([claim("a", 0, 1), claim("b", 2, 2)], 1),  # neighbours on days that touch
        ([claim("a", 0, 1), claim("b", 3, 3)], 2),
        ([claim("a", 0, 1), claim("c", 0, 1)], 2),  # no neighbours
        ([claim("a", 0, 1), claim("c", 0, 1), claim("b", 0, 1)], 1),  # b joins them
        ([claim("a", 0, 1), claim("a", 0, 1, "flash_flood")], 2),
        ([claim("a", 0, 1), claim("a", 2, 2, colour="red")], 1),  # whatever the colour
        ([], 0),
    ],
)
def test_what_belongs_together(claims: list[Claim], groups: int):
    found = events(claims, near(a="b", b="a c", c="b"))
    assert len(found) == groups
    assert sorted(map(repr, claims)) == sorted(repr(one) for event in found for one in event)


def test_what_two_groups_have_in_common():
    one = [claim("a", 0, 2), claim("b", 5, 5)]
    assert days_in_common(one, [claim("a", 1, 5), claim("b", 0, 0)]) == (2, 2)
    assert days_in_common(one, [claim("c", 0, 9)]) == (0, 0)
