"""The alerts that are out and still stand, and what of them today's forecast cannot tell.

Grey is no all-clear: what a message says of a place stands until a number tells otherwise or its
last day is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from features.hazards import hazards
from reports.exports import read_published
from reports.markup import read_xml
from reports.outlook import RISING, rank, tells_more

CAP = "urn:oasis:names:tc:emergency:cap:1.2"
FOLDER = "alerts"
COLOURS = RISING[1:]


@dataclass(frozen=True)
class Claim:
    """What a message says: that places have a colour from ``first`` to ``last``.

    ``window_days``: 1 where it speaks of single days, more where of some day among so many.
    """

    hazard: str
    colour: str
    places: tuple[str, ...]
    first: date
    last: date
    window_days: int


@dataclass(frozen=True)
class Message:
    """A message that stands, and what it claims; ``expires`` is None where it does not tell."""

    hazard: str
    colour: str
    root: ElementTree.Element
    identifier: str
    issued: date
    expires: datetime | None
    claims: tuple[Claim, ...]

    @property
    def reference(self) -> str:
        """How a later message refers to it."""
        return ",".join((text_of(self.root, "sender"), self.identifier, text_of(self.root, "sent")))


def documents(folder: Path | None) -> list[tuple[str, str, ElementTree.Element]]:
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


def messages(folder: Path | None, region: str | None) -> list[Message]:
    """The messages of a published folder that no later one beside them takes back.

    Of every region where ``region`` is None. Files that are no alerts of ours are passed over.
    """
    roots = [root for _, _, root in documents(folder)]
    replaced = {
        reference
        for root in roots
        if text_of(root, "msgType") in ("Cancel", "Update")
        for reference in text_of(root, "references").split()
    }
    found = [one for root in roots if (one := _message(root, region)) is not None]
    return [one for one in found if one.reference not in replaced]


def _message(root: ElementTree.Element, region: str | None) -> Message | None:
    identifier = text_of(root, "identifier")
    parts = identifier.split(".")
    whole = len(parts) == 4 or (len(parts) == 5 and parts[4].isdecimal())
    ours = (
        whole
        and parts[1] in hazards()
        and parts[2] in COLOURS
        and (region is None or parts[0] == region)
    )
    if not ours or text_of(root, "msgType") not in ("Alert", "Update"):
        return None
    try:
        issued = date.fromisoformat(parts[3])
        ends = [datetime.fromisoformat(end.text or "") for end in root.iter(f"{{{CAP}}}expires")]
        claims = _claims(root, parts[1], parts[2])
    except ValueError:
        return None
    return Message(parts[1], parts[2], root, identifier, issued, max(ends, default=None), claims)


def _claims(root: ElementTree.Element, hazard: str, colour: str) -> tuple[Claim, ...]:
    """What its blocks of one language say; the others say the same. Raises ValueError."""
    infos = root.findall(f"{{{CAP}}}info")
    spoken = text_of(infos[0], "language") if infos else ""
    return tuple(
        _claim(info, hazard, colour) for info in infos if text_of(info, "language") == spoken
    )


def _claim(info: ElementTree.Element, hazard: str, colour: str) -> Claim:
    told = _named(info, "parameter")
    places = [_named(area, "geocode").get("location", "") for area in info.iter(f"{{{CAP}}}area")]
    first, end = (datetime.fromisoformat(text_of(info, name)) for name in ("onset", "expires"))
    return Claim(
        hazard,
        told.get("colour", colour),
        tuple(place for place in places if place),
        first.date(),
        end.date() - timedelta(days=1),
        int(told.get("window_days", 1)),
    )


def _named(parent: ElementTree.Element, kind: str) -> dict[str, str]:
    """The named values of a kind: parameter or geocode."""
    return {
        text_of(child, "valueName"): text_of(child, "value")
        for child in parent.findall(f"{{{CAP}}}{kind}")
    }


def text_of(element: ElementTree.Element, name: str) -> str:
    """The text of a child, empty where there is none."""
    return (element.findtext(f"{{{CAP}}}{name}") or "").strip()


def still_claimed(
    table: pd.DataFrame, folder: Path | None, region: str, issued: date
) -> tuple[Claim, ...]:
    """What the messages of a published folder say that today's forecast table cannot tell.

    Each claim with those of its places that have no such colour in the table, nor numbers there
    that could take it back. Claims whose last day is over are left out.
    """
    claims = _to_come(folder, region, issued)
    today, before = _cells(table, claims), _cells(read_published(folder), claims)

    def stands(claim: Claim, place: str) -> bool:
        at = claim.hazard, place
        return not (
            _has(claim.colour, today.get(at))
            or _told(claim, today.get(at), issued)
            or _over(claim, before.get(at), issued)
        )

    return _narrowed(claims, stands)


def taken_back(
    table: pd.DataFrame, folder: Path | None, region: str, issued: date
) -> tuple[Claim, ...]:
    """What the messages of a published folder say of places that the numbers put below yellow."""
    claims = _to_come(folder, region, issued)
    today = _cells(table, claims)

    def below(claim: Claim, place: str) -> bool:
        cells = today.get((claim.hazard, place))
        return _told(claim, cells, issued) and not _has("yellow", cells)

    return _narrowed(claims, below)


def _to_come(folder: Path | None, region: str, issued: date) -> list[Claim]:
    """The claims of a folder's messages whose last day is not over."""
    found = (claim for one in messages(folder, region) for claim in one.claims)
    return [claim for claim in found if claim.last >= issued]


