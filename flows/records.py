"""The pages on a region's record, written beside its reports after each forecast."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

import reports
from configs import Region, Settings
from data_contracts.impacts import Impact, count_faults, read_impacts
from flows.grading import retracted_days
from flows.past import Past
from flows.trigger_tables import trigger_tables
from models.verification.marks import RETRACTED, UNGRADABLE
from reports.exports.table import read_published
from reports.site.track_record import Kept
from reports.storage.ledger import entries_by_day, late_days

AHEAD = timedelta(days=9)
"""The days of a report, but for those that an index is foretold for."""


def held_of(marks: pd.DataFrame) -> pd.DataFrame:
    """The timely marks that were not retracted, as rows of forecast.csv with ``outcome``."""
    return _plain(marks[~marks["late"] & (marks["state"] != RETRACTED)])


def _plain(marks: pd.DataFrame) -> pd.DataFrame:
    """Marks whose texts are texts: tables are grouped by what is there, not by every category."""
    return marks.astype(dict.fromkeys(marks.select_dtypes("category").columns, object))


def impacts_table(region: Region, settings: Settings) -> pd.DataFrame:
    """What people saw: day (datetime64), location, hazard, time, words, photo, origin."""
    rows = [asdict(impact) for impact in read_impacts(region, settings)]
    table = pd.DataFrame(rows, columns=[field.name for field in fields(Impact)])
    return table.assign(day=pd.to_datetime(table["day"]).astype("datetime64[ns]"))


def kept_of(past: Past, marks: pd.DataFrame, held: pd.DataFrame) -> Kept:
    """What was issued, what came of it, and what people saw."""
    names = past.observations.coords.get("name", past.observations["location"])
    pairs = zip(past.observations["location"].values, names.values, strict=True)
    seen = impacts_table(past.region, past.settings)
    return Kept(
        held,
        _plain(marks[~marks["late"] & (marks["state"] == RETRACTED)]),
        report_days(past.settings.published / past.region.name),
        seen,
        count_faults(past.region, past.settings),
        {str(place): str(name) for place, name in pairs},
        _of_areas(past, seen),
    )


def _of_areas(past: Past, seen: pd.DataFrame) -> pd.DataFrame:
    """What was forecast for the areas of a grid on the days of impacts, as rows of marks.

    Nobody observes an area, so that none of them is graded. Empty where there is no grid.
    """
    folder, days = past.settings.published / past.region.name, set(seen["day"].dt.date)
    if past.region.grid is None or not days:
        return pd.DataFrame()
    near = [
        report
        for report in report_days(folder)
        if any(report <= day <= report + AHEAD for day in days)
    ]
    tables = [read_published(folder / report.isoformat()) for report in near]
    rows = pd.concat([pd.DataFrame(), *(one for one in tables if one is not None)])
    if rows.empty:
        return rows
    there = rows["valid"].isin(seen["day"]) & rows["location"].isin(seen["location"])
    return rows[there].assign(outcome=np.nan, state=UNGRADABLE)


def report_days(folder: Path) -> list[date]:
    """The days with a report that was neither late nor retracted."""
    out = {day.isoformat() for day in retracted_days(folder)} | late_days(folder)
    return [date.fromisoformat(day) for day in sorted(entries_by_day(folder)) if day not in out]


def write_records(past: Past, marks: pd.DataFrame) -> None:
    """Write the pages and tables of a region's record beside its reports; ``marks``: all of it."""
    held = held_of(marks)
    where = past.settings, past.label
    reports.write_actions(past.region, *where)
    reports.write_triggers(past.region, *trigger_tables(past, held), past.issued, *where)
    reports.write_track_record(past.region, kept_of(past, marks, held), *where)
