"""What a report shows of a forecast, free of any language: hazards, their places and days, and the region's colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from configs import Region
from features.hazards import hazards
from reports.language import ENGLISH, Language

RISING = ("green", "yellow", "orange", "red")


@dataclass(frozen=True)
class Place:
    """A location as readers know it. ``population`` is None where the region file gives none."""

    id: str
    name: str
    population: int | None


@dataclass(frozen=True)
class Slot:
    """A column of a hazard's table.

    ``kind``: "day" (the event on that day), "any" (on any of ``window_days`` days from the issue day on) or "index"
    (an index whose window ends on the valid day; its length may differ between places and is then not in the slot).
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


@dataclass(frozen=True)
class Outlook:
    """One place and slot. ``state`` is "number", "season" (out of season) or "none" (no number); chances are by level."""

    state: str
    colour: str
    chance: Mapping[int, float]
    usual: Mapping[int, float]
    verdict: Mapping[int, str]
    window_days: int

    @property
    def level(self) -> int:
        """The level its colour speaks of: 1 unless orange (2) or red (3)."""
        return {"orange": 2, "red": 3}.get(self.colour, 1)


@dataclass(frozen=True)
class HazardOutlook:
    """A hazard over all places: ``rows`` holds an Outlook or None per slot for each place, the most at risk first.

    ``slot_colours`` is the region's colour for each slot and ``colour`` the highest of them.
    """

    name: str
    title: str
    data_until: date | None
    slots: tuple[Slot, ...]
    rows: tuple[tuple[Place, tuple[Outlook | None, ...]], ...]
    slot_colours: tuple[str, ...]
    colour: str

    @property
    def assessed(self) -> bool:
        """Whether any place and day has a number."""
        return any(cell.state == "number" for _, _, cell in self.cells())

    def cells(self) -> list[tuple[Place, Slot, Outlook]]:
        """Every place, slot and outlook that exists, in reading order."""
        return [
            (place, slot, cell)
            for place, row in self.rows
            for slot, cell in zip(self.slots, row, strict=True)
            if cell
        ]


def hazard_title(name: str, lang: Language = ENGLISH) -> str:
    """The hazard's public name."""
    return (
        lang.say(hazards()[name].title)
        if name in hazards()
        else name.replace("_", " ").capitalize()
    )


def places(names: Mapping[str, str], region: Region, language: str = "en") -> dict[str, Place]:
    """Every place by id; the region file's name in the language first, then the record's, then the id."""
    declared = {place.id: place for place in region.locations}
    found = {}
    for place_id, name in names.items():
        known = declared.get(place_id)
        spoken = known.names.get(language) if known else None
        found[place_id] = Place(
            place_id, spoken or name or place_id, known.population if known else None
        )
    return found


def outlooks(
    table: pd.DataFrame, places: Mapping[str, Place], warm: tuple[int, int]
) -> list[HazardOutlook]:
    """One HazardOutlook per hazard of a forecast table, the highest colour first; ``warm``: the warm season's first and last month."""
    found = [
        _hazard(str(name), rows, places, warm) for name, rows in table.groupby("hazard", sort=True)
    ]
    return sorted(
        found, key=lambda hazard: (-rank(hazard.colour), hazard.colour == "", hazard.title)
    )


def _hazard(
    name: str, table: pd.DataFrame, places: Mapping[str, Place], warm: tuple[int, int]
) -> HazardOutlook:
    cells = _cells(name, table, warm)
    slots = _slots(table)
    found = [
        (places[place], tuple(cells.get((place, *_key(slot))) for slot in slots))
        for place in sorted({key[0] for key in cells})
    ]
    rows = tuple(sorted(found, key=lambda row: (*_danger(row[1]), row[0].id)))
    columns = [
        [(place, cell) for place, row in rows if (cell := row[i])] for i in range(len(slots))
    ]
    colours = tuple(
        region_colour(column, len(rows), anywhere=hazards()[name].anywhere) for column in columns
    )
    return HazardOutlook(
        name, hazard_title(name), newest(table), slots, rows, colours, _overall(slots, colours)
    )


def newest(table: pd.DataFrame) -> date | None:
    """The newest day of data behind the rows of a forecast table."""
    until = table["data_until"].max()
    return None if pd.isna(until) else until.date()


def _cells(
    name: str, table: pd.DataFrame, warm: tuple[int, int]
) -> dict[tuple[str, str, int, int], Outlook]:
    """Outlooks by place, kind, lead and window; of two index windows for one lead, the one that has a number."""
    found: dict[tuple[str, str, int, int], Outlook] = {}
    levels: dict[tuple[str, int, int], list[dict[Any, Any]]] = {}
    for row in table.to_dict("records"):
        levels.setdefault((row["location"], row["lead_days"], row["window_days"]), []).append(row)
    for (place, lead, window), rows in levels.items():
        kind = slot_kind(lead, window)
        cell = _outlook(name, rows, window, warm)
        at = (place, kind, lead, 0 if kind == "index" else window)
        if at not in found or found[at].state == "none":
            found[at] = cell
    return found


