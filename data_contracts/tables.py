"""A batch's tables: their columns, keys and types, and the empty lists that are kept beside."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.batch import EARLIEST_DAY, LATEST_DAY, LOCATION_COLUMNS
from data_contracts.cell_types import key_breaches, number_breaches, text_breaches
from data_contracts.expectations import schema_suite, validate
from data_contracts.variables import VARIABLES

MAX_LEAD = 3_660
"""Days ahead that a forecast may be for: ten years, as the longest that are made."""

OBSERVATION_KEYS = ("time", "location")
FORECAST_KEYS = ("init_time", "lead_days", "location", "member")


def suggestion(name: str, known: Iterable[str]) -> str:
    """ ", did you mean 'x'?" for the known name nearest to ``name``, or an empty text."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""


def no_cells() -> pd.DataFrame:
    """An empty table of withheld cells with its columns' types."""
    return _nothing(_CELL | {"value": "float64", "rule": "str"})


def no_quality() -> pd.DataFrame:
    """An empty table of what sources say of their readings' quality, with its columns' types.

    One row a source, variable, day, place and quality (their own word or JSON): how many readings
    it was said of, and how many of these the day's value is made of.
    """
    return _nothing(_CELL | {"quality": "str", "readings": "int64", "used": "int64"})


_CELL = {"source": "str", "variable": "str", "time": "datetime64[ns]", "location": "str"}


def _nothing(types: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def column_breaches(table: pd.DataFrame, keys: tuple[str, ...]) -> list[str]:
    """What is wrong with a table's columns: each is known and stands once, keys hold days."""
    breaches = [f"the column {key!r} is missing" for key in keys if key not in table]
    for name in table.columns:
        if list(table.columns).count(name) > 1:
            return [f"the column {name!r} stands twice"]
        if name not in keys and name not in VARIABLES:
            near = suggestion(str(name), VARIABLES) or f", expected one of {', '.join(VARIABLES)}"
            breaches.append(f"unknown column {name!r}{near}")
    if not breaches and not any(name in VARIABLES for name in table.columns):
        breaches.append(f"found no variable, expected one or more of {', '.join(VARIABLES)}")
    for key in (key for key in keys if key in table):
        breaches.extend(key_breaches(table[key], key))
    return breaches


def location_breaches(locations: pd.DataFrame) -> list[str]:
    """What is wrong with the cells of a batch's locations, all of whose columns are there."""
    if not locations.columns.is_unique:
        return ["locations: a column stands twice"]
    wrong = []
    for name in LOCATION_COLUMNS:
        is_text = name in ("location", "name")
        wrong += (text_breaches if is_text else number_breaches)(locations[name], name)
    return [f"locations: {text}" for text in wrong]


def plain(table: pd.DataFrame, keys: tuple[str, ...]) -> pd.DataFrame:
    """Numbers as float32, the precision that is stored; then equal duplicates dropped. -0 is 0.

    Columns of another type stay as they are.
    """
    numbers = [
        name
        for name in table.columns
        if name in VARIABLES and getattr(table[name].dtype, "kind", "O") in "fiu"
    ]
    with np.errstate(over="ignore"):
        table = table.astype({name: np.float32 for name in numbers})
    table = table.assign(**{name: table[name] + np.float32(0.0) for name in numbers})
    if table.duplicated(list(keys)).any():
        table = table.drop_duplicates()
    return table.reset_index(drop=True)


def schema_breaches(table: pd.DataFrame, keys: tuple[str, ...]) -> list[str]:
    """What is wrong with a table's types and keys."""
    breaches = []
    for expectation, result in validate(table, schema_suite(list(table.columns), keys)):
        name = getattr(expectation, "column", None)
        kind = expectation.expectation_type
        if kind == "expect_column_values_to_be_in_type_list":
            breaches.append(f"{name!r} is of type {table[name].dtype}, expected numbers")
        elif kind == "expect_column_values_to_not_be_null":
            empty = result["unexpected_count"]
            breaches.append(f"{name!r} is empty in {empty} rows, expected one in each")
        elif kind in ("expect_column_min_to_be_between", "expect_column_max_to_be_between"):
            stray = table[name][~table[name].between(EARLIEST_DAY, LATEST_DAY)].dropna()
            if stray.empty or any(text.startswith(f"{name!r} holds") for text in breaches):
                continue  # a column without any day is told as empty
            first = stray.iloc[0]
            days = f"{EARLIEST_DAY.date()} to {LATEST_DAY.date()}"
            breaches.append(f"{name!r} holds {first.date()}, expected days from {days}")
        else:
            breaches.append(_duplicate(table, keys))
    if "lead_days" in keys:
        leads = table["lead_days"]
        if not (leads.between(0, MAX_LEAD) & (leads % 1 == 0)).all():
            breaches.append(f"'lead_days' must hold whole numbers from 0 to {MAX_LEAD}")
    return breaches


def _duplicate(table: pd.DataFrame, keys: tuple[str, ...]) -> str:
    twice = table[table.duplicated(list(keys), keep=False)]
    first = twice.sort_values(list(keys), kind="stable").iloc[:2]
    names = [name for name in first.columns if name not in keys]
    name = next(name for name in names if first[name].nunique(dropna=False) > 1)
    value, other = map(_shown, first[name])
    where = where_of(first.iloc[0], keys)
    return f"{where} stands twice with differing {name}, {value} and {other}"


def _shown(value: Any) -> str:
    """A cell as a message shows it: what is no number in quotes."""
    return f"{value:g}" if isinstance(value, Real) else repr(value)[:40]


def where_of(row: pd.Series, keys: tuple[str, ...]) -> str:
    """Where a row stands, for messages: its keys but the member."""
    shown = [
        str(row[key].date()) if isinstance(row[key], pd.Timestamp) else f"{key} {row[key]}"
        for key in keys
        if key != "member"
    ]
    return ", ".join(shown).replace("location ", "")
