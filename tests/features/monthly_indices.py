"""SPI and SPEI of whole months by the distributions of features.indices, as the references give
them."""

import numpy as np

from features.calendar import trailing_sum
from features.indices import LogLogistic, ZeroGamma, standardised


def monthly_spi(rain: np.ndarray, window: int, reference: np.ndarray | None = None) -> np.ndarray:
    """SPI of the ``window`` months ending with each month, fitted for each calendar month.

    (month, location).

    ``rain`` mm, consecutive months from any one on. ``reference`` (month,): True for the months
    that are fitted, all unless given. NaN where a month of the window is missing, and where
    why_undefined says why.
    """
    return _monthly(rain, window, reference, ZeroGamma)


def monthly_spei(
    balance: np.ndarray, window: int, reference: np.ndarray | None = None
) -> np.ndarray:
    """SPEI of the ``window`` months ending with each month from precipitation minus PET, mm.

    As monthly_spi.
    """
    return _monthly(balance, window, reference, LogLogistic)


def _monthly(
    values: np.ndarray,
    window: int,
    reference: np.ndarray | None,
    distribution: type[LogLogistic] | type[ZeroGamma],
) -> np.ndarray:
    totals = trailing_sum(values, window, least=1.0)
    learnt = totals if reference is None else np.where(reference[:, None], totals, np.nan)
    index = np.full(totals.shape, np.nan)
    for month in range(12):
        fitted = distribution.fit(learnt[month::12])
        index[month::12] = standardised(fitted.probability(totals[month::12]))
    return index
