"""What leaves this machine once a report is out: to the city's platforms, and to officers.

Neither fails a run: what is not taken degrades it, and the next one hands over what is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from configs import Region, Settings
from configs.remarks import Remark
from flows.notifications import notify
from flows.platforms import deliver
from flows.progress import stage

if TYPE_CHECKING:  # it imports Prefect, which the commands of a notice need not
    from flows.issue import Issue


def hand_over(issue: Issue) -> tuple[Remark, ...]:
    """Hands the published report of an issue to the region's platforms and to officers.

    One that is not official, or late, is handed to none: its days are those of the reports after.
    Returns a message on each that did not take it.
    """
    if not issue.official or issue.late:
        return ()
    undelivered: tuple[Remark, ...] = ()
    if names := issue.region.publish_to.names:
        with stage(f"hand over to {', '.join(names)}") as say:
            undelivered = deliver(issue.region, issue.settings, issue.folder)
            say(f"{len(undelivered)} platforms did not take it" if undelivered else "done")
    return (*undelivered, *notify(issue.region, issue.settings, issue.folder))


def hand_over_again(
    region: Region, settings: Settings, folder: Path, newest: bool
) -> tuple[Remark, ...]:
    """Hands over what was said since of a published report, as ``hand_over`` does.

    Platforms hold the ``newest`` report alone.
    """
    undelivered = deliver(region, settings, folder) if newest else ()
    return (*undelivered, *notify(region, settings, folder))
