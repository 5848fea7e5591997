"""Signs of wrong values in the course of a record: stuck, adding up, jumping, broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from configs.remarks import remark
from data_contracts.rain_signs import amounts_of_wet_days
from data_contracts.record import Finding, Record, shown, stretches
from data_contracts.variables import VARIABLES

LEAST_RUN = {
    "air_temperature_max": 10,
    "air_temperature_mean": 10,
    "air_temperature_min": 10,
    "air_pressure": 10,
    "precipitation": 6,
    "surface_downwelling_shortwave": 10,
    "potential_evapotranspiration": 15,
    "relative_humidity": 10,
    "wind_speed": 10,
    "soil_moisture": 45,
    "river_level": 45,
    "river_discharge": 90,
}
"""Days in a row of one value that no weather gives, where values are told to a tenth."""

CHANCE_OF_A_RUN = 1e-6
"""That chance alone makes a longer run in a record whose days are often alike, as whole degrees."""

LEAST_VARIETY = 5
"""Different values beside the runs, without which a record is one that never changes."""

COARSE = 0.7
"""Share of days alike to the day before beyond which a run tells nothing."""

NATURAL = {"precipitation": 0.0, "river_discharge": 0.0, "surface_downwelling_shortwave": 0.0}
"""Values that last by nature: no rain, a dry river, a polar night."""

SATURATED = 99.0
"""% of relative humidity, which fog keeps for weeks; so does soil its driest and wettest."""

LEAST_SUM_RUN, LEAST_RISES = 30, 10
"""Days without a fall, and rises among them, that no rain shows day by day."""

SPIKE = {
    "air_temperature_max": 20.0,
    "air_temperature_mean": 18.0,
    "air_temperature_min": 20.0,
    "air_pressure": 40.0,
}
"""Rise and fall within two days, or fall and rise, in the variable's units."""

SPIKE_SPREADS = 9.0
"""A spike is also so many times as large as the median change from day to day."""

CONFIRMED = 1 / 3
"""Share of a spike that another temperature or a neighbour shows too, which confirms it."""

NEIGHBOUR_KM = 200.0

BREAK_RATIO = {
    "precipitation": 2.0,
    "wind_speed": 1.7,
    "surface_downwelling_shortwave": 1.35,
    "potential_evapotranspiration": 1.5,
    "river_discharge": 3.0,
}
"""Of the yearly means before and after, above which a series has broken."""

BREAK_DEGREES = 2.5
"""degC of temperature, the same."""

BREAK_T = 6.0
"""Student's t of the difference of anomalies, large since the cut is searched for."""

LEAST_MONTHS_APART, LEAST_WET_DAYS = 24, 60
"""Months, and wet days, before and after a break."""

MONTH_DAYS = 20
"""Days that a month's mean needs."""


class Run(NamedTuple):
    """A stretch of days of one place with one value: its first day's number and its length."""

    first: int
    length: int


def runs_of(alike: np.ndarray, least: int) -> list[Run]:
    """Stretches of at least ``least`` days. ``alike``: bool (day,), as the day before."""
    runs = [Run(start - 1, stop - start + 1) for start, stop in stretches(alike)]
    return [run for run in runs if run.length >= least]


def stuck(record: Record, name: str) -> Iterator[Finding]:
    """The same value on so many days in a row that the instrument must be stuck."""
    values = record.values[name]
    alike = np.zeros(values.shape, bool)
    alike[1:] = (values[1:] == values[:-1]) & record.follows[1:, None]
    alike &= values != NATURAL.get(name, np.inf)
    if name == "relative_humidity":
        alike &= values < SATURATED
    if name == "soil_moisture":
        ends = np.fmin.reduce(values), np.fmax.reduce(values)
        alike &= (values > ends[0]) & (values < ends[1])
    if (least := LEAST_RUN.get(name)) is None:
        return
    lengths = _longest(alike)
    for place in np.flatnonzero(lengths >= least):
        known = np.isfinite(values[:, place])
        shortest = _least_run(alike[:, place], int(known.sum()), least)
        runs = runs_of(alike[:, place], shortest)
        for run in runs:
            known[run.first : run.first + run.length] = False
        if np.unique(values[known, place]).size < LEAST_VARIETY:
            continue
        for run in runs:
            days = np.arange(run.first, run.first + run.length)
            words = remark(
                "rule.stuck",
                variable=name,
                place=str(record.places[place]),
                value=shown(values[run.first, place]),
                n=run.length,
                first=record.day(run.first).date(),
            )
            yield Finding(name, int(place), days, words)


