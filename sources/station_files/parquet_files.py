"""Parquet files: columns in the format's own types."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from configs.gridded import first_line
from sources.station_files.kinds import FileKind, FilesRefused, RawTable
from sources.station_files.options import FileFormat
from sources.station_files.templates import split_unit


def read_parquet(path: Path, kind: FileKind, written: FileFormat) -> RawTable:
    """A Parquet file's cells, columns in its own types. Raises FilesRefused."""
    try:
        arrow = pa.parquet.read_table(path, use_threads=False)
        table = arrow.to_pandas(ignore_metadata=True, date_as_object=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FilesRefused(
            [f"{path}: it cannot be read as Parquet ({first_line(error)}); write it anew."]
        ) from None
    require_rows(path, table)
    units = {name: unit for name in arrow.column_names if (unit := split_unit(name)[1])}
    return RawTable(path, table.apply(trimmed), lambda row: f"row {row + 1}", units=units)


def require_rows(path: Path, table: pd.DataFrame) -> None:
    """Raises FilesRefused for a table without rows."""
    if table.empty:
        raise FilesRefused(
            [
                f"{path}: there are no rows in it, expected one a day; fill it or take it out of "
                "the inbox."
            ]
        )


def trimmed(column: pd.Series) -> pd.Series:
    """Text without spaces around it, from text or bytes; a column of other things as it is."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if column.dtype == "object" and column.map(lambda cell: isinstance(cell, bytes)).any():
        column = column.map(
            lambda cell: cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
        )
    return (
        column.astype("str").str.strip()
        if pd.api.types.infer_dtype(column, skipna=False) == "string"
        else column
    )
