"""What is wrong with a store that cannot be used, in one sentence with its cure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import icechunk

from configs import RiskError
from configs.disk import disk_refusal


class NothingStored(RiskError):
    """Nothing was ever stored."""


class StoreUnusable(RiskError):
    """A store that is damaged, half there, or of a newer version."""


def refused_by_disk(error: Exception, place: Path) -> RiskError | None:
    """The sentence for a disk that is full or read-only, else None.

    Icechunk hands the system's error on as text: "(os error 28)".
    """
    if isinstance(error, OSError):
        return disk_refusal(error.errno, error.filename or place)
    code = re.search(r"\(os error (\d+)\)", str(error))
    return disk_refusal(int(code[1]), place) if code else None


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
    """Raises StoreUnusable for whatever Icechunk or a codec cannot read in the block.

    A disk that refuses is DiskRefused.
    """
    try:
        yield
    except (icechunk.IcechunkError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise (refused_by_disk(error, path) or damaged(region, path, _shown(error))) from error


def _shown(error: Exception) -> str:
    """An error's own words, in a line."""
    words = re.sub(r"[^\w\s.,:;/()'=-]", " ", str(error).split("context:", maxsplit=1)[0])
    return f"{type(error).__name__} ({' '.join(words.split())[:200]})"
