"""The chain of CAP messages: each day's refer to those before that still stand, or cancel them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from copy import deepcopy
from datetime import date, datetime
from itertools import count
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from configs import Location, Region
from reports.exports.alerts import alert_parts
from reports.exports.cap import AlertContext, alert_message, cancel_message, without_namespace
from reports.exports.messages import CAP, Message, claims_of, documents, messages, text_of
from reports.exports.table import read_published
from reports.text.language import mark
from reports.text.xml import to_xml
from reports.view.outlines import Outline
from reports.view.standing import Claim, still_claimed, taken_back

CANCELLED = ".cancel"


BELOW_YELLOW = mark("The forecast of today is below yellow in all of these places.")


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
    """The messages to send with a forecast table, as file name -> CAP 1.2 document.

    One message a hazard, with a part for each colour; a location is in the part of the highest
    colour that any of its cells has. The same arguments give the same text. ``previous`` is the
    published folder before this one: where messages of the hazard stand there and have not expired,
    the new one is an Update that refers to all of them; it carries on what this forecast cannot
    tell, and is a Cancel only where no location has a colour any more and the numbers can tell.
    ``names``: id -> name of locations that the region file does not name. ``earlier`` is the folder
    in which this day's report was published already, with other numbers, and ``sent`` when this one
    is: what was sent then stays as it is and is held against this forecast in place of
    ``previous``, so that a message that is out never changes.
    """
    if len(table):
        issued = table["issued"].iloc[0].date()
    elif sent:
        issued = sent.astimezone(region.zone).date()
    else:
        return {}
    sent = sent or region.issue_time(issued)
    folder = earlier or previous
    kept = {text_of(root, "identifier"): (name, raw) for name, raw, root in documents(earlier)}
    before = _not_expired(folder, region.name, sent)
    claimed = claims_of(folder, region.name)
    claims = still_claimed(table, read_published(folder), claimed, issued)
    below = taken_back(table, claimed, issued)
    locations = _locations(table, (*claims, *below), region, names or {})
    context = AlertContext(region, forecast_label, issued, sent, outlines, locations)
    parts = alert_parts(table, issued, claims)
    files = dict(kept.values())
    for hazard in sorted({*parts, *before}):
        out = before.get(hazard, [])
        if hazard not in parts:
            files |= _cancels(out, sent, BELOW_YELLOW, kept, issued)
            continue
        identifier = _identifier(region.name, hazard, parts[hazard][0].colour, issued, taken=kept)
        lifted = {one for claim in below if claim.hazard == hazard for one in claim.locations}
        root = alert_message(parts[hazard], context, out, identifier, sorted(lifted))
        if not (earlier and len(out) == 1 and _says(out[0].root) == _says(root)):
            files[_file(identifier)] = to_xml(root)
    return dict(sorted(files.items()))


def _not_expired(folder: Path | None, region: str, sent: datetime) -> dict[str, list[Message]]:
    """The messages of a folder that stand and have not expired, by hazard, the oldest first."""
    standing: dict[str, list[Message]] = {}
    order = sorted(messages(folder, region), key=lambda one: (one.issued, one.identifier))
    for message in order:
        if message.expires is None or message.expires > sent:
            standing.setdefault(message.hazard, []).append(message)
    return standing


def cancel_alerts(folder: Path, reason: Mapping[str, str] | str, sent: datetime) -> dict[str, str]:
    """A Cancel for every alert that stands in a published folder, to lie beside it.

    File name -> CAP document. ``reason`` (by language tag, or one for all) is its note and its
    description; ``sent`` has a time zone.
    """
    taken = {text_of(root, "identifier") for _, _, root in documents(folder)}
    return _cancels(messages(folder, None), sent, reason, taken)


def _cancels(
    out: Sequence[Message],
    sent: datetime,
    reason: Mapping[str, str] | str,
    taken: Container[str],
    issued: date | None = None,
) -> dict[str, str]:
    """A Cancel for each message: named by the day it was issued where no other is given."""
    files = {}
    for message in out:
        region = message.identifier.partition(".")[0]
        identifier = _identifier(
            region, message.hazard, message.colour, issued or message.issued, CANCELLED, taken
        )
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
    region: str,
    hazard: str,
    colour: str,
    issued: date,
    end: str = "",
    taken: Container[str] = (),
) -> str:
    """A message's identifier, by its highest colour.

    Of a day's further messages of one kind the second ends in .2, and so on.
    """
    first = ".".join((region, hazard, colour, issued.isoformat()))
    return next(
        identifier
        for n in count(1)
        if (identifier := first + (f".{n}" if n > 1 else "") + end) not in taken
    )


def _file(identifier: str) -> str:
    """Its file name: "heat-orange.xml", "heat-orange-2.xml", "heat-orange-2-cancel.xml"."""
    _, hazard, colour, _, *more = identifier.split(".")
    return "-".join((hazard, colour, *more)) + ".xml"


def _says(root: ElementTree.Element) -> list[str]:
    """What a message tells of, without when it was sent."""
    infos = [
        without_namespace(deepcopy(info))
        for tag in ("info", f"{{{CAP}}}info")
        for info in root.findall(tag)
    ]
    return [
        " ".join(
            f"{part.tag}={(part.text or '').strip()}"
            for part in info.iter()
            if part.tag != "effective"
        )
        for info in infos
    ]
