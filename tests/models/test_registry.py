"""The registry, with real models in a real MLflow database."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from registered import HEAT, PLACES, changed, live_marks, named, of, out_of_fold

from configs import CHECKOUT, Region, Settings
from models.boosting import PARAMETERS
from models.registry import (
    Admission,
    Champion,
    Registered,
    Registry,
    RegistryError,
    TrainingRun,
    code_version,
    database,
    lineage,
)
from models.registry.database import repair_paths
from models.registry.lineage import is_dirty
from models.registry.manifest import Damaged, check_manifest, write_manifest
from models.registry.refusals import explains_refusals
from models.registry.tracking import metrics, parameters, training_parameters
from models.training import Model, fit_model
from models.verification.scores import assess


@pytest.fixture(scope="module")
def record(tmp_path_factory, write_record) -> tuple[Region, xr.Dataset]:
    """A region of two places and its record, as the store would hand it out."""
    region = write_record(
        tmp_path_factory.mktemp("record"),
        years=6,
        locations=PLACES,
        variables=("air_temperature_max",),
    )
    table = pd.read_csv(region.inbox_path(Settings(Path("."))) / "record.csv", parse_dates=["time"])
    observations = table.set_index(["time", "location"]).to_xarray().astype(np.float32)
    observations["air_temperature_max"].attrs["delay_days"] = 1
    return region, observations.assign_coords(latitude=("location", [35.0, 35.1]))


@pytest.fixture(scope="module")
def model(record) -> Model:
    """With one replica of two: each is one more to fit, to write and to read."""
    region, observations = record
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.training.REPLICAS", 2)
        whole = fit_model(HEAT, observations, region, snapshot="SNAPSHOT1")
    return replace(whole, replicas=whole.replicas[:1])


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Settings:
    """One home: making MLflow's tables takes seconds. Each test has regions of its own."""
    return Settings(tmp_path_factory.mktemp("a home with spaces and é"))


@pytest.fixture
def registry(home) -> Registry:
    return Registry(home)


@pytest.fixture(scope="module")
def scores(record) -> pd.DataFrame:
    return assess({"heat": out_of_fold(0.8)}, record[0], {})


def register(
    registry: Registry, region: Region, model: Model, sharpness: float, scores: pd.DataFrame
):
    return registry.register(region, of(model, region), out_of_fold(sharpness), scores, "abc123")


def files_of(registry: Registry, region: Region, version: str) -> Path:
    return Path(registry.client.get_model_version(f"{region.name}-heat", version).source)


@pytest.fixture(scope="module")
def first(home, record, model, scores) -> Region:
    """A region with one registered model."""
    region = named(record[0], "first")
    assert register(Registry(home), region, model, 0.8, scores).champion
    return region


@pytest.fixture(autouse=True)
def no_more_plots(first: Region, without_plots: None) -> None:
    """The first model has them."""


def test_a_hazard_without_a_model_has_no_champion_and_is_not_degraded(registry, record) -> None:
    assert registry.champion(named(record[0], "empty"), "heat") == Champion(None, None, "", None)


def test_a_model_comes_back_as_it_was_registered(registry, first, model) -> None:
    found = registry.champion(first, "heat", reversed(PLACES))
    assert (found.version, found.degraded) == ("1", None)
    assert found.model is not None
    assert found.model.meta == of(model, first).meta
    xr.testing.assert_identical(found.model.normals, model.normals)
    xr.testing.assert_equal(found.out_of_fold, out_of_fold(0.8))


