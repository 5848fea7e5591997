"""Prefect's server for this machine alone: ``python -m flows.prefect_app PORT [OPTION ...]``.

It answers only to its own name and, in browsers, only to its own pages: of another name that leads
to this machine it would not know the page that asks, and web sockets know no rule of origins.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import flows  # noqa: F401  (sets the environment that Prefect reads when it is imported)
from configs.collection import no_collection
from flows.servers import HOST, LOGIN_PATH, names, origins

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SERVICE = "PREFECT_SERVER_SERVICES_{}_ENABLED"
NO_UI, ONE_RUN = "--no-ui", "--one-run"
OPTIONS = {
    NO_UI: ("PREFECT_SERVER_UI_ENABLED",),
    ONE_RUN: tuple(
        map(
            SERVICE.format,
            (
                *("SCHEDULER", "LATE_RUNS"),  # of deployments
                *("FOREMAN", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS", "REPOSSESSOR"),
            ),
        )
    ),
}
"""What can be left out, and Prefect's settings of it. A server that lives as long as one run of a
command watches over no workers, schedules and runs of others."""
NO_SERVICES = "--no-services"
REFUSED = b"This server answers only to its own address and its own pages.\n"
LOGIN_PAGE = b"""<!doctype html><title>Prefect</title><script>
localStorage.setItem("prefect-password", location.hash.slice(1));
location.replace("/");
</script>"""
"""Puts the password where Prefect's pages look for it; what follows a # is never sent."""


class OwnPagesOnly:
    """Refuses what is asked under another name, or by a page of another origin."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app, self._names, self._origins = app, names(port), origins(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif not self._is_own(scope):
            await _refuse(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == LOGIN_PATH:
            await _answer(send, 200, b"text/html", LOGIN_PAGE)
        else:
            await self._app(scope, receive, send)

    def _is_own(self, scope: Scope) -> bool:
        headers = [(key.lower(), value.decode("latin-1")) for key, value in scope["headers"]]
        hosts = [value for key, value in headers if key == b"host"]
        asking = [value for key, value in headers if key == b"origin"]
        return (
            len(hosts) == 1
            and hosts[0] in self._names
            and all(one in self._origins for one in asking)
        )


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # its connect
        await send({"type": "websocket.close", "code": 1008})
    else:
        await _answer(send, 403, b"text/plain", REFUSED)


async def _answer(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def serve(port: int, options: list[str]) -> None:
    """Serves Prefect's API, and its pages unless left out, on 127.0.0.1 until it is stopped."""
    left_out = [setting for name, of in OPTIONS.items() if name in options for setting in of]
    os.environ |= dict.fromkeys(left_out, "false")
    with no_collection():
        import uvicorn
        from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    level = get_current_settings().server.logging_level.lower()
    app = create_app(final=True, webserver_only=NO_SERVICES in options)
    uvicorn.run(OwnPagesOnly(app, port), host=HOST, port=port, log_level=level)


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2:])
