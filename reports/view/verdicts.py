"""How good is this? The verdicts of the backtest in words, and a compact table of its scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from configs.remarks import Remark, remark
from reports.text.formatting import LEVEL_WORDS, VERDICT_WORDS, ahead_range, join, listing, signed
from reports.text.language import Language
from reports.view.outlook import hazard_title
from reports.view.reliability import TrackRecord, track_record_of
from reports.view.slots import Slot, reading_order, slot_kind


@dataclass(frozen=True)
class Score:
    """One cell of the table.

    ``published`` is the skill of the number shown, ``model`` the model's with its 95 % interval.
    """

    verdict: str
    published: str
    model: str
    interval: str
    n_events: int
    n_event_years: int


@dataclass(frozen=True)
class SkillByLead:
    """Skill against climatology at one lead.

    Of the published number, and the model's with its interval.
    """

    slot: Slot
    published: float
    model: float
    low: float
    high: float


@dataclass(frozen=True)
class LevelVerdict:
    """A level in words.

    (which days, which verdict, what it means), and its row of scores (None where not computed).
    """

    level: int
    name: str
    phrases: tuple[tuple[str, str, str], ...]
    scores: tuple[Score | None, ...]
    events: str
    years: str


@dataclass(frozen=True)
class HazardVerdict:
    """A hazard's panel. ``reason`` says why there are no scores, and is None where there are."""

    name: str
    title: str
    reason: Remark | None
    slots: tuple[Slot, ...]
    levels: tuple[LevelVerdict, ...]
    skills: tuple[SkillByLead, ...]
    track_record: TrackRecord | None


def hazard_verdicts(
    scores: pd.DataFrame,
    record: Mapping[str, pd.DataFrame],
    hazards: Sequence[str],
    missing: Mapping[str, Remark],
    issued: date,
    lang: Language,
) -> list[HazardVerdict]:
    """One panel per hazard.

    ``scores``: of the whole region. ``record``: see ``reports.publish``.
    """
    of = {name: scores[scores["hazard"] == name] if len(scores) else scores for name in hazards}
    return [_panel(name, of[name], record, missing.get(name), issued, lang) for name in hazards]


def _panel(
    name: str,
    scores: pd.DataFrame,
    record: Mapping[str, pd.DataFrame],
    missing: Remark | None,
    issued: date,
    lang: Language,
) -> HazardVerdict:
    title = hazard_title(name, lang)
    if missing or not len(scores):
        return HazardVerdict(
            name,
            title,
            missing or remark("record.not_assessed"),
            (),
            (),
            (),
            None,
        )
    keys = sorted({judged_cell(row) for row in scores.to_dict("records")}, key=reading_order)
    slots = tuple(
        Slot(slot_kind(*key), key[0], key[1] or None, issued + timedelta(days=key[0]))
        for key in keys
    )
    levels = tuple(
        _level(int(level), slots, scores[scores["level"] == level], lang)
        for level in sorted(scores["level"].unique())
    )
    track_record = (
        track_record_of(name, record["colours"], record["reliability"], slots, lang)
        if record
        else None
    )
    return HazardVerdict(name, title, None, slots, levels, _skills(slots, scores), track_record)


def judged_cell(row: Mapping[Any, Any]) -> tuple[int, int]:
    """Lead and window of a row of the scores; 0 for a window of an index, judged by lead alone."""
    lead, window = int(row["lead_days"]), int(row["window_days"])
    return lead, 0 if slot_kind(lead, window) == "index" else window


def _key(slot: Slot) -> tuple[int, int]:
    return slot.lead_days, slot.window_days or 0


def _level(
    level: int, slots: tuple[Slot, ...], scores: pd.DataFrame, lang: Language
) -> LevelVerdict:
    rows = {judged_cell(row): row for row in scores.to_dict("records")}
    cell_scores = tuple(_score(rows.get(_key(slot)), lang) for slot in slots)
    known = [score for score in cell_scores if score]
    return LevelVerdict(
        level,
        lang.say(LEVEL_WORDS[level]),
        _phrases(slots, cell_scores, lang),
        cell_scores,
        _range([score.n_events for score in known], lang),
        _range([score.n_event_years for score in known], lang),
    )


