"""The forecast as NetCDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import h5netcdf
import numpy as np
import pandas as pd
import xarray as xr

from reports.exports.geojson import NOTE
from reports.text.xml import plain_text

INSTITUTION = "made with climate-risk; whose data it rests on is told in provenance.json"
GRADED = "graded"
"""Group of forecast.nc with the places that are graded, where the report is of areas."""


def write_netcdf(forecast: xr.Dataset, path: Path, graded: xr.Dataset | None = None) -> None:
    """Write the whole forecast Dataset as NetCDF 4 after CF-1.11.

    Contributions of causes and intervals are included.

    Names, dims and values are the Dataset's; attributes are added. Equal Datasets give equal bytes.
    ``graded``: the forecast of other places, by which it is graded, as the group GRADED.
    """
    _write(forecast, path, "w", None)
    if graded is not None:
        _write(graded, path, "a", GRADED)


def read_graded(path: Path) -> xr.Dataset | None:
    """The group GRADED of a file of ``write_netcdf``, in memory; None where it has none."""
    with h5netcdf.File(path, "r") as stored:
        if GRADED not in stored.groups:
            return None
    with xr.open_dataset(path, engine="h5netcdf", group=GRADED) as stored:
        return stored.load()


def _write(forecast: xr.Dataset, path: Path, mode: Literal["w", "a"], group: str | None) -> None:
    described = forecast.copy()
    for name in described.variables:
        described[name].attrs = ATTRIBUTES.get(str(name), {}) | described[name].attrs
    described.attrs = forecast.attrs | _about(forecast)
    text = {
        name: described[name].copy(data=_plain(described[name].values))
        for name in forecast.variables
        if forecast[name].dtype.kind in "OU"
    }
    whole = described.assign(
        {name: values for name, values in text.items() if name in forecast.data_vars}
    ).assign_coords({name: values for name, values in text.items() if name in forecast.coords})
    _in_order(whole).to_netcdf(
        path, mode=mode, group=group, engine="h5netcdf", encoding=_encoding(whole)
    )


def _in_order(forecast: xr.Dataset) -> xr.Dataset:
    """Coordinates by name: their order in a Dataset changes from process to process."""
    coords = {name: forecast[name].variable for name in sorted(map(str, forecast.coords))}
    return forecast.drop_vars(list(forecast.coords)).assign_coords(coords)


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
    locations = [name for name in _POSITION if name in forecast.coords]
    days = [name for name in forecast.variables if forecast[name].dtype.kind == "M"]
    return (
        {
            name: {"dtype": "S1"} if forecast[name].dtype.kind == "O" else {"_FillValue": None}
            for name in [*axes, *locations]
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
        "institution": INSTITUTION,
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
ATTRIBUTES: dict[str, dict[str, Any]] = {
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
    "model_probability": {
        "long_name": "probability of the event by the model alone, with the weather forecasts that "
        "stage tells of",
        "units": "1",
    },
    "persistence_probability": {
        "long_name": "probability of the event by what was already known on the issue day",
        "units": "1",
    },
    "smoothed_normal_probability": {
        "long_name": "usual probability of the event for the date, smoothed over the year",
        "units": "1",
    },
    "verdict": {"long_name": "how good the published probability has proven to be"},
    "stage": {"long_name": "combined where weather forecasts are in the probability, else state"},
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
    "threshold": {
        "long_name": "value beyond which a condition of the level is met on the valid day, in the "
        "unit named by threshold_units"
    },
    "threshold_units": {"long_name": "unit of threshold"},
    "condition": {"long_name": "number of the condition of a level", "units": "1"},
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
