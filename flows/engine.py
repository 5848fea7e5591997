"""Where the work on tiles is done: threads of this process, or a Dask cluster by one setting.

``CLIMATE_RISK_DASK``: nothing, the threads of this process; ``local:4``, four processes of this
machine; ``tcp://host:8786`` or ``tls://host:8786``, the workers of that scheduler, which see the
same home. The same functions run in all of them. Whoever reaches a scheduler's port runs code on
its workers: keep tcp:// to 127.0.0.1 and use tls:// beyond.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import dask
from dask import delayed
from dask.delayed import Delayed

from configs import ConfigError, RiskError

if TYPE_CHECKING:
    from distributed import Client, Future

SETTING = "CLIMATE_RISK_DASK"
CONNECT_SECONDS = 20
"""A scheduler that does not answer for so long is not there."""
RETRIES = 2
"""Times that a task is done again whose worker died."""
NO_PAGES: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
"""What Dask shows by HTTP it shows to every user of the machine, without a password."""
KEPT_BYTES = 2**26
"""Memory that a worker's C library keeps to use again: most of a tile's arrays are smaller.

By Dask's own 64 KiB each of them is handed back and cleared anew.
"""
KEEPING = {
    f"distributed.nanny.pre-spawn-environ.{name}": KEPT_BYTES
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
}
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Engine:
    """What does the work: a Dask client, or the threads of this process."""

    client: Client | None = None

    def each(self, function: Callable[..., R], items: Iterable[T], *shared: Any) -> Iterator[R]:
        """``function(item, *shared)`` of each item, in their order. Raises what it raises.

        ``shared`` goes to each worker once. Raises RiskError where the cluster is lost.
        """
        if self.client is None:
            yield from _threaded(function, items, shared)
            return
        waiting = self.start(function, items, *shared)
        while waiting:  # a result is forgotten once it was taken
            yield waiting.pop(0)()

    def start(
        self, function: Callable[..., R], items: Iterable[T], *shared: Any
    ) -> list[Callable[[], R]]:
        """As ``each``; what is given back waits for an item's result, or works it out here."""
        if self.client is None:
            return [partial(function, item, *shared) for item in items]
        with _lost_in_one_sentence():
            sent = self.client.scatter(list(shared), broadcast=True, hash=False) if shared else []
            futures = [
                self.client.submit(_alone, function, item, *sent, retries=RETRIES, pure=False)
                for item in items
            ]
        return [partial(_result, future) for future in futures]


def _result(future: Future[Any]) -> Any:
    with _lost_in_one_sentence():
        return future.result()


def _threaded(
    function: Callable[..., R], items: Iterable[T], shared: tuple[Any, ...]
) -> Iterator[R]:
    """By Dask's threaded scheduler; Dask arrays are read by the task itself."""
    tasks = [_task(partial(function, item, *shared)) for item in items]
    with dask.config.set(scheduler="synchronous"):
        yield from dask.compute(*tasks, scheduler="threads")


def _task(work: Callable[[], Any]) -> Delayed:
    return delayed(work, pure=False, traverse=False)()


def _alone(function: Callable[..., R], *arguments: Any) -> R:
    """Runs a task in a worker, where Dask arrays are read by the task itself."""
    dask.config.set(scheduler="synchronous")
    return function(*arguments)


_open: ContextVar[Engine | None] = ContextVar("engine", default=None)


def working() -> Engine:
    """The engine that is open, or the threads of this process."""
    return _open.get() or Engine()


@contextmanager
def engine() -> Iterator[Engine]:
    """The engine of the setting.

    Raises ConfigError for a setting that is none of the three, and RiskError where no scheduler
    answers.
    """
    setting = os.environ.get(SETTING, "").strip()
    if not setting:
        yield Engine()
        return
    from distributed import Client

    with _connected(setting) as address:
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError):
            raise RiskError(
                f"{SETTING}={setting}: no Dask scheduler answered within {CONNECT_SECONDS} s, "
                "expected one; start `dask scheduler` there, or unset it to work in this process."
            ) from None
        with client:
            _require_a_worker(client, setting)
            opened = Engine(client)
            token = _open.set(opened)
            try:
                yield opened
            finally:
                _open.reset(token)


def _require_a_worker(client: Client, setting: str) -> None:
    """Raises RiskError for a scheduler that no worker joins."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        raise RiskError(
            f"{SETTING}={setting}: the Dask scheduler has no worker, expected one or more; start "
            "`dask worker` with its address, or unset it to work in this process."
        ) from None


@contextmanager
def _connected(setting: str) -> Iterator[Any]:
    """What a client connects to: an address, or a cluster of this machine's processes."""
    if re.fullmatch(r"(tcp|tls)://\S+:\d+", setting):
        yield setting
        return
    match = re.fullmatch(r"local:([1-9]\d{0,2})", setting)
    if match is None:
        raise ConfigError(
            f"{SETTING}: found {setting!r}, expected local:4 for four processes of this machine, "
            "tcp://host:8786 for a Dask scheduler, or nothing."
        )
    from distributed import LocalCluster

    with dask.config.set(NO_PAGES | KEEPING):
        cluster = LocalCluster(
            n_workers=int(match[1]),
            threads_per_worker=1,
            host="127.0.0.1",
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            dashboard_address=None,
            security=True,
            memory_limit=0,
            silence_logs=logging.ERROR,
            config=NO_PAGES,
        )
    logging.getLogger("distributed.nanny").setLevel(logging.ERROR)  # a worker that ends slowly
    with cluster:
        yield cluster


@contextmanager
def _lost_in_one_sentence() -> Iterator[None]:
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.comm.core import CommClosedError

    try:
        yield
    except KilledWorker as error:
        raise RiskError(
            f"{SETTING}: the worker of a task died each time ({error.task}), expected one that "
            "lives; give workers more memory, and run it again: what is done is not done anew."
        ) from None
    except (CommClosedError, FutureCancelledError, CancelledError):
        raise RiskError(
            f"{SETTING}: the connection to the Dask scheduler was lost, expected it until the end; "
            "start it again and run this again: what is done is not done anew."
        ) from None
