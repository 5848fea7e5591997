"""Probabilities as OGC SensorThings series: a Datastream for each hazard and place.

An Observation is the chance of level 1 (unusual) in one cell: ``phenomenonTime`` is when the valid
day begins, which some services take as an instant alone, ``resultTime`` when the forecast was sent,
and ``parameters`` tell for how many days it holds and the other levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pandas as pd

from configs import Location, Region
from features.hazards import hazards
from reports.view.outlook import hazard_title

MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
CHANCE = {"name": "probability", "symbol": "1", "definition": "ucum:1"}
DEFINITION = "https://w3id.org/climate-risk/hazard"


@dataclass(frozen=True)
class ChanceSeries:
    """A hazard's chances at a place: entities of SensorThings, each with a name of its own."""

    thing: Mapping[str, Any]
    sensor: Mapping[str, Any]
    observed_property: Mapping[str, Any]
    datastream: Mapping[str, Any]
    observations: tuple[Mapping[str, Any], ...]


def chance_series(
    table: pd.DataFrame, region: Region, sent: datetime, label: str = ""
) -> list[ChanceSeries]:
    """The series of a forecast table, sorted by place and hazard.

    Cells without a number are none, nor are places without coordinates, which Observations need.
    ``label``: EXERCISE where it is one; it is part of every name.
    """
    mark = f"{label} " if label else ""
    sensor = {
        "name": f"{mark}climate-risk, {region.name}",
        "description": "Forecast of climate risks; indicative, not an official vigilance.",
        "encodingType": "text/html",
        "metadata": region.sender,
    }
    known = {location.id: location for location in region.locations}
    series = []
    for (place, hazard), rows in table.groupby(["location", "hazard"], sort=True):
        observations = tuple(_observations(rows, region, sent))
        name = f"{mark}{region.name}, {place}"
        where = _where(known.get(str(place)), name)
        if not observations or not where:
            continue
        thing = {
            "name": name,
            "description": f"A place that {region.title} forecasts for.",
            "properties": {"region": region.name, "location": str(place), "label": label},
            **where,
        }
        title = hazard_title(str(hazard))
        observed = {
            "name": f"{mark}Chance of {hazard!s}",
            "definition": f"{DEFINITION}/{hazard}",
            "description": f"{title}: chance that the day, or one of the window's, is unusual.",
        }
        stream = {
            "name": f"{name}, {hazard}",
            "description": f"{title}: chance of level 1, by valid day.",
            "unitOfMeasurement": CHANCE,
            "observationType": MEASUREMENT,
            "properties": {"region": region.name, "location": str(place), "hazard": str(hazard)},
        }
        series.append(ChanceSeries(thing, sensor, observed, stream, observations))
    return series


def _where(location: Location | None, name: str) -> dict[str, Any]:
    """The Thing's Locations, from which the service makes its FeatureOfInterest."""
    if location is None or location.latitude is None or location.longitude is None:
        return {}
    point = {"type": "Point", "coordinates": [location.longitude, location.latitude]}
    where = {
        "name": name,
        "description": location.names.get("en", location.id),
        "encodingType": "application/geo+json",
        "location": point,
    }
    return {"Locations": [where]}


def _observations(rows: pd.DataFrame, region: Region, sent: datetime) -> Iterator[dict[str, Any]]:
    days = timezone(timedelta(hours=region.day_offset))
    for _, cell in rows.groupby(["lead_days", "window_days"], sort=True):
        first, chances = cell.iloc[0], dict(zip(cell["level"], cell["probability"], strict=True))
        if pd.isna(chances.get(1)):
            continue
        index = hazards()[str(first["hazard"])].windows_look_back
        window = int(first["window_days"])
        yield {
            "phenomenonTime": _moment(datetime.combine(first["valid"].date(), time(), tzinfo=days)),
            "resultTime": _moment(sent),
            "result": _rounded(chances[1]),
            "parameters": {
                "lead_days": int(first["lead_days"]),
                "window_days": window,
                "days": 1 if index else window,
                "level_2": _rounded(chances.get(2)),
                "level_3": _rounded(chances.get(3)),
                "normal": _rounded(cell.loc[cell["level"] == 1, "normal_probability"].iloc[0]),
                "colour": str(first["colour"]),
                "verdict": str(cell.loc[cell["level"] == 1, "verdict"].iloc[0]),
                "model_version": str(first["model_version"]),
            },
        }


def _rounded(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else round(float(value), 4)


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
