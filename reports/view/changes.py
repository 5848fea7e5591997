"""What changed since the report before: colours that rose or fell, and what is all clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce

import pandas as pd

from reports.text.formatting import COLOUR_WORDS, day_listing, location_listing
from reports.text.language import Language
from reports.view.outlook import HazardOutlook, NamedLocation, hazard_title, rank
from reports.view.slots import Slot, slot_kind, slot_words
from reports.view.spans import chain

Before = Mapping[tuple[str, str, int, object], str]


@dataclass(frozen=True)
class Changes:
    """Sentences by hazard: what rose or fell (none: no change), what is below yellow again.

    ``in_short``: one for each hazard with a change, its colour then and now and how many locations
    rose or fell.
    """

    since: date
    moved: Mapping[str, tuple[str, ...]]
    in_short: tuple[str, ...]
    cleared: tuple[str, ...]


@dataclass(frozen=True)
class _Move:
    """The colour of a location and slot in the report before and in this one.

    ``stands``: this one does not confirm it.
    """

    location: NamedLocation
    slot: Slot
    before: str
    after: str
    stands: bool


def changes(
    hazards: Sequence[HazardOutlook], previous: pd.DataFrame | None, lang: Language
) -> Changes | None:
    """What is different from the table of the forecast before; None where there is none.

    Days are held against the same days, indices and windows against those of the same length ahead.
    """
    if previous is None or previous.empty:
        return None
    before = _colours(previous)
    moves = {hazard.name: _moves(hazard, before) for hazard in hazards}
    return Changes(
        pd.Timestamp(previous["issued"].max()).date(),
        {name: _moved(hazard_moves, lang) for name, hazard_moves in moves.items()},
        tuple(line for hazard in hazards if (line := _in_short(hazard, moves[hazard.name], lang))),
        tuple(line for hazard in hazards for line in _cleared(hazard, moves[hazard.name], lang)),
    )


def _colours(table: pd.DataFrame) -> Before:
    colours = {}
    for row in table[table["level"] == 1].to_dict("records"):
        lead, window = int(row["lead_days"]), int(row["window_days"])
        when: object = row["valid"].date() if slot_kind(lead, window) == "day" else lead
        colours[str(row["hazard"]), str(row["location"]), window, when] = str(row["colour"])
    return colours


def _moves(hazard: HazardOutlook, before: Before) -> list[_Move]:
    """Every location and slot that both reports speak of."""
    moves = []
    for location, slot, cell in hazard.cells():
        when: object = slot.valid if slot.kind == "day" else slot.lead_days
        colour = before.get((hazard.name, location.id, cell.window_days, when), "")
        if colour:
            moves.append(_Move(location, slot, colour, cell.colour, cell.stands))
    return moves


def _risen(moves: Sequence[_Move]) -> tuple[list[_Move], list[_Move]]:
    """The moves to a higher colour, also from none that could be told, and to a lower colour."""
    higher = [move for move in moves if rank(move.after) > max(rank(move.before), 0)]
    return higher, [move for move in moves if rank(move.before) > rank(move.after) >= 0]


def _moved(moves: Sequence[_Move], lang: Language) -> tuple[str, ...]:
    """What rose, a colour where none could be told included, and what fell to another colour."""
    higher, lower = _risen(moves)
    up = lang.say("Higher: {where}.", where=_where(higher, lang)) if higher else ""
    down = lang.say("Lower: {where}.", where=_where(lower, lang)) if lower else ""
    if up or down:
        return tuple(sentence for sentence in (up, down) if sentence)
    if any(move.before != move.after for move in moves):
        return (lang.say("No colour has risen or fallen."),)
    return (lang.say("No colour has changed."),)


def _in_short(hazard: HazardOutlook, moves: Sequence[_Move], lang: Language) -> str:
    higher, lower = _risen(moves)
    if not higher and not lower:
        return ""
    before, after = (
        lang.say(COLOUR_WORDS[max(colours, key=rank)]).lower()
        for colours in ([move.before for move in moves], [move.after or "grey" for move in moves])
    )
    title = hazard_title(hazard.name, lang)
    parts = [
        lang.say("{hazard}: {before}, now {after}", hazard=title, before=before, after=after)
        if before != after
        else lang.say("{hazard}: still {after}", hazard=title, after=after)
    ]
    parts += [lang.say("higher in {places}", places=_count(higher, lang))] if higher else []
    parts += [lang.say("lower in {places}", places=_count(lower, lang))] if lower else []
    return reduce(lambda told, part: lang.say("{told}; {part}", told=told, part=part), parts) + "."


def _count(moves: Sequence[_Move], lang: Language) -> str:
    return lang.say_many("{n} place", "{n} places", len({move.location.id for move in moves}))


def _where(moves: Sequence[_Move], lang: Language) -> str:
    """Places, each with its own days: "A and B (12 June); C (12 June and 13 June)"."""
    by_location: dict[NamedLocation, list[Slot]] = {}
    for move in moves:
        by_location.setdefault(move.location, []).append(move.slot)
    together: dict[tuple[Slot, ...], list[str]] = {}
    for location, slots in by_location.items():
        together.setdefault(tuple(sorted(slots, key=_order)), []).append(location.name)
    groups = [
        lang.say(
            "{places} ({days})",
            places=location_listing(names, lang),
            days=day_listing([slot_words(slot, lang) for slot in slots], lang),
        )
        for slots, names in together.items()
    ]
    return chain(groups, lang)


def _order(slot: Slot) -> tuple[bool, int, int]:
    """Single days before windows, each from the issue day on."""
    return slot.kind == "any", slot.lead_days, slot.window_days or 0


def _all_clear(hazard: HazardOutlook, moves: Sequence[_Move]) -> list[str]:
    """Ids of the locations that were yellow or worse and are green again, on every day."""
    was = {move.location.id for move in moves if rank(move.before) > 0}
    still = {location.id for location, _, cell in hazard.cells() if rank(cell.colour) > 0}
    still |= {standing.location.id for standing in hazard.standing}
    unknown = {
        move.location.id for move in moves if rank(move.before) > 0 and move.after != "green"
    }
    return [location.id for location, _ in hazard.rows if location.id in was - still - unknown]


def _cleared(hazard: HazardOutlook, moves: Sequence[_Move], lang: Language) -> list[str]:
    """Sentences: all clear in locations, cleared on days of others, and what is no all-clear.

    Neither a colour that is not confirmed nor one that can no longer be told is one.
    """
    title, clear = hazard_title(hazard.name, lang), set(_all_clear(hazard, moves))
    down = [move for move in moves if rank(move.before) > 0 and move.slot.kind != "any"]
    names = [location.name for location, _ in hazard.rows if location.id in clear]
    partly = [move for move in down if move.after == "green" and move.location.id not in clear]
    held = {standing.location.id for standing in hazard.standing}
    stands = [
        move
        for move in moves
        if move.stands or (rank(move.before) > 0 > rank(move.after) and move.location.id in held)
    ]
    unknown = [move for move in down if rank(move.after) < 0 and move.location.id not in held]
    sentences = [
        lang.say(
            "{hazard}: all clear in {places}.", hazard=title, places=location_listing(names, lang)
        )
        if names
        else "",
        lang.say(
            "{hazard}: no longer yellow or worse in {where}.",
            hazard=title,
            where=_where(partly, lang),
        )
        if partly
        else "",
        lang.say(
            "{hazard}: not confirmed today in {where}; this is no all-clear.",
            hazard=title,
            where=_where(stands, lang),
        )
        if stands
        else "",
        lang.say(
            "{hazard}: no colour can be told any more in {where}; this is no all-clear.",
            hazard=title,
            where=_where(unknown, lang),
        )
        if unknown
        else "",
    ]
    return [sentence for sentence in sentences if sentence]
