"""Forecasts of past issue days.

Each is a whole run where the archive of runs has it. Where it lacks one, hours of previous runs
fill in, each initialised early enough.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import pandas as pd

from configs.remarks import Remark
from data_contracts.batch import SourceUnavailable
from sources.common.gathering import log_progress
from sources.common.grid import GridCell, per_location
from sources.common.http import get_json
from sources.common.http_messages import BadResponse
from sources.common.open_meteo.budget import Budget, in_parts, pay, weight
from sources.common.open_meteo.responses import CellSeries, ExpectedSeries, series_of_cells
from sources.open_meteo.forecasts import LEADS, ForecastService, fetch_run, with_values
from sources.open_meteo.parameters import FORECAST, OF_MEMBERS, HourlySeries, daily_of_hours

MAX_AGE = 7  # the service keeps previous_day1 to previous_day7
MAX_REFUSED = 5  # in a row, after which older runs are not asked for
MAX_DAYS = 31  # of previous runs a request, so that it stays far below a minute's limit

log = logging.getLogger(__name__)

AgedSeries = Mapping[str, tuple[HourlySeries, int]]
"""Name in the response -> the series and how many days old its run is."""


def backfill(
    service: ForecastService,
    wanted: Mapping[date, Sequence[GridCell]],
    budget: Budget,
    remarks: list[Remark],
) -> pd.DataFrame:
    """Forecasts of past issue days for the cells that lack them, in the order given.

    It ends with the budget or with the service. What cannot be had now comes with a later pull; a
    service that is down goes to ``remarks``, a day it never has does not.
    """
    tables, refused, in_a_row = [], dict[date, Sequence[GridCell]](), 0
    for number, (day, cells) in enumerate(wanted.items(), 1):
        calls = weight(len(cells), len(FORECAST), LEADS + 1)
        if in_a_row >= MAX_REFUSED or not budget.affords(calls):
            break
        log_progress(log, service.source, number, len(wanted), str(day), "past forecast")
        try:
            tables.append(in_parts(partial(fetch_run, service, day=day, budget=budget), cells))
            in_a_row = 0
        except BadResponse as error:
            log.info("%s", error)
            refused[day] = cells
            in_a_row += 1
        except SourceUnavailable as error:
            remarks.append(error.remark)
            break
    for days, cells in _neighbours(refused):
        tables += _fill(service, cells, days, budget, remarks)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _neighbours(
    refused: Mapping[date, Sequence[GridCell]],
) -> list[tuple[list[date], Sequence[GridCell]]]:
    """Days that one request may bring: near each other, of the same cells."""
    groups: list[tuple[list[date], Sequence[GridCell]]] = []
    for day, cells in sorted(refused.items()):
        if groups and groups[-1][1] == cells and (day - groups[-1][0][0]).days < MAX_DAYS:
            groups[-1][0].append(day)
        else:
            groups.append(([day], cells))
    return groups


def _fill(
    service: ForecastService,
    cells: Sequence[GridCell],
    days: Sequence[date],
    budget: Budget,
    remarks: list[Remark],
) -> list[pd.DataFrame]:
    """Forecasts from previous runs, as far as they can be had now."""
    span = (max(days) - min(days)).days + MAX_AGE
    if not budget.affords(weight(len(cells), len(OF_MEMBERS) * MAX_AGE, span)):
        return []
    try:
        return [in_parts(partial(fetch_previous, service, days=days, budget=budget), cells)]
    except BadResponse as error:
        log.info("%s", error)
    except SourceUnavailable as error:
        remarks.append(error.remark)
    return []


def fetch_previous(
    service: ForecastService, cells: Sequence[GridCell], days: Sequence[date], budget: Budget
) -> pd.DataFrame:
    """Forecasts of the issue ``days`` made of previous runs' hours.

    Lead l of day t is from previous_day(l + 1). Raises SourceUnavailable.
    """
    first, last = min(days), max(days) + timedelta(days=MAX_AGE - 1)
    series = {
        f"{hourly.parameter}_previous_day{age}": (hourly, age)
        for hourly in OF_MEMBERS
        for age in range(1, MAX_AGE + 1)
    }
    params = {
        "hourly": ",".join(series),
        "models": service.model,
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
    }
    what = f"previous runs, {first} to {last}"
    request = service.request(service.previous_url, cells, what, params)
    pay(request, weight(len(cells), len(series), (last - first).days + 1), budget)
    units = {name: hourly.unit for name, (hourly, _) in series.items()}
    expected = ExpectedSeries("hourly", units, service.times.offset)

    def read(body: Any) -> pd.DataFrame:
        return pd.concat(
            [
                _of_previous(service, each, series, days)
                for each in series_of_cells(body, expected, cells, request)
            ],
            ignore_index=True,
        )

    return get_json(request, read, service.policy)


def _of_previous(
    service: ForecastService, cell_series: CellSeries, series: AgedSeries, days: Sequence[date]
) -> pd.DataFrame:
    """A cell's forecasts of issue days, each lead's values from hours old enough."""
    by_age = {}
    for age in range(1, MAX_AGE + 1):
        of_age = {name: hourly for name, (hourly, old) in series.items() if old == age}
        by_age[age] = daily_of_hours(cell_series, of_age).set_index("time")
    rows = list(_rows(service, by_age, days))
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
    return per_location(with_values(table), cell_series.cell)


def _rows(
    service: ForecastService, by_age: Mapping[int, pd.DataFrame], days: Sequence[date]
) -> Iterator[pd.DataFrame]:
    """A row for each issue day and lead of which the hours are old enough."""
    for day in days:
        for lead in range(LEADS):
            age, valid = service.times.age_for(lead, day), pd.Timestamp(day + timedelta(days=lead))
            if age in by_age and valid in by_age[age].index:
                row = by_age[age].loc[[valid]]
                yield row.assign(init_time=pd.Timestamp(day), lead_days=lead, member=-1)
