"""The command: what it says to bad input, and the other verbs."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs import Region, Settings

pytestmark = pytest.mark.timeout(900)  # the first to come trains the models that all share

DAYS = pd.date_range("1990-01-01", periods=16 * 365, freq="D").strftime("%Y-%m-%d")
RECORD = pd.DataFrame(
    {"time": DAYS, "location": "here", "air_temperature_max": 20.5, "precipitation": 1.5}
)


def with_value(column: str, row: int, value: object) -> pd.DataFrame:
    changed = RECORD.astype({column: object})
    changed.loc[row, column] = value
    return changed


# name: (the record's CSV as a table or text, None for no file; words its one sentence must hold)
BAD_RECORDS: dict[str, tuple[pd.DataFrame | str | None, tuple[str, ...]]] = {
    "missing file": (None, ("inbox",)),
    "empty file": ("", ("record.csv", "empty")),
    "no time column": (RECORD.drop(columns="time"), ("record.csv", "time")),
    "a date that is none": (
        with_value("time", 4, "1990-13-05"),
        ("record.csv", "1990-13-05", "line 6"),
    ),
    "a day twice": (
        pd.concat([RECORD, RECORD.head(1).assign(precipitation=9.0)]),
        ("1990-01-01", "here"),
    ),
    "an unknown column": (
        RECORD.rename(columns={"precipitation": "precipitatoin"}),
        ("precipitatoin", "precipitation"),
    ),
    "kelvin": (RECORD.assign(air_temperature_max=293.6), ("air_temperature_max", "kelvin")),
    "-999": (with_value("precipitation", 9, -999), ("precipitation", "-999")),
    "too few years": (RECORD.head(365 * 8), ("8", "15")),
}


def one_sentence(text: str) -> bool:
    return (
        text.startswith("climate-risk: ")
        and text.count("\n") == 1
        and text.endswith((".\n", "?\n"))
        and "Traceback" not in text
    )


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_bad_record_gets_one_sentence_and_nothing_is_stored(
    name: str, command: Callable, home: Settings, tmp_path: Path
) -> None:
    content, words = BAD_RECORDS[name]
    (tmp_path / "inbox").mkdir()
    if content is not None:
        text = content if isinstance(content, str) else content.to_csv(index=False)
        (tmp_path / "inbox" / "record.csv").write_text(text)
    region = tmp_path / "bad.yaml"
    region.write_text(
        "name: bad\ntitle: Bad\nclock: record\nsources: [station_files]\ninbox: inbox\n"
    )
    said = command(home, "backtest", region, "--out", tmp_path / "scores.csv")
    assert said.status == 1
    assert one_sentence(said.err), said.err
    assert all(word.lower() in said.err.lower() for word in words), said.err
    assert not (home.data / "store").exists()
    assert not (tmp_path / "scores.csv").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("titel: Bad", ("titel", "title")),
        ("thresholds: {heat: {heat_flor: 30}}", ("heat_flor", "heat_floor")),
        ("thresholds: {haet: {heat_floor: 30}}", ("haet", "heat")),
        ("colours: {heat: {yelow: {1: 0.4}}}", ("yelow", "yellow")),
        ("colours: {heat: {yellow: {4: 0.4}}}", ("level 4",)),
        ("colours: {heat: {yellow: {1: 40}}}", ("40", "probability")),
        ("sources: [station_flies]", ("station_flies", "station_files")),
    ],
)
def test_a_misspelt_region_file_gets_one_sentence(
    line: str, words: tuple[str, ...], command: Callable, home: Settings, tmp_path: Path
) -> None:
    region = tmp_path / "bad.yaml"
    rest = "" if line.startswith("sources") else "sources: [station_files]\n"
    region.write_text(f"name: bad\ntitle: Bad\n{rest}{line}\n")
    for words_given in (("daily", region), ("check", region)):
        said = command(home, *words_given)
        assert said.status == 1
        assert all(word in said.out + said.err for word in words), said
    assert one_sentence(command(home, "pull", region).err)
    assert not home.data.exists()


def test_a_region_that_does_not_exist_gets_near_names(command: Callable, home: Settings) -> None:
    for words in (
        ("daily", "tunsi"),
        ("pull", "tunsi"),
        ("backtest", "tunsi", "--out", "scores.csv"),
        ("schedule", "tunsi"),
    ):
        said = command(home, *words)
        assert said.status == 1 and one_sentence(said.err) and "did you mean tunis?" in said.err


def test_nothing_stored_names_the_command_that_stores(
    command: Callable, home: Settings, write_record: Callable[..., Region], tmp_path: Path
) -> None:
    region = write_record(tmp_path, years=1)
    for verb in ("forecast", "train"):
        said = command(home, verb, region.path)
        assert said.status == 1 and one_sentence(said.err) and "climate-risk pull" in said.err


def test_a_withheld_cell_is_a_degraded_pull(
    command: Callable, home: Settings, write_record: Callable[..., Region], tmp_path: Path
) -> None:
    region = write_record(tmp_path, years=2)
    path = tmp_path / "inbox" / "record.csv"
    table = pd.read_csv(path)
    table.loc[10, "precipitation"] = -3.0
    table.to_csv(path, index=False)
    said = command(home, "pull", region.path)
    assert said.status == 3
    assert said.err.startswith("degraded: 1 cell")


def test_pull_until_a_day_leaves_later_days_as_they_are(
    command: Callable, home: Settings, write_record: Callable[..., Region], tmp_path: Path
) -> None:
    from data_contracts.store import Store

    region = write_record(tmp_path, years=2)

    def last_day() -> str:
        return str(Store(home, region).observations()["time"].values[-1])[:10]

    assert command(home, "pull", region.path, "--until", "1990-06-30").status == 0
    assert last_day() == "1990-06-30"
    assert command(home, "pull", region.path).status == 0
    assert last_day() == "1991-12-31"
    assert command(home, "pull", region.path, "--until", "1990-06-30").status == 0
    assert last_day() == "1991-12-31"
    said = command(home, "pull", region.path, "--until", "1980-01-01")
    assert said.status == 1 and one_sentence(said.err)


def test_a_young_region_is_published_without_skill(
    command: Callable, home: Settings, write_record: Callable[..., Region], tmp_path: Path
) -> None:
    region = write_record(tmp_path, years=3)
    said = command(home, "daily", region.path)
    assert said.status == 3
    table = pd.read_csv(home.published / "testland" / "1993-01-01" / "forecast.csv")
    assert not set(table["verdict"]) & {"skilful", "known", "provisional"}
    assert "Traceback" not in said.err and "heat" in said.err


def test_a_past_issue_day_is_a_hindcast_kept_apart(ready, command: Callable) -> None:
    index = (ready.settings.published / "index.html").read_bytes()
    said = command(ready.settings, "forecast", ready.region.path, "--issued", "2003-07-15")
    folder = ready.settings.published / "smallville" / "hindcast" / "2003-07-15"
    assert said.status == 0
    assert Path(said.out.splitlines()[-1]) == folder / "report.en.html"
    assert "HINDCAST" in (folder / "report.en.html").read_text()
    assert json.loads((folder / "provenance.json").read_text())["data_until"] == "2003-07-14"
    assert set(pd.read_csv(folder / "forecast.csv")["data_until"]) <= {"2003-07-14"}
    assert (ready.settings.published / "index.html").read_bytes() == index
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["headlines"]
    drought = next(head for head in told if head["hazard"] == "drought")
    assert re.match(r"In drought since |Not in drought on 1[0-4] July 2003\.", drought["sentence"])
    assert "trained on the record until" in said.out


def test_a_forecast_goes_where_it_is_told(ready, command: Callable, tmp_path: Path) -> None:
    said = command(ready.settings, "forecast", ready.region.path, "--out", tmp_path / "mine")
    assert said.status == 0
    assert (tmp_path / "mine" / "forecast.csv").read_bytes() == ready.forecast_csv
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("dear")
    said = command(ready.settings, "forecast", ready.region.path, "--out", tmp_path / "taken")
    assert said.status == 1 and one_sentence(said.err)
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("day", ["2005-01-02", "1989-12-31"])
def test_a_day_without_a_past_or_yet_to_come_cannot_be_issued(
    day: str, ready, command: Callable
) -> None:
    said = command(ready.settings, "forecast", ready.region.path, "--issued", day)
    assert said.status == 1 and one_sentence(said.err) and day in said.err


def test_train_learns_nothing_twice_and_promotes_only_when_asked(
    ready, command: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import registry

    shutil.copytree(ready.settings.home, tmp_path / "home")
    settings = Settings(tmp_path / "home")

    def train(*words: str) -> Any:
        return command(settings, "train", ready.region.path, "--hazard", "drought", *words)

    def aliases() -> dict[str, str]:
        client = registry.Registry(settings).client
        return {
            name: str(version)
            for name, version in client.get_registered_model("smallville-drought").aliases.items()
        }

    monkeypatch.setattr("flows.train.code_version", lambda: "abc123")
    said = train()
    assert said.status == 0, said.err
    assert "nothing was learnt anew: version 1 is of the same data" in said.out
    assert "version 1 is the champion" in said.out and "fitted drought" not in said.out
    assert "heat" not in said.out

    monkeypatch.setattr(registry.lineage, "learning_code", lambda: "other code")
    said = train("--candidate")
    assert said.status == 0, said.err
    assert "fitted drought" in said.out
    assert "version 2 is not the champion: registered as a candidate" in said.out
    assert aliases() == {"champion": "1", "candidate": "2"}
    client = registry.Registry(settings).client
    run = client.get_run(client.get_model_version("smallville-drought", "2").run_id)
    assert {"fit_seconds", "backtest_seconds"} <= run.data.metrics.keys()
    assert len(run.inputs.dataset_inputs) == 1

    monkeypatch.setattr("flows.train.code_version", lambda: "abc123-dirty")
    said = train()
    assert "fitted drought" not in said.out and "--promote-dirty" in said.out
    assert aliases()["champion"] == "1"
    said = train("--promote-dirty")
    assert "fitted drought" not in said.out and "version 2 is the champion" in said.out
    assert aliases() == {"champion": "2"}


def test_train_names_a_hazard_that_is_none_and_what_one_lacks(ready, command: Callable) -> None:
    said = command(ready.settings, "train", ready.region.path, "--hazard", "flod")
    assert said.status == 1 and one_sentence(said.err)
    said = command(ready.settings, "train", ready.region.path, "--hazard", "river_flood")
    assert said.status == 1 and one_sentence(said.err) and "river_discharge" in said.err


def test_check_finds_a_ready_region_well_and_stores_nothing(
    command: Callable, home: Settings, write_record: Callable[..., Region], tmp_path: Path
) -> None:
    region = write_record(tmp_path, years=1)
    said = command(home, "check", region.path)
    assert said.status == 0, said.out
    assert all(line.startswith("ok ") for line in said.out.splitlines())
    (tmp_path / "inbox" / "record.csv").write_text("time,location\n")
    (tmp_path / "inbox" / "locations.csv").unlink()
    said = command(home, "check", region.path)
    assert said.status == 1 and "problem" in said.out
    assert list(home.home.iterdir()) == []


def test_usage_errors_have_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    from flows.cli import main

    for words in (
        [],
        ["forecast"],
        ["forecast", "tunis", "--issued", "yesterday"],
        ["backtest", "tunis"],
        ["no-such-verb"],
        ["train", "tunis", "--candidate", "--promote-dirty"],
    ):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 2
    assert "2002-07-31" in capsys.readouterr().err


def test_help_loads_nothing_that_is_slow_to_load() -> None:
    code = (
        "import sys; from flows.cli import main\ntry: main(['--help'])\n"
        "finally: print('loaded', *sys.modules, file=sys.stderr)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "usage: climate-risk" in said.stdout
    loaded = set(said.stderr.split())
    assert not loaded & {
        "prefect",
        "mlflow",
        "dask",
        "xarray",
        "pandas",
        "numpy",
        "xgboost",
        "sklearn",
        "scipy",
        "matplotlib",
        "weasyprint",
    }


def test_prefects_senders_say_nothing_and_its_other_warnings_are_shown(
    prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that fails at once ends while events are still on their way, which Prefect warns of."""
    import logging

    from flows.prefect_reach import SENDERS, within_reach

    screen = io.StringIO()
    with within_reach():
        from prefect.logging.handlers import PrefectConsoleHandler

        for handler in logging.getLogger().handlers:
            if isinstance(handler, PrefectConsoleHandler):
                monkeypatch.setattr(handler.console, "file", screen)
        for name in (*SENDERS, "other"):
            logging.getLogger(name).warning("said by %s", name)
    told = screen.getvalue()
    assert [name for name in SENDERS if f"said by {name}" in told] == []
    assert "said by other" in told


@pytest.mark.parametrize("verb", ["daily", "pull", "train", "forecast"])
def test_prefect_is_not_imported_before_it_has_a_home(tmp_path: Path, verb: str) -> None:
    """It warns of a home that cannot be made, in words that are not ours."""
    code = (
        "import sys; from flows.cli import main; "
        f"status = main(['{verb}', 'no-such-region']); "
        "sys.exit(9 if 'prefect' in sys.modules else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"CLIMATE_RISK_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("climate-risk: region 'no-such-region'")
    assert done.stderr.count("\n") == 1
