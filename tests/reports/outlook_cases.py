"""Ten made-up outlooks of Berkane: what every format of a report must say alike.

Each is the forecasts of one to three consecutive days; the last is the one that is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region, load_region
from configs.actions import ActionText
from reports.exports.table import COLUMNS, ORDER

SUMMER, WINTER = date(2026, 7, 8), date(2026, 12, 9)
DAYS = {
    "heat": [*((lead, 1) for lead in range(10)), (0, 3), (0, 7)],
    "flash_flood": [*((lead, 1) for lead in range(7)), (0, 3), (0, 7)],
    "drought": [(30, 90), (60, 90), (90, 90)],
}
HAZARDS = tuple(DAYS)
USUAL = {
    "heat": (0.10, 0.03, 0.01),
    "flash_flood": (0.04, 0.01, 0.002),
    "drought": (0.20, 0.08, 0.03),
}
CHANCES = {
    ("heat", "green"): (0.02, 0.0, 0.0),
    ("heat", "yellow"): (0.50, 0.15, 0.02),
    ("heat", "orange"): (0.60, 0.40, 0.10),
    ("heat", "red"): (0.90, 0.70, 0.50),
    ("flash_flood", "green"): (0.01, 0.0, 0.0),
    ("flash_flood", "yellow"): (0.35, 0.10, 0.02),
    ("flash_flood", "orange"): (0.50, 0.30, 0.08),
    ("flash_flood", "red"): (0.70, 0.50, 0.35),
    ("drought", "green"): (0.05, 0.01, 0.0),
    ("drought", "yellow"): (0.60, 0.30, 0.10),
    ("drought", "orange"): (0.70, 0.50, 0.20),
    ("drought", "red"): (0.95, 0.80, 0.60),
}
"""Chances by level that give the colour, by the rules of DESIGN (colours:)."""
RISING = ("grey", "green", "yellow", "orange", "red")
ACTIONS = {
    hazard: {colour: ActionText(plain=words) for colour, words in by_colour.items()}
    for hazard, by_colour in {
        "heat": {"orange": "Open the cool halls.", "red": "Close the schools at noon."},
        "flash_flood": {"yellow": "Keep out of the wadis.", "red": "Clear the banks."},
        "drought": {"orange": "Water at night only.", "red": "Ration water."},
    }.items()
}

Cells = Mapping[tuple[str, str, int], str]
"""Hazard, place and lead (of single days, or of drought) -> colour where it is not the rest's."""


@dataclass(frozen=True)
class Case:
    """``tables``: the forecast tables of consecutive days, the last the one that is read.

    ``retraction``: why the last report is retracted, "" where it is not. ``colours``: the highest
    colour of each hazard in the last report, standing ones included; "" out of season.
    """

    what: str
    region: Region
    tables: tuple[pd.DataFrame, ...]
    colours: Mapping[str, str]
    retraction: str = ""

    @property
    def issued(self) -> date:
        """The day of the report that is read."""
        return issue_day(self.tables[-1])

    @property
    def forecasts(self) -> tuple[xr.Dataset, ...]:
        """The tables as the forecast Datasets that ``publish`` takes."""
        return tuple(forecast_of(table, self.region) for table in self.tables)


def issue_day(table: pd.DataFrame) -> date:
    """The day that a table was issued."""
    return pd.Timestamp(table["issued"].iloc[0]).date()


