"""The daily flow through the command: whole, twice, moved, damaged, and as Prefect's API shows
it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import xarray as xr

from configs import Settings
from features.hazards import hazards

pytestmark = pytest.mark.timeout(900)  # the first to come trains the models that all share


def copy_of(ready: Any, folder: Path) -> Settings:
    shutil.copytree(ready.settings.home, folder)
    return Settings(folder)


def content(folder: Path) -> dict[str, Any]:
    """What each file of a published folder holds: bytes, and of NetCDF its data as text, since
    HDF5 lays it out differently."""
    return {
        str(path.relative_to(folder)): xr.load_dataset(path, engine="h5netcdf")
        .to_dataframe()
        .sort_index(axis=1)
        .to_csv()
        if path.suffix == ".nc"
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_first_run_publishes_a_report_and_says_where(ready) -> None:
    assert (ready.first.status, ready.first.err) == (0, "")
    lines = ready.first.out.splitlines()
    assert Path(lines[-1]) == ready.folder / "report.en.html"
    assert Path(lines[-1]).is_file()
    for words in (
        "pulled station_files",
        "backtested heat",
        "fitted drought",
        "registered flash_flood",
        "forecast 2005-01-01",
        "published",
    ):
        assert any(line.startswith(words) for line in lines), words


@pytest.mark.skipif(find_library("pangoft2-1.0") is None, reason="needs Pango")
def test_the_first_run_prints_its_report_and_draws_its_models_skill(ready) -> None:
    assert (ready.folder / "report.en.pdf").read_bytes().startswith(b"%PDF")
    plots = sorted(path.name for path in ready.settings.mlruns.rglob("*.png"))
    assert plots == ["reliability.png"] * 3 + ["skill_by_lead.png"] * 3


def test_the_forecast_holds_every_hazard_the_place_can_have(ready) -> None:
    table = pd.read_csv(ready.folder / "forecast.csv")
    assert set(table["hazard"]) == {"heat", "flash_flood", "drought"}
    assert set(table["issued"]) == {"2005-01-01"}
    provenance = json.loads((ready.folder / "provenance.json").read_text())
    assert "river_discharge" in provenance["missing"]["river_flood"]
    assert provenance["data_until"] == "2004-12-31"
    assert provenance["degraded"] == []


@pytest.fixture(scope="module")
def second(ready, run_daily: Callable) -> tuple[dict[str, Any], Any]:
    """What the day's folder held before a second run of the day, and what that run said."""
    return content(ready.folder), run_daily(ready.settings, ready.region)


def test_a_second_run_of_a_day_changes_nothing(ready, second) -> None:
    before, again = second
    assert (again.status, again.err) == (0, "")
    after = content(ready.folder)
    assert after["forecast.csv"] == ready.forecast_csv
    assert after.keys() == before.keys()
    versions = {json.loads(files["provenance.json"])["code_version"] for files in (before, after)}
    assert (
        after == before or len(versions) == 2
    )  # a checkout being worked on may change under the tests
    assert [path.name for path in ready.folder.parent.glob("????-??-??")] == ["2005-01-01"]
    assert "fit" not in again.out


def test_a_home_that_was_moved_works_as_before(ready, command: Callable, tmp_path: Path) -> None:
    moved = copy_of(ready, tmp_path / "elsewhere")
    shutil.rmtree(moved.published)
    again = command(moved, "daily", ready.region.path)
    assert (again.status, again.err) == (0, "")
    assert (
        moved.published / "smallville/2005-01-01/forecast.csv"
    ).read_bytes() == ready.forecast_csv


def test_a_damaged_champion_is_degraded_around(ready, command: Callable, tmp_path: Path) -> None:
    settings = copy_of(ready, tmp_path / "damaged")
    found = [
        path
        for path in settings.mlruns.rglob("meta.json")
        if json.loads(path.read_text())["hazard"] == "heat"
    ]
    for path in found:
        path.write_text(path.read_text()[:-20])
    said = command(settings, "daily", ready.region.path)
    assert found
    assert said.status == 3
    assert said.err and all(
        line.startswith("degraded: ") and "heat" in line.lower() for line in said.err.splitlines()
    )
    table = pd.read_csv(settings.published / "smallville/2005-01-01/forecast.csv")
    assert set(table["hazard"]) == {"heat", "flash_flood", "drought"}
    assert set(table.loc[table["hazard"] == "heat", "verdict"]) <= {
        "no better than usual",
        "not assessed",
    }
    assert last_run(ready).state_name == "Degraded"


