"""Every matured forecast is graded exactly once, whatever happens to runs, reports and records.

Real reports, ledger and marks; the events are heat's, by normals learnt from a made-up record.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from configs import Region, Settings
from features.build import cell_coordinates
from features.hazards import LEVELS, Options, hazards
from flows.grading import grade, marks_of
from models.verification.marks import PATIENCE_DAYS, Knowledge
from models.verification.outcomes import Definition
from reports.exports.netcdf import write_netcdf
from reports.exports.table import forecast_table, write_csv
from reports.storage.archive import MARKS
from reports.storage.ledger import FIRST, broken, first_issues, publish_recorded, recover
from reports.storage.retraction import RETRACTION, forecast_digest

HEAT = hazards()["heat"]
START = date(2005, 9, 20)  # the last leads are off the season, which ends with October
DAYS = 45
DELAY = 1
REGION = Region(
    name="city", title="City", sources=("s",), warm_season=(5, 10), path=Path("city.yaml")
)
KEYS = ["issued", "location", "level", "lead_days", "window_days"]


@cache
def definition() -> Definition:
    days = pd.date_range("1990-01-01", "2004-12-31")
    return Definition(HEAT.fit_normals(record(days), OPTIONS), OPTIONS)


OPTIONS = Options((5, 10), {})


def record(days: pd.DatetimeIndex) -> xr.Dataset:
    """Tmax and Tmin of two places: a year's wave and noise that depends on the day alone."""
    wave = 25 - 8 * np.cos(2 * np.pi * days.dayofyear.to_numpy() / 365.25)
    seeds = days.to_numpy().astype("datetime64[D]").astype(int)
    noise = np.array([np.random.default_rng(day).normal(0, 5, 2) for day in seeds])
    values = (wave[:, None] + noise).astype(np.float32)
    attrs = {"delay_days": DELAY}
    return xr.Dataset(
        {
            "air_temperature_max": (("time", "location"), values, attrs),
            "air_temperature_min": (("time", "location"), values - 10, attrs),
        },
        {"time": days, "location": ["a", "b"]},
    )


@cache
def truth() -> xr.Dataset:
    return record(pd.date_range("2005-01-01", "2006-01-31"))


def forecast(day: date, revision: int) -> xr.Dataset:
    """Every cell of heat for a day; the numbers tell the day and the revision."""
    shape = (len(HEAT.cells), len(LEVELS), 1, 2)
    dims = ("cell", "level", "init_time", "location")
    random = np.random.default_rng([day.toordinal(), revision])
    leads = np.array([cell.lead_days for cell in HEAT.cells], dtype="timedelta64[D]")
    issued = np.datetime64(day, "ns")
    numbers = {
        name: (dims, np.round(random.random(shape), 4))
        for name in (
            "probability", "normal_probability", "model_probability", "persistence_probability",
            "smoothed_normal_probability",
        )
    }  # fmt: skip
    texts = {
        "verdict": (dims, np.full(shape, "known", dtype=object)),
        "stage": (dims, np.full(shape, "state", dtype=object)),
        "colour": (("cell", "init_time", "location"), np.full((shape[0], 1, 2), "green", object)),
    }
    coords = {
        "level": list(LEVELS), "init_time": [issued], "location": ["a", "b"],
        "hazard": ("cell", np.full(shape[0], "heat", dtype=object)),
        "valid_time": (("cell", "init_time"), (issued + leads)[:, None]),
        "data_until": ("cell", np.full(shape[0], issued - np.timedelta64(1, "D"))),
        "model_version": ("cell", np.full(shape[0], "1", dtype=object)),
        **cell_coordinates(HEAT),
    }  # fmt: skip
    return xr.Dataset(numbers | texts, coords, {"region": "city", "title": "City"})


@cache
def files(day: date, revision: int) -> dict[str, bytes]:
    """The files of a report that the ledger and the grading look at."""
    with tempfile.TemporaryDirectory() as folder:
        made = forecast(day, revision)
        write_netcdf(made, Path(folder, "forecast.nc"))
        write_csv(forecast_table(made), Path(folder, "forecast.csv"))
        told = {"region": "city", "issued": day.isoformat(), "models": {"heat": {"version": "1"}}}
        Path(folder, "provenance.json").write_text(json.dumps(told))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@dataclass
