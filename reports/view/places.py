"""Which places are coloured, by which hazard, when, and how likely; and how many are not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reports.text.formatting import join
from reports.text.language import Language
from reports.view.outlook import HazardOutlook, NamedLocation, RiskCell, rank
from reports.view.slots import Slot, slot_label


@dataclass(frozen=True)
class PlaceColour:
    """The highest colour that a hazard gives a place.

    ``days``: the days that have it, in words. ``chance``: the highest chance on them of the level
    that the colour speaks of, NaN where no number of today confirms the colour.
    """

    colour: str
    days: str
    chance: float


@dataclass(frozen=True)
class PlaceRow:
    """A place and its colour by each hazard, in the order of the outlooks; None: no colour."""

    location: NamedLocation
    colours: tuple[PlaceColour | None, ...]

    @property
    def rank(self) -> int:
        """The rank of its highest colour, see ``outlook.rank``."""
        return max((rank(item.colour) for item in self.colours if item), default=-1)


@dataclass(frozen=True)
class RestGroup:
    """Places without a warning colour that are alike: how many in words, and which."""

    words: str
    locations: tuple[NamedLocation, ...]


@dataclass(frozen=True)
class PlacesInShort:
    """``rows``: places that are yellow or worse, the worst first; ``rest``: all the others."""

    hazards: tuple[HazardOutlook, ...]
    rows: tuple[PlaceRow, ...]
    rest: tuple[RestGroup, ...]


def place_rows(hazards: Sequence[HazardOutlook], lang: Language) -> tuple[PlaceRow, ...]:
    """Every place of the outlooks with its colours, the worst first and then by name."""
    cells = [_by_place(hazard) for hazard in hazards]
    locations = {location.id: location for one in cells for location, _ in one.values()}
    rows = [
        PlaceRow(
            location,
            tuple(
                _colour(hazard, location, one[id][1], lang) if id in one else None
                for hazard, one in zip(hazards, cells, strict=True)
            ),
        )
        for id, location in locations.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.rank, row.location.name, row.location.id)))


Row = Sequence[RiskCell | None]


def _by_place(hazard: HazardOutlook) -> Mapping[str, tuple[NamedLocation, Row]]:
    silent = {item.location.id: (item.location, ()) for item in hazard.standing}
    return silent | {location.id: (location, row) for location, row in hazard.rows}


def places_in_short(
    hazards: Sequence[HazardOutlook], rows: Sequence[PlaceRow], lang: Language
) -> PlacesInShort:
    """The coloured places one by one, the others counted.

    ``rows``: of ``place_rows`` with the same outlooks.
    """
    coloured = tuple(row for row in rows if row.rank > 0)
    groups: dict[str, list[NamedLocation]] = {"green": [], "mixed": [], "grey": []}
    for row in rows:
        if row.rank <= 0:
            groups[_kind(row)].append(row.location)
    words = {
        "green": lambda n: lang.say_many("{n} place green", "{n} places green", n),
        "mixed": lambda n: lang.say_many(
            "{n} place green for some hazards, grey for others",
            "{n} places green for some hazards, grey for others",
            n,
        ),
        "grey": lambda n: lang.say_many("{n} place grey", "{n} places grey", n),
    }
    rest = tuple(
        RestGroup(words[kind](len(locations)), tuple(locations))
        for kind, locations in groups.items()
        if locations
    )
    return PlacesInShort(tuple(hazards), coloured, rest)


def _kind(row: PlaceRow) -> str:
    colours = {item.colour for item in row.colours if item}
    if colours == {"green"}:
        return "green"
    return "mixed" if "green" in colours else "grey"


def _colour(
    hazard: HazardOutlook, location: NamedLocation, row: Row, lang: Language
) -> PlaceColour | None:
    cells = [(slot, cell) for slot, cell in zip(hazard.slots, row, strict=False) if cell]
    kept = [item for item in hazard.standing if item.location.id == location.id]
    colours = [*(cell.colour for _, cell in cells), *(item.colour for item in kept)]
    top = max(colours, key=rank, default="")
    if rank(top) <= 0:
        calm = {cell.colour for slot, cell in cells if slot.kind != "any"}
        top = "green" if "green" in calm else "grey" if "grey" in {*calm, top} else ""
        return PlaceColour(top, "", math.nan) if top else None
    reached = [(slot, cell) for slot, cell in cells if cell.colour == top]
    sure = [cell.chance[cell.level] for _, cell in reached if cell.confirmed]
    until = max((item.last for item in kept if item.colour == top), default=None)
    return PlaceColour(
        top, _days([slot for slot, _ in reached], until, lang), max(sure, default=math.nan)
    )


def _days(slots: Sequence[Slot], until: date | None, lang: Language) -> str:
    """Days of a colour in few words: runs of days, or a lead or a window."""
    days = sorted(slot.valid for slot in slots if slot.kind == "day")
    if not days and slots:
        first = min(slots, key=lambda slot: (slot.kind == "any", slot.lead_days, slot.last))
        return " ".join(slot_label(first, lang))
    return span([*days, *([until] if until else [])], lang, "d MMM")


def span(days: Sequence[date], lang: Language, form: str = "EEE d MMM") -> str:
    """ "Thu 12 Jun", or the ends of each run of days: "Thu 12 Jun to Sat 14 Jun"."""
    runs: list[list[date]] = []
    for day in sorted(set(days)):
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    ends = [[lang.dated(day, form) for day in (run[0], run[-1])] for run in runs]
    return join(
        [
            low if low == high else lang.say("{low} to {high}", low=low, high=high)
            for low, high in ends
        ],
        lang,
    )
