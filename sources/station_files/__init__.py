"""Station files: anyone's own record, as CSV, Parquet or NetCDF files in the region's inbox.

Observations: ``time`` (ISO date), ``location`` (not needed where the region has one place),
canonical variables in canonical units. Weather forecasts as they were issued, in files whose name
begins with ``forecasts``: ``init_time``, ``lead_days``, ``location``, optional ``member``,
variables; instead of members the ensemble's mean and, in ``<variable>_spread``, its standard
deviation in the variable's units. Optional ``locations.csv``: location, name, latitude, longitude,
elevation. Files may overlap where they agree.

In NetCDF the columns are dimensions with coordinates and variables (``station`` is as good as
``location``), each variable's ``units`` must be there and be canonical, and coordinates name,
latitude, longitude, elevation of the places are used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from configs import Region, RiskError
from data_contracts.batch import Batch, FetchRequest, Source
from sources.station_files.binary_files import read_netcdf, read_parquet
from sources.station_files.columns import typed
from sources.station_files.csv_files import read_csv
from sources.station_files.joining import (
    FileRecord,
    completed,
    described,
    joined_records,
    known_ids,
    listed_locations,
    located,
)
from sources.station_files.kinds import FORECASTS, LOCATIONS, OBSERVATIONS, FileKind, RawTable

UNREADABLE_FORMATS = frozenset(
    {".xlsx", ".xls", ".ods", ".tsv", ".gz", ".zip", ".feather", ".grib", ".grb", ".json"}
)
READERS: dict[str, Callable[[Path, FileKind], RawTable]] = {
    ".csv": read_csv,
    ".parquet": read_parquet,
    ".nc": read_netcdf,
    ".nc4": read_netcdf,
}


def fetch(request: FetchRequest) -> Batch:
    """Every file of the region's inbox, in one batch.

    Raises RiskError: one sentence with the file, the line and the cure.
    """
    region = request.region
    files = _files(region, region.inbox_path(request.settings))
    listed = listed_locations(region, [_read(path, LOCATIONS).table for path in files["locations"]])
    observations = [_read(path, OBSERVATIONS) for path in files["observations"]]
    forecasts = [_read(path, FORECASTS) for path in files["forecasts"]]
    records = [*observations, *forecasts]
    known, any_listed = known_ids(region, listed, [each.table for each in records]), len(listed) > 0
    observed, issued = (
        joined_records([located(each, known, any_listed) for each in of_kind], kind)
        for of_kind, kind in ((observations, OBSERVATIONS), (forecasts, FORECASTS))
    )
    in_files = [each.locations for each in records if each.locations is not None]
    locations = described(completed(listed, in_files), [observed, issued])
    return Batch(observed, locations, issued)


SOURCE = Source(
    name="station_files",
    delay_days=1,
    attribution="station files of the region's own inbox",
    licence="as its provider says",
    complete=True,
    fetch=fetch,
)


def _files(region: Region, inbox: Path) -> dict[str, list[Path]]:
    """The inbox's files by kind, in the order of their names."""
    cure = f"put CSV, Parquet or NetCDF files there or set `inbox:` in {region.path}"
    if not inbox.is_dir():
        what = "is a file, expected a folder" if inbox.is_file() else "does not exist"
        raise RiskError(f"region {region.name!r}: the inbox {inbox} {what}; {cure}.")
    files = sorted(
        path for path in inbox.iterdir() if path.is_file() and not path.name.startswith(".")
    )
    kinds: dict[str, list[Path]] = {"observations": [], "forecasts": [], "locations": []}
    for path in files:
        name, suffix = path.name.lower(), path.suffix.lower()
        if suffix in UNREADABLE_FORMATS:
            cure = "save it as one of these or take it out of the inbox"
            raise RiskError(
                f"{path}: found a {path.suffix} file, expected CSV, Parquet or NetCDF; {cure}."
            )
        if suffix in READERS:
            kinds[_kind_of(name)].append(path)
    if not kinds["observations"]:
        raise RiskError(
            f"region {region.name!r}: the inbox {inbox} holds no file of observations; {cure}."
        )
    return kinds


def _kind_of(name: str) -> str:
    if name == "locations.csv":
        return "locations"
    return "forecasts" if name.startswith("forecasts") else "observations"


def _read(path: Path, kind: FileKind) -> FileRecord:
    """One file as a table of the kind's columns."""
    raw = READERS[path.suffix.lower()](path, kind)
    return FileRecord(path, typed(raw, kind), raw.locations)
