"""Train: backtest -> fit -> register. A model becomes champion only through the registry's gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Annotated, cast

import pandas as pd
import xarray as xr
from prefect import task
from pydantic import Field

from configs import ConfigError, Region, RiskError, Settings
from configs.remarks import Remark, remark, text
from data_contracts.tiled_store import AnyStore, open_store
from features.build import options_for
from features.hazards import Hazard, hazards
from flows.artifacts import own_link, show_skill
from flows.check import open_region
from flows.engine import engine, working
from flows.grading import marks_of
from flows.orchestration import name_run, reason_of, risk_flow
from flows.progress import stage
from flows.run import Outcome, as_prefect_state, known_before, region_lock, task_options, today
from models import training
from models.registry import (
    Admission,
    Champion,
    Registered,
    Registry,
    TrainingRun,
    code_version,
)
from models.verification import backtest as backtests
from models.verification import scores as scoring
from models.verification.weather_scores import Assessment, assess_weather

HazardName = Annotated[str, Field(json_schema_extra={"enum": sorted(hazards())})]
"""The name of a hazard; a form offers those there are."""

LEARN_HOURS = 24
"""A backtest or fit that takes longer hangs: sixteen places and decades take minutes."""


@dataclass(frozen=True)
class Assessable:
    """The region's hazards sorted: those that can be assessed, and why each other one cannot.

    ``missing``: hazard -> reason, not assessed here. ``absent``: hazard -> reason, no location can
    have it.
    """

    hazards: tuple[str, ...]
    missing: dict[str, Remark]
    absent: dict[str, Remark]


@dataclass(frozen=True)
class Backtested:
    """Out-of-fold predictions by hazard, and why each other hazard could not be backtested.

    ``seconds``: how long each took.
    """

    out_of_fold: dict[str, xr.Dataset] = field(default_factory=dict)
    missing: dict[str, Remark] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@task(name="backtest", task_run_name="backtest {hazard.name}", **task_options(LEARN_HOURS))
def backtest_hazard(hazard: Hazard, tested: Callable[[], xr.Dataset]) -> xr.Dataset:
    """The hazard's out-of-fold predictions, with the weather model's where there are forecasts."""
    return tested()


@task(name="fit", task_run_name="fit {hazard.name}", **task_options(LEARN_HOURS))
def fit_hazard(hazard: Hazard, fitted: Callable[[], training.Model]) -> training.Model:
    """A model fitted on all the observations."""
    return fitted()


@task(name="register", task_run_name="register {model.hazard}", **task_options())
def register_model(
    registry: Registry,
    region: Region,
    model: training.Model,
    out_of_fold: xr.Dataset,
    scores: pd.DataFrame,
    training: TrainingRun,
    admission: Admission,
) -> Registered:
    """The model in MLflow, champion if the gate lets it."""
    return registry.register(
        region, model, out_of_fold, scores, code_version(), training, admission
    )


def available_hazards(observations: xr.Dataset, region: Region) -> Assessable:
    """Which hazards these observations allow."""
    reasons = {
        name: backtests.reasons_missing(
            hazard, observations, options_for(hazard, region, observations)
        )
        for name, hazard in hazards().items()
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
    """Backtests one hazard after the other; one that cannot be does not stop the others."""
    done, missing, seconds = dict[str, xr.Dataset](), dict[str, Remark](), dict[str, float]()
    try:
        backtests.require_years(observations, region)
    except RiskError as error:
        return Backtested(missing=dict.fromkeys(names, error.remark))
    results = working().start(_backtest, names, observations.load(), forecasts, region)
    for name, result in zip(names, results, strict=True):
        began = time.perf_counter()
        try:
            with stage(f"backtest {name}") as say:
                done[name] = cast(xr.Dataset, backtest_hazard(hazards()[name], result))
                say(issue_days=done[name].sizes["init_time"])
        except Exception as error:
            missing[name] = reason_of(error)
        seconds[name] = time.perf_counter() - began
    return Backtested(done, missing, seconds)


def _backtest(
    name: str, observations: xr.Dataset, forecasts: xr.Dataset | None, region: Region
) -> xr.Dataset:
    return backtests.backtest(hazards()[name], observations, region, forecasts)


def _fit(name: str, observations: xr.Dataset, region: Region, snapshot: str) -> training.Model:
    return training.fit_model(hazards()[name], observations, region, snapshot)


def assess(
    out_of_fold: dict[str, xr.Dataset], region: Region, missing: Collection[str]
) -> Assessment:
    """The scores of both stages, all hazards of the region together."""
    known = scoring.assess(out_of_fold, region, missing)
    return Assessment(known, assess_weather(out_of_fold, known))


def forecasts_of(store: AnyStore, snapshot: str | None = None) -> xr.Dataset | None:
    """The stored weather forecasts of a snapshot (default: the newest), in memory.

    None where there are none.
    """
    forecasts = store.forecasts(snapshot)
    return None if forecasts is None else forecasts.load()


def train_hazards(
    names: tuple[str, ...],
    observations: xr.Dataset,
    forecasts: xr.Dataset | None,
    region: Region,
    registry: Registry,
    snapshot: str,
    others: dict[str, xr.Dataset],
    missing: dict[str, Remark],
    admission: Admission = Admission(),  # noqa: B008 (frozen)
) -> tuple[dict[str, Registered], dict[str, Remark]]:
    """Backtests, fits and registers the named hazards; what was learnt before is only judged anew.

    ``others``: out-of-fold predictions of the region's other hazards, ``missing``: those that have
    none; both enter the scores, whose verdicts are the region's as a whole. Returns what was
    registered, and hazard -> reason for what was not.
    """
    registered = learnt_before(names, observations, region, registry, snapshot, admission)
    new = tuple(name for name in names if name not in registered)
    if not new:
        return registered, {}
    standing = champions_of(region, registry, tuple(registered), observations)
    tested = backtest_hazards(new, observations, forecasts, region)
    known = others | out_of_fold_of(standing) | tested.out_of_fold
    scores, untrained = pd.DataFrame(), dict(tested.missing)
    if tested.out_of_fold:
        scores = assess(known, region, missing | tested.missing).table
        show_skill(region, scores)
    able = tuple(tested.out_of_fold)
    results = working().start(_fit, able, observations.load(), region, snapshot)
    for name, result in zip(able, results, strict=True):
        try:
            registered[name] = _learn(
                name, tested, scores, result, observations, region, registry, snapshot, admission
            )
        except Exception as error:
            untrained[name] = reason_of(error)
    return registered, untrained


def _learn(
    name: str,
    tested: Backtested,
    scores: pd.DataFrame,
    fitted: Callable[[], training.Model],
    observations: xr.Dataset,
    region: Region,
    registry: Registry,
    snapshot: str,
    admission: Admission,
) -> Registered:
    """Fits one hazard and registers its model."""
    started, began = time.time(), time.perf_counter()
    with stage(f"fit {name}") as say:
        model = fit_hazard(hazards()[name], fitted)
        say(days=observations.sizes["time"], places=observations.sizes["location"])
    seconds = {"fit": time.perf_counter() - began, "backtest": tested.seconds[name]}
    with stage(f"register {name}") as say:
        registered = register_model(
            registry,
            region,
            model,
            tested.out_of_fold[name],
            scores[scores["hazard"] == name],
            TrainingRun(observations, seconds, started, own_link()),
            admission,
        )
        say(told(registered))
    return registered


def learnt_before(
    names: tuple[str, ...],
    observations: xr.Dataset,
    region: Region,
    registry: Registry,
    snapshot: str,
    admission: Admission,
) -> dict[str, Registered]:
    """The versions that the same record, region file and code made before, judged anew."""
    versions, until = dict[str, Registered](), str(observations["time"].values[-1])[:10]
    for name in names:
        version = registry.again(region, name, snapshot, until, code_version(), admission)
        if version is not None:
            with stage(f"register {name}") as say:
                say(told(version))
            versions[name] = version
    return versions


def told(made: Registered) -> str:
    """A version and what became of it, in a few words."""
    again = "" if made.new else ", learnt before from the same data, region file and code"
    return f"version {made.version}{again}, {'champion' if made.champion else text(made.reason)}"


def notes_on(registered: dict[str, Registered]) -> tuple[Remark, ...]:
    """A message on each version that is not new or not the champion."""
    notes = []
    for name, one in registered.items():
        about = {"hazard": name, "version": one.version}
        if not one.new:
            notes.append(remark("train.again", **about))
        if not one.champion:
            notes.append(remark("train.held", **about, reason=one.reason))
        elif not one.new:
            notes.append(remark("train.champion", **about, reason=one.reason))
    return tuple(notes)


def champions_of(
    region: Region, registry: Registry, names: tuple[str, ...], observations: xr.Dataset
) -> dict[str, Champion]:
    """The champion of each named hazard for the locations observed; its model may be None."""
    places = [str(place) for place in observations["location"].values]
    return {name: registry.champion(region, name, places) for name in names}


def out_of_fold_of(champions: dict[str, Champion]) -> dict[str, xr.Dataset]:
    """The champions' out-of-fold predictions by hazard, of those that have any."""
    return {
        name: champion.out_of_fold
        for name, champion in champions.items()
        if champion.out_of_fold is not None
    }


