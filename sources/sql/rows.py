"""The SELECT's rows as readings: names and units ours, values numbers, times in UTC."""

from __future__ import annotations

from typing import Any

import pandas as pd

from configs import Region, RiskError
from configs.remarks import Remark
from data_contracts.variables import VARIABLES
from sources.common.locations import require_known
from sources.common.readings import converted, known_variable, number, parts_of
from sources.common.units import conversion
from sources.sql.options import NAME, SqlOptions
from sources.sql.times import refuse, utc_times


def readings(
    rows: pd.DataFrame, region: Region, options: SqlOptions, remarks: list[Remark]
) -> pd.DataFrame:
    """Rows as ``daily`` takes them: names and units ours.

    Rows whose time cannot be told are left out, and ``remarks`` gets a sentence. Raises RiskError
    for what rows cannot be.
    """
    rows = _renamed(rows, region, options).reset_index(drop=True)
    table = pd.DataFrame({"location": rows["location"], "theirs": rows["variable"]})
    table["value"] = _numbers(rows)
    table["time"] = utc_times(rows, options, region.day_offset, remarks)
    table = table.dropna(subset=["time"])
    parts = []
    for theirs, part in table.groupby("theirs", sort=False):
        ours = _variable(str(theirs), region, options)
        unit = options.units.get(str(theirs), VARIABLES[parts_of(ours)[0]].units)
        cure = f"mend `units` in {region.path}"
        hows = {name: conversion(unit, name, f"{NAME}: {theirs}", cure) for name in parts_of(ours)}
        parts.append(converted(part.drop(columns="theirs"), ours, hows, options.missing))
    return pd.concat(parts, ignore_index=True) if parts else table


def _renamed(rows: pd.DataFrame, region: Region, options: SqlOptions) -> pd.DataFrame:
    """The rows that are asked for, locations by our ids."""
    for name in ("time", "location", "variable"):
        if rows[name].isna().any():
            raise RiskError(
                f"{NAME}: the select gives rows without a {name}, expected one in each; leave "
                f"them out in {region.path}."
            )
    rows = rows.assign(
        location=rows["location"].astype("str").str.strip(),
        variable=rows["variable"].astype("str").str.strip(),
    )
    if options.variables:
        rows = rows[rows["variable"].isin(list(options.variables))]
    if options.locations:
        rows = rows[rows["location"].isin(list(options.locations))]
        rows = rows.assign(location=rows["location"].map(options.locations))
    require_known(
        region,
        rows["location"].unique().tolist(),
        NAME,
        f"map it under `locations` in {region.path}, or leave it out",
    )
    return rows


def _variable(theirs: str, region: Region, options: SqlOptions) -> str:
    try:
        return options.variables.get(theirs) or known_variable(theirs)
    except ValueError as error:
        raise RiskError(
            f"{NAME}: variable: {error}; map it under `variables` in {region.path}, or leave it "
            "out."
        ) from None


def _numbers(rows: pd.DataFrame) -> pd.Series:
    values = rows["value"].map(_number)
    refuse(rows, "value", values.isna() & rows["value"].notna(), "a number or NULL")
    return values.astype("float64")


def _number(value: Any) -> float:
    """A number of any type a database has, or one written as text; NaN for what is none."""
    try:
        return float(value) if isinstance(value, str) and "_" not in value else number(value)
    except ValueError:
        return float("nan")
