"""Forecasts handed to platforms: an NGSI-LD broker, and a real SensorThings server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from loopback import real_sensor_things
from ngsi_ld_broker import Broker, faults, serve_broker
from replay import HASTY

from configs import ConfigError, Region, Settings, load_region
from configs.platforms import PublishTo
from configs.remarks import text
from flows.platforms import deliver
from reports.exports.datastreams import chance_series
from reports.exports.table import COLUMNS, write_csv
from reports.exports.weather_alerts import alert_entities, entity_id, last_day
from sources.common.platforms import sensor_things

SENT = datetime(2026, 7, 8, 5, 30, tzinfo=UTC)
CHANCES = {"green": (0.2, 0.05, 0.01), "yellow": (0.6, 0.2, 0.05), "red": (0.9, 0.8, 0.6)}


def rows(*cells: tuple[str, str, str, int, int], issued: str = "2026-07-08") -> pd.DataFrame:
    """forecast.csv of cells: (location, hazard, colour, lead, window)."""
    day = pd.Timestamp(issued)
    return pd.DataFrame(
        [
            {
                "region": "berkane",
                "location": place,
                "hazard": hazard,
                "level": level,
                "issued": day,
                "valid": day + pd.Timedelta(days=lead),
                "lead_days": lead,
                "window_days": window,
                "probability": CHANCES.get(colour, (float("nan"),) * 3)[level - 1],
                "normal_probability": 0.1,
                "verdict": "skilful",
                "colour": colour,
                "data_until": day - pd.Timedelta(days=1),
                "model_version": "3",
            }
            for place, hazard, colour, lead, window in cells
            for level in (1, 2, 3)
        ],
        columns=list(COLUMNS),
    )


@pytest.fixture
def berkane() -> Region:
    return load_region("berkane")


def to(region: Region, **platforms: dict[str, str]) -> Region:
    return region.model_copy(update={"publish_to": PublishTo.model_validate(platforms)})


def report(home: Settings, table: pd.DataFrame, **more: Any) -> Path:
    """A published folder with just what a platform is told of."""
    folder = home.published / "berkane" / f"{table['issued'].iloc[0]:%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(table, folder / "forecast.csv")
    (folder / "provenance.json").write_text(json.dumps({"sent": SENT.isoformat()} | more))
    return folder


HEAT = ("saidia", "heat", "red", 1, 1)
RAIN = ("berkane", "flash_flood", "yellow", 0, 3)
DRY = ("madagh", "drought", "yellow", 30, 90)
GREEN = ("ahfir", "heat", "green", 1, 1)
HEAT_ID = "urn:ngsi-ld:WeatherAlert:berkane:heat:saidia:2026-07-09"
RAIN_ID = "urn:ngsi-ld:WeatherAlert:berkane:flash_flood:berkane:2026-07-08:3"
DRY_ID = "urn:ngsi-ld:Alert:berkane:drought:madagh:2026-08-07"


def test_every_coloured_cell_is_an_entity_of_the_smart_data_models(berkane: Region) -> None:
    made = alert_entities(rows(HEAT, RAIN, DRY, GREEN), berkane, SENT)
    assert set(made.coloured) == {HEAT_ID, RAIN_ID, DRY_ID}
    assert made.green == {HEAT_ID.replace("saidia", "ahfir")}
    linked = [entity | {"@context": ["x"]} for entity in made.coloured.values()]
    assert [faults(entity) for entity in linked] == [[], [], []]
    heat = made.coloured[HEAT_ID]
    assert heat["severity"]["value"] == "critical"
    assert heat["data"]["value"]["probability"] == 0.6, "that of the colour's own level"
    assert (heat["validFrom"]["value"], heat["validTo"]["value"]) == (
        "2026-07-09T00:00:00Z",
        "2026-07-10T00:00:00Z",
    )
    assert made.coloured[RAIN_ID]["validTo"]["value"] == "2026-07-11T00:00:00Z"
    assert (
        "Saidia" in heat["description"]["value"] and "rouge" in heat["description"]["value"].lower()
    )


@pytest.mark.parametrize(
    "wrong", [{"severity": "awful"}, {"subCategory": "heat"}, {"dateIssued": "now"}]
)
def test_the_broker_of_these_tests_refuses_what_the_models_do_not_know(
    berkane: Region, wrong
) -> None:
    entity = alert_entities(rows(HEAT), berkane, SENT).coloured[HEAT_ID] | {"@context": ["x"]}
    ((name, value),) = wrong.items()
    assert faults(entity) == [] and faults(entity | {name: {"type": "Property", "value": value}})


@pytest.mark.parametrize(
    ("identity", "day"), [(HEAT_ID, date(2026, 7, 9)), (RAIN_ID, date(2026, 7, 10))]
)
def test_an_id_tells_until_when_it_holds(identity: str, day: date) -> None:
    assert last_day(identity) == day


def test_a_place_with_any_name_has_an_id_that_is_a_uri(berkane: Region) -> None:
    (_, row), *_ = rows(("a b:é/1", "heat", "red", 1, 1)).iterrows()
    assert (
        entity_id(berkane, row)
        == "urn:ngsi-ld:WeatherAlert:berkane:heat:a%20b%3A%C3%A9%2F1:2026-07-09"
    )


def test_a_broker_holds_what_is_coloured_and_handing_over_again_changes_nothing(
    berkane: Region, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER", "Bearer secret-word")
    with serve_broker(Broker()) as broker:
        place = to(
            berkane, ngsi_ld={"url": broker.url, "authorization_env": "BROKER", "tenant": "t"}
        )
        folder = report(home, rows(HEAT, RAIN, DRY, GREEN))
        assert deliver(place, home, folder, HASTY) == ()
        assert set(broker.entities) == {HEAT_ID, RAIN_ID, DRY_ID}
        path, headers, _ = broker.asked[0]
        assert path == "/ngsi-ld/v1/entityOperations/upsert"
        assert headers["authorization"] == "Bearer secret-word" and headers["ngsild-tenant"] == "t"
        assert headers["content-type"] == "application/ld+json"
        before = json.dumps(broker.entities)
        assert deliver(place, home, folder, HASTY) == ()
        assert json.dumps(broker.entities) == before


def test_of_a_grid_its_areas_are_handed_over(tmp_path: Path, home: Settings) -> None:
    ring = [[-3, 34], [-2, 34], [-2, 35], [-3, 35], [-3, 34]]
    feature = {"type": "Feature", "properties": {"name": "west"}}
    areas = [feature | {"geometry": {"type": "Polygon", "coordinates": [ring]}}]
    collection = {"type": "FeatureCollection", "features": areas}
    (tmp_path / "areas.geojson").write_text(json.dumps(collection))
    (tmp_path / "cells.yaml").write_text(
        "name: berkane\ntitle: C\nsources: [gridded_files]\nboundaries: areas.geojson\n"
        "grid: {west: -3, south: 34, east: -1, north: 35, step: 0.5}\n"
    )
    region = load_region(tmp_path / "cells.yaml")
    with serve_broker(Broker()) as broker:
        folder = report(home, rows(("west", "heat", "red", 1, 1)))
        assert deliver(to(region, ngsi_ld={"url": broker.url}), home, folder, HASTY) == ()
        [entity] = broker.entities.values()
    assert entity["address"]["value"]["addressLocality"] == "west"
    east, north = entity["location"]["value"]["coordinates"]
    assert -3 < east < -2 and 34 < north < 35


def test_what_is_green_or_over_goes_and_what_has_no_number_stands(
    berkane: Region, home: Settings
) -> None:
    """The 8th: heat red in Saidia and Ahfir on the 9th, rain until the 10th. The 9th: Saidia green,
    Ahfir without a number. The 11th: the rain and both days of heat are over.
    """
    with serve_broker(Broker()) as broker:
        place = to(berkane, ngsi_ld={"url": broker.url})
        ahfir = ("ahfir", "heat", "red", 1, 1)
        deliver(place, home, report(home, rows(HEAT, ahfir, RAIN)), HASTY)
        later = rows(
            ("saidia", "heat", "green", 0, 1), ("ahfir", "heat", "", 0, 1), issued="2026-07-09"
        )
        deliver(place, home, report(home, later), HASTY)
        assert set(broker.entities) == {HEAT_ID.replace("saidia", "ahfir"), RAIN_ID}
        last = rows(("saidia", "heat", "green", 0, 1), issued="2026-07-11")
        deliver(place, home, report(home, last), HASTY)
        assert broker.entities == {}


def test_a_retracted_report_leaves_nothing_there(berkane: Region, home: Settings) -> None:
    with serve_broker(Broker()) as broker:
        place = to(berkane, ngsi_ld={"url": broker.url})
        folder = report(home, rows(HEAT))
        deliver(place, home, folder, HASTY)
        told = {
            "reason": "A test.",
            "at": "2026-07-08T09:00:00+00:00",
            "forecast": "",
            "earlier": [],
        }
        (folder / "retraction.json").write_text(json.dumps(told))
        assert deliver(place, home, folder, HASTY) == () and broker.entities == {}


def test_a_table_that_does_not_read_is_no_all_clear(berkane: Region, home: Settings) -> None:
    with serve_broker(Broker()) as broker:
        place = to(berkane, ngsi_ld={"url": broker.url})
        folder = report(home, rows(HEAT))
        deliver(place, home, folder, HASTY)
        (folder / "forecast.csv").write_text("a,b\n1,2\n")
        with pytest.raises(ValueError, match="found columns"):
            deliver(place, home, folder, HASTY)
        assert set(broker.entities) == {HEAT_ID}


@pytest.mark.parametrize(
    ("statuses", "tries", "told"),
    [
        ([503, 503], 3, None),
        ([503, 503, 503], 3, "found HTTP 503"),
        ([401], 1, "check the key or token"),
        ([400], 1, "found HTTP 400"),
    ],
)
def test_a_broker_that_fails_is_asked_again_where_that_helps_and_fails_nothing(
    berkane: Region, home: Settings, statuses: list[int], tries: int, told: str | None
) -> None:
    with serve_broker(Broker(statuses=list(statuses))) as broker:
        place = to(berkane, ngsi_ld={"url": broker.url})
        messages = deliver(place, home, report(home, rows(HEAT)), HASTY)
        assert len(broker.asked) == tries
        if told is None:
            assert messages == () and set(broker.entities) == {HEAT_ID}
        else:
            (message,) = messages
            assert told in text(message) and "the report is published" in text(message)


def test_entities_that_are_refused_are_named(berkane: Region, home: Settings) -> None:
    with serve_broker(Broker(refused={HEAT_ID})) as broker:
        (message,) = deliver(
            to(berkane, ngsi_ld={"url": broker.url}), home, report(home, rows(HEAT, RAIN)), HASTY
        )
        assert "1 of them refused" in text(message) and HEAT_ID in text(message)
        assert set(broker.entities) == {RAIN_ID}


def test_a_platform_that_is_not_there_or_has_no_secret_is_told_in_a_sentence(
    berkane: Region, home: Settings
) -> None:
    folder = report(home, rows(HEAT))
    nowhere = {"url": "http://127.0.0.1:1/v1"}
    quick = replace(HASTY, unreachable_tries=1)
    messages = deliver(to(berkane, ngsi_ld=nowhere, sensor_things=nowhere), home, folder, quick)
    assert [text(one).split()[0] for one in messages] == ["ngsi_ld", "sensor_things"]
    assert all("no connection" in text(one) for one in messages)
    secret = nowhere | {"authorization_env": "NOT_SET_HERE"}
    (message,) = deliver(to(berkane, ngsi_ld=secret), home, folder, quick)
    assert "NOT_SET_HERE" in text(message)


def test_check_names_a_secret_that_is_not_set(home: Settings, tmp_path: Path) -> None:
    from flows.check import check

    path = tmp_path / "somewhere.yaml"
    secret = "{url: 'http://127.0.0.1:1/v1', authorization_env: NOT_SET_HERE}"
    path.write_text(
        "name: somewhere\ntitle: S\nsources: [station_files]\ninbox: .\n"
        f"publish_to: {{ngsi_ld: {secret}}}\n"
    )
    problems = [one.problem for one in check(str(path), home) if one.what == "publish_to"]
    assert len(problems) == 1 and "NOT_SET_HERE" in problems[0]


@pytest.mark.parametrize(
    "told",
    [
        "{ngsi_ld: {url: ftp://x}}",
        "{ngsi_ld: {url: 'https://me:pass@x/v1'}}",
        "{mqtt: {url: 'http://x'}}",
    ],
)
def test_a_platform_that_cannot_be_is_refused_without_its_password(
    tmp_path: Path, told: str
) -> None:
    path = tmp_path / "somewhere.yaml"
    path.write_text(f"name: somewhere\ntitle: S\nsources: [station_files]\npublish_to: {told}\n")
    with pytest.raises(ConfigError, match="publish_to") as error:
        load_region(path)
    assert "me:pass" not in str(error.value)


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real SensorThings server (django-ogc-sensorthings) that holds nothing."""
    folder = tmp_path_factory.mktemp("things")
    with real_sensor_things(folder, {}) as url:
        yield url


