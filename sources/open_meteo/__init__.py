"""Open-Meteo: ERA5 history, weather forecasts as they were issued, and ensembles, without a key.

Options, in the region file under ``source_options: open_meteo:``, are those of
``OpenMeteoOptions``. The free service is for non-commercial use; a paying user puts the key into
the environment as CLIMATE_RISK_OPEN_METEO_KEY and is served by the customer hosts. ``history``:
ERA5; ``forecasts``: runs and ensembles; ``backfill``: past issue days; ``run_times``: which run may
be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from configs import clock
from configs.remarks import Remark
from data_contracts.batch import Batch, FetchRequest, Source
from sources.common.coverage import (
    Block,
    Coverage,
    Period,
    coverage_of,
    final_part,
    missing_blocks,
    news,
)
from sources.common.gathering import joined, no_days, or_nothing
from sources.common.grid import GridCell, cells_of, cells_without
from sources.common.http import Address
from sources.common.http_messages import RetryPolicy
from sources.common.kept_answers import cache_folder
from sources.common.locations import locations_of
from sources.common.open_meteo.budget import Budget, cells_a_request, in_parts
from sources.common.open_meteo.service import RETRY_POLICY, host_for
from sources.common.options import options_of
from sources.common.series import DailySeries
from sources.open_meteo.backfill import backfill
from sources.open_meteo.forecasts import ForecastService, fetch_members, fetch_newest, fetch_run
from sources.open_meteo.history import Archive, affordable, fetch_blocks
from sources.open_meteo.parameters import CORE, LATER
from sources.open_meteo.run_times import RunTimes

NAME = "open_meteo"
START = date(1991, 1, 1)
CELL_SIZE = 0.25  # degrees, ERA5's grid
DELAY_DAYS = 6  # ERA5 comes 5 days late, and later in the day than the morning's issue
SETTLED_DAYS = 100
"""ERA5's preliminary values are replaced by final ones after two to three months."""
MAX_LOCATIONS = 500
"""A day of a cell weighs 18 calls (history 7, the run 1, an ensemble of 50 members 10); the free
service takes 10,000 a day."""