def test_a_candidate_speaks_where_there_is_no_champion_and_is_not_learnt_anew(
    ready, command: Callable, tmp_path: Path
) -> None:
    from models.registry import Registry

    settings = copy_of(ready, tmp_path / "waiting")
    shutil.rmtree(settings.published)
    client = Registry(settings).client
    client.delete_registered_model_alias("smallville-heat", "champion")
    client.set_model_version_tag("smallville-heat", "1", "gate", "candidate")
    said = command(settings, "daily", ready.region.path)
    assert (said.status, said.err) == (0, "")
    assert "fit" not in said.out
    assert client.get_model_version("smallville-heat", "1").tags["gate"] == "champion"
    table = settings.published / "smallville/2005-01-01/forecast.csv"
    assert table.read_bytes() == ready.forecast_csv


def last_run(ready: Any) -> Any:
    """The newest run of ``daily`` for the region, as Prefect's API has it."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    runs = FlowRunFilter.model_validate({"name": {"any_": ["daily smallville 2005-01-01"]}})
    with get_client(sync_client=True) as client:
        return max(client.read_flow_runs(flow_run_filter=runs), key=lambda run: run.start_time)


def test_a_source_that_is_down_leaves_yesterdays_record_in_use(
    ready, command: Callable, tmp_path: Path, monkeypatch
) -> None:
    """The source's own door is shut (its fetch raises what a dead service raises).

    Everything else is real.
    """
    import sources
    from data_contracts.batch import SourceUnavailable
    from flows import pull

    def fetch(*_: Any) -> Any:
        raise SourceUnavailable("no answer")

    dead = replace(sources.sources()["station_files"], fetch=fetch)
    monkeypatch.setattr(pull, "sources_of", lambda region: [dead])
    monkeypatch.setattr(pull, "fetch", pull.fetch.with_options(retry_delay_seconds=[0, 0, 0]))
    said = command(copy_of(ready, tmp_path / "cut-off"), "daily", ready.region.path)
    assert said.status == 3
    assert "station_files is down (no answer)" in said.err
    new = command(Settings(tmp_path / "new"), "daily", ready.region.path)
    assert new.status == 1
    assert new.err.count("\n") == 1 and "Traceback" not in new.err


def test_a_file_that_cannot_be_used_costs_no_report(
    ready, command: Callable, tmp_path: Path
) -> None:
    """The day's report is of what was stored before; only the pull alone ends with status 1.

    What else a file may be refused for: test_pull_sources.
    """
    settings = copy_of(ready, tmp_path / "broken")
    shutil.rmtree(settings.published)
    shutil.copytree(ready.region.path.parent, tmp_path / "region")
    path = tmp_path / "region" / "inbox" / "record.csv"
    path.write_text(path.read_text() + "2005-01-01,here,-999,1,1\n")
    region = tmp_path / "region" / ready.region.path.name
    said = command(settings, "daily", region)
    assert said.status == 3, said.err
    assert said.err.startswith("degraded: station_files could not be used (") and "-999" in said.err
    folder = settings.published / "smallville/2005-01-01"
    told = json.loads((folder / "provenance.json").read_text())["degraded"]
    assert len(told) == 1 and "-999" in told[0]
    assert (folder / "report.en.html").is_file()
    alone = command(settings, "pull", region)
    assert alone.status == 1 and "-999" in alone.err and "stored before" not in alone.err


def test_of_several_regions_one_that_fails_does_not_stop_the_others(
    ready, command: Callable, tmp_path: Path
) -> None:
    settings = copy_of(ready, tmp_path / "several")
    said = command(settings, "daily", "nowhere", ready.region.path)
    assert said.status == 3
    assert "nowhere" in said.err
    assert said.out.splitlines()[-1].endswith("report.en.html")
    assert command(settings, "daily", "nowhere", "nowhere-else").status == 1


def mlflow_runs(ready: Any) -> list[Any]:
    """All runs that MLflow has of the region."""
    from models.registry import Registry

    client = Registry(ready.settings).client
    return list(client.search_runs([client.get_experiment_by_name("smallville").experiment_id]))


def test_prefects_api_shows_the_flow_and_its_tasks_by_name(ready) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        ArtifactFilter,
        FlowFilter,
        FlowRunFilter,
        LogFilter,
        LogFilterFlowRunId,
        LogFilterLevel,
    )

    flows = FlowFilter.model_validate({"name": {"any_": ["daily"]}})
    runs = FlowRunFilter.model_validate({"name": {"any_": ["daily smallville 2005-01-01"]}})
    with get_client(sync_client=True) as client:
        first = min(
            client.read_flow_runs(flow_filter=flows, flow_run_filter=runs),
            key=lambda run: run.expected_start_time,
        )
        tasks = {
            run.name
            for run in client.read_task_runs(
                flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [first.id]}})
            )
        }
        loud = LogFilter(
            level=LogFilterLevel(ge_=30), flow_run_id=LogFilterFlowRunId(any_=[first.id])
        )
        assert client.read_logs(log_filter=loud) == []
        shown = {
            one.key: one
            for one in client.read_artifacts(
                artifact_filter=ArtifactFilter.model_validate({"flow_run_id": {"any_": [first.id]}})
            )
        }
    kinds = ("pulled", "data-quality", "skill", "report")
    assert shown.keys() == {f"{kind}-smallville" for kind in kinds}
    assert '"came of it": "stored"' in shown["pulled-smallville"].data
    assert '"hazard": "heat"' in shown["skill-smallville"].data
    assert sorted(first.tags) == ["climate-risk", "smallville"]
    runs_there = mlflow_runs(ready)
    assert any(f"run `{run.info.run_id}`" in shown["report-smallville"].data for run in runs_there)
    back = {run.data.tags["prefect_flow_run"].rpartition("/")[2] for run in runs_there}
    assert str(first.id) in back, "and MLflow's run links back"
    assert first.parameters == {"region": str(ready.region.path)}
    assert first.state_name == "Completed"
    trained = [
        f"{verb} {name}"
        for verb in ("backtest", "fit", "register")
        for name in hazards()
        if name != "river_flood"
    ]
    assert {
        "pull station_files",
        "check and store station_files",
        "forecast smallville 2005-01-01",
        *trained,
    } <= tasks


def test_the_forecast_is_tracked_once(ready, second) -> None:
    from models.registry import Registry

    client = Registry(ready.settings).client
    experiment = client.get_experiment_by_name("smallville")
    assert experiment is not None
    runs = client.search_runs(
        [experiment.experiment_id], "tags.kind = 'forecast' and tags.issued = '2005-01-01'"
    )
    assert len(runs) == len(
        {run.data.tags["code_version"] for run in runs}
    )  # a checkout being worked on changes under the tests


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [([0, 0], 0), ([1, 1], 1), ([0, 1], 3), ([0, 3], 3), ([3], 3), ([1], 1)],
)
def test_exit_status_of_several_regions(statuses: list[int], expected: int) -> None:
    from flows.cli import overall

    assert overall(statuses) == expected


@pytest.mark.parametrize("swapped", [True, False])
def test_outlines_that_do_not_hold_their_places_are_not_published(
    command, write_record, home: Settings, tmp_path: Path, swapped: bool
) -> None:
    """GeoJSON with latitude before longitude: the report is there, without outlines, and says
    so."""
    places = ("east", "west")
    region = write_record(tmp_path, years=3, locations=places)
    ring = [[-2.5, 35], [-2.5, 35.5], [-1.5, 35.5], [-2.5, 35]]
    outline = {
        "type": "Polygon",
        "coordinates": [[corner[::-1] for corner in ring] if swapped else ring],
    }
    features = [
        {"type": "Feature", "id": name, "properties": {}, "geometry": outline} for name in places
    ]
    collection = {"type": "FeatureCollection", "features": features}
    (tmp_path / "borders.geojson").write_text(json.dumps(collection))
    described = [{"id": name, "latitude": 35.2, "longitude": -2.1} for name in places]
    lines = f"boundaries: borders.geojson\nlocations: {json.dumps(described)}\n"
    region.path.write_text(region.path.read_text() + lines)
    assert command(home, "pull", region.path).status == 0
    folder = tmp_path / "report"
    said = command(home, "forecast", region.path, "--out", folder)
    drawn = [
        each["geometry"]
        for each in json.loads((folder / "forecast.geojson").read_text())["features"]
    ]
    told = "without outlines (boundaries borders.geojson: location east (35.2, -2.1) lies outside"
    degraded = json.loads((folder / "provenance.json").read_text())["degraded"]
    assert (folder / "report.en.html").is_file() and said.status == 3  # there are no models
    assert (told in said.err) == any(told in each for each in degraded) == swapped
    assert ("swap them in the file" in said.err) == swapped
    if swapped:
        assert set(drawn) == {None}
    else:
        assert {each["type"] for each in drawn} == {"Polygon"}
