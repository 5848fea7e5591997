"""XGBoost on top of the state model's regression: one booster for each step of a hazard.

Rows are the cases of all leads, windows and locations together, each at a few thresholds, with the
threshold as a feature that a greater one never makes likelier. Trees start from the log-odds of the
regression (``base_margin``) and must earn their rounds: of blocks of years held out the mean gain
in logarithmic loss, less its standard error, must be above MIN_GAIN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
import xgboost as xgb
from scipy.special import expit

from features.calendar import year_blocks
from features.hazards import Hazard
from models.distribution_regression import (
    Fit,
    PredictorSpec,
    Rows,
    fit_without,
    fits_of,
    fitted_log_odds,
)
from models.state_model import Inputs, LaidOut, for_spec, levels_of, model_spec, steps_of

MAX_ROUNDS = 80
PATIENCE = 10  # rounds without improvement after which a block is not trained further
BLOCKS = 4  # of consecutive years, for the choice of rounds
MIN_GAIN = 0.1  # of logarithmic loss, summed over a block: what noise gains now and then
MIN_EVENTS = 30  # of a step in training, for trees
MAX_CASES = 20_000  # that trees learn from
THRESHOLDS = 3  # of each case, besides the event's own
PARAMETERS: Mapping[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_bin": 64,
    "max_depth": 2,
    "eta": 0.05,
    "min_child_weight": 20.0,
    "lambda": 100.0,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "seed": 20261123,
    "nthread": 1,  # sums in another order change the last digits
    "base_score": 0.5,
}


def tree_features(hazard: Hazard) -> list[str]:
    """Columns that trees read: predictors, lead, window and threshold."""
    return [*model_spec(hazard).predictors, "lead_days", "window_days", "c"]


def parameters(hazard: Hazard) -> dict[str, Any]:
    """XGBoost's parameters, with the constraint that a greater threshold is never likelier."""
    constraints = tuple(-1 if name == "c" else 0 for name in tree_features(hazard))
    return {**PARAMETERS, "monotone_constraints": constraints}


def fit_boosters(
    hazard: Hazard,
    laid_out: LaidOut,
    regression: xr.Dataset,
    days: np.ndarray,
    locations: int,
    rounds: Mapping[int, int] | None = None,
) -> dict[int, xgb.Booster]:
    """A booster for each step that trees help on years held out, by step.

    ``days``: the issue days the cases are of. ``rounds`` by step are taken as they are, where
    given.
    """
    if rounds is not None and not any(rounds.values()):
        return {}
    blocks = np.repeat(year_blocks(days, BLOCKS), locations)
    boosters, fits = {}, fits_of(regression)
    for number in range(len(steps_of(hazard))):
        parts = [part for part in laid_out if part[0] == number]
        events = sum(float(rows.y[:, 0].sum()) for _, _, _, rows in parts)
        if events < MIN_EVENTS:
            continue
        if rounds is not None and not rounds.get(number, 0):
            continue
        table = _table(hazard, parts)
        if rounds is None:
            count = _choose_rounds(hazard, parts, table, fits[number], blocks)
        else:
            count = rounds[number]
        if count:
            data = xgb.QuantileDMatrix(
                table.x, table.y, weight=table.weight,
                base_margin=table.odds(model_spec(hazard), fits[number]),
                nthread=1, max_bin=PARAMETERS["max_bin"],
            )  # fmt: skip
            boosters[number] = xgb.train(parameters(hazard), data, count)
    return boosters


@dataclass(frozen=True)
class _Table:
    """Cases of a step in one matrix; ``at``: which issue day x location each row is of.

    ``parts``: of each cell its number, its cases, and the thresholds (case, threshold) each of them
    stands at. Weights of a case sum to how many it stands for, over the mean.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    at: np.ndarray
    parts: list[tuple[int, Rows, np.ndarray]]

    def odds(self, spec: PredictorSpec, fits: Sequence[Fit]) -> np.ndarray:
        """Log-odds that trees start from, by the regression's ``fits`` of each cell: (row,)."""
        parts = []
        for cell, case, which in self.parts:
            odds = case.start + fitted_log_odds(fits[cell], spec, case.x, case.c, case.s)
            parts.append(np.take_along_axis(odds, which, axis=1).reshape(-1))
        return np.concatenate(parts)


