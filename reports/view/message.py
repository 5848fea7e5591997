"""The message: what a report says in few enough characters for a telephone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce

from reports.text.formatting import (
    COLOUR_MEANINGS,
    COLOUR_WORDS,
    LEVEL_WORDS,
    brief,
    join,
    shortened,
)
from reports.text.language import Language, isolate, without_isolates
from reports.view.headline import Headline
from reports.view.labels import label_names
from reports.view.outlook import (
    RISING,
    HazardOutlook,
    NamedLocation,
    RiskCell,
    hazard_title,
    rank,
)
from reports.view.places import span
from reports.view.slots import Slot, slot_words
from reports.view.spans import index_words

MOST = {"ar": 134}
"""Two parts of an SMS with letters outside of GSM's alphabet hold 67 characters each."""
MOST_ELSE = 300
SHORTEST_TITLE = 20


@dataclass(frozen=True)
class MessageInputs:
    """What a message is made of.

    ``heads``: hazard -> its headline. ``link``: the address of the report, "" for none.
    """

    title: str
    issued: date
    labels: tuple[str, ...]
    hazards: tuple[HazardOutlook, ...]
    heads: Mapping[str, Headline]
    link: str


@dataclass(frozen=True)
class _Form:
    """How much is told: place names of each hazard, and whether what may be dropped is there."""

    places: int = 3
    action: bool = True
    calm: bool = True
    chance: bool = True
    count: bool = True
    link: bool = True
    long_days: bool = True
    title: int = 200
    until: bool = True
    today: bool = True


def short_message(inputs: MessageInputs, lang: Language) -> str:
    """The message in a language: one paragraph of at most 300 characters, 134 in Arabic.

    What, where, from when until when, how likely, what to do, where to read more. What is too long
    is dropped in this order: places beyond the second, hazards that are not coloured, the action,
    places beyond the first, the names of places, chances, the count of places, the words of days,
    the link, the end of a long region's name, that name, the last of several days, today's colour
    beside a higher one to come. Labels, colours, hazards and their first day never are.
    """
    most = MOST.get(lang.tag, MOST_ELSE)
    text = ""
    for form in _forms():
        text = _text(inputs, form, lang)
        if length(text) <= most:
            break
    return text


def retracted_message(
    title: str, issued: date, labels: Sequence[str], on: date, reason: str, lang: Language
) -> str:
    """The message of a report that was retracted ``on`` a day, as short as the others.

    A reason that is too long is cut.
    """
    most = MOST.get(lang.tag, MOST_ELSE)
    head = [*(f"{name}." for name in label_names(labels, lang))]
    head.append(
        lang.say("{region}, {day}:", region=shortened(title), day=lang.dated(issued, "d MMM"))
    )
    head.append(lang.say("Retracted on {date}:", date=lang.dated(on, "d MMM")))
    last = lang.say("Do not act on this report.")
    start = without_isolates(" ".join(head))
    room = most - length(f"{start}  {last}")
    why = reason if reason[-1:] in ".!?؟…" else f"{reason}."
    while length(why) > room and why:
        why = why[:-2].rstrip() + "…" if len(why) > 2 else ""
    return " ".join(f"{start} {why} {last}".split())


def length(text: str) -> int:
    """Characters as an SMS counts them: those beyond Unicode's first plane are two."""
    return len(text.encode("utf-16-le")) // 2


def _forms() -> Iterator[_Form]:
    form = _Form()
    yield form
    for less in (
        {"places": 2},
        {"calm": False},
        {"action": False},
        {"places": 1},
        {"places": 0},
        {"chance": False},
        {"count": False},
        {"long_days": False},
        {"link": False},
        {"title": SHORTEST_TITLE},
        {"title": 0},
        {"until": False},
        {"today": False},
    ):
        form = replace(form, **less)
        yield form


def _text(inputs: MessageInputs, form: _Form, lang: Language) -> str:
    title = inputs.title
    if len(title) > form.title:
        title = title[: form.title - 1].rstrip() + "…" if form.title else ""
    coloured = [hazard for hazard in inputs.hazards if rank(hazard.colour) > 0]
    parts = [*(f"{name}." for name in label_names(inputs.labels, lang))]
    day = lang.dated(inputs.issued, "d MMM" if form.long_days else "d/M")
    named = lang.say("{region}, {day}:", region=isolate(title, lang), day=day)
    parts.append(named if title else f"{day}:")
    if form.long_days:
        parts += [_coloured(hazard, inputs, form, lang) for hazard in coloured]
    else:
        parts += _bare(coloured, inputs.issued, form, lang)
    if form.calm or not coloured:
        parts += _calm(inputs.hazards, coloured, lang)
    if form.action:
        actions = [inputs.heads[hazard.name].action for hazard in coloured]
        parts += list(dict.fromkeys(action for action in actions if action))
    if form.link and inputs.link:
        parts.append(inputs.link)
    return " ".join(without_isolates(" ".join(parts)).split())


