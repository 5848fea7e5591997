"""Weather forecasts as they were issued: whole runs of one pinned model.

Each is filed under the first morning it could be used on. A run is usable from its initialisation
plus its delay. The forecast of issue day t is the newest run usable at the region's issue time on
t: live and past days are asked for in the same way, by the run. Its init_time in the store is the
issue day t, lead_days 0 is t itself. Where the archive of runs lacks one, hours of previous runs
fill in, each initialised early enough.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from configs import Region
from data_contracts.batch import SourceUnavailable
from sources.http import Manners, Question, Refused, get_json, is_kept
from sources.open_meteo.cells import Budget, Cell, in_parts, pay, weight
from sources.open_meteo.reply import (
    AHEAD,
    RAIN,
    TELL_THEM,
    TEMPERATURE,
    Hourly,
    Section,
    ask_for,
    daily_of_hours,
    per_place,
    sections,
)

LEADS = 10  # lead_days 0 to 9
OLDEST_PREVIOUS = 7  # the service keeps previous_day1 to previous_day7
REFUSALS = 5  # in a row, after which older runs are not asked for
FILLED_TOGETHER = 31  # days of previous runs a request, so that it stays far below a minute's limit
KEYS = ("init_time", "lead_days", "location", "member")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Newest:
    """The newest run that a service gives, where it does not say of which its answer is.

    ``about`` asks, ``latest`` is the last to use.
    Answers that a cache on the way keeps are passed by. Asking does not count as a call.
    """

    about: Question
    latest: datetime
    manners: Manners

    def initialised(self) -> datetime:
        """When it was initialised. Raises SourceUnavailable."""
        now = {"cache_buster": f"{datetime.now(UTC).timestamp():.0f}"}
        return get_json(
            replace(self.about, params=now),
            partial(_initialised, question=self.about),
            self.manners,
        )

    def is_usable(self) -> bool:
        """Whether it may be used at the issue time."""
        return self.initialised() <= self.latest

    def require_usable(self) -> None:
        """Raises Refused where it may not be used: what was asked for before may be of it."""
        found = self.initialised()
        if found > self.latest:
            raise self.about.refused(
                f"one of {found:%Y-%m-%d %H} UTC, too new for the issue time, expected "
                f"{self.latest:%Y-%m-%d %H:%M} UTC or before",
                "nothing was stored; the forecast of that day goes without",
            )


@dataclass(frozen=True)
class Runs:
    """Where forecasts come from and when they are usable.

    ``url``: whole runs by initialisation; ``newest_url``: the newest run, whose initialisation is
    at ``about_url``; ``previous_url``: previous runs by age; ``members_url``: ensembles, their
    newest run at ``about_members_url``. ``hour``: of the run, UTC; ``delay``: hours until it is
    usable. ``every``: hours from one run to the next. ``region`` gives the issue time; ``offset``:
    hours of standard time.
    """

    source: str
    region: Region
    url: str
    newest_url: str
    about_url: str
    previous_url: str
    members_url: str
    about_members_url: str
    model: str
    hour: int
    delay: int
    every: int
    offset: int
    kept: Path
    manners: Manners

    def latest(self, day: date) -> datetime:
        """The last moment at which what is used on an issue day may have been initialised."""
        return self.region.issue_time(day).astimezone(UTC) - timedelta(hours=self.delay)

    def usable(self, initialised: datetime, day: date) -> bool:
        """Whether what was initialised then may be used on an issue day."""
        return initialised <= self.latest(day)

    def newest(self, url: str, model: str, day: date) -> Newest:
        """The newest run of a model, for an issue day."""
        return Newest(
            Question(self.source, url, f"the newest run of {model} on {day}"),
            self.latest(day),
            self.manners,
        )

    def run_for(self, day: date) -> datetime:
        """The newest run usable on an issue day."""
        run = datetime.combine(day + timedelta(days=1), time(self.hour), UTC)
        while not self.usable(run, day):
            run -= timedelta(days=1)
        return run

    def begins(self, day: date) -> datetime:
        """The first moment of a standard day, UTC."""
        return datetime.combine(day, time(), UTC) - timedelta(hours=self.offset)

    def age_for(self, lead: int, day: date) -> int:
        """Which previous_day of the hours of day + lead is old enough for all of them.

        It is lead + 1, and more where issues are early.
        previous_dayN of an hour is of the newest run initialised N x 24 hours or more before it.
        """
        age, last = lead + 1, self.begins(day + timedelta(days=lead)) + timedelta(hours=23)
        while not self.usable(self.run_before(last - timedelta(days=age)), day):
            age += 1
        return age

    def run_before(self, moment: datetime) -> datetime:
        """When the newest run of a moment was initialised."""
        return moment.replace(hour=moment.hour - moment.hour % self.every, minute=0, second=0)


def fetch_run(
    runs: Runs, cells: Sequence[Cell], day: date, budget: Budget, keep: bool = True
) -> pd.DataFrame:
    """The forecast of issue day ``day`` from its whole run, as a Batch's forecasts.

    Raises SourceUnavailable.
    """
    run = runs.run_for(day)
    params = _params(runs.model, AHEAD) | {
        "run": run.strftime("%Y-%m-%dT%H:%M"),
        "forecast_days": str(LEADS + 1),
    }
    question = ask_for(
        runs.source, runs.url, cells, f"the run of {run:%Y-%m-%d %H} UTC", runs.offset, params
    )
    read = partial(_read, runs=runs, cells=cells, day=day, question=question, run=run)
    if not is_kept(runs.kept, question):
        pay(question, weight(len(cells), len(AHEAD), LEADS + 1), budget)
    return get_json(question, read, runs.manners, runs.kept, keep=keep)


def fetch_newest(runs: Runs, cells: Sequence[Cell], day: date, budget: Budget) -> pd.DataFrame:
    """The forecast of ``day`` from the newest run, where that may be used on ``day``.

    Raises SourceUnavailable.
    """
    params = _params(runs.model, AHEAD) | {"forecast_days": str(LEADS)}
    question = ask_for(
        runs.source, runs.newest_url, cells, f"the forecast from {day}", runs.offset, params
    )
    pay(question, weight(len(cells), len(AHEAD), LEADS), budget)
    table = get_json(
        question,
        partial(_read, runs=runs, cells=cells, day=day, question=question, run=None),
        runs.manners,
    )
    runs.newest(runs.about_url, runs.model, day).require_usable()
    return table


def fetch_previous(
    runs: Runs, cells: Sequence[Cell], days: Sequence[date], budget: Budget
) -> pd.DataFrame:
    """Forecasts of the issue ``days`` made of previous runs' hours.

    Lead l of day t is from previous_day(l + 1). Raises SourceUnavailable.
    """
    ages = range(1, OLDEST_PREVIOUS + 1)
    first, last = min(days), max(days) + timedelta(days=OLDEST_PREVIOUS - 1)
    names = {
        f"{hourly.parameter}_previous_day{age}": (hourly, age)
        for hourly in (TEMPERATURE, RAIN)
        for age in ages
    }
    params = {
        "hourly": ",".join(names),
        "models": runs.model,
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
    }
    question = ask_for(
        runs.source,
        runs.previous_url,
        cells,
        f"previous runs, {first} to {last}",
        runs.offset,
        params,
    )
    pay(question, weight(len(cells), len(names), (last - first).days + 1), budget)

    def read(body: Any) -> pd.DataFrame:
        units = {name: hourly.unit for name, (hourly, _) in names.items()}
        found = sections(body, "hourly", units, cells, question, runs.offset)
        return pd.concat(
            [_of_previous(runs, section, names, days) for section in found], ignore_index=True
        )

    return get_json(question, read, runs.manners)


def _of_previous(
    runs: Runs, section: Section, names: Mapping[str, tuple[Hourly, int]], days: Sequence[date]
) -> pd.DataFrame:
    """A cell's forecasts of issue days, each lead's values from hours old enough."""
    tables = {}
    for age in range(1, OLDEST_PREVIOUS + 1):
        series = {name: hourly for name, (hourly, made) in names.items() if made == age}
        tables[age] = daily_of_hours(section, series).set_index("time")
    rows = []
    for day in days:
        for lead in range(LEADS):
            age, valid = runs.age_for(lead, day), pd.Timestamp(day + timedelta(days=lead))
            if age in tables and valid in tables[age].index:
                rows.append(
                    tables[age]
                    .loc[[valid]]
                    .assign(init_time=pd.Timestamp(day), lead_days=lead, member=-1)
                )
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
    return per_place(_with_values(table), section.cell)


def backfill(
    runs: Runs, wanted: Mapping[date, Sequence[Cell]], budget: Budget, remarks: list[str]
) -> pd.DataFrame:
    """Forecasts of past issue days for the cells that lack them, those given first first.

    It ends with the budget or with the service. What cannot be had now comes with a later pull; a
    service that is down goes to ``remarks``, a day it never has does not.
    """
    tables, refused, row = [], dict[date, Sequence[Cell]](), 0
    for number, (day, cells) in enumerate(wanted.items(), 1):
        if row >= REFUSALS or not budget.affords(weight(len(cells), len(AHEAD), LEADS + 1)):
            break
        log.info(
            "%s: past forecast %d of %d, %s",
            runs.source,
            number,
            len(wanted),
            day,
            extra={"done": number, "of": len(wanted)},
        )
        try:
            tables.append(in_parts(partial(fetch_run, runs, day=day, budget=budget), cells))
            row = 0
        except Refused as error:
            log.info("%s", error)
            refused[day] = cells
            row += 1
        except SourceUnavailable as error:
            remarks.append(str(error))
            break
    for days, cells in _near(refused):
        tables += _fill(runs, cells, days, budget, remarks)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _near(refused: Mapping[date, Sequence[Cell]]) -> list[tuple[list[date], Sequence[Cell]]]:
    """Days that one request may bring: near each other, of the same cells."""
    groups: list[tuple[list[date], Sequence[Cell]]] = []
    for day, cells in sorted(refused.items()):
        if groups and groups[-1][1] == cells and (day - groups[-1][0][0]).days < FILLED_TOGETHER:
            groups[-1][0].append(day)
        else:
            groups.append(([day], cells))
    return groups


def _fill(
    runs: Runs, cells: Sequence[Cell], days: Sequence[date], budget: Budget, remarks: list[str]
) -> list[pd.DataFrame]:
    """Forecasts from previous runs, as far as they can be had now."""
    if not budget.affords(
        weight(len(cells), 2 * OLDEST_PREVIOUS, (max(days) - min(days)).days + OLDEST_PREVIOUS)
    ):
        return []
    try:
        return [in_parts(partial(fetch_previous, runs, days=days, budget=budget), cells)]
    except Refused as error:
        log.info("%s", error)
    except SourceUnavailable as error:
        remarks.append(str(error))
    return []


def fetch_members(
    runs: Runs, cells: Sequence[Cell], day: date, ensemble: str, budget: Budget
) -> pd.DataFrame:
    """Today's ensemble, a row a member that has any value.

    There is no row where its run is too new for the issue time. Raises SourceUnavailable, also
    where a newer run came meanwhile.
    """
    newest = runs.newest(runs.about_members_url, ensemble, day)
    if not newest.is_usable():
        log.info(
            "%s: the newest run of %s is too new for the issue time of %s",
            runs.source,
            ensemble,
            day,
        )
        return pd.DataFrame()
    params = _params(ensemble, (TEMPERATURE, RAIN)) | {"forecast_days": str(LEADS)}
    question = ask_for(
        runs.source, runs.members_url, cells, f"the ensemble from {day}", runs.offset, params
    )
    pay(question, weight(len(cells), 2 * 51, LEADS), budget)

    def read(body: Any) -> pd.DataFrame:
        found = sections(
            body,
            "hourly",
            {hourly.parameter: hourly.unit for hourly in (TEMPERATURE, RAIN)},
            cells,
            question,
            runs.offset,
        )
        return pd.concat([_members(section, day) for section in found], ignore_index=True)

    table = get_json(question, read, runs.manners)
    newest.require_usable()
    return table


def _members(section: Section, day: date) -> pd.DataFrame:
    """A cell's members: the control run is 0, ``_member01`` is 1."""
    numbers = {0} | {
        int(match[1])
        for name in section.values
        if (match := re.fullmatch(r"temperature_2m_member(\d{2,3})", name))
    }
    tables = []
    for number in sorted(numbers):
        end = f"_member{number:02d}" if number else ""
        series = {
            hourly.parameter + end: hourly
            for hourly in (TEMPERATURE, RAIN)
            if hourly.parameter + end in section.values
        }
        for name, hourly in series.items():
            section.expect(name, hourly.unit)
        tables.append(
            _with_values(_led(daily_of_hours(section, series), day).assign(member=number))
        )
    return per_place(pd.concat(tables, ignore_index=True), section.cell)


