"""Records whose truth is known: no skill is claimed without any, and what is there is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.linear_model import LogisticRegression

from configs import Region, Settings
from features.build import delays_of, options_for
from features.hazards import LEVELS, Cell, Hazard, Options
from models.baselines import log_odds
from models.forecasting import forecasters
from models.predict import ForecastRequest, predict
from models.publishing import live_weights, publish
from models.registry import Registry
from models.training import fit_model
from models.verdicts import KNOWN, NOT_ASSESSED, SKILFUL
from models.verification.backtest import RETRAIN_YEARS, backtest
from models.verification.backtest import test_years as years_tested
from models.verification.comparison import no_worse
from models.verification.samples import Sample, sample
from models.verification.scores import assess, corp
from models.verification.weather_scores import Assessment, assess_weather

TMAX, RAIN, SIGNAL = "air_temperature_max", "precipitation", "relative_humidity"
HEAT_CELLS = (Cell(0, 1), Cell(1, 1), Cell(0, 3))
BLOCK = 30  # days of labels that stay together


def shuffled(hazard: Hazard, record: xr.Dataset, seed: int) -> Hazard:
    """The hazard with its labels in another order, by blocks of days: nothing foretells them."""
    times = record["time"].values
    blocks = len(times) // BLOCK
    order = np.random.default_rng(seed).permutation(blocks)[:, None] * BLOCK + np.arange(BLOCK)
    order = np.append(order.ravel(), np.arange(blocks * BLOCK, len(times)))

    def margins(observations: xr.Dataset, normals: xr.Dataset, options: Options) -> xr.DataArray:
        real = hazard.margins(record, normals, options)
        mixed = real.isel(time=order).assign_coords(time=times)
        return mixed.sel(time=observations["time"].values)

    # days of another date rule nothing out
    kept = tuple(row for row in hazard.predictors if not row.bounds)
    return replace(hazard, margins=margins, predictors=kept)


def claimed_on_shuffled_labels(hazard: Hazard, records: list[xr.Dataset], region: Region) -> float:
    """Share of assessed cells that anything is claimed of, over records.

    The number published loses next to nothing against the climatology.
    """
    shares = []
    for seed, record in enumerate(records):
        scores = assess(
            {hazard.name: backtest(shuffled(hazard, record, seed), record, region)}, region, {}
        )
        said = scores[scores["verdict"] != NOT_ASSESSED]
        assert len(said) >= len(hazard.cells)
        assert (said["brier_published"] <= 1.02 * said["brier_climatology"]).all()
        shares.append(said["verdict"].isin((SKILFUL, KNOWN)).mean())
    return float(np.mean(shares))


def test_shuffled_labels_are_not_called_skill(
    flat_record: Callable, with_cells: Callable, all_year: Region
) -> None:
    records = [flat_record(TMAX, memory=0.7, seed=seed) for seed in range(2)]
    assert claimed_on_shuffled_labels(with_cells("heat", Cell(0, 1)), records, all_year) == 0


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("name", "variable", "memory"),
    [("heat", TMAX, 0.7), ("flash_flood", RAIN, 0.0)],
)
def test_twenty_shuffles_are_called_skill_in_at_most_two_of_a_hundred_cells(
    name: str,
    variable: str,
    memory: float,
    flat_record: Callable,
    with_cells: Callable,
    all_year: Region,
) -> None:
    records = [flat_record(variable, places=2, memory=memory, seed=seed) for seed in range(20)]
    assert claimed_on_shuffled_labels(with_cells(name, *HEAT_CELLS), records, all_year) <= 0.02


def test_a_forecast_learnt_from_shuffled_labels_claims_nothing_and_has_no_trees(
    flat_record: Callable, with_cells: Callable, all_year: Region
) -> None:
    record = flat_record(TMAX, memory=0.7)
    hazard = shuffled(with_cells("heat", Cell(0, 1)), record, seed=0)
    tested = {"heat": backtest(hazard, record, all_year)}
    known = assess(tested, all_year, {})
    model, issued = fit_model(hazard, record, all_year), date(2004, 7, 20)
    assert not model.boosters
    assessment = Assessment(known, assess_weather(tested, known))
    forecast = predict(
        ForecastRequest(
            all_year,
            issued,
            record,
            models={"heat": model},
            backtests=tested,
            assessment=assessment,
        )
    )
    said = forecasters(
        model,
        record,
        np.array([issued], "datetime64[ns]"),
        delays_of(record),
        options_for(hazard, all_year, record),
    )
    assert not {SKILFUL, KNOWN} & set(np.unique(forecast["verdict"]))
    number = publish(live_weights(hazard, tested["heat"]), said)
    assert np.array_equal(forecast["probability"].values, np.round(number, 4), equal_nan=True)


def assert_drought_claims_no_more_than_the_overlap(scores: pd.DataFrame) -> None:
    """At 30 days the overlap is known, 90 days ahead there is none; the model adds to neither."""
    assert SKILFUL not in set(scores["verdict"])
    far, near = (scores[scores["lead_days"] == lead].set_index("level").loc[1] for lead in (90, 30))
    assert near["verdict"] == KNOWN and near["bss_persistence"] < 0.01
    assert abs(1 - near["brier_published"] / near["brier_persistence"]) < 0.02
    assert far["verdict"] != KNOWN
    assert abs(1 - far["brier_published"] / far["brier_climatology"]) < 0.02


DROUGHT_CELLS = (Cell(30, 90), Cell(90, 90))


def test_rain_without_memory_gives_drought_nothing_but_the_overlap(
    flat_record: Callable, with_cells: Callable, all_year: Region
) -> None:
    hazard, record = with_cells("drought", *DROUGHT_CELLS), flat_record(RAIN, years=20)
    assert_drought_claims_no_more_than_the_overlap(
        assess({"drought": backtest(hazard, record, all_year)}, all_year, {})
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_long_rain_without_memory_gives_drought_nothing_but_the_overlap(
    seed: int, flat_record: Callable, with_cells: Callable, all_year: Region
) -> None:
    hazard, record = (
        with_cells("drought", *DROUGHT_CELLS),
        flat_record(RAIN, years=30, places=3, seed=seed),
    )
    scores = assess({"drought": backtest(hazard, record, all_year)}, all_year, {})
    assert_drought_claims_no_more_than_the_overlap(scores)
    # 31 of 90 days unknown: the closed form of a normal gives .91
    assert scores.query("lead_days == 30 and level == 1")["roc_area"].item() == pytest.approx(
        0.91, abs=0.03
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variable", "cell", "years"),
    [("heat", TMAX, Cell(1, 1), 15), ("drought", RAIN, Cell(90, 90), 20)],
)
def test_nothing_is_called_known_where_there_is_nothing_to_know(
    name: str,
    variable: str,
    cell: Cell,
    years: int,
    flat_record: Callable,
    with_cells: Callable,
    all_year: Region,
) -> None:
    hazard, record = with_cells(name, cell), flat_record(variable, years=years, places=2)
    scores = assess({name: backtest(hazard, record, all_year)}, all_year, {})
    assert not {SKILFUL, KNOWN} & set(scores["verdict"])


def signalled(record: xr.Dataset, days_ahead: int, seed: int = 0) -> xr.Dataset:
    """The record with a humidity that tells the Tmax ``days_ahead`` days later, nearly exactly."""
    tmax = record[TMAX].values
    told = np.concatenate([tmax[days_ahead:], np.full((days_ahead, tmax.shape[1]), tmax.mean())])
    noise = np.random.default_rng(seed).normal(0.0, 2.0, tmax.shape)
    humidity = (60.0 + 3.0 * (told - tmax.mean()) + noise).astype(np.float32)
    return record.assign({SIGNAL: (("time", "location"), humidity, {"delay_days": 1})})


def common_scores(hazard: Hazard, record: xr.Dataset, region: Region) -> pd.DataFrame:
    scores = assess({hazard.name: backtest(hazard, record, region)}, region, {}).query("level == 1")
    return scores.set_index("lead_days")


FEW_PLACES, MANY_PLACES = 2, 5  # about 220 events a place


def assert_only_the_thresholds_are_known(row: pd.Series) -> None:
    """Of days without memory no more is known than that thresholds are estimates.

    One that came out low is passed more often: with about 150 days for each, one day in 10 becomes
    0.10 +- sqrt(0.1 * 0.9 / 150) = 0.10 +- 0.024. The true chances under such thresholds have an
    area of 0.57 and a skill of 0.024^2 / (0.1 * 0.9) = 0.006 against a constant.
    """
    assert 0.45 <= row["roc_area"] <= 0.60
    assert row["bss_climatology"] <= 0.01 and row["bss_persistence"] <= 0.005


@pytest.mark.parametrize("places", [FEW_PLACES, pytest.param(MANY_PLACES, marks=pytest.mark.slow)])
def test_a_signal_that_comes_with_the_day_is_of_no_use(
    places: int, flat_record: Callable, with_cells: Callable, all_year: Region
) -> None:
    """It is published on the morning after the day it tells of."""
    record = signalled(flat_record(TMAX, places=places), days_ahead=0)
    scores = common_scores(with_cells("heat", Cell(0, 1)), record, all_year)
    assert scores.loc[0, "n_events"] >= 200 * places
    assert_only_the_thresholds_are_known(scores.loc[0])


@pytest.mark.parametrize("places", [FEW_PLACES, pytest.param(MANY_PLACES, marks=pytest.mark.slow)])
def test_a_signal_of_the_day_before_is_found_and_reaches_no_further(
    places: int, flat_record: Callable, with_cells: Callable, all_year: Region
) -> None:
    record = signalled(flat_record(TMAX, places=places), days_ahead=1)
    scores = common_scores(with_cells("heat", Cell(0, 1), Cell(1, 1)), record, all_year)
    assert scores.loc[0, "roc_area"] > 0.9 and scores.loc[0, "verdict"] == SKILFUL
    assert_only_the_thresholds_are_known(scores.loc[1])


def test_normals_do_not_see_the_years_they_are_tested_on(
    flat_record: Callable, with_cells: Callable, all_year: Region
) -> None:
    """Every fit of normals ends before its fold's test year.

    One on the whole record finds other events and another score.
    """
    heat, record = with_cells("heat", Cell(0, 1)), flat_record(TMAX, memory=0.7)
    record[TMAX].values[(record["time"].dt.year == 2004).values] += 3.0  # the last test year is hot
    newest: list[np.datetime64] = []

    def watched(observations: xr.Dataset, options: Options) -> xr.Dataset:
        newest.append(observations["time"].values[-1])
        return heat.fit_normals(observations, options)

    tested = backtest(replace(heat, fit_normals=watched), record, all_year)
    gap = pd.Timedelta(days=heat.backtesting.gap_days + 1)
    assert sorted(set(newest)) == [
        pd.Timestamp(year, 1, 1) - gap for year in years_tested(heat, record)[::RETRAIN_YEARS]
    ]
    leaking = backtest(
        replace(heat, fit_normals=lambda observations, options: heat.fit_normals(record, options)),
        record,
        all_year,
    )
    honest, leaked = (
        assess({"heat": part}, all_year, {}).query("level == 1").iloc[0]
        for part in (tested, leaking)
    )
    assert honest["n"] == leaked["n"] and honest["n_events"] > 1.1 * leaked["n_events"]
    assert abs(honest["brier"] - leaked["brier"]) > 0.003


def test_the_gate_refuses_a_worse_challenger_and_says_why(
    flat_record: Callable,
    with_cells: Callable,
    all_year: Region,
    tmp_path_factory: pytest.TempPathFactory,
    without_plots: None,
    few_replicas: None,
) -> None:
    """Champion is first the calendar, then the model; the calendar may not come back."""
    heat, record = with_cells("heat", Cell(0, 1)), flat_record(TMAX, memory=0.7)
    model = replace(
        fit_model(heat, record.isel(time=slice(0, 4 * 365)), all_year), replicas=()
    )  # any: the gate compares predictions
    good = backtest(heat, record, all_year)
    poor = good.assign(model=good["climatology"])
    accepted, refused = no_worse(good, poor), no_worse(poor, good)
    assert accepted[0] and not refused[0]
    assert (no_worse(good, poor), no_worse(poor, good)) == (accepted, refused)

    registry = Registry(Settings(tmp_path_factory.mktemp("gate")))
    scores = assess({"heat": good}, all_year, {})
    entries = [
        registry.register(all_year, model, part, scores, "code") for part in (poor, good, poor)
    ]
    assert [entry.champion for entry in entries] == [True, True, False]
    assert registry.champion(all_year, "heat").version == entries[1].version
    tags = [
        registry.client.get_model_version(f"{all_year.name}-heat", entry.version).tags
        for entry in entries
    ]
    assert [tag["gate"] for tag in tags] == ["champion", "champion", "held"]
    assert str(refused[1]) in tags[2]["gate_reason"] and refused[1].code == "gate.worse"
    assert str(accepted[1]) in tags[1]["gate_reason"]


LITTLE = 0.02
"""Of the uncertainty: what thresholds that are estimates give to know is a third of it."""


@dataclass(frozen=True)
class Calibration:
    """Forecast over observed frequency, 95 % interval of the logistic slope, and CORP's parts.

    Miscalibration and resolution are over the uncertainty.
    """

    in_the_large: float
    slope_low: float
    slope_high: float
    miscalibration: float
    resolution: float

    @property
    def good(self) -> bool:
        """The slope is asked where something is known; else it is the noise of what was learnt.

        Log odds that truly vary by s and are learnt within e have the slope s^2 / (s^2 + e^2). With
        thresholds as the only thing to know s is 0.024 / (0.1 * 0.9) = 0.27. 20 numbers learnt from
        1,000 events are within sqrt(20 / 1,000) = 0.14, a slope of 0.79; from 200 within 0.32, one
        of 0.42.
        """
        touches = self.slope_low <= 1.25 and self.slope_high >= 0.8
        spread = touches if self.resolution >= LITTLE else self.miscalibration <= LITTLE
        return abs(self.in_the_large - 1) <= 0.15 and spread and self.miscalibration <= 0.05


def slope(one: Sample, weight: np.ndarray) -> float:
    fitted = LogisticRegression(C=1e6, solver="newton-cholesky").fit(
        log_odds(one.model)[:, None], one.outcome, sample_weight=weight
    )
    return float(fitted.coef_[0, 0])


def calibration(one: Sample, draws: int = 40) -> Calibration:
    """The slope's interval is a bootstrap over whole years."""
    random, years = np.random.default_rng(0), len(one.blocks)
    index = np.searchsorted(one.blocks, one.block)
    slopes = [
        slope(one, random.multinomial(years, np.full(years, 1 / years))[index] + 1e-9)
        for _ in range(draws)
    ]
    low, high = np.quantile(slopes, [0.025, 0.975])
    reliability, resolution, uncertainty = corp(one.model, one.outcome)
    return Calibration(
        one.model.mean() / one.outcome.mean(),
        float(low),
        float(high),
        reliability / uncertainty,
        resolution / uncertainty,
    )


