"""What a report shows of a forecast, free of any language.

Hazards, their locations and days, and the region's colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from configs import Region
from features.hazards import hazards
from reports.text.language import ENGLISH, Language
from reports.view.slots import Slot, slot_kind

RISING = ("green", "yellow", "orange", "red")
FILL = {
    "green": "#bfe0d3",
    "yellow": "#ffe27a",
    "orange": "#f59a3c",
    "red": "#8f1038",
    "grey": "#c3ccd1",
}
"""Colours of the pages' maps; grey ones are hatched there."""
CALENDAR = ("no better than usual", "not assessed")
"""Verdicts of numbers that know no more than the calendar."""
BY_VALUE = 2
"""A number differs from the usual one by value from twice of it on, or down to half of it."""
TELLING = 0.01
"""Numbers below it differ by value from none."""


@dataclass(frozen=True)
class NamedLocation:
    """A location as readers know it. ``population`` is None where the region file gives none."""

    id: str
    name: str
    population: int | None


@dataclass(frozen=True)
class RiskCell:
    """One location and slot; chances are by level.

    ``state`` is "number", "season" (out of season) or "none" (no number). ``confirmed``: its
    numbers tell more than the calendar; a colour that they do not was given by an earlier report
    and stands. ``since``: the day of the last forecast that confirmed it, None where not known.
    """

    state: str
    colour: str
    chance: Mapping[int, float]
    usual: Mapping[int, float]
    verdict: Mapping[int, str]
    window_days: int
    confirmed: bool = True
    since: date | None = None

    @property
    def level(self) -> int:
        """The level its colour speaks of: 1 unless orange (2) or red (3)."""
        return {"orange": 2, "red": 3}.get(self.colour, 1)

    @property
    def stands(self) -> bool:
        """Whether it has a colour that an earlier report gave and no number of today confirms."""
        return rank(self.colour) > 0 and not self.confirmed


@dataclass(frozen=True)
class Standing:
    """A colour an earlier message gave a location until ``last``; no number of today tells.

    ``first``: from when on. ``since``: the day of the last forecast that confirmed it.
    """

    location: NamedLocation
    colour: str
    last: date
    first: date | None = None
    since: date | None = None

    def shown_by(self, slot: Slot, cell: RiskCell) -> bool:
        """Whether a cell of the location says the same."""
        same = cell.stands and cell.colour == self.colour
        if slot.kind == "index":
            return same
        return same and (self.first or slot.valid) <= slot.last and slot.valid <= self.last


@dataclass(frozen=True)
class HazardOutlook:
    """A hazard over all locations, the most at risk first.

    ``rows`` holds a RiskCell or None per slot for each location. ``slot_colours`` is the region's
    colour for each slot. ``colour`` is the highest that any location has, ``standing`` included.
    """

    name: str
    title: str
    data_until: date | None
    slots: tuple[Slot, ...]
    rows: tuple[tuple[NamedLocation, tuple[RiskCell | None, ...]], ...]
    slot_colours: tuple[str, ...]
    colour: str
    standing: tuple[Standing, ...] = ()

    @property
    def assessed(self) -> bool:
        """Whether any location and day has a number."""
        return any(cell.state == "number" for _, _, cell in self.cells())

    def cells(self) -> list[tuple[NamedLocation, Slot, RiskCell]]:
        """Every location, slot and outlook that exists, in reading order."""
        return [
            (location, slot, cell)
            for location, row in self.rows
            for slot, cell in zip(self.slots, row, strict=True)
            if cell
        ]


def silent_outlook(hazard: str, standing: Sequence[Standing]) -> HazardOutlook:
    """A hazard that the forecast does not speak of."""
    colour = max((item.colour for item in standing), key=rank, default="")
    title = hazard_title(hazard)
    return HazardOutlook(hazard, title, None, (), (), (), colour, tuple(standing))


def hazard_title(name: str, lang: Language = ENGLISH) -> str:
    """The hazard's public name."""
    return (
        lang.word(hazards()[name].title)
        if name in hazards()
        else name.replace("_", " ").capitalize()
    )


def named_locations(
    names: Mapping[str, str], region: Region, language: str = "en"
) -> dict[str, NamedLocation]:
    """Every location by id, those that the region file declares included.

    Its name is the region file's in the language, else the record's, else the id.
    """
    declared = {location.id: location for location in region.locations}
    locations = {}
    for location_id, name in {**dict.fromkeys(declared, ""), **names}.items():
        known = declared.get(location_id)
        spoken = known.names.get(language) if known else None
        locations[location_id] = NamedLocation(
            location_id, spoken or name or location_id, known.population if known else None
        )
    return locations


def hazard_outlooks(
    table: pd.DataFrame,
    locations: Mapping[str, NamedLocation],
    warm: tuple[int, int],
    standing: Mapping[str, Sequence[Standing]] | None = None,
) -> list[HazardOutlook]:
    """One HazardOutlook per hazard of a forecast table, the highest colour first.

    ``warm``: the warm season's first and last month. ``standing``: by hazard.
    """
    assessed = table.assign(confirmed=tells_more(table))
    outlooks = [
        _hazard(str(name), rows, locations, warm, (standing or {}).get(str(name), ()))
        for name, rows in assessed.groupby("hazard", sort=True)
    ]
    return sorted(
        outlooks, key=lambda hazard: (-rank(hazard.colour), hazard.colour == "", hazard.title)
    )


