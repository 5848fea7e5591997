"""NGSI-LD: answers written from ETSI GS CIM 009 V1.6.1 (4.5.7 to 4.5.9, 5.7.4, 6.3.10) and the
Smart Data Models; no broker was asked."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from replay import HASTY, Asked, Fault, Service, serve

from configs import Location, Region, RiskError
from data_contracts.batch import Batch, SourceUnavailable
from sources.ngsi_ld import fetch_from
from sources.ngsi_ld.broker import broker_of
from sources.ngsi_ld.options import MODEL

NOW = datetime(2026, 3, 5, 9, tzinfo=UTC)
HOURS = [pd.Timestamp("2026-03-01", tz="UTC") + pd.Timedelta(hours=hour) for hour in range(96)]
STATION = "urn:ngsi-ld:WeatherObserved:a-1"
GAUGE = "urn:ngsi-ld:FloodMonitoring:m-3"


def zulu(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def instances(
    how: Callable[[pd.Timestamp], float], unit: str | None = None
) -> list[dict[str, Any]]:
    """An attribute's hours in the normalized representation, each with its unit where there is
    one."""
    told = {"unitCode": unit} if unit else {}
    return [
        {"type": "Property", "value": how(moment), "observedAt": zulu(moment), **told}
        for moment in HOURS
    ]


def bare(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The same in the simplified representation (4.5.9), which knows no units."""
    return {"type": "Property", "values": [[row["value"], row["observedAt"]] for row in rows]}


def weather(**changes: Any) -> dict[str, Any]:
    """What a WeatherObserved was: temperature is the hour of the day, 1 mm of rain an hour, 60 %
    humidity."""
    plain = {
        "temperature": instances(lambda moment: float(moment.hour), "CEL"),
        "precipitation": instances(lambda _: 1.0),
        "relativeHumidity": instances(lambda _: 0.6),
        "windSpeed": instances(lambda _: 36.0, "KMH"),
        "atmosphericPressure": instances(lambda _: 1013.0),
        "address": {"type": "Property", "value": {"addressLocality": "A"}},
        "refDevice": {"type": "Relationship", "object": "urn:ngsi-ld:Device:1"},
    }
    return {"id": STATION, "type": "WeatherObserved", **plain, **changes}


LEVEL = {
    "id": GAUGE,
    "type": "FloodMonitoring",
    "currentLevel": instances(lambda moment: 150.0 + moment.hour, "CMT"),
}


def holding(entity: dict[str, Any]) -> Callable[[Asked], Any]:
    """A broker that has this entity, and answers for the time it is asked for."""

    def within(rows: Any, asked: Asked) -> Any:
        if not isinstance(rows, list):
            return rows
        return [
            row
            for row in rows
            if asked.params["timeAt"]
            <= str(row.get("observedAt") or asked.params["timeAt"])
            < asked.params["endTimeAt"]
        ]

    def answer(asked: Asked) -> Any:
        if asked.params.get("id") != entity["id"]:
            return []
        found = {name: within(rows, asked) for name, rows in entity.items()}
        if asked.params.get("options") == "temporalValues":
            found = {
                name: bare(rows) if isinstance(rows, list) else rows for name, rows in found.items()
            }
        return [found]

    return answer


def region(folder: Path, base: str, **options: Any) -> Region:
    told = {"url": f"{base}/ngsi-ld/v1", "places": {"a": {"WeatherObserved": STATION}}}
    return Region(
        name="city",
        title="City",
        sources=("ngsi_ld",),
        utc_offset=0,
        history_start=date(2026, 3, 1),
        locations=(Location(id="a"), Location(id="b")),
        source_options={"ngsi_ld": told | options},
        path=folder / "city.yaml",
    )


def pull(folder: Path, service: Service, newest: Any = None, **options: Any) -> Batch:
    place = region(folder, service.url, **options)
    return fetch_from(broker_of(place, HASTY), place, newest or {}, NOW)


