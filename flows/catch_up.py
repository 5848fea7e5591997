"""Catching up: the days that no run has published, and a day that needs no second run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import xarray as xr

from configs.remarks import Remark, as_remark, remark
from flows.forecast import make_forecast
from flows.issue import Issue
from flows.orchestration import reason_of
from flows.platforms import hand_over
from flows.progress import stage
from flows.provenance import origin_of
from flows.run import Outcome, known_before
from reports import write_index
from reports.site.notices import apply_notices
from reports.storage.archive import SCORES, ArchivedReport, report_folders

MAX_DAYS = 31
"""Missing days are issued as far back as this; what was missed before stays missing."""


def missing_days(published: Path, issued: date) -> list[date]:
    """The days after the newest report of before ``issued``, up to it; none before the first."""
    newest = max((day for day in report_folders(published) if day < issued), default=None)
    if newest is None:
        return []
    first = newest + timedelta(days=1)
    return [first + timedelta(days=n) for n in range((issued - first).days)]


def catch_up(issue: Issue, observations: xr.Dataset) -> tuple[Remark, ...]:
    """Issues the days that were missed before an issue, the oldest first, each as late.

    Each is made from what was known on its morning. ``observations``: the whole record. Returns
    what came of it: a day that cannot be issued stops neither the others nor today's.
    """
    missed = missing_days(issue.folder.parent, issue.issued)
    return tuple(_caught_up(issue, observations, missed))


def _caught_up(issue: Issue, observations: xr.Dataset, missed: list[date]) -> Iterator[Remark]:
    if len(missed) > MAX_DAYS:
        first, last = missed[0], missed[-MAX_DAYS - 1]
        yield remark("forecast.never_issued", first=first, last=last, n=len(missed) - MAX_DAYS)
    for day in missed[-MAX_DAYS:]:
        try:
            with stage(f"catch up {day}"):
                make_forecast(late_issue(issue, observations, day))
        except Exception as error:
            yield remark("forecast.not_caught_up", day=day, reason=reason_of(error))


def late_issue(issue: Issue, observations: xr.Dataset, day: date) -> Issue:
    """The forecast of a day that was missed, as it would have been made on its morning."""
    return replace(
        issue,
        issued=day,
        observations=known_before(observations, day),
        folder=issue.folder.parent / day.isoformat(),
        late=True,
        degraded=(),
        notes=(remark("forecast.issued_late", day=issue.issued),),
    )


def published_whole(issue: Issue) -> Outcome | None:
    """The outcome of an issue whose report lies there already, made from the same and degraded by
    nothing; None where it has to be made.

    What the duty officer says of it since is put beside it, and platforms that did not take it get
    it.
    """
    report = ArchivedReport(issue.region.name, issue.issued, issue.folder)
    try:
        provenance = report.provenance
    except FileNotFoundError:
        return None
    same = all(provenance.get(name) == value for name, value in origin_of(issue).items())
    if provenance.get("degraded") or not same or len(report.papers) < len(report.languages):
        return None
    apply_notices(issue.folder, issue.region, issue.settings)
    write_index(issue.settings)
    scores = issue.folder / SCORES
    table = pd.read_csv(scores) if scores.is_file() else pd.DataFrame()
    notes = tuple(as_remark(words) for words in provenance.get("notes") or ())
    degraded = (*issue.degraded, *hand_over(issue))
    return Outcome(issue.region.name, issue.folder, degraded, notes, table)
