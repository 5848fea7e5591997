from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from features.build import build_features, build_outcome, delays_of
from features.hazards import Options, hazards
from models.baselines import conditional, fit_climatology, log_odds, overlap_of, predict_climatology
from models.regression import fit_chain, known_state, predict_known

ALL = sorted(hazards())


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=12, places=2, seed=5)


def fitted(name: str, record: xr.Dataset):
    hazard = hazards()[name]
    normals = hazard.fit_normals(record, Options())
    outcome = build_outcome(hazard, hazard.events(record, normals, Options()), normals, Options())
    climatology = fit_climatology(outcome)
    outcome = outcome.isel(init_time=slice(400, None, 5))
    features = build_features(
        hazard, record, normals, outcome["init_time"].values, delays_of(record), Options()
    ).compute()
    usual = predict_climatology(
        climatology, outcome["init_time"].values, outcome["lead_days"].values
    )
    return (
        hazard,
        outcome,
        features,
        usual,
        fit_chain(known_state(hazard), hazard, features, outcome.values, usual),
    )


@pytest.mark.parametrize("name", ALL)
def test_both_baselines_are_nested_probabilities(name: str, record: xr.Dataset) -> None:
    hazard, outcome, features, usual, persistence = fitted(name, record)
    known = predict_known(hazard, persistence, features, usual)
    exists = np.isfinite(outcome.values).any(axis=1)
    for chain in (usual, known):
        rows = np.moveaxis(chain, 1, 0)[:, exists]
        assert np.isfinite(rows).all() and (rows >= 0).all() and (rows <= 1).all()
        assert (np.diff(rows, axis=0) <= 1e-12).all()


@pytest.mark.parametrize("name", ALL)
def test_baselines_are_right_on_average_where_they_were_fitted(
    name: str, record: xr.Dataset
) -> None:
    hazard, outcome, features, usual, persistence = fitted(name, record)
    known = predict_known(hazard, persistence, features, usual)
    happened = outcome.values[:, 0]
    seen = np.isfinite(happened)
    assert usual[:, 0][seen].mean() == pytest.approx(happened[seen].mean(), rel=0.15)
    assert known[:, 0][seen].mean() == pytest.approx(happened[seen].mean(), rel=0.25)


def test_climatology_is_the_frequency_of_the_31_days_around(
    made_record: Callable[..., xr.Dataset],
) -> None:
    hazard = hazards()["flash_flood"]
    times = pd.date_range("1990-01-01", "1999-12-31").as_unit("ns")
    days = np.zeros((3, len(times), 1))
    days[0, (times.month == 1) & (times.day == 16)] = 1.0  # one day in each of 10 Januaries
    happened = xr.DataArray(
        days,
        dims=("level", "time", "location"),
        coords={"level": [1, 2, 3], "time": times, "location": ["here"]},
    )
    normals = xr.Dataset(coords={"location": ["here"]})
    usual = fit_climatology(build_outcome(hazard, happened, normals, Options()))
    single = usual.isel(cell=0, location=0).sel(level=1)
    # 16 January is within 15 days of 1..31 January: 10 events of 310 days
    assert (
        single.values[[0, 15, 30]].tolist() == pytest.approx([10 / 310] * 3, rel=0.01)
        and single.values[31] == 0
    )
    # any of three days from the issue day on: three issue days of each event
    window = usual.isel(cell=list(hazard.cells).index(type(hazard.cells[0])(0, 3)), location=0).sel(
        level=1
    )
    assert window.values[15] == pytest.approx(30 / 310, rel=0.01)


def test_the_known_state_counts_where_it_foretells(record: xr.Dataset) -> None:
    """A hot spell that has lasted two days makes the third likely, and a lead of nine days does not know."""
    hazard, _, features, usual, persistence = fitted("heat", record)
    known = predict_known(hazard, persistence, features, usual)
    spell = features["spell_two_days"].values[:, 0, :] == 1
    assert spell.any()
    assert known[0, 1][spell].mean() > 5 * usual[0, 1][spell].mean()
    assert known[9, 1][spell].mean() < 3 * usual[9, 1][spell].mean()


def test_a_state_that_is_not_known_says_so(record: xr.Dataset) -> None:
    hazard, _, features, usual, persistence = fitted("heat", record)
    blind = features.copy(deep=True)
    blind["tmax_anomaly_1d"].values[:10] = np.nan
    known = predict_known(hazard, persistence, blind, usual)
    assert np.isnan(known[:, :, :10]).all() and np.isfinite(known[:, :, 10:]).all()


def test_the_overlap_ensemble_is_certain_when_nothing_is_left_to_happen(record: xr.Dataset) -> None:
    """Drought 90 days ahead over 90 days is the calendar's; 30 days ahead over 365 days is nearly decided."""
    hazard, outcome, features, _, _ = fitted("drought", record)
    share = overlap_of(hazard, features)[:, 0]
    far, near = (share[number][np.isfinite(share[number])] for number in (2, 3))
    assert far.std() < 0.05
    if len(near):
        assert ((near < 0.1) | (near > 0.9)).mean() > 0.5


def test_conditional_steps_multiply_back() -> None:
    chain = np.array([[0.5, 0.2, 0.1], [0.3, 0.0, 0.0]])
    steps = conditional(chain)
    assert steps[0].tolist() == pytest.approx([0.5, 0.4, 0.5]) and np.cumprod(
        steps, axis=1
    ) == pytest.approx(chain)


def test_log_odds_are_finite_at_the_ends() -> None:
    assert log_odds(np.array([0.0, 0.5, 1.0])) == pytest.approx([-9.2102, 0.0, 9.2102], abs=1e-4)
