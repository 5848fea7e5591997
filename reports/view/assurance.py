"""How sure a colour is: what such colours came to on the past years of the backtest."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.text.formatting import COLOUR_WORDS, frequency
from reports.text.language import Language
from reports.view.outlook import HazardOutlook, rank

FEWEST_DAYS = 10
"""Days shown at a place in all years, below which the share that came true tells nothing."""
Cell = tuple[int, int]


def how_sure(hazard: HazardOutlook, colours: pd.DataFrame | None, lang: Language) -> str:
    """One sentence on the hazard's colour, by the counts of past years.

    ``colours``: the table of ``reports.publish``, None where nothing was counted. Of the cells that
    have the colour now, or are green now, the one that was counted most often speaks. Empty where
    the hazard has no colour but grey, or no number confirms the colour.
    """
    if rank(hazard.colour) < 0:
        return ""
    cells = {
        (slot.lead_days, cell.window_days)
        for _, slot, cell in hazard.cells()
        if cell.colour == hazard.colour and cell.confirmed
    }
    if not cells:
        return ""
    counted = colours[colours["hazard"] == hazard.name] if colours is not None else None
    if counted is None or counted.empty:
        return lang.say("How sure: not known; no past year was counted.")
    if hazard.colour == "green":
        return _misses(counted, cells, lang)
    return _hits(counted[counted["colour"] == hazard.colour], hazard.colour, cells, lang)


def _of(counted: pd.DataFrame, cells: set[Cell]) -> pd.DataFrame:
    keys = zip(counted["lead_days"].astype(int), counted["window_days"].astype(int), strict=True)
    return counted.loc[np.array([key in cells for key in keys], dtype=bool)]


def _hits(counted: pd.DataFrame, colour: str, cells: set[Cell], lang: Language) -> str:
    rows = _of(counted, cells)
    name = lang.say(COLOUR_WORDS[colour]).lower()
    days = rows["shown"] * rows["years"]
    if rows.empty or not days.max() > 0:
        return lang.say("How sure: not known; {colour} never came in past years.", colour=name)
    most = rows.iloc[int(days.to_numpy().argmax())]
    n, years = round(float(days.max())), int(most["years"])
    if n < FEWEST_DAYS:
        return lang.say_many(
            "How sure: hard to say; {colour} came on {days} days at a place in {n} past year.",
            "How sure: hard to say; {colour} came on {days} days at a place in {n} past years.",
            years,
            colour=name,
            days=lang.number(max(n, 1)),
        )
    return lang.say_many(
        "How sure: in the backtest of {n} year, {share} of such days with {colour} came true.",
        "How sure: in the backtest of {n} years, {share} of such days with {colour} came true.",
        years,
        share=frequency(float(most["hits"] / most["shown"]), lang),
        colour=name,
    )


def _misses(counted: pd.DataFrame, cells: set[Cell], lang: Language) -> str:
    """Of green: how many days with the event came without a colour."""
    told = (counted["colour"] == "yellow") & ~counted["grey"].astype(bool)
    rows = _of(counted.loc[told], cells)
    events = (rows["hits"] + rows["missed"]) * rows["years"]
    if rows.empty or not events.max() >= FEWEST_DAYS:
        return ""
    most = rows.iloc[int(events.to_numpy().argmax())]
    share = float(most["missed"] / (most["hits"] + most["missed"]))
    return lang.say_many(
        "How sure: in the backtest of {n} year, {share} unusual days came without a colour.",
        "How sure: in the backtest of {n} years, {share} unusual days came without a colour.",
        int(most["years"]),
        share=frequency(share, lang),
    )
