"""Alerts for other systems in the Common Alerting Protocol 1.2 (OASIS 2010): one message per hazard and colour, in every language."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from itertools import count
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
from babel.lists import format_list

from configs import Location, Region
from features.hazards import hazards
from reports.language import Language, language_of, mark
from reports.markup import add, read_xml, to_xml
from reports.outlines import Outline

CAP = "urn:oasis:names:tc:emergency:cap:1.2"
EXERCISE = "EXERCISE"
FOLDER = "alerts"
CANCELLED = ".cancel"
COLOURS = {"yellow": "Moderate", "orange": "Severe", "red": "Extreme"}
LEVELS = {"yellow": 1, "orange": 2, "red": 3}
MOST_NAMES, MOST_LETTERS = 3, 60
SOON_DAYS, LIKELY = 2, 0.5
"""CAP's urgency is Expected up to so many days ahead, and its certainty Likely (over "~50%" in the standard) from this chance on."""

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
ENDED = mark("The forecast of today no longer reaches this colour.")
OTHER_COLOUR = mark("The forecast of today has another colour; see the alert of that colour.")


@dataclass(frozen=True)
class _Alert:
    """One hazard and colour: its places, its rows of the forecast table, and when it holds (``first`` and ``last`` day)."""

    hazard: str
    colour: str
    places: tuple[str, ...]
    rows: pd.DataFrame
    first: date
    last: date
    kind: str  # "days", "any" (some day from first to last) or "index" (an index on valid days up to last)


@dataclass(frozen=True)
class _Standing:
    """An alert already sent: its key (hazard, colour), its document, and how a later message refers to it."""

    key: tuple[str, str]
    root: ElementTree.Element
    text: str
    identifier: str
    expires: datetime | None

    @property
    def reference(self) -> str:
        return ",".join((_text(self.root, "sender"), self.identifier, _text(self.root, "sent")))


def alerts(
    table: pd.DataFrame,
    region: Region,
    forecast_label: str,
    previous: Path | None,
    outlines: Mapping[str, Outline],
    names: Mapping[str, str] | None = None,
    earlier: Path | None = None,
    sent: datetime | None = None,
) -> dict[str, str]:
    """The alerts in force with a forecast table, as file name -> CAP 1.2 document; the same arguments give the same text.

    A place is in the alert of the highest colour any of its cells has. ``previous`` is the published folder before this one:
    an alert that stands there and has not expired is updated, or cancelled where its colour is gone; where its hazard has no
    colours today, it stands on as it was. Files there that are no alerts of this region are passed over.
    ``names``: id -> name of places that the region file does not name. ``earlier`` is the folder in which this day's report was
    published already, with other numbers, and ``sent`` when this one is: what was sent then stays as it is and is held against
    this forecast in place of ``previous``, so that a message that is out never changes.
    """
    if table.empty:
        return {}
    issued = table["issued"].iloc[0].date()
    sent = sent or region.issue_time(issued)
    kept = _sent_already(earlier)
    before = {
        one.key: one
        for one in _standing(earlier or previous, region.name)
        if one.expires is None or one.expires > sent
    }
    context = _Context(
        region, forecast_label, issued, sent, outlines, _places(table, region, names or {})
    )
    now = {(alert.hazard, alert.colour): alert for alert in _found(table, issued)}
    made = dict(kept.values())
    for key, alert in now.items():
        identifier = _identifier(region.name, key, issued, taken=kept)
        root = _message(alert, context, before.get(key), identifier)
        if not (earlier and key in before and _says(before[key].root) == _says(root)):
            made[_file(identifier)] = to_xml(root)
    assessed = set(table.loc[table["colour"] != "", "hazard"])
    for key, one in before.items():
        if key in now:
            continue
        if key[0] not in assessed:
            made[_file(one.identifier)] = one.text
            continue
        other = any(hazard == key[0] for hazard, _ in now)
        identifier = _identifier(region.name, key, issued, CANCELLED, kept)
        made[_file(identifier)] = _cancel(one, identifier, sent, OTHER_COLOUR if other else ENDED)
    return dict(sorted(made.items()))


