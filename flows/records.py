"""The pages on a region's record, written beside its reports after each forecast."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import date
from pathlib import Path

import pandas as pd

import reports
from configs import Region, Settings
from data_contracts.impacts import Impact, count_faults, read_impacts
from flows.grading import retracted_days
from flows.past import Past
from flows.trigger_tables import trigger_tables
from models.verification.marks import RETRACTED
from reports.site.track_record import Kept
from reports.storage.ledger import entries_by_day, late_days


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
    return Kept(
        held,
        _plain(marks[~marks["late"] & (marks["state"] == RETRACTED)]),
        report_days(past.settings.published / past.region.name),
        impacts_table(past.region, past.settings),
        count_faults(past.region, past.settings),
        {str(place): str(name) for place, name in pairs},
    )


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
