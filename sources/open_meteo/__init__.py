"""Open-Meteo: ERA5 history, weather forecasts as they were issued, and ensembles, for any place and without a key.

Options, in the region file under ``source_options: open_meteo:``, are those of ``Options``. The free service is for non-commercial
use; a paying user puts the key into the environment as CLIMATE_RISK_OPEN_METEO_KEY and is served by the customer hosts. ``cells``: who
is asked for and what it weighs; ``history``: ERA5; ``runs``: forecasts; ``reply``: what an answer must be.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from configs import Region, Settings
from data_contracts.batch import Batch, FetchRequest, Source, SourceUnavailable, StoredRecord
from sources import options_of
from sources.http import Address, Manners, cache_folder, is_kept
from sources.open_meteo.cells import Budget, Cell, cells_of, in_parts, lacking
from sources.open_meteo.history import (
    SETTLED,
    Archive,
    Block,
    Days,
    blocks,
    cost,
    fetch_blocks,
    question_of,
)
from sources.open_meteo.reply import CORE, KEY, LATER, MANNERS, Column
from sources.open_meteo.runs import Runs, backfill, fetch_members, fetch_newest, fetch_run

NAME = "open_meteo"
START = date(1991, 1, 1)
DELAY_DAYS = 6  # ERA5 comes 5 days late, and later in the day than the morning's issue
LATE = timedelta(
    days=10
)  # a variable this much behind the others is waited for, one further behind has ended


class Options(BaseModel):
    """What a region may choose.

    ``history_model``: the one reanalysis pinned, for the default of the service blends products and drifts. ``forecast_model``: the
    one model whose runs are kept, initialised at ``run_hour`` UTC (it has one every ``run_every_hours``) and usable
    ``run_delay_hours`` later: the service names 4 to 6 hours for global models. ``past_runs_from``: the first
    issue day whose forecast is asked for, the service keeps ECMWF IFS from 2024-03-14. ``ensemble``: the model whose members are kept,
    beside it; empty: none; ``ensemble_domain``: what the service calls that model where it tells its newest run.
    ``calls``: weighted calls that one pull may spend; ``calls_a_minute``: no faster than this.
    The addresses are those of the service, or of one's own Open-Meteo server; below ``about_url`` each model tells its newest run,
    below ``ensemble_about_url`` each ensemble.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    history_model: str = Field(default="era5", pattern=r"^[a-z0-9_]+$")
    forecast_model: str = Field(default="ecmwf_ifs", pattern=r"^[a-z0-9_]+$")
    run_hour: int = Field(default=0, ge=0, le=23)
    run_every_hours: int = Field(default=6, ge=1, le=24)
    run_delay_hours: int = Field(default=7, ge=0, le=48)
    past_runs_from: date = date(2024, 3, 15)
    ensemble: str = Field(default="ecmwf_ifs025", pattern=r"^[a-z0-9_]*$")
    ensemble_domain: str = Field(default="ecmwf_ifs025_ensemble", pattern=r"^[a-z0-9_]+$")
    calls: float = Field(default=4500, gt=0)
    calls_a_minute: float = Field(default=550, gt=0)
    archive_url: Address = "https://archive-api.open-meteo.com/v1/archive"
    runs_url: Address = "https://single-runs-api.open-meteo.com/v1/forecast"
    forecast_url: Address = "https://api.open-meteo.com/v1/forecast"
    about_url: Address = "https://api.open-meteo.com/data"
    previous_runs_url: Address = "https://previous-runs-api.open-meteo.com/v1/forecast"
    ensemble_url: Address = "https://ensemble-api.open-meteo.com/v1/ensemble"
    ensemble_about_url: Address = "https://ensemble-api.open-meteo.com/data"


class Named(Protocol):
    """Whatever fills a variable."""

    @property
    def variable(self) -> str: ...


@dataclass(frozen=True)
class Held:
    """What the store has of this source.

    ``days``: variable -> place -> the first and last day with a value. ``issued``, ``members``: issue day -> the places that have a
    forecast, an ensemble.
    """

    days: dict[str, dict[str, Days]] = field(default_factory=dict)
    issued: dict[date, frozenset[str]] = field(default_factory=dict)
    members: dict[date, frozenset[str]] = field(default_factory=dict)

    def days_of(self, columns: Iterable[Named]) -> dict[str, Days]:
        """Place -> the first day with a value of any of the columns, and the last day that none of them is still to fill.

        The columns of a day may come on different days; one that is more than LATE behind is not waited for.
        """
        spans: dict[str, list[Days]] = {}
        for column in columns:
            for place, days in self.days.get(column.variable, {}).items():
                spans.setdefault(place, []).append(days)
        return {place: _together(found) for place, found in spans.items()}


