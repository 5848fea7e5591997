"""A whole home: its stamp, its backup, and the home that is made from one."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from configs import RiskError, Settings, load_region
from flows.backup import MANIFEST, back_up, kept, restore
from flows.home import (
    CHECKED,
    LAYOUT,
    RESTORING,
    STAMP,
    STEPS,
    open_home,
    read_stamp,
    schedule_lock,
)
from flows.progress import Show, Stage, print_nothing
from reports.storage.ledger import broken, entries

pytestmark = pytest.mark.timeout(900)

FILES = {
    "published/tunis/2002-07-31/forecast.csv": b"hazard\n",
    "published/tunis/ledger.jsonl": b"{}\n",
    "mlruns/artifacts/tunis/run/artifacts/model/model.json": b"{}",
    "data/notes/tunis/2002-07-31.txt": "ملاحظة\n".encode(),
}
LEFT_OUT = {
    "prefect/login-4200": b"admin:a-secret\n",
    "prefect/profiles.toml": b"PREFECT_API_KEY = 'a-secret'\n",
    "data/locks/tunis.lock": b"",
    "data/runs/0a0b.lock": b"",
    "data/regions/tunis.path": b"../elsewhere/tunis.yaml",
    "published/tunis/.climate-risk-new-2002-08-01/forecast.csv": b"half",
    "published/.index.html.new": b"half",
    "mlruns/registry.lock": b"",
}


def written(home: Path, files: dict[str, bytes]) -> Settings:
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Settings(home)


def tree(home: Path) -> dict[str, tuple[str, int]]:
    """SHA-256 and time of every file that a backup holds."""
    names = (path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    return {
        name: (sha256((home / name).read_bytes()).hexdigest(), int((home / name).stat().st_mtime))
        for name in names
        if kept(name)
    }


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    """A home of few files, some of which belong into no backup."""
    return written(tmp_path / "home", FILES | LEFT_OUT)


@pytest.fixture
def saved(small: Settings, tmp_path: Path) -> Path:
    """A backup of it."""
    file = tmp_path / "home.tar.gz"
    back_up(small, file)
    return file


def test_a_home_restored_elsewhere_is_the_same_bit_for_bit_and_goes_on(
    ready, command: Callable, tmp_path: Path
) -> None:
    home = Settings(Path(shutil.copytree(ready.settings.home, tmp_path / "home")))
    file, there = tmp_path / "home.tar.gz", Settings(tmp_path / "other" / "place")
    said = command(home, "backup", file)
    assert (said.status, said.err) == (0, "") and "files" in said.out
    assert file.stat().st_mode & 0o777 == 0o600
    before = tree(home.home)
    shutil.rmtree(home.home)
    said = command(there, "restore", file)
    assert (said.status, said.err) == (0, "")
    after = tree(there.home)
    databases = {name for name in before if name.endswith(".db")}
    assert before.keys() == after.keys() and "mlruns/mlflow.db" in databases
    assert {n: one for n, one in before.items() if n not in databases} == {
        n: one for n, one in after.items() if n not in databases
    }
    files = Path(shutil.copytree(ready.region.path.parent, tmp_path / "files"))
    record = files / "inbox" / "record.csv"
    table = pd.read_csv(record)
    newest = table.iloc[[-1]].assign(time="2005-01-01", air_temperature_max=14.5)
    pd.concat([table, newest]).to_csv(record, index=False)
    region = load_region(files / "smallville.yaml")
    said = command(there, "daily", region.path)
    assert (said.status, said.err) == (0, ""), said.err
    assert "\nfitted" not in said.out, "the models that were restored forecast"
    folder = there.published / "smallville"
    assert [line.issued for line in entries(folder)] == ["2005-01-01", "2005-01-02"]
    assert broken(folder) == ""
    assert command(there, "ledger", "check").status == 0


def test_passwords_locks_and_half_written_files_are_in_no_backup(
    saved: Path, small: Settings
) -> None:
    with tarfile.open(saved) as archive:
        names = set(archive.getnames())
        content = b"".join(
            part.read() for one in archive if (part := archive.extractfile(one)) is not None
        )
    assert names == {MANIFEST, STAMP, *FILES}
    assert b"a-secret" not in content
    there = Settings(small.home.parent / "there")
    assert restore(saved, there) == len(FILES) + 1
    assert tree(there.home) == tree(small.home)


def test_a_backup_waits_for_a_run_and_is_of_what_that_left(small: Settings, tmp_path: Path) -> None:
    there = threading.Event()

    @contextmanager
    def waits(now: Stage) -> Iterator[Show]:
        there.set()
        yield print_nothing

    file, lock = tmp_path / "home.tar.gz", FileLock(small.data / "locks" / "tunis.lock")
    backup = threading.Thread(target=back_up, args=(small, file))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.progress._display", [waits])
        with lock:
            backup.start()
            assert there.wait(60), "it tells that it waits for another run of tunis"
            assert not file.exists()
            written(small.home, {"data/notes/tunis/2002-08-01.txt": b"by the run"})
        backup.join()
    with tarfile.open(file) as archive:
        assert "data/notes/tunis/2002-08-01.txt" in archive.getnames()


def test_a_backup_waits_for_no_schedule_that_serves_the_home(
    small: Settings, tmp_path: Path
) -> None:
    with FileLock(schedule_lock(small)):
        maker = threading.Thread(target=back_up, args=(small, tmp_path / "home.tar.gz"))
        maker.daemon = True
        maker.start()
        maker.join(60)
        assert not maker.is_alive() and (tmp_path / "home.tar.gz").is_file()


def test_a_link_is_left_out_and_said(small: Settings, tmp_path: Path) -> None:
    (small.data / "inbox").symlink_to(tmp_path)
    made = back_up(small, tmp_path / "home.tar.gz")
    assert made.left_out == ("data/inbox: it is a link",)


def test_a_file_that_is_no_backup_is_not_overwritten(small: Settings, tmp_path: Path) -> None:
    other = tmp_path / "thesis.txt"
    other.write_text("years of work")
    for file, found in (
        (other, "found something that is no backup"),
        (small.published / "home.tar.gz", "inside the home's published"),
        (tmp_path / "none" / "home.tar.gz", "found no folder"),
    ):
        with pytest.raises(RiskError, match=found):
            back_up(small, file)
    assert other.read_text() == "years of work"
    with pytest.raises(RiskError, match="found nothing to back up"):
        back_up(Settings(tmp_path / "empty"), tmp_path / "empty.tar.gz")


def test_a_home_that_holds_something_is_not_restored_into(
    saved: Path, small: Settings, tmp_path: Path
) -> None:
    before = tree(small.home)
    with pytest.raises(RiskError, match=r"found .* there, expected an empty one"):
        restore(saved, small)
    assert tree(small.home) == before
    checkout = written(tmp_path / "checkout", {"mlruns/README.md": b"ours", "flows/x.py": b""})
    restore(saved, checkout)
    assert (checkout.mlruns / "README.md").read_bytes() == b"ours"


def forged(file: Path, change: Callable[[dict, list], None]) -> Path:
    """A backup whose list and members somebody changed: ``change(list, members)``."""
    with tarfile.open(file) as archive:
        members = [
            (one, part.read() if (part := archive.extractfile(one)) else b"") for one in archive
        ]
    told = json.loads(members.pop(0)[1])
    change(told, members)
    forgery = file.with_name("forged.tar.gz")
    first = tarfile.TarInfo(MANIFEST)
    with tarfile.open(forgery, "w:gz") as archive:
        for member, content in [(first, json.dumps(told).encode()), *members]:
            if member.isreg():
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return forgery


def added(name: str, kind: bytes = tarfile.REGTYPE, listed: bool = True) -> Callable:
    """A change that adds a member."""

    def change(told: dict, members: list) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        if listed:
            told["files"][name] = {"size": 0, "sha256": sha256(b"").hexdigest()}
        members.append((member, b""))

    return change


def other_bytes(told: dict, members: list) -> None:
    member, content = members[-1]
    members[-1] = member, b"x" + content[1:]


def newer(told: dict, members: list) -> None:
    told |= {"layout": LAYOUT + 1, "package": "9.0.0"}


CHANGES = {
    "an absolute path": (added("/etc/cron.d/own"), "is no file of a home"),
    "a path that leaves": (added("data/../../own"), "is no file of a home"),
    "a hidden path": (added("data/../prefect/login-1"), "is no file of a home"),
    "a login file": (added("prefect/login-4200"), "is no file of a home"),
    "a symbolic link": (added("data/own", tarfile.SYMTYPE), "a link or device 'data/own'"),
    "a hard link": (added("data/own", tarfile.LNKTYPE), "a link or device 'data/own'"),
    "a device": (added("data/own", tarfile.CHRTYPE), "a link or device 'data/own'"),
    "a pipe": (added("data/own", tarfile.FIFOTYPE), "a link or device 'data/own'"),
    "a file that is not listed": (added("data/own", listed=False), "its list does not tell"),
    "a file less": (lambda told, members: members.pop(), "no file"),
    "other bytes": (other_bytes, "with other bytes than its list tells"),
    "no files": (lambda told, members: told.pop("files"), "'files'"),
    "a later layout": (newer, "climate-risk 9.0.0, newer than this"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_backup_that_somebody_changed_is_refused_and_puts_nothing_in_place(
    saved: Path, tmp_path: Path, name: str
) -> None:
    change, found = CHANGES[name]
    there = Settings(tmp_path / "there")
    with pytest.raises(RiskError) as caught:
        restore(forged(saved, change), there)
    sentence = str(caught.value)
    assert found in sentence and sentence.endswith("nothing was restored.")
    assert "\n" not in sentence
    assert not there.home.exists()


@pytest.mark.parametrize("damage", ["truncated", "a flipped byte", "empty", "a text", "no file"])
def test_a_damaged_backup_is_one_sentence(saved: Path, tmp_path: Path, damage: str) -> None:
    whole = saved.read_bytes()
    middle = len(whole) // 2
    files = {
        "truncated": whole[:middle],
        "a flipped byte": whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :],
        "empty": b"",
        "a text": b"a text",
        "no file": None,
    }
    if (content := files[damage]) is None:
        saved.unlink()
    else:
        saved.write_bytes(content)
    with pytest.raises(RiskError, match=r"^backup .*: found .*, expected .*") as caught:
        restore(saved, Settings(tmp_path / "there"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "there").exists()


def test_a_restore_that_was_killed_is_finished_by_the_next(saved: Path, tmp_path: Path) -> None:
    there, whole = Settings(tmp_path / "there"), Settings(tmp_path / "whole")
    restore(saved, whole)
    restore(saved, there)
    aside = there.home / RESTORING
    for part in ("published", STAMP):  # as if it had been killed before these were put in place
        aside.mkdir(exist_ok=True)
        os.replace(there.home / part, aside / part)
    (aside / CHECKED).touch()
    with pytest.raises(RiskError, match="a restore that was stopped half way"):
        open_home(there)
    restore(saved, there)
    open_home(there)
    assert tree(there.home) == tree(whole.home)


def test_a_home_of_a_later_version_is_left_alone(small: Settings, command: Callable) -> None:
    written(small.home, {STAMP: b'{"layout": 99, "package": "9.0.0"}'})
    before = tree(small.home)
    said = command(small, "daily", "tunis")
    assert said.status == 1
    assert said.err == (
        f"climate-risk: home {small.home}: found layout 99, written by climate-risk 9.0.0, "
        f"expected {LAYOUT} at most; install that version or a later one, nothing was touched.\n"
    )
    assert tree(small.home) == before


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"layout": "x", "package": ""}'])
def test_a_stamp_that_is_none_is_told(small: Settings, content: bytes) -> None:
    written(small.home, {STAMP: content})
    with pytest.raises(RiskError, match="found no stamp of a home"):
        open_home(small)


def test_an_older_home_is_brought_up_and_stamped(small: Settings) -> None:
    written(small.home, {"prefect/storage/0a0b": b"a pickled exception"})
    assert read_stamp(small).layout == 1
    for step in STEPS.values():  # a step may be done twice: a kill falls between it and its stamp
        step(small)
    open_home(small)
    assert read_stamp(small).layout == LAYOUT and not list((small.prefect / "storage").iterdir())
    assert tree(small.home).keys() == {STAMP, *FILES}
    assert sorted(STEPS) == list(range(1, LAYOUT))
