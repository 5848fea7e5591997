"""Commands on what is stored: a report made again byte for byte, history, check, repair, restore,
compact; a store that cannot be used stops a pull at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from configs import Settings, load_region
from data_contracts.store import Store
from data_contracts.upkeep import snapshots_of


@pytest.fixture
def home(ready, tmp_path: Path):
    """A copy of the home that ``daily`` ran in, and of its region's files."""
    settings = Settings(Path(shutil.copytree(ready.settings.home, tmp_path / "home")))
    files = Path(shutil.copytree(ready.region.path.parent, tmp_path / "files"))
    return replace(ready, settings=settings, region=load_region(files / "smallville.yaml"))


def told(output: str) -> str:
    """The line that holds a report against the one published."""
    (line,) = [line for line in output.splitlines() if "published report" in line]
    return line


def revise(home) -> None:
    """The inbox gets another value of one day, and a day more."""
    path = home.region.path.parent / "inbox" / "record.csv"
    table = pd.read_csv(path)
    table.loc[table["time"] == "2004-12-30", "air_temperature_max"] = 19.75
    newest = table.iloc[[-1]].assign(time="2005-01-01")
    pd.concat([table, newest]).to_csv(path, index=False)


def test_a_report_is_made_again_byte_for_byte_from_the_snapshot_it_names(
    command, home, paper: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.render.papers.pdf_of", paper)  # as ``ready`` was made
    before = {path.name: path.read_bytes() for path in home.folder.glob("*.*")}
    revise(home)
    assert command(home.settings, "pull", home.region.path).status == 0
    store = Store(home.settings, home.region)
    assert store.snapshot() != json.loads(before["provenance.json"])["snapshot"]
    said = command(
        home.settings, "forecast", home.region.path, "--issued", "2005-01-01", "--as-stored"
    )
    assert said.status == home.first.status, said.err
    assert told(said.out) == "The same as the published report, byte for byte."
    again = home.settings.published / "smallville" / "as-stored" / "2005-01-01"
    assert {path.name: path.read_bytes() for path in again.glob("*.*")} == before
    (home.folder / "forecast.csv").write_text("changed")
    said = command(
        home.settings, "forecast", home.region.path, "--issued", "2005-01-01", "--as-stored"
    )
    assert told(said.out) == "Other than the published report in forecast.csv."


def test_as_stored_leaves_out_what_people_said_and_says_so(command, home) -> None:
    path, day = home.region.path, "2005-01-01"
    assert command(home.settings, "note", path, "Wadi closed.", "--date", day).status == 0
    assert command(home.settings, "retract", path, day, "--reason", "wrong gauge").status == 0
    said = command(home.settings, "forecast", path, "--issued", day, "--as-stored")
    again = home.settings.published / "smallville" / "as-stored" / day / "report.en.html"
    assert "The published report was retracted (wrong gauge)" in said.out
    assert "The published report has a note" in said.out
    assert "Wadi closed." not in again.read_text() and "wrong gauge" not in again.read_text()


def test_as_stored_needs_a_day_that_was_published(command, home) -> None:
    said = command(
        home.settings, "forecast", home.region.path, "--issued", "2004-01-01", "--as-stored"
    )
    assert said.status == 1 and "found no report of 2004-01-01" in said.err
    with pytest.raises(SystemExit) as end:
        command(home.settings, "forecast", home.region.path, "--as-stored")
    assert end.value.code == 2


def test_history_and_the_commands_on_a_store(command, home) -> None:
    store, region = Store(home.settings, home.region), home.region.path
    before = store.snapshot()
    was = store.observations()["air_temperature_max"].sel(time="2004-12-30").load().item()
    revise(home)
    said = command(home.settings, "pull", region)
    assert "station_files: values of 1 day were revised, 2004-12-30 to 2004-12-30." in said.out
    words = ("--variable", "air_temperature_max", "--location", "here", "--day", "2004-12-30")
    said = command(home.settings, "history", region, *words)
    assert [line.split()[-2:] for line in said.out.splitlines()] == [
        [f"{was:g}", "degC"],
        ["19.75", "degC"],
    ]
    said = command(home.settings, "store", "check", region)
    assert said.status == 0 and said.out.endswith("whole\n") and before in said.out
    newest = store.snapshot()
    said = command(home.settings, "store", "restore", region, before)
    assert newest in said.out and store.snapshot() == before
    assert command(home.settings, "store", "restore", region, newest).status == 0
    assert "files deleted" in command(home.settings, "store", "compact", region).out
    said = command(home.settings, "store", "compact", region, "--before", "2100-01-01")
    assert said.status == 0, said.err
    assert len(snapshots_of(store.repository)) == 1
    assert store.observations(before).sizes["time"] > 5_000, "a report names it"
    (store.path / "snapshots" / newest).write_bytes(b"rot")
    assert command(home.settings, "store", "check", region).status == 1
    for words in (("pull",), ("daily",)):
        said = command(home.settings, *words, region)
        assert said.status == 1
        assert "damaged" in said.err and "nothing is stored yet" not in said.err
        assert said.err.count("is damaged") == 1
    shutil.rmtree(store.path / "snapshots")
    assert "cannot be mended" in command(home.settings, "store", "repair", region).err
