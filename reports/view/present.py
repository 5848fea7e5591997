"""How a hazard of months stands on its newest day: in drought or not, since when, how rare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import xarray as xr

from reports.text.formatting import months, ordinal, shortened
from reports.text.language import Language, isolate
from reports.view.outlook import NamedLocation
from reports.view.spans import named

DAYS_BY_MONTH = 60
"""A run that is older is told by the month that it began in."""


@dataclass(frozen=True)
class PresentState:
    """How an index stands at a location on its newest day: see features.runs.present_state.

    ``since`` is None where it is above the threshold of level 1.
    """

    location: NamedLocation
    index: float
    window_days: int
    day: date
    since: date | None
    rank: int
    years: int


def present_states(
    history: xr.Dataset | None, locations: Sequence[NamedLocation]
) -> tuple[PresentState, ...]:
    """The state of each location that a hazard's history tells one of, the lowest index first."""
    if history is None or "state_index" not in history:
        return ()
    at = {str(location): number for number, location in enumerate(history["location"].values)}
    days, since = (pd.DatetimeIndex(history[f"state_{name}"].values) for name in ("day", "since"))
    index, window, rank, years = (
        history[f"state_{name}"].values for name in ("index", "window_days", "rank", "years")
    )
    states = [
        PresentState(
            location,
            float(index[number]),
            int(window[number]),
            days[number].date(),
            None if pd.isna(since[number]) else since[number].date(),
            int(rank[number]),
            int(years[number]),
        )
        for location in locations
        if (number := at.get(location.id)) is not None and np.isfinite(index[number])
    ]
    return tuple(sorted(states, key=lambda state: (state.since is None, state.index)))


def state_sentence(states: Sequence[PresentState], lang: Language) -> str:
    """Since when which locations are in drought, and how rare that is where it is deepest.

    That none is in drought, where none is; empty without any state.
    """
    if not states:
        return ""
    below = [state for state in states if state.since is not None]
    if not below:
        day = lang.dated(max(state.day for state in states), "d MMMM y")
        return lang.say("Not in drought on {day}.", day=day)
    deepest = below[0]
    place = isolate(shortened(deepest.location.name), lang)
    values = {"since": _since(deepest, lang), "rarity": _rarity(deepest, lang)}
    if len(states) == 1:
        return lang.say("In drought {since}: {rarity}.", **values)
    if len(below) == 1:
        return lang.say("In drought in {place} {since}: {rarity}.", place=place, **values)
    places = named((state.location for state in below), lang)
    return lang.say(
        "In drought in {places}; in {place} {since}: {rarity}.",
        places=places,
        place=place,
        **values,
    )


def _since(state: PresentState, lang: Language) -> str:
    assert state.since is not None
    if (state.day - state.since).days < DAYS_BY_MONTH:
        return lang.say("since {day}", day=lang.dated(state.since, "d MMMM y"))
    return lang.say("since {month}", month=lang.dated(state.since, "MMMM y"))


def _rarity(state: PresentState, lang: Language) -> str:
    """ "the last 12 months were the 2nd driest of 31 years"."""
    window, years = months(state.window_days, lang), lang.number(state.years)
    if state.rank == 1:
        return lang.say(
            "the last {window} were the driest of {years} years", window=window, years=years
        )
    return lang.say(
        "the last {window} were the {rank} driest of {years} years",
        window=window,
        rank=ordinal(state.rank, lang),
        years=years,
    )
