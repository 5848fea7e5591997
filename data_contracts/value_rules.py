"""Values out of range or out of order: which are withheld, and when there are too many."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from configs.remarks import remark, text
from data_contracts.expectations import (
    extremes_suite,
    fill_suite,
    order_suites,
    range_suite,
    validate,
)
from data_contracts.tables import no_cells, where_of
from data_contracts.units_mistaken import likely_unit
from data_contracts.variables import DOUBTFUL_FILL_VALUES, VARIABLES, Variable

MAX_BAD_SHARE = 5.0
"""Per cent of a variable's values; more than this out of range means a wrong unit."""

FEW_BAD = 10
"""Fewer bad values than this say nothing by their share: one dead sensor of four is a quarter."""

MAX_BAD_SHARE_OF_FEW = 50.0
"""Per cent of such a small batch: a wrong unit spoils most of it, one bad sensor a smaller part."""


def check_ranges(
    table: pd.DataFrame, keys: tuple[str, ...], readings: bool, latitude: float | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Values out of range become NaN; too many of them are a breach, and a fill value is one.

    Returns the table, its withheld values and the breaches. Among days made of ``readings`` a fill
    value is a value out of range, and a place that is at fault says nothing of the others:
    there is a breach only where all places are. ``latitude``: degrees, of the places, for a
    hint at the unit.
    """
    known = [name for name in table.columns if name in VARIABLES and table[name].notna().any()]
    beyond = _failures(table, extremes_suite([VARIABLES[name] for name in known]))
    outside = _failures(table, range_suite([VARIABLES[name] for name in known if name in beyond]))
    suspects = [VARIABLES[name] for name in outside]
    filled = _failures(table, fill_suite(suspects))
    breaches, bad = [], []
    for row in suspects:
        result = outside[row.name]
        at_fault = _too_many(result) and (not readings or _everywhere(table, row.name, result))
        if row.name not in filled and _too_many(result):
            filled |= _failures(table, fill_suite([row], DOUBTFUL_FILL_VALUES))
        if row.name in filled and (not readings or at_fault):
            breaches.append(_fill_breach(table, row, filled[row.name], keys))
        elif at_fault:
            breaches.append(_range_breach(table, row, result, keys, latitude))
        else:
            rule = f"{row.name} must be between {row.low:g} and {row.high:g} {row.units}"
            bad.append((row.name, result["unexpected_index_list"], rule))
    return *withhold(table, bad, keys), breaches


def _failures(table: pd.DataFrame, suite: list[Any]) -> dict[str, dict[str, Any]]:
    """Column -> the result of the expectation that it does not meet."""
    return {expectation.column: result for expectation, result in validate(table, suite)}


def _fill_breach(
    table: pd.DataFrame, row: Variable, result: dict[str, Any], keys: tuple[str, ...]
) -> str:
    first = table.iloc[result["unexpected_index_list"][0]]
    return (
        f"{row.name} is {first[row.name]:g} at {where_of(first, keys)}, a fill value that stands "
        "for missing "
        f"({result['unexpected_count']} such cells), expected {row.low:g} to {row.high:g} "
        f"{row.units}, leave missing values empty"
    )


def _too_many(result: dict[str, Any]) -> bool:
    """Whether so many cells break a rule that the unit or the column must be wrong.

    One cell alone never shows that.
    """
    bad, share = result["unexpected_count"], result["unexpected_percent_nonmissing"]
    return bad > 1 and share > (MAX_BAD_SHARE if bad >= FEW_BAD else MAX_BAD_SHARE_OF_FEW)


def _everywhere(table: pd.DataFrame, name: str, result: dict[str, Any]) -> bool:
    """Whether most of a variable's values are bad at every place that has it."""
    bad = table.loc[result["unexpected_index_list"], "location"].value_counts()
    known = table.loc[table[name].notna(), "location"].value_counts()
    return bool((bad.reindex(known.index).fillna(0) > known / 2).all())


def _range_breach(
    table: pd.DataFrame,
    row: Variable,
    result: dict[str, Any],
    keys: tuple[str, ...],
    latitude: float | None,
) -> str:
    first = table.iloc[result["unexpected_index_list"][0]]
    unit = likely_unit(row.name, table[row.name].to_numpy(np.float64), latitude)
    hint = f", it looks like {text(remark(unit.code))}" if unit else ", check its unit"
    return (
        f"{row.name} is out of range in {result['unexpected_percent_nonmissing']:.3g} % of its "
        "cells "
        f"(found {first[row.name]:g} at {where_of(first, keys)}, expected {row.low:g} to "
        f"{row.high:g} {row.units}){hint}"
    )


def check_order(
    table: pd.DataFrame, keys: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Where Tmin > Tmax both are withheld, a Tmean outside them alone; too many are a breach.

    Returns the table, its withheld values and the breaches.
    """
    breaches: list[str] = []
    listed = [no_cells()]
    for suite in order_suites(list(table.columns)):
        bad: list[tuple[str, list[Hashable], str]] = []
        for expectation, result in validate(table, suite):
            high, low = expectation.column_A, expectation.column_B
            if _too_many(result):
                breaches.append(_order_breach(table, high, low, result, keys))
            suspects = [name for name in (high, low) if "mean" in name] or [high, low]
            rows, rule = result["unexpected_index_list"], f"{low} must not be above {high}"
            bad.extend((name, rows, rule) for name in suspects)
        table, cells = withhold(table, bad, keys)
        listed.append(cells)
    return table, pd.concat(listed, ignore_index=True), breaches


def _order_breach(
    table: pd.DataFrame, high: str, low: str, result: dict[str, Any], keys: tuple[str, ...]
) -> str:
    first = table.iloc[result["unexpected_index_list"][0]]
    return (
        f"{low} is above {high} in {result['unexpected_percent_nonmissing']:.3g} % of the rows "
        f"(first at {where_of(first, keys)}, {first[low]:g} and {first[high]:g}), check whether "
        "columns are swapped"
    )


def withhold(
    table: pd.DataFrame, bad: list[tuple[str, list[Hashable], str]], keys: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with the bad values NaN, and a row for each of them (the first rule it breaks)."""
    parts = [_bad_cells(table, name, rows, rule, keys) for name, rows, rule in bad]
    table = table.copy() if bad else table
    for name, rows, _ in bad:
        table.loc[rows, name] = np.nan
    listed = pd.concat([no_cells(), *parts], ignore_index=True)
    return table, listed.drop_duplicates(
        ["variable", "time", "location", "value"], ignore_index=True
    )


def _bad_cells(
    table: pd.DataFrame, name: str, rows: list[Hashable], rule: str, keys: tuple[str, ...]
) -> pd.DataFrame:
    cells = table.loc[rows]
    if "init_time" in keys:
        time = cells["init_time"] + pd.to_timedelta(cells["lead_days"], unit="D")
        rules = [
            f"{rule} (forecast issued {start.date()}, lead {lead:g})"
            for start, lead in zip(cells["init_time"], cells["lead_days"], strict=True)
        ]
    else:
        time, rules = cells["time"], [rule] * len(cells)
    return pd.DataFrame(
        {
            "source": "",
            "variable": name,
            "time": time.to_numpy(),
            "location": cells["location"].array,
            "value": cells[name].to_numpy(np.float64),
            "rule": rules,
        }
    )
