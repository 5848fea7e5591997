"""A small exercise province, in memory, for tests of what learns from weather forecasts; seeds used nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from sources.common.province.simulation import Run, simulate
from sources.common.province.world import World
from sources.exercise.ahead import issue_forecasts

START, END = np.datetime64("1996-01-01"), np.datetime64("2012-12-31")
FIRST, CHANGE = np.datetime64("2007-01-01"), np.datetime64("2010-06-10")
PLACES = {
    "coast": (35.28, -2.3, 50.0),
    "inland": (34.79, -2.4, 470.0),
    "plain": (34.92, -2.32, 150.0),
    "river": (34.90, -2.63, 100.0),
}
IDS = tuple(PLACES)


@dataclass(frozen=True)
class Made:
    """A run, its record and its forecasts as the store would give them."""

    run: Run
    observations: xr.Dataset
    forecasts: xr.Dataset


def make(
    seed: int,
    variants: tuple[str, ...] = (),
    members: int = 5,
    until: np.datetime64 = END,
    ids: tuple[str, ...] = IDS,
    first: np.datetime64 = FIRST,
) -> Made:
    """A province of the places ``ids`` from START on, with forecasts from ``first`` on, by another model from CHANGE on."""
    where = dict(
        zip(
            ("latitude", "longitude", "elevation"),
            np.array([PLACES[name] for name in ids]).T,
            strict=True,
        )
    )
    world = World(
        seed,
        START,
        ids,
        **where,
        river=np.array([name == "river" for name in ids]),
        variants=frozenset(variants),
    )
    run = simulate(world, until)
    issued = issue_forecasts(run, first, until, members, CHANGE)
    record = {
        name: (("time", "location"), values.astype(np.float32), {"delay_days": 1})
        for name, values in run.fields.items()
    }
    dims = ("init_time", "lead_time", "location", "member")
    runs = {
        name: (dims, values.astype(np.float32), {"delay_days": 0})
        for name, values in issued.values.items()
    }
    leads = np.arange(11).astype("timedelta64[D]").astype("timedelta64[ns]")
    days = issued.init.astype("datetime64[ns]")
    axes = {
        "init_time": days,
        "lead_time": leads,
        "location": list(ids),
        "member": np.arange(members),
    }
    observations = xr.Dataset(
        record, coords={"time": run.days.astype("datetime64[ns]"), "location": list(ids)}
    )
    return Made(run, observations, xr.Dataset(runs, coords=axes))
