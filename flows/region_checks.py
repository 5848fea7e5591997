"""What is looked at of one region: its report, its data, the contract, drift, and the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region, RiskError, Settings
from configs.remarks import read_stored
from data_contracts.batch import Source
from data_contracts.tiled_store import AnyStore, open_store
from flows.heartbeat import last_beat
from flows.standing import Check, State, made
from models.verification.drift import (
    MIN_BLOCKS,
    RECENT_DAYS,
    calibration_drift,
    input_drift,
)
from reports.storage.archive import MARKS, ArchivedReport, report_folders
from reports.storage.ledger import LEDGER, broken, entries, late_days
from sources import sources_of

GRACE = timedelta(hours=1)
"""After the hour of the schedule until the day's report must be there."""
NEWEST_DAYS = 7
"""Days before the newest whose withheld values are counted."""
MOST_WITHHELD = 0.05
"""The share of the newest values from which on something is wrong with a source, as in a batch."""
DRIFTED = 0.30
"""The share outside of the training range from which on an input is told. In the months of three
faultless records (Tunis, Melilla, CAMELS 01031500) weather reached .33, the median is 0."""
FILES_COMPARED = 30
"""Newest days whose files are held against the ledger; ``ledger check`` compares all."""
CALIBRATION_DAYS = 365
"""Days of late whose graded chances are held against what came."""
MARKS_READ = [
    *("hazard", "level", "valid", "lead_days", "window_days"),
    *("probability", "outcome", "state", "late"),
]
MISCALIBRATED = 3.0
"""Standard errors: by chance 3 in 1,000."""


@dataclass(frozen=True)
class Looked:
    """A region that is looked at, and when (UTC)."""

    region: Region
    settings: Settings
    now: datetime

    @cached_property
    def store(self) -> AnyStore:
        """The region's store."""
        return open_store(self.settings, self.region)

    @cached_property
    def observations(self) -> xr.Dataset:
        """The record. Raises RiskError."""
        return self.store.observations().drop_vars("source", errors="ignore")

    @cached_property
    def newest(self) -> date:
        """The newest day on which anything was observed. Raises RiskError."""
        return _newest(self.observations, "time")

    @cached_property
    def due(self) -> date:
        """The day whose report must be there by now. Raises RiskError by the record's clock."""
        if self.region.clock == "record":
            return self.newest + timedelta(days=1)
        today = self.now.astimezone(self.region.zone).date()
        waits = self.now < self.region.issue_time(today) + GRACE
        return today - timedelta(days=1) if waits else today

    @cached_property
    def report(self) -> ArchivedReport | None:
        """The newest report, if any."""
        folders = report_folders(self.settings.published / self.region.name)
        if not folders:
            return None
        newest = max(folders)
        return ArchivedReport(self.region.name, newest, folders[newest])


def region_checks(looked: Looked) -> Iterator[Check]:
    """The checks of a region, in the order in which they are told."""
    yield from made("report", partial(_report, looked), "failed")
    if looked.store.stored:
        yield from made("data", partial(_data, looked))
        yield from made("contract", partial(_contract, looked))
        yield from made("inputs", partial(_inputs, looked))
    else:
        cure = f"nothing is stored yet; run climate-risk daily {looked.region.name}."
        yield Check("data", cure, "degraded")
    yield from made("calibration", partial(_calibration, looked))
    yield from made("ledger", partial(_ledger, looked))
    yield from made("next run", partial(_next_run, looked))


