"""One file as a table of its kind's columns, in canonical names and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from sources.station_files.columns import typed
from sources.station_files.csv_files import fields_of, first_lines
from sources.station_files.header import named, place_columns
from sources.station_files.hours import days_of_hours, has_hours
from sources.station_files.inbox import InboxFile, suffix_of
from sources.station_files.joining import FileRecord
from sources.station_files.kinds import LOCATIONS, OBSERVATIONS, FilesRefused
from sources.station_files.options import FileFormat
from sources.station_files.templates import templates


def read_file(file: InboxFile, places: pd.DataFrame) -> FileRecord:
    """A file as its kind's columns, by what the region file says of it or by what it says itself.

    ``places``: the known locations, with coordinates, for grids. Raises FilesRefused with
    everything that is wrong.
    """
    try:
        written = file.written or self_described(file) or FileFormat()
        raw = file.raw(written, places)
    except OSError as error:
        raise FilesRefused(
            [f"{file.path}: it cannot be opened ({error.strerror}); let this user read it."]
        ) from None
    problems = list(raw.problems)
    table = named(raw, file.kind, written, problems)
    columns = typed(table, file.kind, written, problems)
    if not problems and written.hours and "time" in columns and has_hours(columns["time"]):
        columns = days_of_hours(columns, table, written, file.offset, problems)
    if problems:
        raise FilesRefused(problems)
    if written.location is not None and file.kind is not LOCATIONS:
        columns["location"] = pd.Series(written.location, index=columns.index, dtype="str")
    locations = raw.locations
    if file.kind is OBSERVATIONS and (about := place_columns(columns)):
        locations = _places_in(columns, about)
        columns = columns.drop(columns=about)
    if written.location is not None and locations is not None and "location" in locations:
        locations = locations.drop(columns="location").iloc[:1]
    return FileRecord(file.path, columns, locations)


def self_described(file: InboxFile) -> FileFormat | None:
    """The format of a text whose header says everything, such as names with units."""
    if suffix_of(file.path) != ".csv" or file.kind is not OBSERVATIONS:
        return None
    sure: Mapping[str, FileFormat] = {
        name: template.written.model_copy(update={"format": name})
        for name, template in templates().items()
        if template.self_described
    }
    for line in first_lines(file.path):
        for name, written in sure.items():
            if templates()[name].fits(fields_of(line, written.separator or ",")):
                return written
    return None


def _places_in(columns: pd.DataFrame, about: list[str]) -> pd.DataFrame:
    """What the rows of a record say of its places: of each the newest."""
    described = columns[about].replace("", None)
    if "location" not in columns:
        return described.ffill().iloc[-1:].reset_index(drop=True)
    return described.groupby(columns["location"]).last().reset_index()


def with_places(record: FileRecord) -> FileRecord:
    """The record whose own description of its places names them."""
    about = record.locations
    if about is None or "location" in about:
        return record
    only = record.table["location"].unique()
    if len(only) != 1 or len(about) != 1:
        return replace(record, locations=None)
    return replace(record, locations=about.assign(location=only[0]))
