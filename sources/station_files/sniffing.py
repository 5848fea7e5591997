"""What can be told from a file about how it is written: for proposals, never for reading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet
import xarray as xr

from sources.station_files.aliases import PARTS_OF_DATES
from sources.station_files.columns import MISSING, NOON, THOUSANDS, TRACES, may_be_thousands
from sources.station_files.csv_files import SHOWN_ABOVE, fields_of, text_of, units_below
from sources.station_files.header import is_date, suggestion
from sources.station_files.kinds import OF_PLACES, FileKind, FilesRefused
from sources.station_files.options import FileFormat
from sources.station_files.templates import bare, plain, recognised, split_unit

SEPARATORS = (",", ";", "\t", "|", " ")
ENCODINGS = ("utf-8", "cp1252", "latin-1")
ROWS = 20_000  # lines that are looked at
DATE_FORMATS = (
    "%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d/%m/%y", "%m/%d/%y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%d %B %Y", "%Y.%m.%d", "%Y%j",
)  # fmt: skip
HOURS = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S", "%H", " %H")
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


@dataclass(frozen=True)
class Layout:
    """A text file: its encoding, separator, the header and the rows below it as text."""

    encoding: str
    separator: str
    start: int
    header: tuple[str, ...]
    rows: pd.DataFrame
    is_ascii: bool

    def of_template(self, written: FileFormat, name: str) -> dict[str, Any]:
        """The format's name, and what is otherwise in this file than there."""
        keys: dict[str, Any] = {"format": name}
        if self.separator != (written.separator or ","):
            keys["separator"] = self.separator
        mapped = {plain(theirs): ours for theirs, ours in written.columns.items()}
        numbers = [n for n in self.header if mapped.get(plain(n), "time") not in _TEXTUAL]
        decimal = self._decimal(numbers)
        if decimal and decimal != written.decimal:
            keys["decimal"] = decimal
        if not self.is_ascii and (written.encoding or "utf-8") != self.encoding:
            keys["encoding"] = self.encoding
        dates = [n for n in self.header if mapped.get(plain(n)) == "time"]
        for column in dates[:1]:
            given = dates_of(self.rows[column])
            if given.get("date_format", "%Y-%m-%d") != (written.date_format or "%Y-%m-%d"):
                keys["date_format"] = given.get("date_format", "%Y-%m-%d")
        keys |= self._marks(numbers, decimal or ".", written)
        return keys

    def plain(self, kind: FileKind) -> dict[str, Any]:
        """How a file of no known format is written, where it differs from a plain one."""
        keys: dict[str, Any] = {}
        if self.encoding != "utf-8":
            keys["encoding"] = self.encoding
        if self.separator != ",":
            keys["separator"] = self.separator
        if self.start:
            keys["skip_rows"] = self.start
        keys |= mapped_columns(self.header, kind, self._date_column(kind))
        ours = {name: keys.get("columns", {}).get(name, bare(name)) for name in self.header}
        used = [name for name in self.header if ours[name] in kind.numbers]
        decimal = self._decimal(used)
        if decimal == ",":
            keys["decimal"] = ","
        for column in [name for name in self.header if ours[name] in ("time", "init_time")]:
            keys |= dates_of(self.rows[column])
        return keys | self._marks(used, decimal or ".", FileFormat())

    def _decimal(self, names: Sequence[str]) -> str | None:
        cells = pd.concat([self.rows[name] for name in names]) if names else pd.Series(dtype="str")
        points = int(cells.str.fullmatch(r"[+-]?\d*\.\d+").sum())
        commas = cells[cells.str.fullmatch(r"[+-]?\d*,\d+")]
        if self.separator == "," and len(commas) and may_be_thousands(commas):
            return None
        return "," if len(commas) > points else "." if points else None

    def _date_column(self, kind: FileKind) -> str | None:
        """The column of days, where no name tells it."""
        named = [name for name in self.header if (suggestion(name, kind) or plain(name)) == "time"]
        if named or parts_in(self.header):
            return None
        return next((name for name in self.header if date_format(self.rows[name])), None)

    def _marks(self, names: Sequence[str], decimal: str, written: FileFormat) -> dict[str, Any]:
        """Texts among numbers: those of traces, and the others, which stand for missing."""
        trace: dict[str, float] = {}
        missing: list[str] = []
        known = {str(mark).lower() for mark in written.missing} | MISSING
        for name in names:
            cells = self.rows[name].str.replace(",", ".") if decimal == "," else self.rows[name]
            odd = self.rows[name][~cells.str.fullmatch(NUMBER)]
            words = Counter(odd)
            if len(words) > 12:
                continue
            for word in words:
                if word in written.trace or word.lower() in known:
                    continue
                if word.lower() in TRACES:
                    trace[word] = 0
                elif word not in missing and not re.fullmatch(THOUSANDS, word):
                    missing.append(word)
        keys: dict[str, Any] = {"trace": trace} if trace else {}
        return keys | ({"missing": missing} if missing else {})


_TEXTUAL = frozenset({"time", "location", "name", "year", "month", "day"})


