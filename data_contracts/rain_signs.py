"""Signs of wrong rain that a record tells of by itself: dry for too long, a day beyond all others,
amounts that change for years.

They need no neighbour. What a neighbour, another source or a forecast confirms is never doubted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from configs.remarks import remark
from data_contracts.neighbour_signs import neighbours
from data_contracts.record import Finding, Record, shown, stretches
from data_contracts.variables import VARIABLES

LEAST_SPELL, LEAST_YEARS = 30, 3.0
"""Days of a dry spell, and years of days beside it, that tell how likely it is."""

SEASON = 20
"""Days before and after a day of the year whose rain tells of its chance."""

UNREAL, DOUBTFUL = -12.0, -8.0
"""Log10 of a spell's chance. The least in records without a fault is -5.2 (100 years of three
stations) and -7.0 (974 years of simulated ones)."""

LEAST_KNOWN = 0.8
"""Share of a spell's days that must have a value."""

CONFIRMS_DROUGHT = 0.2
"""Share of the usual rain; what has less in the same days confirms that it was dry."""

GROWTH, LEAST_OUTSTANDING = 9.0, 100.0
"""Times the mean of the other years' highest days, and mm, beyond which a day of rain is doubted.

A day that is exceeded once in 1,000 years has 3 to 5 times the mean of the yearly highest (GEV with
a shape of 0.1 to 0.2, Koutsoyiannis 2004, doi:10.1623/hysj.49.4.591.54430)."""

LEAST_MAXIMA, YEAR_DAYS = 5, 300
"""Other years, and the days with a value that each needs."""

CONFIRMS_RAIN = 0.2
"""Share of such a rain that confirms it."""


class _Spell(NamedTuple):
    """Days without rain: from ``start`` on, before ``stop``; log10 of its chance; mm usual then."""

    start: int
    stop: int
    chance: float
    usual: float


def impossible_dry_spells(record: Record, name: str) -> Iterator[Finding]:
    """Dry spells that the place's own climate rules out: of a gauge that is blocked."""
    yield from _dry_spells(record, name, -np.inf, UNREAL, "rule.dry_spell")


def doubtful_dry_spells(record: Record, name: str) -> Iterator[Finding]:
    """Dry spells that are hardly possible at the place."""
    yield from _dry_spells(record, name, UNREAL, DOUBTFUL, "rule.dry_spell_doubt")


def _dry_spells(record: Record, name: str, low: float, high: float, code: str) -> Iterator[Finding]:
    """Dry spells whose log10 of the chance is from ``low`` to below ``high``."""
    if name != "precipitation":
        return
    known_days = np.isfinite(record.values[name]).sum(axis=0)
    for place in np.flatnonzero(known_days >= LEAST_YEARS * 365 + LEAST_SPELL).tolist():
        for spell in _spells(record, place):
            if not low <= spell.chance < high or _was_dry_beside(record, place, spell):
                continue
            known = np.isfinite(record.values[name][spell.start : spell.stop, place])
            words = remark(
                code,
                variable=name,
                place=str(record.places[place]),
                first=record.day(spell.start).date(),
                n=spell.stop - spell.start,
                usual=round(spell.usual),
                unit=VARIABLES[name].units,
            )
            yield Finding(name, place, spell.start + np.flatnonzero(known), words)


def _spells(record: Record, place: int) -> Iterator[_Spell]:
    """The long dry spells of a place, with the chance that they have by its other days.

    A Markov chain of the first order by season: each day is dry with the chance that days of that
    time of year have which follow a dry one, learnt without the spell. Months differ from year to
    year by more than that, and the limits leave room for it.
    """
    column = record.values["precipitation"][:, place]
    known, wet = np.isfinite(column), column > 0
    season = (record.days - record.days.astype("datetime64[Y]")).astype(int)
    after_dry = known & np.concatenate(([False], column[:-1] == 0)) & record.follows
    counts = np.bincount(season[after_dry], minlength=366)
    rains = np.bincount(season[after_dry & wet], minlength=366)
    amounts = np.bincount(season[known], column[known], minlength=366)
    days = np.bincount(season[known], minlength=366)
    whole = np.concatenate(([0.0], np.cumsum(_log_dry(rains, counts)[season] * known)))
    broken = ~wet
    broken[1:] &= record.follows[1:]
    for start, stop in stretches(broken):
        inside = slice(start, stop)
        here = season[inside][known[inside]]
        if len(here) < max(LEAST_SPELL, LEAST_KNOWN * (stop - start)):
            continue
        if known.sum() - len(here) < LEAST_YEARS * 365 or whole[stop] - whole[start] > -2.0:
            continue
        own = np.bincount(season[inside][after_dry[inside]], minlength=366)
        chance = float(_log_dry(rains, counts - own)[here].sum())
        others = _seasonal(days) - _seasonal(np.bincount(here, minlength=366))
        usual = float((_seasonal(amounts) / others.clip(1))[here].sum())
        yield _Spell(start, stop, chance, usual)