def _bare(
    coloured: Sequence[HazardOutlook], issued: date, form: _Form, lang: Language
) -> list[str]:
    """Each colour with its hazards and their days, and nothing else."""
    sentences = []
    for colour in reversed(RISING[1:]):
        hazards = [hazard for hazard in coloured if hazard.colour == colour]
        names = [
            " ".join(
                [
                    hazard_title(one.name, lang),
                    _of(one, form, lang),
                    *(f"({words})" for words in _lower_today(one, issued, form, lang)),
                ]
            )
            for one in hazards
        ]
        if names:
            sentences.append(f"{lang.say(COLOUR_WORDS[colour])}: {', '.join(names)}.")
    return sentences


def _lower_today(hazard: HazardOutlook, issued: date, form: _Form, lang: Language) -> list[str]:
    """Today's colour where a higher one is to come; none where there is none to tell."""
    slots = ((slot, cell.colour) for _, slot, cell in hazard.cells() if slot.kind == "day")
    today = max((colour for slot, colour in slots if slot.valid == issued), key=rank, default="")
    if not form.today or not 0 < rank(today) < rank(hazard.colour):
        return []
    return [lang.say("today {colour}", colour=lang.say(COLOUR_WORDS[today]).lower())]


def _top(hazard: HazardOutlook) -> list[tuple[NamedLocation, Slot, RiskCell]]:
    """The cells of the highest colour, without windows where a day or an index has it."""
    cells = [item for item in hazard.cells() if item[2].colour == hazard.colour]
    return [item for item in cells if item[1].kind != "any"] or cells


def _of(hazard: HazardOutlook, form: _Form, lang: Language) -> str:
    """The days of a hazard's highest colour."""
    slots = [slot for _, slot, _ in _top(hazard)]
    kept = [item.last for item in hazard.standing if item.colour == hazard.colour]
    return _days(slots, kept, form, lang)


def _coloured(hazard: HazardOutlook, inputs: MessageInputs, form: _Form, lang: Language) -> str:
    """Colour, hazard, places, days and chance of a hazard's highest colour."""
    cells = _top(hazard)
    kept = [item for item in hazard.standing if item.colour == hazard.colour]
    names = list(
        dict.fromkeys(
            [
                *(location.name for location, _, _ in cells),
                *(item.location.name for item in kept),
            ]
        )
    )
    values = {
        "colour": lang.say(COLOUR_WORDS[hazard.colour]),
        "hazard": hazard_title(hazard.name, lang),
        "days": _of(hazard, form, lang),
    }
    what = lang.say("{colour}: {hazard}, {days}", **values)
    parts = [what, *_where(names, form, lang)]
    if form.chance:
        sure = [cell for _, _, cell in cells if cell.confirmed]
        chances = [(cell.chance[cell.level], cell.level) for cell in sure]
        known = [item for item in chances if not math.isnan(item[0])]
        parts.append(_chance(*max(known), lang) if known else lang.say("not confirmed today"))
    parts += _lower_today(hazard, inputs.issued, form, lang)
    return reduce(lambda told, part: lang.say("{told}; {part}", told=told, part=part), parts) + "."


def _where(names: Sequence[str], form: _Form, lang: Language) -> list[str]:
    shown = [isolate(name, lang) for name in names[: form.places]]
    rest = len(names) - len(shown)
    if not form.count:
        return []
    if not shown:
        return [lang.say_many("{n} place", "{n} places", rest)]
    return [join(shown, lang) + (f" +{lang.number(rest)}" if rest else "")]


def _chance(chance: float, level: int, lang: Language) -> str:
    return lang.say(
        "{chance} for {level}", chance=brief(chance, lang), level=lang.say(LEVEL_WORDS[level])
    )


def _days(slots: Sequence[Slot], until: Sequence[date], form: _Form, lang: Language) -> str:
    """The first and the last day; of an index or a window alone, the one that comes first."""
    days = [slot.valid for slot in slots if slot.kind == "day"]
    if not days and slots:
        nearest = min(slots, key=lambda slot: (slot.kind == "any", slot.lead_days))
        if form.long_days:
            words = index_words if nearest.kind == "index" else slot_words
            return words(nearest, lang)
        days = [nearest.valid, nearest.last]
    days = [*days, *until]
    if form.long_days:
        return span(days, lang)
    start, end = (lang.dated(day, "d/M") for day in (min(days), max(days)))
    return start if start == end or not form.until else f"{start}–{end}"


def _calm(
    hazards: Sequence[HazardOutlook], coloured: Sequence[HazardOutlook], lang: Language
) -> list[str]:
    """The hazards of each colour below yellow, and those without one."""
    sentences = []
    for colour in (RISING[0], "grey", ""):
        names = [
            hazard_title(hazard.name, lang)
            for hazard in hazards
            if hazard.colour == colour and hazard not in coloured
        ]
        if names:
            word = lang.say(COLOUR_WORDS[colour]) if colour else lang.say("No colour")
            if colour == "grey":
                word = f"{word} ({lang.say(COLOUR_MEANINGS[colour])})"
            sentences.append(
                f"{lang.say('{hazard}: {places}', hazard=word, places=join(names, lang))}."
            )
    return sentences
