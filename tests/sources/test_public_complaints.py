"""Inputs of which people complain in public, of the kinds that a record goes wrong by.

Each case names the project and the number of the issue that tells of it. The inputs are written
anew here.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from test_file_formats import MELILLA, fetch, look, region_with, runs_until_taken

from configs import Location, Region, RiskError
from configs.remarks import Remark
from data_contracts.batch import Batch
from data_contracts.contract import CheckedBatch, ContractBroken, check
from sources.common.readings import ReadingOptions, StrayTime, converted, instant
from sources.common.sensors import SensorPull
from sources.common.units import SAME, scaled_conversion
from sources.sql.options import SqlOptions
from sources.sql.times import utc_times

DAYS = [f"2001-01-{day:02d}" for day in range(1, 26)]


def lines(head: str, row: str, last: str = "") -> str:
    """A text of 25 days; in a row {day} is the day, {n} its number and {odd} 1 on every third."""
    rows = [row.format(day=day, n=n + 1, odd=int(n % 3 == 0)) for n, day in enumerate(DAYS)]
    return "\n".join([head, *rows]) + "\n" + last


RAIN = "precipitation"
# kind and issue: (the text, runs of check until it is taken, the column, its first three values)
TEXTS: dict[str, tuple[str, int, str, list[float]]] = {
    "trace, ALShum/rwunderground#43: T": (
        lines("time,precipitation", "{day},{odd}")
        .replace(",1\n", ",T\n")
        .replace(",0\n", ",1.2\n"),
        2, RAIN, [0.0, 1.2, 1.2],
    ),
    "trace, IDEMSInternational/R-Instat#5732: tr": (
        lines("time,precipitation", "{day},{odd}")
        .replace(",1\n", ",tr\n")
        .replace(",0\n", ",1.2\n"),
        2, RAIN, [0.0, 1.2, 1.2],
    ),
    "trace, akrherz/pyIEM#3: a tiny number": (
        lines("time,precipitation", "{day},0.0001"), 1, RAIN, [1e-4] * 3,
    ),
    "decimal comma, mjj4791/python-buienradar#12: bars between columns": (
        lines("rain|time", "8,{n}|{day}"), 2, RAIN, [8.1, 8.2, 8.3],
    ),
    "separator, taruma/rainfall#40: semicolons, the day before the month": (
        lines("date;rain", "{n}/1/2001;3,0"), 2, RAIN, [3.0] * 3,
    ),
    "separator, elastic/kibana#8074: quotes and a comma at each end": (
        lines('"time","precipitation",', '"{day}","1.5",'), 1, RAIN, [1.5] * 3,
    ),
    "empty rows, misoproject/dataset#113: at the end": (
        lines("time,precipitation", "{day},1.5", "\n\n\n"), 1, RAIN, [1.5] * 3,
    ),
    "empty rows, ModbusScope/ModbusScope#221: columns and rows of commas": (
        lines("time,precipitation,,,", "{day},1.5,,,", ",,,,\n"), 1, RAIN, [1.5] * 3,
    ),
    "byte order mark, openfoodfoundation/openfoodnetwork#3448": (
        "\ufeff" + lines("time,precipitation", "{day},1.5"), 1, RAIN, [1.5] * 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "runs", "name", "values"), TEXTS.values(), ids=TEXTS)
def test_a_text_is_taken_after_one_look_at_most(
    tmp_path: Path, text: str, runs: int, name: str, values: list[float]
) -> None:
    looks, batch = runs_until_taken(region_with(tmp_path, {"a.csv": text.encode()}))
    assert looks <= runs
    assert batch.observations[name].tolist()[:3] == pytest.approx(values)
    assert batch.observations["time"].dt.strftime("%Y-%m-%d").tolist() == DAYS


def test_thousands_that_are_apart_are_no_missing_values(tmp_path: Path) -> None:
    """CartoDB/cartodb#2151: as missing, or with a decimal comma, floods would be lost."""
    text = lines("time,wind_speed,river_discharge", '{day},2.5,"{odd},718.5"').replace('"0,', '"')
    region = region_with(tmp_path, {"a.csv": text.encode()})
    seen = look(region)
    assert "missing" not in seen.block and "decimal" not in seen.block
    with pytest.raises(RiskError, match=r"found '1,718.5', .*between thousands; write 1718.5"):
        fetch(region)


