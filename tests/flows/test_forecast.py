"""What the forecast flow decides around the science: which day, how old the record is, which
forecast came before."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import RiskError, Settings
from flows.forecast import by_reason, check_issue_day, stale
from flows.issue import folder_before


def observations(until: str, delay: int) -> xr.Dataset:
    times = pd.date_range(end=until, periods=5)
    return xr.Dataset(
        {"precipitation": (("time", "location"), np.ones((5, 1)), {"delay_days": delay})},
        {"time": times, "location": ["here"]},
    )


# A record with a delay of d days should reach issue day - d.
@pytest.mark.parametrize(
    ("until", "delay", "late"),
    [("2001-03-09", 1, 0), ("2001-03-04", 6, 0), ("2001-03-08", 1, 1), ("2001-03-01", 6, 3)],
)
def test_a_record_older_than_its_delay_is_stale(until: str, delay: int, late: int) -> None:
    said = stale(observations(until, delay), date(2001, 3, 10))
    assert bool(said) == bool(late)
    assert not late or f"{late} day{'s' * (late > 1)} older" in str(said[0])


def test_a_day_to_come_cannot_be_issued() -> None:
    assert check_issue_day(None, date(2001, 3, 10)) == date(2001, 3, 10)
    assert check_issue_day(date(2000, 1, 1), date(2001, 3, 10)) == date(2000, 1, 1)
    with pytest.raises(RiskError, match="2001-03-11"):
        check_issue_day(date(2001, 3, 11), date(2001, 3, 10))


def test_the_forecast_before_is_the_newest_of_an_earlier_day(tmp_path: Path) -> None:
    from reports.exports.table import COLUMNS, read_published

    assert folder_before(tmp_path, date(2001, 3, 10)) is None
    for day in ("2001-03-01", "2001-03-09", "2001-03-10", "hindcast"):
        (tmp_path / day).mkdir()
        row = dict.fromkeys(COLUMNS, "") | {
            "region": day,
            "level": 1,
            "lead_days": 0,
            "window_days": 1,
        }
        pd.DataFrame([row]).to_csv(tmp_path / day / "forecast.csv", index=False)
    before = folder_before(tmp_path, date(2001, 3, 10))
    found = read_published(before)
    assert found is not None and found["region"].tolist() == ["2001-03-09"]
    (tmp_path / "2001-03-09" / "forecast.csv").write_text("damaged")
    assert read_published(before) is None


def test_hazards_missing_for_one_reason_are_told_together() -> None:
    assert by_reason({"heat": "short", "drought": "short", "flash_flood": "damaged"}) == {
        "short": ["heat", "drought"],
        "damaged": ["flash_flood"],
    }


def test_everything_made_from_an_exercise_says_so(command, tmp_path: Path) -> None:
    """Seven years of a made-up place: too few for models, enough for the calendar's chances."""
    file = tmp_path / "drill-exercise.yaml"
    options = (
        "source_options:\n  exercise: {seed: 70901, places: 1, members: 0, until: 2025-06-30}\n"
    )
    file.write_text(
        f"name: drill-exercise\ntitle: Somewhere\nclock: record\nsources: "
        f"[exercise]\nhistory_start: 2018-06-01\n{options}"
    )
    settings = Settings(tmp_path / "home")
    said = command(settings, "daily", file)
    assert said.status in (0, 3), said.err
    folder = settings.published / "drill-exercise" / "2025-07-01"
    assert "EXERCISE" in (folder / "report.en.html").read_text().split("</title>")[0]
    assert json.loads((folder / "provenance.json").read_text())["exercise"] is True
    assert xr.open_dataset(folder / "forecast.nc", engine="h5netcdf").attrs["label"] == "EXERCISE"
    rows = pd.read_csv(folder / "forecast.csv")
    assert len(rows) and rows["region"].str.contains("exercise").all()
    other = tmp_path / "drill.yaml"
    other.write_text(file.read_text().replace("drill-exercise", "drill"))
    assert "expected 'exercise' in the name" in command(settings, "daily", other).err
