"""River discharge: only where a river is near enough, only in its own unit, and nothing wrong is
ever delivered."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from open_meteo_service import OpenMeteo, values
from replay import HASTY, Asked, Fault, Service, serve

from configs import ConfigError, Location, Region, Settings, load_region
from configs.geodesy import distance
from data_contracts.batch import Batch, SourceUnavailable
from data_contracts.store import Store
from sources.common.coverage import coverage_of
from sources.common.http_messages import RetryPolicy
from sources.common.open_meteo.budget import weight
from sources.open_meteo_flood import SOURCE, river_points
from sources.open_meteo_flood import fetch_at as fetch_request_at

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TODAY = NOW.date()


def fetch_at(region: Region, home: Settings, now: datetime, policy: RetryPolicy) -> Batch:
    """The fetch of a pull at a moment: it is told what the store of ``home`` holds."""
    return fetch_request_at(Store(home, region).fetch_request(SOURCE.name), now, policy)


@pytest.fixture
def world() -> OpenMeteo:
    return OpenMeteo(published=TODAY, newest_run=datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def service(world: OpenMeteo) -> Iterator[Service]:
    with serve(Service(world)) as running:
        yield running


def river_town(
    service: Service, start: date = TODAY - timedelta(days=31), **options: Any
) -> Region:
    """A place on a river, and one without, that has 30 days of history to be had."""
    places = (
        Location(id="dry", latitude=35.0, longitude=-2.3),
        Location(id="bank", latitude=35.0, longitude=-2.4, river_point=(35.036, -2.4189)),
    )
    about = service.url + "/data/glofas_forecast_v4/static/meta.json"
    urls = {"url": service.url + "/v1/flood", "about_url": about, "calls_a_minute": 1e6, **options}
    return Region(
        name="somewhere",
        title="Somewhere",
        utc_offset=0,
        sources=("open_meteo_flood",),
        history_start=start,
        locations=places,
        source_options={"open_meteo_flood": urls},
        path=Path("somewhere.yaml"),
    )


def asked(service: Service) -> list[Asked]:
    return [request for request in service.asked if request.path == "/v1/flood"]


def test_discharge_is_that_of_the_river_points(service: Service, home: Settings) -> None:
    batch = fetch_at(river_town(service), home, NOW, HASTY)
    table, issued = batch.observations, batch.forecasts
    assert set(table) == {"time", "location", "river_discharge"} and set(table["location"]) == {
        "bank"
    }
    assert (table["time"].min(), table["time"].max()) == (
        pd.Timestamp("2026-10-23"),
        pd.Timestamp("2026-11-21"),
    )
    days = [day.toordinal() for day in table["time"].dt.date]
    assert table["river_discharge"].tolist() == values("river", 35.036, -2.4189, days).tolist()
    assert issued["lead_days"].tolist() == list(range(10)) and set(issued["init_time"]) == {
        pd.Timestamp(TODAY)
    }
    assert batch.locations["location"].tolist() == ["bank"]
    assert {request.params["models"] for request in asked(service)} == {"seamless_v4"}


def test_what_is_stored_is_not_asked_for_again_and_never_replaced(
    service: Service, home: Settings
) -> None:
    region = river_town(service)
    Store(home, region).ingest(SOURCE, fetch_at(region, home, NOW, HASTY))
    service.asked.clear()
    batch = fetch_at(region, home, NOW + timedelta(hours=6), HASTY)
    assert service.asked == [] and batch.observations.empty and batch.forecasts.empty
    batch = fetch_at(region, home, NOW + timedelta(days=1), HASTY)
    assert (
        set(batch.observations["time"]) == {pd.Timestamp("2026-11-22")} and len(asked(service)) == 2
    )
    assert coverage_of(Store(home, region).fetch_request(SOURCE.name).stored).issued == {
        TODAY: frozenset({"bank"})
    }


def test_a_first_pull_of_berkanes_rivers_is_affordable_and_resumes(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    region = river_town(service).model_copy(
        update={"locations": load_region("berkane").locations, "history_start": date(1984, 1, 1)}
    )
    assert len(river_points(region, {})) == 4
    batch = fetch_at(region, home, NOW, HASTY)
    # 4 points, one variable, 15,666 days: 4 x 0.1 x 15666 / 14 = 448 calls, and one a point for the
    # forecast.
    days = (TODAY - timedelta(days=2) - date(1984, 1, 1)).days + 1
    assert (
        weight(4, 1, days) == pytest.approx(447.6, abs=0.1) and len(batch.observations) == 4 * days
    )
    service.asked.clear()
    fetch_at(region, home, NOW, HASTY)
    assert [request.params["start_date"] for request in asked(service)] == [
        "2024-10-01",
        "2026-11-23",
    ]


def put(**values: Any) -> Any:
    return lambda reply: reply | values


def daily(name: str, make: Any) -> Any:
    return lambda reply: reply | {"daily": reply["daily"] | {name: make(reply["daily"][name])}}


WRONG = {
    "cubic feet": (
        put(daily_units={"time": "iso8601", "river_discharge": "ft³/s"}),
        "river_discharge in 'ft³/s' where 'm³/s'",
    ),
    "no unit": (put(daily_units={}), "river_discharge in None"),
    "a missing day": (
        lambda reply: reply | {"daily": {k: v[:3] + v[4:] for k, v in reply["daily"].items()}},
        "no 2026-10-26",
    ),
    "a day twice": (
        lambda reply: reply | {"daily": {k: v[:3] + v[2:] for k, v in reply["daily"].items()}},
        "the day 2026-10-25 twice",
    ),
    "another time zone": (put(utc_offset_seconds=-3600), "offset -3600 s where 0 s"),
    "no coordinates": (put(latitude="north"), "no coordinates"),
    "coordinates beyond all": (put(latitude=10**400), "no coordinates"),
    "endless coordinates": (put(longitude=float("inf")), "the coordinates 35.046, inf"),
    "the year 9999": (daily("time", lambda found: ["9999-12-31", *found[1:]]), "are no dates"),
    "the year 1": (daily("time", lambda found: ["0001-01-01", *found[1:]]), "are no dates"),
    "the year 2262": (daily("time", lambda found: ["2262-04-11", *found[1:]]), "no record holds"),
    "words": (daily("river_discharge", lambda found: ["dry", *found[1:]]), "no numbers"),
    "too short": (
        daily("river_discharge", lambda found: found[1:]),
        "without a value for each stamp",
    ),
    "two places": (lambda reply: [reply, reply], "2 places where 1 were asked for"),
    "no daily part": (put(daily=None), "no daily series"),
}


@pytest.mark.parametrize(("change", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_discharge_is_refused(
    world: OpenMeteo, service: Service, home: Settings, change: Any, told: str
) -> None:
    world.change = lambda path, reply: change(reply) if path == "/v1/flood" else reply
    with pytest.raises(SourceUnavailable) as error:
        fetch_at(river_town(service), home, NOW, HASTY)
    text = str(error.value)
    assert (
        told in text
        and text.startswith("open_meteo_flood: asked 127.0.0.1 for bank, 2026-10-23 to ")
        and "; nothing was stored" in text
    )


FAULTS = {
    "429": Fault(429),
    "429 with Retry-After": Fault(429, {"Retry-After": "0"}),
    "500": Fault(500),
    "time-out": Fault(late=0.4),
    "a body cut in half": Fault(200, {}, b'{"latitude": 35.0, "longitude": -2.25}', cut=True),
    "a web page": Fault(200, {}, b"<html>maintenance</html>"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_service_that_fails_is_told_and_a_passing_fault_is_not_seen(
    service: Service, home: Settings, fault: Fault
) -> None:
    service.faults = [fault] * 3
    with pytest.raises(
        SourceUnavailable,
        match="open_meteo_flood: asked 127.0.0.1 for bank, 2026-10-23 to .*; (run it again|check)",
    ):
        fetch_at(river_town(service), home, NOW, HASTY)
    service.faults = [fault]
    assert len(fetch_at(river_town(service), home, NOW, HASTY).observations) == 30


def test_a_cell_too_far_from_the_river_is_refused_with_the_distance(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    world.snap = (0.0, 0.1)  # 0.1 degrees of longitude at 35 N are 9.1 km
    batch = fetch_at(river_town(service), home, NOW, HASTY)
    assert batch.observations.empty and batch.forecasts.empty and len(asked(service)) == 1
    (said,) = map(str, batch.remarks)
    assert re.match(
        r"open_meteo_flood: river_point \[35.036, -2.4189\] of bank snaps to the river "
        r"cell 35.036, -2.3189, 9.1 km away",
        said,
    )
    assert said.endswith(", expected at most 5 km; move it onto the river in somewhere.yaml.")
    assert not list(home.data.rglob("*.json.gz"))
    world.snap = (0.02, 0.03)
    assert len(fetch_at(river_town(service), home, NOW, HASTY).observations) == 30


def test_a_point_that_snaps_too_far_does_not_hold_up_the_others(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    """The first of the replies to two points is of a cell 55 km away: it alone goes without, and is
    asked for once."""
    far = Location(id="far", latitude=35.0, longitude=-2.4, river_point=(35.5, -2.5))
    region = river_town(service).model_copy(
        update={"locations": (far, *river_town(service).locations)}
    )
    world.change = lambda path, reply: (
        [reply[0] | {"latitude": 35.0}, reply[1]] if isinstance(reply, list) else reply
    )
    batch = fetch_at(region, home, NOW, HASTY)
    assert (
        set(batch.observations["location"]) == set(batch.forecasts["location"]) == {"bank"}
        and len(batch.observations) == 30
    )
    assert len(
        batch.remarks
    ) == 1 and "of far snaps to the river cell 35, -2.51, 55.6 km away" in str(batch.remarks[0])
    assert [request.params["latitude"] for request in asked(service)] == [
        "35.5,35.036",
        "35.036",
        "35.036",
    ]


def test_a_small_basin_is_not_applicable(
    service: Service, home: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    wadi = Location(id="wadi", latitude=35.0, longitude=-2.4, river_point=(34.9, -2.3))

    def region(area: float, place: str = "wadi") -> Region:
        plain = river_town(service, basins={place: area, "bank": 53_000})
        return plain.model_copy(update={"locations": (*plain.locations, wadi)})

    with caplog.at_level("INFO", "sources"):
        batch = fetch_at(region(249.9), home, NOW, HASTY)
    assert (
        "open_meteo_flood: not applicable to wadi, its basin of 249.9 km2 is under 250 km2"
        in caplog.text
    )
    assert (
        set(batch.observations["location"]) == set(batch.forecasts["location"]) == {"bank"}
        and batch.remarks == ()
    )
    assert batch.locations["location"].tolist() == ["bank"]
    assert set(fetch_at(region(250), home, NOW, HASTY).observations["location"]) == {"bank", "wadi"}
    with pytest.raises(
        ConfigError, match="basins: found 'dry', expected a place with a river_point: bank, wadi"
    ):
        fetch_at(region(100, "dry"), home, NOW, HASTY)


def test_places_of_one_river_point_are_fetched_once(service: Service, home: Settings) -> None:
    twin = Location(id="twin", latitude=35.1, longitude=-2.4, river_point=(35.036, -2.4189))
    region = river_town(service).model_copy(
        update={"locations": (*river_town(service).locations, twin)}
    )
    batch = fetch_at(region, home, NOW, HASTY)
    assert {request.params["latitude"] for request in asked(service)} == {"35.036"}
    assert batch.observations.groupby("location").size().to_dict() == {"bank": 30, "twin": 30}


def test_a_forecast_of_a_run_too_new_for_the_issue_time_is_not_archived(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    """Issued at 06:30 UTC with runs usable after 12 hours: that of 00 UTC of the day is too new,
    whenever it is asked for."""
    world.newest_run = datetime(2026, 11, 23, tzinfo=UTC)
    batch = fetch_at(river_town(service), home, NOW, HASTY)
    assert batch.forecasts.empty and batch.remarks == () and len(batch.observations) == 30
    world.newest_run = datetime(2026, 11, 22, tzinfo=UTC)

    def change(path: str, reply: Any) -> Any:
        world.newest_run = (
            datetime(2026, 11, 23, tzinfo=UTC) if path == "/v1/flood" else world.newest_run
        )
        return reply

    world.change = change
    kept = Settings(home.home / "other")
    world.newest_run = datetime(2026, 11, 22, tzinfo=UTC)
    region = river_town(service, TODAY)
    batch = fetch_at(region, kept, NOW, HASTY)
    assert (
        batch.forecasts.empty
        and "the newest run of GloFAS on 2026-11-23; found one of 2026-11-23 00 UTC, too new"
        in str(batch.remarks[0])
    )


def test_distance_is_along_the_great_circle() -> None:
    assert distance((35.0, -2.0), (36.0, -2.0)) == pytest.approx(
        111.19, abs=0.01
    )  # 6371 km x pi / 180
    assert distance((0.0, 179.5), (0.0, -179.5)) == pytest.approx(111.19, abs=0.01)
    assert distance((35.0, -2.0), (35.0, -2.0)) == 0.0


def test_a_point_on_no_river_is_told(world: OpenMeteo, service: Service, home: Settings) -> None:
    world.change = lambda path, reply: (
        daily("river_discharge", lambda found: [None] * len(found))(reply)
        if "daily" in reply
        else reply
    )
    batch = fetch_at(river_town(service, date(2019, 12, 1)), home, NOW, HASTY)
    assert batch.observations.empty and batch.forecasts.empty
    assert (
        "river_point [35.036, -2.4189] of bank lies in a cell without a river, found no "
        "discharge from 2019-12-01" in str(batch.remarks[0])
    )


def test_a_region_without_river_points_is_told(service: Service, home: Settings) -> None:
    region = river_town(service).model_copy(
        update={"locations": (Location(id="dry", latitude=35.0, longitude=-2.3),)}
    )
    with pytest.raises(
        ConfigError,
        match="found no river_point, open_meteo_flood needs at least one; .* or take "
        "open_meteo_flood out",
    ):
        fetch_at(region, home, NOW, HASTY)


def test_nulls_are_missing_and_days_not_published_are_left_out(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    world.change = lambda path, reply: (
        daily("river_discharge", lambda found: [found[0], None, *found[2:-2], None, None])(reply)
        if "daily" in reply
        else reply
    )
    table = fetch_at(river_town(service), home, NOW, HASTY).observations
    assert np.isnan(table["river_discharge"].iloc[1]) and table["time"].max() == pd.Timestamp(
        "2026-11-19"
    )


def test_a_forecast_that_cannot_be_had_does_not_hold_up_history(
    world: OpenMeteo, service: Service, home: Settings
) -> None:
    service.answer = lambda request: (
        world(request) if request.params.get("start_date", "") < TODAY.isoformat() else Fault(500)
    )
    batch = fetch_at(river_town(service), home, NOW, HASTY)
    assert len(batch.observations) == 30 and batch.forecasts.empty
    assert (
        "open_meteo_flood: asked 127.0.0.1 for bank, 2026-11-23 to 2026-12-02; found HTTP 500"
        in str(batch.remarks[0])
    )


def test_a_pull_that_may_not_spend_enough_says_so(service: Service, home: Settings) -> None:
    with pytest.raises(
        SourceUnavailable,
        match="weighted calls are used up; what was fetched is kept; run it again tomorrow",
    ):
        fetch_at(river_town(service, date(1984, 1, 1), calls=50), home, NOW, HASTY)


def test_the_stand_in_answers_in_the_shape_that_was_recorded(
    shared: Path, world: OpenMeteo, service: Service, home: Settings
) -> None:
    import json

    recorded = json.loads(
        (shared / "payloads" / "openmeteo" / "flood.json").read_text(encoding="utf-8")
    )
    replies: list[Any] = []
    world.change = lambda path, reply: (
        (replies.append(reply) or reply) if path == "/v1/flood" else reply
    )
    fetch_at(river_town(service), home, NOW, HASTY)
    assert (
        set(replies[0]) == set(recorded)
        and replies[0]["daily_units"].items() <= recorded["daily_units"].items()
    )
    assert len(replies[0]["daily"]["time"][0]) == len(recorded["daily"]["time"][0])
