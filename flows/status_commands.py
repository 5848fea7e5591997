"""The commands that tell how a home stands: status and watch."""

from __future__ import annotations

import argparse
import json
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from configs import Settings
from configs.collection import no_collection
from flows.command_line import REGION, Add, add_command

if TYPE_CHECKING:
    from flows.standing import Check, HomeStatus, Standing

WIDTH, LABEL = 100, 23
MARKS = {"ok": "ok", "degraded": "LOOK", "failed": "FAIL"}


def add_status_commands(add: Add) -> None:
    """Adds the commands to a command line, whose ``add_parser`` is given."""
    text = "tell how each region stands: report, data, drift, disk, next run"
    detail = (
        "It reads alone and starts no server. Exit status: 0 all is well; 3 something is degraded; "
        "1 there is no usable report of today, or nothing has run here."
    )
    status = add_command(add, "status", text, _status, detail)
    status.add_argument("region", metavar="REGION", nargs="?", help=f"{REGION} (default: all)")
    status.add_argument("--json", action="store_true", help="as JSON, for programs")
    text = "look at what status tells, and notify once of each problem and once of its end"
    detail = (
        "To addresses in CLIMATE_RISK_NOTIFY_OPERATOR, else in CLIMATE_RISK_NOTIFY. Exit status: "
        "that of climate-risk status, and 3 where an address did not take a notification."
    )
    watch = add_command(add, "watch", text, _watch, detail)
    watch.add_argument("regions", metavar="REGION", nargs="*", help=f"{REGION} (default: all)")


def _status(given: argparse.Namespace) -> int:
    with no_collection():
        from flows.status import home_status

    status = home_status([given.region] if given.region else [], Settings.from_environment())
    print(json.dumps(as_json(status), indent=1) if given.json else as_text(status))
    return status.status


def _watch(given: argparse.Namespace) -> int:
    from flows.summary import told_degraded
    from flows.watching import look

    seen = look(given.regions, Settings.from_environment())
    for key, check in seen.status.problems.items():
        print(f"{MARKS[check.state]:<6}{key:<34}{check.sentence}")
    print(seen.status.verdict)
    told_degraded(seen.unheard)
    return seen.exit_status


def as_text(found: HomeStatus) -> str:
    """One screen a region: a line a check, and the verdict at the end."""
    blocks = [_block(one) for one in found.standings]
    when = f"{found.at:%Y-%m-%d %H:%M} UTC"
    return "\n\n".join([*blocks, f"{when}: {found.verdict}"])


def _block(one: Standing) -> str:
    title = f"{one.title} ({one.region})" if one.region else f"Home {one.title}"
    return "\n".join([title, *(_line(check) for check in one.checks)])


def _line(check: Check) -> str:
    start = f"  {MARKS[check.state]:<6}{check.key:<{LABEL}} "
    room = WIDTH - len(start)
    lines = textwrap.wrap(check.sentence, room, break_long_words=False, break_on_hyphens=False)
    return start + ("\n" + " " * len(start)).join(lines or [""])


def as_json(found: HomeStatus) -> dict[str, Any]:
    """The same for programs."""
    return {
        "at": found.at.isoformat(timespec="seconds"),
        "home": str(found.home),
        "status": found.status,
        "verdict": found.verdict,
        "regions": [_standing(one) for one in found.regions],
        "itself": _standing(found.itself),
        "problems": {key: check.sentence for key, check in found.problems.items()},
    }


def _standing(one: Standing) -> dict[str, Any]:
    checks = [asdict(check) for check in one.checks]
    return {"region": one.region, "title": one.title, "state": one.state, "checks": checks}
