"""The store with the real Icechunk: what goes in comes out, nothing else changes, and a killed
writer loses nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pandas as pd
import pytest
import zarr

from configs import CHECKOUT, Region, RiskError, Settings
from data_contracts.batch import Batch, Source
from data_contracts.contract import ContractBroken
from data_contracts.merging import newest_origins
from data_contracts.store import IngestResult, Store
from data_contracts.variables import VARIABLES


def never(region: Region, settings: Settings) -> Batch:
    raise AssertionError("these tests hand their batches over themselves")


WHOLE = Source("whole", 1, "test", "test", True, never)
ADDING = Source("adding", 1, "test", "test", False, never)
OTHER = Source("other", 1, "test", "test", False, never)


@pytest.fixture
def store(home: Settings) -> Store:
    return Store(
        home,
        Region(
            name="r", title="R", sources=("whole", "adding", "other"), path=home.home / "r.yaml"
        ),
    )


def record(
    start: str = "2001-01-01", days: int = 40, location: str = "a", **columns: object
) -> pd.DataFrame:
    """Plain days of one place across a chunk's edge or less; ``columns`` replaces or adds some."""
    plain = {
        "time": pd.date_range(start, periods=days),
        "location": location,
        "air_temperature_max": np.arange(days) % 30.0,
    }
    return pd.DataFrame(plain | columns)


def forecast(
    start: str = "2001-01-01", days: int = 3, member: int = -1, value: float = 1.0
) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "init_time": pd.date_range(start, periods=days),
            "location": "a",
            "member": member,
            "precipitation": value,
        }
    )
    return pd.concat([table.assign(lead_days=lead) for lead in (0, 1)], ignore_index=True)


def put(
    store: Store,
    source: Source,
    observations: pd.DataFrame,
    forecasts: pd.DataFrame | None = None,
    **places: object,
) -> IngestResult:
    ids = observations["location"].unique()
    known = pd.DataFrame(
        {"location": ids, "name": ids, "latitude": 35.0, "longitude": -2.0, "elevation": np.nan}
    )
    return store.ingest(
        source,
        Batch(
            observations, known.assign(**places), pd.DataFrame() if forecasts is None else forecasts
        ),
    )


def values(store: Store, name: str = "air_temperature_max", location: str = "a") -> pd.Series:
    return (
        store.observations()[name].sel(location=location).drop_vars("location").to_series().dropna()
    )


def snapshots(store: Store) -> int:
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(store.path)))
    return len(list(repository.ancestry(branch="main")))


def test_what_is_stored_comes_back(store: Store) -> None:
    days = 800
    rain = np.where(np.arange(days) == 400, np.nan, 1.5)
    table = pd.concat(
        [record("1969-06-01", days, place, precipitation=rain) for place in ("b", "a")]
    )
    stored = put(store, WHOLE, table, elevation=[4.0, np.nan])
    assert stored.changed
    assert stored.snapshot == store.snapshot()
    found = store.observations()
    assert found["location"].values.tolist() == ["b", "a"]
    assert found["elevation"].values.tolist()[0] == 4.0
    assert found["time"].values[[0, -1]].astype("datetime64[D]").astype(str).tolist() == [
        "1969-06-01",
        "1971-08-09",
    ]
    assert {found[name].dtype for name in found.data_vars} == {np.dtype("float32")}
    assert found["precipitation"].isnull().sum().compute() == 2
    np.testing.assert_array_equal(values(store), np.arange(days) % 30)


def test_arrays_are_dask_backed_and_described(store: Store) -> None:
    put(store, WHOLE, record(days=800, precipitation=1.0))
    found = store.observations()
    assert list(found.data_vars) == ["air_temperature_max", "precipitation"]
    for name in found.data_vars:
        array, row = found[name], VARIABLES[str(name)]
        assert array.chunks is not None
        assert (array.attrs["units"], array.attrs["cell_methods"]) == (row.units, row.cell_methods)
        assert array.attrs["standard_name"] == row.standard_name
    assert found["latitude"].attrs["units"] == "degrees_north"
    assert found.attrs["Conventions"] == "CF-1.11"


def test_the_layout_is_final(store: Store) -> None:
    """A year by 250 places from the first commit, however small the record, so that a grown store
    needs no rewriting."""
    put(store, WHOLE, record(), forecast())
    session = icechunk.Repository.open(
        icechunk.local_filesystem_storage(str(store.path))
    ).readonly_session("main")
    root = zarr.open_group(session.store, mode="r")
    array, issued = (
        root["whole/observations/air_temperature_max"],
        root["whole/forecasts/precipitation"],
    )
    assert isinstance(array, zarr.Array) and isinstance(issued, zarr.Array)
    assert (array.metadata.zarr_format, array.chunks, array.dtype) == (
        3,
        (365, 250),
        np.dtype("float32"),
    )
    assert array.metadata.dimension_names == ("time", "location")
    assert issued.chunks == (90, 16, 250)


