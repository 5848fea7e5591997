"""SensorThings: a real server's year, value by value.

A service written from the standard (OGC 18-088, section 9) fails in every way.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from loopback import real_sensor_things
from replay import HASTY, Asked, Fault, Service, serve

from configs import ConfigError, Location, Region, RiskError, Settings
from data_contracts.batch import Batch, FetchRequest, SourceUnavailable
from data_contracts.store import Store
from sources.sensor_things import SOURCE, fetch_from
from sources.sensor_things.service import service_of

HOURS = pd.date_range("2024-01-01", "2025-01-01", freq="h", tz="UTC", inclusive="left")
DAYS = pd.date_range("2024-01-01", "2024-12-31")
WARM, RAIN = "Air Temperature", "Rain"
PROPERTIES = {WARM: "air_temperature", f"http://vocabulary/{RAIN}": "precipitation"}


def region(folder: Path, url: str, **options: Any) -> Region:
    told = {"url": url, "properties": PROPERTIES, "places": {"a": {"thing": 1}}}
    return Region(
        name="city",
        title="City",
        sources=("sensor_things",),
        utc_offset=0,
        locations=(Location(id="a", latitude=35.0, longitude=-2.0), Location(id="b")),
        source_options={"sensor_things": told | options},
        path=folder / "city.yaml",
    )


def year(seed: int) -> dict[str, np.ndarray]:
    """A year's hours of temperature (degF) and rain (in)."""
    random = np.random.default_rng(seed)
    warm = (
        60 + 15 * np.sin(np.arange(len(HOURS)) * 2 * np.pi / 24) + random.normal(0, 2, len(HOURS))
    )
    return {
        WARM: warm.round(2),
        RAIN: np.where(random.random(len(HOURS)) < 0.1, random.gamma(1, 0.1, len(HOURS)), 0).round(
            2
        ),
    }


YEAR = {"a": year(1), "b": year(2)}
UNITS = {WARM: ["degree Fahrenheit", "°F", "ucum:[degF]"], RAIN: ["inch", "in", "[in_i]"]}


def loaded(place: str) -> dict[str, Any]:
    """What the real server is to hold: temperatures at instants, rain over hours, bad readings
    among the temperatures."""
    starts = [moment.isoformat() for moment in HOURS]
    ends = [moment.isoformat() for moment in HOURS + pd.Timedelta(hours=1)]
    warm: list[Any] = [
        [start, None, float(value), None]
        for start, value in zip(starts, YEAR[place][WARM], strict=True)
    ]
    warm += [
        [
            f"2024-05-05T{hour:02d}:30:00+00:00",
            None,
            185.0,
            {"qualityCode": "Bad", "resultQualifiers": []},
        ]
        for hour in range(3)
    ]
    rain = [
        [start, end, float(value), None]
        for start, end, value in zip(starts, ends, YEAR[place][RAIN], strict=True)
    ]
    return {
        WARM: {"unit": UNITS[WARM], "readings": warm},
        RAIN: {"unit": UNITS[RAIN], "readings": rain},
    }


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A django-ogc-sensorthings server with a year of both places: its url and ids."""
    folder = tmp_path_factory.mktemp("things")
    with real_sensor_things(folder, {place: loaded(place) for place in YEAR}) as url:
        yield {"url": url, "ids": json.loads((folder / "ids.json").read_text())}


def of_real(folder: Path, real: dict[str, Any], **options: Any) -> Region:
    """The region with both places; this server (1.2.0) cannot sort by phenomenonTime."""
    places = {
        "a": {"thing": real["ids"]["a"]["thing"]},
        "b": {
            "datastreams": {
                "air_temperature": real["ids"]["b"]["datastreams"][WARM],
                "precipitation": real["ids"]["b"]["datastreams"][RAIN],
            }
        },
    }
    return region(
        folder, real["url"], places=places, **{"order_by": "resultTime asc", "page": 1500} | options
    )


def check(batch: Batch, count: int) -> None:
    """Every value of the year's last ``count`` days is what the readings make it."""
    table = batch.observations.set_index(["location", "time"])
    assert table.index.is_unique and len(table) == 2 * count
    for place, series in YEAR.items():
        found, warm = (
            table.loc[place].reindex(DAYS[-count:]),
            ((series[WARM].reshape(366, 24) - 32) * 5 / 9)[-count:],
        )
        np.testing.assert_allclose(found["air_temperature_max"], warm.max(axis=1), atol=1e-9)
        np.testing.assert_allclose(found["air_temperature_min"], warm.min(axis=1), atol=1e-9)
        np.testing.assert_allclose(found["air_temperature_mean"], warm.mean(axis=1), atol=1e-9)
        np.testing.assert_allclose(
            found["precipitation"],
            series[RAIN].reshape(366, 24).sum(axis=1)[-count:] * 25.4,
            atol=1e-9,
        )


