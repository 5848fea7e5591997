"""What a run tells while it works."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

import pandas as pd
import pytest

from configs import CHECKOUT, ConfigError
from data_contracts.batch import Batch
from flows.progress import LOG, about, past, shown, stage
from flows.pull import counts_of


def test_a_plain_line_tells_in_the_past_what_was_done_how_much_and_how_long(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with shown(interactive=False):
        with stage("pull open_meteo") as say:
            say(places=16, days=1, withheld=0)
        with stage("check and store open_meteo") as say:
            say("nothing new")
        with stage("start Prefect"):
            pass
        with pytest.raises(ValueError, match="broke"), stage("publish"):
            raise ValueError("broke")  # which the command tells in a sentence of its own
    lines = re.sub(r"[0-9]+\.[0-9] s", "T", capsys.readouterr().out).splitlines()
    assert lines == [
        "pulled open_meteo: 16 places, 1 day, 0 withheld (T)",
        "checked and stored open_meteo: nothing new (T)",
        "started Prefect (T)",
    ]


def test_every_stage_of_the_flows_has_a_past_tense() -> None:
    titles = {
        title
        for path in (CHECKOUT / "flows").glob("*.py")
        for title in re.findall(r'stage\(f?"([^"{]+)', path.read_text(encoding="utf-8"))
    }
    assert len(titles) > 8
    alike = {title for title in titles if title.startswith("forecast ")}
    assert not {title for title in titles - alike if past(title) == title}


def test_json_lines_say_the_same_to_a_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOG, "json")
    monkeypatch.setattr("configs.clock.now", lambda: datetime(2026, 11, 29, 6, 30, tzinfo=UTC))
    with about("tunis"), stage("pull files") as say:
        say("stored", places=16)
    with pytest.raises(ValueError), stage("publish"):
        raise ValueError
    out, err = capsys.readouterr()
    first, second = map(json.loads, err.splitlines())
    assert out == "" and first.pop("seconds") >= 0
    assert first == {
        "time": "2026-11-29T06:30:00.000+00:00",
        "region": "tunis",
        "stage": "pull files",
        "state": "done",
        "counts": {"places": 16},
        "facts": ["stored", "16 places"],
    }
    assert (second["region"], second["state"]) == (None, "failed")


def test_a_batch_is_counted_whatever_a_source_delivers() -> None:
    """The contract has not seen it yet: what cannot be counted is not told."""
    table = pd.DataFrame({"time": ["2001-01-01", "2001-01-02"], "location": ["a", "a"]})
    twice = pd.concat([table, table[["time"]]], axis=1)
    cases = [
        (table, {"places": 1, "days": 2}),
        (table.drop(columns="location"), {"days": 2}),
        (table.assign(location=[["a"], ["b"]]), {"days": 2}),
        (twice, {"places": 1}),
        (pd.DataFrame(), {}),
    ]
    for observations, counts in cases:
        assert counts_of(Batch(observations, pd.DataFrame())) == counts


def test_another_way_to_log_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOG, "xml")
    with pytest.raises(ConfigError, match="found 'xml', expected text or json"), shown():
        pass


def test_a_terminal_sees_each_stage_ticked_or_crossed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="broke"), shown(interactive=True):
        with stage("pull [files]"):
            pass
        with stage("store"):
            raise ValueError("broke")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith(("✓", "✗"))] == [
        ["✓", "pulled"],
        ["✗", "store:"],
    ]
    assert any("pulled [files]" in line for line in lines)


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
    assert "pulled open_meteo" in capsys.readouterr().out
    source.info("nobody looks")
    assert "nobody" not in capsys.readouterr().out and logging.getLogger("sources").level == before
