"""What a hazard of months may be in one, two and three months: a sentence for each horizon."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reports.text.formatting import COLOUR_WORDS, capital, listing
from reports.text.language import Language
from reports.view.chances import chance_words, usual_span
from reports.view.outlook import RISING, HazardOutlook, rank
from reports.view.slots import Slot
from reports.view.spans import Found, chain, index_words, named


def horizons(hazard: HazardOutlook, lang: Language, led: Collection[Found] = ()) -> list[str]:
    """A sentence for the index slots that have more to tell than the cells ``led`` have told.

    A colour with its number and places; without any colour the highest number that tells more than
    the calendar; else that there is none. Horizons that follow each other and say the same share a
    sentence.
    """
    told: list[tuple[list[Slot], str]] = []
    for slot in hazard.slots:
        found = [item for item in hazard.cells() if item[1] == slot and item[2].state == "number"]
        words = _slot_words(hazard, found, led, lang) if slot.kind == "index" else ""
        if told and told[-1][1] == words:
            told[-1][0].append(slot)
        else:
            told.append(([slot], words))
    return [_sentence(slots, words, lang) for slots, words in told if words]


def _sentence(slots: Sequence[Slot], words: str, lang: Language) -> str:
    days = listing([index_words(slot, lang) for slot in slots], lang)
    return lang.say("{when}: {what}.", when=capital(days), what=words)


def _slot_words(
    hazard: HazardOutlook, found: Sequence[Found], led: Collection[Found], lang: Language
) -> str:
    coloured = [item for item in found if rank(item[2].colour) > 0]
    if coloured:
        parts = []
        for colour in reversed(RISING[1:]):
            rest = [
                item
                for item in coloured
                if item[2].colour == colour and item[2].confirmed and item not in led
            ]
            if rest:
                parts.append(_colour_words(hazard.name, colour, rest, lang))
        return chain(parts, lang) if parts else ""
    return _plain(hazard.name, found, lang) if found else lang.say("no number")


def _colour_words(hazard: str, colour: str, found: Sequence[Found], lang: Language) -> str:
    return lang.say(
        "{colour}, {chance}, in {places}",
        colour=lang.say(COLOUR_WORDS[colour].lower()),
        chance=chance_words(hazard, found, lang),
        places=named((location for location, _, _ in found), lang),
    )


def _plain(hazard: str, found: Sequence[Found], lang: Language) -> str:
    """Of a horizon without any colour."""
    telling = [item for item in found if item[2].confirmed]
    silent = [item[2] for item in found if not item[2].confirmed]
    if telling:
        number = chance_words(hazard, telling, lang)
        if not silent:
            return number
        return lang.say("{number}; grey places: no more than the calendar knows", number=number)
    span = usual_span(silent, lang)
    if not span:
        return lang.say("no more than the calendar knows")
    if len(span) == 1:
        return lang.say("no more than the calendar knows (usual chance: {usual})", usual=span[0])
    return lang.say(
        "no more than the calendar knows (usual chance: {low} to {high})", low=span[0], high=span[1]
    )
