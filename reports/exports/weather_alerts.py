"""Coloured cells as entities of the Smart Data Models, for a FIWARE NGSI-LD context broker.

Heat and floods are a WeatherAlert (dataModel.Weather). That model knows no drought, so drought is
an Alert (dataModel.Alert) of the category agriculture, whose word for it is "irrigation".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pandas as pd

from configs import Location, Region
from features.hazards import hazards
from reports.text.formatting import COLOUR_WORDS
from reports.text.language import language_of
from reports.view.outlook import hazard_title

SEVERITIES = {"yellow": "medium", "orange": "high", "red": "critical"}
LEVELS = {"yellow": 1, "orange": 2, "red": 3}
SUB_CATEGORIES = {"heat": "heatWave", "flash_flood": "rain_flood", "river_flood": "flood"}
"""Hazard -> the model's word, which has none for another hazard."""
AGRICULTURE, IRRIGATION = "agriculture", "irrigation"


@dataclass(frozen=True)
class AlertEntities:
    """The entities of a forecast: ``coloured`` by id, and the ids of cells that are ``green``."""

    coloured: Mapping[str, dict[str, Any]]
    green: frozenset[str]


def alert_entities(
    table: pd.DataFrame, region: Region, sent: datetime, label: str = ""
) -> AlertEntities:
    """One entity for each place, hazard and valid day (or window) that has a colour.

    ``table``: forecast.csv. Times are UTC. Its id tells hazard, place, valid day and window, so
    that the next forecast of the same day takes its place.
    """
    coloured, green = dict[str, dict[str, Any]](), set[str]()
    known = {location.id: location for location in region.locations}
    for cell, rows in table.groupby(["hazard", "location", "lead_days", "window_days"]):
        first = rows.iloc[0]
        identity = entity_id(region, first)
        if first["colour"] == "green":
            green.add(identity)
        elif first["colour"] in SEVERITIES:
            level = LEVELS[str(first["colour"])]
            row = rows[rows["level"] == level].iloc[0]
            location = known.get(str(cell[1]))
            coloured[identity] = _entity(identity, row, region, location, sent, label)
    return AlertEntities(coloured, frozenset(green))


def entity_id(region: Region, row: pd.Series) -> str:
    """The id of the entity of a cell, a URN."""
    place = quote(str(row["location"]), safe="")
    window = "" if _window(row) == 1 else f":{_window(row)}"
    kind = _kind(str(row["hazard"]))
    return (
        f"urn:ngsi-ld:{kind}:{region.name}:{row['hazard']}:{place}:{row['valid']:%Y-%m-%d}{window}"
    )


def last_day(identity: str) -> date:
    """The last day that an entity's id speaks of."""
    *_, before, last = identity.split(":")
    if last.isdecimal():
        return date.fromisoformat(before) + timedelta(days=int(last) - 1)
    return date.fromisoformat(last)


def _kind(hazard: str) -> str:
    return "WeatherAlert" if hazard in SUB_CATEGORIES else "Alert"


def _window(row: pd.Series) -> int:
    """Days that a cell speaks of: of an index, the valid day, whose window lies before it."""
    index = str(row["hazard"]) in hazards() and hazards()[str(row["hazard"])].windows_look_back
    return 1 if index else int(row["window_days"])


def _entity(
    identity: str,
    row: pd.Series,
    region: Region,
    location: Location | None,
    sent: datetime,
    label: str,
) -> dict[str, Any]:
    hazard, colour = str(row["hazard"]), str(row["colour"])
    days = timezone(timedelta(hours=region.day_offset))
    begin = datetime.combine(row["valid"].date(), time(), tzinfo=days)
    name = location.names.get("en", location.id) if location else str(row["location"])
    told = {
        "alertSource": region.sender,
        "category": "weather" if hazard in SUB_CATEGORIES else AGRICULTURE,
        "subCategory": SUB_CATEGORIES.get(hazard, IRRIGATION),
        "severity": SEVERITIES[colour],
        "dateIssued": _moment(sent),
        "validFrom": _moment(begin),
        "validTo": _moment(begin + timedelta(days=_window(row))),
        "name": f"{hazard_title(hazard)}, {name}",
        "description": _description(row, region, name, label),
        "address": {"addressLocality": name, "addressRegion": region.title},
        "data": {
            "hazard": hazard,
            "colour": colour,
            "level": int(row["level"]),
            "probability": _number(row["probability"]),
            "normalProbability": _number(row["normal_probability"]),
            "leadDays": int(row["lead_days"]),
            "windowDays": int(row["window_days"]),
            "verdict": str(row["verdict"]),
            "label": label,
        },
    }
    properties: dict[str, Any] = {
        key: {"type": "Property", "value": value} for key, value in told.items()
    }
    if location and location.latitude is not None and location.longitude is not None:
        point = {"type": "Point", "coordinates": [location.longitude, location.latitude]}
        properties["location"] = {"type": "GeoProperty", "value": point}
    return {"id": identity, "type": _kind(hazard), **properties}


def _number(value: float) -> float | str:
    """A chance, or "unknown": NGSI-LD's JSON has no NaN, and its null takes an attribute away."""
    return "unknown" if pd.isna(value) else round(float(value), 4)


def _description(row: pd.Series, region: Region, name: str, label: str) -> str:
    """The alert in a sentence of the region's first language."""
    lang = language_of(region.languages[0], region.timezone)
    place = next(
        (one.names.get(lang.tag) for one in region.locations if one.id == row["location"]), None
    )
    words = lang.say(
        "{hazard}: {colour}, {place}, {day}.",
        hazard=hazard_title(str(row["hazard"]), lang),
        colour=lang.say(COLOUR_WORDS[str(row["colour"])]),
        place=place or name,
        day=lang.dated(row["valid"].date(), "d MMMM y"),
    )
    mark = f"{lang.say(label)}: " if label else ""
    return f"{mark}{words} {lang.say('Indicative, not an official vigilance.')}"


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
