"""Schedule: the daily and the monthly runs of each region, served on this machine until stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

from filelock import FileLock, Timeout

from configs import Region, RiskError, Settings, region_names
from configs.remarks import text
from flows.check import open_region
from flows.servers import prefect_server, stopped_by_signal

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

TRAIN_AFTER_HOURS = 2
"""From the daily run to the monthly training, so that the day's report does not wait for it."""


def crons(region: Region) -> dict[str, str]:
    """Cron lines, in the region's time zone, of its two flows."""
    hour, minute = (int(part) for part in region.schedule.daily.split(":"))
    train_hour = (hour + TRAIN_AFTER_HOURS) % 24
    return {
        "daily": f"{minute} {hour} * * *",
        "train": f"{minute} {train_hour} {region.schedule.train_day} * *",
    }


def deployments(name: str, region: Region) -> list[RunnerDeployment]:
    """The region's two deployments, ``daily/<region>`` and ``train/<region>``.

    ``name`` is what the flows are called with.
    """
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from flows.daily import daily
    from flows.train import train

    deployed = [
        flow.to_deployment(
            region.name,
            schedules=[Cron(crons(region)[flow.name], timezone=region.timezone)],
            parameters={"region": name},
            concurrency_limit=1,
            description=f"{flow.name} run of {region.title}",
            tags=["climate-risk"],
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        for flow in (daily, train)
    ]
    return cast("list[RunnerDeployment]", deployed)  # outside an event loop it is never a coroutine


def schedule(names: list[str], settings: Settings) -> int:
    """Serves the regions' deployments until SIGINT or SIGTERM.

    Raises RiskError, also when another one serves this home.
    """
    wanted = {name: open_region(name) for name in names or region_names()}
    served = {
        region.name if name == region.name else str(region.path): region
        for name, region in wanted.items()
    }
    with stopped_by_signal(), _only_one(settings), prefect_server() as api:
        os.environ.update(api.environment)  # of this process's runner and of the runs it starts
        for region in served.values():
            daily = f"daily at {region.schedule.daily} {region.timezone}"
            train = f"train on day {region.schedule.train_day} of the month"
            print(f"{region.name:<24}{daily}, {train}")
        for message in api.degraded:
            print(f"degraded: {text(message)}", file=sys.stderr)
        print(f"Prefect UI: {api.page}  (Ctrl-C stops)")
        if api.login:
            print(f"It asks for user:password, the line in {api.login.file}")
        sys.stdout.flush()
        _serve(
            [
                deployment
                for name, region in served.items()
                for deployment in deployments(name, region)
            ]
        )
    print("stopped")
    return 0


def _serve(made: list[RunnerDeployment]) -> None:
    """One run at a time on this machine. Returns when told to stop by SIGINT or SIGTERM."""
    from prefect.runner import Runner

    runner = Runner(limit=1)
    for deployment in made:
        runner.add_deployment(deployment)

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
    folder = settings.data / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "schedule.lock")
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        raise RiskError(
            f"schedule: found another one serving {settings.home}, expected none; "
            "stop that one first."
        ) from None
    with held:
        yield
