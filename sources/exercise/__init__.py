"""The exercise: a simulated Berkane whose true event probabilities are known.

Nothing here was ever measured. A region that names this source gets a seeded, made-up record of its
locations until yesterday and made-up weather forecasts until today, and everything made from them
must say EXERCISE. Options, in the region file under ``source_options: exercise:``, are those of
``ExerciseOptions``. How it is made: ``sources.common.province`` (climate, weather, river) and
``ahead`` (forecasts and the truth).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from configs import Region
from data_contracts.batch import Batch, FetchRequest, Source
from sources.common.kept_answers import cache_folder
from sources.common.province.region import (
    DELAY_DAYS,
    NAME,
    forecast_days,
    last_day,
    locations_table,
    members_of,
    parts_of,
    world_of,
)
from sources.common.province.resume import (
    keep_checkpoint,
    kept_checkpoint,
    newest_stored,
    same_values,
)
from sources.common.province.simulation import Checkpoint, Run, simulate
from sources.common.province.world import World
from sources.exercise.ahead import FORECAST_VARIABLES, Forecasts, issue_forecasts


def fetch(request: FetchRequest) -> Batch:
    """The record and the forecasts; where the store already holds this very world, only from its
    newest day and issue day on, which are simulated from what the last fetch left.
    """
    region = request.region
    world, until = world_of(region), last_day(region)
    parts, stored = parts_of(world), newest_stored(request.stored)
    folder = cache_folder(request.settings.data, NAME) / region.name
    files = [folder / f"{number}.npz" for number in range(len(parts))]
    kept = [kept_checkpoint(*each) for each in zip(files, parts, strict=True)]
    batch = None
    if _go_on(kept, stored["observations"], until):
        runs = _runs(region, parts, until, kept)
        batch = _news(region, world, runs, until, stored)
    if batch is None:
        runs = _runs(region, parts, until, [None] * len(parts))
        batch = _news(region, world, runs, until, stored) or _whole(region, world, runs, until)
    for file, run in zip(files, runs, strict=True):
        keep_checkpoint(file, run.world, run.checkpoint)
    return batch


def _go_on(kept: Sequence[Checkpoint | None], stored: pd.DataFrame, until: np.datetime64) -> bool:
    """Whether simulations that go on have the newest stored day, and end no earlier."""
    if stored.empty:
        return False
    newest = stored["time"].max().to_datetime64().astype("datetime64[D]")
    return newest <= until and all(one is not None and one.day < newest for one in kept)


def _runs(
    region: Region,
    parts: Sequence[World],
    until: np.datetime64,
    after: Sequence[Checkpoint | None],
) -> list[Run]:
    layers = members_of(region) > 0
    return [simulate(part, until, layers, one) for part, one in zip(parts, after, strict=True)]


def _whole(region: Region, world: World, runs: Sequence[Run], until: np.datetime64) -> Batch:
    record = pd.concat([record_table(run) for run in runs], ignore_index=True)
    issued = _issued(region, runs, until, forecast_days(region)[0])
    return Batch(record, locations_table(region, world), issued)


def _news(
    region: Region,
    world: World,
    runs: Sequence[Run],
    until: np.datetime64,
    stored: Mapping[str, pd.DataFrame],
) -> Batch | None:
    """From the newest stored day and issue day on; None where the store holds another world, or
    the runs began too late for the forecasts.
    """
    if stored["observations"].empty:
        return None
    newest = stored["observations"]["time"].max()
    record = pd.concat([record_table(run, newest) for run in runs], ignore_index=True)
    if not same_values(stored["observations"], record, "time"):
        return None
    since = forecast_days(region)[0]
    if len(stored["forecasts"]):
        known = stored["forecasts"]["init_time"].max().to_datetime64().astype("datetime64[D]")
        issued = _issued(region, runs, until, known)
        if same_values(stored["forecasts"], issued, "init_time"):
            return Batch(record, locations_table(region, world), issued)
    if members_of(region) and since <= runs[0].days[0] != world.start:
        return None
    issued = _issued(region, runs, until, since)
    return Batch(record, locations_table(region, world), issued)


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


def _issued(
    region: Region, runs: Sequence[Run], until: np.datetime64, since: np.datetime64
) -> pd.DataFrame:
    """The forecasts issued from the day ``since`` on; none where that is yet to come."""
    members, change = members_of(region), forecast_days(region)[1]
    last = until + np.timedelta64(DELAY_DAYS, "D")
    if not members or since > last:
        return pd.DataFrame()
    tables = [
        forecast_table(issue_forecasts(run, since, last, members, change), run.world.ids)
        for run in runs
    ]
    return pd.concat(tables, ignore_index=True)


def record_table(run: Run, since: pd.Timestamp | None = None) -> pd.DataFrame:
    """The simulated days as a Batch's observations, a row a day and location.

    ``since``: the first day of them.
    """
    days = run.days.astype("datetime64[ns]")
    chosen = slice(0 if since is None else int(np.searchsorted(days, since.to_datetime64())), None)
    days, locations = days[chosen], len(run.world.ids)
    ids = pd.Series(run.world.ids, dtype="str").take(np.tile(np.arange(locations), len(days)))
    table = pd.DataFrame(
        {"time": np.repeat(days, locations), "location": ids.reset_index(drop=True)}
    )
    for name, values in run.fields.items():
        table[name] = values[chosen].ravel().astype(np.float32)
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
