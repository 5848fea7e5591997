"""Files for other programs.

The forecast as a table and where it comes from. Every number equals the Dataset's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from configs import Location, Region
from reports.archive import retraction_against
from reports.markup import plain_text
from reports.outlines import Outline, outlines

COLUMNS = (
    "region", "location", "hazard", "level", "issued", "valid", "lead_days", "window_days",
    "probability", "normal_probability", "verdict", "colour", "data_until", "model_version",
)  # fmt: skip
ORDER = ["location", "hazard", "level", "lead_days", "window_days"]
DATES = ["issued", "valid", "data_until"]
DIMS = ("cell", "level", "init_time", "location")


def forecast_table(forecast: xr.Dataset) -> pd.DataFrame:
    """The forecast as rows, sorted as forecast.csv is.

    One per hazard, level, lead, window and location that can have it.

    Dates are datetime64, probabilities float (NaN where missing), the rest text and whole numbers.
    A row with neither a number nor a verdict is a cell its location cannot have, and is left out.
    """
    shape = tuple(forecast.sizes[dim] for dim in DIMS)
    columns = {name: _flat(forecast, source, shape) for name, source in _SOURCES.items()}
    table = pd.DataFrame({"region": str(forecast.attrs["region"]), **columns})
    for name in DATES:
        table[name] = pd.to_datetime(table[name]).astype("datetime64[ns]")
    for name in ("region", "location", "hazard", "verdict", "colour", "model_version"):
        table[name] = table[name].astype(str)
    for name in ("level", "lead_days", "window_days"):
        table[name] = table[name].astype("int64")
    applicable = table["probability"].notna() | (table["verdict"] != "")
    return (
        table.loc[applicable, list(COLUMNS)]
        .sort_values(ORDER, kind="stable")
        .reset_index(drop=True)
    )


_SOURCES = {
    "location": "location", "hazard": "hazard", "level": "level", "issued": "init_time",
    "valid": "valid_time", "lead_days": "lead_days", "window_days": "window_days",
    "probability": "probability",
    "normal_probability": "normal_probability", "verdict": "verdict", "colour": "colour",
    "data_until": "data_until", "model_version": "model_version",
}  # fmt: skip


def _flat(forecast: xr.Dataset, name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = forecast[name]
    present = [dim for dim in DIMS if dim in array.dims]
    wide = array.transpose(*present).values.reshape(
        [forecast.sizes[dim] if dim in present else 1 for dim in DIMS]
    )
    return np.broadcast_to(wide, shape).ravel()


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a forecast table.

    4 decimals, ISO dates, an empty field for what is missing, LF line ends, UTF-8.
    """
    table.to_csv(
        path,
        index=False,
        float_format="%.4f",
        date_format="%Y-%m-%d",
        lineterminator="\n",
        encoding="utf-8",
    )


def read_forecast_csv(path: Path) -> pd.DataFrame:
    """Read what ``write_csv`` wrote: the same columns, types and values as ``forecast_table``.

    Raises FileNotFoundError, and ValueError for a file that is not a forecast table.
    """
    numbers = dict.fromkeys(("probability", "normal_probability"), float)
    types = dict.fromkeys(COLUMNS, str) | numbers
    table = pd.read_csv(
        path,
        dtype=types,
        keep_default_na=False,
        na_values=dict.fromkeys(numbers, [""]),
        encoding="utf-8",
    )
    if tuple(table.columns) != COLUMNS:
        found = f"found columns {list(table.columns)}, expected {list(COLUMNS)}"
        raise ValueError(f"{path}: {found}; make it again with climate-risk forecast.")
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
        if folder is None or retraction_against(folder) is not None:
            return None
        return read_forecast_csv(folder / "forecast.csv")
    except (OSError, ValueError):
        return None


def write_scores(scores: pd.DataFrame, path: Path) -> None:
    """Write a scores table as climate-risk backtest does.

    6 significant digits, an empty field for what is missing.
    """
    scores.to_csv(path, index=False, float_format="%.6g", lineterminator="\n", encoding="utf-8")