def _sent_already(folder: Path | None) -> dict[str, tuple[str, str]]:
    """The alerts of a published folder: identifier -> file name and document."""
    return {_text(root, "identifier"): (name, text) for name, text, root in _documents(folder)}


def _says(root: ElementTree.Element) -> list[str]:
    """What a message tells of, without when it was sent."""
    infos = [
        _plain(deepcopy(info)) for tag in ("info", f"{{{CAP}}}info") for info in root.findall(tag)
    ]
    return [
        " ".join(
            f"{part.tag}={(part.text or '').strip()}"
            for part in info.iter()
            if part.tag != "effective"
        )
        for info in infos
    ]


def cancel_alerts(folder: Path, reason: Mapping[str, str] | str, sent: datetime) -> dict[str, str]:
    """A Cancel for every alert that stands in a published folder, as file name -> CAP document to lie beside it.

    ``reason`` (by language tag, or one for all) is its note and its description; ``sent`` has a time zone.
    """
    taken, made = _sent_already(folder), {}
    for one in _standing(folder, None):
        region, *_, day = one.identifier.split(".")[:4]
        identifier = _identifier(region, one.key, date.fromisoformat(day), CANCELLED, taken)
        made[_file(identifier)] = _cancel(one, identifier, sent, reason)
    return made


@dataclass(frozen=True)
class _Context:
    """What all alerts of a report share."""

    region: Region
    label: str
    issued: date
    sent: datetime
    outlines: Mapping[str, Outline]
    places: Mapping[str, Location]

    @property
    def days(self) -> tzinfo:
        """The zone whose midnights begin the region's standard days."""
        return timezone(timedelta(hours=self.region.day_offset))

    @property
    def languages(self) -> list[Language]:
        return [language_of(tag, self.region.timezone) for tag in self.region.languages or ("en",)]

    @property
    def status(self) -> str:
        if self.label == EXERCISE:
            return "Exercise"
        return "Actual" if self.region.issuer.authorised and not self.label else "Test"


def _places(table: pd.DataFrame, region: Region, names: Mapping[str, str]) -> dict[str, Location]:
    known = {place.id: place for place in region.locations}
    spoken = {
        place: {"": names[place]} if names.get(place) else {}
        for place in table["location"].unique()
    }
    return {
        place: known.get(place) or Location.model_construct(id=place, names=told)
        for place, told in spoken.items()
    }


def _found(table: pd.DataFrame, issued: date) -> list[_Alert]:
    coloured = table[table["colour"].isin(list(COLOURS))]
    found = []
    for hazard, rows in coloured.groupby("hazard", sort=True):
        rank = rows["colour"].map(list(COLOURS).index)
        highest = rank.groupby(rows["location"]).max()
        for i, colour in enumerate(COLOURS):
            places = tuple(sorted(highest.index[highest == i]))
            if places:
                found.append(
                    _alert(
                        str(hazard),
                        colour,
                        places,
                        rows[rows["location"].isin(places) & (rank == i)],
                        issued,
                    )
                )
    return found


def _alert(
    hazard: str, colour: str, places: tuple[str, ...], rows: pd.DataFrame, issued: date
) -> _Alert:
    """The alert; days have their say on when, and windows of several days only where no single day has the colour."""
    first, last = rows["valid"].min().date(), rows["valid"].max().date()
    if hazards()[hazard].windows_look_back:
        return _Alert(hazard, colour, places, rows, issued, last, "index")
    days = rows[rows["window_days"] == 1]
    if len(days):
        return _Alert(
            hazard,
            colour,
            places,
            rows,
            days["valid"].min().date(),
            days["valid"].max().date(),
            "days",
        )
    return _Alert(
        hazard,
        colour,
        places,
        rows,
        first,
        last + timedelta(days=int(rows["window_days"].min()) - 1),
        "any",
    )


