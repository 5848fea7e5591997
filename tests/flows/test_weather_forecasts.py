"""A station-file region with weather forecasts: from files to what is published, and what
happens when they fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from province import make

from configs import Region, Settings, load_region
from data_contracts.store import Store
from sources.exercise import forecast_table, record_table
from sources.exercise.ahead import issue_forecasts

TODAY = np.datetime64("2011-07-20")
SAID = Callable[..., object]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    """15.5 years of highest temperatures of one place and two years of forecasts of them, as
    files."""
    folder = tmp_path_factory.mktemp("rich")
    made = make(81_041, ids=("plain",), until=TODAY - 1, first=TODAY - 1)
    (folder / "inbox").mkdir()
    record_table(made.run)[["time", "location", "air_temperature_max"]].to_csv(
        folder / "inbox/record.csv", index=False
    )
    issued = issue_forecasts(
        made.run, np.datetime64("2009-05-01"), TODAY, 3, np.datetime64("2010-03-01")
    )
    runs = forecast_table(issued, made.run.world.ids)[
        ["init_time", "lead_days", "location", "member", "air_temperature_max"]
    ]
    runs.to_csv(folder / "inbox/forecasts.csv", index=False, float_format="%.2f")
    path = folder / "rich.yaml"
    path.write_text(
        "name: rich\ntitle: Rich\ntimezone: UTC\nclock: record\nwarm_season: [5, 10]\nsources: "
        "[station_files]\ninbox: inbox\n"
    )
    return load_region(path)


@pytest.fixture(scope="module")
def trained(
    region: Region, prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    from flows.cli import main

    settings = Settings(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIMATE_RISK_HOME", str(settings.home))
        assert main(["daily", str(region.path)]) == 0
    return settings


def published(settings: Settings, region: Region) -> tuple[pd.DataFrame, dict]:
    folder = settings.published / region.name / str(TODAY)
    heat = (
        pd.read_csv(folder / "forecast.csv")
        .query("hazard == 'heat'")
        .set_index(["level", "lead_days", "window_days"])
    )
    return heat, json.loads((folder / "provenance.json").read_text(encoding="utf-8"))


def copied(trained: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(trained.home, tmp_path / "home")
    return Settings(tmp_path / "home")


def with_runs(
    region: Region, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> Region:
    """The region with other forecasts."""
    shutil.copytree(region.path.parent, tmp_path / "region")
    path = tmp_path / "region/inbox/forecasts.csv"
    change(pd.read_csv(path, parse_dates=["init_time"])).to_csv(path, index=False)
    return load_region(tmp_path / "region" / region.path.name)


def test_forecasts_have_their_say_in_what_is_published(trained: Settings, region: Region) -> None:
    heat, told = published(trained, region)
    assert set(heat.loc[1, "verdict"]) & {"skilful", "provisional"}
    assert any("Heat: the chances of days 0" in note for note in told["notes"])
    assert not told["degraded"]
    page = (trained.published / region.name / str(TODAY) / "report.en.html").read_text(
        encoding="utf-8"
    )
    assert "use weather forecasts" in page


def test_temperatures_alone_give_heat_and_say_why_nothing_else(
    trained: Settings, region: Region
) -> None:
    table = pd.read_csv(trained.published / region.name / str(TODAY) / "forecast.csv")
    heat = table[table["hazard"] == "heat"]
    # level 3 asks for the mean temperature, which nobody measured
    assert (heat["probability"].notna() == (heat["level"] < 3)).all()
    others = table[table["hazard"] != "heat"]
    assert set(others["hazard"]) == {"flash_flood", "drought"}
    assert set(others["verdict"]) == {"not assessed"} and others["probability"].isna().all()


def test_lost_runs_leave_the_past_to_speak_and_say_so(
    trained: Settings, region: Region, tmp_path: Path, command: Callable
) -> None:
    settings = copied(trained, tmp_path)
    lost = with_runs(region, tmp_path, lambda runs: runs[runs["init_time"] < str(TODAY - 6)])
    said = command(settings, "daily", lost.path)
    assert said.status == 3
    assert "Heat: no weather forecast could be used at plain" in said.err
    assert not set(published(settings, region)[0]["verdict"]) & {"provisional"}


def stuck_and_empty(runs: pd.DataFrame) -> pd.DataFrame:
    stuck = runs["air_temperature_max"].mask(runs["lead_days"] == 4, 21.5)
    return runs.assign(air_temperature_max=stuck.mask(runs["lead_days"] == 6))


def a_day_late(runs: pd.DataFrame) -> pd.DataFrame:
    return runs.assign(init_time=runs["init_time"] + pd.Timedelta(days=1)).query(
        "init_time <= @TODAY"
    )


@pytest.mark.parametrize(
    ("spoil", "reasons"),
    [
        (stuck_and_empty, ("they never change", "there is no value")),
        (a_day_late, ("they tell of the day before",)),
    ],
)
def test_a_lead_that_cannot_be_used_is_left_out_with_the_reason(
    spoil: Callable,
    reasons: tuple[str, ...],
    trained: Settings,
    region: Region,
    tmp_path: Path,
    command: Callable,
) -> None:
    """Seen by the error model's own check.

    The other leads speak on, if it was not all of them, and the past does where none is left.
    """
    settings = copied(trained, tmp_path)
    command(settings, "daily", with_runs(region, tmp_path, spoil).path)
    notes = published(settings, region)[1]["notes"]
    for reason in reasons:
        assert any("lead" in note and reason in note for note in notes), notes
    assert any("use weather forecasts" in note for note in notes) == (spoil is not a_day_late)


def test_forecasts_in_kelvin_are_refused_whole(
    trained: Settings, region: Region, tmp_path: Path, command: Callable
) -> None:
    """More than 5 % of a variable's cells out of range are a unit error: nothing of them is stored.

    A pull says so and ends with status 1.
    """
    settings = copied(trained, tmp_path)
    kelvin = with_runs(
        region,
        tmp_path,
        lambda runs: runs.assign(air_temperature_max=runs["air_temperature_max"] + 273.15),
    )
    before = Store(settings, kelvin).snapshot()
    said = command(settings, "pull", kelvin.path)
    assert said.status == 1 and "air_temperature_max is out of range" in said.err
    assert Store(settings, kelvin).snapshot() == before


def test_a_backtest_writes_the_stages_apart_and_why_nothing_else_is_assessed(
    trained: Settings, region: Region, tmp_path: Path, command: Callable
) -> None:
    settings = copied(trained, tmp_path)
    (tmp_path / "out").mkdir()
    said = command(settings, "backtest", region.path, "--out", tmp_path / "out/scores.csv")
    assert said.status == 0, said.err
    assert "scores_stages.csv" in said.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "scores.csv",
        "scores_stages.csv",
    }
    stages = (
        pd.read_csv(tmp_path / "out/scores_stages.csv")
        .query("level == 1 and lead_days == 0 and window_days == 1")
        .set_index("stage")
    )
    assert stages.loc["combined", "bss_climatology"] > stages.loc["state", "bss_climatology"] + 0.1
    scores = pd.read_csv(tmp_path / "out/scores.csv")
    assert list(scores.columns[:7]) == [
        "region",
        "hazard",
        "level",
        "lead_days",
        "window_days",
        "n",
        "n_events",
    ]
    assert "stage" not in scores
    assert set(scores["hazard"]) == {"heat", "flash_flood", "drought"}
    assert scores.loc[scores["hazard"] == "heat", "n"].gt(0).any()
    assert set(scores.loc[scores["hazard"] != "heat", "verdict"]) == {"not assessed"}
    for name, why in (
        ("flash_flood", "precipitation"),
        ("drought", "precipitation"),
        ("river_flood", "river_discharge"),
    ):
        assert any(
            line.startswith(f"{name} is not assessed") and why in line
            for line in said.out.splitlines()
        ), name


def test_a_backtest_without_forecasts_writes_one_table(
    region: Region, home: Settings, tmp_path: Path, command: Callable
) -> None:
    shutil.copytree(region.path.parent, tmp_path / "region")
    (tmp_path / "region/inbox/forecasts.csv").unlink()
    (tmp_path / "out").mkdir()
    said = command(
        home,
        "backtest",
        tmp_path / "region" / region.path.name,
        "--out",
        tmp_path / "out/scores.csv",
    )
    assert said.status == 0, said.err
    assert said.out.splitlines()[-1].endswith("scores.csv")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["scores.csv"]
