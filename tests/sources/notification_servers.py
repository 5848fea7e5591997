"""A mail server and a web service that take notifications, or fail in every way there is."""

from __future__ import annotations

import email.policy
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from loopback import listening

USER, PASSWORD = "officer", "s3cret-of-mail"


def closed_port() -> str:
    """Host and port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


@dataclass
class Mail:
    """A mail server that knows one login. ``refuse``: an answer to each message, such as "550 no";
    ``hang``: seconds before it answers."""

    messages: list[EmailMessage] = field(default_factory=list)
    refuse: str = ""
    hang: float = 0.0
    port: int = 0

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802
        if self.refuse:
            return self.refuse
        parser = BytesParser(policy=email.policy.default)
        self.messages.append(parser.parsebytes(envelope.content))
        return "250 OK"

    def address(self, password: str = PASSWORD, more: str = "") -> str:
        """Its Apprise address."""
        to = "from=risk@city.example&to=officer@city.example"
        return f"mailto://{USER}:{password}@127.0.0.1:{self.port}?{to}&mode=insecure{more}"

    def texts(self) -> list[tuple[str, str]]:
        """Subject and plain text of each message."""
        found = []
        for message in self.messages:
            body = message.get_body(("plain", "html"))
            assert body is not None
            found.append((message["Subject"], body.get_content()))
        return found


class _OnFreePort(Controller):
    def _trigger_server(self) -> None:
        """Its first connection is its own, to the port that it was given."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def serve_mail(mail: Mail) -> Iterator[Mail]:
    def authenticate(*arguments: object) -> AuthResult:
        given = arguments[-1]
        good = (given.login, given.password) == (USER.encode(), PASSWORD.encode())  # type: ignore[attr-defined]
        return AuthResult(success=good, handled=False)

    controller = _OnFreePort(
        mail,
        hostname="127.0.0.1",
        port=0,
        authenticator=authenticate,
        auth_require_tls=False,
    )
    controller.start()
    mail.port = controller.port
    try:
        yield mail
    finally:
        controller.stop()


@dataclass
class Webhook:
    """A web service. ``statuses``: its answers, one a request, then 200; ``hang``: seconds before
    it answers; ``authorization``: what it asks for."""

    taken: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    hang: float = 0.0
    authorization: str = ""
    url: str = ""

    @property
    def address(self) -> str:
        """Its Apprise address."""
        return self.url.replace("http://", "json://") + "/hook"


@contextmanager
def serve_webhook(webhook: Webhook) -> Iterator[Webhook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(webhook.hang)
            status = webhook.statuses.pop(0) if webhook.statuses else 200
            if webhook.authorization not in (self.headers.get("Authorization") or ""):
                status = 401
            if status == 200:
                webhook.taken.append(json.loads(body))
            self._answer(status)

        def do_GET(self) -> None:
            webhook.asked.append(self.path)
            self._answer(webhook.statuses.pop(0) if webhook.statuses else 200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with listening(Handler) as webhook.url:
        yield webhook
