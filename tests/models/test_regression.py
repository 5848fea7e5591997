from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from features.build import build_features, build_outcome, delays_of
from features.hazards import LEVELS, Hazard, Options, hazards
from models.baselines import conditional, fit_climatology, log_odds, overlap_of, predict_climatology
from models.regression import (
    Recipe,
    everything,
    fit_chain,
    known_state,
    predict_known,
    predict_steps,
    season_alone,
    terms,
)


class Learnt:
    """A hazard's issue days of a made record: predictors, outcomes and the calendar's chances."""

    def __init__(self, hazard: Hazard, record: xr.Dataset) -> None:
        normals = hazard.fit_normals(record, Options())
        outcome = build_outcome(
            hazard, hazard.events(record, normals, Options()), normals, Options()
        )
        issued = outcome.isel(init_time=slice(400, None, 5))
        days = issued["init_time"].values
        self.hazard, self.outcome = hazard, issued.values
        self.features = build_features(
            hazard, record, normals, days, delays_of(record), Options()
        ).compute()
        self.usual = predict_climatology(fit_climatology(outcome), days, issued["lead_days"].values)

    def fit(self, recipe: Recipe, **how: xr.Dataset) -> xr.Dataset:
        return fit_chain(recipe, self.hazard, self.features, self.outcome, self.usual, **how)

    def steps(self, recipe: Recipe, fitted: xr.Dataset) -> np.ndarray:
        return predict_steps(recipe, self.hazard, fitted, self.features, self.usual)


@pytest.fixture(scope="module")
def learnt(made_record: Callable[..., xr.Dataset]) -> dict[str, Learnt]:
    record = made_record(years=12, places=2, seed=5)
    return {name: Learnt(hazard, record) for name, hazard in hazards().items()}


def test_coefficients_are_those_of_ridge_regression(learnt: dict[str, Learnt]) -> None:
    """A prior of deviation 0.5 is scikit-learn's C = 0.25."""
    heat = learnt["heat"]
    recipe = Recipe(("tmax_anomaly_1d", "tmax_anomaly_mean_30d"), 0.5)
    fitted = heat.fit(recipe)
    x = (
        np.stack([heat.features[name].values[:, 0] for name in recipe.predictors], axis=-1)
        .reshape(-1, 2)
        .astype(float)
    )
    y = heat.outcome[0, 0].ravel()
    rows = np.isfinite(x).all(axis=1) & np.isfinite(y)
    x, y = x[rows], y[rows]
    theirs = LogisticRegression(C=0.25, solver="newton-cholesky", tol=1e-9).fit(
        (x - x.mean(axis=0)) / x.std(axis=0), y
    )
    ours = fitted.isel(cell=0).sel(level=1)
    assert ours["coefficient"].values == pytest.approx(theirs.coef_[0], abs=1e-4)
    assert float(ours["intercept"]) == pytest.approx(float(theirs.intercept_[0]), abs=1e-4)


@pytest.mark.parametrize("name", sorted(hazards()))
def test_every_recipe_gives_probabilities_right_on_average(
    name: str, learnt: dict[str, Learnt]
) -> None:
    one = learnt[name]
    for recipe in (everything(one.hazard), season_alone(one.hazard)):
        chain = np.cumprod(one.steps(recipe, one.fit(recipe)), axis=1)
        seen = np.isfinite(one.outcome)
        assert (
            np.isfinite(chain[seen]).all() and (chain[seen] >= 0).all() and (chain[seen] <= 1).all()
        )
        first = seen[:, 0]
        assert chain[:, 0][first].mean() == pytest.approx(one.outcome[:, 0][first].mean(), rel=0.1)


def test_a_short_search_from_a_neighbour_finds_the_same(learnt: dict[str, Learnt]) -> None:
    heat = learnt["heat"]
    recipe = everything(heat.hazard)
    cold = heat.fit(recipe)
    assert heat.steps(recipe, heat.fit(recipe, near=cold)) == pytest.approx(
        heat.steps(recipe, cold), abs=1e-4
    )


