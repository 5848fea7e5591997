"""Stage K: what the known state and past weather say, learnt from all years without weather forecasts.

A penalised regression of each cell and level, and one XGBoost model per level for all leads of a hazard that starts from its
log-odds (``base_margin``); the number of boosting rounds is chosen on blocks of years held out and may be none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import xgboost as xgb
from scipy.special import expit

from configs import Region, RiskError
from features.build import build_features, build_outcome, delays_of, options_for
from features.calendar import year_blocks
from features.hazards import LEVELS, Hazard, Options, hazards
from models.baselines import fit_climatology, log_odds, or_calendar, overlap_of, predict_climatology
from models.quantiles import Outlook, fit_outlook, load_outlook, save_outlook
from models.regression import everything, fit_chain, known_state, predict_known, predict_steps

MOST_ROUNDS = 60
PATIENCE = 10  # rounds without improvement after which a block is not trained further
FORMAT = 3  # of what a model holds; one of another format is learnt anew
LONGEST_MEMORY = 800  # days that no predictor looks further back than
REPLICAS = 8  # models learnt without one block of years each
LABEL_BLOCKS = 10  # of consecutive years, whose events are by thresholds fitted without them
BLOCKS = 4  # of consecutive years, for the choice of rounds
FEWEST_EVENTS = 30  # of a level in training, for trees
PARAMETERS: Mapping[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_bin": 64,
    "max_depth": 3,
    "eta": 0.08,
    "min_child_weight": 5.0,
    "lambda": 10.0,
    "subsample": 0.8,
    "colsample_bytree": 0.7,
    "seed": 20261123,
    "nthread": 1,  # sums in another order change the last digits, and published files are compared byte by byte
    "base_score": 0.5,
}


class OtherFormat(RiskError):
    """A model written by another version of this package."""


@dataclass(frozen=True)
class Model:
    """A hazard's forecaster: normals, both baselines and the regression, and a booster for each level that has one.

    ``meta`` is JSON-able: region, fingerprint, locations, delays, training period, snapshot, rounds, features. ``replicas`` are
    the same learnt without one block of years each (``without`` in their meta), for intervals. ``outlook``: quantiles of the
    hazard's quantity.
    """

    hazard: str
    normals: xr.Dataset
    climatology: xr.DataArray
    persistence: xr.Dataset
    regression: xr.Dataset
    boosters: Mapping[int, xgb.Booster]
    meta: Mapping[str, Any]
    replicas: tuple[Model, ...] = ()
    outlook: Outlook | None = None


def fit(hazard: Hazard, observations: xr.Dataset, region: Region, snapshot: str = "") -> Model:
    """Learn a hazard's live model from the whole record; normals from the reference period (default: all complete years)."""
    delays, options = delays_of(observations), options_for(hazard, region, observations)
    first, last = reference_years(region, observations)
    reference = observations.sel(time=slice(f"{first}-01-01", f"{last}-12-31"))
    lesson = prepare(hazard, observations.load(), reference.load(), delays, options)
    model = learn_from(hazard, lesson)
    rounds = {level: booster.num_boosted_rounds() for level, booster in model.boosters.items()}
    times = observations["time"].values
    meta = {
        "region": region.name,
        "fingerprint": region.fingerprint,
        "snapshot": snapshot,
        "reference_years": [first, last],
        "data_from": str(times[0])[:10],
        "trained_until": str(times[-1])[:10],
        "locations": [str(place) for place in observations["location"].values],
        "delays": {name: delays[name] for name in sorted(delays)},
        "delay_days": max(delays[name] for name in hazard.requires),
    }
    replicas = [
        (span, learn_from(hazard, lesson.without(*span), rounds))
        for span in year_spans(lesson.features["init_time"].values)
    ]
    without = tuple(
        replace(replica, meta={**replica.meta, "without": list(span)}) for span, replica in replicas
    )
    past = hazard.history(observations, lesson.normals, options)
    outlook = fit_outlook(hazard, lesson.features, past, lesson.normals, options)
    return replace(model, meta={**model.meta, **meta}, replicas=without, outlook=outlook)


def reference_years(region: Region, observations: xr.Dataset) -> tuple[int, int]:
    """First and last year normals are learnt from: the region's reference period, else the record's complete years."""
    times = pd.DatetimeIndex(observations["time"].values)
    years = range(times[0].year, times[-1].year + 1)
    complete = [
        year
        for year in years
        if times[0] <= pd.Timestamp(year, 1, 1) and times[-1] >= pd.Timestamp(year, 12, 31)
    ]
    if region.reference_period:
        return region.reference_period
    return (complete[0], complete[-1]) if complete else (times[0].year, times[-1].year)


