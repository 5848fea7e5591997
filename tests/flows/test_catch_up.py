"""Days that no run published: issued late and in order, each from what was known on its morning."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from configs import Settings, load_region
from flows.catch_up import MAX_DAYS, missing_days
from models.registry import Registry
from reports.storage.ledger import broken, entries

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def home(ready, tmp_path: Path):
    """A copy of the home that ``daily`` ran in on 2005-01-01, and of its region's files."""
    settings = Settings(Path(shutil.copytree(ready.settings.home, tmp_path / "home")))
    files = Path(shutil.copytree(ready.region.path.parent, tmp_path / "files"))
    return replace(ready, settings=settings, region=load_region(files / "smallville.yaml"))


def deliver(home, days: int) -> None:
    """The inbox gets so many days more, each as the last one but a little warmer."""
    path = home.region.path.parent / "inbox" / "record.csv"
    table = pd.read_csv(path)
    newest = table.iloc[[-1]]
    first = pd.Timestamp(newest["time"].iloc[0])
    more = [
        newest.assign(
            time=str((first + pd.Timedelta(days=n)).date()),
            air_temperature_max=newest["air_temperature_max"] + n / 10,
        )
        for n in range(1, days + 1)
    ]
    pd.concat([table, *more]).to_csv(path, index=False)


def told(home, day: str) -> dict:
    path = home.settings.published / "smallville" / day / "provenance.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_missed_days_are_issued_in_order_and_told_as_late(command: Callable, home) -> None:
    deliver(home, 3)
    said = command(home.settings, "daily", home.region.path)
    assert (said.status, said.err) == (0, "")
    folder = home.settings.published / "smallville"
    days = ["2005-01-01", "2005-01-02", "2005-01-03", "2005-01-04"]
    assert sorted(path.name for path in folder.glob("????-??-??")) == days
    lines = entries(folder)
    assert [(line.issued, line.late) for line in lines] == list(
        zip(days, (False, True, True, False), strict=True)
    )
    assert broken(folder) == ""
    for day in days[1:3]:
        late = told(home, day)
        assert late["data_until"] == str((pd.Timestamp(day) - pd.Timedelta(days=1)).date())
        assert any(note.startswith("Issued late, on 2005-01-04") for note in late["notes"])
        assert "Issued late" in (folder / day / "report.en.html").read_text(encoding="utf-8")
    assert not any("late" in note for note in told(home, days[3])["notes"])
    assert told(home, days[3])["previous"] == lines[2].forecast
    index = (home.settings.published / "index.html").read_text(encoding="utf-8")
    assert 'href="smallville/2005-01-04/report.en.html"' in index


def test_a_late_day_is_what_its_own_morning_would_have_issued(
    command: Callable, home, tmp_path: Path
) -> None:
    on_time = replace(
        home, settings=Settings(Path(shutil.copytree(home.settings.home, tmp_path / "on-time")))
    )
    deliver(home, 1)
    command(on_time.settings, "daily", home.region.path)
    deliver(home, 1)
    command(home.settings, "daily", home.region.path)
    forecasts = [
        pd.read_csv(one.settings.published / "smallville" / "2005-01-02" / "forecast.csv")
        for one in (on_time, home)
    ]
    pd.testing.assert_frame_equal(*forecasts)


def test_a_day_published_whole_is_left_as_it_is(command: Callable, home) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.folder.rglob("*") if path.is_file()}
    said = command(home.settings, "daily", home.region.path)
    assert (said.status, said.err) == (0, "")
    assert "\npublished: " not in said.out and str(home.folder / "report.en.html") in said.out
    after = {path: path.stat().st_mtime_ns for path in home.folder.rglob("*") if path.is_file()}
    assert after == before


def test_a_day_whose_region_file_changed_is_made_again(command: Callable, home) -> None:
    text = home.region.path.read_text(encoding="utf-8")
    home.region.path.write_text(f"{text}\n# a line more\n", encoding="utf-8")
    said = command(home.settings, "daily", home.region.path)
    assert said.status == 0 and "\npublished: " in said.out


def test_runs_that_a_killed_process_left_open_are_closed(command: Callable, home) -> None:
    registry = Registry(home.settings)
    client = registry.client
    experiment = client.get_experiment_by_name("smallville").experiment_id
    left = client.create_run(experiment, tags={"region": "smallville"}).info.run_id
    command(home.settings, "daily", home.region.path)
    assert client.get_run(left).info.status == "KILLED"


def test_which_days_are_missing(tmp_path: Path) -> None:
    for day in ("2005-01-01", "2005-01-03", "2005-02-01"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "provenance.json").write_text("{}")
    assert missing_days(tmp_path, date(2005, 1, 4)) == []
    assert missing_days(tmp_path, date(2005, 1, 6)) == [date(2005, 1, 4), date(2005, 1, 5)]
    assert missing_days(tmp_path, date(2005, 1, 1)) == []
    assert missing_days(tmp_path / "none", date(2005, 1, 1)) == []
    assert len(missing_days(tmp_path, date(2005, 6, 1))) > MAX_DAYS