@pytest.mark.slow  # the server takes 3 ms a reading
def test_a_year_of_a_real_server_is_pulled_value_by_value(
    real: dict[str, Any], tmp_path: Path
) -> None:
    """Its Things' Datastreams are told apart by the service's own filter: expanded, it gives all of
    them one ObservedProperty."""
    batch = SOURCE.fetch(FetchRequest(of_real(tmp_path, real), Settings(tmp_path)))
    check(batch, 366)
    assert len(batch.remarks) == 2 and "air_temperature of a (Datastreams(" in str(batch.remarks[0])
    assert all(
        "readings left out for their resultQuality: 3" in str(remark) for remark in batch.remarks
    )


def test_days_of_a_real_server_are_pulled_by_pages_and_then_what_is_new(
    real: dict[str, Any], tmp_path: Path
) -> None:
    place, home = of_real(tmp_path, real, since="2024-12-24", page=50), Settings(tmp_path)
    batch = SOURCE.fetch(Store(home, place).fetch_request(SOURCE.name))
    check(batch, 8)
    store = Store(home, place)
    store.ingest(SOURCE, batch)
    again = SOURCE.fetch(
        Store(home, of_real(tmp_path, real, late_days=1)).fetch_request(SOURCE.name)
    )
    assert [str(day.date()) for day in again.observations["time"].unique()] == [
        "2024-12-30",
        "2024-12-31",
    ]
    assert not store.ingest(SOURCE, again).changed


def test_a_real_server_refuses_what_it_does_not_know(real: dict[str, Any], tmp_path: Path) -> None:
    place = of_real(tmp_path, real)
    gone = place.source_options["sensor_things"] | {
        "places": {"a": {"thing": "01a20a8b-08d3-715c-a4cf-000000000000"}}
    }
    with pytest.raises(
        SourceUnavailable, match="asked 127.0.0.1 for the Datastreams of a; found HTTP 404"
    ):
        moved = place.model_copy(update={"source_options": {"sensor_things": gone}})
        SOURCE.fetch(FetchRequest(moved, Settings(tmp_path)))


# A small service of one Thing, its answers as the standard's section 9 has them; a case changes one
# thing about it.
THREE = [pd.Timestamp("2026-03-01", tz="UTC") + pd.Timedelta(hours=hour) for hour in range(72)]
RESULTS: list[dict[str, Any]] = [
    {"phenomenonTime": moment.isoformat(), "result": float(moment.hour)} for moment in THREE
]
STREAM = {
    "@iot.id": 7,
    "name": "T",
    "unitOfMeasurement": {"name": "degree Celsius", "symbol": "degC", "definition": "Cel"},
    "ObservedProperty": {"name": WARM, "definition": "x"},
}


