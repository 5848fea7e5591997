"""What gridded files hold: their days, their grid and their variables, without reading values."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from configs import Region, RiskError
from configs.gridded import first_line, is_zarr, latitude_and_longitude, open_gridded
from data_contracts.variables import VARIABLES
from sources.common.cf import meaning_of, outside_data, time_of
from sources.common.units import Conversion, conversion
from sources.gridded_files.options import NAME, GriddedFilesOptions

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr


class FileUnreadable(RiskError):
    """A file that cannot be read: a ``problem`` of one sentence."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"{NAME}: {problem}")


VERSIONS = "expver"
"""ERA5's dimension of preliminary and final values, of which each cell has one."""


@dataclass(frozen=True)
class GridVariable:
    """A variable as a file has it. ``meaning``: ours, by its attributes or its name."""

    name: str
    units: str | None
    meaning: str | None


@dataclass(frozen=True)
class GridFile:
    """A file or store of days on a grid.

    ``dims``: its names of time, latitude and longitude. ``days``: datetime64[D], NaT where a
    calendar has days that do not exist. ``latitudes``, ``longitudes``: degrees, as they stand.
    """

    path: Path
    dims: tuple[str, str, str]
    days: np.ndarray
    latitudes: np.ndarray
    longitudes: np.ndarray
    variables: tuple[GridVariable, ...]


def paths_of(region: Region, options: GriddedFilesOptions) -> list[Path]:
    """The files and stores that the region file names.

    Raises RiskError where a pattern has none, or a folder is no store.
    """
    paths = list[Path]()
    for pattern in options.path:
        whole = region.path.parent / Path(pattern).expanduser()
        root = Path(whole.anchor)
        found = [whole] if whole.exists() else list(root.glob(str(whole.relative_to(root))))
        if not found:
            raise RiskError(
                f"{NAME}: found no file {whole}, expected NetCDF or Zarr; mend `path` in "
                f"{region.path}."
            )
        paths += sorted(found)
    for path in paths:
        if path.is_dir() and not is_zarr(path):
            raise RiskError(
                f"{NAME}: {path} is a folder and no Zarr store, expected files; write "
                f"`path: {path.name}/*.nc` in {region.path}."
            )
    return list(dict.fromkeys(paths))


def described(path: Path) -> GridFile:
    """What a file holds, looked at once by a process while it stays as it is.

    Raises RiskError.
    """
    return _described(path, _stamp(path))


def _stamp(path: Path) -> tuple[int, ...]:
    """What tells that a file has changed; of a Zarr store that of the descriptions in it."""
    names = ("zarr.json", ".zmetadata", "*/zarr.json", "*/.zarray") if path.is_dir() else ()
    files = [path, *(one for name in names for one in path.glob(name))]
    stats = [one.stat() for one in files]
    return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=10_000)
def _described(path: Path, stamp: tuple[int, ...]) -> GridFile:
    with opened(path) as dataset:
        time, (north, east) = time_of(dataset), latitude_and_longitude(dataset)
        if time is None or north is None or east is None:
            found = ", ".join(map(str, dataset.sizes)) or "none"
            raise RiskError(
                f"{NAME}: {path} has the dimensions {found}, expected time, latitude and longitude "
                "with their coordinates; rename them, or take another file."
            )
        dims = time, str(north), str(east)
        for name in dims:
            if dataset[name].ndim != 1 or name not in dataset.dims:
                raise RiskError(
                    f"{NAME}: {path}: {name} has {dataset[name].ndim} dimensions, expected one of "
                    "its own; put the values on a grid of latitudes and longitudes."
                )
        days = _days(path, dataset[time])
        variables = tuple(
            GridVariable(str(name), _units(one), _meaning(one))
            for name, one in dataset.data_vars.items()
            if set(dims) <= set(one.dims)
        )
        return GridFile(path, dims, days, dataset[north].values, dataset[east].values, variables)


@contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """A file or store, open while it is read. Raises FileUnreadable."""
    import xarray as xr

    try:
        outside = outside_data(path)
        if not outside:
            with warnings.catch_warnings():  # of times beyond datetime64
                warnings.simplefilter("ignore", xr.SerializationWarning)
                with open_gridded(path, decode_coords="all", decode_timedelta=False) as dataset:
                    yield dataset
    except RiskError:
        raise
    except Exception as error:  # readers of NetCDF and Zarr raise errors of every kind
        raise FileUnreadable(
            f"{path} cannot be read ({first_line(error)}); write it anew."
        ) from None
    if outside:
        raise FileUnreadable(f"{path}: {outside}")


def _days(path: Path, times: xr.DataArray) -> np.ndarray:
    """The days of a file's times, whatever hour they are stamped at."""
    if times.dtype == object:  # a calendar of its own
        days = np.array([_day(moment) for moment in times.values], dtype="datetime64[D]")
    elif times.dtype.kind == "M":
        days = times.values.astype("datetime64[D]")
    else:
        raise RiskError(
            f"{NAME}: {path}: {times.name} holds {times.dtype}, expected times by CF such as "
            "'days since 1970-01-01'; give it such units."
        )
    known, counts = np.unique(days[~np.isnat(days)], return_counts=True)
    if len(known) == 0:
        raise RiskError(f"{NAME}: {path} holds no day, expected some; take it out.")
    if counts.max() > 1:
        raise RiskError(
            f"{NAME}: {path} holds {known[counts.argmax()]} {counts.max()} times, expected each "
            "day once; make daily values of it."
        )
    return days


def _day(moment: object) -> str:
    """A day of another calendar in ours; NaT where ours has none, such as 30 February."""
    text = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"  # type: ignore[attr-defined]
    try:
        return str(np.datetime64(text))
    except ValueError:
        return "NaT"


def _units(variable: xr.DataArray) -> str | None:
    units = variable.attrs.get("units")
    return None if units is None else str(units)


def _meaning(variable: xr.DataArray) -> str | None:
    return str(variable.name) if variable.name in VARIABLES else meaning_of(variable)


def wanted_of(file: GridFile, options: GriddedFilesOptions) -> Mapping[str, tuple[str, Conversion]]:
    """Of each of our variables in a file: its name there, and how it is brought to our unit.

    Raises RiskError: two variables are the same, a unit is missing or is none of ours.
    """
    wanted = dict[str, tuple[str, Conversion]]()
    for variable in file.variables:
        theirs = variable.name
        ours = options.variables.get(theirs) if options.variables else variable.meaning
        if ours is None:
            continue
        if ours in wanted:
            raise RiskError(
                f"{NAME}: {file.path}: {wanted[ours][0]} and {theirs} are both {ours}, expected "
                "one; name the right one in `variables`."
            )
        unit = options.units.get(theirs, options.units.get(ours, variable.units))
        whose, cure = f"{NAME}: {file.path}: {theirs}", f"set `units: {{{theirs}: ...}}`"
        if unit is None:
            row = VARIABLES[ours]
            raise RiskError(f"{whose} has no units, expected {row.units} or the like; {cure}.")
        wanted[ours] = theirs, conversion(unit, ours, whose, cure)
    return wanted


def require_found(files: Sequence[GridFile], options: GriddedFilesOptions, region: Region) -> None:
    """Raises RiskError where no file has a variable that is asked for, or any that is known."""
    there = sorted({variable.name for file in files for variable in file.variables})
    shown = ", ".join(there[:20]) or "none"
    for theirs in options.variables:
        if theirs not in there:
            raise RiskError(
                f"{NAME}: no file has a variable {theirs!r} by time, latitude and longitude, "
                f"expected one of {shown}; mend `variables` in {region.path}."
            )
    if not any(wanted_of(file, options) for file in files):
        raise RiskError(
            f"{NAME}: of the variables {shown} none is known by its standard name, expected one "
            f"at least; name them in {region.path}: `variables: {{theirs: precipitation}}`."
        )
