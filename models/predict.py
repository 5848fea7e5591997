"""A live forecast: the published probability of every cell, its verdict, and its colour.

``predict`` gives the dataset that flows publish. models.assembly lays it out, models.combined adds
the weather forecasts, models.remarks says what is degraded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit
from scipy.stats import t as student_t

from configs import Region
from configs.remarks import Remark, sentences
from features.build import build_outcome, existing, options_for
from features.hazards import LEVELS, Cell, Hazard, hazards
from models import remarks
from models.assembly import (
    DECIMALS,
    OUTLOOK_DIMS,
    HazardIssue,
    assemble,
    beside,
    colours_of,
    outlook_coordinates,
    with_thresholds,
    without_model,
    without_numbers,
)
from models.baselines import fit_climatology, log_odds, predict_climatology
from models.combined import (
    Combined,
    combine_live,
    forecasters_with,
    outlook_with_weather,
    with_state_of,
)
from models.explain import causes_of, explain
from models.forecasting import forecasters, read_state
from models.publishing import disagreement, publish
from models.quantiles import predict_quantiles
from models.state_model import State
from models.training import DIMS, Model, reference_years
from models.verdicts import COMBINED, KNOWN, NO_BETTER, NOT_ASSESSED, SKILFUL
from models.verification.backtest import reasons_missing
from models.verification.weather_scores import Assessment
from models.weights import Weights


@dataclass(frozen=True)
class ForecastRequest:
    """What a forecast of one region and issue day is made from.

    ``models``: hazard -> model; None gets the climatology of the record, or nothing where the
    record lacks what the hazard requires. ``observations``: those from the issue day on are not
    read. ``backtests`` by hazard and ``assessment`` give weights and verdicts. ``versions``: hazard
    -> version of its model. ``previous``: table of the forecast before, for colours already given.
    ``forecasts``: weather forecasts as Store.forecasts gives them; those issued later are not read.
    """

    region: Region
    issued: date
    observations: xr.Dataset
    models: Mapping[str, Model | None]
    backtests: Mapping[str, xr.Dataset]
    assessment: Assessment
    versions: Mapping[str, str] = field(default_factory=dict)
    previous: pd.DataFrame | None = None
    forecasts: xr.Dataset | None = None


class HazardForecast(NamedTuple):
    """A hazard's part of the forecast, and messages on what is degraded and what to know."""

    part: xr.Dataset
    degraded: list[Remark]
    notes: list[Remark]


@dataclass(frozen=True)
class Predicted:
    """A forecast, and the messages on what is degraded in it and on what to know.

    ``failures``: hazard -> the error for which it has no probabilities, or the climatology's.
    """

    forecast: xr.Dataset
    degraded: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    failures: Mapping[str, Exception] = field(default_factory=dict)


def predict(request: ForecastRequest) -> xr.Dataset:
    """The forecast of one issue day for every hazard of the request.

    Dataset (cell, level, init_time, location). Besides what forecast.csv says it holds
    ``probability_low`` and ``probability_high``, a 90 % interval for the years the probability was
    learnt from; ``contribution`` (cause, ...): log-odds that sum to those of the probability less
    those of the normal one; ``outlook`` (quantile, cell, init_time, location) in ``outlook_units``:
    how hot, wet, high or dry it may be; ``threshold`` (condition, ...) in ``threshold_units``: what
    the levels are at each location; ``model_probability``, ``persistence_probability`` and
    ``smoothed_normal_probability``, which the published one is graded beside; and ``stage``,
    "combined" where it holds weather forecasts, else "state". Attributes ``region``, ``title``,
    and those of ``as_attributes``.
    """
    predicted = predict_with_remarks(request)
    attributes = as_attributes(predicted.degraded, predicted.notes)
    return predicted.forecast.assign_attrs(attributes)


def weights_of(
    models: Mapping[str, Any], backtests: Mapping[str, xr.Dataset]
) -> dict[str, Weights]:
    """The weights of each named hazard, by its backtest where it has one."""
    return {name: Weights.of(hazards()[name], backtests.get(name)) for name in models}


