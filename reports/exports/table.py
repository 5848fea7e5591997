"""Files for other programs.

The forecast as a table and where it comes from. Every number equals the Dataset's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from configs.csv_cells import marked, unmark
from reports.exports.netcdf import read_graded
from reports.storage.retraction import retraction_of

COLUMNS = (
    "region", "location", "hazard", "level", "issued", "valid", "lead_days", "window_days",
    "probability", "normal_probability", "verdict", "colour", "data_until", "model_version",
)  # fmt: skip
BESIDE = ("location_name", "label", "notice")
"""The last columns of forecast.csv, which people read and programs need not: the location's name,
EXERCISE or HINDCAST, and what was said of the report after it came out."""
ORDER = ["location", "hazard", "level", "lead_days", "window_days"]
DATES = ["issued", "valid", "data_until"]
DIMS = ("cell", "level", "init_time", "location")


def forecast_table(forecast: xr.Dataset) -> pd.DataFrame:
    """The forecast as rows, sorted as forecast.csv is.

    One per hazard, level, lead, window and location that can have it.

    Dates are datetime64, probabilities float (NaN where missing), the rest text and whole numbers.
    A row with neither a number nor a verdict is a cell its location cannot have, and is left out.
    """
    return _rows(forecast, _SOURCES)[list(COLUMNS)]


def read_issued(path: Path) -> pd.DataFrame:
    """The rows of a published forecast.nc, with what each is graded beside.

    Those of ``forecast_table`` and ``stage``, and the probabilities ``model``, ``persistence`` and
    ``climatology_smoothed``, NaN where a file of an earlier version does not hold them.
    """
    forecast = read_graded(path)
    if forecast is None:
        with xr.open_dataset(path, engine="h5netcdf") as stored:
            forecast = stored.load()
    there = {name: source for name, source in _GRADED_BESIDE.items() if source in forecast}
    rows = _rows(forecast, _SOURCES | there)
    missing = dict.fromkeys(set(_GRADED_BESIDE) - set(there), np.nan)
    stage = rows["stage"].astype(str) if "stage" in rows else ""
    return rows.assign(**missing | {"stage": stage})


def _rows(forecast: xr.Dataset, sources: Mapping[str, str]) -> pd.DataFrame:
    shape = tuple(forecast.sizes[dim] for dim in DIMS)
    columns = {name: _flat(forecast, source, shape) for name, source in sources.items()}
    table = pd.DataFrame({"region": str(forecast.attrs["region"]), **columns})
    for name in DATES:
        table[name] = pd.to_datetime(table[name]).astype("datetime64[ns]")
    for name in ("region", "location", "hazard", "verdict", "colour", "model_version"):
        table[name] = table[name].astype(str)
    for name in ("level", "lead_days", "window_days"):
        table[name] = table[name].astype("int64")
    applicable = table["probability"].notna() | (table["verdict"] != "")
    return table[applicable].sort_values(ORDER, kind="stable").reset_index(drop=True)


_SOURCES = {
    "location": "location", "hazard": "hazard", "level": "level", "issued": "init_time",
    "valid": "valid_time", "lead_days": "lead_days", "window_days": "window_days",
    "probability": "probability",
    "normal_probability": "normal_probability", "verdict": "verdict", "colour": "colour",
    "data_until": "data_until", "model_version": "model_version",
}  # fmt: skip

_GRADED_BESIDE = {
    "model": "model_probability", "persistence": "persistence_probability",
    "climatology_smoothed": "smoothed_normal_probability", "stage": "stage",
}  # fmt: skip


def _flat(forecast: xr.Dataset, name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = forecast[name]
    present = [dim for dim in DIMS if dim in array.dims]
    wide = array.transpose(*present).values.reshape(
        [forecast.sizes[dim] if dim in present else 1 for dim in DIMS]
    )
    return np.broadcast_to(wide, shape).ravel()


def write_csv(
    table: pd.DataFrame, path: Path, names: Mapping[str, str] | None = None, label: str = ""
) -> None:
    """Write a forecast table, with the columns that people read after it.

    4 decimals, ISO dates, an empty field for what is missing, LF line ends, UTF-8; names that a
    spreadsheet would take for formulas are marked. ``names``: by location id.
    """
    called = table["location"].map(lambda location: (names or {}).get(location, location))
    marked(table.assign(location_name=called, label=label, notice="")).to_csv(
        path,
        index=False,
        float_format="%.4f",
        date_format="%Y-%m-%d",
        lineterminator="\n",
        encoding="utf-8",
    )


def read_forecast_csv(path: Path) -> pd.DataFrame:
    """Read what ``write_csv`` wrote: the same columns, types and values as ``forecast_table``.

    What people read beside them is left out; files from before 0.3 have none.

    Raises FileNotFoundError, and ValueError for a file that is not a forecast table.
    """
    numbers = dict.fromkeys(("probability", "normal_probability"), float)
    types = dict.fromkeys((*COLUMNS, *BESIDE), str) | numbers
    table = pd.read_csv(
        path,
        dtype=types,
        keep_default_na=False,
        na_values={name: [""] for name in numbers},
        encoding="utf-8",
    )
    if tuple(table.columns) not in (COLUMNS, (*COLUMNS, *BESIDE)):
        wrong = f"found columns {list(table.columns)}, expected {[*COLUMNS, *BESIDE]}"
        raise ValueError(f"{path}: {wrong}; make it again with climate-risk forecast.")
    table = table[list(COLUMNS)]
    for name in set(COLUMNS) - set(numbers):
        table[name] = table[name].map(unmark)
    for name in ("level", "lead_days", "window_days"):
        table[name] = table[name].astype("int64")
    for name in DATES:
        table[name] = pd.to_datetime(table[name].replace("", None), format="%Y-%m-%d").astype(
            "datetime64[ns]"
        )
    return table


def read_published(folder: Path | None) -> pd.DataFrame | None:
    """The forecast table of a published folder; None where none reads, or it is retracted.

    Nothing is held against a retracted report: its colours are no longer given.
    """
    try:
        if folder is None or retraction_of(folder) is not None:
            return None
        return read_forecast_csv(folder / "forecast.csv")
    except (OSError, ValueError):
        return None


def write_scores(scores: pd.DataFrame, path: Path) -> None:
    """Write a scores table as climate-risk backtest does.

    6 significant digits, an empty field for what is missing; texts that a spreadsheet would take
    for formulas are marked.
    """
    marked(scores).to_csv(
        path, index=False, float_format="%.6g", lineterminator="\n", encoding="utf-8"
    )
