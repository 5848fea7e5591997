"""Spans: in which places on which days a colour is, told without a place or a day too many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reports.text.formatting import ends, listing, location_listing, long_date
from reports.text.language import Language
from reports.view.outlook import HazardOutlook, NamedLocation, RiskCell, rank
from reports.view.slots import Slot

Found = tuple[NamedLocation, Slot, RiskCell]
MAX_SPANS = 3
"""Spans of a colour that are told in full; of more, the last ones are told together."""


@dataclass(frozen=True)
class Span:
    """Places that have a colour on the very same slots."""

    locations: tuple[NamedLocation, ...]
    slots: tuple[Slot, ...]


def coloured(hazard: HazardOutlook) -> list[Found]:
    """The cells with a colour, in reading order, without windows that only repeat their days.

    A window of several days repeats a day, or a shorter window, of its place that has its colour or
    a higher one.
    """
    cells = [item for item in hazard.cells() if rank(item[2].colour) > 0]

    def repeats(item: Found) -> bool:
        location, slot, cell = item
        return any(
            other is not item
            and other[0] == location
            and slot.valid <= other[1].valid
            and other[1].last <= slot.last
            and other[2].confirmed >= cell.confirmed
            and rank(other[2].colour) >= rank(cell.colour)
            for other in cells
        )

    return [item for item in cells if item[1].kind != "any" or not repeats(item)]


def spans(found: Iterable[Found]) -> list[Span]:
    """The places and slots of cells: single days first, the earliest first, then of most places."""
    by_location: dict[tuple[NamedLocation, str], list[Slot]] = {}
    for location, slot, _ in found:
        by_location.setdefault((location, slot.kind), []).append(slot)
    together: dict[tuple[Slot, ...], list[NamedLocation]] = {}
    for (location, _), slots in by_location.items():
        together.setdefault(tuple(slots), []).append(location)
    listed = [Span(tuple(locations), slots) for slots, locations in together.items()]
    return sorted(
        listed,
        key=lambda span: (span.slots[0].kind == "any", span.slots[0].valid, -len(span.locations)),
    )


def where_and_when(found: Sequence[Found], issued: date, lang: Language) -> str:
    """ "on Friday 13 June in A and B; today in C"."""
    listed = spans(found)
    whole = len(listed) if len(listed) <= MAX_SPANS else MAX_SPANS - 1
    parts = [_span_words(span, issued, lang) for span in listed[:whole]]
    if rest := listed[whole:]:
        others = named((location for span in rest for location in span.locations), lang)
        parts.append(lang.say("{when} in {places}", when=_some_days(rest, lang), places=others))
    return chain(parts, lang)


def _some_days(rest: Sequence[Span], lang: Language) -> str:
    slots = [slot for span in rest for slot in span.slots]
    first, last = min(slot.valid for slot in slots), max(slot.last for slot in slots)
    return lang.say("on some days from {first} to {last}", **ends(first, last, lang))


def _span_words(span: Span, issued: date, lang: Language) -> str:
    return lang.say(
        "{when} in {places}",
        when=when(span.slots, issued, lang),
        places=named(span.locations, lang),
    )


def named(locations: Iterable[NamedLocation], lang: Language) -> str:
    """Names of places, each once: "A, B, C and 4 more places"."""
    return location_listing(list(dict.fromkeys(place.name for place in locations)), lang)


def chain(parts: Sequence[str], lang: Language) -> str:
    """ "a; b; c"."""
    whole = parts[0]
    for part in parts[1:]:
        whole = lang.say("{parts}; {part}", parts=whole, part=part)
    return whole


def when(slots: Sequence[Slot], issued: date, lang: Language) -> str:
    """ "today", "on Friday 13 June and from Sunday 15 June to Monday 16 June"."""
    if slots[0].kind == "any":
        return lang.say(
            "on some day from {first} to {last}", **ends(slots[0].valid, slots[0].last, lang)
        )
    if slots[0].kind == "index":
        return listing([index_words(slot, lang) for slot in slots], lang)
    return listing([_run(run, issued, lang) for run in runs([s.valid for s in slots])], lang)


def index_words(slot: Slot, lang: Language) -> str:
    """ "in 30 days (12 July)"."""
    day = lang.dated(slot.valid, "d MMMM")
    return lang.say_many("in {n} day ({day})", "in {n} days ({day})", slot.lead_days, day=day)


def runs(days: Iterable[date]) -> list[tuple[date, date]]:
    """First and last day of each stretch of days that follow each other."""
    stretches: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if stretches and day - stretches[-1][1] == timedelta(days=1):
            stretches[-1] = stretches[-1][0], day
        else:
            stretches.append((day, day))
    return stretches


def _run(run: tuple[date, date], issued: date, lang: Language) -> str:
    first, last = (long_date(day, lang, year=False) for day in run)
    if run[0] == run[1]:
        if run[0] == issued:
            return lang.say("today ({day})", day=first)
        return lang.say("on {day}", day=first)
    if run[0] == issued:
        return lang.say("from today to {last}", last=last)
    return lang.say("from {first} to {last}", first=first, last=last)
