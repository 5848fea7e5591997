"""Retractions of published reports: why and when, and which forecast they are of."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

RETRACTION = "retraction.json"


@dataclass(frozen=True)
class Retraction:
    """Why and when (UTC) a report was retracted.

    ``forecast``: which one, see ``forecast_digest``, since another forecast is another report;
    empty where the file does not tell.
    """

    reason: str
    at: str
    forecast: str

    @property
    def moment(self) -> datetime:
        """When it was retracted."""
        return datetime.fromisoformat(self.at)


def retractions(path: Path) -> tuple[Retraction, ...]:
    """The retractions a retraction.json tells of, the newest first; none without such a file."""
    if not path.is_file():
        return ()
    newest = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Retraction(stored["reason"], stored["at"], stored.get("forecast", ""))
        for stored in (newest, *newest.get("earlier", ()))
    )


def retraction_of(folder: Path) -> Retraction | None:
    """The retraction that stands against the report in a published folder.

    None where there is none, or another forecast took its place.
    """
    known = retractions(folder / RETRACTION)
    return standing_retraction(known, forecast_digest(folder)) if known else None


def standing_retraction(known: Sequence[Retraction], forecast: str) -> Retraction | None:
    """The newest retraction of a forecast, which is named by its digest."""
    return next((one for one in known if one.forecast in ("", forecast)), None)


def forecast_digest(folder: Path) -> str:
    """The SHA-256 of a folder's forecast.csv; empty where there is none.

    Without what its last column ``notice`` says, so that a note or a retraction changes it not.
    """
    path = folder / "forecast.csv"
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if header[-1:] != ["notice"]:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        text = StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [header, *([*row[:-1], ""] for row in rows)]
        )
    return hashlib.sha256(text.getvalue().encode()).hexdigest()
