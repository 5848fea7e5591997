"""CAP messages that take an alert back."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from xml.etree import ElementTree

from reports.exports.alert_words import INDICATIVE, SIMULATED
from reports.exports.cap import head, moment
from reports.exports.messages import CAP, Message, text_of
from reports.text.language import Language, language_of
from reports.text.xml import add, to_xml


def cancel_message(
    message: Message, identifier: str, sent: datetime, reason: Mapping[str, str] | str
) -> str:
    """A Cancel that refers to a message, and to all that it updates, and says that none stands.

    In its languages, of its locations and times, as far as they are not over.
    """
    root = ElementTree.Element("alert", xmlns=CAP)
    head(root, identifier, text_of(message.root, "sender"), sent, text_of(message.root, "status"))
    add(root, "msgType", "Cancel")
    add(root, "source", "climate-risk")
    add(root, "scope", "Public")
    infos = message.root.findall(f"{{{CAP}}}info")
    infos = [info for info in infos if not _is_over(info, sent)] or infos
    reasons = [_reason(reason, language_of(text_of(info, "language"))) for info in infos]
    add(root, "note", " / ".join(dict.fromkeys(reasons)) or _reason(reason, language_of("en")))
    add(root, "references", " ".join((*message.references, message.reference)))
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
