"""SQL: a year of readings in a real PostgreSQL and in SQLite, pulled and compared value by value.

What goes wrong is told.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest

from configs import ConfigError, Location, Region, RiskError, Settings
from data_contracts.batch import Batch, FetchRequest, SourceUnavailable
from data_contracts.store import Store
from sources.common.options import options_of
from sources.sql import SOURCE
from sources.sql.options import COLUMNS, SqlOptions
from sources.sql.rows import readings

PASSWORD = "p@ss/word:47"
SELECT = (
    "SELECT ts AS time, station AS location, sensor AS variable, value FROM readings WHERE "
    "ts >= :since"
)
VARIABLES = {"TA": "air_temperature", "RR": "precipitation"}
HOURS = pd.date_range("2024-01-01", "2025-01-01", freq="h", tz="UTC", inclusive="left")
DAYS = pd.date_range("2024-01-01", "2024-12-31")


def values(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A year's hours of temperature (K) and rain (mm)."""
    random = np.random.default_rng(seed)
    warm = (
        290 + 8 * np.sin(np.arange(len(HOURS)) * 2 * np.pi / 24) + random.normal(0, 2, len(HOURS))
    )
    return warm.round(2), np.where(
        random.random(len(HOURS)) < 0.1, random.gamma(1, 3, len(HOURS)), 0
    ).round(1)


YEAR = {"s1": values(1), "s2": values(2)}
ROWS = [
    (moment, station, sensor, float(value))
    for station, (warm, rain) in YEAR.items()
    for sensor, series in (("TA", warm), ("RR", rain), ("NO2", rain))
    for moment, value in zip(HOURS.to_pydatetime(), series, strict=True)
]


def region(folder: Path, **options: Any) -> Region:
    """A region of the places a and b whose stations are s1 and s2."""
    told = {
        "url_env": "CITY_DB",
        "select": SELECT,
        "variables": VARIABLES,
        "units": {"TA": "K"},
        "locations": {"s1": "a", "s2": "b"},
    }
    return Region(
        name="city",
        title="City",
        sources=("sql",),
        utc_offset=0,
        locations=(Location(id="a", latitude=35.0, longitude=-2.0), Location(id="b")),
        source_options={"sql": told | options},
        path=folder / "city.yaml",
    )


def check_year(batch: Batch) -> None:
    """Every value of the year is what the readings make it."""
    table = batch.observations.set_index(["location", "time"])
    assert table.index.is_unique and len(table) == 2 * 366
    for place, (warm, rain) in (("a", YEAR["s1"]), ("b", YEAR["s2"])):
        found, kelvin = table.loc[place].reindex(DAYS), warm.reshape(366, 24)
        np.testing.assert_allclose(found["air_temperature_max"], kelvin.max(axis=1) - 273.15)
        np.testing.assert_allclose(found["air_temperature_min"], kelvin.min(axis=1) - 273.15)
        np.testing.assert_allclose(found["air_temperature_mean"], kelvin.mean(axis=1) - 273.15)
        np.testing.assert_allclose(found["precipitation"], rain.reshape(366, 24).sum(axis=1))