def _report(looked: Looked) -> Iterator[Check]:
    name, report = looked.region.name, looked.report
    if report is None:
        cure = f"none was published yet; run climate-risk daily {name}."
        yield Check("report", cure, "failed")
        return
    late = report.day.isoformat() in late_days(report.folder.parent)
    sent = datetime.fromisoformat(str(report.provenance["sent"])).astimezone(looked.region.zone)
    beat = last_beat(name, looked.settings)
    values = {
        "day": report.day.isoformat(),
        "due": looked.due.isoformat(),
        "sent": sent.isoformat(),
        "late": late,
        "last_good_run": beat.isoformat() if beat else None,
    }
    sentence = f"{report.day}, sent {sent:%Y-%m-%d %H:%M %Z}{', issued late' if late else ''}"
    check = partial(Check, "report", values=values)
    if report.day < looked.due:
        days = (looked.due - report.day).days
        yield check(
            f"{sentence}; expected that of {looked.due}, days missing: {days}; see why the last "
            f"runs failed, then run climate-risk daily {name}.",
            "failed",
        )
    elif report.retraction:
        why = report.retraction.reason.rstrip(".")
        cure = f"once that is mended, run climate-risk daily {name}."
        yield check(f"{sentence}; it is retracted ({why}); {cure}", "failed")
    else:
        yield check(f"{sentence}.")
    for key, sentences in _degraded_by(report).items():
        yield Check(key, " ".join(sentences), "degraded")


def _degraded_by(report: ArchivedReport) -> dict[str, list[str]]:
    """What degraded a report, by a key that is the same from day to day."""
    by_key: dict[str, list[str]] = {}
    texts = report.provenance.get("degraded") or ()
    data = (report.provenance.get("remarks") or {}).get("degraded")
    for message in read_stored(texts, data):
        source = message.values.get("source")
        named = f" {source}" if isinstance(source, str) else ""
        by_key.setdefault(f"degraded {message.code}{named}", []).append(str(message))
    return by_key


def _data(looked: Looked) -> Iterator[Check]:
    looked.store.verify()
    for source in sources_of(looked.region):
        yield from made(f"data {source.name}", partial(_source, looked, source))


def _source(looked: Looked, source: Source) -> Iterator[Check]:
    stored = looked.store.fetch_request(source.name).stored
    key = f"data {source.name}"
    if stored.observations is None and stored.forecasts is None:
        yield Check(key, "nothing of it is stored; see what the last run said of it.", "degraded")
        return
    parts, values, overdue = list[str](), dict[str, object](), 0
    for what, dataset, axis, delay in (
        ("newest day", stored.observations, "time", source.delay_days),
        ("newest forecast", stored.forecasts, "init_time", source.run_delay_days),
    ):
        if dataset is None or not dataset.sizes[axis]:
            continue
        newest, expected = _newest(dataset, axis), looked.due - timedelta(days=delay)
        late = max((expected - newest).days, 0)
        overdue = max(overdue, late)
        parts.append(f"{what} {newest}" + (f", expected {expected}" if late else ""))
        values[what.replace(" ", "_")] = newest.isoformat()
        values.setdefault("age_days", (looked.due - newest).days)
    cure = "; see whether it still delivers" if overdue else ""
    if overdue and source.own_files:
        cure += f", or say `source_options: {{{source.name}: {{delay_days: ...}}}}`"
    state: State = "degraded" if overdue else "ok"
    yield Check(key, f"{'; '.join(parts)}{cure}.", state, values | {"overdue_days": overdue})


def _newest(dataset: xr.Dataset, axis: str) -> date:
    """The newest day on which anything is known. Raises RiskError where nothing is."""
    for size in (60, dataset.sizes[axis]):
        part = dataset.isel({axis: slice(-size, None)}).compute()
        known = np.zeros(part.sizes[axis], dtype=bool)
        for values in part.data_vars.values():
            others = [dim for dim in values.dims if dim != axis]
            known |= values.notnull().any(others).values
        if known.any():
            return pd.Timestamp(part[axis].values[known][-1]).date()
    raise RiskError("no value at all, expected some; deliver observations and pull again.")


