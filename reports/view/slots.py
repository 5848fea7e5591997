"""Slots: the days, windows and leads that a hazard's table has a column for, and their names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from reports.text.formatting import long_date, short_date
from reports.text.language import Language


@dataclass(frozen=True)
class Slot:
    """A column of a hazard's table.

    ``kind``: "day" (the event on that day), "any" (on any of ``window_days`` days from the issue
    day on) or "index" (an index whose window ends on the valid day; its length may differ between
    locations and is then not in the slot).
    """

    kind: str
    lead_days: int
    window_days: int | None
    valid: date

    @property
    def last(self) -> date:
        """The last day it speaks of."""
        return (
            self.valid + timedelta(days=(self.window_days or 1) - 1)
            if self.kind == "any"
            else self.valid
        )


def slot_kind(lead_days: int, window_days: int) -> str:
    """What a cell speaks of, see ``Slot``."""
    return "day" if window_days == 1 else "any" if lead_days == 0 else "index"


def slot_label(slot: Slot, lang: Language) -> tuple[str, str]:
    """Two short lines under a column.

    Weekday and day; the window's length; or the lead of an index.
    """
    if slot.kind == "day":
        return lang.dated(slot.valid, "EEEEEE"), lang.dated(slot.valid, "d")
    if slot.kind == "any":
        return lang.say("next"), lang.say("{n} d", n=lang.number(slot.window_days or 0))
    return lang.say_many("{n} day", "{n} days", slot.lead_days), short_date(slot.valid, lang)


def slot_words(slot: Slot, lang: Language) -> str:
    """A column in words."""
    if slot.kind == "any":
        return lang.say_many(
            "any of the next {n} day", "any of the next {n} days", slot.window_days or 0
        )
    return long_date(slot.valid, lang, year=False)


def slot_title(slot: Slot, lang: Language) -> tuple[str, str]:
    """Two short lines that name a column."""
    if slot.kind == "any":
        return lang.say_many("Next {n} day", "Next {n} days", slot.window_days or 0), lang.say(
            "on any day"
        )
    if slot.kind == "index":
        return lang.say_many("In {n} day", "In {n} days", slot.lead_days), short_date(
            slot.valid, lang
        )
    return lang.dated(slot.valid, "EEE"), short_date(slot.valid, lang)


def reading_order(key: tuple[int, int]) -> tuple[int, int, int]:
    """Days, then each index window with its leads, then windows from the issue day on."""
    lead, window = key
    kind = slot_kind(lead, window)
    return (
        ("day", "index", "any").index(kind),
        window if kind == "index" else lead,
        lead if kind == "index" else window,
    )


def lead_label(slot: Slot, lang: Language) -> tuple[str, str]:
    """Two short lines that name a lead without a date: "day 0", "+2 d", "next / 7 d"."""
    if slot.kind == "any":
        return slot_label(slot, lang)
    lead = (
        lang.say("+{n} d", n=lang.number(slot.lead_days)) if slot.lead_days else lang.say("day 0")
    )
    return lead, ""
