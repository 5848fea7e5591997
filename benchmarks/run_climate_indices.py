"""CPU seconds of climate-indices, in a process of its own: to import it changes the root logger.

Arguments: an .npz with daily ``rain`` and ``pet`` (time, location), mm, whole years of 366 days,
and the window. Prints JSON: seconds a location of ``spei`` and ``spi``, one location at a time and
all at once.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable
from time import thread_time

import numpy as np

ROUNDS = 3


def least(work: Callable[[], object], places: int) -> float:
    """CPU seconds a location of the quickest round."""
    seconds = []
    for _ in range(ROUNDS):
        start = thread_time()
        work()
        seconds.append((thread_time() - start) / places)
    return min(seconds)


def main(path: str, window: int) -> None:
    """Time both indices by the distributions that are ours."""
    warnings.simplefilter("ignore")
    from climate_indices import compute, indices

    logging.disable(logging.CRITICAL)
    with np.load(path) as given:
        rain, pet = given["rain"], given["pet"]
    last = 2000 + len(rain) // 366 - 1
    day, law = compute.Periodicity.daily, indices.Distribution
    years = 2000, 2000, last

    def spei(rain: np.ndarray, pet: np.ndarray) -> object:
        whole = rain.ndim > 1
        return indices.spei(
            rain, pet, window, law.loglogistic, day, *years, spatial_time_major=whole
        )

    def spi(rain: np.ndarray) -> object:
        whole = rain.ndim > 1
        return indices.spi(rain, window, law.gamma, *years, day, spatial_time_major=whole)

    places = rain.shape[1]
    found = {
        "spei": least(lambda: spei(rain, pet), places),
        "spei_one": least(lambda: spei(rain[:, 0], pet[:, 0]), 1),
        "spi": least(lambda: spi(rain), places),
        "spi_one": least(lambda: spi(rain[:, 0]), 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