def _message(
    alert: _Alert, context: _Context, before: _Standing | None, identifier: str
) -> ElementTree.Element:
    root = ElementTree.Element("alert", xmlns=CAP)
    _head(root, identifier, context.region.sender, context.sent, context.status)
    add(root, "msgType", "Update" if before else "Alert")
    add(root, "source", "climate-risk")
    add(root, "scope", "Public")
    if before:
        add(root, "references", before.reference)
    for language in context.languages:
        _info(root, alert, context, language)
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
    """A time as CAP writes it: to the second, with its offset, -00:00 for UTC (CAP 1.2, section 3.3.2)."""
    return re.sub(r"\+00:00$", "-00:00", when.isoformat(timespec="seconds"))


def _info(root: ElementTree.Element, alert: _Alert, context: _Context, language: Language) -> None:
    info, issuer = add(root, "info"), context.region.issuer
    ahead = (
        int(alert.rows["lead_days"].min())
        if alert.kind == "index"
        else (alert.first - context.issued).days
    )
    peak = _peak(alert.rows, LEVELS[alert.colour])
    add(info, "language", language.tag)
    add(info, "category", "Met")
    add(info, "event", language.say(hazards()[alert.hazard].title))
    add(info, "responseType", "Monitor" if alert.colour == "yellow" else "Prepare")
    add(info, "urgency", "Expected" if ahead <= SOON_DAYS else "Future")
    add(info, "severity", COLOURS[alert.colour])
    add(info, "certainty", "Likely" if peak[0] >= LIKELY else "Possible")
    add(info, "effective", moment(context.sent))
    add(info, "onset", moment(datetime.combine(alert.first, time(), tzinfo=context.days)))
    add(
        info,
        "expires",
        moment(datetime.combine(alert.last + timedelta(days=1), time(), tzinfo=context.days)),
    )
    add(info, "senderName", issuer.name or context.region.title_in(language.tag))
    add(info, "headline", _headline(alert, context, language))
    add(info, "description", _description(alert, context, language))
    if instruction := _action(context.region.actions.get(alert.hazard, {}), alert.colour):
        add(info, "instruction", language.say(instruction))
    if issuer.contact:
        add(info, "contact", issuer.contact)
    for name, value in _parameters(alert, context, peak):
        _named(info, "parameter", name, value)
    for place in alert.places:
        _area(info, context.places[place], context.outlines.get(place), language)


def _action(actions: Mapping[str, str], colour: str) -> str:
    """What the region file asks to do at a colour: what it says of the highest one that is reached."""
    reached = [name for name in COLOURS if name in actions and LEVELS[name] <= LEVELS[colour]]
    return actions[reached[-1]] if reached else ""


def _peak(rows: pd.DataFrame, level: int) -> tuple[float, float]:
    """The highest published chance of a level and the usual one of the same place and day; NaN where there is none."""
    here = rows[(rows["level"] == level) & rows["probability"].notna()]
    if here.empty:
        return math.nan, math.nan
    best = here.iloc[int(here["probability"].to_numpy().argmax())]
    return float(best["probability"]), float(best["normal_probability"])


def _headline(alert: _Alert, context: _Context, language: Language) -> str:
    names = [_short(_name(context.places[place], language)) for place in alert.places]
    more = len(names) - MOST_NAMES
    shown = (
        names
        if more <= 0
        else [*names[:MOST_NAMES], language.say_many("{n} more place", "{n} more places", more)]
    )
    values = {
        "hazard": language.say(hazards()[alert.hazard].title),
        "colour": language.say(_NAMES[alert.colour]),
        "places": format_list(shown, locale=language.locale),
        "first": language.dated(alert.first, _DAY),
        "last": language.dated(alert.last, _DAY),
    }
    if alert.kind == "index":
        text = language.say("{hazard}: {colour} in {places} by {last}", **values)
    elif alert.kind == "any":
        text = language.say(
            "{hazard}: {colour} in {places} on some day from {first} to {last}", **values
        )
    elif alert.first == alert.last:
        text = language.say("{hazard}: {colour} in {places} on {first}", **values)
    else:
        text = language.say("{hazard}: {colour} in {places} from {first} to {last}", **values)
    return (
        language.say("EXERCISE: {headline}", headline=text) if context.label == EXERCISE else text
    )