def predict_with_remarks(
    request: ForecastRequest, weights: Mapping[str, Weights] | None = None
) -> Predicted:
    """The forecast of ``predict`` without the attributes of its messages, and these.

    ``weights``: by hazard; by the request's backtests where they are not given.
    """
    if weights is None:
        weights = weights_of(request.models, request.backtests)
    issued, region = np.datetime64(request.issued, "ns"), request.region
    until = issued - np.timedelta64(1, "D")
    observations = request.observations.sel(time=slice(None, until)).load()
    parts, degraded, notes = [], list[Remark](), list[Remark]()
    failures: dict[str, Exception] = {}
    for name in sorted(request.models):
        hazard = hazards()[name]
        issue = _issue_of(request, hazard, issued, observations, weights[name])
        (part, hazard_degraded, hazard_notes), failure = _forecast_or_less(
            issue, request.models[name], region
        )
        if failure is not None:
            failures[name] = failure
        versions = np.full(len(hazard.cells), request.versions.get(name, ""), dtype=object)
        part = part.assign_coords(model_version=("cell", versions))
        parts.append(part.assign(colour=colours_of(hazard, part, region, request.previous)))
        degraded, notes = degraded + hazard_degraded, notes + hazard_notes
    forecast = xr.concat(parts, dim="cell", join="outer", combine_attrs="drop").transpose(
        "condition", "cause", "quantile", *DIMS
    )
    about_locations = {
        name: observations[name]
        for name in ("latitude", "longitude", "elevation", "name")
        if name in observations.coords
    }
    forecast = forecast.assign_coords(about_locations)
    forecast = forecast.assign_attrs(region=region.name, title=region.title)
    return Predicted(forecast, tuple(degraded), tuple(notes), failures)


def as_attributes(degraded: Sequence[Remark], notes: Sequence[Remark]) -> dict[str, str]:
    """Messages as a forecast's attributes hold them, all JSON.

    ``degraded`` and ``notes``: lists of English sentences; ``remarks``: the same two as data.
    """
    parts = {"degraded": sentences(degraded), "notes": sentences(notes)}
    listed: dict[str, Any] = {name: stored.texts for name, stored in parts.items()}
    listed["remarks"] = {name: stored.data for name, stored in parts.items()}
    return {name: json.dumps(value, ensure_ascii=False) for name, value in listed.items()}


def _issue_of(
    request: ForecastRequest,
    hazard: Hazard,
    issued: np.datetime64,
    observations: xr.Dataset,
    weights: Weights,
) -> HazardIssue:
    scores, weather_scores = (
        table[table["hazard"] == hazard.name]
        for table in (request.assessment.state, request.assessment.weather)
    )
    return HazardIssue(
        hazard=hazard,
        issued=issued,
        observations=observations,
        options=options_for(hazard, request.region, observations),
        weights=weights,
        scores=scores,
        weather_scores=weather_scores,
        forecasts=request.forecasts,
    )


def _forecast_or_less(
    issue: HazardIssue, model: Model | None, region: Region
) -> tuple[HazardForecast, Exception | None]:
    """A hazard's forecast; where that fails its climatology, else nothing, and the error.

    So one hazard's error takes no other hazard's forecast.
    """
    try:
        return _forecast_hazard(issue, model, region), None
    except Exception as error:
        failure = error
    if model is not None:
        with suppress(Exception):
            return _forecast_climatology(issue, region), failure
    nothing = with_thresholds(issue, without_numbers(issue), None)
    return HazardForecast(without_model(issue, nothing), [], []), failure


def _forecast_hazard(issue: HazardIssue, model: Model | None, region: Region) -> HazardForecast:
    if reasons_missing(issue.hazard, issue.observations, issue.options):
        nothing = with_thresholds(issue, without_numbers(issue), None)
        return HazardForecast(without_model(issue, nothing), [], [])
    if model is None:
        return _forecast_climatology(issue, region)
    return _forecast_with_model(issue, model)


