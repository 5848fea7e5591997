"""Training: from a record to a model. The one path of backtest, live forecast and notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import xgboost as xgb

from configs import Region
from features.build import (
    build_features,
    build_margins,
    delays_of,
    options_for,
)
from features.calendar import year_blocks
from features.hazards import LEVELS, Hazard, Options, happened
from models.baselines import fit_climatology
from models.boosting import fit_boosters
from models.distribution_regression import PredictorSpec
from models.quantiles import fit_quantity
from models.state_model import (
    Inputs,
    LaidOut,
    calendar_spec,
    fit_regression,
    fit_regressions_without,
    lay_out,
    model_spec,
    persistence_spec,
    steps_of,
)

REPLICAS = 8  # models learnt without one block of years each, for intervals
LABEL_BLOCKS = 5  # of years, whose margins are by normals fitted without them
DIMS = ("cell", "level", "init_time", "location")


@dataclass(frozen=True)
class Model:
    """A hazard's forecasters: climatology, persistence, the smoothed climatology, the state model.

    ``regression``, ``persistence``, ``smoothed``: coefficients, see
    models.distribution_regression.to_dataset; ``boosters`` by step. ``quantity``: the regression
    of the hazard's quantity, None where there is none. ``meta`` is JSON-able. ``replicas`` are the
    same learnt without one block of years each (``without`` in their meta).
    """

    hazard: str
    normals: xr.Dataset
    climatology: xr.DataArray
    regression: xr.Dataset
    persistence: xr.Dataset
    smoothed: xr.Dataset
    boosters: Mapping[int, xgb.Booster]
    meta: Mapping[str, Any]
    replicas: tuple[Model, ...] = ()
    quantity: xr.Dataset | None = None


@dataclass(frozen=True)
class TrainingSet:
    """What a model learns from.

    ``normals`` of the whole reference, and ``normals_without`` each block of years (by its first
    and last). ``margins`` (cell, level, init_time, location) of every day of the record, each block
    by normals fitted without it; ``features`` of the issue days trained on, likewise.
    """

    hazard: Hazard
    options: Options
    normals: xr.Dataset
    normals_without: Mapping[tuple[int, int], xr.Dataset]
    margins: xr.DataArray
    features: xr.Dataset

    @cached_property
    def inputs(self) -> Inputs:
        """The predictors, laid out."""
        return Inputs.of(self.hazard, self.features, self.normals, self.options)

    @cached_property
    def issued(self) -> xr.DataArray:
        """Margins on the issue days trained on."""
        return self.margins.sel(init_time=self.features["init_time"])

    @cached_property
    def laid_out(self) -> LaidOut:
        """Cases of every step and cell."""
        return list(lay_out(self.hazard, self.inputs, self.issued.values))

    def left_out(self, first: int, last: int) -> np.ndarray:
        """Whether each issue day x location is of these years."""
        years = self.features["init_time"].dt.year.values
        return np.repeat((years >= first) & (years <= last), self.features.sizes["location"])


def learn_normals(hazard: Hazard, reference: xr.Dataset, options: Options) -> xr.Dataset:
    """The hazard's normals, and ``shift`` (level, location): how far levels are below the first."""
    normals = hazard.fit_normals(reference, options)
    shift = np.zeros((len(LEVELS), normals.sizes["location"]))
    if hazard.shifts is not None:
        shift = hazard.shifts(normals, options)
    return normals.assign(shift=(("level", "location"), shift))


@dataclass(frozen=True)
class Labels:
    """What every day of a record is labelled with.

    ``normals`` of the whole reference. ``blocks`` (time,): each day's block of years; ``rests``:
    normals fitted without each. ``margins`` (cell, level, init_time, location): each block's by
    the normals fitted without it.
    """

    normals: xr.Dataset
    times: np.ndarray
    blocks: np.ndarray
    rests: Mapping[int, xr.Dataset]
    margins: xr.DataArray


def label_days(
    hazard: Hazard,
    observations: xr.Dataset,
    reference: xr.Dataset,
    options: Options,
    label_blocks: int = LABEL_BLOCKS,
) -> Labels:
    """Normals of ``reference``, and margins of each block of years by normals fitted without it.

    Events by thresholds the same years were fitted to are rarer than those of years to come. The
    normals' ``choices`` hold for every block.
    """
    normals = learn_normals(hazard, reference, options)
    times = observations["time"].values
    blocks = year_blocks(times, label_blocks)
    own = blocks[np.searchsorted(times, reference["time"].values)]
    rests = {}
    for block in np.unique(blocks):
        rest = reference.where(xr.DataArray(own != block, dims="time"))
        rests[block] = learn_normals(hazard, rest, options).assign(
            {name: normals[name] for name in hazard.choices}
        )
    daily = xr.concat(
        [
            margins_of(hazard, observations, rest, options, np.flatnonzero(blocks == block))
            for block, rest in rests.items()
        ],
        dim="time",
        join="override",
        coords="minimal",
        compat="override",
    ).transpose("level", "time", "location")
    margins = build_margins(hazard, daily, normals, options)
    return Labels(normals, times, blocks, rests, margins)


def margins_of(
    hazard: Hazard,
    observations: xr.Dataset,
    normals: xr.Dataset,
    options: Options,
    days: np.ndarray,
) -> xr.DataArray:
    """Margins of consecutive ``days``, row numbers of ``observations``: (level, time, location).

    Read from those days and the ones that their margins look back on.
    """
    first = max(days[0] - hazard.margin_days, 0)
    near = observations.isel(time=slice(first, days[-1] + 1))
    return hazard.margins(near, normals, options).isel(time=slice(days[0] - first, None))


