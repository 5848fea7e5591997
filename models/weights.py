"""Whom the backtest of a hazard says to trust: weights that are all a live forecast reads of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from features.hazards import Hazard
from models.postprocessing.rolling_stacking import WITH_WEATHER, stacking_weights
from models.publishing import live_weights


@dataclass(frozen=True)
class Weights:
    """Weights of a hazard's forecasters by all that was backtested.

    ``stacking``: of the state and the weather model, see stacking.fit_stacking. ``state``: of the
    forecasters, and ``with_weather`` where the combined model takes the place of the state model:
    (forecaster, cell, 1, 1, 1).
    """

    stacking: xr.DataArray
    state: np.ndarray
    with_weather: np.ndarray

    @classmethod
    def of(cls, hazard: Hazard, backtest: xr.Dataset | None) -> Weights:
        """By the hazard's out-of-fold predictions; the initial ones where there are none."""
        both = backtest if backtest is not None and "both" in backtest else None
        return cls(
            stacking_weights(backtest, len(hazard.cells)),
            live_weights(hazard, backtest),
            live_weights(hazard, both, WITH_WEATHER),
        )

    def where(self, used: np.ndarray) -> np.ndarray:
        """Weights of the forecasters, with weather forecasts where these are ``used``.

        (forecaster, cell, level or 1, init_time, location).
        """
        return np.where(used, self.with_weather, self.state)
