"""The print pages of official reports, kept under the home so that papers can be made again.

A note or a retraction changes what a paper says long after its forecast is gone from memory. They
lie in data/print/<region>/<day>.<language>.html.gz, those of the brief and the card with their
name before the language; a home without them takes such papers away.
"""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

from configs import Settings
from configs.whole_files import write_whole


def save_print_page(html: str, region: str, issued: date, name: str, settings: Settings) -> None:
    """Keep the print page of a paper, named by its file. Equal pages are equal bytes."""
    write_whole(_path(region, issued, name, settings), gzip.compress(html.encode(), mtime=0))


def print_page(region: str, issued: date, name: str, settings: Settings) -> str | None:
    """The print page of a paper that was kept; None where there is none."""
    path = _path(region, issued, name, settings)
    return gzip.decompress(path.read_bytes()).decode() if path.is_file() else None


def _path(region: str, issued: date, name: str, settings: Settings) -> Path:
    stem = Path(name).stem.removeprefix("report.")
    return settings.data / "print" / region / f"{issued}.{stem}.html.gz"
