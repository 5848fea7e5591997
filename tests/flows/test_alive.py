"""Runs that died are closed at the next start, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from configs import Settings
from flows.alive import FOLDER, WHY, alive, close_dead, close_left

KILLED = """
import sys, time
from pathlib import Path
from prefect import flow, task
from configs import Settings
from flows.alive import alive

@task
def work():
    print("here", flush=True)
    time.sleep(120)

@flow
def daily():
    with alive(Settings(Path(sys.argv[1]))):
        work()

daily()
"""


@pytest.fixture
def killed(prefect_server: None, home: Settings) -> UUID:
    """The id of a run whose process was killed while it worked."""
    from prefect.settings import PREFECT_API_URL

    command = [sys.executable, "-c", KILLED, str(home.home)]
    environment = os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout and process.stdout.readline() == "here\n"
    process.kill()
    process.wait()
    (lock,) = (home.data / FOLDER).glob("*.lock")
    return UUID(lock.stem)


def test_a_killed_run_is_crashed_at_the_next_start(killed: UUID, home: Settings) -> None:
    from prefect import flow, get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    @flow
    def next_start() -> None:
        with alive(home):
            assert len(list((home.data / FOLDER).glob("*.lock"))) == 1, "its own"

    with get_client(sync_client=True) as client:
        before = client.read_flow_run(killed)
        assert before.state is not None and before.state.is_running()
        next_start()
        after = client.read_flow_run(killed)
        assert after.state is not None and after.state.is_crashed() and after.state.message == WHY
        only = FlowRunFilter(id=FlowRunFilterId(any_=[killed]))
        tasks = client.read_task_runs(flow_run_filter=only)
        assert [task.state_name for task in tasks] in ([], ["Crashed"])
    assert not list((home.data / FOLDER).glob("*.lock"))


def test_a_run_that_is_alive_is_left_alone(home: Settings) -> None:
    folder = home.data / FOLDER
    folder.mkdir(parents=True)
    script = "import sys,time;from filelock import FileLock\n"
    script += "with FileLock(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    path = folder / "0a0b0c0d-0000-0000-0000-000000000000.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    assert close_dead(folder) == [] and path.exists()
    process.kill()
    process.wait()


def test_of_a_deployment_the_runs_that_nobody_carries_on_are_crashed(
    prefect_server: None, tmp_path: Path
) -> None:
    """One was killed before it had a lock; another one holds its own, here."""
    from filelock import FileLock
    from prefect import get_client
    from prefect.states import Running

    with get_client(sync_client=True) as client:
        made = client.create_deployment(client.create_flow_from_name("left"), "left")
        left, held = (client.create_flow_run_from_deployment(made) for _ in range(2))
        for run in (left, held):
            client.set_flow_run_state(run.id, Running(), force=True)
        with FileLock(tmp_path / f"{held.id}.lock"):
            close_left([made], tmp_path)
            states = [client.read_flow_run(run.id).state for run in (left, held)]
    assert [state.name for state in states] == ["Crashed", "Running"]


def test_a_run_that_prefect_does_not_know_is_forgotten(
    prefect_server: None, home: Settings, tmp_path: Path
) -> None:
    folder = home.data / FOLDER
    folder.mkdir(parents=True)
    for name in ("0a0b0c0d-0000-0000-0000-000000000000", "no-run"):
        (folder / f"{name}.lock").touch()
    assert len(close_dead(folder)) == 2 and not list(folder.iterdir())


def test_a_run_is_left_for_later_where_prefect_does_not_answer(
    home: Settings,
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    folder = home.data / FOLDER
    folder.mkdir(parents=True)
    path = folder / "0a0b0c0d-0000-0000-0000-000000000000.lock"
    path.touch()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert close_dead(folder) == []
    assert path.exists()


def test_outside_of_a_run_nothing_is_held(home: Settings) -> None:
    with alive(home):
        assert not (home.data / FOLDER).exists()
