"""Gridded files: each cell gets the values of its nearest grid point, as the files say them."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import ConfigError, Region, RiskError, Settings, load_region
from data_contracts.batch import FetchRequest, StoredRecord
from data_contracts.store import Store
from features.build import delays_of
from flows.check import check
from sources import sources_of
from sources.gridded_files import SOURCE, files, windows

BOX = "{west: -3, south: 34, east: -1, north: 35, step: 0.5}"
NORTH, EAST = np.arange(33.75, 35.5, 0.5), np.arange(-3.75, 0, 0.5)


def region_of(folder: Path, path: str = '"*.nc"', grid: str = BOX, more: str = "") -> Region:
    file = folder / "gridded.yaml"
    file.write_text(
        "name: gridded\ntitle: G\nclock: record\nsources: [gridded_files]\n"
        f"grid: {grid}\nsource_options:\n  gridded_files: {{path: {path}{more}}}\n"
    )
    return load_region(file)


def true_value(name: str, days: Any, north: Any, east: Any) -> np.ndarray:
    """A value that is another one on each day and at each point, on hundredths."""
    number = (np.asarray(days, "datetime64[D]") - np.datetime64("2001-01-01")).astype(int)
    base = {"air_temperature_max": 20.0, "precipitation": 5.0}[name]
    point = np.asarray(north) - 34 - 0.1 * np.asarray(east)
    return np.round(base + 0.37 * (number % 11) + point, 2)


def record(first: str = "2001-01-01", count: int = 40) -> xr.Dataset:
    """Daily highest temperatures (degC) and rain (mm) by CF names, on half degrees."""
    days = pd.date_range(first, periods=count)
    values = {
        name: (
            ("time", "latitude", "longitude"),
            true_value(name, days.values[:, None, None], NORTH[:, None], EAST),
        )
        for name in ("air_temperature_max", "precipitation")
    }
    dataset = xr.Dataset(values, {"time": days, "latitude": NORTH, "longitude": EAST})
    dataset["air_temperature_max"].attrs["units"] = "degC"
    dataset["precipitation"].attrs["units"] = "mm"
    return dataset


def fetched(region: Region, home: Settings, before: StoredRecord | None = None) -> pd.DataFrame:
    return SOURCE.fetch(FetchRequest(region, home, before or StoredRecord())).observations


def require_true(table: pd.DataFrame, region: Region, days: int, first: str = "2001-01-01") -> None:
    """Each cell and day once, with the values of its own point."""
    assert len(table) == days * len(region.locations)
    assert not table.duplicated(["time", "location"]).any()
    assert table["time"].min() == pd.Timestamp(first)
    known = {place.id: place for place in region.locations}
    north = table["location"].map(lambda name: known[name].latitude)
    east = table["location"].map(lambda name: known[name].longitude)
    for name in ("air_temperature_max", "precipitation"):
        expected = true_value(name, table["time"], north, east)
        np.testing.assert_allclose(table[name], expected, atol=2e-3)


Change = Callable[[xr.Dataset], xr.Dataset]


def _in_kelvin(dataset: xr.Dataset) -> xr.Dataset:
    kelvin = dataset["air_temperature_max"] + 273.15
    return dataset.assign(air_temperature_max=kelvin.assign_attrs(units="K"))


def _in_metres(dataset: xr.Dataset) -> xr.Dataset:
    metres = dataset["precipitation"] / 1000
    return dataset.assign(precipitation=metres.assign_attrs(units="m"))


def _as_a_flux(dataset: xr.Dataset) -> xr.Dataset:
    flux = dataset["precipitation"] / 86400
    flux.attrs = {"units": "kg m-2 s-1", "standard_name": "precipitation_flux"}
    return dataset.drop_vars("precipitation").assign(pr=flux)


def _by_standard_names(dataset: xr.Dataset) -> xr.Dataset:
    hottest = {"standard_name": "air_temperature", "cell_methods": "time: maximum"}
    dataset["air_temperature_max"].attrs |= hottest
    return dataset.rename(air_temperature_max="tasmax", latitude="lat", longitude="lon")


def _two_versions(dataset: xr.Dataset) -> xr.Dataset:
    late = dataset["time"] > dataset["time"][20]
    both = [dataset.where(~late), dataset.where(late)]
    return xr.concat(both, pd.Index([1, 5], name="expver"))


CHANGES: dict[str, Change] = {
    "as it is": lambda dataset: dataset,
    "descending latitudes": lambda dataset: dataset.isel(latitude=slice(None, None, -1)),
    "longitudes from 0 to 360": lambda dataset: dataset.assign_coords(longitude=EAST % 360),
    "valid_time": lambda dataset: dataset.rename(time="valid_time"),
    "stamped at noon": lambda dataset: dataset.assign_coords(
        time=dataset["time"] + np.timedelta64(12, "h")
    ),
    "days in disorder": lambda dataset: dataset.isel(time=np.random.default_rng(1).permutation(40)),
    "kelvin": _in_kelvin,
    "metres of water": _in_metres,
    "a flux": _as_a_flux,
    "standard names": _by_standard_names,
    "a height of one": lambda dataset: dataset.expand_dims(height=[2.0], axis=1),
    "other order of dimensions": lambda dataset: dataset.transpose("longitude", "time", "latitude"),
    "preliminary and final": _two_versions,
    "more than it needs": lambda dataset: dataset.assign(other=dataset["precipitation"] * 2),
    "finer than the cells": lambda dataset: dataset.interp(
        latitude=np.arange(33.85, 35.2, 0.1), longitude=np.arange(-3.25, -0.6, 0.1)
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_a_file_says_itself_is_used(home: Settings, tmp_path: Path, change: Change) -> None:
    change(record()).to_netcdf(tmp_path / "all.nc")
    region = region_of(tmp_path)
    require_true(fetched(region, home), region, 40)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("consolidated", [False, True])
def test_zarr_stores_of_any_version_are_read(
    home: Settings, tmp_path: Path, version: int, consolidated: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that version 3 has no consolidated metadata yet
        record().to_zarr(tmp_path / "all.zarr", zarr_format=version, consolidated=consolidated)
    region = region_of(tmp_path, "all.zarr")
    require_true(fetched(region, home), region, 40)


def test_packed_values_are_unpacked_and_fill_values_are_missing(
    home: Settings, tmp_path: Path
) -> None:
    dataset = record()
    dataset["precipitation"][3, 1, 2] = np.nan  # 34.25 N, 2.75 W on 4 January
    packing = {"dtype": "i2", "scale_factor": 0.01, "add_offset": 30.0, "_FillValue": -32768}
    packed = {name: packing for name in dataset.data_vars}
    dataset.to_netcdf(tmp_path / "packed.nc", format="NETCDF3_CLASSIC", encoding=packed)
    table = fetched(region_of(tmp_path), home)
    missing = table[table["precipitation"].isna()]
    assert missing[["time", "location"]].astype(str).values.tolist() == [
        ["2001-01-04", "N34.25W002.75"]
    ]
    assert missing["air_temperature_max"].notna().all()


def test_days_that_do_not_exist_are_left_out(home: Settings, tmp_path: Path) -> None:
    """A year of 360 days: 29 and 30 February 2001 are none of ours."""
    dataset = record("2001-02-01", 60)
    times = xr.date_range("2001-02-01", periods=60, calendar="360_day", use_cftime=True)
    dataset.assign_coords(time=times).to_netcdf(tmp_path / "model.nc")
    table = fetched(region_of(tmp_path), home)
    days = table["time"].drop_duplicates().sort_values()
    assert len(days) == 58 and days.iloc[27:29].dt.strftime("%m-%d").tolist() == ["02-28", "03-01"]


def test_a_box_over_greenwich_is_read_from_longitudes_of_0_to_360(
    home: Settings, tmp_path: Path
) -> None:
    east = np.arange(0.25, 360, 0.5)
    values = np.tile(east, (3, len(NORTH), 1))
    attrs = {"units": "mm"}
    xr.Dataset(
        {"precipitation": (("time", "latitude", "longitude"), values, attrs)},
        {"time": pd.date_range("2001-01-01", periods=3), "latitude": NORTH, "longitude": east},
    ).to_netcdf(tmp_path / "world.nc")
    region = region_of(tmp_path, grid="{west: -1, south: 34, east: 1, north: 35, step: 0.5}")
    table = fetched(region, home)
    expected = table["location"].map({one.id: one.longitude % 360 for one in region.locations})
    assert len(table) == 3 * 8 and (table["precipitation"] == expected).all()


def test_a_window_may_be_read_in_parts(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three days at a time: each has a window of 2 by 4 points."""
    monkeypatch.setattr(windows, "MAX_VALUES", 24)
    record().to_netcdf(tmp_path / "a.nc")
    region = region_of(tmp_path)
    require_true(fetched(region, home), region, 40)


