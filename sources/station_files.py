"""Station files: anyone's own record, as CSV, Parquet or NetCDF files in the region's inbox.

Observations: ``time`` (ISO date), ``location`` (not needed where the region has one place),
canonical variables in canonical units. Weather forecasts as they were issued, in files whose name
begins with ``forecasts``: ``init_time``, ``lead_days``, ``location``, optional ``member``,
variables; instead of members the ensemble's mean and, in ``<variable>_spread``, its standard
deviation in the variable's units. Optional ``locations.csv``: location, name, latitude, longitude, elevation. Files may
overlap where they agree.

In NetCDF the columns are dimensions with coordinates and variables (``station`` is as good as
``location``), each variable's ``units`` must be there and be canonical, and coordinates name,
latitude, longitude, elevation of the places are used.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import xarray as xr

from configs import Region, RiskError
from data_contracts.batch import Batch, FetchRequest, Source
from data_contracts.variables import DETERMINISTIC, SPREAD, VARIABLES
from sources.units import SAME, conversion

LOCATION_COLUMNS = ("location", "name", "latitude", "longitude", "elevation")
MISSING = frozenset({"", "na", "nan", "n/a", "null", "none"})
OTHER_FORMATS = frozenset(
    {".xlsx", ".xls", ".ods", ".tsv", ".gz", ".zip", ".feather", ".grib", ".grb", ".json"}
)
SPREADS = {f"{name}_spread": name for name in VARIABLES}
LONGEST_ID = 200
MOST = 1_000_000  # of days ahead, or members: a number above is none

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
class _Kind:
    """What columns a kind of file has. ``keys`` identify a row."""

    required: tuple[str, ...]
    keys: tuple[str, ...]
    optional: tuple[str, ...] = ()
    numbers: tuple[str, ...] = tuple(VARIABLES)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.keys, *self.optional, *self.numbers)))


OBSERVATIONS = _Kind(required=("time",), keys=("time", "location"))
FORECASTS = _Kind(
    required=("init_time", "lead_days"),
    keys=("init_time", "lead_days", "location", "member"),
    numbers=(*VARIABLES, *SPREADS),
)
LOCATIONS = _Kind(
    required=("location",),
    keys=("location",),
    optional=("name",),
    numbers=("latitude", "longitude", "elevation"),
)


@dataclass(frozen=True)
class _Cells:
    """A file's cells as they stand there: trimmed text, or the format's own numbers and times.

    ``where`` tells a reader where the n-th row stands. ``places``: what the file itself says of its
    places, a row each.
    """

    path: Path
    table: pd.DataFrame
    where: Callable[[int], str]
    places: pd.DataFrame | None = None


@dataclass(frozen=True)
class _Record:
    """A file as a table of its kind's columns, and what it says of its places, a row each."""

    path: Path
    table: pd.DataFrame
    places: pd.DataFrame | None


def fetch(request: FetchRequest) -> Batch:
    """Read every file of the region's inbox.

    Raises RiskError: one sentence with the file, the line and the cure.
    """
    region = request.region
    inbox = region.inbox_path(request.settings)
    files = _files(region, inbox)
    places = _places(region, files["locations"])
    observations = [_read(path, OBSERVATIONS) for path in files["observations"]]
    forecasts = [_read(path, FORECASTS) for path in files["forecasts"]]
    known = _known(region, places, [record.table for record in (*observations, *forecasts)])
    observed = _join(
        [_placed(record, known, len(places) > 0) for record in observations], OBSERVATIONS
    )
    issued = _join([_placed(record, known, len(places) > 0) for record in forecasts], FORECASTS)
    told = [record.places for record in (*observations, *forecasts) if record.places is not None]
    return Batch(observed, _described(_with_told(places, told), [observed, issued]), issued)


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
        if suffix in OTHER_FORMATS:
            cure = "save it as one of these or take it out of the inbox"
            raise RiskError(
                f"{path}: found a {path.suffix} file, expected CSV, Parquet or NetCDF; {cure}."
            )
        if suffix in READERS:
            kinds[
                "locations"
                if name == "locations.csv"
                else "forecasts"
                if name.startswith("forecasts")
                else "observations"
            ].append(path)
    if not kinds["observations"]:
        raise RiskError(
            f"region {region.name!r}: the inbox {inbox} holds no file of observations; {cure}."
        )
    return kinds


