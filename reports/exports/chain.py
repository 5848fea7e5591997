"""The chain of CAP messages: each day's refer to those of their event that stand, or cancel them.

An event of today goes on with the messages it has most days of places in common with, else most
places. A message is matched with one event: where an event splits, the chain goes on with the part
that has most of it and the others begin with an Alert; where events merge, the Update refers to the
messages of both. A message none of whose places has a colour any more is cancelled. Where nothing
has changed but the chances, the message that is out is carried along as it is.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path

import pandas as pd

from configs import Location, Region
from features.hazards import hazards
from reports.exports.alerts import AlertEvent, alert_events
from reports.exports.cancels import cancel_message
from reports.exports.cap import AlertContext, alert_message
from reports.exports.messages import CAP, Message, documents, expiry, messages, text_of
from reports.exports.table import read_published
from reports.text.language import mark
from reports.text.xml import to_xml
from reports.view.claims import Claim, claims_today
from reports.view.events import days_in_common, neighbours
from reports.view.outlines import Outline

CANCELLED = ".cancel"
DAY = timedelta(days=1)
RENEWED_AFTER = timedelta(days=7)
"""An index window moves on by a day each day, which is no news for a week."""

BELOW_YELLOW = mark("The forecast of today is below yellow in all of these places.")

Found = list[tuple[AlertEvent, list[Message]]]


@dataclass(frozen=True)
class _Issue:
    """A report's day as its messages see it.

    ``folder``: where the messages lie that this report is held against, None for none. ``taken``:
    identifiers and file names that no new message may have.
    """

    context: AlertContext
    folder: Path | None
    taken: frozenset[str]

    @cached_property
    def out(self) -> list[Message]:
        """The messages that stand, have not expired and have days to come, the oldest first."""
        region, sent, issued = self.context.region.name, self.context.sent, self.context.issued
        found = sorted(messages(self.folder, region), key=lambda one: (one.issued, one.identifier))
        return [
            message
            for message in found
            if (message.expires is None or message.expires > sent)
            and any(claim.last >= issued for claim in message.claims)
        ]


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
    """The messages in force with a forecast table, as file name -> CAP 1.2 document.

    One message an event, with a part for each colour and span of days, so that each place stands in
    it on every day that it is coloured and on no other. The same arguments give the same text.
    ``previous`` is the published folder before this one: a message that stands there is carried
    along unchanged where its event has not changed; else the new one is an Update that refers to
    it and to all it refers to that have not expired; it carries on what this forecast cannot tell.
    A Cancel is sent only where no place of the message has a colour any more and the numbers can
    tell. ``names``: id -> name of locations that the region file does not name. ``earlier`` is the
    folder in which this day's report was published already, with other numbers, and ``sent`` when
    this one is: what was sent then stays as it is and is held against this forecast in place of
    ``previous``, so that a message that is out never changes.
    """
    if len(table):
        issued = table["issued"].iloc[0].date()
    elif sent:
        issued = sent.astimezone(region.zone).date()
    else:
        return {}
    sent = (sent or region.issue_time(issued)).astimezone(region.zone)
    folder = earlier or previous
    kept = {name: text for name, text, _ in documents(earlier)}
    ids = {text_of(root, "identifier") for _, _, root in documents(earlier)}
    said = [claim for message in messages(folder, region.name) for claim in message.claims]
    claims = claims_today(table, read_published(folder), said, issued)
    locations = _locations(table, (*said, *claims), region, names or {})
    context = AlertContext(region, forecast_label, issued, sent, outlines, locations)
    claims = tuple(claim for claim in claims if context.expires(claim) > sent)
    near = neighbours(locations, outlines) if claims else {}
    return _sent(_Issue(context, folder, frozenset(ids | set(kept))), table, claims, near, kept)


def _sent(
    issue: _Issue,
    table: pd.DataFrame,
    claims: Sequence[Claim],
    near: Mapping[str, frozenset[str]],
    kept: Mapping[str, str],
) -> dict[str, str]:
    """``kept`` and the messages of the events, carried ones first: new ones yield their names."""
    matched, ended = _matched(alert_events(table, claims, near), issue)
    unchanged, told = _unchanged(matched, issue)
    files = {**kept, **{message.file: message.text for message in unchanged}}
    taken = issue.taken | set(files) | {message.identifier for message in unchanged}
    for event, out in matched:
        if event in told:
            continue
        identifier = _identifier(
            issue.context.region.name, event.hazard, event.colour, issue.context.issued, "", taken
        )
        lifted = _lifted(out, claims, issue)
        references = _references(out, issue)
        root = alert_message(event.parts, issue.context, references, identifier, lifted)
        files[_file(identifier)] = to_xml(root)
        taken = taken | {identifier, _file(identifier)}
    files |= _cancels(ended, issue.context.sent, BELOW_YELLOW, taken, issue.context.issued)
    return dict(sorted(files.items()))


def _matched(events: Sequence[AlertEvent], issue: _Issue) -> tuple[Found, list[Message]]:
    """Each event with the messages that it goes on with, and the messages of no event."""
    found: list[list[Message]] = [[] for _ in events]
    ended = []
    for message in issue.out:
        left = _left(message.claims, issue.context.issued)
        common = [
            days_in_common(left, event.claims) if event.hazard == message.hazard else (0, 0)
            for event in events
        ]
        best = max(range(len(events)), key=lambda i: (common[i], -i), default=None)
        if best is None or common[best] == (0, 0):
            ended.append(message)
        else:
            found[best].append(message)
    return list(zip(events, found, strict=True)), ended


def _left(claims: Iterable[Claim], issued: date) -> list[Claim]:
    """Claims without the days that are over; those of an index whole."""
    return [
        claim if claim.looks_back else replace(claim, first=max(claim.first, issued))
        for claim in claims
        if claim.last >= issued
    ]


def _unchanged(matched: Found, issue: _Issue) -> tuple[list[Message], list[AlertEvent]]:
    """The messages that say already what is to be said, and the events that they tell of.

    These are several where days that joined them are over. An event that another message goes on
    with too is told anew.
    """
    unchanged, told = [], []
    for message in issue.out:
        left = _left(message.claims, issue.context.issued)
        within = [(event, out) for event, out in matched if _says(left, event)]
        claims = [claim for event, _ in within for claim in event.claims]
        alone = all(out in ([], [message]) for _, out in within)
        if within and alone and _heard(message, issue.context) and _same(left, claims):
            unchanged.append(message)
            told += [event for event, _ in within]
    return unchanged, told


def _says(claims: Sequence[Claim], event: AlertEvent) -> bool:
    """Whether claims say all that an event's do."""
    said, wanted = _told(claims), _told(event.claims)
    if event.claims[0].looks_back:
        return wanted.keys() <= said.keys()
    return all(set(days) <= set(said.get(key, ())) for key, days in wanted.items())