@dataclass(frozen=True)
class Lesson:
    """What a model learns from: normals, what happened after each day of the record, and the predictors of its issue days.

    ``outcome`` is (cell, level, init_time, location) for every day, ``features`` for the issue days trained on.
    """

    normals: xr.Dataset
    outcome: xr.DataArray
    features: xr.Dataset

    @cached_property
    def usual(self) -> np.ndarray:
        """The calendar's probability on the issue days trained on, each block of years from the others: (cell, level, init_time, location).

        What is to learn how far the calendar can be trusted may not find its own events in it.
        """
        days, leads = self.features["init_time"].values, self.features["lead_days"].values
        blocks = year_blocks(self.outcome["init_time"].values, LABEL_BLOCKS)
        block_of = blocks[np.searchsorted(self.outcome["init_time"].values, days)]
        usual = np.empty((len(leads), len(LEVELS), len(days), self.features.sizes["location"]))
        for block in np.unique(block_of):
            others = fit_climatology(self.outcome.isel(init_time=np.flatnonzero(blocks != block)))
            usual[:, :, block_of == block] = predict_climatology(
                others, days[block_of == block], leads
            )
        return usual

    @property
    def issued(self) -> np.ndarray:
        """The outcome on the issue days trained on: (cell, level, init_time, location)."""
        return self.outcome.sel(init_time=self.features["init_time"]).values

    def without(self, first: int, last: int) -> Lesson:
        """The lesson with the years ``first`` to ``last`` left out of all that is counted or fitted, but for thresholds."""
        kept = ~self.features["init_time"].dt.year.isin(range(first, last + 1)).values
        outcome = self.outcome.where(
            ~self.outcome["init_time"].dt.year.isin(range(first, last + 1))
        )
        return Lesson(
            normals_without(self.normals, first, last),
            outcome,
            self.features.isel(init_time=np.flatnonzero(kept)),
        )


def normals_without(normals: xr.Dataset, first: int, last: int) -> xr.Dataset:
    """Normals whose record, of which ensembles draw, lacks some years."""
    if "record" not in normals:
        return normals
    return normals.assign(
        record=normals["record"].where(~normals["day"].dt.year.isin(range(first, last + 1)))
    )


def learn(
    hazard: Hazard,
    observations: xr.Dataset,
    reference: xr.Dataset,
    delays: Mapping[str, int],
    options: Options,
) -> Model:
    """Learn normals from ``reference`` and everything else from ``observations``; nothing else is read."""
    return learn_from(hazard, prepare(hazard, observations, reference, delays, options))


def prepare(
    hazard: Hazard,
    observations: xr.Dataset,
    reference: xr.Dataset,
    delays: Mapping[str, int],
    options: Options,
) -> Lesson:
    """Normals of ``reference``, and outcomes and predictors of ``observations``.

    Each block of years gets its events and predictors from normals fitted without it, as a test year does: events by
    thresholds the same years were fitted to are rarer than those of years to come, and an ensemble that draws of the very
    year it is asked about knows too much. ``normals`` are the whole reference's: its choices, such as which index counts,
    hold for every block.
    """
    normals = hazard.fit_normals(reference, options)
    times = observations["time"].values
    blocks = year_blocks(times, LABEL_BLOCKS)
    own = blocks[np.searchsorted(times, reference["time"].values)]
    rests = {}
    for block in np.unique(blocks):
        rest = hazard.fit_normals(reference.where(xr.DataArray(own != block, dims="time")), options)
        rests[block] = rest.assign({name: normals[name] for name in hazard.choices})
    happened = [
        hazard.events(observations, rest, options).values[:, blocks == block]
        for block, rest in rests.items()
    ]
    events = hazard.events(observations, normals, options)
    outcome = build_outcome(
        hazard, events.copy(data=np.concatenate(happened, axis=1)), normals, options
    )
    issued = outcome.isel(init_time=slice(None, None, hazard.issue_step_days))
    days = issued["init_time"].values[np.isfinite(issued.values).any(axis=(0, 1, 3))]
    block_of = blocks[np.searchsorted(times, days)]
    parts = []
    for block, rest in rests.items():
        here = days[block_of == block]
        if len(here):
            seen = observations.sel(
                time=slice(here[0] - np.timedelta64(LONGEST_MEMORY, "D"), here[-1])
            )
            parts.append(build_features(hazard, seen, rest, here, delays, options).compute())
    return Lesson(normals, outcome, xr.concat(parts, dim="init_time"))


