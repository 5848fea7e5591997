"""A small store for tests of damage, kills and writers, and the source that fills it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from configs import Region, Settings
from data_contracts.batch import Batch, Source
from data_contracts.store import Store


def never(request: object) -> Batch:
    raise AssertionError("batches are handed over")


ADDING = Source("adding", 1, "test", "test", False, never)
WHOLE = Source("whole", 1, "test", "test", True, never)


def store_in(home: Path) -> Store:
    sources = ("whole", "adding")
    return Store(Settings(home), Region(name="r", title="R", sources=sources, path=home / "r.yaml"))


def batch(start: str = "2001-01-01", days: int = 5, places: int = 1, value: float = 1.5) -> Batch:
    """Rain of the same depth on some days at some places, the third day's of the first beyond
    all that ever fell."""
    ids = [f"place {number}" for number in range(places)]
    times = pd.date_range(start, periods=days)
    table = pd.DataFrame(
        {"time": np.repeat(times, places), "location": ids * days, "precipitation": value}
    )
    table = table.assign(wind_speed=value)
    if days > 2:
        table.loc[2 * places, "precipitation"] = 5_000.0
    known = {"location": ids, "name": ids, "latitude": 35.0, "longitude": -2.0, "elevation": np.nan}
    return Batch(table, pd.DataFrame(known))
