"""A registered model as MLflow loads it: found by its alias, and it answers as live runs do."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from registered import HEAT, changed, out_of_fold

from configs import Region, RiskError, Settings
from features.build import delays_of, options_for
from features.hazards import hazards
from models.forecasting import forecasters
from models.registry import Registry
from models.registry.manifest import Damaged
from models.registry.signature import OPTIONS, OUTPUT_COLUMNS, input_columns, options_of
from models.serving import Served, _load_pyfunc, located
from models.training import Model, fit_model
from models.verification.scores import assess

KEYS = ["location", "level", "lead_days", "window_days"]


def table_of(observations: xr.Dataset, days: int | None = None) -> pd.DataFrame:
    """The record as a table a user would give, of the last ``days``."""
    rows = observations.isel(time=slice(-days if days else None, None))[
        list(observations.data_vars)
    ].reset_coords(drop=True)
    return rows.to_dataframe().reset_index().astype({"location": str})


def issued_after(observations: xr.Dataset) -> np.datetime64:
    return observations["time"].values[-1] + np.timedelta64(1, "D")


def spoken(
    model: Model, observations: xr.Dataset, region: Region, issued: np.datetime64
) -> pd.DataFrame:
    """What the forecasters say, as live runs ask them."""
    hazard = hazards()[model.hazard]
    options = options_for(hazard, region, observations)
    made = forecasters(
        model, observations, np.array([issued]), delays_of(observations), options
    ).isel(init_time=0, drop=True)
    return made.to_dataframe().reset_index().sort_values(KEYS, ignore_index=True)


def same(said: pd.DataFrame, expected: pd.DataFrame, tolerance: float = 0.0) -> None:
    """The answer's numbers are the forecasters'; where an event cannot be there is 0 or no row."""
    both = said.merge(expected, on=KEYS, suffixes=("", "_expected"), validate="one_to_one")
    assert len(both) == len(said) > 0
    possible = both["climatology"] != 0
    for column, forecaster in (
        ("probability", "model"),
        ("persistence", "persistence_expected"),
        ("climatology", "climatology_expected"),
    ):
        assert (said[column].between(0, 1) | said["climatology"].isna()).all()
        np.testing.assert_allclose(
            both.loc[possible, column], both.loc[possible, forecaster], rtol=0, atol=tolerance
        )


@pytest.mark.parametrize("name", hazards())
def test_every_hazard_answers_as_its_forecasters_do(
    name: str, fitted_models: dict[str, Any], fitted_record: xr.Dataset, made_region: Region
) -> None:
    model = fitted_models[name]
    served = Served(model, options_of(model, made_region, fitted_record))
    said = served.predict(table_of(fitted_record))
    assert list(said.columns) == [column for column, _ in OUTPUT_COLUMNS]
    as_text = table_of(fitted_record).astype({"time": str})
    pd.testing.assert_frame_equal(served.predict(as_text), said)
    assert set(said["hazard"]) == {name}
    issued = issued_after(fitted_record)
    days = (said["valid"] - pd.Timestamp(issued)).dt.days
    assert (days == said["lead_days"]).all()
    same(said, spoken(model, fitted_record, made_region, issued))


@pytest.mark.parametrize("name", hazards())
def test_a_short_record_does_and_places_may_be_asked_for_alone(
    name: str, fitted_models: dict[str, Any], fitted_record: xr.Dataset, made_region: Region
) -> None:
    """No predictor looks further back than the hazard's memory and its delay."""
    model = fitted_models[name]
    served = Served(model, options_of(model, made_region, fitted_record))
    table = table_of(fitted_record, hazards()[name].memory_days + 10)
    said = served.predict(table[table["location"] == "place_1"])
    assert set(said["location"]) == {"place_1"}
    # Sums over a shorter record are taken from another start, in float32.
    same(said, spoken(model, fitted_record, made_region, issued_after(fitted_record)), 1e-4)


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=6.5, places=2, variables=("air_temperature_max",), seed=3)


@pytest.fixture(scope="module")
def model(record: xr.Dataset, made_region: Region) -> Model:
    return fit_model(HEAT, record, made_region, "SNAPSHOT1")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model: Model, made_region: Region) -> Settings:
    """A home whose testland-heat has a champion."""
    settings = Settings(tmp_path_factory.mktemp("a home with spaces and é"))
    folds = out_of_fold(0.8)
    scores = assess({"heat": folds}, made_region, {})
    assert Registry(settings).register(made_region, model, folds, scores, "abc123").champion
    return settings


