"""What a latitude allows: how high and low daily values go, and what a record's statistics can be.

Wide on purpose: every station on earth should fit, a record in another unit should not. The numbers
enclose the records of WMO's World Weather & Climate Extremes Archive and the station normals of
1991-2020, by distance from the equator, at any elevation that people live at. They tell of doubt,
not of truth: what lies outside of them is worth a remark.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from data_contracts.variables import VARIABLES

Limits = tuple[float, float]
"""Lowest and highest, both allowed."""

LEAST_DAYS = 365
"""Days with a value below which a record's statistics say nothing of its unit."""

WET = 1.0
"""mm of a day that counts as wet (WMO: a day with at least 1 mm)."""

_LATITUDES = (0.0, 15.0, 25.0, 30.0, 35.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
"""Degrees from the equator of the columns below; between them limits are interpolated."""

_COLDEST = (-20.0, -25.0, -40.0, -45.0, -50.0, -55.0, -64.0, -68.0, -70.0, -72.0, -75.0)
_HOTTEST = (50.0, 53.0, 55.0, 56.0, 58.0, 56.0, 51.0, 44.0, 40.0, 27.0, 20.0)
_ANTARCTIC = -60.0
"""Degrees: south of it nothing is too cold for the variables table."""

_MEAN = (27.0, 26.0, 23.5, 21.5, 19.5, 17.0, 11.5, 4.5, -4.0, -13.0, -24.0)
"""Yearly mean air temperature near sea level, degC."""
_COLDER, _WARMER, _HALF_RANGE = 32.0, 11.0, 6.0
"""degC that a place may be below it (height, continents), above it, and Tmax from the mean."""

_WETTEST_YEAR = (8e3, 8e3, 12e3, 4.4e3, 3.5e3, 3.6e3, 6.7e3, 5.6e3, 3.0e3, 1.5e3, 1.0e3)
_WET_DAY_HIGHEST = (45.0, 45.0, 65.0, 40.0, 32.0, 32.0, 40.0, 32.0, 25.0, 20.0, 15.0)
_RADIATION_LOWEST = (10.0, 10.0, 10.0, 9.5, 9.0, 8.0, 6.5, 5.5, 5.0, 4.5, 4.0)
_RADIATION_HIGHEST = (28.0, 28.0, 28.0, 27.0, 26.0, 24.0, 20.0, 17.0, 16.0, 16.0, 17.0)


@dataclass(frozen=True)
class Misfit:
    """A statistic of a record that its latitude does not allow, in the variable's units."""

    statistic: str
    value: float
    low: float
    high: float


def plausible_range(variable: str, latitude: float | None) -> Limits:
    """The lowest and highest daily value that the latitude allows; anywhere where it is unknown."""
    row = VARIABLES[variable]
    if not variable.startswith("air_temperature") or not _is_known(latitude):
        return row.low, row.high
    low = row.low if latitude < _ANTARCTIC else _at(_COLDEST, latitude)
    return max(low, row.low), min(_at(_HOTTEST, latitude), row.high)


def statistic_limits(variable: str, latitude: float | None) -> dict[str, Limits]:
    """What a record's statistics can be at a latitude, by the names of ``statistics``.

    An unknown latitude allows what any does, but for the rain of the wettest hills (Assam, 25 N).
    """
    if not _is_known(latitude):
        parts = [statistic_limits(variable, place) for place in _LATITUDES if place != 25.0]
        return {
            name: (min(part[name][0] for part in parts), max(part[name][1] for part in parts))
            for name in parts[0]
        }
    if variable.startswith("air_temperature"):
        shift = {"max": _HALF_RANGE, "min": -_HALF_RANGE}.get(variable.rsplit("_", 1)[1], 0.0)
        middle = _at(_MEAN, latitude) + shift
        low = -65.0 if latitude < _ANTARCTIC else middle - _COLDER
        return {"mean": (low, middle + _WARMER)}
    limits: dict[str, dict[str, Limits]] = {
        "precipitation": {
            "highest": (1.0, VARIABLES[variable].high),
            "yearly_sum": (0.2, _at(_WETTEST_YEAR, latitude)),
            "wet_share": (0.0, 0.95 if abs(latitude) < 25.0 else 0.85),
            "wet_mean": (1.0, _at(_WET_DAY_HIGHEST, latitude)),
            "positive_mean": (0.6, _at(_WET_DAY_HIGHEST, latitude)),
        },
        "potential_evapotranspiration": {"yearly_sum": (60.0, 4_000.0)},
        "relative_humidity": {"mean": (10.0, 99.5), "highest": (15.0, 105.0)},
        "wind_speed": {"mean": (0.2, 10.5)},
        "surface_downwelling_shortwave": {
            "mean": (_at(_RADIATION_LOWEST, latitude), _at(_RADIATION_HIGHEST, latitude))
        },
    }
    return limits.get(variable, {})


def statistics(variable: str, values: np.ndarray) -> dict[str, float]:
    """The statistics of a record that its place limits. ``values``: daily, NaN where missing.

    Those that cannot be told, as of wet days where there is none, are left out.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not known.size:
        return {}
    mean = float(known.mean())
    if variable != "precipitation":
        return {"mean": mean, "yearly_sum": mean * 365.25, "highest": float(known.max())}
    above, wet = known[known > 0], known[known >= WET]
    by_name = {"yearly_sum": mean * 365.25, "wet_share": wet.size / known.size}
    if above.size > known.size * 0.03:
        by_name |= {"positive_mean": float(above.mean()), "highest": float(above.max())}
    if wet.size > known.size * 0.03:
        by_name["wet_mean"] = float(wet.mean())
    return by_name


def misfits(variable: str, values: np.ndarray, latitude: float | None) -> list[Misfit]:
    """What of a record its latitude does not allow; nothing of one shorter than LEAST_DAYS.

    ``values``: daily, in the variable's units, NaN where missing.
    """
    if np.isfinite(values).sum() < LEAST_DAYS:
        return []
    limits, stated = statistic_limits(variable, latitude), statistics(variable, values)
    return [
        Misfit(name, stated[name], *limits[name])
        for name in limits
        if name in stated and not limits[name][0] <= stated[name] <= limits[name][1]
    ]


def fits(variable: str, values: np.ndarray, latitude: float | None) -> bool:
    """Whether a record of at least a year suits its latitude: daily values and statistics both.

    Of a shorter one only the daily values are looked at. ``values``: daily, NaN where missing.
    """
    low, high = plausible_range(variable, latitude)
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    inside = bool(((known >= low) & (known <= high)).all())
    return inside and not misfits(variable, known, latitude)


def _is_known(latitude: float | None) -> TypeGuard[float]:
    return latitude is not None and bool(np.isfinite(latitude))


def _at(column: Iterable[float], latitude: float) -> float:
    return float(np.interp(abs(latitude), _LATITUDES, tuple(column)))
