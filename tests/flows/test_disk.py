"""A home on a disk of its own, where this user may mount one: full in the middle of a run, and
mounted read-only. Each is one sentence, and what was there is whole."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from configs import Region, Settings, load_region
from reports.storage.ledger import broken, entries

pytestmark = pytest.mark.timeout(900)


def mounted(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(ready, tmp_path: Path) -> Iterator[tuple[Settings, Region]]:
    """A copy of the home on a disk of 60 MB, and of its region's files with a day more."""
    files = Path(shutil.copytree(ready.region.path.parent, tmp_path / "files"))
    record = files / "inbox" / "record.csv"
    table = pd.read_csv(record)
    newest = table.iloc[[-1]].assign(time="2005-01-01", air_temperature_max=14.5)
    pd.concat([table, newest]).to_csv(record, index=False)
    place = tmp_path / "disk"
    place.mkdir()
    if not mounted("-t", "tmpfs", "-o", "size=60m", "tmpfs", str(place)):
        pytest.skip("needs a user who may mount a file system")
    try:
        home = Settings(Path(shutil.copytree(ready.settings.home, place / "home")))
        yield home, load_region(files / "smallville.yaml")
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def told(said) -> str:
    """The one line that a command ends with."""
    assert said.status == 1
    (line,) = said.err.splitlines()
    assert line.startswith("climate-risk: ") and "Traceback" not in line
    return line


@pytest.mark.slow
def test_a_disk_that_fills_in_a_run_costs_nothing_that_was_there(disk, command: Callable) -> None:
    home, region = disk
    filler = home.home.parent / "filler"
    free = shutil.disk_usage(home.home).free
    filler.write_bytes(b"x" * (free - 20_000))
    line = told(command(home, "daily", region.path))
    assert "found a full disk" in line and "make room there, then run this again" in line
    folder = home.published / "smallville"
    assert broken(folder) == "" and [line.issued for line in entries(folder)] == ["2005-01-01"]
    filler.unlink()
    said = command(home, "daily", region.path)
    assert (said.status, said.err) == (0, "")
    assert [line.issued for line in entries(folder)] == ["2005-01-01", "2005-01-02"]
    assert broken(folder) == "" and command(home, "store", "check", region.path).status == 0


def test_a_home_that_may_only_be_read_is_told(disk, command: Callable) -> None:
    home, region = disk
    place = str(home.home.parent)
    assert mounted("-o", "remount,ro", place)
    for words in (("daily", region.path), ("backup", home.home.parent.parent / "home.tar.gz")):
        line = told(command(home, *words))
        assert "mount its disk for writing" in line, line
    assert command(home, "ledger", "check").status == 0, "what only reads goes on"
