"""From a model to every forecaster's probability. The one path of backtest, live and notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from features.build import build_features
from features.hazards import LEVELS, Hazard, Options, hazards
from models.baselines import overlap_of, predict_climatology
from models.boosting import add_trees
from models.explain import contributions
from models.state_model import (
    Inputs,
    State,
    calendar_spec,
    chain,
    known,
    model_spec,
    persistence_spec,
    step_log_odds,
)
from models.training import DIMS, Model

LATE_DAYS = 3  # that the newest value may be late by before the climatology stands


def read_state(
    model: Model,
    observations: xr.Dataset,
    init_times: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> State:
    """Predictors and climatology on the given issue days, from what had been published by then."""
    hazard = hazards()[model.hazard]
    features = build_features(
        hazard, observations, model.normals, init_times, delays, options
    ).compute()
    usual = predict_climatology(
        model.climatology, features["init_time"].values, features["lead_days"].values
    )
    inputs = Inputs.of(hazard, features, model.normals, options)
    return State(features, inputs, usual, known(hazard, features))


def forecasters(
    model: Model,
    observations: xr.Dataset,
    init_times: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
    explained: bool = False,
    state: State | None = None,
) -> xr.Dataset:
    """Every forecaster's probability for the given issue days: (cell, level, init_time, location).

    ``model``, ``persistence``, ``climatology``, ``climatology_smoothed`` and, where the hazard has
    one, ``overlap``. Where the newest value is late by up to LATE_DAYS, the first two are those
    issued on the newest day with one, for the same valid day; later the climatology stands.
    ``days_late``: 0 where the newest value was at hand, -1 where the climatology stands.
    ``explained`` adds ``contribution_model`` and ``contribution_persistence`` (cause, ...), see
    models.explain. ``state``: what read_state gives for these issue days, where it is at hand.
    """
    hazard = hazards()[model.hazard]
    init_times = np.asarray(init_times, dtype="datetime64[ns]")
    if state is None:
        state = read_state(model, observations, init_times, delays, options)
    forecasts = _said(model, state, explained)
    exists = hazard.applies(init_times, model.normals, options) == 1
    late = np.where(state.known | ~exists, 0, -1)
    for back in range(1, LATE_DAYS + 1):
        days = np.flatnonzero((late == -1).any(axis=(0, 2)))
        if not len(days):
            break
        earlier_days = init_times[days] - np.timedelta64(back, "D")
        earlier = read_state(model, observations, earlier_days, delays, options)
        older = _said(model, earlier, explained)
        for number in range(len(hazard.cells)):
            source = _cell_before(hazard, number, back)
            fill = (late[number][days] == -1) & earlier.known[source]
            for name in forecasts.keys() - _OF_THE_DAY:
                here, there = (np.moveaxis(part[name], -4, 0) for part in (forecasts, older))
                here[number][..., days, :] = np.where(
                    fill, there[source], here[number][..., days, :]
                )
            late[number][days] = np.where(fill, back, late[number][days])
    lost = (late == -1)[:, None]
    for name in ("model", "persistence"):
        forecasts[name] = np.where(lost, state.climatology, forecasts[name])
    out: dict[str, Any] = {name: (DIMS, part) for name, part in forecasts.items() if part.ndim == 4}
    out |= {name: (("cause", *DIMS), part) for name, part in forecasts.items() if part.ndim == 5}
    out["days_late"] = (("cell", "init_time", "location"), late)
    coords = {
        name: state.features[name] for name in ("init_time", "location", "lead_days", "window_days")
    }
    return xr.Dataset(out, coords={**coords, "level": list(LEVELS)})


_OF_THE_DAY = {"climatology", "climatology_smoothed", "overlap"}


def _said(model: Model, state: State, explained: bool) -> dict[str, np.ndarray]:
    forecasts = probabilities(model, state)
    if explained:
        parts = contributions(
            hazards()[model.hazard], model.regression, model.persistence, model.boosters, state
        )
        forecasts |= {f"contribution_{name}": part for name, part in parts.items()}
    return forecasts


def _cell_before(hazard: Hazard, number: int, back: int) -> int:
    """The cell that spoke of the same day ``back`` days before; itself where there is none."""
    cell = hazard.cells[number]
    for other, candidate in enumerate(hazard.cells):
        same_day = candidate.lead_days == cell.lead_days + back
        if cell.window_days == 1 and candidate.window_days == 1 and same_day:
            return other
    return number


def probabilities(model: Model, state: State) -> dict[str, np.ndarray]:
    """What each forecaster makes of a state, whether it is known or not."""
    hazard = hazards()[model.hazard]
    odds_by_name = {
        "model": chain(hazard, model_log_odds(model, state)),
        "climatology": state.climatology,
        "climatology_smoothed": chain(
            hazard, step_log_odds(hazard, calendar_spec(hazard), model.smoothed, state.inputs)
        ),
    }
    if hazard.state:
        odds = step_log_odds(hazard, persistence_spec(hazard), model.persistence, state.inputs)
        odds_by_name["persistence"] = chain(hazard, odds)
    else:
        odds_by_name["persistence"] = overlap_of(hazard, state.features)
    if hazard.overlap:
        odds_by_name["overlap"] = overlap_of(hazard, state.features)
    return odds_by_name


def model_log_odds(model: Model, state: State) -> np.ndarray:
    """Log-odds of the state model's steps: (cell, level, init_time, location)."""
    hazard = hazards()[model.hazard]
    odds = step_log_odds(hazard, model_spec(hazard), model.regression, state.inputs)
    return add_trees(hazard, model.boosters, state.inputs, odds)
