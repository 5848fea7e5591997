"""Gridded files: NetCDF files and Zarr stores of days on a grid, for a region of a grid.

    grid: {west: -13, south: 27, east: -1, north: 36, step: 0.1}
    sources: [gridded_files]
    source_options:
      gridded_files:
        path: era5-land/*.nc                       # files or Zarr stores, relative to this file
        variables: {t2m_max: air_temperature_max, tp: precipitation}   # where CF names are missing
        units: {tp: m}                                                 # where the files say none
        delay_days: 6                              # how old their newest day is; 1 by default

Each cell gets the values of its nearest grid point. Of each file the window around the cells is
read, and of that the days that are not stored yet; so chunks of a month or more and of some ten
points a side are read fast. What a file says itself is used: units, CF names, packed values,
``valid_time``, days stamped at any hour, calendars without leap years, descending latitudes,
longitudes of any turn, ERA5's ``expver``. Files may overlap where they agree. Days are those of the
files, with one value each. A file that cannot be read costs its new days alone once a record is
stored. Options are those of ``GriddedFilesOptions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from configs import ConfigError, Region
from configs.remarks import Remark, as_remark, remark
from data_contracts.batch import Batch, FetchRequest, Source
from sources.common.coverage import news
from sources.common.locations import locations_of
from sources.common.options import options_of
from sources.gridded_files.files import FileUnreadable, GridFile, described, paths_of, require_found
from sources.gridded_files.joining import Window
from sources.gridded_files.options import NAME, GriddedFilesOptions

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr

SETTLED_DAYS = 100
"""Newest stored days that are read anew: ERA5's preliminary values are replaced within three
months."""


def fetch(request: FetchRequest) -> Batch:
    """The days of the region's places that are not stored yet, and newest ones that are other now.

    Raises ConfigError, RiskError: a sentence with the file and the cure.
    """
    region, stored = request.region, request.stored.observations
    if not region.locations:
        raise ConfigError(
            f"region file {region.path}: found no places, {NAME} needs some; add "
            "`grid: {west, south, east, north, step}`."
        )
    options, lost = options_of(region, NAME, GriddedFilesOptions), list[FileUnreadable]()
    files = _files(region, options, lost)
    if lost and (stored is None or not files):
        raise lost[0]
    require_found(files, options, region)
    window = Window(region, _wanted_days(files, request, options))
    for file in files:
        try:
            window.add(file, options)
        except FileUnreadable as error:
            if stored is None:
                raise
            lost.append(error)
    window.require_all_inside(files)
    remarks = tuple(_left_out(error) for error in lost)
    return Batch(news(window.table(), request.stored), locations_of(region), remarks=remarks)


SOURCE = Source(
    name=NAME,
    delay_days=1,
    attribution="gridded files of the region's own",
    licence="as their provider says",
    complete=False,
    fetch=fetch,
    own_files=True,
)


def _files(
    region: Region, options: GriddedFilesOptions, lost: list[FileUnreadable]
) -> list[GridFile]:
    """The region's files; those that cannot be read go to ``lost``."""
    files = []
    for path in paths_of(region, options):
        try:
            files.append(described(path))
        except FileUnreadable as error:
            lost.append(error)
    return files


def _wanted_days(
    files: Sequence[GridFile], request: FetchRequest, options: GriddedFilesOptions
) -> np.ndarray:
    """The files' days that are to be read, increasing: datetime64[D]."""
    days = np.unique(np.concatenate([file.days for file in files]))
    days = days[~np.isnat(days)]
    if request.region.history_start is not None:
        days = days[days >= np.datetime64(request.region.history_start)]
    stored = request.stored.observations
    if stored is None or not _has_all(stored, request.region):
        return days
    first, last = stored["time"].values[[0, -1]].astype("datetime64[D]")
    wanted = (days < first) | (days > last - np.timedelta64(SETTLED_DAYS, "D"))
    if options.since is not None:
        wanted |= days >= np.datetime64(options.since)
    return days[wanted]


def _has_all(stored: xr.Dataset, region: Region) -> bool:
    known = set(stored["location"].values.tolist())
    return all(place.id in known for place in region.locations)


def _left_out(error: FileUnreadable) -> Remark:
    return remark("files.left_out", source=NAME, reason=as_remark(error.problem))
