"""XGBoost on top of the state model's regression: one booster for each step of a hazard.

Rows are the cases of all leads, windows and locations together, each at a few thresholds, with the
threshold as a feature that a greater one never makes likelier. Trees start from the log-odds of the
regression (``base_margin``) and must earn their rounds: a number of rounds stands only if it lowers
the logarithmic loss on every block of years held out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
import xgboost as xgb
from scipy.special import expit

from features.calendar import year_blocks
from features.hazards import Hazard
from models.distribution_regression import Rows, fits_of, standardised, terms
from models.state_model import Inputs, fit_regression, levels_of, model_spec, steps_of

MOST_ROUNDS = 80
PATIENCE = 10  # rounds without improvement after which a block is not trained further
BLOCKS = 4  # of consecutive years, for the choice of rounds
FEWEST_EVENTS = 30  # of a step in training, for trees
MOST_CASES = 20_000  # that trees learn from
THRESHOLDS = 3  # of each case, besides the event's own
NEAR_ITERATIONS = 2  # of Newton's method from the whole regression to one without a block
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


LaidOut = list[tuple[int, int, np.ndarray, Rows]]


def fit_boosters(
    hazard: Hazard,
    laid_out: LaidOut,
    regression: xr.Dataset,
    days: np.ndarray,
    locations: int,
    rounds: Mapping[int, int] | None = None,
) -> dict[int, xgb.Booster]:
    """A booster for each step that trees help on years held out, by step.

    ``days``: the issue days the cases are of. ``rounds`` by step are taken as they are, where given.
    """
    if rounds is not None and not any(rounds.values()):
        return {}
    blocks = np.repeat(year_blocks(days, BLOCKS), locations)
    boosters = {}
    for number in range(len(steps_of(hazard))):
        parts = [part for part in laid_out if part[0] == number]
        events = sum(float(rows.y[:, 0].sum()) for _, _, _, rows in parts)
        if events < FEWEST_EVENTS:
            continue
        if rounds is None:
            count = _choose_rounds(hazard, parts, regression, blocks)
        else:
            count = rounds.get(number, 0)
        if count:
            inside = _table(hazard, parts, regression)
            data = xgb.QuantileDMatrix(
                inside["x"], inside["y"], weight=inside["weight"], base_margin=inside["odds"],
                nthread=1, max_bin=PARAMETERS["max_bin"],
            )  # fmt: skip
            boosters[number] = xgb.train(parameters(hazard), data, count)
    return boosters


def _table(hazard: Hazard, parts: LaidOut, regression: xr.Dataset) -> dict[str, np.ndarray]:
    """Cases of a step in one matrix; ``at`` says which issue day x location each is of.

    Each case stands at the events' own thresholds, and in turn at some of the others.
    """
    spec, fits, made = model_spec(hazard), fits_of(regression), []
    total = sum(len(rows) for _, _, _, rows in parts)
    every = int(np.ceil(total * (1 + THRESHOLDS) / MOST_CASES)) or 1
    for number, cell, at, rows in parts:
        chosen = np.flatnonzero((np.arange(len(rows)) + cell) % every == 0)
        case = rows.take(chosen)
        if not len(case):
            continue
        fitted = fits[number][cell]
        z = standardised(fitted, spec, case.x)
        odds = case.start + fitted.intercept + (z @ fitted.coefficient)[:, None]
        odds = odds + terms(fitted, case.c, case.s) @ fitted.slope
        own = len(levels_of(hazard, number))
        others = case.c.shape[1] - own
        picks = [np.full(len(case), k) for k in range(own)]
        for k in range(min(THRESHOLDS, others)):
            picks.append(own + (np.arange(len(case)) + k * others // THRESHOLDS) % others)
        which = np.stack(picks, axis=1)
        row = np.arange(len(case))[:, None]
        lead, window = hazard.cells[cell].lead_days, hazard.cells[cell].window_days
        flat = which.reshape(-1)
        rows_of = np.repeat(np.arange(len(case)), which.shape[1])
        c = case.c[rows_of, flat]
        x = np.column_stack(
            [case.x[rows_of], np.full(len(c), lead), np.full(len(c), window), c]
        ).astype(np.float32)
        made.append(
            {
                "x": x,
                "y": case.y[row, which].reshape(-1),
                "odds": odds[row, which].reshape(-1),
                "weight": (case.weight[row, which] > 0).reshape(-1) / which.shape[1],
                "at": at[chosen][rows_of],
            }
        )
    return {name: np.concatenate([part[name] for part in made]) for name in made[0]}


def _choose_rounds(
    hazard: Hazard,
    parts: LaidOut,
    regression: xr.Dataset,
    blocks: np.ndarray,
) -> int:
    """Rounds with the least loss on years held out; 0 unless lower than none's on every block."""
    gains = []
    for block in np.unique(blocks):
        without = _without(hazard, parts, regression, blocks != block)
        table = _table(hazard, parts, without)
        held = blocks[table["at"]] == block
        if not held.any() or held.all():
            return 0
        train, test = (
            xgb.DMatrix(
                table["x"][part], table["y"][part], weight=table["weight"][part],
                base_margin=table["odds"][part], nthread=1,
            )
            for part in (~held, held)
        )  # fmt: skip
        seen: dict[str, Any] = {}
        xgb.train(
            parameters(hazard),
            train,
            MOST_ROUNDS,
            evals=[(test, "held")],
            evals_result=seen,
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        weight = table["weight"][held]
        none = _log_loss(table["y"][held], table["odds"][held], weight)
        gain = (none - np.array(seen["held"]["logloss"])) * weight.sum()
        gains.append(np.pad(gain, (0, MOST_ROUNDS - len(gain)), mode="edge"))
        if gains[-1].max() <= 0:
            return 0
    total = np.sum(gains, axis=0)
    best = int(total.argmax())
    return best + 1 if total[best] > 0 and all(gain[best] > 0 for gain in gains) else 0


def _without(
    hazard: Hazard, parts: LaidOut, regression: xr.Dataset, kept: np.ndarray
) -> xr.Dataset:
    """The regression learnt without a block of years: a few steps of Newton's from the whole one."""
    number = parts[0][0]
    alone = regression.isel(step=[number])
    moved = [(0, cell, at, rows) for _, cell, at, rows in parts]
    spec = model_spec(hazard)
    made = fit_regression(hazard, moved, spec, alone, NEAR_ITERATIONS, kept, steps=1)
    return xr.concat([made] * (number + 1), dim="step")


def _log_loss(y: np.ndarray, odds: np.ndarray, weight: np.ndarray) -> float:
    p = np.clip(expit(odds), 1e-16, 1 - 1e-16)
    return float(-np.average(y * np.log(p) + (1 - y) * np.log(1 - p), weights=weight))


def add_trees(
    hazard: Hazard, boosters: Mapping[int, xgb.Booster], inputs: Inputs, odds: np.ndarray
) -> np.ndarray:
    """Log-odds of steps (cell, level, init_time, location) with what trees change of them."""
    made = odds.copy()
    for levels, data, shape in tree_inputs(hazard, boosters, inputs, odds):
        booster = boosters[levels[0]]
        boosted = booster.predict(data, output_margin=True).reshape(shape)
        made[:, levels] = np.where(np.isfinite(odds[:, levels]), boosted, odds[:, levels])
    return made


def tree_inputs(
    hazard: Hazard, boosters: Mapping[int, xgb.Booster], inputs: Inputs, odds: np.ndarray
):
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