def test_nothing_new_makes_no_snapshot(store: Store) -> None:
    first = put(store, WHOLE, record(), forecast())
    again = put(store, WHOLE, record().sample(frac=1, random_state=0), forecast())
    assert not again.changed
    assert again.snapshot == first.snapshot
    assert snapshots(store) == 2  # Icechunk's empty first one, and ours
    added = put(store, ADDING, record())
    assert not put(
        store, ADDING, record("2001-01-10", 3, air_temperature_max=[9, np.nan, 11])
    ).changed
    assert store.snapshot() == added.snapshot


WHOLE_CASES = {
    "a day more": record(days=41),
    "a day less": record(days=39),
    "a day earlier": record("2000-12-31"),
    "later days only": record("2001-03-01"),
    "a changed value": record(air_temperature_max=7.0),
    "a value gone": record(air_temperature_max=np.where(np.arange(40) == 7, np.nan, 3.0)),
    "another place": record(location="é" * 200),
    "another variable": record(precipitation=1.0).drop(columns="air_temperature_max"),
    "across years": record(days=1200),
}


@pytest.mark.parametrize("table", WHOLE_CASES.values(), ids=WHOLE_CASES.keys())
def test_a_complete_source_is_mirrored(store: Store, table: pd.DataFrame) -> None:
    put(store, WHOLE, record(), forecast())
    assert put(store, WHOLE, table).changed
    found = store.observations()
    name = table.columns[-1]
    place = table["location"].iloc[0]
    assert found["location"].values.tolist() == [place]
    assert list(found.data_vars) == [name]
    np.testing.assert_array_equal(found[name].sel(location=place), table[name].astype("float32"))
    np.testing.assert_array_equal(found["time"], table["time"].to_numpy("datetime64[ns]"))
    assert store.forecasts() is None


def test_the_delay_of_the_source_comes_with_its_variables(store: Store) -> None:
    put(store, replace(OTHER, delay_days=6), record(precipitation=1.0))
    put(store, WHOLE, record())
    delays = {
        name: array.attrs["delay_days"] for name, array in store.observations().data_vars.items()
    }
    assert delays == {"air_temperature_max": 1, "precipitation": 6}
    assert put(store, replace(WHOLE, delay_days=2), record()).changed
    assert store.observations()["air_temperature_max"].attrs["delay_days"] == 2


def test_a_corrected_place_is_a_change(store: Store) -> None:
    put(store, WHOLE, record())
    assert put(store, WHOLE, record(), latitude=36.0, name="Ville").changed
    assert store.observations()["latitude"].item() == 36.0
    assert store.observations()["name"].item() == "Ville"


ADDING_CASES = {
    "the next day": ("2001-02-10", 1),
    "overlapping": ("2001-02-05", 10),
    "within": ("2001-01-10", 5),
    "before": ("2000-12-25", 7),
    "before and overlapping": ("2000-12-25", 10),
    "after a gap": ("2001-03-01", 2),
    "before a gap": ("2000-11-01", 2),
    "all around": ("2000-12-01", 100),
}


@pytest.mark.parametrize(("start", "days"), ADDING_CASES.values(), ids=ADDING_CASES.keys())
@pytest.mark.parametrize("place", ["a", "b"])
def test_an_adding_source_keeps_what_it_had(
    store: Store, start: str, days: int, place: str
) -> None:
    new = record(
        start, days, place, air_temperature_max=np.where(np.arange(days) == 0, np.nan, 50.0)
    )
    put(store, ADDING, record())
    put(store, ADDING, new)
    expected = (
        pd.concat([record(), new]).dropna().drop_duplicates(["time", "location"], keep="last")
    )
    for location, table in expected.groupby("location"):
        series = table.set_index("time")["air_temperature_max"].astype("float32").sort_index()
        pd.testing.assert_series_equal(
            values(store, location=str(location)), series, check_freq=False, check_index_type=False
        )
    steps = np.diff(store.observations()["time"].values)
    assert (steps == np.timedelta64(1, "D")).all()


def test_an_adding_source_may_bring_a_new_variable(store: Store) -> None:
    put(store, ADDING, record())
    put(store, ADDING, record("2001-02-10", 1, precipitation=3.0))
    assert len(values(store)) == 41
    assert values(store, "precipitation").tolist() == [3.0]


