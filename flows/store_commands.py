"""The commands on a region's store: history, and store check, repair, restore and compact."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date

from configs import Settings

REGION = "a name under configs/regions/ or the path of a region's YAML file"


def day(text: str) -> date:
    """A day as commands take it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected a day such as 2002-07-31"
        ) from None


def add_store_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Adds the commands to a command line, whose ``add_parser`` is given."""
    text = "show what the store said of a value when"
    history = add("history", help=text, description=f"{text[0].upper()}{text[1:]}.")
    history.set_defaults(run=_history)
    history.add_argument("region", metavar="REGION", help=REGION)
    history.add_argument("--variable", required=True, help="such as precipitation")
    history.add_argument("--location", required=True, help="the id of a place")
    history.add_argument("--day", required=True, type=day, metavar="DATE", help="its day")
    text = "check or repair a region's store, restore a snapshot of it, compact it"
    store = add("store", help=text, description=f"{text[0].upper()}{text[1:]}.")
    actions = store.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, run: Callable[[argparse.Namespace], int], text: str) -> None:
        own = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        own.set_defaults(run=run)
        own.add_argument("region", metavar="REGION", help=REGION)
        if name == "restore":
            own.add_argument("snapshot", metavar="SNAPSHOT", help="its id, as check lists it")
        if name == "compact":
            text = "forget older snapshots too, but for those that reports name"
            own.add_argument("--before", type=day, metavar="DATE", help=text)

    action("check", _check, "read everything in the store and say what is not whole")
    action("repair", _repair, "make the store whole again by what is whole in it")
    action("restore", _restore, "make an older snapshot the newest; the one before is kept")
    action("compact", _compact, "delete files that no snapshot needs")


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
