"""Alerts for other systems in the Common Alerting Protocol 1.2 (OASIS 2010).

One message a hazard, with a part for each colour in every language. From day to day the messages
of a hazard are one chain: each refers to those before it that have not expired.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from xml.etree import ElementTree

from babel.lists import format_list

from configs import Location, Region
from features.hazards import hazards
from reports.exports.alerts import AlertPart
from reports.exports.messages import CAP, Message, text_of
from reports.text.actions import actions_in
from reports.text.language import Language, language_of, mark
from reports.text.xml import add, to_xml
from reports.view.outlines import Outline

EXERCISE = "EXERCISE"
COLOURS = {"yellow": "Moderate", "orange": "Severe", "red": "Extreme"}
LEVELS = {"yellow": 1, "orange": 2, "red": 3}
MAX_NAMES, MAX_LETTERS = 3, 60
SOON_DAYS, LIKELY = 2, 0.5
"""CAP's urgency is Expected up to so many days ahead, and its certainty Likely (over "~50%" in the
standard) from this chance on."""

_DAY = "EEEE d MMMM"
_NAMES = {"yellow": mark("yellow"), "orange": mark("orange"), "red": mark("red")}
_MEANINGS = {
    "yellow": mark("Unusual conditions are likely enough that it pays to prepare."),
    "orange": mark("Severe conditions are likely enough that it pays to prepare."),
    "red": mark("Extreme conditions are likely enough that it pays to prepare."),
}
_CHANCES = {
    1: mark(
        "Chance of unusual conditions: up to {chance} in 100 (usual for the date: {usual} in 100)."
    ),
    2: mark(
        "Chance of severe conditions: up to {chance} in 100 (usual for the date: {usual} in 100)."
    ),
    3: mark(
        "Chance of extreme conditions: up to {chance} in 100 (usual for the date: {usual} in 100)."
    ),
}
INDICATIVE = mark("Indicative, not an official vigilance.")
SIMULATED = mark("The weather and the risks in it are simulated; do not act on it.")
UNCONFIRMED = mark(
    "Not confirmed today: an earlier forecast gave this colour, and the forecast of today cannot "
    "tell. It stands until its last day is over; this is no all-clear."
)


@dataclass(frozen=True)
class AlertContext:
    """What all alerts of a report share."""

    region: Region
    label: str
    issued: date
    sent: datetime
    outlines: Mapping[str, Outline]
    locations: Mapping[str, Location]

    @property
    def days(self) -> tzinfo:
        """The zone whose midnights begin the region's standard days."""
        return timezone(timedelta(hours=self.region.day_offset))

    @property
    def languages(self) -> list[Language]:
        """The languages of the region's messages."""
        return [language_of(tag, self.region.timezone) for tag in self.region.languages or ("en",)]

    @property
    def status(self) -> str:
        """CAP's status: Actual, Exercise or Test."""
        if self.label == EXERCISE:
            return "Exercise"
        return "Actual" if self.region.issuer.authorised and not self.label else "Test"


def alert_message(
    parts: Sequence[AlertPart],
    context: AlertContext,
    before: Sequence[Message],
    identifier: str,
    lifted: Sequence[str],
) -> ElementTree.Element:
    """The message; its first part tells which locations of earlier ones are ``lifted``."""
    root = ElementTree.Element("alert", xmlns=CAP)
    _head(root, identifier, context.region.sender, context.sent, context.status)
    add(root, "msgType", "Update" if before else "Alert")
    add(root, "source", "climate-risk")
    add(root, "scope", "Public")
    if before:
        add(root, "references", " ".join(message.reference for message in before))
    for number, part in enumerate(parts):
        for language in context.languages:
            _info(root, part, context, language, () if number else lifted)
    return root


def _head(
    root: ElementTree.Element, identifier: str, sender: str, sent: datetime, status: str
) -> None:
    for name, text in (
        ("identifier", identifier),
        ("sender", sender),
        ("sent", moment(sent)),
        ("status", status),
    ):
        add(root, name, text)


def moment(when: datetime) -> str:
    """A time as CAP writes it: to the second, with its offset, -00:00 for UTC (section 3.3.2)."""
    return re.sub(r"\+00:00$", "-00:00", when.isoformat(timespec="seconds"))


