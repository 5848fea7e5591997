"""Impacts: what people saw happen, as officers tell it and as citizens report it.

Kept apart from the record, in data/impacts/<region>/impacts.csv: shown beside what was forecast and
counted, never read by anything that learns. Rows that cannot be used are listed in faults.csv.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from configs import Region, RiskError, Settings
from configs.csv_cells import mark, unmark
from configs.whole_files import write_whole

MAX_WORDS, MAX_PHOTO = 1000, 200
"""Characters of what was seen, and of a photo's file name."""
FIRST_DAY = date(1900, 1, 1)
OFFICER = "officer"
"""Where an impact comes from that was told by the command."""
_PHOTO = re.compile(r"[\w][\w .()-]*\.(jpe?g|png|webp|heic|gif)", re.IGNORECASE)
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows, so that it reads as something else."""


@dataclass(frozen=True, order=True)
class Impact:
    """What was seen on a day at a place: ``hazard`` and ``location`` are ids, ``day`` is local.

    ``time``: HH:MM, empty where only the day is known. ``photo``: the name of a picture that is
    kept elsewhere, empty for none. ``origin``: OFFICER, or the name of a file.
    """

    day: date
    location: str
    hazard: str
    time: str
    words: str
    photo: str
    origin: str

    @property
    def key(self) -> str:
        """Names what was told, whoever brought it: the same report twice has one key."""
        told = (self.day, self.location, self.hazard, self.time, self.words, self.photo)
        return hashlib.sha256("\x1f".join(map(str, told)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Fault:
    """A row that cannot be used: its file, its number from 1 on, and why, in a sentence."""

    file: str
    row: int
    reason: str


@dataclass(frozen=True)
class Told:
    """A report as it was given: texts, empty for what is missing. ``time``: a day or an instant."""

    hazard: str
    place: str
    time: str
    words: str
    photo: str = ""


@dataclass(frozen=True)
class Known:
    """What a report is held against: hazards' ids, places' names and ids -> id, and today there."""

    region: Region
    hazards: tuple[str, ...]
    places: Mapping[str, str]
    today: date

    def impact(self, told: Told, origin: str) -> Impact:
        """The report, checked. Raises RiskError with a sentence on what it cannot be."""
        day, hour = self._moment(told.time)
        words = plain(told.words, "words", MAX_WORDS)
        if not words:
            raise RiskError("words: found nothing, expected what was seen; tell it.")
        return Impact(
            day,
            self._place(told.place),
            self._hazard(told.hazard),
            hour,
            words,
            _photo_name(told.photo),
            origin,
        )

    def _hazard(self, given: str) -> str:
        name = re.sub(r"[\s-]+", "_", given.strip().lower())
        if name not in self.hazards:
            raise RiskError(
                f"hazard: found {given[:40]!r}, expected one of {', '.join(self.hazards)}; give "
                "one of them."
            )
        return name

    def _place(self, given: str) -> str:
        place = self.places.get(folded(given))
        if place is None:
            raise RiskError(
                f"place: found {given[:60]!r}, expected a place of {self.region.name} by its id or "
                "name; give one."
            )
        return place

    def _moment(self, given: str) -> tuple[date, str]:
        """The local standard day, and the hour where one is told."""
        text = given.strip()
        try:
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
                day, hour = date.fromisoformat(text), ""
            else:
                moment = datetime.fromisoformat(text)
                if moment.tzinfo:
                    offset = timedelta(hours=self.region.day_offset)
                    moment = moment.astimezone(timezone(offset))
                day, hour = moment.date(), f"{moment:%H:%M}"
        except (ValueError, OverflowError):
            raise RiskError(
                f"time: found {text[:40]!r}, expected a day or time such as 2026-07-15 or "
                "2026-07-15T14:30:00+01:00; mend it."
            ) from None
        if not FIRST_DAY <= day <= self.today:
            raise RiskError(
                f"time: found {day}, expected a day from {FIRST_DAY} to today, {self.today}; mend "
                "it."
            )
        return day, hour


def folded(name: str) -> str:
    """A place's name as it is looked up: without accents, in small letters."""
    apart = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(char for char in apart if unicodedata.category(char) != "Mn")


def plain(text: str, what: str, most: int) -> str:
    """A text on one line. Raises RiskError where it is too long or holds control characters."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    if len(line) > most:
        raise RiskError(
            f"{what}: found {len(line):,} characters, expected {most:,} at most; shorten it."
        )
    odd = next(
        (char for char in line if char in _TURNS or unicodedata.category(char) in ("Cc", "Cs")), ""
    )
    if odd:
        raise RiskError(
            f"{what}: found the control character U+{ord(odd):04X}, expected plain text; take it "
            "out."
        )
    return line


def _photo_name(given: str) -> str:
    name = plain(given, "photo", MAX_PHOTO)
    if name and not _PHOTO.fullmatch(name):
        raise RiskError(
            f"photo: found {name[:60]!r}, expected the mere name of a picture such as "
            "street.jpg; give that."
        )
    return name


def read_impacts(region: Region, settings: Settings) -> list[Impact]:
    """All impacts of a region, by day, place and hazard."""
    rows = _read_rows(_folder(region, settings) / "impacts.csv")
    return sorted(
        Impact(date.fromisoformat(row.pop("day")), **{name: row[name] for name in _NAMES[1:]})
        for row in rows
    )


def add_impacts(region: Region, settings: Settings, new: Iterable[Impact]) -> int:
    """Keep impacts that are not known yet; returns how many were new."""
    known = {impact.key: impact for impact in read_impacts(region, settings)}
    before = len(known)
    for impact in new:
        known.setdefault(impact.key, impact)
    if len(known) > before:
        rows = [asdict(impact) | {"key": key} for key, impact in known.items()]
        rows.sort(key=lambda row: (row["day"], row["location"], row["hazard"], row["key"]))
        _write_rows(_folder(region, settings) / "impacts.csv", ("key", *_NAMES), rows)
    return len(known) - before


def write_faults(region: Region, settings: Settings, faults: Sequence[Fault]) -> Path:
    """List the rows that cannot be used, in the place of those listed before."""
    path = _folder(region, settings) / "faults.csv"
    if faults or path.exists():
        _write_rows(path, ("file", "row", "reason"), [asdict(fault) for fault in faults])
    return path


def count_faults(region: Region, settings: Settings) -> int:
    """How many rows of citizens' files could not be used when they were last brought in."""
    return len(_read_rows(_folder(region, settings) / "faults.csv"))


_NAMES = tuple(field.name for field in fields(Impact))


def _folder(region: Region, settings: Settings) -> Path:
    return settings.data / "impacts" / region.name


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as handle:
        return [
            {name: unmark(text) for name, text in row.items()} for row in csv.DictReader(handle)
        ]


def _write_rows(path: Path, names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a table whole or not at all."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: mark(str(row[name])) for name in names} for row in rows)
    write_whole(path, sink.getvalue())
