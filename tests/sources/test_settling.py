"""An archive that changes its mind: preliminary days are asked for until they are final, days
without a value until they have one, and what was revised is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from open_meteo_service import OpenMeteo
from replay import HASTY, Service, serve

from configs import Location, Region, Settings
from data_contracts.batch import StoredRecord
from data_contracts.history import history
from data_contracts.store import IngestResult, Store
from sources.common.coverage import ASKED_AGAIN, Period, final_part, missing_blocks, news
from sources.common.grid import GridCell
from sources.open_meteo import SETTLED_DAYS, SOURCE, fetch_at

NOW = datetime(2026, 9, 5, 8, tzinfo=UTC)
HOLE, EARLY = date(2026, 8, 30), date(2026, 8, 1)
PARAMETER, VARIABLE = "temperature_2m_max", "air_temperature_max"


class Archive(OpenMeteo):
    """It knows 30.0 of every day, of some none or another number."""

    said: dict[date, float | None]

    def archive(self, asked: Any) -> Any:
        reply = super().archive(asked)
        for place in reply if isinstance(reply, list) else [reply]:
            series = place["daily"]
            if PARAMETER in series:
                days = map(date.fromisoformat, series["time"])
                series[PARAMETER] = [self.said.get(day, 30.0) for day in days]
        return reply


@pytest.fixture
def archive() -> Archive:
    made = Archive(published=HOLE + timedelta(days=400), newest_run=NOW - timedelta(hours=8))
    made.said = {}
    return made


@pytest.fixture
def service(archive: Archive) -> Iterator[Service]:
    with serve(Service(archive)) as running:
        yield running


@pytest.fixture
def store(service: Service, home: Settings) -> Store:
    paths = {
        "archive_url": "/v1/archive",
        "runs_url": "/v1/runs",
        "forecast_url": "/v1/forecast",
        "about_url": "/data",
        "previous_runs_url": "/v1/previous",
    }
    options = {name: service.url + path for name, path in paths.items()}
    options |= {"past_runs_from": "2027-12-31", "ensemble": "", "calls_a_minute": 1e6}
    region = Region(
        name="somewhere",
        title="Somewhere",
        timezone="UTC",
        utc_offset=0,
        sources=("open_meteo",),
        history_start=date(2026, 7, 1),
        locations=(Location(id="town", latitude=35.0, longitude=-2.25),),
        source_options={"open_meteo": options},
        path=Path("somewhere.yaml"),
    )
    return Store(home, region)


def pull(store: Store, days: int) -> IngestResult:
    """A pull so many days after the first."""
    request = store.fetch_request(SOURCE.name)
    return store.ingest(SOURCE, fetch_at(request, NOW + timedelta(days=days), HASTY))


def days_asked_for(service: Service) -> list[date]:
    """The first days of the requests for history."""
    history_of = [asked for asked in service.asked if asked.path == "/v1/archive"]
    return [date.fromisoformat(asked.params["start_date"]) for asked in history_of]


def stored(store: Store, day: date) -> float:
    return float(store.observations()[VARIABLE].sel(location="town", time=str(day)))


def test_a_null_day_and_a_preliminary_one_become_what_they_are(
    archive: Archive, store: Store
) -> None:
    """30.0 of 30 August comes a day late, and of 1 August 32.0 takes the place of 30.0."""
    archive.said = {HOLE: None}
    pull(store, 0)
    assert np.isnan(stored(store, HOLE)) and stored(store, EARLY) == 30.0
    archive.said = {}
    assert pull(store, 1).revised == ()
    assert stored(store, HOLE) == 30.0
    archive.said = {EARLY: 32.0}
    assert pull(store, 6).revised == (EARLY,)
    assert stored(store, EARLY) == 32.0
    said = history(store, VARIABLE, "town", EARLY)
    assert [each.value for each in said] == [30.0, 32.0]
    assert [each.value for each in history(store, VARIABLE, "town", HOLE)] == [30.0]


# issue: (what the archive says at first, and later; 30.0 of every other day; the days it revised)
MINDS: dict[str, tuple[dict[date, float | None], dict[date, float | None], tuple[date, ...]]] = {
    "eWaterCycle/era5cli#107: final values differ over weeks": (
        {}, {EARLY + timedelta(days=n): 31.0 + n / 10 for n in range(20)},
        tuple(EARLY + timedelta(days=n) for n in range(20)),
    ),
    "open-meteo/open-meteo#2122: a day is null for two weeks": ({HOLE: None}, {}, ()),
    "ropensci/rnoaa#210: a day between two others comes late": (
        {EARLY: None}, {EARLY: 31.7}, (),
    ),
    "open-meteo/open-meteo#643: what was there is null later": (
        {}, {EARLY: None}, (),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("first", "later", "revised"), MINDS.values(), ids=MINDS)
def test_what_an_archive_says_last_is_stored_and_what_it_said_before_is_kept(
    archive: Archive,
    store: Store,
    first: dict[date, float | None],
    later: dict[date, float | None],
    revised: tuple[date, ...],
) -> None:
    archive.said = first
    pull(store, 0)
    before = store.snapshot()
    archive.said = later
    assert pull(store, 14).revised == revised
    for day in {*first, *later}:
        told = [said.get(day, 30.0) for said in (first, later)]
        known = [value for value in told if value is not None]
        assert stored(store, day) == pytest.approx(known[-1])
        kept = store.observations(before)[VARIABLE].sel(location="town", time=str(day))
        assert float(kept) == pytest.approx(np.nan if told[0] is None else told[0], nan_ok=True)


def test_a_long_pause_loses_no_revision(archive: Archive, store: Store) -> None:
    pull(store, 0)
    archive.said = {EARLY: 32.0}
    pull(store, 300)
    assert stored(store, EARLY) == 32.0


def test_a_final_day_is_not_asked_for_again(
    archive: Archive, service: Service, store: Store
) -> None:
    pull(store, 0)
    pull(store, 200)
    service.asked.clear()
    pull(store, 201)
    first = min(days_asked_for(service))
    settled = (NOW + timedelta(days=200 - SETTLED_DAYS)).date()
    assert first == settled + timedelta(days=1)
    service.asked.clear()
    result = pull(store, 201)
    assert (days_asked_for(service), result.changed) == ([], False)


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=12),
    st.integers(0, 10),
    st.integers(0, 300),
)
def test_every_day_is_asked_for_once_more_when_it_is_final(
    pauses: list[int], delay: int, settles: int
) -> None:
    """Whatever the pauses between pulls: a day that is final by a pull was asked for by one to
    which it was final, and one without a value for 90 days."""
    cell, start, today = GridCell(35.0, -2.25, ("a",)), date(2020, 1, 1), date(2020, 3, 1)
    spans: dict[str, tuple[date, date]] = {}
    asked_last: dict[date, date] = {}
    for pause in pauses:
        today += timedelta(days=pause)
        end = today - timedelta(days=delay)
        period = Period(start, end, today - timedelta(days=max(delay, settles)))
        for block in missing_blocks([cell], final_part(spans, period), period, lambda days: 1):
            for n in range(block.days):
                asked_last[block.first + timedelta(days=n)] = today
        for n in range((end - start).days + 1):
            day = start + timedelta(days=n)
            age_when_asked = (asked_last[day] - day).days
            assert age_when_asked >= settles or day > period.settled
            assert age_when_asked >= ASKED_AGAIN.days - 1 or end - day <= ASKED_AGAIN
        spans = {"a": (start, end)}


def test_what_is_the_same_is_no_news(archive: Archive, store: Store) -> None:
    pull(store, 0)
    held = store.fetch_request(SOURCE.name).stored
    assert held.observations is not None
    days = pd.to_datetime(["2026-08-01", "2026-08-02", "2026-08-03", "2026-12-01"])
    table = pd.DataFrame({"time": days, "location": "town", VARIABLE: [30.0, 31.0, np.nan, 30.0]})
    assert news(table, held)["time"].tolist() == [days[1], days[3]]
    assert news(table, StoredRecord()) is table
    elsewhere = table.assign(location="new")
    assert len(news(elsewhere, held)) == 4
