"""Open-Meteo: what is asked and what it weighs, when a forecast may be used, and that nothing wrong
is ever delivered."""

from __future__ import annotations

import dataclasses
import logging
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from open_meteo_service import OpenMeteo, hour_value, values
from replay import HASTY, Asked, Fault, Service, serve

from configs import CHECKOUT, ConfigError, Location, Region, Settings, load_region
from data_contracts.batch import Batch, SourceUnavailable
from data_contracts.store import Store
from data_contracts.variables import VARIABLES
from sources.common.coverage import Coverage, Period, coverage_of, final_spans, missing_blocks
from sources.common.grid import GridCell, cells_of, shortened
from sources.common.http_messages import RetryPolicy, Throttled
from sources.common.open_meteo.budget import Budget, weight
from sources.common.open_meteo.service import RETRY_POLICY, host_for
from sources.open_meteo import LATER, SOURCE, OpenMeteoOptions
from sources.open_meteo import fetch_at as fetch_request_at
from sources.open_meteo.parameters import CORE, zone_name
from sources.open_meteo.run_times import RunTimes
from sources.open_meteo_flood import FloodOptions

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TODAY = NOW.date()
NEWEST = datetime(2026, 11, 23, tzinfo=UTC)
EVENING = datetime(
    2026, 11, 22, 18, tzinfo=UTC
)  # the newest run that may be used: 7 hours before the issue at 05:30 UTC are 22:30
HURRIED = dataclasses.replace(HASTY, hopeless=RETRY_POLICY.hopeless)
ALL_COLUMNS = [*CORE, *LATER]


def fetch_at(region: Region, home: Settings, now: datetime, policy: RetryPolicy) -> Batch:
    """The fetch of a pull at a moment: it is told what the store of ``home`` holds."""
    return fetch_request_at(Store(home, region).fetch_request(SOURCE.name), now, policy)


@pytest.fixture
def world() -> OpenMeteo:
    return OpenMeteo(published=TODAY - timedelta(days=6), newest_run=NEWEST)


@pytest.fixture
def service(world: OpenMeteo) -> Iterator[Service]:
    with serve(Service(world)) as running:
        yield running


def at(service: Service, **options: Any) -> dict[str, dict[str, Any]]:
    paths = {
        "archive_url": "/v1/archive",
        "runs_url": "/v1/runs",
        "forecast_url": "/v1/forecast",
        "about_url": "/data",
        "previous_runs_url": "/v1/previous",
        "ensemble_url": "/v1/ensemble",
        "ensemble_about_url": "/data",
    }
    urls = {name: service.url + path for name, path in paths.items()}
    return {
        "open_meteo": {
            **urls,
            "calls_a_minute": 1e6,
            "past_runs_from": TODAY,
            "ensemble": "",
            **options,
        }
    }


def town(service: Service, places: int = 1, **options: Any) -> Region:
    """A region of places in cells of their own, with 30 days of history to be had."""
    found = tuple(
        Location(
            id=f"town-{number}",
            names={"en": f"Town {number}"},
            latitude=35.0 + number / 2 % 40,
            longitude=-2.3,
        )
        for number in range(places)
    )
    return Region(
        name="somewhere",
        title="Somewhere",
        timezone="Africa/Casablanca",
        utc_offset=0,
        sources=("open_meteo",),
        history_start=TODAY - timedelta(days=35),
        locations=found,
        source_options=at(service, **options),
        path=Path("somewhere.yaml"),
    )


def berkane(service: Service, **options: Any) -> Region:
    region = load_region("berkane")
    return region.model_copy(
        update={"sources": ("open_meteo",), "source_options": at(service, **options)}
    )


def asked(service: Service, path: str) -> list[Asked]:
    return [request for request in service.asked if request.path == path]


def calls(request: Asked) -> float:
    """What a request weighs, by the pricing page's own words."""
    names = request.params.get("daily", request.params.get("hourly", "")).split(",")
    members = 51 if request.path == "/v1/ensemble" else 1
    if "start_date" in request.params:
        first, last = (
            date.fromisoformat(request.params[name]) for name in ("start_date", "end_date")
        )
        days = (last - first).days + 1
    else:
        days = int(request.params.get("forecast_days", "1"))
    return weight(len(request.params.get("latitude", "0").split(",")), len(names) * members, days)


def ingest(region: Region, settings: Settings, batch: Batch) -> None:
    Store(settings, region).ingest(SOURCE, batch)


def test_history_is_canonical_and_complete(service: Service, home: Settings) -> None:
    region = town(service, 2)
    batch = fetch_at(region, home, NOW, HASTY)
    table = batch.observations
    assert (
        set(table)
        == {"time", "location", *(column.variable for column in ALL_COLUMNS)}
        <= {"time", "location", *VARIABLES}
    )
    assert table["time"].min() == pd.Timestamp(TODAY - timedelta(days=35))
    assert table["time"].max() == pd.Timestamp(TODAY - timedelta(days=6))
    assert len(table) == 2 * 30
    day = TODAY - timedelta(days=20)
    row = table[(table["time"] == pd.Timestamp(day)) & (table["location"] == "town-1")].iloc[0]
    for column in ALL_COLUMNS:
        assert row[column.variable] == values(column.parameter, 35.5, -2.25, day.toordinal())
    assert batch.locations["location"].tolist() == ["town-0", "town-1"]


def test_the_model_the_zone_and_the_units_are_pinned(service: Service, home: Settings) -> None:
    fetch_at(town(service), home, NOW, HASTY)
    for request in service.asked:
        assert request.params["timezone"] == "GMT" and request.params["wind_speed_unit"] == "ms"
        assert (
            request.params["elevation"] == "nan" and request.params["cell_selection"] == "nearest"
        )
    assert {request.params["models"] for request in asked(service, "/v1/archive")} == {"era5"}
    assert {request.params["models"] for request in asked(service, "/v1/runs")} == {"ecmwf_ifs"}
    assert not any(
        "historical-forecast" in str(field.default)
        for field in OpenMeteoOptions.model_fields.values()
    )


@pytest.mark.parametrize(
    ("offset", "zone"), [(0, "GMT"), (1, "Etc/GMT-1"), (-5, "Etc/GMT+5"), (14, "Etc/GMT-14")]
)
def test_standard_days_are_asked_for_by_a_zone_of_fixed_offset(offset: int, zone: str) -> None:
    from zoneinfo import ZoneInfo

    assert zone_name(offset) == zone
    assert datetime(2026, 7, 1, tzinfo=ZoneInfo(zone)).utcoffset() == timedelta(hours=offset)


