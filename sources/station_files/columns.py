"""A file's columns as numbers, days and names, or a sentence with the line and the cure of each."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from data_contracts.variables import VARIABLES
from sources.common.units import SAME, Conversion, UnknownUnit, scaled_conversion
from sources.station_files.header import NamedTable
from sources.station_files.kinds import SPREADS, FileKind, where_of
from sources.station_files.options import FileFormat
from sources.station_files.templates import plain

MISSING = frozenset({"", "na", "nan", "n/a", "null", "none"})
TRACES = frozenset({"ip", "t", "tr", "trace", "traces", "inap", "inappreciable", "traza"})
MAX_ID_LENGTH = 200
MAX_COUNT = 1_000_000  # of days ahead, or members: a number above is none
FEW_ROWS = 30
"""Rows of which all may be marked bad; of more, it is the marks that are misread."""
NOON = (pd.Timedelta(hours=11), pd.Timedelta(hours=13))
"""A day that is stamped once, at an hour from the first to the second, is that day."""


THOUSANDS = r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?"
"""A number whose thousands are apart."""


def may_be_thousands(texts: pd.Series) -> bool:
    """Whether the commas in all of these numbers may be thousands' as well as decimals'."""
    return bool((texts.str.fullmatch(THOUSANDS) & ~texts.str.match(r"[+-]?0")).all())


def typed(
    table: NamedTable, kind: FileKind, written: FileFormat, problems: list[str]
) -> pd.DataFrame:
    """A table of the kind's columns, numbers as float64 in canonical units, days as datetime64.

    What cannot be what its column is is added to ``problems``.
    """
    columns = pd.DataFrame(index=table.table.index)
    for name in map(str, table.table):
        if name in kind.numbers:
            columns[name] = _numbers(table, name, written, problems)
        elif name in ("time", "init_time"):
            columns[name] = _days(table, name, written, problems)
        elif name in ("lead_days", "member"):
            columns[name] = _whole_numbers(table, name, problems)
        else:
            columns[name] = _names(table, name, name == "location", problems)
    if problems:
        return columns
    _no_duplicates(table, columns, [key for key in kind.keys if key in columns], problems)
    _check_spreads(table, columns, problems)
    return columns


def _tell(table: NamedTable, name: str, bad: pd.Series, expected: str, problems: list[str]) -> None:
    """Adds a sentence on the first of the bad cells of a column."""
    rows = np.flatnonzero(bad.to_numpy())
    text = str(table.table[name].iloc[int(rows[0])])
    shown = text if len(text) <= 40 else text[:40] + "..."
    more = f" (and {len(rows) - 1:,} more)" if len(rows) > 1 else ""
    where = f"{table.raw.path}: {table.raw.where(int(rows[0]))}"
    theirs = table.theirs.get(name, name)
    problems.append(f"{where}, {theirs}: found {shown!r}, {expected}{more}.")


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(column.dtype)


def _numbers(table: NamedTable, name: str, written: FileFormat, problems: list[str]) -> pd.Series:
    """A column of numbers in its canonical unit; what stands for missing is NaN."""
    column = table.table[name]
    nothing = pd.Series(np.nan, index=column.index)
    if pd.api.types.is_bool_dtype(column) or (
        not (_is_text(column) or pd.api.types.is_numeric_dtype(column)) and column.notna().any()
    ):
        expected = "expected a number; store the column as numbers"
        _tell(table, name, column.notna(), expected, problems)
        return nothing
    values = _parsed(column, written)
    bad = values.isna() & column.notna()
    if bad.any() and _is_text(column):
        marks = {str(mark).lower() for mark in written.missing} | MISSING
        bad &= ~column.str.lower().isin(marks)
    if bad.any():
        _tell_no_numbers(table, name, bad, written, problems)
    numbers = [mark for mark in written.missing if isinstance(mark, int | float)]
    for mark in numbers:
        values = values.mask(np.isclose(values, mark, rtol=1e-6, atol=0))
    values = values.mask(_of_bad_quality(table, name, written, problems))
    how = _conversion(table, name, problems)
    return values if how == SAME else how.apply(values).round(6)


def _parsed(column: pd.Series, written: FileFormat) -> pd.Series:
    """The numbers that a column holds, traces included; NaN for what is none."""
    if not _is_text(column):
        return pd.to_numeric(column, errors="coerce").astype("float64")
    text = column.str.replace(",", ".", regex=False) if written.decimal == "," else column
    values = pd.to_numeric(text, errors="coerce").astype("float64")
    for mark, number in written.trace.items():
        values = values.mask(column == mark, number)
    return values


def _tell_no_numbers(
    table: NamedTable, name: str, bad: pd.Series, written: FileFormat, problems: list[str]
) -> None:
    """Adds a sentence on each kind of text that is no number."""
    texts = table.table[name].astype("str")
    traces = bad & texts.str.lower().isin(TRACES) & (name == "precipitation")
    points = bool(texts.str.fullmatch(r"[+-]?\d+\.\d+").any())
    apart = bad & texts.str.fullmatch(THOUSANDS) & (texts.str.contains(".", regex=False) | points)
    commas = bad & ~apart & texts.str.fullmatch(r"[+-]?\d*,\d+")
    unclear = (written.separator or ",") == "," and commas.any() and may_be_thousands(texts[commas])
    if traces.any():
        mark = texts[traces].iloc[0]
        expected = f"expected a number; a trace is 0, write `trace: {{{mark}: 0}}` for this file"
        _tell(table, name, traces, expected, problems)
    if unclear:
        expected = f'{_together(texts[commas])}, or, where it is a decimal comma, `decimal: ","`'
        _tell(table, name, commas, expected, problems)
    elif commas.any():
        _tell(table, name, commas, 'expected a decimal point, or `decimal: ","`', problems)
    if apart.any():
        _tell(table, name, apart, _together(texts[apart]), problems)
    for mark in texts[bad & ~traces & ~commas & ~apart].unique()[:3]:
        expected = "expected a number, or nothing where it is missing"
        _tell(table, name, bad & (texts == mark), expected, problems)


def _together(texts: pd.Series) -> str:
    """What is expected of numbers whose thousands are apart, by the first of them."""
    plain_number = texts.iloc[0].replace(",", "")
    return f"expected a number without a sign between thousands; write {plain_number}"


def _of_bad_quality(
    table: NamedTable, name: str, written: FileFormat, problems: list[str]
) -> np.ndarray:
    """Which rows of a column carry a mark that is not good."""
    raw, bad = table.raw.table, np.zeros(len(table.table), bool)
    theirs = plain(table.theirs.get(name, name))
    for quality in written.quality:
        if quality.of and theirs not in map(plain, quality.of) and name not in quality.of:
            continue
        column = next((c for c in raw if plain(str(c)) == plain(quality.column)), None)
        if column is None:
            if written.format is None:
                problems.append(
                    f"{table.raw.path}: quality: found no column {quality.column!r}, expected one "
                    f"of {', '.join(map(repr, raw))}; mend the name."
                )
            continue
        marks = raw[column].astype("str").str.strip().str.removesuffix(".0")
        good = {
            mark: any(fnmatchcase(mark, pattern) for pattern in quality.good)
            for mark in marks.unique()
        }
        marked = ~marks.map(good).to_numpy(bool)
        if marked.all() and len(marked) > FEW_ROWS:
            shown = ", ".join(map(repr, marks.unique()[:5]))
            problems.append(
                f"{table.raw.path}: quality: the marks in {column} leave no value of "
                f"{table.theirs.get(name, name)} (found {shown}, good are "
                f"{', '.join(map(repr, quality.good))}); mend `good:`."
            )
        bad |= marked
    return bad


def _conversion(table: NamedTable, name: str, problems: list[str]) -> Conversion:
    """How a column comes into its canonical unit."""
    variable, unit = SPREADS.get(name, name), table.units.get(name)
    if variable not in VARIABLES:
        return SAME
    path, right = table.raw.path, VARIABLES[variable].units
    if unit is None:
        if table.raw.needs_units:
            problems.append(
                f"{path}: {name} has no `units` attribute, expected {right}; add it, or give it "
                "under `units:`."
            )
        return SAME
    try:
        how = scaled_conversion(unit, variable)
    except UnknownUnit as error:
        wrong = str(error).removeprefix("found ")
        problems.append(f"{path}: {name} comes in {wrong}; give the right one under `units:`.")
        return SAME
    return Conversion(how.factor, 0.0, how.rate) if name in SPREADS else how


def _whole_numbers(table: NamedTable, name: str, problems: list[str]) -> pd.Series:
    values = pd.to_numeric(table.table[name], errors="coerce")
    low = 0 if name == "lead_days" else -1
    bad = ~(values.between(low, MAX_COUNT) & (values % 1 == 0))
    if bad.any():
        _tell(table, name, bad, f"expected a whole number from {low} on", problems)
    return values.where(~bad, 0).astype("int64")


def _days(table: NamedTable, name: str, written: FileFormat, problems: list[str]) -> pd.Series:
    """A column of days: ISO text, text in the format's own order, times, or numbers as 20010131.

    Midnight is a day, and so is one hour around noon that is the same for all. Of a file with
    ``hours`` the times.
    """
    column = table.table[name]
    plain_text = column.astype("str").fillna("").str.removesuffix(".0")
    if pd.api.types.is_integer_dtype(column) and plain_text.str.fullmatch(r"\d{8}").all():
        times = pd.to_datetime(plain_text, format="%Y%m%d", errors="coerce")
    elif written.date_format and not pd.api.types.is_datetime64_any_dtype(column):
        times = pd.to_datetime(plain_text, format=written.date_format, errors="coerce")
    else:
        shaped = plain_text.str.fullmatch(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?")
        times = pd.to_datetime(plain_text.where(shaped), format="ISO8601", errors="coerce")
    days = times.dt.normalize()
    hours = (times - days).dropna()
    if len(hours) and hours.nunique() == 1 and NOON[0] <= hours.iloc[0] <= NOON[1]:
        times = days
    if written.hours and name == "time":
        days = times
    bad = times.isna() | (times != days)
    if bad.any():
        shown = plain_text[bad].iloc[0]
        hour = re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", shown)
        order = f" ({written.date_format})" if written.date_format else ""
        expected = f"expected a date such as 2001-01-31{order}" + (
            " without an hour or a zone, one row a day" if hour else ""
        )
        _tell(table, name, bad, expected, problems)
    return days.astype("datetime64[us]")


def _names(table: NamedTable, name: str, needed: bool, problems: list[str]) -> pd.Series:
    column = table.table[name]
    names = column.astype("str") if pd.api.types.is_integer_dtype(column) else column.fillna("")
    if not names.map(lambda name: isinstance(name, str)).all():
        every = column.notna() | column.isna()
        _tell(table, name, every, "expected text; store the column as text", problems)
        return names.astype("str")
    bad = names.str.len() > MAX_ID_LENGTH
    if needed:
        bad |= names == ""
    if bad.any():
        _tell(table, name, bad, f"expected a name of 1 to {MAX_ID_LENGTH} characters", problems)
    return names


def _no_duplicates(
    table: NamedTable, columns: pd.DataFrame, keys: list[str], problems: list[str]
) -> None:
    twice = columns.duplicated(keys)
    if not twice.any():
        return
    row = columns.iloc[int(np.flatnonzero(twice.to_numpy())[0])]
    same = np.flatnonzero((columns[keys] == row[keys]).all(axis=1).to_numpy())
    first, second = (table.raw.where(int(number)).split(" ") for number in same[:2])
    both = "two cells"
    if first[0] in ("line", "row"):
        both = f"{first[0]}s {first[-1]} and {second[-1]}"
    more = f" ({int(twice.sum()):,} such rows)" if twice.sum() > 1 else ""
    problems.append(
        f"{table.raw.path}: {both} are both for {where_of(row, keys)}, expected one{more}; take "
        "one out."
    )


def _check_spreads(table: NamedTable, columns: pd.DataFrame, problems: list[str]) -> None:
    """A spread is 0 or more, has a mean, and stands beside no members."""
    for name in [name for name in columns if name in SPREADS]:
        mean = SPREADS[name]
        if "member" in columns:
            problems.append(
                f"{table.raw.path}: found the columns 'member' and {name!r}, expected members or "
                "their mean and spread; take one of the columns out."
            )
            continue
        if mean not in columns:
            problems.append(
                f"{table.raw.path}: {name} has no mean, expected a column {mean!r} beside it; add "
                "it."
            )
            continue
        if (columns[name] < 0).any():
            expected = "expected a standard deviation, 0 or more"
            _tell(table, name, columns[name] < 0, expected, problems)
        alone = columns[name].notna() & columns[mean].isna()
        if alone.any():
            _tell(table, name, alone, f"expected {mean} beside it, or nothing", problems)
