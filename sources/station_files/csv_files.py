"""CSV and other text files: every cell as trimmed text, every row with its line.

Above the header other lines may stand; a small table there that has a latitude and a longitude
tells where the places are.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from data_contracts.batch import LOCATION_COLUMNS
from sources.common.units import is_unit
from sources.station_files.kinds import FileKind, FilesRefused, RawTable
from sources.station_files.options import FileFormat
from sources.station_files.templates import split_unit, templates

MAX_BYTES = 2_000_000_000
MAX_FIELD = 10_000  # characters of a cell
SHOWN_ABOVE = 200  # lines among which the header is looked for
READ_FIRST = 1 << 16  # bytes that hold these lines
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_csv(path: Path, kind: FileKind, written: FileFormat) -> RawTable:
    """A text file's cells; rows are lines.

    Raises FilesRefused.
    """
    lines = text_of(path, written.encoding).splitlines(keepends=True)
    start = _header_line(lines, written)
    header, separator = _header(path, lines, start, written)
    text = "".join(lines[start:])
    if separator == " ":
        text, separator = "\n".join("\t".join(line.split()) for line in text.splitlines()), "\t"
    frame, problems = _cells(path, text, separator, header, start)
    header, frame = _without_empty_ends(header, frame)
    rows = frame.index.to_numpy()

    def where(row: int) -> str:
        return f"line {start + _line(text, separator, int(rows[row]) + 1)}"

    units = {name: unit for name in header if (unit := split_unit(name)[1])}
    if below := units_below(frame):
        units, frame, rows = units | below, frame.iloc[1:], rows[1:]
    raw = frame.reset_index(drop=True)
    return RawTable(path, raw, where, _places_above(lines[:start]), units, problems=problems)


def text_of(path: Path, encoding: str | None = None) -> str:
    """The file's text; .gz files are unpacked. A byte order mark and any line ends are fine.

    Raises FilesRefused.
    """
    content = _bytes(path)
    mark = next((name for mark, name in MARKS if content.startswith(mark)), None)
    used = mark or encoding or "utf-8"
    try:
        text = content.decode(used)
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        line = content[:at].count(b"\n") + 1
        cure = "save the file as CSV in UTF-8"
        cure += "" if encoding else ", or say how it is written with `encoding:` such as cp1252"
        name = "UTF-8" if used == "utf-8" else used
        raise FilesRefused([f"{path}: line {line} is not {name} text; {cure}."]) from None
    if not text.strip():
        raise FilesRefused(
            [
                f"{path}: the file is empty, expected a header line and a line a day; fill it or "
                "take it out of the inbox."
            ]
        )
    if "\0" in text:
        raise FilesRefused(
            [f"{path}: found bytes that are not text; save the file as CSV in UTF-8."]
        )
    return text


def first_lines(path: Path) -> list[str]:
    """The lines of a text file among which its header is, as far as they can be read."""
    with path.open("rb") as file:
        content = file.read(READ_FIRST)
    mark = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    return content.decode(mark, "replace").splitlines()[:SHOWN_ABOVE]


def _bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size <= MAX_BYTES:
        if path.suffix.lower() != ".gz":
            return path.read_bytes()
        try:
            with gzip.open(path) as packed:
                content = packed.read(MAX_BYTES + 1)
        except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
            raise FilesRefused(
                [f"{path}: it cannot be unpacked ({str(error)[:100]}); fetch it anew."]
            ) from None
        if (size := len(content)) <= MAX_BYTES:
            return content
    raise FilesRefused(
        [f"{path}: found {size:,} bytes or more, expected at most {MAX_BYTES:,}; split it."]
    )


def _header_line(lines: Sequence[str], written: FileFormat) -> int:
    """The number, from 0, of the line that holds the column names."""
    if written.skip_rows is not None:
        skipped = min(written.skip_rows, len(lines))
        return next((n for n in range(skipped, len(lines)) if lines[n].strip()), skipped)
    if written.format:
        template = templates()[written.format]
        for number, line in enumerate(lines[:SHOWN_ABOVE]):
            if template.fits(fields_of(line, written.separator or ",")):
                return number
    return next(number for number, line in enumerate(lines) if line.strip())


def fields_of(line: str, separator: str) -> list[str]:
    """The fields of one line, trimmed; of a line that is no CSV none."""
    if separator == " ":
        return line.split()
    try:
        first = next(csv.reader([line.strip("\r\n")], delimiter=separator), [])
    except csv.Error:
        return []
    return [name.strip().removeprefix("#").strip() for name in first]


def _header(
    path: Path, lines: Sequence[str], start: int, written: FileFormat
) -> tuple[list[str], str]:
    """The column names and the separator of fields."""
    first = lines[start] if start < len(lines) else ""
    separator = written.separator or ","
    if len(first) > MAX_FIELD * 10:
        raise FilesRefused(
            [
                f"{path}: line {start + 1} has {len(first):,} characters, expected the names of "
                "the columns; mend it."
            ]
        )
    header = fields_of(first, separator)
    other = next((mark for mark in SEPARATORS if len(header) == 1 and mark in first), None)
    if other:
        marks = {**SEPARATORS, ",": "commas", " ": "blanks"}
        raise FilesRefused(
            [
                f"{path}: columns are separated by {SEPARATORS[other]}, expected "
                f"{marks.get(separator, repr(separator))} and decimal points; save it as "
                "comma-separated CSV, or say how it is written with `separator:`."
            ]
        )
    return header, separator


def _cells(
    path: Path, text: str, separator: str, header: Sequence[str], start: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The cells as trimmed text, a row for each line with something in it, numbered from 0.

    Also a sentence on lines that have not as many fields as the header.
    """
    odd: list[Any] = []
    empty: list[Any] = []

    def keep_odd(row: Any) -> str:
        (odd if row.text.strip(f"{separator} \t\"'") else empty).append(row)
        return "skip"

    names = [str(i) for i in range(len(header))]
    options = pa.csv.ReadOptions(
        column_names=names,
        skip_rows_after_names=1,
        use_threads=False,
        block_size=max(len(text.encode()) + 1, 1024),
    )
    parse = pa.csv.ParseOptions(
        delimiter=separator, invalid_row_handler=keep_odd, newlines_in_values=True
    )
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
    )
    try:
        table = pa.csv.read_csv(io.BytesIO(text.encode()), options, parse, convert)
    except pa.ArrowInvalid as error:
        why = " ".join(str(error).split())[:200]
        raise FilesRefused(
            [f"{path}: it cannot be read as CSV ({why}); look for a quote that is not closed."]
        ) from None
    frame = table.to_pandas().set_axis(names, axis=1).apply(lambda column: column.str.strip())
    problems = _odd_lines(path, text, separator, odd, len(header), start)
    skipped = {row.number - 2 for row in [*odd, *empty] if row.number}
    numbers = _row_numbers(len(frame), skipped)
    frame = frame.set_axis(numbers, axis=0)
    frame = frame[(frame != "").any(axis=1)]
    if frame.empty and not problems:
        raise FilesRefused(
            [
                f"{path}: there are no rows below the header, expected a line a day; fill it or "
                "take it out of the inbox."
            ]
        )
    for name in names:
        long = frame.index[frame[name].str.len() > MAX_FIELD]
        if len(long):
            line = start + _line(text, separator, int(long[0]) + 1)
            raise FilesRefused(
                [
                    f"{path}: line {line}, {header[int(name)][:40]}: found a field of "
                    f"{frame[name].str.len().max():,} characters, expected at most {MAX_FIELD:,}; "
                    "look for a quote that is not closed."
                ]
            )
    return frame.set_axis(list(header), axis=1), problems


