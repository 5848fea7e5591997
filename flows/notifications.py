"""Notifications: officers are sent what a published report tells anew, once each.

What was told lies in data/notifications/<region>.json, by address: the ``told`` news, and the day
``since`` which reports are looked through for what was not. It is written once an address has taken
its message. So a run that is killed in between sends one message twice, and none is lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from configs import Region, Settings
from configs.remarks import Remark, remark
from configs.whole_files import write_whole
from flows.progress import stage
from reports.exports.news import News, news_of, to_tell
from reports.exports.notification import Notification, notification
from reports.storage.archive import ArchivedReport, report_folders
from reports.storage.ledger import late_days
from sources.common.notifications import NOTIFY, Address, addresses_of, region_variable, send

MOST_TOLD = 500
"""News remembered of an address, the newest: those of months."""


@dataclass(frozen=True)
class _Memory:
    """What an address was told. ``since``: ISO; "" where it was never told anything."""

    since: str = ""
    told: tuple[str, ...] = ()


def notify(region: Region, settings: Settings, folder: Path) -> tuple[Remark, ...]:
    """Sends to each address what the report in a published folder tells that it was not told yet.

    And what earlier reports told that it did not take. Addresses stand in the environment:
    CLIMATE_RISK_NOTIFY and CLIMATE_RISK_NOTIFY_<REGION>. Returns a message on each that did not
    take it, which the next call tries again. Nothing is sent where there is nothing new. To be
    called by whoever holds the region's lock.
    """
    addresses = addresses_of(NOTIFY, region_variable(region.name))
    if not addresses:
        return ()
    path = settings.data / "notifications" / f"{region.name}.json"
    memories = _read(path)
    untaken = []
    for address in addresses:
        before = memories.get(address.key, _Memory())
        reports = _reports(settings.published / region.name, folder, before.since)
        news = [one for report in reports for one in news_of(report)]
        newest = max(reports, key=lambda report: report.day)
        due = to_tell(news, set(before.told), _sent(newest), first=not before.since)
        why = _tell(address, due, notification(due, newest, region)) if due else None
        if why is None:
            memories[address.key] = _after(before, news, newest)
        else:
            since = min(before.since or folder.name, folder.name)
            memories[address.key] = _Memory(since, before.told)
            untaken.append(_untaken(address, folder, why))
        _write(path, memories)
    return tuple(untaken)


def _tell(address: Address, due: Sequence[News], message: Notification) -> Remark | None:
    with stage(f"notify {address.scheme} {address.number}") as say:
        why = send(address, message.subject, message.text)
        say(f"news: {len(due)}" if why is None else "not taken")
    return why


def _untaken(address: Address, folder: Path, why: Remark) -> Remark:
    return remark(
        "notify.undelivered",
        number=address.number,
        variable=address.variable,
        scheme=address.scheme,
        day=date.fromisoformat(folder.name),
        reason=why,
    )


def _reports(published: Path, folder: Path, since: str) -> list[ArchivedReport]:
    """The report of a folder and those from a day on, the oldest first; late ones tell nothing.

    Where nothing was told yet, that of the folder alone.
    """
    late = late_days(published)
    return [
        ArchivedReport(published.name, day, path)
        for day, path in report_folders(published).items()
        if path == folder or (since and path.name >= since and path.name not in late)
    ]


def _sent(report: ArchivedReport) -> datetime:
    """When a report was sent: by the record's clock that is long ago."""
    return datetime.fromisoformat(str(report.provenance["sent"]))


def _after(before: _Memory, news: Sequence[News], newest: ArchivedReport) -> _Memory:
    """What an address knows once it was told all of the news, or there was nothing to tell."""
    told = dict.fromkeys((*before.told, *(one.identity for one in news)))
    since = max(before.since, newest.day.isoformat())
    return _Memory(since, tuple(told)[-MOST_TOLD:])


def _read(path: Path) -> dict[str, _Memory]:
    """The memory; of a file that is none nobody was told anything, which tells it once more."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(key): _Memory(str(one["since"]), tuple(map(str, one["told"])))
            for key, one in stored.items()
        }
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(path: Path, memories: dict[str, _Memory]) -> None:
    stored = {
        key: {"since": one.since, "told": list(one.told)} for key, one in sorted(memories.items())
    }
    text = json.dumps(stored, indent=1) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_whole(path, text)
