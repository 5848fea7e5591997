"""Rot and halves: a store that is not as it was written says so and gives no value, and upkeep
makes it whole again."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr

sys.path.insert(0, str(Path(__file__).parent))

from small_store import ADDING, WHOLE, batch, store_in

from configs import RiskError, Settings
from data_contracts.history import history
from data_contracts.refusals import NothingStored, StoreUnusable
from data_contracts.repository import MAGIC, VERSION_BYTE
from data_contracts.store import Store
from data_contracts.upkeep import check_store, compact, repair, restore, snapshots_of

Break = Callable[[Path], object]
CURES = ("store repair r", "from a copy")


@pytest.fixture
def store(home: Settings) -> Store:
    return store_in(home.home)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two snapshots of a store with chunks of their own; tests copy it."""
    store = store_in(tmp_path_factory.mktemp("sound"))
    store.ingest(ADDING, batch(days=900, places=3, value=1.5))
    store.ingest(ADDING, batch("2003-06-20", days=9, places=3, value=2.5))
    return store


@pytest.fixture
def copied(sound: Store, store: Store) -> Store:
    shutil.copytree(sound.path, store.path)
    return store


def content(store: Store) -> tuple[xr.Dataset, list[list[object]]]:
    return store.observations().load(), store.withheld().to_numpy().tolist()


def stored(store: Store) -> tuple[xr.Dataset, list[list[object]]]:
    """All that is stored of the one source, before sources are merged: a third of the time."""
    return store._read("observations", None)["adding"].load(), store.withheld().to_numpy().tolist()


def bits(store: Store) -> list[tuple[Path, int, int]]:
    files = sorted(path for path in store.path.rglob("*") if path.is_file())
    sizes = [(path, path.stat().st_size) for path in files]
    return [(path, n, bit) for path, size in sizes for n in range(size) for bit in range(8)]


def flip_each(store: Store, chosen: list[tuple[Path, int, int]]) -> dict[str, int]:
    """Flips each bit alone: counts of what came of it."""
    record, withheld = stored(store)
    counts = {"error": 0, "same value, check tells": 0}
    for path, n, bit in chosen:
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[n] ^= 1 << bit
        path.write_bytes(flipped)
        try:
            now, listed = stored(store)
            assert now.identical(record) and listed == withheld, (path, n, bit)
            assert check_store(store.repository).problems, (path, n, bit)
            counts["same value, check tells"] += 1
        except StoreUnusable as error:
            assert "damaged" in str(error), (path, n, bit)
            counts["error"] += 1
        finally:
            path.write_bytes(whole)
    assert stored(store)[0].identical(record)
    return counts


FOLDERS = ("chunks", "manifests", "refs", "seals", "snapshots", "transactions")


def folder_of(store: Store, path: Path) -> str:
    return path.relative_to(store.path).parts[0]


def test_a_flipped_bit_is_an_error_and_never_a_value(copied: Store) -> None:
    """A sample of each folder's bits; those of former snapshots give the value that is right."""
    sample = random.Random(0)  # noqa: S311
    by_folder: dict[str, list[tuple[Path, int, int]]] = {}
    for each in bits(copied):
        by_folder.setdefault(folder_of(copied, each[0]), []).append(each)
    assert set(by_folder) == set(FOLDERS)
    chosen = [bit for part in by_folder.values() for bit in sample.sample(part, 12)]
    assert flip_each(copied, chosen)["error"] >= 24


@pytest.mark.slow
def test_rot_in_any_chunk_of_any_snapshot_is_found(store: Store) -> None:
    """Days revised in the first, a middle and the last chunk; a whole record that got shorter."""
    for start, days, value in (
        ("2001-01-01", 1_200, 1.5),
        ("2002-06-01", 3, 2.5),
        ("2001-02-01", 3, 3.5),
        ("2004-04-15", 9, 4.5),
    ):
        store.ingest(ADDING, batch(start, days, places=3, value=value))
    for days, places in ((900, 2), (400, 2), (500, 1)):
        store.ingest(WHOLE, batch(days=days, places=places))
    assert check_store(store.repository).problems == ()
    files = sorted((store.path / "chunks").iterdir())
    assert len(files) > 20
    for path in files:
        whole = path.read_bytes()
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 8]) + whole[middle + 1 :])
        assert check_store(store.repository).problems, path.name
        path.write_bytes(whole)


@pytest.mark.slow
@pytest.mark.timeout(10_800)
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_flipped_bit_of_a_small_store(store: Store, folder: str) -> None:
    store.ingest(ADDING, batch())
    every = bits(store)
    chosen = [bit for bit in every if folder_of(store, bit[0]) == folder]
    counts = flip_each(store, chosen)
    assert sum(counts.values()) == len(chosen) > 200 and len(every) > 10_000


