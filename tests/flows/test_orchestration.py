"""What a run shows when it fails, and that it ends whatever it waits for."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from configs import CHECKOUT, Region, RiskError, Settings
from configs.disk import DiskRefused
from flows import pull
from flows.guard import Served, foreign
from flows.orchestration import (
    HIDDEN,
    place_of,
    reason_of,
    risk_flow,
    sentence_of,
    without_secrets,
)
from flows.run import region_lock

pytestmark = pytest.mark.timeout(300, method="thread")
"""By a thread, for the alarm of the system is that of Prefect's time-outs."""


@risk_flow("trial", hours=1)
def trial(region: str, number: int = 0) -> int:
    """Divides by a number.

    Args:
        region: Any word.
        number: What is divided by.
    """
    if number < 0:
        raise RiskError("number: found a negative one, expected another; give one.")
    return 1 // number


def newest_run(name: str) -> Any:
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    named = FlowRunFilter.model_validate({"name": {"any_": [name]}})
    with get_client(sync_client=True) as client:
        newest = FlowRunSort.START_TIME_DESC
        return client.read_flow_runs(flow_run_filter=named, sort=newest, limit=1)[0]


def test_an_error_is_the_runs_message_and_one_line_of_its_log(
    prefect_server: None, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RiskError, match="found a negative one"):
        trial("a/path/of/here.yaml", -1)
    run = newest_run("trial here")
    sentence = "number: found a negative one, expected another; give one."
    assert (run.state.name, run.state.message) == ("Failed", sentence)
    failed = [line for line in caplog.records if line.levelname == "ERROR"]
    assert [line.getMessage() for line in failed] == [sentence]
    assert not any(line.exc_info for line in caplog.records)
    assert sum(sentence in line.getMessage() for line in caplog.records) == 1


def test_a_bug_is_told_with_its_place_and_its_traceback_is_beside_the_run(
    prefect_server: None,
) -> None:
    from prefect import get_client
    from prefect.client.schemas.filters import ArtifactFilter

    with pytest.raises(ZeroDivisionError):
        trial("bug", 0)
    run = newest_run("trial bug")
    told = r"ZeroDivisionError in tests/flows/test_orchestration.py:\d+: .*report it"
    assert re.match(told, run.state.message)
    only = ArtifactFilter.model_validate({"flow_run_id": {"any_": [run.id]}})
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(artifact_filter=only)
    assert artifact.key == "bug" and "return 1 // number" in artifact.data


def test_a_parameter_of_another_type_is_one_sentence_and_words_of_the_right_one_are_taken(
    prefect_server: None,
) -> None:
    given: Any = "many"
    with pytest.raises(RiskError, match="trial: found 'many' as its parameter number"):
        trial("type", given)
    given = "1"
    assert trial("type", given) == 1


def test_secrets_of_the_environment_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY_DATABASE_URL", "postgresql://me:pass@host/db")
    monkeypatch.setenv("SENSORS_TOKEN", "Bearer abcdef")
    monkeypatch.setenv("SHORT_KEY", "a")
    words = "asked postgresql://me:pass@host/db with Bearer abcdef and a"
    assert without_secrets(words) == f"asked {HIDDEN} with {HIDDEN} and a"
    assert HIDDEN in sentence_of(ValueError("Bearer abcdef"))


def test_the_place_of_a_bug_is_the_newest_line_of_ours() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        assert place_of(error).startswith("tests/flows/test_orchestration.py:")
    assert place_of(ValueError()) == "an unknown place"


OURS = Served("pull/here", "flows.pull.pull", {"region": "here"})


def deployment(**changed: Any) -> Any:
    from prefect.client.schemas.responses import DeploymentResponse

    return DeploymentResponse.model_construct(
        **{
            "entrypoint": "flows.pull.pull",
            "pull_steps": None,
            "job_variables": {},
            "storage_document_id": None,
            "work_pool_name": None,
        }
        | changed
    )


def run_with(**changed: Any) -> Any:
    from prefect.client.schemas.objects import FlowRun

    made = {"job_variables": {}, "parameters": {"region": "here", "until": None}}
    return FlowRun.model_construct(**made | changed)


