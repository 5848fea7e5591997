"""The schedule on a real server: a run by its schedule, strangers, prefect.yaml, and an end on
request."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from configs import CHECKOUT, Region, RiskError, Settings, load_region
from flows.deployments import DEPLOYMENTS, OfAll, deployed
from flows.orchestration import RiskFlow
from flows.run import region_lock
from flows.schedule import schedule


@dataclass(frozen=True)
class Serving:
    """``climate-risk schedule`` in a process of its own, and its Prefect API."""

    process: subprocess.Popen[str]
    api: str
    login: Path
    settings: Settings
    region: Region

    @property
    def auth(self) -> str:
        return self.login.read_text().strip()


def environment(settings: Settings, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {
        "CLIMATE_RISK_HOME": str(settings.home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",  # else 60: nobody waits for less
    }
    return kept | own | more


@pytest.fixture(scope="module")
def serving(
    write_record: Callable[..., Region], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """Serves a region whose record is too short to train on, so that its runs are quick."""
    settings = Settings(tmp_path_factory.mktemp("serving") / "home")
    region = write_record(tmp_path_factory.mktemp("region"), years=2, name="served")
    command = [sys.executable, "-m", "flows.cli", "schedule", str(region.path)]
    process = subprocess.Popen(
        command,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"UI: (http://127\.0\.0\.1:\d+) .*\n.* the line in (\S+)", said):
            yield Serving(process, f"{found[1]}/api", Path(found[2]), settings, region)
            break
    else:
        pytest.fail(said)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    finally:
        process.kill()


def wait_for(what: Callable[[], Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(1)
    return found


def client_of(serving: Serving) -> Any:
    """A client of that very server, whatever server the other tests use."""
    from prefect.client.orchestration import SyncPrefectClient

    return SyncPrefectClient(serving.api, auth_string=serving.auth)


def deployments_of(client: Any) -> dict[str, Any]:
    flows = {flow.id: flow.name for flow in client.read_flows()}
    return {f"{flows[one.flow_id]}/{one.name}": one for one in client.read_deployments()}


def served_deployments(client: Any) -> dict[str, Any]:
    """All deployments of the served region, once they are made."""
    wanted = len(DEPLOYMENTS)
    return wait_for(lambda: len(found := deployments_of(client)) >= wanted and found, 60)


def run_of(client: Any, deployment: Any, seconds: float = 180, **parameters: Any) -> Any:
    """A run that somebody starts, once it has ended."""
    run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
    return wait_for(lambda: ended(client, run.id), seconds)


def ended(client: Any, run_id: Any) -> Any:
    run = client.read_flow_run(run_id)
    return run if run.state.is_final() else None


def ask(api: str, path: str, body: Any, headers: dict[str, str]) -> int:
    """The status of a POST, or of a GET where there is no body, by someone who knows no
    password."""
    request = urllib.request.Request(  # noqa: S310
        api + path,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"} | headers,
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


STRANGERS: dict[str, dict[str, str]] = {
    "another user": {},
    "a page of another origin": {"Origin": "http://evil.example"},
    "a name led to 127.0.0.1": {"Host": "evil.example", "Origin": "http://evil.example"},
    "a wrong password": {"Authorization": "Basic YWRtaW46YWRtaW4="},
}


@pytest.mark.parametrize("headers", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_strangers_shell_script_is_refused(
    serving: Serving, headers: dict[str, str], tmp_path: Path
) -> None:
    """A deployment of the same name and flow, whose first step is a script, then a run of it."""
    with client_of(serving) as client:
        daily = served_deployments(client)["daily/served"]
        script = {"script": f"touch {tmp_path / 'ran'}"}
        step = {"prefect.deployments.steps.run_shell_script": script}
        same = {"name": "served", "flow_id": str(daily.flow_id), "entrypoint": daily.entrypoint}
        asks: dict[str, Any] = {
            "/deployments/name/daily/served": None,
            "/deployments/": same | {"pull_steps": [step]},
            f"/deployments/{daily.id}/create_flow_run": {},
        }
        told = [ask(serving.api, path, body, headers) for path, body in asks.items()]
        refused = 401 if headers.keys() <= {"Authorization"} else 403
        assert told == [refused] * 3
        after = deployments_of(client)["daily/served"]
        assert after.schedules == daily.schedules and not after.pull_steps


def test_no_page_of_another_origin_may_ask(serving: Serving) -> None:
    """What a browser asks before it sends another origin's POST."""

    def allowed(origin: str) -> str | None:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        address = f"{serving.api}/deployments/"
        request = urllib.request.Request(address, headers=headers, method="OPTIONS")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
                return reply.headers["Access-Control-Allow-Origin"]
        except urllib.error.HTTPError as error:
            return error.headers["Access-Control-Allow-Origin"]

    own = serving.api.removesuffix("/api")
    assert allowed(own) == own
    assert allowed("http://evil.example") is None
    assert allowed("http://127.0.0.1:1") is None


