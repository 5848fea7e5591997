"""Chances in words: the number that a colour is given for, and those of the other levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from features.hazards import hazards
from reports.text.formatting import LEVEL_WORDS, capital, frequency, shortened
from reports.text.language import Language, isolate
from reports.view.outlook import RiskCell
from reports.view.spans import Found, chain
from reports.view.standing import not_confirmed

TOLD_FROM = 0.01
"""A smaller chance is told as less than it, and as that of another level not at all."""


def event_words(hazard: str, level: int, lang: Language) -> str:
    """What an event of a level is called: "extreme heat"."""
    return lang.word(hazards()[hazard].event_of(level))


def peak(found: Sequence[Found]) -> Found:
    """The cell with the highest chance of the level that its colour speaks of."""

    def chances(item: Found) -> list[float]:
        cell = item[2]
        both = cell.chance.get(cell.level, math.nan), cell.chance.get(1, math.nan)
        return [-1.0 if math.isnan(chance) else chance for chance in both]

    return max(found, key=chances)


def chance_words(hazard: str, found: Sequence[Found], lang: Language) -> str:
    """ "5 in 10 for extreme heat (usual 1 in 100)", of several cells "up to 5 in 10 ..."."""
    cell = peak(found)[2]
    if not cell.confirmed:
        days = [item[2].since for item in found if item[2].since]
        return not_confirmed(min(days, default=None), lang)
    if len(found) > 1 and cell.chance[cell.level] >= TOLD_FROM:
        return lang.say("up to {chance} for {event} (usual {usual})", **_values(hazard, cell, lang))
    return level_words(hazard, cell, lang)


def level_words(hazard: str, cell: RiskCell, lang: Language) -> str:
    """The chance of the level that a cell's colour speaks of: "5 in 10 for extreme heat ..."."""
    return lang.say("{chance} for {event} (usual {usual})", **_values(hazard, cell, lang))


def _values(hazard: str, cell: RiskCell, lang: Language) -> dict[str, str]:
    return {
        "chance": frequency(cell.chance[cell.level], lang),
        "usual": frequency(cell.usual[cell.level], lang),
        "event": event_words(hazard, cell.level, lang),
    }


def levels_told(cell: RiskCell) -> list[int]:
    """The other levels whose chance is told beside that of the colour, the highest first."""
    return [
        level
        for level in sorted(cell.chance, reverse=True)
        if level != cell.level and cell.chance[level] >= TOLD_FROM
    ]


def other_levels(found: Sequence[Found], lang: Language) -> str:
    """ "Severe: 7 in 10 (usual 1 in 50); unusual: 9 in 10 (usual 1 in 10)." of the highest cell.

    With its place where there are several; empty where no other chance is worth telling.
    """
    location, _, cell = peak(found)
    parts = [of_level(cell, level, lang) for level in levels_told(cell)]
    if not parts:
        return ""
    if len(found) > 1:
        place = isolate(shortened(location.name), lang)
        return lang.say("In {place}, {meanings}.", place=place, meanings=chain(parts, lang))
    return lang.say("{sentence}.", sentence=capital(chain(parts, lang)))


def of_level(cell: RiskCell, level: int, lang: Language) -> str:
    """ "severe: 7 in 10 (usual 1 in 50)"."""
    return lang.say(
        "{level}: {chance} (usual {usual})",
        level=lang.say(LEVEL_WORDS[level]),
        chance=frequency(cell.chance[level], lang),
        usual=frequency(cell.usual[level], lang),
    )


def usual_span(cells: Sequence[RiskCell], lang: Language) -> tuple[str, ...]:
    """The usual chance of level 1 in words: none, one, or the lowest and the highest."""
    usual = [cell.usual[1] for cell in cells if not math.isnan(cell.usual[1])]
    ends = (frequency(end, lang) for end in (min(usual), max(usual))) if usual else ()
    return tuple(dict.fromkeys(ends))