def held(url: str, path: str) -> list[dict[str, Any]]:
    return httpx.get(f"{url}/{path}", timeout=30).json()["value"]


def test_a_real_service_has_one_series_for_each_hazard_and_place(
    berkane: Region, home: Settings, things: str
) -> None:
    place = to(berkane, sensor_things={"url": things})
    table = rows(HEAT, ("saidia", "heat", "green", 0, 1), RAIN, DRY, ("ahfir", "heat", "", 1, 1))
    folder = report(home, table)
    assert deliver(place, home, folder, HASTY_ENOUGH) == ()
    streams = {one["name"]: one for one in held(things, "Datastreams")}
    assert set(streams) == {
        "berkane, saidia, heat",
        "berkane, berkane, flash_flood",
        "berkane, madagh, drought",
    }
    heat = streams["berkane, saidia, heat"]
    observations = held(things, f"Datastreams('{heat['@iot.id']}')/Observations")
    assert {one["result"] for one in observations} == {0.9, 0.2}
    (red,) = [one for one in observations if one["result"] == 0.9]
    assert red["phenomenonTime"].startswith("2026-07-09T00:00:00")
    assert red["parameters"]["days"] == 1 and red["parameters"]["lead_days"] == 1
    assert red["parameters"]["level_3"] == 0.6 and red["parameters"]["colour"] == "red"
    sensors = [one for one in held(things, "Sensors") if one["name"] != "probe"]
    assert len(held(things, "Things")) == 3 and len(sensors) == 1
    assert len(held(things, "Locations")) == 3 and len(held(things, "ObservedProperties")) == 3

    assert deliver(place, home, folder, HASTY_ENOUGH) == ()
    assert len(held(things, "Observations")) == 4 and len(held(things, "Datastreams")) == 3

    more = pd.concat([table, rows(("saidia", "heat", "red", 2, 1))])
    report(home, more)
    assert deliver(place, home, folder, HASTY_ENOUGH) == ()
    assert len(held(things, "Observations")) == 5, "only what was missing"


