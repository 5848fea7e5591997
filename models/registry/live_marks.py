"""Marks of live forecasts in MLflow: on the run that issued each, and as a series by issue month.

Whatever was logged is not logged again: a forecast's run tells so in its tag ``verified``, the
region's run "verification" in a tag ``logged_<hazard>``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from configs import Region
from models.registry import tracking
from models.registry.database import Database
from models.registry.tracking import MetricValue
from models.verification.marks import GRADED, OPEN, RETRACTED

if TYPE_CHECKING:
    from mlflow.entities import Run

VERIFIED = "verified"
WAITING, NOT_FIRST = "open", "not the first issue of its day"
AT_ONCE = 20
"""Runs that are looked at together, the oldest first: they are closed about in this order."""
NAME = "verification"


def log_on_forecasts(database: Database, region: Region, marks: pd.DataFrame) -> None:
    """Log the scores of each forecast whose marks are all closed on the run that issued it.

    ``marks``: as Marks.frame gives them. For each hazard: ``brier/<hazard>``,
    ``brier_climatology/<hazard>`` and ``graded/<hazard>``, how many marks these are of.
    """
    while runs := _waiting(database, region):
        days = {run.data.tags["issued"] for run in runs}
        rows = marks[marks["issued"].isin(pd.to_datetime(sorted(days)))]
        open_days = set(rows.loc[rows["state"] == OPEN, "issued"].dt.strftime("%Y-%m-%d"))
        closed = sorted(days - open_days)
        for day in closed:
            _close(database, region, day, rows[rows["issued"] == pd.Timestamp(day)])
        if not closed:
            return


def _waiting(database: Database, region: Region) -> list[Run]:
    return list(
        database.client.search_runs(
            [tracking.experiment_of(database, region)],
            f"tags.kind = 'forecast' and tags.{VERIFIED} = '{WAITING}'",
            max_results=AT_ONCE,
            order_by=["attributes.start_time ASC"],
        )
    )


def _close(database: Database, region: Region, day: str, rows: pd.DataFrame) -> None:
    """Log a day's scores on its first run, and say of the others that they are not graded."""
    runs = database.client.search_runs(
        [tracking.experiment_of(database, region)],
        f"tags.kind = 'forecast' and tags.issued = '{day}'",
        order_by=["attributes.start_time ASC"],
    )
    first, *others = (str(run.info.run_id) for run in runs)
    tracking.log_metrics(database, first, list(_metrics(rows)))
    for other in others:
        database.client.set_tag(other, VERIFIED, NOT_FIRST)
    database.client.set_tag(first, VERIFIED, _became(rows))


def _became(rows: pd.DataFrame) -> str:
    """What became of a report, by all of its marks: the day of the last, or why not scored."""
    if not len(rows):
        return "nothing to grade"
    if (rows["state"] == RETRACTED).all():
        return RETRACTED
    return "late, not scored" if rows["late"].all() else str(rows["graded_on"].max().date())


def _metrics(rows: pd.DataFrame) -> Iterator[MetricValue]:
    scored = rows[(rows["state"] == GRADED) & ~rows["late"]]
    for hazard, part in scored.groupby("hazard", observed=True):
        for name, column in _SCORED.items():
            yield MetricValue(f"{name}/{hazard}", _brier(part, column), 0)
        yield MetricValue(f"graded/{hazard}", float(len(part)), 0)
    yield MetricValue("ungradable", float((~rows["state"].isin([GRADED, RETRACTED])).sum()), 0)


_SCORED = {"brier": "probability", "brier_climatology": "climatology"}


def _brier(rows: pd.DataFrame, column: str) -> float:
    error = rows[column].astype(float) - rows["outcome"].astype(float)
    return float((error**2).mean())


def log_series(database: Database, region: Region, marks: pd.DataFrame, today: date) -> None:
    """Log the Brier score of level 1 by hazard, lead and issue month on the region's own run.

    ``brier/<hazard>/lead_<days>`` or ``.../next_<days>_days``, and ``brier_climatology/...``;
    step: yyyymm. A month is logged once all of its marks of the hazard are closed.
    """
    timely = marks[~marks["late"] & (marks["level"] == 1)]
    months = timely["issued"].dt.year * 100 + timely["issued"].dt.month
    over = timely.assign(month=months)[months < today.year * 100 + today.month]
    if not len(over):
        return
    run_id, tags = _own_run(database, region)
    for hazard, rows in over.groupby("hazard", observed=True):
        key = f"logged_{hazard}"
        first_open = rows.loc[rows["state"] == OPEN, "month"].min()
        done = rows[~(rows["month"] >= first_open) & (rows["month"] > int(tags.get(key, 0)))]
        if len(done):
            tracking.log_metrics(database, run_id, list(_series(str(hazard), done)))
            database.client.set_tag(run_id, key, str(done["month"].max()))


def _series(hazard: str, rows: pd.DataFrame) -> Iterator[MetricValue]:
    scored = rows[rows["state"] == GRADED]
    keys = ["lead_days", "window_days", "month"]
    by_lead = scored.assign(window_days=scored["window_days"].where(scored["lead_days"] == 0, 1))
    for (lead, window, month), part in by_lead.groupby(keys):
        of_cell = f"lead_{lead}" if window == 1 else f"next_{window}_days"
        for name, column in _SCORED.items():
            yield MetricValue(f"{name}/{hazard}/{of_cell}", _brier(part, column), int(str(month)))


def _own_run(database: Database, region: Region) -> tuple[str, dict[str, str]]:
    """The id and the tags of the region's run "verification", made where there is none."""
    runs = database.client.search_runs(
        [tracking.experiment_of(database, region)], f"tags.kind = '{NAME}'", max_results=1
    )
    if runs:
        return str(runs[0].info.run_id), dict(runs[0].data.tags)
    with tracking.run_of(database, region, NAME, {"kind": NAME}) as run_id:
        return run_id, {}
