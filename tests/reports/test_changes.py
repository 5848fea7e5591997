"""What changed since the report before: each place with its own days, and no change passed over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pandas as pd
import pytest
from outlook_cases import GREY, SUMMER, cases, heat, outlook

from reports.text.language import ENGLISH
from reports.view.changes import Changes, changes
from reports.view.outlook import hazard_outlooks, named_locations

REGION = cases()["quiet"].region
NEXT = SUMMER + timedelta(days=1)
Cells = Mapping[tuple[str, str, int], str]


def compared(before: pd.DataFrame, after: pd.DataFrame) -> Changes:
    places = named_locations({place.id: place.id for place in REGION.locations}, REGION)
    found = changes(hazard_outlooks(after, places, (5, 10)), before, ENGLISH)
    assert found is not None
    return found


def moved(before: Cells, after: Cells, **more: Mapping[str, str]) -> tuple[str, ...]:
    """What is said of single days of heat: windows repeat them here."""
    table = outlook(REGION, NEXT, after, **more)
    return compared(outlook(REGION, SUMMER, before), table[table["window_days"] == 1]).moved["heat"]


def test_each_place_is_told_with_its_own_days() -> None:
    """Saidia rises on the 10th, Berkane and Madagh on the 12th and 13th."""
    after = heat("red", range(1, 2), "saidia") | heat("orange", range(3, 5), "berkane", "madagh")
    assert moved({}, after) == (
        "Higher: Saidia (Friday 10 July); Berkane and Madagh (Sunday 12 July and Monday 13 July).",
    )


def test_what_rose_and_what_fell_are_told_apart() -> None:
    before = heat("red", range(3, 4), "saidia") | heat("yellow", range(3, 4), "ahfir")
    after = heat("yellow", range(2, 3), "saidia") | heat("orange", range(2, 3), "ahfir")
    assert moved(before, after) == (
        "Higher: Ahfir (Saturday 11 July).",
        "Lower: Saidia (Saturday 11 July).",
    )


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ({}, "No colour has changed."),
        ({"rest": GREY}, "No colour has risen or fallen."),
    ],
)
def test_without_a_rise_or_fall_it_says_whether_anything_changed(
    rest: dict[str, Mapping[str, str]], said: str
) -> None:
    assert moved({}, {}, **rest) == (said,)


def test_a_colour_where_none_could_be_told_has_risen() -> None:
    before = outlook(REGION, SUMMER, {}, rest=GREY)
    after = outlook(REGION, NEXT, heat("red", range(2, 3), "saidia"), rest=GREY)
    found = compared(before, after[after["window_days"] == 1])
    assert found.moved["heat"] == ("Higher: Saidia (Saturday 11 July).",)