def outlook(
    region: Region,
    issued: date,
    cells: Cells,
    rest: Mapping[str, str] | None = None,
    verdicts: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """A forecast table of all places of a region.

    ``rest``: hazard -> the colour of all other cells, green where not given; "grey": numbers that
    are the calendar's own; "season": out of season. ``verdicts``: hazard -> the verdict of all
    coloured and green cells, "known" where not given. A window has the highest colour of its days.
    """
    rest, verdicts = rest or {}, verdicts or {}
    rows = []
    for hazard, slots in DAYS.items():
        beyond = rest.get(hazard, "green")
        for place in region.locations:
            given = {
                lead: cells.get((hazard, place.id, lead), beyond)
                for lead, window in slots
                if window == 1 or hazard == "drought"
            }
            for lead, window in slots:
                colour = given[lead]
                if window > 1 and hazard != "drought":
                    inside = [given[day] for day in range(window)]
                    colour = max(inside, key=lambda one: RISING.index(one) if one in RISING else -1)
                verdict = verdicts.get(hazard, "known")
                rows += _rows(region.name, place.id, hazard, issued, lead, window, colour, verdict)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("issued", "valid", "data_until"):
        table[name] = pd.to_datetime(table[name]).astype("datetime64[ns]")
    return table.sort_values(ORDER, kind="stable").reset_index(drop=True)


def _rows(
    region: str,
    place: str,
    hazard: str,
    issued: date,
    lead: int,
    window: int,
    colour: str,
    verdict: str,
) -> list[tuple]:
    """The three level rows of a cell."""
    usual = USUAL[hazard] if colour != "season" else (0.0, 0.0, 0.0)
    chances = CHANCES.get((hazard, colour), usual)
    if colour in ("grey", "season"):
        verdict = "no better than usual" if colour == "grey" else "not assessed"
    shown = "grey" if colour == "season" else colour
    valid, until = issued + timedelta(days=lead), issued - timedelta(days=1)
    at = region, place, hazard
    return [
        (*at, level, issued, valid, lead, window, chance, normal, verdict, shown, until, "1")
        for level, (chance, normal) in enumerate(zip(chances, usual, strict=True), start=1)
    ]


def forecast_of(table: pd.DataFrame, region: Region) -> xr.Dataset:
    """The forecast Dataset of a table: dims (cell, level, init_time, location)."""
    ids = [place.id for place in region.locations]
    cells = list(
        dict.fromkeys(zip(table["hazard"], table["lead_days"], table["window_days"], strict=True))
    )
    issued = pd.Timestamp(table["issued"].iloc[0])
    shape = (len(cells), 3, 1, len(ids))
    by_level = {
        "probability": np.full(shape, np.nan),
        "normal_probability": np.full(shape, np.nan),
        "verdict": np.full(shape, "", dtype=object),
    }
    colour = np.full((len(cells), 1, len(ids)), "", dtype=object)
    for row in table.to_dict("records"):
        i = cells.index((row["hazard"], row["lead_days"], row["window_days"]))
        j = ids.index(row["location"])
        for name, values in by_level.items():
            values[i, row["level"] - 1, 0, j] = row[name]
        colour[i, 0, j] = row["colour"]
    leads = np.array([lead for _, lead, _ in cells])
    dims = ("cell", "level", "init_time", "location")
    return xr.Dataset(
        {
            **{name: (dims, values) for name, values in by_level.items()},
            "colour": (("cell", "init_time", "location"), colour),
        },
        coords={
            "hazard": ("cell", [hazard for hazard, _, _ in cells]),
            "lead_days": ("cell", leads),
            "window_days": ("cell", [window for _, _, window in cells]),
            "level": [1, 2, 3],
            "init_time": [issued.to_datetime64()],
            "location": ids,
            "name": ("location", [place.names.get("en", place.id) for place in region.locations]),
            "valid_time": (
                ("cell", "init_time"),
                (issued + pd.to_timedelta(leads, "D")).values[:, None],
            ),
            "data_until": ("cell", [(issued - pd.Timedelta(days=1)).to_datetime64()] * len(cells)),
            "model_version": ("cell", ["1"] * len(cells)),
        },
        attrs={"region": region.name, "title": region.title, "degraded": "[]"},
    )


def heat(colour: str, leads: range, *places: str) -> dict[tuple[str, str, int], str]:
    """Cells of heat of one colour."""
    return {("heat", place, lead): colour for place in places for lead in leads}


GREY = dict.fromkeys(HAZARDS, "grey")


def cases() -> dict[str, Case]:
    """The ten outlooks by name."""
    region = load_region("berkane").model_copy(update={"actions": ACTIONS})
    every = [place.id for place in region.locations]
    droughts = {("drought", place, lead): "red" for place in every for lead in (30, 60, 90)}
    next_day = SUMMER + timedelta(days=1)
    calm = dict.fromkeys(HAZARDS, "green")

    def day(issued: date, cells: Cells, **more: Mapping[str, str]) -> pd.DataFrame:
        return outlook(region, issued, cells, **more)

    lost = heat("orange", range(3, 5), "berkane", "madagh")
    return {
        "quiet": Case("Nothing anywhere.", region, (day(SUMMER, {}),), calm),
        "one commune red": Case(
            "Heat is red in one commune of sixteen on one day.",
            region,
            (day(SUMMER, heat("red", range(1, 2), "saidia")),),
            calm | {"heat": "red"},
        ),
        "heat rising": Case(
            "Yellow in a commune, then orange there and in another, then red in the first.",
            region,
            (
                day(SUMMER, heat("yellow", range(2, 4), "berkane")),
                day(next_day, heat("orange", range(1, 3), "berkane", "madagh")),
                day(
                    SUMMER + timedelta(days=2),
                    heat("orange", range(2), "madagh") | heat("red", range(2), "berkane"),
                ),
            ),
            calm | {"heat": "red"},
        ),
        "forecasts lost": Case(
            "Orange in two communes; the day after every number is the calendar's.",
            region,
            (day(SUMMER, lost), day(next_day, {}, rest=GREY)),
            dict.fromkeys(HAZARDS, "grey") | {"heat": "orange"},
        ),
        "drought deep and unassessed": Case(
            "9 in 10 against a usual 2 in 10, where no verdict could be reached.",
            region,
            (day(SUMMER, droughts, verdicts={"drought": "not assessed"}),),
            calm | {"drought": "red"},
        ),
        "flood today": Case(
            "Heavy rain today in three communes, and a worse day of one of them after it.",
            region,
            (
                day(
                    SUMMER,
                    {
                        ("flash_flood", "berkane", 0): "orange",
                        ("flash_flood", "madagh", 0): "yellow",
                        ("flash_flood", "saidia", 0): "yellow",
                        ("flash_flood", "berkane", 1): "red",
                    },
                ),
            ),
            calm | {"flash_flood": "red"},
        ),
        "all grey": Case(
            "Every number is the calendar's.", region, (day(SUMMER, {}, rest=GREY),), GREY
        ),
        "out of season": Case(
            "December: heat is not assessed.",
            region,
            (day(WINTER, {}, rest={"heat": "season"}),),
            calm | {"heat": ""},
        ),
        "two hazards": Case(
            "Heat in two communes far apart on days far apart, and heavy rain in a third.",
            region,
            (
                day(
                    SUMMER,
                    heat("yellow", range(0, 2), "saidia")
                    | heat("yellow", range(7, 9), "rislane")
                    | {("flash_flood", "madagh", 2): "orange"},
                ),
            ),
            calm | {"heat": "yellow", "flash_flood": "orange"},
        ),
        "retracted": Case(
            "Orange in two communes, and the report is retracted.",
            region,
            (day(SUMMER, lost),),
            calm | {"heat": "orange"},
            retraction="A gauge had failed.",
        ),
    }
