"""The ledger: one line for each report that went out, each with the hash of the line before.

``published/<region>/ledger.jsonl`` proves which numbers were published when. A line is one JSON
object; its hash is the SHA-256 of its bytes without the line end. The folder's rename is the commit
point of a report; its line follows. What is about to be published lies in ``.ledger-next.json``
until the line is written, so that a run that was killed in between is told from a changed file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path

from configs.whole_files import write_whole
from reports.storage.archive import CSV, NETCDF, PROVENANCE, report_folders
from reports.storage.atomic import publish_folder
from reports.storage.retraction import forecast_digest

LEDGER, NEXT = "ledger.jsonl", ".ledger-next.json"
FIRST = "first"
"""Folder of the first issues of days that were revised: first/<day>/forecast.nc and .csv."""
_FILES = {CSV: "forecast_csv", NETCDF: "forecast_nc"}
"""Name of a file -> the field of an entry that holds its hash."""
START = "0" * 64
"""The hash that the first line tells of the line before it."""


@dataclass(frozen=True)
class Entry:
    """A line of the ledger.

    ``issued``: the report's day. ``published_at``: UTC, ISO. ``late``: published after its day, so
    never graded as timely. ``forecast``: digest of the numbers, see ``forecast_digest``;
    ``forecast_csv``, ``forecast_nc``: SHA-256 of the files, empty where there is none. ``models``:
    version by hazard. ``kind``: "issue" (the first of its day), "revision" (other numbers for the
    same day), "notice" (a note or a retraction beside the same numbers), "recovered" (a folder
    whose line was not written). ``previous``: hash of the line before.
    """

    region: str
    issued: str
    published_at: str
    late: bool
    forecast: str
    forecast_csv: str
    forecast_nc: str
    snapshot: str
    models: Mapping[str, str]
    code_version: str
    kind: str = ""
    sequence: int = 0
    previous: str = START

    @property
    def files(self) -> tuple[str, str]:
        """The hashes of the two files it stands for."""
        return self.forecast_csv, self.forecast_nc


def publish_recorded(
    folder: Path,
    write: Callable[[Path], None],
    ours: Sequence[str],
    late: bool,
    now: Callable[[], datetime],
) -> Path:
    """Publish an official report as ``publish_folder`` does, and append its line to the ledger.

    A report whose files are those of its newest line adds none. ``now``: the clock, with a zone.
    """
    region_folder = folder.parent

    def announced(aside: Path) -> None:
        write(aside)
        plan = _entry(aside, late, now())
        _keep_first(folder, plan)
        write_whole(region_folder / NEXT, json.dumps(asdict(plan), sort_keys=True))

    whole = publish_folder(folder, announced, PROVENANCE, ours)
    _settle(region_folder)
    return whole


def head_before(region_folder: Path, issued: date) -> str:
    """The hash of the newest line before the first one of a day; ``START`` where there is none."""
    lines = _whole_lines(region_folder / LEDGER)
    of_day = (entry for entry in entries(region_folder) if entry.issued == issued.isoformat())
    first = next(of_day, None)
    return first.previous if first else line_hash(lines[-1]) if lines else START


def line_hash(line: str) -> str:
    """The SHA-256 of a line without its end."""
    return hashlib.sha256(line.rstrip("\n").encode()).hexdigest()


def entries(region_folder: Path) -> list[Entry]:
    """The ledger's entries, the oldest first.

    Lines that are none are passed over, so that a damaged ledger stops no report; ``broken`` names
    them.
    """
    path = region_folder / LEDGER
    read = [_read(line) for line in _whole_lines(path)]
    return [entry for entry in read if entry is not None]


@dataclass(frozen=True)
class FirstIssue:
    """The first report of a day, which is the one that is graded, whatever revised it.

    ``netcdf``: the file that holds it, as a line of the ledger proves; None where it is gone.
    """

    entry: Entry
    netcdf: Path | None


def first_issues(region_folder: Path, leave_out: Collection[str] = ()) -> list[FirstIssue]:
    """The first issue of each day of the ledger, the oldest first.

    ``leave_out``: days, ISO, whose files need not be looked for.
    """
    return [
        FirstIssue(lines[0], _proven(region_folder, lines, NETCDF))
        for day, lines in sorted(entries_by_day(region_folder).items())
        if day not in leave_out
    ]


def entries_by_day(region_folder: Path) -> dict[str, list[Entry]]:
    """The ledger's entries by their day, ISO, its first issue first."""
    by_day: dict[str, list[Entry]] = {}
    for entry in entries(region_folder):
        by_day.setdefault(entry.issued, []).append(entry)
    return by_day


