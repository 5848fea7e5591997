"""The front pages: each region's latest report, the archive by date, the scoreboard, feeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from configs import TAGS, Settings
from configs.whole_files import write_whole
from reports.render.html import asset, render_template
from reports.site.feed import feed, feed_name
from reports.site.live_board import live_board
from reports.site.records import record_links
from reports.site.scoreboard import scoreboard
from reports.storage.archive import PROVENANCE, ArchivedReport, html_name, pdf_name, published
from reports.storage.atomic import alone_in
from reports.text.language import Language, language_of

__all__ = ["PROVENANCE", "REPORT", "front", "latest", "write_index"]

REPORT = html_name("en")
GLYPHS = {"green": "○", "yellow": "●", "orange": "●●", "red": "●●●", "grey": "▨"}
Months = list[tuple[str, list[ArchivedReport]]]


FRONT, LATEST = "index.html", "latest.html"


def front(tag: str) -> str:
    """The file name of the index in a language."""
    return f"index.{tag}.html"


def latest(tag: str) -> str:
    """The file name, in a region's folder, of the page that leads to its newest report."""
    return f"latest.{tag}.html"


def write_index(settings: Settings) -> Path:
    """Write the front pages and feeds of all that is published; returns the index.

    These are index.html, its languages index.<language>.html and feed.xml, and for each region
    latest.html (which leads to the newest report), latest.<language>.html and feed.xml. They are in
    English and in every language of a region's newest report; index.html and latest.html are in the
    first language of the region, of several regions in the one that most of them have first. Only
    whole folders named by a date count; hindcasts lie elsewhere and are left out. A report that was
    retracted stays where it is, and the pages say why. Regions that publish at the same time take
    turns.
    """
    settings.published.mkdir(parents=True, exist_ok=True)
    with alone_in(settings.published):
        regions = published(settings)
        for name, reports in regions.items():
            _write_region(settings.published / name, reports)
        newest = [reports[0] for reports in regions.values()]
        languages = _languages(newest)
        every = [report for reports in regions.values() for report in reports]
        for language in languages:
            write_whole(settings.published / feed_name(language.tag), feed(every, "", language))
            page = _front_page(regions, languages, language)
            write_whole(settings.published / front(language.tag), page)
            if language == languages[0]:
                write_whole(settings.published / FRONT, page)
    return settings.published / FRONT


def _write_region(folder: Path, reports: Sequence[ArchivedReport]) -> None:
    """Its leading pages and feeds."""
    languages = _languages(reports[:1])
    for language in languages:
        page = render_template("latest.html", language, report=reports[0], page=html_name)
        write_whole(folder / latest(language.tag), page)
        if language == languages[0]:
            write_whole(folder / LATEST, page)
        write_whole(folder / feed_name(language.tag), feed(reports, folder.name, language))


def _languages(newest: Sequence[ArchivedReport]) -> list[Language]:
    """The languages of pages on some regions, the one to open them in first, and English."""
    zone = Counter(report.timezone for report in newest).most_common(1)
    first = Counter(report.languages[0].tag for report in newest).most_common(1)
    spoken = {language.tag for report in newest for language in report.languages} | {"en"}
    order = dict.fromkeys((*(tag for tag, _ in first), *TAGS))
    return [language_of(tag, zone[0][0] if zone else "UTC") for tag in order if tag in spoken]


def _front_page(
    regions: Mapping[str, Sequence[ArchivedReport]],
    languages: Sequence[Language],
    language: Language,
) -> str:
    """The index in a language."""
    shown = {
        "regions": [
            (
                reports[0],
                by_month(reports[1:], language),
                scoreboard(reports, language),
                live_board(reports[0].folder.parent, language),
            )
            for reports in regions.values()
        ],
        "languages": languages,
        "glyphs": GLYPHS,
        "page": html_name,
        "paper": pdf_name,
        "front": front,
        "feed": feed_name(language.tag),
        "records": record_links,
    }
    return render_template("index.html", language, script=asset("outdated.js"), **shown)


def by_month(reports: Sequence[ArchivedReport], language: Language) -> list[tuple[int, Months]]:
    """Reports, newest first, as (year, [(month's name, reports)])."""
    return [
        (
            year,
            [
                (language.dated(of_month[0].day, "LLLL"), of_month)
                for _, part in groupby(of_year, lambda report: report.day.month)
                if (of_month := list(part))
            ],
        )
        for year, of_year in groupby(reports, lambda report: report.day.year)
    ]