def _heard(message: Message, context: AlertContext) -> bool:
    """Whether a message has the status and the languages of today's."""
    spoken = {element.text for element in message.root.iter(f"{{{CAP}}}language")}
    wanted = {language.tag for language in context.languages}
    return text_of(message.root, "status") == context.status and spoken == wanted


def _same(before: Sequence[Claim], now: Sequence[Claim]) -> bool:
    """Whether two groups of claims say the same; an index's may have moved on by some days."""
    one, other = _told(before), _told(now)
    looks_back = any(claim.looks_back for claim in now)
    if one.keys() != other.keys():
        return False
    return all(
        len(one[key]) == len(other[key])
        and all(
            abs(mine - theirs) < (RENEWED_AFTER if looks_back else DAY)
            for mine, theirs in zip(one[key], other[key], strict=True)
        )
        for key in one
    )


def _told(claims: Iterable[Claim]) -> dict[tuple[object, ...], list[date]]:
    """What is said of each place -> on which days, or, of windows, until which days."""
    told: dict[tuple[object, ...], list[date]] = {}
    for claim in claims:
        since = None if claim.confirmed else claim.confirmed_on
        days = list(claim.days) if claim.window_days == 1 else [claim.last]
        for place in claim.locations:
            key = claim.hazard, place, claim.colour, claim.window_days, since
            told.setdefault(key, []).extend(days)
    return {key: sorted(days) for key, days in told.items()}


