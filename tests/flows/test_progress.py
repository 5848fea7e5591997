"""What a run tells while it works."""

from __future__ import annotations

import logging

import pytest

from flows.progress import shown, stage


def test_plain_lines_say_what_how_long_and_a_fact(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(interactive=False), stage("pull files") as say:
        say("3 rows")
        say("stored")
    assert capsys.readouterr().out.split() == ["pull", "files", "0.0", "s", "3", "rows,", "stored"]


def test_a_terminal_sees_each_stage_ticked_or_crossed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="broke"), shown(interactive=True):
        with stage("pull [files]"):
            pass
        with stage("store"):
            raise ValueError("broke")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith(("✓", "✗"))] == [
        ["✓", "pull"],
        ["✗", "store"],
    ]
    assert any("pull [files]" in line for line in lines)


def test_outside_a_command_a_stage_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("pull") as say:
        say("nothing")
    assert capsys.readouterr().out == ""


def test_how_far_a_source_has_come_is_a_line_outside_a_terminal_and_a_bar_in_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = logging.getLogger("sources.open_meteo.history")
    before = logging.getLogger("sources").level
    with shown(interactive=False), stage("pull open_meteo"):
        source.info("history %d of %d", 3, 40, extra={"done": 3, "of": 40})
    assert "  history 3 of 40\n" in capsys.readouterr().out
    with shown(interactive=True), stage("pull open_meteo"):
        source.info("history %d of %d", 4, 40, extra={"done": 4, "of": 40})
    assert "pull open_meteo" in capsys.readouterr().out
    source.info("nobody looks")
    assert "nobody" not in capsys.readouterr().out and logging.getLogger("sources").level == before
