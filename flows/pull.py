"""Pull: sources -> contract -> store. Nothing is stored that the contract has not passed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from prefect import flow, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from configs import Region, RiskError, Settings
from data_contracts.store import Store, Stored
from flows.check import open_region
from flows.progress import stage
from flows.run import Outcome, alone, concluded, task_options
from sources import Batch, Source, SourceUnavailable, sources_of


@dataclass(frozen=True)
class Pulled:
    """What a pull brought: how many cells the contract withheld, and a sentence for each source that was down."""

    withheld: int = 0
    down: tuple[str, ...] = ()

    @property
    def degraded(self) -> tuple[str, ...]:
        cells = (f"{self.withheld} cells broke the contract and are withheld; data/quarantine lists them.",) if self.withheld else ()
        return self.down + cells


def worth_a_retry(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """True for a source that is down; a broken contract or a wrong file stays wrong."""
    return isinstance(state.result(raise_on_failure=False), SourceUnavailable)


@task(
    name="pull",
    task_run_name="pull {source.name}",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=worth_a_retry,
    **task_options(),
)
def fetch(source: Source, region: Region, settings: Settings) -> Batch:
    """What the source delivers now."""
    return source.fetch(region, settings)


@task(name="check and store", task_run_name="check and store {source.name}", **task_options())
def check_and_store(source: Source, batch: Batch, store: Store) -> Stored:
    """The contract first, then the store; raises ContractBroken with nothing stored."""
    return store.ingest(source, batch)


def until_day(source: Source, batch: Batch, last: date) -> tuple[Source, Batch]:
    """The batch without the days after ``last``, and the source as one that adds to the store, so that stored later days stay.

    Raises RiskError when nothing is left.
    """
    end = pd.Timestamp(last)
    observations = batch.observations[batch.observations["time"] <= end]
    forecasts = batch.forecasts if batch.forecasts.empty else batch.forecasts[batch.forecasts["init_time"] <= end]
    if observations.empty:
        raise RiskError(f"{source.name}: found no day until {last}, expected at least one; give a later --until.")
    return dataclasses.replace(source, complete=False), dataclasses.replace(batch, observations=observations, forecasts=forecasts)


def require_years(source: Source, batch: Batch, years: float) -> None:
    """Raises RiskError when the batch spans fewer than ``years`` years."""
    times = pd.to_datetime(batch.observations["time"])
    span = ((times.max() - times.min()).days + 1) / 365.25
    if not round(span, 1) >= years:
        found = f"found {span:.1f} years of observations, expected at least {years:g} for a backtest"
        raise RiskError(f"{source.name}: {found}; nothing was stored, add earlier years.")


def pull_sources(region: Region, settings: Settings, until: date | None = None, least_years: float = 0) -> Pulled:
    """Pulls every source of the region, checks and stores each; goes on when one is down.

    With ``least_years`` a record too short for a backtest is refused before it is stored.
    """
    store, withheld, down = Store(settings, region), 0, []
    for source in sources_of(region):
        try:
            with stage(f"pull {source.name}") as say:
                batch = fetch(source, region, settings)
                say(f"{len(batch.observations):,} rows")
        except SourceUnavailable as error:
            down.append(f"{source.name} is down ({str(error).rstrip('.')}); what was stored before is used.")
            continue
        if until is not None:
            source, batch = until_day(source, batch, until)
        if least_years:
            require_years(source, batch, least_years)
        with stage(f"check and store {source.name}") as say:
            stored = check_and_store(source, batch, store)
            say("stored" if stored.changed else "nothing new")
            if len(stored.withheld):
                say(f"{len(stored.withheld)} cells withheld")
        withheld += len(stored.withheld)
    return Pulled(withheld, tuple(down))


@flow(name="pull", flow_run_name="pull {region}", persist_result=False)
def pull(region: str, until: date | None = None) -> Outcome:
    """Pulls, checks and stores a region's records (a name under configs/regions or the path of a YAML file).

    ``until`` leaves out later days of what is delivered; later days already stored stay.
    """
    settings, place = Settings.from_environment(), open_region(region)
    with alone(place, settings):
        pulled = pull_sources(place, settings, until)
        if len(pulled.down) == len(place.sources):
            raise SourceUnavailable(" ".join(pulled.down))
        return concluded(Outcome(place.name, settings.data / "store" / place.name, pulled.degraded))
