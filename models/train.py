"""Stage K: what the known state and past weather say, learnt from all years without weather forecasts.

One XGBoost model per level for all leads of a hazard, starting from the known state's log-odds (``base_margin``); the
number of boosting rounds is chosen on blocks of years and may be none, and then the known state is what is published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import xgboost as xgb
from scipy.special import expit

from configs import Region
from features.build import build_features, build_outcome, delays_of, options_for
from features.hazards import LEVELS, Hazard, Options, hazards
from models.baselines import (
    conditional,
    fit_climatology,
    fit_persistence,
    log_odds,
    or_calendar,
    overlap_of,
    predict_climatology,
    predict_persistence,
)

MOST_ROUNDS = 60
PATIENCE = 10  # rounds without improvement after which a block is not trained further
FORMAT = 1  # of what a model holds; one of another format is learnt anew
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


@dataclass(frozen=True)
class Model:
    """A hazard's forecaster: normals and both baselines learnt from training years, and a booster for each level that has one.

    ``meta`` is JSON-able: region, fingerprint, locations, delays, training period, snapshot, rounds, features. ``replicas`` are
    the same learnt without one block of years each (``without`` in their meta), for intervals.
    """

    hazard: str
    normals: xr.Dataset
    climatology: xr.DataArray
    persistence: xr.Dataset
    boosters: Mapping[int, xgb.Booster]
    meta: Mapping[str, Any]
    replicas: tuple[Model, ...] = ()


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
        "format": FORMAT,
        "snapshot": snapshot,
        "reference_years": [first, last],
        "data_from": str(times[0])[:10],
        "trained_until": str(times[-1])[:10],
        "locations": [str(place) for place in observations["location"].values],
        "delays": {name: delays[name] for name in sorted(delays)},
        "delay_days": max(delays[name] for name in hazard.requires),
    }
    replicas = [(span, learn_from(hazard, lesson.without(*span), rounds)) for span in year_spans(lesson.features["init_time"].values)]
    without = tuple(replace(replica, meta={**replica.meta, "without": list(span)}) for span, replica in replicas)
    return replace(model, meta={**model.meta, **meta}, replicas=without)


def reference_years(region: Region, observations: xr.Dataset) -> tuple[int, int]:
    """First and last year normals are learnt from: the region's reference period, else the record's complete years."""
    times = pd.DatetimeIndex(observations["time"].values)
    years = range(times[0].year, times[-1].year + 1)
    complete = [year for year in years if times[0] <= pd.Timestamp(year, 1, 1) and times[-1] >= pd.Timestamp(year, 12, 31)]
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

    def without(self, first: int, last: int) -> Lesson:
        """The lesson with the years ``first`` to ``last`` left out of all that is counted or fitted, but for thresholds."""
        kept = ~self.features["init_time"].dt.year.isin(range(first, last + 1)).values
        outcome = self.outcome.where(~self.outcome["init_time"].dt.year.isin(range(first, last + 1)))
        return Lesson(normals_without(self.normals, first, last), outcome, self.features.isel(init_time=np.flatnonzero(kept)))


def normals_without(normals: xr.Dataset, first: int, last: int) -> xr.Dataset:
    """Normals whose record, of which ensembles draw, lacks some years."""
    if "record" not in normals:
        return normals
    return normals.assign(record=normals["record"].where(~normals["day"].dt.year.isin(range(first, last + 1))))


def learn(hazard: Hazard, observations: xr.Dataset, reference: xr.Dataset, delays: Mapping[str, int], options: Options) -> Model:
    """Learn normals from ``reference`` and everything else from ``observations``; nothing else is read."""
    return learn_from(hazard, prepare(hazard, observations, reference, delays, options))


def prepare(hazard: Hazard, observations: xr.Dataset, reference: xr.Dataset, delays: Mapping[str, int], options: Options) -> Lesson:
    """Normals of ``reference``, and outcomes and predictors of ``observations``."""
    normals = hazard.fit_normals(reference, options)
    outcome = build_outcome(hazard, cross_fitted_events(hazard, observations, reference, normals, options), normals, options)
    issued = outcome.isel(init_time=slice(None, None, hazard.issue_step_days))
    days = issued["init_time"].values[np.isfinite(issued.values).any(axis=(0, 1, 3))]
    return Lesson(normals, outcome, build_features(hazard, observations, normals, days, delays, options).compute())


def learn_from(hazard: Hazard, lesson: Lesson, rounds: Mapping[int, int] | None = None) -> Model:
    """Baselines and boosters from a lesson; ``rounds`` by level instead of choosing them on blocks of years held out."""
    climatology, features = fit_climatology(hazard, lesson.outcome), lesson.features
    outcome = lesson.outcome.sel(init_time=features["init_time"]).values
    usual = predict_climatology(climatology, features["init_time"].values, features["lead_days"].values)
    persistence = fit_persistence(hazard, features, outcome, usual)
    boosters = fit_boosters(hazard, features, outcome, usual, persistence, rounds)
    chosen = {str(k): boosters[k].num_boosted_rounds() if k in boosters else 0 for k in LEVELS}
    return Model(hazard.name, lesson.normals, climatology, persistence, boosters, {"rounds": chosen, "features": list(hazard.features)})


def cross_fitted_events(
    hazard: Hazard, observations: xr.Dataset, reference: xr.Dataset, normals: xr.Dataset, options: Options
) -> xr.DataArray:
    """Events to learn from: those of each block of years by thresholds fitted without it, as a test year's are.

    Events by thresholds the same years were fitted to are rarer than those of years to come. ``normals`` are the whole
    reference's: its choices, such as which index counts, hold for every block.
    """
    times = observations["time"].values
    blocks = year_blocks(times, LABEL_BLOCKS)
    own = blocks[np.searchsorted(times, reference["time"].values)]
    parts = []
    for block in np.unique(blocks):
        rest = hazard.fit_normals(reference.where(xr.DataArray(own != block, dims="time")), options)
        rest = rest.assign({name: normals[name] for name in hazard.choices})
        parts.append(hazard.events(observations, rest, options).values[:, blocks == block])
    happened = hazard.events(observations, normals, options)
    return happened.copy(data=np.concatenate(parts, axis=1))


def table(features: xr.Dataset, hazard: Hazard, usual: np.ndarray) -> np.ndarray:
    """Predictors of the trees: (cell, init_time, location, predictor) float32, the calendar's level 1 log-odds last."""
    columns = [np.moveaxis(features[name].values, 0, 1) for name in hazard.features]
    shape = columns[0].shape
    cells = [np.broadcast_to(features[name].values[:, None, None], shape) for name in ("lead_days", "window_days")]
    return np.stack([*columns, *cells, log_odds(usual[:, 0])], axis=-1).astype(np.float32)


