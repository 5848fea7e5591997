"""A limit on a run's time that nothing can hold up.

Prefect's own time-outs raise an error in the thread that works. A call that never returns to
Python never sees it. So when a run is far beyond its time its process ends, and the kernel frees
its locks.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

GRACE = 600.0
"""Seconds beyond its time that a run has to end by Prefect's time-out, and to tell what it did."""
STANDARD_ERROR = 2
"""The file descriptor of standard error."""
LAST = 120.0
"""Seconds more until the process ends though no thread of Python runs."""


@contextmanager
def ends_within(seconds: float, name: str) -> Iterator[None]:
    """Ends this process, with status 1, where the block takes ``GRACE`` longer than ``seconds``."""
    limit = seconds + GRACE
    timer = threading.Timer(limit, _end, (name, seconds))
    timer.daemon = True
    timer.start()
    faulthandler.dump_traceback_later(limit + LAST, exit=True, file=STANDARD_ERROR)
    try:
        yield
    finally:
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()


def _end(name: str, seconds: float) -> None:
    from flows.alive import close_own

    why = (
        f"{name}: found no end within {seconds / 3600:g} hours, expected one; something that it "
        "waits for hangs: see the last line of the run's log, then run it again."
    )
    try:
        print(f"climate-risk: {why}", file=sys.__stderr__, flush=True)
        close_own(why)
    finally:
        os._exit(1)
