"""The commands note and retract, which need no Prefect."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import reports
from configs import Region, Settings
from flows.cli import main

DAY = "2003-06-12"


@pytest.fixture
def region(
    home: Settings,
    write_record: Callable[..., Region],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Region:
    """A region whose report of one day is published, without PDFs."""
    spec = importlib.util.spec_from_file_location(
        "made_up_forecasts", Path(__file__).parents[1] / "reports" / "conftest.py"
    )
    assert spec and spec.loader
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = write_record(tmp_path, years=1, name="made-up")
    monkeypatch.setattr(reports.render.papers, "pdf_of", module.no_paper)
    module.make().publish(home.published / found.name / DAY)
    return found


@pytest.fixture
def give(home: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that gives a command in the home: its status, what it said and what it
    complained of."""

    def run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        return status, *capsys.readouterr()

    return run


def html(home: Settings) -> str:
    return (home.published / "made-up" / DAY / "report.en.html").read_text(encoding="utf-8")


def test_a_report_is_retracted_by_command_and_once(
    region: Region, home: Settings, give: Callable
) -> None:
    folder = home.published / "made-up" / DAY
    assert give("retract", region.path, DAY, "--reason", "wrong gauge") == (0, f"{folder}\n", "")
    assert "<bdi>wrong gauge.</bdi>" in html(home)
    assert (home.published / "index.html").is_file()
    before = html(home)
    assert give("retract", region.path, DAY, "--reason", "wrong gauge")[0] == 0
    assert html(home) == before
    status, _, complained = give("retract", region.path, DAY, "--reason", "another")
    assert (
        status == 1
        and complained.startswith("climate-risk: made-up 2003-06-12: found it retracted already")
        and complained.count("\n") == 1
    )


def test_a_note_is_written_replaced_and_taken_away(
    region: Region, home: Settings, give: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, path = home.published / "made-up" / DAY, home.data / "notes" / "made-up" / f"{DAY}.txt"
    assert give("note", region.path, "Wadi checked.") == (0, f"{folder}\n", "")
    assert path.read_text() == "Wadi checked.\n" and "Wadi checked." in html(home)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Saïdia, vu.\n".encode())))
    assert give("note", region.path, "-", "--date", DAY)[0] == 0
    assert "Saïdia, vu." in html(home) and "Wadi" not in html(home)
    assert give("note", region.path, "--remove")[0] == 0
    assert not path.exists() and "Saïdia, vu." not in html(home)
    assert give("note", region.path, "Later.", "--date", "2003-06-14") == (
        0,
        "kept for the report of 2003-06-14, which is not published yet\n",
        "",
    )


def test_bad_input_gets_one_sentence_and_changes_nothing(
    region: Region, home: Settings, give: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = html(home)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    for words, said in (
        (
            ("retract", region.path, "2003-06-13", "--reason", "x"),
            "2003-06-13: found no published report",
        ),
        (("retract", region.path, DAY, "--reason", " "), "--reason: found nothing"),
        (("retract", "tunsi", DAY, "--reason", "x"), "did you mean tunis?"),
        (("note", region.path, "x" * 2001), "2,001 characters"),
        (("note", region.path, "-"), "standard input"),
    ):
        status, out, complained = give(*words)
        assert (status, out) == (1, "") and said in complained and complained.count("\n") == 1
    assert html(home) == before and not (home.data / "retractions").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("retract", "tunis", "yesterday", "--reason", "x"),
        ("retract", "tunis", DAY),
        ("note", "tunis"),
        ("note", "tunis", "a", "--remove"),
    ],
)
def test_wrong_usage_has_status_2(words: tuple[str, ...], home: Settings) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert end.value.code == 2


def test_commands_wait_for_a_run_of_the_region(region: Region, home: Settings) -> None:
    """The lock a run of the region holds is the one a retraction needs."""
    import subprocess

    from flows.run import region_lock

    command = [sys.executable, "-m", "flows.cli", "retract", str(region.path), DAY, "--reason", "x"]
    with region_lock(region, home):
        waiting = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=8)
        assert "Retracted" not in html(home)
    assert waiting.wait(timeout=120) == 0
    assert "Retracted" in html(home)
