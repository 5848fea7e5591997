"""The clock: what decides a day asks it, so that a test can live through a year.

How long an exchange took, and the age of files, is the machine's own time.
"""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