def _params(model: str, series: Sequence[Hourly]) -> dict[str, str]:
    return {"hourly": ",".join(hourly.parameter for hourly in series), "models": model}


def _read(
    body: Any,
    runs: Runs,
    cells: Sequence[Cell],
    day: date,
    question: Question,
    run: datetime | None,
) -> pd.DataFrame:
    """A run's reply as forecasts of an issue day, of the days that began after the run."""
    tables = []
    for section in sections(
        body,
        "hourly",
        {hourly.parameter: hourly.unit for hourly in AHEAD},
        cells,
        question,
        runs.offset,
    ):
        table = daily_of_hours(section, {hourly.parameter: hourly for hourly in AHEAD})
        if run is not None:
            table = table[[runs.begins(stamp.date()) >= run for stamp in table["time"]]]
        table = _with_values(_led(table, day).assign(member=-1))
        if table.empty:
            raise section.refuse(f"no whole day from {day} on")
        tables.append(per_place(table, section.cell))
    return pd.concat(tables, ignore_index=True)


def _led(table: pd.DataFrame, day: date) -> pd.DataFrame:
    """Valid days as lead_days of an issue day; other days are left out."""
    leads = (table["time"] - pd.Timestamp(day)).dt.days
    led = table.assign(init_time=pd.Timestamp(day).as_unit("ns"), lead_days=leads.astype("int64"))
    return led[leads.between(0, LEADS - 1)].drop(columns="time")


def _with_values(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that hold a value."""
    return (
        table[table.drop(columns=[key for key in KEYS if key in table]).notna().any(axis=1)]
        if len(table)
        else table
    )


def _initialised(body: Any, question: Question) -> datetime:
    try:
        return datetime.fromtimestamp(int(body["last_run_initialisation_time"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise question.unavailable("no last_run_initialisation_time", TELL_THEM) from None