FLOW = "river_discharge"
# issue: (the text, the first value, or the sentence that refuses it)
THOUSANDS: dict[str, tuple[str, float | str]] = {
    "opendcs/opendcs#1107: in quotes": (
        lines("time,river_discharge", '{day},"{n},000"'), "between thousands; write 1000",
    ),
    "emoncms/emoncms#222: only those above 1000": (
        lines("time,river_discharge", "{day},{n}.5").replace(",25.5", ',"1,025.5"'),
        "between thousands; write 1025.5",
    ),
    "Rello/analytics#357: three decimals are none": (
        lines("time,river_discharge", "{day},0.{n}73").replace(",0.2573", ",0.62"), 0.173,
    ),
    "derlin/investing-historical-data#3: a comma more in each row": (
        lines("time,river_discharge", "{day},1,718"), "line 2 has 3 fields .* expected 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), THOUSANDS.values(), ids=THOUSANDS)
def test_thousands_are_told_and_never_taken_for_decimals(
    tmp_path: Path, text: str, expected: float | str
) -> None:
    region = region_with(tmp_path, {"a.csv": text.encode()})
    if isinstance(expected, float):
        assert fetch(region).observations[FLOW].tolist()[0] == pytest.approx(expected)
        return
    seen = look(region)
    assert "decimal" not in seen.block and "missing" not in seen.block
    with pytest.raises(RiskError, match=expected):
        fetch(region)


# issue: (the zone, its standard offset, times on the wall, the readings used of the day, left out)
WALLS: dict[str, tuple[str, float, list[str], int, int]] = {
    "meteostat/cli#15: an hour twice in Vienna": (
        "Europe/Vienna", 1,
        [f"2021-10-31 {hour:02d}:00" for hour in (*range(1, 3), 2, *range(3, 24))], 24, 0,
    ),
    "ALShum/rwunderground#32: reports between the hours in Seattle": (
        "America/Los_Angeles", -8,
        ["2009-11-01 00:53", "2009-11-01 01:00", "2009-11-01 01:26", "2009-11-01 01:53",
         "2009-11-01 01:53", "2009-11-01 02:53"], 3, 2,
    ),
    "r-spatial/stars#524: a day of 25 hours is one day": (
        "America/Los_Angeles", -8,
        [f"2020-11-01 {hour:02d}:00" for hour in (0, 1, *range(1, 24))], 24, 0,
    ),
    "cognitedata/cognite-sdk-python#1208: a day of 23 hours": (
        "Europe/Madrid", 1,
        [f"2024-03-31 {hour:02d}:00" for hour in (0, 1, *range(3, 24))], 23, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("zone", "offset", "times", "used", "left_out"), WALLS.values(), ids=WALLS)
def test_clocks_that_change_cost_no_hour_that_is_told(
    zone: str, offset: float, times: list[str], used: int, left_out: int
) -> None:
    told = {"url_env": "CITY", "select": "SELECT", "variables": {"RR": RAIN}, "time_zone": zone}
    options = SqlOptions(**told)
    rows = pd.DataFrame({"time": times, "location": "a", "variable": "RR", "value": 1.0})
    remarks: list[Remark] = []
    moments = utc_times(rows, options, offset, remarks)
    assert int(moments.isna().sum()) == left_out
    assert [f": {left_out}, such as" in str(one) for one in remarks] == [True] * bool(left_out)
    assert moments.dropna().is_unique and moments.dropna().is_monotonic_increasing
    day = (moments + pd.Timedelta(hours=offset)).dt.date
    assert int((day == date.fromisoformat(times[-1][:10])).sum()) == used


# kind and issue: (units, calendar, numbers of the axis, the first day)
AXES: dict[str, tuple[str, str, Any, str]] = {
    "calendar, OpenDrift/opendrift#731: seconds of years of 365 days": (
        "seconds since 1900-01-01 00:00:00", "365_day",
        (118 * 365 + np.arange(5.0)) * 86_400, "2018-01-01",
    ),
    "calendar, dtcenter/MET#694: days of years of 365 days": (
        "days since 1850-01-01 00:00:00 UTC", "365_day", 150 * 365 + np.arange(5.0), "2000-01-01",
    ),
    "calendar, linjonathan/tropical_cyclone_risk#2: the dimension date of whole numbers": (
        "", "", np.arange(20_200_101, 20_200_106), "2020-01-01",
    ),
}  # fmt: skip


def cube(units: str, calendar: str, numbers: Any) -> xr.Dataset:
    """Daily highest temperatures of 283.15 K in a file of one cell."""
    attributes = {"units": "K", "standard_name": "air_temperature", "cell_methods": "time: maximum"}
    dim, about = ("time", {"units": units, "calendar": calendar}) if units else ("date", {})
    values = ((dim, "lat", "lon"), np.full((len(numbers), 1, 1), 283.15), attributes)
    axes = {dim: (dim, numbers, about), "lat": [35.25], "lon": [357.0]}
    return xr.Dataset({"tasmax": values}, axes)


@pytest.mark.parametrize(("units", "calendar", "numbers", "first"), AXES.values(), ids=AXES)
def test_an_axis_of_days_is_read_as_it_says(
    tmp_path: Path, units: str, calendar: str, numbers: Any, first: str
) -> None:
    region = region_with(tmp_path, {}, MELILLA)
    cube(units, calendar, numbers).to_netcdf(tmp_path / "inbox" / "a.nc", engine="h5netcdf")
    table = fetch(region).observations
    assert table["time"].tolist() == list(pd.date_range(first, periods=5))
    np.testing.assert_allclose(table["air_temperature_max"], 10.0)


def test_the_years_of_a_models_own_time_are_told(tmp_path: Path) -> None:
    """calendar, rspatial/terra#2019: a control run begins in the year 21."""
    region = region_with(tmp_path, {}, MELILLA)
    dataset = cube("days since 0021-01-01", "noleap", np.arange(5.0))
    dataset.to_netcdf(tmp_path / "inbox" / "a.nc", engine="h5netcdf")
    with pytest.raises(
        RiskError, match="its days are of the years 21 to 21, expected 1700 to 2199"
    ):
        fetch(region)


# kind and issue: (the unit, the variable, a value of 2 in it)
UNITS = {
    "unit, pacificclimate/climdex.pcic.ncdf#12": ("kg m-2 d-1", RAIN, 2.0),
    "unit, earthobservations/wetterdienst#891": ("kg m**-2", RAIN, 2.0),
    "unit, ropensci/GSODR#13": ("cm", RAIN, 20.0),
    "unit, ropensci/rnoaa#178": ("tenths of mm", RAIN, 0.2),
    "unit, NCPP/ocgis#359": ("kg m-2 s-1", RAIN, 172_800.0),
    "unit, gereic/GXAirCom#152": ("inch", RAIN, 50.8),
}


@pytest.mark.parametrize(("unit", "name", "value"), UNITS.values(), ids=UNITS)
def test_a_unit_is_known(unit: str, name: str, value: float) -> None:
    assert scaled_conversion(unit, name).apply(2.0) == pytest.approx(value)


def held(name: str, values: np.ndarray, readings: bool) -> CheckedBatch:
    """A record of one place at 35 degrees north through the contract."""
    days = pd.date_range("2001-01-01", periods=len(values))
    table = pd.DataFrame({"time": days, "location": "a", name: values})
    place = {
        "location": ["a"],
        "name": ["a"],
        "latitude": 35.0,
        "longitude": -2.0,
        "elevation": 0.0,
    }
    return check(Batch(table, pd.DataFrame(place)), "test", not readings, readings)


def natural(name: str) -> np.ndarray:
    """400 days of a variable, in its unit."""
    random = np.random.default_rng(3)
    season = np.cos(2 * np.pi * np.arange(400) / 365.25)
    middle, spread = {
        "air_temperature_max": (24 - 9 * season, 2.5),
        "surface_downwelling_shortwave": (17 - 8 * season, 2.0),
        "relative_humidity": (62 + 8 * season, 8.0),
        "air_pressure": (1003.0, 6.0),
    }[name]
    return (middle + random.normal(0, spread, 400)).round(1)


TMAX = "air_temperature_max"
# kind and issue: (the variable, the code, on one day in so many)
CODES = {
    "fill value, pvlib/pvlib-python#1372": ("surface_downwelling_shortwave", -99_999.0, 20),
    "fill value, Unidata/siphon#213: a code in tenths": (TMAX, -888.8, 20),
    "fill value, earthobservations/luftdatenpumpe#3": ("relative_humidity", -99.99, 20),
    "fill value, ropensci/nasapower#36": (TMAX, -99.0, 10),
    "fill value, leighseverson/countyweather#59": (TMAX, 999.9, 30),
    "power-on reading, esphome/issues#1409: 85 degC": (TMAX, 85.0, 40),
    "power-on reading, PaulStoffregen/OneWire#76: -127 degC": (TMAX, -127.0, 40),
    "power-on reading, Hotaman/OneWireSpark#1: 1200 degC": (TMAX, 1200.31, 40),
    "stuck, xoseperez/espurna#52: 85 degC for a month": (TMAX, 85.0, 0),
}


@pytest.mark.parametrize("readings", [False, True])
@pytest.mark.parametrize(("name", "code", "every"), CODES.values(), ids=CODES)
def test_a_number_that_is_no_value_is_not_stored(
    name: str, code: float, every: int, readings: bool
) -> None:
    values = natural(name)
    bad = np.arange(400) % every == 7 if every else np.arange(400) < 15
    values[bad] = code
    try:
        found = held(name, values, readings)
    except ContractBroken as error:
        assert not readings and f"{code:g}" in str(error)
        return
    assert found.observations[name].isna().to_numpy().tolist() == bad.tolist()
    assert set(found.withheld["value"].round(2)) == {round(float(np.float32(code)), 2)}


def test_a_pressure_of_999_is_a_pressure() -> None:
    """leighseverson/countyweather#42: whatever is above 900 was taken for missing."""
    values = natural("air_pressure").round(0)
    assert (values == 999.0).sum() > 10
    found = held("air_pressure", values, readings=False)
    assert (
        len(found.withheld) == 0 and found.observations["air_pressure"].tolist() == values.tolist()
    )


def test_no_rain_is_not_less_than_none() -> None:
    """bcgov/wps#720: -0.0 mm in a table."""
    found = held(RAIN, np.full(40, -0.0), readings=False)
    assert not np.signbit(found.observations[RAIN]).any()


HOURS = pd.date_range("2024-03-01", periods=96, freq="h", tz="UTC")
FELL = pd.Series(0.0, HOURS)
FELL[["2024-03-02T10:00Z", "2024-03-02T11:00Z", "2024-03-03T15:00Z"]] = [2.0, 4.0, 1.0]
TODAY = FELL.groupby(FELL.index.date).cumsum()
# kind and issue: (what the gauge shows each hour, words of the remark)
GAUGES = {
    "counter, nlrb/com.weather-sensors#61: never reset": (100 + FELL.cumsum(), "never falls"),
    "counter, weatherlink/weatherlink-live-local-api#4: reset at midnight": (
        TODAY,
        "falls back to 0",
    ),
    "counter, never-dry/NeverDry#125: more rain in the first hour after the reset": (
        pd.Series(FELL.to_numpy(), HOURS).add(pd.Series(1.5, HOURS[[48]]), fill_value=0)
        .groupby(FELL.index.date).cumsum(),
        "falls back to 0",
    ),
    "counter, weewx/weewx#62: the last 24 hours": (FELL.rolling(24, 1).sum(), "last 24 hours"),
}  # fmt: skip


@pytest.mark.parametrize(("shown", "words"), GAUGES.values(), ids=GAUGES)
def test_a_gauge_that_counts_is_told_and_its_days_are_withheld(
    shown: pd.Series, words: str
) -> None:
    region = Region(
        name="city",
        title="City",
        sources=("sensor_things",),
        utc_offset=0,
        locations=(Location(id="a"),),
        path=Path("city.yaml"),
    )
    now = datetime(2024, 3, 8, 12, tzinfo=UTC)
    pull = SensorPull("s", region, ReadingOptions(), {}, now)
    rows = pd.DataFrame({"time": HOURS, "value": shown.to_numpy(float), "location": "a"})
    batch = pull.batch([converted(rows, RAIN, {RAIN: SAME}, ())])
    assert RAIN not in batch.observations
    (remark,) = map(str, batch.remarks)
    assert words in remark


# issue: (the time as it is sent, the instant, or the error)
TIMES: dict[str, tuple[Any, Any]] = {
    "time, FraunhoferIOSB/FROST-Server#55: milliseconds": (
        "2015-12-31T22:16:00.000Z", pd.Timestamp("2015-12-31T22:16:00Z"),
    ),
    "time, FraunhoferIOSB/FROST-Server#1485: no zone": ("2023-03-08T08:17:23", ValueError),
    "time, FROST-Server#2312: an object": ({"start": "1992-05-12T09:00:00Z"}, ValueError),
    "time, mozilla-sensorweb/sensorthings#98: an hour west of Greenwich": (
        "2010-12-23T10:20:00.00-07:00", pd.Timestamp("2010-12-23T17:20:00Z"),
    ),
    "time, beyond any record": ("9999-12-31T00:00:00Z", StrayTime),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "expected"), TIMES.values(), ids=TIMES)
def test_a_time_is_an_instant_or_none(sent: Any, expected: Any) -> None:
    if isinstance(expected, pd.Timestamp):
        assert instant(sent) == expected
    else:
        with pytest.raises(expected):
            instant(sent)
