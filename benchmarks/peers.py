"""What anyone would try first, on the features, labels and folds of ours: no baseline, no tuning, no care."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
import xgboost as xgb
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from features.build import build_features
from features.hazards import LEVELS
from models.backtest import Fold

FEWEST_EVENTS = 5  # of either kind; with fewer the training frequency stands


def peers(fold: Fold) -> xr.Dataset:
    """``logistic`` and ``xgboost``: their probabilities on the fold's test days, (cell, level, init_time, location)."""
    hazard, days = fold.hazard, fold.outcome["init_time"].values
    lesson = fold.lesson
    asked = build_features(
        hazard, fold.observations, fold.model.normals, days, fold.delays, fold.options
    ).compute()
    happened = lesson.outcome.sel(init_time=lesson.features["init_time"]).values
    raw = [name for name in hazard.features if name not in hazard.overlap]
    seen, new = (_columns(part, raw) for part in (lesson.features, asked))
    made = {
        "logistic": _logistic(seen, happened, new),
        "xgboost": _trees(lesson.features, seen, happened, asked, new),
    }
    return xr.Dataset(
        {name: (fold.outcome.dims, values.astype(np.float32)) for name, values in made.items()},
        fold.outcome.coords,
    )


def _columns(features: xr.Dataset, names: list[str]) -> np.ndarray:
    """(cell, init_time, location, predictor)."""
    return np.stack([np.moveaxis(features[name].values, 0, 1) for name in names], axis=-1)


def _logistic(seen: np.ndarray, happened: np.ndarray, new: np.ndarray) -> np.ndarray:
    """A standardised logistic regression for each cell and level; what is missing is the training median."""
    out = np.full((happened.shape[0], len(LEVELS), *new.shape[1:3]), np.nan)
    for cell in range(len(out)):
        for k in range(len(LEVELS)):
            given = np.isfinite(happened[cell, k])
            regression = make_pipeline(
                SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=500)
            )
            out[cell, k] = _chance(
                regression, seen[cell][given], happened[cell, k][given], new[cell]
            )
    return out


def _trees(
    lesson: xr.Dataset, seen: np.ndarray, happened: np.ndarray, asked: xr.Dataset, new: np.ndarray
) -> np.ndarray:
    """XGBClassifier as it comes for each level, with lead and window as two more predictors."""
    seen, new = (
        np.concatenate([part, _cells(features, part)], axis=-1)
        for features, part in ((lesson, seen), (asked, new))
    )
    out = np.full((happened.shape[0], len(LEVELS), *new.shape[1:3]), np.nan)
    for k in range(len(LEVELS)):
        given = np.isfinite(happened[:, k])
        out[:, k] = _chance(
            xgb.XGBClassifier(n_jobs=1, random_state=0), seen[given], happened[:, k][given], new
        )
    return out


def _cells(features: xr.Dataset, part: np.ndarray) -> np.ndarray:
    cells = np.stack([features[name].values for name in ("lead_days", "window_days")], axis=-1)[
        :, None, None
    ]
    return np.broadcast_to(cells, (*part.shape[:-1], 2))


def _chance(
    classifier: Pipeline | xgb.XGBClassifier, x: np.ndarray, y: np.ndarray, new: np.ndarray
) -> np.ndarray:
    """The classifier's probability for each row of ``new`` (..., predictor), or the frequency where it has too few to learn from."""
    if not len(y) or min(y.sum(), len(y) - y.sum()) < FEWEST_EVENTS:
        return np.full(new.shape[:-1], y.mean() if len(y) else 0.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping features without any observed values")
        return (
            classifier.fit(x, y)
            .predict_proba(new.reshape(-1, new.shape[-1]))[:, 1]
            .reshape(new.shape[:-1])
        )
