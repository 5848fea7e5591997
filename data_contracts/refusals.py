"""What a disk or a damaged store refuses, in one sentence with its cure."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import icechunk

from configs import RiskError


class NothingStored(RiskError):
    """Nothing was ever stored."""


class StoreUnusable(RiskError):
    """A store that is damaged, half there, or of a newer version, or a disk that refuses."""


_FULL = ("a full disk", "make room there, then run this again; what was stored before is whole")
_READ_ONLY = (
    "that it may not be written to",
    "give this user the right to write there, or mount the disk for writing; what is stored can "
    "be read",
)
_REFUSED = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
}


def disk_refusal(error: BaseException, place: Path) -> StoreUnusable | None:
    """The sentence for a disk that is full or read-only, else None.

    Icechunk hands the system's error on as text: "(os error 28)".
    """
    if isinstance(error, OSError):
        number, place = error.errno, Path(error.filename or place)
    else:
        code = re.search(r"\(os error (\d+)\)", str(error))
        number = int(code[1]) if code else None
    if number not in _REFUSED:
        return None
    state, cure = _REFUSED[number]
    return StoreUnusable(f"{place}: found {state}, expected a place to keep data; {cure}.")


def damaged(region: str, path: Path, what: str) -> StoreUnusable:
    """The error for a store that is not as it was written. ``what``: the part and its state."""
    return StoreUnusable(
        f"region {region!r}: the store {path} is damaged, found {what}, expected it as it was "
        f"written; run `climate-risk store repair {region}`, or put the folder back from a copy."
    )


def newer(region: str, path: Path) -> StoreUnusable:
    """The error for a store that a later Icechunk wrote."""
    return StoreUnusable(
        f"region {region!r}: the store {path} was written by a newer Icechunk, found a format "
        f"that Icechunk {icechunk.__version__} cannot read, expected its own; install the version "
        "that wrote it, nothing is lost."
    )


@contextmanager
def explained(region: str, path: Path) -> Iterator[None]:
    """Raises StoreUnusable for whatever Icechunk, a codec or the disk cannot do in the block."""
    try:
        yield
    except (icechunk.IcechunkError, OSError, ValueError, RuntimeError, KeyError) as error:
        refusal = disk_refusal(error, path)
        raise (refusal or damaged(region, path, _shown(error))) from error


def _shown(error: Exception) -> str:
    """An error's own words, in a line."""
    words = re.sub(r"[^\w\s.,:;/()'=-]", " ", str(error).split("context:", maxsplit=1)[0])
    return f"{type(error).__name__} ({' '.join(words.split())[:200]})"