def test_a_new_day_is_appended_not_rewritten(store: Store) -> None:
    put(store, ADDING, record(days=1000))
    before = {path for path in (store.path / "chunks").rglob("*") if path.is_file()}
    put(store, ADDING, record("2003-09-28", 1))
    after = {path for path in (store.path / "chunks").rglob("*") if path.is_file()}
    assert before <= after
    assert len(after - before) <= 2  # the last year's chunk of the variable, and the days


def test_sources_are_merged_in_the_regions_order(store: Store) -> None:
    put(store, OTHER, record("2001-02-01", 20, air_temperature_max=1.0, precipitation=5.0))
    put(store, OTHER, record("2001-02-01", 20, "z", air_temperature_max=1.0, precipitation=5.0))
    put(
        store,
        WHOLE,
        record(air_temperature_max=np.where(np.arange(40) == 39, np.nan, 7.0)),
        name="Ville",
    )
    found = store.observations()
    assert found["location"].values.tolist() == ["a", "z"]
    assert found["name"].values.tolist() == ["Ville", "z"]
    merged = values(store)
    assert merged["2001-02-08"] == 7.0  # both have it: the first source's
    assert merged["2001-02-09"] == 1.0  # withdrawn by the first: the second's
    assert merged.index[-1] == pd.Timestamp("2001-02-20")
    assert found["precipitation"].chunks is not None
    assert found["precipitation"].attrs["units"] == "mm"


def test_a_record_of_one_day_beside_decades_is_planned_in_few_tasks(store: Store) -> None:
    """A station that joins: reindexed by Dask its day would be a task for each of the others."""
    put(store, WHOLE, record("1981-01-01", 9_000, air_temperature_max=7.0))
    put(store, OTHER, record("2005-08-22", 1, air_temperature_max=1.0))
    found = store.observations()
    assert found.sizes["time"] == 9_000 and len(dict(found.__dask_graph__())) < 500
    assert found["air_temperature_max"].data.npartitions <= 3
    assert (found["source"].values[0, :-1] == 0).all()
    merged = values(store)
    assert (merged == 7.0).all() and len(merged) == 9_000


def test_forecasts_are_kept_by_the_day_they_were_issued(store: Store) -> None:
    put(store, ADDING, record(), forecast())
    put(store, ADDING, record(), forecast("2001-01-03", 4, value=2.0))
    found = store.forecasts()
    assert found is not None
    assert found["precipitation"].dims == ("init_time", "lead_time", "location")
    assert found["lead_time"].values.astype("timedelta64[D]").astype(int).tolist() == [0, 1]
    assert found["precipitation"].isel(lead_time=1, location=0).values.tolist() == [
        1,
        1,
        2,
        2,
        2,
        2,
    ]


def test_members_join_a_deterministic_run_as_member_minus_one(store: Store) -> None:
    put(store, ADDING, record(), forecast())
    put(
        store,
        ADDING,
        record(),
        pd.concat([forecast(member=0, value=3.0), forecast(member=1, value=4.0)]),
    )
    found = store.forecasts()
    assert found is not None
    assert found["member"].values.tolist() == [-1, 0, 1]
    assert found["precipitation"].isel(init_time=0, lead_time=0, location=0).values.tolist() == [
        1,
        3,
        4,
    ]


def test_an_older_snapshot_stays_readable(store: Store) -> None:
    first = put(store, WHOLE, record())
    put(store, WHOLE, record(days=50))
    assert store.observations(first.snapshot).sizes["time"] == 40
    assert store.observations().sizes["time"] == 50
    with pytest.raises(RiskError, match="has no snapshot 'NOSUCH'"):
        store.observations("NOSUCH")


def test_an_empty_store_says_what_to_do_and_makes_nothing(store: Store, home: Settings) -> None:
    for read in (store.observations, store.forecasts, store.snapshot):
        with pytest.raises(
            RiskError, match="nothing is stored yet, run `climate-risk pull r` first"
        ):
            read()
    assert list(home.home.iterdir()) == []


def test_a_refused_batch_stores_nothing(store: Store) -> None:
    first = put(store, WHOLE, record())
    with pytest.raises(ContractBroken, match="kelvin"):
        put(store, WHOLE, record(air_temperature_max=300.0))
    assert store.snapshot() == first.snapshot
    assert store.withheld().empty