def _longest(alike: np.ndarray) -> np.ndarray:
    """The longest run of each place: int (place,)."""
    numbers = np.arange(len(alike))[:, None]
    since = numbers - np.maximum.accumulate(np.where(alike, -1, numbers), axis=0)
    return np.asarray(since.max(axis=0) + 1)


def _least_run(alike: np.ndarray, count: int, least: int) -> int:
    """The shortest run that chance does not make, from how often days are alike elsewhere."""
    long = np.zeros(len(alike), bool)
    for run in runs_of(alike, least):
        long[run.first : run.first + run.length] = True
    share = float(alike[~long].sum()) / max(count - int(long.sum()), 1)
    if share >= COARSE:
        return count + 1
    by_chance = 1 + np.log(CHANCE_OF_A_RUN / count) / np.log(max(share, 1e-3))
    return max(least, int(np.ceil(by_chance)))


def adding_up(record: Record, name: str) -> Iterator[Finding]:
    """Rain that does not fall from day to day: a counter's readings instead of days' sums."""
    if name != "precipitation":
        return
    values = record.values[name]
    no_fall = np.zeros(values.shape, bool)
    no_fall[1:] = (values[1:] >= values[:-1]) & record.follows[1:, None]
    rises = np.zeros(values.shape, bool)
    rises[1:] = no_fall[1:] & (values[1:] > values[:-1])
    for place in np.flatnonzero(_longest(no_fall) >= LEAST_SUM_RUN):
        climbs = [
            run
            for run in runs_of(no_fall[:, place], LEAST_SUM_RUN)
            if rises[run.first : run.first + run.length, place].sum() >= LEAST_RISES
        ]
        if not climbs:
            continue
        first = climbs[0]
        known = np.isfinite(values[:, place])
        inside = np.zeros(len(known), bool)
        for run in climbs:
            inside[run.first : run.first + run.length] = True
        whole = inside.sum() > known.sum() / 2
        words = remark(
            "rule.adding_up",
            variable=name,
            place=str(record.places[place]),
            first=record.day(first.first).date(),
            n=first.length,
        )
        yield Finding(name, int(place), np.flatnonzero(known if whole else inside), words)


def spikes(record: Record, name: str) -> Iterator[Finding]:
    """One day far above or below both the day before and the day after, seen by no one else."""
    if name not in SPIKE:
        return
    jump = _jump(record, name)
    for number, place in np.argwhere(np.abs(jump) > SPIKE[name]):
        steps = np.abs(np.diff(record.values[name][:, place]))
        usual = float(np.median(steps[np.isfinite(steps)]))
        if abs(jump[number, place]) < SPIKE_SPREADS * usual:
            continue
        if _is_confirmed(record, name, int(number), int(place), float(jump[number, place])):
            continue
        words = remark(
            "rule.spike",
            variable=name,
            place=str(record.places[place]),
            value=shown(record.values[name][number, place]),
            first=record.day(int(number)).date(),
            before=shown(record.values[name][number - 1, place]),
            after=shown(record.values[name][number + 1, place]),
            unit=VARIABLES[name].units,
        )
        yield Finding(name, int(place), np.array([number]), words)


def _jump(record: Record, name: str) -> np.ndarray:
    """How far each day is beyond both days beside it, with its sign; 0 where it is not."""
    values = record.values[name]
    jump = np.zeros(values.shape)
    if len(values) < 3:
        return jump
    up, back = values[1:-1] - values[:-2], values[1:-1] - values[2:]
    follows = (record.follows[1:-1] & record.follows[2:])[:, None]
    same = (np.sign(up) == np.sign(back)) & follows
    nearer = np.where(np.abs(up) < np.abs(back), up, back)
    jump[1:-1] = np.where(same, nearer, 0.0)
    return jump


def _is_confirmed(record: Record, name: str, number: int, place: int, jump: float) -> bool:
    """Whether another temperature of the place, or the same of a neighbour, jumps too."""

    def agrees(values: np.ndarray) -> bool:
        window = values[number - 1 : number + 2]
        other = window[1] - np.array([window[0], window[2]])
        return bool((np.nan_to_num(other) * np.sign(jump) >= CONFIRMED * abs(jump)).any())

    kin = [
        values[:, place]
        for other, values in record.values.items()
        if other != name and other.rsplit("_", 1)[0] == name.rsplit("_", 1)[0]
    ]
    near = np.flatnonzero(record.distances[place] <= NEIGHBOUR_KM)
    return any(map(agrees, kin)) or any(
        agrees(record.values[name][:, other]) for other in near if other != place
    )


