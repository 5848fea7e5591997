"""Station files: anyone's own record, as CSV, Parquet or NetCDF files in the region's inbox.

Observations: ``time`` (ISO date), ``location`` (not needed where the region has one place),
canonical variables in canonical units; latitude, longitude, elevation and name of the place may
stand beside them. Weather forecasts as they were issued, in files whose name begins with
``forecasts``: ``init_time``, ``lead_days``, ``location``, optional ``member``, variables; instead
of members the ensemble's mean and, in ``<variable>_spread``, its standard deviation in the
variable's units. Optional ``locations.csv``: location, name, latitude, longitude, elevation. Files
may overlap where they agree.

Files that are written otherwise are read too: the option ``files`` says how, by a pattern of their
names (``options.py``), and formats of services have names (``formats/``). What a file says itself
is used: a unit in a header or in NetCDF attributes, CF names, calendars, where its places are.

Files that are put there later than the morning after each day have the option ``delay_days``.

Once a record is stored, a file that cannot be read costs its new rows alone.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from configs import Region
from configs.remarks import Remark, as_remark, remark
from data_contracts.batch import Batch, FetchRequest, Source
from sources.station_files.inbox import Inbox, inbox_of
from sources.station_files.joining import (
    FileRecord,
    completed,
    described,
    joined_records,
    known_ids,
    listed_locations,
    located,
)
from sources.station_files.kept import with_stored
from sources.station_files.kinds import FORECASTS, LOCATIONS, OBSERVATIONS, FilesRefused
from sources.station_files.options import NAME
from sources.station_files.reading import read_file, with_places
from sources.station_files.templates import files_of

MAX_LOCATIONS = 1_000
"""All of their days are in memory at once, 16 million a variable in 44 years."""


def fetch(request: FetchRequest) -> Batch:
    """Every file of the region's inbox, in one batch.

    Raises FilesRefused: a sentence for each thing that is wrong, with the file, the line and the
    cure.
    """
    region, stored = request.region, request.stored
    inbox = inbox_of(region, request.settings, files_of(region))
    problems = list(inbox.problems)
    listed = listed_places(region, inbox, problems)
    if len(problems) > len(inbox.problems) or not inbox.of_kind(OBSERVATIONS):
        raise FilesRefused([*problems, *_problems_of(inbox, listed)])
    records, refused = read_files(inbox, listed)
    problems += [problem for each in refused.values() for problem in each.problems]
    if problems and (stored.observations is None or not _any_observed(inbox, records)):
        raise FilesRefused(problems)
    known = known_ids(region, listed, [each.table for each in records.values()])
    placed = {
        path: with_places(located(each, known, len(listed) > 0)) for path, each in records.items()
    }
    observed, issued = (
        joined_records(
            [placed[file.path] for file in inbox.of_kind(kind) if file.path in placed], kind
        )
        for kind in (OBSERVATIONS, FORECASTS)
    )
    if problems:
        observed, issued = (
            with_stored(table, stored, kind)
            for table, kind in ((observed, OBSERVATIONS), (issued, FORECASTS))
        )
    in_files = [each.locations for each in placed.values() if each.locations is not None]
    locations = described(completed(listed, in_files), [observed, issued])
    return Batch(observed, locations, issued, tuple(_left_out(problem) for problem in problems))


SOURCE = Source(
    name=NAME,
    delay_days=1,
    attribution="station files of the region's own inbox",
    licence="as its provider says",
    complete=True,
    fetch=fetch,
    max_locations=MAX_LOCATIONS,
    by_name=True,
    own_files=True,
)


def read_files(
    inbox: Inbox, listed: pd.DataFrame
) -> tuple[dict[Path, FileRecord], dict[Path, FilesRefused]]:
    """The records of files of observations and forecasts, and what is wrong with those refused."""
    records: dict[Path, FileRecord] = {}
    refused: dict[Path, FilesRefused] = {}
    for file in inbox.files:
        if file.kind is LOCATIONS:
            continue
        try:
            records[file.path] = read_file(file, listed)
        except FilesRefused as error:
            refused[file.path] = error
    return records, refused


def listed_places(region: Region, inbox: Inbox, problems: list[str]) -> pd.DataFrame:
    """The locations of the region file and of locations.csv.

    What is wrong with locations.csv is added to ``problems``.
    """
    tables = []
    for file in inbox.of_kind(LOCATIONS):
        try:
            tables.append(read_file(file, pd.DataFrame()).table)
        except FilesRefused as error:
            problems += error.problems
    return listed_locations(region, tables)


def _problems_of(inbox: Inbox, listed: pd.DataFrame) -> list[str]:
    refused = read_files(inbox, listed)[1]
    return [problem for each in refused.values() for problem in each.problems]


def _any_observed(inbox: Inbox, records: dict[Path, FileRecord]) -> bool:
    return any(file.path in records for file in inbox.of_kind(OBSERVATIONS))


def _left_out(problem: str) -> Remark:
    return remark("files.left_out", source=NAME, reason=as_remark(problem))