def test_what_fails_midway_is_made_once(
    berkane: Region, things: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each second thing is made, but its answer is lost: it is asked for, not repeated."""
    place = to(berkane, sensor_things={"url": things})
    made = chance_series(rows(HEAT, RAIN, issued="2026-07-20"), place, SENT, "EXERCISE")
    series = [
        sensor_things.Series(
            **{
                name: getattr(one, name)
                for name in ("thing", "sensor", "observed_property", "datastream", "observations")
            }
        )
        for one in made
    ]
    delivery = sensor_things.delivery_of(place, HASTY_ENOUGH)
    make, count = sensor_things.Delivery._make, [0]

    def flaky(self, path, entity, what):
        make(self, path, entity, what)
        count[0] += 1
        if count[0] % 2 == 0:
            raise self._request(path, what).unavailable("a broken connection", "run it again later")

    monkeypatch.setattr(sensor_things.Delivery, "_make", flaky)
    delivery.hand_over(series)
    named = [
        one["name"]
        for kind in ("Things", "Sensors", "Datastreams", "ObservedProperties")
        for one in held(things, kind)
    ]
    ours = [name for name in named if name.startswith("EXERCISE")]
    assert len(ours) == len(set(ours)) == 2 + 1 + 2 + 2
    for stream in held(things, "Datastreams"):
        if stream["name"].startswith("EXERCISE"):
            assert len(held(things, f"Datastreams('{stream['@iot.id']}')/Observations")) == 1


def test_a_delivery_ends_after_its_time_and_says_so(berkane: Region, things: str) -> None:
    delivery = sensor_things.delivery_of(to(berkane, sensor_things={"url": things}), HASTY_ENOUGH)
    delivery.seconds = -1.0
    made = chance_series(rows(HEAT), berkane, SENT)
    series = sensor_things.Series(
        made[0].thing,
        made[0].sensor,
        made[0].observed_property,
        made[0].datastream,
        made[0].observations,
    )
    with pytest.raises(Exception, match="no end of it after"):
        delivery.hand_over([series])


HASTY_ENOUGH = replace(HASTY, timeout=20.0, max_seconds=20.0)
"""A real server on a machine that is busy takes longer than a made-up one."""
