"""A service on the loopback address that answers as a test says and remembers what it was asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loopback import listening

from sources.common.http_messages import RetryPolicy

HASTY = RetryPolicy(
    tries=3, wait=0.01, max_wait=0.2, timeout=0.3, max_seconds=3.0, max_bytes=4_000_000
)


@dataclass(frozen=True)
class Fault:
    """An answer that is no answer.

    ``cut``: only half of the body arrives; ``late``: seconds before anything arrives.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    late: float = 0.0


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; a parameter given twice counts once."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class Service:
    """``answer`` makes what a request gets, JSON or a Fault.

    ``faults`` are given out first, one a request.
    """

    answer: Callable[[Asked], Any]
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def reply(self, asked: Asked) -> Fault:
        self.asked.append(asked)
        found = self.faults.pop(0) if self.faults else self.answer(asked)
        return (
            found
            if isinstance(found, Fault)
            else Fault(
                headers={"Content-Type": "application/json"}, body=json.dumps(found).encode()
            )
        )


@contextmanager
def serve(service: Service) -> Iterator[Service]:
    """The service, listening on a free port of the loopback address until the block ends.

    ``url`` names it.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = {key: values[0] for key, values in parse_qs(parts.query).items()}
            fault = service.reply(
                Asked(
                    parts.path, params, {key.lower(): value for key, value in self.headers.items()}
                )
            )
            time.sleep(fault.late)
            self.send_response(fault.status)
            for key, value in fault.headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(fault.body)))
            self.end_headers()
            self.wfile.write(fault.body[: len(fault.body) // 2] if fault.cut else fault.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a test's output is its result."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hung up is part of some tests."""

    with listening(Handler, Quiet) as service.url:
        yield service