def _together(spans: Sequence[Days]) -> Days:
    newest = max(last for _, last in spans)
    return min(first for first, _ in spans), min(last for _, last in spans if newest - last <= LATE)


def fetch(request: FetchRequest) -> Batch:
    """What the store lacks: history until six days ago, today's forecast, and as many past forecasts as may be asked for today."""
    return fetch_at(request, datetime.now(UTC))


SOURCE = Source(
    name=NAME,
    delay_days=DELAY_DAYS,
    attribution=(
        "Weather data by Open-Meteo.com; contains modified Copernicus Climate Change Service information (ERA5, Hersbach et al. 2020)"
        " and ECMWF forecasts"
    ),
    licence="CC BY 4.0; the free service is for non-commercial use",
    complete=False,
    fetch=fetch,
)


def fetch_at(request: FetchRequest, now: datetime, manners: Manners = MANNERS) -> Batch:
    """``fetch`` as it is at a moment. Raises SourceUnavailable when the history cannot be had.

    A forecast that cannot be had now is told in a remark and asked for again by the next pull, as the service keeps its runs.
    """
    region, settings = request.region, request.settings
    options, cells = options_of(region, NAME, Options), cells_of(region)
    held, budget = held_by_store(request.stored), Budget(options.calls, options.calls_a_minute)
    today = now.astimezone(region.zone).date()
    archive, runs = (
        _archive(region, settings, options, manners),
        _runs(region, settings, options, manners),
    )
    days = (
        region.history_start or START,
        today - timedelta(days=DELAY_DAYS),
        today - timedelta(days=SETTLED),
    )
    core = fetch_blocks(
        archive, list(blocks(cells, held.days_of(CORE), *days, len(CORE))), CORE, budget
    )
    remarks: list[str] = []
    issued = _forecasts(runs, cells, held, today, options, budget, remarks)
    wanted = _affordable(
        archive, blocks(cells, held.days_of(LATER), *days, len(LATER)), LATER, budget
    )
    later = or_nothing(lambda: fetch_blocks(archive, wanted, LATER, budget), remarks)
    return Batch(_joined(core, later), locations_of(region), issued, tuple(remarks))


def _archive(region: Region, settings: Settings, options: Options, manners: Manners) -> Archive:
    kept = cache_folder(settings.data, NAME)
    return Archive(
        NAME, host_for(options.archive_url), options.history_model, region.day_offset, kept, manners
    )


def _runs(region: Region, settings: Settings, options: Options, manners: Manners) -> Runs:
    return Runs(
        source=NAME,
        region=region,
        url=host_for(options.runs_url),
        newest_url=host_for(options.forecast_url),
        about_url=f"{host_for(options.about_url)}/{options.forecast_model}/static/meta.json",
        previous_url=host_for(options.previous_runs_url),
        members_url=host_for(options.ensemble_url),
        about_members_url=f"{host_for(options.ensemble_about_url)}/{options.ensemble_domain}/static/meta.json",
        model=options.forecast_model,
        hour=options.run_hour,
        delay=options.run_delay_hours,
        every=options.run_every_hours,
        offset=region.day_offset,
        kept=cache_folder(settings.data, NAME),
        manners=manners,
    )


def host_for(url: str) -> str:
    """The address to ask: with a key, the customer host of the service's own addresses."""
    scheme, _, rest = url.partition("://")
    ours = rest.split("/")[0].endswith(".open-meteo.com") and not rest.startswith("customer-")
    return f"{scheme}://customer-{rest}" if ours and os.environ.get(KEY) else url


def _forecasts(
    runs: Runs,
    cells: Sequence[Cell],
    held: Held,
    today: date,
    options: Options,
    budget: Budget,
    remarks: list[str],
) -> pd.DataFrame:
    """Forecasts the store lacks, today's first. What is not to be had goes to ``remarks``.

    What a place has stored is not asked for again, so that nothing archived is ever replaced. Days before the record are of no use.
    """
    first = max(options.past_runs_from, runs.region.history_start or START)
    days = [day.date() for day in pd.date_range(first, today - timedelta(days=1))[::-1]]
    tables = []
    if of_today := _cells_without(cells, held.issued, today):
        tables.append(_of_today(runs, of_today, today, budget, remarks))
    if options.ensemble and (without := _cells_without(cells, held.members, today)):
        ensemble = partial(fetch_members, runs, day=today, ensemble=options.ensemble, budget=budget)
        tables.append(or_nothing(lambda: in_parts(ensemble, without), remarks))
    wanted = {day: left for day in days if (left := _cells_without(cells, held.issued, day))}
    tables.append(backfill(runs, wanted, budget, remarks))
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _cells_without(
    cells: Sequence[Cell], held: Mapping[date, frozenset[str]], day: date
) -> list[Cell]:
    return lacking(cells, held.get(day, frozenset()))


