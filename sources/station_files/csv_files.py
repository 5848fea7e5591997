"""CSV files: every cell as trimmed text, every row with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from configs import RiskError
from sources.station_files.kinds import FileKind, RawTable, check_header

READ_AT_ONCE = 1 << 26  # bytes


def read_csv(path: Path, kind: FileKind) -> RawTable:
    """A CSV file's cells, all text; rows are lines."""
    text = _text(path)
    header = _csv_header(path, text)
    check_header(path, header, kind)
    return RawTable(
        path, _csv_cells(path, text, header), lambda row: f"line {_line(text, row + 1)}"
    )


def _text(path: Path) -> str:
    """The file's text. A byte order mark and any line ends are fine."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise RiskError(
            f"{path}: line {line} is not UTF-8 text; save the file as CSV in UTF-8."
        ) from None
    if not text.strip():
        raise RiskError(
            f"{path}: the file is empty, expected a header line and a line a day; fill it or take "
            "it out of the inbox."
        )
    if "\0" in text:
        raise RiskError(f"{path}: found bytes that are not text; save the file as CSV in UTF-8.")
    return text


def _csv_header(path: Path, text: str) -> list[str]:
    """The column names of a CSV file."""
    first = text.lstrip("\r\n").splitlines()[0]
    header = [name.strip() for name in next(csv.reader([first]))]
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in first:
            raise RiskError(
                f"{path}: columns are separated by {name}, expected commas and decimal points; "
                "save it as comma-separated CSV."
            )
    return header


def _csv_cells(path: Path, text: str, header: Sequence[str]) -> pd.DataFrame:
    """The cells as trimmed text, a row for each line that is not blank.

    Every row must have as many fields as the header.
    """
    odd: list[Any] = []

    def keep_odd(row: Any) -> str:
        odd.append(row)
        return "skip"

    parse = pa.csv.ParseOptions(invalid_row_handler=keep_odd, newlines_in_values=True)
    names = [str(i) for i in range(len(header))]
    options = pa.csv.ReadOptions(
        column_names=names, skip_rows_after_names=1, use_threads=False, block_size=READ_AT_ONCE
    )
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
    )
    try:
        table = pa.csv.read_csv(io.BytesIO(text.lstrip("\r\n").encode()), options, parse, convert)
    except pa.ArrowInvalid as error:
        raise RiskError(
            f"{path}: it cannot be read as CSV ({' '.join(str(error).split())}); look for a quote "
            "that is not closed."
        ) from None
    if odd:
        line = _line(text, odd[0].number - 1 if odd[0].number else 0)
        raise RiskError(
            f"{path}: line {line} has {odd[0].actual_columns} fields, expected {len(header)} as "
            "in the header; "
            "mend that line (decimals have a point, quotes come in pairs)."
        )
    frame = table.to_pandas().set_axis(list(header), axis=1)
    if frame.empty:
        raise RiskError(
            f"{path}: there are no rows below the header, expected a line a day; fill it or take "
            "it out of the inbox."
        )
    return frame.apply(lambda column: column.str.strip())


def _line(text: str, row: int) -> int:
    """The line of the file on which the n-th row (the header is 0) that is not blank ends."""
    reader = csv.reader(io.StringIO(text, newline=""))
    number = -1
    for fields in reader:
        number += bool(fields)
        if number == row:
            break
    return reader.line_num
