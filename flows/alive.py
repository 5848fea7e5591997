"""Runs that died: what a killed run or a power cut leaves as "Running" is closed at the next start.

Each run holds a lock of its own below the home; the kernel frees it when the process ends, however
it ends. A lock that nobody holds is that of a run that died.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from filelock import FileLock, Timeout

from configs import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

FOLDER = "runs"
WHY = "Its process ended before it did: it was killed, or the machine stopped."

_own: set[str] = set()
"""Ids of the runs under way in this process."""


@contextmanager
def alive(settings: Settings) -> Iterator[None]:
    """Holds the lock of the Prefect flow run around us, after closing those that died.

    Outside of a run of Prefect nothing is held and nothing closed.
    """
    run_id = _run_id()
    if not run_id:
        yield
        return
    folder = settings.data / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run_id}.lock"
    with FileLock(path):
        close_dead(folder, run_id)
        _own.add(run_id)
        try:
            yield
        finally:
            _own.discard(run_id)
            path.unlink(missing_ok=True)


def close_dead(folder: Path, own: str = "") -> list[str]:
    """Tells Prefect that runs whose lock nobody holds have crashed; returns their ids.

    One that Prefect cannot be told of now is left for the next start.
    """
    closed = []
    for path in sorted(folder.glob("*.lock")):
        if path.stem != own and nobody_holds(path) and _crashed(path.stem):
            path.unlink(missing_ok=True)
            closed.append(path.stem)
    return closed


def close_left(deployments: Sequence[UUID], folder: Path) -> None:
    """Tells Prefect that runs of these deployments which nobody carries on have crashed.

    For the one process that starts their runs, before it starts any: a run that was killed before
    it had a lock is known by that. It would hold its deployment's place for ever.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    wanted = FlowRunFilter.model_validate(
        {
            "deployment_id": {"any_": list(deployments)},
            "state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}},
        }
    )
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=wanted):
            path = folder / f"{run.id}.lock"
            if not path.exists() or nobody_holds(path):
                _close(client, run.id, WHY)
                path.unlink(missing_ok=True)


def close_own(why: str) -> None:
    """Tells Prefect that the runs under way have crashed and why, if it answers: their last words.

    It may be told from any thread.
    """
    for run_id in list(_own):
        _crashed(run_id, why)


def _run_id() -> str:
    """The id of the flow run around us; empty where there is none."""
    if "prefect" not in sys.modules:
        return ""
    from prefect.runtime import flow_run

    return str(flow_run.get_id() or "")


def nobody_holds(path: Path) -> bool:
    """Whether no process holds a lock."""
    try:
        with FileLock(path, blocking=False):
            return True
    except Timeout:
        return False


def _crashed(run_id: str, why: str = WHY) -> bool:
    """Whether Prefect knows now that a run and its tasks have ended."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound, PrefectException

    try:
        with get_client(sync_client=True) as client:
            _close(client, UUID(run_id), why)
    except (ObjectNotFound, ValueError):
        return True  # of another database, or no run's
    except (PrefectException, httpx.HTTPError):
        return False
    return True


def _close(client: SyncPrefectClient, run_id: UUID, why: str) -> None:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    run = client.read_flow_run(run_id)
    only = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    for task in client.read_task_runs(flow_run_filter=only):
        if not _ended(task):
            client.set_task_run_state(task.id, _state(why))
    if not _ended(run):
        client.set_flow_run_state(run_id, _state(why))


def _ended(run: Any) -> bool:
    return run.state is not None and run.state.is_final()


def _state(why: str) -> Any:
    from prefect.states import Crashed

    return Crashed(message=why)