def test_a_training_run_says_what_it_was_made_from_and_how_good_it_is(
    registry, first, model
) -> None:
    (run,) = registry.client.search_runs(
        [registry.client.get_experiment_by_name("first").experiment_id]
    )
    assert run.info.status == "FINISHED"
    assert {
        "snapshot": "SNAPSHOT1",
        "code_version": "abc123",
        "kind": "training",
        "model_version": "1",
    }.items() <= run.data.tags.items()
    assert "no champion" in run.data.tags["gate_reason"]
    assert run.data.params["trained_until"] == model.meta["trained_until"]
    assert run.data.params["rounds.1"] == str(model.meta["rounds"]["1"])
    expected = training_parameters(of(model, first), first)
    assert run.data.params == expected and len(expected) > 100  # more than one batch of MLflow's
    assert run.data.params["models.boosting.parameters.seed"] == str(PARAMETERS["seed"])
    assert run.data.params["region.timezone"] == "UTC"
    curve = registry.client.get_metric_history(run.info.run_id, "bss_climatology_level1_window1d")
    assert sorted(point.step for point in curve) == list(range(10))
    folder = registry.artifacts / "first" / run.info.run_id / "artifacts"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert {
        "scores.csv",
        "plots/skill_by_lead.png",
        "plots/reliability.png",
        "model/manifest.json",
        "model/meta.json",
        "model/options.json",
    } <= files
    assert {Path(name).suffix for name in files} == {".csv", ".png", ".json", ".nc"}


def test_a_training_run_names_its_record_and_lasts_as_long_as_the_fit(
    registry, record, model, scores
) -> None:
    region, observations = named(record[0], "lineage"), record[1]
    training = TrainingRun(observations, {"fit": 12.5, "backtest": 90.0}, started=1_000_000_000.0)
    made = registry.register(
        region, of(model, region), out_of_fold(0.8), scores, "abc123", training
    )
    run = registry.client.get_run(
        registry.client.get_model_version("lineage-heat", made.version).run_id
    )
    assert (run.data.metrics["fit_seconds"], run.data.metrics["backtest_seconds"]) == (12.5, 90.0)
    assert run.info.start_time == 1_000_000_000_000 < run.info.end_time
    (given,) = run.inputs.dataset_inputs
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "training")]
    assert (given.dataset.name, given.dataset.digest) == ("lineage", "SNAPSHOT1")
    source, profile = json.loads(given.dataset.source), json.loads(given.dataset.profile)
    assert source == {"store": "data/store/lineage", "snapshot": "SNAPSHOT1"}
    assert profile["period"] == [str(observations["time"].values[end])[:10] for end in (0, -1)]
    assert profile["locations"] == list(PLACES)
    assert profile["variables"] == ["air_temperature_max"]
    columns = json.loads(given.dataset.schema)["mlflow_colspec"]
    assert [column["name"] for column in columns] == profile["variables"]


@pytest.fixture
def register_as(registry, model, scores) -> Callable[..., Registered]:
    """A function that registers predictions of some sharpness, by some code, in some way."""

    def give(region: Region, sharpness: float, code: str, how: Admission) -> Registered:
        folds = out_of_fold(sharpness)
        return registry.register(region, of(model, region), folds, scores, code, TrainingRun(), how)

    return give


def gate_of(registry: Registry, region: Region, version: str) -> tuple[str, str]:
    tags = registry.client.get_model_version(f"{region.name}-heat", version).tags
    return tags["gate"], tags["gate_reason"]


def alias(registry: Registry, region: Region, name: str) -> str | None:
    found = registry.client.get_registered_model(f"{region.name}-heat").aliases.get(name)
    return None if found is None else str(found)


def again(registry: Registry, region: Region, model: Model, code: str, how: Admission):
    until = model.meta["trained_until"]
    return registry.again(region, "heat", "SNAPSHOT1", until, code, how)