class OpenMeteoOptions(BaseModel):
    """What a region may choose.

    ``history_model``: the one reanalysis pinned, for the default of the service blends products and
    drifts. ``forecast_model``: the one model whose runs are kept, initialised at ``run_hour`` UTC
    (it has one every ``run_every_hours``) and usable ``run_delay_hours`` later: the service names 4
    to 6 hours for global models. ``past_runs_from``: the first issue day whose forecast is asked
    for, the service keeps ECMWF IFS from 2024-03-14. ``ensemble``: the model whose members are
    kept, beside it; empty: none; ``ensemble_domain``: what the service calls that model where it
    tells its newest run. ``calls``: weighted calls that one pull may spend; ``calls_a_minute``: no
    faster than this. The addresses are those of the service, or of one's own Open-Meteo server;
    below ``about_url`` each model tells its newest run, below ``ensemble_about_url`` each ensemble.
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


def fetch(request: FetchRequest) -> Batch:
    """What the store lacks: history until six days ago, today's forecast, and past forecasts.

    With newer days come those that were preliminary, where they are other by now.

    Of past forecasts it brings as many as may be asked for today. Raises SourceUnavailable.
    """
    return fetch_at(request, clock.now())


SOURCE = Source(
    name=NAME,
    delay_days=DELAY_DAYS,
    attribution=(
        "Weather data by Open-Meteo.com; contains modified Copernicus Climate Change Service "
        "information (ERA5, Hersbach et al. 2020) and ECMWF forecasts"
    ),
    licence="CC BY 4.0; the free service is for non-commercial use",
    complete=False,
    fetch=fetch,
    max_locations=MAX_LOCATIONS,
)


def fetch_at(request: FetchRequest, now: datetime, policy: RetryPolicy = RETRY_POLICY) -> Batch:
    """``fetch`` as it is at a moment. Raises SourceUnavailable when the history cannot be had.

    A forecast that cannot be had now is told in a remark and asked for again by the next pull, as
    the service keeps its runs.
    """
    region = request.region
    options, cells = options_of(region, NAME, OpenMeteoOptions), cells_of(region, CELL_SIZE)
    coverage = coverage_of(request.stored)
    budget = Budget(options.calls, options.calls_a_minute)
    today = now.astimezone(region.zone).date()
    period = Period(
        region.history_start or START,
        today - timedelta(days=DELAY_DAYS),
        today - timedelta(days=SETTLED_DAYS),
    )

    def missing(columns: Sequence[DailySeries]) -> list[Block]:
        spans = final_part(coverage.span_of(column.variable for column in columns), period)
        return list(missing_blocks(cells, spans, period, partial(cells_a_request, len(columns))))

    archive = _archive(request, options, policy)
    core = fetch_blocks(archive, missing(CORE), CORE, budget)
    remarks: list[Remark] = []
    service = _forecast_service(request, options, policy)
    issued = _forecasts(service, cells, coverage, today, options, budget, remarks)
    blocks = affordable(archive, missing(LATER), LATER, budget)
    later = or_nothing(lambda: fetch_blocks(archive, blocks, LATER, budget), remarks)
    observations = news(_merged(core, later), request.stored)
    return Batch(observations, locations_of(region), issued, tuple(remarks))


def _archive(request: FetchRequest, options: OpenMeteoOptions, policy: RetryPolicy) -> Archive:
    return Archive(
        NAME,
        host_for(options.archive_url),
        options.history_model,
        request.region.day_offset,
        cache_folder(request.settings.data, NAME),
        policy,
    )


def _forecast_service(
    request: FetchRequest, options: OpenMeteoOptions, policy: RetryPolicy
) -> ForecastService:
    about, about_members = host_for(options.about_url), host_for(options.ensemble_about_url)
    return ForecastService(
        source=NAME,
        url=host_for(options.runs_url),
        newest_url=host_for(options.forecast_url),
        about_url=f"{about}/{options.forecast_model}/static/meta.json",
        previous_url=host_for(options.previous_runs_url),
        members_url=host_for(options.ensemble_url),
        about_members_url=f"{about_members}/{options.ensemble_domain}/static/meta.json",
        model=options.forecast_model,
        times=RunTimes(
            region=request.region,
            hour=options.run_hour,
            delay=options.run_delay_hours,
            every=options.run_every_hours,
            offset=request.region.day_offset,
        ),
        kept=cache_folder(request.settings.data, NAME),
        policy=policy,
    )


def _forecasts(
    service: ForecastService,
    cells: Sequence[GridCell],
    coverage: Coverage,
    today: date,
    options: OpenMeteoOptions,
    budget: Budget,
    remarks: list[Remark],
) -> pd.DataFrame:
    """Forecasts the store lacks, today's first. What is not to be had goes to ``remarks``.

    What a location has stored is not asked for again, so that nothing archived is ever replaced.
    Days before the record are of no use.
    """
    first = max(options.past_runs_from, service.times.region.history_start or START)
    days = [day.date() for day in pd.date_range(first, today - timedelta(days=1))[::-1]]
    tables = []
    if of_today := _lacking(cells, coverage.issued, today):
        tables.append(_of_today(service, of_today, today, budget, remarks))
    if options.ensemble and (without := _lacking(cells, coverage.members, today)):
        ensemble = partial(
            fetch_members, service, day=today, ensemble=options.ensemble, budget=budget
        )
        tables.append(or_nothing(lambda: in_parts(ensemble, without), remarks))
    wanted = {day: rest for day in days if (rest := _lacking(cells, coverage.issued, day))}
    tables.append(backfill(service, wanted, budget, remarks))
    return joined(tables)


def _lacking(
    cells: Sequence[GridCell], stored: Mapping[date, frozenset[str]], day: date
) -> list[GridCell]:
    return cells_without(cells, stored.get(day, frozenset()))


def _of_today(
    service: ForecastService,
    cells: Sequence[GridCell],
    today: date,
    budget: Budget,
    remarks: list[Remark],
) -> pd.DataFrame:
    """Today's forecast from its whole run, else from the newest run where that is not too new."""
    whole = partial(fetch_run, service, day=today, budget=budget, keep=False)
    newest = partial(fetch_newest, service, day=today, budget=budget)
    failures: list[Remark] = []
    table = or_nothing(lambda: in_parts(whole, cells), failures)
    table = table if len(table) else or_nothing(lambda: in_parts(newest, cells), failures)
    remarks += [] if len(table) else failures
    return table


def _merged(core: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Both tables of observations in one; with neither, an empty one."""
    if len(core) and len(later):
        return core.merge(later, on=["time", "location"], how="outer")
    return core if len(core) else later if len(later) else no_days()