class _Cut(NamedTuple):
    """Where a series is best cut in two: the first number after, the means before and after."""

    number: int
    before: float
    after: float


def breaks(record: Record, name: str) -> Iterator[Finding]:
    """A day after which values are others for years: a move, another sensor, a new model.

    Found in the monthly means, and of rain in the amounts of wet days too.
    """
    temperature = name.startswith("air_temperature")
    if not temperature and name not in BREAK_RATIO:
        return
    months, anomalies, level = _monthly_anomalies(record, name)
    for place in range(len(record.places)):
        known = np.flatnonzero(np.isfinite(anomalies[:, place]))
        cut = _split(anomalies[known, place], LEAST_MONTHS_APART)
        day = None
        if cut and _is_large(cut, name, float(level[place])):
            first = months[known[cut.number]].astype("datetime64[D]")
            day = int(np.searchsorted(record.days, first))
        elif name == "precipitation":
            day = _break_of_amounts(record, place)
        if day is None:
            continue
        values = record.values[name][:, place]
        day += int(np.isfinite(values[day:]).argmax())
        years = [_yearly(values[:day], name), _yearly(values[day:], name)]
        words = remark(
            "rule.break",
            variable=name,
            place=str(record.places[place]),
            first=record.day(day).date(),
            before=years[0],
            after=years[1],
            unit=VARIABLES[name].units,
        )
        yield Finding(name, place, np.array([day]), words)


def _is_large(cut: _Cut, name: str, level: float) -> bool:
    """Whether monthly anomalies from ``level`` change by more than a climate does."""
    if name.startswith("air_temperature"):
        return abs(cut.after - cut.before) >= BREAK_DEGREES
    ratio = (level + cut.after) / max(level + cut.before, 1e-9)
    return not 1 / BREAK_RATIO[name] < ratio < BREAK_RATIO[name]


def _break_of_amounts(record: Record, place: int) -> int | None:
    """The day from which on wet days have another amount for years, if there is one."""
    wet, logs = amounts_of_wet_days(record, place)
    cut = _split(logs, LEAST_WET_DAYS)
    if cut is None or abs(cut.after - cut.before) < np.log(BREAK_RATIO["precipitation"]):
        return None
    day = int(wet[cut.number])
    years = min(record.days[day] - record.days[0], record.days[-1] - record.days[day])
    return day if years.astype(int) >= 30 * LEAST_MONTHS_APART else None


def _yearly(values: np.ndarray, name: str) -> int | float:
    """The mean of the values, of a day's sum the mean of a year's sum."""
    mean = float(np.nanmean(values))
    return round(mean * 365.25) if VARIABLES[name].cell_methods == "time: sum" else shown(mean, 3)


def _monthly_anomalies(record: Record, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Months, their means less the calendar month's (month, place), and the mean year (place,)."""
    months, starts = np.unique(record.days.astype("datetime64[M]"), return_index=True)
    values = record.values[name]
    known = np.isfinite(values)
    counts = np.add.reduceat(known.astype(float), starts, axis=0)
    sums = np.add.reduceat(np.where(known, values, 0.0), starts, axis=0)
    means = np.where(counts >= MONTH_DAYS, sums / counts.clip(1), np.nan)
    level = np.zeros(means.shape[1])
    for calendar in range(12):
        rows = months.astype(np.int64) % 12 == calendar
        known = np.isfinite(means[rows])
        usual = np.where(known, means[rows], 0.0).sum(axis=0) / known.sum(axis=0).clip(1)
        means[rows] -= usual
        level += usual / 12
    return months, means, level


def _split(values: np.ndarray, least: int) -> _Cut | None:
    """Where a series is best cut in two, with at least so many values before and after.

    None where no cut is beyond chance. The standard normal homogeneity test's search (Alexandersson
    1986), with Welch's t.
    """
    count = len(values)
    cuts = np.arange(least, count - least + 1)
    if not cuts.size:
        return None
    total, squares = np.cumsum(values), np.cumsum(values**2)
    before, after = total[cuts - 1] / cuts, (total[-1] - total[cuts - 1]) / (count - cuts)
    spread_before = (squares[cuts - 1] / cuts - before**2).clip(1e-9) / cuts
    spread_after = ((squares[-1] - squares[cuts - 1]) / (count - cuts) - after**2).clip(1e-9)
    t = np.abs(after - before) / np.sqrt(spread_before + spread_after / (count - cuts))
    best = int(t.argmax())
    if t[best] < BREAK_T:
        return None
    return _Cut(int(cuts[best]), float(before[best]), float(after[best]))
