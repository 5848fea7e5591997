"""One colour for each place and day from published probabilities.

The same rule for a live forecast and for the record.
"""

from __future__ import annotations

import numpy as np

from configs import Region
from features.hazards import Hazard
from models.scores import NOT_ASSESSED, USUAL

COLOURS = ("green", "yellow", "orange", "red")
GREY = "grey"
CERTAIN = 0.80  # from here on a colour needs no multiple of the usual chance
BY_VALUE = 2.0  # times the normal probability, or below its half: a number that tells something
TELLING = 0.01  # below this no number does
WITHDRAWN_BELOW = 0.8  # of its threshold; until then a colour once given for a day stays


def colour_ranks(
    hazard: Hazard,
    region: Region,
    chance: np.ndarray,
    usual: np.ndarray,
    before: np.ndarray | None = None,
) -> np.ndarray:
    """The highest row of the hazard's colours reached, 0 green to 3 red: (cell, ...).

    ``chance`` and ``usual``: probabilities (cell, level, ...). ``before`` (cell, ...): the rank
    given to the same valid day by the forecast before, which is withdrawn with a margin only.
    """
    rules = region.colours.get(hazard.name) or hazard.colours.least
    rank = np.zeros(chance[:, 0].shape, dtype=int)
    given = np.zeros(rank.shape, dtype=int) if before is None else before
    for number, name in enumerate(COLOURS[1:], start=1):
        for level, least in rules.get(name, {}).items():
            p, q = chance[:, level - 1], usual[:, level - 1]
            with np.errstate(invalid="ignore"):
                reached = (p >= least) & ((p >= hazard.colours.over_normal * q) | (p >= CERTAIN))
                kept = (given >= number) & (p >= WITHDRAWN_BELOW * least)
            rank = np.where(reached | kept, np.maximum(rank, number), rank)
    return rank


def tells_more(chance: np.ndarray, usual: np.ndarray, verdict: np.ndarray) -> np.ndarray:
    """Where a cell tells more than the climatology: (cell, ...) from arrays (cell, level, ...).

    By evidence, a verdict that claims it, or by value, a number that differs from the normal one by
    a factor of BY_VALUE and is not below TELLING with it; at any level.
    """
    with np.errstate(invalid="ignore"):
        apart = (chance >= BY_VALUE * usual) | (chance <= usual / BY_VALUE)
        by_value = (chance != usual) & apart & (np.fmax(chance, usual) >= TELLING)
    by_evidence = ~np.isin(verdict, ("", USUAL, NOT_ASSESSED))
    return np.asarray((np.isfinite(chance) & (by_evidence | by_value)).any(axis=1))


def name_colours(rank: np.ndarray, nothing: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Names of colours from ranks: (cell, ...).

    Where ``nothing`` is known, the colour given to the same valid day before stands, since only a
    forecast that can tell may withdraw it; where none was given the colour is grey.
    """
    names = np.array(COLOURS, dtype=object)
    return np.where(nothing, np.where(before > 0, names[before], GREY), names[rank])
