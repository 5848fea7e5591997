"""Streams that count, add up or send events: as amounts where the region file says so, else
told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import Location, Region
from data_contracts.batch import Batch
from sources.common.readings import ReadingOptions, converted
from sources.common.sensors import SensorPull
from sources.common.units import SAME

NOW = datetime(2024, 3, 8, 12, tzinfo=UTC)
HOURS = pd.date_range("2024-03-01", "2024-03-04", freq="h", tz="UTC", inclusive="left")
TIPS = pd.to_datetime(
    [
        f"2024-03-02T{time}Z"
        for time in ("10:03", "10:09", "10:22", "10:41", "11:13", "13:00", "15:50")
    ]
)


def pulled(
    times: Any,
    values: Any,
    newest: Any = None,
    answered: bool = True,
    offset: int = 0,
    **options: Any,
) -> Batch:
    """A Batch of one gauge's readings, in mm."""
    region = Region(
        name="city",
        title="City",
        sources=("sensor_things",),
        utc_offset=offset,
        locations=(Location(id="a"),),
        history_start="2024-03-01",
        path=Path("city.yaml"),
    )
    rows = pd.DataFrame({"time": times, "value": np.asarray(values, float)}).assign(location="a")
    pull = SensorPull("s", region, ReadingOptions(**options), newest or {}, NOW)
    if answered:
        pull.answered.add(("a", "precipitation"))
    return pull.batch([converted(rows, "precipitation", {"precipitation": SAME}, ())])


def rain(batch: Batch) -> list[float]:
    return batch.observations["precipitation"].round(6).tolist()


def since_midnight(fell: np.ndarray, offset: int = 0) -> np.ndarray:
    """What a gauge shows that counts from the region's midnight on."""
    day = (HOURS + pd.Timedelta(hours=offset)).normalize()
    return pd.Series(fell).groupby(day.to_numpy()).cumsum().to_numpy()


SIX = np.where(HOURS == "2024-03-02T11:00Z", 6.0, 0.0)
# name: (times, values, what the stream is, each day's rain, words of the remark)
KINDS = {
    "a counter from midnight": (HOURS, since_midnight(SIX), "counter", [0, 6, 0],
        "rises and falls back to 0"),
    "a counter of three wet days": (HOURS, since_midnight(np.tile([0.2] * 6 + [0.0] * 18, 3)),
        "counter", None, "falls back to 0"),
    "a total that is never reset": (HOURS, 1234 + np.cumsum(np.where(np.arange(72) % 24 == 5, 0.4,
        0)), "cumulative", [0.4] * 3, "never falls"),
    "a total beyond any day's rain": (HOURS, 25_000 + np.cumsum(np.where(np.arange(72) % 24 == 5,
        0.4, 0)), "cumulative", [0.4] * 3, "never falls"),
    "a bucket that tips": (TIPS, [0.2] * 7, "events", [0, 1.4, 0, 0, 0, 0, 0],
        "comes now and then"),
    "a bucket of inches": (TIPS[:5], [0.254] * 5, "events", [0, 1.27, 0, 0, 0, 0, 0],
        "comes now and then"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("times", "values", "kind", "days", "words"), KINDS.values(), ids=KINDS.keys()
)
def test_a_stream_that_is_told_gives_its_days_and_one_that_is_not_says_what_to_write(
    times: Any, values: Any, kind: str, days: list[float] | None, words: str
) -> None:
    told = pulled(times, values, streams={"precipitation": kind})
    assert told.remarks == () and told.observations["time"].is_monotonic_increasing
    if days is not None:
        assert rain(told) == pytest.approx(days, rel=0.06)
    assert rain(pulled(times, values, streams={"a": {"precipitation": kind}})) == rain(told)
    guessed = pulled(times, values)
    assert "precipitation" not in guessed.observations
    (remark,) = map(str, guessed.remarks)
    assert words in remark and f"streams: {{a: {{precipitation: {kind}}}}}" in remark


AMOUNTS = {
    "a dry week": np.zeros(72),
    "a shower": np.where(np.isin(np.arange(72), (30, 31)), 2.0, 0.0),
    "drizzle, the same each hour": np.where((np.arange(72) > 20) & (np.arange(72) < 30), 0.2, 0.0),
    "rain each hour": np.ones(72),
    "rising through a day": np.tile(np.arange(24.0), 3),
}


@pytest.mark.parametrize("values", AMOUNTS.values(), ids=AMOUNTS.keys())
def test_amounts_are_left_as_they_are(values: np.ndarray) -> None:
    batch = pulled(HOURS, values)
    assert batch.remarks == ()
    sums = [values[day * 24 : day * 24 + 24].sum() for day in range(3)]
    assert rain(batch) == pytest.approx(sums)


def test_a_counter_of_another_clock_is_the_regions_days() -> None:
    batch = pulled(HOURS, since_midnight(SIX, 1), offset=1, streams={"precipitation": "counter"})
    assert dict(zip(batch.observations["time"].dt.day, rain(batch), strict=True))[2] == 6.0


def test_a_counter_loses_nothing_in_an_outage_within_a_day() -> None:
    keep = ~np.isin(np.arange(72), np.arange(33, 38))
    batch = pulled(HOURS[keep], since_midnight(SIX)[keep], streams={"precipitation": "counter"})
    assert rain(batch) == [0.0, 6.0, 0.0]


def test_what_a_total_shows_after_it_was_changed_is_not_known() -> None:
    total = 100 + np.cumsum(np.where(np.arange(72) % 24 == 5, 0.4, 0))
    total[40:] -= 90
    batch = pulled(HOURS, total, streams={"precipitation": "cumulative"})
    assert rain(batch)[0] == pytest.approx(0.4, rel=0.06) and max(rain(batch)) < 1


@pytest.mark.parametrize(
    "streams",
    [
        {"precipitation": "meter"},
        {"air_temperature": "counter"},
        {"a": {"wind_speed": "events"}},
        {"rain": "counter"},
    ],
)
def test_a_kind_that_cannot_be_is_refused(streams: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="streams"):
        ReadingOptions(streams=streams)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 40), min_size=72, max_size=72), st.booleans())
def test_a_counter_gives_the_rain_that_it_counted(tenths: list[int], daily_reset: bool) -> None:
    fell = np.array(tenths) / 10
    shown = since_midnight(fell) if daily_reset else np.cumsum(fell)
    kind = "counter" if daily_reset else "cumulative"
    days = rain(pulled(HOURS, shown, streams={"precipitation": kind}))
    assert days[1:] == pytest.approx(
        [fell[24:48].sum(), fell[48:].sum()], abs=1.5 * fell.max() + 0.1
    )