def _log_dry(rains: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Log10 of the chance of a day without rain, by day of the year. By Jeffreys' prior."""
    return np.asarray(np.log10(1 - (_seasonal(rains) + 0.5) / (_seasonal(counts) + 1.0)))


def _seasonal(counts: np.ndarray) -> np.ndarray:
    """Sums over the days around each day of the year."""
    around = np.concatenate((counts[-SEASON:], counts, counts[:SEASON]))
    return np.convolve(around, np.ones(2 * SEASON + 1), "valid")


def _was_dry_beside(record: Record, place: int, spell: _Spell) -> bool:
    """Whether a neighbour, another source or forecasts had hardly any rain either."""
    inside = slice(spell.start, spell.stop)
    near = record.values["precipitation"][inside][:, neighbours(record, place)]
    beside = np.column_stack((near, record.rain_elsewhere[inside, place]))
    known = np.isfinite(beside).mean(axis=0) >= LEAST_KNOWN
    return bool((np.nansum(beside, axis=0)[known] < CONFIRMS_DROUGHT * spell.usual).any())


def outstanding_rain(record: Record, name: str) -> Iterator[Finding]:
    """A day of rain far beyond the highest days of all other years that nothing confirms."""
    if name != "precipitation":
        return
    values = record.values[name]
    years, starts = np.unique(record.days.astype("datetime64[Y]"), return_index=True)
    enough = np.add.reduceat(np.isfinite(values).astype(int), starts, axis=0) >= YEAR_DAYS
    highest = np.maximum.reduceat(np.nan_to_num(values), starts, axis=0)
    for place in np.flatnonzero((values >= LEAST_OUTSTANDING).any(axis=0)):
        day = int(np.nanargmax(values[:, place]))
        year = int(np.searchsorted(years, record.days[day].astype("datetime64[Y]")))
        others = enough[:, place] & (np.arange(len(years)) != year)
        usual = float(highest[others, place].mean()) if others.sum() >= LEAST_MAXIMA else np.inf
        rain = float(values[day, place])
        if rain < GROWTH * usual or _rained_beside(record, int(place), day):
            continue
        words = remark(
            "rule.outstanding_rain",
            variable=name,
            place=str(record.places[place]),
            value=shown(rain),
            first=record.day(day).date(),
            usual=shown(usual, 3),
            unit=VARIABLES[name].units,
        )
        yield Finding(name, int(place), np.array([day]), words)


def _rained_beside(record: Record, place: int, day: int) -> bool:
    """Whether a neighbour, another source or a forecast had a good part of a day's rain."""
    values, window = record.values["precipitation"], slice(max(day - 1, 0), day + 2)
    beside = [values[window][:, neighbours(record, place)], record.rain_elsewhere[window, [place]]]
    least = CONFIRMS_RAIN * values[day, place]
    return any(bool((np.nan_to_num(each) >= least).any()) for each in beside)


def amounts_of_wet_days(record: Record, place: int) -> tuple[np.ndarray, np.ndarray]:
    """The wet days' numbers, and the logarithm of their rain less what is usual in that season."""
    column = record.values["precipitation"][:, place]
    wet = np.flatnonzero(column > 0)
    season = (record.days - record.days.astype("datetime64[Y]")).astype(int)[wet]
    logs = np.log(column[wet])
    sums = _seasonal(np.bincount(season, logs, minlength=366))
    usual = sums / _seasonal(np.bincount(season, minlength=366)).clip(1)
    return wet, logs - usual[season]