def _narrowed(claims: Sequence[Claim], wanted: Callable[[Claim, str], bool]) -> tuple[Claim, ...]:
    """Each claim with the places that are wanted; without those where none is."""
    found = [
        replace(claim, places=tuple(place for place in claim.places if wanted(claim, place)))
        for claim in claims
    ]
    return tuple(dict.fromkeys(claim for claim in found if claim.places))


def _cells(
    table: pd.DataFrame | None, claims: Sequence[Claim]
) -> Mapping[tuple[str, str], pd.DataFrame]:
    """A row for each cell of the hazards and places of claims, by hazard and place.

    ``tells``: its colour is one that numbers give.
    """
    if table is None or table.empty or not claims:
        return {}
    claimed = {place for claim in claims for place in claim.places}
    cells = table[table["location"].isin(claimed)]
    sure = tells_more(cells) & cells["colour"].isin(COLOURS)
    cells = cells.assign(tells=sure | (cells["colour"] == "green"))
    cells = cells[cells["level"] == 1]
    return {
        (str(hazard), str(place)): rows
        for (hazard, place), rows in cells.groupby(["hazard", "location"])
    }


def _has(colour: str, cells: pd.DataFrame | None) -> bool:
    """Whether a place has the colour, or a higher one, on any day."""
    return cells is not None and max(map(rank, cells["colour"])) >= rank(colour)


def _told(claim: Claim, cells: pd.DataFrame | None, issued: date) -> bool:
    """Whether a place's numbers tell of all that is claimed of the days to come."""
    if cells is None:
        return False
    if hazards()[claim.hazard].windows_look_back:
        near = cells.loc[cells["lead_days"] <= (claim.last - claim.first).days, "tells"]
        return bool(len(near)) and bool(near.all())
    telling = cells[cells["tells"]]
    if claim.window_days > 1:
        whole = (telling["lead_days"] == 0) & (telling["window_days"] >= claim.window_days)
        return bool(whole.any())
    return set(_days_left(claim, issued)) <= set(_single_days(telling))


def _over(claim: Claim, cells: pd.DataFrame | None, issued: date) -> bool:
    """Whether the table beside the message gave a place the colour on days that are all over.

    A message tells one first and last day for all its places; the table tells the days of each.
    """
    if cells is None or claim.window_days > 1 or hazards()[claim.hazard].windows_look_back:
        return False
    given = set(_single_days(cells[cells["colour"].map(rank) >= rank(claim.colour)]))
    return bool(given) and not given & set(_days_left(claim, issued))


def _days_left(claim: Claim, issued: date) -> list[pd.Timestamp]:
    return list(pd.date_range(max(claim.first, issued), claim.last))


def _single_days(cells: pd.DataFrame) -> Iterable[pd.Timestamp]:
    return cells.loc[cells["window_days"] == 1, "valid"]