def test_withheld_cells_are_listed_beside_the_store(store: Store, home: Settings) -> None:
    bad = record()
    bad.loc[[4, 9], "air_temperature_max"] = [99.0, -99.0]
    for _ in range(2):
        assert len(put(store, WHOLE, bad).withheld) == 2
        assert len(values(store)) == 38
        listed = store.withheld()
        assert listed[["source", "location", "value"]].values.tolist() == [
            ["whole", "a", 99.0],
            ["whole", "a", -99.0],
        ]
        assert listed["time"].tolist() == [pd.Timestamp("2001-01-05"), pd.Timestamp("2001-01-10")]
    assert (home.data / "quarantine" / "r.csv").exists()
    put(store, WHOLE, record())
    assert store.withheld().empty


def test_an_adding_sources_withheld_cells_add_up_until_corrected(store: Store) -> None:
    first, second = record(days=30), record("2001-02-01", 30)
    first.loc[4, "air_temperature_max"] = second.loc[4, "air_temperature_max"] = 99.0
    put(store, ADDING, first)
    put(store, ADDING, second)
    assert store.withheld()["time"].dt.strftime("%m-%d").tolist() == ["01-05", "02-05"]
    put(store, ADDING, record(days=30))
    assert store.withheld()["time"].dt.strftime("%m-%d").tolist() == ["02-05"]


@pytest.mark.parametrize(
    "sent_again",
    [
        record("2001-01-05", 1, air_temperature_max=99.0),
        record("2001-01-05", 3, air_temperature_max=[99.0, 5.0, 6.0]),
        record(
            "2000-12-30",
            50,
            air_temperature_max=[9.0, 9.0, 0, 1, 2, 3, 99.0, *range(5, 30), *range(10), *[9.0] * 8],
        ),
    ],
    ids=["alone", "among others", "before and after what is stored"],
)
def test_a_withheld_value_takes_the_stored_one_back(store: Store, sent_again: pd.DataFrame) -> None:
    """No cell is listed as withheld and used: the newest word on it is one that cannot be."""
    day = pd.Timestamp("2001-01-05")
    first = put(store, ADDING, record())
    result = put(store, ADDING, sent_again)
    assert result.revised == (day.date(),)
    assert store.withheld()["time"].tolist() == [day]
    after = store.observations()["air_temperature_max"].load()
    assert np.isnan(after.sel(time=day).item()) and after.sizes["time"] >= 40
    before = store.observations(first.snapshot)["air_temperature_max"]
    others = before["time"].drop_sel(time=day)
    assert (after.sel(time=others) == before.sel(time=others)).all() and before.sel(time=day) == 4
    assert not put(store, ADDING, sent_again).changed
    put(store, ADDING, record("2001-01-05", 1, air_temperature_max=23.0))
    assert store.observations()["air_temperature_max"].sel(time=day) == 23.0
    assert store.withheld().empty


ODD_TIMES: dict[str, Any] = {
    "a zone": lambda times: times.dt.tz_localize("UTC"),
    "texts": lambda times: times.dt.strftime("%Y-%m-%d"),
    "none": lambda times: pd.Series(pd.NaT, times.index),
    "none at all": lambda times: pd.Series(None, times.index, dtype=object),
}


@pytest.mark.parametrize("odd", ODD_TIMES.values(), ids=ODD_TIMES)
def test_great_rain_at_times_that_are_no_days_is_refused_beside_stored_forecasts(
    store: Store, odd: Any
) -> None:
    """The stored forecasts are not asked about days that cannot be told."""
    put(store, ADDING, record(), forecast())
    rain = record(precipitation=900.0)
    before = store.snapshot()
    with pytest.raises(ContractBroken):
        put(store, ADDING, rain.assign(time=odd(rain["time"])))
    with pytest.raises(ContractBroken):
        put(store, ADDING, pd.concat([rain, rain[["time"]]], axis=1))
    assert store.snapshot() == before


def test_a_list_that_is_empty_again_is_read_and_added_to(store: Store) -> None:
    """All that was withheld was mended; the deliveries after that are stored as ever."""
    put(store, ADDING, record())
    for day in ("2001-01-05", "2001-01-06"):
        put(store, ADDING, record(day, 1, air_temperature_max=99.0))
        assert len(store.withheld()) == 1
        put(store, ADDING, record(day, 1, air_temperature_max=23.0))
        assert store.withheld().empty


def test_a_withheld_value_takes_back_its_own_cell_alone(store: Store) -> None:
    """Another variable, another place and another source keep what they have."""
    put(store, WHOLE, record(air_temperature_max=18.0))
    put(
        store,
        ADDING,
        pd.concat([record(location="a"), record(location="b")]).assign(wind_speed=3.0),
    )
    put(store, ADDING, record("2001-01-05", 1, location="a", air_temperature_max=99.0))
    found = store.observations().sel(time="2001-01-05").load()
    assert found["wind_speed"].values.tolist() == [3.0, 3.0]
    assert found["air_temperature_max"].sel(location="b") == 4.0
    assert found["air_temperature_max"].sel(location="a") == 18.0


