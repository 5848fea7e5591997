"""How many locations and people each colour reaches, by the populations of the region file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
