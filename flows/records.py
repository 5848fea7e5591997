"""The pages on a region's record, written beside its reports after each forecast."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path

import pandas as pd
import xarray as xr

import reports
from configs import Region, Settings
from data_contracts.impacts import Impact, count_faults, read_impacts
from data_contracts.store import Store
from features.hazards import hazards
from flows.grading import retracted_days
from flows.run import known_before, today
from flows.train import assess, available_hazards, champions_of, out_of_fold_of
from models.registry import Champion, Registry
from models.verification import triggers
from models.verification.issued import issued_bench
from models.verification.marks import RETRACTED
from models.verification.weather_scores import Assessment
from reports.site.track_record import Kept
from reports.storage.ledger import entries_by_day, late_days
from sources import is_exercise


@dataclass(frozen=True)
class Past:
    """What a region's record is told from, on an issue day. Observations from it on are not read.

    ``champions`` by hazard say what an event is and hold the backtests.
    """

    region: Region
    settings: Settings
    issued: date
    observations: xr.Dataset
    champions: dict[str, Champion]
    assessment: Assessment

    @property
    def label(self) -> str:
        """EXERCISE where the record is made up, else empty."""
        return "EXERCISE" if is_exercise(self.region) else ""

    @property
    def backtests(self) -> dict[str, xr.Dataset]:
        """The champions' out-of-fold predictions by hazard."""
        return out_of_fold_of(self.champions)


def past_of(region: Region, settings: Settings) -> Past:
    """What the region's record is told from today. Raises RiskError without a stored record."""
    observations = Store(settings, region).observations()
    issued = today(region, observations)
    known = known_before(observations, issued)
    possible = available_hazards(known, region)
    champions = champions_of(region, Registry(settings), possible.hazards, known)
    tested = out_of_fold_of(champions)
    return Past(
        region, settings, issued, known, champions, assess(tested, region, possible.missing)
    )


def held_of(marks: pd.DataFrame) -> pd.DataFrame:
    """The timely marks that were not retracted, as rows of forecast.csv with ``outcome``."""
    return _plain(marks[~marks["late"] & (marks["state"] != RETRACTED)])


def _plain(marks: pd.DataFrame) -> pd.DataFrame:
    """Marks whose texts are texts: tables are grouped by what is there, not by every category."""
    return marks.astype(dict.fromkeys(marks.select_dtypes("category").columns, object))


def benches_of(past: Past, held: pd.DataFrame) -> list[triggers.Bench]:
    """The benches of the backtests and of the issued forecasts; ``held``: of ``held_of``."""
    backtested = triggers.benches(past.backtests, past.assessment, past.region)
    names = sorted(set(held["hazard"]) & set(hazards()))
    return backtested + [issued_bench(hazards()[name], held) for name in names]


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
    benches = benches_of(past, held)
    where = past.settings, past.label
    reports.write_actions(past.region, *where)
    reports.write_triggers(
        past.region,
        triggers.trigger_table(benches),
        triggers.value_table(benches),
        past.issued,
        *where,
    )
    reports.write_track_record(past.region, kept_of(past, marks, held), *where)
