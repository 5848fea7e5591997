"""What an operator asks of a region's store: its history, its condition, and its repair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import numpy as np

from configs import RiskError, Settings
from data_contracts import history as histories
from data_contracts import upkeep
from data_contracts.store import Store
from data_contracts.variables import VARIABLES
from flows.check import open_region
from flows.run import region_lock


def history(region: str, variable: str, location: str, day: date, settings: Settings) -> list[str]:
    """A line for each time that the store's value of a place and day changed, oldest first."""
    store = Store(settings, open_region(region))
    unit = VARIABLES[variable].units if variable in VARIABLES else ""
    lines = [
        f"{row.stored:%Y-%m-%d %H:%M} UTC  {row.snapshot}  {row.source:<20}"
        + ("no value" if np.isnan(row.value) else f"{row.value:g} {unit}")
        for row in histories.history(store, variable, location, day)
    ]
    return lines or [f"the store never had a value of {variable} at {location} on {day}"]


def check(region: str, settings: Settings) -> tuple[list[str], list[str]]:
    """What the store holds, and a sentence on each thing in it that is not whole."""
    store = Store(settings, open_region(region))
    condition = upkeep.check_store(store.repository)
    lines = [
        f"{snapshot.id}  {snapshot.written:%Y-%m-%d %H:%M} UTC  {snapshot.message}"
        for snapshot in reversed(condition.snapshots)
    ]
    if condition.unsealed or condition.unchecked:
        lines.append(
            f"{condition.unsealed} snapshots and {condition.unchecked} arrays are of a version "
            "without checksums; the next change of a source's record adds them"
        )
    lines += [] if condition.problems else [f"{store.path}: whole"]
    return lines, list(condition.problems)


def repair(region: str, settings: Settings) -> list[str]:
    """Makes the store whole again; a line for each step."""
    place = open_region(region)
    with region_lock(place, settings):
        store = Store(settings, place)
        steps = upkeep.repair(store.repository)
        return [*steps, f"{store.path}: whole, the newest snapshot is {store.snapshot()}"]


def restore(region: str, snapshot: str, settings: Settings) -> list[str]:
    """Makes a snapshot the newest again; how to go back is said."""
    place = open_region(region)
    with region_lock(place, settings):
        before = upkeep.restore(Store(settings, place).repository, snapshot)
    return [
        f"{snapshot} is the newest snapshot now",
        f"the one before is kept: climate-risk store restore {region} {before}",
    ]


def compact(region: str, before: date | None, settings: Settings) -> list[str]:
    """Deletes what nothing needs; with a day also what is older and in no report."""
    place = open_region(region)
    with region_lock(place, settings):
        moment = datetime.combine(before, time(), UTC) if before else None
        named = set(_named(settings, place.name)) if moment else set()
        done = upkeep.compact(Store(settings, place).repository, named, moment)
    return [
        f"{done.files} files deleted, {done.bytes:,} bytes; {done.snapshots} snapshots forgotten"
    ]


def _named(settings: Settings, region: str) -> Iterator[str]:
    """The snapshots that the region's published reports name."""
    for path in (settings.published / region).glob("**/provenance.json"):
        try:
            yield str(json.loads(path.read_text(encoding="utf-8"))["snapshot"])
        except (OSError, ValueError, KeyError, TypeError):
            raise RiskError(
                f"report {path}: found no snapshot named in it, expected one, so that it is kept; "
                "put the file back from a copy, or leave --before out."
            ) from None