class World:
    """A home, what it has published, and what can be known of the weather."""

    home: Settings
    lost: frozenset[tuple[int, str]] = frozenset()
    revised: float = 0.0
    seen: dict[tuple, tuple] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.home.published / REGION.name

    def publish(self, day: date, revision: int = 0, late: bool = False) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

        def write(aside: Path) -> None:
            for name, content in files(day, revision).items():
                (aside / name).write_bytes(content)

        moment = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
        publish_recorded(
            self.folder / day.isoformat(), write, ("forecast.*",), late, lambda: moment
        )

    def retract(self, day: date) -> None:
        folder = self.folder / day.isoformat()
        told = {
            "reason": "x",
            "at": "2005-01-01T00:00:00+00:00",
            "forecast": forecast_digest(folder),
        }
        (folder / RETRACTION).write_text(json.dumps(told))

    def known(self, today: date) -> xr.Dataset:
        """The record before a day; ``lost`` values never come; all are ``revised`` by so much."""
        seen = truth().sel(time=slice(None, pd.Timestamp(today) - pd.Timedelta(days=DELAY)))
        seen = seen.copy(deep=True)
        for number, place in self.lost:
            day = pd.Timestamp(START) + pd.Timedelta(days=number)
            if day in seen.indexes["time"]:
                for values in seen.data_vars.values():
                    values.loc[{"time": day, "location": place}] = np.nan
        for values in seen.data_vars.values():
            values += self.revised
        return seen

    def verify(self, today: date) -> pd.DataFrame:
        """Grades, and asks that nothing that was closed before has changed."""
        knowledge = Knowledge(self.known(today), define, today)
        grade(REGION, self.home, knowledge)
        path = self.folder / MARKS
        before = path.stat().st_mtime_ns if path.is_file() else 0
        assert not grade(REGION, self.home, knowledge).closed.get("graded", 0)
        assert (path.stat().st_mtime_ns if path.is_file() else 0) == before
        marks = marks_of(REGION, self.home)
        closed = marks[marks["state"] != "open"]
        now = dict(zip(closed[KEYS].itertuples(index=False, name=None),
                       closed.astype(object).fillna(-1).itertuples(index=False, name=None),
                       strict=True))  # fmt: skip
        assert len(now) == len(closed), "no cell has two marks"
        assert self.seen.items() <= now.items(), "what was closed stays as it was"
        self.seen = now
        return marks


def define(hazard: str, version: str) -> Definition | None:
    return definition() if (hazard, version) == ("heat", "1") else None


def expected(day: date) -> pd.DataFrame:
    """What the first issue of a day said, and what came of it by the whole record; in season."""
    rows = forecast_table(forecast(day, 0)).set_index(
        ["location", "level", "lead_days", "window_days"]
    )
    events = HEAT.events(truth(), definition().normals, OPTIONS).to_series()
    outcomes = []
    for place, level, lead, window in rows.index:
        days = [pd.Timestamp(day) + pd.Timedelta(days=lead + n) for n in range(window)]
        outcomes.append(max(events.loc[level, one, place] for one in days))
    in_season = [10 >= (day + timedelta(days=int(lead))).month >= 5 for _, _, lead, _ in rows.index]
    return rows.assign(outcome=outcomes)[in_season]


@dataclass(frozen=True)
class Day:
    """What happens to the report of one day."""

    fate: str
    revised: bool
    retracted_after: int | None


DAY = st.builds(
    Day,
    st.sampled_from(["on time", "on time", "late", "none"]),
    st.booleans(),
    st.one_of(st.none(), st.none(), st.integers(0, 20)),
)
LOST = st.frozensets(st.tuples(st.integers(0, DAYS), st.sampled_from(["a", "b"])), max_size=6)
N = 6


COURSE = {
    "days": st.lists(DAY, min_size=N, max_size=N),
    "runs": st.sets(st.integers(0, DAYS + PATIENCE_DAYS), max_size=5),
    "lost": LOST,
    "archive": st.sampled_from([0.0, 3.0]),
}


def often(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        phases=(Phase.generate,),
    )


