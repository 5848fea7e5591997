"""Several files' rows in one table, and the locations that they are of."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from configs import Region, RiskError
from data_contracts.batch import LOCATION_COLUMNS
from data_contracts.variables import DETERMINISTIC, SPREAD, VARIABLES
from sources.common.locations import nearest
from sources.station_files.kinds import FORECASTS, SPREADS, FileKind, where_of


@dataclass(frozen=True)
class FileRecord:
    """A file as a table of its kind's columns, and what it says of its locations, a row each."""

    path: Path
    table: pd.DataFrame
    locations: pd.DataFrame | None


def listed_locations(region: Region, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The region file's locations and those of locations.csv: columns LOCATION_COLUMNS.

    ``tables``: what locations.csv says. The region file wins field by field.
    """
    empty = pd.DataFrame({"location": pd.Series(dtype="str")})
    listed = pd.concat(tables) if tables else empty
    listed = listed.reindex(columns=list(LOCATION_COLUMNS)).set_index("location")
    listed["name"] = listed["name"].astype("object").replace("", None)
    own = pd.DataFrame(
        [
            (
                location.id,
                location.names.get("en") or next(iter(location.names.values()), None),
                location.latitude,
                location.longitude,
                location.elevation,
            )
            for location in region.locations
        ],
        columns=list(LOCATION_COLUMNS),
    ).set_index("location")
    order = list(dict.fromkeys([*own.index, *listed.index]))
    merged = own.astype("object").combine_first(listed.astype("object")).reindex(order)
    return merged.rename_axis("location").reset_index().reindex(columns=list(LOCATION_COLUMNS))


def completed(locations: pd.DataFrame, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The locations, what is left open filled from what files say of theirs; earlier ones win."""
    merged = locations.set_index("location").astype("object")
    for table in tables:
        merged = merged.combine_first(
            table.astype({"location": "str"}).set_index("location").astype("object")
        )
    order = [
        *locations["location"],
        *(name for name in merged.index if name not in set(locations["location"])),
    ]
    return (
        merged.reindex(order)
        .rename_axis("location")
        .reset_index()
        .reindex(columns=list(LOCATION_COLUMNS))
    )


def known_ids(region: Region, locations: pd.DataFrame, tables: Sequence[pd.DataFrame]) -> list[str]:
    """Ids of the locations: those listed, else those in files, else the region's own name."""
    if len(locations):
        return locations["location"].tolist()
    named = [
        str(name) for table in tables if "location" in table for name in table["location"].unique()
    ]
    return list(dict.fromkeys(named)) or [region.name]


def located(record: FileRecord, known: Sequence[str], listed: bool) -> FileRecord:
    """The record with its location column, every location of it known.

    Raises RiskError for a location that is not, where the region ``listed`` some.
    """
    path, table = record.path, record.table
    if "location" not in table:
        if len(known) > 1:
            shown = ", ".join(known[:5]) + (", ..." if len(known) > 5 else "")
            raise RiskError(
                f"{path}: there is no `location` column, but the region has {len(known)} places "
                f"({shown}); add the column."
            )
        only = pd.Series(known[0], index=table.index, dtype="str")
        return replace(record, table=table.assign(location=only))
    for name in table["location"].unique() if listed else ():
        if name not in known:
            hint = nearest(name, known)
            end = "?" if hint.startswith("did you") else ";"
            raise RiskError(
                f"{path}: unknown location {name!r}, {hint}{end} Rename it, or add it to the "
                "region file or to locations.csv."
            )
    return record


def joined_records(records: Sequence[FileRecord], kind: FileKind) -> pd.DataFrame:
    """All files' rows in one table. Cells that several files have must agree."""
    if not records:
        return pd.DataFrame()
    tables = [record.table for record in records]
    if kind is FORECASTS:
        tables = [_with_member(table) for table in tables]
    keys = list(kind.keys)
    merged = pd.concat([table.assign(_file=i) for i, table in enumerate(tables)], ignore_index=True)
    variables = [name for name in VARIABLES if name in merged]
    twice = merged.duplicated(keys, keep=False)
    if twice.any():
        again = merged[twice]
        _agree(again, keys, variables, [record.path for record in records])
        merged = pd.concat(
            [merged[~twice], again.groupby(keys, as_index=False, sort=False)[variables].first()],
            ignore_index=True,
        )
    return merged.sort_values(keys, ignore_index=True)[keys + variables]


def _with_member(table: pd.DataFrame) -> pd.DataFrame:
    """Forecasts with a member column: a mean is DETERMINISTIC, its spread a row of its own."""
    if "member" in table:
        return table
    spreads = [name for name in table if name in SPREADS]
    runs = table.drop(columns=spreads).assign(member=DETERMINISTIC)
    if not spreads:
        return runs
    keys = [key for key in FORECASTS.keys if key in table]
    rows = table.loc[table[spreads].notna().any(axis=1), [*keys, *spreads]]
    rows = rows.rename(columns=SPREADS).assign(member=SPREAD)
    return pd.concat([runs, rows], ignore_index=True)


def _agree(again: pd.DataFrame, keys: list[str], variables: list[str], paths: list[Path]) -> None:
    """Raise RiskError naming both files and the first cell on which they differ."""
    groups = again.groupby(keys)[variables]
    differ = (groups.max() - groups.min()).fillna(0) != 0
    if not differ.any(axis=None):
        return
    first = differ.index[differ.any(axis=1)][0]
    name = str(differ.columns[differ.loc[first]][0])
    where = dict(zip(keys, first if isinstance(first, tuple) else (first,), strict=True))
    rows = again[(again[keys] == pd.Series(where)).all(axis=1) & again[name].notna()]
    first_row, other_row = rows.iloc[0], rows[rows[name] != rows[name].iloc[0]].iloc[0]
    files: list[Hashable] = [paths[first_row["_file"]], paths[other_row["_file"]]]
    column = name
    if where.get("member") == SPREAD:
        column, keys = f"{name}_spread", [key for key in keys if key != "member"]
    raise RiskError(
        f"{files[0]} and {files[1]} differ: {column} at {where_of(first_row, keys)} is "
        f"{first_row[name]:g} in one and {other_row[name]:g} in the other; keep the right one."
    )


def described(locations: pd.DataFrame, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """A Batch's locations: those that were measured, in the list's order.

    A location without a name is called by its id.
    """
    measured = dict.fromkeys(
        str(name) for table in tables if len(table) for name in table["location"].unique()
    )
    order = [name for name in locations["location"] if name in measured] + sorted(
        set(measured) - set(locations["location"])
    )
    table = locations.set_index("location").reindex(order).rename_axis("location").reset_index()
    numbers = {
        name: table[name].astype("float64") for name in ("latitude", "longitude", "elevation")
    }
    return table.assign(
        name=table["name"]
        .astype("object")
        .where(table["name"].notna(), table["location"])
        .astype("str"),
        **numbers,
    )
