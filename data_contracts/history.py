"""What the store said of one value when: every snapshot that changed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import zarr

from configs import RiskError
from data_contracts.groups import AXIS_UNITS, root_of
from data_contracts.store import Store
from data_contracts.upkeep import snapshots_of
from data_contracts.variables import VARIABLES


@dataclass(frozen=True)
class StoredValue:
    """A source's value of a place and day from a snapshot on. ``value``: NaN where there is none.

    ``stored``: when the snapshot was written, UTC.
    """

    stored: datetime
    snapshot: str
    source: str
    value: float


def history(store: Store, variable: str, location: str, day: date) -> list[StoredValue]:
    """All that the store ever said of a value, the oldest first, each time that it changed.

    Raises RiskError for a variable or a location that there is not, and where nothing is stored.
    """
    if variable not in VARIABLES:
        raise RiskError(
            f"--variable {variable}: found no such variable, expected one of "
            f"{', '.join(VARIABLES)}; name one of these."
        )
    places = store.observations()["location"].values.tolist()
    if location not in places:
        raise RiskError(
            f"--location {location}: found no such place in the store of {store.region.name}, "
            f"expected one of {', '.join(places[:50])}; name one of these."
        )
    newest: dict[str, float] = {}
    steps = []
    for snapshot in reversed(snapshots_of(store.repository)):
        for source, value in _values(store, snapshot.id, variable, location, day).items():
            if not np.array_equal(newest.get(source, np.nan), value, equal_nan=True):
                steps.append(StoredValue(snapshot.written, snapshot.id, source, value))
            newest[source] = value
    return steps


def _values(
    store: Store, snapshot: str, variable: str, location: str, day: date
) -> dict[str, float]:
    """Source -> its value of one place and day in a snapshot."""
    session = store.repository.session(snapshot)
    values = {}
    with store.explained():
        root = root_of(session)
        for source in store.region.sources:
            path = f"{source}/observations"
            group = root[path] if root is not None and path in root else None
            values[source] = (
                _value(group, variable, location, day) if isinstance(group, zarr.Group) else np.nan
            )
    return values


def _value(group: zarr.Group, variable: str, location: str, day: date) -> float:
    """A group's value, NaN where it has none."""
    if variable not in group:
        return float("nan")
    days, places = group["time"], group["location"]
    array = group[variable]
    assert isinstance(days, zarr.Array)
    assert isinstance(places, zarr.Array)
    assert isinstance(array, zarr.Array)
    wanted = (day - date.fromisoformat(AXIS_UNITS.split()[-1])).days
    row = np.flatnonzero(np.asarray(days[:]) == wanted)
    column = [n for n, place in enumerate(np.asarray(places[:]).tolist()) if place == location]
    if not len(row) or not column:
        return float("nan")
    return float(np.asarray(array[int(row[0]), column[0]]))
