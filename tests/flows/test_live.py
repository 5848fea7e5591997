"""A region of live services on its first morning: pull, learn, publish.

And the same morning again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from made_weather import weather
from open_meteo_service import LEVELS, OpenMeteo, kind, places, span
from replay import Asked, Service, serve

from configs import Settings

NOW = datetime.now(UTC)
TODAY = NOW.date()
YEARS = 17
pytestmark = pytest.mark.slow


class Weather(OpenMeteo):
    """The service with that weather in it; forecasts err more each day ahead."""

    def archive(self, asked: Asked) -> Any:
        days = span(asked)
        there = [day.toordinal() for day in days if day <= self.published]

        def daily(latitude: float, longitude: float) -> dict[str, Any]:
            names = asked.params["daily"].split(",")
            return {
                name: [*weather(name, there).tolist(), *[None] * (len(days) - len(there))]
                for name in names
            }

        return places(asked, "daily", [day.isoformat() for day in days], daily)

    def _hours(
        self, asked: Asked, first: Any, days: int, run: datetime | None, members: int = 0
    ) -> Any:
        ordinals = np.arange(first.toordinal(), first.toordinal() + days)
        stamps = [
            datetime(first.year, first.month, first.day) + timedelta(hours=hour)
            for hour in range(24 * days)
        ]
        hot, cold, rain = (
            weather(name, ordinals)
            for name in ("temperature_2m_max", "temperature_2m_min", "precipitation")
        )

        def hourly(latitude: float, longitude: float) -> dict[str, Any]:
            columns = {}
            for member in range(members + 1):
                error = (
                    np.random.default_rng([first.toordinal(), member]).normal(size=days).cumsum()
                    * 0.4
                )
                wave = (1 + np.sin((np.arange(24) - 9) / 24 * 2 * np.pi)) / 2
                degrees = ((cold + error)[:, None] + (hot - cold)[:, None] * wave).ravel().round(2)
                values = {
                    "temperature": degrees,
                    "precipitation": np.repeat(rain / 24, 24).round(3),
                }
                for name in asked.params["hourly"].split(","):
                    steady = np.full(len(degrees), LEVELS[kind(name)])
                    columns[name + (f"_member{member:02d}" if member else "")] = values.get(
                        kind(name), steady
                    ).tolist()
            return columns

        return places(
            asked, "hourly", [stamp.isoformat(timespec="minutes") for stamp in stamps], hourly
        )


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serve(
        Service(
            Weather(
                published=TODAY - timedelta(days=6),
                newest_run=datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC),
            )
        )
    ) as it:
        yield it


@pytest.fixture(scope="module")
def region_file(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two places as a reader of the README would write them, the services' addresses on
    loopback."""
    paths = {
        "archive": "/v1/archive",
        "runs": "/v1/runs",
        "forecast": "/v1/forecast",
        "about": "/data",
        "previous_runs": "/v1/previous",
        "ensemble": "/v1/ensemble",
        "ensemble_about": "/data",
    }
    urls: dict[str, Any] = {f"{name}_url": service.url + path for name, path in paths.items()}
    told = {
        "name": "somewhere",
        "title": "Somewhere",
        "timezone": "UTC",
        "sources": ["open_meteo"],
        "history_start": f"{TODAY.year - YEARS}-01-01",
        "locations": [
            {"id": name, "latitude": latitude, "longitude": -2.3}
            for name, latitude in (("north", 35.0), ("south", 34.4))
        ],
        "source_options": {
            "open_meteo": urls
            | {"past_runs_from": str(TODAY - timedelta(days=500)), "calls_a_minute": 1e6}
        },
    }
    path = tmp_path_factory.mktemp("live") / "somewhere.yaml"
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def home(
    region_file: Path, prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    from flows.cli import main

    settings = Settings(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIMATE_RISK_HOME", str(settings.home))
        assert main(["daily", str(region_file)]) == 0
    return settings


def provenance(home: Settings) -> dict[str, Any]:
    return json.loads(
        (home.published / "somewhere" / str(TODAY) / "provenance.json").read_text(encoding="utf-8")
    )


def test_the_first_morning_publishes_with_weather_forecasts_and_says_where_values_are_from(
    home: Settings,
) -> None:
    table = pd.read_csv(home.published / "somewhere" / str(TODAY) / "forecast.csv")
    assert set(table["hazard"]) >= {"heat", "flash_flood", "drought"}
    assert table.query("hazard == 'flash_flood' and lead_days == 0")["probability"].notna().all()
    assert provenance(home)["origins"]["air_temperature_max"] == {"open_meteo": 1.0}
    assert provenance(home)["data_until"] == str(TODAY - timedelta(days=6))
    assert any("use weather forecasts" in note for note in provenance(home)["notes"])
    assert provenance(home)["degraded"] == []


def test_the_same_morning_again_asks_for_nothing_and_changes_nothing(
    home: Settings, region_file: Path, service: Service, command: Callable
) -> None:
    before = (home.published / "somewhere" / str(TODAY) / "forecast.csv").read_bytes()
    service.asked.clear()
    assert command(home, "daily", region_file).status == 0
    asked = [request.path for request in service.asked]
    assert asked == ["/data/ecmwf_ifs025_ensemble/static/meta.json"], (
        "only whether there is an ensemble to archive now"
    )
    assert (home.published / "somewhere" / str(TODAY) / "forecast.csv").read_bytes() == before
