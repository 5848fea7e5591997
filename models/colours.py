"""One colour for each location and day from published probabilities.

The same rule holds for a live forecast and for past days.
"""

from __future__ import annotations

import numpy as np

from configs import Region
from features.hazards import Hazard
from models.verdicts import NO_BETTER, NOT_ASSESSED

COLOURS = ("green", "yellow", "orange", "red")
GREY = "grey"
CERTAIN = 0.80
"""A probability from which on a colour needs no multiple of the climatology's."""
TELLING_FACTOR = 2.0
"""Times the climatology, or below its share: a probability that tells something."""
MIN_TELLING = 0.01
"""Below this no probability tells anything."""
WITHDRAWN_BELOW = 0.8
"""Share of a colour's threshold, down to which a colour once given for a day stays."""


def colour_ranks(
    hazard: Hazard,
    region: Region,
    probability: np.ndarray,
    climatology: np.ndarray,
    before: np.ndarray | None = None,
) -> np.ndarray:
    """The highest row of the hazard's colours reached, 0 green to 3 red: (cell, ...).

    ``probability`` and ``climatology``: (cell, level, ...). ``before`` (cell, ...): the rank given
    to the same valid day by the forecast before, which is withdrawn with a margin only.
    """
    rules = region.colours.get(hazard.name) or hazard.colours.least
    rank = np.zeros(probability[:, 0].shape, dtype=int)
    given = np.zeros(rank.shape, dtype=int) if before is None else before
    for number, name in enumerate(COLOURS[1:], start=1):
        for level, threshold in rules.get(name, {}).items():
            p, q = probability[:, level - 1], climatology[:, level - 1]
            with np.errstate(invalid="ignore"):
                unusual = (p >= hazard.colours.over_normal * q) | (p >= CERTAIN)
                reached = (p >= threshold) & unusual
                kept = (given >= number) & (p >= WITHDRAWN_BELOW * threshold)
            rank = np.where(reached | kept, np.maximum(rank, number), rank)
    return rank


def tells_more(probability: np.ndarray, climatology: np.ndarray, verdict: np.ndarray) -> np.ndarray:
    """Where a cell tells more than the climatology: (cell, ...) from arrays (cell, level, ...).

    By evidence: a verdict that claims it. Or by value: a probability that differs from the
    climatology by TELLING_FACTOR, where one of them reaches MIN_TELLING. At any level.
    """
    with np.errstate(invalid="ignore"):
        apart = (probability >= TELLING_FACTOR * climatology) | (
            probability <= climatology / TELLING_FACTOR
        )
        above = np.fmax(probability, climatology) >= MIN_TELLING
        by_value = (probability != climatology) & apart & above
    by_evidence = ~np.isin(verdict, ("", NO_BETTER, NOT_ASSESSED))
    return np.asarray((np.isfinite(probability) & (by_evidence | by_value)).any(axis=1))


def name_colours(rank: np.ndarray, tells_nothing: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Names of colours from ranks: (cell, ...).

    Where a cell ``tells_nothing``, the colour given to the same valid day before stands, since only
    a forecast that tells something may withdraw it; where none was given the colour is grey.
    """
    names = np.array(COLOURS, dtype=object)
    stands = np.where(before > 0, names[before], GREY)
    return np.where(tells_nothing, stands, names[rank])
