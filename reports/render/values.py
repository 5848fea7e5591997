"""The chart of relative economic value against cost/loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reports.render.charts import BOTTOM, LEFT, RIGHT, TOP, Ticks, scale
from reports.text.formatting import COLOUR_WORDS
from reports.text.language import Language

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9)
"""Ratios of cost to loss that the axis names."""


@dataclass(frozen=True)
class ValueChart:
    """SVG paths: ``line`` of acting at p* = C/L, ``band`` its 95 % range, ``colour`` of the colour.

    Values below 0, which are worse than acting always or never, are drawn at 0.
    """

    title: str
    description: str
    band: str
    line: str
    colour: str
    x_ticks: Ticks
    y_ticks: Ticks


def value_chart(title: str, colour: str, rows: pd.DataFrame, lang: Language) -> ValueChart | None:
    """The chart of a hazard and colour; None where no value is above 0.

    ``rows``: of one stage, cell and colour of ``value_table``, by cost_loss.
    """
    known = rows.dropna(subset=["value"])
    if not len(known) or not (known[["value", "value_colour"]] > 0).any(axis=None):
        return None
    across = [_x(share) for share in known["cost_loss"]]
    band = ""
    if known["value_low"].notna().all():
        low, high = (_ups(known[name].tolist()) for name in ("value_low", "value_high"))
        band = _path([*zip(across, high, strict=True), *reversed([*zip(across, low, strict=True)])])
        band += "Z"
    line, of_colour = (
        _path(list(zip(across, _ups(known[name].tolist()), strict=True)))
        for name in ("value", "value_colour")
    )
    return ValueChart(
        lang.say(
            "{hazard}, {colour}: value against cost/loss",
            hazard=title,
            colour=lang.say(COLOUR_WORDS[colour]),
        ),
        " ".join(_words(row, lang) for row in known.to_dict("records")),
        band,
        line,
        of_colour,
        tuple((_x(share), lang.number(share, 2, trim=True)) for share in SHARES),
        tuple((_y(value), lang.number(value, 1, trim=True)) for value in (0.0, 0.5, 1.0)),
    )


def _words(row: dict[object, float] | dict[str, float], lang: Language) -> str:
    return lang.say(
        "At cost/loss {share}: value {value}.",
        share=lang.number(float(row["cost_loss"]), 2, trim=True),
        value=lang.number(max(float(row["value"]), 0.0), 2),
    )


def _x(share: float) -> float:
    return scale(math.log(share), math.log(SHARES[0]), math.log(SHARES[-1]), LEFT, RIGHT)


def _y(value: float) -> float:
    return scale(min(max(value, 0.0), 1.0), 0.0, 1.0, BOTTOM, TOP)


def _ups(values: Sequence[float]) -> list[float]:
    return [_y(value) for value in values]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points)