def _score(row: dict[Any, Any] | None, lang: Language) -> Score | None:
    if row is None:
        return None
    skill, low, high = (signed(value, lang) for value in _model_skill(row))
    return Score(
        verdict=str(row["verdict"]),
        published=signed(published_skill(row), lang),
        model=skill,
        interval=lang.say("{low} to {high}", low=low, high=high) if "–" not in (low, high) else "",
        n_events=_whole(row["n_events"]),
        n_event_years=_whole(row["n_event_years"]),
    )


def published_skill(row: dict[Any, Any]) -> float:
    """Brier skill of the published number against the calendar.

    1 - brier_published / brier_climatology.
    """
    reference = float(row["brier_climatology"])
    return 1 - float(row["brier_published"]) / reference if reference > 0 else math.nan


def _whole(value: float) -> int:
    return 0 if pd.isna(value) else int(value)


def _range(counts: Sequence[int], lang: Language) -> str:
    low, high = (lang.number(end(counts, default=0)) for end in (min, max))
    return low if low == high else lang.say("{low} to {high}", low=low, high=high)


def _phrases(
    slots: Sequence[Slot], scores: Sequence[Score | None], lang: Language
) -> tuple[tuple[str, str, str], ...]:
    """Neighbouring days with one verdict become one phrase; days first, then windows."""
    groups = grouped(
        [(slot, score.verdict) for slot, score in zip(slots, scores, strict=True) if score]
    )
    return tuple(
        (which(slots, len(groups) == 1, lang), verdict, lang.say(VERDICT_WORDS.get(verdict, "")))
        for slots, verdict in groups
    )


def grouped(present: Sequence[tuple[Slot, str]]) -> list[tuple[list[Slot], str]]:
    """Slots and verdicts with neighbours of one verdict together.

    All of them where there is but one verdict.
    """
    if len({verdict for _, verdict in present}) == 1:
        return [([slot for slot, _ in present], present[0][1])]
    groups: list[tuple[list[Slot], str]] = []
    for slot, verdict in present:
        if groups and groups[-1][1] == verdict and _same_family(groups[-1][0][-1], slot):
            groups[-1][0].append(slot)
        else:
            groups.append(([slot], verdict))
    return groups


def _same_family(first: Slot, second: Slot) -> bool:
    return first.kind == second.kind


def which(slots: Sequence[Slot], everything: bool, lang: Language) -> str:
    """Which days a group of slots is, in words; ``everything``: there is no other."""
    if everything:
        return lang.say("all days ahead")
    if slots[0].kind == "day":
        return ahead_range(slots[0].lead_days, slots[-1].lead_days, lang)
    if slots[0].kind == "any" and len(slots) == 1:
        return lang.say_many(
            "any of the next {n} day", "any of the next {n} days", slots[0].window_days or 0
        )
    if slots[0].kind == "any":
        days = [lang.number(slot.window_days or 0) for slot in slots]
        return lang.say(
            "any of the next {days} or {last} days", days=join(days[:-1], lang), last=days[-1]
        )
    leads = listing([lang.number(slot.lead_days) for slot in slots], lang)
    return lang.say("{leads} days ahead", leads=leads)


def _skills(slots: Sequence[Slot], scores: pd.DataFrame) -> tuple[SkillByLead, ...]:
    """Skill of the lowest level by lead; the one with the most events and so the surest."""
    first = scores[scores["level"] == scores["level"].min()]
    rows = {
        judged_cell(row): row
        for row in first.to_dict("records")
        if row["verdict"] != "not assessed"
    }
    shown = [(slot, row) for slot in slots if (row := rows.get(_key(slot)))]
    return tuple(SkillByLead(slot, published_skill(row), *_model_skill(row)) for slot, row in shown)


def _model_skill(row: Mapping[Any, Any]) -> tuple[float, float, float]:
    return (
        float(row["bss_climatology"]),
        float(row["bss_climatology_low"]),
        float(row["bss_climatology_high"]),
    )
