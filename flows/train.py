"""Train: backtest -> fit -> register. A model becomes champion only through the registry's gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pandas as pd
import xarray as xr
from prefect import flow, task

from configs import ConfigError, Region, RiskError, Settings
from data_contracts.store import Store
from features.hazards import Hazard, hazards
from flows.check import open_region
from flows.progress import stage
from flows.run import Outcome, alone, concluded, known_before, task_options, today
from models import backtest as backtests
from models import scores as scoring
from models import train as training
from models.registry import Champion, Registered, Registry, code_version
from models.stages import Assessment, assess_weather


@dataclass(frozen=True)
class Assessable:
    """The region's hazards sorted: those that can be assessed, and why each other one cannot.

    ``missing``: hazard -> reason, not assessed here. ``absent``: hazard -> reason, the places cannot have it.
    """

    hazards: tuple[str, ...]
    missing: dict[str, str]
    absent: dict[str, str]


@dataclass(frozen=True)
class Backtested:
    """Out-of-fold predictions by hazard, and the reason for each hazard that could not be backtested."""

    out_of_fold: dict[str, xr.Dataset] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


@task(name="backtest", task_run_name="backtest {hazard.name}", **task_options())
def backtest_hazard(
    hazard: Hazard, observations: xr.Dataset, forecasts: xr.Dataset | None, region: Region
) -> xr.Dataset:
    """The hazard's out-of-fold predictions, with stage N's where there are weather forecasts."""
    return backtests.backtest(hazard, observations, region, forecasts)


@task(name="fit", task_run_name="fit {hazard.name}", **task_options())
def fit_hazard(
    hazard: Hazard, observations: xr.Dataset, region: Region, snapshot: str
) -> training.Model:
    """A model fitted on all the observations."""
    return training.fit(hazard, observations, region, snapshot)


@task(name="register", task_run_name="register {model.hazard}", **task_options())
def register_model(
    registry: Registry,
    region: Region,
    model: training.Model,
    out_of_fold: xr.Dataset,
    scores: pd.DataFrame,
) -> Registered:
    """The model in MLflow, champion if the gate lets it."""
    return registry.register(region, model, out_of_fold, scores, code_version())


def sort_hazards(observations: xr.Dataset) -> Assessable:
    """Which hazards these observations allow."""
    reasons = {
        name: backtests.reasons_missing(hazard, observations) for name, hazard in hazards().items()
    }
    absent = {
        name: reason
        for name, reason in reasons.items()
        if reason and hazards()[name].only_where_measured
    }
    missing = {name: reason for name, reason in reasons.items() if reason and name not in absent}
    return Assessable(
        tuple(name for name, reason in reasons.items() if not reason), missing, absent
    )


def backtest_hazards(
    names: tuple[str, ...], observations: xr.Dataset, forecasts: xr.Dataset | None, region: Region
) -> Backtested:
    """Backtests one hazard after the other; one that cannot be, such as for too short a record, does not stop the others."""
    done, missing = dict[str, xr.Dataset](), dict[str, str]()
    try:
        backtests.require_years(observations, region)
    except RiskError as error:
        return Backtested(missing=dict.fromkeys(names, str(error)))
    for name in names:
        try:
            with stage(f"backtest {name}"):
                done[name] = cast(
                    xr.Dataset, backtest_hazard(hazards()[name], observations, forecasts, region)
                )
        except RiskError as error:
            missing[name] = str(error)
    return Backtested(done, missing)


def assess(
    out_of_fold: dict[str, xr.Dataset], region: Region, missing: dict[str, str]
) -> Assessment:
    """The scores of both stages, all hazards of the region together."""
    known = scoring.assess(out_of_fold, region, missing)
    return Assessment(known, assess_weather(out_of_fold, known))


def forecasts_of(store: Store) -> xr.Dataset | None:
    """The stored weather forecasts, in memory; None where there are none."""
    forecasts = store.forecasts()
    return None if forecasts is None else forecasts.load()


def train_hazards(
    names: tuple[str, ...],
    observations: xr.Dataset,
    forecasts: xr.Dataset | None,
    region: Region,
    registry: Registry,
    snapshot: str,
    others: dict[str, xr.Dataset],
    missing: dict[str, str],
) -> tuple[dict[str, Registered], dict[str, str]]:
    """Backtests, fits and registers the named hazards.

    ``others``: out-of-fold predictions of the region's other hazards, ``missing``: those that have none; both enter the
    scores, whose verdicts are the region's as a whole. Returns what was registered, and hazard -> reason for what was not.
    """
    tested = backtest_hazards(names, observations, forecasts, region)
    scores = (
        assess(others | tested.out_of_fold, region, missing | tested.missing).table
        if tested.out_of_fold
        else pd.DataFrame()
    )
    registered = {}
    for name, out_of_fold in tested.out_of_fold.items():
        with stage(f"fit {name}"):
            model = fit_hazard(hazards()[name], observations, region, snapshot)
        with stage(f"register {name}") as say:
            registered[name] = register_model(
                registry, region, model, out_of_fold, scores[scores["hazard"] == name]
            )
            say(
                f"version {registered[name].version}, {'champion' if registered[name].champion else registered[name].reason}"
            )
    return registered, tested.missing


def champions_of(
    region: Region, registry: Registry, names: tuple[str, ...], observations: xr.Dataset
) -> dict[str, Champion]:
    """The champion of each named hazard for the places observed; its model is None where there is none that can be used."""
    places = [str(place) for place in observations["location"].values]
    return {name: registry.champion(region, name, places) for name in names}


@flow(name="train", flow_run_name="train {region}", persist_result=False)
def train(region: str, hazard: str | None = None) -> Outcome:
    """Trains a region's hazards, or one of them, on the stored record and registers the models in MLflow.

    A model that is worse than the champion is registered, but does not take its place.
    """
    settings, place = Settings.from_environment(), open_region(region)
    if hazard is not None and hazard not in hazards():
        raise ConfigError(
            f"hazard {hazard!r}: there is none of that name, expected one of {', '.join(hazards())}."
        )
    with alone(place, settings):
        store = Store(settings, place)
        observations = store.observations()
        known = known_before(observations, today(place, observations))
        possible, registry = sort_hazards(known), Registry(settings)
        names = (
            possible.hazards
            if hazard is None
            else tuple(name for name in possible.hazards if name == hazard)
        )
        if not names:
            reasons = possible.missing | possible.absent
            why = reasons if hazard is None else {hazard: reasons[hazard]}
            raise RiskError(
                f"{place.name}: nothing can be trained: {listed(why)}; add what is missing and pull again."
            )
        rest = champions_of(
            place, registry, tuple(name for name in possible.hazards if name not in names), known
        )
        others = {
            name: champion.out_of_fold
            for name, champion in rest.items()
            if champion.out_of_fold is not None
        }
        registered, missing = train_hazards(
            names,
            known,
            forecasts_of(store),
            place,
            registry,
            store.snapshot(),
            others,
            possible.missing,
        )
        if not registered:
            raise RiskError(f"{place.name}: nothing could be trained: {listed(missing)}")
        held = {name: made for name, made in registered.items() if not made.champion}
        kept = tuple(
            f"{name}: version {made.version} is not the champion: {made.reason}"
            for name, made in held.items()
        )
        return concluded(
            Outcome(
                place.name,
                settings.mlruns,
                tuple(f"{name}: {reason}" for name, reason in missing.items()),
                kept,
            )
        )


def listed(reasons: dict[str, str]) -> str:
    """The reasons on one line."""
    return "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in reasons.items())
