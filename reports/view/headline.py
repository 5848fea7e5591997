"""One sentence and one colour per hazard for the region: what a reader takes away in 10 seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from configs.remarks import Remark
from reports.text.formatting import COLOUR_WORDS, long_date, month
from reports.text.language import Language
from reports.view.chances import chance_words, levels_told, other_levels, peak, usual_span
from reports.view.figures import CellFigures, forecast_range, meaning
from reports.view.horizons import horizons
from reports.view.outlook import RISING, HazardOutlook, hazard_title, rank
from reports.view.present import PresentState, state_sentence
from reports.view.spans import Found, chain, coloured, named, where_and_when
from reports.view.standing import not_confirmed


@dataclass(frozen=True)
class Headline:
    """What a report says first of a hazard: ``sentence`` leads, ``detail`` may be empty.

    ``colour`` is "" where there is none (out of season, no number). ``action``: what the region
    file asks to do at the colour reached.
    """

    hazard: str
    title: str
    colour: str
    sentence: str
    detail: str
    action: str = ""


@dataclass(frozen=True)
class HazardFacts:
    """What a headline draws on besides the outlook.

    ``missing``: why the hazard has no numbers, if it has none. ``actions``: colour -> what the
    region file asks to do. ``figures``: of a location and cell, see figures.cell_figures.
    ``states``: how an index hazard stands now, see present.present_states.
    """

    missing: Remark | None = None
    actions: Mapping[str, str] = field(default_factory=dict)
    figures: Callable[[str, int, int], CellFigures | None] | None = None
    states: Sequence[PresentState] = ()


@dataclass(frozen=True)
class _Told:
    """A hazard as its headline tells it."""

    hazard: HazardOutlook
    issued: date
    lang: Language
    facts: HazardFacts


def headline(
    hazard: HazardOutlook,
    issued: date,
    warm_season: tuple[int, int],
    lang: Language,
    facts: HazardFacts | None = None,
) -> Headline:
    """The hazard's headline from its locations and days, led by the highest colour that any has.

    First how things stand now, where that is known of the hazard. Then the highest colour of today
    and the highest of all, each with the number that it is given for, its days and places. The
    detail tells the other numbers and colours, and what the levels are in the place that leads.
    """
    facts = facts or HazardFacts()
    told = _Told(hazard, issued, lang, facts)
    absent = None
    if facts.missing and not hazard.assessed:
        absent = missing_headline(hazard.name, facts.missing, lang)
    if absent and rank(hazard.colour) <= 0:
        return absent
    sentences, details = _words(told, warm_season)
    if absent:
        details.append(absent.sentence)
    return Headline(
        hazard.name,
        hazard_title(hazard.name, lang),
        hazard.colour,
        _together(state_sentence(facts.states, lang), *sentences),
        _together(*details),
        _action(hazard.colour, facts.actions),
    )


def missing_headline(hazard: str, reason: Remark, lang: Language) -> Headline:
    """The headline of a hazard that cannot be assessed here, and why."""
    title = hazard_title(hazard, lang)
    words = lang.part(reason)
    return Headline(hazard, title, "", lang.say("Not available: {reason}.", reason=words), "")


def _together(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _action(colour: str, actions: Mapping[str, str]) -> str:
    """What is to be done at the highest colour reached that has an action."""
    reached = [name for name in actions if 0 < rank(name) <= rank(colour)]
    return actions[max(reached, key=rank)] if reached else ""


def _words(told: _Told, warm_season: tuple[int, int]) -> tuple[list[str], list[str]]:
    """The sentences that lead, and those of the detail."""
    hazard, lang = told.hazard, told.lang
    if rank(hazard.colour) > 0:
        return _coloured(told)
    if hazard.colour == "":
        return [_absent(hazard, warm_season, lang)], []
    if hazard.colour == "green":
        if any(state.since for state in told.facts.states):
            return horizons(hazard, lang)[:1], horizons(hazard, lang)[1:]
        return [lang.say("Nothing unusual.")], horizons(hazard, lang) or [_beyond(hazard, lang)]
    if any(cell.confirmed for _, slot, cell in hazard.cells() if slot.kind == "index"):
        return horizons(hazard, lang)[:1], horizons(hazard, lang)[1:]
    return _unknown(hazard, lang)


def _coloured(told: _Told) -> tuple[list[str], list[str]]:
    """Of a hazard with a colour: today's and the highest lead; then all that has one besides.

    A colour that today's numbers do not confirm is told apart from one that they give.
    """
    hazard, lang, found = told.hazard, told.lang, coloured(told.hazard)
    today = [item for item in found if item[1].kind == "day" and item[1].valid == told.issued]
    now, top = _highest(today), _highest(found, hazard.colour)
    leads = [top, now] if now and now[0][2].colour != hazard.colour else [top]
    sentences = [_lead(told, items) for items in leads if items]
    if not top:
        sentences.append(_stands(hazard, hazard.colour, lang))
    led = [item for items in leads for item in items]
    leader = peak(top) if top and top[0][2].confirmed else None
    details = [other_levels(top, lang) if leader else "", *_others(told, found, led)]
    if any(not cell.confirmed for _, _, cell in found) or hazard.standing:
        details.append(
            lang.say(
                "A colour that is not confirmed was given by an earlier report; today’s numbers "
                "know no more than the calendar, so it stands until its day is over. "
                "This is no all-clear."
            )
        )
    if any(cell.confirmed and rank(cell.colour) >= 0 for _, _, cell in hazard.cells()):
        details += horizons(hazard, lang, led) or [_beyond(hazard, lang)]
    return sentences, [*details, *(_explained(told, leader) if leader else ())]


def _highest(found: Sequence[Found], colour: str = "") -> list[Found]:
    """The cells of a colour, or of the highest: those that are confirmed where any is.

    Of these the single days where there are any.
    """
    colour = colour or max((cell.colour for _, _, cell in found), key=rank, default="")
    those = [item for item in found if item[2].colour == colour]
    sure = [item for item in those if item[2].confirmed] or those
    return [item for item in sure if item[1].kind != "any"] or sure


def _lead(told: _Told, found: Sequence[Found]) -> str:
    """ "Red: 5 in 10 for extreme heat (usual 1 in 100), on Friday 13 June in Saïdia."."""
    lang = told.lang
    return lang.say(
        "{colour}: {chance}, {where}.",
        colour=lang.say(COLOUR_WORDS[found[0][2].colour]),
        chance=chance_words(told.hazard.name, found, lang),
        where=where_and_when(found, told.issued, lang),
    )


def _explained(told: _Told, leader: Found) -> list[str]:
    """What the levels that were told are in the leading place, and what is forecast there."""
    location, slot, cell = leader
    if told.facts.figures is None:
        return []
    figures = told.facts.figures(location.id, slot.lead_days, cell.window_days)
    if figures is None:
        return []
    levels = sorted({*levels_told(cell), cell.level})
    ahead = "" if slot.kind == "any" else forecast_range(slot, figures, told.lang)
    return [meaning(told.hazard.name, location, figures, levels, told.lang), ahead]


def _others(told: _Told, found: Sequence[Found], led: Sequence[Found]) -> list[str]:
    """Sentences on the colours of all cells and messages that do not lead, the highest first.

    Those of an index that are confirmed are left to its horizons.
    """
    sentences, lang = [], told.lang
    for colour in reversed(RISING[1:]):
        rest = [item for item in found if item[2].colour == colour and item not in led]
        sure = [item for item in rest if item[2].confirmed and item[1].kind != "index"]
        unsure = [item for item in rest if not item[2].confirmed]
        values = {"colour": lang.say(COLOUR_WORDS[colour])}
        if sure:
            where = where_and_when(sure, told.issued, lang)
            sentences.append(lang.say("{colour} {where}.", **values, where=where))
        if unsure:
            sentences.append(_lead(told, unsure))
        if colour != told.hazard.colour or _highest(found, colour):
            sentences.append(_stands(told.hazard, colour, lang))
    return sentences


def _stands(hazard: HazardOutlook, colour: str, lang: Language) -> str:
    """Of a colour that stands by messages alone; empty where none of it does."""
    standing = [item for item in hazard.standing if item.colour == colour]
    lasts = {item.last for item in standing}
    parts = [
        lang.say(
            "{when} in {places}",
            when=lang.say("until {day}", day=long_date(last, lang, year=False)),
            places=named((item.location for item in standing if item.last == last), lang),
        )
        for last in sorted(lasts)
    ]
    if not parts:
        return ""
    return lang.say(
        "{colour}: {chance}, {where}.",
        colour=lang.say(COLOUR_WORDS[colour]),
        chance=not_confirmed(
            min((item.since for item in standing if item.since), default=None), lang
        ),
        where=chain(parts, lang),
    )


def _beyond(hazard: HazardOutlook, lang: Language) -> str:
    """Where the calendar knows as much: after which day, or simply that some days are grey."""
    if "grey" not in hazard.slot_colours:
        return ""
    sure = {slot for _, slot, cell in hazard.cells() if cell.confirmed and rank(cell.colour) > 0}
    alone = [
        (slot, "grey" if rank(colour) > 0 and slot not in sure else colour)
        for slot, colour in zip(hazard.slots, hazard.slot_colours, strict=True)
        if slot.kind != "any"
    ]
    grey = [slot for slot, colour in alone if colour == "grey"]
    known = [slot for slot, colour in alone if colour not in ("grey", "")]
    if not grey:
        return ""
    if not known or min(slot.lead_days for slot in grey) < max(slot.lead_days for slot in known):
        return lang.say("Grey days: no more than the calendar knows.")
    last = max(known, key=lambda slot: slot.lead_days)
    return lang.say(
        "No more than the calendar knows after {day}.", day=long_date(last.valid, lang, year=False)
    )


def _unknown(hazard: HazardOutlook, lang: Language) -> tuple[list[str], list[str]]:
    everything = [(slot, cell) for _, slot, cell in hazard.cells() if cell.colour == "grey"]
    cells = [cell for slot, cell in everything if slot.kind != "any"] or [
        cell for _, cell in everything
    ]
    verdicts = {verdict for cell in cells for verdict in cell.verdict.values()}
    few = lang.say("Not assessed: too few events on record to tell.")
    details = [few] if verdicts == {"not assessed"} else []
    span = usual_span(cells, lang)
    if not span:
        return [lang.say("No more than the calendar knows.")], details
    if len(span) == 1:
        said = lang.say("No more than the calendar knows (usual chance: {usual}).", usual=span[0])
    else:
        said = lang.say(
            "No more than the calendar knows (usual chance: {low} to {high}).",
            low=span[0],
            high=span[1],
        )
    return [said], details


def _absent(hazard: HazardOutlook, warm_season: tuple[int, int], lang: Language) -> str:
    if any(cell.state == "season" for _, _, cell in hazard.cells()):
        first, last = (month(number, lang) for number in warm_season)
        return lang.say(
            "Out of season: it is assessed from {first} to {last}.", first=first, last=last
        )
    return lang.say("No number: what the forecast needs was not measured.")
