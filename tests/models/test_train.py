from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from configs import Region
from features.build import build_outcome, delays_of, options_for
from features.calendar import year_blocks
from features.hazards import hazards
from models.train import (
    BLOCKS,
    LABEL_BLOCKS,
    PARAMETERS,
    REPLICAS,
    Model,
    choose_rounds,
    fit,
    forecasters,
    load_model,
    prepare,
    reference_years,
    save_model,
)


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=15.4, places=2, seed=9)


def test_rounds_are_none_where_trees_know_nothing_and_some_where_they_do() -> None:
    rng = np.random.default_rng(0)
    n = 8_000
    x = rng.normal(size=(n, 4)).astype(np.float32)
    block = np.arange(n) * BLOCKS // n
    margin = np.full(n, -1.5)
    blind = [(rng.random(n) < 1 / (1 + np.exp(1.5))).astype(float) for _ in range(8)]
    chosen = [choose_rounds(x, y, margin, block, dict(PARAMETERS)) for y in blind]
    assert (
        np.median(chosen) == 0 and max(chosen) <= 20
    )  # by chance a few rounds help three blocks of four in one draw of four
    told = (rng.random(n) < 1 / (1 + np.exp(1.5 - 2 * x[:, 0]))).astype(float)
    assert choose_rounds(x, told, margin, block, dict(PARAMETERS)) > 10


def test_year_blocks_are_runs_of_whole_years() -> None:
    days = np.arange("1990-01-01", "1998-01-01", dtype="datetime64[D]")
    blocks = year_blocks(days, BLOCKS)
    years = days.astype("datetime64[Y]").astype(int)
    assert [len(set(blocks[years == year])) for year in np.unique(years)] == [1] * 8
    assert (np.diff(blocks) >= 0).all() and set(blocks) == set(range(BLOCKS))


def test_normals_come_from_complete_years_unless_the_region_says(
    record: xr.Dataset, made_region: Region
) -> None:
    assert reference_years(made_region, record) == (
        1990,
        2004,
    )  # 15.4 years from 1990: 2005 is not complete
    assert reference_years(
        made_region.model_copy(update={"reference_period": (1991, 2000)}), record
    ) == (1991, 2000)


@pytest.mark.parametrize("name", sorted(hazards()))
def test_a_saved_model_says_the_same_after_loading(
    name: str,
    fitted_record: xr.Dataset,
    fitted_models: dict[str, Model],
    made_region: Region,
    tmp_path: Path,
) -> None:
    hazard, record, model = hazards()[name], fitted_record, fitted_models[name]
    delays, options = delays_of(record), options_for(hazard, made_region, record)
    days = record["time"].values[-400::40]
    before = forecasters(model, record, days, delays, options)
    save_model(model, before.drop_vars("state_known"), tmp_path / "model")
    loaded, out_of_fold = load_model(tmp_path / "model")
    xr.testing.assert_identical(before, forecasters(loaded, record, days, delays, options))
    assert out_of_fold["model"].shape == before["model"].shape
    assert (
        loaded.meta["trained_until"] == str(record["time"].values[-1])[:10]
        and loaded.meta["fingerprint"] == made_region.fingerprint
    )
    assert {path.suffix for path in (tmp_path / "model").rglob("*") if path.is_file()} == {
        ".nc",
        ".json",
    }
    assert len(loaded.replicas) == REPLICAS
    assert model.outlook is not None and loaded.outlook is not None
    xr.testing.assert_identical(model.outlook.learnt, loaded.outlook.learnt)


def test_fitting_twice_gives_the_same_model(
    fitted_record: xr.Dataset, fitted_models: dict[str, Model], made_region: Region, tmp_path: Path
) -> None:
    again = fit(hazards()["drought"], fitted_record, made_region, "snapshot")
    for number, model in ((1, fitted_models["drought"]), (2, again)):
        save_model(model, xr.Dataset(), tmp_path / str(number))
    found = {path.name for path in (tmp_path / "1").iterdir()}
    assert {"meta.json", "regression.nc", "outlook.nc"} <= found
    for name in found:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_years_labels_use_thresholds_fitted_without_it(
    record: xr.Dataset, made_region: Region
) -> None:
    """A hotter year raises thresholds it is fitted to, and so hides some of its own events."""
    hazard = hazards()["heat"]
    hot = record.copy(deep=True)
    hot["air_temperature_max"].values[(hot["time"].dt.year == 1997).values] += 6.0
    options = options_for(hazard, made_region, hot)
    normals = hazard.fit_normals(hot, options)
    summer = (hot["time"].dt.year == 1997) & (hot["time"].dt.month == 7)
    own = (
        build_outcome(hazard, hazard.events(hot, normals, options), normals, options)
        .isel(cell=0)
        .sel(level=1)
    )
    crossed = prepare(hazard, hot, hot, delays_of(hot), options).outcome.isel(cell=0).sel(level=1)
    assert (
        float((crossed - own)[summer.values].sum()) >= 3 and (crossed >= own)[summer.values].all()
    )
    assert crossed.shape == own.shape and (np.isfinite(crossed) == np.isfinite(own)).all()


@pytest.mark.parametrize("name", sorted(hazards()))
def test_what_a_training_day_reads_does_not_know_the_rest_of_its_years(
    name: str, record: xr.Dataset, made_region: Region
) -> None:
    """Normals and ensembles a day is described with are of other years: what comes later in its own block changes nothing."""
    hazard = hazards()[name]
    block = year_blocks(record["time"].values, LABEL_BLOCKS)
    own = np.flatnonzero(block == block[record["time"].values == np.datetime64("1997-06-01")])
    other = record.copy(deep=True)
    for values in other.data_vars.values():
        values.values[own[200:]] *= 1.05
    options = options_for(hazard, made_region, record)
    one, two = (prepare(hazard, part, part, delays_of(part), options) for part in (record, other))
    days = (
        one.features["init_time"]
        .sel(init_time=slice(record["time"].values[own[0]], record["time"].values[own[199]]))
        .values
    )
    assert len(days) > 10
    assert one.features.sel(init_time=days).equals(two.features.sel(init_time=days))
    assert not one.features.equals(two.features)