def test_a_candidate_waits_until_it_is_judged(registry, record, model, scores, register_as) -> None:
    region = named(record[0], "waiting")
    assert register(registry, region, model, 0.6, scores).champion
    held = register_as(region, 0.8, "abc123", Admission(candidate=True))
    assert (held.version, held.champion) == ("2", False)
    assert "candidate" in str(held.reason) and "against version 1: " in str(held.reason)
    assert gate_of(registry, region, "2") == ("candidate", str(held.reason))
    version = registry.client.get_model_version("waiting-heat", "2")
    assert registry.client.get_run(version.run_id).data.tags["gate_reason"] == str(held.reason)
    assert registry.champion(region, "heat").version == "1"
    assert [alias(registry, region, name) for name in ("champion", "candidate")] == ["1", "2"]

    promoted = again(registry, region, model, "abc123", Admission())
    assert (promoted.version, promoted.champion, promoted.new) == ("2", True, False)
    assert registry.champion(region, "heat").version == "2"
    assert gate_of(registry, region, "2") == ("champion", str(promoted.reason))
    assert [alias(registry, region, name) for name in ("champion", "candidate")] == ["2", None]
    once_more = again(registry, region, model, "abc123", Admission(candidate=True))
    assert (once_more.version, once_more.champion) == ("2", True)
    assert gate_of(registry, region, "2") == ("champion", str(promoted.reason))


def test_the_first_model_may_be_a_candidate_too(registry, record, model, register_as) -> None:
    region = named(record[0], "first-candidate")
    made = register_as(region, 0.8, "abc123", Admission(candidate=True))
    assert not made.champion and registry.champion(region, "heat").model is None
    assert again(registry, region, model, "abc123", Admission()).champion
    assert registry.champion(region, "heat").version == "1"


def test_code_that_is_not_committed_takes_no_champions_place_unasked(
    registry, record, model, register_as
) -> None:
    region = named(record[0], "dirty")
    first = register_as(region, 0.6, "abc123-dirty", Admission())
    assert first.champion  # or nobody could develop
    assert "there was no champion" in str(first.reason) and "abc123-dirty" in str(first.reason)
    second = register_as(region, 0.8, "abc123-dirty", Admission())
    assert not second.champion and "--promote-dirty" in str(second.reason)
    assert gate_of(registry, region, "2") == ("held", str(second.reason))
    assert registry.champion(region, "heat").version == "1"
    asked = again(registry, region, model, "abc123-dirty", Admission(promote_dirty=True))
    assert (asked.version, asked.champion) == ("2", True)
    assert "as asked for" in str(asked.reason)
    worse = register_as(region, 0.6, "abc123-dirty", Admission(promote_dirty=True))
    assert not worse.champion and "--promote-dirty" not in str(worse.reason)  # the gate stays


def test_only_the_same_training_was_made_before(
    registry, home, record, model, scores, monkeypatch
) -> None:
    region, until = named(record[0], "same"), model.meta["trained_until"]
    register(registry, region, model, 0.8, scores)
    asked = (region, "heat", "SNAPSHOT1", until, "abc123")
    found = Registry(home).again(*asked)  # as the first thing that it is asked
    assert found is not None
    assert (found.version, found.champion, found.new) == ("1", True, False)
    others = {
        "region file": (changed(region, timezone="Africa/Tunis"), *asked[1:]),
        "hazard": (region, "drought", *asked[2:]),
        "snapshot": (*asked[:2], "SNAPSHOT2", *asked[3:]),
        "no snapshot": (*asked[:2], "", *asked[3:]),
        "day": (*asked[:3], "1995-12-30", asked[4]),
    }
    assert {what: registry.again(*other) for what, other in others.items()} == dict.fromkeys(others)
    monkeypatch.setattr(lineage, "learning_code", lambda: "another")
    assert registry.again(*asked) is None


def test_a_damaged_version_is_learnt_anew(registry, record, model, scores) -> None:
    region = named(record[0], "harmed")
    register(registry, region, model, 0.8, scores)
    (files_of(registry, region, "1") / "MLmodel").write_text("{}")
    assert again(registry, region, model, "abc123", Admission()) is None
    assert "MLmodel" in str(registry.champion(region, "heat").degraded)