@pytest.mark.parametrize(
    ("found", "run", "told"),
    [
        ({}, {}, []),
        ({"entrypoint": "os.system"}, {}, ["the entrypoint os.system"]),
        ({"pull_steps": [{"x": {}}]}, {}, ["pull steps"]),
        ({"job_variables": {"env": {}}}, {}, ["job variables"]),
        ({}, {"job_variables": {"command": "sh"}}, ["job variables"]),
        ({"storage_document_id": 1}, {}, ["a storage"]),
        ({"work_pool_name": "other"}, {}, ["the work pool other"]),
        ({}, {"parameters": {"region": "other.yaml"}}, ["another region"]),
        ({}, {"parameters": {}}, ["another region"]),
    ],
)
def test_what_is_not_ours_is_named(
    found: dict[str, Any], run: dict[str, Any], told: list[str]
) -> None:
    assert list(foreign(deployment(**found), run_with(**run), OURS)) == told


@pytest.fixture
def silence() -> Iterator[int]:
    """The port of a server on loopback that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_source_that_hangs_is_timed_out_and_the_report_appears_without_it(
    ready: Any,
    command: Callable,
    silence: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import shutil

    import sources

    def fetch(*_: object) -> Any:
        with socket.create_connection(("127.0.0.1", silence)) as asking:
            return asking.recv(1)  # for ever: a socket has no time-out of its own

    hanging = replace(sources.sources()["station_files"], fetch=fetch)
    monkeypatch.setattr(pull, "sources_of", lambda region: [hanging])
    monkeypatch.setattr(pull, "PULL_HOURS", 1 / 3600)
    settings = Settings(Path(shutil.copytree(ready.settings.home, tmp_path / "home")))
    shutil.rmtree(settings.published)
    said = command(settings, "daily", ready.region.path)
    assert said.status == 3
    assert "station_files is down (station_files: found no end of its pull in" in said.err
    assert (settings.published / "smallville/2005-01-01/report.en.html").is_file()
    with FileLock(settings.data / "locks" / "smallville.lock", blocking=False):
        pass
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    run = newest_run("daily smallville 2005-01-01")
    only = FlowRunFilter.model_validate({"id": {"any_": [run.id]}})
    with get_client(sync_client=True) as client:
        tasks = client.read_task_runs(flow_run_filter=only)
    (pulled,) = [task for task in tasks if task.name == "pull station_files"]
    assert pulled.state.name == "TimedOut" and run.state.name == "Degraded"


@risk_flow("full", hours=1)
def full(region: str) -> None:
    """Meets a full disk.

    Args:
        region: Any word.
    """
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/forecast.csv")


def test_a_full_disk_is_no_error_of_the_program(prefect_server: None, home: Settings) -> None:
    with pytest.raises(DiskRefused, match="found a full disk, .* what was stored before is whole"):
        full("here")
    assert "found a full disk" in newest_run("full here").state.message
    refused = OSError(errno.EROFS, os.strerror(errno.EROFS), "/a")
    assert "mount its disk for writing" in str(reason_of(refused))


NEVER = """
import sys, time
from configs import Settings, load_region
from flows.orchestration import risk_flow
from flows.run import region_lock

@risk_flow("never", hours=8 / 3600)
def never(region: str) -> None:
    place = load_region(region)
    with region_lock(place, Settings.from_environment()):
        print("holds the lock", flush=True)
        while True:
            time.sleep(60)

never(sys.argv[1])
"""


def test_a_run_that_no_time_out_reaches_ends_and_frees_its_region(
    prefect_server: None, write_record: Callable[..., Region], home: Settings, tmp_path: Path
) -> None:
    from prefect.settings import PREFECT_API_URL

    region = write_record(tmp_path / "region", years=1, name="stuck")
    done = subprocess.run(
        [sys.executable, "-c", NEVER, str(region.path)],
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "holds the lock\n"), done.stderr
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("climate-risk: ")]
    assert "never: found no end within" in line
    run = newest_run("never stuck")
    assert run.state.name == "Crashed" and "found no end within" in run.state.message
    with region_lock(region, home):
        pass