@pytest.mark.parametrize("simplified", [False, True])
def test_a_stations_days_are_pulled_value_by_value(tmp_path: Path, simplified: bool) -> None:
    units = {"windSpeed": "KMH"} if simplified else {}
    with serve(Service(holding(weather()))) as service:
        table = pull(tmp_path, service, simplified=simplified, units=units).observations
        assert service.asked[0].path == "/ngsi-ld/v1/temporal/entities"
        wanted = {
            "type": "WeatherObserved",
            "id": STATION,
            "timerel": "between",
            "timeAt": "2026-03-01T00:00:00Z",
        }
        assert wanted.items() <= service.asked[0].params.items()
        assert ("options" in service.asked[0].params) is simplified
    assert table["time"].tolist() == list(pd.date_range("2026-03-01", "2026-03-04"))
    expected = {
        "air_temperature_max": 23,
        "air_temperature_mean": 11.5,
        "air_temperature_min": 0,
        "precipitation": 24,
        "relative_humidity": 60,
        "wind_speed": 10,
        "air_pressure": 1013,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(table[name], value)


def test_a_flood_monitors_levels_stand_beside_the_weather(tmp_path: Path) -> None:
    def both(asked: Asked) -> Any:
        return holding(LEVEL)(asked) or holding(weather())(asked)

    with serve(Service(both)) as service:
        table = pull(
            tmp_path,
            service,
            places={
                "a": {"WeatherObserved": STATION, "FloodMonitoring": GAUGE},
                "b": {"FloodMonitoring": GAUGE},
            },
        )
    found = table.observations.set_index(["location", "time"])
    np.testing.assert_allclose(found["river_level"], 1.615)  # 150 cm + 11.5 cm
    assert found.loc["b", "precipitation"].isna().all()


def test_long_times_are_asked_for_by_windows_and_new_ones_only(tmp_path: Path) -> None:
    with serve(Service(holding(weather()))) as service:
        table = pull(tmp_path, service, window_days=2).observations
        assert [
            (asked.params["timeAt"][:10], asked.params["endTimeAt"][:10]) for asked in service.asked
        ] == [
            ("2026-03-01", "2026-03-03"),
            ("2026-03-03", "2026-03-05"),
            ("2026-03-05", "2026-03-05"),
        ]
        assert len(table) == 4
        service.asked.clear()
        newest = {("a", "precipitation"): pd.Timestamp("2026-03-03")}
        assert len(pull(tmp_path, service, newest, late_days=1).observations) == 3
        assert service.asked[0].params["timeAt"] == "2026-03-02T00:00:00Z"
        service.asked.clear()
        level_behind = newest | {("a", "river_level"): pd.Timestamp("2026-02-20")}
        pull(tmp_path, service, level_behind, late_days=1)
        assert service.asked[0].params["timeAt"] == "2026-02-19T00:00:00Z", (
            "what was silent for a while is asked for its past"
        )


def test_headers_name_the_tenant_the_context_and_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER", "Bearer s3cret-token")
    named = {
        "tenant": "berkane",
        "fiware_service": "city",
        "fiware_service_path": "/weather",
        "authorization_env": "BROKER",
        "context": "https://example.org/context.jsonld",
    }
    with serve(Service(holding(weather()))) as service:
        pull(tmp_path, service, **named)
        headers = service.asked[0].headers
    assert (headers["ngsild-tenant"], headers["fiware-service"], headers["fiware-servicepath"]) == (
        "berkane",
        "city",
        "/weather",
    )
    assert headers["authorization"] == "Bearer s3cret-token"
    assert (
        headers["link"]
        == '<https://example.org/context.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; '
        'type="application/ld+json"'
    )


def test_a_partial_answer_is_asked_on_from_where_it_ends(tmp_path: Path) -> None:
    def partial(asked: Asked) -> Any:
        """At most 30 hours an answer, as 6.3.10 has it: 206 and a Content-Range of times."""
        since, until = pd.Timestamp(asked.params["timeAt"]), pd.Timestamp(asked.params["endTimeAt"])
        end = min(until, since + pd.Timedelta(hours=30))
        body = holding(weather())(
            Asked(asked.path, {**asked.params, "endTimeAt": zulu(end)}, asked.headers)
        )
        headers = {
            "Content-Type": "application/json",
            "Content-Range": f"date-time {zulu(since)}-{zulu(end)}/1000",
        }
        return Fault(206, headers, json.dumps(body).encode()) if end < until else body

    with serve(Service(partial)) as service:
        assert pull(tmp_path, service).observations["precipitation"].tolist() == [24.0] * 4
        assert len(service.asked) == 4


def test_a_next_link_of_the_broker_is_followed(tmp_path: Path) -> None:
    def paged(asked: Asked) -> Any:
        later = "offset" in asked.params
        rows = {
            "temperature": weather()["temperature"][48:] if later else weather()["temperature"][:48]
        }
        link = (
            {}
            if later
            else {
                "Link": '</ngsi-ld/v1/temporal/entities?offset=1>; rel="next"; '
                'type="application/ld+json"'
            }
        )
        return Fault(
            200, link, json.dumps([{"id": STATION, "type": "WeatherObserved", **rows}]).encode()
        )

    with serve(Service(paged)) as service:
        assert pull(tmp_path, service).observations["air_temperature_max"].tolist() == [23.0] * 4
        assert len(service.asked) == 2


def test_one_bad_place_is_remarked_and_the_others_are_pulled(tmp_path: Path) -> None:
    """All of the place: its weather is asked for again with its level, so that no day of it is
    passed over."""

    def answer(asked: Asked) -> Any:
        return (
            Fault(404)
            if asked.params["id"] == GAUGE
            else [holding(weather())(Asked(asked.path, {**asked.params, "id": STATION}, {}))[0]]
        )

    places = {
        "a": {"WeatherObserved": STATION},
        "b": {"WeatherObserved": "urn:b", "FloodMonitoring": GAUGE},
    }
    with serve(Service(answer)) as service:
        batch = pull(tmp_path, service, places=places)
    assert set(batch.observations["location"]) == {"a"}
    assert (
        len(batch.remarks) == 1
        and "FloodMonitoring of b" in str(batch.remarks[0])
        and "HTTP 404" in str(batch.remarks[0])
    )


def changed(attribute: str, **fields: Any) -> Callable[[Asked], Any]:
    """A broker whose station has one odd reading."""
    rows = weather()[attribute]
    return holding(weather(**{attribute: [*rows[:5], {**rows[5], **fields}, *rows[6:]]}))


def linked(target: str) -> Callable[[Asked], Any]:
    return lambda _: Fault(
        200, {"Link": f'<{target}>; rel="next"'}, json.dumps([weather()]).encode()
    )


def ranged(words: str) -> Callable[[Asked], Any]:
    return lambda _: Fault(206, {"Content-Range": words}, json.dumps([weather()]).encode())


ASKED = "asked 127.0.0.1 for WeatherObserved of a, 2026-03-01 to 2026-03-05; found "
DOWN: dict[str, tuple[Callable[[Asked], Any], str]] = {
    "429 for ever": (lambda _: Fault(429), ASKED + "HTTP 429 in 3 tries"),
    "500 for ever": (lambda _: Fault(500), ASKED + "HTTP 500 in 3 tries"),
    "no tenant": (lambda _: Fault(404, {}, b'{"title": "No such tenant"}'),
        ASKED + r"HTTP 404 \(No such tenant\); check the address"),
    "401": (lambda _: Fault(401), ASKED + "HTTP 401; check the key or token"),
    "late": (lambda _: Fault(late=0.5), ASKED + "no answer within"),
    "cut off": (lambda _: Fault(body=b"[" + b" " * 900 + b"]", cut=True),
        ASKED + "a reply that was cut off"),
    "a web page": (lambda _: Fault(body=b"<html></html>"), ASKED + "a web page"),
    "text": (lambda _: ["x"], ASKED + "an answer without entities; check"),
    "an error as JSON": (lambda _: {"error": "x"}, ASKED + "an answer without entities; check"),
    "nobody": (lambda _: [],
        "found no reading at http.*; check the entities' ids and `history_start`"),
    "only nulls": (holding(weather(**{name: [] for name in MODEL})), "found no reading at"),
    "a next link elsewhere": (linked("http://127.0.0.2/x"),
        ASKED + "a next link to 'http://127.0.0.2/x', another host"),
    "a next link that is none": (linked("http://[x"), ASKED + "a next link to"),
    "next links without end": (linked("/ngsi-ld/v1/temporal/entities?offset=1"),
        ASKED + "a next link that leads back"),
    "a range of no day": (ranged("date-time 2026-13-01T00:00:00Z-2026-14-01T00:00:00Z/9"),
        ASKED + "the Content-Range 'date-time"),
    "a range that stands still": (ranged("date-time 2026-02-01T00:00:00Z-2026-03-01T00:00:00Z/9"),
        "a Content-Range that leads nowhere"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), DOWN.values(), ids=DOWN.keys())
def test_what_stays_wrong_is_told_and_nothing_is_delivered(
    tmp_path: Path, answer: Callable[[Asked], Any], words: str
) -> None:
    with serve(Service(answer)) as service, pytest.raises(SourceUnavailable, match=words) as caught:
        pull(tmp_path, service)
    assert (
        str(caught.value).startswith("ngsi_ld: ")
        and str(caught.value).endswith(".")
        and "\n" not in str(caught.value)
    )


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, {"Retry-After": "0"}),
        Fault(503),
        Fault(late=0.5),
        Fault(body=b"<html></html>"),
        Fault(body=b"[{"),
    ],
)
def test_what_passes_is_asked_again(tmp_path: Path, fault: Fault) -> None:
    with serve(Service(holding(weather()), faults=[fault])) as service:
        assert pull(tmp_path, service).observations["precipitation"].tolist() == [24.0] * 4


