"""The ledger: every report has its line, and whatever is changed afterwards is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from reports.storage import ledger
from reports.storage.ledger import LEDGER, NEXT, START, broken, entries, head_before, line_hash

OURS = ("forecast.*",)
NOW = datetime(2003, 6, 12, 7, tzinfo=UTC)


def writer(numbers: str, issued: str, notice: str = "") -> Callable[[Path], None]:
    """A function that writes the files of a report that the ledger looks at."""

    def write(aside: Path) -> None:
        table = f"region,probability,notice\nsmall,{numbers},{notice}\n"
        (aside / "forecast.csv").write_text(table)
        (aside / "forecast.nc").write_bytes(f"{numbers}{notice}".encode())
        told = {
            "region": "small",
            "issued": issued,
            "snapshot": "ABC",
            "models": {"heat": {"version": "3"}},
            "code_version": "0.3.0",
        }
        (aside / "provenance.json").write_text(json.dumps(told))

    return write


def publish(home: Path, numbers: str, issued: str, notice: str = "", late: bool = False) -> None:
    folder = home / issued
    write = writer(numbers, issued, notice)
    ledger.publish_recorded(folder, write, OURS, late, lambda: NOW)


@pytest.fixture
def region(tmp_path: Path) -> Path:
    """A region's folder with three reports, one of them corrected and one noted."""
    folder = tmp_path / "small"
    publish(folder, "0.1", "2003-06-10")
    publish(folder, "0.2", "2003-06-11", late=True)
    publish(folder, "0.3", "2003-06-11")
    publish(folder, "0.3", "2003-06-11", "wadi checked")
    publish(folder, "0.4", "2003-06-12")
    return folder


def test_each_report_has_a_line_that_refers_to_the_one_before(region: Path) -> None:
    lines = (region / LEDGER).read_text().splitlines()
    told = entries(region)
    assert [(one.sequence, one.issued, one.kind, one.late) for one in told] == [
        (1, "2003-06-10", "issue", False),
        (2, "2003-06-11", "issue", True),
        (3, "2003-06-11", "revision", False),
        (4, "2003-06-11", "notice", False),
        (5, "2003-06-12", "issue", False),
    ]
    assert [one.previous for one in told] == [START, *map(line_hash, lines[:-1])]
    assert told[2].forecast == told[3].forecast != told[1].forecast
    assert told[0].models == {"heat": "3"} and told[0].published_at == "2003-06-12T07:00:00+00:00"
    assert broken(region) == "" and not (region / NEXT).exists()


def test_the_same_report_again_adds_no_line(region: Path) -> None:
    before = (region / LEDGER).read_bytes()
    publish(region, "0.4", "2003-06-12")
    assert (region / LEDGER).read_bytes() == before and not (region / NEXT).exists()


def test_the_head_of_a_day_is_that_before_its_first_line(region: Path) -> None:
    told = entries(region)
    lines = (region / LEDGER).read_text().splitlines()
    assert head_before(region, date(2003, 6, 10)) == START
    assert head_before(region, date(2003, 6, 11)) == told[1].previous
    assert head_before(region, date(2003, 6, 13)) == line_hash(lines[-1])
    assert head_before(region.parent / "none", date(2003, 6, 13)) == START


def test_a_day_whose_first_report_was_late_stays_late(region: Path) -> None:
    assert ledger.late_days(region) == {"2003-06-11"}, (
        "its revision is not late, and changes it not"
    )
    assert ledger.late_days(region.parent / "none") == set()


@pytest.mark.parametrize("number", range(4))
def test_a_line_that_was_changed_or_taken_out_is_named(region: Path, number: int) -> None:
    path = region / LEDGER
    lines = path.read_text().splitlines(keepends=True)
    changed = lines[number].replace('"late": false', '"late": true ').replace("true ", "true")
    if changed == lines[number]:
        changed = lines[number].replace('"late": true', '"late": false')
    path.write_text("".join([*lines[:number], changed, *lines[number + 1 :]]))
    assert f"line {number + 2} " in broken(region)
    path.write_text("".join([*lines[:number], *lines[number + 1 :]]))
    assert f"line {number + 1} " in broken(region)


def test_a_line_that_is_no_entry_is_named(region: Path) -> None:
    with (region / LEDGER).open("a") as file:
        file.write('{"sequence": 6}\n')
    assert "line 6: found" in broken(region) and "put back the file" in broken(region)
    publish(region, "0.5", "2003-06-13")
    assert [one.issued for one in entries(region)][-1] == "2003-06-13", "it stops no report"


@pytest.mark.parametrize("name", ["forecast.csv", "forecast.nc"])
def test_a_file_that_was_changed_is_named_and_a_folder_that_is_gone_is_not(
    region: Path, name: str
) -> None:
    (region / "2003-06-11" / name).write_text("other numbers")
    assert f"2003-06-11/{name}: found" in broken(region)
    shutil.rmtree(region / "2003-06-11")
    assert broken(region) == ""


def test_a_changed_file_is_not_recovered(region: Path) -> None:
    (region / "2003-06-11" / "forecast.csv").write_text("other numbers")
    assert ledger.recover(region) == []
    assert "2003-06-11/forecast.csv: found" in broken(region)


def test_a_run_killed_before_its_line_gets_it_at_the_next_start(region: Path) -> None:
    """Killed between the rename and the line: the folder is there, and so is what was announced."""
    lines = (region / LEDGER).read_text().splitlines(keepends=True)
    newest = asdict(entries(region)[-1]) | {"kind": "", "sequence": 0, "previous": START}
    (region / LEDGER).write_text("".join(lines[:-1]))
    (region / NEXT).write_text(json.dumps(newest))
    added = ledger.recover(region)
    assert [(one.issued, one.kind, one.sequence) for one in added] == [
        ("2003-06-12", "recovered", 5)
    ]
    assert broken(region) == "" and not (region / NEXT).exists()


def test_a_run_killed_before_its_rename_leaves_nothing(region: Path) -> None:
    before = (region / LEDGER).read_bytes()
    plan = asdict(entries(region)[-1]) | {"issued": "2003-06-13", "forecast_csv": "0" * 64}
    (region / NEXT).write_text(json.dumps(plan))
    assert ledger.recover(region) == [] and not (region / NEXT).exists()
    assert (region / LEDGER).read_bytes() == before


def test_half_a_line_goes_and_its_report_gets_a_whole_one(region: Path) -> None:
    path = region / LEDGER
    raw = path.read_bytes()
    path.write_bytes(raw[:-40])
    assert "half a line" in broken(region)
    assert [one.kind for one in ledger.recover(region)] == ["recovered"]
    assert broken(region) == "" and [one.sequence for one in entries(region)] == [1, 2, 3, 4, 5]


def test_reports_from_before_the_ledger_get_their_lines(region: Path) -> None:
    (region / LEDGER).unlink()
    assert "no line of it" in broken(region)
    assert [(one.issued, one.kind) for one in ledger.recover(region)] == [
        (day, "recovered") for day in ("2003-06-10", "2003-06-11", "2003-06-12")
    ]
    assert broken(region) == "" and ledger.recover(region) == []


def test_nothing_published_is_nothing_to_recover(tmp_path: Path) -> None:
    assert ledger.recover(tmp_path / "none") == [] and broken(tmp_path / "none") == ""
