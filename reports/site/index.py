"""The front pages: each region's latest report, the archive by date, the scoreboard, feeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from configs import TAGS, Settings
from reports.render.html import asset, render_template
from reports.site.feed import FEED, feed
from reports.site.records import record_links
from reports.site.scoreboard import scoreboard
from reports.storage.archive import PROVENANCE, ArchivedReport, html_name, pdf_name, published
from reports.storage.atomic import alone_in, write_whole
from reports.text.language import Language, language_of

__all__ = ["PROVENANCE", "REPORT", "front", "latest", "write_index"]

REPORT = html_name("en")
GLYPHS = {"green": "○", "yellow": "●", "orange": "●●", "red": "●●●", "grey": "▨"}
Months = list[tuple[str, list[ArchivedReport]]]


def front(tag: str) -> str:
    """The file name of the index in a language."""
    return "index.html" if tag == "en" else f"index.{tag}.html"


def latest(tag: str) -> str:
    """The file name, in a region's folder, of the page that leads to its newest report."""
    return "latest.html" if tag == "en" else f"latest.{tag}.html"


def write_index(settings: Settings) -> Path:
    """Write the front pages and feeds of all that is published; returns the index.

    These are index.html and feed.xml, and for each region latest.html (which leads to the newest
    report) and feed.xml. The index and the leading pages are in English and in every language of a
    region's newest report. Only whole folders named by a date count; hindcasts lie elsewhere and
    are left out. A report that was retracted stays where it is, and the pages say why. Regions that
    publish at the same time take turns.
    """
    settings.published.mkdir(parents=True, exist_ok=True)
    with alone_in(settings.published):
        regions = published(settings)
        spoken = {
            language.tag for reports in regions.values() for language in reports[0].languages
        } | {"en"}
        languages = [language_of(tag) for tag in TAGS if tag in spoken]
        for name, reports in regions.items():
            for language in languages:
                write_whole(
                    settings.published / name / latest(language.tag),
                    render_template("latest.html", language, report=reports[0], page=html_name),
                )
            write_whole(settings.published / name / FEED, feed(reports, name))
        write_whole(
            settings.published / FEED,
            feed([report for reports in regions.values() for report in reports]),
        )
        for language in languages:
            archives = [
                (reports[0], by_month(reports[1:], language), scoreboard(reports, language))
                for reports in regions.values()
            ]
            shown = {
                "regions": archives,
                "languages": languages,
                "glyphs": GLYPHS,
                "page": html_name,
                "paper": pdf_name,
                "front": front,
                "records": record_links,
            }
            text = render_template("index.html", language, script=asset("outdated.js"), **shown)
            write_whole(settings.published / front(language.tag), text)
    return settings.published / front("en")


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
