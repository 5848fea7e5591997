"""Servers on this machine: start one on 127.0.0.1, wait until it answers, stop it.

On 127.0.0.1 every user of this machine can ask, and every page that its browsers show; and
Prefect's API runs what it is told to. So each start makes a password. It travels in the environment
and in a file that only its owner can read, never on a command line.
"""

from __future__ import annotations

import base64
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from filelock import FileLock

from configs import RiskError, Settings
from configs.remarks import Remark, as_remark
from flows import make_prefect_home
from flows.prefect_database import usable_database

HOST = "127.0.0.1"
USER = "admin"
ANSWER_SECONDS = 10.0
"""How long a Prefect API may take to say that it is there."""
LOGIN_PATH = "/login"
"""The page of a Prefect server of ours that signs in by what follows the # of its address."""
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True)
class Login:
    """Who may ask a server of ours: the password, and the file that holds ``user:password``."""

    password: str = field(repr=False)
    file: Path

    @property
    def text(self) -> str:
        """``user:password``, as Prefect's settings and its page want it."""
        return f"{USER}:{self.password}"


@contextmanager
def new_login(port: int) -> Iterator[Login]:
    """A login made for this start, in a file of mode 0600 below the home, gone when the block ends.

    ``port``: of the server it is for, in the file's name; the caller holds that port, so a file of
    this name is one that a killed run left, and is replaced. Raises RiskError where none can be
    written.
    """
    file = Settings.from_environment().prefect / f"login-{port}"
    login = Login(secrets.token_urlsafe(24), file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        # Exclusive: made by us, with this mode from the first moment, and through no link.
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(f"{login.text}\n")
    except OSError as error:
        why = (error.strerror or "it cannot be written").lower()
        raise RiskError(
            f"file {file}: {why}, expected to write a password there; "
            "make its folder one that you can write to, or set CLIMATE_RISK_HOME to one."
        ) from None
    try:
        yield login
    finally:
        with suppress(OSError):
            file.unlink()


@dataclass(frozen=True)
class PrefectApi:
    """The address of a Prefect API and, where the server is one of ours, its login.

    ``degraded``: what is wrong with its database, or with the one in whose place it is.
    """

    url: str
    login: Login | None = None
    degraded: tuple[Remark, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What a client of the API needs in its environment."""
        auth = {"PREFECT_API_AUTH_STRING": self.login.text} if self.login else {}
        return {"PREFECT_API_URL": self.url} | auth

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within it this process, and those that it starts, ask this API and no other.

        Prefect reads its environment when it is imported; its settings are told too.
        """
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

        os.environ.update(self.environment)
        settings: dict[Any, Any] = {PREFECT_API_URL: self.url}
        if self.login:
            settings[PREFECT_API_AUTH_STRING] = self.login.text
        with temporary_settings(settings):
            yield

    @property
    def page(self) -> str:
        """Where a person opens its UI."""
        return self.url.removesuffix("/api")

    def page_for(self, terminal: bool) -> str:
        """Its UI as it is printed: for a terminal with a server of ours the link that logs in.

        What follows the # stays in the browser. Elsewhere, such as in a service's log, no password.
        """
        if self.login is None or not terminal:
            return self.page
        return f"{self.page}{LOGIN_PATH}#{base64.b64encode(self.login.text.encode()).decode()}"


@contextmanager
def free_port(first: int) -> Iterator[int]:
    """``first``, or the next port after it that nothing listens on.

    No other block of ours gets it while this one lasts. Raises RiskError when a hundred are taken.
    """
    with ExitStack() as held:
        for port in range(first, first + 100):
            if _take(port, held):
                yield port
                return
        raise RiskError(
            f"{HOST}: found no free port from {first} to {first + 99}, expected one; "
            "stop a server that is not needed."
        )


def _take(port: int, held: ExitStack) -> bool:
    """Whether nothing listens on the port and we have its lock, which ``held`` then keeps."""
    try:
        name = f"climate-risk-{os.getuid()}-port-{port}.lock"
        held.enter_context(FileLock(Path(tempfile.gettempdir()) / name, blocking=False))
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((HOST, port))
    except OSError:
        return False
    return True


@contextmanager
def running(
    name: str,
    arguments: list[str],
    address: str,
    environment: Mapping[str, str] | None = None,
    seconds: float = 180,
) -> Iterator[subprocess.Popen[bytes]]:
    """``python arguments`` as a server that answers at ``address`` within ``seconds``.

    ``environment`` is added to ours. The server is stopped when the block ends. It leaves this
    terminal's Ctrl-C to us, so that whoever uses it stops before it does, and ends when we are
    killed. What it says is shown only when it fails. Raises RiskError when it does not answer.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=os.environ | dict(environment or {}),
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        try:
            _wait(name, process, address, seconds, output)
            yield process
        finally:
            _stop(process)


def _end_with_parent() -> None:
    """Asks the kernel, where it is Linux, to end this process with the one that started it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def answers(address: str) -> bool:
    """Whether anything answers at an http address on this machine."""
    with suppress(OSError), urllib.request.urlopen(address, timeout=5) as reply:  # noqa: S310
        return bool(reply.status == 200)
    return False


def _wait(
    name: str, process: subprocess.Popen[bytes], address: str, seconds: float, said: IO[bytes]
) -> None:
    end = time.monotonic() + seconds
    while not answers(address):
        ended, late = process.poll(), time.monotonic() > end
        if ended is not None or late:
            said.seek(0)
            sys.stderr.write(said.read().decode(errors="replace"))
            why = (
                f"it took over {seconds:.0f} s" if ended is None else f"it stopped (status {ended})"
            )
            raise RiskError(
                f"{name}: {why}, expected a page at {address}; "
                "its own lines above say why, try again."
            )
        time.sleep(0.3)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server and the processes it started: asked first, then killed."""
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def prefect_server(
    first_port: int = 4200, options: tuple[str, ...] = (), login: Login | None = None
) -> Iterator[PrefectApi]:
    """The Prefect API of PREFECT_API_URL where that is set, else of a server started for the block.

    ``options``: of flows.prefect_app. The server answers only to ``login`` (default: one of
    its own), and in browsers only to its own pages. Several may share the database of one home.
    Raises RiskError where that of PREFECT_API_URL does not answer.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        if why := unanswered(url):
            raise RiskError(f"{why}; start that server, or unset PREFECT_API_URL.")
        yield PrefectApi(url)
        return
    make_prefect_home()
    with own_server(first_port, options, login) as api:
        yield api


@contextmanager
def own_server(
    first_port: int, options: tuple[str, ...] = (), login: Login | None = None, missed: str = ""
) -> Iterator[PrefectApi]:
    """The API of a server started for the block, as ``prefect_server``.

    ``missed``: what is wrong with the one in whose place it is, see ``unanswered``.
    """
    with ExitStack() as stack:
        port = stack.enter_context(free_port(first_port))
        folder = Path(os.environ.get("PREFECT_HOME") or Settings.from_environment().prefect)
        database, degraded = stack.enter_context(usable_database(folder.expanduser()))
        missed = f"{missed}; the run is not in its list." if missed else ""
        api = PrefectApi(
            f"http://{HOST}:{port}/api",
            login or stack.enter_context(new_login(port)),
            tuple(as_remark(said) for said in (missed, degraded) if said),
        )
        assert api.login is not None
        environment = {
            "PREFECT_SERVER_API_AUTH_STRING": api.login.text,
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(origins(port)),
            "PREFECT_SERVER_UI_API_URL": api.url,  # its pages would ask port 4200, whatever theirs
            "PREFECT_API_URL": api.url,
            "PREFECT_HOME": str(folder),
            **database,
        }
        command = ["-m", "flows.prefect_app", str(port)]
        address = f"{api.url}/health"
        stack.enter_context(running("Prefect server", [*command, *options], address, environment))
        yield api


def unanswered(url: str) -> str:
    """What is wrong with a Prefect API that does not answer; empty where it does."""
    import httpx

    try:
        reply = httpx.get(f"{url.rstrip('/')}/health", timeout=ANSWER_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or f"no answer in {ANSWER_SECONDS:.0f} s"
    else:
        if reply.status_code < 500:
            return ""
        why = f"HTTP status {reply.status_code}"
    return f"Prefect API {url} of PREFECT_API_URL: found {why}, expected a server that answers"


def names(port: int) -> tuple[str, str]:
    """The names of a server of this machine, as the header Host tells them."""
    return f"{HOST}:{port}", f"localhost:{port}"


def origins(port: int) -> tuple[str, ...]:
    """The origins of a server's own pages, as browsers tell them."""
    return tuple(f"http://{name}" for name in names(port))


@contextmanager
def stopped_by_signal() -> Iterator[None]:
    """In the block SIGTERM does what Ctrl-C does; either ends the block quietly."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)