@pytest.fixture
def mlflow() -> Iterator[Any]:
    """MLflow, with the address it had before put back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own type hints
        import mlflow.pyfunc

    before = mlflow.get_tracking_uri()
    yield mlflow
    mlflow.set_tracking_uri(before)


def loaded(mlflow: Any, settings: Settings) -> Any:
    mlflow.set_tracking_uri(f"sqlite:///{settings.mlruns / 'mlflow.db'}")
    return mlflow.pyfunc.load_model("models:/testland-heat@champion")


def folder_of(settings: Settings) -> Path:
    (path,) = settings.mlruns.rglob("MLmodel")
    return path.parent


def test_mlflow_loads_the_champion_by_its_alias_and_it_answers(
    mlflow: Any, home: Settings, model: Model, record: xr.Dataset, made_region: Region
) -> None:
    served = loaded(mlflow, home)
    table = table_of(record)
    said = served.predict(table)
    same(said, spoken(model, record, made_region, issued_after(record)))
    day = date(1995, 7, 1)
    earlier = served.predict(table, params={"issued": day.isoformat()})
    known = record.sel(time=slice(None, np.datetime64(day - timedelta(days=1))))
    same(earlier, spoken(model, known, made_region, np.datetime64(day, "ns")))
    pd.testing.assert_frame_equal(earlier, served.predict(table[table["time"] < pd.Timestamp(day)]))


def test_loading_it_leaves_the_champion_whole(mlflow: Any, home: Settings, made_region) -> None:
    """MLflow writes a note of its own into the folder; nothing else may be added."""
    loaded(mlflow, home)
    folder = folder_of(home)
    assert (folder / "registered_model_meta").is_file()
    found = Registry(home).champion(made_region, "heat")
    assert (found.version, found.degraded) == ("1", None)
    loaded(mlflow, home)


def test_mlmodel_says_what_goes_in_and_out_and_names_no_place(home: Settings) -> None:
    text = (folder_of(home) / "MLmodel").read_text()
    assert str(home.home) not in text
    said = yaml.safe_load(text)
    assert said["flavors"]["python_function"]["loader_module"] == "models.serving"
    columns = {one["name"]: one for one in json.loads(said["signature"]["inputs"])}
    assert columns["time"]["type"] == "datetime" and columns["location"]["required"]
    assert columns["air_temperature_max"] == {
        "type": "double",
        "name": "air_temperature_max",
        "required": True,
    }
    outputs = [one["name"] for one in json.loads(said["signature"]["outputs"])]
    assert outputs == [name for name, _ in OUTPUT_COLUMNS]
    assert not [path for path in folder_of(home).rglob("*") if path.suffix in (".pkl", ".pickle")]


@pytest.mark.parametrize("name", ["MLmodel", OPTIONS, "meta.json"])
def test_a_file_that_was_changed_is_not_served(tmp_path: Path, home: Settings, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folder_of(home), folder)
    assert _load_pyfunc(str(folder)).model.hazard == "heat"
    (folder / name).write_text((folder / name).read_text() + " ")
    with pytest.raises(Damaged, match=name):
        _load_pyfunc(str(folder))


def test_a_home_that_was_moved_serves_once_its_registry_was_opened(
    tmp_path: Path, mlflow: Any, home: Settings, record: xr.Dataset
) -> None:
    shutil.copytree(home.home, tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after, elsewhere")
    moved = Settings(tmp_path / "after, elsewhere")
    Registry(moved)
    served = loaded(mlflow, moved)
    assert len(served.predict(table_of(record, 900)))
    assert (folder_of(moved) / "registered_model_meta").is_file()


def test_what_the_region_says_of_the_hazard_goes_with_the_model(
    model: Model, record: xr.Dataset, made_region: Region
) -> None:
    warm = changed(made_region, warm_season=(6, 9), thresholds={"heat": {"heat_floor": 30.0}})
    options = options_of(model, warm, None)
    assert (options.warm_season, dict(options.thresholds)) == ((6, 9), {"heat_floor": 30.0})
    south = record.assign_coords(latitude=-record["latitude"])
    assert options_of(model, made_region, south).warm_season == (11, 4)
    place = {"id": "place_0", "latitude": -30.0}
    assert options_of(model, changed(made_region, locations=[place]), None).warm_season == (11, 4)


def test_a_record_of_the_only_place_needs_no_location(
    model: Model, record: xr.Dataset, made_region: Region
) -> None:
    alone = replace(model, meta={**model.meta, "locations": ["here"]})
    assert ("location", "string", False) in input_columns(alone)
    assert ("location", "string", True) in input_columns(model)
    table = table_of(record, 900).drop(columns="location")
    assert set(located(table, alone)["location"]) == {"here"}
    served = Served(model, options_of(model, made_region, record))
    with pytest.raises(RiskError, match="'location' is missing"):
        served.predict(table)


TWICE = "stands twice"
WRONG: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], dict[str, Any], str]] = {
    "no value column": (lambda t: t.drop(columns="air_temperature_max"), {}, "is missing, add it"),
    "no time": (lambda t: t.drop(columns="time"), {}, "'time' is missing"),
    "no rows": (lambda t: t.iloc[:0], {}, "found no row"),
    "a stranger": (lambda t: t.assign(location="nowhere"), {}, "'nowhere', expected .* place_0"),
    "a day twice": (lambda t: pd.concat([t, t.iloc[:1]]), {}, TWICE),
    "hours": (lambda t: t.assign(time=t["time"] + pd.Timedelta("1h")), {}, "without an hour"),
    "kelvin": (lambda t: t.assign(air_temperature_max=293.6), {}, "-90 to 60 degC"),
    "no value": (lambda t: t.assign(air_temperature_max=np.nan), {}, "found no value"),
    "no day": (lambda t: t, {"issued": "tomorrow-ish"}, "expected a day such as"),
    "a day before": (lambda t: t, {"issued": "1980-01-01"}, "expected a later day"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_table_that_cannot_be_read_gets_one_sentence(
    name: str, model: Model, record: xr.Dataset, made_region: Region
) -> None:
    change, params, words = WRONG[name]
    served = Served(model, options_of(model, made_region, record))
    with pytest.raises(RiskError, match=words) as caught:
        served.predict(change(table_of(record, 900)), params)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