def test_days_are_those_of_the_region(service: Service, home: Settings) -> None:
    region = town(service).model_copy(
        update={
            "utc_offset": None,
            "locations": (Location(id="east", latitude=35.0, longitude=46.0),),
        }
    )
    assert region.day_offset == 3
    batch = fetch_at(region, home, NOW, HASTY)
    assert {request.params["timezone"] for request in service.asked} == {"Etc/GMT-3"}
    # The run of 00 UTC begins at 03:00 of the standard day, so that day is not a whole one of it.
    run = datetime.fromisoformat(asked(service, "/v1/runs")[0].params["run"]).date()
    first = batch.forecasts["init_time"] + pd.to_timedelta(batch.forecasts["lead_days"], unit="D")
    assert first.min() == max(pd.Timestamp(run) + pd.Timedelta(days=1), pd.Timestamp(TODAY))


# What a reply may be instead of what was asked for -> what the error must say. ``reply`` is of one
# place.
def set_unit(part: str, name: str, unit: str) -> Callable[[Any], Any]:
    def change(reply: Any) -> Any:
        reply[f"{part}_units"][name] = unit
        return reply

    return change


def put(**values: Any) -> Callable[[Any], Any]:
    return lambda reply: reply | values


def drop_step(part: str, step: int = 5) -> Callable[[Any], Any]:
    def change(reply: Any) -> Any:
        reply[part] = {
            name: series[:step] + series[step + 1 :] for name, series in reply[part].items()
        }
        return reply

    return change


def repeat_step(part: str, step: int = 5) -> Callable[[Any], Any]:
    def change(reply: Any) -> Any:
        reply[part] = {
            name: series[: step + 1] + series[step:] for name, series in reply[part].items()
        }
        return reply

    return change


