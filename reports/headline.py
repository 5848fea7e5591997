"""One sentence and one colour per hazard for the region: what a reader takes away in ten seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from features.hazards import LEVEL_NAMES
from reports.outlook import HazardOutlook, Outlook, Place, Slot, hazard_title, rank
from reports.wording import GREY, following, frequency, listing, long_date, season


@dataclass(frozen=True)
class Headline:
    """``colour`` is "" where there is none (out of season, no number); ``sentence`` leads, ``detail`` may be empty."""

    hazard: str
    title: str
    colour: str
    sentence: str
    detail: str


def headline(hazard: HazardOutlook, issued: date, warm_season: tuple[int, int], missing: str = "") -> Headline:
    """The hazard's headline from its places and days; ``missing`` says why it has no numbers, if it has none."""
    if missing and not hazard.assessed:
        return missing_headline(hazard.name, missing)
    if rank(hazard.colour) > 0:
        sentence, detail = _alert(hazard, issued)
    elif hazard.colour == "green":
        sentence, detail = _quiet(hazard)
    elif hazard.colour == "grey":
        sentence, detail = _unknown(hazard)
    else:
        sentence, detail = _absent(hazard, warm_season)
    alone = _exceptions(hazard)
    return Headline(hazard.name, hazard.title, hazard.colour, sentence, " ".join(part for part in (alone, detail) if part))


def missing_headline(hazard: str, reason: str) -> Headline:
    """The headline of a hazard that cannot be assessed here, and why."""
    return Headline(hazard, hazard_title(hazard), "", f"Not available: {reason.rstrip('.')}.", "")


def _alert(hazard: HazardOutlook, issued: date) -> tuple[str, str]:
    here = [(place, slot, cell) for place, slot, cell in hazard.cells() if rank(cell.colour) >= rank(hazard.colour)]
    days = [item for item in here if item[1].kind != "any"]
    shown = days or here
    names = listing(list(dict.fromkeys(place.name for place, _, _ in shown)))
    when, chances = _when([slot for _, slot, _ in shown], issued), _chances([cell for _, _, cell in shown])
    return f"{hazard.colour.capitalize()} in {names} {when}; {chances}.", _beyond(hazard)


def _when(slots: list[Slot], issued: date) -> str:
    if slots[0].kind == "any":
        shortest = min(slot.window_days or 0 for slot in slots)
        return f"on some day from {following(issued, shortest)}"
    days = sorted({slot.valid for slot in slots})
    if slots[0].kind == "index":
        return f"{'on' if len(days) == 1 else 'from'} {long_date(days[0], year=False)}, {min(slot.lead_days for slot in slots)} days ahead"
    first = f"{'today, ' if days[0] == issued else ''}{long_date(days[0], year=False)}"
    return f"from {first}" if len(days) > 1 else first if days[0] == issued else f"on {first}"


def _chances(cells: list[Outlook]) -> str:
    peak = max(cells, key=lambda cell: (cell.chance[cell.level], cell.chance[1]))
    text = f"{'up to ' if len(cells) > 1 else ''}{frequency(peak.chance[1])} chance (usual: {frequency(peak.usual[1])})"
    levels = [level for level in range(2, peak.level + 1) if not math.isnan(peak.chance[level])]
    return ", ".join([text, *(f"{frequency(peak.chance[level])} of {LEVEL_NAMES[level]}" for level in levels)])


def _quiet(hazard: HazardOutlook) -> tuple[str, str]:
    return "Nothing unusual.", _beyond(hazard)


def _beyond(hazard: HazardOutlook) -> str:
    """Where the calendar knows as much: after which day, or simply that some days are grey."""
    slots = [(slot, colour) for slot, colour in zip(hazard.slots, hazard.slot_colours, strict=True) if slot.kind != "any" and colour]
    grey = [slot for slot, colour in slots if colour == "grey"]
    known = [slot for slot, colour in slots if colour != "grey"]
    if not grey:
        return ""
    if not known or min(slot.lead_days for slot in grey) < max(slot.lead_days for slot in known):
        return f"Grey days: {GREY}."
    last = max(known, key=lambda slot: slot.lead_days)
    after = f"beyond {last.lead_days} days" if last.kind == "index" else f"after {long_date(last.valid, year=False)}"
    return f"{GREY.capitalize()} {after}."


def _unknown(hazard: HazardOutlook) -> tuple[str, str]:
    everything = [(slot, cell) for _, slot, cell in hazard.cells() if cell.colour == "grey"]
    cells = [cell for slot, cell in everything if slot.kind != "any"] or [cell for _, cell in everything]
    verdicts = {verdict for cell in cells for verdict in cell.verdict.values()}
    detail = "Not assessed: too few events on record to tell." if verdicts == {"not assessed"} else ""
    usual = [cell.usual[1] for cell in cells if not math.isnan(cell.usual[1])]
    if not usual:
        return f"{GREY.capitalize()}.", detail
    low, high = frequency(min(usual)), frequency(max(usual))
    return f"{GREY.capitalize()} (usual chance: {low if low == high else f'{low} to {high}'}).", detail


def _absent(hazard: HazardOutlook, warm_season: tuple[int, int]) -> tuple[str, str]:
    if any(cell.state == "season" for _, _, cell in hazard.cells()):
        return f"Out of season: it is assessed from {season(warm_season)}.", ""
    return "No number: what the forecast needs was not measured.", ""


def _exceptions(hazard: HazardOutlook) -> str:
    """Places whose colour is higher than the region's, which takes more than one of them."""
    higher = [(place, cell) for place, _, cell in hazard.cells() if rank(cell.colour) > max(rank(hazard.colour), 0)]
    if not higher:
        return ""
    worst = max((cell.colour for _, cell in higher), key=rank)
    names: list[Place] = [place for place, cell in higher if cell.colour == worst]
    return f"{worst.capitalize()} in {listing(list(dict.fromkeys(place.name for place in names)))} alone."
