"""Handing over: each official forecast goes to the platforms that the region names, and officers
are told what is new in it.

Who does not take it fails no run: the report is out, the run is degraded and says why, and the next
one hands over what is missing.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from configs import Region, RiskError, Settings
from configs.remarks import Remark, remark
from configs.whole_files import write_whole
from flows.notifications import notify
from flows.progress import stage
from reports.exports.datastreams import chance_series
from reports.exports.table import read_forecast_csv
from reports.exports.weather_alerts import alert_entities, last_day
from reports.storage.archive import CSV, ArchivedReport
from reports.view.areas import as_told
from sources.common.http_messages import RetryPolicy
from sources.common.platforms import PATIENCE, ngsi_ld, sensor_things

if TYPE_CHECKING:  # it imports Prefect, which the commands of a notice need not
    from flows.issue import Issue


def hand_over(issue: Issue) -> tuple[Remark, ...]:
    """Hand the published report of an issue to the region's platforms and to officers.

    See ``deliver`` and ``notify``. One that is not official, or late, is handed to none: its days
    are those of the reports after. Returns a message on each that did not take it.
    """
    if not issue.official or issue.late:
        return ()
    return (*_to_platforms(issue), *notify(issue.region, issue.settings, issue.folder))


def _to_platforms(issue: Issue) -> tuple[Remark, ...]:
    names = issue.region.publish_to.names
    if not names:
        return ()
    with stage(f"hand over to {', '.join(names)}") as say:
        undelivered = deliver(issue.region, issue.settings, issue.folder)
        say(taken=len(names) - len(undelivered), not_taken=len(undelivered))
    return undelivered


def deliver(
    region: Region, settings: Settings, folder: Path, policy: RetryPolicy = PATIENCE
) -> tuple[Remark, ...]:
    """Hand the report in a published folder to the region's platforms.

    Returns a message on each that did not take it. A retracted report takes its entities away.
    """
    day = date.fromisoformat(folder.name)
    report = ArchivedReport(region.name, day, folder)
    sent = datetime.fromisoformat(report.provenance["sent"])
    table = None if report.retraction else read_forecast_csv(folder / CSV)
    undelivered = []
    for name, send in (("ngsi_ld", _to_broker), ("sensor_things", _to_service)):
        try:
            send(as_told(region), settings, table, sent, report.label, policy)
        except RiskError as error:
            undelivered.append(
                remark("platform.undelivered", source=name, day=day, reason=error.remark)
            )
    return tuple(undelivered)


def _to_broker(
    region: Region,
    settings: Settings,
    table: pd.DataFrame | None,
    sent: datetime,
    label: str,
    policy: RetryPolicy,
) -> None:
    """Keep the coloured cells' entities, and take away those that are green or over by now.

    One that was sent before and of which this forecast says nothing stands until its day is over:
    no number is no all-clear. ``table``: None for a retracted report.
    """
    recipient = ngsi_ld.recipient_of(region, policy)
    if recipient is None:
        return
    path = settings.data / "platforms" / region.name / "ngsi_ld.json"
    before = set(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else set()
    if table is None:  # retracted: nothing of it stands
        recipient.delete(sorted(before))
        _write(path, [])
        return
    entities = alert_entities(table, region, sent, label)
    day = table["issued"].iloc[0].date() if len(table) else sent.date()
    over = {identity for identity in before if last_day(identity) < day}
    gone = (before - set(entities.coloured)) & (entities.green | over)
    _write(path, sorted(before | set(entities.coloured)))  # also where the broker fails midway
    recipient.upsert(list(entities.coloured.values()))
    recipient.delete(sorted(gone))
    _write(path, sorted((before | set(entities.coloured)) - gone))


def _write(path: Path, identities: list[str]) -> None:
    write_whole(path, json.dumps(identities, indent=1) + "\n")


def _to_service(
    region: Region,
    settings: Settings,
    table: pd.DataFrame | None,
    sent: datetime,
    label: str,
    policy: RetryPolicy,
) -> None:
    delivery = sensor_things.delivery_of(region, policy)
    if delivery is None or table is None:
        return
    delivery.hand_over(
        [
            sensor_things.Series(
                one.thing, one.sensor, one.observed_property, one.datastream, one.observations
            )
            for one in chance_series(table, region, sent, label)
        ]
    )