def _table(hazard: Hazard, parts: LaidOut) -> _Table:
    """The cases of a step that trees learn from.

    Each stands at the events' own thresholds, and in turn at some of the others.
    """
    total = sum(len(rows) for _, _, _, rows in parts)
    every = int(np.ceil(total * (1 + THRESHOLDS) / MAX_CASES)) or 1
    x, y, weight, days, taken = [], [], [], [], []
    for number, cell, at, rows in parts:
        chosen = np.flatnonzero((np.arange(len(rows)) + cell) % every == 0)
        case = rows.take(chosen)
        if not len(case):
            continue
        own = len(levels_of(hazard, number))
        others = case.c.shape[1] - own
        picks = [np.full(len(case), k) for k in range(own)]
        picks += [
            own + (np.arange(len(case)) + k * others // THRESHOLDS) % others
            for k in range(min(THRESHOLDS, others))
        ]
        which = np.stack(picks, axis=1)
        c, happened, share = (
            np.take_along_axis(part, which, axis=1).reshape(-1)
            for part in (case.c, case.y, case.weight)
        )
        rows_of = np.repeat(np.arange(len(case)), which.shape[1])
        lead, window = hazard.cells[cell].lead_days, hazard.cells[cell].window_days
        columns = [case.x[rows_of], np.full(len(c), lead), np.full(len(c), window), c]
        x.append(np.column_stack(columns).astype(np.float32))
        y.append(happened)
        weight.append(share * case.c.shape[1] / which.shape[1])
        days.append(at[chosen][rows_of])
        taken.append((cell, case, which))
    each = np.concatenate([rows.weight.max(axis=1) * rows.c.shape[1] for *_, rows in parts])
    weights = np.concatenate(weight) / each.mean()
    return _Table(np.concatenate(x), np.concatenate(y), weights, np.concatenate(days), taken)


def _choose_rounds(
    hazard: Hazard,
    parts: LaidOut,
    table: _Table,
    fits: Sequence[Fit],
    blocks: np.ndarray,
) -> int:
    """Rounds of the greatest gain on years held out, less its standard error.

    0 where that is no more than MIN_GAIN, and where on more than one of the blocks no number of
    rounds helps. The standard error is that of the mean over blocks (the one-standard-error rule:
    Breiman et al. 1984).
    """
    gains = []
    for block, without in _fits_without(hazard, parts, fits, blocks).items():
        odds = table.odds(model_spec(hazard), without)
        held = blocks[table.at] == block
        if not held.any() or held.all():
            return 0
        train, test = (
            xgb.DMatrix(
                table.x[part], table.y[part], weight=table.weight[part],
                base_margin=odds[part], nthread=1,
            )
            for part in (~held, held)
        )  # fmt: skip
        seen: dict[str, Any] = {}
        xgb.train(
            parameters(hazard),
            train,
            MAX_ROUNDS,
            evals=[(test, "held")],
            evals_result=seen,
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        weight = table.weight[held]
        none = _log_loss(table.y[held], odds[held], weight)
        gain = (none - np.array(seen["held"]["logloss"])) * weight.sum()
        gains.append(np.pad(gain, (0, MAX_ROUNDS - len(gain)), mode="edge"))
        if sum(each.max() <= 0 for each in gains) > 1:
            return 0
    error = np.std(gains, axis=0, ddof=1) / np.sqrt(len(gains))
    sure = np.mean(gains, axis=0) - error
    best = int(sure.argmax())
    return best + 1 if sure[best] > MIN_GAIN else 0


def _fits_without(
    hazard: Hazard, parts: LaidOut, fits: Sequence[Fit], blocks: np.ndarray
) -> dict[int, list[Fit]]:
    """The regression of each cell without each block of years."""
    spec, names = model_spec(hazard), np.unique(blocks)
    by_cell = []
    for _, cell, at, rows in parts:
        out = [blocks[at] == block for block in names]
        by_cell.append(fit_without(for_spec(hazard, rows, spec), spec, fits[cell], out))
    return {int(block): [each[n] for each in by_cell] for n, block in enumerate(names)}


def _log_loss(y: np.ndarray, odds: np.ndarray, weight: np.ndarray) -> float:
    p = np.clip(expit(odds), 1e-16, 1 - 1e-16)
    return float(-np.average(y * np.log(p) + (1 - y) * np.log(1 - p), weights=weight))


def add_trees(
    hazard: Hazard, boosters: Mapping[int, xgb.Booster], inputs: Inputs, odds: np.ndarray
) -> np.ndarray:
    """Log-odds of steps (cell, level, init_time, location) with what trees change of them."""
    boosted_odds = odds.copy()
    for levels, data, shape in tree_inputs(hazard, boosters, inputs, odds):
        booster = boosters[levels[0]]
        boosted = booster.predict(data, output_margin=True).reshape(shape)
        boosted_odds[:, levels] = np.where(np.isfinite(odds[:, levels]), boosted, odds[:, levels])
    return boosted_odds


def tree_inputs(
    hazard: Hazard, boosters: Mapping[int, xgb.Booster], inputs: Inputs, odds: np.ndarray
) -> Iterator[tuple[list[int], xgb.DMatrix, tuple[int, int, int, int]]]:
    """For each booster: the levels it speaks of, its rows, and their shape (cell, level, ...)."""
    cells, days, locations = inputs.shape
    everywhere = np.arange(days * locations)
    names = model_spec(hazard).predictors
    for number in boosters:
        levels = levels_of(hazard, number)
        blocks = []
        for cell in range(cells):
            x = inputs.predictors(names, cell, everywhere)
            for level in levels:
                c = np.repeat(inputs.shifts[level][None], days, axis=0).reshape(-1)
                lead, window = hazard.cells[cell].lead_days, hazard.cells[cell].window_days
                extra = [np.full(len(x), lead), np.full(len(x), window), c]
                blocks.append(np.column_stack([x, *extra]).astype(np.float32))
        margin = np.nan_to_num(odds[:, levels], neginf=0.0).reshape(-1)
        data = xgb.DMatrix(np.concatenate(blocks), base_margin=margin, nthread=1)
        yield levels, data, (cells, len(levels), days, locations)
