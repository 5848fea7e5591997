"""What every flow needs: its region, its lock, its day, and the outcome it hands back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pandas as pd
import xarray as xr
from filelock import FileLock, Timeout

from configs import Region, RiskError, Settings, clock
from configs.remarks import Remark, text
from flows.alive import alive
from flows.claims import claim_store
from flows.home import open_home
from flows.progress import about, stage

TAG = "climate-risk"
"""Tag of every run of ours in Prefect."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run: what to look at, what is degraded, and the tables of its summary."""

    region: str
    path: Path | None = None
    degraded: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def status(self) -> int:
        """Exit status: 0 done, 3 done but degraded."""
        return 3 if self.degraded else 0


def as_prefect_state(outcome: Outcome) -> Outcome:
    """The outcome as a flow hands it back.

    To Prefect a degraded run is completed, but called Degraded and says why.
    """
    if not outcome.degraded:
        return outcome
    from prefect.states import Completed

    return cast(
        Outcome,
        Completed(data=outcome, name="Degraded", message=" ".join(map(text, outcome.degraded))),
    )


@contextmanager
def region_lock(region: Region, settings: Settings) -> Iterator[None]:
    """Holds the region's lock, so that two runs of one region never interleave; waits for its turn.

    The kernel frees the lock when its process ends, however it ends. Runs that died are closed in
    Prefect. Reports that a run before published without coming to write their line in the ledger
    get it. Raises RiskError where the region's store is that of another region file, and for a home
    of a later version.
    """
    from reports.storage.ledger import recover

    open_home(settings)
    folder = settings.data / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{region.name}.lock")
    with about(region.name), alive(settings), acquired(lock, region.name):
        claim_store(region, settings)
        recover(settings.published / region.name)
        yield


@contextmanager
def acquired(lock: FileLock, name: str) -> Iterator[None]:
    """Holds a lock, and says where it waits for another run, of ``name``."""
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        with stage(f"wait for another run of {name}"):
            held = lock.acquire()
    with held:
        yield


def newest_day(observations: xr.Dataset) -> date:
    """The newest day on which anything was observed anywhere.

    Raises RiskError when nothing ever was.
    """
    known = xr.concat(
        [values.notnull().any("location") for values in observations.data_vars.values()], "variable"
    ).any("variable")
    days = observations["time"].values[known.values]
    if not len(days):
        raise RiskError(
            "the store holds no observed value, expected at least one; deliver observations and"
            " pull again."
        )
    return pd.Timestamp(days[-1]).date()


def today(region: Region, observations: xr.Dataset) -> date:
    """The issue day: by the record's clock the day after its newest day.

    Else the calendar's day in the region's zone.
    """
    return (
        newest_day(observations) + timedelta(days=1)
        if region.clock == "record"
        else clock.now().astimezone(region.zone).date()
    )


def known_before(observations: xr.Dataset, issued: date) -> xr.Dataset:
    """The observations of the days before ``issued``. Raises RiskError when there are none."""
    first = pd.Timestamp(observations["time"].values[0]).date()
    if issued <= first:
        raise RiskError(
            f"issue day {issued}: found a record that begins on {first}, expected days before the"
            " issue day; give a later one."
        )
    return observations.sel(time=slice(None, pd.Timestamp(issued - timedelta(days=1))))


def tagged(region: Region) -> AbstractContextManager[object]:
    """In the block runs have the tags that those of the region's deployments have."""
    from prefect import tags

    return tags(TAG, region.name)


def task_options(hours: float = 2) -> dict[str, Any]:
    """Options of every task: nothing is cached and nothing persisted, and it ends in some hours.

    What must last is in the store, MLflow or published. A task that takes longer hangs; it raises
    TimeoutError.
    """
    from prefect.cache_policies import NO_CACHE

    return {
        "cache_policy": NO_CACHE,
        "persist_result": False,
        "timeout_seconds": hours * 3600,
        "tags": [TAG],
    }