def test_of_two_values_at_one_instant_none_is_used_and_the_others_are(tmp_path: Path) -> None:
    rows = weather()["precipitation"]
    twice = holding(weather(precipitation=[*rows, {**rows[5], "value": 9.0}]))
    with serve(Service(twice)) as service:
        batch = pull(tmp_path, service)
    assert batch.observations["precipitation"].tolist() == [24.0] * 4
    (remark,) = map(str, batch.remarks)
    assert "instant: 1, such as precipitation of a at 2026-03-01T05:00Z is 1 and 9" in remark


@pytest.mark.parametrize(
    "when", ["0001-01-01T00:00:00Z", "1600-01-01T00:00:00Z", "9999-12-31T23:00:00Z"]
)
@pytest.mark.parametrize("pairs", [False, True])
def test_a_reading_at_a_time_of_no_record_is_left_out_and_the_others_are_used(
    tmp_path: Path, when: str, pairs: bool
) -> None:
    rows = weather()["temperature"]
    rows = [*rows[:95], {**rows[95], "observedAt": when}]
    found: Any = rows
    if pairs:
        found = {"type": "Property", "values": [[row["value"], row["observedAt"]] for row in rows]}
    # A broker that asks its own database leaves nothing out.
    entity = weather(temperature=found)
    with serve(Service(lambda asked: [entity])) as service:
        batch = pull(tmp_path, service)
    assert batch.observations["air_temperature_max"].tolist() == [23, 23, 23, 22]
    assert tuple(map(str, batch.remarks)) == (
        f"ngsi_ld: readings left out for their time: 1, such as temperature at {when} of "
        f"a; have them mended there.",
    )


