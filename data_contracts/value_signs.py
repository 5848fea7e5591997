"""Signs of wrong values in a record's numbers: codes for "missing", other units, latitudes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from configs.remarks import Remark, remark
from data_contracts.climate_limits import LEAST_DAYS, misfits, plausible_range
from data_contracts.record import Finding, Record, shown
from data_contracts.units_mistaken import likely_unit
from data_contracts.variables import VARIABLES

LEAST_VALUES = 30
"""Values below which a record has no shape to tell a code from."""

LEAST_DIFFERENT = 5
"""Other values that a record must have for a number to be far from them."""

LEAST_RECURRING, LEAST_RECURRING_NINES = 5, 3
"""Times that a number must recur, and one of only nines, to be a code rather than a value."""

LEAST_STRETCHES = 3
"""Separate stretches of days in which such a number stands; one alone is of the weather."""

GAP, GAP_OF_NINES = 1.0, 0.25
"""Gap to the next value, in distances from there to the median, beyond which nothing is real."""

NEAR_STEPS, SPIKE_OF_COUNTS = 5, 3.0
"""Steps of a record's resolution beside a code, and times that it must be oftener than these."""

MAX_SHARE_OUTSIDE = 0.05
"""Of a variable's values; more than these outside of a latitude's range is no slip of a reading."""

NINES = (99.0, 99.9, 99.99, 999.0, 999.9, 999.99, 9999.0, 9999.9, 99999.0, 32767.0, 32766.0)
"""Numbers that services write for "missing" and that a variable can be."""

ONE_VALUE = 0.8
"""Share of days with one value beyond which a record hardly changes."""


def fill_values(record: Record, name: str) -> Iterator[Finding]:
    """A number such as 999.9 that recurs, far from all other values or far oftener than they."""
    for place, column in _varied(record, name):
        lowest, highest = float(np.nanmin(column)), float(np.nanmax(column))
        for code in NINES:
            inside = lowest * (1 - 1e-6) <= code <= highest * (1 + 1e-6)
            if inside and (_stands_apart(column, code) or _is_a_spike(column, code)):
                yield _of_code(record, name, place, code)


def recurring_ends(record: Record, name: str) -> Iterator[Finding]:
    """Another number that is the highest or lowest there is, far from all others, and recurs."""
    for place, column in _varied(record, name):
        for code in _ends(column, VARIABLES[name].low):
            if code is None or _is_of_nines(code) or not _stands_apart(column, code):
                continue
            finding = _of_code(record, name, place, code)
            if (np.diff(finding.days) > 1).sum() + 1 >= LEAST_STRETCHES:
                yield finding


def _varied(record: Record, name: str) -> Iterator[tuple[int, np.ndarray]]:
    """The places whose record has a shape, and their values (day,)."""
    values = record.values[name]
    for place in np.flatnonzero(np.isfinite(values).sum(axis=0) >= LEAST_VALUES):
        yield int(place), values[:, place]


def _of_code(record: Record, name: str, place: int, code: float) -> Finding:
    days = np.flatnonzero(_equal(record.values[name][:, place], code))
    return Finding(name, place, days, _fill_words(record, name, place, code, days))


def _is_of_nines(code: float) -> bool:
    return bool(_equal(np.array(NINES), abs(code)).any())


def _equal(values: np.ndarray, code: float) -> np.ndarray:
    """Which values are a number as float32 holds it."""
    return np.asarray(np.abs(values - code) <= 1e-8 + 1e-6 * abs(code))


def _fill_words(record: Record, name: str, place: int, code: float, days: np.ndarray) -> Remark:
    return remark(
        "rule.fill",
        variable=name,
        place=str(record.places[place]),
        value=shown(code, 6),
        n=len(days),
        share=shown(100 * len(days) / np.isfinite(record.values[name][:, place]).sum(), 2),
        first=record.day(int(days[0])).date(),
    )


def _ends(column: np.ndarray, low: float) -> tuple[float | None, float | None]:
    """The highest and the lowest value, None for a lowest that the variable ends at."""
    lowest = float(np.nanmin(column))
    return float(np.nanmax(column)), None if lowest <= max(low, 0.0) and low >= 0.0 else lowest