def answering(
    streams: list[dict[str, Any]] | None = None, rows: Any = None, page: int = 1000, link: str = ""
) -> Callable[[Asked], Any]:
    """How the small service answers: rows by pages, next links to itself or to ``link``."""
    streams, rows = [STREAM] if streams is None else streams, RESULTS if rows is None else rows

    def answer(asked: Asked) -> Any:
        if asked.path.endswith("Things(1)/Datastreams"):
            names = re.findall(r"ObservedProperty/name eq '(.*?)'", asked.params.get("$filter", ""))
            return {
                "value": [
                    stream
                    for stream in streams
                    if not names or stream["ObservedProperty"]["name"] in names
                ]
            }
        if re.search(r"Datastreams\(\d+\)$", asked.path):
            return {"@iot.id": 7, **streams[0]}
        if not isinstance(rows, list):
            return rows
        skip = int(asked.params.get("$skip", 0))
        since = asked.params.get("$filter", "phenomenonTime ge 1900").removeprefix(
            "phenomenonTime ge "
        )
        wanted = [row for row in rows if str(row.get("phenomenonTime", "9")) >= since[:19]]
        body: dict[str, Any] = {"value": wanted[skip : skip + page]}
        if skip + page < len(wanted):
            here = (
                f"http://{asked.headers['host']}{asked.path}?$filter=phenomenonTime ge "
                f"{since}&$skip={skip + page}"
            )
            body["@iot.nextLink"] = link or here
        return body

    return answer


def pull(folder: Path, service: Service, newest: Any = None, **options: Any) -> Batch:
    place = region(folder, service.url, **options)
    return fetch_from(service_of(place, HASTY), place, newest or {})


def with_answer(answer: Callable[[Asked], Any], faults: list[Fault] | None = None) -> Service:
    return Service(answer, faults=list(faults or []))


def changed(row: int, **fields: Any) -> list[dict[str, Any]]:
    """The readings, one of them changed."""
    return [{**found, **fields} if number == row else found for number, found in enumerate(RESULTS)]


def unit(**told: str) -> list[dict[str, Any]]:
    return [{**STREAM, "unitOfMeasurement": told}]


JSON_HALF = Fault(
    headers={"Content-Type": "application/json"}, body=json.dumps({"value": RESULTS}).encode()[:500]
)
PAGE_HTML = Fault(
    headers={"Content-Type": "text/html"}, body=b"<html><body>Please log in</body></html>"
)
PASSING: dict[str, list[Fault]] = {
    "429": [Fault(429)],
    "429 with Retry-After": [Fault(429, {"Retry-After": "0"})],
    "500": [Fault(500)],
    "503 twice": [Fault(503), Fault(503)],
    "late": [Fault(late=0.5)],
    "cut off": [
        Fault(headers={"Content-Type": "application/json"}, body=b'{"value": []}' * 99, cut=True)
    ],
    "half a body": [JSON_HALF],
    "a web page once": [PAGE_HTML],
}


@pytest.mark.parametrize("faults", PASSING.values(), ids=PASSING.keys())
def test_what_passes_is_asked_again(tmp_path: Path, faults: list[Fault]) -> None:
    with serve(with_answer(answering(), faults)) as service:
        table = pull(tmp_path, service).observations
    assert table["air_temperature_max"].tolist() == [23.0, 23.0, 23.0]
    assert table["air_temperature_mean"].tolist() == [11.5, 11.5, 11.5]


def at(moment: Any) -> Callable[[Asked], Any]:
    """The small service, the time of one reading changed."""
    return answering(rows=changed(5, phenomenonTime=moment))


def back(asked: Asked) -> Any:
    """The small service, its pages of readings leading back to themselves."""
    if "Observations" not in asked.path:
        return answering()(asked)
    return {
        "value": RESULTS[:2],
        "@iot.nextLink": f"http://{asked.headers['host']}{asked.path}?$skip=2",
    }