def learn_from(hazard: Hazard, lesson: Lesson, rounds: Mapping[int, int] | None = None) -> Model:
    """Baselines, regression and boosters from a lesson; ``rounds`` by level instead of choosing them on blocks of years held out."""
    features, usual, outcome = lesson.features, lesson.usual, lesson.issued
    persistence = fit_chain(known_state(hazard), hazard, features, outcome, usual)
    regression = fit_chain(everything(hazard), hazard, features, outcome, usual)
    boosters = fit_boosters(hazard, features, outcome, usual, regression, rounds)
    chosen = {str(k): boosters[k].num_boosted_rounds() if k in boosters else 0 for k in LEVELS}
    meta = {"rounds": chosen, "features": list(hazard.features)}
    return Model(
        hazard.name,
        lesson.normals,
        fit_climatology(lesson.outcome),
        persistence,
        regression,
        boosters,
        meta,
    )


def table(features: xr.Dataset, hazard: Hazard) -> np.ndarray:
    """Predictors of the trees: (cell, init_time, location, predictor) float32.

    The ensemble and the calendar are left to the margin they start from: trees that know the time of year would tell from an
    ensemble that lacks a year what happened in it.
    """
    columns = [np.moveaxis(features[name].values, 0, 1) for name in tree_predictors(hazard)[:-2]]
    cells = [
        np.broadcast_to(features[name].values[:, None, None], columns[0].shape)
        for name in ("lead_days", "window_days")
    ]
    return np.stack([*columns, *cells], axis=-1).astype(np.float32)


def tree_predictors(hazard: Hazard) -> list[str]:
    """Names of the columns of ``table``."""
    return [
        *(name for name in hazard.features if name not in hazard.overlap),
        "lead_days",
        "window_days",
    ]


def fit_boosters(
    hazard: Hazard,
    features: xr.Dataset,
    outcome: np.ndarray,
    usual: np.ndarray,
    regression: xr.Dataset,
    rounds: Mapping[int, int] | None = None,
) -> dict[int, xgb.Booster]:
    """A booster for each level that trees help on blocks of years held out; arrays (cell, level, init_time, location).

    ``rounds`` by level are taken as they are, where given.
    """
    if rounds is not None and not any(rounds.values()):
        return {}
    blocks = year_blocks(features["init_time"].values, BLOCKS)
    inside = log_odds(predict_steps(everything(hazard), hazard, regression, features, usual))
    outside = (
        _margins_outside(hazard, features, outcome, usual, regression, blocks)
        if rounds is None
        else inside
    )
    predictors, parameters = table(features, hazard), {**PARAMETERS, **hazard.boosting}
    boosters = {}
    for k, level in enumerate(LEVELS):
        given = np.isfinite(outcome[:, k]) & ((outcome[:, k - 1] == 1) if k else True)
        if min(outcome[:, k][given].sum(), (1 - outcome[:, k][given]).sum()) < FEWEST_EVENTS:
            continue
        x, y = predictors[given], outcome[:, k][given]
        block = np.broadcast_to(blocks[None, :, None], given.shape)[given]
        count = (
            choose_rounds(x, y, outside[:, k][given], block, parameters)
            if rounds is None
            else rounds.get(level, 0)
        )
        if count:
            data = xgb.DMatrix(x, y, base_margin=inside[:, k][given], nthread=1)
            boosters[level] = xgb.train(parameters, data, count)
    return boosters


def year_spans(days: np.ndarray) -> list[tuple[int, int]]:
    """First and last year of each of REPLICAS blocks of consecutive years."""
    years, blocks = pd.DatetimeIndex(days).year.to_numpy(), year_blocks(days, REPLICAS)
    return [
        (int(years[blocks == block].min()), int(years[blocks == block].max()))
        for block in np.unique(blocks)
    ]


