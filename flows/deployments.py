"""Deployments: which flow runs when, in one table, for the schedule and for ``prefect.yaml``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from configs import Region, Settings
from flows.guard import Served
from flows.run import TAG

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import ConcurrencyLimitConfig

LATER_HOURS = 2
"""From the daily run to what must not make the day's report wait for it."""


@dataclass(frozen=True)
class Deployment:
    """A flow as it is deployed for a region.

    ``cron``: the region's line, in its time zone; without it somebody starts the runs. ``fixed``:
    parameters besides the region that no run may change.
    """

    verb: str
    cron: Callable[[Region], str] | None = None
    fixed: Callable[[Region, Settings], dict[str, Any]] = lambda *_: {}

    @property
    def entrypoint(self) -> str:
        """The flow's place, as Prefect imports it."""
        return f"flows.{self.verb}.{self.verb}"

    def flow(self) -> Flow[..., Any]:
        """The flow itself."""
        module = importlib.import_module(f"flows.{self.verb}")
        return cast("Flow[..., Any]", getattr(module, self.verb))


def at_daily(region: Region, later_hours: int = 0, days: str = "*") -> str:
    """A cron line for the hour of the region's daily run, or some hours later."""
    hour, minute = (int(part) for part in region.schedule.daily.split(":"))
    return f"{minute} {(hour + later_hours) % 24} {days} * *"


def scores_file(region: Region, settings: Settings) -> str:
    """Where a backtest that the server starts writes its scores."""
    return str(settings.data / "scores" / f"{region.name}.csv")


BY_REGION = (
    Deployment("daily", cron=at_daily),
    Deployment("train", cron=lambda r: at_daily(r, LATER_HOURS, str(r.schedule.train_day))),
    Deployment("pull"),
    Deployment("forecast", fixed=lambda *_: {"out": None}),
    Deployment("backtest", fixed=lambda *given: {"out": scores_file(*given)}),
)
"""One line a flow that every region has a deployment of."""


@dataclass(frozen=True)
class Deployed:
    """One deployment of one region, whole."""

    deployment: Deployment
    region: Region
    parameters: dict[str, Any]

    @property
    def cron(self) -> str | None:
        """Its cron line, if it has one."""
        made = self.deployment.cron
        return made(self.region) if made else None

    @property
    def tags(self) -> list[str]:
        """Its tags, which its runs have too."""
        return [TAG, self.region.name]

    @property
    def served(self) -> Served:
        """What a run of it may be started from."""
        name = f"{self.deployment.verb}/{self.region.name}"
        return Served(name, self.deployment.entrypoint, self.parameters)


def deployed(name: str, region: Region, settings: Settings) -> list[Deployed]:
    """A region's deployments; ``name`` is what its flows are called with."""
    return [
        Deployed(one, region, {"region": name} | one.fixed(region, settings)) for one in BY_REGION
    ]


def one_at_a_time() -> ConcurrencyLimitConfig:
    """One run of a deployment at a time; one that comes while it lasts is cancelled."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    return ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
