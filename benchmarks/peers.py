"""What anyone would try first, on our predictors, labels and folds: no baseline, no tuning."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import xarray as xr
import xgboost as xgb
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from features.build import build_features, values_of
from features.hazards import LEVELS, Hazard, happened
from models.verification.backtest import Fold

FEWEST_EVENTS = 5  # of either kind; with fewer the training frequency stands
Predict = Callable[[np.ndarray], np.ndarray]


def learn_peers(fold: Fold, trees: bool = True) -> Callable[[Fold], xr.Dataset]:
    """Learns from the fold's training set; without ``trees`` the logistic regressions alone.

    Returns a function from a fold of that training set to ``logistic`` and ``xgboost``, their
    probabilities on its test days: (cell, level, init_time, location).
    """
    hazard, training = fold.hazard, fold.training
    seen = _columns(hazard, training.features)
    outcome = happened(training.issued).values
    logistic = [
        [_learn(_logistic(), seen[cell], outcome[cell, k]) for k in range(len(LEVELS))]
        for cell in range(len(hazard.cells))
    ]
    leads = _with_cells(hazard, seen)
    boosted = [
        _learn(xgb.XGBClassifier(n_jobs=1, random_state=0), leads, outcome[:, k])
        for k in range(len(LEVELS) if trees else 0)
    ]

    def predict(fold: Fold) -> xr.Dataset:
        days = fold.outcome["init_time"].values
        asked = build_features(
            hazard, fold.observations, fold.model.normals, days, fold.delays, fold.options
        ).compute()
        new = _columns(hazard, asked)
        each = [[one(new[cell]) for one in of_cell] for cell, of_cell in enumerate(logistic)]
        made = {"logistic": np.array(each)}
        if trees:
            together = [one(_with_cells(hazard, new)) for one in boosted]
            made["xgboost"] = np.stack(together, axis=1)
        return xr.Dataset(
            {name: (fold.outcome.dims, values.astype(np.float32)) for name, values in made.items()},
            fold.outcome.coords,
        )

    return predict


def _logistic() -> Pipeline:
    """A standardised logistic regression; what is missing is the training median."""
    return make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=500)
    )


def _columns(hazard: Hazard, features: xr.Dataset) -> np.ndarray:
    """Predictors but for ensembles and bounds: (cell, init_time, location, predictor)."""
    aside = (*hazard.overlap, *hazard.bounds)
    size = (len(hazard.cells), features.sizes["init_time"], features.sizes["location"])
    parts = [
        np.broadcast_to(values_of(features, name), size)
        for name in hazard.features
        if name not in aside
    ]
    return np.stack(parts, axis=-1)


def _with_cells(hazard: Hazard, part: np.ndarray) -> np.ndarray:
    """With lead and window as two more predictors."""
    cells = np.array([(cell.lead_days, cell.window_days) for cell in hazard.cells])
    cells = np.broadcast_to(cells[:, None, None], (*part.shape[:-1], 2))
    return np.concatenate([part, cells], axis=-1)


def _learn(classifier: Pipeline | xgb.XGBClassifier, x: np.ndarray, y: np.ndarray) -> Predict:
    """A function to the classifier's probability, or the frequency where it has too few events."""
    given = np.isfinite(y)
    x, y = x[given], y[given]
    if not len(y) or min(y.sum(), len(y) - y.sum()) < FEWEST_EVENTS:
        frequency = y.mean() if len(y) else 0.0
        return lambda new: np.full(new.shape[:-1], frequency)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping features without any observed values")
        classifier.fit(x, y)

    def predict(new: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Skipping features without any observed values")
            flat = classifier.predict_proba(new.reshape(-1, new.shape[-1]))[:, 1]
        return flat.reshape(new.shape[:-1])

    return predict
