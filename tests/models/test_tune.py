from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from configs import Region, Settings
from features.hazards import hazards
from models.registry import Registry
from models.train import PARAMETERS
from models.tune import SEARCHED, Rows, Study, first_rows, first_window, relative_loss, tune

HEAT = hazards()["heat"]


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=15, seed=3)


@pytest.fixture(scope="module")
def study(record: xr.Dataset, made_region: Region) -> Study:
    return tune(HEAT, [(made_region, record)], trials=4)


def rows(signal: float, seed: int = 0) -> Rows:
    """Eight years of 365 rows with two predictors, of which the first moves the log-odds by ``signal``; the known state says 1/2."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(8 * 365, 2))
    y = (random.random(len(x)) < 1 / (1 + np.exp(-signal * x[:, 0]))).astype(float)
    return Rows("made", x, y, np.zeros(len(x)), np.repeat(np.arange(4), 2 * 365))


def test_the_first_window_ends_a_gap_before_the_first_scored_year(record: xr.Dataset) -> None:
    # 15 years from 1990: heat trains on min(10, 60 % = 9) years first, so 1999 is scored, and the gap is 42 days
    assert str(first_window(HEAT, record)["time"].values[-1])[:10] == "1998-11-19"


def test_years_that_are_scored_change_nothing(record: xr.Dataset, made_region: Region) -> None:
    changed = record.copy(deep=True)
    late = changed["time"].dt.year.values >= 1999
    for name in changed.data_vars:
        changed[name].values[late] += 7.0
    for one, other in zip(
        first_rows(HEAT, record, made_region), first_rows(HEAT, changed, made_region), strict=True
    ):
        assert np.array_equal(one.x, other.x, equal_nan=True) and np.array_equal(one.y, other.y)
        assert np.array_equal(one.margin, other.margin)


def test_trees_are_credited_with_what_they_find_and_with_nothing_else() -> None:
    # a predictor that moves the log-odds by 2 leaves about 0.74 of ln 2
    assert relative_loss([rows(signal=2.0)], {}) < 0.85
    assert relative_loss([rows(signal=0.0)], {}) == pytest.approx(1.0, abs=0.003)


def test_a_search_starts_from_our_own_parameters(study: Study) -> None:
    first = study.trials.iloc[0]
    assert {name: first[name] for name in SEARCHED} == pytest.approx(
        {name: PARAMETERS[name] for name in SEARCHED}
    )
    assert first["loss"] == pytest.approx(study.loss_of_defaults)
    assert len(study.trials) == 4 and set(study.best) == set(SEARCHED)
    assert study.trials["loss"].min() == pytest.approx(
        study.loss, abs=0.01
    )  # rounding the parameters moves it a little
    assert study.records == ("testland",)


def test_a_search_is_repeatable(study: Study, record: xr.Dataset, made_region: Region) -> None:
    again = tune(HEAT, [(made_region, record)], trials=4)
    assert again.best == study.best and again.loss == study.loss


def test_a_study_is_a_run_in_mlflow(study: Study, made_region: Region, home: Settings) -> None:
    registry = Registry(home)
    run = registry.client.get_run(registry.log_study(made_region, study))
    assert run.info.run_name == "study heat" and run.info.status == "FINISHED"
    assert run.data.params["best.max_depth"] == str(study.best["max_depth"])
    assert [m.step for m in registry.client.get_metric_history(run.info.run_id, "loss")] == [
        0,
        1,
        2,
        3,
    ]
    assert [file.path for file in registry.client.list_artifacts(run.info.run_id)] == ["trials.csv"]
