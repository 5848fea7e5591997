"""A year of mornings with planted troubles, and the first month of it: a report for each day, each
trouble told in the report of its day, the ledger whole, every forecast graded once.

The month's city measures temperatures alone, so that it is quick.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from replay import Fault, Service, serve
from simulated_city import DAY, SENSORS, Archive, City, Said

from configs import Settings
from models.registry import Registry
from reports.storage.ledger import broken, entries

FIRST = date(2027, 10, 1)
RECORD = date(2012, 1, 1)
MONTH, YEAR = 31, 366
"""Days from FIRST on; in the year are a leap day and both changes of the clocks."""
pytestmark = pytest.mark.timeout(10_800)
Act = Callable[[City], None]


def nothing(city: City) -> None:
    pass


@dataclass(frozen=True)
class Trouble:
    """What goes wrong on ``days`` mornings from day number ``first`` on.

    ``plant`` before the first run of these, ``mend`` after the last. ``readings``: what sensors
    show instead on the day before each of them. ``told``: what the report of each of its days says,
    and of the last one alone where it shows ``slowly``. ``error``: what the command says that
    publishes nothing. ``off``: nobody runs anything. The run is given again once it is mended where
    it published nothing, and where ``again``.
    """

    name: str
    first: int
    plant: Act = nothing
    mend: Act = nothing
    days: int = 1
    told: str = ""
    error: str = ""
    off: bool = False
    again: bool = False
    slowly: bool = False
    readings: tuple[tuple[str, Any], ...] = ()


def down(city: City) -> None:
    city.archive.down = True


def up(city: City) -> None:
    city.archive.down = False


def no_database(city: City) -> None:
    os.environ["CITY_DATABASE_URL"] = f"sqlite:///{city.folder / 'gone.db'}"


def database(city: City) -> None:
    os.environ["CITY_DATABASE_URL"] = f"sqlite:///{city.database}"


def measured_rightly(city: City) -> None:
    city.forget(city.today - DAY)
    city.measure(city.today - DAY, city.today - DAY)


def champions_file(city: City) -> Path:
    """A file of the champion for heat."""
    version = Registry(city.settings).client.get_model_version_by_alias(
        "somewhere-heat", "champion"
    )
    return max(Path(str(version.source)).glob("*.nc"), key=lambda path: path.stat().st_size)


def damage_model(city: City) -> None:
    path = champions_file(city)
    shutil.copy(path, city.folder / "model")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def mend_model(city: City) -> None:
    shutil.copy(city.folder / "model", champions_file(city))


def lock_registry(city: City) -> None:
    held = sqlite3.connect(city.settings.mlruns / "mlflow.db", check_same_thread=False)
    held.execute("BEGIN EXCLUSIVE")
    HELD.append(held)


def unlock_registry(city: City) -> None:
    HELD.pop().close()


HELD: list[sqlite3.Connection] = []
"""What holds the registry."""


def fill_disk(city: City) -> None:
    with (city.settings.home / "filler").open("wb") as file:
        for _ in range(city.free() // 65_536 + 1):
            try:
                file.write(bytes(65_536))
            except OSError:
                break


def empty_disk(city: City) -> None:
    (city.settings.home / "filler").unlink()


def lose_report(city: City) -> None:
    shutil.rmtree(city.report(city.today - 2 * DAY))


def retract(city: City) -> None:
    said = city.command("retract", city.region_file, city.today, "--reason", "A sensor was moved.")
    assert said.status in (0, 3), said.err


def note(city: City) -> None:
    assert city.command("note", city.region_file, "The wadi is closed.").status == 0


def misspell(city: City) -> None:
    text = city.region_file.read_text(encoding="utf-8")
    city.region_file.write_text(text.replace("timezone", "timezome"), encoding="utf-8")


def spell(city: City) -> None:
    text = city.region_file.read_text(encoding="utf-8")
    city.region_file.write_text(text.replace("timezome", "timezone"), encoding="utf-8")


def kill(after: str) -> Act:
    """A run that is killed after a stage; Prefect's server is the tests'."""

    def act(city: City) -> None:
        from prefect.settings import PREFECT_API_URL

        city.killed(after, str(PREFECT_API_URL.value()))

    return act


def half_a_line(city: City) -> None:
    with (city.published / "ledger.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"sequence": 99, "iss')


def revise(city: City) -> None:
    last = city.archive.published
    city.archive.said = {f"{last - n * DAY:%Y%m%d}": 20.0 + n for n in range(3)}


def both_are_kept(city: City) -> None:
    """The store says what the archive said before and says now."""
    day = city.archive.published
    words = "--variable", "air_temperature_max", "--location", "north", "--day", day
    said = city.command("history", city.region_file, *words)
    values = re.findall(r"nasa_power +(\S+)", said.out)
    assert said.status == 0 and "20" in values[-1], said


def unstuck(city: City) -> None:
    first = city.today - 12 * DAY
    city.forget(first)
    city.measure(first, city.today - DAY)


def rot(city: City) -> None:
    store = next((city.settings.data).rglob("manifests"))
    newest = max(store.iterdir(), key=lambda path: path.stat().st_mtime)
    raw = bytearray(newest.read_bytes())
    raw[len(raw) // 2] ^= 4
    newest.write_bytes(raw)


def repair(city: City) -> None:
    assert city.command("store", "repair", city.region_file).status == 0


def move_home(city: City) -> None:
    there = city.folder / "moved"
    shutil.copytree(city.settings.home, there)
    city.settings = Settings(there)
    os.environ["CLIMATE_RISK_HOME"] = str(there)


def later(city: City) -> None:
    """Yesterday's readings are not there yet."""
    city.forget(city.today - DAY)


