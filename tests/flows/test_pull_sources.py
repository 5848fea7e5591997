"""Pulling through real sources of a service on loopback: what adds to the store, what is not
worth a retry, what a run then says."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import nasa_power_service
import pandas as pd
import pytest
import yaml
from open_meteo_service import OpenMeteo
from prefect import flow
from replay import Asked, Fault, Service, serve

import flows.pull
from configs import Region, RiskError, Settings, load_region
from data_contracts.batch import Batch
from data_contracts.merging import newest_origins
from data_contracts.store import Store
from flows.pull import Pulled, pull_sources
from sources.common.locations import locations_table

DAYS = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=number) for number in range(6)]


def sensor_city(folder: Path, url: str, **options: Any) -> Region:
    """A region of one place and one daily Datastream of rain."""
    told = {
        "url": url,
        "places": {"a": {"datastreams": {"precipitation": 7}}},
        "interval_minutes": {"precipitation": 1440},
    }
    return written(
        folder,
        sources=["sensor_things"],
        locations=[{"id": "a"}],
        source_options={"sensor_things": told | options},
    )


def written(folder: Path, **keys: Any) -> Region:
    path = folder / "city.yaml"
    path.write_text(
        yaml.safe_dump({"name": "city", "title": "City", "utc_offset": 0} | keys), encoding="utf-8"
    )
    return load_region(path)


class Gauge:
    """A SensorThings service with a rain gauge: a reading a day, 1 mm but where ``odd`` says
    otherwise."""

    def __init__(self, days: list[datetime]) -> None:
        self.days, self.odd = days, dict[datetime, float]()

    def __call__(self, asked: Asked) -> Any:
        if not asked.path.endswith("Observations"):
            return {"@iot.id": 7, "unitOfMeasurement": {"definition": "mm"}}
        since = (
            asked.params.get("$filter", "1900").removeprefix("phenomenonTime ge ").removesuffix("Z")
        )
        rows = [
            {
                "phenomenonTime": day.isoformat(),
                "result": self.odd.get(day, 1.0),
                "resultQuality": "raw",
            }
            for day in self.days
        ]
        return {"value": [row for row in rows if str(row["phenomenonTime"]) >= since]}


@pytest.fixture
def pull(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Pulled]:
    """``pull_sources`` in a flow of its own, retried without a wait."""
    monkeypatch.setattr(
        flows.pull, "fetch", flows.pull.fetch.with_options(retry_delay_seconds=[0, 0, 0])
    )
    return flow(pull_sources, name="pull sources", validate_parameters=False, persist_result=False)


@pytest.fixture
def gauge() -> Gauge:
    return Gauge(DAYS[:3])


@pytest.fixture
def service(gauge: Gauge) -> Iterator[Service]:
    with serve(Service(gauge)) as running:
        yield running


def test_nothing_new_is_stored_as_nothing_new(
    pull: Callable[..., Pulled], gauge: Gauge, service: Service, tmp_path: Path, home: Settings
) -> None:
    region = sensor_city(tmp_path, service.url)
    assert pull(region, home).degraded == ()
    before = Store(home, region).snapshot()
    gauge.days = []
    assert pull(region, home).degraded == ()
    assert Store(home, region).snapshot() == before


def test_an_empty_batch_of_a_source_that_adds_is_no_change(home: Settings, tmp_path: Path) -> None:
    from sources.sensor_things import SOURCE

    region = sensor_city(tmp_path, "http://127.0.0.1:1")
    for empty in (
        pd.DataFrame(),
        pd.DataFrame(
            {"time": pd.Series(dtype="datetime64[ns]"), "location": pd.Series(dtype="str")}
        ),
    ):
        stored = Store(home, region).ingest(SOURCE, Batch(empty, locations_table(region, [])))
        assert not stored.changed and stored.withheld.empty


def test_a_bad_reading_of_a_day_is_withheld_and_the_other_days_are_kept(
    pull: Callable[..., Pulled], gauge: Gauge, service: Service, tmp_path: Path, home: Settings
) -> None:
    gauge.days, gauge.odd = DAYS[:4], {DAYS[3]: -5.0}
    region = sensor_city(tmp_path, service.url)
    (said,) = map(str, pull(region, home).degraded)
    assert said.startswith("1 cell broke the contract")
    assert Store(home, region).observations()["precipitation"].values.ravel()[:3].tolist() == [
        1.0,
        1.0,
        1.0,
    ]


def test_until_a_day_before_what_is_new_leaves_the_store_as_it_is(
    pull: Callable[..., Pulled], service: Service, tmp_path: Path, home: Settings
) -> None:
    region = sensor_city(tmp_path, service.url)
    pull(region, home, until=date(2026, 3, 2))
    before = Store(home, region).snapshot()
    assert (
        Store(home, region).observations().sizes["time"] == len(Store(home, region).quality()) == 2
    )
    assert pull(region, home, until=date(2026, 2, 1)).degraded == ()
    assert Store(home, region).snapshot() == before


def test_the_years_of_a_backtest_are_those_of_all_pulls_together(
    pull: Callable[..., Pulled], gauge: Gauge, service: Service, tmp_path: Path, home: Settings
) -> None:
    region = sensor_city(tmp_path, service.url)
    with pytest.raises(
        RiskError,
        match=r"region city: found 0.0 years of observations, expected at least 1 .* "
        "what was pulled is stored",
    ):
        pull(region, home, least_years=1)
    gauge.days = [DAYS[0] - timedelta(days=400)]
    sensor = region.source_options["sensor_things"]
    pull(sensor_city(tmp_path, **sensor | {"since": "2025-01-01"}), home)
    gauge.days = [*DAYS[:3], DAYS[3]]
    assert pull(region, home, least_years=1).degraded == ()


def test_a_complete_record_too_short_is_refused_before_it_is_stored(
    pull: Callable[..., Pulled], write_record: Callable[..., Region], tmp_path: Path, home: Settings
) -> None:
    region = write_record(tmp_path, years=2)
    with pytest.raises(
        RiskError,
        match="station_files: found 2.0 years of observations, expected at least 15 .* "
        "nothing was stored",
    ):
        pull(region, home, least_years=15)
    assert not Store(home, region).path.exists()


def lines_of(day: date, value: str) -> list[str]:
    """400 lines of a file, from a day on."""
    return [f"{day + timedelta(days=number)},{value}" for number in range(400)]


def both(folder: Path, url: str, **keys: Any) -> Region:
    """A region of a rain gauge and of a file of temperatures."""
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    lines = ["time,air_temperature_max", *lines_of(date(2025, 1, 1), "21.5")]
    (inbox / "warm.csv").write_text("\n".join(lines), encoding="utf-8")
    told = {"sources": ["sensor_things", "station_files"], "locations": [{"id": "a"}]}
    told |= {"source_options": sensor_city(folder, url).source_options, "inbox": "inbox"}
    return written(folder, **told | keys)


def broken(region: Region, text: str) -> None:
    """The file of temperatures with another line."""
    path = region.path.parent / "inbox" / "warm.csv"
    path.write_text(path.read_text(encoding="utf-8") + f"\n{text}\n", encoding="utf-8")


# what is added to a good file: (the line, words of its own sentence)
BROKEN = {
    "a field too few": ("2027-01-01", "line 402 has 1 fields, expected 2"),
    "a fill value": ("2027-01-01,-999", "a fill value that stands for missing"),
    "a word": ("2027-01-01,trace", "found 'trace', expected a number"),
    "a day twice": ("2025-01-01,9.0", "are both for 2025-01-01"),
    "the year 9999": ("9999-12-31,9.0", "holds 9999-12-31, expected days from"),
}


@pytest.mark.parametrize(("line", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_source_that_cannot_be_used_does_not_hold_up_the_others(
    command: Callable[..., Any],
    gauge: Gauge,
    service: Service,
    tmp_path: Path,
    home: Settings,
    line: str,
    words: str,
) -> None:
    region = both(tmp_path, service.url)
    assert command(home, "pull", region.path).status == 0
    gauge.days = DAYS
    broken(region, line)
    said = command(home, "pull", region.path)
    assert said.status == 3
    (told,) = said.err.splitlines()
    assert told.startswith("degraded: station_files could not be used (") and words in told
    assert told.endswith("; what was stored before is used.")
    stored = Store(home, region).observations()
    assert stored["precipitation"].notnull().sum() == len(DAYS)
    assert stored["air_temperature_max"].notnull().sum() == 400


def test_where_nothing_was_stored_the_first_failure_is_the_answer(
    command: Callable[..., Any], service: Service, tmp_path: Path, home: Settings
) -> None:
    region = both(tmp_path, service.url)
    broken(region, "2027-01-01")
    service.answer = lambda _: Fault(404)
    for verb in ("daily", "pull", "backtest"):
        words = ["--out", tmp_path / "scores.csv"] if verb == "backtest" else []
        said = command(home, verb, region.path, *words)
        assert said.status == 1 and said.err.count("\n") == 1, said.err
        assert said.err.startswith("climate-risk: sensor_things: asked 127.0.0.1 for"), said.err
        assert "HTTP 404" in said.err and "what was stored before" not in said.err
    assert not Store(home, region).path.exists()


def test_of_the_only_source_a_pull_is_refused_whatever_was_stored(
    command: Callable[..., Any], service: Service, tmp_path: Path, home: Settings
) -> None:
    region = both(tmp_path, service.url, sources=["station_files"], source_options={})
    assert command(home, "pull", region.path).status == 0
    before = Store(home, region).snapshot()
    broken(region, "2027-01-01,-999")
    said = command(home, "pull", region.path)
    assert said.status == 1
    assert said.err.startswith("climate-risk: source station_files: air_temperature_max is -999")
    assert Store(home, region).snapshot() == before


def test_a_damaged_file_costs_its_own_new_rows_alone(
    command: Callable[..., Any], tmp_path: Path, home: Settings
) -> None:
    region = written(tmp_path, sources=["station_files"], inbox="inbox")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    head = ["time,location,air_temperature_max"]
    for place in ("a", "b"):
        rows = [line.replace(",", f",{place},") for line in lines_of(date(2025, 1, 1), "21.5")]
        (inbox / f"{place}.csv").write_text("\n".join(head + rows) + "\n", encoding="utf-8")
    assert command(home, "pull", region.path).status == 0
    for place, line in (("a", "2026-02-05\n"), ("b", "2026-02-05,b,9.5\n")):
        with (inbox / f"{place}.csv").open("a", encoding="utf-8") as file:
            file.write(line)
    said = command(home, "pull", region.path)
    assert said.status == 3
    assert "a.csv: line 402 has 1 fields, expected 3" in said.err
    stored = Store(home, region).observations()["air_temperature_max"]
    assert stored.sel(time="2026-02-05", location="b") == 9.5
    assert stored.sel(location="a").notnull().sum() == 400


def test_a_select_that_fails_does_not_hold_up_the_others(
    pull: Callable[..., Pulled],
    tmp_path: Path,
    home: Settings,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sqlite3.connect(tmp_path / "city.db").close()
    monkeypatch.setenv("CITY_DB", f"sqlite:///{tmp_path / 'city.db'}")
    gauge = sensor_city(tmp_path, service.url)
    options = gauge.source_options | {"sql": {"url_env": "CITY_DB", "select": "SELECT x FROM y"}}
    region = written(
        tmp_path, sources=["sql", "sensor_things"], locations=[{"id": "a"}], source_options=options
    )
    (said,) = map(str, pull(region, home).degraded)
    assert said.startswith("sql could not be used (sql: the database") and "no such table" in said
    assert Store(home, region).observations()["precipitation"].notnull().sum() == 3


# what the Datastream's address answers: (the fault, how often it is then asked in one pull)
TRIED = {
    "refused": (Fault(404), 1),
    "a wrong key": (Fault(401), 1),
    "closed for an hour": (Fault(429, {"Retry-After": "3600"}), 1),
    "down": (Fault(302, {"Location": "http://192.0.2.1/maintenance"}), 4),
}


@pytest.mark.parametrize(("fault", "times"), TRIED.values(), ids=TRIED.keys())
def test_only_a_service_that_is_down_is_pulled_again(
    pull: Callable[..., Pulled],
    service: Service,
    tmp_path: Path,
    home: Settings,
    fault: Fault,
    times: int,
) -> None:
    service.answer = lambda _: fault
    (said,) = map(str, pull(sensor_city(tmp_path, service.url), home).degraded)
    assert re.match(r"sensor_things is down \(.*(HTTP 4|a redirect to http://192.0.2.1)", said)
    assert len(service.asked) == times


def test_where_a_source_is_down_the_next_gives_the_values_and_the_run_says_so(
    command: Callable[..., Any], tmp_path: Path, home: Settings, service: Service
) -> None:
    service.answer = lambda asked: (
        nasa_power_service.answer(asked) if asked.path == "/power" else Fault(401)
    )
    today = datetime.now(UTC).date()
    region = written(
        tmp_path,
        sources=["open_meteo", "nasa_power"],
        history_start=today - timedelta(days=34),
        locations=[{"id": "a", "latitude": 35.0, "longitude": -2.3}],
        source_options={
            "open_meteo": {"archive_url": service.url + "/v1/archive"},
            "nasa_power": {"url": service.url + "/power"},
        },
    )
    said = command(home, "pull", region.path)
    assert said.status == 3
    assert (
        "degraded: open_meteo is down (open_meteo: asked 127.0.0.1 for a, " in said.err
        and "HTTP 401; check the key" in said.err
    )
    stored = Store(home, region).observations()
    assert (stored["air_temperature_max"] == 25.0).all() and stored.sizes["time"] == 30
    assert newest_origins(stored)["air_temperature_max"] == {"nasa_power": 1.0}
    before = Store(home, region).snapshot()
    service.answer = lambda asked: Fault(401)
    assert command(home, "pull", region.path).status == 3, (
        "NASA POWER has nothing newer, so it is not asked"
    )
    assert Store(home, region).snapshot() == before


def test_check_asks_a_service_for_some_days_only_and_keeps_nothing(
    command: Callable[..., Any], tmp_path: Path, home: Settings, service: Service
) -> None:
    today = datetime.now(UTC).date()
    world = OpenMeteo(
        published=today - timedelta(days=6),
        newest_run=datetime(today.year, today.month, today.day, tzinfo=UTC),
    )
    service.answer = world
    paths = {
        "archive": "/v1/archive",
        "runs": "/v1/runs",
        "forecast": "/v1/forecast",
        "previous_runs": "/v1/previous",
    }
    urls = {f"{name}_url": service.url + path for name, path in paths.items()}
    urls |= {"about_url": service.url + "/data", "ensemble_about_url": service.url + "/data"}
    region = written(
        tmp_path,
        sources=["open_meteo"],
        history_start=date(1991, 1, 1),
        locations=[{"id": "a", "latitude": 35.0, "longitude": -2.3}],
        source_options={"open_meteo": urls},
    )
    for _ in range(2):
        said = command(home, "check", region.path)
        assert said.status == 0, said.out
        assert f"{today - timedelta(days=10)} to {today - timedelta(days=6)}, 1 places" in said.out
    assert len(service.asked) < 40 and list(home.home.iterdir()) == []
    world.published = today - timedelta(days=11)
    said = command(home, "check", region.path)
    assert said.status == 1 and "open_meteo: it answers, but found no day since" in said.out
    service.answer = lambda asked: world(asked) if asked.path == "/v1/archive" else Fault(404)
    world.published = today - timedelta(days=6)
    said = command(home, "check", region.path)
    assert (
        said.status == 0 and "1 places; open_meteo: asked 127.0.0.1 for a, the run of" in said.out
    )


def test_a_forecast_that_cannot_be_had_ends_the_pull_degraded(
    command: Callable[..., Any], tmp_path: Path, home: Settings, service: Service
) -> None:
    today = datetime.now(UTC).date()
    world = OpenMeteo(
        published=today - timedelta(days=6),
        newest_run=datetime(today.year, today.month, today.day, tzinfo=UTC),
    )
    service.answer = lambda asked: world(asked) if asked.path == "/v1/archive" else Fault(404)
    paths = {
        "archive": "/v1/archive",
        "runs": "/v1/runs",
        "forecast": "/v1/forecast",
        "about": "/data",
    }
    region = written(
        tmp_path,
        sources=["open_meteo"],
        history_start=today - timedelta(days=35),
        locations=[{"id": "a", "latitude": 35.0, "longitude": -2.3}],
        source_options={
            "open_meteo": {f"{name}_url": service.url + path for name, path in paths.items()}
            | {"past_runs_from": today.isoformat(), "ensemble": ""}
        },
    )
    said = command(home, "pull", region.path)
    assert said.status == 3
    assert (
        "degraded: open_meteo: asked 127.0.0.1 for a, the forecast from" in said.err
        and "HTTP 404" in said.err
    )
    assert Store(home, region).observations()["precipitation"].notnull().sum() == 30
