"""Boosting parameters of a hazard, searched on years that no backtest scores: the first training windows of some records.

The loss is that of years held out inside those windows, where the trees start from the log-odds of the regression
fitted without those years, as in training. Optuna (Akiba et al. 2019), which searches, is among the developers' tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import xgboost as xgb

from configs import Region
from features.build import delays_of, options_for
from features.calendar import year_blocks
from features.hazards import LEVELS, Hazard
from models.backtest import test_years, training_before
from models.regression import everything, fit_chain
from models.train import (
    BLOCKS,
    FEWEST_EVENTS,
    MOST_ROUNDS,
    PARAMETERS,
    PATIENCE,
    Lesson,
    _log_loss,
    _margins_outside,
    prepare,
    table,
)

SEARCHED = ("max_depth", "eta", "min_child_weight", "lambda", "subsample", "colsample_bytree")
SEED = 20261123
DIGITS = 2  # significant ones; a third is noise


@dataclass(frozen=True)
class Rows:
    """A level's rows of one record: predictors, outcome, the log-odds trees start from, block of years."""

    name: str
    x: np.ndarray
    y: np.ndarray
    margin: np.ndarray
    block: np.ndarray


@dataclass(frozen=True)
class Study:
    """What a search found. ``trials``: a row a trial, the SEARCHED and its loss; the first has models.train's own parameters.

    Losses are relative to the regression's alone: 1 is no gain. Of all blocks held out, ``won`` are better and ``lost`` are
    worse with ``best`` than with models.train's own parameters; in the rest neither has trees.
    """

    hazard: str
    records: tuple[str, ...]
    trials: pd.DataFrame
    best: Mapping[str, float]
    loss: float
    loss_of_defaults: float
    won: int
    lost: int

    @property
    def better(self) -> bool:
        """Whether the best parameters gain on models.train's own on average, and in more blocks than they lose."""
        return self.loss < self.loss_of_defaults and self.won > self.lost


def tune(hazard: Hazard, records: Sequence[tuple[Region, xr.Dataset]], trials: int = 30) -> Study:
    """Search boosting parameters by the loss on years held out of the first training window of each record; seeded."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = [
        part
        for region, observations in records
        for part in first_rows(hazard, observations, region)
    ]
    search = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED))
    search.enqueue_trial({name: PARAMETERS[name] for name in SEARCHED})
    search.optimize(lambda trial: relative_loss(rows, suggested(trial)), n_trials=trials)
    best = {name: _rounded(value) for name, value in search.best_params.items()}
    own, found = held_out(rows, {}), held_out(rows, best)
    change = np.concatenate([new - old for (_, new), (_, old) in zip(found, own, strict=True)])
    return Study(
        hazard=hazard.name,
        records=tuple(region.name for region, _ in records),
        trials=pd.DataFrame([{**trial.params, "loss": trial.value} for trial in search.trials]),
        best=best,
        loss=_mean_ratio(found),
        loss_of_defaults=_mean_ratio(own),
        won=int((change < 0).sum()),
        lost=int((change > 0).sum()),
    )


def suggested(trial: Any) -> dict[str, float]:
    """A trial's parameters: shallow trees, slow learning, from hardly to strongly regularised."""
    return {
        "max_depth": trial.suggest_int("max_depth", 1, 4),
        "eta": trial.suggest_float("eta", 0.02, 0.2, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 100.0, log=True),
        "lambda": trial.suggest_float("lambda", 0.1, 100.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
    }


def first_window(hazard: Hazard, observations: xr.Dataset) -> xr.Dataset:
    """The record before its first test year, gap taken off: what no backtest of it ever scores."""
    return training_before(hazard, observations, test_years(hazard, observations)[0])


def first_rows(hazard: Hazard, observations: xr.Dataset, region: Region) -> list[Rows]:
    """What trees would learn from in a record's first training window: Rows for each level with enough events."""
    window = first_window(hazard, observations)
    lesson = prepare(
        hazard, window, window, delays_of(observations), options_for(hazard, region, observations)
    )
    return rows_of(hazard, lesson, region.name)


def rows_of(hazard: Hazard, lesson: Lesson, name: str) -> list[Rows]:
    """Rows of each level, those where the level below was reached."""
    features = lesson.features
    days, outcome = features["init_time"].values, lesson.issued
    usual, blocks, predictors = lesson.usual, year_blocks(days, BLOCKS), table(features, hazard)
    regression = fit_chain(everything(hazard), hazard, features, outcome, usual)
    margins = _margins_outside(hazard, features, outcome, usual, regression, blocks)
    rows = []
    for k, level in enumerate(LEVELS):
        given = np.isfinite(outcome[:, k]) & ((outcome[:, k - 1] == 1) if k else True)
        y, margin = outcome[:, k][given], margins[:, k][given]
        if min(y.sum(), (1 - y).sum()) >= FEWEST_EVENTS:
            block = np.broadcast_to(blocks[None, :, None], given.shape)[given]
            rows.append(Rows(f"{name} level {level}", predictors[given], y, margin, block))
    return rows


def relative_loss(rows: Sequence[Rows], parameters: Mapping[str, float]) -> float:
    """Mean over rows of the loss on blocks held out over that of the regression alone; 1 where trees do not help."""
    return _mean_ratio(held_out(rows, parameters))


def held_out(
    rows: Sequence[Rows], parameters: Mapping[str, float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each rows, the sum of logarithmic loss of each block: of the regression alone, and with the trees.

    The rounds are those training would choose: the best for all blocks, none unless they help in all blocks but one.
    """
    found = []
    for part in rows:
        losses = np.array(
            [
                _block_losses(part, block, {**PARAMETERS, **parameters})
                for block in np.unique(part.block)
            ]
        )
        best = losses.sum(axis=0).argmin()
        better = (losses[:, best] < losses[:, 0]).sum() >= len(losses) - 1
        found.append((losses[:, 0], losses[:, best if better else 0]))
    return found


def _mean_ratio(found: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    return float(np.mean([with_trees.sum() / alone.sum() for alone, with_trees in found]))


def _block_losses(rows: Rows, block: int, parameters: Mapping[str, Any]) -> np.ndarray:
    """Sum of logarithmic loss of a block held out, after 0, 1, ... MOST_ROUNDS rounds learnt from the other blocks."""
    here = rows.block == block
    learnt, held = (
        xgb.DMatrix(rows.x[part], rows.y[part], base_margin=rows.margin[part], nthread=1)
        for part in (~here, here)
    )
    seen: dict[str, Any] = {}
    how = {
        "evals": [(held, "held")],
        "evals_result": seen,
        "early_stopping_rounds": PATIENCE,
        "verbose_eval": False,
    }
    xgb.train(dict(parameters), learnt, MOST_ROUNDS, **how)
    losses = np.array([_log_loss(rows.y[here], rows.margin[here]), *seen["held"]["logloss"]])
    return np.pad(losses, (0, MOST_ROUNDS + 1 - len(losses)), mode="edge") * here.sum()


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")