def _name(place: Location, language: Language) -> str:
    """The name in the language; a name told without one, or the English one; the id where there is none."""
    return place.names.get(language.tag) or place.names.get("") or place.names.get("en") or place.id


def _short(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1].rstrip() + "…"


def _description(alert: _Alert, context: _Context, language: Language) -> str:
    said = [language.say(_MEANINGS[alert.colour])]
    for level in range(1, LEVELS[alert.colour] + 1):
        chance, usual = _peak(alert.rows, level)
        if not math.isnan(chance):
            said.append(
                language.say(
                    _CHANCES[level],
                    chance=_percent(chance, language),
                    usual=_percent(usual, language),
                )
            )
    said.append(language.say("Issued on {day}.", day=language.dated(context.issued)))
    if context.label == EXERCISE:
        said.append(language.say(SIMULATED))
    return " ".join([*said, language.say(INDICATIVE)])


def _percent(chance: float, language: Language) -> str:
    """A chance in 100 for readers: never 0 or 100 unless it is exactly that."""
    if math.isnan(chance):
        return language.say("an unknown number")
    if 0 < chance < 0.01:
        return language.say("less than 1")
    return language.number(min(math.floor(chance * 100 + 0.5 + 1e-9), 100 if chance == 1 else 99))


def _parameters(
    alert: _Alert, context: _Context, peak: tuple[float, float]
) -> list[tuple[str, str]]:
    """What programs may want to know without reading: ``probability`` is the highest one of the colour's level."""
    told = [
        ("region", context.region.name),
        ("hazard", alert.hazard),
        ("colour", alert.colour),
        ("level", str(LEVELS[alert.colour])),
    ]
    numbers = [("probability", peak[0]), ("normal_probability", peak[1])]
    return told + [(name, f"{number:.4f}") for name, number in numbers if not math.isnan(number)]


def _named(parent: ElementTree.Element, kind: str, name: str, value: str) -> None:
    child = add(parent, kind)
    add(child, "valueName", name)
    add(child, "value", value)


def _area(
    info: ElementTree.Element, place: Location, outline: Outline | None, language: Language
) -> None:
    area = add(info, "area")
    add(area, "areaDesc", _name(place, language))
    for ring in outline.polygons if outline else ():
        add(
            area,
            "polygon",
            " ".join(f"{latitude:.5f},{longitude:.5f}" for longitude, latitude in ring),
        )
    if outline is None and place.latitude is not None and place.longitude is not None:
        add(area, "circle", f"{place.latitude:.5f},{place.longitude:.5f} 0")
    _named(area, "geocode", "location", place.id)


def _identifier(
    region: str, key: tuple[str, str], issued: date, end: str = "", taken: Container[str] = ()
) -> str:
    """A message's identifier; of a day's further messages of one kind the second ends in .2, and so on."""
    first = ".".join((region, *key, issued.isoformat()))
    return next(
        found for n in count(1) if (found := first + (f".{n}" if n > 1 else "") + end) not in taken
    )


def _file(identifier: str) -> str:
    """The file name of a message: "heat-orange.xml", "heat-orange-2.xml", "heat-orange-2-cancel.xml"."""
    _, hazard, colour, _, *more = identifier.split(".")
    return "-".join((hazard, colour, *more)) + ".xml"


def _documents(folder: Path | None) -> list[tuple[str, str, ElementTree.Element]]:
    """The CAP documents of a published folder: file name, text and root."""
    paths = sorted((folder / FOLDER).glob("*.xml")) if folder else []
    found = [
        (path.name, raw, root)
        for path in paths
        if (root := read_xml(raw := path.read_bytes())) is not None
    ]
    return [
        (name, raw.decode("utf-8"), root)
        for name, raw, root in found
        if root.tag == f"{{{CAP}}}alert"
    ]


