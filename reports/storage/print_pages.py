"""The print pages of official reports, kept under the home so that their PDFs can be made again.

A note or a retraction changes what a PDF says long after its forecast is gone from memory. They lie
in data/print/<region>/<day>.<language>.html.gz; a home without them takes such PDFs away.
"""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

from configs import Settings
from reports.storage.atomic import write_whole


def save_print_page(html: str, region: str, issued: date, tag: str, settings: Settings) -> None:
    """Keep the print page of a report in a language. Equal pages are equal bytes."""
    write_whole(_path(region, issued, tag, settings), gzip.compress(html.encode(), mtime=0))


def print_page(region: str, issued: date, tag: str, settings: Settings) -> str | None:
    """The print page that was kept; None where there is none."""
    path = _path(region, issued, tag, settings)
    return gzip.decompress(path.read_bytes()).decode() if path.is_file() else None


def _path(region: str, issued: date, tag: str, settings: Settings) -> Path:
    return settings.data / "print" / region / f"{issued}.{tag}.html.gz"