def _row_numbers(count: int, skipped: set[int]) -> list[int]:
    """The numbers of the rows that were read, those of the skipped ones left out."""
    numbers: Iterator[int] = (n for n in range(count + len(skipped)) if n not in skipped)
    return [next(numbers) for _ in range(count)]


def _odd_lines(
    path: Path, text: str, separator: str, odd: Sequence[Any], expected: int, start: int
) -> tuple[str, ...]:
    if not odd:
        return ()
    line = start + _line(text, separator, odd[0].number - 1 if odd[0].number else 0)
    more = f" (and {len(odd) - 1} more lines)" if len(odd) > 1 else ""
    return (
        f"{path}: line {line} has {odd[0].actual_columns} fields{more}, expected {expected} as in "
        "the header; mend that line (decimals have a point, quotes come in pairs).",
    )


def _line(text: str, separator: str, row: int) -> int:
    """The line on which the n-th row (the header is 0) that is not blank ends."""
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    number = -1
    for fields in reader:
        number += bool(fields)
        if number == row:
            break
    return reader.line_num


def units_below(frame: pd.DataFrame) -> dict[str, str]:
    """The units of a row of units below the header: name -> unit; none where there is no such row.

    It has no number and no date in it, and at least half of what it has are units.
    """
    if len(frame) < 2:
        return {}
    cells = {str(name): str(cell) for name, cell in frame.iloc[0].items() if cell}
    units = {name: cell for name, cell in cells.items() if is_unit(cell) and not cell.isdigit()}
    dated = any(re.search(r"\d{2}", cell) for cell in cells.values())
    return units if units and not dated and len(units) >= 0.5 * len(cells) else {}


def _without_empty_ends(header: list[str], frame: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Without nameless columns at the end that hold nothing, as spreadsheets leave them."""
    count = len(header)
    while count > 1 and not header[count - 1] and (frame.iloc[:, count - 1] == "").all():
        count -= 1
    return header[:count], frame.iloc[:, :count]


def _places_above(lines: Sequence[str]) -> pd.DataFrame | None:
    """The places of a small table above the header, a row each; None where there is none."""
    rows = [fields_of(line, ",") for line in lines if line.strip()]
    rows = [row for row in rows if len(row) > 1]
    if len(rows) < 2 or not {"latitude", "longitude"} <= set(rows[0]):
        return None
    body = [row for row in rows[1:] if len(row) == len(rows[0])]
    table = pd.DataFrame(body, columns=rows[0]).rename(columns={"location_id": "location"})
    known = [name for name in LOCATION_COLUMNS if name in table]
    for name in ("latitude", "longitude", "elevation"):
        if name in table:
            table[name] = pd.to_numeric(table[name], errors="coerce")
    return table[known]
