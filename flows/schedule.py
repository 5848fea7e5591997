"""Schedule: the runs of each region, served on this machine until stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast
from uuid import UUID

from filelock import FileLock, Timeout

from configs import RiskError, Settings, region_names
from configs.remarks import text
from flows.alive import FOLDER, close_left
from flows.check import open_region
from flows.deployments import Deployed, deployed, one_at_a_time
from flows.guard import tell_what_is_served
from flows.home import schedule_lock
from flows.servers import prefect_server, stopped_by_signal

if TYPE_CHECKING:
    from prefect.runner import Runner

SIDE_BY_SIDE = 2
"""Runs at a time: a month's training, or a region whose source hangs, holds up no other region."""


def schedule(names: list[str], settings: Settings) -> int:
    """Serves the regions' deployments until SIGINT or SIGTERM.

    Raises RiskError, also when another one serves this home.
    """
    wanted = {name: open_region(name) for name in names or region_names()}
    regions = {
        region.name if name == region.name else str(region.path): region
        for name, region in wanted.items()
    }
    deployments = deployed(regions, settings)
    with stopped_by_signal(), _only_one(settings), prefect_server() as api, api.used():
        (settings.data / "scores").mkdir(parents=True, exist_ok=True)
        for region in regions.values():
            daily = f"daily at {region.schedule.daily} {region.timezone}"
            train = f"train on day {region.schedule.train_day} of the month"
            print(f"{region.name:<24}{daily}, {train}")
        for message in api.degraded:
            print(f"degraded: {text(message)}", file=sys.stderr)
        terminal = sys.stdout.isatty()
        print(f"Prefect UI: {api.page_for(terminal)}  (Ctrl-C stops)")
        if api.login and not terminal:
            print(f"It asks for user:password, the line in {api.login.file}")
        sys.stdout.flush()
        runner = runner_of(deployments, settings)
        _serve(runner)
    print("stopped")
    return 0


def runner_of(made: list[Deployed], settings: Settings) -> Runner:
    """A runner of these deployments, of the flows that this process holds and of no others.

    Runs that an earlier one left are closed.
    """
    from prefect.runner import Runner
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType
    from prefect.utilities.annotations import freeze

    runner = Runner(limit=SIDE_BY_SIDE)
    served = {}
    for one in made:
        schedules = [Cron(one.cron, timezone=one.timezone)] if one.cron else []
        key = runner.add_flow(
            one.flow(),
            one.name,
            schedules=schedules,
            parameters={name: freeze(value) for name, value in one.parameters.items()},
            concurrency_limit=one_at_a_time(),
            description=f"{one.flow().description}\n\nOf {one.about}.",
            tags=one.tags,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        served[cast(UUID, key)] = one.served  # outside an event loop it is never a coroutine
    tell_what_is_served(served)
    close_left(list(served), settings.data / FOLDER)
    return runner


def _serve(runner: Runner) -> None:
    """Runs what is due. Returns when told to stop by SIGINT or SIGTERM."""

    async def serve() -> None:
        serving = asyncio.ensure_future(runner.start())
        # By then the runner has put its own answer to SIGTERM, which ends it uncleanly; ours
        # replaces it.
        await asyncio.sleep(0)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
        with suppress(asyncio.CancelledError):
            await serving

    asyncio.run(serve())


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    settings.data.mkdir(parents=True, exist_ok=True)
    lock = FileLock(schedule_lock(settings))
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        raise RiskError(
            f"schedule: found another one serving {settings.home}, expected none; "
            "stop that one first."
        ) from None
    with held:
        yield
