"""SQL: readings from any database that SQLAlchemy speaks to, by one SELECT.

PostgreSQL and TimescaleDB are the usual city historians.

In the region file, with the database's URL (and so its password) in the environment only:

    source_options:
      sql:
        url_env: CITY_DATABASE_URL     # postgresql://user:password@host/database
        select: >
          SELECT ts AS time, station AS location, sensor AS variable, value
          FROM readings WHERE ts >= :since
        variables: {TA: air_temperature, RR: precipitation}   # theirs: ours; else canonical names
        units: {TA: K}                                        # where it is not the canonical one
        locations: {"0815": berkane}                          # theirs: ours; else the region's ids

``:since`` (optional) is a time from which on rows are wanted, so that a daily pull asks for what is
new; after a place or variable is added, the option ``since`` brings its past. Rows may be of any
interval up to a day; a ``time`` that is a date is that day's. The statement runs in a transaction
that is read-only where the database can and is rolled back in any case.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import sqlalchemy as sa
from pydantic import Field, field_validator
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.pool import NullPool

from configs import ConfigError, Region, RiskError
from data_contracts.batch import Batch, FetchRequest, Source, SourceUnavailable
from data_contracts.variables import VARIABLES
from sources import options_of
from sources.readings import (
    DAY,
    Newest,
    ReadingOptions,
    are_stray,
    at_stray_times,
    begins,
    converted,
    daily,
    known_places,
    known_variable,
    left_out,
    locations_table,
    newest_days,
    number,
    parts_of,
    resumed,
)
from sources.units import conversion

log = logging.getLogger(__name__)

NAME = "sql"
COLUMNS = ("time", "location", "variable", "value")
EARLIEST = pd.Timestamp("1900-01-01")
ROWS = 100_000  # rows fetched at a time
CONNECT_SECONDS, SELECT_SECONDS = 15, 900

# What each database needs to be told so that it writes nothing, in the transaction of the SELECT.
READ_ONLY = {
    "postgresql": (
        "SET TRANSACTION READ ONLY",
        f"SET LOCAL statement_timeout = '{SELECT_SECONDS}s'",
    ),
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
    "mariadb": ("SET SESSION TRANSACTION READ ONLY",),
    "oracle": ("SET TRANSACTION READ ONLY",),
    "sqlite": ("PRAGMA query_only = ON",),
}
PATIENCE: dict[str, dict[str, Any]] = {
    "postgresql": {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    },
    "mysql": {"connect_timeout": CONNECT_SECONDS},
    "sqlite": {"timeout": CONNECT_SECONDS},
}
WRITES = frozenset(
    (
        "insert",
        "update",
        "delete",
        "merge",
        "into",
        "truncate",
        "drop",
        "alter",
        "create",
        "grant",
        "revoke",
        "call",
        "copy",
        "attach",
    )
)
_QUOTED = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL
)


class Options(ReadingOptions):
    """What a region says of its database. ``time_zone``: of times that have none."""

    url_env: str
    select: str = Field(min_length=1)
    variables: dict[str, str] = {}
    units: dict[str, str] = {}
    locations: dict[str, str] = {}
    time_zone: str = "UTC"

    @field_validator("time_zone")
    @classmethod
    def _a_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(
                f"found {value!r}, expected an IANA time zone such as Africa/Casablanca"
            )
        return value

    @field_validator("url_env")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
            raise ValueError(
                "found something else than the name of an environment variable, such as "
                "CITY_DATABASE_URL, that holds the URL"
            )
        return value

    @field_validator("select")
    @classmethod
    def _reads_only(cls, value: str) -> str:
        bare = _QUOTED.sub(" x ", value).strip().rstrip(";").strip().lower()
        words = re.findall(r"[a-z_]\w*", bare)
        if not words or words[0] not in ("select", "with"):
            raise ValueError(
                "found no SELECT, expected one statement that begins with SELECT or WITH"
            )
        writing = [word for word in words if word in WRITES]
        if ";" in bare or writing:
            found = "several statements" if ";" in bare else f"the word {writing[0].upper()}"
            raise ValueError(
                f"found {found}, expected one SELECT that changes nothing (put a column of such a "
                "name in quotes)"
            )
        return value.strip().rstrip(";")

    @field_validator("variables")
    @classmethod
    def _canonical(cls, value: dict[str, str]) -> dict[str, str]:
        return {theirs: known_variable(ours) for theirs, ours in value.items()}


def fetch(request: FetchRequest) -> Batch:
    """The days that the SELECT's rows give, those after the newest stored ones where some are.

    Raises SourceUnavailable, RiskError.
    """
    region = request.region
    options = options_of(region, NAME, Options)
    offset = region.day_offset
    first = first_wanted(region, options, newest_days(request.stored.observations))
    # A day earlier, because the database may compare with times of another zone.
    rows = selected(options, region, begins(first, offset) - DAY)
    if rows.empty and first == EARLIEST:
        raise RiskError(
            f"{NAME}: the select gave no row, expected readings; mend `select` in {region.path} "
            "or load the table."
        )
    remarks = list[str]()
    found = readings(rows, region, options, offset, remarks)
    table = daily(found, NAME, options, offset, remarks=remarks)
    if table.empty and remarks and first == EARLIEST:
        raise RiskError(" ".join(remarks))
    table = table[table["time"] >= first]
    places = locations_table(region, table["location"].unique().tolist())
    return Batch(table, places, remarks=tuple(remarks))


SOURCE = Source(
    name=NAME,
    delay_days=1,
    attribution="readings from the region's own database",
    licence="as its owner says",
    complete=False,
    fetch=fetch,
    readings=True,
)


def first_wanted(region: Region, options: Options, newest: Newest) -> pd.Timestamp:
    """The first day to ask for: some before the newest stored one, else the region's first."""
    if options.since is None and newest:
        return resumed(newest.values(), options)
    start = options.since or region.history_start
    return pd.Timestamp(start) if start else EARLIEST