class Cluster:
    """A PostgreSQL of its own in a folder of its own, run by an unprivileged user, on a free port
    of 127.0.0.1."""

    def __init__(self, programs: Path) -> None:
        self.programs, self.folder = programs, Path(tempfile.mkdtemp(prefix="climate-risk-pg-"))
        self.user = (
            next(n for n in ("postgres", "nobody") if any(n == u.pw_name for u in pwd.getpwall()))
            if os.geteuid() == 0
            else None
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        for path in (self.folder, secret):
            if self.user:
                shutil.chown(path, self.user)
        self.run(
            "initdb",
            "-D",
            self.data,
            "-U",
            "owner",
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        self.start()

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        subprocess.run(
            command,
            user=self.user,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
            env={"LC_ALL": "C"},
        )

    def start(self) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c "
            f"unix_socket_directories={self.folder} -c fsync=off"
        )
        self.run(
            "pg_ctl", "-D", self.data, "-w", "-l", str(self.folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="owner", password=PASSWORD, dbname="postgres"
        )

    @property
    def url(self) -> str:
        return f"postgresql://owner:p%40ss%2Fword%3A47@127.0.0.1:{self.port}/postgres"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs a PostgreSQL server, Debian's package postgresql")
    made = Cluster(found[-1].parent)
    try:
        with made.connect() as connection:
            connection.execute(
                "CREATE TABLE readings (ts timestamptz, station text, sensor text, value numeric)"
            )
            with connection.cursor().copy("COPY readings FROM STDIN") as copy:
                for row in ROWS:
                    copy.write_row(row)
            connection.execute(
                "CREATE TABLE local AS SELECT ts AT TIME ZONE 'Africa/Casablanca' AS ts, "
                "station, sensor, value FROM readings"
            )
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.folder)


@pytest.fixture
def city(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CITY_DB", cluster.url)
    return cluster


def test_a_year_in_postgresql_is_pulled_value_by_value(city: Cluster, tmp_path: Path) -> None:
    batch = SOURCE.fetch(FetchRequest(region(tmp_path), Settings(tmp_path)))
    check_year(batch)
    assert batch.locations["location"].tolist() == ["a", "b"]


def test_a_daily_pull_asks_for_what_is_new(city: Cluster, tmp_path: Path) -> None:
    place, home = region(tmp_path), Settings(tmp_path)
    Store(home, place).ingest(SOURCE, SOURCE.fetch(Store(home, place).fetch_request(SOURCE.name)))
    before = Store(home, place).snapshot()
    newer = [(datetime(2025, 1, 1, hour, tzinfo=UTC), "s1", "RR", 1.0) for hour in range(24)]
    with city.connect() as connection:
        connection.cursor().executemany("INSERT INTO readings VALUES (%s, %s, %s, %s)", newer)
    try:
        again = SOURCE.fetch(Store(home, place).fetch_request(SOURCE.name))
        # 3 days before the newest stored one, that one, and the new one.
        assert [str(day.date()) for day in again.observations["time"].unique()] == [
            f"2024-12-{day}" for day in (28, 29, 30, 31)
        ] + ["2025-01-01"]
        assert Store(home, place).ingest(SOURCE, again).snapshot != before
        stored = Store(home, place).observations()["precipitation"].sel(location="a").values
        np.testing.assert_allclose(
            stored, [*YEAR["s1"][1].reshape(366, 24).sum(axis=1), 24.0], rtol=1e-6
        )
        assert (
            not Store(home, place)
            .ingest(SOURCE, SOURCE.fetch(Store(home, place).fetch_request(SOURCE.name)))
            .changed
        )
    finally:
        with city.connect() as connection:
            connection.execute("DELETE FROM readings WHERE ts >= '2025-01-01Z'")


def test_a_station_that_was_cut_off_is_asked_for_its_past(city: Cluster, tmp_path: Path) -> None:
    place, home = region(tmp_path), Settings(tmp_path)
    table = SOURCE.fetch(Store(home, place).fetch_request(SOURCE.name))
    cut = (table.observations["location"] == "b") & (table.observations["time"] > "2024-12-15")
    Store(home, place).ingest(SOURCE, Batch(table.observations[~cut], table.locations))
    again = SOURCE.fetch(Store(home, place).fetch_request(SOURCE.name))
    assert again.observations["time"].min() == pd.Timestamp("2024-12-12"), (
        "3 days before its newest"
    )
    Store(home, place).ingest(SOURCE, again)
    assert Store(home, place).observations()["precipitation"].notnull().all()


def test_times_without_a_zone_are_of_the_one_told(city: Cluster, tmp_path: Path) -> None:
    # Casablanca leaves UTC+1 for Ramadan: the hour of 2024-04-14 02:00-03:00 is skipped, none is
    # told twice but on 2024-03-10.
    select = (
        SELECT.replace("readings", "local")
        + " AND NOT ts BETWEEN '2024-03-09' AND '2024-03-12' AND station = 's1'"
    )
    place = region(
        tmp_path,
        select=select,
        time_zone="Africa/Casablanca",
        variables={"RR": "precipitation"},
    )
    found = SOURCE.fetch(FetchRequest(place, Settings(tmp_path)))
    table = found.observations.set_index("time")["precipitation"].reindex(DAYS)
    apart = (DAYS < "2024-03-08") | (DAYS > "2024-03-12")
    np.testing.assert_allclose(table[apart], YEAR["s1"][1].reshape(366, 24).sum(axis=1)[apart])


@pytest.mark.parametrize(
    "words", ["nothing_there()", "lo_create(0)::text", "pg_advisory_lock(1)::text"]
)
def test_postgresql_is_only_read(city: Cluster, tmp_path: Path, words: str) -> None:
    """Functions that write are refused by the read-only transaction; what is locked is let go."""
    select = (
        "SELECT ts AS time, station AS location, WORDS AS variable, value FROM readings".replace(
            "WORDS", words
        )
    )
    with pytest.raises(RiskError, match="sql: "):
        SOURCE.fetch(
            FetchRequest(region(tmp_path, select=select, variables={}), Settings(tmp_path))
        )
    with city.connect() as connection:
        assert connection.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone() == (0,)
        assert connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        ).fetchone() == (0,)


DOWN = {
    "a wrong password": (
        lambda c: c.url.replace("p%40ss", "s3cret-word"),
        "password authentication failed",
        "s3cret-word",
    ),
    "a wrong port": (lambda c: c.url.replace(f":{c.port}/", ":1/"), "refused|failed", "p@ss"),
    "no such database": (
        lambda c: c.url.replace("/postgres", "/nowhere"),
        "does not exist",
        "p@ss",
    ),
    "a password in the query": (
        lambda c: f"postgresql://owner@127.0.0.1:{c.port}/postgres?password=s3cret",
        "password auth",
        "s3cret",
    ),
}


@pytest.mark.parametrize("case", DOWN)
def test_a_database_out_of_reach_is_told_without_its_password(
    city: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    url, words, secret = DOWN[case]
    monkeypatch.setenv("CITY_DB", url(city))
    with pytest.raises(
        SourceUnavailable,
        match=f"asked the database 127.0.0.1:.*(?:{words}).*check CITY_DB, or run it again",
    ) as caught:
        SOURCE.fetch(FetchRequest(region(tmp_path), Settings(tmp_path)))
    assert secret not in str(caught.value) and "\n" not in str(caught.value)


def test_a_database_that_stops_is_unavailable(city: Cluster, tmp_path: Path) -> None:
    city.stop()
    try:
        with pytest.raises(SourceUnavailable, match="asked the database"):
            SOURCE.fetch(FetchRequest(region(tmp_path), Settings(tmp_path)))
    finally:
        city.start()


def test_a_select_that_hangs_up_on_us_is_unavailable(city: Cluster, tmp_path: Path) -> None:
    select = (
        "SELECT ts AS time, station AS location, sensor AS variable, "
        "pg_terminate_backend(pg_backend_pid())::int AS value FROM readings"
    )
    with pytest.raises(SourceUnavailable, match="terminating connection|closed"):
        SOURCE.fetch(FetchRequest(region(tmp_path, select=select), Settings(tmp_path)))


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An SQLite file with an empty table of readings."""
    path = tmp_path / "city.db"
    monkeypatch.setenv("CITY_DB", f"sqlite:///{path}")
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE readings (ts, station TEXT, sensor TEXT, value)")
    return path


def fill(path: Path, rows: list[tuple[Any, ...]]) -> None:
    with sqlite3.connect(path) as database:
        database.executemany("INSERT INTO readings VALUES (?, ?, ?, ?)", rows)


def test_a_year_in_sqlite_is_pulled_value_by_value(table: Path, tmp_path: Path) -> None:
    fill(table, [(moment.isoformat(" "), *rest) for moment, *rest in ROWS])
    before = table.read_bytes()
    check_year(SOURCE.fetch(FetchRequest(region(tmp_path), Settings(tmp_path))))
    assert table.read_bytes() == before


TIMES = {
    "dates are the region's days": ("2024-05-0{day}", 1, 1),
    "zones are heeded": ("2024-05-0{day}T00:30:00+01:00", 1, 0),
    "Z": ("2024-05-0{day}T00:30:00Z", 1, 1),
    "no zone is UTC": ("2024-05-0{day} 00:30:00", 1, 1),
    "fractions": ("2024-05-0{day} 00:30:00.250", 1, 1),
}


@pytest.mark.parametrize(("written", "offset", "first"), TIMES.values(), ids=TIMES.keys())
def test_days_are_the_regions(
    table: Path, tmp_path: Path, written: str, offset: int, first: int
) -> None:
    fill(table, [(written.format(day=day), "s1", "RR", float(day)) for day in (1, 2, 3)])
    place = region(tmp_path).model_copy(update={"utc_offset": 0 if "+01" in written else offset})
    found = SOURCE.fetch(FetchRequest(place, Settings(tmp_path))).observations
    start = pd.Timestamp("2024-05-01") if first else pd.Timestamp("2024-04-30")
    assert found["time"].tolist() == [start + pd.Timedelta(days=day) for day in range(3)]
    assert found["precipitation"].tolist() == [1.0, 2.0, 3.0]


def test_days_of_the_19th_century_are_days_too(table: Path, tmp_path: Path) -> None:
    days = ["1876-02-29", "1899-12-31", "1900-01-01", "2024-05-01"]
    fill(table, [(day, "s1", "RR", float(n)) for n, day in enumerate(days)])
    place = region(tmp_path).model_copy(update={"history_start": None})
    rows = SOURCE.fetch(FetchRequest(place, Settings(tmp_path))).observations
    assert rows["time"].dt.strftime("%Y-%m-%d").tolist() == days
    assert rows["precipitation"].tolist() == [0.0, 1.0, 2.0, 3.0]


GOOD = [("2024-05-01", "s1", "RR", 1.0), ("2024-05-02", "s1", "RR", 2.0)]
WRONG: dict[str, tuple[list[tuple[Any, ...]], dict[str, Any], str]] = {
    "no row": ([], {}, "the select gave no row, expected readings"),
    "only words": (
        [("2024-05-03", "s1", "RR", "trace")],
        {},
        "RR of a at 2024-05-03: value: found 'trace', expected a number or NULL",
    ),
    "epoch seconds": (
        [(1714521600, "s1", "RR", 1.0)],
        {"select": SELECT.split(" WHERE")[0]},
        "time: found '1714521600', expected a time or a date",
    ),
    "no such day": ([("2024-02-30", "s1", "RR", 1.0)], {}, "time: found '2024-02-30'"),
    "only times that clocks repeat or skip": (
        [("2024-10-27 02:30", "s1", "RR", 1.0)],
        {"time_zone": "Europe/Paris"},
        "found '2024-10-27 02:30', expected a time that is there once in Europe/Paris",
    ),
    "only times of no record": (
        [("9999-12-31", "s1", "RR", 1.0)],
        {"select": SELECT.split(" WHERE")[0]},
        "sql: readings left out for their time: 1, such as RR of a at 9999-12-31; have",
    ),
    "no time": (
        [(None, "s1", "RR", 1.0)],
        {"select": SELECT.split(" WHERE")[0]},
        "rows without a time",
    ),
    "no place": ([("2024-05-01", None, "RR", 1.0)], {}, "rows without a location"),
    "unknown place": (
        [("2024-05-01", "aa", "RR", 1.0)],
        {"locations": {}},
        "unknown location 'aa', did you mean 'a'; map it under `loc",
    ),
    "unknown variable": (
        GOOD,
        {"variables": {}},
        "variable: found 'RR', expected one of air_temperature, .*; map it under `variables`",
    ),
    "near variable": (
        [("2024-05-01", "s1", "precipitatio", 1)],
        {"variables": {}},
        "did you mean 'precipitation'",
    ),
    "unknown unit": (
        GOOD,
        {"units": {"RR": "furlong"}},
        "sql: RR: precipitation comes in 'furlong', expected mm",
    ),
    "only two values": (
        [GOOD[0], ("2024-05-01", "s1", "RR", 7.0)],
        {},
        "instant: 1, such as precipitation of a at 2024-05-01T00:00Z is 1 and 7; take one out",
    ),
    "other columns": (
        GOOD,
        {"select": "SELECT ts, station FROM readings"},
        "the select gives the columns ts, station, expected time, loc",
    ),
    "a column twice": (
        GOOD,
        {"select": SELECT.replace("value", "value, value")},
        "gives the columns",
    ),
    "no such table": (
        GOOD,
        {"select": SELECT.replace("readings", "reading")},
        "refused the select, no such table: reading; mend `select`",
    ),
    "not SQL": (GOOD, {"select": "SELECT FROM WHERE"}, "refused the select, near"),
    "a write": (
        GOOD,
        {"select": "DELETE FROM readings"},
        "select: found no SELECT, expected one statement",
    ),
    "two statements": (
        GOOD,
        {"select": SELECT + "; DROP TABLE readings"},
        "select: found several statements",
    ),
    "a writing WITH": (
        GOOD,
        {"select": "WITH x AS (DELETE FROM readings RETURNING *) SELECT 1"},
        "found the word DELETE",
    ),
    "into": (GOOD, {"select": "SELECT * INTO other FROM readings"}, "found the word INTO"),
    "a URL in the file": (
        GOOD,
        {"url_env": "postgresql://me:s3cret@host/db"},
        "found something else than the name of an environment va",
    ),
    "no URL": (
        GOOD,
        {"url_env": "NOT_SET_AT_ALL"},
        "the environment variable NOT_SET_AT_ALL, named in .*, is not set",
    ),
    "unknown option": (GOOD, {"selects": ""}, "unknown key 'selects', did you mean 'select'"),
    "unknown zone": (GOOD, {"time_zone": "Mars"}, "found 'Mars', expected an IANA time zone"),
    "unknown canonical name": (GOOD, {"variables": {"RR": "rain"}}, "found 'rain'"),
}


def hours(first: str, count: int, zone: str) -> list[tuple[Any, ...]]:
    """Hours of rain, 1 mm each, stamped as a clock on the wall shows them."""
    times = pd.date_range(first, periods=count, freq="h", tz="UTC").tz_convert(zone)
    return [(f"{time:%Y-%m-%d %H:%M}", "s1", "RR", 1.0) for time in times]


# (zone, first hour in UTC, hours, the days' rain in standard time)
CLOCKS: dict[str, tuple[str, str, int]] = {
    "back in Madrid": ("Europe/Madrid", "2024-10-25 23:00", 72),
    "on in Madrid": ("Europe/Madrid", "2024-03-29 23:00", 72),
    "back in Casablanca": ("Africa/Casablanca", "2024-03-08 23:00", 72),
    "on in Casablanca": ("Africa/Casablanca", "2024-04-12 23:00", 72),
}


@pytest.mark.parametrize(("zone", "first", "count"), CLOCKS.values(), ids=CLOCKS.keys())
def test_every_hour_counts_where_clocks_change(
    table: Path, tmp_path: Path, zone: str, first: str, count: int
) -> None:
    """The hour told twice is two hours; so every standard day has 24 readings and 24 mm."""
    fill(table, hours(first, count, zone))
    place = region(tmp_path, time_zone=zone).model_copy(update={"utc_offset": 1})
    batch = SOURCE.fetch(FetchRequest(place, Settings(tmp_path)))
    assert batch.remarks == ()
    assert batch.observations["precipitation"].tolist() == [24.0] * 3


# name: (what becomes of the hours of Madrid's autumn, hours left out, the rain of the day)
ODD_HOURS: dict[str, tuple[Callable[[list[Any]], list[Any]], int]] = {
    "told once": (lambda rows: list(dict.fromkeys(rows)), 1),
    "told three times": (lambda rows: [*rows, ("2024-10-27 02:00", "s1", "RR", 1.0)], 3),
    "that is not there": (lambda rows: [*rows, ("2024-03-31 02:00", "s1", "RR", 1.0)], 1),
}


@pytest.mark.parametrize(("change", "count"), ODD_HOURS.values(), ids=ODD_HOURS.keys())
def test_an_hour_that_clocks_leave_open_is_left_out_and_told(
    table: Path, tmp_path: Path, change: Callable[[list[Any]], list[Any]], count: int
) -> None:
    fill(table, change(hours("2024-10-25 23:00", 72, "Europe/Madrid")))
    place = region(tmp_path, time_zone="Europe/Madrid").model_copy(update={"utc_offset": 1})
    batch = SOURCE.fetch(FetchRequest(place, Settings(tmp_path)))
    days = batch.observations.dropna().set_index("time")["precipitation"]
    assert days.tolist() == pytest.approx([24.0] * 3)  # a sum is divided by the share of readings
    (remark,) = map(str, batch.remarks)
    assert f"repeat or skip in Europe/Madrid: {count}, such as RR of a at 2024-" in remark


STRAY = [
    "0000-00-00 00:00:00",
    "0001-01-01",
    "1600-01-01 00:00",
    "2200-01-01T00:00Z",
    "9999-12-31 23:59:59",
]


@pytest.mark.parametrize("time", STRAY)
def test_a_row_at_a_time_of_no_record_is_left_out_and_the_others_are_used(
    table: Path, tmp_path: Path, time: str
) -> None:
    fill(table, [*GOOD, (time, "s1", "RR", 5.0)])
    batch = SOURCE.fetch(
        FetchRequest(region(tmp_path, select=SELECT.split(" WHERE")[0]), Settings(tmp_path))
    )
    assert batch.observations["precipitation"].tolist() == [1.0, 2.0]
    (remark,) = map(str, batch.remarks)
    assert f"left out for their time: 1, such as RR of a at {time}; have them" in remark


def test_of_two_values_at_one_instant_none_is_used_and_the_others_are(
    table: Path, tmp_path: Path
) -> None:
    fill(table, [*GOOD, ("2024-05-03", "s1", "RR", 3.0), ("2024-05-01", "s1", "RR", 7.0)])
    batch = SOURCE.fetch(FetchRequest(region(tmp_path), Settings(tmp_path)))
    assert batch.observations.dropna()["precipitation"].tolist() == [2.0, 3.0]
    assert len(batch.remarks) == 1 and "is 1 and 7; take one out there" in str(batch.remarks[0])


TYPES: list[tuple[Any, float]] = [
    (Decimal("1.5"), 1.5),
    ("2.5", 2.5),
    (Decimal("Infinity"), np.inf),
    (10**400, np.inf),
    (Decimal("1E+999"), np.inf),
    (float("-inf"), -np.inf),
]


@pytest.mark.parametrize(("value", "expected"), TYPES, ids=lambda found: str(found)[:20])
def test_a_number_of_any_type_is_read(tmp_path: Path, value: Any, expected: float) -> None:
    rows = pd.DataFrame([("2024-05-01", "s1", "RR", value)], columns=list(COLUMNS), dtype="object")
    place = region(tmp_path)
    found = readings(rows, place, options_of(place, "sql", SqlOptions), [])
    assert found["value"].tolist() == [expected]


@pytest.mark.parametrize("value", [True, b"1", [1.0], {"a": 1}, date(2024, 5, 1), "1_000", "nan"])
def test_what_is_no_number_is_told(tmp_path: Path, value: Any) -> None:
    rows = pd.DataFrame([("2024-05-01", "s1", "RR", value)], columns=list(COLUMNS), dtype="object")
    place = region(tmp_path)
    with pytest.raises(RiskError, match="value: found .*, expected a number or NULL"):
        readings(rows, place, options_of(place, "sql", SqlOptions), [])


@pytest.mark.parametrize(("rows", "options", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_in_one_sentence(
    table: Path, tmp_path: Path, rows: list[tuple[Any, ...]], options: dict[str, Any], sentence: str
) -> None:
    fill(table, rows)
    with pytest.raises(RiskError, match=sentence) as caught:
        SOURCE.fetch(FetchRequest(region(tmp_path, **options), Settings(tmp_path)))
    assert "\n" not in str(caught.value) and "s3cret" not in str(caught.value)
    assert not isinstance(caught.value, SourceUnavailable)
    with sqlite3.connect(table) as database:
        assert database.execute("SELECT count(*) FROM readings").fetchone() == (len(rows),)


STRAY_ROWS: dict[str, tuple[tuple[Any, ...], str]] = {
    "a word": (("2024-05-03", "s1", "RR", "trace"), "value: found 'trace', expected a number"),
    "a day there is not": (("2024-02-30", "s1", "RR", 1.0), "time: found '2024-02-30'"),
    "a word for the time": (("yesterday", "s1", "RR", 1.0), "time: found 'yesterday'"),
    "no time": ((None, "s1", "RR", 1.0), "expected a time"),
    "no place": (("2024-05-01", None, "RR", 1.0), "expected a location"),
}


@pytest.mark.parametrize(("row", "words"), STRAY_ROWS.values(), ids=STRAY_ROWS.keys())
def test_a_row_that_is_no_reading_costs_itself_alone(
    table: Path, tmp_path: Path, row: tuple[Any, ...], words: str
) -> None:
    def days(rows: list[tuple[Any, ...]]) -> Any:
        fill(table, rows)
        place = region(tmp_path, select=SELECT.split(" WHERE")[0])
        return SOURCE.fetch(FetchRequest(place, Settings(tmp_path)))

    good = days(GOOD)
    batch = days([row])
    pd.testing.assert_frame_equal(batch.observations, good.observations)
    (remark,) = map(str, batch.remarks)
    assert "left out for what stands there: 1, such as" in remark and words in remark


URLS = {
    "nothing like a URL s3cret": (ConfigError, "what CITY_DB holds is not a database's URL"),
    "nosuchdb://me:s3cret@host/db": (
        ConfigError,
        "asks for 'nosuchdb', for which there is no driver; name one",
    ),
    "mysql+pymysql://me:s3cret@host/db": (
        ConfigError,
        "asks for 'mysql.pymysql', for which there is no driver; install pymysql",
    ),
    "sqlite:///nowhere/there.db": (SourceUnavailable, "found no file nowhere/there.db"),
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_cannot_be_used_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("CITY_DB", url)
    kind, sentence = URLS[url]
    with pytest.raises(kind, match=sentence) as caught:
        SOURCE.fetch(FetchRequest(region(tmp_path), Settings(tmp_path)))
    assert "s3cret" not in str(caught.value)


def test_a_locked_file_is_unavailable(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITY_DB", f"sqlite:///{table}?timeout=0.1")
    fill(table, GOOD)
    with sqlite3.connect(table) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceUnavailable, match="database is locked"):
            SOURCE.fetch(FetchRequest(region(tmp_path), Settings(tmp_path)))


def test_null_is_missing_and_words_in_quotes_are_no_writes(table: Path, tmp_path: Path) -> None:
    fill(table, [*GOOD, ("2024-05-03", "s1", "RR", None), ("2024-05-03", "s1", "into", 5.0)])
    select = SELECT + " AND sensor <> 'insert; into' -- drop nothing\n;"
    found = SOURCE.fetch(
        FetchRequest(region(tmp_path, select=select), Settings(tmp_path))
    ).observations
    assert found["precipitation"].tolist() == [1.0, 2.0]