@pytest.mark.parametrize("place", ["بركان" * 40, "é" * 200, "日本", "a,b;\"c'", "2001", "NA"])
def test_place_names_come_back_letter_for_letter(store: Store, place: str) -> None:
    bad = record(location=place)
    bad.loc[4, "air_temperature_max"] = 99.0
    put(store, ADDING, record(location="other"))
    put(store, ADDING, bad)
    found = store.observations()
    assert found["location"].values.tolist() == ["other", place]
    assert found["name"].values.tolist() == ["other", place]
    assert store.withheld()["location"].tolist() == [place]


def test_a_home_may_be_moved(store: Store, home: Settings, tmp_path: Path) -> None:
    put(store, WHOLE, record())
    moved = Settings(tmp_path / "elsewhere")
    shutil.move(home.home, moved.home)
    again = Store(moved, store.region)
    assert again.observations().load().sizes["time"] == 40
    assert put(again, WHOLE, record(days=41)).changed
    assert not home.home.exists()


def test_the_store_prints_nothing(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    put(store, WHOLE, record())
    store.observations().load()
    assert capfd.readouterr() == ("", "")


WRITER = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
from configs import Region, Settings
from data_contracts.store import Store
from data_contracts.batch import Batch, Source
home = Path(sys.argv[1])
store = Store(Settings(home), Region(name="r", title="R", sources=("whole",), path=home / "r.yaml"))
source = Source("whole", 1, "test", "test", True, lambda region, settings: None)
ids = [str(i) for i in range(20)]
places = pd.DataFrame({"location": ids, "name": ids, "latitude": 35.0, "longitude": -2.0})
places["elevation"] = 0.0
days = pd.date_range("2001-01-01", periods=2000)
table = pd.DataFrame({"time": np.repeat(days, 20), "location": np.tile(ids, 2000)})
for round in range(1, 70):
    batch = Batch(table.assign(precipitation=float(round), wind_speed=float(round)), places)
    print(round, flush=True)
    store.ingest(source, batch)
"""


def test_a_writer_killed_while_writing_leaves_a_whole_snapshot(
    store: Store, home: Settings
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home.home)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    )
    assert writer.stdout is not None
    for line in writer.stdout:
        if line.strip() == "3":
            break
    time.sleep(0.1)  # an ingest takes a few tenths of a second
    writer.kill()
    begun = [3, *(int(line) for line in writer.stdout.read().split())][-1]
    assert writer.wait() == -9
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(store.path)))
    written = [snapshot.id for snapshot in repository.ancestry(branch="main")][
        :-1
    ]  # all but Icechunk's empty first one
    newest = store.observations().load()
    assert np.unique(newest["precipitation"]).item() in {begun - 1, begun}
    for snapshot in written:  # each holds one round's values whole, never a mixture
        found = store.observations(snapshot).load()
        assert np.unique(np.stack([found["precipitation"], found["wind_speed"]])).size == 1
    assert put(store, WHOLE, record()).changed  # the writer's lock died with it


def test_each_value_says_which_source_gave_it_and_a_variable_may_have_an_order_of_its_own(
    store: Store,
) -> None:
    put(
        store,
        ADDING,
        record(
            days=3, air_temperature_max=[20.0, np.nan, np.nan], precipitation=[1.0, 1.0, np.nan]
        ),
    )
    put(
        store,
        OTHER,
        record(days=3, air_temperature_max=[30.0, 31.0, np.nan], precipitation=[9.0, 9.0, 9.0]),
    )
    read = store.observations()
    assert read["source"].attrs["flag_meanings"] == "adding other"
    assert read["source"].sel(variable="air_temperature_max").values[:, 0].tolist() == [0, 1, -1]
    assert read["source"].sel(variable="precipitation").values[:, 0].tolist() == [0, 0, 1]
    assert newest_origins(read) == {
        "air_temperature_max": {"adding": 0.5, "other": 0.5},
        "precipitation": {"adding": 0.6667, "other": 0.3333},
    }
    store.region = store.region.model_copy(update={"source_order": {"precipitation": ("other",)}})
    read = store.observations()
    assert read["precipitation"].values[:, 0].tolist() == [9.0, 9.0, 9.0]
    assert read["air_temperature_max"].values[:2, 0].tolist() == [20.0, 31.0]
    assert read["source"].sel(variable="precipitation").values[:, 0].tolist() == [1, 1, 1]
