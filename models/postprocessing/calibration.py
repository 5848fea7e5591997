"""The calibration of one region: how far its forecasts err, for each variable and horizon.

Temperatures and discharge have EMOS models, rain has CSGD models. Where the truth does not follow
these distributions, observed quantiles of its normal scores correct them. Dependence between leads
and variables is that of past errors: the Schaake shuffle, see models.postprocessing.schaake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from features.calendar import day_index, window_mean
from models.postprocessing.csgd import CSGD_TERMS, fit_csgd
from models.postprocessing.emos import EMOS_TERMS, fit_emos
from models.postprocessing.forecast_pairs import DAY, ERROR_MODELS, known_after, plausible_range
from models.postprocessing.horizon_fit import PER_LOCATION, HorizonFit, HorizonSample
from models.postprocessing.schaake import schaake_ranks, score_quantiles, season_rows
from models.postprocessing.temperatures import tie_temperatures

N_TRAJECTORIES = 400
MONTHS = tuple(range(1, 13))


@dataclass(frozen=True)
class Calibration:
    """The error models of one region's forecasts.

    ``by_variable``: a Dataset for each variable, on its scale. ``bias`` (horizon, location) of the
    newest segment, of rain a factor; ``coefficient`` (horizon, term); ``centre``, ``mean_spread``,
    ``width`` (horizon, location); ``score`` (month, horizon, trajectory), quantiles of the normal
    scores of what was observed; ``rank`` (month, lead, trajectory), which of them a trajectory
    takes; ``lower_limit``, ``upper_limit`` (location) of a forecast; of rain ``climatology``
    (dayofyear, location), mm.
    ``temperatures``: see ``tie_temperatures``. ``meta``: JSON-able; changes, flags, days.
    """

    by_variable: Mapping[str, xr.Dataset]
    temperatures: xr.Dataset
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CalibrationPlan:
    """What a calibration is for.

    ``changes``: days from which on another forecast model issues the runs. ``run_delay``: days by
    which a run is late. ``first_lead``: of the first day that is not observed, 0 or less.
    ``months``: those of the issue days. ``today``: the day it is fitted on.
    """

    changes: Sequence[np.datetime64] = ()
    run_delay: int = 0
    first_lead: int = 0
    months: Sequence[int] = MONTHS
    n_trajectories: int = N_TRAJECTORIES
    today: np.datetime64 | None = None


def fit_calibration(
    pairs: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    plan: CalibrationPlan = CalibrationPlan(),
) -> Calibration:
    """The calibration from usable pairs by variable and observations (time, location).

    Neither may hold anything later than was known on the day of the fit.
    NaN where the newest segment has fewer than MIN_DAYS_IN_SEGMENT days, and for a month with
    fewer than MIN_DAYS_IN_SEASON issue days near its middle and near ``plan.today``. With enough
    near ``plan.today`` alone, all days stand for the month.
    """
    horizon = max((int(part["horizon"].max()) for part in pairs.values()), default=-1)
    leads = np.arange(plan.first_lead, horizon - plan.run_delay + 1)
    changes = np.sort(np.array(plan.changes, "datetime64[ns]"))
    fitted, scores = {}, {}
    for name, part in pairs.items():
        segment = np.searchsorted(changes, part["init_time"].values, side="right")
        observed = observations[name].values.astype(np.float64)
        climatology = window_mean(observed, observations["time"].values)
        fitted[name], scores[name] = _fit_horizons(part, segment, climatology)
        fitted[name]["lower_limit"], fitted[name]["upper_limit"] = plausible_range(part)
    rows = [season_rows(scores, pairs, month, plan.today) for month in plan.months]
    seasons = [_fit_season(scores, pairs, leads, plan, of_month) for of_month in rows]
    for name, part in fitted.items():
        fitted[name] = part.assign_coords(month=list(plan.months), lead=leads)
        for number, (array, axis) in enumerate((("score", "horizon"), ("rank", "lead"))):
            values = np.stack([season[number][name] for season in seasons])
            fitted[name][array] = ("month", axis, "trajectory"), values
    meta = {
        "run_delay": plan.run_delay,
        "changes": [str(day)[:10] for day in plan.changes],
        "thin": any(
            column.all() for of_month in rows for part in of_month.values() for column in part.T
        ),
    }
    return Calibration(fitted, tie_temperatures(observations), meta)


def _fit_season(
    scores: Mapping[str, np.ndarray],
    pairs: Mapping[str, xr.Dataset],
    leads: np.ndarray,
    plan: CalibrationPlan,
    rows: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Quantiles of scores, and ranks, by variable from the issue days ``rows``."""
    chosen = {name: np.where(rows[name][..., None], part, np.nan) for name, part in scores.items()}
    quantiles = {name: score_quantiles(part, plan.n_trajectories) for name, part in chosen.items()}
    return quantiles, schaake_ranks(chosen, pairs, leads, plan.run_delay, plan.n_trajectories)


def _fit_horizons(
    pairs: xr.Dataset, segment: np.ndarray, climatology: np.ndarray
) -> tuple[xr.Dataset, np.ndarray]:
    """The fits of all horizons, and the normal scores (init_time, horizon, location).

    ``segment``: (init_time,). ``climatology``: (dayofyear, location).
    """
    variable = pairs.attrs["variable"]
    rain = ERROR_MODELS[variable].family == "rain"
    names = ("mean", "spread", "wet", "observed")
    arrays = {name: pairs[name].values.astype(np.float64) for name in names}
    days, horizons, steps = pairs["init_time"].values, pairs["horizon"].values, known_after(pairs)
    fits: list[HorizonFit] = []
    for column, horizon in enumerate(horizons):
        day_of_year = day_index(days + int(horizon) * DAY)
        sample = HorizonSample(
            **{name: values[:, column] for name, values in arrays.items()},
            climatology=climatology[day_of_year],
            day_of_year=day_of_year,
            segment=segment,
            known_after=int(steps[column]),
        )
        fits.append((fit_csgd if rain else fit_emos)(sample, fits[-1] if fits else None))
    dims = {"coefficient": ("horizon", "term")}
    dims |= dict.fromkeys(PER_LOCATION, ("horizon", "location"))
    parts = {
        name: (axes, np.stack([getattr(fit, name) for fit in fits])) for name, axes in dims.items()
    }
    if rain:
        parts["climatology"] = ("dayofyear", "location"), climatology
    coords = {
        "horizon": horizons,
        "location": pairs["location"].values,
        "term": list(CSGD_TERMS if rain else EMOS_TERMS),
    }
    scores = np.stack([fit.scores for fit in fits], axis=1)
    return xr.Dataset(parts, coords=coords, attrs={"variable": variable}), scores
