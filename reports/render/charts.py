"""Geometry of the report's charts.

Numbers become paths in a small coordinate system, the template draws them.

Coordinates are SVG user units with two decimals at most, so that the same data are the same bytes
everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.text.formatting import brief, frequency, signed
from reports.text.language import Language, isolate
from reports.view.outlook import RiskCell
from reports.view.slots import Slot, lead_label, slot_label, slot_words
from reports.view.verdicts import SkillByLead

WIDTH, HEIGHT = 400, 196
LEFT, RIGHT, TOP, BOTTOM = 70, 392, 14, 168

LETTER = 8.4
"""Width of a letter of the largest type that charts have, 13 px on a telephone (user units)."""

Ticks = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Bar:
    """One column of the outlook chart.

    Heights are in user units, ``usual`` is the height of the calendar's chance.
    """

    x: float
    width: float
    height: float
    severe: float
    usual: float | None
    colour: str
    label: tuple[str, str]


@dataclass(frozen=True)
class ChanceChart:
    """The chance by day against the usual chance at one location."""

    title: str
    description: str
    bars: tuple[Bar, ...]
    y_ticks: Ticks


@dataclass(frozen=True)
class SkillPoint:
    """Skill against the calendar at one lead.

    Of the published number, and the model's with its interval (user units).
    """

    x: float
    published: float | None
    model: float | None
    low: float
    high: float
    label: tuple[str, str]


@dataclass(frozen=True)
class SkillChart:
    """Skill by lead."""

    title: str
    description: str
    points: tuple[SkillPoint, ...]
    y_ticks: Ticks
    zero: float


def scale(value: float, low: float, high: float, start: float, end: float) -> float:
    """Map low..high to start..end, to one decimal."""
    return round(start + (value - low) / (high - low) * (end - start), 1) + 0.0


def fitting(xs: Sequence[float], texts: Sequence[str], anchor: float = 0.5) -> list[str]:
    """Texts of one line, those left empty that would run into the one before or out of the frame.

    ``anchor``: the share of a text's width that is before its ``x``.
    """
    end, shown = 0.0, []
    for x, text in zip(xs, texts, strict=True):
        width = len(text) * LETTER
        start = x - anchor * width
        fits = start >= end and start + width <= WIDTH
        end = start + width + LETTER / 2 if fits and text else end
        shown.append(text if fits else "")
    return shown


def _two_lines(xs: Sequence[float], labels: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    first, second = (fitting(xs, [label[line] for label in labels]) for line in (0, 1))
    return list(zip(first, second, strict=True))


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Up to ``most`` round numbers that enclose low..high: 1, 2 or 5 times a power of ten apart."""
    width = max(high - low, 1e-6)
    power = 10.0 ** math.floor(math.log10(width / most))
    step = next(
        power * k
        for k in (1, 2, 5, 10, 20)
        if math.ceil(high / (power * k)) - math.floor(low / (power * k)) < most
    )
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) + 0.0 for i in range(first, max(last, first + 1) + 1)]


def number(value: float, lang: Language) -> str:
    """A number for an axis or a sentence: at most one decimal, a true minus sign."""
    return lang.number(round(value, 1) + 0.0, 1, trim=True)


def chance_chart(
    title: str, location: str, slots: Sequence[Slot], row: Sequence[RiskCell | None], lang: Language
) -> ChanceChart | None:
    """Bars of the level-1 chance (its severe part darker) and marks of the usual chance.

    None without any number.
    """
    shown = [
        (i, slot, cell)
        for i, (slot, cell) in enumerate(zip(slots, row, strict=True))
        if cell and cell.state == "number"
    ]
    if not shown:
        return None
    top = _top([p for _, _, cell in shown for p in (cell.chance[1], cell.usual[1])])
    first_window = next((i for i, slot in enumerate(slots) if slot.kind == "any"), len(slots))
    gap = 0.5 if 0 < first_window < len(slots) else 0.0
    step = min((RIGHT - LEFT) / (len(slots) + gap), 90)
    bars = [
        _bar(LEFT + (i + (gap if i >= first_window else 0)) * step, step, slot, cell, top, lang)
        for i, slot, cell in shown
    ]
    labels = _two_lines([bar.x + bar.width / 2 for bar in bars], [bar.label for bar in bars])
    where = isolate(location, lang)
    return ChanceChart(
        lang.say("{hazard}: chance by day, {place}", hazard=title, place=where),
        lang.say(
            "Chance of at least unusual at {place}: {chances}.",
            place=where,
            chances="; ".join(_bar_words(shown, lang)),
        ),
        tuple(replace(bar, label=label) for bar, label in zip(bars, labels, strict=True)),
        _chance_ticks(top, lang),
    )


