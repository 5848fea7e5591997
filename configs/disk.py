"""A disk that is full or may not be written to, in one sentence with its cure."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NamedTuple

from configs import RiskError
from configs.remarks import Remark


class DiskRefused(RiskError):
    """A disk that is full or read-only. What was stored before can be read."""


class Refusal(NamedTuple):
    """What was found where something cannot be written, and what cures it."""

    state: str
    cure: str


FULL = Refusal("a full disk", "make room there, then run this again")
READ_ONLY = Refusal("that it may not be written to", "mount its disk for writing")
FORBIDDEN = Refusal(
    "that this user may not use it", "give this user the right to read and write there"
)
REFUSALS = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: FORBIDDEN,
    errno.EPERM: FORBIDDEN,
}
"""By the number of the operating system (``errno``)."""


def disk_refusal(number: int | None, place: Path | str) -> DiskRefused | None:
    """The error for a number of the operating system (``errno``); None where it is another."""
    if number not in REFUSALS:
        return None
    state, cure = REFUSALS[number]
    return DiskRefused(
        f"{place}: found {state}, expected a place to keep data; {cure}, what was stored before is "
        "whole."
    )


def explained(error: Exception, place: Path | str) -> Exception:
    """The error; in the place of one of a full or read-only disk, at its own file or else at
    ``place``, the sentence on that.
    """
    if isinstance(error, OSError):
        return disk_refusal(error.errno, error.filename or place) or error
    return error


def refusal_remark(error: OSError, place: Path | str) -> Remark:
    """The message for an error of the operating system at its own file, else at ``place``.

    Raises the error where it is not one of a disk.
    """
    refused = explained(error, place)
    if not isinstance(refused, RiskError):
        raise error
    return refused.remark