def heads(version: int) -> Break:
    """Gives every snapshot the head of another version of Icechunk."""

    def change(path: Path) -> None:
        for file in (path / "snapshots").iterdir():
            head = bytearray(file.read_bytes())
            head[VERSION_BYTE] = version
            file.write_bytes(head)

    return change


def newer(path: Path) -> None:
    """Icechunk's second format: no refs, one file that tells of all."""
    shutil.rmtree(path / "refs")
    (path / "repo").write_bytes(MAGIC + b"ic-2.0.0".ljust(24) + b"\x02\x06\x01")


def newest_of_another(version: int) -> Break:
    """A later Icechunk, without our seals, has committed to a store of the first format."""

    def change(path: Path) -> None:
        newest = json.loads((path / "refs/branch.main/ref.json").read_text())["snapshot"]
        file = path / "snapshots" / newest
        head = bytearray(file.read_bytes())
        head[VERSION_BYTE] = version
        file.write_bytes(head)
        (path / "seals" / newest).unlink()

    return change


def without(*parts: str) -> Break:
    return lambda path: [
        shutil.rmtree(path / part) if (path / part).is_dir() else (path / part).unlink()
        for part in parts
    ]


def emptied(folder: str) -> Break:
    return lambda path: [file.write_bytes(b"") for file in sorted((path / folder).rglob("*"))
                         if file.is_file()]  # fmt: skip


def other_reference(path: Path) -> None:
    (path / "refs/branch.main/ref.json").write_text('{"snapshot":"0123456789ABCDEFGHJ0"}')


BROKEN: dict[str, tuple[Break, str]] = {
    "earth-mover/icechunk#1749: all of version 2": (heads(2), "written by a newer Icechunk"),
    "earth-mover/icechunk#1773: all of version 3": (heads(3), "written by a newer Icechunk"),
    "earth-mover/icechunk#1481: version 2 committed to it": (
        newest_of_another(2), "written by a newer Icechunk",
    ),
    "EarthyScience/Browzarr#643: a layout without refs": (newer, "written by a newer Icechunk"),
    "no refs": (without("refs"), "half of it is missing"),
    "no snapshots": (without("snapshots"), "damaged"),
    "no manifests": (without("manifests"), "damaged"),
    "no chunks": (without("chunks"), "damaged"),
    "only seals": (without("refs", "snapshots", "manifests", "chunks", "transactions"), "missing"),
    "an empty reference": (emptied("refs"), "damaged"),
    "empty snapshots": (emptied("snapshots"), "damaged"),
    "empty manifests": (emptied("manifests"), "damaged"),
    "empty chunks": (emptied("chunks"), "damaged"),
    "empty seals": (emptied("seals"), "damaged"),
    "a reference to nowhere": (other_reference, "damaged"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "told"), BROKEN.values(), ids=BROKEN)
def test_a_store_that_cannot_be_used_says_which_and_the_cure(
    copied: Store, damage: Break, told: str
) -> None:
    damage(copied.path)
    reads: tuple[Callable[[], object], ...] = (
        lambda: content(copied),
        lambda: copied.ingest(ADDING, batch("2003-07-01", places=3)),
    )
    for read in reads:
        with pytest.raises(StoreUnusable) as error:
            read()
        text = str(error.value)
        assert told in text and "nothing is stored yet" not in text
        assert "install the version" in text or all(cure in text for cure in CURES)
        assert text.endswith(".") and "\n" not in text


REPAIRED = ("no refs", "an empty reference", "a reference to nowhere")


@pytest.mark.parametrize("name", REPAIRED)
def test_repair_finds_the_newest_whole_snapshot(copied: Store, name: str) -> None:
    record, _ = content(copied)
    newest = copied.snapshot()
    BROKEN[name][0](copied.path)
    assert newest in " ".join(repair(copied.repository))
    assert copied.snapshot() == newest
    assert content(copied)[0].identical(record)
    assert check_store(copied.repository).problems == ()


def test_repair_goes_back_where_the_newest_is_not_whole(copied: Store) -> None:
    newest, before = (each.id for each in snapshots_of(copied.repository))
    (copied.path / "snapshots" / newest).write_bytes(b"rot")
    repair(copied.repository)
    assert copied.snapshot() == before
    assert copied.observations().load()["wind_speed"].max() == 1.5
    assert copied.ingest(ADDING, batch("2003-06-20", days=9, places=3, value=2.5)).changed


