"""One sentence and one colour per hazard for the region: what a reader takes away in 10 seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from configs.remarks import Remark
from reports.text.formatting import (
    COLOUR_WORDS,
    LEVEL_WORDS,
    ends,
    frequency,
    location_listing,
    long_date,
    month,
)
from reports.text.language import Language
from reports.view.outlook import RISING, HazardOutlook, NamedLocation, RiskCell, hazard_title, rank
from reports.view.slots import Slot
from reports.view.standing import not_confirmed


@dataclass(frozen=True)
class Headline:
    """What a report says first of a hazard: ``sentence`` leads, ``detail`` may be empty.

    ``colour`` is "" where there is none (out of season, no number). ``action``: what the region
    file asks to do at the colour reached.
    """

    hazard: str
    title: str
    colour: str
    sentence: str
    detail: str
    action: str = ""


def headline(
    hazard: HazardOutlook,
    issued: date,
    warm_season: tuple[int, int],
    lang: Language,
    missing: Remark | None = None,
    actions: Mapping[str, str] | None = None,
) -> Headline:
    """The hazard's headline from its locations and days, led by the highest colour that any has.

    ``missing`` says why it has no numbers, if it has none. ``actions``: colour -> what the region
    file asks to do.
    """
    absent = None
    if missing and not hazard.assessed:
        absent = missing_headline(hazard.name, missing, lang)
    if absent and rank(hazard.colour) <= 0:
        return absent
    if rank(hazard.colour) > 0:
        sentence, *details = _coloured(hazard, issued, lang)
        tells = any(cell.confirmed and rank(cell.colour) >= 0 for _, _, cell in hazard.cells())
        details.append(absent.sentence if absent else _beyond(hazard, lang) if tells else "")
    elif hazard.colour == "green":
        sentence, details = lang.say("Nothing unusual."), [_beyond(hazard, lang)]
    elif hazard.colour == "grey":
        sentence, *details = _unknown(hazard, lang)
    else:
        sentence, details = _absent(hazard, warm_season, lang), []
    return Headline(
        hazard.name,
        hazard_title(hazard.name, lang),
        hazard.colour,
        sentence,
        " ".join(part for part in details if part),
        _action(hazard.colour, actions or {}),
    )


def missing_headline(hazard: str, reason: Remark, lang: Language) -> Headline:
    """The headline of a hazard that cannot be assessed here, and why."""
    title = hazard_title(hazard, lang)
    words = lang.part(reason)
    return Headline(hazard, title, "", lang.say("Not available: {reason}.", reason=words), "")


def _action(colour: str, actions: Mapping[str, str]) -> str:
    """What is to be done at the highest colour reached that has an action."""
    reached = [name for name in actions if 0 < rank(name) <= rank(colour)]
    return actions[max(reached, key=rank)] if reached else ""


Found = tuple[NamedLocation, Slot, RiskCell]


def _coloured(hazard: HazardOutlook, issued: date, lang: Language) -> list[str]:
    """Sentences: the highest colour, then which colours other locations have.

    A colour that today's numbers do not confirm is told apart from one that they give.
    """
    sure, kept = _highest(hazard)
    top = [item for item in hazard.cells() if item[2].colour == hazard.colour]
    lead = [item for item in top if sure.get(item[0]) == hazard.colour] or top
    sentences = [_lead(hazard, lead, issued, lang) if lead else _stands(hazard, lang)]
    led = {location for location, _, _ in lead} if lead else set(kept)
    for colour in reversed(RISING[1:]):
        for colours, chance in ((sure, ""), (kept, not_confirmed(_since(hazard), lang))):
            new = [location for location in colours if colours[location] == colour]
            if colour == hazard.colour:
                new = [location for location in new if location not in led]
            sentences.append(_others(colour, new, chance, lang))
    if kept:
        sentences.append(
            lang.say(
                "A colour that is not confirmed was given by an earlier report; today’s numbers "
                "know no more than the calendar, so it stands until its day is over. "
                "This is no all-clear."
            )
        )
    return sentences


def _since(hazard: HazardOutlook) -> date | None:
    """The day of the last forecast that confirmed all that stands; None where not known."""
    days = [cell.since for _, _, cell in hazard.cells() if cell.stands]
    days += [standing.since for standing in hazard.standing]
    return min((day for day in days if day), default=None)


def _highest(hazard: HazardOutlook) -> tuple[dict[NamedLocation, str], dict[NamedLocation, str]]:
    """Each location's highest colour that its numbers give, and any higher one that only stands."""
    given: dict[bool, dict[NamedLocation, str]] = {True: {}, False: {}}
    cells = [(location, cell.colour, cell.confirmed) for location, _, cell in hazard.cells()]
    stands = [(standing.location, standing.colour, False) for standing in hazard.standing]
    for location, colour, confirmed in (*cells, *stands):
        if rank(colour) > max(0, rank(given[confirmed].get(location, ""))):
            given[confirmed][location] = colour
    sure, kept = given[True], given[False]
    return sure, {
        location: colour
        for location, colour in kept.items()
        if rank(colour) > rank(sure.get(location, ""))
    }


