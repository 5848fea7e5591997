"""A limit on a run's time that nothing can hold up.

A task's time-out raises an error in it, by an alarm of the system, which ends even a wait for the
network. There is one alarm, so a flow has no such time-out: Prefect would then end its tasks by
a thread, which ends no wait. A flow beyond its time loses its process, and the kernel frees its
locks.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LAST_WORDS = 120.0
"""Seconds for telling Prefect, or until the process ends though no thread of Python runs."""
STANDARD_ERROR = 2
"""The file descriptor of standard error."""


@contextmanager
def ends_within(seconds: float, name: str) -> Iterator[None]:
    """Ends this process, with status 1, where the block takes longer; ``name``: of what it runs."""
    timer = threading.Timer(seconds, _end, (name, seconds))
    timer.daemon = True
    timer.start()
    faulthandler.dump_traceback_later(seconds + LAST_WORDS, exit=True, file=STANDARD_ERROR)
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