def tells_more(table: pd.DataFrame) -> pd.Series:
    """Whether the cell of each row of a forecast table tells more than the calendar.

    By evidence (a verdict that claims it) or by the value of its number, at any level.
    """
    chance, usual = table["probability"], table["normal_probability"]
    apart = (chance >= BY_VALUE * usual) | (chance <= usual / BY_VALUE)
    by_value = (
        (chance != usual)
        & apart
        & (table[["probability", "normal_probability"]].max(axis=1) >= TELLING)
    )
    by_evidence = ~table["verdict"].isin(("", *CALENDAR))
    more = chance.notna() & (by_evidence | by_value)
    cell = [table[name] for name in ("hazard", "location", "lead_days", "window_days")]
    return more.groupby(cell).transform("any")


def _hazard(
    name: str,
    table: pd.DataFrame,
    locations: Mapping[str, NamedLocation],
    warm: tuple[int, int],
    standing: Sequence[Standing],
) -> HazardOutlook:
    slots = _slots(table)
    cells, standing = _dated(_cells(name, table, warm), slots, standing)
    unsorted_rows = [
        (locations[location], tuple(cells.get((location, *_key(slot))) for slot in slots))
        for location in sorted({key[0] for key in cells})
    ]
    rising = sorted(standing, key=lambda item: rank(item.colour))
    stands = {item.location.id: rank(item.colour) for item in rising}
    rows = tuple(
        sorted(
            unsorted_rows, key=lambda row: (*_danger(row[1], stands.get(row[0].id, -1)), row[0].id)
        )
    )
    colours = tuple(
        region_colour([cell for _, row in rows if (cell := row[i])]) for i in range(len(slots))
    )
    return HazardOutlook(
        name,
        hazard_title(name),
        newest(table),
        slots,
        rows,
        colours,
        max((_overall(slots, colours), *(item.colour for item in standing)), key=rank),
        tuple(standing),
    )


def newest(table: pd.DataFrame) -> date | None:
    """The newest day of data behind the rows of a forecast table."""
    until = table["data_until"].max()
    return None if pd.isna(until) else until.date()


def _cells(
    name: str, table: pd.DataFrame, warm: tuple[int, int]
) -> dict[tuple[str, str, int, int], RiskCell]:
    """Outlooks by location, kind, lead and window.

    Of two index windows for one lead, the one that has a number.
    """
    cells: dict[tuple[str, str, int, int], RiskCell] = {}
    levels: dict[tuple[str, int, int], list[dict[Any, Any]]] = {}
    for row in table.to_dict("records"):
        levels.setdefault((row["location"], row["lead_days"], row["window_days"]), []).append(row)
    for (location, lead, window), rows in levels.items():
        kind = slot_kind(lead, window)
        cell = _outlook(name, rows, window, warm)
        at = (location, kind, lead, 0 if kind == "index" else window)
        if at not in cells or cells[at].state == "none":
            cells[at] = cell
    return cells


def _dated(
    cells: Mapping[tuple[str, str, int, int], RiskCell],
    slots: Sequence[Slot],
    standing: Sequence[Standing],
) -> tuple[dict[tuple[str, str, int, int], RiskCell], list[Standing]]:
    """Cells that show what stands, with the day since when, and what no cell shows."""
    dated, alone = dict(cells), []
    for item in standing:
        keys = [(item.location.id, *_key(slot)) for slot in slots]
        shown = [
            key
            for key, slot in zip(keys, slots, strict=True)
            if key in cells and item.shown_by(slot, cells[key])
        ]
        dated |= {key: replace(cells[key], since=item.since) for key in shown}
        if not shown:
            alone.append(item)
    return dated, alone


def _outlook(name: str, rows: list[dict[Any, Any]], window: int, warm: tuple[int, int]) -> RiskCell:
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
        return RiskCell("season", "", chance, usual, verdict, window)
    number = any(not math.isnan(p) for p in chance.values())
    given = str(rows[0]["colour"])
    return RiskCell(
        "number" if number else "none",
        given if number or rank(given) > 0 else "",
        chance,
        usual,
        verdict,
        window,
        bool(rows[0]["confirmed"]),
    )


def in_season(month: int, months: tuple[int, int]) -> bool:
    """Whether a month lies within first..last, also across the new year."""
    first, last = months
    return first <= month <= last if first <= last else month >= first or month <= last


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


def _danger(row: Iterable[RiskCell | None], stands: int) -> tuple[float, float]:
    cells = [cell for cell in row if cell]
    worst = max(stands, *(rank(cell.colour) for cell in cells), -1)
    chances = [p for cell in cells for p in cell.chance.values() if not math.isnan(p)]
    return -worst, -max(chances, default=0.0)


def rank(colour: str) -> int:
    """0 green to 3 red; -1 for grey and for no colour."""
    return RISING.index(colour) if colour in RISING else -1


def region_colour(cells: Sequence[RiskCell]) -> str:
    """The region's colour of a slot: the highest that any location has.

    Below yellow it is green only where every location is; one the calendar knows as much about
    makes it grey.
    """
    return overall_colour(cell.colour for cell in cells)


def overall_colour(colours: Iterable[str]) -> str:
    """The one colour of several: the highest from yellow on, else grey where any is grey."""
    given = {colour for colour in colours if colour}
    worst = max(given, key=rank, default="")
    return worst if rank(worst) > 0 else "grey" if "grey" in given else worst


def _overall(slots: Sequence[Slot], colours: Sequence[str]) -> str:
    worst = max(colours, key=rank, default="")
    if rank(worst) > 0:
        return worst
    plain = [
        colour for slot, colour in zip(slots, colours, strict=True) if slot.kind != "any" and colour
    ] or [c for c in colours if c]
    return "" if not plain else "green" if "green" in plain else "grey"