def selected(options: Options, region: Region, since: pd.Timestamp) -> pd.DataFrame:
    """The SELECT's rows as the database gives them: columns time, location, variable, value."""
    statement = sa.text(options.select)
    with _connection(options, region) as (connection, trouble):
        moment = since.tz_convert("UTC").tz_localize(None).to_pydatetime()
        value = str(moment) if connection.dialect.name == "sqlite" else moment
        wanted = (
            {"since": value}
            if re.search(r"(?<![:\w]):since\b", _QUOTED.sub(" x ", options.select))
            else {}
        )
        try:
            result = connection.execution_options(stream_results=True).execute(statement, wanted)
            _check_columns(list(result.keys()), region)
            parts, rows = list[pd.DataFrame](), 0
            for part in _in_order(result):
                parts.append(pd.DataFrame(part, columns=list(COLUMNS), dtype="object"))
                rows += len(part)
                log.info("%s: %s rows", NAME, f"{rows:,}")
        except exc.StatementError as error:
            trouble(error)
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=list(COLUMNS), dtype="object")
    )


def _in_order(result: sa.CursorResult[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows by parts, columns in our order."""
    names = [name.lower() for name in result.keys()]  # noqa: SIM118 (a result is no dict)
    order = [names.index(name) for name in COLUMNS]
    for part in result.partitions(ROWS):
        yield [tuple(row[i] for i in order) for row in part]


def _check_columns(names: list[str], region: Region) -> None:
    if sorted(name.lower() for name in names) != sorted(COLUMNS):
        found = ", ".join(names)
        raise RiskError(
            f"{NAME}: the select gives the columns {found}, expected {', '.join(COLUMNS)}; name "
            f"them with AS in {region.path}."
        )


@contextmanager
def _connection(options: Options, region: Region) -> Iterator[tuple[Connection, Any]]:
    """A connection that writes nothing, and what raises our error for one of the database's."""
    url = _url(options, region)
    where = f"{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}".lstrip("/")

    def trouble(error: exc.StatementError, connecting: bool = False) -> NoReturn:
        found = _without_secrets(str(error.orig or error).strip().split("\n")[0].rstrip("."), url)
        if connecting or _is_down(error, url):
            raise SourceUnavailable(
                f"{NAME}: asked the database {where}; found {found}; check {options.url_env}, or "
                "run it again later."
            )
        raise RiskError(
            f"{NAME}: the database {where} refused the select, {found}; mend `select` in "
            f"{region.path}."
        )

    engine = _engine(url, options)
    try:
        connection = engine.connect()
    except exc.DBAPIError as error:
        trouble(error, connecting=True)
    try:
        for sentence in READ_ONLY.get(url.get_backend_name(), ()):
            connection.exec_driver_sql(sentence)
        yield connection, trouble
    finally:
        connection.rollback()
        connection.close()


def _url(options: Options, region: Region) -> URL:
    """The database's URL from the environment."""
    text = os.environ.get(options.url_env, "")
    if not text:
        raise ConfigError(
            f"{NAME}: the environment variable {options.url_env}, named in {region.path}, is not "
            "set, expected a database's URL "
            "such as postgresql://user:password@host/database; set it."
        )
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        raise ConfigError(
            f"{NAME}: what {options.url_env} holds is not a database's URL, expected such as "
            "postgresql://user:password@host/database "
            "(with %40 for an @ in the password); mend it."
        ) from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
        raise SourceUnavailable(
            f"{NAME}: found no file {url.database}, expected an SQLite database; check "
            f"{options.url_env}."
        )
    return url


def _engine(url: URL, options: Options) -> sa.Engine:
    patience = {
        key: value
        for key, value in PATIENCE.get(url.get_backend_name(), {}).items()
        if key not in url.query
    }
    try:
        return sa.create_engine(
            url, poolclass=NullPool, connect_args=patience, hide_parameters=True
        )
    except (exc.NoSuchModuleError, ModuleNotFoundError) as error:
        driver = getattr(error, "name", None)
        cure = (
            f"install {driver}" if driver else "name one that SQLAlchemy knows, such as postgresql"
        )
        raise ConfigError(
            f"{NAME}: {options.url_env} asks for {url.drivername!r}, for which there is no "
            f"driver; {cure}."
        ) from None


def _is_down(error: exc.StatementError, url: URL) -> bool:
    """Whether the database, not the SELECT, is at fault."""
    if url.get_backend_name() == "sqlite":
        return bool(re.search(r"locked|unable to open|disk I/O", str(error.orig)))
    broken = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    return broken or isinstance(error, exc.OperationalError | exc.InterfaceError)


def _without_secrets(text: str, url: URL) -> str:
    secrets = [url.password, *(value for key, value in url.query.items() if "pass" in key.lower())]
    for secret in secrets:
        text = text.replace(str(secret), "***") if secret else text
    return text[:300]


def readings(
    rows: pd.DataFrame, region: Region, options: Options, offset: int, remarks: list[str]
) -> pd.DataFrame:
    """Rows as ``readings.daily`` takes them: names and units ours.

    Rows whose time cannot be told are left out, and ``remarks`` gets a sentence. Raises RiskError
    for what rows cannot be.
    """
    rows = _renamed(rows, region, options).reset_index(drop=True)
    table = pd.DataFrame({"location": rows["location"], "theirs": rows["variable"]})
    table["value"] = _numbers(rows)
    table["time"] = _times(rows, options, offset, remarks)
    table = table.dropna(subset=["time"])
    parts = []
    for theirs, part in table.groupby("theirs", sort=False):
        ours = _variable(str(theirs), region, options)
        unit = options.units.get(str(theirs), VARIABLES[parts_of(ours)[0]].units)
        cure = f"mend `units` in {region.path}"
        hows = {name: conversion(unit, name, f"{NAME}: {theirs}", cure) for name in parts_of(ours)}
        parts.append(converted(part.drop(columns="theirs"), ours, hows, options.missing))
    return pd.concat(parts, ignore_index=True) if parts else table


def _renamed(rows: pd.DataFrame, region: Region, options: Options) -> pd.DataFrame:
    """The rows that are asked for, places by our ids."""
    for name in ("time", "location", "variable"):
        if rows[name].isna().any():
            raise RiskError(
                f"{NAME}: the select gives rows without a {name}, expected one in each; leave "
                f"them out in {region.path}."
            )
    rows = rows.assign(
        location=rows["location"].astype("str").str.strip(),
        variable=rows["variable"].astype("str").str.strip(),
    )
    if options.variables:
        rows = rows[rows["variable"].isin(list(options.variables))]
    if options.locations:
        rows = rows[rows["location"].isin(list(options.locations))]
        rows = rows.assign(location=rows["location"].map(options.locations))
    known_places(
        region,
        rows["location"].unique().tolist(),
        NAME,
        f"map it under `locations` in {region.path}, or leave it out",
    )
    return rows


def _variable(theirs: str, region: Region, options: Options) -> str:
    try:
        return options.variables.get(theirs) or known_variable(theirs)
    except ValueError as error:
        raise RiskError(
            f"{NAME}: variable: {error}; map it under `variables` in {region.path}, or leave it "
            "out."
        ) from None


def _numbers(rows: pd.DataFrame) -> pd.Series:
    values = rows["value"].map(_number)
    _refuse(rows, "value", values.isna() & rows["value"].notna(), "a number or NULL")
    return values.astype("float64")


def _number(value: Any) -> float:
    """A number of any type a database has, or one written as text; NaN for what is none."""
    try:
        return float(value) if isinstance(value, str) and "_" not in value else number(value)
    except ValueError:
        return float("nan")


def _times(rows: pd.DataFrame, options: Options, offset: int, remarks: list[str]) -> pd.Series:
    """Instants in UTC; a date is the first instant of that day of the region's.

    NaT for a row left out, because no record may hold its time or because clocks repeat or skip its
    hour; ``remarks`` gets a sentence for each reason. Raises RiskError for what is no time.
    """
    text = rows["time"].astype("str").str.strip()
    shaped = text.str.match(r"\d{4}-\d{2}-\d{2}($|[T ]\d{2}:\d{2})")
    _refuse(rows, "time", ~shaped, "a time or a date such as 2001-01-31")
    stray = are_stray(text.str[:4].astype("int64"))
    day, zoned = text.str.len() == 10, text.str.contains(r"[T ].*(?:Z|[+-]\d{2}(?::?\d{2})?)$")
    moments = pd.Series(pd.NaT, index=text.index, dtype="datetime64[ns, UTC]")
    kinds = (zoned & ~stray, day & ~stray, ~zoned & ~day & ~stray)
    with_zone, dates, wall = (_parsed(text[kind], utc=kind is kinds[0]) for kind in kinds)
    for kind, known in (
        (kinds[0], with_zone),
        (kinds[1], (dates - pd.Timedelta(hours=offset)).dt.tz_localize("UTC")),
        (kinds[2], _localized(wall, rows, options.time_zone)),
    ):
        moments.loc[kind] = known
    changed = moments.isna() & wall.notna().reindex(text.index, fill_value=False)
    wrong = moments.isna() & ~stray & ~changed
    once = f"a time that is there once in {options.time_zone}; give it with its zone"
    _refuse(rows, "time", wrong | changed if changed.all() else wrong, once)
    remarks += at_stray_times(NAME, _examples(rows[stray]))
    if changed.any():
        what = f"readings left out for an hour that clocks repeat or skip in {options.time_zone}"
        example, cure = _examples(rows[changed])[0], "give times with their zone"
        remarks.append(left_out(NAME, what, int(changed.sum()), example, cure))
    return moments


def _parsed(text: pd.Series, utc: bool = False) -> pd.Series:
    """Texts as times, NaT for those that are none."""
    found = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=utc)
    return found.astype("datetime64[ns, UTC]" if utc else "datetime64[ns]")


def _localized(wall: pd.Series, rows: pd.DataFrame, zone: str) -> pd.Series:
    """Times on the wall in UTC; NaT for those that clocks skip there, or repeat.

    A reading told twice for a repeated time is two: the first from before the clocks went back.
    """
    once = wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    before, after = (
        wall.dt.tz_localize(zone, ambiguous=np.full(len(wall), summer), nonexistent="NaT")
        for summer in (True, False)
    )
    keys = pd.DataFrame({"time": wall, **rows.loc[wall.index, ["location", "variable"]]})
    told = keys.groupby(["time", "location", "variable"], dropna=False)
    twice = once.isna() & (told["time"].transform("size") == 2)
    turn = told.cumcount()
    once = once.mask(twice & (turn == 0), before).mask(twice & (turn == 1), after)
    return once.dt.tz_convert("UTC")


def _examples(rows: pd.DataFrame) -> list[str]:
    """Which readings they are."""
    return [
        f"{row['variable']} of {row['location']} at {str(row['time'])[:40]}"
        for row in rows.to_dict("records")
    ]


def _refuse(rows: pd.DataFrame, name: str, bad: pd.Series, expected: str) -> None:
    """Raises RiskError naming the first row that is bad."""
    if bad.any():
        row = rows[bad].iloc[0]
        where = f"{row['variable']} of {row['location']} at {str(row['time'])[:40]}"
        raise RiskError(
            f"{NAME}: {where}: {name}: found {str(row[name])[:40]!r}, expected {expected}; mend "
            "the table or the select."
        )
