"""A disk that is full or may not be written to, in one sentence with its cure."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NamedTuple

from configs import RiskError


class DiskRefused(RiskError):
    """A disk that is full or read-only. What was stored before can be read."""


class _Refusal(NamedTuple):
    state: str
    cure: str


_FULL = _Refusal("a full disk", "make room there, then run this again")
_READ_ONLY = _Refusal("that it may not be written to", "mount its disk for writing")
_FORBIDDEN = _Refusal(
    "that this user may not use it", "give this user the right to read and write there"
)
_REFUSALS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
}


def disk_refusal(number: int | None, place: Path | str) -> DiskRefused | None:
    """The error for a number of the operating system (``errno``); None where it is another."""
    if number not in _REFUSALS:
        return None
    state, cure = _REFUSALS[number]
    return DiskRefused(
        f"{place}: found {state}, expected a place to keep data; {cure}, what was stored before is "
        "whole."
    )
