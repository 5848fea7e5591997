"""Who a Prefect server of ours answers, in front of an app that answers everybody."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from flows.prefect_app import LOGIN_PAGE, OwnPagesOnly
from flows.servers import LOGIN_PATH, Login, PrefectApi

PORT = 4321
OWN = "127.0.0.1:4321"


async def everybody(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "reached"})


def answer_to(kind: str, path: str = "/api/deployments/", **headers: str) -> list[dict[str, Any]]:
    """All that is sent to one who asks."""
    sent = list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    told = [(key.encode(), value.encode()) for key, value in headers.items()]
    scope = {"type": kind, "path": path, "headers": told}
    asyncio.run(OwnPagesOnly(everybody, PORT)(scope, receive, send))
    return sent


@pytest.mark.parametrize("host", [OWN, "localhost:4321"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_its_own_names_and_pages_are_answered(kind: str, host: str) -> None:
    assert answer_to(kind, host=host) == [{"type": "reached"}]
    assert answer_to(kind, host=host, origin="http://localhost:4321") == [{"type": "reached"}]


STRANGERS = {
    "a name led here": {"host": "evil.example:4321"},
    "a name led here without a port": {"host": "evil.example"},
    "no name": {},
    "another port": {"host": "127.0.0.1:4200"},
    "a page of another origin": {"host": OWN, "origin": "http://evil.example"},
    "a page of another server here": {"host": OWN, "origin": "http://127.0.0.1:8000"},
    "a page of no origin": {"host": OWN, "origin": "null"},
}


@pytest.mark.parametrize("headers", STRANGERS.values(), ids=STRANGERS.keys())
def test_strangers_are_refused_before_anything_reads_what_they_ask(headers: dict[str, str]) -> None:
    start, body = answer_to("http", **headers)
    assert start["status"] == 403 and b"own address" in body["body"]
    assert answer_to("websocket", **headers) == [{"type": "websocket.close", "code": 1008}]
    assert answer_to("http", LOGIN_PATH, **headers)[0]["status"] == 403


def test_its_start_and_end_are_the_apps_own() -> None:
    assert answer_to("lifespan") == [{"type": "reached"}]


def test_the_page_that_signs_in_holds_no_password_and_is_not_kept() -> None:
    start, body = answer_to("http", LOGIN_PATH, host=OWN)
    assert (start["status"], body["body"]) == (200, LOGIN_PAGE)
    assert (b"cache-control", b"no-store") in start["headers"]


def test_a_link_that_logs_in_is_for_a_terminal_alone() -> None:
    api = PrefectApi("http://127.0.0.1:4321/api", Login("pass", Path("login-4321")))
    page, _, after = api.page_for(terminal=True).partition("#")
    assert page == f"http://127.0.0.1:4321{LOGIN_PATH}"
    assert base64.b64decode(after) == b"admin:pass"
    assert api.page_for(terminal=False) == "http://127.0.0.1:4321"
    assert PrefectApi("http://127.0.0.1:4321/api").page_for(terminal=True) == api.page
