"""The commands on a region's store: history, and store check, repair, restore and compact."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from configs import Settings
from flows.command_line import Add, add_command, add_region_command, day


def add_store_commands(add: Add) -> None:
    """Adds the commands to a command line, whose ``add_parser`` is given."""
    text = "show what the store said of a value when"
    history = add_region_command(add, "history", text, _history)
    history.add_argument("--variable", required=True, help="such as precipitation")
    history.add_argument("--location", required=True, help="the id of a place")
    history.add_argument("--day", required=True, type=day, metavar="DATE", help="its day")
    text = "check or repair a region's store, restore a snapshot of it, compact it"
    store = add_command(add, "store", text)
    actions = store.add_subparsers(title="actions", metavar="ACTION", required=True)

    action = partial(add_region_command, actions.add_parser)
    action("check", "read everything in the store and say what is not whole", _check)
    action("repair", "make the store whole again by what is whole in it", _repair)
    text = "make an older snapshot the newest; the one before is kept"
    restore = action("restore", text, _restore)
    restore.add_argument("snapshot", metavar="SNAPSHOT", help="its id, as check lists it")
    compact = action("compact", "delete files that no snapshot needs", _compact)
    text = "forget older snapshots too, but for those that reports name"
    compact.add_argument("--before", type=day, metavar="DATE", help=text)


def _history(given: argparse.Namespace) -> int:
    from flows import store

    where = given.variable, given.location, given.day
    return _print(store.history(given.region, *where, Settings.from_environment()))


def _check(given: argparse.Namespace) -> int:
    from flows import store

    lines, problems = store.check(given.region, Settings.from_environment())
    _print(lines)
    for problem in problems:
        print(f"climate-risk: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _repair(given: argparse.Namespace) -> int:
    from flows import store

    return _print(store.repair(given.region, Settings.from_environment()))


def _restore(given: argparse.Namespace) -> int:
    from flows import store

    return _print(store.restore(given.region, given.snapshot, Settings.from_environment()))


def _compact(given: argparse.Namespace) -> int:
    from flows import store

    return _print(store.compact(given.region, given.before, Settings.from_environment()))


def _print(lines: list[str]) -> int:
    print(*lines, sep="\n")
    return 0