def test_an_ensemble_is_where_a_regression_starts_and_stays_without_evidence(
    learnt: dict[str, Learnt],
) -> None:
    """With too few events to learn from nothing is added to the ensemble; with a closed prior hardly anything."""
    drought = learnt["drought"]
    recipe = everything(drought.hazard)
    ensemble = conditional(overlap_of(drought.hazard, drought.features))
    silent = fit_chain(
        recipe,
        drought.hazard,
        drought.features,
        np.where(np.isnan(drought.outcome), np.nan, 0.0),
        drought.usual,
    )
    started = np.isfinite(ensemble)
    assert log_odds(drought.steps(recipe, silent))[started] == pytest.approx(
        log_odds(ensemble)[started], abs=1e-6
    )
    closed = drought.fit(replace(recipe, deviation=1e-4))
    moved = [
        np.abs(terms(recipe, drought.hazard, closed, drought.features, drought.usual, level)).max()
        for level in LEVELS
    ]
    assert max(moved) < 0.02


def test_without_an_ensemble_the_calendar_stands_in(learnt: dict[str, Learnt]) -> None:
    drought = learnt["drought"]
    blind = drought.features.copy(deep=True)
    for name in drought.hazard.overlap:
        blind[name].values[:5] = np.nan
    recipe = everything(drought.hazard)
    steps = predict_steps(recipe, drought.hazard, drought.fit(recipe), blind, drought.usual)
    assert np.isfinite(steps[:, :, :5]).all()


def test_a_missing_predictor_is_a_state_not_known_or_is_taken_as_usual(
    learnt: dict[str, Learnt],
) -> None:
    heat = learnt["heat"]
    blind = heat.features.copy(deep=True)
    blind["tmax_anomaly_1d"].values[:10] = np.nan
    known = predict_known(heat.hazard, heat.fit(known_state(heat.hazard)), blind, heat.usual)
    assert np.isnan(known[:, :, :10]).all() and np.isfinite(known[:, :, 10:]).all()
    recipe = everything(heat.hazard)
    fitted = heat.fit(recipe)
    usual_day = heat.features.copy(deep=True)
    for c in range(
        len(heat.hazard.cells)
    ):  # the predictor at its mean adds nothing, as the missing one does
        mean = fitted["mean"].isel(cell=c).sel(level=1, predictor="tmax_anomaly_1d")
        usual_day["tmax_anomaly_1d"].values[:10, c] = float(mean)
    missing, average = (
        predict_steps(recipe, heat.hazard, fitted, part, heat.usual)[:, 0, :10]
        for part in (blind, usual_day)
    )
    assert missing == pytest.approx(average, abs=1e-6)


def test_a_predictor_the_record_lacks_counts_for_nothing(learnt: dict[str, Learnt]) -> None:
    heat = learnt["heat"]
    lacking = heat.features.assign(ehi_significance=heat.features["ehi_significance"] * np.nan)
    fitted = fit_chain(known_state(heat.hazard), heat.hazard, lacking, heat.outcome, heat.usual)
    assert (fitted["coefficient"].sel(predictor="ehi_significance") == 0).all()
    assert np.isfinite(predict_known(heat.hazard, fitted, lacking, heat.usual)).all()


def test_a_smoother_calendar_of_noise_is_flat(learnt: dict[str, Learnt]) -> None:
    """Where frequencies by date differ by chance alone the calendar's coefficient is near 0, as it is fitted on years it has not seen."""
    heat = learnt["heat"]
    rng = np.random.default_rng(3)
    outcome = np.where(
        np.isfinite(heat.outcome), (rng.random(heat.outcome.shape) < 0.2).astype(float), np.nan
    )
    frequencies = (
        expit(-1.4 + 0.3 * rng.normal(size=outcome.shape))
        * np.array([1.0, 0.2, 0.04])[:, None, None]
    )
    fitted = fit_chain(season_alone(heat.hazard), heat.hazard, heat.features, outcome, frequencies)
    assert np.abs(fitted["coefficient"].sel(level=1).values).max() < 0.2