def _lifted(
    out: Sequence[Message], claims: Sequence[Claim], issue: _Issue
) -> dict[str, list[date]]:
    """The places of messages that lost a colour: the days of it, none where no day has one."""
    hazard = {message.hazard for message in out}
    now: dict[str, set[date]] = {}
    for claim in claims:
        if claim.hazard in hazard:
            now.setdefault(claim.locations[0], set()).update(claim.days)
    lifted: dict[str, set[date]] = {}
    for message in out:
        for claim in _left(message.claims, issue.context.issued):
            for place in claim.locations:
                days = set(claim.days) - now.get(place, set())
                if place not in now:
                    lifted[place] = set()
                elif days and claim.window_days == 1:
                    lifted.setdefault(place, set()).update(days)
    return {place: sorted(lifted[place]) for place in sorted(lifted)}


def _references(out: Sequence[Message], issue: _Issue) -> list[str]:
    """The messages and all they refer to that have not expired, the oldest first."""
    earlier = [reference for message in out for reference in message.references]
    alive = [one for one in dict.fromkeys(earlier) if _alive(one, issue)]
    own = [message.reference for message in out]
    return list(dict.fromkeys((*alive, *own)))


def _alive(reference: str, issue: _Issue) -> bool:
    """Whether a message that another refers to has not expired.

    It lies in the folder of its day; where it lies there no more, it counts until the last day that
    a message of its hazard can speak of.
    """
    identifier = reference.split(",")[1]
    _, hazard, _, day = identifier.split(".")[:4]
    if issue.folder is not None:
        for _, _, root in documents(issue.folder.parent / day):
            if text_of(root, "identifier") == identifier:
                ends = expiry(root)
                return ends is None or ends > issue.context.sent
    reach = max(cell.lead_days + cell.window_days for cell in hazards()[hazard].cells)
    return date.fromisoformat(day) + DAY * reach >= issue.context.issued


def cancel_alerts(
    folder: Path,
    reason: Mapping[str, str] | str,
    sent: datetime,
    issued: date | None = None,
) -> dict[str, str]:
    """A Cancel for every alert that stands in a published folder, to lie beside it.

    File name -> CAP document. ``reason`` (by language tag, or one for all) is its note and its
    description; ``sent`` has a time zone. ``issued``: the folder's day; what an earlier report sent
    and this one carried along stands.
    """
    taken = {text_of(root, "identifier") for _, _, root in documents(folder)}
    out = [one for one in messages(folder, None) if issued is None or one.issued == issued]
    return _cancels(out, sent, reason, taken)


def _cancels(
    out: Sequence[Message],
    sent: datetime,
    reason: Mapping[str, str] | str,
    taken: Iterable[str],
    issued: date | None = None,
) -> dict[str, str]:
    """A Cancel for each message: named by the day it was issued where no other is given."""
    files: dict[str, str] = {}
    for message in out:
        region, day = message.identifier.partition(".")[0], issued or message.issued
        used = {*taken, *files}
        identifier = _identifier(region, message.hazard, message.colour, day, CANCELLED, used)
        files[_file(identifier)] = cancel_message(message, identifier, sent, reason)
    return files


def _locations(
    table: pd.DataFrame, claims: Sequence[Claim], region: Region, names: Mapping[str, str]
) -> dict[str, Location]:
    """The locations of the table and of claims, by id."""
    known = {location.id: location for location in region.locations}
    ids = [
        *table["location"].unique(),
        *(location for claim in claims for location in claim.locations),
    ]
    spoken = {location: {"": names[location]} if names.get(location) else {} for location in ids}
    return {
        location: known.get(location) or Location.model_construct(id=location, names=names_told)
        for location, names_told in spoken.items()
    }


def _identifier(
    region: str, hazard: str, colour: str, issued: date, end: str, taken: Container[str]
) -> str:
    """A message's identifier, by its highest colour: the first that is free, as is its file name.

    Of a day's further messages of one kind the second ends in .2, and so on.
    """
    first = ".".join((region, hazard, colour, issued.isoformat()))
    return next(
        one
        for n in count(1)
        if (one := first + (f".{n}" if n > 1 else "") + end) not in taken
        and _file(one) not in taken
    )


def _file(identifier: str) -> str:
    """Its file name: "heat-orange.xml", "heat-orange-2.xml", "heat-orange-2-cancel.xml"."""
    _, hazard, colour, _, *more = identifier.split(".")
    return "-".join((hazard, colour, *more)) + ".xml"
