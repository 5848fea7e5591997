"""News: what a published report tells that the one before it did not, as its CAP chain has it.

A message that is carried along tells nothing new. An Alert is a colour that is reached; an Update
one that is raised or lowered, or has other days or places; a Cancel one that is over. Beside the
chain stand a retraction, the correction of one, and the duty officer's note.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree

from reports.exports.messages import CAP, Message, documents, message_of, text_of
from reports.storage.archive import ArchivedReport
from reports.storage.retraction import RETRACTION, forecast_digest, retractions
from reports.view.outlook import rank

ORDER = ("retracted", "corrected", "reached", "raised", "lowered", "changed", "cleared", "note")
"""Kinds of news; of one colour in this order."""


@dataclass(frozen=True)
class News:
    """One thing that a report tells anew.

    ``identity``: its own among all reports of a region. ``kind``: of ORDER. ``day``: the report's.
    ``colour``: the highest of the event, and ``before`` of what it replaces, "" for none.
    ``texts``: what is said, by language tag; "" for what has one text in all. ``expires``: when it
    is over. ``replaces``: identities of earlier news that it takes the place of. ``silent``: it is
    no news to people, such as a drought's window that moved on.
    """

    identity: str
    kind: str
    day: date
    hazard: str = ""
    colour: str = ""
    before: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    expires: datetime | None = None
    replaces: tuple[str, ...] = ()
    silent: bool = False

    def text(self, tag: str) -> str:
        """What is said in a language, else in English, else in any."""
        known = self.texts
        return known.get(tag) or known.get("") or known.get("en") or next(iter(known.values()), "")


def news_of(report: ArchivedReport) -> list[News]:
    """All that a published report tells, the gravest first; what it carries along as well."""
    news = [*_of_retractions(report), *_of_chain(report), *_of_note(report)]
    return sorted(news, key=_order)


def to_tell(
    news: Sequence[News], told: Set[str], now: datetime, first: bool = False
) -> tuple[News, ...]:
    """What of the news of several reports a reader is to be told.

    Not what was ``told``, is over, or was replaced by later news. ``now``: the time, with a zone.
    ``first``: a reader who was never told anything hears of no end of what he has not heard of.
    """
    replaced = {identity for one in news for identity in one.replaces}
    unique = {one.identity: one for one in news}.values()
    return tuple(
        one
        for one in sorted(unique, key=_order)
        if one.identity not in told | replaced
        and not one.silent
        and (one.expires is None or one.expires > now)
        and not (first and one.kind == "cleared")
    )


def _order(one: News) -> tuple[object, ...]:
    ends = one.kind in ("cleared", "note")
    first = one.kind in ("retracted", "corrected")
    return not first, ends, -rank(one.colour), ORDER.index(one.kind), one.hazard, one.identity


def _of_retractions(report: ArchivedReport) -> Iterator[News]:
    """The retraction that stands, or the correction that came after one."""
    known = retractions(report.folder / RETRACTION)
    if standing := report.retraction:
        identity = f"retraction.{standing.at}"
        yield News(identity, "retracted", report.day, texts={"": standing.reason})
    elif known:
        digest = forecast_digest(report.folder)
        identity = f"correction.{report.day}.{digest[:16]}"
        yield News(identity, "corrected", report.day, texts={"": known[0].reason})


def _of_note(report: ArchivedReport) -> Iterator[News]:
    if report.note:
        digest = hashlib.sha256(report.note.encode()).hexdigest()
        yield News(f"note.{report.day}.{digest[:16]}", "note", report.day, texts={"": report.note})


def _of_chain(report: ArchivedReport) -> Iterator[News]:
    """The report's CAP documents. Those of one that is retracted are told by its retraction."""
    chain = documents(report.folder)
    reasons = {one.reason for one in retractions(report.folder / RETRACTION)}
    for file, text, root in chain:
        withdrawn = report.retraction is not None or text_of(root, "note") in reasons
        message = message_of(file, text, root, report.region)
        if message is not None:
            yield _of_message(message, report, withdrawn)
        elif text_of(root, "msgType") == "Cancel":
            yield _of_cancel(root, report, withdrawn)


def _of_message(message: Message, report: ArchivedReport, withdrawn: bool) -> News:
    replaced = _replaced(message, report.folder.parent)
    last = _identifiers(message.root)[-1:]  # where none of those reports is kept
    colours = [one.colour for one in replaced] or [one.split(".")[2] for one in last]
    before = max(colours, key=rank, default="")
    kind = "reached"
    if before:
        ranks = rank(message.colour), rank(before)
        kind = "raised" if ranks[0] > ranks[1] else "lowered" if ranks[0] < ranks[1] else "changed"
    return News(
        identity=message.identifier,
        kind=kind,
        day=report.day,
        hazard=message.hazard,
        colour=message.colour,
        before=before,
        texts=_headlines(message.root),
        expires=message.expires,
        replaces=_identifiers(message.root),
        silent=withdrawn or (kind == "changed" and _only_renewed(message, replaced)),
    )


def _of_cancel(root: ElementTree.Element, report: ArchivedReport, withdrawn: bool) -> News:
    identifier = text_of(root, "identifier")
    _, hazard, colour, *_ = (*identifier.split("."), "", "")
    return News(
        identity=identifier,
        kind="cleared",
        day=report.day,
        hazard=hazard,
        before=colour,
        texts=_headlines(root),
        replaces=_identifiers(root),
        silent=withdrawn,
    )


def _replaced(message: Message, region_folder: Path) -> list[Message]:
    """The messages that stood until this one: of all that it refers to, those that no other does.

    One whose report is kept no more is left out.
    """
    wanted = set(message.references)
    earlier_messages = [
        earlier
        for day in sorted({identifier.split(".")[3] for identifier in _identifiers(message.root)})
        for one in documents(region_folder / day)
        if (earlier := message_of(*one, None)) is not None and earlier.reference in wanted
    ]
    older = {reference for one in earlier_messages for reference in one.references}
    return [one for one in earlier_messages if one.reference not in older]


def _only_renewed(message: Message, replaced: Sequence[Message]) -> bool:
    """Whether all that changed is an index's window, which moves on by a day each day."""
    claims = [claim for one in replaced for claim in one.claims]
    return (
        all(claim.looks_back for claim in message.claims)
        and _places([message]) == _places(replaced)
        and len(claims) > 0
    )


def _places(messages: Sequence[Message]) -> set[tuple[str, str, bool]]:
    return {
        (place, claim.colour, claim.confirmed)
        for message in messages
        for claim in message.claims
        for place in claim.locations
    }


def _identifiers(root: ElementTree.Element) -> tuple[str, ...]:
    """The identifiers of what a document refers to."""
    parts = [reference.split(",") for reference in text_of(root, "references").split()]
    return tuple(part[1] for part in parts if len(part) == 3 and part[1].count(".") >= 3)


def _headlines(root: ElementTree.Element) -> dict[str, str]:
    """The headline of a document's first part, by language."""
    headlines: dict[str, str] = {}
    for info in root.findall(f"{{{CAP}}}info"):
        headlines.setdefault(text_of(info, "language"), text_of(info, "headline"))
    return headlines
