"""Spans: a colour is told in each place on each of its days, and in no place on a day without
it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reports.text.language import ENGLISH
from reports.view.outlook import HazardOutlook, NamedLocation, RiskCell, rank
from reports.view.slots import Slot
from reports.view.spans import MAX_SPANS, coloured, runs, spans, when, where_and_when

ISSUED = date(2026, 7, 8)
PLACES = [NamedLocation(f"p{i}", f"Place {i}", None) for i in range(6)]
DAYS = [Slot("day", lead, 1, ISSUED + timedelta(days=lead)) for lead in range(7)]
THREE, SEVEN = (Slot("any", 0, n, ISSUED) for n in (3, 7))


def cell(colour: str = "red", confirmed: bool = True) -> RiskCell:
    chance = {1: 0.9, 2: 0.7, 3: 0.5}
    verdict = dict.fromkeys(chance, "known")
    return RiskCell("number", colour, chance, chance, verdict, 1, confirmed)


RED = cell()
place_days = st.sets(st.tuples(st.sampled_from(PLACES), st.sampled_from(DAYS)), min_size=1)


@given(place_days)
def test_spans_hold_each_place_and_day_once_and_no_other(found: set) -> None:
    listed = spans([(place, day, RED) for place, day in sorted(found, key=str)])
    told = [(place, day) for span in listed for place in span.locations for day in span.slots]
    assert len(told) == len(set(told)) and set(told) == found


@given(st.sets(st.dates(date(2026, 1, 1), date(2026, 3, 1)), min_size=1))
def test_runs_are_the_days_themselves(days: set[date]) -> None:
    found = runs(days)
    within = {
        first + timedelta(days=n) for first, last in found for n in range((last - first).days + 1)
    }
    assert within == days
    assert all(later[0] - last > timedelta(days=1) for (_, last), later in pairwise(found))


@given(place_days)
def test_words_stay_few(found: set) -> None:
    items = [(place, day, RED) for place, day in sorted(found, key=str)]
    words = where_and_when(items, ISSUED, ENGLISH)
    assert words.count("; ") < MAX_SPANS
    assert ("on some days" in words) == (len(spans(items)) > MAX_SPANS)


def outlook(*items: tuple[NamedLocation, Slot, RiskCell]) -> HazardOutlook:
    slots = tuple(dict.fromkeys((*DAYS, THREE, SEVEN)))
    by_place = {place: dict.fromkeys(slots) for place, _, _ in items}
    for place, slot, one in items:
        by_place[place][slot] = one
    rows = tuple((place, tuple(row.values())) for place, row in by_place.items())
    colour = max((one.colour for _, _, one in items), key=rank)
    return HazardOutlook("heat", "Heat", None, slots, rows, ("",) * len(slots), colour)


def test_a_window_is_told_only_where_no_day_in_it_has_its_colour() -> None:
    here, there, last = PLACES[:3]
    red_day, red_window = (here, DAYS[1], RED), (here, THREE, RED)
    found = coloured(
        outlook(
            red_day,
            red_window,
            (there, DAYS[1], cell("yellow")),
            (there, THREE, RED),
            (last, DAYS[5], RED),
            (last, THREE, RED),
        )
    )
    assert red_day in found and red_window not in found
    assert (there, THREE, RED) in found, "its day is only yellow"
    assert (last, THREE, RED) in found, "its red day is after the window"


def test_a_longer_window_is_told_only_where_the_shorter_has_a_lower_colour() -> None:
    here, there = PLACES[:2]
    found = coloured(
        outlook(
            (here, THREE, RED),
            (here, SEVEN, RED),
            (there, THREE, cell("yellow")),
            (there, SEVEN, RED),
        )
    )
    assert [(place.id, slot) for place, slot, _ in found] == [
        ("p0", THREE), ("p1", THREE), ("p1", SEVEN),
    ]  # fmt: skip


def test_what_no_number_confirms_does_not_hide_a_window_that_one_does() -> None:
    here = PLACES[0]
    found = coloured(outlook((here, DAYS[1], cell("red", confirmed=False)), (here, THREE, RED)))
    assert [slot for _, slot, _ in found] == [DAYS[1], THREE]


def test_days_in_words() -> None:
    index = Slot("index", 30, 90, date(2026, 8, 7))
    assert when(DAYS[:1], ISSUED, ENGLISH) == "today (Wednesday 8 July)"
    assert when(DAYS[:3], ISSUED, ENGLISH) == "from today to Friday 10 July"
    assert when([DAYS[1], *DAYS[3:5]], ISSUED, ENGLISH) == (
        "on Thursday 9 July and from Saturday 11 July to Sunday 12 July"
    )
    assert when([SEVEN], ISSUED, ENGLISH) == "on some day from 8 to 14 July"
    assert when([index], ISSUED, ENGLISH) == "in 30 days (7 August)"
