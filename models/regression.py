"""Logistic regressions along the chain of levels, P(L1), P(L2 | L1), P(L3 | L2), one for each cell, on standardised predictors.

Each coefficient has a normal prior about 0 (ridge regression; le Cessie & van Houwelingen 1992). Its deviation is fixed by what
is being learnt and not by a search: choosing it on years held out did worse on the record it was tried on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from scipy.optimize import minimize
from scipy.special import expit

from features.hazards import LEVELS, Hazard
from models.baselines import log_odds, overlap_of, step

LEAST_KNOWN = 0.5  # share of training days a predictor must be known on to be used
FEWEST_EVENTS = 5  # of either kind, for a regression; with fewer the conditional frequency, or the ensemble, stands
WIDE, NARROW = (
    0.2,
    0.03,
)  # deviations of the prior about nothing, and about an ensemble that has already spoken


@dataclass(frozen=True)
class Recipe:
    """What a regression reads: names of features, or "overlap" and "climatology", log-odds of the same step by the ensemble and by
    the calendar.

    ``deviation`` of the prior, in log-odds per standard deviation of a predictor. ``from_overlap``: log-odds start from the
    ensemble's, or the calendar's where it is silent. ``complete``: nothing is said where a predictor that counts is missing;
    else its mean stands for it.
    """

    predictors: tuple[str, ...]
    deviation: float
    from_overlap: bool = False
    complete: bool = True


def known_state(hazard: Hazard) -> Recipe:
    """The known state's: the few predictors the hazard declares as such."""
    return Recipe(hazard.state, 1.0)


def season_alone(hazard: Hazard) -> Recipe:
    """The calendar's frequencies drawn towards each other: what a smoother calendar would say."""
    return Recipe(("climatology",), 1.0)


def everything(hazard: Hazard) -> Recipe:
    """All predictors of the hazard, but for the calendar's frequencies.

    Frequencies that lack a day's own years are lower where those had events: a regression that also knows the season would
    learn that, and then be sure of what is noise.
    """
    bare = tuple(name for name in hazard.features if name not in hazard.overlap)
    names = (*bare, "overlap") if hazard.overlap else bare
    return Recipe(
        names, NARROW if hazard.overlap else WIDE, from_overlap=bool(hazard.overlap), complete=False
    )


def columns(
    recipe: Recipe, hazard: Hazard, features: xr.Dataset, climatology: np.ndarray, level: int
) -> np.ndarray:
    """The predictors of one level: (predictor, cell, init_time, location) float64."""
    made = []
    for name in recipe.predictors:
        if name == "overlap":
            made.append(log_odds(step(overlap_of(hazard, features), level)))
        elif name == "climatology":
            made.append(log_odds(step(climatology, level)))
        else:
            made.append(np.moveaxis(features[name].values, 0, 1).astype(np.float64))
    return np.stack(made)


def start(
    recipe: Recipe, hazard: Hazard, features: xr.Dataset, climatology: np.ndarray, level: int
) -> np.ndarray:
    """Log-odds a level's regression starts from: (cell, init_time, location)."""
    if not recipe.from_overlap:
        return np.zeros(climatology[:, 0].shape)
    ensemble, usual = (step(part, level) for part in (overlap_of(hazard, features), climatology))
    return log_odds(np.where(np.isnan(ensemble), usual, ensemble))


def fit_chain(
    recipe: Recipe,
    hazard: Hazard,
    features: xr.Dataset,
    outcome: np.ndarray,
    climatology: np.ndarray,
    near: xr.Dataset | None = None,
) -> xr.Dataset:
    """Coefficients of each cell and level: Dataset (cell, level[, predictor]), empty where the recipe reads nothing.

    ``outcome`` and ``climatology`` (cell, level, init_time, location) for the same issue days as ``features``. Predictors that
    never vary, or that the record mostly lacks, count for nothing. ``near``: a fit to begin the search at, which then is short.
    """
    if not recipe.predictors:
        return xr.Dataset()
    size = (len(hazard.cells), len(LEVELS), len(recipe.predictors))
    fitted = {name: np.zeros(size) for name in ("coefficient", "mean", "scale")} | {
        "intercept": np.zeros(size[:2])
    }
    x = columns(recipe, hazard, features, climatology, LEVELS[0])
    by_level = [name for name in recipe.predictors if name in ("overlap", "climatology")]
    for k, level in enumerate(LEVELS):
        if by_level:
            own = columns(
                replace(recipe, predictors=tuple(by_level)), hazard, features, climatology, level
            )
            x[[recipe.predictors.index(name) for name in by_level]] = own
        offset = start(recipe, hazard, features, climatology, level)
        given = np.isfinite(outcome[:, k]) & ((outcome[:, k - 1] == 1) if k else True)
        for c in range(size[0]):
            rows = given[c]
            guess = (
                None
                if near is None
                else np.append(near["coefficient"].values[c, k], near["intercept"].values[c, k])
            )
            one = _fit_one(
                recipe,
                x[:, c][:, rows].T,
                outcome[c, k][rows].astype(np.float64),
                offset[c][rows],
                guess,
            )
            for name, part in one.items():
                fitted[name][c, k] = part
    dims = ("cell", "level", "predictor")
    return xr.Dataset(
        {name: (dims[: values.ndim], values) for name, values in fitted.items()},
        coords={"level": list(LEVELS), "predictor": list(recipe.predictors)},
    )


