"""Weather forecasts as they were issued: whole runs of one pinned model, and ensembles.

Each is filed under the first morning it could be used on. A run is usable from its initialisation
plus its delay. The forecast of issue day t is the newest run usable at the region's issue time on
t: live and past days are asked for in the same way, by the run. Its init_time in the store is the
issue day t, lead_days 0 is t itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from configs.remarks import remark
from sources.common.grid import GridCell, per_location
from sources.common.http import get_json, is_kept
from sources.common.http_messages import Request, RetryPolicy
from sources.common.open_meteo.budget import Budget, pay, weight
from sources.common.open_meteo.responses import CellSeries, ExpectedSeries, series_of_cells
from sources.common.open_meteo.service import NewestRun
from sources.open_meteo.parameters import (
    FORECAST,
    OF_MEMBERS,
    daily_of_hours,
    hourly_params,
    units_of,
    weather_request,
)
from sources.open_meteo.run_times import RunTimes

LEADS = 10  # lead_days 0 to 9
MEMBERS = 51  # of an ensemble, with its control run, for what it weighs
KEYS = ("init_time", "lead_days", "location", "member")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForecastService:
    """Where forecasts come from and when they are usable.

    ``url``: whole runs by initialisation; ``newest_url``: the newest run, whose initialisation is
    at ``about_url``; ``previous_url``: previous runs by age; ``members_url``: ensembles, their
    newest run at ``about_members_url``. ``kept``: the folder of kept answers.
    """

    source: str
    url: str
    newest_url: str
    about_url: str
    previous_url: str
    members_url: str
    about_members_url: str
    model: str
    times: RunTimes
    kept: Path
    policy: RetryPolicy

    def newest(self, url: str, model: str, day: date) -> NewestRun:
        """The newest run of a model, for an issue day."""
        about = Request(self.source, url, f"the newest run of {model} on {day}")
        return NewestRun(about, self.times.latest(day), self.policy)

    def request(
        self, url: str, cells: Sequence[GridCell], what: str, params: dict[str, str]
    ) -> Request:
        """A request for some cells."""
        return weather_request(self.source, url, cells, what, self.times.offset, params)


def fetch_run(
    service: ForecastService,
    cells: Sequence[GridCell],
    day: date,
    budget: Budget,
    keep: bool = True,
) -> pd.DataFrame:
    """The forecast of issue day ``day`` from its whole run, as a Batch's forecasts.

    Raises SourceUnavailable.
    """
    run = service.times.run_for(day)
    params = hourly_params(service.model, FORECAST) | {
        "run": run.strftime("%Y-%m-%dT%H:%M"),
        "forecast_days": str(LEADS + 1),
    }
    request = service.request(service.url, cells, f"the run of {run:%Y-%m-%d %H} UTC", params)
    read = partial(_read, service=service, cells=cells, day=day, request=request, run=run)
    if not is_kept(service.kept, request):
        pay(request, weight(len(cells), len(FORECAST), LEADS + 1), budget)
    return get_json(request, read, service.policy, service.kept, keep=keep)


def fetch_newest(
    service: ForecastService, cells: Sequence[GridCell], day: date, budget: Budget
) -> pd.DataFrame:
    """The forecast of ``day`` from the newest run, where that may be used on ``day``.

    Raises SourceUnavailable.
    """
    params = hourly_params(service.model, FORECAST) | {"forecast_days": str(LEADS)}
    request = service.request(service.newest_url, cells, f"the forecast from {day}", params)
    pay(request, weight(len(cells), len(FORECAST), LEADS), budget)
    read = partial(_read, service=service, cells=cells, day=day, request=request, run=None)
    table = get_json(request, read, service.policy)
    service.newest(service.about_url, service.model, day).require_usable()
    return table


def fetch_members(
    service: ForecastService, cells: Sequence[GridCell], day: date, ensemble: str, budget: Budget
) -> pd.DataFrame:
    """Today's ensemble, a row a member that has any value.

    There is no row where its run is too new for the issue time. Raises SourceUnavailable, also
    where a newer run came meanwhile.
    """
    newest = service.newest(service.about_members_url, ensemble, day)
    if not newest.is_usable():
        text = "%s: the newest run of %s is too new for the issue time of %s"
        log.info(text, service.source, ensemble, day)
        return pd.DataFrame()
    params = hourly_params(ensemble, OF_MEMBERS) | {"forecast_days": str(LEADS)}
    request = service.request(service.members_url, cells, f"the ensemble from {day}", params)
    pay(request, weight(len(cells), len(OF_MEMBERS) * MEMBERS, LEADS), budget)
    expected = ExpectedSeries("hourly", units_of(OF_MEMBERS), service.times.offset)

    def read(body: Any) -> pd.DataFrame:
        series = series_of_cells(body, expected, cells, request)
        return pd.concat([_members(each, day) for each in series], ignore_index=True)

    table = get_json(request, read, service.policy)
    newest.require_usable()
    return table


def _members(series: CellSeries, day: date) -> pd.DataFrame:
    """A cell's members: the control run is 0, ``_member01`` is 1."""
    pattern = rf"{OF_MEMBERS[0].parameter}_member(\d{{2,3}})"
    matches = (re.fullmatch(pattern, name) for name in series.values)
    tables = []
    for number in sorted({0, *(int(match[1]) for match in matches if match)}):
        end = f"_member{number:02d}" if number else ""
        hourly = {
            each.parameter + end: each
            for each in OF_MEMBERS
            if each.parameter + end in series.values
        }
        for name, each in hourly.items():
            series.require_unit(name, each.unit)
        table = with_leads(daily_of_hours(series, hourly), day)
        tables.append(with_values(table.assign(member=number)))
    return per_location(pd.concat(tables, ignore_index=True), series.cell)


def _read(
    body: Any,
    service: ForecastService,
    cells: Sequence[GridCell],
    day: date,
    request: Request,
    run: datetime | None,
) -> pd.DataFrame:
    """A run's response as forecasts of an issue day, of the days that began after the run."""
    expected = ExpectedSeries("hourly", units_of(FORECAST), service.times.offset)
    tables = []
    for series in series_of_cells(body, expected, cells, request):
        table = daily_of_hours(series, {hourly.parameter: hourly for hourly in FORECAST})
        if run is not None:
            starts = [service.times.day_start(stamp.date()) for stamp in table["time"]]
            table = table[[start >= run for start in starts]]
        table = with_values(with_leads(table, day).assign(member=-1))
        if table.empty:
            raise series.bad(remark("answer.no_whole_day", day=day))
        tables.append(per_location(table, series.cell))
    return pd.concat(tables, ignore_index=True)


def with_leads(table: pd.DataFrame, day: date) -> pd.DataFrame:
    """Valid days as lead_days of an issue day; other days are left out."""
    leads = (table["time"] - pd.Timestamp(day)).dt.days
    issued = pd.Timestamp(day).as_unit("ns")
    table = table.assign(init_time=issued, lead_days=leads.astype("int64"))
    return table[leads.between(0, LEADS - 1)].drop(columns="time")


def with_values(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that hold a value."""
    if not len(table):
        return table
    values = table.drop(columns=[key for key in KEYS if key in table])
    return table[values.notna().any(axis=1)]