def build_training_set(
    hazard: Hazard,
    observations: xr.Dataset,
    reference: xr.Dataset,
    delays: Mapping[str, int],
    options: Options,
    label_blocks: int = LABEL_BLOCKS,
) -> TrainingSet:
    """Normals of ``reference``, margins and predictors of ``observations``; nothing else is read.

    Each block of years gets its margins and predictors from normals fitted without it, as a test
    year does (see label_days): an ensemble that draws of the very year it is asked about knows too
    much.
    """
    labels = label_days(hazard, observations, reference, options, label_blocks)
    times, blocks, rests, margins = labels.times, labels.blocks, labels.rests, labels.margins
    years = pd.DatetimeIndex(times).year.to_numpy()
    issued = margins.isel(init_time=slice(None, None, hazard.backtesting.step_days))
    days = issued["init_time"].values[~np.isnan(issued.values).all(axis=(0, 1, 3))]
    block_of = blocks[np.searchsorted(times, days)]
    parts = []
    for block, rest in rests.items():
        here = days[block_of == block]
        if len(here):
            seen = observations.sel(time=slice(None, here[-1]))
            parts.append(build_features(hazard, seen, rest, here, delays, options))
    spans = {
        block: (int(years[blocks == block].min()), int(years[blocks == block].max()))
        for block in rests
    }
    return TrainingSet(
        hazard,
        options,
        labels.normals,
        {spans[block]: rest for block, rest in rests.items()},
        margins,
        xr.concat(parts, dim="init_time").compute(),
    )


def train_model(
    training: TrainingSet, near: Model | None = None, search_rounds: bool = True
) -> Model:
    """Every forecaster of a hazard.

    ``near``: a model of nearly the same record, to begin at; without ``search_rounds`` its rounds
    are taken over.
    """
    hazard, laid_out = training.hazard, training.laid_out
    fits: dict[str, Any] = {}
    for name, spec in _specs(hazard).items():
        before = None if near is None else getattr(near, name)
        fits[name] = fit_regression(hazard, laid_out, spec, before)
    rounds = None
    if not search_rounds and near is not None:
        rounds = rounds_of(near.meta)
    boosters = fit_boosters(
        hazard,
        laid_out,
        fits["regression"],
        training.features["init_time"].values,
        training.features.sizes["location"],
        rounds,
    )
    chosen = {
        str(level): boosters[step].num_boosted_rounds() if step in boosters else 0
        for step, level in enumerate(steps_of(hazard))
    }
    return Model(
        hazard=hazard.name,
        normals=training.normals,
        climatology=fit_climatology(happened(training.margins)),
        boosters=boosters,
        meta={"rounds": chosen, "features": list(hazard.features)},
        **fits,
    )


def rounds_of(meta: Mapping[str, Any]) -> dict[int, int]:
    """Boosting rounds of each step, counted from 0, by a model's meta."""
    return {int(level) - 1: int(count) for level, count in meta["rounds"].items()}


def _specs(hazard: Hazard) -> dict[str, PredictorSpec]:
    return {
        "regression": model_spec(hazard),
        "persistence": persistence_spec(hazard),
        "smoothed": calendar_spec(hazard),
    }


def train_replicas(training: TrainingSet, model: Model) -> tuple[Model, ...]:
    """The model as it would be without each block of years: their cases, their share of normals."""
    hazard, spans = training.hazard, list(training.normals_without)
    left_out = [training.left_out(*span) for span in spans]
    fits = {
        name: fit_regressions_without(
            hazard, training.laid_out, spec, getattr(model, name), left_out
        )
        for name, spec in _specs(hazard).items()
    }
    return tuple(
        _replica(training, model, span, {name: each[number] for name, each in fits.items()})
        for number, span in enumerate(spans)
    )


def _replica(
    training: TrainingSet, model: Model, span: tuple[int, int], fits: dict[str, Any]
) -> Model:
    hazard, boosters = training.hazard, {}
    if model.boosters:
        kept = ~training.left_out(*span)
        fewer = [
            (number, cell, at[kept[at]], rows.take(kept[at]))
            for number, cell, at, rows in training.laid_out
        ]
        boosters = fit_boosters(
            hazard,
            fewer,
            fits["regression"],
            training.features["init_time"].values,
            training.features.sizes["location"],
            rounds_of(model.meta),
        )
    first, last = span
    years = training.margins["init_time"].dt.year
    outcome = happened(training.margins.where((years < first) | (years > last)))
    return Model(
        hazard=hazard.name,
        normals=training.normals_without[span],
        climatology=fit_climatology(outcome),
        boosters=boosters,
        meta={**model.meta, "without": list(span)},
        **fits,
    )


def fit_model(
    hazard: Hazard, observations: xr.Dataset, region: Region, snapshot: str = ""
) -> Model:
    """A hazard's live model, from the whole record; normals from the reference period."""
    delays, options = delays_of(observations), options_for(hazard, region, observations)
    first, last = reference_years(region, observations)
    observations = observations.load()
    reference = observations.sel(time=slice(f"{first}-01-01", f"{last}-12-31"))
    training = build_training_set(hazard, observations, reference, delays, options, REPLICAS)
    model = train_model(training)
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
    replicas = train_replicas(training, model)
    past = hazard.history(observations, training.normals, options)
    quantity = fit_quantity(hazard, training.inputs, past)
    return replace(model, meta={**model.meta, **meta}, replicas=replicas, quantity=quantity)


def reference_years(region: Region, observations: xr.Dataset) -> tuple[int, int]:
    """First and last year of the normals: the region's, else the record's complete years."""
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
