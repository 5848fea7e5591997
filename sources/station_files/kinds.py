"""The kinds of station files, and the columns that each may have."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from configs import RiskError
from data_contracts.batch import LOCATION_COLUMNS
from data_contracts.variables import VARIABLES

SPREADS = {f"{name}_spread": name for name in VARIABLES}
"""Column of a standard deviation -> the variable whose mean stands beside it."""

# Names people give these columns, to suggest the canonical one.
ALIASES = {
    "tmax": "air_temperature_max", "tx": "air_temperature_max", "tmin": "air_temperature_min",
    "tn": "air_temperature_min", "tmean": "air_temperature_mean", "tavg": "air_temperature_mean",
    "temperature": "air_temperature_mean", "tg": "air_temperature_mean", "rain": "precipitation",
    "rainfall": "precipitation", "prcp": "precipitation", "precip": "precipitation",
    "pr": "precipitation", "et0": "potential_evapotranspiration",
    "pet": "potential_evapotranspiration", "eto": "potential_evapotranspiration",
    "rh": "relative_humidity", "humidity": "relative_humidity", "wind": "wind_speed",
    "radiation": "surface_downwelling_shortwave", "discharge": "river_discharge",
    "flow": "river_discharge", "level": "river_level", "stage": "river_level",
    "pressure": "air_pressure", "date": "time", "day": "time", "datetime": "time",
    "timestamp": "time", "station": "location", "site": "location", "id": "location",
    "lat": "latitude", "lon": "longitude", "lng": "longitude", "altitude": "elevation",
    "lead_time": "lead_days", "lead": "lead_days",
}  # fmt: skip


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


OBSERVATIONS = FileKind(required=("time",), keys=("time", "location"))
FORECASTS = FileKind(
    required=("init_time", "lead_days"),
    keys=("init_time", "lead_days", "location", "member"),
    numbers=(*VARIABLES, *SPREADS),
)
LOCATIONS = FileKind(
    required=("location",),
    keys=("location",),
    optional=("name",),
    numbers=LOCATION_COLUMNS[2:],
)


@dataclass(frozen=True)
class RawTable:
    """A file's table as it stands there: trimmed text, or the format's own numbers and times.

    ``where`` tells a reader where the n-th row stands. ``locations``: what the file itself says of
    its locations, a row each.
    """

    path: Path
    table: pd.DataFrame
    where: Callable[[int], str]
    locations: pd.DataFrame | None = None


def check_header(path: Path, header: Sequence[str], kind: FileKind) -> None:
    """Raises RiskError unless each column is known and stands once, and all needed are there."""
    for name in kind.required:
        if name not in header:
            spelled = (col for col in header if ALIASES.get(col.lower(), col.lower()) == name)
            near = next(spelled, None)
            cure = f"rename {near!r}" if near else "add it"
            raise RiskError(
                f"{path}: there is no `{name}` column, found {', '.join(map(repr, header))}; "
                f"{cure}."
            )
    for name in header:
        if name not in kind.columns:
            raise RiskError(f"{path}: unknown column {name!r}, {_advice(name, kind)}")
        if header.count(name) > 1:
            raise RiskError(f"{path}: the column {name!r} stands twice; take one out.")
    if not any(name in kind.numbers for name in header) and kind is not LOCATIONS:
        raise RiskError(
            f"{path}: there is no variable in it, expected one or more of {', '.join(VARIABLES)}; "
            "add a column."
        )


def _advice(name: str, kind: FileKind) -> str:
    if not name:
        return "the header has an empty field; name the column or take it out."
    if name in LOCATIONS.columns:
        return "which belongs into locations.csv; move it there."
    plain = name.lower().replace(" ", "_")
    near = difflib.get_close_matches(plain, kind.columns, n=1, cutoff=0.5)
    if (alias := ALIASES.get(plain)) in kind.columns:
        near = [str(alias)]
    if near:
        return f"did you mean {near[0]!r}? Rename it."
    return f"expected one of {', '.join(kind.columns)}; rename it or take it out."


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