def set_series(part: str, name: str, make: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    def change(reply: Any) -> Any:
        reply[part][name] = make(reply[part][name])
        return reply

    return change


def without(part: str, name: str) -> Callable[[Any], Any]:
    def change(reply: Any) -> Any:
        del reply[part][name]
        return reply

    return change


WRONG_HISTORY = {
    "temperatures in fahrenheit": (
        set_unit("daily", "temperature_2m_max", "°F"),
        "temperature_2m_max in '°F' where '°C'",
    ),
    "rain in inches": (
        set_unit("daily", "precipitation_sum", "inch"),
        "precipitation_sum in 'inch'",
    ),
    "wind in km/h": (
        set_unit("daily", "wind_speed_10m_mean", "km/h"),
        "wind_speed_10m_mean in 'km/h' where 'm/s'",
    ),
    "no units": (put(daily_units={}), "temperature_2m_max in None"),
    "an undefined unit with values": (
        set_unit("daily", "temperature_2m_min", "undefined"),
        "in 'undefined'",
    ),
    "a missing day": (drop_step("daily"), "no 2026-10-24"),
    "a day twice": (repeat_step("daily"), "the day 2026-10-24 twice"),
    "a day too many": (
        set_series("daily", "time", lambda days: ["2026-10-18", *days[1:]]),
        "no 2026-10-19",
    ),
    "another time zone": (put(utc_offset_seconds=3600), "offset 3600 s where 0 s"),
    "no time zone": (
        lambda reply: {k: v for k, v in reply.items() if k != "utc_offset_seconds"},
        "offset None s",
    ),
    "stamps with a zone": (
        set_series("daily", "time", lambda days: [day + "T00:00Z" for day in days]),
        "stamps with a zone",
    ),
    "stamps that are numbers": (
        set_series("daily", "time", lambda days: list(range(len(days)))),
        "stamps that are no dates",
    ),
    "stamps that are words": (
        set_series("daily", "time", lambda days: ["someday"] * len(days)),
        "stamps that are no dates",
    ),
    "another grid point": (put(latitude=35.25), "the grid point 35.25, -2.25, 0.25 degrees from"),
    "no coordinates": (put(longitude=None), "no coordinates"),
    "a series too short": (
        set_series("daily", "temperature_2m_max", lambda found: found[:-1]),
        "without a value for each stamp",
    ),
    "a series missing": (
        without("daily", "temperature_2m_max"),
        "temperature_2m_max without a value",
    ),
    "words for numbers": (
        set_series("daily", "precipitation_sum", lambda found: ["wet", *found[1:]]),
        "no numbers",
    ),
    "true for a number": (
        set_series("daily", "precipitation_sum", lambda found: [True, *found[1:]]),
        "no numbers",
    ),
    "no daily part": (
        lambda reply: {k: v for k, v in reply.items() if k != "daily"},
        "no daily series",
    ),
    "a number beyond all": (
        set_series("daily", "precipitation_sum", lambda found: [10**400, *found[1:]]),
        "no numbers",
    ),
    "infinite rain": (
        set_series("daily", "precipitation_sum", lambda found: [float("inf"), *found[1:]]),
        "no numbers",
    ),
    "a day in a far future": (
        set_series("daily", "time", lambda days: ["9999-12-31", *days[1:]]),
        "no 2026-10-19|no dates",
    ),
    "two places for one": (lambda reply: [reply, reply], "2 places where 1 were asked for"),
    "no place": (lambda reply: [], "0 places where 1"),
    "a text": (lambda reply: "closed for today", "no daily series"),
    "nothing": (lambda reply: None, "no daily series"),
}


@pytest.mark.parametrize(("change", "told"), WRONG_HISTORY.values(), ids=WRONG_HISTORY)
def test_a_wrong_history_is_refused(
    world: OpenMeteo, service: Service, home: Settings, change: Any, told: str
) -> None:
    world.change = lambda path, reply: change(reply) if path == "/v1/archive" else reply
    with pytest.raises(SourceUnavailable) as error:
        fetch_at(town(service), home, NOW, HASTY)
    text = str(error.value)
    assert re.search(told, text) and text.startswith(
        "open_meteo: asked 127.0.0.1 for town-0, 2026-10-19 to 2026-11-17; found "
    )
    assert text.endswith("run it again later, and if it stays so tell the project.")
    assert not list(home.data.rglob("*.json.gz")), "nothing wrong is kept"


FAULTS = {
    "429": Fault(
        429,
        {},
        b'{"error": true, "reason": "Minutely API request limit exceeded. '
        b'Please try again in one minute."}',
    ),
    "429 with Retry-After": Fault(429, {"Retry-After": "0"}),
    "429 until tomorrow": Fault(
        429,
        {},
        b'{"error": true, "reason": "Daily API request limit exceeded. '
        b'Please try again tomorrow."}',
    ),
    "500": Fault(500),
    "time-out": Fault(late=0.4),
    "a body cut in half": Fault(200, {}, b'{"latitude": 35.0, "longitude": -2.25}', cut=True),
    "a web page": Fault(200, {"Content-Type": "text/html"}, b"<html>maintenance</html>"),
    "400": Fault(
        400, {}, b'{"error": true, "reason": "Value of type ForecastVariableDaily is wrong"}'
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_history_that_cannot_be_had_names_source_place_days_and_cure(
    service: Service, home: Settings, fault: Fault
) -> None:
    service.faults = [fault] * 3
    with pytest.raises(SourceUnavailable) as error:
        fetch_at(town(service), home, NOW, HASTY)
    assert str(error.value).startswith(
        "open_meteo: asked 127.0.0.1 for town-0, 2026-10-19 to 2026-11-17; found "
    )
    assert "run it again" in str(error.value) or "check the address" in str(error.value)


PASSING = ("429", "429 with Retry-After", "500", "time-out", "a body cut in half", "a web page")


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_changes_nothing_that_is_delivered(
    service: Service, home: Settings, name: str
) -> None:
    plain = fetch_at(town(service), home, NOW, HASTY)
    service.faults = [FAULTS[name]]
    again = fetch_at(town(service), home, NOW, HASTY)
    pd.testing.assert_frame_equal(plain.observations, again.observations)
    pd.testing.assert_frame_equal(plain.forecasts, again.forecasts)


def test_nulls_are_missing_and_days_not_published_are_left_out(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    world.published = TODAY - timedelta(days=9)
    world.change = lambda path, reply: (
        set_series("daily", "temperature_2m_max", lambda found: [None, *found[1:]])(reply)
        if path == "/v1/archive" and "temperature_2m_max" in reply["daily"]
        else reply
    )
    table = fetch_at(town(service), home, NOW, HASTY).observations
    assert table["time"].max() == pd.Timestamp(world.published), (
        "tomorrow's pull asks for the rest again"
    )
    assert np.isnan(table["air_temperature_max"].iloc[0]) and np.isfinite(
        table["air_temperature_min"].iloc[0]
    )


def test_a_variable_the_model_does_not_have_is_missing_not_wrong(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    def change(path: str, reply: Any) -> Any:
        if path == "/v1/archive" and "soil_moisture_0_to_7cm_mean" in reply["daily"]:
            reply["daily"]["soil_moisture_0_to_7cm_mean"] = [None] * len(reply["daily"]["time"])
            reply["daily_units"]["soil_moisture_0_to_7cm_mean"] = "undefined"
        return reply

    world.change = change
    table = fetch_at(town(service), home, NOW, HASTY).observations
    assert (
        table["soil_moisture"].isna().all() and table["surface_downwelling_shortwave"].notna().all()
    )


def test_variables_hazards_can_do_without_do_not_hold_up_the_others(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    world.change = lambda path, reply: (
        set_unit("daily", "surface_pressure_mean", "Pa")(reply)
        if "surface_pressure_mean" in reply.get("daily", {})
        else reply
    )
    table = fetch_at(town(service), home, NOW, HASTY).observations
    assert "air_pressure" not in table and len(table) == 30


# Weight, by hand. 10 variables for 14 days are one call; 7 variables for 28 days: 0.7 x 2 = 1.4; 15
# for 14: 1.5; 15 for 28: 3.
@pytest.mark.parametrize(
    ("places", "variables", "days", "calls"),
    [
        (1, 1, 1, 1.0),
        (1, 10, 14, 1.0),
        (1, 7, 28, 1.4),
        (1, 15, 14, 1.5),
        (1, 15, 28, 3.0),
        (1, 15, 7, 1.5),
        (16, 4, 11, 16.0),
    ],
)
def test_weight_is_that_of_the_pricing_page(
    places: int, variables: int, days: int, calls: float
) -> None:
    assert weight(places, variables, days) == pytest.approx(calls)


def test_places_of_a_cell_are_fetched_once(service: Service) -> None:
    cells = cells_of(berkane(service), 0.25)
    assert len(cells) == 6 and sorted(
        location for cell in cells for location in cell.locations
    ) == sorted(place.id for place in load_region("berkane").locations)
    assert all(abs(cell.latitude * 4 - round(cell.latitude * 4)) < 1e-9 for cell in cells)


def test_a_place_without_coordinates_is_told(service: Service) -> None:
    region = town(service).model_copy(update={"locations": (Location(id="lost"),)})
    with pytest.raises(ConfigError, match="'lost' has no latitude or longitude"):
        cells_of(region, 0.25)
    with pytest.raises(ConfigError, match="found none"):
        cells_of(region.model_copy(update={"locations": ()}), 0.25)


def test_a_first_pull_of_berkane_is_affordable_and_resumes(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    assert OpenMeteoOptions().calls + FloodOptions().calls <= 5000, (
        "whatever the region, a pull of both spends no more"
    )
    world.newest_run = EVENING
    region = berkane(service, past_runs_from=date(2024, 3, 15), ensemble="ecmwf_ifs025", calls=4080)
    patient = dataclasses.replace(HASTY, timeout=20.0, max_seconds=20.0)
    batch = fetch_at(region, home, NOW, patient)
    spent = sum(
        calls(request) for request in service.asked if not request.path.startswith("/data/")
    )
    assert (
        3900 < spent <= 4080
        and max(len(request.params.get("latitude", "").split(",")) for request in service.asked)
        == 6
    )
    table = batch.observations
    assert table["location"].nunique() == 16 and table["time"].min() == pd.Timestamp("1991-01-01")
    assert table["air_temperature_max"].notna().all()
    assert 5 < batch.forecasts["init_time"].nunique() < 40, (
        "past forecasts come over the next days, the newest first"
    )
    assert (
        batch.forecasts["init_time"].max() == pd.Timestamp(TODAY)
        and batch.forecasts["member"].max() == 50
    )
    # Killed before anything was stored: what was fetched is kept, and only what may still change is
    # asked for again.
    service.asked.clear()
    again = fetch_at(berkane(service, calls=300), home, NOW, patient)
    core = [
        request
        for request in asked(service, "/v1/archive")
        if "temperature" in request.params["daily"]
    ]
    assert [request.params["start_date"] for request in core] == ["2026-07-01"]
    assert len(again.observations) == len(table)


@pytest.mark.parametrize("allowed", [1.0, 1.5, 4.0, 12.0, 15.0, 40.0])
def test_a_pull_never_spends_more_than_it_may(
    world: OpenMeteo, service: Service, home: Settings, allowed: float
) -> None:
    """30 days of 7 variables are 1.5 calls, a run 1, an ensemble 10.2, filling from previous runs
    at most 4."""
    world.newest_run, world.no_runs = (
        EVENING,
        {TODAY - timedelta(days=back) for back in range(2, 9)},
    )
    region = town(
        service, calls=allowed, ensemble="ecmwf_ifs025", past_runs_from=TODAY - timedelta(days=20)
    )
    if allowed < 1.5:
        with pytest.raises(
            Throttled, match="weighted calls are used up with 1 blocks of history to go"
        ):
            fetch_at(region, home, NOW, HURRIED)
    else:
        batch = fetch_at(region, home, NOW, HURRIED)
        assert any("weighted calls are used up" in str(remark) for remark in batch.remarks) == (
            allowed < 12.7
        )
    assert (
        sum(calls(request) for request in service.asked if not request.path.startswith("/data/"))
        <= allowed
    )


PULL = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from configs import Region, Settings
from data_contracts.batch import FetchRequest
from sources.open_meteo import fetch_at
region = Region.model_validate(json.loads(sys.argv[1]))
fetch_at(FetchRequest(region, Settings(Path(sys.argv[2]))), datetime(2026, 11, 23, 8, tzinfo=UTC))
"""


def test_a_first_pull_that_is_killed_fetches_only_what_is_missing(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    region, fourth = town(service).model_copy(update={"history_start": date(1995, 1, 1)}), Event()

    def answer(request: Asked) -> Any:
        if len(service.asked) == 4:
            fourth.set()
            time.sleep(3)
        return world(request)

    service.answer = answer
    process = subprocess.Popen(
        [sys.executable, "-c", PULL, region.model_dump_json(), str(home.home)], cwd=CHECKOUT
    )
    assert fourth.wait(60)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    before = [request.params["start_date"] for request in service.asked]
    assert before == ["1995-01-01", "2000-01-01", "2005-01-01", "2010-01-01"]
    service.answer, service.asked = world, []
    batch = fetch_at(region, home, NOW, HASTY)
    core = [
        request.params["start_date"]
        for request in asked(service, "/v1/archive")
        if "temperature" in request.params["daily"]
    ]
    assert core[:4] == ["2010-01-01", "2015-01-01", "2020-01-01", "2025-01-01"]
    assert (
        batch.observations["time"].min() == pd.Timestamp("1995-01-01")
        and batch.observations["air_temperature_max"].notna().all()
    )


def test_one_more_day_for_sixteen_places_costs_at_most_three_requests(
    service: Service, home: Settings
) -> None:
    region = berkane(service).model_copy(update={"history_start": TODAY - timedelta(days=40)})
    ingest(region, home, fetch_at(region, home, NOW, HASTY))
    service.asked.clear()
    assert len(fetch_at(region, home, NOW, HASTY).observations) == 0
    assert service.asked == [], "nothing new: nothing is asked"
    service.answer.published += timedelta(days=1)
    service.answer.newest_run += timedelta(days=1)
    batch = fetch_at(region, home, NOW + timedelta(days=1), HASTY)
    assert len(asked(service, "/v1/archive")) <= 3 and len(service.asked) <= 4
    assert len(batch.observations) == 16 and set(batch.observations["time"]) == {
        pd.Timestamp(TODAY - timedelta(days=5))
    }
    ingest(region, home, batch)
    held = coverage_of(Store(home, region).fetch_request(SOURCE.name).stored)
    assert (
        set(held.span_of(column.variable for column in CORE).values())
        == {(TODAY - timedelta(days=40), TODAY - timedelta(days=5))}
        and len(held.span_of(column.variable for column in CORE)) == 16
    )
    assert set(held.issued) == {TODAY, TODAY + timedelta(days=1)} and all(
        len(places) == 16 for places in held.issued.values()
    )
    assert not held.members


def test_a_new_place_brings_only_its_own_history(service: Service, home: Settings) -> None:
    region = town(service, 1)
    ingest(region, home, fetch_at(region, home, NOW, HASTY))
    larger = region.model_copy(update={"locations": town(service, 2).locations})
    service.asked.clear()
    batch = fetch_at(larger, home, NOW, HASTY)
    assert {request.params["latitude"] for request in asked(service, "/v1/archive")} == {"35.5"}
    assert set(batch.observations["location"]) == {"town-1"}


@pytest.mark.parametrize("longitude", [-2.3, -3.3], ids=["in the same cell", "in another cell"])
def test_a_new_place_gets_forecasts_of_its_own_and_replaces_none(
    world: OpenMeteo, service: Service, home: Settings, longitude: float
) -> None:
    world.newest_run = EVENING
    region = town(service, ensemble="ecmwf_ifs025", past_runs_from=TODAY - timedelta(days=3))
    ingest(region, home, fetch_at(region, home, NOW, HASTY))
    new = Location(id="new", latitude=35.01, longitude=longitude)
    larger = region.model_copy(update={"locations": (*region.locations, new)})
    world.change = lambda path, reply: (
        set_series(
            "hourly", "temperature_2m", lambda found: [value and value + 9 for value in found]
        )(reply)
        if path in ("/v1/runs", "/v1/ensemble")
        else reply
    )
    service.asked.clear()
    batch = fetch_at(larger, home, NOW, HASTY)
    issued = batch.forecasts
    assert (
        set(issued["location"]) == {"new"}
        and issued["init_time"].nunique() == 4
        and issued["member"].nunique() == 52
    )
    assert {request.params["longitude"] for request in asked(service, "/v1/runs")} == {
        f"{round(longitude * 4) / 4:g}"
    }
    ingest(larger, home, batch)
    assert fetch_at(larger, home, NOW, HASTY).forecasts.empty


def test_a_variable_that_comes_a_day_later_is_asked_for_again(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    def without_newest_rain(path: str, reply: Any) -> Any:
        names = [name for name in reply.get("daily", {}) if name == "precipitation_sum"]
        return (
            set_series("daily", *names, lambda found: [*found[:-1], None])(reply)
            if names
            else reply
        )

    region, world.change = town(service), without_newest_rain
    ingest(region, home, fetch_at(region, home, NOW, HASTY))
    world.change, world.published = lambda path, reply: reply, TODAY - timedelta(days=5)
    service.asked.clear()
    table = fetch_at(region, home, NOW + timedelta(days=1), HASTY).observations
    assert table["time"].dt.date.tolist() == [TODAY - timedelta(days=6), TODAY - timedelta(days=5)]
    assert table["precipitation"].notna().all() and len(asked(service, "/v1/archive")) == 2


# (first and last day in November of max, min and mean) -> the first day of any and the last that
# none is still to fill
HELD: list[tuple[list[tuple[int, int]], tuple[int, int]]] = [
    ([(1, 20), (1, 20), (1, 20)], (1, 20)),
    ([(1, 20), (3, 20), (1, 18)], (1, 18)),
    ([(1, 20), (1, 10), (1, 20)], (1, 10)),
    ([(1, 20), (1, 9), (1, 20)], (1, 20)),  # 11 days behind: it has ended
    ([(2, 20)], (2, 20)),
]


@pytest.mark.parametrize(("columns", "expected"), HELD)
def test_days_held_are_those_that_no_variable_is_still_to_fill(
    columns: list[tuple[int, int]], expected: tuple[int, int]
) -> None:
    def days(pair: tuple[int, int]) -> tuple[date, date]:
        return date(2026, 11, pair[0]), date(2026, 11, pair[1])

    held = Coverage(
        {column.variable: {"a": days(pair)} for column, pair in zip(CORE, columns, strict=False)}
    )
    assert held.span_of(column.variable for column in CORE) == {"a": days(expected)}


def test_forecasts_of_a_store_without_observations_are_held_too(
    service: Service, home: Settings
) -> None:
    region = town(service)
    batch = fetch_at(region, home, NOW, HASTY)
    ingest(region, home, dataclasses.replace(batch, observations=batch.observations.iloc[:0]))
    held = coverage_of(Store(home, region).fetch_request(SOURCE.name).stored)
    assert held.issued == {TODAY: frozenset({"town-0"})} and held.spans == {}


def test_a_pull_that_may_not_spend_enough_says_so_and_keeps_what_it_fetched(
    service: Service, home: Settings
) -> None:
    region = town(service, 1, calls=30).model_copy(update={"history_start": date(2023, 1, 1)})
    with pytest.raises(
        SourceUnavailable,
        match="weighted calls are used up with 8 blocks .*; what was fetched is kept; run it "
        "again tomorrow",
    ):
        fetch_at(region, home, NOW, HASTY)
    long = town(service, 1, calls=150).model_copy(update={"history_start": date(2018, 1, 1)})
    with pytest.raises(SourceUnavailable, match="used up with . blocks"):
        fetch_at(long, home, NOW, HASTY)
    service.asked.clear()
    assert len(fetch_at(long, home, NOW, HASTY).observations)
    assert (
        min(
            request.params["start_date"]
            for request in asked(service, "/v1/archive")
            if "temperature" in request.params["daily"]
        )
        > "2023"
    )


def test_a_large_region_comes_over_several_pulls(service: Service, home: Settings) -> None:
    """55 cells from February on weigh 55 x 0.7 x 290 / 14 = 800 calls, more than a pull may spend
    here."""
    region = town(service, 55, calls=650).model_copy(update={"history_start": date(2026, 2, 1)})
    patient = dataclasses.replace(HASTY, timeout=20.0, max_seconds=20.0)
    with pytest.raises(SourceUnavailable, match="weighted calls are used up"):
        fetch_at(region, home, NOW, patient)
    assert fetch_at(region, home, NOW, patient).observations["location"].nunique() == 55
    heaviest = max(calls(request) for request in asked(service, "/v1/archive"))
    assert (
        200 < heaviest <= 550
        and max(len(request.params["latitude"].split(",")) for request in service.asked) <= 50
    )


def test_weight_is_spent_no_faster_than_a_minute_allows() -> None:
    moments, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        moments[0] += seconds

    budget = Budget(5000, 550, clock=lambda: moments[0], sleep=sleep)
    for calls in (300, 200, 100, 900, 50):
        budget.spend(calls)
        moments[0] += 1.0
    # At 2 s 100 more wait for the 300 of 0 s to be a minute old. 900 alone are more than a minute's
    # share: at 61 s they wait for the
    # 100 of 60 s, and at 121 s the 50 wait for them.
    assert waits == [58.0, 59.0, 59.0]
    assert budget.left == 5000 - 1550


def test_blocks_are_the_same_on_every_day() -> None:
    today = [
        list(final_spans(date(1991, 1, 1), date(2026, 11, day), date(2026, 8, day - 2)))
        for day in (17, 18)
    ]
    assert today[0][:-1] == today[1][:-1] and today[0][0] == (date(1991, 1, 1), date(1994, 12, 31))
    # What will not change comes in blocks of five years and then in quarters, what may still change
    # in one.
    ends = [last.isoformat() for _, last in today[0]]
    assert ends[-8:] == [
        "2024-12-31",
        "2025-03-31",
        "2025-06-30",
        "2025-09-30",
        "2025-12-31",
        "2026-03-31",
        "2026-06-30",
        "2026-11-17",
    ]
    assert sum((last - begin).days + 1 for begin, last in today[0]) == 13105
    assert list(final_spans(date(2026, 11, 17), date(2026, 11, 17), date(2026, 8, 15))) == [
        (date(2026, 11, 17), date(2026, 11, 17))
    ]


@pytest.mark.parametrize(
    ("held", "windows"),
    [
        ({}, [("2026-10-01", "2026-11-17")]),
        ({"a": ("2026-10-01", "2026-11-17")}, [("2026-10-01", "2026-11-17")]),  # b has nothing
        ({"a": ("2026-10-01", "2026-11-17"), "b": ("2026-10-01", "2026-11-17")}, []),
        (
            {"a": ("2026-10-01", "2026-11-17"), "b": ("2026-10-01", "2026-11-01")},
            [("2026-11-02", "2026-11-17")],
        ),
        (
            {"a": ("2026-10-20", "2026-11-17"), "b": ("2026-10-01", "2026-11-17")},
            [("2026-10-01", "2026-10-19")],
        ),  # an earlier start
        (
            {"a": ("2026-10-03", "2026-11-17"), "b": ("2026-10-03", "2026-11-16")},
            [("2026-10-01", "2026-10-02"), ("2026-11-17", "2026-11-17")],
        ),
    ],
)
def test_only_missing_days_are_asked_for(
    held: dict[str, tuple[str, str]], windows: list[tuple[str, str]]
) -> None:
    cell = GridCell(35.0, -2.25, ("a", "b"))
    days = {
        place: (date.fromisoformat(first), date.fromisoformat(last))
        for place, (first, last) in held.items()
    }
    period = Period(date(2026, 10, 1), date(2026, 11, 17), date(2026, 8, 15))
    found = list(missing_blocks([cell], days, period, lambda days: 50))
    assert [(block.first.isoformat(), block.last.isoformat()) for block in found] == windows


# --- forecasts


def runs_of(region: Region, hour: int = 0, delay: int = 7, offset: int = 0) -> RunTimes:
    return RunTimes(region, hour, delay, 6, offset)


@pytest.mark.parametrize("hour", [0, 6, 12, 18])
@pytest.mark.parametrize("delay", [0, 6, 7, 9, 30])
@pytest.mark.parametrize(
    "zone", ["UTC", "Africa/Casablanca", "Asia/Tokyo", "America/Lima", "Pacific/Auckland"]
)
def test_no_run_is_used_that_was_initialised_too_late(
    service: Service, zone: str, delay: int, hour: int
) -> None:
    region = town(service).model_copy(update={"timezone": zone})
    for day in pd.date_range("2026-03-20", "2026-04-05").date:  # clocks change meanwhile
        runs = runs_of(region, hour, delay)
        run = runs.run_for(day)
        assert (
            run + timedelta(hours=delay)
            <= region.issue_time(day)
            < run + timedelta(hours=delay + 24)
        )


@pytest.mark.parametrize("delay", [0, 7, 9, 20])
@pytest.mark.parametrize(
    ("zone", "offset"), [("Africa/Casablanca", 0), ("Asia/Tokyo", 9), ("America/Lima", -5)]
)
def test_no_previous_hour_is_used_that_was_initialised_too_late(
    service: Service, zone: str, offset: int, delay: int
) -> None:
    region = town(service).model_copy(update={"timezone": zone})
    runs = runs_of(region, 0, delay, offset)
    for lead in range(10):
        age = runs.age_for(lead, TODAY)
        assert age >= lead + 1
        for hour in range(24):
            valid = runs.day_start(TODAY + timedelta(days=lead)) + timedelta(hours=hour)
            oldest = valid - timedelta(
                days=age
            )  # previous_dayN was predicted N x 24 hours before, by a run of 00, 06, 12 or 18 UTC
            initialised = max(
                oldest.replace(hour=run) for run in (0, 6, 12, 18) if run <= oldest.hour
            )
            assert initialised + timedelta(hours=delay) <= region.issue_time(TODAY)


def test_todays_forecast_is_a_whole_run_filed_under_the_issue_day(
    service: Service, home: Settings
) -> None:
    batch = fetch_at(town(service), home, NOW, HASTY)
    issued = batch.forecasts
    assert [request.params["run"] for request in asked(service, "/v1/runs")] == ["2026-11-22T00:00"]
    assert set(issued["init_time"]) == {pd.Timestamp(TODAY)} and set(issued["member"]) == {-1}
    # The run of the 22nd has eleven days, to 2 December: from the 23rd on these are the leads 0 to
    # 9.
    assert issued["lead_days"].tolist() == list(range(10))
    hours = [hour_value("temperature_2m", hour) for hour in range(24)]
    assert issued["air_temperature_max"].iloc[0] == pytest.approx(max(hours))
    assert issued["air_temperature_mean"].iloc[0] == pytest.approx(np.mean(hours))
    assert issued["precipitation"].iloc[0] == pytest.approx(24.0)
    assert set(issued) - {"init_time", "lead_days", "location", "member"} <= set(VARIABLES)


def test_past_forecasts_come_newest_first_and_never_again(service: Service, home: Settings) -> None:
    region = town(service, past_runs_from=TODAY - timedelta(days=4))
    batch = fetch_at(region, home, NOW, HASTY)
    assert [request.params["run"][:10] for request in asked(service, "/v1/runs")] == [
        f"2026-11-{day}" for day in (22, 21, 20, 19, 18)
    ]
    ingest(region, home, batch)
    service.asked.clear()
    again = fetch_at(region, home, NOW, HASTY)
    assert service.asked == [] and again.forecasts.empty


@pytest.mark.parametrize("places", [1, 2])
def test_a_run_the_archive_lacks_is_filled_from_previous_runs(
    world: OpenMeteo, service: Service, home: Settings, places: int
) -> None:
    world.no_runs = {TODAY - timedelta(days=3)}
    batch = fetch_at(
        town(service, places, past_runs_from=TODAY - timedelta(days=4)), home, NOW, HURRIED
    )
    assert len(asked(service, "/v1/runs")) == 5, "what the archive lacks is asked for once"
    issued = batch.forecasts[batch.forecasts["location"] == f"town-{places - 1}"]
    assert issued["init_time"].nunique() == 5
    filled = issued[issued["init_time"] == pd.Timestamp(TODAY - timedelta(days=2))]
    assert filled["lead_days"].tolist() == list(range(7))
    # Lead l is read from previous_day(l + 1), whose hours are 0.1 warmer a day of age in this
    # service.
    plain = max(hour_value("temperature_2m", hour) for hour in range(24))
    assert filled["air_temperature_max"].tolist() == pytest.approx(
        [plain + 0.1 * (lead + 1) for lead in range(7)]
    )
    (request,) = asked(service, "/v1/previous")
    assert (
        request.params["start_date"] == "2026-11-21" and request.params["end_date"] == "2026-11-27"
    )
    assert "previous_day0" not in request.params["hourly"]


def test_days_far_apart_are_filled_by_requests_of_their_own(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    world.no_runs = {TODAY - timedelta(days=back) for back in (3, 5, 60)}
    region = town(service, past_runs_from=TODAY - timedelta(days=70)).model_copy(
        update={"history_start": TODAY - timedelta(days=90)}
    )
    issued = fetch_at(region, home, NOW, HURRIED).forecasts
    spans = [
        (request.params["start_date"], request.params["end_date"])
        for request in asked(service, "/v1/previous")
    ]
    assert spans == [("2026-09-25", "2026-10-01"), ("2026-11-19", "2026-11-27")]
    assert issued["init_time"].nunique() == 71


def test_runs_before_the_record_are_not_asked_for(service: Service, home: Settings) -> None:
    fetch_at(town(service, past_runs_from=TODAY - timedelta(days=400)), home, NOW, HASTY)
    assert (
        min(request.params["run"] for request in asked(service, "/v1/runs")) == "2026-10-18T00:00"
    ), "for the issue of the 19th"


def test_a_past_run_of_nulls_does_not_hold_up_older_ones(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    def change(path: str, reply: Any) -> Any:
        run = asked(service, "/v1/runs")[-1].params["run"] if path == "/v1/runs" else ""
        return WRONG_FORECAST["nothing but nulls"](reply) if run == "2026-11-21T00:00" else reply

    world.change = change
    issued = fetch_at(
        town(service, past_runs_from=TODAY - timedelta(days=4)), home, NOW, HASTY
    ).forecasts
    assert issued["init_time"].nunique() == 5 and len(asked(service, "/v1/previous")) == 1
    assert issued["air_temperature_max"].notna().all()


def test_runs_that_are_never_given_are_not_asked_for_for_ever(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    world.no_runs = {TODAY - timedelta(days=back) for back in range(400)}
    fetch_at(town(service, past_runs_from=TODAY - timedelta(days=300)), home, NOW, HASTY)
    assert len(asked(service, "/v1/runs")) == 6


def test_the_newest_run_stands_in_only_where_it_is_not_too_new(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    world.no_runs = {TODAY - timedelta(days=1)}
    batch = fetch_at(town(service), home, NOW, HASTY)
    assert batch.forecasts.empty and len(batch.remarks) == 2
    assert (
        "one of 2026-11-23 00 UTC, too new for the issue time, expected 2026-11-22 22:30 "
        "UTC or before" in str(batch.remarks[1])
    )
    world.newest_run = EVENING
    batch = fetch_at(town(service), home, NOW, HASTY)
    assert batch.remarks == ()
    issued = batch.forecasts
    assert issued["lead_days"].tolist() == list(range(10)) and set(issued["init_time"]) == {
        pd.Timestamp(TODAY)
    }


WRONG_FORECAST = {
    "wrong units": set_unit("hourly", "temperature_2m", "°F"),
    "rain in inches": set_unit("hourly", "precipitation", "inch"),
    "a missing hour": drop_step("hourly"),
    "an hour twice": repeat_step("hourly"),
    "a shifted zone": put(utc_offset_seconds=3600),
    "another grid point": put(longitude=-3.0),
    "nothing but nulls": lambda reply: (
        reply
        | {"hourly": {k: v if k == "time" else [None] * len(v) for k, v in reply["hourly"].items()}}
    ),
    "no hourly part": lambda reply: {k: v for k, v in reply.items() if k != "hourly"},
    "hours from three on": lambda reply: (
        reply | {"hourly": {k: v[3:] for k, v in reply["hourly"].items()}}
    ),
    "another year": set_series(
        "hourly", "time", lambda stamps: [stamp.replace("202", "201", 1) for stamp in stamps]
    ),
    "half the series": set_series(
        "hourly", "temperature_2m", lambda found: found[: len(found) // 2]
    ),
}


@pytest.mark.parametrize("change", WRONG_FORECAST.values(), ids=WRONG_FORECAST)
def test_a_wrong_forecast_is_left_out_and_told_while_history_goes_on(
    world: OpenMeteo, service: Service, home: Settings, change: Any
) -> None:
    world.change = lambda path, reply: (
        change(reply) if path in ("/v1/runs", "/v1/forecast") else reply
    )
    batch = fetch_at(town(service), home, NOW, HASTY)
    assert batch.forecasts.empty and len(batch.observations) == 30
    assert "open_meteo: asked 127.0.0.1 for town-0, the run of 2026-11-22 00 UTC; found " in str(
        batch.remarks[0]
    )


@pytest.mark.parametrize(
    "fault",
    [FAULTS["429"], FAULTS["500"], FAULTS["a web page"], FAULTS["time-out"]],
    ids=["429", "500", "page", "time-out"],
)
def test_a_forecast_that_cannot_be_had_does_not_hold_up_history(
    world: OpenMeteo, service: Service, home: Settings, fault: Fault
) -> None:
    def answer(request: Asked) -> Any:
        return world(request) if request.path == "/v1/archive" else fault

    service.answer = answer
    batch = fetch_at(town(service, past_runs_from=TODAY - timedelta(days=50)), home, NOW, HASTY)
    assert batch.forecasts.empty and len(batch.observations) == 30
    assert (
        len(batch.remarks) == 3
    )  # today's whole run, today's newest run, the first of the past days
    assert len(asked(service, "/v1/runs")) <= 6, (
        "a service that is down is not asked for every past day"
    )


def test_a_day_with_too_few_hours_is_missing(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    def change(path: str, reply: Any) -> Any:
        if path == "/v1/runs":  # the run begins on the 22nd: hours 24 to 47 are lead 0
            reply["hourly"]["precipitation"][24] = None
            reply["hourly"]["temperature_2m"][48:50] = [None, None]
        return reply

    world.change = change
    issued = fetch_at(town(service), home, NOW, HASTY).forecasts.set_index("lead_days")
    assert issued.loc[0, "precipitation"] == pytest.approx(23.0), (
        "the hour a run begins has no rain of its own"
    )
    assert np.isnan(issued.loc[1, "air_temperature_max"]) and issued.loc[
        1, "precipitation"
    ] == pytest.approx(24.0)


def test_an_ensemble_is_archived_member_by_member(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    world.change = lambda path, reply: (
        set_series("hourly", "temperature_2m_member07", lambda found: [None] * len(found))(
            set_series("hourly", "precipitation_member07", lambda found: [None] * len(found))(reply)
        )
        if path == "/v1/ensemble"
        else reply
    )
    world.newest_run = EVENING
    region = town(service, ensemble="ecmwf_ifs025")
    batch = fetch_at(region, home, NOW, HASTY)
    members = batch.forecasts[batch.forecasts["member"] >= 0]
    assert sorted(members["member"].unique()) == [number for number in range(51) if number != 7], (
        "a member without a value is none"
    )
    first = members[members["lead_days"] == 0].set_index("member")
    assert first.loc[50, "air_temperature_max"] - first.loc[
        0, "air_temperature_max"
    ] == pytest.approx(0.5)
    assert calls(asked(service, "/v1/ensemble")[0]) == pytest.approx(10.2)
    ingest(region, home, batch)
    assert coverage_of(Store(home, region).fetch_request(SOURCE.name).stored).members == {
        TODAY: frozenset({"town-0"})
    }
    service.asked.clear()
    fetch_at(region, home, NOW, HASTY)
    assert service.asked == []


def test_a_wrong_ensemble_is_left_out(world: OpenMeteo, service: Service, home: Settings) -> None:
    world.newest_run = EVENING
    member = set_unit("hourly", "temperature_2m_member09", "°F")
    for change in (
        set_unit("hourly", "temperature_2m", "°F"),
        member,
        drop_step("hourly"),
        put(latitude=36.0),
        put(utc_offset_seconds=7200),
    ):
        world.change = lambda path, reply, change=change: (
            change(reply) if path == "/v1/ensemble" else reply
        )
        batch = fetch_at(town(service, ensemble="ecmwf_ifs025"), home, NOW, HASTY)
        assert set(batch.forecasts["member"]) == {-1} and len(batch.remarks) == 1


def test_an_ensemble_of_a_run_too_new_for_the_issue_time_is_not_asked_for(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    """Issued at 05:30 UTC with runs usable after 7 hours: what was initialised after 22:30 UTC the
    day before is too new."""
    region = town(service, ensemble="ecmwf_ifs025")
    for newest, asked_for in ((EVENING, 1), (NEWEST, 0), (NEWEST + timedelta(hours=6), 0)):
        service.asked.clear()
        world.newest_run = newest
        batch = fetch_at(region, home, NOW.replace(hour=6), HASTY)
        assert len(asked(service, "/v1/ensemble")) == asked_for and batch.remarks == ()
        assert (batch.forecasts["member"] >= 0).any() == bool(asked_for)


def test_an_ensemble_that_a_newer_run_may_have_replaced_meanwhile_is_left_out(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    world.newest_run = EVENING

    def change(path: str, reply: Any) -> Any:
        world.newest_run = NEWEST if path == "/v1/ensemble" else world.newest_run
        return reply

    world.change = change
    batch = fetch_at(town(service, ensemble="ecmwf_ifs025"), home, NOW, HASTY)
    assert set(batch.forecasts["member"]) == {-1}
    assert (
        "the newest run of ecmwf_ifs025 on 2026-11-23; found one of 2026-11-23 00 UTC, too new"
        in str(batch.remarks[0])
    )


WRONG_ABOUT = {
    "no time": {},
    "a word": {"last_run_initialisation_time": "yesterday"},
    "a list": [],
    "not there": Fault(404),
    "a page": Fault(200, {}, b"<html></html>"),
}


@pytest.mark.parametrize("about", WRONG_ABOUT.values(), ids=WRONG_ABOUT)
def test_a_service_that_does_not_tell_its_newest_run_gives_no_ensemble(
    world: OpenMeteo, service: Service, home: Settings, about: Any
) -> None:
    service.answer = lambda request: about if request.path.startswith("/data/") else world(request)
    batch = fetch_at(town(service, ensemble="ecmwf_ifs025"), home, NOW, HASTY)
    assert set(batch.forecasts["member"]) == {-1} and asked(service, "/v1/ensemble") == []
    assert "asked 127.0.0.1 for the newest run of ecmwf_ifs025 on 2026-11-23; found " in str(
        batch.remarks[0]
    )


def test_a_key_goes_to_the_customer_hosts_and_into_no_file(
    service: Service,
    home: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert (
        host_for("https://archive-api.open-meteo.com/v1/archive")
        == "https://archive-api.open-meteo.com/v1/archive"
    )
    monkeypatch.setenv("CLIMATE_RISK_OPEN_METEO_KEY", "sesame-4711")
    assert (
        host_for("https://archive-api.open-meteo.com/v1/archive")
        == "https://customer-archive-api.open-meteo.com/v1/archive"
    )
    assert (
        host_for(OpenMeteoOptions().ensemble_about_url)
        == "https://customer-ensemble-api.open-meteo.com/data"
    )
    assert host_for("http://127.0.0.1:1/open-meteo.com") == "http://127.0.0.1:1/open-meteo.com"
    with caplog.at_level(logging.DEBUG, "sources"):
        fetch_at(
            town(service).model_copy(update={"history_start": date(2026, 1, 1)}), home, NOW, HASTY
        )
        service.faults = [Fault(403, {}, b'{"reason": "key sesame-4711 is not valid"}')]
        with pytest.raises(
            SourceUnavailable, match="check the key or token in the environment"
        ) as error:
            fetch_at(town(service), Settings(home.home / "other"), NOW, HASTY)
    assert all(
        request.params["apikey"] == "sesame-4711" for request in asked(service, "/v1/archive")
    )
    assert "sesame" not in str(error.value) + caplog.text
    assert not any(
        b"sesame" in path.read_bytes() for path in home.home.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"history_modell": "era5"}, "did you mean 'history_model'"),
        ({"archive_url": "ftp://x.org"}, "begins with https"),
        ({"history_model": "era5&apikey=x"}, "history_model"),
        ({"run_hour": 25}, "run_hour"),
    ],
)
def test_options_are_checked(
    service: Service, home: Settings, options: dict[str, Any], told: str
) -> None:
    region = town(service).model_copy(update={"source_options": {"open_meteo": options}})
    with pytest.raises(ConfigError, match="source_options: open_meteo: ") as error:
        fetch_at(region, home, NOW, HASTY)
    assert told in str(error.value)


def test_an_empty_store_holds_nothing(service: Service, home: Settings) -> None:
    assert coverage_of(Store(home, town(service)).fetch_request(SOURCE.name).stored) == Coverage()


def test_many_places_are_named_briefly() -> None:
    assert shortened(["a", "b", "c"]) == "a, b, c"
    assert shortened(["a", "b", "c", "d"]) == "a, b and 2 more"


def test_the_stand_in_answers_in_the_shape_that_was_recorded(
    shared: Path, world: OpenMeteo, service: Service, home: Settings
) -> None:
    import json

    folder = shared / "payloads" / "openmeteo"
    replies: dict[str, Any] = {}
    world.change = lambda path, reply: replies.setdefault(path, reply)
    world.no_runs = {TODAY - timedelta(days=3)}
    fetch_at(town(service, past_runs_from=TODAY - timedelta(days=4)), home, NOW, HASTY)
    for path, name, part in (
        ("/v1/archive", "historical_weather", "daily"),
        ("/v1/previous", "previous_runs", "hourly"),
    ):
        recorded = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        assert set(replies[path]) <= set(recorded)
        assert {
            key: type(value) for key, value in replies[path].items() if key != "location_id"
        }.items() <= {key: type(value) for key, value in recorded.items()}.items()
        units = (
            {**recorded["daily_units"], **recorded.get("hourly_units", {})}
            if part == "daily"
            else recorded["hourly_units"]
        )
        assert {unit for key, unit in units.items() if key.startswith("temperature")} == {"°C"}
        assert units.get("precipitation_sum", units.get("precipitation")) == "mm"
        assert len(recorded[part]["time"][0]) == len(replies[path][part]["time"][0])
