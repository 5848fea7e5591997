"""Open-Meteo on loopback: whole runs, newest run, its meta.json and ensembles are written from
open-meteo.com/en/docs, not recorded.

Archive, previous runs and flood are in the shape of recorded replies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from replay import Asked, Fault

UNITS = {
    "temperature": "°C",
    "precipitation": "mm",
    "et0": "mm",
    "relative": "%",
    "wind": "m/s",
    "shortwave": "MJ/m²",
    "soil": "m³/m³",
    "surface": "hPa",
    "river": "m³/s",
}
LEVELS = {
    "temperature": 20.0,
    "precipitation": 1.0,
    "et0": 4.0,
    "relative": 60.0,
    "wind": 3.0,
    "shortwave": 18.0,
    "soil": 0.2,
    "surface": 1000.0,
    "river": 12.0,
}


def kind(parameter: str) -> str:
    return parameter.split("_")[0]


def values(parameter: str, latitude: float, longitude: float, numbers: Any) -> Any:
    """Made-up values that differ by place, parameter and step; Tmin < Tmean < Tmax."""
    shift = (
        {"max": 5.0, "min": -5.0}.get(parameter.split("_")[-1], 0.0)
        if kind(parameter) == "temperature"
        else 0.0
    )
    share = 0.02 if kind(parameter) == "surface" else 0.2
    swing = (
        LEVELS[kind(parameter)] * share * np.sin(np.asarray(numbers) / 9.0 + latitude + longitude)
    )
    return np.round(LEVELS[kind(parameter)] + shift + swing, 3)


@dataclass
class OpenMeteo:
    """Answers by path.

    ``change``: alters a reply before it is sent. ``published``: the last day the archive has values
    for.
    """

    published: date
    newest_run: datetime
    change: Callable[[str, Any], Any] = lambda path, reply: reply
    no_runs: set[date] = field(default_factory=set)
    snap: tuple[float, float] = (0.01, -0.01)

    def __call__(self, asked: Asked) -> Any:
        parts = {
            "/v1/archive": self.archive,
            "/v1/runs": self.run,
            "/v1/forecast": self.newest,
            "/v1/previous": self.previous,
            "/v1/ensemble": self.ensemble,
            "/v1/flood": self.flood,
            "/data/ecmwf_ifs/static/meta.json": self.about,
            "/data/ecmwf_ifs025_ensemble/static/meta.json": self.about,
            "/data/glofas_forecast_v4/static/meta.json": self.about,
        }
        reply = parts[asked.path](asked)
        return reply if isinstance(reply, Fault) else self.change(asked.path, reply)

    def archive(self, asked: Asked) -> Any:
        days = span(asked)
        numbers = [day.toordinal() for day in days if day <= self.published]

        def daily(latitude: float, longitude: float) -> dict[str, Any]:
            return {
                name: values(name, latitude, longitude, numbers).tolist()
                + [None] * (len(days) - len(numbers))
                for name in asked.params["daily"].split(",")
            }

        return places(asked, "daily", [day.isoformat() for day in days], daily)

    def flood(self, asked: Asked) -> Any:
        assert "timezone" not in asked.params, "the flood service takes none"
        days = span(asked)
        return places(
            asked,
            "daily",
            [day.isoformat() for day in days],
            lambda latitude, longitude: {
                "river_discharge": values(
                    "river", latitude, longitude, [day.toordinal() for day in days]
                ).tolist()
            },
            self.snap,
        )

    def run(self, asked: Asked) -> Any:
        run = datetime.fromisoformat(asked.params["run"]).replace(tzinfo=UTC)
        if run.date() in self.no_runs or run > self.newest_run:
            if "," in asked.params["latitude"]:  # as users of the service report
                return Fault(
                    200,
                    {},
                    b"Unexpected error while streaming data: modelRunUnavailable(model: "
                    b"ecmwf_ifs, run: " + str(run).encode() + b")",
                )
            return Fault(
                400,
                {"Content-Type": "application/json"},
                b'{"error": true, "reason": "No data available for this run"}',
            )
        return self._hours(asked, run.date(), int(asked.params["forecast_days"]), run)

    def newest(self, asked: Asked) -> Any:
        return self._hours(
            asked, self.newest_run.date(), int(asked.params["forecast_days"]) + 1, None
        )

    def ensemble(self, asked: Asked) -> Any:
        return self._hours(
            asked, self.newest_run.date(), int(asked.params["forecast_days"]) + 1, None, members=50
        )

    def previous(self, asked: Asked) -> Any:
        days = span(asked)
        return self._hours(asked, days[0], len(days), None)

    def about(self, asked: Asked) -> Any:
        return {
            "last_run_initialisation_time": int(self.newest_run.timestamp()),
            "update_interval_seconds": 21600,
        }

    def _hours(
        self, asked: Asked, first: date, days: int, run: datetime | None, members: int = 0
    ) -> Any:
        stamps = [
            datetime(first.year, first.month, first.day) + timedelta(hours=hour)
            for hour in range(24 * days)
        ]
        offset = offset_of(asked)

        def hourly(latitude: float, longitude: float) -> dict[str, Any]:
            columns = {}
            for name in asked.params["hourly"].split(","):
                for member in range(members + 1):
                    label = name + (f"_member{member:02d}" if member else "")
                    before = (
                        0
                        if run is None
                        else sum(
                            stamp - timedelta(hours=offset) < run.replace(tzinfo=None)
                            for stamp in stamps
                        )
                    )
                    columns[label] = [None] * before + (
                        [hour_value(name, hour, member) for hour in range(24)] * days
                    )[before:]
            return columns

        return places(
            asked, "hourly", [stamp.isoformat(timespec="minutes") for stamp in stamps], hourly
        )


def hour_value(name: str, hour: int, member: int = 0) -> float:
    """20 degC and up to 5 more or less in the day; rain 1 mm every hour.

    Each member 0.01 more, previous runs by their age 0.1 more.
    """
    age = int(name[-1]) if "previous_day" in name else 0
    daily = 5.0 * math.sin((hour - 9) / 24 * 2 * math.pi) if kind(name) == "temperature" else 0.0
    return round(LEVELS[kind(name)] + daily + 0.01 * member + 0.1 * age, 3)


def offset_of(asked: Asked) -> int:
    zone = asked.params.get("timezone", "GMT")
    return 0 if zone == "GMT" else -int(zone.removeprefix("Etc/GMT"))


def span(asked: Asked) -> list[date]:
    first, last = (date.fromisoformat(asked.params[name]) for name in ("start_date", "end_date"))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def places(
    asked: Asked,
    part: str,
    stamps: list[str],
    columns: Callable[[float, float], dict[str, Any]],
    snap: Any = (0.0, 0.0),
) -> Any:
    """One object for one place, a list for several."""
    points = [
        [float(degrees) for degrees in asked.params[axis].split(",")]
        for axis in ("latitude", "longitude")
    ]
    found = [
        _place(asked, part, stamps, columns(*point), point, snap)
        for point in zip(*points, strict=True)
    ]
    for number, one in enumerate(found[1:], 1):
        one["location_id"] = number
    return found if len(found) > 1 else found[0]


def _place(
    asked: Asked, part: str, stamps: list[str], columns: dict[str, Any], point: Any, snap: Any
) -> dict[str, Any]:
    offset = offset_of(asked)
    return {
        "latitude": point[0] + snap[0],
        "longitude": point[1] + snap[1],
        "generationtime_ms": 0.9,
        "utc_offset_seconds": offset * 3600,
        "timezone": asked.params.get("timezone", "GMT"),
        "timezone_abbreviation": asked.params.get("timezone", "GMT"),
        "elevation": 120.0,
        f"{part}_units": {"time": "iso8601"} | {name: UNITS[kind(name)] for name in columns},
        part: {"time": stamps} | columns,
    }
