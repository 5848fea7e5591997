"""Grading: reports that were published become marks, and marks are closed by what was observed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import pandas as pd
import xarray as xr

from configs import Region, Settings
from configs.remarks import Remark, remark
from features.build import options_for
from features.hazards import hazards
from models.registry import Champion, Registry
from models.verification.marks import (
    OPEN,
    Define,
    Knowledge,
    Marks,
    open_marks,
    read_marks,
    updated,
    write_marks,
)
from models.verification.outcomes import Definition
from reports.exports.table import read_issued
from reports.storage.archive import MARKS
from reports.storage.ledger import FirstIssue, entries_by_day, first_issues
from reports.storage.retraction import RETRACTION, retractions, standing_retraction


@dataclass(frozen=True)
class Grading:
    """The marks after a grading. ``closed``: how many marks it closed, by their state.

    ``lost``: days whose first issue is gone, so that nothing can be graded.
    """

    marks: Marks
    closed: Mapping[str, int]
    lost: tuple[date, ...]

    @property
    def notes(self) -> tuple[Remark, ...]:
        """What a reader of the run should know."""
        counts = {
            state: self.closed.get(state, 0) for state in ("graded", "ungradable", "retracted")
        }
        still = len(self.marks.still(OPEN))
        notes = [remark("marks.closed", open=still, **counts)]
        if self.lost:
            notes.append(remark("marks.lost", days=self.lost, n=len(self.lost)))
        return tuple(notes)


def grade(region: Region, settings: Settings, knowledge: Knowledge) -> Grading:
    """Read the reports that have no marks yet, close what can be closed, keep it.

    Call it with the region's lock held. What changed nothing writes nothing.
    """
    folder = settings.published / region.name
    marks = read_marks(folder / MARKS)
    seen = marks.days
    issues = first_issues(folder, {day.isoformat() for day in seen})
    readable = {_day(one): one for one in issues if one.netcdf is not None}
    opened = [
        open_marks(read_issued(one.netcdf), one.entry.late, knowledge.define)
        for one in readable.values()
        if one.netcdf is not None
    ]
    after = updated(marks, opened, list(readable), retracted_days(folder), knowledge)
    if after is not marks:
        write_marks(after, folder / MARKS)
    lost = tuple(_day(one) for one in issues if one.netcdf is None)
    return Grading(after, _difference(marks, after), lost)


def marks_of(region: Region, settings: Settings) -> pd.DataFrame:
    """All marks of a region; none where nothing was graded yet."""
    return read_marks(settings.published / region.name / MARKS).frame()


def _day(issue: FirstIssue) -> date:
    return date.fromisoformat(issue.entry.issued)


def retracted_days(folder: Path) -> list[date]:
    """The days whose first issue was retracted; of a day that was corrected, that is its first."""
    files = {path.parent.name: path for path in folder.glob(f"????-??-??/{RETRACTION}")}
    by_day = entries_by_day(folder) if files else {}
    return [
        date.fromisoformat(day)
        for day, path in files.items()
        if day in by_day and standing_retraction(retractions(path), by_day[day][0].forecast)
    ]


def _difference(before: Marks, after: Marks) -> dict[str, int]:
    counts = [
        Counter(
            {
                one["values"]: one["counts"]
                for one in marks.table["state"].value_counts().to_pylist()
            }
        )
        for marks in (before, after)
    ]
    return {state: counts[1][state] - counts[0][state] for state in counts[1] if state != OPEN}


def definitions(
    region: Region,
    settings: Settings,
    observations: xr.Dataset,
    champions: Mapping[str, Champion],
) -> Define:
    """What an event is by each version: of champions, which are at hand, and of the registry."""
    at_hand = {
        (name, one.version): Definition(
            one.model.normals, options_for(hazards()[name], region, observations)
        )
        for name, one in champions.items()
        if one.model is not None
    }
    registry: Callable[[], Registry] = cache(lambda: Registry(settings))

    @cache
    def define(hazard: str, version: str) -> Definition | None:
        known = at_hand.get((hazard, version))
        return known or (registry().definition(region, hazard, version) if version else None)

    return define
