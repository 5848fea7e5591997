"""The command on what was published: ledger check."""

from __future__ import annotations

import argparse
import sys

from configs import RESERVED, RiskError, Settings
from flows.command_line import Add, add_command


def add_ledger_commands(add: Add) -> None:
    """Adds the command to a command line, whose ``add_parser`` is given."""
    text = "prove that what was published is what lies there"
    ledger = add_command(add, "ledger", text)
    actions = ledger.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "follow the chain of each ledger and compare every file with its line"
    check = add_command(actions.add_parser, "check", text, _check)
    named = "names of regions (default: all that have published)"
    check.add_argument("regions", metavar="REGION", nargs="*", help=named)


def _check(given: argparse.Namespace) -> int:
    from reports.storage.ledger import LEDGER, broken, entries

    published = Settings.from_environment().published
    there = sorted(path.parent.name for path in published.glob(f"*/{LEDGER}"))
    regions = given.regions or [name for name in there if name not in RESERVED]
    problems = []
    for name in regions:
        if name not in there:
            raise RiskError(
                f"{name}: found no ledger, expected a region that has published; it begins with "
                f"climate-risk daily {name}."
            )
        if problem := broken(published / name):
            problems.append(problem)
            continue
        lines = entries(published / name)
        days = {entry.issued for entry in lines}
        print(f"{name}: whole; {len(lines)} lines, days {len(days)}, the newest {max(days)}.")
    for problem in problems:
        print(f"climate-risk: {problem}", file=sys.stderr)
    if not regions:
        print("No report has been published yet.")
    return 1 if problems else 0
