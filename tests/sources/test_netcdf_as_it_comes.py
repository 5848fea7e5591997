"""NetCDF as models and services write it: what the file says of itself is used without a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import Region, RiskError, Settings, load_region
from data_contracts.batch import Batch, FetchRequest
from sources.station_files import SOURCE

DAYS = pd.date_range("2000-02-27", periods=4)  # with 29 February
PLACE = "locations: [{id: berkane, latitude: 34.92, longitude: -2.32}]\n"


def fetch(folder: Path, dataset: xr.Dataset, more: str = "", name: str = "a.nc") -> Batch:
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    dataset.to_netcdf(inbox / name, engine="h5netcdf")
    path = folder / "here.yaml"
    path.write_text(f"name: here\ntitle: Here\nsources: [station_files]\ninbox: inbox\n{more}")
    region: Region = load_region(path)
    return SOURCE.fetch(FetchRequest(region, Settings(folder)))


def series(values, days=DAYS, name: str = "precipitation", dim: str = "time", **attributes):
    """One station's series as a Dataset."""
    variable = (dim, np.asarray(values, "float32"), {"units": "mm"} | attributes)
    return xr.Dataset({name: variable}, {dim: days})


def values_of(batch: Batch, name: str = "precipitation") -> dict[str, float]:
    days = batch.observations["time"].dt.strftime("%m-%d")
    return dict(zip(days, batch.observations[name].round(4).tolist(), strict=True))


CONVERTED = {
    "K": ("air_temperature_max", 300.15, 27.0),
    "degF": ("air_temperature_max", 80.6, 27.0),
    "degree_Celsius": ("air_temperature_max", 27.0, 27.0),
    "m": ("precipitation", 0.0125, 12.5),
    "kg m-2 s-1": ("precipitation", 12.5 / 86_400, 12.5),
    "kg m**-2 s**-1": ("precipitation", 12.5 / 86_400, 12.5),
    "inches": ("precipitation", 12.5 / 25.4, 12.5),
    "0.1 mm": ("precipitation", 125, 12.5),
    "mm day-1": ("precipitation", 12.5, 12.5),
    "km h-1": ("wind_speed", 36.0, 10.0),
    "J m**-2": ("surface_downwelling_shortwave", 2e7, 20.0),
    "Pa": ("air_pressure", 101_325, 1013.25),
    "1": ("relative_humidity", 0.625, 62.5),
}


@pytest.mark.parametrize("unit", CONVERTED)
def test_a_unit_in_an_attribute_is_converted(tmp_path: Path, unit: str) -> None:
    name, there, here = CONVERTED[unit]
    batch = fetch(tmp_path, series([there] * 4, name=name, units=unit))
    assert values_of(batch, name)["02-27"] == pytest.approx(here, rel=1e-5)


# calendar -> the days that are read of 27 February to 2 March 2000
CALENDARS = {
    "standard": ["02-27", "02-28", "02-29", "03-01", "03-02"],
    "proleptic_gregorian": ["02-27", "02-28", "02-29", "03-01", "03-02"],
    "noleap": ["02-27", "02-28", "03-01", "03-02"],
    "all_leap": ["02-27", "02-28", "02-29", "03-01", "03-02"],
    "360_day": ["02-27", "02-28", "02-29", "03-01", "03-02"],  # its 30 February is no day of ours
}


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("hour", [0, 12])
def test_days_of_every_calendar_are_those_of_ours(tmp_path: Path, calendar: str, hour: int) -> None:
    days = xr.date_range(
        f"2000-02-27T{hour:02d}:00", "2000-03-02T23:00", calendar=calendar, use_cftime=True
    )
    batch = fetch(tmp_path, series(range(len(days)), days))
    assert list(values_of(batch)) == CALENDARS[calendar]
    last = 5 if calendar == "360_day" else len(CALENDARS[calendar]) - 1
    assert values_of(batch)["03-02"] == last


def test_packed_values_are_unpacked_and_fill_values_are_missing(tmp_path: Path) -> None:
    dataset = series([1.0, 2.5, np.nan, 4.0])
    dataset["precipitation"].encoding = {
        "dtype": "int16", "scale_factor": 0.1, "add_offset": 100.0, "_FillValue": -32767,
    }  # fmt: skip
    values = list(values_of(fetch(tmp_path, dataset)).values())
    assert values[:2] == pytest.approx([1.0, 2.5]) and np.isnan(values[2])


@pytest.mark.parametrize("dim", ["valid_time", "date", "day", "t"])
def test_a_dimension_of_days_may_have_another_name(tmp_path: Path, dim: str) -> None:
    dataset = series([1, 2, 3, 4], dim=dim)
    if dim == "t":
        dataset[dim].attrs["standard_name"] = "time"
    assert list(values_of(fetch(tmp_path, dataset)).values()) == [1, 2, 3, 4]