def test_the_password_is_the_owners_alone_and_on_no_command_line(serving: Serving) -> None:
    assert serving.login.is_relative_to(serving.settings.home)
    assert serving.login.stat().st_mode & 0o777 == 0o600
    password = serving.auth.partition(":")[2]
    assert len(password) >= 32
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert any(b"prefect" in line for line in lines)
    assert not any(password.encode() in line for line in lines)


@pytest.mark.timeout(400)
def test_a_run_is_fired_by_its_schedule(serving: Serving) -> None:
    """The daily deployment gets a schedule of every few seconds beside its own.

    Prefect's scheduler must make a run and the runner fire it.
    """
    from datetime import timedelta

    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
    from prefect.client.schemas.schedules import IntervalSchedule

    with client_of(serving) as client:
        made = served_deployments(client)
        daily = made["daily/served"]
        assert daily.schedules[0].schedule.cron == "30 6 * * *"
        assert made["train/served"].schedules[0].schedule.cron == "30 8 1 * *"
        assert {
            one.concurrency_limit or one.global_concurrency_limit.limit for one in made.values()
        } == {1}
        assert daily.parameter_openapi_schema["properties"]["region"]["type"] == "string"
        (often,) = client.create_deployment_schedules(
            daily.id, [(IntervalSchedule(interval=timedelta(seconds=15)), True)]
        )

        def begun() -> list[Any]:
            runs = client.read_flow_runs()
            return [run for run in runs if run.auto_scheduled and not run.state.is_scheduled()]

        first = wait_for(begun, 120)[0]
        client.delete_deployment_schedule(daily.id, often.id)  # one run is enough

        def finished() -> Any:
            run = client.read_flow_run(first.id)
            return run if run.state.is_final() else None

        run = wait_for(finished, 240)

        def said() -> list[str]:
            return [
                line.message
                for line in client.read_logs(
                    LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
                )
            ]

        assert run.state.is_completed(), said()
        wait_for(
            lambda: any("publish" in line for line in said()), 60
        )  # a run's last lines reach the server after its end
    assert run.created_by is None or run.created_by.type == "SCHEDULE"
    assert (serving.settings.published / "served" / "1992-01-01" / "forecast.csv").is_file()


def test_what_is_not_ours_is_refused_and_never_run(serving: Serving, tmp_path: Path) -> None:
    """Somebody who knows the password gives a deployment of ours another flow and a first step."""
    ran, other = tmp_path / "ran", str(tmp_path / "other.yaml")
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {ran}"}}
    with client_of(serving) as client:
        ours = served_deployments(client)["backtest/served"]
        changed = {
            "name": "served",
            "flow_id": str(ours.flow_id),
            "entrypoint": "os.system",
            "pull_steps": [step],
            "job_variables": {"env": {"PYTHONSTARTUP": "x"}},
            "enforce_parameter_schema": False,
        }
        login = {"Authorization": f"Basic {base64.b64encode(serving.auth.encode()).decode()}"}
        assert ask(serving.api, "/deployments/", changed, login) == 200
        after = client.read_deployment(ours.id)
        assert (after.entrypoint, after.pull_steps) == ("os.system", [step])
        run = run_of(client, ours, region=other)
    assert run.state.name == "Failed"
    for found in ("the entrypoint os.system", "pull steps", "job variables", "another region"):
        assert found in run.state.message
    assert run.state.message.startswith("deployment backtest/served: found")
    assert not ran.exists()


@pytest.mark.slow
def test_a_cancelled_run_leaves_a_good_state_and_one_that_comes_meanwhile_is_cancelled(
    serving: Serving,
) -> None:
    """The region's lock is held here, so that the first run waits until it is cancelled."""
    from prefect.states import Cancelling

    with client_of(serving) as client:
        pull = served_deployments(client)["pull/served"]
        with region_lock(serving.region, serving.settings):
            first = client.create_flow_run_from_deployment(pull.id)
            wait_for(lambda: client.read_flow_run(first.id).state.is_running(), 120)
            second = run_of(client, pull)
            assert second.state.is_cancelled() and "limit reached" in second.state.message
            client.set_flow_run_state(first.id, Cancelling())
            assert wait_for(lambda: ended(client, first.id), 120).state.name == "Cancelled"
        third = run_of(client, pull)
        assert third.state.is_completed(), third.state
    assert not list((serving.settings.data / "runs").glob("*.lock"))


def test_the_runs_use_the_server_of_the_schedule_alone(serving: Serving) -> None:
    """One server runs below the schedule: its port is the one that the schedule told."""
    servers = [
        line
        for pid in children(serving.process.pid)
        if b"flows.prefect_app" in (line := Path(f"/proc/{pid}/cmdline").read_bytes())
        or b"create_app" in line
    ]
    port = serving.api.split(":")[2].partition("/")[0]
    assert [line.split(b"\0")[3] for line in servers] == [port.encode()]