def _of_today(
    runs: Runs, cells: Sequence[Cell], today: date, budget: Budget, remarks: list[str]
) -> pd.DataFrame:
    """Today's forecast from its whole run, else from the newest run where that is not too new."""
    whole, newest = (
        partial(fetch_run, runs, day=today, budget=budget, keep=False),
        partial(fetch_newest, runs, day=today, budget=budget),
    )
    troubles: list[str] = []
    table = or_nothing(lambda: in_parts(whole, cells), troubles)
    table = table if len(table) else or_nothing(lambda: in_parts(newest, cells), troubles)
    remarks += [] if len(table) else troubles
    return table


def or_nothing(ask: Callable[[], pd.DataFrame], remarks: list[str]) -> pd.DataFrame:
    """What ``ask`` brings; what cannot be had now is remarked, and is not made up later."""
    try:
        return ask()
    except SourceUnavailable as error:
        remarks.append(str(error))
        return pd.DataFrame()


def _affordable(
    archive: Archive, wanted: Iterable[Block], columns: Sequence[Column], budget: Budget
) -> list[Block]:
    """The first of the blocks that the budget is enough for."""
    left, found = budget.left, []
    for block in wanted:
        left -= (
            0
            if is_kept(archive.kept, question_of(archive, block, columns))
            else cost(block, columns)
        )
        if left < 0:
            break
        found.append(block)
    return found


def _joined(core: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Both tables of observations in one; with neither, an empty one."""
    parts = [part for part in (core, later) if len(part)]
    if not parts:
        return pd.DataFrame(
            {"time": pd.Series(dtype="datetime64[ns]"), "location": pd.Series(dtype="str")}
        )
    return parts[0] if len(parts) == 1 else core.merge(later, on=["time", "location"], how="outer")


def locations_of(region: Region) -> pd.DataFrame:
    """A Batch's locations: the region's places."""
    return pd.DataFrame(
        {
            "location": [place.id for place in region.locations],
            "name": [
                place.names.get("en") or next(iter(place.names.values()), place.id)
                for place in region.locations
            ],
            "latitude": [place.latitude for place in region.locations],
            "longitude": [place.longitude for place in region.locations],
            "elevation": [
                np.nan if place.elevation is None else place.elevation for place in region.locations
            ],
        }
    )


def held_by_store(stored: StoredRecord) -> Held:
    """What the region's store already has of a source."""
    observed, issued = stored.observations, stored.forecasts
    days: dict[str, dict[str, Days]] = {}
    if observed is not None:
        days = {str(name): _days(observed[name]) for name in observed.data_vars}
    return Held(days, _issue_days(issued, "== -1"), _issue_days(issued, ">= 0"))


def _days(values: Any) -> dict[str, Days]:
    """Place -> the first and last day with a value, of an array (time, location)."""
    there = np.isfinite(values.transpose("time", "location").values)
    days = values["time"].values.astype("datetime64[D]")
    first, last = np.argmax(there, axis=0), len(days) - 1 - np.argmax(there[::-1], axis=0)
    measured = np.flatnonzero(there.any(axis=0))
    return {
        str(values["location"].values[place]): (days[first[place]].item(), days[last[place]].item())
        for place in measured
    }


def _issue_days(issued: Any, members: str) -> dict[date, frozenset[str]]:
    """Issue day -> the places with a forecast of any of the members ("== -1": the deterministic run, ">= 0": an ensemble)."""
    if issued is None:
        return {}
    if "member" in issued.dims:
        chosen = issued["member"] == -1 if members == "== -1" else issued["member"] >= 0
        issued = issued.sel(member=issued["member"][chosen.values])
    elif members != "== -1":
        return {}
    places = issued["location"].values
    there = np.zeros((issued.sizes["init_time"], len(places)), bool)
    for name in issued.data_vars:
        values = issued[name].notnull()
        there |= (
            values.any([dim for dim in values.dims if dim not in ("init_time", "location")])
            .transpose("init_time", "location")
            .values
        )
    days = issued["init_time"].values.astype("datetime64[D]").tolist()
    return {
        day: frozenset(places[row].tolist())
        for day, row in zip(days, there, strict=True)
        if row.any()
    }
