"""The ledger of what daily published, and the command that proves it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from configs import Settings, load_region
from reports.storage.ledger import LEDGER, START, entries, line_hash


@pytest.fixture
def home(ready, tmp_path: Path):
    """A copy of the home that ``daily`` ran in."""
    settings = Settings(Path(shutil.copytree(ready.settings.home, tmp_path / "home")))
    files = Path(shutil.copytree(ready.region.path.parent, tmp_path / "files"))
    return replace(ready, settings=settings, region=load_region(files / "smallville.yaml"))


def test_a_days_report_has_its_line_and_tells_the_one_before(ready) -> None:
    (line,) = entries(ready.folder.parent)
    told = json.loads((ready.folder / "provenance.json").read_text(encoding="utf-8"))
    assert (line.kind, line.issued, line.late) == ("issue", "2005-01-01", False)
    assert (line.snapshot, line.code_version) == (told["snapshot"], told["code_version"])
    assert line.models == {name: one["version"] for name, one in told["models"].items()}
    assert told["ledger"] == START


def test_a_note_and_a_retraction_have_lines_of_their_own(command, home) -> None:
    command(home.settings, "note", home.region.path, "Wadi checked.")
    command(home.settings, "retract", home.region.path, "2005-01-01", "--reason", "wrong gauge")
    lines = (home.folder.parent / LEDGER).read_text().splitlines()
    told = entries(home.folder.parent)
    assert [line.kind for line in told] == ["issue", "notice", "notice"]
    assert len({line.forecast for line in told}) == 1
    assert told[2].previous == line_hash(lines[1])
    said = command(home.settings, "ledger", "check")
    assert (said.status, said.err) == (0, "")
    assert said.out == "smallville: whole; 3 lines, days 1, the newest 2005-01-01.\n"


def test_a_changed_file_is_found(command, home) -> None:
    path = home.folder / "forecast.csv"
    path.write_text(path.read_text().replace("0.", "1.", 1))
    said = command(home.settings, "ledger", "check", "smallville")
    assert said.status == 1 and said.out == ""
    assert "2005-01-01/forecast.csv: found" in said.err and "not the file that was" in said.err


def test_a_region_without_a_ledger_is_told(command, home, tmp_path: Path) -> None:
    said = command(home.settings, "ledger", "check", "nowhere")
    assert said.status == 1 and "nowhere: found no ledger" in said.err
    said = command(Settings(tmp_path / "empty"), "ledger", "check")
    assert (said.status, said.out) == (0, "No report has been published yet.\n")
