"""What SQLite or the disk refuses, said in one sentence with its cure: RegistryError."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from configs import RiskError
from configs.disk import FULL, REFUSALS, Refusal


class RegistryError(RiskError):
    """A registry that cannot be opened, read or written."""


class HasDatabase(Protocol):
    """An object whose methods read and write MLflow's database."""

    @property
    def database(self) -> Path:
        """The SQLite file."""
        ...


Owner = TypeVar("Owner", bound=HasDatabase)
P = ParamSpec("P")
R = TypeVar("R")


_LOCKED = Refusal(
    "it locked by another process",
    "wait until that process is done, or stop it, then run this again",
)
_READ_ONLY = Refusal(
    "that it may not be written to",
    "give this user the right to write the file and its folder, or mount their disk for writing",
)
_UNOPENED = Refusal(
    "that it cannot be opened",
    "look that it is a file in a folder, both of which this user may read and write",
)
_CORRUPT = Refusal(
    "a file SQLite cannot read and no whole copy beside it",
    "put mlflow.db of a backup there; where there is none move the file away, and the next daily "
    "run learns anew, from data and for reports that are whole",
)
_SQLITE_REFUSALS = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_CANTOPEN: _UNOPENED,
    sqlite3.SQLITE_IOERR: Refusal(
        "a disk that fails to read or write it", "see to the disk, then run this again"
    ),
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_ERROR: Refusal(
        "tables of another version of MLflow",
        "install the version that it was last used with, or restore it from a copy",
    ),
}


def explains_refusals(
    method: Callable[Concatenate[Owner, P], R],
) -> Callable[Concatenate[Owner, P], R]:
    """The method, raising RegistryError where SQLite or the disk refuses what it wants."""

    @functools.wraps(method)
    def call(self: Owner, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except RiskError:
            raise
        except Exception as error:
            if refusal := _refusal_of(self.database, error):
                raise refusal from None
            raise

    return cast(Callable[Concatenate[Owner, P], R], call)


def _refusal_of(database: Path, error: Exception) -> RegistryError | None:
    """The sentence for an error that its reader can cure, else None."""
    sqlite_error = _sqlite_error(error)
    if sqlite_error is not None:  # the low byte of an extended code is the code itself
        code = getattr(sqlite_error, "sqlite_errorcode", sqlite3.SQLITE_NOTADB) & 0xFF
        refusal, path, words = _SQLITE_REFUSALS.get(code), database, str(sqlite_error)
    elif isinstance(error, OSError):
        refusal = REFUSALS.get(error.errno or 0)
        path, words = Path(error.filename or database.parent), error.strerror or ""
    else:
        return None
    if refusal is None:
        return None
    return RegistryError(
        f"model registry {path}: found {refusal.state} ({words}), "
        f"expected MLflow's database and files, to read and write; {refusal.cure}."
    )


def _sqlite_error(error: BaseException | None) -> sqlite3.Error | None:
    """SQLite's own error behind one of SQLAlchemy's or MLflow's."""
    while error is not None and not isinstance(error, sqlite3.Error):
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return error