def _lead(hazard: HazardOutlook, cells: Sequence[Found], issued: date, lang: Language) -> str:
    shown = [item for item in cells if item[1].kind != "any"] or cells
    names = location_listing(list(dict.fromkeys(location.name for location, _, _ in shown)), lang)
    confirmed = [cell for _, _, cell in shown if cell.confirmed]
    values = {
        "colour": lang.say(COLOUR_WORDS[hazard.colour]),
        "places": names,
        "chance": _chances(confirmed, lang) if confirmed else not_confirmed(_since(hazard), lang),
    }
    return _where_and_when([slot for _, slot, _ in shown], issued, values, lang)


def _stands(hazard: HazardOutlook, lang: Language) -> str:
    """Of a colour that stands by a message alone."""
    shown = [standing for standing in hazard.standing if standing.colour == hazard.colour]
    return lang.say(
        "{colour} in {places} until {day}; {chance}.",
        colour=lang.say(COLOUR_WORDS[hazard.colour]),
        places=location_listing(
            list(dict.fromkeys(standing.location.name for standing in shown)), lang
        ),
        day=long_date(max(standing.last for standing in shown), lang, year=False),
        chance=not_confirmed(_since(hazard), lang),
    )


def _others(colour: str, locations: Sequence[NamedLocation], chance: str, lang: Language) -> str:
    """Of locations that the first sentence does not name, empty where there are none."""
    if not locations:
        return ""
    values = {
        "colour": lang.say(COLOUR_WORDS[colour]),
        "places": location_listing([location.name for location in locations], lang),
    }
    if chance:
        return lang.say("{colour} in {places}; {chance}.", **values, chance=chance)
    return lang.say("{colour} in {places}.", **values)


def _where_and_when(
    slots: Sequence[Slot], issued: date, values: Mapping[str, str], lang: Language
) -> str:
    days = sorted({slot.valid for slot in slots})
    day = long_date(days[0], lang, year=False)
    if slots[0].kind == "any":
        return lang.say(
            "{colour} in {places} on some day from {first} to {last}; {chance}.",
            **values,
            **_window(slots, lang),
        )
    if slots[0].kind == "index":
        n = min(slot.lead_days for slot in slots)
        if len(days) == 1:
            return lang.say_many(
                "{colour} in {places} on {day}, {n} day ahead; {chance}.",
                "{colour} in {places} on {day}, {n} days ahead; {chance}.",
                n,
                day=day,
                **values,
            )
        return lang.say_many(
            "{colour} in {places} from {day}, {n} day ahead; {chance}.",
            "{colour} in {places} from {day}, {n} days ahead; {chance}.",
            n,
            day=day,
            **values,
        )
    return _from_day(days, issued, {**values, "day": day}, lang)


def _from_day(days: Sequence[date], issued: date, values: Mapping[str, str], lang: Language) -> str:
    if len(days) > 1 and days[0] == issued:
        return lang.say("{colour} in {places} from today, {day}; {chance}.", **values)
    if len(days) > 1:
        return lang.say("{colour} in {places} from {day}; {chance}.", **values)
    if days[0] == issued:
        return lang.say("{colour} in {places} today, {day}; {chance}.", **values)
    return lang.say("{colour} in {places} on {day}; {chance}.", **values)


