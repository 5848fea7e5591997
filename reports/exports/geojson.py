"""The forecast as GeoJSON (RFC 7946) with flat properties, as a GIS colours and filters them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from configs import Location, Region
from reports.text.xml import plain_text
from reports.view.outlines import Outline, outlines
from reports.view.outlook import FILL, named_locations, overall_colour

NOTE = "Indicative, not an official vigilance."
CELL = ["location", "hazard", "lead_days", "window_days"]
LAYERS = "layers"
_NUMBERS = ("probability", "normal_probability")
_Properties = dict[str, Any]


def write_geojson(
    table: pd.DataFrame,
    region: Region,
    path: Path,
    label: str = "",
    shapes: Mapping[str, Outline] | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write a forecast table as GeoJSON, and beside it one layer for each day.

    ``path`` holds a Feature for each cell: location, hazard, lead and window. Its properties are
    those of the cell's three rows in forecast.csv, the level at the end of a name where it differs
    by level (``probability_1``), null where missing; ``fill`` is the colour as #rrggbb. The folder
    layers/ beside it holds <day>.geojson: a Feature for each location with its highest colour that
    day and each hazard's colour and level 1 (``heat_colour``, ``heat_probability``).

    The geometry is the location's outline, else its point, else null. ``shapes``: outlines by
    location id, read from the region's boundaries where not given. ``names``: id -> name of
    locations that the region file does not name. Equal arguments give equal bytes. Raises
    RiskError, see ``outlines``.
    """
    drawn = outlines(region) if shapes is None else shapes
    declared = {location.id: location for location in region.locations}
    ids = sorted(set(table["location"]))
    geometries = {name: _geometry(declared.get(name), drawn.get(name)) for name in ids}
    english = named_locations({name: (names or {}).get(name, "") for name in ids}, region)
    called = {name: _names(english[name].name, declared.get(name)) for name in ids}
    about = _about(table, region, label)
    cells = _cells(table)
    _write(
        path,
        about,
        [
            _feature(_id(cell), geometries[cell["location"]], called[cell["location"]] | cell)
            for cell in cells
        ],
    )
    for day, layer in _layers(cells).items():
        features = [
            _feature(name, geometries[name], called[name] | {"location": name, "day": day} | cell)
            for name, cell in layer.items()
        ]
        _write(path.parent / LAYERS / f"{day}.geojson", about | {"day": day}, features)


def _about(table: pd.DataFrame, region: Region, label: str) -> _Properties:
    """What the whole collection says."""
    issued = table["issued"].iloc[0].date().isoformat() if len(table) else None
    return {
        "type": "FeatureCollection",
        "region": region.name,
        "title": region.title,
        "issued": issued,
        "label": label,
        "note": NOTE,
        "notice": "",
    }


def _write(path: Path, about: _Properties, features: list[_Properties]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(_text(about | {"features": features}), encoding="utf-8", newline="\n")


def _text(collection: _Properties) -> str:
    text = json.dumps(collection, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return plain_text(text) + "\n"


def with_notice(text: str, notice: str) -> str:
    """A collection that ``write_geojson`` wrote, with a notice of its own and in each Feature."""
    collection = json.loads(text)
    for feature in collection["features"]:
        feature["properties"]["notice"] = notice
    return _text(collection | {"notice": notice})


def _names(english: str, location: Location | None) -> _Properties:
    """``name`` in English, and ``name_fr`` and so on of those that the region file gives."""
    spoken = location.names if location else {}
    names = {"name": english} | {f"name_{tag}": text for tag, text in spoken.items() if tag != "en"}
    return {key: plain_text(text) for key, text in names.items()}


def _feature(name: str, geometry: _Properties | None, properties: _Properties) -> _Properties:
    flat = properties | {"fill": FILL.get(properties["colour"]), "notice": ""}
    return {"type": "Feature", "id": name, "geometry": geometry, "properties": flat}


def _id(cell: _Properties) -> str:
    return "/".join(str(cell[name]) for name in CELL)


def _geometry(location: Location | None, outline: Outline | None) -> dict[str, Any] | None:
    if outline:
        rings = [[list(point) for point in ring] for ring in outline.polygons]
        if len(rings) == 1:
            return {"type": "Polygon", "coordinates": rings}
        return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
    if location is None or location.latitude is None or location.longitude is None:
        return None
    return {"type": "Point", "coordinates": [location.longitude, location.latitude]}


def _cells(table: pd.DataFrame) -> list[_Properties]:
    """The properties of each cell, by location, hazard, lead and window."""
    rows = table.sort_values([*CELL, "level"], kind="stable").to_dict("records")
    cells: dict[tuple[Any, ...], _Properties] = {}
    for row in rows:
        cell = cells.setdefault(tuple(row[name] for name in CELL), _shared(row))
        for name in _NUMBERS:
            cell[f"{name}_{row['level']}"] = _number(row[name])
        cell[f"verdict_{row['level']}"] = row["verdict"]
    return list(cells.values())


def _shared(row: Mapping[Any, Any]) -> _Properties:
    """What the rows of a cell have in common."""
    days = {name: _day(row[name]) for name in ("issued", "valid", "data_until")}
    plain = {name: row[name] for name in (*CELL, "colour", "model_version")}
    return {**plain, **days}


def _number(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 4)


def _day(value: pd.Timestamp) -> str | None:
    return None if pd.isna(value) else value.date().isoformat()


def _layers(cells: list[_Properties]) -> dict[str, dict[str, _Properties]]:
    """Day -> location -> its colours that day.

    Windows of several days from the issue day on speak of no day and are left out. Of two index
    windows for one day the one that has a number is told.
    """
    days: dict[str, dict[str, dict[str, _Properties]]] = {}
    for cell in cells:
        if cell["lead_days"] == 0 and cell["window_days"] > 1:
            continue
        here = days.setdefault(cell["valid"], {}).setdefault(cell["location"], {})
        if cell["hazard"] not in here or cell["probability_1"] is not None:
            here[cell["hazard"]] = cell
    return {
        day: {location: _of_day(by_hazard) for location, by_hazard in places.items()}
        for day, places in sorted(days.items())
    }


def _of_day(by_hazard: Mapping[str, _Properties]) -> _Properties:
    """The properties of a location on one day."""
    colours: _Properties = {"colour": overall_colour(cell["colour"] for cell in by_hazard.values())}
    for hazard, cell in by_hazard.items():
        colours[f"{hazard}_colour"] = cell["colour"]
        colours |= {f"{hazard}_{name}": cell[f"{name}_1"] for name in _NUMBERS}
    return colours
