"""Files as services write them: at most two runs until they are taken, and the true values then."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from station_formats import DAYS, RAW, era5, true_record

from configs import ConfigError, Region, RiskError, Settings, load_region
from data_contracts.batch import Batch, FetchRequest
from sources.station_files import SOURCE
from sources.station_files.inspection import Inspection, inspect
from sources.station_files.templates import templates

PLAIN = "name: here\ntitle: Here\nclock: record\nsources: [station_files]\ninbox: inbox\n"


def region_with(folder: Path, files: dict[str, bytes], more: str = "") -> Region:
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for name, content in files.items():
        (inbox / name).write_bytes(content)
    path = folder / "here.yaml"
    path.write_text(PLAIN + more, encoding="utf-8")
    return load_region(path)


def fetch(region: Region) -> Batch:
    return SOURCE.fetch(FetchRequest(region, Settings(region.path.parent)))


def look(region: Region) -> Inspection:
    return inspect(region, Settings(region.path.parent))


def pasted(region: Region, block: str) -> Region:
    """The region with a block in the place of the same keys of its file."""
    before = yaml.safe_load(region.path.read_text(encoding="utf-8"))
    after = before | yaml.safe_load(block)
    region.path.write_text(yaml.safe_dump(after, allow_unicode=True), encoding="utf-8")
    return load_region(region.path)


def runs_until_taken(region: Region) -> tuple[int, Batch]:
    """How many looks it takes, each followed by pasting what it says, and the record then."""
    for run in range(1, 4):
        seen = look(region)
        if not seen.problems and not seen.block:
            return run, fetch(region)
        region = pasted(region, seen.block)
    raise AssertionError(seen)


Taken = Callable[[str], tuple[int, Batch]]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """How many looks a service's file takes, and its record; each file is read once."""

    @cache
    def take(name: str) -> tuple[int, Batch]:
        file, write = RAW[name]
        return runs_until_taken(
            region_with(tmp_path_factory.mktemp(name), {file: write(true_record())})
        )

    return take


def column(batch: Batch, name: str) -> np.ndarray:
    table = batch.observations
    assert (table["time"] == DAYS).all()
    return table[name].to_numpy()


def test_there_is_a_template_of_every_service() -> None:
    assert {*RAW, "era5"} == set(templates())


@pytest.mark.parametrize("name", RAW)
def test_a_raw_file_is_taken_after_one_look_and_one_paste(taken: Taken, name: str) -> None:
    truth, (runs, batch) = true_record(), taken(name)
    assert runs == (1 if templates()[name].self_described else 2)
    some = np.ones(len(truth), bool)
    some[:25] = False  # where marks of missing values are planted
    tolerance = 0.06 if name == "gsod" else 0.01  # written to a tenth of a degree Fahrenheit
    highest = column(batch, "air_temperature_max")
    np.testing.assert_allclose(highest[some], truth["tmax"][some], atol=tolerance)
    if name != "ecad":
        lowest = column(batch, "air_temperature_min")
        np.testing.assert_allclose(lowest[some], truth["tmin"][some], atol=tolerance)
        rain = column(batch, "precipitation")
        known = some & ~np.isnan(rain)
        np.testing.assert_allclose(rain[known], truth["rain"][known], atol=0.13)
    if "wind_speed" in batch.observations:
        wind = column(batch, "wind_speed")
        np.testing.assert_allclose(wind, truth["wind"], atol=0.03)


def test_a_trace_of_aemet_is_0_and_an_accumulated_day_is_missing(taken: Taken) -> None:
    rain = column(taken("aemet")[1], "precipitation")
    assert rain[10] == 0.0 and np.isnan(rain[11])


def test_a_value_that_failed_a_check_of_ghcn_is_missing(taken: Taken) -> None:
    batch = taken("ghcn-daily")[1]
    assert np.flatnonzero(np.isnan(column(batch, "air_temperature_max"))).tolist() == [20]
    assert np.flatnonzero(np.isnan(column(batch, "air_temperature_min"))).tolist() == [21]
    place = batch.locations.iloc[0].to_dict()
    assert place == {
        "location": "SPE00000000",
        "name": "MELILLA, SP",
        "latitude": 35.2778,
        "longitude": -2.9553,
        "elevation": 47.0,
    }


