"""The sample of each doy window, laid out: what kernels that never make it are held against."""

import numpy as np

from features.calendar import DAYS, HALF_WINDOW, by_year


def window_samples(values: np.ndarray, times: np.ndarray, half: int = HALF_WINDOW) -> np.ndarray:
    """Values of all years within ``half`` days of each day index, NaN kept.

    (time, location) -> (sample, 366, location).
    """
    laid = by_year(values, times)
    wrapped = np.concatenate([laid[-half:], laid, laid[:half]])
    windows = np.lib.stride_tricks.sliding_window_view(wrapped, 2 * half + 1, axis=0)
    return np.moveaxis(windows, (1, 3), (0, 1)).reshape(-1, DAYS, values.shape[1])
