"""The command triggers, and the pages that a daily run leaves beside its reports."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_cli import one_sentence


def test_a_daily_run_leaves_the_page_on_triggers_and_the_index_leads_to_it(ready) -> None:
    folder = ready.folder.parent
    page = (folder / "triggers.html").read_text(encoding="utf-8")
    assert "p* = C/L" in page and "<svg" in page
    index = (ready.settings.published / "index.html").read_text(encoding="utf-8")
    assert 'href="smallville/triggers.html"' in index
    table = pd.read_csv(folder / "triggers.csv")
    assert set(table["stage"]) == {"state"}, "what was issued for today is not known yet"
    assert set(table["hazard"]) == {"heat", "flash_flood", "drought"}
    state = table.query("stage == 'state' and hazard == 'heat' and colour == 'yellow'")
    known = state.query("lead_days == 1 and window_days == 1").iloc[0]
    assert known["fires"] == pytest.approx(
        known["in_vain"] + known["hit_rate"] * known["event_days"], rel=1e-3
    )
    assert known["fires_low"] <= known["fires"] <= known["fires_high"]
    values = pd.read_csv(folder / "triggers-value.csv")
    assert values["value"].max() <= 1


def test_triggers_tells_a_rule_year_by_year_and_what_another_threshold_does(
    ready, command: Callable
) -> None:
    words = ("triggers", ready.region.path, "--hazard", "heat", "--colour", "yellow")
    said = command(ready.settings, *words, "--cost", 20, "--loss", 100, "--threshold", 0.5)
    assert said.status == 0, said.err
    assert "act where p >= 0.2 (cost 20 / loss 100)" in said.out
    rows = [line.split() for line in said.out.splitlines() if re.match(r" *(\d{4}|sum) ", line)]
    *years, total = rows
    assert total[0] == "sum" and len(years) >= 3
    for column in range(1, len(total)):
        assert float(total[column]) == pytest.approx(
            sum(float(row[column]) for row in years), abs=0.05
        )
    events, acted, hits, in_vain, missed, expense, never = (float(one) for one in total[1:8])
    assert acted == hits + in_vain and events == hits + missed
    assert expense == 20 * acted + 100 * missed and never == 100 * events
    assert "what if p >= 0.5: acts on" in said.out
    again = command(ready.settings, *words, "--cost", 20, "--loss", 100, "--threshold", 0.5)
    assert again.out == said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--cost", 5, "--loss", 4), "found a cost that is not between 0 and the loss"),
        (("--cost", 1, "--loss", 4, "--threshold", 2), "expected a probability"),
        (("--cost", 1, "--loss", 4, "--hazard", "flod"), "there is none of that name"),
        (("--cost", 1, "--loss", 4, "--lead", 77), "--lead 77: "),
    ],
)
def test_a_rule_that_cannot_be_is_told_in_one_sentence(
    ready, command: Callable, words: tuple, told: str
) -> None:
    said = command(ready.settings, "triggers", ready.region.path, *words)
    assert said.status == 1 and one_sentence(said.err) and told in said.err