def _margins_outside(
    hazard: Hazard,
    features: xr.Dataset,
    outcome: np.ndarray,
    usual: np.ndarray,
    regression: xr.Dataset,
    blocks: np.ndarray,
) -> np.ndarray:
    """Log-odds of each step, each block's from a regression that did not see the block."""
    out = np.empty_like(outcome, dtype=np.float64)
    for block in np.unique(blocks):
        rest, here = np.flatnonzero(blocks != block), np.flatnonzero(blocks == block)
        recipe, known = everything(hazard), features.isel(init_time=rest)
        fitted = fit_chain(
            recipe, hazard, known, outcome[:, :, rest], usual[:, :, rest], near=regression
        )
        out[:, :, here] = log_odds(
            predict_steps(recipe, hazard, fitted, features.isel(init_time=here), usual[:, :, here])
        )
    return out


def choose_rounds(
    x: np.ndarray, y: np.ndarray, outside: np.ndarray, block: np.ndarray, parameters: dict[str, Any]
) -> int:
    """Rounds with the least logarithmic loss on years held out; 0 unless it is less than none's in all but one block."""
    numbers = [b for b in np.unique(block) if 0 < y[block != b].sum() < (block != b).sum()]
    gains = []
    for b in numbers:
        train, held = (
            xgb.DMatrix(x[rows], y[rows], base_margin=outside[rows], nthread=1)
            for rows in (block != b, block == b)
        )
        seen: dict[str, Any] = {}
        how = {
            "evals": [(held, "held")],
            "evals_result": seen,
            "early_stopping_rounds": PATIENCE,
            "verbose_eval": False,
        }
        xgb.train(parameters, train, MOST_ROUNDS, **how)
        none = _log_loss(y[block == b], outside[block == b])
        gain = (none - np.array(seen["held"]["logloss"])) * (block == b).sum()
        gains.append(np.pad(gain, (0, MOST_ROUNDS - len(gain)), mode="edge"))
        if sum(gain.max() <= 0 for gain in gains) > 1:
            return 0
    if not gains:
        return 0
    best = int(np.argmax(np.sum(gains, axis=0)))
    better = [gain[best] > 0 for gain in gains]
    return best + 1 if np.sum(gains, axis=0)[best] > 0 and sum(better) >= len(better) - 1 else 0


def _log_loss(y: np.ndarray, margin: np.ndarray) -> float:
    p = np.clip(expit(margin), 1e-16, 1 - 1e-16)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


@dataclass(frozen=True)
class State:
    """What a model reads on some issue days: predictors, the calendar's numbers and the known state's (NaN where not known).

    ``usual`` and ``known`` are (cell, level, init_time, location).
    """

    features: xr.Dataset
    usual: np.ndarray
    known: np.ndarray


def read_replicas(
    model: Model,
    state: State,
    observations: xr.Dataset,
    delays: Mapping[str, int],
    options: Options,
) -> list[xr.Dataset]:
    """What each replica says where ``model`` read ``state``: every forecaster's probability, see ``speak``."""
    hazard, days = hazards()[model.hazard], state.features["init_time"].values
    recent = observations.sel(time=slice(days.min() - np.timedelta64(LONGEST_MEMORY, "D"), None))
    said = []
    for replica in model.replicas:
        if hazard.overlap:  # the ensemble draws of the replica's own years
            said.append(speak(replica, read_state(replica, recent, days, delays, options)))
            continue
        usual = predict_climatology(replica.climatology, days, state.features["lead_days"].values)
        known = predict_known(hazard, replica.persistence, state.features, usual)
        said.append(speak(replica, State(state.features, usual, known)))
    return said