FIRST = (
    r"asked 127.0.0.1 for air_temperature of a \(Datastreams\(7\)\) from its first reading "
    r"on; found "
)
DOWN: dict[str, tuple[Callable[[Asked], Any], str]] = {
    "429 for ever": (lambda _: Fault(429), "HTTP 429 in 3 tries"),
    "500 for ever": (lambda _: Fault(500), "HTTP 500 in 3 tries"),
    "401": (lambda _: Fault(401), "HTTP 401; check the key or token in the environment"),
    "404": (lambda _: Fault(404), "HTTP 404; check the address"),
    "late for ever": (lambda _: Fault(late=0.5), "no answer within"),
    "a web page": (lambda _: PAGE_HTML, "a web page where JSON was expected"),
    "half a body for ever": (lambda _: JSON_HALF, "not whole JSON"),
    "a list": (lambda _: [], "an answer without a list `value`"),
    "no value": (lambda _: {"values": []}, "an answer without a list `value`"),
    "entities that are none": (
        lambda _: {"value": ["x"]},
        "an answer without a list `value` of entities",
    ),
    "an error as JSON": (
        answering(rows={"error": "x"}),
        FIRST + "an answer without a list `value`",
    ),
    "a next link to nowhere": (
        answering(page=24, link="LOOP"),
        FIRST + "a next link to 'LOOP', another host",
    ),
    "a next link that is none": (answering(page=24, link="http://[x"), FIRST + "a next link"),
    "a next link to itself": (back, FIRST + "a next link that leads back"),
    "a next link to another host": (
        answering(page=24, link="http://127.0.0.2:80/x"),
        "a next link to 'http://127.0.0.2:80/x', another",
    ),
    "a next link to another port": (
        answering(page=24, link="http://127.0.0.1:1/x"),
        "a next link to 'http://127.0.0.1:1/x', another",
    ),
    "a next link of another kind": (
        answering(page=24, link="ftp://127.0.0.1/x"),
        "a next link to 'ftp://127.0.0.1/x', another host",
    ),
    "no Datastream": (
        answering([]),
        "the Datastreams of a; found none of `properties` among no Datastream",
    ),
    "other properties": (
        answering([{**STREAM, "ObservedProperty": {"name": "NO2"}}]),
        "none of `properties` among T; name an Obs",
    ),
    "two of a variable": (
        answering([STREAM, {**STREAM, "@iot.id": 8}]),
        r"two of .*, Datastreams\(7\) and Datastreams\(8\); choose",
    ),
    "a wrong unit": (
        answering(unit(name="volt", symbol="V", definition="V")),
        r"of a \(Datastreams\(7\)\): .* comes in 'V', expected degC",
    ),
    "no unit": (
        answering([{**STREAM, "unitOfMeasurement": None}]),
        "there is no unit, expected one; have the service's unit",
    ),
    "two units": (
        answering(unit(name="degree Celsius", symbol="K", definition="")),
        "told as 'K' and as 'degree Celsius', expected",
    ),
    "no id": (
        answering([{key: value for key, value in STREAM.items() if key != "@iot.id"}]),
        "a Datastream with the @iot.id 'None'; have it mended",
    ),
    "an id that is a list": (answering([{**STREAM, "@iot.id": [7]}]), "with the @iot.id '\\[7\\]'"),
    "no reading at all": (answering(rows=[]), "found no reading in 1 Datastreams"),
    "only nulls": (
        answering(rows=[{**row, "result": None} for row in RESULTS]),
        "found no reading in 1 Datastreams",
    ),
}


@pytest.mark.parametrize(("answer", "words"), DOWN.values(), ids=DOWN.keys())
def test_what_stays_wrong_is_told_and_nothing_is_delivered(
    tmp_path: Path, answer: Callable[[Asked], Any], words: str
) -> None:
    with (
        serve(with_answer(answer)) as service,
        pytest.raises(SourceUnavailable, match=words) as caught,
    ):
        pull(tmp_path, service)
    assert (
        str(caught.value).startswith("sensor_things: ")
        and str(caught.value).endswith(".")
        and "\n" not in str(caught.value)
    )


# one reading of 72: (what it is instead, words of the remark)
UNREADABLE: dict[str, tuple[dict[str, Any], str]] = {
    "a word": ({"result": "wet"}, "the result 'wet' at 2026-03-01T05:00:00.00:00"),
    "a number in quotes": ({"result": "12.5"}, "the result '12.5' at"),
    "a truth": ({"result": True}, "the result 'True' at"),
    "a list": ({"result": [1.0]}, "the result '.1.0.' at"),
    "no time": ({"phenomenonTime": None}, "the phenomenonTime 'None'"),
    "no zone": ({"phenomenonTime": "2026-03-01T05:00:00"}, "the phenomenonTime '2026-03-01T05"),
    "a month": ({"phenomenonTime": "2026-03-01T00:00:00Z/2026-04-01T00:00:00Z"}, "the phenomenon"),
    "turned round": ({"phenomenonTime": "2026-03-01T05:00:00Z/2026-03-01T04:00:00Z"}, "the phen"),
    "three ends": ({"phenomenonTime": "2026-03-01T05:00:00Z/2026-03-01T06:00:00Z/x"}, "the phen"),
}