def _proven(region_folder: Path, lines: Sequence[Entry], name: str) -> Path | None:
    """The file of that name that holds the first of a day's ``lines``.

    A note or a retraction has a line of its own and the same numbers.
    """
    day, hashes = lines[0].issued, _hashes_of_first(lines, name)
    places = (region_folder / day / name, region_folder / FIRST / day / name)
    return next((path for path in places if path.is_file() and _file_hash(path) in hashes), None)


def _hashes_of_first(lines: Sequence[Entry], name: str) -> set[str]:
    """The hashes that a day's ``lines`` tell of a file with the numbers of its first issue."""
    numbers = lines[0].forecast
    return {getattr(one, _FILES[name]) for one in lines if one.forecast == numbers}


def _keep_first(folder: Path, plan: Entry) -> None:
    """Keep the files of a day's first issue aside before a report of other numbers replaces it."""
    lines = [entry for entry in entries(folder.parent) if entry.issued == folder.name]
    if not lines or lines[0].forecast == plan.forecast:
        return
    for name in _FILES:
        there = _proven(folder.parent, lines, name)
        if there is not None and there.parent == folder:
            write_whole(folder.parent / FIRST / folder.name / name, there.read_bytes())


def late_days(region_folder: Path) -> frozenset[str]:
    """The days, ISO, whose first report was late: it never counts as a forecast of its day."""
    by_day = entries_by_day(region_folder)
    return frozenset(day for day, lines in by_day.items() if lines[0].late)


def recover(region_folder: Path) -> list[Entry]:
    """Give a line to reports that were put in place and whose line was not written.

    These are the one that ``.ledger-next.json`` tells of, where its files are those that lie there,
    and folders of days that the ledger does not know: they count as published when their provenance
    file was written. A half line at the end of the ledger, which a power cut leaves, goes. Returns
    the new entries.
    """
    if not region_folder.is_dir():
        return []
    _drop_half_line(region_folder / LEDGER)
    added = _settle(region_folder, "recovered")
    known = {entry.issued for entry in entries(region_folder)}
    for folder in report_folders(region_folder).values():
        if folder.name not in known:
            stamp = (folder / PROVENANCE).stat().st_mtime
            unknown = _entry(folder, late=False, now=datetime.fromtimestamp(stamp, UTC))
            added.append(_append(region_folder, unknown, "recovered"))
    return added


def _entry(folder: Path, late: bool, now: datetime) -> Entry:
    """What the ledger will say of a report's folder, but for its place in the chain."""
    provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    models = provenance.get("models") or {}
    return Entry(
        region=str(provenance.get("region", "")),
        issued=str(provenance.get("issued", "")),
        published_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        late=late,
        forecast=forecast_digest(folder),
        forecast_csv=_file_hash(folder / CSV),
        forecast_nc=_file_hash(folder / NETCDF),
        snapshot=str(provenance.get("snapshot", "")),
        models={name: str(one.get("version", "")) for name, one in sorted(models.items())},
        code_version=str(provenance.get("code_version", "")),
    )


def _settle(region_folder: Path, kind: str = "") -> list[Entry]:
    """Append the line of what was announced, where it is in place and has none."""
    path = region_folder / NEXT
    if not path.is_file():
        return []
    plan = Entry(**json.loads(path.read_text(encoding="utf-8")))
    folder = region_folder / plan.issued
    there = _file_hash(folder / CSV), _file_hash(folder / NETCDF)
    newest = {entry.issued: entry for entry in entries(region_folder)}.get(plan.issued)
    added = []
    if there == plan.files and (newest is None or newest.files != there):
        usual = "issue" if newest is None else _kind_after(newest, plan)
        added.append(_append(region_folder, plan, kind or usual))
    path.unlink()
    return added


