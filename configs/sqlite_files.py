"""SQLite files of other packages: are they whole, who wrote them, and a copy of one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

UNREADABLE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def damage_of(database: Path, seconds: float) -> str:
    """What is wrong with a database, in SQLite's words; empty where it is whole.

    ``seconds``: how long another process may hold it locked. Raises sqlite3.Error where it stays
    locked, and where it may not be read.
    """
    try:
        with closing(sqlite3.connect(database, timeout=seconds)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
            ((said,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
            return "" if said == "ok" else " ".join(str(said).split())
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in UNREADABLE:
            return str(error)
        raise


def require_writable(database: Path, seconds: float) -> None:
    """Raises sqlite3.Error where a database stays locked for writing, or may not be written."""
    with closing(sqlite3.connect(database, timeout=seconds)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()


def revision_of(database: Path, seconds: float) -> str:
    """The revision that Alembic stamped a database with; empty where it has none.

    ``seconds``: how long another process may hold it locked. Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(database, timeout=seconds)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if ("alembic_version",) not in tables.fetchall():
            return ""
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else ""


def known_revisions(package: str, *folders: str) -> set[str]:
    """The parts of the names of an installed package's migrations, a revision among them.

    ``folders``: from the package to them. Empty where it is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return set()
    migrations = Path(spec.origin).parent.joinpath(*folders).glob("*.py")
    return {part for path in migrations for part in path.stem.split("_")}


def copy_database(source: Path, copy: Path, seconds: float) -> None:
    """Copies a database as it is between two transactions. Raises sqlite3.Error.

    ``seconds``: how long another process may hold it locked.
    """
    with (
        closing(sqlite3.connect(source, timeout=seconds)) as now,
        closing(sqlite3.connect(copy)) as then,
    ):
        now.execute("PRAGMA schema_version").fetchone()  # waits for a lock: ``backup`` does not
        now.backup(then)


def put_aside(database: Path, mark: str) -> Path:
    """Renames a database and what SQLite keeps beside it; returns its new path."""
    aside = database.with_name(f"{database.name}.{mark}")
    for suffix in ("-wal", "-shm", "-journal"):
        beside = database.with_name(database.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    database.rename(aside)
    return aside
