"""Damaged and hostile station files: a sentence each, and never more lost than the damage."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs import Region, RiskError, Settings, load_region
from data_contracts.batch import Batch, FetchRequest
from data_contracts.store import Store
from sources.station_files import SOURCE
from sources.station_files.probing import endless

PLAIN = "name: here\ntitle: Here\nclock: record\nsources: [station_files]\ninbox: inbox\n"
GOOD = "time,precipitation\n2001-01-01,1\n2001-01-02,2\n"


def region_with(folder: Path, files: dict[str, bytes | str], more: str = "") -> Region:
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for name, content in files.items():
        (inbox / name).write_bytes(content.encode() if isinstance(content, str) else content)
    path = folder / "here.yaml"
    path.write_text(PLAIN + more, encoding="utf-8")
    return load_region(path)


def fetch(region: Region) -> Batch:
    return SOURCE.fetch(FetchRequest(region, Settings(region.path.parent)))


def rain(batch: Batch) -> list[float]:
    return batch.observations["precipitation"].tolist()


def head(place: str, *values: object) -> str:
    return "time,location,precipitation\n" + "".join(
        f"2001-01-{day:02d},{place},{value}\n" for day, value in enumerate(values, 1)
    )


DAMAGE = {
    "two fields too few": "2001-01-03\n",
    "a word": "2001-01-03,a,x\n",
    "a day twice": "2001-01-02,a,7\n",
    "not a day": "2001-02-30,a,7\n",
    "an open quote": '2001-01-03,"a,7\n',
    "a stray byte": b"2001-01-03,\xff,7\n",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_costs_its_own_new_rows_once_a_record_is_stored(
    tmp_path: Path, damage: str | bytes
) -> None:
    forecasts = "init_time,lead_days,location,precipitation\n2001-01-02,1,a,4\n"
    region = region_with(
        tmp_path, {"a.csv": head("a", 1, 2), "b.csv": head("b", 5, 6), "forecasts.csv": forecasts}
    )
    store = Store(Settings(tmp_path), region)
    store.ingest(SOURCE, fetch(region))
    broken = head("a", 1, 2).encode() + (damage if isinstance(damage, bytes) else damage.encode())
    region_with(tmp_path, {"a.csv": broken, "b.csv": head("b", 5, 6, 7)})
    batch = SOURCE.fetch(store.fetch_request("station_files"))
    values = batch.observations.set_index(["location", "time"])["precipitation"]
    assert values["a"].tolist() == [1, 2] and values["b"].tolist() == [5, 6, 7]
    (remark,) = batch.remarks
    assert "a.csv: " in str(remark) and str(remark).startswith("station_files: ")
    assert store.ingest(SOURCE, batch).changed
    stored = store.observations()["precipitation"]
    assert stored.sel(location="a").values.tolist()[:2] == [1, 2]
    assert stored.sel(location="b").values.tolist() == [5, 6, 7]
    issued = store.forecasts()
    assert issued is not None
    assert issued["precipitation"].sel(location="a").values.ravel().tolist() == [4]


def test_a_damaged_file_is_refused_where_it_is_all_there_is_or_nothing_is_stored(
    tmp_path: Path,
) -> None:
    region = region_with(tmp_path, {"a.csv": head("a", 1, 2), "b.csv": head("b", 5) + "2001\n"})
    with pytest.raises(RiskError, match="line 3 has 1 fields, expected 3"):
        fetch(region)
    region = region_with(tmp_path, {"b.csv": head("b", 5, 6)})
    store = Store(Settings(tmp_path), region)
    store.ingest(SOURCE, fetch(region))
    region_with(tmp_path, {"a.csv": head("a", 1) + "x\n", "b.csv": head("b", 5) + "x\n"})
    with pytest.raises(RiskError, match=r"a.csv: line 3 has 1 fields.*b.csv: line 3 has 1 fields"):
        SOURCE.fetch(store.fetch_request("station_files"))


BLANK = {
    "a comma": GOOD + ",\n",
    "many commas": GOOD + ",\n,,,,\n,\n",
    "between": GOOD.replace("2001-01-02", ",\n2001-01-02"),
    "blanks": GOOD + " , \n\n   \n",
    "empty columns": GOOD.replace("\n", ",,\n"),
    "quoted": GOOD + '"",""\n',
}


@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK.keys())
def test_what_a_spreadsheet_leaves_empty_is_passed_over(tmp_path: Path, text: str) -> None:
    assert rain(fetch(region_with(tmp_path, {"a.csv": text}))) == [1, 2]


def test_a_row_of_units_below_the_header_is_heeded(tmp_path: Path) -> None:
    text = "time,precipitation,wind_speed\n,inch,\n2001-01-01,1,36\n2001-01-02,x,36\n"
    with pytest.raises(RiskError, match="line 4, precipitation: found 'x'"):
        fetch(region_with(tmp_path, {"a.csv": text}))
    text = text.replace("x", "2").replace(",inch,", "yyyy-mm-dd,inch,km/h")
    table = fetch(region_with(tmp_path, {"a.csv": text})).observations
    assert table["precipitation"].tolist() == [25.4, 50.8]
    assert table["wind_speed"].tolist() == [10.0, 10.0]


def test_lines_are_counted_with_those_that_are_passed_over(tmp_path: Path) -> None:
    text = "time,precipitation\n,\n2001-01-01,1\n,,,\n\n2001-01-02,x\n"
    with pytest.raises(RiskError, match="line 6, precipitation: found 'x'"):
        fetch(region_with(tmp_path, {"a.csv": text}))


@pytest.mark.parametrize("size", [20_000, 140_000, 3_000_000])
def test_a_field_of_any_length_is_a_sentence(tmp_path: Path, size: int) -> None:
    for text in (
        f'{GOOD}2001-01-03,"{"9" * size}"\n',
        f"{GOOD}{'x' * size},1\n",
        f"time,precipitation,{'x' * size * 10}\n2001-01-01,1,1\n",
    ):
        with pytest.raises(RiskError) as caught:
            fetch(region_with(tmp_path, {"a.csv": text}))
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 1_500


def test_packed_text_and_text_with_a_mark_are_read(tmp_path: Path) -> None:
    packed = region_with(tmp_path, {"a.csv.gz": gzip.compress(GOOD.encode())})
    assert rain(fetch(packed)) == [1, 2]
    (tmp_path / "inbox" / "a.csv.gz").write_bytes(gzip.compress(GOOD.encode())[:-9])
    with pytest.raises(RiskError, match=r"a.csv.gz: it cannot be unpacked"):
        fetch(packed)
    (tmp_path / "inbox" / "a.csv.gz").unlink()
    assert rain(fetch(region_with(tmp_path, {"a.csv": GOOD.encode("utf-16")}))) == [1, 2]


def test_a_link_may_not_lead_out_of_the_inbox(tmp_path: Path) -> None:
    region = region_with(tmp_path, {"a.csv": GOOD})
    secret = tmp_path / "secret.csv"
    secret.write_text(GOOD.replace("2001", "2002"))
    (tmp_path / "inbox" / "b.csv").symlink_to(tmp_path / "inbox" / "a.csv")
    assert rain(fetch(region)) == [1, 2]
    for target in (secret, tmp_path / "nowhere.csv", Path("/dev/null")):
        link = tmp_path / "inbox" / "c.csv"
        link.symlink_to(target)
        with pytest.raises(RiskError, match=r"c.csv: it is a link out of the inbox, expected a f"):
            fetch(region)
        link.unlink()


def station_file(path: Path) -> None:
    days = pd.date_range("2001-01-01", periods=3)
    xr.Dataset(
        {"precipitation": ("time", [1.0, 2.0, 3.0], {"units": "mm"})}, {"time": days}
    ).to_netcdf(path, engine="h5netcdf")


def external_link(file: h5py.File, outside: Path) -> None:
    file["wind_speed"] = h5py.ExternalLink(str(outside), "/precipitation")


def external_storage(file: h5py.File, outside: Path) -> None:
    outside.with_suffix(".raw").write_bytes(np.ones(3).tobytes())
    file.create_dataset(
        "wind_speed", (3,), "f8", external=[(str(outside.with_suffix(".raw")), 0, 24)]
    )


def virtual_dataset(file: h5py.File, outside: Path) -> None:
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(outside), "precipitation", shape=(3,))
    file.create_virtual_dataset("wind_speed", layout)


def link_in_a_group(file: h5py.File, outside: Path) -> None:
    file.create_group("deep/er")["far"] = h5py.ExternalLink(str(outside), "/precipitation")


@pytest.mark.parametrize(
    "reach", [external_link, external_storage, virtual_dataset, link_in_a_group]
)
def test_hdf5_may_not_reach_out_of_its_file(tmp_path: Path, reach) -> None:
    region = region_with(tmp_path, {})
    station_file(tmp_path / "inbox" / "a.nc")
    station_file(tmp_path / "outside.nc")
    assert rain(fetch(region)) == [1, 2, 3]
    with h5py.File(tmp_path / "inbox" / "a.nc", "a") as file:
        reach(file, tmp_path / "outside.nc")
    with pytest.raises(RiskError, match="expected a file that holds all its data; write it anew"):
        fetch(region)


RECORD = (
    "\n".join(
        ["time,air_temperature_max,precipitation"]
        + [
            f"{day.date()},{20 + day.day / 10},{day.day % 3}"
            for day in pd.date_range("2001-01-01", periods=40)
        ]
    )
    + "\n"
).encode()


def damaged(content: bytes, seed: int) -> bytes:
    """The bytes with some cut, doubled, replaced or put elsewhere."""
    chance, damage = random.Random(seed), bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at, size = chance.randrange(len(damage) + 1), chance.choice([1, 1, 2, 8, 60])
        kind = chance.randrange(4)
        if kind == 0:
            del damage[at : at + size]
        elif kind == 1:
            damage[at:at] = damage[at : at + size] * chance.randint(1, 3)
        elif kind == 2:
            damage[at:at] = bytes(chance.randrange(256) for _ in range(size))
        else:
            damage[at:at] = chance.choice(
                [
                    b",",
                    b";",
                    b'"',
                    b"\n",
                    b"\r",
                    b"\0",
                    b"-",
                    b"9" * 400,
                    b"1e999",
                    b"\xff\xfe",
                    b",,",
                ]
            )
    return bytes(damage)


def holds(folder: Path, seed: int, name: str, content: bytes) -> None:
    """A damaged file is a batch of days and numbers, or one sentence."""
    region = region_with(folder, {name: damaged(content, seed)})
    try:
        table = fetch(region).observations
    except RiskError as error:
        assert "\n" not in str(error) and str(error).endswith((".", "?"))
        return
    assert not table.duplicated(["time", "location"]).any()
    assert table["time"].notna().all()
    assert all(table[name].dtype == np.float64 for name in table.columns[2:])


@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_text_is_a_record_or_a_sentence(tmp_path: Path, seed: int) -> None:
    holds(tmp_path, seed, "a.csv", RECORD)


def test_a_file_whose_opening_does_not_end_is_named(tmp_path: Path) -> None:
    """The HDF5 library loops without an end on some damaged files."""
    paths = [tmp_path / name for name in ("a.nc", "b.nc")]
    for path in paths:
        station_file(path)
    (tmp_path / "c.nc").write_bytes(b"no HDF5")
    assert endless([*paths, tmp_path / "c.nc", tmp_path / "nowhere.nc"]) == []
    assert endless(paths, seconds=0.001) == paths


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("a.csv", 600), ("a.nc", 100), ("a.parquet", 300)])
def test_a_thousand_damaged_files_are_records_or_sentences(
    tmp_path: Path, kind: str, count: int
) -> None:
    content = RECORD
    if kind == "a.nc":
        station_file(tmp_path / "whole.nc")
        content = (tmp_path / "whole.nc").read_bytes()
    elif kind == "a.parquet":
        days = pd.date_range("2001-01-01", periods=40)
        pd.DataFrame({"time": days, "precipitation": 1.0}).to_parquet(tmp_path / "whole.parquet")
        content = (tmp_path / "whole.parquet").read_bytes()
    for seed in range(count):
        holds(tmp_path, seed, kind, content)
