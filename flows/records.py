"""The pages on a region's record, written beside its reports after each forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta

import pandas as pd
import xarray as xr

import reports
from configs import Region, Settings
from data_contracts.impacts import Impact, count_faults, read_impacts
from data_contracts.store import Store
from features.hazards import hazards
from flows.run import known_before, today
from flows.train import assess, available_hazards, champions_of, out_of_fold_of
from models.registry import Champion, Registry
from models.verification import triggers
from models.verification.issued import issued_bench, outcomes_of_issued, with_outcomes
from models.verification.weather_scores import Assessment
from reports.exports.table import COLUMNS, DATES, read_forecast_csv, read_published
from reports.site.track_record import Kept
from reports.storage.archive import ArchivedReport, published
from reports.storage.ledger import late_days
from sources import is_exercise

SETTLED_DAYS = 150
"""Days after which all that a report said is known: drought's longest lead, and late records."""


def first_day(issued: date) -> date:
    """The first day whose report is held against what happened: of a year that may be unsettled.

    What was told of the years before stays as it is.
    """
    return date((issued - timedelta(days=SETTLED_DAYS)).year, 1, 1)


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

    @property
    def normals(self) -> dict[str, xr.Dataset]:
        """Each model's normals, which say what the event is."""
        return {
            name: one.model.normals for name, one in self.champions.items() if one.model is not None
        }


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


def recent_reports(region: Region, settings: Settings, until: date) -> list[ArchivedReport]:
    """The region's official reports since ``first_day``, newest first, retracted ones included.

    Those that were issued after their day are left out: nobody could have acted on them.
    """
    known = published(settings).get(region.name, ())
    late = late_days(settings.published / region.name)
    return [
        report
        for report in known
        if first_day(until) <= report.day <= until and report.day.isoformat() not in late
    ]


def issued_rows(archive: list[ArchivedReport]) -> pd.DataFrame:
    """The rows of forecast.csv of all reports that are not retracted."""
    return _together([read_published(report.folder) for report in archive])


def _together(tables: Sequence[pd.DataFrame | None]) -> pd.DataFrame:
    """Forecast tables, one after the other; of none an empty one with the same types."""
    kept = [table for table in tables if table is not None and len(table)]
    if kept:
        return pd.concat(kept, ignore_index=True)
    numbers = {"level": int, "lead_days": int, "window_days": int, "probability": float}
    types = dict.fromkeys(COLUMNS, object) | dict.fromkeys(DATES, "datetime64[ns]") | numbers
    return pd.DataFrame(columns=list(COLUMNS)).astype(types)


def benches_of(
    past: Past, issued: pd.DataFrame, outcomes: dict[str, xr.DataArray]
) -> list[triggers.Bench]:
    """The benches of the backtests and of the issued forecasts."""
    backtested = triggers.benches(past.backtests, past.assessment, past.region)
    return backtested + [
        issued_bench(hazards()[name], issued, outcome) for name, outcome in outcomes.items()
    ]


def impacts_table(region: Region, settings: Settings) -> pd.DataFrame:
    """What people saw: day (datetime64), location, hazard, time, words, photo, origin."""
    rows = [asdict(impact) for impact in read_impacts(region, settings)]
    table = pd.DataFrame(rows, columns=[field.name for field in fields(Impact)])
    return table.assign(day=pd.to_datetime(table["day"]).astype("datetime64[ns]"))


def kept_of(past: Past, issued: pd.DataFrame, outcomes: dict[str, xr.DataArray]) -> Kept:
    """What was issued, what came of it, and what people saw."""
    archive = recent_reports(past.region, past.settings, past.issued)
    retracted = [
        read_forecast_csv(report.folder / "forecast.csv")
        for report in archive
        if report.retraction is not None
    ]
    names = past.observations.coords.get("name", past.observations["location"])
    pairs = zip(past.observations["location"].values, names.values, strict=True)
    return Kept(
        with_outcomes(issued, outcomes),
        _together(retracted),
        impacts_table(past.region, past.settings),
        count_faults(past.region, past.settings),
        {str(place): str(name) for place, name in pairs},
        first_day(past.issued),
    )


def write_records(past: Past) -> None:
    """Write the pages and tables of a region's record beside its reports."""
    issued = issued_rows(recent_reports(past.region, past.settings, past.issued))
    outcomes = outcomes_of_issued(issued, past.normals, past.observations, past.region, past.issued)
    benches = benches_of(past, issued, outcomes)
    where = past.settings, past.label
    reports.write_actions(past.region, *where)
    reports.write_triggers(
        past.region,
        triggers.trigger_table(benches),
        triggers.value_table(benches),
        past.issued,
        *where,
    )
    reports.write_track_record(past.region, kept_of(past, issued, outcomes), *where)
