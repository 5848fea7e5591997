"""The SELECT's rows from the database, in a transaction that writes nothing."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.pool import NullPool

from configs import ConfigError, Region, RiskError
from configs.remarks import remark
from data_contracts.batch import SourceUnavailable
from sources.sql.options import COLUMNS, NAME, QUOTED, SqlOptions

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 100_000
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


def selected(options: SqlOptions, region: Region, since: pd.Timestamp) -> pd.DataFrame:
    """The SELECT's rows as the database gives them: columns time, location, variable, value.

    Raises SourceUnavailable where the database is down, RiskError where it refuses the SELECT.
    """
    statement = sa.text(options.select)
    with _connection(options, region) as (connection, fail):
        parameters = _parameters(options, since, connection.dialect.name)
        try:
            result = connection.execution_options(stream_results=True).execute(
                statement, parameters
            )
            _check_columns(list(result.keys()), region)
            parts, rows = list[pd.DataFrame](), 0
            for part in _in_order(result):
                parts.append(pd.DataFrame(part, columns=list(COLUMNS), dtype="object"))
                rows += len(part)
                log.info("%s: %s rows", NAME, f"{rows:,}")
        except (exc.SQLAlchemyError, ValueError, ArithmeticError) as error:
            fail(error)
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS), dtype="object")
    return pd.concat(parts, ignore_index=True)


def _parameters(options: SqlOptions, since: pd.Timestamp, dialect: str) -> dict[str, Any]:
    """The time that ``:since`` stands for, where the SELECT has it."""
    if not re.search(r"(?<![:\w]):since\b", QUOTED.sub(" x ", options.select)):
        return {}
    moment = since.tz_convert("UTC").tz_localize(None).to_pydatetime()
    return {"since": str(moment) if dialect == "sqlite" else moment}


def _in_order(result: sa.CursorResult[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows by parts, columns in our order."""
    names = [name.lower() for name in result.keys()]  # noqa: SIM118 (a result is no dict)
    order = [names.index(name) for name in COLUMNS]
    for part in result.partitions(ROWS_AT_ONCE):
        yield [tuple(row[i] for i in order) for row in part]


def _check_columns(names: list[str], region: Region) -> None:
    if sorted(name.lower() for name in names) != sorted(COLUMNS):
        raise RiskError(
            f"{NAME}: the select gives the columns {', '.join(names)}, expected "
            f"{', '.join(COLUMNS)}; name them with AS in {region.path}."
        )


@contextmanager
def _connection(options: SqlOptions, region: Region) -> Iterator[tuple[Connection, Any]]:
    """A connection that writes nothing, and what raises our error for one of the database's."""
    url = _url(options, region)
    where = f"{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}".lstrip("/")

    def fail(error: Exception, connecting: bool = False) -> NoReturn:
        reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0].rstrip(".")
        what = _without_secrets(reason, url)
        if connecting or _is_down(error, url):
            asked = {"address": where, "what": what, "option": options.url_env}
            raise SourceUnavailable(remark("database.down", source=NAME, **asked))
        raise RiskError(
            f"{NAME}: the database {where} refused the select, {what}; mend `select` in "
            f"{region.path}."
        )

    engine = _engine(url, options)
    try:
        connection = engine.connect()
    except exc.SQLAlchemyError as error:
        fail(error, connecting=True)
    try:
        try:
            for sentence in READ_ONLY.get(url.get_backend_name(), ()):
                connection.exec_driver_sql(sentence)
        except exc.SQLAlchemyError as error:
            fail(error)
        yield connection, fail
    finally:
        connection.rollback()
        connection.close()


def _url(options: SqlOptions, region: Region) -> URL:
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
        asked = {"address": url.database, "option": options.url_env}
        raise SourceUnavailable(remark("database.no_file", source=NAME, **asked))
    return url


def _engine(url: URL, options: SqlOptions) -> sa.Engine:
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


def _is_down(error: Exception, url: URL) -> bool:
    """Whether the database, not the SELECT, is at fault."""
    if url.get_backend_name() == "sqlite":
        return bool(re.search(r"locked|unable to open|disk I/O", str(error)))
    broken = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    return broken or isinstance(error, exc.OperationalError | exc.InterfaceError)


def _without_secrets(text: str, url: URL) -> str:
    secrets = [url.password, *(value for key, value in url.query.items() if "pass" in key.lower())]
    for secret in secrets:
        text = text.replace(str(secret), "***") if secret else text
    return text[:300]
