"""Lists kept beside the store: values withheld, values in doubt, what is said of readings."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd


def read_list(path: Path, nothing: pd.DataFrame) -> pd.DataFrame:
    """A list kept beside the store, in the columns and types of ``nothing``, its default."""
    if not path.exists():
        return nothing
    return pd.read_csv(
        path, dtype={"location": "str"}, keep_default_na=False, parse_dates=["time"]
    ).astype(nothing.dtypes)


def write_list(path: Path, before: pd.DataFrame, kept: pd.DataFrame, new: pd.DataFrame) -> None:
    """Replaces a list whole by what is kept of it and what is new; writes only what changed."""
    listed = (
        pd.concat([kept, new], ignore_index=True)[list(before.columns)]
        .astype(before.dtypes)
        .drop_duplicates(ignore_index=True)
    )
    listed = listed.sort_values(
        ["source", "variable", "location", "time", *before.columns[4:]], ignore_index=True
    )
    if listed.equals(before):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    listed.to_csv(partial, index=False, lineterminator="\n", date_format="%Y-%m-%d")
    os.replace(partial, path)


def delivered(cells: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Which rows of a list lie on a location and day that the table speaks of."""
    if table.empty:
        return pd.Series(False, index=cells.index)
    days = pd.MultiIndex.from_frame(table[["time", "location"]].astype({"time": "datetime64[ns]"}))
    return pd.Series(
        pd.MultiIndex.from_frame(cells[["time", "location"]]).isin(days), index=cells.index
    )