def test_marks_that_leave_nothing_are_told(tmp_path: Path) -> None:
    text = "time,precipitation,Q\n" + "".join(f"{day.date()},1,7\n" for day in DAYS[:40])
    options = "{quality: {column: Q, good: [0, 1]}}"
    more = f"source_options: {{station_files: {{files: {{'*.csv': {options}}}}}}}\n"
    with pytest.raises(RiskError, match="marks in Q leave no value of precipitation .found '7', g"):
        fetch(region_with(tmp_path, {"a.csv": text.encode()}, more))
    seldom = text.replace("2001-01-02,1,7", "2001-01-02,1,0")
    rain = fetch(region_with(tmp_path, {"a.csv": seldom.encode()}, more)).observations
    assert rain["precipitation"].notna().sum() == 1


def test_9999_of_gsod_is_missing(taken: Taken) -> None:
    rain = column(taken("gsod")[1], "precipitation")
    assert np.isnan(rain[::9]).all() and np.isfinite(rain[1::9]).all()
    assert rain[np.isfinite(rain)].max() < 30


@pytest.mark.parametrize(
    ("name", "variable", "days"),
    [
        ("dwd", "precipitation", [5]),
        ("meteo-france", "precipitation", [7]),
        ("ecad", "air_temperature_max", [3, 4]),
    ],
)
def test_doubtful_and_missing_values_of_the_services_are_missing(
    taken: Taken, name: str, variable: str, days: list[int]
) -> None:
    values = column(taken(name)[1], variable)
    assert np.flatnonzero(np.isnan(values)).tolist() == days


def test_open_meteo_tells_where_it_is(taken: Taken) -> None:
    place = taken("open-meteo")[1].locations.iloc[0]
    assert (place["latitude"], place["longitude"], place["elevation"]) == (35.3, -2.9, 38.0)


@pytest.mark.parametrize("hours", [0, 12])
def test_each_place_has_the_nearest_cell_of_era5(tmp_path: Path, hours: int) -> None:
    truth = true_record()
    region = region_with(
        tmp_path, {}, "locations: [{id: melilla, latitude: 35.28, longitude: -2.95}]\n"
    )
    era5(truth, tmp_path / "inbox" / "era5.nc", hours)
    runs, batch = runs_until_taken(region)
    assert runs == 2
    np.testing.assert_allclose(column(batch, "air_temperature_max"), truth["tmax"], atol=1e-3)
    np.testing.assert_allclose(column(batch, "precipitation"), truth["rain"], atol=1e-3)


def hourly_era5(path: Path, cumulative: bool = False) -> None:
    """40 days of hours at the cell of Melilla: 10 to 21.5 degC, 0.5 mm at 6 and 7 UTC, light."""
    hours = pd.date_range("2001-01-01 01:00", periods=40 * 24, freq="h")  # to midnight of day 40
    clock = (hours - pd.Timedelta(seconds=1)).hour.to_numpy()  # hour of the day that ends here
    kelvin = 283.15 + 0.5 * clock
    rain = np.where((clock == 5) | (clock == 6), 0.0005, 0.0)
    if cumulative:
        rain = np.where(clock < 5, 0.0, np.where(clock == 5, 0.0005, 0.001))
    light = np.where((clock >= 7) & (clock < 17), 1.5e6, 0.0)

    def cube(values: np.ndarray, unit: str):
        return (("valid_time", "latitude", "longitude"), values[:, None, None], {"units": unit})

    xr.Dataset(
        {"t2m": cube(kelvin, "K"), "tp": cube(rain, "m"), "ssrd": cube(light, "J m**-2")},
        {"valid_time": hours, "latitude": [35.25], "longitude": [357.0]},
    ).to_netcdf(path, engine="h5netcdf")


MELILLA = "utc_offset: 0\nlocations: [{id: melilla, latitude: 35.28, longitude: -2.95}]\n"