def _kind_after(newest: Entry, plan: Entry) -> str:
    return "notice" if newest.forecast == plan.forecast else "revision"


def _append(region_folder: Path, entry: Entry, kind: str) -> Entry:
    """Append an entry as the newest line, and have it on the disk."""
    path = region_folder / LEDGER
    lines = _whole_lines(path)
    previous = line_hash(lines[-1]) if lines else START
    placed = replace(entry, kind=kind, sequence=len(lines) + 1, previous=previous)
    with path.open("ab") as file:
        file.write(f"{json.dumps(asdict(placed), sort_keys=True)}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    return placed


def broken(region_folder: Path, days: int | None = None) -> str:
    """What is the first thing wrong with a ledger, as a sentence; empty where all is proven.

    Each line tells its place and the hash of the line before it; the newest line of each day tells
    the hashes of the files that lie in its folder, where that folder is still kept. ``days``: how
    many of the newest days have their files compared, all where it is not given.
    """
    path = region_folder / LEDGER
    lines = _whole_lines(path)
    if path.is_file() and lines != path.read_text(encoding="utf-8").splitlines(keepends=True):
        return f"{path}: found half a line at its end; the next daily run mends it."
    previous, by_day = START, dict[str, list[Entry]]()
    for n, line in enumerate(lines, 1):
        entry = _read(line)
        if entry is None:
            return (
                f"{path} line {n}: found {line.strip()[:60]!r}, expected an entry of the ledger; "
                "put back the file from a backup."
            )
        if (entry.sequence, entry.previous) != (n, previous):
            return (
                f"{path} line {n} (issued {entry.issued}): found that it follows line "
                f"{entry.sequence - 1} of hash {entry.previous[:12]}, expected line {n - 1} of "
                f"hash {previous[:12]}: a line was changed, taken out or put in."
            )
        previous = line_hash(line)
        by_day.setdefault(entry.issued, []).append(entry)
    newest = {day: of_day[-1] for day, of_day in by_day.items()}
    compared = sorted(newest)[-days if days else 0 :]
    wrong = chain(
        _wrong_files(region_folder, newest, compared), _wrong_first(region_folder, by_day)
    )
    return next(wrong, "")


def _wrong_first(region_folder: Path, by_day: Mapping[str, Sequence[Entry]]) -> Iterator[str]:
    """Files of first issues that are none, of days that the ledger saw revised."""
    for path in sorted((region_folder / FIRST).glob("*/*")):
        lines = by_day.get(path.parent.name, ())
        if len({one.forecast for one in lines}) < 2:
            continue
        known = _hashes_of_first(lines, path.name) if path.name in _FILES else set()
        if _file_hash(path) not in known:
            yield (
                f"{path}: found {_file_hash(path)[:12]}, expected a hash that the ledger tells of "
                "that day's first issue: it is not the file that was published."
            )


def _wrong_files(
    region_folder: Path, newest: Mapping[str, Entry], compared: Sequence[str]
) -> Iterator[str]:
    for issued in compared:
        entry = newest[issued]
        for name, expected in ((CSV, entry.forecast_csv), (NETCDF, entry.forecast_nc)):
            path = region_folder / issued / name
            if path.parent.is_dir() and _file_hash(path) != expected:
                there = _file_hash(path)[:12] or "no file"
                yield (
                    f"{path}: found {there}, expected {expected[:12]} as line {entry.sequence} of "
                    f"the ledger tells: it is not the file that was published."
                )
    for folder in report_folders(region_folder).values():
        if folder.name not in newest:
            yield f"{folder}: found no line of it in the ledger; the next daily run adds it."


def _read(line: str) -> Entry | None:
    """A line's entry; None for one that is none."""
    try:
        fields_read = json.loads(line)
        return Entry(**{field.name: fields_read[field.name] for field in fields(Entry)})
    except (ValueError, TypeError, KeyError):
        return None


def _whole_lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    return lines if not lines or lines[-1].endswith("\n") else lines[:-1]


def _drop_half_line(path: Path) -> None:
    if not path.is_file():
        return
    raw = path.read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1]
    if whole != raw:
        write_whole(path, whole)


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