@risk_flow("train", hours=36)
def train(
    region: str,
    hazard: HazardName | None = None,
    candidate: bool = False,
    promote_dirty: bool = False,
) -> Outcome:
    """Trains a region's hazards, or one of them, and registers the models in MLflow.

    A model that is worse than the champion is registered, but does not take its place. Nor does
    one asked for as a candidate, nor one of code with changes that are not committed. The same
    data, region file and code are not learnt twice: the version of before is judged anew.

    Args:
        region: A name under configs/regions, or the path of a region's YAML file.
        hazard: Train only this hazard; by default all of the region.
        candidate: Register the models without promoting them; train again without it to promote.
        promote_dirty: Let models of code with changes that are not committed become champions.
    """
    settings, place = Settings.from_environment(), open_region(region)
    if hazard is not None and hazard not in hazards():
        raise ConfigError(
            f"hazard {hazard!r}: there is none of that name, "
            f"expected one of {', '.join(hazards())}."
        )
    with region_lock(place, settings), engine():
        store = open_store(settings, place)
        observations = store.observations()
        issued = today(place, observations)
        name_run(place, issued)
        known = known_before(observations, issued)
        possible, registry = available_hazards(known, place), Registry(settings)
        registry.close_dead_runs(place)
        names = (
            possible.hazards
            if hazard is None
            else tuple(name for name in possible.hazards if name == hazard)
        )
        if not names:
            reasons = possible.missing | possible.absent
            why = reasons if hazard is None else {hazard: reasons[hazard]}
            raise RiskError(
                f"{place.name}: nothing can be trained: {listed(why)}; "
                "add what is missing and pull again."
            )
        rest = champions_of(
            place, registry, tuple(name for name in possible.hazards if name not in names), known
        )
        registered, missing = train_hazards(
            names,
            known,
            forecasts_of(store),
            place,
            registry,
            store.snapshot(),
            out_of_fold_of(rest),
            possible.missing,
            Admission(candidate, promote_dirty, marks_of(place, settings)),
        )
        if not registered:
            raise RiskError(f"{place.name}: nothing could be trained: {listed(missing)}")
        return as_prefect_state(
            Outcome(
                place.name,
                settings.mlruns,
                (
                    *(
                        remark("forecast.hazard", hazard=name, reason=reason)
                        for name, reason in missing.items()
                    ),
                    *registry.mended,
                ),
                notes_on(registered),
            )
        )


def listed(reasons: dict[str, Remark]) -> str:
    """The reasons on one line."""
    return "; ".join(f"{name}: {text(reason).rstrip('.')}" for name, reason in reasons.items())
