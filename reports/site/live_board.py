"""The live half of the scoreboard: what the reports that went out came to."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from reports.site.records import page_name
from reports.text.formatting import LEVEL_WORDS, capital, signed
from reports.text.language import Language
from reports.view.outlook import hazard_title
from reports.view.reliability import OR_WORSE
from reports.view.slots import Slot, reading_order, slot_kind
from reports.view.verdicts import which

LIVE_SCORES = "marks-scores.csv"
"""The scores of a region's live forecasts, beside its reports."""
LEAST_SCORED = 30
"""Issue days, below which no live skill is told."""


@dataclass(frozen=True)
class LiveColour:
    """A colour or a worse one at the shortest lead, as text; ``days`` a year at a place."""

    colour: str
    title: str
    days: str
    hits: str
    false: str


@dataclass(frozen=True)
class LiveHazard:
    """A hazard: sentences on its live skill, its colours, and where it is below its backtest."""

    title: str
    sentences: tuple[str, ...]
    lead: str
    colours: tuple[LiveColour, ...]
    below: tuple[str, ...]


@dataclass(frozen=True)
class LiveBoard:
    """A region's live scores. ``table``: the file of all numbers; ``alerts``: the track record."""

    hazards: tuple[LiveHazard, ...]
    table: str
    alerts: str


def live_board(folder: Path, lang: Language) -> LiveBoard | None:
    """The live scores of a region's published folder; None where nothing was graded yet."""
    path = folder / LIVE_SCORES
    if not path.is_file():
        return None
    scores = pd.read_csv(path, encoding="utf-8", parse_dates=["first", "last"])
    shown = [_hazard(str(name), rows, lang) for name, rows in scores.groupby("hazard", sort=True)]
    record = [page_name("track-record", tag) for tag in (lang.tag, "en")]
    alerts = next((name for name in record if (folder / name).is_file()), "")
    return LiveBoard(tuple(sorted(shown, key=lambda one: one.title)), LIVE_SCORES, alerts)


def _hazard(name: str, scores: pd.DataFrame, lang: Language) -> LiveHazard:
    single = scores[(scores["window_days"] == 1) | (scores["lead_days"] > 0)]
    shortest = single[single["lead_days"] == single["lead_days"].min()].sort_values("level")
    first = shortest.to_dict("records")[0]
    lead = which([_slot(first)], False, lang)
    return LiveHazard(
        hazard_title(name, lang),
        tuple(_sentences(first, scores, lead, lang)),
        capital(lead),
        tuple(_colour(row, lang) for row in shortest.to_dict("records") if row["n"]),
        tuple(_below(scores, lang)),
    )


def _slot(row: Mapping[Hashable, Any]) -> Slot:
    lead, window = int(row["lead_days"]), int(row["window_days"])
    return Slot(slot_kind(lead, window), lead, window, date.min)


def _sentences(
    row: Mapping[Hashable, Any], scores: pd.DataFrame, lead: str, lang: Language
) -> list[str]:
    days = int(row["issue_days"])
    out = []
    if days:
        first, last = (lang.dated(row[name].date(), "d MMM y") for name in ("first", "last"))
        out.append(
            lang.say_many(
                "{n} day of reports graded, {first} to {last}.",
                "{n} days of reports graded, {first} to {last}.",
                days,
                first=first,
                last=last,
            )
        )
        out += _skill(row, lead, lang)
    if left := _left_out(scores, lang):
        out.append(left)
    return out


def _skill(row: Mapping[Hashable, Any], lead: str, lang: Language) -> list[str]:
    days = int(row["issue_days"])
    if days < LEAST_SCORED or math.isnan(row["bss_climatology"]):
        early = "Skill: too early to tell ({n} day).", "Skill: too early to tell ({n} days)."
        return [lang.say_many(*early, days)]
    live = lang.say(
        "At least unusual, {lead}: skill {skill}.",
        lead=lead,
        skill=signed(row["bss_climatology"], lang),
    )
    ends = _range(row, "bss_climatology", lang)
    early = "Its range: too early ({n} day).", "Its range: too early ({n} days)."
    width = lang.say("Its range: {range}.", range=ends) if ends else lang.say_many(*early, days)
    reliability = lang.say(
        "Reliability {value} (0 is perfect).", value=lang.number(row["reliability"], 3)
    )
    return [f"{live} {width}", *_backtest(row, lang), reliability]


def _backtest(row: Mapping[Hashable, Any], lang: Language) -> list[str]:
    ends = _range(row, "backtest_bss", lang)
    if not ends:
        return []
    skill = signed(row["backtest_bss"], lang)
    return [lang.say("Its backtest: skill {skill}, range {range}.", skill=skill, range=ends)]


def _range(row: Mapping[Hashable, Any], name: str, lang: Language) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if math.isnan(low):
        return ""
    return lang.say("{low} to {high}", low=signed(low, lang), high=signed(high, lang))


def _left_out(scores: pd.DataFrame, lang: Language) -> str:
    counts = {name: int(scores[name].sum()) for name in ("ungradable", "retracted", "late")}
    if not any(counts.values()):
        return ""
    shown = {name: lang.number(count) for name, count in counts.items()}
    return lang.say(
        "In no score, of all chances: {ungradable} cannot be graded, {retracted} retracted, {late} "
        "issued late.",
        **shown,
    )


def _colour(row: Mapping[Hashable, Any], lang: Language) -> LiveColour:
    colour, hits, shown = str(row["colour"]), int(row["hits"]), int(row["shown"])
    return LiveColour(
        colour,
        lang.say(OR_WORSE[colour]),
        lang.number(row["days_a_year"], 1),
        _share(hits, hits + int(row["missed"]), row, "hit_rate", lang),
        _share(int(row["false_alarms"]), shown, row, "false_alarm_ratio", lang),
    )


def _share(count: int, of: int, row: Mapping[Hashable, Any], name: str, lang: Language) -> str:
    """A count of so many, with the 95 % interval of their ratio in percent where it is told."""
    if not of:
        return "–"
    share = lang.say("{n} of {all}", n=lang.number(count), all=lang.number(of))
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if math.isnan(low):
        return share
    low, high = (lang.number(100 * end) for end in (low, high))
    return f"{share} ({lang.say('{low} to {high} %', low=low, high=high)})"


def _below(scores: pd.DataFrame, lang: Language) -> list[str]:
    worse, out = scores[scores["below"].astype(bool)], []
    for level in sorted(set(worse["level"])):
        rows = worse[worse["level"] == level].to_dict("records")
        slots = sorted(map(_slot, rows), key=lambda one: reading_order(_key(one)))
        days = ", ".join(which([slot], False, lang) for slot in slots)
        name = capital(lang.say(LEVEL_WORDS[int(level)]))
        out.append(lang.say("{level}, {days}: worse than its backtest.", level=name, days=days))
    return out


def _key(slot: Slot) -> tuple[int, int]:
    return slot.lead_days, slot.window_days or 0