@pytest.mark.parametrize(("entity", "words"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_reading_that_is_none_costs_itself_alone(
    tmp_path: Path, entity: dict[str, Any], words: str
) -> None:
    with serve(with_answer(answering(rows=changed(5, **entity)))) as service:
        batch = pull(tmp_path, service)
    assert batch.observations["air_temperature_max"].tolist() == [23.0, 23.0, 23.0]
    (remark,) = map(str, batch.remarks)
    assert re.search(f"readings of air_temperature of a .* left out .*: 1, such as {words}", remark)


def test_a_datastream_without_one_reading_that_can_be_read_is_told(tmp_path: Path) -> None:
    rows = [{**row, "result": "wet"} for row in RESULTS]
    with (
        serve(with_answer(answering(rows=rows))) as service,
        pytest.raises(SourceUnavailable, match=FIRST + "the result 'wet' at"),
    ):
        pull(tmp_path, service)


def test_a_leap_second_is_the_second_before_it(tmp_path: Path) -> None:
    rows = changed(23, phenomenonTime="2026-03-01T23:59:60Z")
    with serve(with_answer(answering(rows=rows))) as service:
        batch = pull(tmp_path, service)
    assert batch.observations["air_temperature_max"].tolist() == [23.0, 23.0, 23.0]
    assert batch.remarks == ()


TWO = {"a": {"datastreams": {"air_temperature": 7}}, "b": {"datastreams": {"air_temperature": 8}}}


def test_of_two_values_at_one_instant_none_is_used_and_the_others_are(tmp_path: Path) -> None:
    rows = [*RESULTS, {**RESULTS[23], "result": 99.0}]
    with serve(with_answer(answering(rows=rows))) as service:
        batch = pull(tmp_path, service)
    assert batch.observations["air_temperature_max"].tolist() == [22.0, 23.0, 23.0]
    (remark,) = map(str, batch.remarks)
    assert re.search(
        "instant: 1, such as air_temp.* of a at 2026-03-01T23:00Z is 23 and 99", remark
    )


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00Z",
        "1600-01-01T00:00:00Z",
        "9999-12-31T23:00:00Z",
        "99999-01-01T00:00:00Z",
        "2026-03-01T23:00:00Z/9999-12-31T00:00:00Z",
    ],
)
def test_a_reading_at_a_time_of_no_record_is_left_out_and_the_others_are_used(
    tmp_path: Path, moment: str
) -> None:
    answer = answering(rows=changed(23, phenomenonTime=moment))

    def whole(asked: Asked) -> Any:
        return answer(Asked(asked.path, {"$filter": "phenomenonTime ge 0000"}, asked.headers))

    with serve(with_answer(whole)) as service:
        batch = pull(tmp_path, service, places={"a": {"datastreams": {"air_temperature": 7}}})
    assert batch.observations["air_temperature_max"].tolist() == [22.0, 23.0, 23.0]
    (remark,) = map(str, batch.remarks)
    assert remark.startswith("sensor_things: readings left out for their time: 1, such as air_temp")


def test_a_service_whose_readings_are_all_of_no_record_says_so(tmp_path: Path) -> None:
    rows = [{**row, "phenomenonTime": "9999-12-31T00:00:00Z"} for row in RESULTS]
    with (
        serve(with_answer(answering(rows=rows))) as service,
        pytest.raises(SourceUnavailable, match="found no reading .* for their time: 72, such as"),
    ):
        pull(tmp_path, service)


