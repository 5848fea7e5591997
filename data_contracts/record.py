"""A table of observations as arrays, for rules that look at a record as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from configs.remarks import Remark
from data_contracts.variables import VARIABLES

EARTH_RADIUS = 6_371.0
"""km."""


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
        return distance(
            self.latitude[:, None], self.longitude[:, None], self.latitude, self.longitude
        )

    def day(self, number: int) -> pd.Timestamp:
        """The day of a number."""
        return pd.Timestamp(self.days[number])

    def without(self, cells: dict[str, np.ndarray]) -> Record:
        """The record without some values. ``cells``: by variable, bool (day, place)."""
        kept = {
            name: np.where(cells[name], np.nan, values) if name in cells else values
            for name, values in self.values.items()
        }
        return replace(self, values=kept)


def shown(value: float, digits: int = 4) -> int | float:
    """A number for a message, of so many significant digits."""
    rounded = float(f"{float(value):.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded


def distance(
    latitude: np.ndarray, longitude: np.ndarray, latitude_b: np.ndarray, longitude_b: np.ndarray
) -> np.ndarray:
    """Km between points in degrees on a sphere (haversine); NaN where one is unknown."""
    a, b = np.radians(latitude), np.radians(latitude_b)
    half = (
        np.sin((a - b) / 2) ** 2
        + np.cos(a) * np.cos(b) * np.sin(np.radians(longitude - longitude_b) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS * np.arcsin(np.sqrt(half.clip(0.0, 1.0))))


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
