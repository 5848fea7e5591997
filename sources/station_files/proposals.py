"""What to write in the region file for a file that is not plain: a block to paste.

A format that is known by its header, else what can be told from the text: encoding, separator,
header, dates, decimals, marks of missing values and traces; then the units that suit the latitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from configs import ConfigError
from data_contracts.units_mistaken import doubtful, likely_unit
from data_contracts.variables import VARIABLES
from sources.station_files.inbox import READERS, InboxFile, suffix_of
from sources.station_files.joining import FileRecord
from sources.station_files.kinds import FilesRefused
from sources.station_files.options import FileFormat
from sources.station_files.reading import read_file, self_described
from sources.station_files.sniffing import columns_of, text_layout
from sources.station_files.templates import recognised, templates, with_template

Keys = dict[str, Any]
"""A FileFormat as the region file would have it."""


@dataclass(frozen=True)
class Proposal:
    """How a file seems to be written, and what is wrong with it even then."""

    file: InboxFile
    keys: Keys
    problems: tuple[str, ...] = ()


def propose(file: InboxFile, places: pd.DataFrame) -> Proposal | None:
    """What to write for a file; None where nothing better than what is written can be told.

    ``places``: the known locations with their coordinates.
    """
    keys = _own(file)
    try:
        if _refused(file, keys, places) is not None:
            keys = _structure(file, keys)
        keys = _with_place(file, keys, places)
        keys = _with_units(file, keys, places)
    except FilesRefused as error:
        return Proposal(file, keys, error.problems) if keys != _own(file) else None
    if keys == _own(file):
        return None
    return Proposal(file, keys, _refused(file, keys, places) or ())


def is_proposable(file: InboxFile) -> bool:
    """Whether a file that nobody mapped is one that a format is known for."""
    try:
        layout = text_layout(file.path)
    except FilesRefused:
        return False
    return layout is not None and recognised(layout.header) is not None


def _own(file: InboxFile) -> Keys:
    """What the region file says already, short."""
    if file.written is None:
        return {}
    keys = file.written.model_dump(mode="json", exclude_unset=True, exclude_defaults=True)
    if file.written.format is None:
        return keys
    base = templates()[file.written.format].written.model_dump(mode="json")
    return {name: value for name, value in keys.items() if value != base.get(name)}


def written_of(keys: Keys) -> FileFormat:
    """The format that a block says. Raises FilesRefused for a block that says none."""
    try:
        return with_template(FileFormat.model_validate(keys), "files")
    except (ValidationError, ConfigError) as error:
        raise FilesRefused([str(error)]) from None


def _read(file: InboxFile, keys: Keys, places: pd.DataFrame) -> FileRecord:
    written = written_of(keys) if keys else None
    return read_file(replace(file, written=written), places)


def _refused(file: InboxFile, keys: Keys, places: pd.DataFrame) -> tuple[str, ...] | None:
    try:
        _read(file, keys, places)
    except FilesRefused as error:
        return error.problems
    return None


def _structure(file: InboxFile, own: Keys) -> Keys:
    """Format or layout of a file; what was written already stays where it is of use."""
    if READERS.get(suffix_of(file.path), READERS[".csv"]) is not READERS[".csv"]:
        return {**_of_columns(file), **own}
    layout = text_layout(file.path)
    if layout is None:
        return own
    name = recognised(layout.header)
    keys = layout.of_template(templates()[name].written, name) if name else layout.plain(file.kind)
    return {**own, **keys}


def _of_columns(file: InboxFile) -> Keys:
    """A NetCDF's or Parquet's format, by the names of its columns."""
    header = columns_of(file.path)
    name = recognised(header)
    if name is None or not templates()[name].any_of or file.path.suffix == ".parquet":
        from sources.station_files.sniffing import mapped_columns

        return mapped_columns(header, file.kind)
    keys: Keys = {"format": name}
    for word, columns in templates()[name].by_name.items():
        if word in file.path.name.lower():
            keys["columns"] = {key: value for key, value in columns.items() if key in header}
    return keys


def _with_place(file: InboxFile, keys: Keys, places: pd.DataFrame) -> Keys:
    """The keys, with the listed place that all rows are of, where that is plain to see."""
    listed = places["location"].tolist() if len(places) else []
    if not listed or "location" in keys or _refused(file, keys, places) is not None:
        return keys
    table = _read(file, keys, places).table
    own = table["location"].unique().tolist() if "location" in table else []
    if len(own) > 1 or set(own) & set(listed) or (not own and len(listed) == 1):
        return keys
    stem = file.path.stem.lower()
    by_name = [name for name in listed if name.lower() in stem]
    only = listed if len(listed) == 1 else by_name
    return {**keys, "location": only[0]} if len(only) == 1 else keys


def _with_units(file: InboxFile, keys: Keys, places: pd.DataFrame) -> Keys:
    """The keys, with the unit of each column whose values do not suit the latitude as they are."""
    if (record := _usable(file, keys, places)) is None:
        return keys
    latitude = _latitude(record, places)
    if not keys.get("format"):
        keys = _with_fills(keys, record)
    units: dict[str, str] = {}
    if (record := _usable(file, keys, places)) is None:
        return keys
    for name in [name for name in VARIABLES if name in record.table]:
        values = record.table[name].to_numpy(np.float64)
        if doubtful(name, values, latitude) and (unit := _unit(file, keys, name, places, latitude)):
            units[_theirs(file, keys, name)] = unit
    return {**keys, "units": {**keys.get("units", {}), **units}} if units else keys


def _with_fills(keys: Keys, record: FileRecord) -> Keys:
    """The keys, with the numbers that seem to stand for missing."""
    fills: list[float] = []
    for name in [name for name in VARIABLES if name in record.table]:
        fills += fill_values(name, record.table[name].to_numpy(np.float64))
    distinct = list(dict.fromkeys([*keys.get("missing", ()), *fills]))
    return {**keys, "missing": distinct} if fills else keys


def _usable(file: InboxFile, keys: Keys, places: pd.DataFrame) -> FileRecord | None:
    try:
        return _read(file, keys, places)
    except FilesRefused:
        return None


def _unit(
    file: InboxFile, keys: Keys, name: str, places: pd.DataFrame, latitude: float | None
) -> str | None:
    """The unit that suits a column's numbers as they stand in the file."""
    bare = {
        **keys,
        "units": {**keys.get("units", {}), _theirs(file, keys, name): VARIABLES[name].units},
    }
    if (record := _usable(file, bare, places)) is None:
        return None
    values = record.table[name].to_numpy(np.float64)
    if not doubtful(name, values, latitude):
        return VARIABLES[name].units
    likely = likely_unit(name, values, latitude)
    return likely.unit if likely else None


