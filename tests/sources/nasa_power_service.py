"""NASA POWER's JSON replies, written from its documentation (power.larc.nasa.gov/docs), as only CSV
replies are recorded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from replay import Asked

from sources.nasa_power import COLUMNS

LEVELS = {
    "T2M_MAX": 25.0,
    "T2M_MIN": 15.0,
    "T2M": 20.0,
    "PRECTOTCORR": 1.5,
    "RH2M": 60.0,
    "WS10M": 3.0,
    "ALLSKY_SFC_SW_DWN": 18.0,
    "PS": 99.5,
}
FILL = -999.0


def answer(asked: Asked) -> dict[str, Any]:
    first, last = (
        datetime.strptime(asked.params[name], "%Y%m%d").date() for name in ("start", "end")
    )
    days = [f"{first + timedelta(days=number):%Y%m%d}" for number in range((last - first).days + 1)]
    names = asked.params["parameters"].split(",")
    return {
        "type": "Feature",
        "geometry": {
            "type": "Point",
            "coordinates": [
                float(asked.params["longitude"]),
                float(asked.params["latitude"]),
                211.4,
            ],
        },
        "properties": {"parameter": {name: {day: LEVELS[name] for day in days} for name in names}},
        "header": {
            "title": "NASA/POWER Source Native Resolution Daily Data",
            "api": {"version": "v2.9.2", "name": "POWER Daily API"},
            "sources": ["merra2", "power", "syn1deg"],
            "fill_value": FILL,
            "time_standard": asked.params["time-standard"].upper(),
            "start": days[0],
            "end": days[-1],
        },
        "messages": [],
        "parameters": {
            column.parameter: {"units": column.unit, "longname": column.parameter}
            for column in COLUMNS
        },
        "times": {"data": 1.4, "process": 0.02},
    }