def test_one_fill_value_withholds_its_day_and_the_others_are_stored(tmp_path: Path) -> None:
    home, place = Settings(tmp_path), region(tmp_path, "http://127.0.0.1")
    good = answering()
    bad = answering(rows=changed(30, result=-9999))
    with serve(
        with_answer(lambda asked: bad(asked) if "(8)" in asked.path else good(asked))
    ) as service:
        batch = pull(tmp_path, service, places=TWO)
    stored = Store(home, place).ingest(SOURCE, batch)
    assert set(stored.withheld["location"]) == {"b"} and set(stored.withheld["value"]) == {-9999}
    kept = Store(home, place).observations()["air_temperature_max"]
    assert kept.sel(location="a").values.tolist() == [23, 23, 23]
    np.testing.assert_array_equal(kept.sel(location="b"), [23, np.nan, 23])


UNITS_THAT_ARE_NONE: list[Any] = [
    ["Cel"],
    [],
    "Cel",
    5,
    1.5,
    True,
    {"definition": ["Cel"]},
    {"definition": 5},
    {"symbol": {"a": 1}},
    {"name": False},
]


@pytest.mark.parametrize("unit", UNITS_THAT_ARE_NONE, ids=json.dumps)
def test_a_unit_that_is_no_text_is_one_bad_datastream(tmp_path: Path, unit: Any) -> None:
    odd = {"@iot.id": 8, "unitOfMeasurement": unit}
    with serve(
        with_answer(lambda asked: odd if asked.path.endswith("(8)") else answering()(asked))
    ) as service:
        batch = pull(tmp_path, service, places=TWO)
    assert batch.observations["location"].tolist() == ["a"] * 3
    (remark,) = map(str, batch.remarks)
    assert re.search(
        r"air_temperature of b \(Data.*: the unit is told as .*, expected text;", remark
    )


def test_one_bad_datastream_of_a_thing_is_remarked_and_its_others_are_pulled(
    tmp_path: Path,
) -> None:
    rain = {**STREAM, "@iot.id": 8, "ObservedProperty": {"name": f"http://vocabulary/{RAIN}"}}
    with serve(with_answer(answering([STREAM, {**rain, "unitOfMeasurement": ["mm"]}]))) as service:
        batch = pull(tmp_path, service)
    assert set(batch.observations) >= {"air_temperature_max"}
    assert "precipitation" not in batch.observations
    (remark,) = map(str, batch.remarks)
    assert 'precipitation of a (Datastreams(8)): the unit is told as ["mm"]' in remark


HOUR = pd.Timedelta(hours=1)


def moved(how: Callable[[pd.Timestamp], str]) -> list[dict[str, Any]]:
    """The readings, their times written in another way."""
    return [
        {**row, "phenomenonTime": how(moment)} for row, moment in zip(RESULTS, THREE, strict=True)
    ]


BAD = {"resultQuality": {"DQ_Status": {"code": "BAD"}}}
# name: (readings, the highest of each day)
KEPT: dict[str, tuple[list[dict[str, Any]], list[float]]] = {
    "as they are": (RESULTS, [23, 23, 23]),
    "twice the same": ([*RESULTS, *RESULTS[:30]], [23, 23, 23]),
    "in disorder": (RESULTS[::-1], [23, 23, 23]),
    "a null": (changed(23, result=None), [22, 23, 23]),
    "flagged bad": (changed(23, **BAD), [22, 23, 23]),
    "flagged in a list": (changed(23, resultQuality=["checked", "Bad"]), [22, 23, 23]),
    "flagged good": (changed(23, resultQuality="good"), [23, 23, 23]),
    "a day without readings": (RESULTS[:24] + RESULTS[48:], [23, 23]),
    "half a day": (RESULTS[:36] + RESULTS[48:], [23, np.nan, 23]),
    "another zone": (moved(lambda moment: moment.tz_convert("Asia/Tokyo").isoformat()),
        [23, 23, 23]),
    "intervals": (moved(lambda moment: f"{moment.isoformat()}/{(moment + HOUR).isoformat()}"),
        [23, 23, 23]),
    "85 degC as it starts": (changed(30, result=85.0), [23, 85, 23]),  # the contract withholds it
}  # fmt: skip


