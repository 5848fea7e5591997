"""The outlook: quantiles that come true as often as they say, and never say what cannot be."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.signal import lfilter

from features.build import delays_of
from features.hazards import Cell, Hazard, Options, always, hazards
from models.forecasting import read_state
from models.quantiles import QUANTILES, fit_quantity, grade_quantiles, pinball, predict_quantiles
from models.training import TrainingSet, build_training_set, train_model

ALL_YEAR = Options(warm_season=(1, 12))
CELLS = (Cell(0, 1), Cell(3, 1), Cell(0, 3))


@dataclass(frozen=True)
class Taught:
    """What was learnt from a record's first years, and what it said of the days after them."""

    training: TrainingSet
    made: xr.DataArray
    past: xr.Dataset


def seasonal_tmax(years: int, places: int, seed: int) -> xr.Dataset:
    """Tmax (degC) with memory 0.7 and skewness; its deviation is 2 in July and 6 in January."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("1950-01-01", periods=round(years * 365.2425)).as_unit("ns")
    season = np.cos(2 * np.pi * (times.day_of_year.to_numpy() - 15) / 365.25)[:, None]
    shocks = rng.gamma(2.0, 1 / np.sqrt(2), (len(times), places)) - np.sqrt(2)
    anomaly = lfilter([np.sqrt(1 - 0.7**2)], [1, -0.7], shocks, axis=0)
    values = (22 - 8 * season + (4 + 2 * season) * anomaly).astype(np.float32)
    coords = {"time": times, "location": [f"place_{number}" for number in range(places)]}
    return xr.Dataset(
        {"air_temperature_max": (("time", "location"), values, {"delay_days": 1})}, coords
    )


def taught(
    name: str, record: xr.Dataset, until: str, options: Options = ALL_YEAR, cells=CELLS
) -> Taught:
    hazard = replace(hazards()[name], cells=cells)
    if not hazard.windows_look_back:
        hazard = replace(hazard, applies=always(cells))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module(f"features.hazards.{name}"), "CELLS", cells)
        patch.setitem(hazards(), name, hazard)
        return _taught(hazard, record, until, options)


def _taught(hazard: Hazard, record: xr.Dataset, until: str, options: Options) -> Taught:
    train, delays = record.sel(time=slice(None, until)), delays_of(record)
    training = build_training_set(hazard, train, train, delays, options)
    model = train_model(training, search_rounds=False)
    fitted = fit_quantity(hazard, training.inputs, hazard.history(train, training.normals, options))
    after = record["time"].values[train.sizes["time"] :: hazard.backtesting.step_days]
    state = read_state(model, record, after, delays, options)
    made = predict_quantiles(hazard, fitted, state, training.normals, options)
    return Taught(training, made, hazard.history(record, training.normals, options))


@pytest.fixture(scope="module")
def seasonal() -> Taught:
    """25 years learnt from and 10 later ones, at two places."""
    return taught("heat", seasonal_tmax(35, 2, seed=5), "1974-12-31")


def of_months(made: xr.DataArray, *months: int) -> xr.DataArray:
    return made.sel(init_time=made["init_time"].dt.month.isin(months))


def test_outcomes_fall_inside_as_often_as_the_quantiles_say(seasonal: Taught) -> None:
    graded = grade_quantiles(seasonal.made, seasonal.past)
    assert graded["lead_days"].tolist() == [0, 3] and (graded["n"] > 7_000).all()
    assert graded["inside_90"].tolist() == pytest.approx([0.90, 0.90], abs=0.04)
    assert graded["inside_50"].tolist() == pytest.approx([0.50, 0.50], abs=0.05)


@pytest.mark.parametrize("months", [(12, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11)])
def test_coverage_holds_in_every_season(seasonal: Taught, months: tuple[int, ...]) -> None:
    """Though winters vary three times as much as summers."""
    graded = grade_quantiles(of_months(seasonal.made, *months), seasonal.past)
    assert ((graded["inside_90"] > 0.84) & (graded["inside_90"] < 0.96)).all()


def test_the_newest_value_narrows_the_next_day_and_not_a_far_one(seasonal: Taught) -> None:
    width = seasonal.made.sel(quantile=0.95) - seasonal.made.sel(quantile=0.05)
    near, far = (float(width.isel(cell=cell).mean()) for cell in (0, 1))
    # lag-1 correlation .7: the deviation of the next day is sqrt(1 - .49) = .71 of the calendar's
    assert near / far == pytest.approx(0.71 / np.sqrt(1 - 0.7**8), abs=0.08)


def test_quantiles_beat_the_calendars_own(seasonal: Taught) -> None:
    normal = seasonal.past["normal"].sel(time=seasonal.made["init_time"].values).values
    actual = seasonal.past["value"].sel(time=seasonal.made["init_time"].values).values
    training = seasonal.training.margins["init_time"].values
    learnt = seasonal.past.sel(time=training)
    spread = np.quantile((learnt["value"] - learnt["normal"]).values, QUANTILES)
    usual = normal[..., None] + spread
    said = np.moveaxis(seasonal.made.values[:, 0], 0, -1)
    ok = np.isfinite(said).all(axis=-1)
    assert pinball(said[ok], actual[ok]).mean() < 0.85 * pinball(usual[ok], actual[ok]).mean()


def test_quantiles_never_cross_and_windows_of_days_have_none(seasonal: Taught) -> None:
    single = seasonal.made.values[:, :2]
    shown = np.isfinite(single).all(axis=0)
    assert shown.mean() > 0.99 and (np.diff(single[:, shown], axis=0) >= 0).all()
    assert np.isnan(seasonal.made.values[:, 2]).all()


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("flash_flood", 0.0, np.inf), ("river_flood", 0.0, np.inf), ("drought", -3.0, 3.0)],
)
def test_nothing_impossible_is_said(name: str, low: float, high: float, made_record) -> None:
    record = made_record(years=14, places=2, seed=9)
    cells = (Cell(30, 90), Cell(30, 365)) if name == "drought" else CELLS
    made = taught(name, record, str(record["time"].values[-400])[:10], Options(), cells).made
    shown = made.values[np.isfinite(made.values)]
    assert shown.size and shown.min() >= low and shown.max() <= high
    whole = made.values[:, np.isfinite(made.values).all(axis=0)]
    assert (np.diff(whole, axis=0) >= 0).all()


def test_a_place_without_a_record_has_no_outlook_and_changes_no_other() -> None:
    record = seasonal_tmax(12, 2, seed=3)
    empty = record.copy(deep=True)
    empty["air_temperature_max"].values[:, 1] = np.nan
    made = taught("heat", empty, "1960-12-31").made
    alone = taught("heat", record.isel(location=[0]), "1960-12-31").made
    assert np.isnan(made.values[..., 1]).all()
    np.testing.assert_allclose(made.values[..., 0], alone.values[..., 0], atol=0.05)


def test_a_short_record_has_no_outlook() -> None:
    record = seasonal_tmax(4, 1, seed=3)
    hazard = hazards()["heat"]
    training = build_training_set(hazard, record, record, delays_of(record), ALL_YEAR)
    past = hazard.history(record, training.normals, ALL_YEAR)
    assert fit_quantity(hazard, training.inputs, past) is None


def test_pinball_is_least_for_the_true_quantiles() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=20_000)
    true = np.quantile(y, QUANTILES)
    loss = [
        pinball(np.broadcast_to(true + shift, (len(y), 5)), y).mean() for shift in (-0.3, 0, 0.3)
    ]
    assert loss[1] < min(loss[0], loss[2])
