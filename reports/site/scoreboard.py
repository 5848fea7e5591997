"""The scoreboard: published numbers against the calendar, by a region's newest backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from reports.storage.archive import SCORES, ArchivedReport
from reports.text.formatting import VERDICT_WORDS, capital, signed
from reports.text.language import Language
from reports.view.outlook import hazard_title
from reports.view.slots import Slot, reading_order, slot_kind
from reports.view.verdicts import grouped, judged_cell, published_skill, which

BEATING = frozenset({"skilful", "known"})
"""Verdicts whose published number has proven to beat the calendar."""
UNJUDGED = frozenset({"not assessed", "provisional"})


@dataclass(frozen=True)
class Line:
    """Days ahead that share a verdict, what it means, and the published number's skill on them.

    ``skill`` is empty where it was not computed.
    """

    which: str
    verdict: str
    meaning: str
    skill: str


@dataclass(frozen=True)
class Row:
    """A hazard's row.

    ``lines`` are of its lowest level, which has the most events. Of all levels' ``assessed``
    chances, ``beats`` beat the calendar.
    """

    title: str
    lines: tuple[Line, ...]
    beats: str
    assessed: str
    events: str
    years: str


@dataclass(frozen=True)
class Scoreboard:
    """A region's rows, and the day of the report that brought them."""

    day: date
    rows: tuple[Row, ...]


def scoreboard(reports: Sequence[ArchivedReport], lang: Language) -> Scoreboard | None:
    """The scoreboard of a region from its reports, newest first; None where none has scores yet."""
    newest = next((report for report in reports if (report.folder / SCORES).is_file()), None)
    if newest is None:
        return None
    scores = pd.read_csv(newest.folder / SCORES, encoding="utf-8")
    rows = [
        _row(str(name), hazard_scores, newest.day, lang)
        for name, hazard_scores in scores.groupby("hazard", sort=True)
    ]
    return Scoreboard(newest.day, tuple(sorted(rows, key=lambda row: row.title)))


def _row(hazard: str, scores: pd.DataFrame, day: date, lang: Language) -> Row:
    lowest = scores[scores["level"] == scores["level"].min()]
    judged = scores[~scores["verdict"].isin(UNJUDGED)]
    return Row(
        hazard_title(hazard, lang),
        _lines(lowest, day, lang),
        lang.number(judged["verdict"].isin(BEATING).sum()),
        lang.number(len(judged)),
        _most(lowest["n_events"], lang),
        _most(lowest["n_event_years"], lang),
    )


def _lines(scores: pd.DataFrame, day: date, lang: Language) -> tuple[Line, ...]:
    rows = {judged_cell(row): row for row in scores.to_dict("records")}
    slots = [
        Slot(slot_kind(*key), key[0], key[1] or None, day + timedelta(days=key[0]))
        for key in sorted(rows, key=reading_order)
    ]
    groups = grouped(
        [(slot, str(rows[slot.lead_days, slot.window_days or 0]["verdict"])) for slot in slots]
    )
    return tuple(
        Line(
            capital(which(group, len(groups) == 1, lang)),
            verdict,
            lang.say(VERDICT_WORDS.get(verdict, "")),
            _skill(group, rows, lang),
        )
        for group, verdict in groups
    )


def _skill(
    slots: Sequence[Slot], rows: Mapping[tuple[int, int], Mapping[Any, Any]], lang: Language
) -> str:
    shown = [rows[slot.lead_days, slot.window_days or 0] for slot in slots]
    skills = [published_skill(dict(row)) for row in shown if row["verdict"] not in UNJUDGED]
    if not skills:
        return ""
    low, high = signed(min(skills), lang), signed(max(skills), lang)
    return low if low == high else lang.say("{low} to {high}", low=low, high=high)


def _most(counts: pd.Series, lang: Language) -> str:
    return lang.number(0 if counts.isna().all() else int(counts.max()))
