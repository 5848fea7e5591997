"""Several files' days in one table; days that two files have must agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from configs import Region, RiskError
from data_contracts.variables import VARIABLES
from sources.common.grid import coordinates_of
from sources.gridded_files.files import GridFile, opened, wanted_of
from sources.gridded_files.options import NAME, GriddedFilesOptions
from sources.gridded_files.windows import points_of, read


@dataclass
class Window:
    """The values of a region's places on some days, filled file by file.

    ``days``: increasing, datetime64[D]. ``values``: variable -> (day, place), float32, NaN where no
    file has one. ``inside``: which places lie in the grid of some file. ``files``: those added.
    """

    region: Region
    days: np.ndarray
    values: dict[str, np.ndarray] = field(default_factory=dict)
    inside: np.ndarray = field(init=False)
    files: list[GridFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inside = np.zeros(len(self.region.locations), bool)

    def add(self, file: GridFile, options: GriddedFilesOptions) -> None:
        """Fills in what a file has of the days. Raises RiskError: it cannot be read, or differs."""
        places = [coordinates_of(self.region, place) for place in self.region.locations]
        latitude, longitude = np.array(places, dtype=float).T
        points = points_of(file, latitude, longitude, options.within_km)
        self.inside |= points.inside
        wanted = np.flatnonzero(np.isin(file.days, self.days))
        wanted = wanted[np.argsort(file.days[wanted], kind="stable")]
        if not len(wanted) or not points.inside.any():
            return
        rows = np.searchsorted(self.days, file.days[wanted])
        in_order = np.argsort(wanted)
        with opened(file.path) as dataset:
            for name, variable in wanted_of(file, options).items():
                part = read(dataset, file, variable, points, wanted[in_order])
                self._fill(name, file, rows[in_order], points.inside, part)
        self.files.append(file)

    def _fill(
        self, name: str, file: GridFile, rows: np.ndarray, inside: np.ndarray, part: np.ndarray
    ) -> None:
        shape = len(self.days), len(self.inside)
        whole = self.values.setdefault(name, np.full(shape, np.nan, np.float32))
        where = np.ix_(rows, inside)
        before = whole[where]
        differ = np.isfinite(before) & np.isfinite(part) & (before != part)
        if differ.any():
            day, place = (int(index[0]) for index in np.nonzero(differ))
            self._tell_difference(
                name, file, rows[day], int(np.flatnonzero(inside)[place]), part[day, place]
            )
        whole[where] = np.where(np.isfinite(before), before, part)

    def _tell_difference(
        self, name: str, file: GridFile, row: int, place: int, value: float
    ) -> None:
        day, one = self.days[row], self.region.locations[place].id
        other = next(each.path for each in self.files if day in each.days)
        raise RiskError(
            f"{NAME}: {other} and {file.path} differ: {name} at {day}, {one} is "
            f"{self.values[name][row, place]:g} in one and {value:g} in the other; keep the right "
            "one."
        )

    def require_all_inside(self, files: Sequence[GridFile]) -> None:
        """Raises RiskError where a place lies in the grid of no file."""
        if self.inside.all():
            return
        outside = np.flatnonzero(~self.inside)
        file, region = files[0], self.region
        east = (file.longitudes + 180.0) % 360.0 - 180.0
        raise RiskError(
            f"{NAME}: {len(outside)} of {len(self.inside)} places lie outside of the files' grid, "
            f"the first is {region.locations[outside[0]].id}; {file.path} has "
            f"{file.latitudes.min():g} to {file.latitudes.max():g} degrees north, {east.min():g} "
            f"to {east.max():g} degrees east; mend the box or the mask in {region.path}, take "
            "files that cover it, or set `within_km`."
        )

    def table(self) -> pd.DataFrame:
        """A Batch's observations: a row a day and place that has any value."""
        names = [name for name in VARIABLES if name in self.values]
        known = np.zeros((len(self.days), len(self.inside)), bool)
        for name in names:
            known |= np.isfinite(self.values[name])
        day, place = np.nonzero(known)
        ids = pd.Series([one.id for one in self.region.locations], dtype="str")
        columns = {
            "time": self.days.astype("datetime64[ns]")[day],
            "location": ids.take(place).reset_index(drop=True),
        }
        return pd.DataFrame(columns | {name: self.values[name][known] for name in names})