def _standing(folder: Path | None, region: str | None) -> list[_Standing]:
    """The alerts of a published folder that no later message beside them takes back; of every region where ``region`` is None."""
    documents = _documents(folder)
    replaced = {
        reference
        for _, _, root in documents
        if _text(root, "msgType") in ("Cancel", "Update")
        for reference in _text(root, "references").split()
    }
    standing = [
        one for _, text, root in documents if (one := _read(text, root, region)) is not None
    ]
    return [one for one in standing if one.reference not in replaced]


def _read(text: str, root: ElementTree.Element, region: str | None) -> _Standing | None:
    identifier = _text(root, "identifier")
    parts = identifier.split(".")
    whole = len(parts) == 4 or (len(parts) == 5 and parts[4].isdecimal())
    ours = (
        whole
        and parts[1] in hazards()
        and parts[2] in COLOURS
        and (region is None or parts[0] == region)
    )
    if not ours or _text(root, "msgType") not in ("Alert", "Update"):
        return None
    try:
        date.fromisoformat(parts[3])
        ends = [datetime.fromisoformat(end.text or "") for end in root.iter(f"{{{CAP}}}expires")]
    except ValueError:
        return None
    return _Standing((parts[1], parts[2]), root, text, identifier, max(ends, default=None))


def _text(element: ElementTree.Element, name: str) -> str:
    return (element.findtext(f"{{{CAP}}}{name}") or "").strip()


def _cancel(
    one: _Standing, identifier: str, sent: datetime, reason: Mapping[str, str] | str
) -> str:
    """A Cancel that refers to an alert and says in its languages, of its places and times, that it no longer stands."""
    root = ElementTree.Element("alert", xmlns=CAP)
    _head(root, identifier, _text(one.root, "sender"), sent, _text(one.root, "status"))
    add(root, "msgType", "Cancel")
    add(root, "source", "climate-risk")
    add(root, "scope", "Public")
    infos = one.root.findall(f"{{{CAP}}}info")
    reasons = [_reason(reason, language_of(_text(info, "language"))) for info in infos]
    add(root, "note", " / ".join(dict.fromkeys(reasons)) or _reason(reason, language_of("en")))
    add(root, "references", one.reference)
    for info, why in zip(infos, reasons, strict=True):
        root.append(_withdrawn(info, why, sent))
    return to_xml(root)


def _reason(reason: Mapping[str, str] | str, language: Language) -> str:
    if isinstance(reason, str):
        return language.say(reason)
    return reason.get(language.tag) or reason.get("en") or next(iter(reason.values()), "")


_CHANGED = {"responseType": "Monitor", "urgency": "Past"}
_LEFT_OUT = {"instruction", "parameter"}


def _withdrawn(info: ElementTree.Element, why: str, sent: datetime) -> ElementTree.Element:
    """An info block that says the alert is cancelled and why; event, severity, certainty, times and areas stay those of the alert."""
    language, headline = language_of(_text(info, "language")), _text(info, "headline")
    exercise = language.say("EXERCISE: {headline}", headline="")
    cancelled = language.say("Cancelled: {headline}", headline=headline.removeprefix(exercise))
    practised = headline.startswith(exercise)
    said = _CHANGED | {
        "effective": moment(sent),
        "headline": language.say("EXERCISE: {headline}", headline=cancelled)
        if practised
        else cancelled,
        "description": " ".join(
            [why, *([language.say(SIMULATED)] if practised else []), language.say(INDICATIVE)]
        ),
    }
    made = ElementTree.Element("info")
    for child in info:
        name = child.tag.removeprefix(f"{{{CAP}}}")
        if name not in _LEFT_OUT:
            made.append(_plain(deepcopy(child)))
            made[-1].text = said.get(name, made[-1].text)
    return made


def _plain(element: ElementTree.Element) -> ElementTree.Element:
    """The element with names free of the namespace, which the document states once."""
    for part in element.iter():
        part.tag = part.tag.removeprefix(f"{{{CAP}}}")
    return element