def _outlook(name: str, rows: list[dict[Any, Any]], window: int, warm: tuple[int, int]) -> Outlook:
    chance: dict[int, float] = {int(row["level"]): float(row["probability"]) for row in rows}
    usual: dict[int, float] = {int(row["level"]): float(row["normal_probability"]) for row in rows}
    verdict: dict[int, str] = {int(row["level"]): str(row["verdict"]) for row in rows}
    first, last = (
        rows[0]["valid"],
        rows[0]["valid"] + pd.Timedelta(days=window - 1 if rows[0]["lead_days"] == 0 else 0),
    )
    silent = all(math.isnan(p) or p == 0 for p in (*chance.values(), *usual.values()))
    if (
        hazards()[name].seasonal
        and silent
        and not (in_season(first.month, warm) or in_season(last.month, warm))
    ):
        return Outlook("season", "", chance, usual, verdict, window)
    number = any(not math.isnan(p) for p in chance.values())
    colour = str(rows[0]["colour"]) if number else ""
    return Outlook("number" if number else "none", colour, chance, usual, verdict, window)


def in_season(month: int, months: tuple[int, int]) -> bool:
    """Whether a month lies within first..last, also across the new year."""
    first, last = months
    return first <= month <= last if first <= last else month >= first or month <= last


def slot_kind(lead_days: int, window_days: int) -> str:
    """What a cell speaks of, see ``Slot``."""
    return "day" if window_days == 1 else "any" if lead_days == 0 else "index"


def _key(slot: Slot) -> tuple[str, int, int]:
    return slot.kind, slot.lead_days, 0 if slot.kind == "index" else slot.window_days or 0


def _slots(table: pd.DataFrame) -> tuple[Slot, ...]:
    """Days first, then index leads, then windows from the issue day on."""
    windows: dict[tuple[str, int, int], set[int]] = {}
    valid: dict[tuple[str, int, int], date] = {}
    for row in table[["lead_days", "window_days", "valid"]].drop_duplicates().to_dict("records"):
        lead, window = int(row["lead_days"]), int(row["window_days"])
        kind = slot_kind(lead, window)
        key = (kind, lead, 0 if kind == "index" else window)
        windows.setdefault(key, set()).add(window)
        valid[key] = row["valid"].date()
    order = sorted(windows, key=lambda key: (("day", "index", "any").index(key[0]), key[1], key[2]))
    return tuple(
        Slot(
            key[0], key[1], next(iter(windows[key])) if len(windows[key]) == 1 else None, valid[key]
        )
        for key in order
    )


def _danger(row: Iterable[Outlook | None]) -> tuple[float, float]:
    cells = [cell for cell in row if cell]
    worst = max((rank(cell.colour) for cell in cells), default=-1)
    chances = [p for cell in cells for p in cell.chance.values() if not math.isnan(p)]
    return -worst, -max(chances, default=0.0)


def rank(colour: str) -> int:
    """0 green to 3 red; -1 for grey and for no colour."""
    return RISING.index(colour) if colour in RISING else -1


def region_colour(column: Sequence[tuple[Place, Outlook]], total: int, anywhere: bool) -> str:
    """One colour for the region: the highest that 2 places or a tenth of its people reach; with ``anywhere`` any place is enough.

    Below yellow it is green only where every place is; a place the calendar knows as much about makes it grey.
    """
    for colour in ("red", "orange", "yellow"):
        reached = [place for place, cell in column if rank(cell.colour) >= rank(colour)]
        if reached and (
            anywhere
            or len(reached) >= 2
            or _share(reached, [place for place, _ in column], total) >= 0.1
        ):
            return colour
    colours = {cell.colour for _, cell in column if cell.colour}
    return "" if not colours else "grey" if "grey" in colours else "green"


def _share(reached: list[Place], everyone: list[Place], total: int) -> float:
    people = [place.population for place in everyone]
    if all(people):
        return sum(place.population or 0 for place in reached) / sum(p or 0 for p in people)
    return len(reached) / total


def _overall(slots: Sequence[Slot], colours: Sequence[str]) -> str:
    worst = max(colours, key=rank, default="")
    if rank(worst) > 0:
        return worst
    plain = [
        colour for slot, colour in zip(slots, colours, strict=True) if slot.kind != "any" and colour
    ] or [c for c in colours if c]
    return "" if not plain else "green" if "green" in plain else "grey"