def write_provenance(provenance: dict[str, Any], path: Path) -> None:
    """Write provenance.json with sorted keys, so that the same facts are the same bytes.

    Raises ValueError on NaN.
    """
    text = json.dumps(
        provenance, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False, default=str
    )
    path.write_text(plain_text(text) + "\n", encoding="utf-8", newline="\n")


NOTE = "Indicative, not an official vigilance."


def write_geojson(
    table: pd.DataFrame,
    region: Region,
    path: Path,
    label: str = "",
    shapes: Mapping[str, Outline] | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write a forecast table as GeoJSON (RFC 7946).

    A Feature for each location, whose property ``forecast`` holds its rows.

    The geometry is the location's outline, else its point, else null. Numbers are those of
    forecast.csv, null where missing. ``shapes``: outlines by location id, read from the region's
    boundaries where not given. ``names``: id -> name of locations that the region file does not
    name. Equal arguments give equal bytes. Raises RiskError, see ``outlines``.
    """
    found = outlines(region) if shapes is None else shapes
    known = {place.id: place for place in region.locations}
    features = []
    for name, rows in table.groupby("location", sort=True):
        place, spoken = known.get(str(name)), (names or {}).get(str(name))
        said = dict(place.names) if place else {"en": spoken} if spoken else {}
        geometry = _geometry(place, found.get(str(name)))
        properties = {"id": str(name), "names": said, "forecast": _rows(rows)}
        features.append(
            {"type": "Feature", "id": str(name), "geometry": geometry, "properties": properties}
        )
    issued = table["issued"].iloc[0].date().isoformat() if len(table) else None
    about = {
        "type": "FeatureCollection",
        "region": region.name,
        "title": region.title,
        "issued": issued,
        "label": label,
        "note": NOTE,
    }
    text = json.dumps(
        about | {"features": features}, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    path.write_text(plain_text(text) + "\n", encoding="utf-8", newline="\n")


def _geometry(place: Location | None, outline: Outline | None) -> dict[str, Any] | None:
    if outline:
        rings = [[list(point) for point in ring] for ring in outline.polygons]
        if len(rings) == 1:
            return {"type": "Polygon", "coordinates": rings}
        return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
    if place is None or place.latitude is None or place.longitude is None:
        return None
    return {"type": "Point", "coordinates": [place.longitude, place.latitude]}


def _rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a forecast table as JSON holds them.

    Without the columns that a collection or a feature says once.
    """
    shown = rows.drop(columns=["region", "location"])
    for name in DATES:
        shown[name] = shown[name].dt.strftime("%Y-%m-%d")
    shown[["probability", "normal_probability"]] = shown[
        ["probability", "normal_probability"]
    ].round(4)
    clean = shown.astype(object).where(shown.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in clean.to_dict("records")]


def write_netcdf(forecast: xr.Dataset, path: Path) -> None:
    """Write the whole forecast Dataset as NetCDF 4 after CF-1.11.

    Contributions of causes and intervals are included.

    Names, dims and values are the Dataset's; attributes are added. Equal Datasets give equal bytes.

    """
    described = forecast.copy()
    for name in described.variables:
        described[name].attrs = _ATTRIBUTES.get(str(name), {}) | described[name].attrs
    described.attrs = forecast.attrs | _about(forecast)
    text = {
        name: described[name].copy(data=_plain(described[name].values))
        for name in forecast.variables
        if forecast[name].dtype.kind in "OU"
    }
    whole = described.assign(
        {name: values for name, values in text.items() if name in forecast.data_vars}
    ).assign_coords({name: values for name, values in text.items() if name in forecast.coords})
    whole.to_netcdf(path, engine="h5netcdf", encoding=_encoding(whole))


def _plain(texts: np.ndarray) -> np.ndarray:
    """Texts as Python's, without the signs that neither a file nor a page can hold."""
    return np.array([plain_text(str(text)) for text in texts.ravel()], dtype=object).reshape(
        texts.shape
    )


def _encoding(forecast: xr.Dataset) -> dict[Any, dict[str, Any]]:
    """How values are stored where CF is stricter than xarray.

    Days are days since 1970. Axes and positions have no fill value. Texts named like their
    dimension are arrays of characters: a text of the dimension's own shape would pass for a
    coordinate variable, which has to be a number.
    """
    axes = [name for name in forecast.coords if name in forecast.dims]
    places = [name for name in _POSITION if name in forecast.coords]
    days = [name for name in forecast.variables if forecast[name].dtype.kind == "M"]
    return (
        {
            name: {"dtype": "S1"} if forecast[name].dtype.kind == "O" else {"_FillValue": None}
            for name in [*axes, *places]
        }
        | {
            name: {"units": "days since 1970-01-01", "dtype": "int32", "_FillValue": _NO_DAY}
            for name in days
        }
        | {
            name: {"units": "days since 1970-01-01", "dtype": "int32"}
            for name in days
            if name in forecast.dims
        }
    )


_POSITION = ("latitude", "longitude")
_NO_DAY = -(2**31)


def _about(forecast: xr.Dataset) -> dict[str, str]:
    """CF's global attributes. No clock: a forecast made again says the same."""
    issued = pd.Timestamp(forecast["init_time"].values[0]).date()
    title = str(forecast.attrs.get("title") or forecast.attrs.get("region", ""))
    return {
        "Conventions": "CF-1.11",
        "title": title,
        "institution": "made with climate-risk; whose data it rests on is told in provenance.json",
        "source": "statistical forecasts learnt from the record of each place, "
        "see model_version and provenance.json",
        "history": f"{issued} issued by climate-risk",
        "references": "provenance.json beside this file",
        "comment": f"{NOTE} probability is the published chance; colour, verdict and the "
        "calendar's chance stand beside it.",
    }


_NO_LEAP = {"units_metadata": "leap_seconds: none"}

# What a variable is, in CF's terms. "day" rather than "days": xarray would read whole numbers of
# days as durations.
_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "probability": {
        "long_name": "published probability of the event",
        "units": "1",
        "ancillary_variables": "verdict normal_probability",
    },
    "normal_probability": {
        "long_name": "usual probability of the event for the date",
        "units": "1",
    },
    "probability_low": {
        "long_name": "lower end of the 90 % interval of the probability",
        "units": "1",
    },
    "probability_high": {
        "long_name": "upper end of the 90 % interval of the probability",
        "units": "1",
    },
    "verdict": {"long_name": "how good the published probability has proven to be"},
    "stage": {"long_name": "N where weather forecasts have their say in the probability, else K"},
    "colour": {"long_name": "colour of the place and day"},
    "contribution": {
        "long_name": "what a cause adds to the log-odds of the probability over the usual one",
        "units": "1",
    },
    "outlook": {
        "long_name": "quantile of the quantity named by outlook_title, "
        "in the unit named by outlook_units"
    },
    "outlook_title": {"long_name": "quantity that outlook foretells"},
    "outlook_units": {"long_name": "unit of outlook"},
    "quantile": {"long_name": "probability of not being exceeded", "units": "1"},
    "cause": {"long_name": "what drives the probability"},
    "hazard": {"long_name": "hazard"},
    "level": {
        "long_name": "level of the event",
        "units": "1",
        "flag_values": np.array([1, 2, 3]),
        "flag_meanings": "unusual severe extreme",
    },
    "lead_days": {
        "standard_name": "forecast_period",
        "long_name": "days from the issue day to the valid day",
        "units": "day",
    },
    "window_days": {"long_name": "days the event or the index looks at", "units": "day"},
    "init_time": {"standard_name": "forecast_reference_time", "long_name": "issue day", **_NO_LEAP},
    "valid_time": {"standard_name": "time", "long_name": "valid day", **_NO_LEAP},
    "data_until": {"long_name": "newest day of data", **_NO_LEAP},
    "model_version": {"long_name": "version of the registered model"},
    "location": {"long_name": "id of the place", "cf_role": "timeseries_id"},
    "name": {"long_name": "name of the place"},
    "latitude": {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"},
    "longitude": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"},
    "elevation": {
        "standard_name": "surface_altitude",
        "long_name": "height above the sea",
        "units": "m",
        "positive": "up",
    },
}
