"""The forecast as GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from configs import Location, Region
from reports.exports.table import DATES
from reports.text.xml import plain_text
from reports.view.outlines import Outline, outlines

NOTE = "Indicative, not an official vigilance."


def write_geojson(
    table: pd.DataFrame,
    region: Region,
    path: Path,
    label: str = "",
    shapes: Mapping[str, Outline] | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write a forecast table as GeoJSON (RFC 7946).

    A Feature for each location, whose property ``forecast`` holds its rows.

    The geometry is the location's outline, else its point, else null. Numbers are those of
    forecast.csv, null where missing. ``shapes``: outlines by location id, read from the region's
    boundaries where not given. ``names``: id -> name of locations that the region file does not
    name. Equal arguments give equal bytes. Raises RiskError, see ``outlines``.
    """
    outline_of = outlines(region) if shapes is None else shapes
    known = {location.id: location for location in region.locations}
    features = []
    for name, rows in table.groupby("location", sort=True):
        location, recorded = known.get(str(name)), (names or {}).get(str(name))
        names_of = dict(location.names) if location else {"en": recorded} if recorded else {}
        geometry = _geometry(location, outline_of.get(str(name)))
        properties = {"id": str(name), "names": names_of, "forecast": _rows(rows)}
        features.append(
            {"type": "Feature", "id": str(name), "geometry": geometry, "properties": properties}
        )
    issued = table["issued"].iloc[0].date().isoformat() if len(table) else None
    about = {
        "type": "FeatureCollection",
        "region": region.name,
        "title": region.title,
        "issued": issued,
        "label": label,
        "note": NOTE,
    }
    text = json.dumps(
        about | {"features": features}, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    path.write_text(plain_text(text) + "\n", encoding="utf-8", newline="\n")


def _geometry(location: Location | None, outline: Outline | None) -> dict[str, Any] | None:
    if outline:
        rings = [[list(point) for point in ring] for ring in outline.polygons]
        if len(rings) == 1:
            return {"type": "Polygon", "coordinates": rings}
        return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
    if location is None or location.latitude is None or location.longitude is None:
        return None
    return {"type": "Point", "coordinates": [location.longitude, location.latitude]}


def _rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a forecast table as JSON holds them.

    Without the columns that a collection or a feature says once.
    """
    shown = rows.drop(columns=["region", "location"])
    for name in DATES:
        shown[name] = shown[name].dt.strftime("%Y-%m-%d")
    shown[["probability", "normal_probability"]] = shown[
        ["probability", "normal_probability"]
    ].round(4)
    clean = shown.astype(object).where(shown.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in clean.to_dict("records")]