def test_a_repaired_store_is_whole_and_can_be_compacted(copied: Store) -> None:
    """The snapshot that repair left behind is told as damage no more, though a report names it."""
    manifests = (copied.path / "manifests").iterdir()
    path = max(manifests, key=lambda each: each.stat().st_mtime_ns)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)
    left = copied.repository.tip()
    assert check_store(copied.repository).problems
    assert any("forgotten" in step for step in repair(copied.repository))
    assert not check_store(copied.repository).problems
    kept = [left, copied.snapshot()]
    compact(copied.repository, kept, datetime.now(UTC), only_named=True)
    assert not check_store(copied.repository).problems and content(copied)


def test_what_no_snapshot_has_whole_is_taken_out_and_pulled_again(copied: Store) -> None:
    copied.ingest(WHOLE, batch(days=5))
    session = copied.repository.session()
    root = zarr.open_group(session.store, mode="r")
    largest = max((copied.path / "chunks").iterdir(), key=lambda path: path.stat().st_size)
    for path in (copied.path / "chunks").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert largest.exists() and "adding" in root
    assert "adding/observations" in " ".join(repair(copied.repository))
    assert copied.fetch_request("adding").stored.observations is None
    assert copied.ingest(ADDING, batch(days=900, places=3)).changed
    assert content(copied)[0].sizes["time"] == 900


def test_a_restored_snapshot_is_the_newest_and_the_one_before_is_kept(copied: Store) -> None:
    newest, before = (each.id for each in snapshots_of(copied.repository))
    assert restore(copied.repository, before) == newest
    assert copied.observations().load()["wind_speed"].max() == 1.5
    compact(copied.repository, [])
    restore(copied.repository, newest)
    assert copied.observations().load()["wind_speed"].max() == 2.5
    with pytest.raises(RiskError, match="has no snapshot 'NOSUCH'"):
        restore(copied.repository, "NOSUCH")


def test_compact_deletes_what_nothing_needs_and_keeps_what_reports_name(copied: Store) -> None:
    copied.ingest(ADDING, batch("2003-06-20", days=9, places=3, value=3.5))
    first, *others = [each.id for each in reversed(snapshots_of(copied.repository))]
    opened = copied.repository.open()
    session = opened.writable_session("main")
    zarr.open_group(session.store, mode="a").attrs["cut"] = "off"
    session.flush("a writer that was killed")
    assert compact(copied.repository, [first]).files == 1
    compact(copied.repository, [first, first], datetime.now(UTC))
    assert [each.id for each in snapshots_of(copied.repository)] == others[-1:]
    assert copied.observations(first).load()["wind_speed"].max() == 1.5
    assert check_store(copied.repository).problems == ()
    with pytest.raises(RiskError, match="has no snapshot"):
        copied.observations(others[0])
    compact(copied.repository, [], datetime.now(UTC))
    assert copied.observations(first).sizes["time"], "named in the compaction before"
    compact(copied.repository, [], datetime.now(UTC), only_named=True)
    assert check_store(copied.repository).problems == ()
    with pytest.raises(RiskError, match="has no snapshot"):
        copied.observations(first)


def test_history_tells_what_the_store_said_when(store: Store) -> None:
    store.ingest(ADDING, batch(value=1.5))
    result = store.ingest(ADDING, batch("2001-01-02", days=7, value=2.5))
    assert result.revised == tuple(date(2001, 1, day) for day in (2, 3, 4, 5))
    said = history(store, "precipitation", "place 0", date(2001, 1, 2))
    assert [(each.source, each.value) for each in said] == [("adding", 1.5), ("adding", 2.5)]
    assert [each.message for each in snapshots_of(store.repository)] == [
        "adding", "adding: revised", "adding",
    ]  # fmt: skip
    revised = store.observations(said[1].snapshot).load()
    assert revised["precipitation"].sel(time="2001-01-02").item() == 2.5
    assert revised.sizes["time"] == 5, "the new days are in the next snapshot"
    for words in (("rain", "place 0"), ("precipitation", "nowhere")):
        with pytest.raises(RiskError, match="name one of these"):
            history(store, *words, date(2001, 1, 2))


def former_store(store: Store) -> None:
    """What a version before made: no seals, no checksums, its lists beside it."""
    storage = icechunk.local_filesystem_storage(str(store.path))
    repository = icechunk.Repository.create(storage)
    session = repository.writable_session("main")
    other = store_in(store.settings.home / "other")
    other.ingest(ADDING, batch())
    record = other.fetch_request("adding").stored.observations
    assert record is not None
    names = {name: record[name].astype(object) for name in ("location", "name")}
    record.load().assign_coords(names).drop_encoding().to_zarr(
        session.store, group="adding/observations", zarr_format=3, consolidated=False
    )
    session.commit("adding")
    for path, text in ((store.quarantine, "precipitation"), (store.qualities, "wind_speed")):
        path.parent.mkdir(parents=True)
        more = ",quality,readings,used" if path == store.qualities else ",value,rule"
        end = ",good,24,24" if path == store.qualities else ",5000,too much"
        path.write_text(
            f"source,variable,time,location{more}\nother,{text},2000-01-01,place 0{end}\n"
        )


