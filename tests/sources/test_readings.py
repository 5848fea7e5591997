"""Readings within the day become the region's days: which day, how many are enough, and what a
day's value is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import Location, Region, RiskError, Settings
from configs.remarks import Remark
from data_contracts.batch import LOCATION_COLUMNS, Batch, Source, SourceUnavailable
from data_contracts.contract import check
from data_contracts.store import Store
from data_contracts.variables import VARIABLES
from sources.common.daily import daily
from sources.common.gathering import gather
from sources.common.http_messages import BadResponse, Throttled
from sources.common.locations import locations_table
from sources.common.readings import (
    ReadingOptions,
    StrayTime,
    converted,
    instant,
    number,
    parts_of,
)
from sources.common.sensors import day_start, first_day, newest_days, resumed
from sources.common.units import conversion

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = pd.Timestamp("2026-03-01")


def rows(
    values: Any,
    variable: str = "precipitation",
    unit: str = "",
    start: str = "2026-03-01",
    minutes: float = 60,
    **rest: Any,
) -> Any:
    """Readings of one sensor, one after the other from ``start`` (UTC) on; NaN leaves one out."""
    times = pd.date_range(start, periods=len(values), freq=pd.Timedelta(minutes=minutes), tz="UTC")
    table = pd.DataFrame(
        {
            "time": times,
            "location": rest.pop("location", "a"),
            "value": np.array(values, dtype=float),
        }
    )
    hows = {
        part: conversion(unit or VARIABLES[part].units, part, "s", "c")
        for part in parts_of(variable)
    }
    return converted(table, variable, hows, rest.pop("missing", ()))


def day(values: Any, variable: str = "precipitation", **rest: Any) -> float:
    """The value of 2026-03-01."""
    options = ReadingOptions(**rest.pop("options", {}))
    table = daily(rows(values, variable, **rest), "s", options, 0, NOW)
    found = table[table["time"] == DAY]
    return float(found[variable].iloc[0]) if len(found) else float("nan")


HOURS = np.arange(24.0)
nan = np.nan


def without(*hours: int) -> np.ndarray:
    values = HOURS.copy()
    values[list(hours)] = nan
    return values


# name: (readings of the day's 24 hours, variable, its value)
CASES: dict[str, tuple[Any, str, float]] = {
    "mean of all": (HOURS, "wind_speed", 11.5),
    "sum of all": (HOURS, "precipitation", 276.0),
    "highest": (HOURS, "air_temperature_max", 23.0),
    "lowest": (HOURS, "air_temperature_min", 0.0),
    "level is a mean": (HOURS, "river_level", 11.5),
    "20 of 24 hours: a sum is divided by 20/24": (
        without(20, 21, 22, 23),
        "precipitation",
        190 * 24 / 20,
    ),
    "20 of 24 hours: a mean is taken as it is": (without(20, 21, 22, 23), "wind_speed", 9.5),
    "20 of 24 hours: so is an extreme": (without(20, 21, 22, 23), "air_temperature_max", 19.0),
    "19 of 24 hours are too few (79 %)": (without(5, 6, 7, 8, 9), "precipitation", nan),
    "19 of 24 hours are too few for a mean too": (without(5, 6, 7, 8, 9), "wind_speed", nan),
    "nothing": (HOURS * nan, "precipitation", nan),
}


@pytest.mark.parametrize(("values", "variable", "expected"), CASES.values(), ids=CASES.keys())
def test_a_day_is(values: Any, variable: str, expected: float) -> None:
    assert day(values, variable) == pytest.approx(expected, nan_ok=True)


def test_one_thermometer_gives_highest_mean_and_lowest() -> None:
    table = daily(rows(HOURS + 273.15, "air_temperature", unit="K"), "s", ReadingOptions(), 0, NOW)
    assert table.columns.tolist() == [
        "time",
        "location",
        "air_temperature_max",
        "air_temperature_mean",
        "air_temperature_min",
    ]
    assert table.iloc[0, 2:].tolist() == pytest.approx([23.0, 11.5, 0.0])


@pytest.mark.parametrize(
    ("offset", "first", "count"),
    [(0, "2026-03-01", 2), (1, "2026-03-01", 2), (-5, "2026-03-01", 1)],
)
def test_days_are_the_regions_standard_days(offset: int, first: str, count: int) -> None:
    # 48 hours from 2026-03-01T00Z: at UTC+1 the first day has 23 of them, at UTC-5 the day before
    # has 5, the first whole one begins at 05Z.
    table = daily(rows(np.ones(48)), "s", ReadingOptions(), offset, NOW).dropna()
    assert (len(table), str(table["time"].iloc[0].date())) == (count, first)
    assert table["precipitation"].tolist() == pytest.approx([24.0] * count)


def test_a_stamp_at_the_end_counts_for_the_hour_before() -> None:
    # Stamped at their end, the day's 24 readings are those of 01:00 to 24:00.
    values = np.r_[100.0, np.ones(24)]
    assert day(values, options={"stamp": "end"}) == 24.0
    assert day(values) == 123.0


def test_readings_that_mean_missing_are_left_out() -> None:
    values = HOURS.copy()
    values[23] = -9
    assert day(values, "wind_speed", missing=(-9.0,)) == 11.0
    assert day(values, "wind_speed") == -9  # not averaged away: the contract is to see it


IMPOSSIBLE = [
    ("precipitation", "mm", -1.0, -1.0),
    ("air_temperature_max", "degC", 85.0, 85.0),
    ("air_temperature_mean", "K", -999.0, -999.0),
    ("river_level", "cm", -9999.0, -9999.0),
    ("relative_humidity", "1", 1.2, 120.0),
]


@pytest.mark.parametrize(("variable", "unit", "reading", "expected"), IMPOSSIBLE)
def test_an_impossible_reading_is_the_days_value(
    variable: str, unit: str, reading: float, expected: float
) -> None:
    values = np.full(24, 280.0 if unit == "K" else 0.5)
    values[7] = reading
    assert day(values, variable, unit=unit) == pytest.approx(expected)


def test_radiation_in_watts_is_a_mean_and_dark_hours_may_be_below_zero() -> None:
    values = np.r_[np.full(12, -2.0), np.full(12, 502.0)]  # mean 250 W m-2 x 86,400 s = 21.6 MJ m-2
    assert day(values, "surface_downwelling_shortwave", unit="W/m2") == pytest.approx(21.6)


def test_a_rate_is_not_raised_for_what_is_missing() -> None:
    values = np.full(24, 1.0)
    values[20:] = nan
    assert day(values, unit="mm/h") == pytest.approx(24.0)


def test_the_interval_is_the_median_gap_of_the_month_unless_told() -> None:
    assert day(np.ones(144), minutes=10) == 144.0
    assert day(np.ones(20)) == pytest.approx(24.0)
    assert np.isnan(day(np.ones(20), options={"interval_minutes": {"precipitation": 30}}))
    assert np.isnan(day([3.0]))  # one reading alone tells no interval
    assert day([3.0], options={"interval_minutes": {"precipitation": 1440}}) == 3.0
    assert day(np.arange(4.0), minutes=1440) == 0.0  # a gauge read once a day
    seldom = pd.concat(
        [rows(np.ones(24 * 28), start="2026-02-01"), rows(np.ones(144 * 9), minutes=10)]
    )
    table = daily(seldom, "s", ReadingOptions(), 0, NOW)
    assert table["precipitation"].notna().all()  # hourly in February, every ten minutes in March


def test_today_is_no_day_before_it_is_over() -> None:
    table = daily(rows(np.ones(24 * 20)), "s", ReadingOptions(), 0, NOW)
    assert str(table["time"].max().date()) == "2026-03-09"
    late = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
    assert (
        str(daily(rows(np.ones(24 * 20)), "s", ReadingOptions(), 1, late)["time"].max().date())
        == "2026-03-10"
    )


def test_equal_duplicates_are_one_and_of_those_that_differ_none_is_used() -> None:
    twice = pd.concat([rows(HOURS), rows(HOURS)])
    assert daily(twice, "s", ReadingOptions(), 0, NOW)["precipitation"].tolist() == [276.0]
    differ = pd.concat([rows(np.ones(24)), rows([5.0], start="2026-03-01 07:00")])
    remarks: list[Remark] = []
    table = daily(differ, "s", ReadingOptions(), 0, NOW, remarks)
    assert table["precipitation"].tolist() == [24.0]  # 23 hours, divided by 23/24
    assert list(map(str, remarks)) == [
        "s: readings left out for two values at one instant: 1, such as precipitation of a at "
        "2026-03-01T07:00Z is 1 and 5; take one out there, or choose one sensor a place."
    ]


def test_one_thermometer_told_twice_is_one_reading_left_out() -> None:
    remarks: list[Remark] = []
    warm = pd.concat([rows(HOURS, "air_temperature"), rows([9.5, 9.5, 9.5], "air_temperature")])
    daily(warm, "s", ReadingOptions(), 0, NOW, remarks)
    assert len(remarks) == 1 and "two values at one instant: 3, such as" in str(remarks[0])


def test_two_sensors_for_one_place_are_an_error() -> None:
    differ = pd.concat([rows(HOURS), rows(HOURS + 1)])
    with pytest.raises(RiskError, match="instant: 24, .* is 0 and 1; .* choose one sensor a place"):
        daily(differ, "s", ReadingOptions(), 0, NOW)


TIMES = {
    "2026-03-01T05:00:00Z": "2026-03-01T05:00:00+00:00",
    "2026-03-01T05:00:00.250+09:00": "2026-02-28T20:00:00.250000+00:00",
    "20260301T050000Z": "2026-03-01T05:00:00+00:00",
    "2199-12-31T23:00:00Z": "2199-12-31T23:00:00+00:00",
}


@pytest.mark.parametrize("text", TIMES)
def test_a_time_with_a_zone_is_an_instant(text: str) -> None:
    assert instant(text).isoformat() == TIMES[text]


STRAYS = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+05:00",
    "1600-01-01T00:00:00Z",
    "1699-12-31T00:00:00Z",
    "2200-01-01T00:00:00Z",
    "2262-06-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-05:00",
    "99999-01-01T00:00:00Z",
]


@pytest.mark.parametrize("text", STRAYS)
def test_a_time_that_no_record_may_hold_is_told_apart(text: str) -> None:
    with pytest.raises(StrayTime):
        instant(text)


NONE = [None, "", "now", "05:00Z", "2026-03-01T05:00:00", "2026-02-30T00:00Z", 5, 1.5, True, [], {}]


@pytest.mark.parametrize("found", [*NONE, "2026-03-01T05:00:00+99:00", "1714521600", "T" * 5000])
def test_what_is_no_time_with_a_zone_is_refused(found: Any) -> None:
    with pytest.raises(ValueError) as caught:
        instant(found)
    assert not isinstance(caught.value, StrayTime)


def test_numbers_too_large_for_any_are_infinite_for_the_contract_to_withhold() -> None:
    assert [number(found) for found in (2, 1.5, 10**400, -(10**400))] == [2, 1.5, np.inf, -np.inf]
    for found in ("2", True, None, [1.0], {"a": 1}):
        with pytest.raises(ValueError):
            number(found)
    table = daily(rows([*HOURS[:23], np.inf]), "s", ReadingOptions(), 0, NOW)
    batch = Batch(table, pd.DataFrame([("a", "a", 1.0, 1.0, 1.0)], columns=LOCATION_COLUMNS))
    assert check(batch, "s", complete=False, readings=True).withheld["value"].tolist() == [np.inf]


def test_no_reading_is_an_empty_table_with_its_columns() -> None:
    assert daily(rows([nan]), "s", ReadingOptions(), 0, NOW).columns.tolist() == [
        "time",
        "location",
    ]


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(72)), st.lists(st.floats(0, 50), min_size=72, max_size=72))
def test_neither_order_nor_company_changes_a_day(order: list[int], values: list[float]) -> None:
    one = rows(values)
    other = pd.concat(
        [rows(values[::-1], location="b"), one.iloc[order], rows(values, "wind_speed")]
    )
    alone = daily(one, "s", ReadingOptions(), 0, NOW)["precipitation"].tolist()
    table = daily(other, "s", ReadingOptions(), 0, NOW)
    assert table[table["location"] == "a"]["precipitation"].tolist() == pytest.approx(alone)


WRONG = [
    ({"interval_minutes": {"rain": 5}}, "found 'rain'"),
    ({"interval_minutes": {"precipitation": 0}}, "from above 0 to 1440"),
    ({"stamp": "middle"}, "start"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ReadingOptions(**options)


PLACES = (
    Location(id="a", names={"fr": "A-ville"}, latitude=35.0, longitude=-2.3),
    Location(id="b", longitude=16.0),
)


def region(folder: Path, **rest: Any) -> Region:
    return Region(
        name="somewhere",
        title="S",
        sources=("sensors",),
        locations=PLACES,
        path=folder / "somewhere.yaml",
        **rest,
    )


def test_the_offset_is_told_or_follows_from_the_places(tmp_path: Path) -> None:
    assert region(tmp_path).day_offset == 0  # (-2.3 + 16) / 2 / 15 = 0.46
    assert region(tmp_path, utc_offset=3).day_offset == 3
    assert day_start(DAY, 1).isoformat() == "2026-02-28T23:00:00+00:00"


def test_a_pull_asks_from_what_is_stored_on(tmp_path: Path) -> None:
    place, home = region(tmp_path), Settings(tmp_path)
    assert newest_days(Store(home, place).fetch_request("sensors").stored.observations) == {}
    table = pd.DataFrame(
        {
            "time": pd.date_range("2026-03-01", periods=5),
            "location": "a",
            "precipitation": [1.0, 2, 3, nan, nan],
            "wind_speed": [nan, nan, nan, nan, 4.0],
        }
    )
    source = Source("sensors", 1, "x", "x", complete=False, fetch=lambda *_: Batch(table, table))
    Store(home, place).ingest(source, Batch(table, locations_table(place, ["a"])))
    newest = newest_days(Store(home, place).fetch_request("sensors").stored.observations)
    assert newest == {
        ("a", "precipitation"): pd.Timestamp("2026-03-03"),
        ("a", "wind_speed"): pd.Timestamp("2026-03-05"),
    }
    options = ReadingOptions(late_days=2)
    assert first_day(place, options, newest, "a", "precipitation") == DAY
    assert first_day(place, options, newest, "a", "air_temperature") is None
    assert first_day(
        place, ReadingOptions(since=date(2020, 1, 1)), newest, "a", "precipitation"
    ) == pd.Timestamp("2020-01-01")
    assert first_day(
        region(tmp_path, history_start=date(2019, 1, 1)), options, newest, "b", "wind_speed"
    ) == pd.Timestamp("2019-01-01")


@pytest.mark.parametrize(
    ("newest", "first"),
    [
        (["2026-03-09"], "2026-03-07"),
        (["2026-03-09", "2026-03-01"], "2026-02-27"),
        (["2026-03-09", "2026-02-06"], "2026-02-04"),  # silent for 31 days
        (["2026-03-09", "2026-02-05", "2020-01-01"], "2026-03-07"),  # for longer: it has ended
    ],
)
def test_a_sensor_that_was_silent_for_a_while_is_asked_for_its_past(
    newest: list[str], first: str
) -> None:
    assert resumed(map(pd.Timestamp, newest), ReadingOptions(late_days=2)) == pd.Timestamp(first)


def test_places_keep_the_regions_order_and_names(tmp_path: Path) -> None:
    table = locations_table(region(tmp_path), ["zz", "b", "a"])
    assert table["location"].tolist() == ["a", "b", "zz"]
    assert table["name"].tolist() == ["A-ville", "b", "zz"]


def test_of_many_asks_the_bad_are_remarked_unless_the_service_is_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    def ask(error: SourceUnavailable | None) -> Callable[[], list[int]]:
        def one() -> list[int]:
            asked.append("once")
            if error is not None:
                raise error
            return [1]

        return one

    def all_of(*asks: Callable[[], list[int]]) -> list[int]:
        return gather({f"sensor {number}": one for number, one in enumerate(asks, 1)}, remarks, "s")

    good, refused, down = (
        ask(None),
        ask(BadResponse("no such sensor.")),
        ask(SourceUnavailable("no answer.")),
    )
    remarks: list[Remark] = []
    with caplog.at_level("INFO", "sources"):
        assert all_of(refused, good, refused, refused, down, good) == [1, 1]
    assert "s: 6 of 6, sensor 6" in caplog.text
    assert list(map(str, remarks)) == ["no such sensor."] * 3 + ["no answer."]
    with pytest.raises(BadResponse, match="no such sensor"):
        all_of(refused, refused, refused)
    asked.clear()
    with pytest.raises(SourceUnavailable, match="no answer"):
        all_of(good, down, down, good, good)
    assert len(asked) == 3, "a service that is down is not asked for every sensor"
    asked.clear()
    with pytest.raises(Throttled, match="come back in an hour"):
        all_of(good, ask(Throttled("come back in an hour.")), good)
    assert len(asked) == 2, "a service that is closed is not asked again"
    assert len(remarks) == 4
