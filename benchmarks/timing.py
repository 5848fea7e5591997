"""What the benchmarks share."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

REPEATS = 3


def best(work: Callable[[], object]) -> float:
    """Seconds of the quickest of REPEATS runs."""
    seconds = []
    for _ in range(REPEATS):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return min(seconds)