def test_a_store_of_a_version_before_opens_and_goes_on(store: Store) -> None:
    former_store(store)
    assert content(store)[0]["precipitation"].values.ravel().tolist()[:2] == [1.5, 1.5]
    before = check_store(store.repository)
    assert (before.unsealed, before.problems) == (1, ()) and before.unchecked == 8
    store.ingest(ADDING, batch("2001-01-05", days=3, value=2.5))
    assert len(store.observations()["time"]) == 7
    assert store.withheld()["rule"].tolist()[-1] == "too much"
    assert len(store.quality()) == 1
    for path in (store.quarantine, store.qualities):
        path.write_text("")  # nobody reads them any more
    assert len(store.quality()) == 1 and len(store.withheld()) == 2
    now = check_store(store.repository)
    assert (now.unchecked, now.problems) == (0, ())
    assert repair(store.repository) == ["1 snapshots sealed"]


@pytest.mark.parametrize("text", ["", "time\r\n", "\x00", "source,variable\na"])
def test_a_former_list_that_does_not_read_poisons_nothing(store: Store, text: str) -> None:
    former_store(store)
    for path in (store.quarantine, store.qualities):
        path.write_text(text)
    assert store.ingest(ADDING, batch("2001-01-05", days=3)).changed
    assert len(store.withheld()) == 1 and store.quality().empty


def test_texts_of_lists_come_back_letter_for_letter(store: Store) -> None:
    """A carriage return in a text once broke the list that lay beside the store."""
    word, day = 'a\rb\n"c",=1+1\u2028é', batch().observations["time"].iloc[0]
    quality = batch().observations[["time", "location"]].iloc[:1]
    quality = quality.assign(variable="precipitation", quality=word, readings=1, used=1)
    for days in (5, 6):
        made = batch(days=days)
        store.ingest(ADDING, type(made)(made.observations, made.locations, quality=quality))
        assert store.quality()[["time", "quality"]].to_numpy().tolist() == [[day, word]]


def test_nothing_stored_is_no_damage(store: Store) -> None:
    for ask in (store.observations, lambda: check_store(store.repository),
                lambda: repair(store.repository)):  # fmt: skip
        with pytest.raises(NothingStored, match="nothing is stored yet"):
            ask()
    store.verify()
    store.path.mkdir(parents=True)  # an earlier version left it when it was killed there
    with pytest.raises(NothingStored, match="nothing is stored yet"):
        store.observations()
    assert store.ingest(ADDING, batch()).changed


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Mounts a file system of its own at a folder, where this user may."""
    import subprocess

    mounted: list[Path] = []

    def mount(folder: Path, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("needs a user who may mount a file system")
        mounted.append(folder)

    yield mount
    for folder in reversed(dict.fromkeys(mounted)):
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_is_one_sentence_and_what_is_stored_is_whole(
    tmp_path: Path, disk: Callable[..., None]
) -> None:
    disk(tmp_path / "small", "-t", "tmpfs", "-o", "size=400k", "tmpfs")
    store = store_in(tmp_path / "small")
    store.ingest(ADDING, batch())
    record, _ = content(store)
    made = batch("2001-01-06", days=8_000, places=20)
    made.observations["wind_speed"] = np.random.default_rng(0).random(160_000)
    with pytest.raises(RiskError, match="found a full disk.*make room there") as error:
        store.ingest(ADDING, made)
    assert "what was stored before is whole" in str(error.value)
    assert content(store)[0].identical(record)
    assert check_store(store.repository).problems == ()


def test_a_read_only_home_is_one_sentence_and_can_be_read(
    tmp_path: Path, disk: Callable[..., None]
) -> None:
    disk(tmp_path / "home", "-t", "tmpfs", "tmpfs")
    store = store_in(tmp_path / "home")
    store.ingest(ADDING, batch())
    record, _ = content(store)
    disk(tmp_path / "home", "-o", "remount,ro")
    with pytest.raises(RiskError, match="may not be written to.*mount its disk for writing"):
        store.ingest(ADDING, batch(days=9))
    assert content(store)[0].identical(record)
    assert check_store(store.repository).problems == ()
    assert history(store, "wind_speed", "place 0", date(2001, 1, 1))
