"""Servers on this machine: start one on 127.0.0.1, wait until it answers, stop it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from configs import RiskError
from flows import make_prefect_home

HOST = "127.0.0.1"
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


@contextmanager
def free_port(first: int) -> Iterator[int]:
    """``first``, or the next port after it that nothing listens on; no other block of ours gets it while this one lasts.

    Raises RiskError when a hundred are taken.
    """
    with ExitStack() as held:
        for port in range(first, first + 100):
            if _take(port, held):
                yield port
                return
        raise RiskError(
            f"{HOST}: found no free port from {first} to {first + 99}, expected one; stop a server that is not needed."
        )


def _take(port: int, held: ExitStack) -> bool:
    """Whether nothing listens on the port and we have its lock, which ``held`` then keeps."""
    try:
        name = f"climate-risk-{os.getuid()}-port-{port}.lock"
        lock = held.enter_context(open(Path(tempfile.gettempdir()) / name, "a"))  # noqa: SIM115
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((HOST, port))
    except OSError:
        return False
    return True


@contextmanager
def running(
    name: str, arguments: list[str], address: str, seconds: float = 180
) -> Iterator[subprocess.Popen[bytes]]:
    """``python arguments`` as a server that answers at ``address`` within ``seconds``; stopped when the block ends.

    It leaves this terminal's Ctrl-C to us, so that whoever uses it stops before it does, and ends when we are killed.
    What it says is shown only when it fails. Raises RiskError when it does not answer.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        try:
            _wait(name, process, address, seconds, said)
            yield process
        finally:
            _stop(process)


def _end_with_parent() -> None:
    """Asks the kernel, where it is Linux, to end this process with the one that started it, however that ends."""
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
                f"{name}: {why}, expected a page at {address}; its own lines above say why, try again."
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
def prefect_server(first_port: int = 4200, options: tuple[str, ...] = ()) -> Iterator[str]:
    """The address of a Prefect API: that of PREFECT_API_URL when it is set, else of a server started for the block.

    ``options`` are those of ``prefect server start``. Several servers may share the database of one home.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        yield url
        return
    make_prefect_home()
    with free_port(first_port) as port:
        url = f"http://{HOST}:{port}/api"
        arguments = [
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            HOST,
            "--port",
            str(port),
            *options,
        ]
        with running("Prefect server", arguments, f"{url}/health"):
            yield url


@contextmanager
def stopped_by_signal() -> Iterator[None]:
    """In the block SIGTERM does what Ctrl-C does; either ends the block quietly."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)
