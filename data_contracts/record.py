"""A table of observations as arrays, for rules that look at a record as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from configs.geodesy import distance
from configs.remarks import Remark
from data_contracts.variables import VARIABLES


class Finding(NamedTuple):
    """What a rule says of one variable of one place.

    ``place``: its number. ``days``: the numbers of the days that it speaks of. ``words``: what is
    wrong and what cures it.
    """

    variable: str
    place: int
    days: np.ndarray
    words: Remark


@dataclass(frozen=True)
class Record:
    """Daily values of some places.

    ``days``: datetime64[D], in order, those that stand in the table. ``places``: their ids, with
    ``latitude`` and ``longitude`` in degrees, NaN where unknown. ``values``: by variable, float64
    (day, place), NaN where missing. ``is_new``: bool (day, place), which of them a batch delivers;
    the others are stored already. ``rain_elsewhere``: mm (day, place), the most that a forecast or
    another source has, NaN where none has any.
    """

    days: np.ndarray
    places: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    values: dict[str, np.ndarray]
    is_new: np.ndarray
    rain_elsewhere: np.ndarray

    @cached_property
    def follows(self) -> np.ndarray:
        """Which days are the day after the one before in the table: bool (day,)."""
        steps = np.diff(self.days.astype(np.int64), prepend=-1_000_000)
        return np.asarray(steps == 1)

    @cached_property
    def distances(self) -> np.ndarray:
        """Distances in km between places (place, place); NaN where a place is not known."""
        here = self.latitude[:, None], self.longitude[:, None]
        return np.asarray(distance(here, (self.latitude, self.longitude)))

    def day(self, number: int) -> pd.Timestamp:
        """The day of a number."""
        return pd.Timestamp(self.days[number])


def shown(value: float, digits: int = 4) -> int | float:
    """A number for a message, of so many significant digits."""
    rounded = float(f"{float(value):.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded


def stretches(days: np.ndarray) -> list[tuple[int, int]]:
    """Each stretch of days that are true: its first day and the day after it. bool (day,)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], days, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def record_of(table: pd.DataFrame) -> Record:
    """A table's record.

    ``table``: columns time, location, variables; perhaps latitude, longitude, is_new and
    rain_elsewhere, of each row.
    """
    days, day = np.unique(table["time"].to_numpy("datetime64[D]"), return_inverse=True)
    place, places = pd.factorize(table["location"])
    shape = (len(days), len(places))

    def grid(name: str, missing: float = np.nan) -> np.ndarray:
        cells = np.full(shape, missing)
        if name in table:
            cells[day, place] = table[name].to_numpy(np.float64, na_value=np.nan)
        return cells

    def of_places(name: str) -> np.ndarray:
        column = np.full(len(places), np.nan)
        if name in table:
            column[place] = table[name].to_numpy(np.float64, na_value=np.nan)
        return column

    is_new = grid("is_new", 0.0) > 0 if "is_new" in table else np.ones(shape, bool)
    return Record(
        days,
        np.asarray(places, dtype=object),
        of_places("latitude"),
        of_places("longitude"),
        {name: grid(name) for name in VARIABLES if name in table},
        is_new,
        grid("rain_elsewhere"),
    )
