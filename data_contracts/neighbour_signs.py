"""Signs of wrong values beside neighbours: rain that nobody confirms, blocked gauges, copies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from configs.remarks import remark
from data_contracts.record import Finding, Record, shown, stretches
from data_contracts.variables import VARIABLES

NEAR_KM, LEAST_NEIGHBOURS = 60.0, 3
"""Neighbours that rain is held against, and how many it takes to contradict it."""

LONE_RAIN, LONE_TIMES = 200.0, 4.0
"""mm of a day, and times the second highest day, that no storm leaves dry all around."""

DRY = 0.02
"""Share of a lone rain that all neighbours stay below, the days before and after included."""

BLOCKED_DAYS, BLOCKED_RAIN = 60, 100.0
"""Days in a row without rain, and mm that fell beside meanwhile, of a gauge that is blocked."""

LEAST_ALIKE, APART_KM = 90, 30.0
"""Days with equal values, and km apart, from which on two places are one series twice."""


def lone_rain(record: Record, name: str) -> Iterator[Finding]:
    """A day of rain beyond anything there that all neighbours contradict and no forecast had.

    What a neighbour, another source or a forecast confirms is never looked at twice.
    """
    if name != "precipitation" or len(record.places) <= LEAST_NEIGHBOURS:
        return
    values = record.values[name]
    for place in np.flatnonzero((values >= LONE_RAIN).any(axis=0)):
        column = values[:, place]
        order = np.argsort(np.where(np.isfinite(column), column, -1.0))[::-1]
        day, second = int(order[0]), float(column[order[1]])
        high = float(column[day])
        if high < LONE_TIMES * max(second, 10.0) or np.isfinite(column).sum() < 365:
            continue
        window = slice(max(day - 1, 0), day + 2)
        near = neighbours(record, int(place))
        beside = values[window][:, near]
        known = np.isfinite(beside).all(axis=0)
        elsewhere = record.rain_elsewhere[window, place]
        contradicted = known.sum() >= LEAST_NEIGHBOURS and bool(
            (beside[:, known] < DRY * high).all()
        )
        confirmed = bool((np.nan_to_num(elsewhere) >= DRY * high).any())
        if contradicted and not confirmed:
            words = remark(
                "rule.lone_rain",
                variable=name,
                place=str(record.places[place]),
                value=shown(high),
                first=record.day(day).date(),
                n=int(known.sum()),
                highest=shown(beside[:, known].max(), 3),
                unit=VARIABLES[name].units,
            )
            yield Finding(name, int(place), np.array([day]), words)


def neighbours(record: Record, place: int) -> np.ndarray:
    """The places near one, without itself."""
    near = np.flatnonzero(record.distances[place] <= NEAR_KM)
    return near[near != place]


def blocked_gauges(record: Record, name: str) -> Iterator[Finding]:
    """No rain for months while it rained at all neighbours."""
    if name != "precipitation" or len(record.places) <= LEAST_NEIGHBOURS:
        return
    values = record.values[name]
    dry = values == 0
    for place in range(len(record.places)):
        near = neighbours(record, place)
        if len(near) < LEAST_NEIGHBOURS:
            continue
        for start, stop in stretches(dry[:, place]):
            if stop - start < BLOCKED_DAYS:
                continue
            beside = np.nansum(values[start:stop][:, near], axis=0)
            known = np.isfinite(values[start:stop][:, near]).mean(axis=0) > 0.8
            if known.sum() < LEAST_NEIGHBOURS or beside[known].min() < BLOCKED_RAIN:
                continue
            words = remark(
                "rule.blocked",
                variable=name,
                place=str(record.places[place]),
                first=record.day(start).date(),
                n=stop - start,
                fell=round(float(np.median(beside[known]))),
                unit=VARIABLES[name].units,
            )
            yield Finding(name, place, np.arange(start, stop), words)


def copies(record: Record, name: str) -> Iterator[Finding]:
    """Places far apart, or at no known distance, whose values are the same day by day."""
    values = record.values[name]
    first_of: dict[bytes, int] = {}
    for place in range(len(record.places)):
        column = values[:, place]
        known = np.isfinite(column)
        if known.sum() < LEAST_ALIKE or np.unique(column[known][:LEAST_ALIKE]).size < 10:
            continue
        first = first_of.setdefault(np.nan_to_num(column, nan=-1e30).tobytes(), place)
        distance = float(record.distances[first, place])
        if first == place or distance < APART_KM:
            continue
        words = remark(
            "rule.copy",
            variable=name,
            place=str(record.places[place]),
            twin=str(record.places[first]),
            n=int(known.sum()),
        )
        yield Finding(name, place, np.flatnonzero(known)[-1:], words)
