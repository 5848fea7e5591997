"""A file's columns as numbers, days and names, or one sentence with the line and the cure."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from configs import RiskError
from sources.station_files.kinds import SPREADS, FileKind, RawTable, where_of

MISSING = frozenset({"", "na", "nan", "n/a", "null", "none"})
MAX_ID_LENGTH = 200
MAX_COUNT = 1_000_000  # of days ahead, or members: a number above is none


def typed(raw: RawTable, kind: FileKind) -> pd.DataFrame:
    """A table of the kind's columns, numbers as float64, days as datetime64.

    Raises RiskError for a cell that cannot be what its column is.
    """
    table = pd.DataFrame(index=raw.table.index)
    for name in map(str, raw.table):
        if name in kind.numbers:
            table[name] = _numbers(raw, name)
        elif name in ("time", "init_time"):
            table[name] = _days(raw, name)
        elif name in ("lead_days", "member"):
            table[name] = _whole_numbers(raw, name)
        else:
            table[name] = _names(raw, name, needed=name == "location")
    _no_duplicates(raw, table, [key for key in kind.keys if key in table])
    _check_spreads(raw, table)
    return table


def _wrong(raw: RawTable, name: str, bad: pd.Series, expected: str) -> RiskError:
    """The error for the first of the bad cells of a column."""
    row = int(np.flatnonzero(bad.to_numpy())[0])
    text = str(raw.table[name].iloc[row])
    shown = text if len(text) <= 40 else text[:40] + "..."
    return RiskError(f"{raw.path}: {raw.where(row)}, {name}: found {shown!r}, {expected}.")


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(column.dtype)


def _numbers(raw: RawTable, name: str) -> pd.Series:
    """A column of numbers; empty cells and NA, NaN, null are missing."""
    column = raw.table[name]
    if pd.api.types.is_bool_dtype(column) or (
        not (_is_text(column) or pd.api.types.is_numeric_dtype(column)) and column.notna().any()
    ):
        raise _wrong(raw, name, column.notna(), "expected a number; store the column as numbers")
    values = pd.to_numeric(column, errors="coerce").astype("float64")
    bad = values.isna() & column.notna()
    if bad.any() and _is_text(column):
        bad &= ~column.str.lower().isin(MISSING)
    if bad.any():
        expected = "expected a number, or nothing where it is missing"
        if "," in str(column[bad].iloc[0]):
            expected = "expected a decimal point"
        raise _wrong(raw, name, bad, expected)
    return values


def _whole_numbers(raw: RawTable, name: str) -> pd.Series:
    values = pd.to_numeric(raw.table[name], errors="coerce")
    low = 0 if name == "lead_days" else -1
    bad = ~(values.between(low, MAX_COUNT) & (values % 1 == 0))
    if bad.any():
        raise _wrong(raw, name, bad, f"expected a whole number from {low} on")
    return values.astype("int64")


def _days(raw: RawTable, name: str) -> pd.Series:
    """A column of days: ISO text, or times. Midnight is a day; another hour, or a zone, is not."""
    column = raw.table[name]
    plain = column.astype("str").fillna("").str.replace(r"[T ]00:00(:00(\.0+)?)?$", "", regex=True)
    shaped = plain.str.fullmatch(r"\d{4}-\d{2}-\d{2}")
    days = pd.to_datetime(plain.where(shaped), format="%Y-%m-%d", errors="coerce")
    bad = days.isna()
    if bad.any():
        hour = re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", plain[bad].iloc[0])
        expected = "expected a date such as 2001-01-31" + (
            " without an hour or a zone, one row a day" if hour else ""
        )
        raise _wrong(raw, name, bad, expected)
    return days


def _names(raw: RawTable, name: str, needed: bool) -> pd.Series:
    column = raw.table[name]
    names = column.astype("str") if pd.api.types.is_integer_dtype(column) else column.fillna("")
    if not names.map(lambda name: isinstance(name, str)).all():
        every = column.notna() | column.isna()
        raise _wrong(raw, name, every, "expected text; store the column as text")
    bad = names.str.len() > MAX_ID_LENGTH
    if needed:
        bad |= names == ""
    if bad.any():
        raise _wrong(raw, name, bad, f"expected a name of 1 to {MAX_ID_LENGTH} characters")
    return names


def _no_duplicates(raw: RawTable, table: pd.DataFrame, keys: list[str]) -> None:
    twice = table.duplicated(keys)
    if twice.any():
        row = table.iloc[int(np.flatnonzero(twice.to_numpy())[0])]
        same = np.flatnonzero((table[keys] == row[keys]).all(axis=1).to_numpy())
        first, second = (raw.where(int(number)).split(" ") for number in same[:2])
        both = "two cells"
        if first[0] in ("line", "row"):
            both = f"{first[0]}s {first[-1]} and {second[-1]}"
        raise RiskError(
            f"{raw.path}: {both} are both for {where_of(row, keys)}, expected one; take one out."
        )


def _check_spreads(raw: RawTable, table: pd.DataFrame) -> None:
    """Raises RiskError where a spread is negative, has no mean, or stands beside members."""
    for name in [name for name in table if name in SPREADS]:
        mean = SPREADS[name]
        if "member" in table:
            raise RiskError(
                f"{raw.path}: found the columns 'member' and {name!r}, expected members or "
                "their mean and spread; take one of the columns out."
            )
        if mean not in table:
            raise RiskError(
                f"{raw.path}: {name} has no mean, expected a column {mean!r} beside it; add it."
            )
        if (table[name] < 0).any():
            raise _wrong(raw, name, table[name] < 0, "expected a standard deviation, 0 or more")
        alone = table[name].notna() & table[mean].isna()
        if alone.any():
            raise _wrong(raw, name, alone, f"expected {mean} beside it, or nothing")