def test_hours_of_era5_are_days_of_the_region(tmp_path: Path) -> None:
    region = region_with(tmp_path, {}, MELILLA)
    hourly_era5(tmp_path / "inbox" / "era5.nc")
    runs, batch = runs_until_taken(region)
    table = batch.observations
    assert runs == 2 and len(table) == 40
    # 24 hours of 10 + 0.5 h: the mean is 10 + 0.5 x 11.5; 10 hours of 1.5 MJ m-2
    for name, value in (
        ("air_temperature_max", 21.5),
        ("air_temperature_min", 10.0),
        ("air_temperature_mean", 15.75),
        ("precipitation", 1.0),
        ("surface_downwelling_shortwave", 15.0),
    ):
        np.testing.assert_allclose(table[name], value, atol=1e-3)


@pytest.mark.parametrize("left_out", [[], [3, 6, 30, 31]], ids=["whole", "with gaps"])
@pytest.mark.parametrize("name", ["tp", "rain"])
def test_sums_of_era5_land_that_add_up_from_midnight_are_taken_apart(
    tmp_path: Path, name: str, left_out: list[int]
) -> None:
    """At 00 UTC stands the whole day before; by its name or by its attribute a file says so.

    The day's rain is the same whatever hours before its last are left out.
    """
    region = region_with(tmp_path, {}, MELILLA)
    path = tmp_path / "era5.nc"
    hourly_era5(path, cumulative=True)
    dataset = xr.load_dataset(path, engine="h5netcdf").rename({"tp": name})
    if name == "rain":
        dataset[name].attrs["GRIB_stepType"] = "accum"
    kept = np.delete(np.arange(dataset.sizes["valid_time"]), left_out)
    dataset.isel(valid_time=kept).to_netcdf(tmp_path / "inbox" / "era5.nc", engine="h5netcdf")
    columns = {"valid_time": "time", name: "precipitation", "t2m": "air_temperature_mean"}
    options = {"files": {"*.nc": {"columns": columns, "ignore": ["*"], "hours": "end"}}}
    region = region.model_copy(update={"source_options": {"station_files": options}})
    table = fetch(region).observations
    np.testing.assert_allclose(table["precipitation"], [1.0] * 40, atol=1e-3)


def test_two_days_of_era5_land_are_taken_apart_and_of_era5_are_not(tmp_path: Path) -> None:
    """Both have the same names and attributes: the values must tell."""
    for cumulative in (True, False):
        (tmp_path / str(cumulative)).mkdir()
        region = region_with(tmp_path / str(cumulative), {}, MELILLA)
        inbox = tmp_path / str(cumulative) / "inbox"
        hourly_era5(inbox / "whole.nc", cumulative)
        two = xr.load_dataset(inbox / "whole.nc", engine="h5netcdf").isel(valid_time=slice(48))
        (inbox / "whole.nc").unlink()
        two.to_netcdf(inbox / "era5.nc", engine="h5netcdf")
        table = fetch(pasted(region, look(region).block)).observations
        np.testing.assert_allclose(table["precipitation"], [1.0, 1.0], atol=1e-3)


def test_hours_of_a_text_that_add_up_are_refused_with_what_to_do(tmp_path: Path) -> None:
    hours = pd.date_range("2001-01-01 01:00", periods=96, freq="h")
    text = "time,rain\n" + "".join(
        f"{hour:%Y-%m-%d %H:%M},{((hour.hour - 1) % 24) / 10}\n" for hour in hours
    )
    options = "{columns: {rain: precipitation}, hours: end}"
    more = f"utc_offset: 0\nsource_options: {{station_files: {{files: {{'*.csv': {options}}}}}}}\n"
    with pytest.raises(RiskError, match="rain adds up from hour to hour, .*write the differences"):
        fetch(region_with(tmp_path, {"a.csv": text.encode()}, more))


def test_hours_of_a_text_are_days_too(tmp_path: Path) -> None:
    hours = pd.date_range("2001-01-01", periods=72, freq="h")
    text = "time,t,rain\n" + "".join(f"{hour:%Y-%m-%d %H:%M},{hour.hour},0.1\n" for hour in hours)
    options = "{columns: {t: air_temperature_mean, rain: precipitation}, hours: start}"
    more = f"utc_offset: 0\nsource_options: {{station_files: {{files: {{'*.csv': {options}}}}}}}\n"
    table = fetch(region_with(tmp_path, {"a.csv": text.encode()}, more)).observations
    assert table["air_temperature_max"].tolist() == [23, 23, 23]
    np.testing.assert_allclose(table["precipitation"], 2.4)