def calibrations(
    hazard: Hazard, record: xr.Dataset, region: Region
) -> dict[tuple[int, int, int], Calibration]:
    """By lead, window and level, where there are 100 events."""
    tested = backtest(hazard, record, region)
    ones = {
        (c.lead_days, c.window_days, k): sample(tested, number, k)
        for number, c in enumerate(hazard.cells)
        for k in LEVELS
    }
    return {key: calibration(one) for key, one in ones.items() if one.outcome.sum() >= 100}


def test_chances_come_true_as_often_as_they_say(
    flat_record: Callable, with_cells: Callable, all_year: Region
) -> None:
    found = calibrations(
        with_cells("heat", Cell(0, 1)), flat_record(TMAX, places=3, memory=0.7), all_year
    )
    assert set(found) == {(0, 1, 1), (0, 1, 2)}
    assert {key: part for key, part in found.items() if not part.good} == {}


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(
    ("name", "variable", "memory", "cells", "seed"),
    [
        ("heat", TMAX, 0.7, (*HEAT_CELLS, Cell(3, 1)), 0),
        ("flash_flood", RAIN, 0.0, HEAT_CELLS, 1),
    ],
)
def test_chances_of_long_records_come_true_as_often_as_they_say(
    name: str,
    variable: str,
    memory: float,
    cells: tuple[Cell, ...],
    seed: int,
    flat_record: Callable,
    with_cells: Callable,
    all_year: Region,
) -> None:
    found = calibrations(
        with_cells(name, *cells),
        flat_record(variable, years=25, places=4, memory=memory, seed=seed),
        all_year,
    )
    assert len(found) >= len(cells)
    assert {key: part for key, part in found.items() if not part.good} == {}
