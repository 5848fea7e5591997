"""Silence of a gauge that sends only when its bucket tips: dry where it was alive, else missing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from configs import Location, Region
from data_contracts.batch import Batch
from sources.common.readings import ReadingOptions, converted
from sources.common.sensors import SensorPull, newest_days
from sources.common.silence import DRY_SEASON, MONTH, Signs, dry_days
from sources.common.units import SAME

RAIN, WIND = "precipitation", "wind_speed"
NOW = datetime(2024, 3, 8, 12, tzinfo=UTC)
DRY, MISSING = 0.0, None


def stored(**values: tuple[str, list[float]]) -> xr.Dataset:
    """What is stored of place a: variable -> its first day and the values from it on."""
    series = [
        pd.Series(numbers, pd.date_range(first, periods=len(numbers)), name=name)
        for name, (first, numbers) in values.items()
    ]
    table = pd.concat(series, axis=1).rename_axis("time").asfreq("D")
    return table.to_xarray().expand_dims(location=["a"])


def pulled(
    readings: dict[str, list[str]], held: xr.Dataset | None = None, answered: bool = True
) -> Batch:
    """A pull of place a: variable -> the instants of its readings, of 0.2 each."""
    region = Region(
        name="city",
        title="City",
        sources=("sensor_things",),
        locations=(Location(id="a"),),
        history_start="2024-03-01",
        path=Path("city.yaml"),
    )
    options = ReadingOptions(streams={RAIN: "events"}, interval_minutes={WIND: 1440})
    pull = SensorPull("s", region, options, newest_days(held), NOW, stored=held)
    if answered:
        pull.answered.add(("a", RAIN))
    parts = [
        converted(
            pd.DataFrame({"time": pd.to_datetime(times, utc=True), "value": 0.2, "location": "a"}),
            name,
            {name: SAME},
            (),
        )
        for name, times in readings.items()
    ]
    return pull.batch(parts)


def rain(batch: Batch) -> dict[int, float | None]:
    """Day of March -> its rain."""
    if RAIN not in batch.observations:
        return {}
    days = batch.observations.set_index("time")[RAIN]
    return {day.day: None if np.isnan(value) else round(value, 1) for day, value in days.items()}


def at(*days: int) -> list[str]:
    return [f"2024-03-{day:02d}T10:00Z" for day in days]


WINDY = stored(wind_speed=("2024-02-01", [3.0] * 34), precipitation=("2024-02-01", [0.0] * 34))
WINDY_UNTIL_FEBRUARY = stored(
    wind_speed=("2024-02-01", [3.0] * 29), precipitation=("2024-02-01", [0.0] * 29)
)
RAINED = stored(precipitation=("2024-02-20", [1.0] + [0.0] * 14))
RAINED_IN_JANUARY = stored(precipitation=("2024-01-20", [1.0] + [0.0] * 31))
# name: (readings, stored, rain by day of March, words of the remark)
CASES: dict[str, tuple[dict[str, list[str]], xr.Dataset | None, dict[int, Any], str]] = {
    "the only stream, which tipped that week": (
        {RAIN: at(2)},
        None,
        {1: DRY, 2: 0.2, 3: DRY, 4: DRY, 5: DRY, 6: DRY, 7: DRY},
        "",
    ),
    "the wind of the place was sent on two days": (
        {RAIN: at(2), WIND: at(3, 5)},
        None,
        {2: 0.2, 3: DRY, 5: DRY},
        "no other stream of the place did (days: 4, the first 2024-03-01)",
    ),
    "the wind was sent throughout, stored or new": (
        {WIND: at(5, 6, 7)},
        WINDY,
        {2: DRY, 3: DRY, 4: DRY, 5: DRY, 6: DRY, 7: DRY},
        "",
    ),
    "the whole station fell silent": (
        {},
        WINDY_UNTIL_FEBRUARY,
        {26: DRY, 27: DRY, 28: DRY, 29: DRY},
        "no other stream of the place did (days: 7, the first 2024-03-01)",
    ),
    "the only stream, which tipped in February": (
        {},
        RAINED,
        {2: DRY, 3: DRY, 4: DRY, 5: DRY, 6: DRY, 7: DRY},
        "",
    ),
    "the only stream, silent for longer than a month": (
        {},
        RAINED_IN_JANUARY,
        {17: DRY, 18: DRY, 19: DRY, 20: DRY},
        "no reading near enough tells that the gauge was alive (days: 16, the first 2024-02-21)",
    ),
    "the only stream, which tips again: the time between was dry": (
        {RAIN: at(7)},
        RAINED_IN_JANUARY,
        {7: 0.2},
        "",
    ),
}


@pytest.mark.parametrize(("readings", "held", "days", "words"), CASES.values(), ids=CASES)
def test_silence_is_dry_where_something_tells_that_the_gauge_was_alive(
    readings: dict[str, list[str]], held: xr.Dataset | None, days: dict[int, Any], words: str
) -> None:
    batch = pulled(readings, held)
    told = [str(each) for each in batch.remarks]
    assert (not told) if not words else (len(told) == 1 and words in told[0]), told
    known = {day: value for day, value in rain(batch).items() if value is not None}
    assert days.items() <= known.items()
    if words or RAIN not in readings:
        assert known == days


def test_a_gauge_that_tips_again_makes_its_whole_dry_season_known() -> None:
    batch = pulled({RAIN: at(7)}, RAINED_IN_JANUARY)
    days = batch.observations.set_index("time")[RAIN]
    between = days["2024-01-21":"2024-03-06"]
    assert len(between) == 46 and (between == 0).all()


def test_a_stream_that_was_not_answered_for_says_nothing() -> None:
    assert rain(pulled({}, RAINED, answered=False)) == {}


@given(
    st.lists(st.integers(0, 900), max_size=5),
    st.lists(st.integers(0, 900), max_size=5),
    st.integers(0, 900),
    st.integers(1, 60),
)
def test_dry_days_are_those_beside_a_sign_of_life(
    own: list[int], others: list[int], first: int, count: int
) -> None:
    """Held against the rule written anew, a day at a time."""
    origin = pd.Timestamp("2020-01-01")
    own, others = sorted(set(own)), sorted(set(others))
    days = [day for day in range(first, first + count) if day not in own]

    def index(numbers: list[int]) -> pd.DatetimeIndex:
        return pd.DatetimeIndex([origin + pd.Timedelta(days=n) for n in numbers])

    dry = dry_days(Signs(index(own), index(others)), index(days))
    told_of = any(days and days[0] - MONTH <= day <= days[-1] for day in others)
    expected = []
    for day in days:
        since = min((day - each for each in own if each < day), default=10**6)
        until = min((each - day for each in own if each > day), default=10**6)
        alone = since <= MONTH or until <= MONTH or since + until <= DRY_SEASON
        if day in others if told_of else alone:
            expected.append(day)
    assert list(dry) == list(index(expected))