def test_a_grid_in_a_region_without_places_says_which_to_write(tmp_path: Path) -> None:
    region = region_with(tmp_path, {})
    era5(true_record(), tmp_path / "inbox" / "era5.nc")
    seen = look(region)
    assert "it is a grid (35 to 35.25 degrees north, -3.25 to -3 degrees east)" in seen.problems[0]
    assert yaml.safe_load(seen.block)["locations"] == [
        {"id": "here", "latitude": 35.125, "longitude": -3.125}
    ]
    runs, batch = runs_until_taken(region)
    assert runs == 2 and batch.locations["location"].tolist() == ["here"]


@pytest.mark.parametrize(
    ("latitude", "longitude", "words"),
    [
        (40.0, -2.95, r"the nearest cell is \d+ km from melilla, expected at most 25 km"),
        (-3.0, 35.0, "its latitude and longitude seem to be swapped"),
    ],
)
def test_a_place_beyond_the_grid_is_refused(
    tmp_path: Path, latitude: float, longitude: float, words: str
) -> None:
    region = region_with(
        tmp_path,
        {},
        f"locations: [{{id: melilla, latitude: {latitude}, longitude: {longitude}}}]\n"
        "source_options: {station_files: {files: {'*.nc': {format: era5}}}}\n",
    )
    era5(true_record(), tmp_path / "inbox" / "era5.nc")
    with pytest.raises(RiskError, match=words):
        fetch(region)


def test_values_in_the_units_of_an_order_are_found_out(tmp_path: Path) -> None:
    """NOAA's web shop writes the columns of GHCN-Daily in inches and degrees Fahrenheit."""
    lines = ["STATION,NAME,DATE,PRCP,TMAX,TMIN"]
    for day, row in true_record().iterrows():
        lines.append(
            f"USC1,TOWN,{day.date()},{row.rain / 25.4:.2f},{row.tmax * 1.8 + 32:.0f},"
            f"{row.tmin * 1.8 + 32:.0f}"
        )
    region = region_with(tmp_path, {"order.csv": "\n".join(lines).encode()})
    block = yaml.safe_load(look(region).block)
    assert block["source_options"]["station_files"]["files"]["order.csv"] == {
        "format": "ghcn-daily",
        "units": {"TMAX": "degF", "TMIN": "degF", "PRCP": "inch"},
    }
    runs, batch = runs_until_taken(region)
    assert runs == 2
    np.testing.assert_allclose(
        column(batch, "air_temperature_max"), true_record()["tmax"], atol=0.3
    )


UNITS = {
    "tenths": ("0.1 degC", lambda v: v * 10, "0.1 mm", lambda v: v * 10),
    "kelvin and metres": ("K", lambda v: v + 273.15, "m", lambda v: v / 1000),
    "Fahrenheit and inches": ("degF", lambda v: v * 1.8 + 32, "inch", lambda v: v / 25.4),
    "as they should be": (None, lambda v: v, None, lambda v: v),
}


@pytest.mark.parametrize(("degree", "warm", "depth", "wet"), UNITS.values(), ids=UNITS.keys())
@pytest.mark.parametrize("place", ["latitude: 35.3, longitude: -2.9", ""])
def test_the_hint_is_the_unit_that_suits_the_latitude(
    tmp_path: Path, degree, warm, depth, wet, place: str
) -> None:
    truth = true_record()
    table = pd.DataFrame(
        {
            "time": DAYS.strftime("%Y-%m-%d"),
            "air_temperature_max": warm(truth["tmax"]).round(2),
            "precipitation": wet(truth["rain"]).round(5),
        }
    )
    region = region_with(
        tmp_path,
        {"a.csv": table.to_csv(index=False).encode()},
        f"locations: [{{id: a{', ' + place if place else ''}}}]\n",
    )
    seen = look(region)
    if degree is None:
        assert seen.block == "" and seen.doubts == ()
        return
    options = yaml.safe_load(seen.block)["source_options"]["station_files"]["files"]["a.csv"]
    assert options == {"units": {"air_temperature_max": degree, "precipitation": depth}}
    assert f"air_temperature_max seems to be in {degree}" in seen.doubts[0]


