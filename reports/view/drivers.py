"""What drives a number: causes of its distance from the calendar's, and the days ahead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import xarray as xr

from reports.text.formatting import listing, shortened
from reports.text.language import Language, isolate
from reports.view.chances import level_words
from reports.view.outlook import HazardOutlook, NamedLocation, RiskCell, rank
from reports.view.slots import Slot, slot_kind, slot_words

MAX_CAUSES = 3
MIN_CONTRIBUTION = 0.05
"""Log-odds: a cause that moves the number by less is left out.

It is about one part in a hundred of an even chance.
"""
BAND = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Fan:
    """What the coming days may bring at one location.

    Quantiles on the valid days, in the units of the history.
    """

    days: tuple[date, ...]
    low: tuple[float, ...]
    median: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Drivers:
    """Which number of which location and day is explained, and the sentences that explain it."""

    subject: str
    sentences: tuple[str, ...]


def drivers(forecast: xr.Dataset, hazard: HazardOutlook, lang: Language) -> Drivers | None:
    """What raises and what lowers the number of the location most at risk on its worst day.

    None where nothing is known of it.
    """
    worst = _worst(hazard)
    if worst is None or "contribution" not in forecast:
        return None
    location, slot, cell = worst
    causes = _contributions(forecast, hazard.name, location.id, slot, cell)
    if not causes:
        return None
    subject = lang.say(
        "{place}, {day}: {chance}",
        place=isolate(shortened(location.name), lang),
        day=slot_words(slot, lang),
        chance=level_words(hazard.name, cell, lang),
    )
    return Drivers(subject, _sentences(causes, lang))


def _worst(hazard: HazardOutlook) -> tuple[NamedLocation, Slot, RiskCell] | None:
    """The highest colour and chance of the location that stands first."""
    location, row = hazard.rows[0]
    cells = [
        (slot, cell)
        for slot, cell in zip(hazard.slots, row, strict=True)
        if cell and cell.state == "number"
    ]
    alone = [
        item
        for item in cells
        if item[0].kind != "any" and rank(item[1].colour) >= rank(hazard.colour)
    ] or cells
    if not alone:
        return None
    return location, *max(
        alone,
        key=lambda item: (rank(item[1].colour), item[1].chance[item[1].level], item[1].chance[1]),
    )


def _contributions(
    forecast: xr.Dataset, hazard: str, location: str, slot: Slot, cell: RiskCell
) -> dict[str, float]:
    """Cause -> log-odds it adds at the level of the colour, the strongest first.

    Empty where there is no number.
    """
    cells = (
        (forecast["hazard"].values == hazard)
        & (forecast["lead_days"].values == slot.lead_days)
        & (forecast["window_days"].values == cell.window_days)
    )
    contributions = (
        forecast["contribution"]
        .isel(cell=int(np.flatnonzero(cells)[0]), init_time=0)
        .sel(level=cell.level, location=location)
    )
    known = {
        str(cause): float(value)
        for cause, value in zip(contributions["cause"].values, contributions.values, strict=True)
        if np.isfinite(value)
    }
    return dict(sorted(known.items(), key=lambda item: (-abs(item[1]), item[0])))


def _sentences(causes: dict[str, float], lang: Language) -> tuple[str, ...]:
    largest = [(cause, value) for cause, value in causes.items() if abs(value) >= MIN_CONTRIBUTION][
        :MAX_CAUSES
    ]
    raises = [lang.word(cause) for cause, value in largest if value > 0]
    lowers = [lang.word(cause) for cause, value in largest if value < 0]
    if not largest:
        return (lang.say("It is the calendar’s own number: nothing measured moves it."),)
    up = lang.say("Raised by: {causes}.", causes=listing(raises, lang)) if raises else ""
    down = lang.say("Lowered by: {causes}.", causes=listing(lowers, lang)) if lowers else ""
    return tuple(sentence for sentence in (up, down) if sentence)


def fans(forecast: xr.Dataset, hazard: str) -> dict[str, Fan]:
    """What the hazard's quantity may be on the days ahead, 9 times in 10, by location.

    Without those where it is not foretold.
    """
    if "outlook" not in forecast:
        return {}
    lead, window = forecast["lead_days"].values, forecast["window_days"].values
    alone = [
        slot_kind(int(days_ahead), int(days)) != "any"
        for days_ahead, days in zip(lead, window, strict=True)
    ]
    cells = np.flatnonzero((forecast["hazard"].values == hazard) & alone)
    here = forecast.isel(init_time=0, cell=cells)
    days = pd.DatetimeIndex(here["valid_time"].values)
    order = np.argsort(days.values, kind="stable")
    bands = (
        here["outlook"]
        .sel(quantile=list(BAND))
        .transpose("location", "quantile", "cell")
        .values[:, :, order]
    )
    chances = here["probability"].sel(level=1).transpose("location", "cell").values[:, order]
    by_location = {}
    for location, band, chance in zip(here["location"].values, bands, chances, strict=True):
        spoken = np.isfinite(band).all(axis=0) & np.isfinite(chance)
        if spoken.any():
            low, median, high = (tuple(row) for row in band[:, spoken].tolist())
            by_location[str(location)] = Fan(
                tuple(day.date() for day in days[order][spoken]), low, median, high
            )
    return by_location
