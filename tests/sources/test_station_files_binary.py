"""Station files in Parquet and NetCDF: the same record as in CSV, and one sentence for everything
that cannot be read."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import Region, RiskError, Settings
from data_contracts.batch import Batch, FetchRequest
from data_contracts.store import Store
from data_contracts.variables import VARIABLES
from sources.station_files import SOURCE

DAYS = pd.to_datetime(["2001-01-01", "2001-01-02"])
CSV = "time,location,air_temperature_max,precipitation\n2001-01-01,a,20.5,0\n2001-01-02,a,21,3.2\n"
TABLE = pd.DataFrame(
    {
        "time": DAYS,
        "location": ["a", "a"],
        "air_temperature_max": [20.5, 21.0],
        "precipitation": [0.0, 3.2],
    }
)
ISSUED = pd.DataFrame(
    {
        "init_time": DAYS[:1].repeat(2),
        "lead_days": [0, 1],
        "location": ["a", "a"],
        "precipitation": [1.0, 2.0],
    }
)


def grid(
    table: pd.DataFrame = TABLE, keys: tuple[str, ...] = ("time", "location"), **units: str | None
) -> xr.Dataset:
    """The table as CF would have it, each variable with its unit.

    ``units`` replaces some, None leaves one out.
    """
    dataset = table.set_index(list(keys)).to_xarray()
    for name in dataset.data_vars:
        unit = units.get(str(name), VARIABLES[str(name)].units if name in VARIABLES else "1")
        dataset[name].attrs = {"units": unit} if unit else {}
    return dataset


def fetch(folder: Path, files: dict[str, Any]) -> Batch:
    """Fetch a region whose inbox holds these tables (as Parquet), datasets (as NetCDF) and
    texts."""
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for name, content in files.items():
        if isinstance(content, pd.DataFrame):
            content.to_parquet(inbox / name, index=False)
        elif isinstance(content, xr.Dataset):
            content.to_netcdf(inbox / name, engine="scipy" if name.endswith(".nc") else "h5netcdf")
        else:
            (inbox / name).write_text(content)
    region = Region(
        name="somewhere",
        title="S",
        sources=("station_files",),
        inbox="inbox",
        path=folder / "somewhere.yaml",
    )
    return SOURCE.fetch(FetchRequest(region, Settings(folder)))


def stations(label: str) -> xr.Dataset:
    """A CF discrete sampling geometry: a dimension ``station`` labelled by a variable with the role
    timeseries_id."""
    dataset = grid().rename(location="station")
    name = np.array(["a"], dtype=object)
    if label == "station":
        return dataset
    named = dataset.drop_vars("station").assign({label: ("station", name)})
    named[label].attrs = {"cf_role": "timeseries_id"}
    return named


def noted(dataset: xr.Dataset, **attributes: Any) -> xr.Dataset:
    dataset["time"].attrs |= attributes
    return dataset


SAME: dict[str, Any] = {
    "o.parquet": TABLE,
    "ISO text.parquet": TABLE.assign(time=["2001-01-01", "2001-01-02"]),
    "date32.parquet": TABLE.assign(time=[datetime.date(2001, 1, 1), datetime.date(2001, 1, 2)]),
    "float32 days in us.parquet": TABLE.assign(
        time=DAYS.as_unit("us"), air_temperature_max=np.float32([20.5, 21])
    ),
    "decimals.parquet": TABLE.assign(precipitation=[Decimal("0"), Decimal("3.2")]),
    "numbers as text.parquet": TABLE.assign(precipitation=["0", " 3.2 "]),
    "categories.parquet": TABLE.assign(location=pd.Categorical(["a", "a"])),
    "spaces.parquet": TABLE.assign(location=[" a", "a "]),
    "in disorder.parquet": TABLE[::-1][
        ["precipitation", "location", "time", "air_temperature_max"]
    ],
    "classic.nc": grid(),
    "netCDF-4.nc4": grid(),
    "stations.nc": stations("station"),
    "timeseries_id.nc4": stations("station_name"),
    "turned.nc": grid().transpose("location", "time"),
    "other spellings.nc": grid(air_temperature_max="Celsius", precipitation="kg m-2"),
    "text dates.nc4": grid(TABLE.assign(time=["2001-01-01", "2001-01-02"])),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_record_is_read_whatever_holds_it(tmp_path: Path, name: str) -> None:
    table = fetch(tmp_path, {name: SAME[name]}).observations
    assert table["time"].dt.strftime("%Y-%m-%d").tolist() == ["2001-01-01", "2001-01-02"]
    assert table["location"].tolist() == ["a", "a"]
    assert table["air_temperature_max"].tolist() == [20.5, 21.0]
    assert table["precipitation"].tolist() == [0.0, 3.2]


@pytest.mark.parametrize("name", [*SAME])
def test_formats_may_overlap_where_they_agree(tmp_path: Path, name: str) -> None:
    pd.testing.assert_frame_equal(
        fetch(tmp_path, {name: SAME[name], "o.csv": CSV}).observations,
        fetch(tmp_path, {"o.csv": CSV}).observations,
    )


def one(column: str, value: Any) -> pd.DataFrame:
    """The table, its second row with another value."""
    return TABLE.assign(**{column: [TABLE[column][0], value]})


twice = pd.concat([TABLE, TABLE[1:]])
noon = TABLE.assign(time=DAYS + pd.Timedelta(hours=12))
zoned = TABLE.assign(time=DAYS.tz_localize("Europe/Paris"))
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"o.parquet": TABLE[:0]}, "o.parquet: there are no rows in it"),
    "unknown column": ({"o.parquet": TABLE.rename(columns={"precipitation": "rain"})},
        "unknown column 'rain', did you mean 'precipita"),
    "no time": ({"o.parquet": TABLE.drop(columns="time")},
        "there is no `time` column, found 'location', "),
    "no variable": ({"o.parquet": TABLE[["time", "location"]]}, "there is no variable in it"),
    "a zone": ({"o.parquet": zoned},
        r"row 1, time: found '2001-01-01 00:00:00\+01:00', expected a date .* or a zone"),
    "no day": ({"o.parquet": one("time", pd.NaT)}, "row 2, time: found 'NaT', expected a date"),
    "day numbers": ({"o.parquet": TABLE.assign(time=[0, 1])},
        "row 1, time: found '0', expected a date"),
    "a word": ({"o.parquet": TABLE.assign(precipitation=["0", "trace"])},
        "row 2, precipitation: found 'trace', expected a number"),
    "yes or no": ({"o.parquet": TABLE.assign(precipitation=[True, False])},
        "row 1, precipitation: found 'True', expected a number"),
    "days as values": ({"o.parquet": TABLE.assign(precipitation=DAYS)},
        "row 1, precipitation: found .* store the column as numbers"),
    "lists": ({"o.parquet": TABLE.assign(precipitation=[[1], [2]])},
        "row 1, precipitation: found .*, expected a number"),
    "no place": ({"o.parquet": one("location", None)},
        "row 2, location: found '.*', expected a name of 1 to 200"),
    "places in lists": ({"o.parquet": TABLE.assign(location=[["a"], ["a"]])},
        "row 1, location: found .*, expected text"),
    "a lead beyond all": (
        {"o.csv": CSV, "forecasts.parquet": ISSUED.assign(lead_days=[0, 1e30])},
        "row 2, lead_days: found '1e.30', expected",
    ),
    "a measured place": ({"o.parquet": TABLE.assign(location=[0.5, 0.5])},
        "row 1, location: found '0.5', expected text"),
    "twice": ({"o.parquet": twice}, "rows 2 and 3 are both for 2001-01-02, a, expected one"),
    "differs from CSV": (
        {"o.csv": CSV, "p.parquet": one("precipitation", 4.0)},
        r"o.csv and .*p.parquet differ: precipitation at 2001-01-02, a is 3.2 in one and 4 "
            r"in the other",
    ),
    "NetCDF differs": ({"o.csv": CSV, "p.nc": grid(one("precipitation", 4.0))},
        "o.csv and .*p.nc differ: precipitation at 2001-01-02"),
    "strange unit": ({"o.nc": grid(precipitation="furlong")},
        "precipitation comes in 'furlong', expected mm or one of mm, cm, .*give the right"),
    "no unit": ({"o.nc": grid(precipitation=None)},
        "precipitation has no `units` attribute, expected mm; add it"),
    "unknown variable": ({"o.nc": grid(TABLE.rename(columns={"precipitation": "pr"}))},
        "unknown column 'pr', did you mean"),
    "a slice": ({"o.nc": grid(pd.concat([TABLE.assign(lat=1.0), TABLE.assign(lat=2.0)]),
        ("time", "location", "lat"))}, "unknown dimension 'lat' of 2, expected time, location"),
    "bare places": ({"o.nc": grid().drop_vars("location")},
        "the dimension 'location' has no coordinate"),
    "no time dimension": ({"o.nc": grid().isel(time=0)},
        "there is no `time` column|unknown column"),
    "half a lead": ({"o.csv": CSV, "forecasts.parquet": ISSUED.assign(lead_days=[0, 0.5])},
        "row 2, lead_days: found '0.5', expected a"),
    "missing lead": ({"o.csv": CSV, "forecasts.parquet": ISSUED.assign(lead_days=[0, None])},
        "row 2, lead_days: found 'nan', expected a"),
    "only forecasts": ({"forecasts.nc": grid(ISSUED, ("init_time", "lead_days", "location"))},
        "holds no file of observations"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_bad_input_is_told_in_one_sentence(
    tmp_path: Path, files: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(RiskError, match=sentence) as caught:
        fetch(tmp_path, files)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_mean_and_spread_are_read_from_parquet_and_netcdf_too(tmp_path: Path) -> None:
    told = ISSUED.assign(precipitation_spread=[0.5, 0.0])
    keys = ("init_time", "lead_days", "location")
    dataset = grid(told, keys, precipitation_spread="mm")
    for number, (name, content) in enumerate((("f.parquet", told), ("f.nc", dataset))):
        folder = tmp_path / str(number)
        folder.mkdir()
        table = fetch(folder, {"o.csv": CSV, f"forecasts_{name}": content}).forecasts
        assert table["member"].tolist() == [-2, -1, -2, -1]
        assert table["precipitation"].tolist() == [0.5, 1.0, 0.0, 2.0]
    (tmp_path / "wrong").mkdir()
    with pytest.raises(RiskError, match="precipitation_spread comes in 'K', expected mm"):
        wrong = grid(told, keys, precipitation_spread="K")
        fetch(tmp_path / "wrong", {"o.csv": CSV, "forecasts.nc": wrong})


@pytest.mark.parametrize("cut", [0, 4, 100, 700])
@pytest.mark.parametrize("name", ["o.parquet", "o.nc", "o.nc4"])
def test_a_file_cut_off_is_refused(tmp_path: Path, name: str, cut: int) -> None:
    fetch(tmp_path, {name: TABLE if name.endswith("parquet") else grid()})
    path = tmp_path / "inbox" / name
    path.write_bytes(path.read_bytes()[:cut] if cut < 700 else path.read_bytes()[:-20])
    with pytest.raises(RiskError, match=f"{name}: "):
        fetch(tmp_path, {})


MISSING: dict[str, Callable[[], Any]] = {
    "o.parquet": lambda: one("precipitation", None),
    "o.nc": lambda: grid(one("precipitation", np.nan)),
    "packed.nc4": lambda: grid(one("precipitation", -999.0)).pipe(filled),
}


def filled(dataset: xr.Dataset) -> xr.Dataset:
    dataset["precipitation"].attrs |= {"_FillValue": -999.0}
    return dataset


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_nan(tmp_path: Path, name: str) -> None:
    assert np.isnan(
        fetch(tmp_path, {name: MISSING[name]()}).observations["precipitation"]
    ).tolist() == [False, True]


def test_a_file_without_places_is_of_the_only_one(tmp_path: Path) -> None:
    alone = TABLE.drop(columns="location")
    assert fetch(tmp_path, {"o.parquet": alone}).observations["location"].unique().tolist() == [
        "somewhere"
    ]
    assert fetch(tmp_path, {"p.nc": grid(alone, ("time",))}).observations[
        "location"
    ].unique().tolist() == ["somewhere"]


def test_whole_numbers_may_name_places(tmp_path: Path) -> None:
    assert fetch(tmp_path, {"o.parquet": TABLE.assign(location=[7, 7])}).locations[
        "location"
    ].tolist() == ["7"]


def test_netcdf_tells_where_its_places_are_and_the_list_wins(tmp_path: Path) -> None:
    two = pd.concat([TABLE, TABLE.assign(location="b")])
    dataset = grid(two).assign_coords(
        lat=("location", [1.0, 2.0]), lon=("location", [3.0, 4.0]), alt=("location", [5.0, 6.0])
    )
    places = fetch(
        tmp_path, {"o.nc": dataset, "locations.csv": "location,latitude\nb,9\na,\n"}
    ).locations.set_index("location")
    assert places.loc["a"].to_dict() == {
        "name": "a",
        "latitude": 1.0,
        "longitude": 3.0,
        "elevation": 5.0,
    }
    assert places.loc["b"].to_dict() == {
        "name": "b",
        "latitude": 9.0,
        "longitude": 4.0,
        "elevation": 6.0,
    }


def test_the_only_file_may_tell_where_its_place_is(tmp_path: Path) -> None:
    """One file of one place: nothing it is joined with hides what it says of its place."""
    alone = grid().assign_coords(
        latitude=("location", [34.9]), longitude=("location", [-2.33]), elevation=("location", [9])
    )
    batch = fetch(tmp_path, {"a.nc": alone})
    region = Region(
        name="somewhere", title="S", sources=("station_files",), path=tmp_path / "somewhere.yaml"
    )
    store = Store(Settings(tmp_path), region)
    assert store.ingest(SOURCE, batch).changed
    stored = store.observations()
    assert stored["air_temperature_max"].values.ravel().tolist() == [20.5, 21.0]
    assert (stored["latitude"].item(), stored["longitude"].item()) == (34.9, -2.33)


@pytest.mark.parametrize("name", ["lat", "latitude", "alt"])
def test_a_coordinate_that_is_no_number_is_told(tmp_path: Path, name: str) -> None:
    alone = grid().assign_coords({name: ("location", np.array(["34.9 N"], dtype=object))})
    with pytest.raises(RiskError, match="a.nc4: the coordinate .*: found '34.9 N', expected num"):
        fetch(tmp_path, {"a.nc4": alone})


def test_of_two_names_of_a_coordinate_one_is_read(tmp_path: Path) -> None:
    alone = grid().assign_coords(alt=("location", [1.0]), altitude=("location", [2.0]))
    assert fetch(tmp_path, {"a.nc": alone}).locations["elevation"].tolist() == [1.0]


def test_a_calendar_without_leap_years_lacks_their_day(tmp_path: Path) -> None:
    days = xr.date_range("2000-02-28", "2000-03-01", calendar="noleap", use_cftime=True)
    values = xr.DataArray([1.0, 2.0], {"time": days}, attrs={"units": "mm"}, name="precipitation")
    table = fetch(tmp_path, {"a.nc4": values.to_dataset()}).observations
    assert table["time"].dt.strftime("%m-%d").tolist() == ["02-28", "03-01"]
    assert table["precipitation"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["forecasts.parquet", "forecasts_ens.nc"])
def test_forecasts_are_read_as_issued(tmp_path: Path, name: str) -> None:
    members = pd.concat(
        [ISSUED.assign(member=m, precipitation=ISSUED["precipitation"] + m) for m in (0, 1)]
    )
    content = (
        members
        if name.endswith("parquet")
        else grid(members, ("init_time", "lead_days", "location", "member"))
    )
    table = fetch(tmp_path, {"o.csv": CSV, name: content}).forecasts
    assert table.columns.tolist() == [
        "init_time",
        "lead_days",
        "location",
        "member",
        "precipitation",
    ]
    assert table["lead_days"].tolist() == [0, 0, 1, 1]
    assert table["member"].tolist() == [0, 1, 0, 1]
    assert table["precipitation"].tolist() == [1, 2, 2, 3]
