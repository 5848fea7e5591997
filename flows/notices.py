"""Notices: what the duty officer says of a report that is out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from configs import RiskError, Settings, clock
from configs.remarks import Remark
from flows.check import open_region
from flows.run import region_lock


def retract(name: str, issued: date, reason: str) -> tuple[Path, tuple[Remark, ...]]:
    """Retracts a region's published report for a reason that its pages and the index then tell.

    Platforms that hold the newest report's alerts take them away, and officers are told. Returns
    its folder, and a message on each that did not take it. Raises RiskError.
    """
    from flows.notifications import notify
    from flows.platforms import deliver
    from reports import write_index
    from reports.site import notices

    settings, region = Settings.from_environment(), open_region(name)
    with region_lock(region, settings):
        folder = notices.retract(region, issued, reason, settings, clock.now())
        write_index(settings)
        newest = issued == notices.newest_published(region, settings)
        undelivered = deliver(region, settings, folder) if newest else ()
        return folder, (*undelivered, *notify(region, settings, folder))


def note(
    name: str, text: str, issued: date | None = None
) -> tuple[date, Path | None, tuple[Remark, ...]]:
    """Puts the duty officer's note beside a region's report; empty text takes it away.

    Beside the newest report unless ``issued`` is given. Officers are told.

    Returns the day, the folder of its report where it is published already, and a message on each
    address that did not take it. Raises RiskError.
    """
    from flows.notifications import notify
    from reports.site import notices

    settings, region = Settings.from_environment(), open_region(name)
    with region_lock(region, settings):
        day = issued or notices.newest_published(region, settings)
        if day is None:
            raise RiskError(
                f"{region.name}: found no published report, expected one to put the note beside;"
                " name its day with --date."
            )
        notices.write_note(region, day, text, settings)
        folder = settings.published / region.name / day.isoformat()
        if not (folder / "provenance.json").is_file():
            return day, None, ()
        notices.apply_notices(folder, region, settings)
        return day, folder, notify(region, settings, folder)
