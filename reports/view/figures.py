"""What a hazard's levels are at a place, in the place's own figures, and what is forecast there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from features.hazards import hazards
from reports.text.formatting import LEVEL_WORDS, amount, amounts, long_date, months, shortened
from reports.text.language import Language, isolate
from reports.view.drivers import BAND
from reports.view.outlook import NamedLocation
from reports.view.slots import Slot
from reports.view.spans import chain


@dataclass(frozen=True)
class CellFigures:
    """Of one location and cell: the thresholds of its levels, and quantiles of what is forecast.

    ``thresholds``: level -> of both conditions, NaN for none; ``low`` and ``high``: between them it
    lies 9 times in 10, NaN where it is not foretold; ``title`` and ``units`` of that quantity.
    """

    thresholds: Mapping[int, tuple[float, float]]
    threshold_units: tuple[str, str]
    window_days: int
    low: float
    high: float
    title: str
    units: str


def cell_figures(
    forecast: xr.Dataset, hazard: str, location: str, lead_days: int, window_days: int
) -> CellFigures | None:
    """Of a location's cell; None where the forecast says nothing of the levels there."""
    cells = np.flatnonzero(
        (forecast["hazard"].values == hazard)
        & (forecast["lead_days"].values == lead_days)
        & (forecast["window_days"].values == window_days)
    )
    if "threshold" not in forecast or not len(cells):
        return None
    here = forecast.isel(cell=int(cells[0]), init_time=0).sel(location=location)
    values = here["threshold"].transpose("level", "condition").values.tolist()
    first, second = (str(unit) for unit in here["threshold_units"].values)
    low, high = np.nan, np.nan
    if "outlook" in here:
        low, high = (float(here["outlook"].sel(quantile=q)) for q in (BAND[0], BAND[2]))
    title, units = (
        str(here[name].values) if name in here.coords else ""
        for name in ("outlook_title", "outlook_units")
    )
    by_level = {
        int(level): (pair[0], pair[1])
        for level, pair in zip(here["level"].values, values, strict=True)
    }
    return CellFigures(by_level, (first, second), window_days, low, high, title, units)


def meaning(
    hazard: str,
    location: NamedLocation,
    figures: CellFigures,
    levels: Sequence[int],
    lang: Language,
) -> str:
    """ "In Saïdia, unusual: a day above 36 °C; severe: three days in a row above 36 °C."

    Empty where the hazard does not say what its levels are, or no threshold is known.
    """
    words_by_level = [(level, _level_words(hazard, level, figures, lang)) for level in levels]
    parts = [
        lang.say("{level}: {meaning}", level=lang.say(LEVEL_WORDS[level]), meaning=words)
        for level, words in words_by_level
        if words
    ]
    if not parts:
        return ""
    place = isolate(shortened(location.name), lang)
    return lang.say("In {place}, {meanings}.", place=place, meanings=chain(parts, lang))


def _level_words(hazard: str, level: int, figures: CellFigures, lang: Language) -> str:
    """A level's meaning: the fullest text whose thresholds are known."""
    declared = hazards()[hazard].meaning
    first, second = figures.thresholds.get(level, (np.nan, np.nan))
    known = {
        name: amount(value, unit, lang)
        for name, value, unit in zip(
            ("first", "second"), (first, second), figures.threshold_units, strict=True
        )
        if np.isfinite(value)
    }
    for text in declared.words.get(level, ()) if declared and known else ():
        missing = [name for name in ("first", "second") if f"{{{name}}}" in text]
        if set(missing) <= set(known):
            return lang.phrase(text, **known, window=months(figures.window_days, lang))
    return ""


def forecast_range(slot: Slot, figures: CellFigures, lang: Language) -> str:
    """ "Rain in 3 days, Friday 13 June: 40 to 60 mm, 9 times in 10."; empty where not known."""
    if not (figures.title and np.isfinite(figures.low) and np.isfinite(figures.high)):
        return ""
    return lang.say(
        "{quantity}, {day}: {range}, 9 times in 10.",
        quantity=lang.word(figures.title),
        day=long_date(slot.valid, lang, year=False),
        range=amounts(figures.low, figures.high, figures.units, lang),
    )
