"""The kinds of station files, and a file's table as it stands there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from configs import RiskError
from data_contracts.batch import LOCATION_COLUMNS
from data_contracts.variables import VARIABLES

SPREADS = {f"{name}_spread": name for name in VARIABLES}
"""Column of a standard deviation -> the variable whose mean stands beside it."""

OF_PLACES = LOCATION_COLUMNS[1:]
"""Columns that tell of the place, which may stand in a record too."""


@dataclass(frozen=True)
class FileKind:
    """What columns a kind of file has. ``keys`` identify a row, ``numbers`` hold numbers."""

    required: tuple[str, ...]
    keys: tuple[str, ...]
    optional: tuple[str, ...] = ()
    numbers: tuple[str, ...] = tuple(VARIABLES)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it may have."""
        return tuple(dict.fromkeys((*self.keys, *self.optional, *self.numbers)))


OBSERVATIONS = FileKind(
    required=("time",),
    keys=("time", "location"),
    optional=("name",),
    numbers=(*VARIABLES, *OF_PLACES[1:]),
)
FORECASTS = FileKind(
    required=("init_time", "lead_days"),
    keys=("init_time", "lead_days", "location", "member"),
    numbers=(*VARIABLES, *SPREADS),
)
LOCATIONS = FileKind(
    required=("location",),
    keys=("location",),
    optional=("name",),
    numbers=OF_PLACES[1:],
)


class FilesRefused(RiskError):
    """Files that cannot be read as they are: a sentence for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        shown = " ".join(self.problems[:3])
        more = len(self.problems) - 3
        rest = f" {more} more things are wrong; climate-risk check lists them." if more > 0 else ""
        super().__init__(shown + rest)


class GridWithoutPlaces(FilesRefused):
    """A grid where no place has coordinates. ``latitude``, ``longitude``: of its middle."""

    def __init__(self, problem: str, latitude: float, longitude: float) -> None:
        super().__init__([problem])
        self.latitude, self.longitude = round(latitude, 3), round(longitude, 3)


@dataclass(frozen=True)
class RawTable:
    """A file's table as it stands there: trimmed text, or the format's own numbers and times.

    Columns have the file's own names. ``where`` tells a reader where the n-th row stands.
    ``locations``: what the file itself says of its locations, a row each; without a column
    ``location`` where it has one place. ``units``: a column's unit, where the file tells it;
    ``meanings``: the variable that a column is by its own attributes. ``needs_units``: a column
    without a unit is refused. ``accumulated``: columns whose
    values may be what came since 00 UTC. ``problems``: lines that could not be read.
    """

    path: Path
    table: pd.DataFrame
    where: Callable[[int], str]
    locations: pd.DataFrame | None = None
    units: dict[str, str] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    needs_units: bool = False
    accumulated: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


def where_of(row: pd.Series, keys: Sequence[str]) -> str:
    """Where a row of a file is, in words, by its keys."""
    shown = {
        key: str(row[key].date()) if isinstance(row[key], pd.Timestamp) else str(row[key])
        for key in keys
        if key in row
    }
    return ", ".join(
        value if key in ("time", "location") else f"{key} {value}" for key, value in shown.items()
    )