def _stands_apart(column: np.ndarray, code: float) -> bool:
    """Whether a record's end recurs far from all its other values."""
    nines = _is_of_nines(code)
    same = _equal(column, code)
    if same.sum() < (LEAST_RECURRING_NINES if nines else LEAST_RECURRING):
        return False
    others = column[~same & np.isfinite(column)]
    if np.unique(others).size < LEAST_DIFFERENT or others.min() < code < others.max():
        return False
    nearest = others.max() if code > others.max() else others.min()
    width = max(abs(nearest - float(np.median(others))), float(others.std()), 1e-6)
    return bool(abs(code - nearest) > (GAP_OF_NINES if nines else GAP) * width)


def _is_a_spike(column: np.ndarray, code: float) -> bool:
    """Whether a code stands in the midst of values far oftener than all numbers near it."""
    same = _equal(column, code)
    if same.sum() < LEAST_RECURRING:
        return False
    steps = np.diff(np.unique(column[np.isfinite(column)].round(4)))
    near = (np.abs(column - code) <= (NEAR_STEPS + 0.5) * max(float(steps.min()), 1e-4)) & ~same
    usual = near.sum() / (2 * NEAR_STEPS)
    return bool(same.sum() > LEAST_RECURRING + SPIKE_OF_COUNTS * usual)


def outside_of_latitude(record: Record, name: str) -> Iterator[Finding]:
    """Single values that were never measured so far from the equator."""
    if not name.startswith("air_temperature"):
        return
    values = record.values[name]
    limits = np.array([plausible_range(name, latitude) for latitude in record.latitude])
    outside = (values < limits[:, 0]) | (values > limits[:, 1])
    share = outside.sum(axis=0) / np.isfinite(values).sum(axis=0).clip(1)
    for place in np.flatnonzero(outside.any(axis=0) & (share <= MAX_SHARE_OUTSIDE)):
        days = np.flatnonzero(outside[:, place])
        words = remark(
            "rule.latitude",
            variable=name,
            place=str(record.places[place]),
            value=shown(values[days[0], place]),
            first=record.day(int(days[0])).date(),
            n=len(days),
            low=shown(limits[place, 0], 3),
            high=shown(limits[place, 1], 3),
            unit=VARIABLES[name].units,
        )
        yield Finding(name, int(place), days, words)


def unit_doubts(record: Record, name: str) -> Iterator[Finding]:
    """A record whose statistics its latitude does not allow, with the unit that would."""
    values = record.values[name]
    for place in range(len(record.places)):
        column, latitude = values[:, place], float(record.latitude[place])
        doubts = misfits(name, column, latitude)
        if not doubts:
            continue
        first = doubts[0]
        unit = likely_unit(name, column, latitude)
        words = remark(
            "rule.unit_likely" if unit else "rule.unit",
            variable=name,
            place=str(record.places[place]),
            statistic=remark(f"statistic.{first.statistic}"),
            value=shown(first.value, 3),
            low=shown(first.low),
            high=shown(first.high),
            unit=VARIABLES[name].units,
            **({"likely": remark(unit.code)} if unit else {}),
        )
        yield Finding(name, place, _last_day(column), words)


def _last_day(column: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.isfinite(column))[-1:]


def hardly_changes(record: Record, name: str) -> Iterator[Finding]:
    """A record of nearly one value, and one of rain or flow that is 0 throughout."""
    values = record.values[name]
    known = np.isfinite(values)
    for place in np.flatnonzero(known.sum(axis=0) >= LEAST_VALUES):
        column = values[known[:, place], place]
        usual = float(np.sort(column)[len(column) // 2])
        count = int((column == usual).sum())
        if count == len(column) or (count > ONE_VALUE * len(column) and usual != 0.0):
            words = remark(
                "rule.constant",
                variable=name,
                place=str(record.places[place]),
                value=shown(usual),
                n=count,
                count=len(column),
            )
            yield Finding(name, int(place), _last_day(values[:, place]), words)


def whole_numbers(record: Record, name: str) -> Iterator[Finding]:
    """A record of rain or temperature in whole numbers: rounded, or in tenths by mistake."""
    if name != "precipitation" and not name.startswith("air_temperature"):
        return
    values = record.values[name]
    known = np.isfinite(values)
    whole = (values == np.rint(values)) | ~known
    varied = np.nanmax(np.where(known, values, -np.inf), axis=0) > 1
    for place in np.flatnonzero(whole.all(axis=0) & varied & (known.sum(axis=0) >= LEAST_DAYS)):
        words = remark("rule.whole", variable=name, place=str(record.places[place]))
        yield Finding(name, int(place), _last_day(values[:, place]), words)