def test_a_worse_challenger_is_kept_but_does_not_become_champion(
    registry, record, model, scores
) -> None:
    region = named(record[0], "gate")
    assert register(registry, region, model, 0.8, scores).champion
    worse = register(registry, region, model, 0.6, scores)
    assert (worse.version, worse.champion) == ("2", False)
    assert worse.reason.code == "gate.compared"
    assert registry.champion(region, "heat").version == "1"
    tags = registry.client.get_model_version("gate-heat", "2").tags
    assert (tags["gate"], tags["gate_reason"]) == ("held", str(worse.reason))
    registry.client.set_registered_model_alias(
        "gate-heat", "champion", "2"
    )  # by hand: a human overrules the gate
    assert registry.champion(region, "heat").version == "2"
    assert register(registry, region, model, 0.9, scores).champion
    assert registry.champion(region, "heat").version == "3"


def test_a_damaged_champion_falls_through_to_the_champion_before_it_then_to_none(
    registry, record, model, scores
) -> None:
    region = named(record[0], "damage")
    for sharpness in (0.7, 0.6, 0.9):  # versions 1 and 3 pass the gate, 2 does not
        register(registry, region, model, sharpness, scores)
    (files_of(registry, region, "3") / "meta.json").write_text("{}")
    found = registry.champion(region, "heat")
    assert found.version == "1"
    assert found.degraded is not None
    assert all(
        part in str(found.degraded)
        for part in (
            "heat",
            "damage",
            "version 3",
            "meta.json",
            "version 1",
            "climate-risk train damage",
        )
    )
    shutil.rmtree(files_of(registry, region, "1"))
    gone = registry.champion(region, "heat")
    assert (gone.model, gone.out_of_fold, gone.version) == (None, None, "")
    assert gone.degraded is not None and "version 1" in str(gone.degraded)
    assert "\n" not in str(gone.degraded)


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({"warm_season": (6, 9)}, PLACES),
        ({"reference_period": (1991, 1994)}, PLACES),
        ({"timezone": "Africa/Tunis"}, PLACES),
        ({"locations": [{"id": "east", "latitude": 34.0}]}, PLACES),
        ({}, ("east",)),
        ({}, ("east", "west", "north")),
    ],
    ids=["season", "reference", "zone", "coordinates", "a place less", "a place more"],
)
def test_a_model_made_for_something_else_counts_as_absent(registry, first, change, places) -> None:
    assert registry.champion(changed(first, **change), "heat", places) == Champion(
        None, None, "", None
    )


def test_a_model_of_another_format_counts_as_absent_and_not_as_damaged(
    registry, record, model, scores
) -> None:
    """An upgrade learns anew by itself, which a damaged champion does not."""
    region = named(record[0], "upgraded")
    register(registry, region, model, 0.8, scores)
    folder = files_of(registry, region, "1")
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "format": 2}))
    registry.client.set_model_version_tag(
        "upgraded-heat", "1", "manifest_sha256", write_manifest(folder)
    )
    assert registry.champion(region, "heat") == Champion(None, None, "", None)


def test_a_renamed_home_still_has_its_champion_and_learns_on(
    tmp_path, home, first, model, scores
) -> None:
    old = tmp_path / "before" / "mlruns"
    shutil.copytree(home.mlruns, old)
    assert Registry(Settings(old.parent)).champion(first, "heat").version == "1"
    new = tmp_path / "after, elsewhere"
    old.parent.rename(new)
    there = Registry(Settings(new))
    assert there.champion(first, "heat").version == "1"
    assert files_of(there, first, "1").is_relative_to(new)
    assert register(there, first, model, 0.9, scores).version == "2"
    with sqlite3.connect(new / "mlruns" / "mlflow.db") as database:
        stored = [
            row[0]
            for row in database.execute(
                "SELECT artifact_uri FROM runs UNION SELECT artifact_location FROM experiments"
            )
        ]
    assert stored and all(
        Path(path).is_relative_to(new / "mlruns" / "artifacts") for path in stored
    )
    assert repair_paths(there.database, there.artifacts) == 0


