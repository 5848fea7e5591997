"""What holds of a place and day: today's numbers, else what a message said before."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from cap_chain import days, table_of

from reports.view.claims import Claim, claims_today, stands

ISSUED = date(2026, 7, 9)
BEFORE = ISSUED - timedelta(days=1)


def claim(colour: str, first: int, last: int, window: int = 1, hazard: str = "heat") -> Claim:
    """What the message of the 8th said of Berkane, in days from the 9th on."""
    span = (ISSUED + timedelta(days=first), ISSUED + timedelta(days=last))
    return Claim(hazard, colour, ("berkane",), *span, window, True, BEFORE)


def told(found: tuple[Claim, ...]) -> list[str]:
    """The colour of each claim, its first and last day from the 9th on, and whether it is sure."""
    return [
        f"{one.colour} {(one.first - ISSUED).days}-{(one.last - ISSUED).days}"
        f"{'' if one.window_days == 1 else f' any {one.window_days}'}"
        f"{'' if one.confirmed else '?'}"
        for one in found
    ]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("ooo", ["orange 0-2"]),
        ("...", ["orange 0-2?"]),
        ("   ", ["orange 0-2?"]),
        ("ggg", []),
        ("yyy", ["yellow 0-2"]),  # numbers that give yellow take orange back
        ("rrr", ["red 0-2"]),
        ("o.g", ["orange 0-0", "orange 1-1?"]),
        (".g.", ["orange 0-0?", "orange 2-2?"]),
        ("gggo", ["orange 3-3"]),
    ],
)
def test_each_day_by_itself(letters: str, expected: list[str]) -> None:
    """The message said orange from the 9th to the 11th."""
    table = table_of("2026-07-09", *days("berkane", letters))
    assert told(claims_today(table, None, [claim("orange", 0, 2)], ISSUED)) == expected


def test_days_that_are_over_are_left_out() -> None:
    table = table_of("2026-07-09", *days("berkane", "."))
    assert told(stands(table, None, [claim("orange", -3, -1)], ISSUED)) == []
    assert told(stands(table, None, [claim("orange", -3, 0)], ISSUED)) == ["orange 0-0?"]


def test_of_two_messages_the_higher_colour_stands_on_each_day() -> None:
    table = table_of("2026-07-09", *days("berkane", "...."))
    said = [claim("yellow", 0, 3), claim("red", 1, 2)]
    assert told(claims_today(table, None, said, ISSUED)) == [
        "yellow 0-0?",
        "red 1-2?",
        "yellow 3-3?",
    ]


def test_a_window_counts_where_nothing_in_it_has_its_colour() -> None:
    window = ("berkane", "heat", "orange", 0, 3, 0.5)
    longer = ("berkane", "heat", "orange", 0, 7, 0.6)
    for letters, expected in (
        ("ggg", ["orange 0-2 any 3"]),
        ("gyg", ["yellow 1-1", "orange 0-2 any 3"]),
        ("gog", ["orange 1-1"]),
        ("ggggr", ["red 4-4", "orange 0-2 any 3"]),
    ):
        table = table_of("2026-07-09", *days("berkane", letters), window, longer)
        assert sorted(told(claims_today(table, None, [], ISSUED))) == sorted(expected)


def test_a_window_stands_until_one_as_long_or_a_day_in_it_can_tell() -> None:
    said = [claim("orange", 0, 1, 3)]
    for cells, expected in (
        (days("berkane", "gg"), ["orange 0-1 any 3?"]),
        (days("berkane", "go"), ["orange 1-1"]),
        ([("berkane", "heat", "green", 0, 7, 0.1)], []),
        ([("berkane", "heat", "green", 0, 2, 0.1)], ["orange 0-1 any 3?"]),
    ):
        table = table_of("2026-07-09", *cells)
        assert told(claims_today(table, None, said, ISSUED)) == expected


def test_an_index_stands_until_its_lead_can_tell() -> None:
    """That of the 8th for 30 days ahead is now the one for 30 days from the 9th."""
    said = [claim("orange", 29 - 89, 29, 90, "drought"), claim("red", 59 - 89, 59, 90, "drought")]
    cells = [
        ("berkane", "drought", "green", 30, 90, 0.1),
        ("berkane", "drought", "grey", 60, 90, None),
    ]
    found = claims_today(table_of("2026-07-09", *cells), None, said, ISSUED)
    assert told(found) == ["red -30-59 any 90?"]


def test_not_confirmed_since_the_last_table_that_gave_it() -> None:
    """The message is of the 6th; the table of the 8th gave orange still, and yellow does not
    count."""
    said = [replace(claim("orange", 0, 1), confirmed_on=BEFORE - timedelta(days=2))]
    grey = table_of("2026-07-09", *days("berkane", ".."))
    for letters, since in (
        (" oo", BEFORE),
        (" r ", BEFORE),
        (" yy", BEFORE - 2 * (ISSUED - BEFORE)),
    ):
        earlier = table_of("2026-07-08", *days("berkane", letters))
        found = stands(grey, earlier, said, ISSUED)
        assert {one.confirmed_on for one in found} == {since}
        assert not any(one.confirmed for one in found)