def _forecast_climatology(issue: HazardIssue, region: Region) -> HazardForecast:
    """The climatology learnt from the record, where there is no model."""
    hazard, options, observations = issue.hazard, issue.options, issue.observations
    first, last = reference_years(region, observations)
    reference = observations.sel(time=slice(f"{first}-01-01", f"{last}-12-31"))
    normals = hazard.fit_normals(reference, options)
    margins = hazard.margins(observations, normals, options)
    outcome = build_outcome(hazard, margins, normals, options)
    climatology = predict_climatology(
        fit_climatology(outcome), issue.init_times, outcome["lead_days"].values
    )
    assessed = NO_BETTER if len(issue.scores) else NOT_ASSESSED
    verdict = np.where(np.isnan(climatology), NOT_ASSESSED, assessed).astype(object)
    exists = existing(hazard, observations, issue.init_times, normals, options)
    part = with_thresholds(
        issue, assemble(issue, climatology, climatology, verdict, exists), normals
    )
    degraded = [remarks.climatology_stands(hazard.title, first)]
    return HazardForecast(without_model(issue, part), degraded, [])


def _forecast_with_model(issue: HazardIssue, model: Model) -> HazardForecast:
    """The published probability, its interval, contributions and the outlook."""
    hazard, asked = issue.hazard, issue.asked
    state = read_state(model, *asked)
    forecasts = forecasters(model, *asked, explained=True, state=state)
    combined = combine_live(issue, model, forecasts)
    weights = issue.weights.where(combined.used)
    probabilities = forecasters_with(combined, forecasts)
    probability = publish(weights, probabilities)
    exists = existing(hazard, issue.observations, issue.init_times, model.normals, issue.options)
    verdict = _verdicts(issue, forecasts, combined, probability)
    part = assemble(issue, probability, forecasts["climatology"].values, verdict, exists)
    published, normal = (part[name].values for name in ("probability", "normal_probability"))
    replicas = _replicas(issue, model, state, combined, weights)
    low, high = interval(published, replicas, disagreement(weights, probabilities))
    contribution = explain(
        forecasts, weights, combined.probability, combined.used, published, normal
    )
    outlook = predict_quantiles(hazard, model.quantity, state, model.normals, issue.options)
    variables: dict[str, Any] = {
        "probability_low": (DIMS, low),
        "probability_high": (DIMS, high),
        "contribution": (("cause", *DIMS), contribution),
        "outlook": (OUTLOOK_DIMS, outlook_with_weather(outlook.values, combined)),
        "stage": (DIMS, np.where(combined.used & (verdict != ""), COMBINED, part["stage"].values)),
        **beside(probabilities, exists),
    }
    coords = {"cause": causes_of(hazard), **outlook_coordinates(hazard, model)}
    part = with_thresholds(issue, part.assign(variables).assign_coords(coords), model.normals)
    return HazardForecast(part, *_remarks(issue, forecasts, combined, exists))


def _replicas(
    issue: HazardIssue, model: Model, state: State, combined: Combined, weights: np.ndarray
) -> list[np.ndarray]:
    """The published probability by each model that was learnt without a block of years.

    ``state``: the model's own, which is that of replicas with the model's normals.
    """
    probabilities = []
    for replica in model.replicas:
        own = state if replica.normals is model.normals else None
        forecasts = forecasters(replica, *issue.asked, state=own)
        moved = with_state_of(combined, forecasts)
        probabilities.append(publish(weights, forecasters_with(moved, forecasts)))
    return probabilities


def _verdicts(
    issue: HazardIssue, forecasts: xr.Dataset, combined: Combined, probability: np.ndarray
) -> np.ndarray:
    """The verdict on each probability: (cell, level, init_time, location).

    Where the newest value is too late nothing more than the climatology is claimed; where there is
    no probability it is not assessed.
    """
    rows = verdict_rows(issue.hazard, issue.scores)
    verdict = np.broadcast_to(rows[..., None, None], probability.shape)
    too_late = (forecasts["days_late"].values == -1)[:, None]
    verdict = np.where(too_late & np.isin(verdict, (SKILFUL, KNOWN)), NO_BETTER, verdict)
    verdict = np.where(combined.used, combined.verdict[..., None, None], verdict)
    return np.where(np.isnan(probability), NOT_ASSESSED, verdict)


