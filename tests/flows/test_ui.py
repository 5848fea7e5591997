"""``make ui``: three servers on this machine, two behind a password, gone after Ctrl-C."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from replay import Service, serve

from configs import Settings
from flows.servers import (
    HOST,
    Login,
    PrefectApi,
    answers,
    free_port,
    new_login,
    prefect_server,
)


@dataclass(frozen=True)
class Showing:
    """``make ui`` in a process of its own: its three pages and the file of its user and
    password."""

    process: subprocess.Popen[str]
    reports: str
    mlflow: str
    prefect: str
    login: Path

    @property
    def auth(self) -> tuple[str, str]:
        user, _, password = self.login.read_text().strip().partition(":")
        return user, password

    @property
    def signed_in(self) -> dict[str, str]:
        return {"Authorization": f"Basic {base64.b64encode(':'.join(self.auth).encode()).decode()}"}


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return kept | {"CLIMATE_RISK_HOME": str(home)}


@pytest.fixture(scope="module")
def showing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showing]:
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.ui"],
        env=environment(tmp_path_factory.mktemp("ui") / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        pages = re.findall(r"http://127\.0\.0\.1:\d+", said)
        assert len(pages) == 3, said
        login = re.search(r"^user:password +(.*)$", said, re.MULTILINE)
        assert login, said
        yield Showing(process, *pages, Path(login[1]))
    finally:
        process.kill()


def ask(address: str, headers: Mapping[str, str], body: Any = None) -> tuple[int, str]:
    """Status and text of a GET, or of a POST of JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | dict(headers)
    try:
        with urllib.request.urlopen(  # noqa: S310
            urllib.request.Request(address, data, headers),  # noqa: S310
            timeout=30,
        ) as reply:
            return int(reply.status), reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


EVIL: tuple[dict[str, str], ...] = ({"Origin": "http://evil.example"}, {"Host": "evil.example"})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_three_pages_open(showing: Showing) -> None:
    assert showing.login.stat().st_mode & 0o777 == 0o600
    for address, headers, word in (
        (showing.reports, {}, "<html"),
        (showing.prefect, {}, "Prefect"),
        (showing.mlflow, showing.signed_in, "MLflow"),
    ):
        status, text = ask(address, headers)
        assert status == 200 and word in text, address


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_person_signs_in_and_sees_flows_and_experiments(showing: Showing) -> None:
    from playwright.sync_api import expect, sync_playwright

    found = shutil.which("chromium")
    if found is None:
        pytest.skip("needs the browser chromium (apt-get install chromium)")
    user, password = showing.auth
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{showing.prefect}/flows")
        page.locator("input[type=password]").fill(f"{user}:{password}")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Automations").first).to_be_visible(timeout=60_000)
        linked = browser.new_page()
        login = Login(password, showing.login)
        linked.goto(PrefectApi(f"{showing.prefect}/api", login).page_for(terminal=True))
        expect(linked.get_by_text("Automations").first).to_be_visible(timeout=60_000)
        page.goto(f"{showing.prefect}/flows")
        expect(page.get_by_text("Run a flow to get started")).to_be_visible(timeout=60_000)
        expect(page.get_by_text("Can't connect")).to_have_count(0)
        context = browser.new_context(http_credentials={"username": user, "password": password})
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{showing.mlflow}/#/experiments")
        expect(page.get_by_text("Default").first).to_be_visible(timeout=60_000)
        browser.close()
    api = f"{showing.prefect}/api/"
    assert any(address.startswith(api) for address in asked), "it asks its own server"
    hosts = {re.split(r"[:/]+", address)[1] for address in asked if address.startswith("http")}
    assert hosts == {HOST}, "and nobody else"


@pytest.mark.slow
def test_nobody_without_the_password_changes_a_champion_or_starts_a_run(showing: Showing) -> None:
    model = (f"{showing.mlflow}/api/2.0/mlflow/registered-models/create", {"name": "x"})
    flow = (f"{showing.prefect}/api/flows/", {"name": "x"})
    for headers in ({}, *EVIL):
        assert ask(model[0], headers, model[1])[0] in (401, 403)
        assert ask(flow[0], headers, flow[1])[0] in (401, 403)
    for headers in EVIL:  # a browser that knows the password, led here by another page
        assert ask(model[0], showing.signed_in | headers, model[1])[0] == 403
        assert ask(flow[0], showing.signed_in | headers, flow[1])[0] == 403
    assert ask(model[0], showing.signed_in, model[1])[0] == 200
    assert ask(flow[0], showing.signed_in, flow[1])[0] == 201
    assert ask(showing.reports, {"Host": "evil.example"})[0] == 403


@pytest.mark.slow
def test_ctrl_c_ends_them(showing: Showing) -> None:
    pages = (showing.reports, f"{showing.mlflow}/health", f"{showing.prefect}/api/health")
    assert all(answers(page) for page in pages)
    showing.process.send_signal(signal.SIGINT)
    assert showing.process.stdout is not None
    rest = showing.process.stdout.read()
    assert showing.process.wait(60) == 0, rest
    assert rest.splitlines()[-1] == "stopped" and "Traceback" not in rest
    assert not any(answers(page) for page in pages)
    assert not showing.login.exists()


def test_a_login_that_a_killed_run_left_is_replaced(home: Settings, tmp_path: Path) -> None:
    """Whoever could read the old file, or where it led to, does not read the new one."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("admin:old\n")
    path = home.prefect / "login-1"
    home.prefect.mkdir()
    for left in (lambda: path.write_text("admin:old\n"), lambda: path.symlink_to(elsewhere)):
        left()
        with new_login(1) as login:
            assert login.file == path and not path.is_symlink()
            assert path.read_text() == f"{login.text}\n" != "admin:old\n"
            assert path.stat().st_mode & 0o777 == 0o600
            assert login.password not in repr(login)
        assert not path.exists()
    assert elsewhere.read_text() == "admin:old\n"


def test_every_start_has_a_password_of_its_own(home: Settings) -> None:
    with new_login(1) as first, new_login(2) as second:
        assert first.password != second.password


def test_the_server_of_ones_own_is_left_as_it_is(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Service(lambda asked: True)) as own:
        monkeypatch.setenv("PREFECT_API_URL", f"{own.url}/api")
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", "mine:mine")
        with prefect_server() as api:
            assert api.environment == {"PREFECT_API_URL": f"{own.url}/api"}
    assert [asked.path for asked in own.asked] == ["/api/health"]
    assert not home.prefect.exists()


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with free_port(port) as first, free_port(port) as second:
            assert port < first < second