@pytest.mark.parametrize(("rows", "highest"), KEPT.values(), ids=KEPT.keys())
def test_days_are_those_of_the_readings(
    tmp_path: Path, rows: list[dict[str, Any]], highest: list[float]
) -> None:
    with serve(with_answer(answering(rows=rows, page=24))) as service:
        table = pull(tmp_path, service).observations
    np.testing.assert_array_equal(table["air_temperature_max"], highest)


SUSPECT = {"code": "suspect", "by": "range test"}


def test_what_is_said_of_readings_is_kept_day_by_day(tmp_path: Path) -> None:
    """Of those left out and of those used; of one flagged bad at no time nothing but the count."""
    rows = changed(23, **BAD)
    rows[:2] = [{**row, "resultQuality": "good"} for row in rows[:2]]
    rows[30] = {**rows[30], "resultQuality": SUSPECT}
    rows.append({"phenomenonTime": None, "result": 1.0, "resultQuality": "bad"})
    home, place = Settings(tmp_path), region(tmp_path, "http://127.0.0.1")
    with serve(with_answer(answering(rows=rows))) as service:
        batch = pull(tmp_path, service)
    assert tuple(map(str, batch.remarks)) == (
        "sensor_things: air_temperature of a (Datastreams(7)): readings left out for their "
        "resultQuality: 2; data/quality lists them.",
    )
    store = Store(home, place)
    store.ingest(SOURCE, batch)
    kept = store.quality()
    assert set(kept["variable"]) == {
        f"air_temperature_{part}" for part in ("max", "mean", "min")
    } and set(kept["location"]) == {"a"}
    found = kept[kept["variable"] == "air_temperature_max"].astype({"time": "str"})[
        ["time", "quality", "readings", "used"]
    ]
    assert found.to_numpy().tolist() == [
        ["2026-03-01", "good", 2, 2],
        ["2026-03-01", json.dumps(BAD["resultQuality"]), 1, 0],
        ["2026-03-02", json.dumps(SUSPECT, sort_keys=True), 1, 1],
    ]


def test_what_is_said_anew_of_a_day_replaces_what_was_said(tmp_path: Path) -> None:
    store = Store(Settings(tmp_path), region(tmp_path, "http://127.0.0.1"))
    for rows in (
        changed(30, resultQuality="suspect"),
        RESULTS[:24] + changed(30, resultQuality="good")[24:48],
        RESULTS[48:],
    ):
        with serve(with_answer(answering(rows=rows))) as service:
            store.ingest(SOURCE, pull(tmp_path, service))
    assert store.quality()["quality"].tolist() == ["good"] * 3  # of highest, mean and lowest
    with serve(with_answer(answering(rows=RESULTS[24:48]))) as service:
        store.ingest(SOURCE, pull(tmp_path, service))
    assert store.quality().empty


# name: (what the second Datastream's addresses answer, what is then remarked)
ONE_BAD: dict[str, tuple[str, Any, str]] = {
    "gone": (r"Datastreams\(8\)$", Fault(404), "HTTP 404"),
    "of another unit": (
        r"Datastreams\(8\)$",
        {"@iot.id": 8, "unitOfMeasurement": {"symbol": "V"}},
        "comes in 'V', expected degC",
    ),
    "words": (
        r"\(8\)/Obs",
        {"value": [{"phenomenonTime": "2026-03-01T00:00:00Z", "result": "wet"}]},
        "the result 'wet'",
    ),
    "always 500": (r"\(8\)/Obs", Fault(500), "HTTP 500"),
}


@pytest.mark.parametrize(("where", "reply", "words"), ONE_BAD.values(), ids=ONE_BAD.keys())
def test_one_bad_datastream_is_remarked_and_the_others_are_pulled(
    tmp_path: Path, where: str, reply: Any, words: str
) -> None:
    with serve(
        with_answer(lambda asked: reply if re.search(where, asked.path) else answering()(asked))
    ) as service:
        batch = pull(tmp_path, service, places=TWO)
    assert batch.observations["location"].tolist() == ["a"] * 3
    assert (
        len(batch.remarks) == 1
        and words in str(batch.remarks[0])
        and "of b" in str(batch.remarks[0])
    )


