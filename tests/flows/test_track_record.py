"""Impacts and the track record: what was issued, what came of it, what people saw."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

sys.path.insert(0, str(Path(__file__).parent))

from test_cli import one_sentence

from configs import Settings
from reports.exports.netcdf import write_netcdf
from reports.view.track_record import WHAT_CAME

DAY = "2004-07-10"


@pytest.fixture(scope="module")
def lived(ready, tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Settings:
    """The home of ``ready`` with reports of two days in its past, the second of them retracted.

    They are hindcasts, put where the reports of those days would lie.
    """
    from flows.cli import main

    settings = Settings(tmp_path_factory.mktemp("lived") / "home")
    shutil.copytree(ready.settings.home, settings.home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIMATE_RISK_HOME", str(settings.home))
        for day in (DAY, "2004-07-11"):
            out = settings.published / ready.region.name / day
            assert main(
                ["forecast", str(ready.region.path), "--issued", day, "--out", str(out)]
            ) in (0, 3)
            forecast = xr.load_dataset(out / "forecast.nc", engine="h5netcdf").drop_encoding()
            early = (forecast["hazard"] == "heat") & (forecast["lead_days"] <= 2)
            forecast["colour"] = forecast["colour"].where(~early, "yellow")
            write_netcdf(forecast, out / "forecast.nc")
        for name in ("ledger.jsonl", "marks.parquet"):  # as in a home of before them
            (settings.published / ready.region.name / name).unlink()
        assert main(["retract", str(ready.region.path), "2004-07-11", "--reason", "A test."]) == 0
        assert main(["verify", str(ready.region.path)]) == 0
    return settings


def test_each_alert_is_told_with_what_came_of_it(ready, lived: Settings) -> None:
    folder = lived.published / ready.region.name
    table = pd.read_csv(folder / "track-record.csv")
    heat = table.query(f"issued == '{DAY}' and hazard == 'heat' and came != 'missed'")
    assert set(heat["lead_days"]) == {0, 1, 2} and len(heat) == 5  # days 0 to 2, two windows
    assert set(heat["came"]) <= {"happened", "did not happen"}
    assert not set(table["came"]) - set(WHAT_CAME)
    assert set(table.query("issued == '2004-07-11'")["came"]) == {"retracted"}
    newest = table.query("issued == '2005-01-01'")
    assert set(newest["came"]) <= {"not known yet"}
    page = (folder / "track-record.html").read_text(encoding="utf-8")
    assert f'href="{DAY}/report.en.html"' in page and "(retracted)" in page
    triggers = pd.read_csv(folder / "triggers.csv").query("stage == 'issued' and hazard == 'heat'")
    one = triggers.query("lead_days == 1 and window_days == 1 and colour == 'yellow'").iloc[0]
    assert one["hit_rate"] != one["hit_rate"] or one["hit_rate"] == 1
    assert one["years"] == 1


def test_what_came_is_the_event_as_the_record_has_it(ready, lived: Settings) -> None:
    """The hazard's own definition, worked anew: above the model's P90 of that day and its floor."""
    from data_contracts.store import Store
    from models.registry import Registry

    normals = Registry(lived).champion(ready.region, "heat").model.normals
    observed = Store(lived, ready.region).observations()["air_temperature_max"].load()
    table = pd.read_csv(lived.published / ready.region.name / "track-record.csv")
    rows = table.query(f"issued == '{DAY}' and hazard == 'heat' and window_days == 1")
    for row in rows.itertuples():
        valid = pd.Timestamp(row.valid)
        value = float(observed.sel(time=valid).squeeze())
        day = valid.dayofyear - 1 - (valid.is_leap_year and valid.dayofyear > 59)
        above = value > float(normals["tmax_p90"].squeeze()[day]) and value > float(
            normals["heat_floor"]
        )
        assert (row.came == "happened") == above


def test_an_officer_tells_and_the_page_shows_it_beside_the_forecast(
    ready, lived: Settings, command: Callable, tmp_path: Path
) -> None:
    settings = Settings(tmp_path / "home")
    shutil.copytree(lived.home, settings.home)
    words = (ready.region.path, "Two <b>fainted</b>", "--day", DAY, "--place", "Here")
    said = command(settings, "impact", *words, "--hazard", "heat", "--time", "14:30")
    assert said.status == 0, said.err
    assert said.out.startswith("1 new")
    folder = settings.published / ready.region.name
    page = (folder / "impacts.html").read_text(encoding="utf-8")
    assert "Two &lt;b&gt;fainted&lt;/b&gt;" in page and "Yellow; first alert" in page
    counted = pd.read_csv(folder / "track-record.csv").query(
        f"issued == '{DAY}' and hazard == 'heat'"
    )
    assert set(counted["impacts"]) == {0, 1}
    assert counted.query("lead_days == 0")["impacts"].tolist() == [1, 1, 1]
    before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    assert command(
        settings, "impact", *words, "--hazard", "heat", "--time", "14:30"
    ).out.startswith("0 new")
    assert {path.name: path.read_bytes() for path in folder.glob("*.*")} == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("x", "--day", DAY, "--place", "here", "--hazard", "flod"), "hazard: found 'flod'"),
        (("x", "--day", DAY, "--place", "there", "--hazard", "heat"), "place: found 'there'"),
        (
            ("x", "--day", "2005-01-02", "--place", "here", "--hazard", "heat"),
            "to today, 2005-01-01",
        ),
        (("x", "--day", DAY, "--place", "here", "--hazard", "heat", "--time", "25:00"), "time: "),
        (("  ", "--day", DAY, "--place", "here", "--hazard", "heat"), "found no words"),
    ],
)
def test_an_impact_that_cannot_be_is_told_in_one_sentence(
    ready, command: Callable, words: tuple, told: str
) -> None:
    said = command(ready.settings, "impact", ready.region.path, *words)
    assert said.status == 1 and one_sentence(said.err) and told in said.err


def test_words_without_their_day_are_wrong_usage(ready) -> None:
    from flows.cli import main

    for words in (["Water"], ["--day", DAY]):
        with pytest.raises(SystemExit) as end:
            main(["impact", str(ready.region.path), *words])
        assert end.value.code == 2


def test_citizens_files_are_no_record_and_their_faults_stay_at_the_row(
    ready, lived: Settings, command: Callable, tmp_path: Path
) -> None:
    settings = Settings(tmp_path / "home")
    shutil.copytree(lived.home, settings.home)
    path = ready.region.inbox_path(settings) / "impacts-june.csv"
    path.write_text("time,hazard,place,words\n2004-07-11,heat,here,Hot\n2004-07-11,heat,Mars,Hot\n")
    try:
        said = command(settings, "impact", ready.region.path)
        assert said.status == 3 and said.out.startswith("1 new")
        assert re.search(r"impacts-june.csv, row 2: place: found 'Mars'", said.err)
        assert command(settings, "pull", ready.region.path).status == 0
        page = (settings.published / ready.region.name / "impacts.html").read_text()
        assert "1 row of citizens" in page and "Hot" in page
    finally:
        path.unlink()


def test_verify_grades_what_was_issued_once_and_tells_it(
    ready, lived: Settings, command: Callable
) -> None:
    """Brier scores, counted anew from the marks by pandas alone, are those of marks-scores.csv."""
    folder = lived.published / ready.region.name
    before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    shutil.rmtree(lived.data / "kept")  # made anew they are the same
    said = command(lived, "verify", ready.region.path)
    assert (said.status, said.err) == (0, "")
    assert "Marks: 0 graded, 0 cannot be graded, 0 retracted; " in said.out
    assert {path.name: path.read_bytes() for path in folder.glob("*.*")} == before
    marks = pd.read_parquet(folder / "marks.parquet")
    assert not marks.duplicated([*KEYS, "issued", "location"]).any()
    assert marks.loc[marks["issued"].astype(str) == DAY, "state"].unique().tolist() == ["graded"]
    assert set(marks.loc[marks["issued"].astype(str) == "2004-07-11", "state"]) == {"retracted"}
    assert set(marks.loc[marks["issued"].astype(str) == "2005-01-01", "state"]) == {"open"}
    assert marks[["persistence", "model", "climatology_smoothed"]].notna().all(axis=None)
    scores = pd.read_csv(folder / "marks-scores.csv").query("n > 0").set_index(KEYS)
    graded = marks[marks["state"] == "graded"].astype(
        {"probability": float, "outcome": float, "hazard": str}
    )
    error = (graded["probability"] - graded["outcome"]) ** 2
    usual = (graded["climatology"].astype(float) - graded["outcome"]) ** 2
    counted = graded.assign(error=error, usual=usual).groupby(KEYS, observed=True)
    brier = counted["error"].mean()
    assert len(scores) == len(brier)
    pd.testing.assert_series_equal(
        scores["brier"].sort_index(), brier, check_names=False, rtol=1e-4, check_index_type=False
    )
    skill = 1 - counted["error"].sum() / counted["usual"].sum()
    known = np.isfinite(skill)
    pd.testing.assert_series_equal(
        scores["bss_climatology"].sort_index()[known], skill[known], check_names=False, rtol=1e-3,
        check_index_type=False,
    )  # fmt: skip
    index = (lived.published / "index.html").read_text(encoding="utf-8")
    assert "Since the reports began" in index and "too early to tell (1 day)" in index


def test_grading_that_fails_degrades_the_run_and_stops_no_report(
    ready, lived: Settings, command: Callable, tmp_path: Path
) -> None:
    settings = Settings(tmp_path / "home")
    shutil.copytree(lived.home, settings.home)
    folder = settings.published / ready.region.name
    shutil.rmtree(folder / "2005-01-01")
    (folder / "marks.parquet").write_bytes(b"no table")
    said = command(settings, "forecast", ready.region.path)
    assert said.status == 3
    assert "degraded: The report is out, but past forecasts could not be graded" in said.err
    assert (folder / "2005-01-01" / "report.en.html").is_file()
    alone = command(settings, "verify", ready.region.path)
    assert alone.status == 1 and one_sentence(alone.err) and "marks.parquet" in alone.err


KEYS = ["hazard", "level", "lead_days", "window_days"]
