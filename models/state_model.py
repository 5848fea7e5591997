"""The state model: what the known state and past weather say of each level, without forecasts.

One distribution regression of each cell (models.distribution_regression), and XGBoost on top of it
(models.boosting). Where levels share one quantity (river flow, a drought index) one regression
gives all of them, each at its own threshold; else levels are a chain P(L1), P(L2 | L1),
P(L3 | L2), each step learnt from its own margin. Persistence is the same with a few predictors,
the smoothed climatology the same with those of the valid day alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import expit, logit

from features.build import values_of
from features.hazards import LEVELS, SEASON, Hazard, Options
from models.baselines import conditional, log_odds, overlap_of
from models.distribution_regression import (
    Fit,
    PredictorSpec,
    Rows,
    fit,
    fit_without,
    fits_of,
    fitted_log_odds,
    to_dataset,
)

STATE_DEVIATION = 1.0  # prior deviations of coefficients: of what persistence reads
DEVIATION = 0.2  # and of all other predictors
STATE_BESIDE_ENSEMBLE = 0.5  # the same where log-odds start from an ensemble
BESIDE_ENSEMBLE = 0.05
BESIDE_INDEX = 0.03  # where the ensemble holds most of an index window
THRESHOLDS = 6  # besides the events' own
MAX_ROWS = 12_000  # learnt from in a cell; neighbouring days and locations say much the same


def model_spec(hazard: Hazard) -> PredictorSpec:
    """All predictors of the hazard."""
    names = [name for name in hazard.features if name not in (*hazard.overlap, *hazard.bounds)]
    if hazard.windows_look_back:
        return PredictorSpec(dict.fromkeys(names, BESIDE_INDEX), True, max_departure=6.0)
    state, rest = (
        (STATE_BESIDE_ENSEMBLE, BESIDE_ENSEMBLE) if hazard.overlap else (STATE_DEVIATION, DEVIATION)
    )
    deviations = {name: state if name in hazard.state else rest for name in names}
    if not hazard.overlap:
        deviations |= dict.fromkeys(hazard.calendar, STATE_DEVIATION)
    return PredictorSpec(
        deviations, bool(hazard.overlap), max_departure=6.0 if hazard.overlap else 3.0
    )


def persistence_spec(hazard: Hazard) -> PredictorSpec:
    """The known state and the valid day."""
    spec = model_spec(hazard)
    kept = (*hazard.state, *hazard.calendar) if hazard.state else ()
    return PredictorSpec(
        {name: spec.deviations[name] for name in kept},
        spec.ensemble,
        max_departure=spec.max_departure,
    )


def calendar_spec(hazard: Hazard) -> PredictorSpec:
    """The valid day alone: a climatology without the noise of its frequencies."""
    deviations = dict.fromkeys(hazard.calendar, STATE_DEVIATION)
    return PredictorSpec(deviations, bounded=False, newest=False)


def steps_of(hazard: Hazard) -> tuple[int, ...]:
    """Levels whose margins are learnt: the first alone where levels share a quantity."""
    return LEVELS if hazard.shifts is None else LEVELS[:1]


@dataclass(frozen=True)
class Inputs:
    """What regressions read of some issue days, laid out: arrays (..., init_time, location).

    ``x``: predictor -> (cell or 1, ...). ``s`` (3, cell or 1, ...): newest value, season waves.
    ``start``: log-odds of each level's step by the ensemble (cell, level, ...), None without one.
    ``bound``: level -> (cell, ...), what its margin cannot exceed. ``shifts`` (level, location).
    ``exists``: where the hazard has the cell, and can strike (cell, ...).
    """

    x: Mapping[str, np.ndarray]
    s: list[np.ndarray]
    start: np.ndarray | None
    bound: Mapping[int, np.ndarray]
    shifts: np.ndarray
    exists: np.ndarray
    init_times: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def of(
        cls, hazard: Hazard, features: xr.Dataset, normals: xr.Dataset, options: Options
    ) -> Inputs:
        """``features`` as build_features makes them, computed; ``normals`` with their ``shift``."""
        x = {
            name: values_of(features, name) for name in hazard.features if name not in hazard.bounds
        }
        x |= {name: log_odds(x[name]) for name in hazard.overlap}
        start = None
        if hazard.overlap:
            chain = overlap_of(hazard, features)
            start = log_odds(chain if hazard.shifts is not None else conditional(chain))
        bound = {
            level: values_of(features, name)
            for level, name in zip(LEVELS, hazard.bounds, strict=True)
            if name
        }
        size = (len(hazard.cells), features.sizes["init_time"], features.sizes["location"])
        s = [x[name] for name in (hazard.newest, *SEASON)]
        days = features["init_time"].values
        exists = hazard.applies(days, normals, options) == 1
        return cls(x, s, start, bound, normals["shift"].values, exists, days, size)

    @property
    def turn(self) -> np.ndarray:
        """A number of each issue day x location, by which some are left out."""
        _, days, locations = self.shape
        return np.add.outer(np.arange(days), np.arange(locations)).reshape(-1)

    def at(self, values: np.ndarray, cell: int) -> np.ndarray:
        """One cell of (cell or 1, init_time, location), as (init_time x location,)."""
        return values[min(cell, len(values) - 1)].reshape(-1)

    def predictors(self, names: tuple[str, ...], cell: int, rows: np.ndarray) -> np.ndarray:
        """(row, predictor)."""
        if not names:
            return np.zeros((len(rows), 0))
        return np.stack([self.at(self.x[name], cell)[rows] for name in names], axis=1)

    def modifiers(self, cell: int, rows: np.ndarray) -> np.ndarray:
        """What the slope in c varies with: (row, 3)."""
        return np.stack([self.at(part, cell)[rows] for part in self.s], axis=1)


@dataclass(frozen=True)
class State:
    """What a model reads on some issue days.

    ``inputs``: predictors, laid out. ``climatology`` (cell, level, init_time, location).
    ``known`` (cell, init_time, location): whether the newest value, or the ensemble, is at hand.
    """

    features: xr.Dataset
    inputs: Inputs
    climatology: np.ndarray
    known: np.ndarray


LaidOut = list[tuple[int, int, np.ndarray, Rows]]
"""Cases of each step and cell: (step, cell, which of the issue days x locations, Rows)."""


def lay_out(
    hazard: Hazard, inputs: Inputs, margins: np.ndarray
) -> Iterator[tuple[int, int, np.ndarray, Rows]]:
    """Cases of each step and cell: (step, cell, which of the issue days x locations, Rows).

    ``margins`` (cell, level, init_time, location), NaN where not known. ``x`` of the Rows holds
    what ``model_spec`` reads, ``start`` the ensemble's log-odds (0 without one).
    """
    names = model_spec(hazard).predictors
    _, days, locations = inputs.shape
    turn = inputs.turn
    shifts = np.broadcast_to(inputs.shifts[:, None], (len(LEVELS), days, locations))
    shifts = shifts.reshape(len(LEVELS), -1).T
    for number, level in enumerate(steps_of(hazard)):
        for cell in range(len(hazard.cells)):
            margin = margins[cell, number].reshape(-1).astype(np.float64)
            given = ~np.isnan(margin)
            if level > 1:
                given &= margins[cell, number - 1].reshape(-1) > 0
            if inputs.start is not None:
                given &= np.isfinite(inputs.start[cell, number].reshape(-1))
            rows = np.flatnonzero(given)
            grid = _grid(hazard, margin[rows])
            rows, each = thin(rows, margin, turn)
            c = _thresholds(hazard, shifts[rows], grid)
            y = (margin[rows, None] > c).astype(np.float64)
            start = np.zeros(c.shape)
            if inputs.start is not None:
                start = (
                    inputs.start[cell]
                    .reshape(len(LEVELS), -1)[levels_of(hazard, number)][:, rows]
                    .T
                )
            weight = np.repeat(each[:, None] / c.shape[1], c.shape[1], axis=1)
            if level in inputs.bound:
                weight = np.where(inputs.at(inputs.bound[level], cell)[rows, None] <= c, 0, weight)
            x, s = inputs.predictors(names, cell, rows), inputs.modifiers(cell, rows)
            yield number, cell, rows, Rows(x, s, c, y, start, weight)


def levels_of(hazard: Hazard, number: int) -> list[int]:
    """Which levels, counted from 0, a step speaks of, each at a threshold of its own."""
    return [number] if hazard.shifts is None else list(range(len(LEVELS)))


def thin(rows: np.ndarray, margin: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most MAX_ROWS of ``rows``, and how many each stands for.

    Half of them are those of the greatest margins, which hold most events; of the others every so
    many, by their ``turn``. Weights make up for it (choice-based sampling: Manski & Lerman 1977).
    """
    if len(rows) <= MAX_ROWS:
        return rows, np.ones(len(rows))
    order = rows[np.argsort(-margin[rows], kind="stable")]
    greatest, others = order[: MAX_ROWS // 2], np.sort(order[MAX_ROWS // 2 :])
    kept = every_so_many(others, turn, MAX_ROWS // 2)
    taken = np.concatenate([greatest, kept])
    each = np.repeat([1.0, len(others) / max(len(kept), 1)], [len(greatest), len(kept)])
    order = np.argsort(taken)
    return taken[order], each[order]


def every_so_many(rows: np.ndarray, turn: np.ndarray, most: int) -> np.ndarray:
    """About ``most`` of ``rows``, by their ``turn``; all of them where there are no more."""
    every = int(np.ceil(len(rows) / most)) or 1
    return rows[turn[rows] % every == 0]


def _thresholds(hazard: Hazard, shifts: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Thresholds to learn at: the events' own, and those of the grid; (row, threshold)."""
    own = shifts if hazard.shifts is not None else shifts[:, :1]
    return np.concatenate([own, np.broadcast_to(grid, (len(own), len(grid)))], axis=1)


def _grid(hazard: Hazard, margin: np.ndarray) -> np.ndarray:
    """Thresholds around the events': (threshold,).

    Exceeded from a third as often as the event to the hazard's ``highest_rate``, evenly in
    log-odds. None with an ensemble, whose probability is at hand for the events' own alone.
    """
    if hazard.overlap or not len(margin):
        return np.zeros(0)
    lowest = np.clip((margin > 0).mean() / 3, 2 / len(margin), hazard.highest_rate / 2)
    rates = expit(np.linspace(logit(lowest), logit(hazard.highest_rate), THRESHOLDS))
    grid = np.quantile(margin, 1 - rates, method="lower")
    return np.asarray(grid[np.isfinite(grid)])


def for_spec(hazard: Hazard, rows: Rows, spec: PredictorSpec) -> Rows:
    """The cases as a spec reads them."""
    names = model_spec(hazard).predictors
    columns = [names.index(name) for name in spec.predictors]
    start = rows.start if spec.ensemble else np.zeros_like(rows.start)
    weight = rows.weight
    if not spec.bounded:
        weight = np.full(weight.shape, weight.max(initial=0.0))
    s = rows.s if spec.newest else np.where([True, False, False], np.nan, rows.s)
    return Rows(rows.x[:, columns], s, rows.c, rows.y, start, weight)


def fit_regression(
    hazard: Hazard, laid_out: LaidOut, spec: PredictorSpec, near: xr.Dataset | None = None
) -> xr.Dataset:
    """Regressions of every step and cell, see distribution_regression.to_dataset.

    ``near``: the same learnt from nearly the same cases, to begin at.
    """
    fits: list[list[Fit]] = [[] for _ in steps_of(hazard)]
    begins = None if near is None else fits_of(near)
    for number, cell, _, rows in laid_out:
        begin = None if begins is None else begins[number][cell]
        fits[number].append(fit(for_spec(hazard, rows, spec), spec, begin))
    return to_dataset(fits, spec)


def fit_regressions_without(
    hazard: Hazard,
    laid_out: LaidOut,
    spec: PredictorSpec,
    whole: xr.Dataset,
    left_out: Sequence[np.ndarray],
) -> list[xr.Dataset]:
    """The ``whole`` regressions as they would be without some cases, once for each of ``left_out``.

    ``left_out`` (issue day x location,): whether each is left out.
    """
    wholes = fits_of(whole)
    fits: list[list[list[Fit]]] = [[[] for _ in steps_of(hazard)] for _ in left_out]
    for number, cell, at, rows in laid_out:
        own, out = for_spec(hazard, rows, spec), [part[at] for part in left_out]
        for each, one in zip(fits, fit_without(own, spec, wholes[number][cell], out), strict=True):
            each[number].append(one)
    return [to_dataset(each, spec) for each in fits]


def step_log_odds(
    hazard: Hazard, spec: PredictorSpec, fitted: xr.Dataset, inputs: Inputs
) -> np.ndarray:
    """Log-odds of each level's step: (cell, level, init_time, location).

    -inf where the event is ruled out, NaN where the ensemble is not known. Of a chain these are
    P(L1), P(L2 | L1), P(L3 | L2); where levels share a quantity P(L1), P(L2), P(L3).
    """
    cells, days, locations = inputs.shape
    odds = np.empty((cells, len(LEVELS), days, locations))
    everywhere = np.arange(days * locations)
    c = np.repeat(inputs.shifts[:, None], days, axis=1).reshape(len(LEVELS), -1).T
    fits = fits_of(fitted)
    for number, level in enumerate(steps_of(hazard)):
        levels = levels_of(hazard, number)
        for cell in range(cells):
            one = fits[number][cell]
            x = inputs.predictors(spec.predictors, cell, everywhere)
            total = fitted_log_odds(one, spec, x, c[:, levels], inputs.modifiers(cell, everywhere))
            odds[cell, levels] = total.T.reshape(-1, days, locations)
            if level in inputs.bound and spec.bounded:
                out = inputs.at(inputs.bound[level], cell)[None] <= c[:, levels].T
                odds[cell, levels] = np.where(
                    out.reshape(-1, days, locations), -np.inf, odds[cell, levels]
                )
    return odds + inputs.start if spec.ensemble and inputs.start is not None else odds


def chain(hazard: Hazard, odds: np.ndarray) -> np.ndarray:
    """Nested probabilities of the levels from log-odds of their steps, level on axis 1."""
    if hazard.shifts is None:
        return np.cumprod(expit(odds), axis=1)
    return np.minimum.accumulate(expit(odds), axis=1)


def known(hazard: Hazard, features: xr.Dataset) -> np.ndarray:
    """Whether the state on the issue day is known: (cell, init_time, location)."""
    shape = (len(hazard.cells), features.sizes["init_time"], features.sizes["location"])
    if hazard.overlap:
        return np.isfinite(overlap_of(hazard, features)).all(axis=1)
    return np.broadcast_to(np.isfinite(values_of(features, hazard.newest)), shape)
