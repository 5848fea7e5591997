"""Files of citizens' reports: CSV tables, exports of ODK-style forms, SensorThings Observations.

``impacts*.csv`` in a region's inbox: a row a report. Column names may have the groups of a form
before them ("report-hazard"). ``impacts*.json``: a list, or one under ``value`` as OData and
SensorThings write it: of a form's submissions, or of Observations whose ``parameters`` name hazard,
place and photo, whose ``phenomenonTime`` is when and whose ``result`` are the words (OGC 18-088).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from configs import Region, RiskError, Settings
from configs.csv_cells import unmark
from data_contracts.impacts import Fault, Impact, Known, Told

MAX_BYTES, MAX_ROWS = 10_000_000, 50_000
NAMES = {
    "hazard": ("hazard", "danger", "alea"),
    "place": ("place", "location", "commune", "lieu"),
    "time": ("time", "day", "date", "phenomenontime", "start", "submissiondate"),
    "words": ("words", "result", "text", "description", "comment"),
    "photo": ("photo", "picture", "image"),
}
"""What a report holds -> names of its column, the first that a row has a text under."""


def files_of(region: Region, settings: Settings) -> list[Path]:
    """The files of reports in a region's inbox; a link out of it is none."""
    folder = region.inbox_path(settings)
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if is_impact_file(path.name) and path.is_file() and not path.is_symlink()
    )


def is_impact_file(name: str) -> bool:
    """Whether a file of an inbox holds reports, by its name."""
    return re.fullmatch(r"impacts.*\.(csv|json)", name, re.IGNORECASE) is not None


def read_reports(path: Path, known: Known) -> tuple[list[Impact], list[Fault]]:
    """A file's reports that can be used, and a fault for each other row, or one for the file."""
    impacts, faults = list[Impact](), list[Fault]()
    try:
        rows = list(_rows(path))
    except RiskError as error:
        return [], [Fault(path.name, 0, str(error))]
    for number, row in enumerate(rows, start=1):
        try:
            impacts.append(known.impact(_told(row), path.name))
        except RiskError as error:
            faults.append(Fault(path.name, number, str(error)))
    return impacts, faults


def _rows(path: Path) -> Iterator[Mapping[str, str]]:
    """The file's rows, names in small letters without a form's groups. Raises RiskError."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RiskError(f"found {size:,} bytes, expected {MAX_BYTES:,} at most; split the file.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RiskError("found bytes that are no UTF-8, expected text; save it as UTF-8.") from None
    rows = _of_json(text) if path.suffix.lower() == ".json" else _of_csv(text)
    for number, row in enumerate(rows):
        if number >= MAX_ROWS:
            raise RiskError(f"found more than {MAX_ROWS:,} rows, expected fewer; split the file.")
        yield row


def _of_csv(text: str) -> Iterator[Mapping[str, str]]:
    head = text.split("\n", 1)[0]
    mark = max(",;\t", key=head.count)
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=mark):
            yield {
                _bare(name): unmark(value or "")
                for name, value in row.items()
                if isinstance(name, str) and not isinstance(value, list)
            }
    except csv.Error as error:
        raise RiskError(f"found {error}, expected CSV; save it as CSV.") from None


def _of_json(text: str) -> Iterator[Mapping[str, str]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise RiskError("found what is not JSON, expected a list of reports; mend it.") from None
    rows = content.get("value") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise RiskError("found no list `value`, expected one of reports; export it again.")
    for row in rows:
        yield dict(_flat(row)) if isinstance(row, dict) else {}


def _flat(row: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, str]]:
    """The texts of an object and of those within it, as the groups of a form."""
    for name, value in row.items():
        if isinstance(value, dict) and depth < 5:
            yield from _flat(value, depth + 1)
        elif isinstance(value, str):
            yield _bare(name), value


def _bare(name: str) -> str:
    return re.split(r"[-/.:]", name.strip().lower())[-1]


def _told(row: Mapping[str, str]) -> Told:
    parts = {
        part: next((row[name] for name in names if row.get(name, "").strip()), "")
        for part, names in NAMES.items()
    }
    parts["time"] = parts["time"].split("/")[0]  # an interval of SensorThings begins it
    return Told(**parts)
