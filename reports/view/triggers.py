"""The trigger bench in words: how often a colour fires, in vain, too late, and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from reports.text.formatting import frequency
from reports.text.language import Language, mark
from reports.view.outlook import hazard_title
from reports.view.reliability import OR_WORSE, SHOWN_LEADS, days
from reports.view.slots import Slot, lead_label, reading_order, slot_kind

STAGES = {
    "issued": mark("Forecasts that were issued"),
    "combined": mark("Past days with weather forecasts"),
    "state": mark("All past years, from what is measured alone"),
}
"""Stages in the order they are read."""


@dataclass(frozen=True)
class TriggerRow:
    """A lead and colour: days a year at a place, shares and days, as text with their ranges."""

    lead: str
    title: str
    fires: str
    in_vain: str
    missed: str
    warned: str
    lead_time: str
    value: str


@dataclass(frozen=True)
class TriggerStage:
    """What was counted: past days with or without weather forecasts, or issued forecasts."""

    title: str
    years: str
    rows: tuple[TriggerRow, ...]


@dataclass(frozen=True)
class TriggerPanel:
    """A hazard's part of the page."""

    hazard: str
    title: str
    stages: tuple[TriggerStage, ...]


def trigger_panels(table: pd.DataFrame, issued: date, lang: Language) -> tuple[TriggerPanel, ...]:
    """A panel for each hazard of a trigger table (see models.verification.triggers)."""
    if not len(table):
        return ()
    return tuple(
        TriggerPanel(
            str(name),
            hazard_title(str(name), lang),
            tuple(
                _stage(stage, rows[rows["stage"] == stage], issued, lang)
                for stage in STAGES
                if (rows["stage"] == stage).any()
            ),
        )
        for name, rows in table.groupby("hazard", sort=True)
    )


def _stage(stage: str, rows: pd.DataFrame, issued: date, lang: Language) -> TriggerStage:
    kept = [row for row in rows.to_dict("records") if _shown(row)]
    kept.sort(key=lambda row: (reading_order(_key(row)), row["level"]))
    years = lang.say_many("{n} year", "{n} years", int(rows["years"].max()))
    return TriggerStage(
        lang.say(STAGES[stage]), years, tuple(_row(row, issued, lang) for row in kept)
    )


def _key(row: Mapping[Hashable, Any]) -> tuple[int, int]:
    return int(row["lead_days"]), int(row["window_days"])


def _shown(row: Mapping[Hashable, Any]) -> bool:
    return slot_kind(*_key(row)) != "day" or row["lead_days"] in SHOWN_LEADS


def _row(row: Mapping[Hashable, Any], issued: date, lang: Language) -> TriggerRow:
    lead, window = _key(row)
    kind = slot_kind(lead, window)
    length = None if kind == "index" else window
    slot = Slot(kind, lead, length, issued + timedelta(days=lead))
    return TriggerRow(
        " ".join(part for part in lead_label(slot, lang) if part),
        lang.say(OR_WORSE[str(row["colour"])]),
        _ranged(row, "fires", lang),
        _ranged(row, "in_vain", lang),
        _ranged(row, "missed", lang),
        _share(row, "warned", lang),
        _number(row, "lead_time", lang),
        _value(row, lang),
    )


def _ends(row: Mapping[Hashable, Any], name: str) -> list[float]:
    return [float(row[f"{name}{end}"]) for end in ("", "_low", "_high")]


def _with_range(texts: list[str], ends: list[float], lang: Language) -> str:
    if math.isnan(ends[0]):
        return "–"
    if math.isnan(ends[1]):
        return texts[0]
    return lang.say("{value} ({low} to {high})", value=texts[0], low=texts[1], high=texts[2])


def _ranged(row: Mapping[Hashable, Any], name: str, lang: Language) -> str:
    """Days a year with their range."""
    ends = _ends(row, name)
    return _with_range(["" if math.isnan(end) else days(end, lang) for end in ends], ends, lang)


def _number(row: Mapping[Hashable, Any], name: str, lang: Language) -> str:
    ends = _ends(row, name)
    return _with_range(["" if math.isnan(end) else lang.number(end, 1) for end in ends], ends, lang)


def _share(row: Mapping[Hashable, Any], name: str, lang: Language) -> str:
    """A share as a natural frequency, without its range, which the table as CSV has."""
    share = float(row[name])
    return "–" if math.isnan(share) else frequency(share, lang)


def _value(row: Mapping[Hashable, Any], lang: Language) -> str:
    value = float(row["value"])
    if math.isnan(value):
        return "–"
    if value <= 0:
        return lang.say("none at any cost/loss")
    return lang.say(
        "{value} at cost/loss {share}",
        value=lang.number(value, 2),
        share=lang.number(float(row["value_at"]), 2, trim=True),
    )
