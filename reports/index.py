"""The front pages of what is published: each region's latest report, the archive by date, and the feeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from configs import Settings
from reports.archive import PROVENANCE, Published, page, paper, published
from reports.feed import FEED, feed
from reports.folders import write_whole
from reports.language import language_of
from reports.report import render_template

__all__ = ["PROVENANCE", "REPORT", "write_index"]

REPORT = page("en")
COLOURS = {
    "green": ("○", "green"),
    "yellow": ("●", "yellow"),
    "orange": ("●●", "orange"),
    "red": ("●●●", "red"),
    "grey": ("▨", "grey"),
    "": ("–", "no colour"),
}
Months = list[tuple[str, list[Published]]]


def write_index(settings: Settings) -> Path:
    """Write index.html and feed.xml, and for each region latest.html (which leads on to the newest report) and feed.xml; returns the index.

    Only whole folders named by a date count; hindcasts lie elsewhere and are left out. A report that was retracted stays
    where it is, and the pages say why.
    """
    regions = published(settings)
    for name, reports in regions.items():
        latest = render_template("latest.html", report=reports[0], language=language_of("en"), page=page)
        write_whole(settings.published / name / "latest.html", latest)
        write_whole(settings.published / name / FEED, feed(reports, name))
    write_whole(settings.published / FEED, feed([report for reports in regions.values() for report in reports]))
    index = settings.published / "index.html"
    archives = [(reports[0], by_month(reports[1:])) for reports in regions.values()]
    write_whole(index, render_template("index.html", regions=archives, language=language_of("en"), colours=COLOURS, page=page, paper=paper))
    return index


def by_month(reports: Sequence[Published]) -> list[tuple[int, Months]]:
    """Reports, newest first, as (year, [(month's name, reports)])."""
    english = language_of("en")
    return [
        (
            year,
            [
                (english.dated(found[0].day, "MMMM"), found)
                for _, part in groupby(of_year, lambda one: one.day.month)
                if (found := list(part))
            ],
        )
        for year, of_year in groupby(reports, lambda one: one.day.year)
    ]
