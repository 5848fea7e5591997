"""How many locations and people each colour reaches, by the populations of the region file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.text.formatting import COLOUR_WORDS
from reports.text.language import Language
from reports.view.outlook import HazardOutlook, NamedLocation, hazard_title, rank

REACHED = ("yellow", "orange", "red")


@dataclass(frozen=True)
class Exposure:
    """In words, how many locations and people reach each colour of ``REACHED`` or worse."""

    hazard: str
    title: str
    locations: tuple[str, ...]
    people: tuple[str, ...]


def exposures(hazards: Sequence[HazardOutlook], lang: Language) -> tuple[Exposure, ...]:
    """A row for each hazard that has a colour; nothing unless every location has a population."""
    coloured = [hazard for hazard in hazards if hazard.colour]
    known = all(
        location.population is not None for hazard in coloured for location, _ in hazard.rows
    )
    return tuple(_exposure(hazard, lang) for hazard in coloured) if known else ()


def _exposure(hazard: HazardOutlook, lang: Language) -> Exposure:
    reached = [_reached(hazard, colour) for colour in REACHED]
    people = [sum(location.population or 0 for location in locations) for locations in reached]
    return Exposure(
        hazard.name,
        hazard_title(hazard.name, lang),
        tuple(lang.say_many("{n} place", "{n} places", len(locations)) for locations in reached),
        tuple(lang.say_many("{n} person", "{n} people", count) for count in people),
    )


def people_concerned(hazard: HazardOutlook, lang: Language) -> str:
    """How many people live where the hazard has its highest colour, and where it is coloured.

    Empty where it is not coloured, or a place has no population in the region file.
    """
    at_worst, in_all = _reached(hazard, hazard.colour), _reached(hazard, REACHED[0])
    known = all(location.population is not None for location in in_all)
    if rank(hazard.colour) <= 0 or not in_all or not known:
        return ""
    words = [_people(locations, lang) for locations in (at_worst, in_all)]
    if len(at_worst) == len(in_all):
        return lang.say("Concerned: {people}.", people=words[0])
    return lang.say(
        "Concerned: {people} ({colour}), {all} (yellow or worse).",
        people=words[0],
        colour=lang.say(COLOUR_WORDS[hazard.colour]).lower(),
        all=words[1],
    )


def _people(locations: Sequence[NamedLocation], lang: Language) -> str:
    count = sum(location.population or 0 for location in locations)
    return lang.say(
        "{people} in {places}",
        people=lang.say_many("{n} person", "{n} people", count),
        places=lang.say_many("{n} place", "{n} places", len(locations)),
    )


def _reached(hazard: HazardOutlook, colour: str) -> list[NamedLocation]:
    """The locations that reach the colour on any day, or where it stands."""
    stands = {
        standing.location.id
        for standing in hazard.standing
        if rank(standing.colour) >= rank(colour)
    }
    return [
        location
        for location, row in hazard.rows
        if location.id in stands
        or max((rank(cell.colour) for cell in row if cell), default=-1) >= rank(colour)
    ]