def test_artifacts_put_elsewhere_by_hand_stay_there(tmp_path, registry) -> None:
    registry.client.create_experiment("elsewhere", artifact_location=str(tmp_path / "mine"))
    repair_paths(registry.database, registry.artifacts)
    assert registry.client.get_experiment_by_name("elsewhere").artifact_location == str(
        tmp_path / "mine"
    )


def test_a_database_that_is_none_is_said_in_one_sentence(tmp_path) -> None:
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").write_bytes(b"not a database" * 100)
    with pytest.raises(RegistryError, match="mlflow.db: found a file SQLite cannot read"):
        Registry(Settings(tmp_path))


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(database: Path) -> Iterator[None]:
    """The database locked by another process, as by a copying tool or a browser of databases."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        yield
        holder.communicate("")


def told(wrong: Callable[[], Any]) -> str:
    """The one sentence that comes of it, which never sends anyone to train anew."""
    with pytest.raises(RegistryError) as caught:
        wrong()
    sentence = str(caught.value)
    assert sentence.startswith("model registry ") and sentence.endswith(".")
    assert "\n" not in sentence and "train anew" not in sentence and "restore" not in sentence
    return sentence


def test_a_registry_that_another_process_has_locked_is_not_taken_for_a_damaged_one(
    tmp_path, home, first, monkeypatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    settings = Settings(tmp_path / "copy")
    shutil.copytree(home.mlruns, settings.mlruns)
    opened = Registry(settings)
    with held(opened.database):
        for wrong in (lambda: Registry(settings), lambda: opened.client):
            sentence = told(wrong)
            assert f"{opened.database}: found it locked by another process" in sentence
            assert "wait until that process is done, or stop it" in sentence
    assert opened.champion(first, "heat").version == "1"


@pytest.mark.slow
def test_a_registry_locked_in_the_middle_of_a_run_is_told_too(registry, first, capfd) -> None:
    """MLflow waits 20 s, then raises an error and prints a traceback, which is not shown."""
    assert registry.champion(first, "heat").version == "1"
    with held(registry.database):
        assert "locked by another process" in told(lambda: registry.champion(first, "heat"))
    assert capfd.readouterr().err == ""
    assert registry.champion(first, "heat").version == "1"


@contextmanager
def nobody() -> Iterator[None]:
    """Without the rights of root, which may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("what", "found", "cure"),
    [
        (
            "the file",
            "mlflow.db: found that it may not be written to",
            "write the file and its folder",
        ),
        (
            "the folder",
            "registry.lock: found that this user may not use it",
            "read and write there",
        ),
    ],
)
def test_a_registry_that_may_not_be_written_is_told_with_its_cure(
    home, first, what: str, found: str, cure: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        settings = Settings(Path(folder))
        shutil.copytree(home.mlruns, settings.mlruns)
        for path in (settings.home, settings.mlruns):
            path.chmod(0o777 if what == "the file" else 0o555)
        (settings.mlruns / "registry.lock").unlink()
        (settings.mlruns / "mlflow.db").chmod(0o444)
        with nobody():
            sentence = told(lambda: Registry(settings).client)
        settings.mlruns.chmod(0o755)
    assert found in sentence
    assert f"; give this user the right to {cure}" in sentence


def test_a_registry_that_cannot_be_opened_is_told_at_once(tmp_path) -> None:
    (tmp_path / "mlruns" / "mlflow.db").mkdir(parents=True)
    sentence = told(lambda: Registry(Settings(tmp_path)).client)
    assert "mlflow.db: found that it cannot be opened (unable to open database file)" in sentence


def test_a_full_disk_is_told_and_nothing_is_to_be_trained_anew(tmp_path, home) -> None:
    """SQLite's error, of a database that may not grow; the system's, of a file that may not."""
    settings = Settings(tmp_path / "copy")
    shutil.copytree(home.mlruns, settings.mlruns)
    registry = Registry(settings)

    def fill() -> None:
        with closing(sqlite3.connect(registry.database)) as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
            connection.execute("CREATE TABLE more (text)")
            connection.execute("INSERT INTO more VALUES (?)", ("x" * 1_000_000,))

    def write() -> None:
        with open("/dev/full", "w") as file:
            file.write("x" * 1_000_000)

    for wrong in (fill, write):
        refused = explains_refusals(lambda _, wrong=wrong: wrong())
        sentence = told(lambda refused=refused: refused(registry))
        assert "found a full disk" in sentence and "make room there, then run this" in sentence


def test_a_bug_is_not_told_as_a_registry_to_be_cured(registry) -> None:
    def wrong(_: Registry) -> None:
        raise KeyError("columns")

    with pytest.raises(KeyError):
        explains_refusals(wrong)(registry)


def test_one_run_for_one_forecast_and_another_when_it_differs(tmp_path, registry, record) -> None:
    region = named(record[0], "issued")
    values = np.array([0.25, np.nan]).reshape(1, 1, 1, 2)
    coords = {
        "hazard": ("cell", ["heat"]),
        "lead_days": ("cell", [0]),
        "window_days": ("cell", [1]),
        "level": [1],
    }
    forecast = xr.Dataset(
        {"probability": (("cell", "level", "init_time", "location"), values)}, coords
    )
    provenance = {"snapshot": "S", "code_version": "abc123", "models": {"heat": {"version": "1"}}}
    (tmp_path / "forecast.csv").write_text("probability\n0.25\n")
    (tmp_path / "provenance.json").write_text(json.dumps(provenance))
    first, again = (
        registry.log_forecast(region, date(2002, 6, 1), forecast, provenance, tmp_path)
        for _ in range(2)
    )
    assert first == again
    run = registry.client.get_run(first)
    assert run.data.metrics == {"highest_heat_level1_window1d": 0.25}
    assert run.data.params["models.heat.version"] == "1"
    assert (run.data.tags["issued"], run.data.tags["snapshot"]) == ("2002-06-01", "S")
    assert run.data.tags["report"] == f"published/{tmp_path.parent.name}/{tmp_path.name}"
    assert registry.client.list_artifacts(first) == [], "what is published is not copied"
    (tmp_path / "forecast.csv").write_text("probability\n0.30\n")
    assert registry.log_forecast(region, date(2002, 6, 1), forecast, provenance, tmp_path) != first


@pytest.mark.parametrize(
    ("in_live_years", "champion", "code"),
    [(0.5, False, "gate.live_worse"), (0.9, True, "gate.live_not_worse")],
)
def test_a_challenger_is_held_where_it_is_worse_on_the_champions_live_days(
    registry, record, model, scores, in_live_years: float, champion: bool, code: str
) -> None:
    """Both are better in the years before; on the live days of 2001 and 2002 one is not."""
    region = named(record[0], f"live-{champion}".lower())
    assert register(registry, region, model, 0.8, scores).champion
    live = np.isin(out_of_fold(0.8)["init_time"].dt.year, (2001, 2002))
    challenger = out_of_fold(0.95)
    is_live = xr.DataArray(live, dims="init_time")
    for name in ("model", "published"):
        challenger[name] = xr.where(
            is_live, out_of_fold(in_live_years)[name], challenger[name]
        ).transpose(*challenger["outcome"].dims)
    marks = live_marks(0.8, (2001, 2002))
    made = registry.register(
        region, of(model, region), challenger, scores, "abc123", admission=Admission(marks=marks)
    )
    assert (made.champion, made.reason.code) == (champion, "gate.and_live")
    assert made.reason.values["reason"].values["difference"].code == "gate.not_worse"
    assert made.reason.values["live"].code == code
    tags = registry.client.get_model_version(f"{region.name}-heat", "2").tags
    assert tags["gate_reason"] == str(made.reason) and "live days" in tags["gate_reason"]


def test_with_few_live_days_the_gate_does_not_judge_by_them_and_says_so(
    registry, record, model, scores
) -> None:
    region = named(record[0], "few-days")
    register(registry, region, model, 0.8, scores)
    marks = live_marks(0.8, (2002,)).query("issued < '2002-05-20'")
    made = registry.register(
        region, of(model, region), out_of_fold(0.8), scores, "abc123",
        admission=Admission(marks=marks),
    )  # fmt: skip
    assert made.champion and "not judged on live days: 19 issue days" in str(made.reason)


def test_what_an_event_is_by_a_version_is_kept_with_it(registry, record, model, scores) -> None:
    region = named(record[0], "definition")
    register(registry, region, model, 0.8, scores)
    other = changed(region, timezone="Africa/Tunis", warm_season=(6, 8))
    found = registry.definition(other, "heat", "1")
    assert found is not None and found.options.warm_season == (5, 10)
    xr.testing.assert_identical(found.normals, model.normals)
    assert registry.definition(region, "heat", "7") is None
    assert registry.definition(region, "drought", "1") is None
    (files_of(registry, region, "1") / "normals.nc").write_bytes(b"x")
    assert registry.definition(region, "heat", "1") is None


def metrics_of(registry: Registry, run: str) -> dict[str, float]:
    return registry.client.get_run(run).data.metrics


def test_marks_stand_on_the_run_that_issued_them_and_as_a_series_once(
    registry, record, tmp_path
) -> None:
    region = named(record[0], "marked")
    forecast = xr.Dataset(
        {"probability": (("cell", "level", "init_time", "location"), np.full((1, 1, 1, 1), 0.25))},
        {"hazard": ("cell", ["heat"]), "level": [1], "window_days": ("cell", [1])}
        | {"lead_days": ("cell", [0])},
    )
    (tmp_path / "provenance.json").write_text("{}")
    runs = {}
    for day, text in [("05-01", "a"), ("05-01", "revised"), ("05-02", "b"), ("06-03", "c")]:
        (tmp_path / "forecast.csv").write_text(text)
        issued = date.fromisoformat(f"2002-{day}")
        runs[day, text] = registry.log_forecast(region, issued, forecast, {}, tmp_path)
    marks = live_marks(0.8, (2002,)).assign(climatology=0.5)
    days = pd.to_datetime(["2002-05-01", "2002-05-02", "2002-06-03"])
    marks = marks[marks["issued"].isin(days)].reset_index(drop=True)
    marks.loc[marks["issued"] == "2002-06-03", ["state", "outcome"]] = ["open", np.nan]
    for _ in range(2):
        registry.log_marks(region, marks, date(2002, 6, 20))
    first = metrics_of(registry, runs["05-01", "a"])
    assert first["brier/heat"] == pytest.approx(0.2**2) and first["brier_climatology/heat"] == 0.25
    assert first["graded/heat"] == len(HEAT.cells) * 3 * len(PLACES)
    for other in [("05-01", "revised"), ("06-03", "c")]:
        assert "brier/heat" not in metrics_of(registry, runs[other])
    tags = {run: registry.client.get_run(run).data.tags["verified"] for run in runs.values()}
    assert list(tags.values())[1:] == ["not the first issue of its day", "2002-05-19", "open"]
    experiment = registry.client.get_experiment_by_name("marked").experiment_id
    (own,) = registry.client.search_runs([experiment], "tags.kind = 'verification'")
    marks.loc[marks["state"] == "open", ["state", "outcome"]] = ["graded", 0.0]
    for _ in range(2):
        registry.log_marks(region, marks, date(2002, 7, 2))
    history = registry.client.get_metric_history(own.info.run_id, "brier/heat/lead_3")
    assert [point.step for point in history] == [200205, 200206]
    assert "brier_climatology/heat/next_7_days" in metrics_of(registry, own.info.run_id)
    assert "brier/heat" in metrics_of(registry, runs["06-03", "c"])


def test_a_training_that_breaks_off_leaves_a_failed_run_and_no_version(
    registry, record, model, scores
) -> None:
    region = named(record[0], "broken")
    with pytest.raises(KeyError):
        registry.register(
            region, of(model, region), out_of_fold(0.8), scores.drop(columns="level"), "abc123"
        )
    (run,) = registry.client.search_runs(
        [registry.client.get_experiment_by_name("broken").experiment_id]
    )
    assert run.info.status == "FAILED"
    assert registry.champion(region, "heat").model is None


@pytest.mark.parametrize(
    "harm", ["change", "remove", "add", "add below", "manifest", "no manifest"]
)
def test_a_manifest_notices_every_harm(tmp_path, harm) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.json").write_text("1")
    (tmp_path / "inner" / "b.nc").write_bytes(b"2")
    digest = write_manifest(tmp_path)
    check_manifest(tmp_path, digest)
    (tmp_path / "registered_model_meta").write_text("MLflow's own note")
    check_manifest(tmp_path, digest)
    if harm == "change":
        (tmp_path / "inner" / "b.nc").write_bytes(b"3")
    elif harm == "remove":
        (tmp_path / "a.json").unlink()
    elif harm == "add":
        (tmp_path / "c.json").write_text("4")
    elif harm == "add below":
        (tmp_path / "inner" / "registered_model_meta").write_text("4")
    elif harm == "manifest":
        (tmp_path / "a.json").write_text("5")
        write_manifest(tmp_path)  # consistent in itself, but not what was registered
    else:
        (tmp_path / "manifest.json").unlink()
    with pytest.raises(Damaged):
        check_manifest(tmp_path, digest)


def test_parameters_are_flat_text() -> None:
    found = parameters(
        {"rounds": {"1": 30}, "features": ["a", "b"], "region": "here", "long": "x" * 9000}
    )
    assert (
        found["rounds.1"] == "30"
        and found["features"] == '["a", "b"]'
        and found["region"] == "here"
    )
    assert len(found["long"]) == 6000


def test_scores_that_are_missing_make_no_metric(scores) -> None:
    blank = scores.assign(bss_climatology=np.nan)
    assert not [key for key, _, _ in metrics(blank) if key.startswith("bss_climatology")]
    assert [key for key, _, _ in metrics(scores) if key.startswith("bss_climatology_level")]


def test_opening_a_new_registry_prints_nothing(tmp_path) -> None:
    script = (
        "from pathlib import Path\nfrom configs import Settings\n"
        "from models.registry import Registry\n"
        f"Registry(Settings(Path({str(tmp_path)!r}))).client"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["mlruns"]


def test_code_version_is_the_commit_in_a_checkout() -> None:
    if (CHECKOUT / ".git").exists():
        head = subprocess.run(
            ["git", "-C", str(CHECKOUT), "rev-parse", "--short=7", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert head.stdout.strip()[:7] in code_version()
    else:
        assert code_version()[0].isdigit()


def test_a_checkout_is_dirty_by_its_code_and_not_by_its_region_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    (tmp_path / "configs" / "regions").mkdir(parents=True)
    for name in ("configs/regions/here.yaml", "train.py"):
        (tmp_path / name).write_text("1")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    monkeypatch.setattr(lineage, "CHECKOUT", tmp_path)
    clean = code_version()
    assert not is_dirty(clean)
    (tmp_path / "configs" / "regions" / "here.yaml").write_text("2")
    (tmp_path / "notes.txt").write_text("not of the checkout")
    assert code_version() == clean
    (tmp_path / "train.py").write_text("2")
    assert code_version() == f"{clean}-dirty" and is_dirty(code_version())