@pytest.mark.parametrize("fill", [-99.0, -32768.0, -28316.8, 999.9, -9999.0])
def test_a_fill_value_is_told_as_one(tmp_path: Path, fill: float) -> None:
    values = true_record()["tmax"].copy()
    values[::10] = fill
    text = "time,air_temperature_max\n" + "".join(
        f"{day.date()},{value}\n" for day, value in values.items()
    )
    region = region_with(tmp_path, {"x.csv": text.encode()})
    files = yaml.safe_load(look(region).block)["source_options"]["station_files"]["files"]
    assert files["x.csv"] == {"missing": [fill]}
    _, batch = runs_until_taken(region)
    assert np.isnan(column(batch, "air_temperature_max")[::10]).all()


def lines_of(head: str, row: str) -> bytes:
    """A text file of the true record, each row by a template."""
    rows = (
        row.format(day=day, t=values.tmax, n=values.tmin, r=values.rain, d=comma_of)
        for day, values in true_record().iterrows()
        for comma_of in [lambda v: v]
    )
    return (head + "\n" + "\n".join(rows) + "\n").encode()


OTHERS: dict[str, bytes] = {
    "days first, semicolons and commas": lines_of(
        "Datum;Tmax;Tmin;Regen", "{day:%d.%m.%Y};{t:.1f};{n:.1f};{r:.1f}"
    ).replace(b".", b",", 0),
    "months first": lines_of("Date,Max Temp,Min Temp,Rainfall", "{day:%m/%d/%Y},{t},{n},{r}"),
    "days first": lines_of("date,tmax,tmin,precip", "{day:%d/%m/%Y},{t},{n},{r}"),
    "tabs": lines_of("date\ttmax\ttmin\train", "{day:%Y-%m-%d}\t{t}\t{n}\t{r}"),
    "blanks": lines_of("DATE    TMAX   TMIN  RAIN", "{day:%Y%m%d}  {t:6.1f} {n:6.1f}  {r:5.1f}"),
    "compact days": lines_of("yyyymmdd,tx,tn,rr", "{day:%Y%m%d},{t},{n},{r}"),
    "year, month, day": lines_of("year,month,day,tmax,tmin,prcp",
        "{day.year},{day.month},{day.day},{t},{n},{r}"),
    "units in the header": lines_of("time,tmax (°C),tmin (°C),rain (mm)",
        "{day:%Y-%m-%d},{t},{n},{r}"),
    "a title above": lines_of(
        "Weather station 7\nexported 2026-11-01\n\nDate,Tmax,Tmin,Rain",
            "{day:%Y-%m-%d},{t},{n},{r}"
    ),
    "midnights": lines_of("datetime,tmax,tmin,rain", "{day:%Y-%m-%d 00:00:00},{t},{n},{r}"),
    "year, month, day otherwise": lines_of("YEAR;MO;DY;TMAX;TMIN;PRCP",
        "{day.year};{day.month};{day.day};{t};{n};{r}"),
    "days of the year": lines_of("year,doy,tmax,tmin,prcp",
        "{day.year},{day.day_of_year},{t},{n},{r}"),
    "read at nine": lines_of("date,tmax,tmin,rain", "{day:%Y-%m-%d}T09:00,{t},{n},{r}"),
    "noons": lines_of("date,tmax,tmin,rain", "{day:%Y-%m-%d} 12:00:00,{t},{n},{r}"),
    "names in capitals": lines_of("TIME,AIR_TEMPERATURE_MAX,AIR_TEMPERATURE_MIN,PRECIPITATION",
        "{day:%Y-%m-%d},{t},{n},{r}"),
    "a row of units": lines_of("Date,Tmax,Tmin,Rain\n,°C,°C,mm", "{day:%Y-%m-%d},{t},{n},{r}"),
    "accents": lines_of("fecha,Tmáx,Tmín,Precipitación", "{day:%d/%m/%Y},{t},{n},{r}"),
    "sep=": lines_of("sep=;\nDate;Tmax;Tmin;Rain", "{day:%d/%m/%Y};{t};{n};{r}"),
    "other columns": lines_of("date,tmax,tmin,rain,quality,sunshine hours",
        "{day:%Y-%m-%d},{t},{n},{r},A,7"),
}  # fmt: skip


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS.keys())
def test_a_file_of_no_known_format_is_taken_after_one_look_too(tmp_path: Path, text: bytes) -> None:
    runs, batch = runs_until_taken(region_with(tmp_path, {"mine.csv": text}))
    assert runs == 2
    truth = true_record()
    np.testing.assert_allclose(column(batch, "air_temperature_max"), truth["tmax"], atol=1e-6)
    np.testing.assert_allclose(column(batch, "air_temperature_min"), truth["tmin"], atol=1e-6)
    rain = [name for name in batch.observations if name == "precipitation"]
    if rain:  # "Regen" is no name that is known
        np.testing.assert_allclose(column(batch, "precipitation"), truth["rain"], atol=1e-6)