def test_a_file_a_year_is_one_record(home: Settings, tmp_path: Path) -> None:
    """Variables may be in files of their own, and files may overlap where they agree."""
    (tmp_path / "era").mkdir()
    whole = record("2001-12-01", 60)
    rain, heat = whole[["precipitation"]], whole[["air_temperature_max"]]
    rain.isel(time=slice(0, 31)).to_netcdf(tmp_path / "era" / "2001.nc")
    rain.isel(time=slice(25, 60)).to_netcdf(tmp_path / "era" / "2002.nc")
    heat.to_netcdf(tmp_path / "heat.nc")
    region = region_of(tmp_path, '["era/*.nc", heat.nc]')
    require_true(fetched(region, home), region, 60, "2001-12-01")


def test_a_variable_missing_in_one_file_is_missing_on_its_days(
    home: Settings, tmp_path: Path
) -> None:
    record("2001-01-01", 10).to_netcdf(tmp_path / "a.nc")
    record("2001-01-11", 10).drop_vars("precipitation").to_netcdf(tmp_path / "b.nc")
    table = fetched(region_of(tmp_path), home)
    missing = table.loc[table["precipitation"].isna(), "time"]
    assert missing.min() == pd.Timestamp("2001-01-11") and len(missing) == 10 * 8


def test_files_may_share_the_region_between_them(home: Settings, tmp_path: Path) -> None:
    record().isel(longitude=slice(0, 4)).to_netcdf(tmp_path / "west.nc")
    record().isel(longitude=slice(4, 8)).to_netcdf(tmp_path / "east.nc")
    region = region_of(tmp_path)
    require_true(fetched(region, home), region, 40)