def text_layout(path: Path) -> Layout | None:
    """How a text file is laid out; None where no table can be seen in it. Raises FilesRefused."""
    encoding, text = _decoded(path)
    lines = text.splitlines()[: ROWS + SHOWN_ABOVE]
    best: tuple[tuple[int, int, int], str, int] | None = None
    for separator in SEPARATORS:
        for start in range(min(SHOWN_ABOVE, len(lines))):
            score = _score(lines, start, separator)
            if score and (best is None or score > best[0]):
                best = score, separator, start
    if best is None:
        return None
    _, separator, start = best
    header = fields_of(lines[start], separator)
    while len(header) > 1 and not header[-1]:
        header.pop()
    rows = [fields_of(line, separator) for line in lines[start + 1 :] if line.strip()]
    body = [row[: len(header)] for row in rows if len(row) >= len(header) and any(row)]
    unique = dict.fromkeys(header)
    frame = pd.DataFrame(body, columns=header, dtype="str").loc[:, list(unique)]
    frame = frame.loc[:, ~frame.columns.duplicated()]
    if units_below(frame):
        frame = frame.iloc[1:]
    return Layout(encoding, separator, start, tuple(unique), frame, text.isascii())


def _decoded(path: Path) -> tuple[str, str]:
    for encoding in ENCODINGS[:-1]:
        try:
            return encoding, text_of(path, encoding)
        except FilesRefused as error:
            if " text; save " not in str(error):
                raise
    return ENCODINGS[-1], text_of(path, ENCODINGS[-1])


def _score(lines: Sequence[str], start: int, separator: str) -> tuple[int, int, int] | None:
    """How well a line is a header: known format, known names, fields; None where it is none."""
    header = fields_of(lines[start], separator)
    if len([name for name in header if name]) < 2 or any(
        re.fullmatch(NUMBER, name) for name in header
    ):
        return None
    below = [fields_of(line, separator) for line in lines[start + 1 : start + 30] if line.strip()]
    alike = [row for row in below if len(row) == len(header)]
    if not alike or len(alike) < 0.5 * len(below):
        return None
    names = sum(1 for name in header if _means_something(name))
    return int(recognised(header) is not None), names, -start


def _means_something(name: str) -> bool:
    from sources.station_files.kinds import OBSERVATIONS

    return bare(name) in OBSERVATIONS.columns or suggestion(name, OBSERVATIONS) is not None


def mapped_columns(
    header: Sequence[str], kind: FileKind, dates: str | None = None
) -> dict[str, Any]:
    """``columns:`` of names that mean something, and ``ignore:`` of the others."""
    columns: dict[str, str] = {}
    ignored: list[str] = []
    there = {bare(name) for name in header if bare(name) in kind.columns}
    parts = parts_in(header)
    for name in header:
        ours = "time" if name == dates else parts.get(name) or suggestion(name, kind)
        if bare(name) in kind.columns:
            continue
        if ours and ours not in there and (kind.numbers != OF_PLACES or name):
            there.add(ours)
            columns[bare(name) if split_unit(name)[1] else name] = ours
        elif name:
            ignored.append(name)
    keys: dict[str, Any] = {"columns": columns} if columns else {}
    return keys | ({"ignore": ["*"] if len(ignored) > 6 else ignored} if ignored else {})


def parts_in(header: Sequence[str]) -> dict[str, str]:
    """The columns that together are a date: name -> its part; none where they are not whole."""
    parts: dict[str, str] = {}
    for name in header:
        part = PARTS_OF_DATES.get(plain(name))
        if part and part not in parts.values():
            parts[name] = part
    return parts if is_date(parts.values()) else {}


def dates_of(cells: pd.Series) -> dict[str, str]:
    """``date_format`` and ``hours`` of a column of times, where it is not of ISO dates.

    Days that are all stamped at one hour are days: the hour is a part of the format.
    """
    given = date_format(cells)
    if given is None:
        return {}
    times = pd.to_datetime(cells, format=given, errors="coerce").dropna()
    since_midnight = (times - times.dt.normalize()).drop_duplicates()
    day = next(day for day in sorted(DATE_FORMATS, key=len, reverse=True) if given.startswith(day))
    if len(since_midnight) > 1:
        return {"hours": "start"} | ({} if day == "%Y-%m-%d" else {"date_format": given})
    is_midnight = since_midnight.iloc[0] == pd.Timedelta(0)
    if day == "%Y-%m-%d" and (is_midnight or NOON[0] <= since_midnight.iloc[0] <= NOON[1]):
        return {}
    if not is_midnight:
        return {"date_format": day + times.iloc[0].strftime(given.removeprefix(day))}
    return {"date_format": given}


def date_format(cells: pd.Series) -> str | None:
    """The order that a column's dates are written in; of several that fit the one without gaps."""
    shown = cells[cells != ""].astype("str").str.removesuffix(".0").head(3_000)
    if shown.empty or not shown.str.contains(r"\d").all() or shown.str.len().min() < 6:
        return None
    fitting: list[tuple[int, str]] = []
    for day in DATE_FORMATS:
        for hour in HOURS:
            times = pd.to_datetime(shown, format=day + hour, errors="coerce")
            if times.notna().mean() > 0.99 and times.dropna().dt.year.between(1700, 2199).all():
                steps = times.dt.normalize().drop_duplicates().diff().dt.days
                fitting.append((int((steps == 1).sum()), day + hour))
                break
    return max(fitting, key=lambda fit: fit[0])[1] if fitting else None


def columns_of(path: Path) -> list[str]:
    """The names of a Parquet's or NetCDF's columns; none where it cannot be opened."""
    try:
        if path.suffix.lower() == ".parquet":
            return list(pyarrow.parquet.read_schema(path).names)
        with xr.open_dataset(path, decode_times=False) as dataset:
            return [str(name) for name in (*dataset.dims, *dataset.data_vars)]
    except Exception:
        return []
