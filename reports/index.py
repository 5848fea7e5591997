"""The front page of what is published: each region's latest report, and the archive by date."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from configs import RESERVED, Settings
from reports.folders import write_whole
from reports.report import render_template

REPORT = "report.en.html"
PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class Issue:
    """A published report as its provenance.json describes it."""

    issued: date
    title: str
    headlines: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class RegionReports:
    """A region's latest report and the days of the earlier ones, newest first."""

    name: str
    title: str
    latest: Issue
    earlier: tuple[date, ...]


def write_index(settings: Settings) -> Path:
    """Write index.html, and latest.html for each region (a page that leads on to the newest report); returns the index.

    Only whole folders named by a date count; hindcasts lie elsewhere and are left out.
    """
    regions = [found for folder in sorted(_folders(settings.published)) if (found := _region(folder))]
    for region in regions:
        page = render_template("latest.html", title=region.title, issued=region.latest.issued)
        write_whole(settings.published / region.name / "latest.html", page)
    index = settings.published / "index.html"
    write_whole(index, render_template("index.html", regions=regions))
    return index


def _folders(published: Path) -> list[Path]:
    if not published.is_dir():
        return []
    return [path for path in published.iterdir() if path.is_dir() and path.name not in RESERVED and not path.name.startswith(".")]


def _region(folder: Path) -> RegionReports | None:
    days = sorted((day for path in folder.iterdir() if (day := _day(path))), reverse=True)
    if not days:
        return None
    latest = _issue(folder, days[0])
    return RegionReports(folder.name, latest.title or folder.name, latest, tuple(days[1:]))


def _day(path: Path) -> date | None:
    try:
        day = date.fromisoformat(path.name)
    except ValueError:
        return None
    whole = path.name == day.isoformat() and (path / REPORT).is_file() and (path / PROVENANCE).is_file()
    return day if whole else None


def _issue(folder: Path, day: date) -> Issue:
    said = json.loads((folder / day.isoformat() / PROVENANCE).read_text(encoding="utf-8"))
    return Issue(day, str(said.get("title", "")), tuple(said.get("headlines", ())))