def test_names_and_units_may_be_given(home: Settings, tmp_path: Path) -> None:
    dataset = record().rename(precipitation="tp", air_temperature_max="mx2t")
    dataset["tp"] = dataset["tp"] / 1000
    dataset["tp"].attrs = {}
    dataset.to_netcdf(tmp_path / "a.nc")
    names = "{tp: precipitation, mx2t: air_temperature_max}"
    region = region_of(tmp_path, more=f", variables: {names}, units: {{tp: m}}")
    require_true(fetched(region, home), region, 40)


def stored(dataset: xr.Dataset, region: Region) -> StoredRecord:
    """What a store holds of files' values at a region's places."""
    places = {
        name: [getattr(one, name) for one in region.locations] for name in ("latitude", "longitude")
    }
    at = {name: xr.DataArray(values, dims="location") for name, values in places.items()}
    ids = [one.id for one in region.locations]
    chosen = dataset.sel(at, method="nearest").drop_vars(["latitude", "longitude"])
    return StoredRecord(chosen.assign_coords(location=ids).astype("float32"))


def test_only_new_days_are_read_and_newest_ones_again(home: Settings, tmp_path: Path) -> None:
    """Of 200 stored days the newest 100 are read again, as ERA5 replaces preliminary values."""
    record("2001-01-01", 200).to_netcdf(tmp_path / "a.nc")
    region = region_of(tmp_path)
    store = Store(home, region)
    store.ingest(SOURCE, SOURCE.fetch(store.fetch_request("gridded_files")))
    assert SOURCE.fetch(store.fetch_request("gridded_files")).observations.empty

    changed = record("2001-01-01", 203)
    changed["precipitation"][[50, 150]] += 1.0
    (tmp_path / "a.nc").unlink()
    changed.to_netcdf(tmp_path / "a.nc")
    table = SOURCE.fetch(store.fetch_request("gridded_files")).observations
    days = table.groupby("time").size()
    assert days.index.strftime("%j").astype(int).tolist() == [151, 201, 202, 203]
    assert (days == 8).all()

    since = region_of(tmp_path, more=", since: 2001-01-01")
    request = Store(home, since).fetch_request("gridded_files")
    days = SOURCE.fetch(request).observations["time"].drop_duplicates()
    assert days.dt.strftime("%j").astype(int).tolist() == [51, 151, 201, 202, 203]