def test_files_that_are_written_alike_share_a_pattern(tmp_path: Path) -> None:
    text = OTHERS["days first"].decode()
    files = {f"{name}.csv": text.encode() for name in ("berkane", "aklim")}
    region = region_with(tmp_path, files, "locations: [{id: berkane}, {id: aklim}]\n")
    block = yaml.safe_load(look(region).block)["source_options"]["station_files"]["files"]
    assert {name: keys.get("location") for name, keys in block.items()} == {
        "berkane.csv": "berkane",
        "aklim.csv": "aklim",
    }
    runs, batch = runs_until_taken(region)
    assert runs == 2 and set(batch.observations["location"]) == {"berkane", "aklim"}


def test_everything_that_is_wrong_is_listed_in_one_go(tmp_path: Path) -> None:
    text = "time,precipitation,Tmax\n2001-02-30,1,2\n2001-01-02,x,3\n2001-01-03\n"
    region = region_with(tmp_path, {"a.csv": text.encode(), "b.xlsx": b"PK", "c.csv": b""})
    problems = " ".join(look(region).problems)
    for words in (
        "b.xlsx: found a .xlsx file",
        "c.csv: the file is empty",
        "line 4 has 1 fields, expected 3",
        "unknown column 'Tmax', did you mean 'air_temperature_max'?",
        "line 2, time: found '2001-02-30'",
        "line 3, precipitation: found 'x'",
    ):
        assert words in problems, words


WRONG_OPTIONS = {
    "a format": ("{format: aement}", "format: found 'aement', did you mean 'aemet'?"),
    "a variable": ("{columns: {TX: temperature_max}}", "TX: found 'temperature_max', did you mean"),
    "a unit": ("{units: {precipitation: furlong}}", "precipitation: found 'furlong', expected mm"),
    "an encoding": ("{encoding: klingon}", "found 'klingon', expected one such as utf-8"),
    "a key": ("{separater: ;}", "'station_files.*separater'|separater', did you mean 'separator'"),
    "a date": ("{date_format: day}", "found 'day', expected one such as DD/MM/YYYY"),
    "a decimal": ("{decimal: x}", "decimal: found 'x', expected '.' or ','"),
}


@pytest.mark.parametrize(("options", "words"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS.keys())
def test_options_that_cannot_be_are_refused_in_one_sentence(
    tmp_path: Path, options: str, words: str
) -> None:
    more = f"source_options: {{station_files: {{files: {{'*.csv': {options}}}}}}}\n"
    region = region_with(tmp_path, {"a.csv": b"time,precipitation\n2001-01-01,1\n"}, more)
    with pytest.raises(ConfigError, match=words) as caught:
        fetch(region)
    assert "\n" not in str(caught.value)


def test_the_longest_pattern_counts_and_one_that_fits_nothing_is_told(tmp_path: Path) -> None:
    files = "{'*.csv': {decimal: ','}, 'a*.csv': {decimal: '.'}, '*.dat': {}}"
    region = region_with(
        tmp_path,
        {"a.csv": b"time,precipitation\n2001-01-01,1.5\n"},
        f"source_options: {{station_files: {{files: {files}}}}}\n",
    )
    assert fetch(region).observations["precipitation"].tolist() == [1.5]
    assert "'*.dat' fits no file of the inbox" in " ".join(look(region).problems)