def _read(path: Path, kind: _Kind) -> _Record:
    """One file as a table of the kind's columns, numbers as float64, days as datetime64."""
    cells = READERS[path.suffix.lower()](path, kind)
    table = pd.DataFrame(index=cells.table.index)
    for name in map(str, cells.table):
        if name in kind.numbers:
            table[name] = _numbers(cells, name)
        elif name in ("time", "init_time"):
            table[name] = _days(cells, name)
        elif name in ("lead_days", "member"):
            table[name] = _whole_numbers(cells, name)
        else:
            table[name] = _names(cells, name, needed=name == "location")
    _no_duplicates(cells, table, [key for key in kind.keys if key in table])
    _check_spreads(cells, table)
    return _Record(path, table, cells.places)


def _read_csv(path: Path, kind: _Kind) -> _Cells:
    """A CSV file's cells, all text; rows are lines."""
    text = _text(path)
    header = _csv_header(path, text)
    _check_header(path, header, kind)
    return _Cells(path, _csv_cells(path, text, header), lambda row: f"line {_line(text, row + 1)}")


def _read_parquet(path: Path, kind: _Kind) -> _Cells:
    """A Parquet file's cells, columns in its own types."""
    try:
        found = pa.parquet.read_table(path, use_threads=False)
        table = found.to_pandas(ignore_metadata=True, date_as_object=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RiskError(
            f"{path}: it cannot be read as Parquet ({_first_line(error)}); write it anew."
        ) from None
    _check_header(path, found.column_names, kind)
    if table.empty:
        raise RiskError(
            f"{path}: there are no rows in it, expected one a day; fill it or take it out of the "
            "inbox."
        )
    return _Cells(path, table.apply(_trimmed), lambda row: f"row {row + 1}")


def _read_netcdf(path: Path, kind: _Kind) -> _Cells:
    """A NetCDF file's cells: a row for each combination of its dimensions."""
    dataset = _dataset(path)
    names = [
        name
        for name in (*kind.keys, *dataset.data_vars)
        if name in dataset.dims or name in dataset.data_vars
    ]
    _check_header(path, list(map(str, names)), kind)
    strange = [str(dim) for dim in dataset.dims if dim not in kind.keys]
    if strange:
        raise RiskError(
            f"{path}: unknown dimension {strange[0]!r}, expected {', '.join(kind.keys)}; rename "
            "it or take it out."
        )
    for name in dataset.data_vars:
        _canonical(path, str(name), dataset[name].attrs.get("units"))
    table = dataset[list(dataset.data_vars)].to_dataframe().reset_index()[names].apply(_trimmed)
    if table.empty:
        raise RiskError(
            f"{path}: there are no rows in it, expected one a day; fill it or take it out of the "
            "inbox."
        )
    keys = [name for name in names if name in kind.keys]
    return _Cells(
        path, table, lambda row: _where(table.iloc[row], keys), _places_told(path, dataset)
    )


READERS: dict[str, Callable[[Path, _Kind], _Cells]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".nc": _read_netcdf,
    ".nc4": _read_netcdf,
}


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120].rstrip(".")


