"""Prefect's database damaged, of a later version, or held by another; an API that is dead."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from configs import RiskError, Settings
from configs.remarks import text
from flows import prefect_database, servers
from flows.prefect_database import ADDRESS, FORMER_ADDRESS, usable_database

pytestmark = pytest.mark.timeout(900)

KNOWN = "a3b9c7d2e5f1"
"""A revision of Prefect 3.8's tables."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a database that Prefect's tables could be in."""
    for name in (ADDRESS, FORMER_ADDRESS):
        monkeypatch.delenv(name, raising=False)
    with closing(sqlite3.connect(tmp_path / "prefect.db")) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (KNOWN,))
        connection.execute("CREATE TABLE flow_run (id INTEGER PRIMARY KEY, name TEXT)")
        rows = [(n, "daily" * 40) for n in range(500)]
        connection.executemany("INSERT INTO flow_run VALUES (?, ?)", rows)
    return tmp_path


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:16384] = bytes(byte ^ 0xFF for byte in content[8192:16384])
    path.write_bytes(content)


def rewritten(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "pages flipped": (flipped, "damaged"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:20000]), "damaged"),
    "another file": (lambda path: path.write_bytes(b"not a database" * 1000), "damaged"),
    "a later revision": (rewritten, "newer"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_one_that_cannot_be_used_is_put_aside_and_said(folder: Path, name: str) -> None:
    damage, mark = DAMAGES[name]
    damage(folder / "prefect.db")
    content = (folder / "prefect.db").read_bytes()
    with usable_database(folder) as (environment, said):
        assert environment == {}
    (aside,) = folder.glob("prefect.db.*")
    assert aside.name.startswith(f"prefect.db.{mark}-") and aside.read_bytes() == content
    assert not (folder / "prefect.db").exists()
    assert aside.name in said and said.endswith("reports, models and data are whole.")
    assert "\n" not in said


@pytest.mark.parametrize("what", ["whole", "none", "of no byte"])
def test_one_that_can_be_used_is_left_where_it_is(folder: Path, what: str) -> None:
    database = folder / "prefect.db"
    if what == "none":
        database.unlink()
    elif what == "of no byte":  # SQLite's own empty database: Prefect makes its tables there
        database.write_bytes(b"")
    before = sorted(folder.glob("prefect.db*"))
    with usable_database(folder) as (environment, said):
        assert (environment, said) == ({}, "")
    assert sorted(folder.glob("prefect.db*")) == before


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_one_that_another_process_holds_is_done_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefect_database, "BUSY_SECONDS", 0.05)
    command = [sys.executable, "-c", HOLDER, str(folder / "prefect.db")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with usable_database(folder) as (environment, said):
            (address,) = environment.values()
            assert address.startswith("sqlite+aiosqlite:///") and str(folder) not in address
            assert "database is locked" in said and "nothing else is missing" in said
        holder.communicate("")
    with usable_database(folder) as (environment, said):
        assert (environment, said) == ({}, "")


def test_a_database_of_the_users_own_is_not_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "prefect.db").write_bytes(b"not a database" * 1000)
    monkeypatch.setenv(ADDRESS, "postgresql+asyncpg://here/runs")
    with usable_database(folder) as (environment, said):
        assert (environment, said) == ({}, "")
    assert (folder / "prefect.db").exists()


@contextmanager
def api(answer: int | None) -> Iterator[str]:
    """A server that answers with a status, or not at all."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if answer is None:
                stop.wait(20)
                return
            self.send_response(answer)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_api_that_is_dead_is_told_from_one_that_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(servers, "ANSWER_SECONDS", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and listens to nobody
        refuses = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        assert "refused" in servers.unanswered(refuses)
    for answer, found in ((200, ""), (401, ""), (503, "HTTP status 503"), (None, "timed out")):
        with api(answer) as url:
            said = servers.unanswered(url)
            assert found in said if found else said == ""
            assert not found or said.startswith(f"Prefect API {url} of PREFECT_API_URL: found ")


def test_a_server_is_not_asked_for_where_the_one_that_is_set_is_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cure = r"start that server, or unset PREFECT_API_URL\.$"
    with api(503) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        with pytest.raises(RiskError, match=cure), servers.prefect_server():
            pass


@pytest.mark.slow
def test_a_forecast_does_not_wait_for_prefect(
    ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command of its own process, whose API is dead and whose home's database is damaged."""
    home = Settings(Path(shutil.copytree(ready.settings.home, tmp_path / "home")))
    home.prefect.mkdir(exist_ok=True)
    (home.prefect / "prefect.db").write_bytes(b"not a database" * 1000)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "daily", str(ready.region.path)],
        env=kept
        | {"CLIMATE_RISK_HOME": str(home.home), "PREFECT_API_URL": "http://127.0.0.1:9/api"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and all(line.startswith("degraded: Prefect") for line in lines), lines
    assert str(home.published / "smallville" / "2005-01-01" / "report.en.html") in done.stdout
    assert list(home.prefect.glob("prefect.db.damaged-*"))


@pytest.mark.slow
def test_runs_that_ended_long_ago_go_from_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect's own service does it, also in a server that lives as long as a run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    there = kept | {"CLIMATE_RISK_HOME": str(tmp_path)}

    def started(script: str) -> None:
        subprocess.run([sys.executable, "-c", f"{BEFORE}{script}"], env=there, check=True)

    started(MAKE_TWO)
    database = tmp_path / "prefect" / "prefect.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE flow_run SET end_time = '2020-01-01 00:00:00.000000' WHERE name = 'old'"
        )
    started(WAIT_FOR_ONE)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT name FROM flow_run").fetchall() == [("new",)]


BEFORE = """
import time
from flows import make_prefect_home
from flows.servers import own_server
make_prefect_home()
server = own_server(39700, ("--no-ui", "--one-run"))
"""
MAKE_TWO = """
with server as api:
    from prefect import flow
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
    told = {PREFECT_API_URL: api.url, PREFECT_API_AUTH_STRING: api.login.text}
    with temporary_settings(told):
        for name in ("old", "new"):
            flow(lambda: 1, name="daily", flow_run_name=name)()
"""
WAIT_FOR_ONE = """
import httpx
with server as api:
    for _ in range(240):
        login = tuple(api.login.text.split(":", 1))
        told = httpx.post(f"{api.url}/flow_runs/count", json={}, auth=login)
        if told.json() == 1:
            break
        time.sleep(0.5)
"""


def test_what_is_degraded_is_a_message(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(folder))
    given: list[list[str]] = []

    @contextmanager
    def running(name: str, arguments: list[str], *_: object) -> Iterator[None]:
        given.append(arguments)
        yield

    monkeypatch.setattr(servers, "running", running)
    flipped(folder / "prefect.db")
    with servers.own_server(39600, missed="Prefect API x: found y, expected z") as own:
        first, second = map(text, own.degraded)
    assert first == "Prefect API x: found y, expected z; the run is not in its list."
    assert second.startswith("Prefect's database") and given