def _contract(looked: Looked) -> Iterator[Check]:
    newest = pd.Timestamp(looked.newest)
    first = newest - pd.Timedelta(days=NEWEST_DAYS - 1)
    withheld, flagged = looked.store.withheld(), looked.store.flagged()
    late, doubted = (int((cells["time"] >= first).sum()) for cells in (withheld, flagged))
    part = looked.observations.sel(time=slice(first, newest)).compute()
    passed = sum(int(values.count()) for values in part.data_vars.values())
    share = late / max(late + passed, 1)
    sentence = (
        f"of the newest {NEWEST_DAYS} days {late} values are withheld and {doubted} in doubt, "
        f"{passed:,} passed; {len(withheld):,} are withheld in all"
    )
    values = {
        "withheld": late,
        "in_doubt": doubted,
        "passed": passed,
        "withheld_all": len(withheld),
    }
    wrong = share > MOST_WITHHELD
    cure = "; see published/data-docs for which, and look at that source." if wrong else "."
    yield Check("contract", sentence + cure, "degraded" if wrong else "ok", values)


def _inputs(looked: Looked) -> Iterator[Check]:
    drifts = input_drift(looked.observations, looked.newest)
    if not drifts:
        yield Check("inputs", "too few years to tell what is usual.")
        return
    worst = max(drifts, key=lambda one: one.share)
    values = {one.variable: round(one.share, 3) for one in drifts}
    moved = [one for one in drifts if one.share > DRIFTED]
    if moved:
        shares = ", ".join(f"{one.variable} {one.share:.0%}" for one in moved)
        sentence = (
            f"of the last {RECENT_DAYS} days' values these lie outside of what the season has in "
            f"98 of 100 cases: {shares} (told from {DRIFTED:.0%} on); see whether the source or a "
            "sensor changed, or trust the chances less."
        )
        yield Check("inputs", sentence, "degraded", values)
    else:
        yield Check(
            "inputs",
            f"within their training range: at most {worst.share:.0%} of the last {RECENT_DAYS} "
            f"days' values lie outside ({worst.variable}; usual are 2%).",
            values=values,
        )


def _calibration(looked: Looked) -> Iterator[Check]:
    path = looked.settings.published / looked.region.name / MARKS
    if not path.is_file():
        yield Check("calibration", "no marks yet: no forecast has been graded.")
        return
    first = looked.now.date() - timedelta(days=CALIBRATION_DAYS)
    recent = [("valid", ">=", first), ("state", "==", "graded")]
    drifts = list(calibration_drift(pd.read_parquet(path, columns=MARKS_READ, filters=recent)))
    enough = [one for one in drifts if one.blocks >= MIN_BLOCKS]
    if not enough:
        most = max((one.blocks for one in drifts), default=0)
        yield Check("calibration", f"too early: {most} of {MIN_BLOCKS} weeks are graded.")
        return
    values = {f"{one.hazard} {one.level}": round(one.z, 2) for one in enough}
    wrong = [one for one in enough if abs(one.z) > MISCALIBRATED]
    shown = wrong or [max(enough, key=lambda one: one.n)]
    chances = "; ".join(
        f"{one.hazard.replace('_', ' ')} level {one.level}: {one.forecast:.1%} was said and "
        f"{one.observed:.1%} came"
        for one in shown
    )
    if wrong:
        cure = "; see the scoreboard, and train anew."
        yield Check("calibration", f"chances do not come true: {chances}{cure}", "degraded", values)
    else:
        yield Check("calibration", f"chances come true ({chances}).", values=values)


def _ledger(looked: Looked) -> Iterator[Check]:
    folder = looked.settings.published / looked.region.name
    if not (folder / LEDGER).is_file():
        yield Check("ledger", "none yet.")
        return
    lines = entries(folder)
    problem = broken(folder, FILES_COMPARED)
    sentence = f"whole: {len(lines)} lines; files of the newest {FILES_COMPARED} days compared."
    yield Check(
        "ledger", problem or sentence, "degraded" if problem else "ok", {"lines": len(lines)}
    )


def _next_run(looked: Looked) -> Iterator[Check]:
    today = looked.now.astimezone(looked.region.zone).date()
    times = (looked.region.issue_time(today + timedelta(days=n)) for n in range(2))
    following = next(when for when in times if when > looked.now)
    sentence = f"{following:%Y-%m-%d %H:%M} {looked.region.timezone}, by the region file."
    yield Check("next run", sentence, values={"at": following.isoformat()})