def garbage(city: City) -> None:
    city.service.faults = [Fault(200, {"Content-Type": "application/json"}, b"{")] * 50


def no_garbage(city: City) -> None:
    city.service.faults = []


def stray(city: City) -> None:
    with sqlite3.connect(city.database) as connection:
        connection.execute("INSERT INTO readings VALUES ('9999-12-31', 's1', 'TX', 20)")
    connection.close()


def no_stray(city: City) -> None:
    with sqlite3.connect(city.database) as connection:
        connection.execute("DELETE FROM readings WHERE ts LIKE '9999%'")
    connection.close()


def twice(city: City) -> None:
    city.measure(city.today - DAY, city.today - DAY, TX=1.0)


TROUBLES = (
    Trouble("the archive is down for an hour", 2, down, up, told="nasa_power", again=True),
    Trouble("the sensors' database is gone", 4, no_database, database, 3, told="sql"),
    Trouble("a text for a number", 8, mend=measured_rightly, told="warm",
            readings=(("TX", "warm"),)),
    Trouble("a cell beyond the earth", 10, mend=measured_rightly, told="withheld",
            readings=(("TX", 99.0),)),
    Trouble("killed in the pull", 12, kill("pulled sql")),
    Trouble("the machine is off", 14, days=4, off=True, told="Issued late"),
    Trouble("a model's file is damaged", 19, damage_model, mend_model, told="could not be loaded"),
    Trouble("the registry is locked", 21, lock_registry, unlock_registry, error="locked"),
    Trouble("the disk is full", 23, fill_disk, empty_disk, error="full disk|room"),
    Trouble("a report is lost", 25, mend=lose_report),
    Trouble("a report is retracted", 27, mend=retract),
    Trouble("the archive is down for days", 40, down, up, 9, told="nasa_power"),
    Trouble("a power cut in the ledger", 55, half_a_line),
    Trouble("a sensor hangs", 60, mend=unstuck, days=12, told="withheld", slowly=True,
            readings=(("TX", 17.3),)),
    Trouble("the archive changes its mind", 76, revise, both_are_kept),
    Trouble("the store rots", 80, rot, repair, error="damaged"),
    Trouble("readings come late", 90, later, measured_rightly, told="older than it should be"),
    Trouble("killed while it publishes", 100, kill("forecast 20")),
    Trouble("a note", 110, mend=note),
    Trouble("a region file that is misspelt", 130, misspell, spell, error="timezome"),
    Trouble("two values of one instant", 140, twice, measured_rightly, told="differ|two values"),
    Trouble("a time of no record", 160, stray, no_stray, told="9999"),
    Trouble("the home is moved", 190, move_home),
    Trouble("killed while it scores", 200, kill("scored")),
    Trouble("the machine is off for longer", 220, days=9, off=True, told="Issued late"),
    Trouble("garbage from the archive", 245, garbage, no_garbage, told="nasa_power"),
)  # fmt: skip


def live(city: City, days: int) -> dict[int, Said]:
    """The city lives through its first days; what each morning's last run came to."""
    said: dict[int, Said] = {}
    for number in range(days):
        city.wake(FIRST + number * DAY)
        now = [one for one in TROUBLES if one.first <= number < one.first + one.days]
        assert len(now) < 2, now
        trouble = now[0] if now else Trouble("", number)
        if number:
            city.measure(city.today - DAY, city.today - DAY, **dict(trouble.readings))
        if number == trouble.first:
            trouble.plant(city)
        if trouble.off:
            continue
        said[number] = morning(city, trouble, number == trouble.first + trouble.days - 1)
        if city.today.day == 1 and number:
            assert city.command("train", city.region_file).status in (0, 3)
    return said


def morning(city: City, trouble: Trouble, last: bool) -> Said:
    """One morning's runs; the last one publishes the day's report, which tells the trouble."""
    said = city.daily()
    where = f"{city.today}, {trouble.name}: {said}"
    if trouble.error:
        assert said.status == 1 and re.search(trouble.error, said.err), where
        assert len(said.err.splitlines()) == 1, where
    else:
        shown = trouble.told if last or not trouble.slowly else ""
        assert said.status == (3 if shown else 0) or trouble.slowly, where
        assert re.search(shown, city.told(city.today)), where
    if last:
        trouble.mend(city)
    if last and (trouble.again or trouble.error):
        said = city.daily()
        assert said.status == 0, f"{where}\n{said}"
    return said