def _window(slots: Sequence[Slot], lang: Language) -> dict[str, str]:
    shortest = min(slots, key=lambda slot: slot.window_days or 0)
    return ends(shortest.valid, shortest.last, lang)


def _chances(cells: Sequence[RiskCell], lang: Language) -> str:
    """The highest chance of the cells with its usual one, and those of the levels of its colour."""
    peak = max(cells, key=lambda cell: (cell.chance[cell.level], cell.chance[1]))
    values = {"chance": frequency(peak.chance[1], lang), "usual": frequency(peak.usual[1], lang)}
    levels = [level for level in range(2, peak.level + 1) if not math.isnan(peak.chance[level])]
    for level, number, name in zip(levels, ("more", "most"), ("level", "highest"), strict=False):
        values |= {number: frequency(peak.chance[level], lang), name: lang.say(LEVEL_WORDS[level])}
    if len(cells) > 1:
        return _up_to(len(levels), values, lang)
    if not levels:
        return lang.say("{chance} chance (usual: {usual})", **values)
    if len(levels) == 1:
        return lang.say("{chance} chance (usual: {usual}), {more} of {level}", **values)
    return lang.say(
        "{chance} chance (usual: {usual}), {more} of {level}, {most} of {highest}", **values
    )


def _up_to(levels: int, values: Mapping[str, str], lang: Language) -> str:
    if not levels:
        return lang.say("up to {chance} chance (usual: {usual})", **values)
    if levels == 1:
        return lang.say("up to {chance} chance (usual: {usual}), {more} of {level}", **values)
    return lang.say(
        "up to {chance} chance (usual: {usual}), {more} of {level}, {most} of {highest}", **values
    )


def _beyond(hazard: HazardOutlook, lang: Language) -> str:
    """Where the calendar knows as much: after which day, or simply that some days are grey."""
    if "grey" not in hazard.slot_colours:
        return ""
    sure = {slot for _, slot, cell in hazard.cells() if cell.confirmed and rank(cell.colour) > 0}
    alone = [
        (slot, "grey" if rank(colour) > 0 and slot not in sure else colour)
        for slot, colour in zip(hazard.slots, hazard.slot_colours, strict=True)
        if slot.kind != "any"
    ]
    grey = [slot for slot, colour in alone if colour == "grey"]
    known = [slot for slot, colour in alone if colour not in ("grey", "")]
    if not grey:
        return ""
    if not known or min(slot.lead_days for slot in grey) < max(slot.lead_days for slot in known):
        return lang.say("Grey days: no more than the calendar knows.")
    last = max(known, key=lambda slot: slot.lead_days)
    if last.kind == "index":
        return lang.say_many(
            "No more than the calendar knows beyond {n} day.",
            "No more than the calendar knows beyond {n} days.",
            last.lead_days,
        )
    return lang.say(
        "No more than the calendar knows after {day}.", day=long_date(last.valid, lang, year=False)
    )


def _unknown(hazard: HazardOutlook, lang: Language) -> tuple[str, str]:
    everything = [(slot, cell) for _, slot, cell in hazard.cells() if cell.colour == "grey"]
    cells = [cell for slot, cell in everything if slot.kind != "any"] or [
        cell for _, cell in everything
    ]
    verdicts = {verdict for cell in cells for verdict in cell.verdict.values()}
    detail = (
        lang.say("Not assessed: too few events on record to tell.")
        if verdicts == {"not assessed"}
        else ""
    )
    usual = [cell.usual[1] for cell in cells if not math.isnan(cell.usual[1])]
    if not usual:
        return lang.say("No more than the calendar knows."), detail
    low, high = frequency(min(usual), lang), frequency(max(usual), lang)
    if low == high:
        return lang.say(
            "No more than the calendar knows (usual chance: {usual}).", usual=low
        ), detail
    return lang.say(
        "No more than the calendar knows (usual chance: {low} to {high}).", low=low, high=high
    ), detail


def _absent(hazard: HazardOutlook, warm_season: tuple[int, int], lang: Language) -> str:
    if any(cell.state == "season" for _, _, cell in hazard.cells()):
        first, last = (month(number, lang) for number in warm_season)
        return lang.say(
            "Out of season: it is assessed from {first} to {last}.", first=first, last=last
        )
    return lang.say("No number: what the forecast needs was not measured.")
