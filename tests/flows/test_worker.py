"""A Prefect server and worker as a centre may have them, and the deployments of prefect.yaml."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from replay import Fault, Service, serve

from configs import CHECKOUT, Settings
from flows.servers import prefect_server

sys.path.insert(0, str(Path(__file__).parent))
from test_pull_sources import DAYS, Gauge, sensor_city

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Centre:
    """A server with a pool, its worker, and a client of it."""

    client: Any
    settings: Settings

    def deployment(self, name: str) -> Any:
        return self.client.read_deployment_by_name(name)

    def ended(self, run_id: Any, seconds: float = 240) -> Any:
        def final() -> Any:
            run = self.read(run_id)
            return run if run.state.is_final() else None

        return self.wait(final, seconds)

    def read(self, run_id: Any) -> Any:
        return self.client.read_flow_run(run_id)

    def wait(self, what: Callable[[], Any], seconds: float = 240) -> Any:
        end = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < end, "nothing came in time"
            time.sleep(1)
        return found


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    from prefect.client.orchestration import SyncPrefectClient

    settings = Settings(tmp_path_factory.mktemp("centre"))
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            patch.delenv(name)
        patch.setenv("CLIMATE_RISK_HOME", str(settings.home))
        patch.setenv("PREFECT_HOME", str(settings.prefect))
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        with prefect_server(4300, ("--no-ui",)) as api:
            assert api.login is not None
            told = os.environ | api.environment
            for words in (
                ["work-pool", "create", "--type", "process", "climate-risk"],
                ["deploy", "--all"],
            ):
                done = subprocess.run(
                    [*prefect, *words], cwd=CHECKOUT, env=told, capture_output=True, text=True
                )
                assert done.returncode == 0, done.stdout + done.stderr
            worker = subprocess.Popen(
                [*prefect, "worker", "start", "--pool", "climate-risk"],
                cwd=CHECKOUT,
                env=told,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                with SyncPrefectClient(api.url, auth_string=api.login.text) as client:
                    yield Centre(client, settings)
            finally:
                worker.terminate()
                worker.wait(60)


def test_a_run_that_somebody_starts_shows_what_was_pulled(centre: Centre) -> None:
    from prefect.client.schemas.filters import ArtifactFilter

    pull = centre.deployment("pull/tunis")
    run = centre.ended(centre.client.create_flow_run_from_deployment(pull.id).id)
    assert run.state.is_completed(), run.state
    assert run.name == "pull tunis" and sorted(run.tags) == ["climate-risk", "tunis"]
    only = ArtifactFilter.model_validate({"flow_run_id": {"any_": [run.id]}})
    shown = {one.key: one for one in centre.client.read_artifacts(artifact_filter=only)}
    assert set(shown) == {"pulled-tunis", "data-quality-tunis"}
    assert '"came of it": "stored"' in shown["pulled-tunis"].data


def test_a_run_is_fired_by_its_schedule(centre: Centre) -> None:
    from prefect.client.schemas.schedules import IntervalSchedule

    pull, client = centre.deployment("pull/tunis"), centre.client
    every = IntervalSchedule(interval=timedelta(seconds=30))
    (often,) = client.create_deployment_schedules(pull.id, [(every, True)])
    fired = centre.wait(
        lambda: [
            run
            for run in client.read_flow_runs()
            if run.auto_scheduled and run.deployment_id == pull.id and run.state.is_running()
        ]
    )
    client.delete_deployment_schedule(pull.id, often.id)
    assert centre.ended(fired[0].id).state.is_completed()


def test_a_source_that_is_down_is_asked_again(centre: Centre, tmp_path: Path) -> None:
    from prefect.client.schemas.filters import FlowRunFilter

    down, gauge = Fault(302, {"Location": "http://192.0.2.1/maintenance"}), Gauge(DAYS)
    with serve(Service(gauge)) as service:
        first = []
        service.answer = lambda asked: gauge(asked) if first else first.append(1) or down
        region = sensor_city(tmp_path, service.url)
        pull = centre.deployment("pull/tunis")
        given = {"region": str(region.path)}
        run = centre.ended(
            centre.client.create_flow_run_from_deployment(pull.id, parameters=given).id
        )
    assert run.state.is_completed(), run.state
    only = FlowRunFilter.model_validate({"id": {"any_": [run.id]}})
    tasks = {task.name: task for task in centre.client.read_task_runs(flow_run_filter=only)}
    assert tasks["pull sensor_things"].run_count == 2


def test_a_run_that_fails_says_why_and_leaves_no_pickle(centre: Centre) -> None:
    pull = centre.deployment("pull/tunis")
    given = {"region": "nowhere"}
    run = centre.ended(centre.client.create_flow_run_from_deployment(pull.id, parameters=given).id)
    assert run.state.name == "Failed" and "nowhere" in run.state.message
    assert not list(centre.settings.prefect.rglob("storage/*"))


def test_a_cancelled_run_leaves_a_home_that_works(centre: Centre) -> None:
    """It is cancelled while it waits for its region, whose lock is held here."""
    from filelock import FileLock
    from prefect.states import Cancelling

    pull, client = centre.deployment("pull/tunis"), centre.client
    with FileLock(centre.settings.data / "locks" / "tunis.lock"):
        run = client.create_flow_run_from_deployment(pull.id)
        centre.wait(lambda: centre.read(run.id).state.is_running())
        client.set_flow_run_state(run.id, Cancelling())
        assert centre.ended(run.id).state.name == "Cancelled"
    again = centre.ended(client.create_flow_run_from_deployment(pull.id).id)
    assert again.state.is_completed(), again.state
    assert not list((centre.settings.data / "runs").glob("*.lock"))
