"""What the cells of a batch's keys and lists must be: texts that a file may hold, numbers, days."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd


def text_breaches(column: pd.Series, name: str, may_miss: bool = False) -> list[str]:
    """What is wrong with a column that holds a text in each row, or nothing where it ``may_miss``.

    A list of at most one sentence.
    """
    cells = (cell for cell in _distinct(column) if not (may_miss and _is_missing(cell)))
    odd = [cell for cell in cells if not _is_text(cell)]
    if not odd:
        return []
    return [f"{name!r} holds {_shown(odd[0])}, expected a text of letters in each row"]


def _distinct(column: pd.Series) -> Iterable[object]:
    """The cells, each once where they can be told apart quickly."""
    try:
        return column.unique()
    except TypeError:
        return column


def _is_missing(cell: object) -> bool:
    if isinstance(cell, float | np.floating):
        return bool(np.isnan(cell))
    return cell is None or cell is pd.NA or cell is pd.NaT


def _is_text(cell: object) -> bool:
    """Whether a cell is a text that UTF-8 can hold and that says something."""
    if not isinstance(cell, str) or not cell.strip() or "\0" in cell:
        return False
    return cell.isascii() or cell.encode("utf-8", "replace").decode() == cell


def number_breaches(column: pd.Series, name: str, whole: bool = False) -> list[str]:
    """What is wrong with a column of numbers. ``whole``: they have no fraction, where any is."""
    if not (isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu"):
        odd = [cell for cell in column if not _is_missing(cell) and not _is_number(cell)]
        if odd or whole:
            shown = _shown(odd[0]) if odd else f"cells of type {column.dtype}"
            return [f"{name!r} holds {shown}, expected numbers"]
    elif whole and (np.isinf(column) | (column.fillna(0).replace([np.inf], 0) % 1 != 0)).any():
        return [f"{name!r} holds a fraction, expected whole numbers"]
    return []


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | np.number) and not isinstance(cell, bool)


def _shown(cell: object) -> str:
    return repr(cell)[:60].encode("ascii", "backslashreplace").decode()


def list_breaches(table: pd.DataFrame, nothing: pd.DataFrame) -> list[str]:
    """What is wrong with a table that is kept as a list of the columns and types of ``nothing``."""
    if table.empty:
        return []
    columns = [str(name) for name in nothing if name != "source"]
    if sorted(map(str, table.columns)) != sorted(columns):
        names = ", ".join(map(str, table.columns))
        return [f"quality: found the columns {names}, expected {', '.join(columns)}"]
    wrong = []
    for name in columns:
        kind = nothing[name].dtype.kind
        if kind == "M":
            wrong += day_breaches(table[name], name)
        elif kind in "iuf":
            wrong += number_breaches(table[name], name, whole=kind in "iu")
        elif name != "quality":
            wrong += text_breaches(table[name], name)
        elif not all(isinstance(cell, str) for cell in table[name]):
            wrong.append(f"{name!r} holds what is no text, expected the source's words")
    return [f"quality: {text}" for text in wrong]


def day_breaches(days: pd.Series, key: str) -> list[str]:
    """A day is a datetime64 at midnight without a time zone."""
    if not isinstance(days.dtype, np.dtype) or days.dtype.kind != "M":
        return [f"{key!r} is of type {days.dtype}, expected days without a time zone (datetime64)"]
    odd = days[days != days.dt.normalize()].dropna()
    return (
        [f"{key!r} holds {odd.iloc[0].isoformat()}, expected days without an hour"]
        if len(odd)
        else []
    )


def key_breaches(column: pd.Series, key: str) -> list[str]:
    """What is wrong with the cells of a key of a table."""
    if key in ("time", "init_time"):
        return day_breaches(column, key)
    if key == "location":
        return text_breaches(column, key, may_miss=True)
    return number_breaches(column, key, whole=key == "member")