def read_state(
    model: Model,
    observations: xr.Dataset,
    init_times: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> State:
    """Predictors and baselines on the given issue days, from what had been published by then."""
    hazard = hazards()[model.hazard]
    features = build_features(
        hazard, observations, model.normals, init_times, delays, options
    ).compute()
    usual = predict_climatology(
        model.climatology, features["init_time"].values, features["lead_days"].values
    )
    return State(features, usual, predict_known(hazard, model.persistence, features, usual))


def forecasters(
    model: Model,
    observations: xr.Dataset,
    init_times: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> xr.Dataset:
    """Every forecaster's probability for the given issue days, see ``speak``. The one path of backtest and live."""
    return speak(model, read_state(model, observations, init_times, delays, options))


def speak(model: Model, state: State) -> xr.Dataset:
    """Every forecaster's probability: Dataset of (cell, level, init_time, location) float64.

    ``model``, ``persistence``, ``climatology`` and, where the hazard has one, ``overlap``. Where the state on the issue day is
    not known (``state_known`` is False) the first two are the calendar's.
    """
    hazard, features, usual = hazards()[model.hazard], state.features, state.usual
    steps = predict_steps(everything(hazard), hazard, model.regression, features, usual)
    for level, booster in model.boosters.items():
        data, shape = booster_input(hazard, state, log_odds(steps[:, level - 1]))
        steps[:, level - 1] = booster.predict(data).reshape(shape)
    unknown = np.isnan(state.known)
    learnt = np.where(unknown, usual, np.cumprod(steps, axis=1))
    made = {
        "model": learnt,
        "persistence": or_calendar(state.known, usual),
        "climatology": usual,
        "state_known": ~unknown,
    }
    if hazard.overlap:
        made["overlap"] = overlap_of(hazard, features)
    dims = ("cell", "level", "init_time", "location")
    coords = {
        name: features[name] for name in ("init_time", "location", "lead_days", "window_days")
    }
    return xr.Dataset(
        {name: (dims, values) for name, values in made.items()},
        coords={**coords, "level": list(LEVELS)},
    )


def booster_input(
    hazard: Hazard, state: State, margin: np.ndarray
) -> tuple[xgb.DMatrix, tuple[int, ...]]:
    """A level's booster reads a row for each (cell, init_time, location), the shape also returned; ``margin`` has that shape."""
    x = table(state.features, hazard)
    return xgb.DMatrix(
        x.reshape(-1, x.shape[-1]), base_margin=margin.ravel(), nthread=1
    ), margin.shape


def save_model(model: Model, out_of_fold: xr.Dataset, folder: Path) -> None:
    """Write a model in open formats: XGBoost's JSON, NetCDF for arrays, JSON for the rest; nothing is pickled.

    What the model and its replicas have learnt lies side by side along ``learner``, the model first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.normals.to_netcdf(folder / "normals.nc", engine="h5netcdf")
    packed = {name: {"zlib": True} for name in out_of_fold.data_vars}
    out_of_fold.to_netcdf(folder / "out_of_fold.nc", engine="h5netcdf", encoding=packed)
    if model.outlook is not None:
        save_outlook(model.outlook, folder)
    learners = (model, *model.replicas)
    for name, parts in _learnt(learners).items():
        side_by_side = xr.concat(
            parts, "learner", data_vars="all", coords="minimal", compat="override", join="exact"
        )
        packed = {variable: {"zlib": True} for variable in side_by_side.data_vars}
        side_by_side.to_netcdf(folder / f"{name}.nc", engine="h5netcdf", encoding=packed)
    for number, learner in enumerate(learners):
        for level, booster in learner.boosters.items():
            booster.save_model(folder / f"booster_{number}_{level}.json")
    meta = {
        "format": FORMAT,
        "hazard": model.hazard,
        "learners": [learner.meta for learner in learners],
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1, sort_keys=True), encoding="utf-8")


def _learnt(learners: Sequence[Model]) -> dict[str, list[xr.Dataset]]:
    """The arrays of each learner by the name of their file."""
    return {
        "climatology": [learner.climatology.to_dataset(name="climatology") for learner in learners],
        "persistence": [learner.persistence for learner in learners],
        "regression": [learner.regression for learner in learners],
    }


def load_model(folder: Path) -> tuple[Model, xr.Dataset]:
    """Read what save_model wrote. Raises OSError, KeyError or ValueError where a part is missing or damaged, and OtherFormat."""
    found = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    if found.get("format", FORMAT) != FORMAT:
        raise OtherFormat(
            f"{folder}: found a model of format {found['format']}, expected {FORMAT}; train anew."
        )
    names = ("normals", "out_of_fold", "climatology", "persistence", "regression")
    normals, out_of_fold, *learnt = (
        xr.load_dataset(folder / f"{name}.nc", engine="h5netcdf") for name in names
    )
    outlook = load_outlook(folder) if (folder / "outlook.nc").exists() else None
    learners = []
    for number, meta in enumerate(found["learners"]):
        climatology, persistence, regression = (
            part.isel(learner=number, missing_dims="ignore") for part in learnt
        )
        boosters = {
            k: xgb.Booster(model_file=folder / f"booster_{number}_{k}.json")
            for k in LEVELS
            if meta["rounds"][str(k)]
        }
        own = normals_without(normals, *meta["without"]) if "without" in meta else normals
        learners.append(
            Model(
                found["hazard"],
                own,
                climatology["climatology"],
                persistence,
                regression,
                boosters,
                meta,
            )
        )
    return replace(learners[0], replicas=tuple(learners[1:]), outlook=outlook), out_of_fold