def _fit_one(
    recipe: Recipe, x: np.ndarray, y: np.ndarray, offset: np.ndarray, guess: np.ndarray | None
) -> dict[str, np.ndarray | float]:
    """Mean, scale, coefficients and intercept from predictors (row, predictor), outcomes and starting log-odds (row,)."""
    width = x.shape[1]
    x = np.where(np.isfinite(x).mean(axis=0) >= LEAST_KNOWN, x, 0.0) if len(x) else x
    if recipe.complete:
        rows = np.isfinite(x).all(axis=1)
        x, y, offset = x[rows], y[rows], offset[rows]
    events = int(y.sum())
    if min(events, len(y) - events) < FEWEST_EVENTS:
        frequency = log_odds((events + 0.5) / (len(y) + 1)) if len(y) else log_odds(0.0)
        alone = 0.0 if recipe.from_overlap else float(frequency)
        return {
            "coefficient": np.zeros(width),
            "mean": np.zeros(width),
            "scale": np.ones(width),
            "intercept": alone,
        }
    mean, scale = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)
    found = _most_likely(np.nan_to_num((x - mean) / scale), y, offset, recipe.deviation, guess)
    return {"coefficient": found[:-1], "mean": mean, "scale": scale, "intercept": float(found[-1])}


def _most_likely(
    x: np.ndarray, y: np.ndarray, offset: np.ndarray, deviation: float, guess: np.ndarray | None
) -> np.ndarray:
    """Coefficients and, last, the intercept (which has no prior) of greatest posterior density."""
    x = np.column_stack([x, np.ones(len(x))])
    precision = np.append(np.full(x.shape[1] - 1, deviation**-2.0), 0.0)

    def loss(w: np.ndarray) -> float:
        margin = offset + x @ w
        return float(np.logaddexp(0, margin).sum() - y @ margin + (precision * w) @ w / 2)

    def slope(w: np.ndarray) -> np.ndarray:
        return x.T @ (expit(offset + x @ w) - y) + precision * w

    def curvature(w: np.ndarray) -> np.ndarray:
        p = expit(offset + x @ w)
        return (x * (p * (1 - p))[:, None]).T @ x + np.diag(precision)

    begin = np.zeros(x.shape[1]) if guess is None else guess
    return minimize(loss, begin, jac=slope, hess=curvature, method="trust-exact").x


def terms(
    recipe: Recipe,
    hazard: Hazard,
    fitted: xr.Dataset,
    features: xr.Dataset,
    climatology: np.ndarray,
    level: int,
) -> np.ndarray:
    """What each predictor adds to a level's log-odds: coefficient times departure from its training mean.

    (predictor, cell, init_time, location). Where a predictor that counts is missing: NaN if the recipe is ``complete``, else 0.
    """
    part = fitted.sel(level=level)
    beta, mean, scale = (
        np.moveaxis(part[name].values, 1, 0)[..., None, None]
        for name in ("coefficient", "mean", "scale")
    )
    made = np.where(
        beta != 0,
        beta * (columns(recipe, hazard, features, climatology, level) - mean) / scale,
        0.0,
    )
    return made if recipe.complete else np.nan_to_num(made)


def predict_steps(
    recipe: Recipe,
    hazard: Hazard,
    fitted: xr.Dataset,
    features: xr.Dataset,
    climatology: np.ndarray,
) -> np.ndarray:
    """P(L1), P(L2 | L1), P(L3 | L2): (cell, level, init_time, location)."""
    steps = []
    for level in LEVELS:
        added = terms(recipe, hazard, fitted, features, climatology, level).sum(axis=0)
        base = (
            start(recipe, hazard, features, climatology, level)
            + fitted["intercept"].sel(level=level).values[:, None, None]
        )
        steps.append(expit(base + added))
    return np.stack(steps, axis=1)


def predict_known(
    hazard: Hazard, fitted: xr.Dataset, features: xr.Dataset, climatology: np.ndarray
) -> np.ndarray:
    """The known state's probabilities, nested: (cell, level, init_time, location); NaN where the state is not known.

    ``fitted`` by the recipe ``known_state``; where that reads nothing the overlap ensemble itself is the known state.
    """
    if hazard.state:
        chain = np.cumprod(
            predict_steps(known_state(hazard), hazard, fitted, features, climatology), axis=1
        )
    else:
        chain = overlap_of(hazard, features)
    return np.where(np.isnan(chain).any(axis=1, keepdims=True), np.nan, chain)
