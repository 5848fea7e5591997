"""The lines a command ends with."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from configs.remarks import as_remark
from flows.run import Outcome
from flows.summary import shortened, skill_table, summarise

SCORES = pd.DataFrame(
    {
        "hazard": ["heat", "heat", "heat"],
        "level": [1, 1, 2],
        "n_events": [40.0, 20.0, float("nan")],
        "bss_climatology": [0.251, -0.001, float("nan")],
        "bss_persistence": [0.1, 0.1, float("nan")],
        "verdict": ["skilful", "known", "not assessed"],
    }
)


def test_the_skill_table_spans_the_leads_of_a_level() -> None:
    table = skill_table(SCORES)
    assert table.iloc[0].tolist() == [
        "heat",
        "1",
        "20 to 40",
        "+0.00 to +0.25",
        "+0.10",
        "skilful 1, known 1",
    ]
    assert table.iloc[1].tolist() == ["heat", "2", "-", "-", "-", "not assessed 1"]


def test_the_last_line_is_the_path_and_degraded_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outcome = Outcome(
        "here",
        tmp_path / "scores.csv",
        (as_remark("2 cells are withheld."),),
        (as_remark("river_flood is not assessed: no gauge"),),
        SCORES,
    )
    summarise(outcome)
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == str(tmp_path / "scores.csv")
    assert "river_flood is not assessed: no gauge" in said.out.splitlines()
    assert said.err == "degraded: 2 cells are withheld.\n"
    assert outcome.status == 3 and Outcome("here").status == 0


def test_a_path_below_the_working_folder_is_shown_from_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shortened(tmp_path / "published" / "a") == Path("published/a")
    assert shortened(tmp_path.parent / "b") == tmp_path.parent / "b"
