"""A city that lives through its days: sensors in a database, an archive on loopback, a clock of its
own, and a run each morning."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from made_weather import weather
from nasa_power_service import FILL, answer
from replay import Asked, Fault, Service

from configs import Region, Settings, load_region
from flows.cli import main

HOUR = time(5, 30)
"""Of the morning's run, in UTC."""
DAY = timedelta(days=1)


class Sensor(NamedTuple):
    """What a sensor measures, what NASA POWER calls it, and what ``weather`` does."""

    variable: str
    parameter: str
    weather: str


SENSORS = {
    "TX": Sensor("air_temperature_max", "T2M_MAX", "temperature_2m_max"),
    "TN": Sensor("air_temperature_min", "T2M_MIN", "temperature_2m_min"),
    "RR": Sensor("precipitation", "PRECTOTCORR", "precipitation"),
}
SELECT = (
    "SELECT ts AS time, station AS location, sensor AS variable, value FROM readings "
    "WHERE ts >= :since"
)
RUN = """
import configs.clock, datetime, sys
moment = datetime.datetime.fromisoformat(sys.argv[1])
configs.clock.now = lambda: moment
from flows.cli import main
sys.exit(main(sys.argv[2:]))
"""
"""The command in a process of its own, at a moment."""


@dataclass
class Archive:
    """NASA POWER up to the day ``published``: of the sensors' variables alone.

    ``down`` where it answers nobody; ``said`` where it says another highest temperature of a day.
    """

    published: date
    sensors: tuple[str, ...] = tuple(SENSORS)
    down: bool = False
    said: dict[str, float] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Any:
        if self.down:
            return Fault(404)  # which is not asked again, with pauses, as a 503 is
        reply = answer(asked)
        series = reply["properties"]["parameter"]
        for name, values in series.items():
            days = [datetime.strptime(day, "%Y%m%d").date() for day in values]
            series[name] = dict(zip(values, self._values(name, days), strict=True))
        series["T2M_MAX"] |= {day: v for day, v in self.said.items() if day in series["T2M_MAX"]}
        return reply

    def _values(self, parameter: str, days: list[date]) -> list[float]:
        sensor = next((one for one in self.sensors if SENSORS[one].parameter == parameter), None)
        if sensor is None:
            return [FILL] * len(days)
        values = weather(SENSORS[sensor].weather, [day.toordinal() for day in days])
        return [
            float(value) if day <= self.published else FILL
            for day, value in zip(days, values, strict=True)
        ]


@dataclass
class Said:
    """What a command came to."""

    status: int
    out: str
    err: str


@dataclass
class City:
    """The city: ``capture`` reads what was printed since it was last asked.

    ``sensors``: of SENSORS, those that it has; ``today``: the day it has come to.
    """

    folder: Path
    settings: Settings
    service: Service
    archive: Archive
    capture: Callable[[], tuple[str, str]]
    today: date
    sensors: tuple[str, ...] = tuple(SENSORS)
    moment: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.archive.sensors = self.sensors
        self.wake(self.today)

    @property
    def database(self) -> Path:
        return self.folder / "city.db"

    @property
    def region_file(self) -> Path:
        return self.folder / "somewhere.yaml"

    @property
    def region(self) -> Region:
        return load_region(self.region_file)

    @property
    def published(self) -> Path:
        return self.settings.published / "somewhere"

    def build(self, first: date) -> None:
        """The database with the days from the first up to yesterday, and the region file."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("CREATE TABLE readings (ts, station, sensor, value)")
        self.measure(first, self.today - DAY)
        told = {
            "name": "somewhere",
            "title": "Somewhere",
            "timezone": "Europe/Madrid",
            "utc_offset": 1,
            "sources": ["sql", "nasa_power"],
            "history_start": str(first),
            "locations": [{"id": "north", "latitude": 40.4, "longitude": -3.7}],
            "source_options": {
                "sql": {
                    "url_env": "CITY_DATABASE_URL",
                    "select": SELECT,
                    "variables": {name: SENSORS[name].variable for name in self.sensors},
                    "locations": {"s1": "north"},
                    "interval_minutes": {SENSORS[name].variable: 1440 for name in self.sensors},
                },
                "nasa_power": {"url": f"{self.service.url}/power"},
            },
        }
        self.region_file.write_text(yaml.safe_dump(told), encoding="utf-8")

    def measure(self, first: date, last: date, **instead: Any) -> None:
        """The readings of some days come into the database; ``instead``: a sensor's own value."""
        days = [first + n * DAY for n in range((last - first).days + 1)]
        ordinals = np.array([day.toordinal() for day in days])
        with closing(sqlite3.connect(self.database)) as connection, connection:
            for name in self.sensors:
                values = weather(SENSORS[name].weather, ordinals)
                rows = [
                    (str(day), "s1", name, instead.get(name, float(value)))
                    for day, value in zip(days, values, strict=True)
                ]
                connection.executemany("INSERT INTO readings VALUES (?, ?, ?, ?)", rows)

    def forget(self, first: date) -> None:
        """The readings since a day leave the database."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("DELETE FROM readings WHERE ts >= ?", (str(first),))

    def wake(self, day: date, hour: time = HOUR) -> None:
        """It is this day's morning."""
        self.today, self.moment = day, datetime.combine(day, hour, UTC)
        self.archive.published = day - 5 * DAY

    def command(self, *words: object) -> Said:
        """A command in this process, at this moment."""
        self.capture()
        status = main([str(word) for word in words])
        return Said(status, *self.capture())

    def daily(self) -> Said:
        return self.command("daily", self.region_file)

    def killed(self, after: str, api: str) -> None:
        """The morning's run in a process of its own that is killed once it has printed a stage."""
        words = [sys.executable, "-c", RUN, self.moment.isoformat(), "daily", self.region_file]
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env=os.environ | {"PREFECT_API_URL": api}
        )
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if line.startswith(after):
                process.kill()
                break
        process.wait()
        process.stdout.close()
        assert process.returncode == -9, printed

    def report(self, day: date) -> Path:
        """The folder of a day's report."""
        return self.published / str(day)

    def told(self, day: date) -> str:
        """What a day's report says of how it came to be: degraded, notes and notices."""
        folder = self.report(day)
        told = yaml.safe_load((folder / "provenance.json").read_text(encoding="utf-8"))
        notices = (folder / "report.en.html").read_text(encoding="utf-8")
        return "\n".join([*told["degraded"], *told["notes"], notices])

    def size(self) -> dict[str, int]:
        """Bytes of the home by folder."""
        return {
            folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            for folder in self.settings.home.iterdir()
            if folder.is_dir()
        }

    def free(self) -> int:
        """Bytes left on the home's disk."""
        return shutil.disk_usage(self.settings.home).free
