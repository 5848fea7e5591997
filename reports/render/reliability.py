"""The reliability diagram: chance given against share that happened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.render.charts import BOTTOM, LEFT, RIGHT, TOP, Ticks, scale
from reports.text.formatting import brief, frequency
from reports.text.language import Language
from reports.view.reliability import ReliabilityBin

SIDE = BOTTOM - TOP


@dataclass(frozen=True)
class Bin:
    """A point of the reliability diagram, the bar of its count (user units), and what it says."""

    x: float
    y: float
    low: float
    high: float
    bar: float
    words: str


@dataclass(frozen=True)
class ReliabilityChart:
    """Chance given against share that happened; ``least`` and ``most`` cases of a bin."""

    title: str
    description: str
    bins: tuple[Bin, ...]
    least: str
    most: str
    x_ticks: Ticks
    y_ticks: Ticks


def reliability_chart(
    title: str, bins: Sequence[ReliabilityBin], lang: Language
) -> ReliabilityChart | None:
    """The diagram of a hazard's bins; None for fewer than two."""
    if len(bins) < 2:
        return None
    shares = [share for item in bins for share in (item.forecast, item.observed, item.high)]
    highest = max(share for share in shares if math.isfinite(share))
    counts = [item.n for item in bins]
    top = next(top for top in (0.1, 0.2, 0.5, 1.0) if top == 1.0 or highest <= top)
    most = math.log(max(counts) + 1)
    points = tuple(_bin(item, top, most, lang) for item in bins)
    ticks = [top * part for part in (0.0, 0.5, 1.0)]
    return ReliabilityChart(
        lang.say("{hazard}: chance given and share that happened", hazard=title),
        " ".join(point.words for point in points),
        points,
        lang.number(min(counts)),
        lang.number(max(counts)),
        tuple((_x(tick, top), _axis(tick, lang)) for tick in ticks),
        tuple((_y(tick, top), _axis(tick, lang)) for tick in ticks),
    )


def _axis(chance: float, lang: Language) -> str:
    """A round chance on an axis: 0, 1 in 20, 5 in 10, 10 in 10."""
    if chance == 1.0:
        return lang.say("{n} in {many}", n=lang.number(10), many=lang.number(10))
    return brief(chance, lang) if chance else lang.number(0)


def _x(chance: float, top: float) -> float:
    return scale(chance, 0, top, LEFT, RIGHT)


def _y(share: float, top: float) -> float:
    return scale(share, 0, top, BOTTOM, TOP)


def _bin(item: ReliabilityBin, top: float, most: float, lang: Language) -> Bin:
    words = lang.say(
        "Given {chance}: happened {share}, in {n} cases.",
        chance=frequency(item.forecast, lang),
        share=frequency(item.observed, lang),
        n=lang.number(item.n),
    )
    height = round(math.log(item.n + 1) / most * SIDE * 0.22, 1)
    low, high = (_y(min(end, top), top) for end in (item.low, item.high))
    return Bin(_x(item.forecast, top), _y(min(item.observed, top), top), low, high, height, words)
