"""What an alert says to people: its headline, its description and what is to be done."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date

from babel.lists import format_list

from configs import Location
from features.hazards import hazards
from reports.text.language import Language, mark
from reports.view.claims import Claim
from reports.view.outlook import rank

MAX_NAMES, MAX_LETTERS = 3, 60
_DAY, _DATE = "EEEE d MMMM", "d MMMM y"
_NAMES = {"yellow": mark("yellow"), "orange": mark("orange"), "red": mark("red")}
_MEANINGS = {
    "yellow": mark("Unusual conditions are likely enough that it pays to prepare."),
    "orange": mark("Severe conditions are likely enough that it pays to prepare."),
    "red": mark("Extreme conditions are likely enough that it pays to prepare."),
}
_CHANCES = {
    1: mark(
        "Chance of unusual conditions: up to {chance} in 100 (usual for the date: {usual} in 100)."
    ),
    2: mark(
        "Chance of severe conditions: up to {chance} in 100 (usual for the date: {usual} in 100)."
    ),
    3: mark(
        "Chance of extreme conditions: up to {chance} in 100 (usual for the date: {usual} in 100)."
    ),
}
INDICATIVE = mark("Indicative, not an official vigilance.")
SIMULATED = mark("The weather and the risks in it are simulated; do not act on it.")
UNCONFIRMED = mark(
    "Not confirmed since {day}: an earlier forecast gave this colour, and the numbers since then "
    "cannot tell. It stands until its last day is over; this is no all-clear."
)

Locations = Mapping[str, Location]


def headline_of(claim: Claim, locations: Locations, exercise: bool, language: Language) -> str:
    """One line: hazard, colour, places and days."""
    headline = _headline(claim, locations, language)
    if not claim.confirmed:
        since = language.dated(claim.confirmed_on, _DAY)
        headline = language.say(
            "{headline}, not confirmed since {day}", headline=headline, day=since
        )
    return language.say("EXERCISE: {headline}", headline=headline) if exercise else headline


def _headline(claim: Claim, locations: Locations, language: Language) -> str:
    form = _DATE if claim.looks_back else _DAY
    values = {
        "hazard": language.say(hazards()[claim.hazard].title),
        "colour": language.say(_NAMES[claim.colour]),
        "places": _listing([locations[place] for place in claim.locations], language),
        "first": language.dated(claim.first, form),
        "last": language.dated(claim.last, form),
    }
    if claim.looks_back:
        return language.say(
            "{hazard}: {colour} in {places} for the period from {first} to {last}", **values
        )
    if claim.first == claim.last:
        return language.say("{hazard}: {colour} in {places} on {first}", **values)
    if claim.window_days > 1:
        return language.say(
            "{hazard}: {colour} in {places} on some day from {first} to {last}", **values
        )
    return language.say("{hazard}: {colour} in {places} from {first} to {last}", **values)


def _listing(locations: Sequence[Location], language: Language) -> str:
    """A few names, and how many more there are."""
    return _named([_short(name_of(location, language)) for location in locations], language)


def _named(names: Sequence[str], language: Language) -> str:
    more = len(names) - MAX_NAMES
    if more > 0:
        rest = language.say_many("{n} more place", "{n} more places", more)
        names = [*names[:MAX_NAMES], rest]
    return format_list(list(names), locale=language.locale)


def name_of(location: Location, language: Language) -> str:
    """The name in the language; a name told without one, or the English one; else the id."""
    return (
        location.names.get(language.tag)
        or location.names.get("")
        or location.names.get("en")
        or location.id
    )


def _short(name: str) -> str:
    return name if len(name) <= MAX_LETTERS else name[: MAX_LETTERS - 1].rstrip() + "…"


def description_of(
    claim: Claim,
    locations: Locations,
    peaks: Mapping[int, tuple[float, float]],
    lifted: Mapping[str, Sequence[date]],
    issued: date,
    exercise: bool,
    language: Language,
) -> str:
    """What the colour means, the chances (level -> chance and usual one), and what is lifted."""
    sentences = [_meaning(claim, language)]
    sentences += [
        language.say(
            _CHANCES[level], chance=_percent(chance, language), usual=_percent(usual, language)
        )
        for level, (chance, usual) in peaks.items()
        if not math.isnan(chance)
    ]
    if lifted:
        names = [_lifted(locations[place], days, language) for place, days in lifted.items()]
        places = _named(names, language)
        sentences.append(language.say("No longer yellow or worse: {places}.", places=places))
    sentences.append(language.say("Issued on {day}.", day=language.dated(issued)))
    if exercise:
        sentences.append(language.say(SIMULATED))
    return " ".join([*sentences, language.say(INDICATIVE)])


def _meaning(claim: Claim, language: Language) -> str:
    if claim.confirmed:
        return language.say(_MEANINGS[claim.colour])
    return language.say(UNCONFIRMED, day=language.dated(claim.confirmed_on, _DAY))


def _lifted(location: Location, days: Sequence[date], language: Language) -> str:
    """A place, and its days where others of it have a colour still."""
    name = _short(name_of(location, language))
    if not days:
        return name
    days_listed = format_list([language.dated(day, _DAY) for day in days], locale=language.locale)
    return f"{name} ({days_listed})"


def _percent(chance: float, language: Language) -> str:
    """A chance in 100 for readers: never 0 or 100 unless it is exactly that."""
    if math.isnan(chance):
        return language.say("an unknown number")
    if 0 < chance < 0.01:
        return language.say("less than 1")
    return language.number(min(math.floor(chance * 100 + 0.5 + 1e-9), 100 if chance == 1 else 99))


def action_of(actions: Mapping[str, str], colour: str) -> str:
    """What the region file asks to do at a colour: what it says of the highest one reached."""
    reached = [name for name in actions if 0 < rank(name) <= rank(colour)]
    return actions[max(reached, key=rank)] if reached else ""