def _with_margin(x: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """The table with the known state's log-odds as one more predictor."""
    return np.concatenate([x, margin[..., None].astype(np.float32)], axis=-1)


def fit_boosters(
    hazard: Hazard,
    features: xr.Dataset,
    outcome: np.ndarray,
    usual: np.ndarray,
    persistence: xr.Dataset,
    rounds: Mapping[int, int] | None = None,
) -> dict[int, xgb.Booster]:
    """A booster for each level that trees help on blocks of years held out; arrays (cell, level, init_time, location).

    ``rounds`` by level are taken as they are, where given.
    """
    blocks = year_blocks(features["init_time"].values)
    outside = _margins_outside(hazard, features, outcome, usual, blocks) if rounds is None else outcome
    inside = conditional(or_calendar(predict_persistence(hazard, persistence, features, usual), usual))
    predictors, parameters = table(features, hazard, usual), {**PARAMETERS, **hazard.boosting}
    boosters = {}
    for k, level in enumerate(LEVELS):
        given = np.isfinite(outcome[:, k]) & ((outcome[:, k - 1] == 1) if k else True)
        if min(outcome[:, k][given].sum(), (1 - outcome[:, k][given]).sum()) < FEWEST_EVENTS:
            continue
        margin_inside, margin_outside = (log_odds(part[:, k])[given] for part in (inside, outside))
        x, y = predictors[given], outcome[:, k][given]
        block = np.broadcast_to(blocks[None, :, None], given.shape)[given]
        count = choose_rounds(x, y, margin_outside, block, parameters) if rounds is None else rounds.get(level, 0)
        if count:
            data = xgb.DMatrix(_with_margin(x, margin_inside), y, base_margin=margin_inside, nthread=1)
            boosters[level] = xgb.train(parameters, data, count)
    return boosters


def year_blocks(days: np.ndarray, blocks: int = BLOCKS) -> np.ndarray:
    """Number 0..blocks-1 of the block of consecutive years each day belongs to."""
    years = pd.DatetimeIndex(days).year.to_numpy()
    rank = np.searchsorted(np.unique(years), years)
    return rank * blocks // len(np.unique(years))


def year_spans(days: np.ndarray) -> list[tuple[int, int]]:
    """First and last year of each of REPLICAS blocks of consecutive years."""
    years, blocks = pd.DatetimeIndex(days).year.to_numpy(), year_blocks(days, REPLICAS)
    return [(int(years[blocks == block].min()), int(years[blocks == block].max())) for block in np.unique(blocks)]


def _margins_outside(hazard: Hazard, features: xr.Dataset, outcome: np.ndarray, usual: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """The known state's conditional probabilities, each block's from regressions that did not see the block."""
    if not hazard.state:
        return conditional(or_calendar(predict_persistence(hazard, xr.Dataset(), features, usual), usual))
    out = np.empty_like(outcome, dtype=np.float64)
    for block in np.unique(blocks):
        rest, here = np.flatnonzero(blocks != block), np.flatnonzero(blocks == block)
        fitted = fit_persistence(hazard, features.isel(init_time=rest), outcome[:, :, rest], usual[:, :, rest])
        known = predict_persistence(hazard, fitted, features.isel(init_time=here), usual[:, :, here])
        out[:, :, here] = conditional(or_calendar(known, usual[:, :, here]))
    return out


def choose_rounds(x: np.ndarray, y: np.ndarray, outside: np.ndarray, block: np.ndarray, parameters: dict[str, Any]) -> int:
    """Rounds with the least logarithmic loss on years held out; 0 unless it is less than none's in all but one block."""
    numbers = [b for b in np.unique(block) if 0 < y[block != b].sum() < (block != b).sum()]
    gains = []
    for b in numbers:
        parts = [(_with_margin(x[rows], outside[rows]), y[rows], outside[rows]) for rows in (block != b, block == b)]
        train, held = (xgb.DMatrix(predictors, outcome, base_margin=margin, nthread=1) for predictors, outcome, margin in parts)
        seen: dict[str, Any] = {}
        how = {"evals": [(held, "held")], "evals_result": seen, "early_stopping_rounds": PATIENCE, "verbose_eval": False}
        xgb.train(parameters, train, MOST_ROUNDS, **how)
        none = _log_loss(y[block == b], outside[block == b])
        gain = (none - np.array(seen["held"]["logloss"])) * (block == b).sum()
        gains.append(np.pad(gain, (0, MOST_ROUNDS - len(gain)), mode="edge"))
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

    @property
    def steps(self) -> np.ndarray:
        """The known state's chain, P(L1), P(L2 | L1), P(L3 | L2), the calendar's where the state is not known."""
        return conditional(or_calendar(self.known, self.usual))


def read_replicas(model: Model, state: State, observations: xr.Dataset, delays: Mapping[str, int], options: Options) -> list[xr.Dataset]:
    """What each replica says where ``model`` read ``state``: every forecaster's probability, see ``speak``."""
    hazard, days = hazards()[model.hazard], state.features["init_time"].values
    recent = observations.sel(time=slice(days.min() - np.timedelta64(LONGEST_MEMORY, "D"), None))
    said = []
    for replica in model.replicas:
        if hazard.overlap:  # the ensemble draws of the replica's own years
            said.append(speak(replica, read_state(replica, recent, days, delays, options)))
            continue
        usual = predict_climatology(replica.climatology, days, state.features["lead_days"].values)
        known = predict_persistence(hazard, replica.persistence, state.features, usual)
        said.append(speak(replica, State(state.features, usual, known)))
    return said


def read_state(model: Model, observations: xr.Dataset, init_times: np.ndarray, delays: Mapping[str, int], options: Options) -> State:
    """Predictors and baselines on the given issue days, from what had been published by then."""
    hazard = hazards()[model.hazard]
    features = build_features(hazard, observations, model.normals, init_times, delays, options).compute()
    usual = predict_climatology(model.climatology, features["init_time"].values, features["lead_days"].values)
    return State(features, usual, predict_persistence(hazard, model.persistence, features, usual))


def forecasters(model: Model, observations: xr.Dataset, init_times: np.ndarray, delays: Mapping[str, int], options: Options) -> xr.Dataset:
    """Every forecaster's probability for the given issue days, see ``speak``. The one path of backtest and live."""
    return speak(model, read_state(model, observations, init_times, delays, options))


def speak(model: Model, state: State) -> xr.Dataset:
    """Every forecaster's probability: Dataset of (cell, level, init_time, location) float64.

    ``model``, ``persistence``, ``climatology`` and, where the hazard has one, ``overlap``. Where the state on the issue day is
    not known (``state_known`` is False) the first two are the calendar's.
    """
    hazard, features, usual = hazards()[model.hazard], state.features, state.usual
    steps = state.steps
    for level, booster in model.boosters.items():
        data, shape = booster_input(hazard, state, level)
        steps[:, level - 1] = booster.predict(data).reshape(shape)
    unknown = np.isnan(state.known)
    learnt = np.where(unknown, usual, np.cumprod(steps, axis=1))
    made = {"model": learnt, "persistence": or_calendar(state.known, usual), "climatology": usual, "state_known": ~unknown}
    if hazard.overlap:
        made["overlap"] = overlap_of(hazard, features)
    dims = ("cell", "level", "init_time", "location")
    coords = {name: features[name] for name in ("init_time", "location", "lead_days", "window_days")}
    return xr.Dataset({name: (dims, values) for name, values in made.items()}, coords={**coords, "level": list(LEVELS)})


def booster_input(hazard: Hazard, state: State, level: int) -> tuple[xgb.DMatrix, tuple[int, ...]]:
    """A level's booster reads a row for each (cell, init_time, location), the shape also returned."""
    margin = log_odds(state.steps[:, level - 1])
    x = _with_margin(table(state.features, hazard, state.usual), margin)
    return xgb.DMatrix(x.reshape(-1, x.shape[-1]), base_margin=margin.ravel(), nthread=1), margin.shape


def save_model(model: Model, out_of_fold: xr.Dataset, folder: Path) -> None:
    """Write a model in open formats: XGBoost's JSON, NetCDF for arrays, JSON for the rest; nothing is pickled."""
    folder.mkdir(parents=True, exist_ok=True)
    model.normals.to_netcdf(folder / "normals.nc", engine="h5netcdf")
    packed = {name: {"zlib": True} for name in out_of_fold.data_vars}
    out_of_fold.to_netcdf(folder / "out_of_fold.nc", engine="h5netcdf", encoding=packed)
    _save_learnt(model, folder)
    for number, replica in enumerate(model.replicas):
        _save_learnt(replica, folder / f"replica_{number}")


def _save_learnt(model: Model, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    packed = {"climatology": {"zlib": True}}
    model.climatology.to_dataset(name="climatology").to_netcdf(folder / "climatology.nc", engine="h5netcdf", encoding=packed)
    model.persistence.to_netcdf(folder / "persistence.nc", engine="h5netcdf")
    for level, booster in model.boosters.items():
        booster.save_model(folder / f"booster_{level}.json")
    (folder / "meta.json").write_text(json.dumps({"hazard": model.hazard, **model.meta}, indent=1, sort_keys=True), encoding="utf-8")


def load_model(folder: Path) -> tuple[Model, xr.Dataset]:
    """Read what save_model wrote. Raises OSError, KeyError or ValueError where a part is missing or damaged."""
    normals, out_of_fold = (xr.load_dataset(folder / f"{name}.nc", engine="h5netcdf") for name in ("normals", "out_of_fold"))
    replicas = [_load_learnt(path, normals) for path in sorted(folder.glob("replica_*"))]
    return replace(_load_learnt(folder, normals), replicas=tuple(replicas)), out_of_fold


def _load_learnt(folder: Path, normals: xr.Dataset) -> Model:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    climatology, persistence = (xr.load_dataset(folder / f"{name}.nc", engine="h5netcdf") for name in ("climatology", "persistence"))
    boosters = {k: xgb.Booster(model_file=folder / f"booster_{k}.json") for k in LEVELS if meta["rounds"][str(k)]}
    own = normals_without(normals, *meta["without"]) if "without" in meta else normals
    return Model(meta.pop("hazard"), own, climatology["climatology"], persistence, boosters, meta)