@often(4)
@given(**COURSE)
def test_each_matured_cell_is_graded_once_over_any_course_of_events(**course) -> None:
    lived_through(**course)


@pytest.mark.slow
@often(60)
@given(**COURSE)
def test_each_matured_cell_is_graded_once_over_many_courses_of_events(**course) -> None:
    lived_through(**course)


def lived_through(days: list[Day], runs: set[int], lost: frozenset, archive: float) -> None:
    """Reports go out day by day and are graded on the days of ``runs``; then all is looked at."""
    with tempfile.TemporaryDirectory() as folder:
        world, retracted = World(Settings(Path(folder)), lost), {}
        for number in range(DAYS + PATIENCE_DAYS + 1):
            today = START + timedelta(days=number)
            for at, course in enumerate(days):
                happen(world, today, at, course, retracted)
            world.revised = archive if number > DAYS else 0.0
            if number in runs:
                world.verify(today)
        marks = world.verify(START + timedelta(days=DAYS + PATIENCE_DAYS + 20))
        assert broken(world.folder) == "" if world.folder.is_dir() else True
        check(world, marks, days, retracted)


def happen(world: World, today: date, at: int, course: Day, retracted: dict) -> None:
    """What happens to the report of day number ``at`` on a day: late ones come two days later."""
    day = START + timedelta(days=at)
    came = day + timedelta(days=2 if course.fate == "late" else 0)
    if course.fate == "none":
        return
    if today == came:
        world.publish(day, late=course.fate == "late")
    if course.retracted_after is not None and today == came + timedelta(
        days=course.retracted_after
    ):
        if not (course.revised and course.retracted_after >= 1):  # else it is the revision's
            retracted[day] = today
        world.retract(day)
    if course.revised and today == came + timedelta(days=1):
        world.publish(day, revision=1)