# what is wrong with temperatures, words of the remark; rain goes on
WRONG = {
    "a word": (changed("temperature", value="warm"),
        "1, such as temperature 'warm' at 2026-03-01T05"),
    "a truth": (changed("temperature", value=True), "1, such as temperature 'True' at"),
    "in quotes": (changed("temperature", value="20.5"), "1, such as temperature '20.5' at"),
    "a list": (changed("temperature", value=[20.5]), r"1, such as temperature '\[20.5\]' at"),
    "no time": (changed("temperature", observedAt=None),
        "such as a reading of temperature at 'None'"),
    "no zone": (changed("temperature", observedAt="2026-03-01T05:00:00"),
        "at '2026-03-01T05:00:00'"),
    "a wrong unit": (changed("temperature", unitCode="VLT"), "air_temperature_max comes in 'VLT'"),
    "a unit in a list": (changed("temperature", unitCode=["CEL"]),
        r"with the unitCode \[\"CEL\"\]"),
    "a unit that is a number": (changed("temperature", unitCode=5), "with the unitCode 5"),
    "bare values": (holding(weather(temperature={"type": "Property", "values": [1, 2]})),
        "at 'None'"),
    "a level without a unit": (holding(weather(currentLevel=instances(lambda _: 1.0))),
        "comes in '', expected m"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_reading_costs_itself_or_its_attribute_alone(
    tmp_path: Path, answer: Callable[[Asked], Any], words: str
) -> None:
    with serve(Service(answer)) as service:
        batch = pull(tmp_path, service)
    assert batch.observations["precipitation"].tolist() == [24.0] * 4
    (remark,) = map(str, batch.remarks)
    assert re.search(f"of a left out for what stands there: .*{words}", remark), remark


def test_a_station_without_one_reading_that_can_be_read_is_told(tmp_path: Path) -> None:
    entity = {"id": STATION, "type": "WeatherObserved"}
    entity["temperature"] = [
        {"type": "Property", "value": "warm", "observedAt": "2026-03-01T05:00:00Z"}
    ]
    with (
        serve(Service(lambda _: [entity])) as service,
        pytest.raises(SourceUnavailable, match=ASKED + "temperature 'warm' at"),
    ):
        pull(tmp_path, service)


KEPT = {
    "twice the same": (weather()["temperature"] * 2, [23, 23, 23, 23]),
    "a null": (
        [*weather()["temperature"][:95], {**weather()["temperature"][95], "value": None}],
        [23, 23, 23, 22],
    ),
    "a day without readings": (
        weather()["temperature"][:24] + weather()["temperature"][48:],
        [23, np.nan, 23, 23],
    ),
    "fahrenheit from a day on": (
        weather()["temperature"][:48]
        + [
            {**row, "value": row["value"] * 1.8 + 32, "unitCode": "FAH"}
            for row in weather()["temperature"][48:]
        ],
        [23, 23, 23, 23],
    ),
    "long names": (weather()["temperature"], [23, 23, 23, 23]),
}


@pytest.mark.parametrize("case", KEPT)
def test_days_are_those_of_the_readings(tmp_path: Path, case: str) -> None:
    rows, highest = KEPT[case]
    entity = weather(temperature=rows)
    if case == "long names":
        entity["https://smartdatamodels.org/dataModel.Weather/temperature"] = entity.pop(
            "temperature"
        )
    with serve(Service(holding(entity))) as service:
        np.testing.assert_allclose(
            pull(tmp_path, service).observations["air_temperature_max"], highest
        )


def test_attributes_of_ones_own_may_be_named(tmp_path: Path) -> None:
    entity = {"id": STATION, "type": "WeatherObserved", "lluvia": instances(lambda _: 0.1)}
    with serve(Service(holding(entity))) as service:
        table = pull(
            tmp_path, service, attributes={"lluvia": "precipitation"}, units={"lluvia": "CMT"}
        ).observations
    np.testing.assert_allclose(table["precipitation"], 24.0)


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "a place unknown": (
        {"places": {"zz": {"WeatherObserved": "x"}}},
        "unknown location 'zz', expected one of a, b; mend `places`",
    ),
    "no place": ({"places": {}}, "places"),
    "a variable unknown": ({"attributes": {"x": "rain"}}, "found 'rain'"),
    "a password in the address": (
        {"url": "https://me:s3cret@host/v1"},
        "a user or password in the address",
    ),
    "a header not set": (
        {"authorization_env": "NOT_SET_AT_ALL"},
        "the environment variable NOT_SET_AT_ALL, named in .*, is not set",
    ),
    "an unknown key": ({"tenants": "x"}, "unknown key 'tenants', did you mean 'tenant'"),
}


@pytest.mark.parametrize(("options", "words"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options_that_cannot_be_are_told(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(RiskError, match=words) as caught:
        broker_of(region(tmp_path, "https://broker.example.org", **options))
    assert "s3cret" not in str(caught.value)


def test_a_region_without_a_start_is_told_to_name_one(tmp_path: Path) -> None:
    place = region(tmp_path, "http://127.0.0.1:1").model_copy(update={"history_start": None})
    with pytest.raises(
        RiskError, match="history_start: found none, ngsi_ld needs the first day to ask for; add it"
    ):
        fetch_from(broker_of(place, HASTY), place, {}, NOW)


def test_the_recorded_station_is_read(shared: Path, tmp_path: Path) -> None:
    """The data model's own example (a current state, no history), its attributes given the time it
    names."""
    example = json.loads(
        (shared / "payloads" / "fiware" / "WeatherObserved.example-normalized.jsonld").read_text()
    )
    when = "2016-11-30T07:00:00.00Z"
    timed = {
        name: [{**found, "observedAt": when}] if name in MODEL else found
        for name, found in example.items()
    }
    with serve(Service(lambda _: [timed])) as service:
        options = {
            "since": "2016-11-30",
            "window_days": 366,
            "interval_minutes": dict.fromkeys(
                (
                    "air_temperature",
                    "precipitation",
                    "relative_humidity",
                    "wind_speed",
                    "river_level",
                    "air_pressure",
                ),
                1440,
            ),
        }
        place = region(tmp_path, service.url, **options)
        row = fetch_from(
            broker_of(place, HASTY), place, {}, datetime(2016, 12, 2, tzinfo=UTC)
        ).observations.iloc[0]
    assert (row["air_temperature_mean"], row["precipitation"], row["relative_humidity"]) == (
        3.3,
        0.0,
        100.0,
    )
    assert (row["wind_speed"], row["air_pressure"], row["river_level"]) == (2.0, 938.9, 0.5)
