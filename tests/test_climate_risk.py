"""The public names: each gives what the packages give, and nothing but those names is needed."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import climate_risk as cr
from configs import CHECKOUT, Region
from data_contracts.variables import VARIABLES
from features.build import delays_of, options_for

PACKAGES = ("configs", "data_contracts", "features", "flows", "models", "reports", "sources")
FORECASTERS = ["model", "persistence", "climatology", "climatology_smoothed", "published"]
KEYS = ["issued", "valid", "location", "hazard", "level", "lead_days", "window_days", "days_late"]


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=15.2, places=2, seed=3)


@pytest.fixture(scope="module")
def drought(record: xr.Dataset, made_region: Region):
    """The hazard that learns fastest, since it is issued on every fifth day."""
    return cr.fit("drought", record, made_region)


@pytest.mark.parametrize("name", [name for name in cr.__all__ if name not in {"Region"}])
def test_every_public_name_says_what_it_takes_and_gives(name: str) -> None:
    thing = getattr(cr, name)
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing) and thing.__module__ == "climate_risk":
        text = inspect.getdoc(thing) or ""
        assert "Returns:" in text
        assert all(f"{argument}: " in text for argument in inspect.signature(thing).parameters)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    script = "import sys, climate_risk; print({'xarray', 'xgboost', 'mlflow'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


def test_no_package_leans_on_the_public_names() -> None:
    users = [
        path
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "climate_risk" in {getattr(node, "module", ""), *(name.name for name in node.names)}
    ]
    assert users == []


def test_the_variables_table_is_the_one_of_the_contract() -> None:
    assert list(cr.variables().index) == list(VARIABLES)
    assert cr.variables().loc["precipitation", "units"] == "mm"


def test_the_tunis_record_comes_through_the_store() -> None:
    observations = cr.load_observations(cr.load_region("tunis"))
    assert observations["precipitation"].dims == ("time", "location")
    assert observations["precipitation"].attrs["delay_days"] == 1
    assert str(observations["time"].values[-1])[:10] == "2002-05-31"
    table = cr.to_table(observations)
    assert len(table) == observations.sizes["time"]
    assert {"time", "location", "air_temperature_max"} <= set(table)


def test_of_a_grid_the_cells_come_that_models_learn_from(tmp_path: Path) -> None:
    """Three tiles, of which one is learnt from; the home is as a run would leave it."""
    days, rng = pd.date_range("2001-01-01", periods=40), np.random.default_rng(1)
    axes = {"time": days, "latitude": 33.95 - 0.1 * np.arange(10), "longitude": 0.1 * np.arange(40)}
    heat = (("time", "latitude", "longitude"), 20 + rng.normal(size=(40, 10, 40)).round(2))
    weather = xr.Dataset({"air_temperature_max": heat}, axes)
    weather["air_temperature_max"].attrs["units"] = "degC"
    weather.to_netcdf(tmp_path / "weather.nc")
    (tmp_path / "cells.yaml").write_text(
        "name: cells\ntitle: C\nsources: [gridded_files]\n"
        "grid: {west: -0.05, south: 33, east: 3.95, north: 34, step: 0.1, learning_cells: 4}\n"
        "source_options: {gridded_files: {path: weather.nc}}\n"
    )
    region, home = cr.load_region(tmp_path / "cells.yaml"), tmp_path / "home"
    found = cr.load_observations(region, home)["air_temperature_max"]
    assert dict(found.sizes) == {"time": 40, "location": 4}
    there = weather["air_temperature_max"].sel(
        latitude=found["latitude"], longitude=found["longitude"], method="nearest"
    )
    np.testing.assert_allclose(found.values, there.transpose("time", ...).values, atol=1e-3)
    folder = home / "data" / "store" / "cells"
    stored = {path.name for path in folder.glob("*-*") if path.is_dir()}
    assert len(stored) == 1
    assert not (folder / "refs").exists()


def test_predict_gives_what_live_runs_are_given(
    drought, record: xr.Dataset, made_region: Region
) -> None:
    from models.forecasting import forecasters

    days = ["2004-07-01", "2004-12-01"]
    table = cr.predict(drought, record, made_region, days)
    assert list(table)[: len(KEYS)] == KEYS and set(FORECASTERS) < set(table)
    assert table[FORECASTERS].min().min() >= 0 and table[FORECASTERS].max().max() <= 1
    options = options_for(cr.hazards()["drought"], made_region, record)
    said = forecasters(
        drought, record, np.array(days, "datetime64[ns]"), delays_of(record), options
    )
    index = ["issued", "location", "level", "lead_days", "window_days"]
    expected = said.to_dataframe().reset_index().rename(columns={"init_time": "issued"})
    both = table.merge(expected, on=index, suffixes=("", "_expected"), validate="one_to_one")
    assert len(both) == len(table) == 2 * 2 * 3 * 3  # days, locations, levels, leads
    np.testing.assert_array_equal(both["model"], both["model_expected"])
    assert ((table["valid"] - table["issued"]).dt.days == table["lead_days"]).all()


def test_predict_reads_nothing_published_later(
    drought, record: xr.Dataset, made_region: Region
) -> None:
    whole = cr.predict(drought, record, made_region, "2004-07-01")
    cut = cr.predict(drought, record.sel(time=slice(None, "2004-06-30")), made_region)
    assert (cut["issued"] == np.datetime64("2004-07-01")).all()
    np.testing.assert_array_equal(whole[FORECASTERS], cut[FORECASTERS])


def test_features_are_of_the_days_asked_for(record: xr.Dataset, made_region: Region) -> None:
    features = cr.build_features("heat", record, made_region, ["2004-07-01", "2004-07-02"])
    assert features.sizes["init_time"] == 2
    assert set(features) == set(cr.hazards()["heat"].features)


def test_a_backtest_is_scored_alone_or_by_name(record: xr.Dataset, made_region: Region) -> None:
    tested = cr.backtest("drought", record, made_region)
    alone, named = cr.score(tested, made_region), cr.score({"drought": tested}, made_region)
    assert alone.equals(named) and (alone["n"] > 0).all()


def test_an_error_names_what_there_is(record: xr.Dataset, made_region: Region) -> None:
    with pytest.raises(cr.RiskError, match="flod.*expected one of.*flash_flood"):
        cr.fit("flod", record, made_region)
    dry = record.drop_vars("precipitation")
    with pytest.raises(cr.RiskError, match="no precipitation"):
        cr.backtest("flash_flood", dry, made_region)
