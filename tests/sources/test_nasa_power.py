"""NASA POWER: which days are asked for, what its values become, and that nothing wrong is ever
delivered."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from nasa_power_service import FILL, answer
from replay import HASTY, Asked, Fault, Service, serve

from configs import Location, Region, Settings, load_region
from data_contracts.batch import Batch, SourceUnavailable
from data_contracts.store import Store
from data_contracts.variables import VARIABLES
from sources.common.http_messages import RetryPolicy
from sources.nasa_power import COLUMNS, SOURCE
from sources.nasa_power import fetch_at as fetch_request_at

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TODAY = NOW.date()


def fetch_at(region: Region, home: Settings, now: datetime, policy: RetryPolicy) -> Batch:
    """The fetch of a pull at a moment: it is told what the store of ``home`` holds."""
    return fetch_request_at(Store(home, region).fetch_request(SOURCE.name), now, policy)


@pytest.fixture
def service() -> Iterator[Service]:
    with serve(Service(answer)) as running:
        yield running


def town(service: Service, start: date = TODAY - timedelta(days=34)) -> Region:
    return Region(
        name="somewhere",
        title="Somewhere",
        utc_offset=0,
        sources=("nasa_power",),
        history_start=start,
        locations=(Location(id="town", latitude=34.92, longitude=-2.32),),
        source_options={"nasa_power": {"url": service.url + "/daily"}},
        path=Path("somewhere.yaml"),
    )


def test_history_is_canonical(service: Service, home: Settings) -> None:
    batch = fetch_at(town(service), home, NOW, HASTY)
    table = batch.observations
    assert set(table) - {"time", "location"} <= set(VARIABLES) and len(table) == 30
    assert (table["time"].min(), table["time"].max()) == (
        pd.Timestamp("2026-10-20"),
        pd.Timestamp("2026-11-18"),
    )
    row = table.iloc[0]
    assert (
        row["air_temperature_max"],
        row["precipitation"],
        row["surface_downwelling_shortwave"],
    ) == (25.0, 1.5, 18.0)
    assert row["air_pressure"] == pytest.approx(995.0), "99.5 kPa are 995 hPa"
    assert (
        batch.forecasts.empty
        and service.asked[0].params["community"] == "ag"
        and service.asked[0].params["time-standard"] == "utc"
    )


def test_days_are_local_solar_where_standard_time_is_not_utc(
    service: Service, home: Settings
) -> None:
    fetch_at(town(service).model_copy(update={"utc_offset": 3}), home, NOW, HASTY)
    assert {request.params["time-standard"] for request in service.asked} == {"lst"}


def test_what_is_stored_is_not_asked_for_again(service: Service, home: Settings) -> None:
    region = town(service)
    Store(home, region).ingest(SOURCE, fetch_at(region, home, NOW, HASTY))
    service.asked.clear()
    assert fetch_at(region, home, NOW, HASTY).observations.empty and service.asked == []
    batch = fetch_at(region, home, NOW + timedelta(days=1), HASTY)
    assert (
        set(batch.observations["time"]) == {pd.Timestamp("2026-11-19")} and len(service.asked) == 1
    )


def test_places_of_a_cell_are_fetched_once_and_years_past_are_kept(
    service: Service, home: Settings
) -> None:
    region = town(service, date(2018, 1, 1)).model_copy(
        update={"locations": load_region("berkane").locations}
    )
    batch = fetch_at(region, home, NOW, HASTY)
    assert batch.observations["location"].nunique() == 16
    cells = {(request.params["latitude"], request.params["longitude"]) for request in service.asked}
    assert len(cells) <= 4 and len(service.asked) == 9 * len(cells)
    service.asked.clear()
    fetch_at(region, home, NOW, HASTY)
    assert {request.params["start"] for request in service.asked} == {"20260701"}


def test_the_fill_value_is_missing(service: Service, home: Settings) -> None:
    def change(asked: Asked) -> Any:
        reply = answer(asked)
        reply["properties"]["parameter"]["ALLSKY_SFC_SW_DWN"] |= {
            "20261025": -999.0,
            "20261026": -999,
        }
        reply["properties"]["parameter"]["PS"]["20261027"] = None
        return reply

    service.answer = change
    table = fetch_at(town(service), home, NOW, HASTY).observations.set_index("time")
    assert table["surface_downwelling_shortwave"].isna().sum() == 2 and np.isnan(
        table.loc["2026-10-27", "air_pressure"]
    )
    assert (table.drop(columns="location").min() > -100).all()


def test_another_fill_value_is_missing_too(service: Service, home: Settings) -> None:
    def change(asked: Asked) -> Any:
        reply = answer(asked)
        reply["header"]["fill_value"] = -99.0
        reply["properties"]["parameter"]["T2M"]["20261025"] = -99.0
        return reply

    service.answer = change
    assert np.isnan(
        fetch_at(town(service), home, NOW, HASTY)
        .observations.set_index("time")
        .loc["2026-10-25", "air_temperature_mean"]
    )


def test_days_not_published_are_left_out(service: Service, home: Settings) -> None:
    def change(asked: Asked) -> Any:
        reply = answer(asked)
        for series in reply["properties"]["parameter"].values():
            series.update({day: FILL for day in series if day > "20261115"})
        return reply

    service.answer = change
    assert fetch_at(town(service), home, NOW, HASTY).observations["time"].max() == pd.Timestamp(
        "2026-11-15"
    )


def test_radiation_that_comes_later_is_asked_for_again(service: Service, home: Settings) -> None:
    def change(asked: Asked) -> Any:
        reply = answer(asked)
        series = reply["properties"]["parameter"]["ALLSKY_SFC_SW_DWN"]
        series.update({day: FILL for day in series if day > "20261115"})
        return reply

    service.answer = change
    region = town(service)
    Store(home, region).ingest(SOURCE, fetch_at(region, home, NOW, HASTY))
    service.answer = answer
    table = fetch_at(region, home, NOW, HASTY).observations
    assert table["time"].tolist() == list(pd.date_range("2026-11-16", "2026-11-18"))
    assert table["surface_downwelling_shortwave"].notna().all()


def at(*path: str, value: Any) -> Callable[[Any], Any]:
    def change(reply: Any) -> Any:
        inner = reply
        for key in path[:-1]:
            inner = inner[key]
        if value is None:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
        return reply

    return change


SERIES = ("properties", "parameter")
WRONG = {
    "kelvin": (
        at("parameters", "T2M_MAX", "units", value="K"),
        "T2M_MAX in 'K' where 'C' was expected",
    ),
    "rain in inches": (
        at("parameters", "PRECTOTCORR", "units", value="in/day"),
        "PRECTOTCORR in 'in/day'",
    ),
    "radiation in kWh": (
        at("parameters", "ALLSKY_SFC_SW_DWN", "units", value="kW-hr/m^2/day"),
        "in 'kW-hr/m^2/day'",
    ),
    "no units": (at("parameters", value=None), "no daily series with units"),
    "no parameter": (at("parameters", "PS", value=None), "no daily series with units"),
    "no series": (at(*SERIES, "PS", value=None), "PS without 20261020"),
    "a missing day": (at(*SERIES, "T2M", "20261025", value=None), "T2M without 20261025"),
    "a day too many": (
        at(*SERIES, "T2M", "20261225", value=3.0),
        "T2M with days that were not asked for",
    ),
    "words": (at(*SERIES, "T2M", "20261025", value="warm"), "T2M with values that are no numbers"),
    "a number in words": (
        at(*SERIES, "T2M", "20261025", value="21.5"),
        "T2M with values that are no numbers",
    ),
    "a number beyond all": (
        at(*SERIES, "T2M", "20261025", value=10**400),
        "T2M with values that are no numbers",
    ),
    "series in a list": (at(*SERIES, value=[1.0]), "no daily series with units"),
    "a list": (at(*SERIES, "T2M", "20261025", value=[1.0]), "T2M with values that are no numbers"),
    "another point": (
        at("geometry", "coordinates", value=[-2.5, 35.5, 200.0]),
        "the point 35.5, -2.5 where 35, -2.5",
    ),
    "no point": (at("geometry", value=None), "no coordinates"),
    "a point beyond all": (at("geometry", "coordinates", value=[10**400, 35.0]), "no coordinates"),
    "a fill value beyond all": (
        at("header", "fill_value", value=10**400),
        "no fill_value in the header",
    ),
    "no fill value": (at("header", "fill_value", value=None), "no fill_value in the header"),
    "messages alone": (
        lambda reply: {"messages": ["the service is being repaired"]},
        "no daily series with units",
    ),
    "a list of replies": (lambda reply: [reply], "no daily series with units"),
}


@pytest.mark.parametrize(("change", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_reply_is_refused(service: Service, home: Settings, change: Any, told: str) -> None:
    service.answer = lambda asked: change(answer(asked))
    with pytest.raises(SourceUnavailable) as error:
        fetch_at(town(service), home, NOW, HASTY)
    text = str(error.value)
    assert told in text and text.startswith(
        "nasa_power: asked 127.0.0.1 for town, 2026-10-20 to 2026-11-18; found "
    )
    assert text.endswith("run it again later, and if it stays so tell the project.") and not list(
        home.data.rglob("*.json.gz")
    )


FAULTS = {
    "429": Fault(429),
    "429 with Retry-After": Fault(429, {"Retry-After": "0"}),
    "500": Fault(500),
    "time-out": Fault(late=0.4),
    "a body cut in half": Fault(200, {}, b'{"type": "Feature", "geometry": {}}', cut=True),
    "a web page": Fault(200, {}, b"<html>maintenance</html>"),
    "a day twice": Fault(
        200, {}, b'{"properties": {"parameter": {"T2M": {"20261020": 1.0, "20261020": 2.0}}}}'
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_service_that_fails_is_told_and_a_passing_fault_is_not_seen(
    service: Service, home: Settings, fault: Fault
) -> None:
    service.faults = [fault] * 3
    with pytest.raises(
        SourceUnavailable,
        match="nasa_power: asked 127.0.0.1 for town, 2026-10-20 to 2026-11-18; found .*; (run "
        "it|check)",
    ):
        fetch_at(town(service), home, NOW, HASTY)
    service.faults = [fault]
    assert len(fetch_at(town(service), home, NOW, HASTY).observations) == 30


def test_a_refusal_is_told_at_once(service: Service, home: Settings) -> None:
    service.faults = [Fault(422, {}, b'{"message": "One of your parameters is incorrect: T2M"}')]
    with pytest.raises(
        SourceUnavailable, match="HTTP 422 .One of your parameters is incorrect: T2M.; check"
    ):
        fetch_at(town(service), home, NOW, HASTY)
    assert len(service.asked) == 1


def test_the_units_are_those_of_recorded_replies(shared: Path) -> None:
    exchange = json.loads(
        (shared / "payloads" / "nasapower" / "daily_ag_point.json").read_text(encoding="utf-8")
    )
    text = exchange["http_interactions"][0]["response"]["body"]["string"]
    units = dict(re.findall(r"^(\w+) .*\(([^()]+)\) *\r?$", text, re.MULTILINE))
    ours = {column.parameter: column.unit for column in COLUMNS}
    assert {
        name: unit for name, unit in units.items() if name in ours
    }.items() <= ours.items() and len(units) >= 6
    assert "-999" in text
