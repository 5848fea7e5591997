"""How long what lies in a report's folder is kept: what proves and grades stays, drawings go.

Ages count from the region's newest report, so that the report of a record of the past, whose clock
is the record's, is new too. A link to a file that goes is taken out of the pages that stay.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from configs import Settings
from configs.whole_files import write_whole
from reports.storage.archive import pages_in, report_folders
from reports.storage.atomic import alone_in


@dataclass(frozen=True)
class Retention:
    """Names in a report's folder, as patterns, and for how many days after it they are kept."""

    what: str
    names: tuple[str, ...]
    days: int


DRAWINGS = Retention(
    "PDFs, cards, pages of places, map layers",
    ("*.pdf", "card.*.png", "places", "layers", "forecast.geojson"),
    60,
)
TABLES = Retention("pages of full tables", ("details.*.html",), 400)
KEPT = (DRAWINGS, TABLES)
"""What goes, and when. What matches none of these stays as long as the home does: the page of each
language, the short message, ``forecast.csv``, ``forecast.nc``, ``forecast.zarr``, ``scores.csv``,
``provenance.json``, ``retraction.json`` and ``alerts/``."""

_LINK = re.compile(r"<a\b[^>]*?\bhref=\"([^\"#?]+)[^\"]*\"[^>]*>(.*?)</a>", re.DOTALL)


@dataclass(frozen=True)
class Gone:
    """How many files were taken away, and their bytes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Gone) -> Gone:
        return Gone(self.files + other.files, self.bytes + other.bytes)


def shrink(settings: Settings, region: str) -> Gone:
    """Takes away what of a region's reports is older than it is kept."""
    folder = settings.published / region
    reports = report_folders(folder)
    if not reports:
        return Gone()
    newest, gone = max(reports), Gone()
    with alone_in(folder):
        for day, report in reports.items():
            gone += _shrink_report(report, (newest - day).days)
    for path in _print_pages(settings.data / "print" / region, newest):
        gone += take_away(path)
    return gone


def expired(folder: Path, age: int) -> list[Path]:
    """What in a report's folder is older than it is kept; ``age``: of the report, in days."""
    patterns = [name for kept in KEPT if age > kept.days for name in kept.names]
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})


def _shrink_report(folder: Path, age: int) -> Gone:
    going = expired(folder, age)
    if not going:
        return Gone()
    for page in pages_in(folder):
        if not any(page == path or page.is_relative_to(path) for path in going):
            html = page.read_text(encoding="utf-8")
            if (without := without_links(html, page.parent, going)) != html:
                write_whole(page, without)
    gone = Gone()
    for path in going:
        gone += take_away(path)
    return gone


def without_links(html: str, folder: Path, going: list[Path]) -> str:
    """A page of a folder whose links to what goes are plain words."""

    def plain(link: re.Match[str]) -> str:
        target = folder / link[1]
        lost = any(target == path or target.is_relative_to(path) for path in going)
        return link[2] if lost else link[0]

    return _LINK.sub(plain, html)


def _print_pages(folder: Path, newest: date) -> Iterator[Path]:
    """The print pages whose PDFs are gone."""
    for path in folder.glob("????-??-??.*"):
        try:
            age = (newest - date.fromisoformat(path.name[:10])).days
        except ValueError:
            continue
        if age > DRAWINGS.days:
            yield path


def take_away(path: Path) -> Gone:
    """Deletes a file or a folder; says how much that was."""
    files = [path] if not path.is_dir() else [one for one in path.rglob("*") if one.is_file()]
    gone = Gone(len(files), sum(one.lstat().st_size for one in files))
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return gone
