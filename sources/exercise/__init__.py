"""The exercise: a simulated Berkane whose true event probabilities are known.

Nothing here was ever measured. A region that names this source gets a seeded, made-up record of its
locations until yesterday and made-up weather forecasts until today, and everything made from them
must say EXERCISE. Options, in the region file under ``source_options: exercise:``, are those of
``ExerciseOptions``. How it is made: ``sources.common.province`` (climate, weather, river) and
``ahead`` (forecasts and the truth).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from configs import Region
from data_contracts.batch import Batch, FetchRequest, Source
from sources.common.options import options_of
from sources.common.province.region import (
    DELAY_DAYS,
    NAME,
    ExerciseOptions,
    forecast_days,
    last_day,
    locations_table,
    parts_of,
    world_of,
)
from sources.common.province.resume import newest_stored, same_values
from sources.common.province.simulation import Run, simulate
from sources.exercise.ahead import FORECAST_VARIABLES, Forecasts, issue_forecasts


def fetch(request: FetchRequest) -> Batch:
    """The record and the forecasts; where the store already holds this very world, only from its
    newest day and issue day on.
    """
    region = request.region
    world, until = world_of(region), last_day(region)
    with_forecasts = options_of(region, NAME, ExerciseOptions).members > 0
    runs = [simulate(part, until, layers=with_forecasts) for part in parts_of(world)]
    record = pd.concat([record_table(run) for run in runs], ignore_index=True)
    stored = newest_stored(request.stored)
    since = (
        stored["observations"]["time"].max()
        if same_values(stored["observations"], record, "time")
        else None
    )
    issued = _fetch_forecasts(
        region, runs, until, stored["forecasts"] if since is not None else None
    )
    return Batch(
        record if since is None else record[record["time"] >= since],
        locations_table(region, world),
        issued,
    )


SOURCE = Source(
    name=NAME,
    delay_days=DELAY_DAYS,
    attribution=(
        "EXERCISE: simulated, not measured; normals after AEMET (Melilla 1981-2010) and published "
        "tables for Oujda"
    ),
    licence="as the project",
    complete=False,
    fetch=fetch,
    exercise=True,
)


def _fetch_forecasts(
    region: Region, runs: list[Run], until: np.datetime64, stored: pd.DataFrame | None
) -> pd.DataFrame:
    options, (first, change) = options_of(region, NAME, ExerciseOptions), forecast_days(region)
    last = until + np.timedelta64(DELAY_DAYS, "D")
    if not options.members or first > last:
        return pd.DataFrame()

    def tables(since: np.datetime64) -> pd.DataFrame:
        return pd.concat(
            [
                forecast_table(
                    issue_forecasts(run, since, last, options.members, change), run.world.ids
                )
                for run in runs
            ],
            ignore_index=True,
        )

    if stored is not None and len(stored):
        newest = tables(stored["init_time"].max().to_datetime64().astype("datetime64[D]"))
        if same_values(stored, newest, "init_time"):
            return newest
    return tables(first)


def record_table(run: Run) -> pd.DataFrame:
    """The simulated days as a Batch's observations, a row a day and location."""
    days, locations = len(run.days), len(run.world.ids)
    table = pd.DataFrame(
        {
            "time": np.repeat(run.days.astype("datetime64[ns]"), locations),
            "location": list(run.world.ids) * days,
        }
    )
    for name, values in run.fields.items():
        table[name] = values.ravel().astype(np.float32)
    return table


def forecast_table(forecasts: Forecasts, ids: tuple[str, ...]) -> pd.DataFrame:
    """Forecasts as a Batch's: a row an issue day, lead, location and member; what never arrived has
    no row.
    """
    shape = forecasts.values[FORECAST_VARIABLES[0]].shape
    arrived = np.flatnonzero(np.isfinite(forecasts.values[FORECAST_VARIABLES[0]]).ravel())
    init, lead, location, member = np.unravel_index(arrived, shape)
    table = pd.DataFrame(
        {
            "init_time": forecasts.init.astype("datetime64[ns]")[init],
            "lead_days": lead,
            "location": pd.Series(np.array(ids, dtype=object)[location], dtype="str"),
            "member": member,
        }
    )
    for name in FORECAST_VARIABLES:
        table[name] = forecasts.values[name].ravel()[arrived].astype(np.float32)
    return table
