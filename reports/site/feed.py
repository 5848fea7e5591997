"""Feeds of the published reports (Atom, RFC 4287), for whoever wants to be told of a new one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from reports.storage.archive import ArchivedReport, html_name
from reports.text.language import ENGLISH, Language, isolate
from reports.text.xml import add, to_xml
from reports.view.labels import LABEL_NAMES

ATOM = "http://www.w3.org/2005/Atom"
FEED = "feed.xml"
MAX_ENTRIES = 30
NOBODY = "climate-risk.invalid"
_SINCE = "2026"  # when the names of the feeds were chosen, which a tag URI must tell (RFC 4151)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def feed_name(tag: str) -> str:
    """The file name of a feed in a language."""
    return FEED if tag == "en" else f"feed.{tag}.xml"


def feed(reports: Sequence[ArchivedReport], region: str = "", language: Language = ENGLISH) -> str:
    """The newest reports as Atom, in a language.

    Of one region for the feed in its folder, of all for the one beside their folders. Each entry
    links its report in every language, that of the feed first, and its alerts (CAP 1.2); its
    category is the head of the ledger before it. Links are relative, since where the files are
    served is not known here; ids are tag URIs and never change. An entry is as old as its report,
    or as its retraction. The same reports give the same text.
    """
    newest = sorted(reports, key=lambda report: (report.day, report.region), reverse=True)[
        :MAX_ENTRIES
    ]
    root = ElementTree.Element("feed", {"xmlns": ATOM, "xml:lang": language.tag})
    domain = _domain(newest[0]) if region and newest else NOBODY
    add(root, "id", f"tag:{domain},{_SINCE}:{region or 'reports'}{_of(language)}")
    title = language.say("Climate risk reports")
    if region and newest:
        name = isolate(newest[0].title_in(language.tag), language)
        title = language.say("{hazard}: {places}", hazard=title, places=name)
    add(root, "title", title)
    add(root, "updated", _moment(max((updated(report) for report in newest), default=_NEVER)))
    add(add(root, "author"), "name", "climate-risk")
    add(root, "link", rel="self", href=feed_name(language.tag), type="application/atom+xml")
    for report in newest:
        _entry(root, report, f"{report.day}/" if region else f"{report.path}/", language)
    return to_xml(root)


def _of(language: Language) -> str:
    """What an id has at its end in a language: nothing in English."""
    return "" if language.tag == "en" else f"/{language.tag}"


def _entry(
    root: ElementTree.Element, report: ArchivedReport, folder: str, language: Language
) -> None:
    entry = add(root, "entry")
    add(entry, "id", f"tag:{_domain(report)},{report.day.year}:{report.path}{_of(language)}")
    marks = [language.say(LABEL_NAMES[report.label])] if report.label else []
    marks += [language.say("RETRACTED")] if report.retraction else []
    name = isolate(report.title_in(language.tag), language)
    title = language.say("{place}, {day}", place=name, day=language.dated(report.day))
    for label in reversed(marks):
        title = language.say("{hazard}: {places}", hazard=label, places=title)
    add(entry, "title", title)
    add(entry, "updated", _moment(updated(report)))
    own_first = sorted(report.languages, key=lambda spoken: spoken.tag != language.tag)
    for spoken in own_first:
        page = {"hreflang": spoken.tag, "href": folder + html_name(spoken.tag)}
        add(entry, "link", rel="alternate", type="text/html", **page)
    for name in report.alerts:
        add(entry, "link", rel="related", type="application/cap+xml", href=folder + name)
    if report.ledger:
        add(entry, "category", scheme=f"tag:{NOBODY},{_SINCE}:ledger", term=report.ledger)
    add(entry, "summary", _summary(report, language))


def _summary(report: ArchivedReport, language: Language) -> str:
    """What the report says in short, after what was said of it since."""
    sentences = []
    if report.retraction and report.retracted_on:
        day = language.dated(report.retracted_on)
        sentences += [language.say("Retracted on {date}:", date=day), report.retraction.reason]
    if report.note:
        title = language.say("Note of the duty officer")
        note = " ".join(report.note.split())
        sentences.append(language.say("{hazard}: {places}", hazard=title, places=note))
    for head in report.headlines_in(language.tag):
        titled = {"hazard": head.get("title", ""), "places": head.get("sentence", "")}
        sentences.append(language.say("{hazard}: {places}", **titled))
        if head.get("action") and not report.retraction:
            sentences += [language.say("To do:"), head["action"]]
    return " ".join([*sentences, language.say("Indicative, not an official vigilance.")])


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
