from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from features.build import build_outcome, delays_of
from features.hazards import Options, happened, hazards
from models.baselines import (
    conditional,
    fit_climatology,
    log_odds,
    overlap_of,
    predict_climatology,
)
from models.forecasting import forecasters
from models.training import TrainingSet, build_training_set, train_model

ALL = sorted(hazards())


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=12, places=2, seed=5)


def learn(name: str, record: xr.Dataset) -> tuple[TrainingSet, xr.Dataset, np.ndarray]:
    """A training set of the record, every forecaster on its issue days, and what happened."""
    hazard, delays = hazards()[name], delays_of(record)
    training = build_training_set(hazard, record, record, delays, Options())
    model = train_model(training, search_rounds=False)
    days = training.features["init_time"].values[400 // hazard.backtesting.step_days :: 5]
    made = forecasters(model, record, days, delays, Options())
    return training, made, happened(training.issued.sel(init_time=days)).values


@pytest.fixture(scope="module")
def learnt(record: xr.Dataset) -> Callable[[str], tuple[TrainingSet, xr.Dataset, np.ndarray]]:
    """What ``learn`` gives of a hazard and the record, learnt once."""
    return cache(lambda name: learn(name, record))


@pytest.mark.parametrize("name", ALL)
def test_both_baselines_are_nested_probabilities(name: str, learnt: Callable) -> None:
    _, made, outcome = learnt(name)
    exists = np.isfinite(outcome).all(axis=1)
    for forecaster in ("climatology", "persistence"):
        rows = np.moveaxis(made[forecaster].values, 1, 0)[:, exists]
        assert np.isfinite(rows).all() and (rows >= 0).all() and (rows <= 1).all()
        assert (np.diff(rows, axis=0) <= 1e-12).all()


@pytest.mark.parametrize("name", ALL)
def test_baselines_are_right_on_average_where_they_were_fitted(name: str, learnt: Callable) -> None:
    _, made, outcome = learnt(name)
    seen = np.isfinite(outcome[:, 0])
    mean = outcome[:, 0][seen].mean()
    for forecaster, within in (("climatology", 0.15), ("persistence", 0.25)):
        assert made[forecaster].values[:, 0][seen].mean() == pytest.approx(mean, rel=within)


def test_climatology_is_the_frequency_of_the_31_days_around(
    made_record: Callable[..., xr.Dataset],
) -> None:
    hazard = hazards()["flash_flood"]
    times = pd.date_range("1990-01-01", "1999-12-31").as_unit("ns")
    days = np.zeros((3, len(times), 1))
    days[0, (times.month == 1) & (times.day == 16)] = 1.0  # one day in each of 10 Januaries
    daily = xr.DataArray(
        days,
        dims=("level", "time", "location"),
        coords={"level": [1, 2, 3], "time": times, "location": ["here"]},
    )
    normals = xr.Dataset(coords={"location": ["here"]})
    usual = fit_climatology(build_outcome(hazard, daily, normals, Options()))
    single = usual.isel(cell=0, location=0).sel(level=1)
    # 16 January is within 15 days of 1..31 January: 10 events of 310 days
    assert (
        single.values[[0, 15, 30]].tolist() == pytest.approx([10 / 310] * 3, rel=0.01)
        and single.values[31] == 0
    )
    # asked on 10 January: of the 13th, three days ahead, and of 1 February, which none is near
    leads = np.array([cell.lead_days for cell in hazard.cells])
    for issued, near in (("2001-01-10", True), ("2001-01-29", False)):
        days = np.array([issued], "datetime64[ns]")
        said = predict_climatology(usual, days, leads)[leads.tolist().index(3), 0, 0, 0]
        assert said == pytest.approx(10 / 310 if near else 0.0, rel=0.01)
    # any of three days from the issue day on: three issue days of each event
    window = usual.isel(cell=list(hazard.cells).index(type(hazard.cells[0])(0, 3)), location=0).sel(
        level=1
    )
    assert window.values[15] == pytest.approx(30 / 310, rel=0.01)


def test_a_climatology_needs_five_years_of_its_window() -> None:
    hazard = hazards()["flash_flood"]
    times = pd.date_range("1990-01-01", "1993-12-31").as_unit("ns")
    longer = pd.date_range("1990-01-01", "1994-06-30").as_unit("ns")
    normals = xr.Dataset(coords={"location": ["here"]})
    for days, known in ((times, []), (longer, range(0, 366))):
        daily = xr.DataArray(
            np.zeros((3, len(days), 1)),
            dims=("level", "time", "location"),
            coords={"level": [1, 2, 3], "time": days, "location": ["here"]},
        )
        usual = fit_climatology(build_outcome(hazard, daily, normals, Options()))
        finite = np.isfinite(usual.values[0, 0, :, 0])
        # the fifth year ends in June: windows that reach a day of it, from 17 December to 15 July
        expected = np.zeros(366, dtype=bool)
        if known:
            expected[:197], expected[-15:] = True, True
        assert (finite == expected).all()


def test_the_known_state_counts_where_it_foretells(learnt: Callable) -> None:
    """A hot spell of two days makes the third likely; a lead of nine days does not know."""
    training, made, _ = learnt("heat")
    known, usual = made["persistence"].values, made["climatology"].values
    at = np.isin(training.features["init_time"].values, made["init_time"].values)
    spell = training.features["spell_two_days"].values[at] == 1
    assert spell.any()
    assert known[0, 1][spell].mean() > 5 * usual[0, 1][spell].mean()
    assert known[9, 1][spell].mean() < 3 * usual[9, 1][spell].mean()


def test_the_overlap_ensemble_is_certain_when_nothing_is_left_to_happen(learnt: Callable) -> None:
    """Drought 90 days ahead over 90 days is the calendar's.

    30 days ahead over 365 nearly decided.
    """
    training, _, _ = learnt("drought")
    share = overlap_of(training.hazard, training.features)[:, 0]
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