def _info(
    root: ElementTree.Element,
    part: AlertPart,
    context: AlertContext,
    language: Language,
    lifted: Sequence[str],
) -> None:
    info, issuer = add(root, "info"), context.region.issuer
    peak = _peak(part, LEVELS[part.colour])
    add(info, "language", language.tag)
    add(info, "category", "Met")
    add(info, "event", language.say(hazards()[part.hazard].title))
    add(info, "responseType", "Monitor" if part.colour == "yellow" else "Prepare")
    add(info, "urgency", "Expected" if _ahead(part, context.issued) <= SOON_DAYS else "Future")
    add(info, "severity", COLOURS[part.colour])
    add(info, "certainty", "Likely" if peak[0] >= LIKELY else "Possible")
    add(info, "effective", moment(context.sent))
    add(info, "onset", moment(datetime.combine(part.first, time(), tzinfo=context.days)))
    end = datetime.combine(part.last + timedelta(days=1), time(), tzinfo=context.days)
    add(info, "expires", moment(end))
    add(info, "senderName", issuer.name or context.region.title_in(language.tag))
    add(info, "headline", _headline(part, context, language))
    add(info, "description", _description(part, context, language, lifted))
    if instruction := _action(actions_in(context.region, part.hazard, language), part.colour):
        add(info, "instruction", instruction)
    if issuer.contact:
        add(info, "contact", issuer.contact)
    for name, value in _parameters(part, context, peak):
        _named(info, "parameter", name, value)
    for location in part.locations:
        _area(info, context.locations[location], context.outlines.get(location), language)


def _ahead(part: AlertPart, issued: date) -> int:
    """Days from the issue day to the first that the part speaks of."""
    if not hazards()[part.hazard].windows_look_back:
        return (part.first - issued).days
    return int(part.rows["lead_days"].min()) if len(part.rows) else (part.last - issued).days


def _action(actions: Mapping[str, str], colour: str) -> str:
    """What the region file asks to do at a colour: what it says of the highest one reached."""
    reached = [name for name in COLOURS if name in actions and LEVELS[name] <= LEVELS[colour]]
    return actions[reached[-1]] if reached else ""


def _peak(part: AlertPart, level: int) -> tuple[float, float]:
    """The highest chance of a level, and the usual one there and then; NaN for none."""
    if not part.confirmed:
        return math.nan, math.nan
    here = part.rows[(part.rows["level"] == level) & part.rows["probability"].notna()]
    if here.empty:
        return math.nan, math.nan
    best = here.iloc[int(here["probability"].to_numpy().argmax())]
    return float(best["probability"]), float(best["normal_probability"])


def _headline(part: AlertPart, context: AlertContext, language: Language) -> str:
    values = {
        "hazard": language.say(hazards()[part.hazard].title),
        "colour": language.say(_NAMES[part.colour]),
        "places": _listing(part.locations, context, language),
        "first": language.dated(part.first, _DAY),
        "last": language.dated(part.last, _DAY),
    }
    if not part.confirmed:
        headline = language.say(
            "{hazard}: {colour} in {places} until {last}, not confirmed today", **values
        )
    elif hazards()[part.hazard].windows_look_back:
        headline = language.say("{hazard}: {colour} in {places} by {last}", **values)
    elif part.window_days > 1:
        headline = language.say(
            "{hazard}: {colour} in {places} on some day from {first} to {last}", **values
        )
    elif part.first == part.last:
        headline = language.say("{hazard}: {colour} in {places} on {first}", **values)
    else:
        headline = language.say("{hazard}: {colour} in {places} from {first} to {last}", **values)
    return (
        language.say("EXERCISE: {headline}", headline=headline)
        if context.label == EXERCISE
        else headline
    )


def _listing(locations: Sequence[str], context: AlertContext, language: Language) -> str:
    """A few names, and how many more there are."""
    names = [_short(_name(context.locations[location], language)) for location in locations]
    more = len(names) - MAX_NAMES
    if more > 0:
        rest = language.say_many("{n} more place", "{n} more places", more)
        names = [*names[:MAX_NAMES], rest]
    return format_list(names, locale=language.locale)


def _name(location: Location, language: Language) -> str:
    """The name in the language; a name told without one, or the English one; else the id."""
    return (
        location.names.get(language.tag)
        or location.names.get("")
        or location.names.get("en")
        or location.id
    )


def _short(name: str) -> str:
    return name if len(name) <= MAX_LETTERS else name[: MAX_LETTERS - 1].rstrip() + "…"


def _description(
    part: AlertPart, context: AlertContext, language: Language, lifted: Sequence[str]
) -> str:
    sentences = [language.say(_MEANINGS[part.colour] if part.confirmed else UNCONFIRMED)]
    for level in range(1, LEVELS[part.colour] + 1):
        chance, usual = _peak(part, level)
        if not math.isnan(chance):
            sentences.append(
                language.say(
                    _CHANCES[level],
                    chance=_percent(chance, language),
                    usual=_percent(usual, language),
                )
            )
    if lifted:
        names = _listing(lifted, context, language)
        sentences.append(language.say("No longer yellow or worse: {places}.", places=names))
    sentences.append(language.say("Issued on {day}.", day=language.dated(context.issued)))
    if context.label == EXERCISE:
        sentences.append(language.say(SIMULATED))
    return " ".join([*sentences, language.say(INDICATIVE)])