def _theirs(file: InboxFile, keys: Keys, name: str) -> str:
    """What the file calls a variable."""
    written = written_of(keys) if keys else self_described(file)
    if written is None:
        return name
    header = {column.lower() for column in _header(file)}
    names = [theirs for theirs, ours in written.columns.items() if ours == name]
    return next((theirs for theirs in names if theirs.lower() in header), name)


def _header(file: InboxFile) -> Sequence[str]:
    if READERS.get(suffix_of(file.path), READERS[".csv"]) is not READERS[".csv"]:
        return columns_of(file.path)
    layout = text_layout(file.path)
    return layout.header if layout else ()


def _latitude(record: FileRecord, places: pd.DataFrame) -> float | None:
    for table in (record.locations, places):
        if table is not None and "latitude" in table and len(table):
            middle = pd.to_numeric(table["latitude"], errors="coerce").median()
            if np.isfinite(middle):
                return float(middle)
    return None


def fill_values(variable: str, values: np.ndarray) -> list[float]:
    """Numbers that seem to stand for "missing": impossible or of nines alone, and there again."""
    row, known = VARIABLES[variable], values[np.isfinite(values)]
    numbers, counts = np.unique(known, return_counts=True)
    often = counts >= max(3, 0.002 * known.size)
    outside = (numbers < row.low) | (numbers > row.high)
    nines = np.array(
        [set(f"{abs(number):g}".replace(".", "")) == {"9"} for number in numbers], bool
    )
    extreme = (numbers == numbers.max()) | (numbers == numbers.min()) if numbers.size else nines
    long = np.abs(numbers) >= 99
    chosen = numbers[often & (nines & long & (extreme | outside))]
    alone = numbers[often & outside]
    spread = known[(known < row.low) | (known > row.high)].size
    recurring = alone if len(alone) <= 2 and counts[often & outside].sum() >= 0.9 * spread else []
    return sorted({float(number) for number in (*chosen, *recurring)})