@pytest.fixture
def city(
    prefect_server: None,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[City]:
    """A city of the sensors asked for on the first morning.

    Its home is a disk of its own where this user may mount one.
    """
    from flows import pull

    monkeypatch.setattr(pull, "fetch", pull.fetch.with_options(retry_delay_seconds=[0, 0, 0]))
    home, sensors = tmp_path / "home", getattr(request, "param", tuple(SENSORS))
    home.mkdir()
    if mount(home):
        request.addfinalizer(lambda: subprocess.run(["umount", "-l", home], check=True))
    archive = Archive(FIRST, sensors)
    with serve(Service(archive)) as service:

        def printed() -> tuple[str, str]:
            return tuple(capsys.readouterr())

        made = City(tmp_path, Settings(home), service, archive, printed, FIRST, sensors)
        monkeypatch.setattr("configs.clock.now", lambda: made.moment)
        monkeypatch.setenv("CLIMATE_RISK_HOME", str(home))
        monkeypatch.setenv("CITY_DATABASE_URL", f"sqlite:///{made.database}")
        made.build(RECORD)
        yield made


def mount(home: Path) -> bool:
    """Whether the home is now a disk of its own, which can be filled."""
    words = ["mount", "-t", "tmpfs", "-o", "size=1500m", "tmpfs", str(home)]
    return (
        os.geteuid() == 0
        and subprocess.run(words, capture_output=True, check=False).returncode == 0
    )


def held(city: City, days: int) -> None:
    """What must be true after so many days."""
    folders = {path.name for path in city.published.glob("????-??-??")}
    every = {str(FIRST + n * DAY) for n in range(days)}
    assert every - folders == lost(days)
    assert broken(city.published) == ""
    lines = entries(city.published)
    assert {line.issued for line in lines} == every
    late = {line.issued for line in lines if line.late}
    off = [one for one in TROUBLES if one.off and one.first < days]
    assert late == {
        str(FIRST + n * DAY) for one in off for n in range(one.first, one.first + one.days)
    }
    for one in off:
        for n in range(one.first, one.first + one.days):
            assert re.search(one.told, city.told(FIRST + n * DAY))
    assert open_runs() == []
    graded_once(city, every, late)


def graded_once(city: City, every: set[str], late: set[str]) -> None:
    """Each cell of each day's report has one mark, closed where its time has come."""
    marks = pd.read_parquet(city.published / "marks.parquet")
    keys = ["hazard", "location", "level", "issued", "lead_days", "window_days"]
    assert not marks.duplicated(keys).any()
    assert {str(day) for day in marks["issued"]} == every
    assert {str(day) for day in marks.loc[marks["late"], "issued"]} == late
    for day in every - lost(len(every)):
        table = pd.read_csv(city.published / day / "forecast.csv")
        own = marks[marks["issued"].astype(str) == day]
        cells = pd.MultiIndex.from_frame(table.loc[table["probability"].notna(), keys])
        marked = pd.MultiIndex.from_frame(own.astype({"issued": str})[keys])
        assert marked.isin(cells).all(), day
        if date.fromisoformat(day).month in range(5, 10):  # no heat is graded off its season
            assert len(marked) == len(cells), day
    ahead = marks["window_days"].where(marks["lead_days"] == 0, 1) - 1
    last = pd.to_datetime(marks["valid"]) + pd.to_timedelta(ahead, "D")
    open_since = last[marks["state"] == "open"]
    assert (open_since >= pd.Timestamp(city.today - 40 * DAY)).all()
    assert set(marks["state"]) >= {"graded", "retracted"}


def lost(days: int) -> set[str]:
    """The days whose report was taken away."""
    found = [one.first - 2 for one in TROUBLES if one.mend is lose_report and one.first < days]
    return {str(FIRST + n * DAY) for n in found}


def open_runs() -> list[str]:
    """The city's flow runs that Prefect takes for running: other tests may share the server."""
    from prefect import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
        FlowRunFilterTags,
    )
    from prefect.states import StateType

    running = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING])
    mine = FlowRunFilterTags(all_=["somewhere"])
    only = FlowRunFilter(state=FlowRunFilterState(type=running), tags=mine)
    with get_client(sync_client=True) as client:
        return [run.name for run in client.read_flow_runs(flow_run_filter=only)]


@pytest.mark.parametrize("city", [("TX", "TN")], ids=["temperatures"], indirect=True)
def test_a_month_of_mornings(city: City) -> None:
    live(city, MONTH)
    held(city, MONTH)


@pytest.mark.slow
def test_a_year_of_mornings(city: City) -> None:
    live(city, YEAR)
    held(city, YEAR)
