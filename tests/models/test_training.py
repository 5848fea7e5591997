"""From a record to a model: blocks of years without themselves, replicas, what past days rule
out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from configs import Region
from features.build import delays_of, options_for
from features.hazards import Cell, Hazard, Options, happened, hazards
from models.forecasting import forecasters
from models.netcdf import read_dataset
from models.registry.files import OtherFormat, load_model, save_model
from models.training import (
    Model,
    build_training_set,
    fit_model,
    label_days,
    margins_of,
    reference_years,
    train_model,
)

ALL = sorted(hazards())


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=12, places=2, seed=5)


@pytest.mark.parametrize("name", ALL)
def test_what_comes_later_in_a_block_changes_nothing_a_day_of_it_reads(
    name: str, record: xr.Dataset
) -> None:
    """Predictors of a block come of normals fitted without it, and of days until their own."""
    hazard, delays = hazards()[name], delays_of(record)
    changed = record.copy(deep=True)
    later = (record["time"].dt.year == 1995) & (record["time"].dt.month >= 7)
    for variable in changed.data_vars:
        changed[variable].values[later.values] *= 1.5
    one, two = (
        build_training_set(hazard, part, part, delays, Options(), 6) for part in (record, changed)
    )
    assert (1994, 1995) in one.normals_without
    days = slice("1994-01-01", "1995-06-30")
    for variable in hazard.features:
        a, b = (part.features[variable].sel(init_time=days).values for part in (one, two))
        # which index counts on a day is a choice of the whole record's
        ok = np.isfinite(a) & np.isfinite(b) if hazard.choices else np.ones(a.shape, dtype=bool)
        assert ok.any() or np.isnan(a).all()
        np.testing.assert_array_equal(a[ok], b[ok])


@pytest.mark.parametrize("name", ALL)
def test_margins_of_a_block_are_those_of_the_whole_record(name: str, record: xr.Dataset) -> None:
    hazard = hazards()[name]
    labels = label_days(hazard, record, record, Options(), 5)
    for block, rest in labels.rests.items():
        days = np.flatnonzero(labels.blocks == block)
        found = margins_of(hazard, record, rest, Options(), days)
        whole = hazard.margins(record, rest, Options()).isel(time=days)
        xr.testing.assert_allclose(found, whole, rtol=1e-9, atol=1e-9)


def test_events_by_thresholds_of_other_years_are_as_frequent_as_a_test_year_finds_them(
    record: xr.Dataset,
) -> None:
    """By thresholds of the same years they are rarer: a percentile holds for the years it is of."""
    hazard, delays = hazards()["heat"], delays_of(record)
    training = build_training_set(hazard, record, record, delays, Options())
    own = hazard.margins(record, training.normals, Options())
    crossed = float(happened(training.margins).isel(cell=0, level=0).mean())
    assert crossed > 1.03 * float(
        (own.sel(level=1) > 0).sum() / np.isfinite(own.sel(level=1)).sum()
    )


def test_where_pet_comes_from_does_not_hang_on_the_years_left_out(record: xr.Dataset) -> None:
    """A block is left out by blanking it; what is measured on all other days stays measured."""
    hazard, delays = hazards()["drought"], delays_of(record)
    training = build_training_set(hazard, record, record, delays, Options(), 3)
    for rest in training.normals_without.values():
        median = rest["season"].sel(window=90).median()
        assert float(median) == pytest.approx(
            float(training.normals["season"].sel(window=90).median()), abs=25
        )
    rate = float(happened(training.margins).isel(level=0).mean())
    assert 0.08 < rate < 0.30


@pytest.mark.parametrize("name", ALL)
def test_levels_of_every_forecaster_are_nested(
    name: str, fitted_models: dict[str, Model], fitted_record: xr.Dataset, made_region: Region
) -> None:
    hazard = hazards()[name]
    days = fitted_record["time"].values[-200::20]
    made = forecasters(
        fitted_models[name],
        fitted_record,
        days,
        delays_of(fitted_record),
        options_for(hazard, made_region, fitted_record),
    )
    for forecaster in ("model", "persistence", "climatology", "climatology_smoothed"):
        chain = made[forecaster].values
        whole = np.moveaxis(chain, 1, 0)[:, np.isfinite(chain).all(axis=1)]
        assert whole.size and (np.diff(whole, axis=0) <= 1e-9).all()
        assert (whole >= 0).all() and (whole <= 1).all()


def test_what_past_days_rule_out_has_no_chance(
    fitted_models: dict[str, Model], fitted_record: xr.Dataset, made_region: Region
) -> None:
    """Two cool days: no heat wave of three days can end today, and one can in three days."""
    heat, cool = hazards()["heat"], fitted_record.copy(deep=True)
    issued = np.datetime64("2004-07-15", "ns")
    cool["air_temperature_max"].values[(cool["time"] >= np.datetime64("2004-07-13")).values] = 10.0
    made = forecasters(
        fitted_models["heat"],
        cool,
        np.array([issued]),
        delays_of(cool),
        options_for(heat, made_region, cool),
    )
    for forecaster in ("model", "persistence"):
        severe = made[forecaster].sel(level=2).values[:, 0]
        assert (severe[0] == 0).all() and (severe[1] == 0).all() and (severe[3] > 0).all()
    assert (made["climatology"].sel(level=2).values[0] > 0).all()


@pytest.mark.parametrize("name", ALL)
def test_the_climatologies_know_nothing_of_the_day_before(
    name: str, fitted_models: dict[str, Model], fitted_record: xr.Dataset, made_region: Region
) -> None:
    """Other weather until the issue day changes persistence and neither climatology."""
    hazard, other = hazards()[name], fitted_record.copy(deep=True)
    for variable in ("air_temperature_max", "precipitation", "river_discharge"):
        other[variable].values[-60:] += 5.0
    issued = fitted_record["time"].values[-1:]
    one, two = (
        forecasters(
            fitted_models[name],
            part,
            issued,
            delays_of(fitted_record),
            options_for(hazard, made_region, fitted_record),
        )
        for part in (fitted_record, other)
    )
    for forecaster in ("climatology", "climatology_smoothed"):
        np.testing.assert_array_equal(one[forecaster].values, two[forecaster].values)
    assert not np.array_equal(one["persistence"].values, two["persistence"].values, equal_nan=True)


def test_replicas_leave_out_a_block_of_years_each(fitted_models: dict[str, Model]) -> None:
    for model in fitted_models.values():
        spans = [tuple(replica.meta["without"]) for replica in model.replicas]
        assert len(spans) == 4 and spans == sorted(set(spans))
        assert all(
            later[0] == earlier[1] + 1 for earlier, later in zip(spans, spans[1:], strict=False)
        )
        own = [replica.regression["intercept"].values for replica in model.replicas]
        assert all(not np.array_equal(one, model.regression["intercept"].values) for one in own)
    heat = fitted_models["heat"]
    thresholds = {float(replica.normals["tmax_p90"].mean()) for replica in heat.replicas}
    assert len(thresholds) == 4


def test_a_model_comes_back_from_its_files_as_it_was(
    fitted_models: dict[str, Model],
    fitted_record: xr.Dataset,
    made_region: Region,
    tmp_path: Path,
) -> None:
    days = fitted_record["time"].values[-3:]
    for name, model in fitted_models.items():
        out_of_fold = xr.Dataset({"model": ("init_time", np.zeros(3))}, {"init_time": days})
        save_model(model, out_of_fold, tmp_path / name)
        loaded, tested = load_model(tmp_path / name)
        xr.testing.assert_equal(tested, out_of_fold)
        options = options_for(hazards()[name], made_region, fitted_record)
        for one, other in zip(
            (model, *model.replicas[:2]), (loaded, *loaded.replicas[:2]), strict=True
        ):
            expected, found = (
                forecasters(part, fitted_record, days, delays_of(fitted_record), options)
                for part in (one, other)
            )
            xr.testing.assert_identical(found, expected)
        for path in (tmp_path / name).glob("*.nc"):
            stored = xr.load_dataset(path, engine="h5netcdf")
            xr.testing.assert_identical(read_dataset(path), stored)
            found, expected = (
                {key: one.dtype for key, one in dataset.variables.items()}
                for dataset in (read_dataset(path), stored)
            )
            assert found == expected
        assert loaded.meta == model.meta
        if model.quantity is not None and loaded.quantity is not None:
            xr.testing.assert_identical(loaded.quantity, model.quantity)
    text = (tmp_path / "heat" / "meta.json").read_text().replace('"format": 4', '"format": 3')
    (tmp_path / "heat" / "meta.json").write_text(text)
    with pytest.raises(OtherFormat, match="found a model of format 3, expected 4; train anew"):
        load_model(tmp_path / "heat")


def test_training_twice_gives_the_same_model(
    with_cells: Callable[..., Hazard], record: xr.Dataset, made_region: Region
) -> None:
    hazard = with_cells("heat", Cell(0, 1), Cell(0, 3))
    one, two = (fit_model(hazard, record, made_region) for _ in range(2))
    for name in ("regression", "persistence", "smoothed", "normals", "quantity"):
        xr.testing.assert_identical(getattr(one, name), getattr(two, name))


def test_a_model_begun_near_another_is_the_same(record: xr.Dataset) -> None:
    hazard, delays = hazards()["heat"], delays_of(record)
    before = record.isel(time=slice(0, -365))
    first = train_model(build_training_set(hazard, before, before, delays, Options()))
    training = build_training_set(hazard, record, record, delays, Options())
    warm, cold = (train_model(training, begin, search_rounds=False) for begin in (first, None))
    days = record["time"].values[-300::30]
    near, own = (forecasters(model, record, days, delays, Options()) for model in (warm, cold))
    assert float(abs(near["model"] - own["model"]).max()) < 0.02


def test_normals_are_of_the_region_file_s_period_else_of_complete_years(
    record: xr.Dataset, made_region: Region
) -> None:
    part = record.sel(time=slice("1990-03-01", "2001-06-30"))
    assert reference_years(made_region, part) == (1991, 2000)
    own = made_region.model_copy(update={"reference_period": (1992, 1999)})
    assert reference_years(own, part) == (1992, 1999)


def test_a_place_without_a_record_leaves_the_others_theirs(record: xr.Dataset) -> None:
    hazard, delays = hazards()["heat"], delays_of(record)
    empty = record.copy(deep=True)
    for name in empty.data_vars:
        empty[name].values[:, 1] = np.nan
    alone = record.isel(location=[0])
    days = record["time"].sel(time=slice("2000-05-01", "2000-10-20")).values[::30]
    made = []
    for part in (empty, alone):
        model = train_model(
            build_training_set(hazard, part, part, delays, Options()), search_rounds=False
        )
        made.append(forecasters(model, part, days, delays, Options()))
    for forecaster in ("model", "persistence", "climatology"):
        with_gap, without = (part[forecaster].values for part in made)
        np.testing.assert_allclose(with_gap[..., 0], without[..., 0], atol=1e-6)
        assert np.isnan(with_gap[..., 1]).all()
