"""The SELECT's rows as readings: names and units ours, values numbers, times in UTC."""

from __future__ import annotations

from typing import Any

import pandas as pd

from configs import Region, RiskError
from configs.remarks import Remark
from data_contracts.variables import VARIABLES
from sources.common.locations import require_known
from sources.common.readings import converted, known_variable, number, parts_of
from sources.common.units import Conversion, conversion
from sources.sql.options import NAME, SqlOptions
from sources.sql.times import left_out, utc_times


def readings(
    rows: pd.DataFrame, region: Region, options: SqlOptions, remarks: list[Remark]
) -> pd.DataFrame:
    """Rows as ``daily`` takes them: names and units ours.

    Rows that are no readings, or whose time cannot be told, are left out, and so is a place or
    variable that is not known; ``remarks`` gets a sentence. Raises RiskError where none is left.
    """
    rows = _renamed(rows, region, options, remarks).reset_index(drop=True)
    values = rows["value"].map(_number)
    bad = values.isna() & rows["value"].notna()
    rows, values = left_out(rows, "value", bad, "a number or NULL", remarks), values[~bad]
    times = utc_times(rows, options, region.day_offset, remarks)
    table = pd.DataFrame({"location": rows["location"], "theirs": rows["variable"]})
    table = table.assign(value=values.astype("float64"), time=times).dropna(subset=["time"])
    parts, errors = [], list[RiskError]()
    for theirs, part in table.groupby("theirs", sort=False):
        try:
            ours = _variable(str(theirs), region, options)
            hows = _conversions(str(theirs), ours, region, options)
        except RiskError as error:
            errors.append(error)
            continue
        parts.append(converted(part.drop(columns="theirs"), ours, hows, options.missing))
    if errors and not parts:
        raise errors[0]
    remarks += [error.remark for error in errors]
    return pd.concat(parts, ignore_index=True) if parts else table


def _conversions(
    theirs: str, ours: str, region: Region, options: SqlOptions
) -> dict[str, Conversion]:
    """How a variable of theirs is converted, by canonical variable. Raises RiskError."""
    unit = options.units.get(theirs, VARIABLES[parts_of(ours)[0]].units)
    cure = f"mend `units` in {region.path}"
    return {name: conversion(unit, name, f"{NAME}: {theirs}", cure) for name in parts_of(ours)}


def _renamed(
    rows: pd.DataFrame, region: Region, options: SqlOptions, remarks: list[Remark]
) -> pd.DataFrame:
    """The rows that are asked for, locations by our ids."""
    for name in ("time", "location", "variable"):
        empty = rows[name].isna()
        if empty.all() and len(rows):
            raise RiskError(
                f"{NAME}: the select gives rows without a {name}, expected one in each; leave "
                f"them out in {region.path}."
            )
        rows = left_out(rows, name, empty, f"a {name}", remarks)
    rows = rows.assign(
        location=rows["location"].astype("str").str.strip(),
        variable=rows["variable"].astype("str").str.strip(),
    )
    if options.variables:
        rows = rows[rows["variable"].isin(list(options.variables))]
    if options.locations:
        rows = rows[rows["location"].isin(list(options.locations))]
        rows = rows.assign(location=rows["location"].map(options.locations))
    return _of_known_places(rows, region, remarks)


def _of_known_places(rows: pd.DataFrame, region: Region, remarks: list[Remark]) -> pd.DataFrame:
    """The rows of places that the region lists. Raises RiskError where none is."""
    cure = f"map it under `locations` in {region.path}, or leave it out"
    strange = list[str]()
    for name in rows["location"].unique().tolist():
        try:
            require_known(region, [name], NAME, cure)
        except RiskError as error:
            if len(strange) + 1 == rows["location"].nunique():
                raise
            strange.append(name)
            remarks.append(error.remark)
    return rows[~rows["location"].isin(strange)]


def _variable(theirs: str, region: Region, options: SqlOptions) -> str:
    try:
        return options.variables.get(theirs) or known_variable(theirs)
    except ValueError as error:
        raise RiskError(
            f"{NAME}: variable: {error}; map it under `variables` in {region.path}, or leave it "
            "out."
        ) from None


def _number(value: Any) -> float:
    """A number of any type a database has, or one written as text; NaN for what is none."""
    try:
        return float(value) if isinstance(value, str) and "_" not in value else number(value)
    except ValueError:
        return float("nan")