def _bar_words(shown: Sequence[tuple[int, Slot, RiskCell]], lang: Language) -> list[str]:
    phrases = [
        (slot_words(slot, lang), frequency(cell.chance[1], lang), frequency(cell.usual[1], lang))
        for _, slot, cell in shown
    ]
    return [
        lang.say("{day} {chance} (usual {usual})", day=day, chance=chance, usual=usual)
        for day, chance, usual in phrases
    ]


def _top(chances: Sequence[float]) -> float:
    highest = max((p for p in chances if math.isfinite(p)), default=0.0)
    return next(top for top in (0.1, 0.2, 0.5, 1.0) if highest <= top * 0.96 or top == 1.0)


def _chance_ticks(top: float, lang: Language) -> Ticks:
    marks = {0.1: (0.05, 0.1), 0.2: (0.1, 0.2), 0.5: (0.1, 0.3, 0.5), 1.0: (0.2, 0.5, 0.8)}[top]
    return (
        (float(BOTTOM), lang.number(0)),
        *((scale(p, 0, top, BOTTOM, TOP), brief(p, lang)) for p in marks),
    )


def _bar(x: float, step: float, slot: Slot, cell: RiskCell, top: float, lang: Language) -> Bar:
    def height(p: float) -> float:
        return scale(p, 0, top, 0, BOTTOM - TOP) if math.isfinite(p) else 0.0

    usual = cell.usual[1]
    return Bar(
        x=round(x + step * 0.12, 1),
        width=round(step * 0.76, 1),
        height=height(cell.chance[1]),
        severe=height(cell.chance.get(2, math.nan)),
        usual=height(usual) if math.isfinite(usual) else None,
        colour=cell.colour or "none",
        label=slot_label(slot, lang),
    )


def skill_chart(title: str, skills: Sequence[SkillByLead], lang: Language) -> SkillChart | None:
    """Skill against the calendar by lead; None where none is known."""
    known = [
        value
        for skill in skills
        for value in (skill.published, skill.model, skill.low, skill.high)
        if math.isfinite(value)
    ]
    if not known:
        return None
    y = round_ticks(max(min([*known, 0.0]), -0.5), min(max([*known, 0.1]), 1.0))
    step = min((RIGHT - LEFT) / len(skills), 90)
    points = [
        _skill_point(LEFT + (i + 0.5) * step, skill, y, lang) for i, skill in enumerate(skills)
    ]
    labels = _two_lines([point.x for point in points], [point.label for point in points])
    ticks = tuple(
        (scale(tick, y[0], y[-1], BOTTOM, TOP), lang.number(tick, 2, trim=True)) for tick in y
    )
    zero = scale(0, y[0], y[-1], BOTTOM, TOP)
    return SkillChart(
        lang.say("{hazard}: skill by lead", hazard=title),
        _skill_words(skills, lang),
        tuple(replace(point, label=label) for point, label in zip(points, labels, strict=True)),
        ticks,
        zero,
    )


def _skill_words(skills: Sequence[SkillByLead], lang: Language) -> str:
    leads = [
        lang.say(
            "{lead}: published {published}, model {model}",
            lead=" ".join(lead_label(skill.slot, lang)).strip(),
            published=signed(skill.published, lang),
            model=signed(skill.model, lang),
        )
        for skill in skills
    ]
    return lang.say(
        "Skill against the calendar (0 is no better, 1 is perfect). {leads}.",
        leads="; ".join(leads),
    )


def _skill_point(x: float, skill: SkillByLead, y: list[float], lang: Language) -> SkillPoint:
    def placed(value: float) -> float | None:
        if not math.isfinite(value):
            return None
        return scale(min(max(value, y[0]), y[-1]), y[0], y[-1], BOTTOM, TOP)

    model = placed(skill.model)
    low, high = (placed(end) or model or 0.0 for end in (skill.low, skill.high))
    label = lead_label(skill.slot, lang)
    return SkillPoint(round(x, 1), placed(skill.published), model, low, high, label)
