"""Prefect's database of one home. Only the list of runs is in it, so that no forecast waits for it.

One that cannot be read is put aside, and one that another process holds is done without.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from configs import clock
from configs.sqlite_files import (
    damage_of,
    known_revisions,
    put_aside,
    require_writable,
    revision_of,
)

NAME = "prefect.db"
ADDRESS = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
FORMER_ADDRESS = "PREFECT_API_DATABASE_CONNECTION_URL"
MIGRATIONS = ("server", "database", "_migrations", "versions", "sqlite")
BUSY_SECONDS = 10.0
"""How long another process may hold the database locked before this run does without it."""


@contextmanager
def usable_database(folder: Path) -> Iterator[tuple[dict[str, str], str]]:
    """What a server needs in its environment to have a database, and what is degraded, if anything.

    ``folder``: Prefect's of the home. A database that is set in the environment is the user's own.
    """
    if os.environ.get(ADDRESS) or os.environ.get(FORMER_ADDRESS):
        yield {}, ""
        return
    database = folder / NAME
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "database.lock"):
        busy, sentence = _made_usable(database)
    if not busy:
        yield {}, sentence
        return
    with TemporaryDirectory() as scratch:
        yield {ADDRESS: f"sqlite+aiosqlite:///{scratch}/{NAME}"}, sentence


def _made_usable(database: Path) -> tuple[bool, str]:
    """Whether the database is to be done without, and a sentence on what was found and done."""
    if not database.is_file():
        return False, ""
    try:
        require_writable(database, BUSY_SECONDS)
        why, mark = damage_of(database, BUSY_SECONDS), "damaged"
        revision = "" if why else revision_of(database, BUSY_SECONDS)
        if revision and revision not in known_revisions("prefect", *MIGRATIONS):
            why, mark = f"tables of a later Prefect (revision {revision})", "newer"
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or isinstance(error, sqlite3.OperationalError):
            return True, (
                f"Prefect's database {database}: found that this run cannot use it ({error}); the "
                "run is not in its list, nothing else is missing. Stop the process that holds it, "
                "or give this user the right to write it."
            )
        why, mark = str(error), "damaged"
    if not why:
        return False, ""
    aside = put_aside(database, f"{mark}-{clock.now():%Y%m%dT%H%M%S}")
    return False, (
        f"Prefect's database {database}: found {why}; it was put aside as {aside.name}, and a new "
        "one was made. Only the list of past runs is in it: reports, models and data are whole."
    )