def children(pid: int) -> list[int]:
    """All processes below one."""
    own = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return own + [each for child in own for each in children(child)]


def test_nothing_that_failed_is_pickled(serving: Serving) -> None:
    """Runs have failed before: Prefect's storage has no file of them, its database no result."""
    import sqlite3

    assert not list(serving.settings.prefect.rglob("storage/*"))
    with sqlite3.connect(f"file:{serving.settings.prefect}/prefect.db?mode=ro", uri=True) as rows:
        states = rows.execute("select name, data from flow_run_state").fetchall()
        states += rows.execute("select name, data from task_run_state").fetchall()
    assert "Failed" in [name for name, _ in states]
    assert {data for _, data in states} <= {None, "null"}


def test_a_second_schedule_of_the_same_home_is_refused(serving: Serving) -> None:
    with pytest.raises(RiskError, match="another one"):
        schedule([str(serving.region.path)], serving.settings)


def test_prefect_yaml_deploys_to_an_existing_server(serving: Serving) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate

    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    access = {"PREFECT_API_URL": serving.api, "PREFECT_API_AUTH_STRING": serving.auth}
    with client_of(serving) as client:
        client.create_work_pool(
            WorkPoolCreate(name="climate-risk", type="process", base_job_template={})
        )
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=environment(serving.settings, **access),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        made = deployments_of(client)
    region = load_region("tunis")
    ours = deployed({"tunis": region}, serving.settings)
    for one in ours:
        found = made[f"{one.verb}/{one.name}"]
        assert found.entrypoint == one.entrypoint
        assert found.parameters.items() <= one.parameters.items()
        assert found.parameters, "the region, or the regions"
        lines = [(each.schedule.cron, each.schedule.timezone) for each in found.schedules]
        assert lines == ([(one.cron, one.timezone)] if one.cron else [])
        assert found.concurrency_options.collision_strategy == "CANCEL_NEW"
        assert found.global_concurrency_limit.limit == 1
        assert sorted(found.tags) == sorted(one.tags)
    named = {f"{one.verb}/{one.name}" for one in ours}
    assert {name for name in made if not name.endswith("/served")} == named


def test_it_stops_when_asked_and_takes_its_server_with_it(serving: Serving) -> None:
    from flows.servers import answers

    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.stdout is not None
    rest = serving.process.stdout.read()
    assert serving.process.wait(60) == 0, rest
    assert rest.splitlines()[-1] == "stopped"
    failed = [line for line in rest.splitlines() if line != "stopped"]
    assert len(failed) <= 1 and "Traceback" not in rest, "a failed run is one line here"
    assert all("deployment backtest/served: found" in line for line in failed)
    assert not answers(f"{serving.api}/health")
    assert not serving.login.exists()


def test_crons_are_the_regions_hour_and_the_training_two_hours_later(tmp_path: Path) -> None:
    region = Region.model_validate(
        {
            "name": "a",
            "title": "A",
            "sources": ["x"],
            "path": tmp_path,
            "schedule": {"daily": "22:05", "train_day": 3},
        }
    )
    lines = {one.verb: one.cron for one in deployed({"a": region}, Settings(tmp_path))}
    assert lines["daily"] == "5 22 * * *" and lines["train"] == "5 0 3 * *"
    assert {lines[verb] for verb in ("pull", "forecast", "backtest")} == {None}


def test_every_flow_that_is_deployed_is_guarded_and_explains_its_parameters(
    tmp_path: Path,
) -> None:
    for one in deployed({"tunis": load_region("tunis")}, Settings(tmp_path)):
        flow = one.flow()
        assert isinstance(flow, RiskFlow) and flow.description
        assert one.parameters.keys() <= flow.parameters.properties.keys()
        for name, told in flow.parameters.properties.items():
            assert told.get("description"), f"{one.verb} explains {name} under Args"


def test_a_flow_of_all_regions_is_one_line_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.deployments.DEPLOYMENTS", (OfAll("watch", "17 * * * *"),))
    region = load_region("tunis")
    (one,) = deployed({"tunis": region, "here": region}, Settings(tmp_path))
    assert (one.served.name, one.entrypoint) == ("watch/all", "flows.watch.watch")
    assert one.parameters == {"regions": ["tunis", "here"]}
    assert (one.cron, one.timezone) == ("17 * * * *", "UTC")


def test_the_lock_is_free_after_a_crash(tmp_path: Path) -> None:
    """flock is the kernel's: what held it and died holds it no more."""
    from flows.schedule import _only_one

    settings = Settings(tmp_path)
    with _only_one(settings):
        pass
    with open(settings.data / "schedule.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