def _percent(chance: float, language: Language) -> str:
    """A chance in 100 for readers: never 0 or 100 unless it is exactly that."""
    if math.isnan(chance):
        return language.say("an unknown number")
    if 0 < chance < 0.01:
        return language.say("less than 1")
    return language.number(min(math.floor(chance * 100 + 0.5 + 1e-9), 100 if chance == 1 else 99))


def _parameters(
    part: AlertPart, context: AlertContext, peak: tuple[float, float]
) -> list[tuple[str, str]]:
    """What programs may want to know without reading.

    ``probability`` is the highest one of the colour's level. ``window_days``: that it is for some
    day among so many.
    """
    parameters = [
        ("region", context.region.name),
        ("hazard", part.hazard),
        ("colour", part.colour),
        ("level", str(LEVELS[part.colour])),
        ("confirmed", "yes" if part.confirmed else "no"),
    ]
    if part.window_days > 1:
        parameters.append(("window_days", str(part.window_days)))
    numbers = [("probability", peak[0]), ("normal_probability", peak[1])]
    return parameters + [
        (name, f"{number:.4f}") for name, number in numbers if not math.isnan(number)
    ]


def _named(parent: ElementTree.Element, kind: str, name: str, value: str) -> None:
    child = add(parent, kind)
    add(child, "valueName", name)
    add(child, "value", value)


def _area(
    info: ElementTree.Element, location: Location, outline: Outline | None, language: Language
) -> None:
    area = add(info, "area")
    add(area, "areaDesc", _name(location, language))
    for ring in outline.polygons if outline else ():
        add(
            area,
            "polygon",
            " ".join(f"{latitude:.5f},{longitude:.5f}" for longitude, latitude in ring),
        )
    if outline is None and location.latitude is not None and location.longitude is not None:
        add(area, "circle", f"{location.latitude:.5f},{location.longitude:.5f} 0")
    _named(area, "geocode", "location", location.id)


def cancel_message(
    message: Message, identifier: str, sent: datetime, reason: Mapping[str, str] | str
) -> str:
    """A Cancel that refers to a message and says that it no longer stands.

    In its languages, of its locations and times, as far as they are not over.
    """
    root = ElementTree.Element("alert", xmlns=CAP)
    _head(root, identifier, text_of(message.root, "sender"), sent, text_of(message.root, "status"))
    add(root, "msgType", "Cancel")
    add(root, "source", "climate-risk")
    add(root, "scope", "Public")
    infos = message.root.findall(f"{{{CAP}}}info")
    infos = [info for info in infos if not _is_over(info, sent)] or infos
    reasons = [_reason(reason, language_of(text_of(info, "language"))) for info in infos]
    add(root, "note", " / ".join(dict.fromkeys(reasons)) or _reason(reason, language_of("en")))
    add(root, "references", message.reference)
    for info, why in zip(infos, reasons, strict=True):
        root.append(_withdrawn(info, why, sent))
    return to_xml(root)


def _is_over(info: ElementTree.Element, sent: datetime) -> bool:
    ends = text_of(info, "expires")
    return bool(ends) and datetime.fromisoformat(ends) <= sent


def _reason(reason: Mapping[str, str] | str, language: Language) -> str:
    if isinstance(reason, str):
        return language.say(reason)
    return reason.get(language.tag) or reason.get("en") or next(iter(reason.values()), "")


_CHANGED = {"responseType": "Monitor", "urgency": "Past"}
_LEFT_OUT = {"instruction", "parameter"}


def _withdrawn(info: ElementTree.Element, why: str, sent: datetime) -> ElementTree.Element:
    """An info block that says the alert is cancelled and why.

    Event, severity, certainty, times and areas stay those of the alert.
    """
    language, headline = language_of(text_of(info, "language")), text_of(info, "headline")
    exercise = language.say("EXERCISE: {headline}", headline="")
    cancelled = language.say("Cancelled: {headline}", headline=headline.removeprefix(exercise))
    practised = headline.startswith(exercise)
    replaced = _CHANGED | {
        "effective": moment(sent),
        "headline": language.say("EXERCISE: {headline}", headline=cancelled)
        if practised
        else cancelled,
        "description": " ".join(
            [why, *([language.say(SIMULATED)] if practised else []), language.say(INDICATIVE)]
        ),
    }
    withdrawn = ElementTree.Element("info")
    for child in info:
        name = child.tag.removeprefix(f"{{{CAP}}}")
        if name not in _LEFT_OUT:
            withdrawn.append(without_namespace(deepcopy(child)))
            withdrawn[-1].text = replaced.get(name, withdrawn[-1].text)
    return withdrawn


def without_namespace(element: ElementTree.Element) -> ElementTree.Element:
    """The element with names free of the namespace, which the document states once."""
    for part in element.iter():
        part.tag = part.tag.removeprefix(f"{{{CAP}}}")
    return element