def test_pages_are_followed_and_every_one_shows_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORS", "Bearer s3cret-token")
    with serve(with_answer(answering(page=10))) as service:
        table = pull(tmp_path, service, authorization_env="SENSORS").observations
        assert {asked.headers.get("authorization") for asked in service.asked} == {
            "Bearer s3cret-token"
        }
    assert len(service.asked) == 2 + 8  # the Datastreams of two properties, and 72 readings by 10
    assert table["air_temperature_max"].tolist() == [23.0, 23.0, 23.0]


def test_only_what_is_new_is_asked_for(tmp_path: Path) -> None:
    newest = {
        ("a", f"air_temperature_{part}"): pd.Timestamp("2026-03-02")
        for part in ("max", "mean", "min")
    }
    with serve(with_answer(answering())) as service:
        table = pull(tmp_path, service, newest, late_days=1).observations
    assert service.asked[-1].params["$filter"] == "phenomenonTime ge 2026-03-01T00:00:00Z"
    assert service.asked[-1].params["$orderby"] == "phenomenonTime asc"
    assert len(table) == 3
    with serve(with_answer(answering(rows=[]))) as service:
        assert pull(tmp_path, service, newest).observations.empty  # nothing new is no error


def test_units_that_the_region_file_names_win(tmp_path: Path) -> None:
    warm = [{**row, "result": row["result"] + 273.15} for row in RESULTS]
    with serve(
        with_answer(answering(unit(name="volt", symbol="V", definition=""), warm))
    ) as service:
        table = pull(tmp_path, service, units={"air_temperature": "K"}).observations
    assert table["air_temperature_max"].tolist() == pytest.approx([23.0, 23.0, 23.0])


@pytest.mark.parametrize(
    "definition",
    ["Cel", "ucum:Cel", "https://ucum.org/ucum#Cel", "http://unitsofmeasure.org/UCUM/Cel"],
)
def test_units_are_read_wherever_they_stand(tmp_path: Path, definition: str) -> None:
    with serve(
        with_answer(answering(unit(name="?", symbol="?", definition=definition)))
    ) as service:
        assert pull(tmp_path, service).observations["air_temperature_max"].tolist() == [
            23.0,
            23.0,
            23.0,
        ]


def test_one_sensor_may_be_chosen_among_two(tmp_path: Path) -> None:
    with serve(with_answer(answering([STREAM, {**STREAM, "@iot.id": 8}]))) as service:
        pull(tmp_path, service, places={"a": {"thing": 1, "datastreams": {"air_temperature": 8}}})
        assert {asked.path for asked in service.asked} == {
            "/Datastreams(8)",
            "/Things(1)/Datastreams",
            "/Datastreams(8)/Observations",
        }


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "a place unknown": (
        {"places": {"aa": {"thing": 1}}},
        "unknown location 'aa', did you mean 'a'; mend `places`",
    ),
    "no place": ({"places": {}}, "places"),
    "a variable unknown": ({"properties": {"x": "rain"}}, "found 'rain'"),
    "a Datastream's variable unknown": (
        {"places": {"a": {"datastreams": {"temp": 1}}}},
        "found 'temp'",
    ),
    "a password in the address": (
        {"url": "https://me:s3cret@host/v1.1"},
        "a user or password in the address",
    ),
    "no address": ({"url": "sensors"}, "url: found 'sensors', expected an address"),
    "a header not set": (
        {"authorization_env": "NOT_SET_AT_ALL"},
        "the environment variable NOT_SET_AT_ALL, named in .*, is not set",
    ),
    "an unknown key": ({"thing": 1}, "unknown key 'thing', did you mean|unknown key 'thing'"),
}


@pytest.mark.parametrize(("options", "words"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options_that_cannot_be_are_told(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    told = {"url": "https://sensors.example.org/v1.1"} | options
    with pytest.raises(RiskError, match=words) as caught:
        service_of(region(tmp_path, **told))
    assert "s3cret" not in str(caught.value)
    assert isinstance(caught.value, ConfigError) or "aa" in words