def verdict_rows(hazard: Hazard, scores: pd.DataFrame) -> np.ndarray:
    """Verdicts of scores.csv by cell and level, of an index by its lead: (cell, level)."""
    by_lead = hazard.windows_look_back
    verdicts = {
        (row["lead_days"], 0 if by_lead else row["window_days"], row["level"]): row["verdict"]
        for row in scores.to_dict("records")
    }
    rows = []
    for cell in hazard.cells:
        key = (cell.lead_days, 0 if by_lead else cell.window_days)
        rows.append([verdicts.get((*key, level), NOT_ASSESSED) for level in LEVELS])
    return np.array(rows, dtype=object)


def interval(
    probability: np.ndarray, replicas: list[np.ndarray], between: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """90 % interval of each probability, for the years it was learnt from and for its model.

    Its squared standard error in log-odds is that of the jackknife, a block of years left out each
    (Efron & Stein 1981), (g - 1) / g times the sum of squares about the mean of g replicas, and the
    variance ``between`` the forecasters it is the mean of. Student's t of g - 1 degrees of freedom.
    Holds the probability. Where that is 0 because the event cannot be, or missing, so are both
    ends.
    """
    g = len(replicas)
    odds = log_odds(np.stack(replicas))
    jackknife = (g - 1) / g * ((odds - odds.mean(axis=0)) ** 2).sum(axis=0)
    error = np.sqrt(jackknife + between)
    reach = student_t.ppf(0.95, g - 1) * error
    low, high = (
        np.round(expit(log_odds(probability) + side * reach), DECIMALS) for side in (-1, 1)
    )
    certain = (error == 0) | (probability == 0) | np.isnan(probability)
    return np.where(certain, probability, np.minimum(low, probability)), np.where(
        certain, probability, np.maximum(high, probability)
    )


def _remarks(
    issue: HazardIssue, forecasts: xr.Dataset, combined: Combined, exists: np.ndarray
) -> tuple[list[Remark], list[Remark]]:
    """Messages on what is degraded, and on what a reader should know."""
    hazard, locations = issue.hazard, issue.observations["location"].values
    title, climatology = hazard.title, forecasts["climatology"].values
    possible = (exists == 1)[:, None] & np.isfinite(climatology)
    degraded = _late_values(hazard, forecasts, (exists == 1) & np.isfinite(climatology[:, 0]))
    missing = combined.wanted & possible & ~combined.used
    if missing.any():
        where = [str(location) for location in locations[missing.any(axis=(0, 1, 2))]]
        degraded.append(remarks.weather_missing(title, _cells_with(hazard, missing), where))
    notes = [remarks.weather_left_out(title, reason) for reason in combined.left_out]
    used = combined.used & possible
    if used.any():
        notes.insert(0, remarks.weather_used(title, _cells_with(hazard, used)))
    return degraded, notes


def _late_values(hazard: Hazard, forecasts: xr.Dataset, exists: np.ndarray) -> list[Remark]:
    """Messages where the newest value is late: which day's probabilities stand there."""
    days_late, locations = forecasts["days_late"].values, forecasts["location"].values
    messages = []
    for days in np.unique(days_late[exists]):
        if days:
            here = locations[((days_late == days) & exists).any(axis=(0, 1))]
            where = [str(location) for location in here]
            messages.append(remarks.late_value(hazard.title, days, where))
    return messages


def _cells_with(hazard: Hazard, which: np.ndarray) -> list[Cell]:
    """The hazard's cells of which any is true in ``which`` (cell, ...)."""
    return [cell for cell, here in zip(hazard.cells, which, strict=True) if here.any()]
