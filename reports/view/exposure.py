"""How many places and people each colour reaches, by the populations of the region file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.text.language import Language
from reports.view.outlook import HazardOutlook, NamedLocation, hazard_title, rank

REACHED = ("yellow", "orange", "red")


@dataclass(frozen=True)
class Exposure:
    """A hazard's places and people at each colour of ``REACHED`` or worse on any day, in words."""

    hazard: str
    title: str
    places: tuple[str, ...]
    people: tuple[str, ...]


def exposures(hazards: Sequence[HazardOutlook], lang: Language) -> tuple[Exposure, ...]:
    """A row for each hazard that has a colour; nothing unless every place has a population."""
    coloured = [hazard for hazard in hazards if hazard.colour]
    known = all(place.population is not None for hazard in coloured for place, _ in hazard.rows)
    return tuple(_exposure(hazard, lang) for hazard in coloured) if known else ()


def _exposure(hazard: HazardOutlook, lang: Language) -> Exposure:
    found = [_reached(hazard, colour) for colour in REACHED]
    people = [sum(place.population or 0 for place in places) for places in found]
    return Exposure(
        hazard.name,
        hazard_title(hazard.name, lang),
        tuple(lang.say_many("{n} place", "{n} places", len(places)) for places in found),
        tuple(lang.say_many("{n} person", "{n} people", count) for count in people),
    )


def _reached(hazard: HazardOutlook, colour: str) -> list[NamedLocation]:
    """The places that reach the colour on any day, or where it stands."""
    stands = {one.place.id for one in hazard.standing if rank(one.colour) >= rank(colour)}
    return [
        place
        for place, row in hazard.rows
        if place.id in stands
        or max((rank(cell.colour) for cell in row if cell), default=-1) >= rank(colour)
    ]