def check(world: World, marks: pd.DataFrame, days: list[Day], retracted: dict) -> None:
    issued = {START + timedelta(days=at): course for at, course in enumerate(days)}
    told = {day: course for day, course in issued.items() if course.fate != "none"}
    assert not (marks["state"] == "open").any()
    assert {one.date() for one in marks["issued"]} == set(told)
    for day, course in told.items():
        mine = marks[marks["issued"] == pd.Timestamp(day)]
        wanted = expected(day)
        mine = mine.set_index(["location", "level", "lead_days", "window_days"])
        assert set(mine.index) == set(wanted.index) and mine.index.is_unique
        mine = mine.loc[wanted.index]
        np.testing.assert_allclose(mine["probability"], wanted["probability"], atol=1e-6)
        np.testing.assert_allclose(mine["climatology"], wanted["normal_probability"], atol=1e-6)
        assert (mine["late"] == (course.fate == "late")).all()
        graded = mine["state"] == "graded"
        if not world.revised:
            assert (mine["outcome"][graded] == wanted["outcome"][graded]).all()
        assert set(mine["state"][~graded]) <= {"ungradable", "retracted"}
        if day not in retracted:
            assert "retracted" not in set(mine["state"])
            lost = mine[mine["state"] == "ungradable"]
            assert len(lost) == 0 or world.lost
            assert set(lost["reason"]) <= {"no observation"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(Settings(tmp_path))


def last(world: World) -> pd.DataFrame:
    return world.verify(START + timedelta(days=DAYS + PATIENCE_DAYS))


def test_the_first_issue_is_graded_though_a_revision_lies_in_its_place(world: World) -> None:
    world.publish(START)
    world.publish(START, revision=1)
    world.publish(START, revision=2)
    (first,) = first_issues(world.folder)
    assert first.netcdf == world.folder / FIRST / START.isoformat() / "forecast.nc"
    assert first.netcdf.read_bytes() == files(START, 0)["forecast.nc"]
    assert broken(world.folder) == ""
    marks = last(world)
    np.testing.assert_allclose(
        sorted(marks["probability"]), sorted(expected(START)["probability"]), atol=1e-6
    )


def test_a_first_issue_that_was_changed_or_is_gone_is_not_graded_and_told(world: World) -> None:
    world.publish(START)
    world.publish(START, revision=1)
    kept = world.folder / FIRST / START.isoformat() / "forecast.nc"
    kept.write_bytes(files(START, 2)["forecast.nc"])
    assert f"{FIRST}/{START}/forecast.nc: found" in broken(world.folder)
    today = START + timedelta(days=60)
    made = grade(REGION, world.home, Knowledge(world.known(today), define, today))
    assert made.lost == (START,) and len(made.marks.table) == 0
    assert "is gone" in str(made.notes[1])


def test_an_event_is_that_of_the_model_that_issued_it_or_of_none(world: World) -> None:
    world.publish(START)
    today = START + timedelta(days=DAYS + PATIENCE_DAYS)
    asked = []

    def gone(hazard: str, version: str) -> None:
        asked.append((hazard, version))

    grade(REGION, world.home, Knowledge(world.known(today), gone, today))
    marks = marks_of(REGION, world.home)
    assert set(asked) == {("heat", "1")}
    assert set(marks["state"]) == {"ungradable"}
    assert set(marks["reason"]) == {"its model is gone"}


@pytest.mark.parametrize(
    ("days", "states"),
    [
        (0, {"open"}),  # its valid day is not over
        (1, {"graded"}),  # day 0 is observed on the morning after
    ],
)
def test_a_day_is_graded_on_the_morning_that_knows_it(
    world: World, days: int, states: set[str]
) -> None:
    world.publish(START)
    marks = world.verify(START + timedelta(days=days))
    first = marks[(marks["lead_days"] == 0) & (marks["window_days"] == 1)]
    assert set(first["state"]) == states
    assert set(marks.loc[marks["window_days"] == 3, "state"]) == {"open"}, "its days are not over"


def test_observations_are_waited_for_30_days_and_no_longer(world: World) -> None:
    world.publish(START)
    world.lost = frozenset((number, "a") for number in range(1, 20))
    waited = START + timedelta(days=DELAY + PATIENCE_DAYS)
    one = world.verify(waited + timedelta(days=1))
    of_a = one[(one["location"] == "a") & (one["window_days"] == 1) & (one["level"] == 1)]
    states = of_a.set_index("lead_days")["state"]
    assert (states[0], states[1], states[2]) == ("graded", "open", "open")
    two = world.verify(waited + timedelta(days=2))
    of_a = two[(two["location"] == "a") & (two["window_days"] == 1) & (two["level"] == 1)]
    assert of_a.set_index("lead_days")["state"][1] == "ungradable"
    world.lost = frozenset()
    world.verify(waited + timedelta(days=3))  # it came after all: the mark stays


def test_a_retracted_report_counts_as_that_and_what_was_graded_before_stays(world: World) -> None:
    world.publish(START)
    world.verify(START + timedelta(days=3))
    world.retract(START)
    marks = world.verify(START + timedelta(days=4))
    assert set(marks["state"]) == {"graded", "retracted"}
    assert marks.loc[marks["state"] == "graded", "lead_days"].max() == 2


def test_a_report_is_read_once_and_one_without_numbers_is_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, real = [], pd.DataFrame()
    from flows import grading

    real = grading.read_issued

    def counted(path: Path) -> pd.DataFrame:
        read.append(path.parent.name)
        return real(path)

    monkeypatch.setattr(grading, "read_issued", counted)
    off_season = date(2005, 12, 1)
    world.publish(START)
    world.publish(off_season)
    for number in range(20, 100, 20):
        world.verify(START + timedelta(days=number))
    assert sorted(read) == [START.isoformat(), off_season.isoformat()]
    assert set(marks_of(REGION, world.home)["issued"]) == {pd.Timestamp(START)}


def test_a_report_of_an_earlier_version_is_graded_against_the_calendar(world: World) -> None:
    world.publish(START)
    path = world.folder / START.isoformat() / "forecast.nc"
    kept = xr.load_dataset(path, engine="h5netcdf").drop_encoding()
    beside = ["model_probability", "persistence_probability", "smoothed_normal_probability"]
    write_netcdf(kept.drop_vars([*beside, "stage"]), path)
    (world.folder / "ledger.jsonl").unlink()
    recover(world.folder)
    marks = last(world)
    assert set(marks["state"]) == {"graded"} and marks["climatology"].notna().all()
    assert marks[["model", "persistence", "climatology_smoothed"]].isna().all(axis=None)