def _trimmed(column: pd.Series) -> pd.Series:
    """Text without spaces around it, from text or bytes; a column of other things as it is."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if column.dtype == "object" and column.map(lambda cell: isinstance(cell, bytes)).any():
        column = column.map(
            lambda cell: cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
        )
    return (
        column.astype("str").str.strip()
        if pd.api.types.infer_dtype(column, skipna=False) == "string"
        else column
    )


def _dataset(path: Path) -> xr.Dataset:
    """A NetCDF file in memory: CF times decoded, dimensions in canonical names and labelled."""
    try:
        with xr.open_dataset(path, decode_coords="all", decode_timedelta=False) as opened:
            dataset = _with_station_names(opened.load())
    except Exception as error:  # readers of NetCDF raise errors of every kind
        raise RiskError(
            f"{path}: it cannot be read as NetCDF ({_first_line(error)}); write it anew."
        ) from None
    bare = [str(dim) for dim in dataset.dims if dim not in dataset.coords]
    if bare:
        raise RiskError(
            f"{path}: the dimension {bare[0]!r} has no coordinate, expected one of that name; add "
            "it."
        )
    return dataset


def _with_station_names(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with the dimension ``location``, labelled by its stations' names.

    CF 9.5: they are a variable whose cf_role is timeseries_id.
    """
    if "station" in dataset.dims and "location" not in dataset.dims:
        dataset = dataset.rename({"station": "location"})
    if "location" in dataset.dims and "location" not in dataset.coords:
        named = [
            name
            for name, found in dataset.variables.items()
            if found.attrs.get("cf_role") == "timeseries_id"
        ]
        for name in named[:1]:
            return dataset.set_coords([name]).swap_dims(location=name).rename({name: "location"})
    return dataset


def _canonical(path: Path, name: str, units: str | None) -> None:
    """Raises RiskError when the variable is in another unit than the canonical one, or in none."""
    variable = SPREADS.get(name, name)
    right = VARIABLES[variable].units
    if units is None:
        raise RiskError(f"{path}: {name} has no `units` attribute, expected {right}; add it.")
    if conversion(str(units), variable, str(path), f"write it in {right}") != SAME:
        raise RiskError(f"{path}: {name} is in {units!r}, expected {right}; convert it.")


def _places_told(path: Path, dataset: xr.Dataset) -> pd.DataFrame | None:
    """What coordinates along ``location`` say of the places, as far as they are there.

    Raises RiskError where a latitude, longitude or elevation is no number.
    """
    short = {"lat": "latitude", "lon": "longitude", "alt": "elevation", "altitude": "elevation"}
    for name, long in short.items():
        if name in dataset.coords and long not in dataset.variables:
            dataset = dataset.rename({name: long})
    told = [
        name
        for name in LOCATION_COLUMNS[1:]
        if name in dataset.coords and dataset[name].dims == ("location",)
    ]
    for name in told:
        if name != "name" and dataset[name].dtype.kind not in "fiu":
            found = str(dataset[name].values[0])[:40]
            raise RiskError(
                f"{path}: the coordinate {name}: found {found!r}, expected numbers; store it so."
            )
    return (
        dataset[told].to_dataframe().apply(_trimmed).reset_index()[["location", *told]]
        if told
        else None
    )


