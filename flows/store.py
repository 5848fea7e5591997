"""What an operator asks of a region's store: its history, its condition, and its repair."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time

import numpy as np

from configs import Region, RiskError, Settings
from data_contracts import history as histories
from data_contracts import upkeep
from data_contracts.store import Store
from data_contracts.tiled_store import TiledStore
from data_contracts.variables import VARIABLES
from flows.check import open_region
from flows.run import region_lock


def history(region: str, variable: str, location: str, day: date, settings: Settings) -> list[str]:
    """A line for each time that the store's value of a place and day changed, oldest first."""
    store = _of_place(open_region(region), location, settings)
    unit = VARIABLES[variable].units if variable in VARIABLES else ""
    lines = [
        f"{row.stored:%Y-%m-%d %H:%M} UTC  {row.snapshot}  {row.source:<20}"
        + ("no value" if np.isnan(row.value) else f"{row.value:g} {unit}")
        for row in histories.history(store, variable, location, day)
    ]
    return lines or [f"the store never had a value of {variable} at {location} on {day}"]


def check(region: str, settings: Settings) -> tuple[list[str], list[str]]:
    """What the store holds, and a sentence on each thing in it that is not whole."""
    place = open_region(region)
    if place.grid is None:
        return _check(Store(settings, place))
    found = [_check(store)[1] for store in _stored_tiles(place, settings)]
    problems = [problem for broken in found for problem in broken]
    return [f"{found.count([])} of {len(found)} stored tiles are whole"], problems


def _check(store: Store) -> tuple[list[str], list[str]]:
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
        steps = list[str]()
        for store in _stores(place, settings):
            steps += upkeep.repair(store.repository)
            steps.append(f"{store.path}: whole, the newest snapshot is {store.snapshot()}")
        return steps


def restore(region: str, snapshot: str, settings: Settings) -> list[str]:
    """Makes a snapshot the newest again; how to go back is said."""
    place = open_region(region)
    with region_lock(place, settings):
        if place.grid is None:
            before = upkeep.restore(Store(settings, place).repository, snapshot)
        else:
            tiled = TiledStore(settings, place)
            before = tiled.snapshot()
            for name, tip in tiled.snapshots(snapshot).items():
                upkeep.restore(tiled.tiles[name].repository, tip)
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
        done = compact_stores(place, settings, named, moment)
    return [
        f"{done.files} files deleted, {done.bytes:,} bytes; {done.snapshots} snapshots forgotten"
    ]


def compact_stores(
    region: Region,
    settings: Settings,
    named: Collection[str],
    before: datetime | None,
    only_named: bool = False,
) -> upkeep.Compacted:
    """``upkeep.compact`` of a region's store, of a grid of each tile's. ``named``: by reports."""
    if region.grid is None:
        repository = Store(settings, region).repository
        return upkeep.compact(repository, named, before, only_named)
    tiled = TiledStore(settings, region)
    tips = [tiled.snapshots(snapshot) for snapshot in named if tiled.knows(snapshot)]
    done = upkeep.Compacted(0, 0, 0)
    for store in _stored_tiles(region, settings):
        own = {each[store.region.name] for each in tips if store.region.name in each}
        done += upkeep.compact(store.repository, own, before, only_named)
    return done


def _stores(region: Region, settings: Settings) -> list[Store]:
    """The store of a region, of a grid those of its tiles that hold anything."""
    if region.grid is None:
        return [Store(settings, region)]
    return _stored_tiles(region, settings)


def _stored_tiles(region: Region, settings: Settings) -> list[Store]:
    return [store for store in TiledStore(settings, region).tiles.values() if store.stored]


def _of_place(region: Region, location: str, settings: Settings) -> Store:
    """The store that holds a place: of a grid that of its tile."""
    for store in _stores(region, settings):
        if any(place.id == location for place in store.region.locations):
            return store
    return Store(settings, region)


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