CF_NAMES = {
    "tasmax": ("air_temperature", "time: maximum", "K", "air_temperature_max", 300.15, 27.0),
    "tasmin": ("air_temperature", "area: mean time: minimum", "K", "air_temperature_min", 280.15,
        7.0),
    "tas": ("air_temperature", "area: time: mean", "K", "air_temperature_mean", 290.15, 17.0),
    "pr": ("precipitation_flux", "time: mean", "kg m-2 s-1", "precipitation", 1 / 86_400, 1.0),
    "tp": ("precipitation_amount", "time: sum", "kg m-2", "precipitation", 3.0, 3.0),
    "hurs": ("relative_humidity", "time: mean", "%", "relative_humidity", 50.0, 50.0),
    "sfcWind": ("wind_speed", "time: mean", "m s-1", "wind_speed", 5.0, 5.0),
    "rsds": ("surface_downwelling_shortwave_flux_in_air", "time: mean", "W m-2",
             "surface_downwelling_shortwave", 250.0, 21.6),
}  # fmt: skip


@pytest.mark.parametrize("name", CF_NAMES)
def test_cf_names_say_what_a_variable_is(tmp_path: Path, name: str) -> None:
    standard, method, unit, ours, there, here = CF_NAMES[name]
    dataset = series([there] * 4, name=name, units=unit, standard_name=standard)
    dataset[name].attrs["cell_methods"] = method
    assert values_of(fetch(tmp_path, dataset), ours)["02-27"] == pytest.approx(here, rel=1e-5)


def grid(latitudes, longitudes, **extra) -> xr.Dataset:
    """A grid whose value is 100 x its row + its column."""
    rows, columns = np.meshgrid(range(len(latitudes)), range(len(longitudes)), indexing="ij")
    values = np.broadcast_to(100.0 * rows + columns, (4, *rows.shape)).astype("float32")
    return xr.Dataset(
        {"precipitation": (("time", "lat", "lon"), values.copy(), {"units": "mm"})},
        {"time": DAYS, "lat": list(latitudes), "lon": list(longitudes), **extra},
    )


GRIDS = {
    "south to north, -180 to 180": (grid([34.5, 34.9, 35.3], [-2.8, -2.3]), 101.0),
    "north to south, 0 to 360": (grid([35.3, 34.9, 34.5], [357.2, 357.7]), 101.0),
    "across the meridian": (grid([34.9, 35.3], [357.7, 0.1, 2.0]), 0.0),
    "a coarse grid": (grid([33.5, 36.0], [-5.0, -2.0]), 101.0),
    "one cell": (grid([34.9], [357.7]), 0.0),
    "with bounds, a height and a crs": (
        grid([34.5, 34.9], [-2.3, -2.8], height=2.0).assign(
            crs=0, lat_bnds=(("lat", "bnds"), np.zeros((2, 2)))
        ),
        100.0,
    ),
}


@pytest.mark.parametrize(("dataset", "value"), GRIDS.values(), ids=GRIDS.keys())
def test_a_place_has_its_nearest_cell(tmp_path: Path, dataset: xr.Dataset, value: float) -> None:
    batch = fetch(tmp_path, dataset, PLACE)
    assert set(values_of(batch).values()) == {value}
    assert batch.locations["location"].tolist() == ["berkane"]
    assert batch.locations["latitude"].tolist() == [34.92]


def test_a_cell_without_values_is_passed_over_for_the_next(tmp_path: Path) -> None:
    dataset = grid([34.7, 34.9], [-2.3])
    dataset["precipitation"][:, 1, 0] = np.nan  # the sea, in a grid of the land
    assert set(values_of(fetch(tmp_path, dataset, PLACE)).values()) == {0.0}
    with pytest.raises(RiskError, match="the nearest cell with a value is 25 km from berkane"):
        fetch(tmp_path, dataset, PLACE + WITHIN.format(km=10))


WITHIN = "source_options: {{station_files: {{files: {{'*.nc': {{within_km: {km}}}}}}}}}\n"


def test_a_rotated_grid_is_read_by_its_coordinates(tmp_path: Path) -> None:
    dataset = grid([0.0, 1.0], [0.0, 1.0]).rename(lat="rlat", lon="rlon")
    dataset = dataset.assign_coords(
        lat=(("rlat", "rlon"), [[34.5, 34.6], [34.8, 34.9]]),
        lon=(("rlat", "rlon"), [[-2.9, -2.4], [-2.8, -2.35]]),
    )
    assert set(values_of(fetch(tmp_path, dataset, PLACE)).values()) == {101.0}


def test_both_versions_of_era5_make_one_series(tmp_path: Path) -> None:
    final, preliminary = np.array([1, 2, np.nan, np.nan]), np.array([np.nan, np.nan, 3, 4])
    dataset = xr.Dataset(
        {"precipitation": (("time", "expver"), np.stack([final, preliminary], 1), {"units": "mm"})},
        {"time": DAYS, "expver": [1, 5]},
    )
    assert list(values_of(fetch(tmp_path, dataset)).values()) == [1, 2, 3, 4]


def test_the_one_place_of_a_file_is_where_it_says(tmp_path: Path) -> None:
    dataset = series([1, 2, 3, 4]).assign_coords(lat=34.9, lon=-2.33)
    place = fetch(tmp_path, dataset).locations.iloc[0]
    assert (place["latitude"], place["longitude"]) == (34.9, -2.33)


HOURS = pd.date_range("2000-01-01", periods=48, freq="h")


def test_hours_and_two_stamps_a_day_are_no_days(tmp_path: Path) -> None:
    for days in (HOURS, pd.DatetimeIndex(["2000-01-01 00:00", "2000-01-01 12:00"])):
        with pytest.raises(RiskError, match="without an hour or a zone, one row a day"):
            fetch(tmp_path, series(np.zeros(len(days)), days))
