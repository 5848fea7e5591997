"""Deployments: which flow runs when, in one table, for the schedule and for ``prefect.yaml``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
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

TOGETHER = "all"
"""Name of the deployments that all regions share."""


@dataclass(frozen=True)
class OfRegion:
    """A flow that every region has a deployment of.

    ``cron``: the region's line, in its time zone; without it somebody starts the runs. ``fixed``:
    parameters besides the region that no run may change.
    """

    verb: str
    cron: Callable[[Region], str] | None = None
    fixed: Callable[[Region, Settings], dict[str, Any]] = lambda *_: {}


@dataclass(frozen=True)
class OfAll:
    """A flow that all regions have one deployment of; its parameter is ``regions``."""

    verb: str
    cron: str


@dataclass(frozen=True)
class Deployed:
    """One deployment, whole; no run may have other ``parameters``. ``about``: whom it serves."""

    verb: str
    name: str
    parameters: dict[str, Any]
    cron: str | None
    timezone: str
    about: str

    @property
    def entrypoint(self) -> str:
        """The flow's place, as Prefect imports it."""
        return f"flows.{self.verb}.{self.verb}"

    @property
    def tags(self) -> list[str]:
        """Its tags, which its runs have too."""
        return [TAG, self.name]

    @property
    def served(self) -> Served:
        """What a run of it may be started from."""
        return Served(f"{self.verb}/{self.name}", self.entrypoint, self.parameters)

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


DEPLOYMENTS: tuple[OfRegion | OfAll, ...] = (
    OfRegion("daily", cron=at_daily),
    OfRegion(
        "train", cron=lambda region: at_daily(region, LATER_HOURS, str(region.schedule.train_day))
    ),
    OfRegion("verify", cron=lambda region: at_daily(region, LATER_HOURS)),
    OfAll("watch", cron="0 * * * *"),
    OfRegion("pull"),
    OfRegion("forecast", fixed=lambda *_: {"out": None}),
    OfRegion("backtest", fixed=lambda *given: {"out": scores_file(*given)}),
)
"""One line a flow."""


def deployed(regions: Mapping[str, Region], settings: Settings) -> list[Deployed]:
    """The deployments of regions; their keys are what flows are called with."""
    deployments = []
    for one in DEPLOYMENTS:
        if isinstance(one, OfAll):
            given = {"regions": list(regions)}
            deployments.append(Deployed(one.verb, TOGETHER, given, one.cron, "UTC", "all regions"))
            continue
        for name, region in regions.items():
            given = {"region": name} | one.fixed(region, settings)
            cron = one.cron(region) if one.cron else None
            of_it = Deployed(one.verb, region.name, given, cron, region.timezone, region.title)
            deployments.append(of_it)
    return deployments


def one_at_a_time() -> ConcurrencyLimitConfig:
    """One run of a deployment at a time; one that comes while it lasts is cancelled."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    return ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
