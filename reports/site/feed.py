"""Feeds of the published reports (Atom, RFC 4287), for whoever wants to be told of a new one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from reports.storage.archive import ArchivedReport, html_name
from reports.text.language import language_of
from reports.text.xml import add, to_xml

ATOM = "http://www.w3.org/2005/Atom"
FEED = "feed.xml"
MAX_ENTRIES = 30
NOBODY = "climate-risk.invalid"
_SINCE = "2026"  # when the names of the feeds were chosen, which a tag URI must tell (RFC 4151)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def feed(reports: Sequence[ArchivedReport], region: str = "") -> str:
    """The newest reports as Atom.

    Of one region for the feed in its folder, of all for the one beside their folders. Links are
    relative, since where the files are served is not known here; ids are tag URIs and never change.
    An entry is as old as its report, or as its retraction. The same reports give the same text.
    """
    newest = sorted(reports, key=lambda report: (report.day, report.region), reverse=True)[
        :MAX_ENTRIES
    ]
    root = ElementTree.Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    add(
        root,
        "id",
        f"tag:{_domain(newest[0]) if region and newest else NOBODY},{_SINCE}:{region or 'reports'}",
    )
    add(
        root,
        "title",
        f"Climate risk reports: {newest[0].title}" if region and newest else "Climate risk reports",
    )
    add(root, "updated", _moment(max((updated(report) for report in newest), default=_NEVER)))
    add(add(root, "author"), "name", "climate-risk")
    add(root, "link", rel="self", href=FEED, type="application/atom+xml")
    for report in newest:
        _entry(root, report, f"{report.day}/" if region else f"{report.path}/")
    return to_xml(root)


def _entry(root: ElementTree.Element, report: ArchivedReport, folder: str) -> None:
    entry = add(root, "entry")
    add(entry, "id", f"tag:{_domain(report)},{report.day.year}:{report.path}")
    marks = [mark for mark in (report.label, "RETRACTED" if report.retraction else "") if mark]
    add(
        entry,
        "title",
        ": ".join([*marks, f"{report.title}, {language_of('en').dated(report.day)}"]),
    )
    add(entry, "updated", _moment(updated(report)))
    for language in report.languages:
        add(
            entry,
            "link",
            rel="alternate",
            type="text/html",
            hreflang=language.tag,
            href=folder + html_name(language.tag),
        )
    add(entry, "summary", _summary(report))


def _summary(report: ArchivedReport) -> str:
    sentences = [
        f"{head.get('title', '')}: {head.get('sentence', '')}" for head in report.headlines
    ]
    if report.retraction:
        sentences = [f"Retracted: {report.retraction.reason}", *sentences]
    else:
        sentences = [
            f"{words} To do: {head['action']}" if head.get("action") else words
            for words, head in zip(sentences, report.headlines, strict=True)
        ]
    return " ".join([*sentences, "Indicative, not an official vigilance."])


def updated(report: ArchivedReport) -> datetime:
    """When the report was retracted, else sent, as its provenance tells.

    Else midnight UTC of its day.
    """
    stamp = (
        report.retraction.at
        if report.retraction
        else report.provenance.get("sent") or report.day.isoformat()
    )
    when = datetime.fromisoformat(str(stamp))
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _domain(report: ArchivedReport) -> str:
    """The domain of the region's sender; one that cannot exist where it has none."""
    return str(report.provenance.get("sender") or NOBODY).rpartition("@")[2]
