"""What an error model of one horizon is fitted on, and what the fit gives; shared by EMOS and CSGD.

Arrays are (init_time, location) unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PER_LOCATION = ("bias", "centre", "mean_spread", "width")
"""What each location has of its own."""


@dataclass(frozen=True)
class HorizonSample:
    """Forecasts of one horizon and what was observed, on the variable's scale.

    ``mean``, ``spread``, ``wet``, ``observed``: as in pairs. ``climatology``: usual value of the
    valid day. ``day_of_year``: index of the valid day, (init_time,). ``segment``: number of the
    forecast model, (init_time,). ``known_after``: days by which a run must be older for its error
    to be known.
    """

    mean: np.ndarray
    spread: np.ndarray
    wet: np.ndarray
    observed: np.ndarray
    climatology: np.ndarray
    day_of_year: np.ndarray
    segment: np.ndarray
    known_after: int

    @property
    def newest(self) -> int:
        """The number of the newest segment."""
        return int(self.segment.max())

    def filled_spread(self) -> tuple[np.ndarray, np.ndarray]:
        """Spread, with the location's mean spread where it is missing; and that mean, (location,).

        The mean is 0 where the spread is never known.
        """
        known = np.isfinite(self.spread)
        total = np.where(known, self.spread, 0.0).sum(axis=0)
        mean_spread = np.nan_to_num(total / np.maximum(known.sum(axis=0), 1))
        filled = np.where(known, self.spread, mean_spread)
        return np.where(np.isfinite(self.mean), filled, np.nan), mean_spread


@dataclass(frozen=True)
class HorizonFit:
    """The error model of one horizon.

    ``bias``: of the newest segment, added to a forecast (rain: a factor it is divided by), NaN
    where that segment is too short. ``biases``: of all segments, (segment, location). ``centre``:
    mean forecast. ``mean_spread``. ``width``: variance relative to that of all locations. Each
    (location,). ``coefficient``: (term,). ``scores``: normal scores of what was observed,
    (init_time, location).
    """

    bias: np.ndarray
    biases: np.ndarray
    centre: np.ndarray
    mean_spread: np.ndarray
    width: np.ndarray
    coefficient: np.ndarray
    scores: np.ndarray


def empty_fit(sample: HorizonSample, terms: Sequence[str]) -> HorizonFit:
    """A fit of NaN, where there is nothing to fit on."""
    shape = sample.mean.shape
    blank = np.full(shape[1], np.nan)
    return HorizonFit(
        bias=blank,
        biases=np.full((sample.newest + 1, shape[1]), np.nan),
        centre=blank,
        mean_spread=blank,
        width=blank,
        coefficient=np.full(len(terms), np.nan),
        scores=np.full(shape, np.nan),
    )


def mean_where(values: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """Mean along axis 0 of the values that are ``ok``; NaN where none is."""
    count = ok.sum(axis=0)
    return np.where(count > 0, np.where(ok, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