def _text(path: Path) -> str:
    """The file's text. A byte order mark and any line ends are fine."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise RiskError(
            f"{path}: line {line} is not UTF-8 text; save the file as CSV in UTF-8."
        ) from None
    if not text.strip():
        raise RiskError(
            f"{path}: the file is empty, expected a header line and a line a day; fill it or take "
            "it out of the inbox."
        )
    if "\0" in text:
        raise RiskError(f"{path}: found bytes that are not text; save the file as CSV in UTF-8.")
    return text


def _csv_header(path: Path, text: str) -> list[str]:
    """The column names of a CSV file."""
    first = text.lstrip("\r\n").splitlines()[0]
    header = [name.strip() for name in next(csv.reader([first]))]
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in first:
            raise RiskError(
                f"{path}: columns are separated by {name}, expected commas and decimal points; "
                "save it as comma-separated CSV."
            )
    return header


def _check_header(path: Path, header: Sequence[str], kind: _Kind) -> None:
    """Raises RiskError unless each column is known and stands once, and all needed are there."""
    for name in kind.required:
        if name not in header:
            near = next(
                (found for found in header if ALIASES.get(found.lower(), found.lower()) == name),
                None,
            )
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


def _advice(name: str, kind: _Kind) -> str:
    if not name:
        return "the header has an empty field; name the column or take it out."
    if name in LOCATIONS.columns:
        return "which belongs into locations.csv; move it there."
    alias = ALIASES.get(name.lower().replace(" ", "_"))
    near = (
        [alias]
        if alias in kind.columns
        else difflib.get_close_matches(
            name.lower().replace(" ", "_"), kind.columns, n=1, cutoff=0.5
        )
    )
    return (
        f"did you mean {near[0]!r}? Rename it."
        if near
        else f"expected one of {', '.join(kind.columns)}; rename it or take it out."
    )


def _csv_cells(path: Path, text: str, header: Sequence[str]) -> pd.DataFrame:
    """The cells as trimmed text, a row for each line that is not blank.

    Every row must have as many fields as the header.
    """
    odd: list[Any] = []

    def keep_odd(row: Any) -> str:
        odd.append(row)
        return "skip"

    parse = pa.csv.ParseOptions(invalid_row_handler=keep_odd, newlines_in_values=True)
    names = [str(i) for i in range(len(header))]
    options = pa.csv.ReadOptions(
        column_names=names, skip_rows_after_names=1, use_threads=False, block_size=1 << 26
    )
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
    )
    try:
        table = pa.csv.read_csv(io.BytesIO(text.lstrip("\r\n").encode()), options, parse, convert)
    except pa.ArrowInvalid as error:
        raise RiskError(
            f"{path}: it cannot be read as CSV ({' '.join(str(error).split())}); look for a quote "
            "that is not closed."
        ) from None
    if odd:
        line = _line(text, odd[0].number - 1 if odd[0].number else 0)
        raise RiskError(
            f"{path}: line {line} has {odd[0].actual_columns} fields, expected {len(header)} as "
            "in the header; "
            "mend that line (decimals have a point, quotes come in pairs)."
        )
    frame = table.to_pandas().set_axis(list(header), axis=1)
    if frame.empty:
        raise RiskError(
            f"{path}: there are no rows below the header, expected a line a day; fill it or take "
            "it out of the inbox."
        )
    return frame.apply(lambda column: column.str.strip())


def _line(text: str, row: int) -> int:
    """The line of the file on which the n-th row (the header is 0) that is not blank ends."""
    reader = csv.reader(io.StringIO(text, newline=""))
    seen = -1
    for fields in reader:
        seen += bool(fields)
        if seen == row:
            return reader.line_num
    return reader.line_num


def _wrong(cells: _Cells, name: str, bad: pd.Series, expected: str) -> RiskError:
    row = int(np.flatnonzero(bad.to_numpy())[0])
    found = str(cells.table[name].iloc[row])
    shown = found if len(found) <= 40 else found[:40] + "..."
    return RiskError(f"{cells.path}: {cells.where(row)}, {name}: found {shown!r}, {expected}.")


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(column.dtype)


def _numbers(cells: _Cells, name: str) -> pd.Series:
    """A column of numbers; empty cells and NA, NaN, null are missing."""
    raw = cells.table[name]
    if (
        pd.api.types.is_bool_dtype(raw)
        or not (_is_text(raw) or pd.api.types.is_numeric_dtype(raw))
        and raw.notna().any()
    ):
        raise _wrong(cells, name, raw.notna(), "expected a number; store the column as numbers")
    values = pd.to_numeric(raw, errors="coerce").astype("float64")
    bad = values.isna() & raw.notna()
    if bad.any() and _is_text(raw):
        bad &= ~raw.str.lower().isin(MISSING)
    if bad.any():
        comma = "," in str(raw[bad].iloc[0])
        raise _wrong(
            cells,
            name,
            bad,
            "expected a decimal point"
            if comma
            else "expected a number, or nothing where it is missing",
        )
    return values


def _whole_numbers(cells: _Cells, name: str) -> pd.Series:
    values = pd.to_numeric(cells.table[name], errors="coerce")
    low = 0 if name == "lead_days" else -1
    bad = ~(values.between(low, MOST) & (values % 1 == 0))
    if bad.any():
        raise _wrong(cells, name, bad, f"expected a whole number from {low} on")
    return values.astype("int64")


def _days(cells: _Cells, name: str) -> pd.Series:
    """A column of days: ISO text, or times. Midnight is a day; another hour, or a zone, is not."""
    raw = cells.table[name]
    plain = raw.astype("str").fillna("").str.replace(r"[T ]00:00(:00(\.0+)?)?$", "", regex=True)
    shaped = plain.str.fullmatch(r"\d{4}-\d{2}-\d{2}")
    days = pd.to_datetime(plain.where(shaped), format="%Y-%m-%d", errors="coerce")
    bad = days.isna()
    if bad.any():
        hour = re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", plain[bad].iloc[0])
        expected = "expected a date such as 2001-01-31" + (
            " without an hour or a zone, one row a day" if hour else ""
        )
        raise _wrong(cells, name, bad, expected)
    return days


def _names(cells: _Cells, name: str, needed: bool) -> pd.Series:
    raw = cells.table[name]
    names = raw.astype("str") if pd.api.types.is_integer_dtype(raw) else raw.fillna("")
    if not names.map(lambda name: isinstance(name, str)).all():
        raise _wrong(
            cells, name, raw.notna() | raw.isna(), "expected text; store the column as text"
        )
    bad = names.str.len() > LONGEST_ID
    if needed:
        bad |= names == ""
    if bad.any():
        raise _wrong(cells, name, bad, f"expected a name of 1 to {LONGEST_ID} characters")
    return names


def _no_duplicates(cells: _Cells, table: pd.DataFrame, keys: list[str]) -> None:
    twice = table.duplicated(keys)
    if twice.any():
        row = table.iloc[int(np.flatnonzero(twice.to_numpy())[0])]
        same = np.flatnonzero((table[keys] == row[keys]).all(axis=1).to_numpy())
        one, other = (cells.where(int(found)).split(" ") for found in same[:2])
        both = f"{one[0]}s {one[-1]} and {other[-1]}" if one[0] in ("line", "row") else "two cells"
        raise RiskError(
            f"{cells.path}: {both} are both for {_where(row, keys)}, expected one; take one out."
        )


def _check_spreads(cells: _Cells, table: pd.DataFrame) -> None:
    """Raises RiskError where a spread is negative, has no mean, or stands beside members."""
    for name in [name for name in table if name in SPREADS]:
        mean = SPREADS[name]
        if "member" in table:
            raise RiskError(
                f"{cells.path}: found the columns 'member' and {name!r}, expected members or "
                "their mean and spread; take one of the columns out."
            )
        if mean not in table:
            raise RiskError(
                f"{cells.path}: {name} has no mean, expected a column {mean!r} beside it; add it."
            )
        if (table[name] < 0).any():
            raise _wrong(cells, name, table[name] < 0, "expected a standard deviation, 0 or more")
        alone = table[name].notna() & table[mean].isna()
        if alone.any():
            raise _wrong(cells, name, alone, f"expected {mean} beside it, or nothing")


def _where(row: pd.Series, keys: Sequence[str]) -> str:
    shown = {
        key: str(row[key].date()) if isinstance(row[key], pd.Timestamp) else str(row[key])
        for key in keys
        if key in row
    }
    return ", ".join(
        value if key in ("time", "location") else f"{key} {value}" for key, value in shown.items()
    )


def _places(region: Region, paths: list[Path]) -> pd.DataFrame:
    """The region file's places and those of locations.csv; the region file wins field by field."""
    listed = (
        pd.concat([_read(path, LOCATIONS).table for path in paths])
        if paths
        else pd.DataFrame({"location": pd.Series(dtype="str")})
    )
    listed = listed.reindex(columns=list(LOCATION_COLUMNS)).set_index("location")
    listed["name"] = listed["name"].astype("object").replace("", None)
    own = pd.DataFrame(
        [
            (
                place.id,
                place.names.get("en") or next(iter(place.names.values()), None),
                place.latitude,
                place.longitude,
                place.elevation,
            )
            for place in region.locations
        ],
        columns=list(LOCATION_COLUMNS),
    ).set_index("location")
    order = list(dict.fromkeys([*own.index, *listed.index]))
    merged = own.astype("object").combine_first(listed.astype("object")).reindex(order)
    return merged.rename_axis("location").reset_index().reindex(columns=list(LOCATION_COLUMNS))


