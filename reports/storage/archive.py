"""What has been published: the reports of every region by day, as index and feeds list them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from configs import RESERVED, TAGS, Settings
from reports.storage.retraction import Retraction, retraction_of
from reports.text.language import Language, language_of

PROVENANCE = "provenance.json"
CSV, GEOJSON, NETCDF = "forecast.csv", "forecast.geojson", "forecast.nc"
ZARR = "forecast.zarr"
"""Every cell of a grid; there is none for a region of places."""
SCORES = "scores.csv"
MARKS = "marks.parquet"
"""Beside a region's reports: what came of each chance, see models.verification.marks."""
ALERTS = "alerts"
FILES = (CSV, GEOJSON, NETCDF, SCORES, PROVENANCE)
PLACES = "places"
OURS = ("report.*", "details.*", "brief.*", "card.*", "message.*", "forecast.*", SCORES)
"""Names in a report's folder that belong to a report.

What of them is not made again is no longer true.
"""


@dataclass(frozen=True)
class ArchivedReport:
    """A published report: the folder published/<region>/<day>/, whole and not a hindcast."""

    region: str
    day: date
    folder: Path

    @property
    def path(self) -> str:
        """Its folder seen from published/."""
        return f"{self.region}/{self.day}"

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """What provenance.json of the report says."""
        stored: Mapping[str, Any] = json.loads(
            (self.folder / PROVENANCE).read_text(encoding="utf-8")
        )
        return stored

    @property
    def title(self) -> str:
        """What the region is called."""
        return str(self.provenance.get("title") or self.region)

    def title_in(self, tag: str) -> str:
        """What the region is called in a language."""
        return str((self.provenance.get("titles") or {}).get(tag) or self.title)

    @property
    def valid_until(self) -> datetime | None:
        """When the next report is due, as its provenance tells."""
        stamp = self.provenance.get("valid_until")
        return datetime.fromisoformat(str(stamp)) if stamp else None

    @property
    def timezone(self) -> str:
        """The region's time zone, which tells how its country writes dates."""
        return str(self.provenance.get("timezone") or "UTC")

    @property
    def label(self) -> str:
        """EXERCISE where it is one, else empty."""
        return "EXERCISE" if self.provenance.get("exercise") else ""

    @property
    def headlines(self) -> tuple[dict[str, Any], ...]:
        """The report's headlines, one a hazard."""
        return tuple(self.provenance.get("headlines") or ())

    def headlines_in(self, tag: str) -> tuple[dict[str, Any], ...]:
        """The report's headlines in a language; the English ones where it has none in it."""
        headlines = (self.provenance.get("headlines_in") or {}).get(tag)
        return self.headlines if headlines is None else tuple(headlines)

    @cached_property
    def languages(self) -> tuple[Language, ...]:
        """The languages it can be read in, the region's first language first."""
        order = dict.fromkeys((*(self.provenance.get("languages") or ()), *TAGS))
        return tuple(language_of(tag) for tag in order if (self.folder / html_name(tag)).is_file())

    @property
    def first(self) -> str:
        """The page to lead to where no language is asked for."""
        return html_name(self.languages[0].tag)

    def page_in(self, tag: str) -> str:
        """The page to lead to from a page in a language."""
        return (
            html_name(tag)
            if any(language.tag == tag for language in self.languages)
            else self.first
        )

    @property
    def papers(self) -> tuple[Language, ...]:
        """The languages it has a PDF in."""
        return tuple(
            language
            for language in self.languages
            if (self.folder / pdf_name(language.tag)).is_file()
        )

    def in_short(self, tag: str) -> dict[str, str]:
        """The brief, card and message that it has in a language: "brief" -> file name."""
        names = {"brief": brief_name(tag), "card": card_name(tag), "message": message_name(tag)}
        return {what: name for what, name in names.items() if (self.folder / name).is_file()}

    @property
    def files(self) -> tuple[str, ...]:
        """Its files for other programs, alerts last, seen from its folder."""
        return (*(name for name in FILES if (self.folder / name).is_file()), *self.alerts)

    @property
    def alerts(self) -> tuple[str, ...]:
        """Its CAP messages, seen from its folder."""
        return tuple(sorted(f"alerts/{path.name}" for path in (self.folder / ALERTS).glob("*.xml")))

    @property
    def ledger(self) -> str:
        """The hash of the ledger's newest line before it; empty where it tells none."""
        return str(self.provenance.get("ledger") or "")

    @property
    def note(self) -> str:
        """The duty officer's note, empty where there is none."""
        return str(self.provenance.get("note") or "")

    @cached_property
    def retraction(self) -> Retraction | None:
        """See ``retraction_of``."""
        return retraction_of(self.folder)

    @property
    def retracted_on(self) -> date | None:
        """The day of the retraction that stands against it, in UTC."""
        return self.retraction.moment.date() if self.retraction else None


def html_name(tag: str) -> str:
    """The file name of a report in a language."""
    return f"report.{tag}.html"


def pdf_name(tag: str) -> str:
    """The file name of a report on paper in a language."""
    return f"report.{tag}.pdf"


def details_name(tag: str) -> str:
    """The file name of a report's full tables in a language."""
    return f"details.{tag}.html"


def brief_name(tag: str) -> str:
    """The file name of the brief, one sheet, in a language."""
    return f"brief.{tag}.pdf"


def card_name(tag: str) -> str:
    """The file name of the card, a picture, in a language."""
    return f"card.{tag}.png"


def message_name(tag: str) -> str:
    """The file name of the short message in a language."""
    return f"message.{tag}.txt"


def place_name(location: str, tag: str) -> str:
    """The file name of a place's page in a language, in the folder PLACES.

    A location's id stands in it where every file system takes it, else a part of its SHA-256.
    """
    plain = re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}", location)
    name = location if plain else f"place-{hashlib.sha256(location.encode()).hexdigest()[:16]}"
    return f"{name}.{tag}.html"


def pages_in(folder: Path) -> list[Path]:
    """The pages of a report's folder in every language, its places' included."""
    patterns = ("report.*.html", "details.*.html", f"{PLACES}/*.html")
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


def published(settings: Settings) -> dict[str, tuple[ArchivedReport, ...]]:
    """Every region's reports by its name, the newest first; regions without one are left out."""
    folders = sorted(settings.published.iterdir()) if settings.published.is_dir() else []
    regions = [
        path
        for path in folders
        if path.is_dir() and path.name not in RESERVED and not path.name.startswith(".")
    ]
    by_region = {
        path.name: tuple(sorted(_reports(path), key=lambda report: report.day, reverse=True))
        for path in regions
    }
    return {name: reports for name, reports in by_region.items() if reports}


def _reports(region: Path) -> list[ArchivedReport]:
    candidates = [
        ArchivedReport(region.name, day, path) for day, path in report_folders(region).items()
    ]
    return [report for report in candidates if report.languages]


def report_folders(region_folder: Path) -> dict[date, Path]:
    """The reports in a region's published folder by their day, the oldest first."""
    folders = (path.parent for path in region_folder.glob(f"????-??-??/{PROVENANCE}"))
    by_day = {day: folder for folder in folders if (day := day_of(folder)) is not None}
    return dict(sorted(by_day.items()))


def day_of(path: Path) -> date | None:
    """The day of a report's folder; None for a folder of another name."""
    try:
        day = date.fromisoformat(path.name)
    except ValueError:
        return None
    return day if path.name == day.isoformat() else None