def test_earlier_years_may_come_later(home: Settings, tmp_path: Path) -> None:
    later = record("2003-01-01", 200)
    later.to_netcdf(tmp_path / "b.nc")
    record("2002-11-01", 61).to_netcdf(tmp_path / "a.nc")
    region = region_of(tmp_path)
    table = fetched(region, home, stored(later, region))
    require_true(table, region, 61, "2002-11-01")


def test_a_place_that_is_not_stored_gets_its_past(home: Settings, tmp_path: Path) -> None:
    record("2001-01-01", 200).to_netcdf(tmp_path / "a.nc")
    region = region_of(tmp_path)
    fewer = region.model_copy(update={"locations": region.locations[1:]})
    table = fetched(region, home, stored(record("2001-01-01", 200), fewer))
    assert set(table["location"]) == {region.locations[0].id} and len(table) == 200


def test_a_file_that_grows_is_looked_at_again(home: Settings, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record("2001-01-01", 20).to_zarr(tmp_path / "all.zarr", consolidated=True)
        region = region_of(tmp_path, "all.zarr")
        require_true(fetched(region, home), region, 20)
        record("2001-01-21", 20).to_zarr(
            tmp_path / "all.zarr", append_dim="time", consolidated=True
        )
    require_true(fetched(region, home), region, 40)


def test_a_file_is_opened_once_where_it_has_nothing_new(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its days are known from the first look, so that tile after tile costs little."""
    for year in (2001, 2002, 2003):
        record(f"{year}-01-01", 365).to_netcdf(tmp_path / f"{year}.nc")
    region = region_of(tmp_path)
    before = stored(record("2001-01-01", 1095), region)
    assert fetched(region, home, before).empty
    asked = list[str]()
    real = files.open_gridded
    monkeypatch.setattr(
        files, "open_gridded", lambda path, **more: (asked.append(path.name), real(path, **more))[1]
    )
    assert fetched(region, home, before).empty
    assert asked == ["2003.nc"]


def test_a_truncated_file_costs_its_new_days_alone(home: Settings, tmp_path: Path) -> None:
    record("2001-01-01", 200).to_netcdf(tmp_path / "a.nc")
    record("2001-07-20", 10).to_netcdf(tmp_path / "b.nc")
    whole = (tmp_path / "b.nc").read_bytes()
    (tmp_path / "b.nc").write_bytes(whole[: len(whole) // 2])
    region = region_of(tmp_path)
    with pytest.raises(RiskError, match=r"b\.nc cannot be read \(.*\); write it anew"):
        fetched(region, home)

    before = stored(record("2001-01-01", 200), region)
    batch = SOURCE.fetch(FetchRequest(region, home, before))
    assert batch.observations.empty
    assert [one.code for one in batch.remarks] == ["files.left_out"]
    assert "b.nc cannot be read" in str(batch.remarks[0])


SPOILT = {
    "a day twice": (
        lambda dataset: dataset.isel(time=[0, 1, 1, 2]),
        "holds 2001-01-02 2 times, expected each day once; make daily values of it",
    ),
    "no unit": (
        lambda dataset: dataset.assign(precipitation=dataset["precipitation"].drop_attrs()),
        "precipitation has no units, expected mm or the like; set `units: {precipitation: ...}`",
    ),
    "a strange unit": (
        lambda dataset: dataset.assign(
            precipitation=dataset["precipitation"].assign_attrs(units="bananas")
        ),
        "precipitation comes in 'bananas', expected mm or one of .*; set `units:",
    ),
    "no known variable": (
        lambda dataset: dataset.rename(precipitation="a", air_temperature_max="b"),
        "of the variables a, b none is known by its standard name, expected one at least; name",
    ),
    "no latitude": (
        lambda dataset: dataset.isel(latitude=0, drop=True),
        "has the dimensions time, longitude, expected time, latitude and longitude with their",
    ),
    "latitudes of two dimensions": (
        lambda dataset: dataset.rename(latitude="j", longitude="i").assign_coords(
            latitude=(("j", "i"), np.tile(NORTH[:, None], len(EAST))),
            longitude=(("j", "i"), np.tile(EAST, (len(NORTH), 1))),
        ),
        "latitude has 2 dimensions, expected one of its own; put the values on a grid",
    ),
    "members": (
        lambda dataset: dataset.expand_dims(number=[0, 1], axis=1),
        "has the dimension number of 2, expected time, latitude and longitude; choose one of it",
    ),
    "times that are numbers": (
        lambda dataset: dataset.assign_coords(time=np.arange(40)),
        "time holds int64, expected times by CF such as 'days since 1970-01-01'",
    ),
    "another place": (
        lambda dataset: dataset.assign_coords(latitude=NORTH + 20),
        r"8 of 8 places lie outside of the files' grid, the first is N34.25W001.25; .* has 53.75 "
        "to 55.25 degrees north, -3.75 to -0.25 degrees east; mend the box or the mask",
    ),
    "a part of the box": (
        lambda dataset: dataset.isel(longitude=slice(0, 4)),
        "4 of 8 places lie outside of the files' grid, the first is N34.25W001.25",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), SPOILT.values(), ids=SPOILT.keys())
def test_a_file_that_cannot_be_used_is_told_in_one_sentence(
    home: Settings, tmp_path: Path, change: Change, sentence: str
) -> None:
    change(record()).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(RiskError, match=sentence) as caught:
        fetched(region_of(tmp_path), home)
    assert str(caught.value).startswith("gridded_files: ") and "\n" not in str(caught.value)


def test_files_that_differ_are_told_with_the_first_cell(home: Settings, tmp_path: Path) -> None:
    record().to_netcdf(tmp_path / "a.nc")
    other = record()
    other["precipitation"][4, 1, 3] = 7.0  # 5 + 4 x 0.37 + 0.25 + 0.225, rounded
    other.to_netcdf(tmp_path / "b.nc")
    sentence = (
        r"a\.nc and .*b\.nc differ: precipitation at 2001-01-05, N34.25W002.25 is 6.96 in one and "
        "7 in the other; keep the right one"
    )
    with pytest.raises(RiskError, match=sentence):
        fetched(region_of(tmp_path), home)


OPTIONS = {
    "none": ("", "the key 'path' is missing, add it"),
    "no file": ('path: "*.nc"', r"found no file .*\*\.nc, expected NetCDF or Zarr; mend `path`"),
    "a folder": ("path: empty", r"empty is a folder and no Zarr store, expected files; write"),
    "an address": ("path: s3://bucket/era5", "expected the path of a local file; copy it here"),
    "a strange variable": (
        "path: a.nc, variables: {tp: precipitaton}",
        "tp: found 'precipitaton', expected a variable; did you mean 'precipitation'",
    ),
    "a variable of no file": (
        "path: a.nc, variables: {tp: precipitation}",
        "no file has a variable 'tp' by time, latitude and longitude, expected one of "
        "air_temperature_max, precipitation; mend `variables`",
    ),
    "a unit that is none": (
        "path: a.nc, units: {precipitation: degC}",
        "units: precipitation: found 'degC', expected mm or one of",
    ),
    "a key": ("path: a.nc, varables: {}", "unknown key 'varables', did you mean 'variables'"),
}


@pytest.mark.parametrize(("options", "sentence"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options_that_cannot_be_used_are_told_in_one_sentence(
    home: Settings, tmp_path: Path, options: str, sentence: str
) -> None:
    record().to_netcdf(tmp_path / "a.nc")
    (tmp_path / "empty").mkdir()
    region = region_of(tmp_path, "a.nc").model_copy(
        update={"source_options": {"gridded_files": _yaml(options)}}
    )
    with pytest.raises(RiskError, match=sentence):
        if "*" in options:
            (tmp_path / "a.nc").unlink()
        fetched(region, home)


def _yaml(options: str) -> Any:
    from configs.yaml_files import parse_yaml

    return parse_yaml(f"{{{options}}}")


def test_a_cell_beyond_the_grid_may_be_taken_in_by_distance(home: Settings, tmp_path: Path) -> None:
    """The files end at 1.75 degrees west, the box half a degree (46 km) further east."""
    record().isel(longitude=slice(0, 5)).to_netcdf(tmp_path / "a.nc")
    far = region_of(tmp_path, more=", within_km: 40")
    with pytest.raises(RiskError, match="2 of 8 places lie outside"):
        fetched(far, home)
    near = region_of(tmp_path, more=", within_km: 50")
    table = fetched(near, home)
    of_first = table[table["time"] == table["time"].min()].set_index("location")["precipitation"]
    assert of_first["N34.25W001.25"] == of_first["N34.25W001.75"]


def test_a_region_without_places_is_told_to_add_a_grid(home: Settings, tmp_path: Path) -> None:
    region = region_of(tmp_path).model_copy(update={"grid": None, "locations": ()})
    with pytest.raises(
        ConfigError, match=re.escape("add `grid: {west, south, east, north, step}`")
    ):
        fetched(region, home)


def test_a_check_tries_some_cells_of_a_grid(home: Settings, tmp_path: Path) -> None:
    record(count=400).to_netcdf(tmp_path / "a.nc")
    region = region_of(tmp_path, grid="{west: -3, south: 34, east: -1, north: 35, step: 0.1}")
    found = {one.what: one for one in check(str(region.path), home)}["source gridded_files"]
    assert not found.problem
    assert found.fact.startswith("2001-01-01 to 2002-02-04, 16 of 200 places")


@pytest.mark.parametrize("source", ["gridded_files", "station_files"])
def test_what_the_files_lag_by_is_what_the_region_file_says(tmp_path: Path, source: str) -> None:
    region = load_region(shutil.copy(Path("configs/regions/tunis.yaml"), tmp_path))

    def declared(**options: object) -> int:
        changed = {"sources": (source,), "source_options": {source: {"path": "a.nc", **options}}}
        if source == "station_files":
            changed["source_options"][source].pop("path")
        [one] = sources_of(region.model_copy(update=changed))
        return one.delay_days

    assert declared() == 1
    assert declared(delay_days=6) == 6
    for wrong in (0, -1, 91, "six", 1.5, True, None):
        with pytest.raises(ConfigError, match=f"source_options: {source}: .*delay_days"):
            declared(delay_days=wrong)


def test_a_delay_changes_what_is_stored_with_the_next_days(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home")
    record(count=30).to_netcdf(tmp_path / "first.nc")
    assert _delays_after_a_pull(region_of(tmp_path), settings) == {1}
    record("2001-01-31", 10).to_netcdf(tmp_path / "second.nc")
    lagging = region_of(tmp_path, more=", delay_days: 6")
    assert _delays_after_a_pull(lagging, settings) == {6}
    [source] = sources_of(lagging)
    require_true(source.fetch(FetchRequest(lagging, settings)).observations, lagging, 40)


def _delays_after_a_pull(region: Region, settings: Settings) -> set[int]:
    [source], store = sources_of(region), Store(settings, region)
    store.ingest(source, source.fetch(store.fetch_request(source.name)))
    return set(delays_of(store.observations()).values())
