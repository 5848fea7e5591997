"""The state model and the weather model combined, in a live forecast of one hazard.

models.verification.weather_scores decides by the backtest which cells are to hold weather
forecasts; here they do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from configs.remarks import Remark, from_json
from features.hazards import LEVELS
from models.assembly import DECIMALS, HazardIssue
from models.postprocessing.probabilities import (
    EventContext,
    event_probabilities,
    pairs_for_hazard,
    rolling_calibrations,
    trajectory_quantiles,
)
from models.postprocessing.stacking import combine, has_weather
from models.quantiles import QUANTILES
from models.training import Model
from models.verdicts import COMBINED, NOT_ASSESSED, PROVISIONAL


class Combined(NamedTuple):
    """What weather forecasts add to a hazard's forecast: (cell, level, init_time, location).

    ``probability``: of both models combined. ``weather``: the weather model's own. ``wanted``:
    where the combined one is to be published, ``used``: where it is. ``verdict`` (cell, level).
    ``weights`` of the two models. ``outlook`` (quantile, cell, init_time, location): quantiles of
    the hazard's quantity by the weather model, NaN where it has none. ``left_out``: messages on
    weather forecasts that are not used.
    """

    probability: np.ndarray
    weather: np.ndarray
    wanted: np.ndarray
    used: np.ndarray
    verdict: np.ndarray
    weights: xr.DataArray
    outlook: np.ndarray
    left_out: list[Remark]


def combine_live(issue: HazardIssue, model: Model, forecasts: xr.Dataset) -> Combined:
    """The combined model of an issue day; ``forecasts`` as training.forecasters makes them."""
    hazard, shape = issue.hazard, forecasts["model"].shape
    archive = pairs_for_hazard(hazard, issue.forecasts, issue.observations)
    weights = issue.weights.stacking
    if not archive:
        missing, never = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
        verdict = np.full(shape[:2], NOT_ASSESSED, dtype=object)
        outlook = np.full((len(QUANTILES), *missing[:, 0].shape), np.nan)
        return Combined(missing, missing, never, never, verdict, weights, outlook, [])
    context = EventContext(hazard, issue.observations, model.normals, issue.options)
    [(days, calibration)] = rolling_calibrations(context, archive, issue.init_times)
    weather: np.ndarray = event_probabilities(context, calibration, archive, days).values
    probability = combine(weights, forecasts["model"].values, weather)
    published, verdict = _decisions(issue)
    wanted = np.array(np.broadcast_to(published[:, None, None, None], shape))
    assessable = np.asarray(np.isfinite(forecasts["climatology"].values))
    whole = (has_weather(weather) | ~assessable).all(axis=1, keepdims=True)
    used: np.ndarray = wanted & whole & assessable
    left_out = [from_json(stored) for stored in calibration.meta["left_out"]]
    outlook = trajectory_quantiles(context, calibration, archive, days, QUANTILES)
    return Combined(probability, weather, wanted, used, verdict, weights, outlook, left_out)


def _decisions(issue: HazardIssue) -> tuple[np.ndarray, np.ndarray]:
    """Whether each cell is to be the combined probability (cell,), and its verdict (cell, level).

    Provisional where no day with weather forecasts was ever backtested.
    """
    cells = issue.hazard.cells
    both = issue.weather_scores[issue.weather_scores["stage"] == COMBINED]
    verdicts = both.set_index(["lead_days", "window_days", "level"])["verdict"].to_dict()
    decided = both.groupby(["lead_days", "window_days"])["published"].first().to_dict()
    published = [decided.get((cell.lead_days, cell.window_days), True) for cell in cells]
    verdict = [
        [verdicts.get((cell.lead_days, cell.window_days, level), PROVISIONAL) for level in LEVELS]
        for cell in cells
    ]
    return np.array(published, dtype=bool), np.array(verdict, dtype=object)


def with_state_of(combined: Combined, forecasts: xr.Dataset) -> Combined:
    """The combined model where the state model's probability is that of other ``forecasts``."""
    if not combined.used.any():
        return combined
    probability = combine(combined.weights, forecasts["model"].values, combined.weather)
    return combined._replace(probability=probability)


def forecasters_with(combined: Combined, forecasts: xr.Dataset) -> dict[str, np.ndarray]:
    """What is published from: the combined model is the ``model`` where it is used.

    By forecaster (cell, level, init_time, location).
    """
    probabilities = {str(name): part.values for name, part in forecasts.data_vars.items()}
    model = np.where(combined.used, combined.probability, probabilities["model"])
    return probabilities | {"model": model}


def outlook_with_weather(outlook: np.ndarray, combined: Combined) -> np.ndarray:
    """Quantiles of the hazard's quantity: by the weather model where its probability is published.

    (quantile, cell, init_time, location).
    """
    used = combined.used[:, 0] & np.isfinite(combined.outlook).all(axis=0)
    return np.where(used, np.round(combined.outlook, DECIMALS), outlook)