def _with_told(places: pd.DataFrame, told: list[pd.DataFrame]) -> pd.DataFrame:
    """The places, what is left open filled from what files say of their own; earlier ones win."""
    merged = places.set_index("location").astype("object")
    for table in told:
        merged = merged.combine_first(
            table.astype({"location": "str"}).set_index("location").astype("object")
        )
    order = [
        *places["location"],
        *(name for name in merged.index if name not in set(places["location"])),
    ]
    return (
        merged.reindex(order)
        .rename_axis("location")
        .reset_index()
        .reindex(columns=list(LOCATION_COLUMNS))
    )


def _known(region: Region, places: pd.DataFrame, tables: list[pd.DataFrame]) -> list[str]:
    """Ids of the places: those listed, else those that files name, else the region's own name."""
    if len(places):
        return places["location"].tolist()
    named = [
        str(place)
        for table in tables
        if "location" in table
        for place in table["location"].unique()
    ]
    return list(dict.fromkeys(named)) or [region.name]


def _placed(record: _Record, known: list[str], listed: bool) -> _Record:
    """The record with its location column, every place of it known."""
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
    for place in table["location"].unique() if listed else ():
        if place not in known:
            near = difflib.get_close_matches(place, known, n=1, cutoff=0.5)
            hint = (
                f"did you mean {near[0]!r}?"
                if near
                else f"expected one of {', '.join(known[:5])}{', ...' if len(known) > 5 else ''};"
            )
            raise RiskError(
                f"{path}: unknown location {place!r}, {hint} Rename it, or add it to the region "
                "file or to locations.csv."
            )
    return record


def _join(records: list[_Record], kind: _Kind) -> pd.DataFrame:
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
    told = table.loc[table[spreads].notna().any(axis=1), [*keys, *spreads]]
    return pd.concat([runs, told.rename(columns=SPREADS).assign(member=SPREAD)], ignore_index=True)


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
    one, other = rows.iloc[0], rows[rows[name] != rows[name].iloc[0]].iloc[0]
    found: list[Hashable] = [paths[one["_file"]], paths[other["_file"]]]
    if where.get("member") == SPREAD:
        told, keys = f"{name}_spread", [key for key in keys if key != "member"]
    else:
        told = name
    raise RiskError(
        f"{found[0]} and {found[1]} differ: {told} at {_where(one, keys)} is {one[name]:g} in one "
        f"and {other[name]:g} in the other; "
        "keep the right one."
    )


def _described(places: pd.DataFrame, tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The locations table of the places that were measured, in the list's order.

    A place without a name is called by its id.
    """
    measured = dict.fromkeys(
        str(place) for table in tables if len(table) for place in table["location"].unique()
    )
    order = [place for place in places["location"] if place in measured] + sorted(
        set(measured) - set(places["location"])
    )
    table = places.set_index("location").reindex(order).rename_axis("location").reset_index()
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
