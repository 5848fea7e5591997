"""The CAP messages of a published folder, read back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

from features.hazards import hazards
from reports.storage.archive import ALERTS
from reports.text.xml import read_xml
from reports.view.claims import Claim
from reports.view.outlook import RISING

CAP = "urn:oasis:names:tc:emergency:cap:1.2"


@dataclass(frozen=True)
class Message:
    """A message that stands, and what it claims; ``expires`` is None where it does not tell.

    ``file`` and ``text``: the document as it was sent.
    """

    hazard: str
    colour: str
    file: str
    text: str
    root: ElementTree.Element
    identifier: str
    issued: date
    expires: datetime | None
    claims: tuple[Claim, ...]

    @property
    def reference(self) -> str:
        """How a later message refers to it."""
        return ",".join((text_of(self.root, "sender"), self.identifier, text_of(self.root, "sent")))

    @property
    def references(self) -> tuple[str, ...]:
        """The earlier messages of its event that it refers to."""
        return tuple(text_of(self.root, "references").split())


def documents(folder: Path | None) -> list[tuple[str, str, ElementTree.Element]]:
    """The CAP documents of a published folder: file name, text and root."""
    paths = sorted((folder / ALERTS).glob("*.xml")) if folder else []
    readable = [
        (path.name, raw, root)
        for path in paths
        if (root := read_xml(raw := path.read_bytes())) is not None
    ]
    return [
        (name, raw.decode("utf-8"), root)
        for name, raw, root in readable
        if root.tag == f"{{{CAP}}}alert"
    ]


def messages(folder: Path | None, region: str | None) -> list[Message]:
    """The messages of a published folder that no later one beside them takes back.

    Of every region where ``region`` is None. Files that are no alerts of ours are passed over.
    """
    cap_documents = documents(folder)
    replaced = {
        reference
        for _, _, root in cap_documents
        if text_of(root, "msgType") in ("Cancel", "Update")
        for reference in text_of(root, "references").split()
    }
    candidates = [message_of(*one, region) for one in cap_documents]
    standing = [message for message in candidates if message is not None]
    return [message for message in standing if message.reference not in replaced]


def message_of(
    file: str, text: str, root: ElementTree.Element, region: str | None
) -> Message | None:
    """A document as a message of ours; None for any other, and for a Cancel."""
    identifier = text_of(root, "identifier")
    parts = identifier.split(".")
    whole = len(parts) == 4 or (len(parts) == 5 and parts[4].isdecimal())
    ours = (
        whole
        and parts[1] in hazards()
        and parts[2] in RISING[1:]
        and (region is None or parts[0] == region)
    )
    if not ours or text_of(root, "msgType") not in ("Alert", "Update"):
        return None
    try:
        issued = date.fromisoformat(parts[3])
        expires, claims = expiry(root), _claims(root, parts[1], parts[2], issued)
    except ValueError:
        return None
    return Message(parts[1], parts[2], file, text, root, identifier, issued, expires, claims)


def expiry(root: ElementTree.Element) -> datetime | None:
    """When the last of its blocks expires; None where none tells. Raises ValueError."""
    ends = [datetime.fromisoformat(end.text or "") for end in root.iter(f"{{{CAP}}}expires")]
    return max(ends, default=None)


def _claims(root: ElementTree.Element, hazard: str, colour: str, issued: date) -> tuple[Claim, ...]:
    """What its blocks of one language say; the others say the same. Raises ValueError."""
    infos = root.findall(f"{{{CAP}}}info")
    spoken = text_of(infos[0], "language") if infos else ""
    return tuple(
        _claim(info, hazard, colour, issued)
        for info in infos
        if text_of(info, "language") == spoken
    )


def _claim(info: ElementTree.Element, hazard: str, colour: str, issued: date) -> Claim:
    """Its days are parameters; of a message without these, those of its times."""
    parameters = _named(info, "parameter")
    locations = [
        _named(area, "geocode").get("location", "") for area in info.iter(f"{{{CAP}}}area")
    ]
    first, end = (datetime.fromisoformat(text_of(info, name)) for name in ("onset", "expires"))
    days = {"first_day": first.date(), "last_day": end.date() - timedelta(days=1)}
    days |= {name: date.fromisoformat(parameters[name]) for name in days if name in parameters}
    return Claim(
        hazard,
        parameters.get("colour", colour),
        tuple(location for location in locations if location),
        days["first_day"],
        days["last_day"],
        int(parameters.get("window_days", 1)),
        parameters.get("confirmed", "yes") == "yes",
        date.fromisoformat(parameters.get("confirmed_on", issued.isoformat())),
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


def claims_of(folder: Path | None, region: str) -> list[Claim]:
    """What the messages of a published folder claim that stand."""
    return [claim for message in messages(folder, region) for claim in message.claims]
