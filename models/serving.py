"""A registered model as MLflow serves it: a table of the record in, probabilities out.

MLflow finds this module by its name in MLmodel. The probabilities are those of
``models.forecasting.forecasters``, which backtests and live runs call; a report publishes their
weighted mean, with weather forecasts where there are any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from configs import RiskError
from data_contracts.variables import VARIABLES
from features.build import delays_of, existing
from features.hazards import Options, hazards
from models.forecasting import forecasters
from models.registry.files import load_model
from models.registry.manifest import check_manifest
from models.registry.signature import FORECASTERS, OUTPUT_COLUMNS, load_options, variables_of
from models.training import Model


@dataclass(frozen=True)
class Served:
    """A model that answers with probabilities; ``options``: what the region file says of it."""

    model: Model
    options: Options

    def predict(
        self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """A row for each location, level, lead and window of one issue day.

        ``model_input``: time, location and canonical variables, a row a day and location; the last
        ``memory_days`` of the hazard and its delay are enough. ``params["issued"]``: the issue day,
        by default the day after the newest value. Raises RiskError where the table cannot be read.
        """
        hazard = hazards()[self.model.hazard]
        rows = located(model_input, self.model)
        record = read_record(rows, self.model)
        issued = issue_day(record, (params or {}).get("issued"))
        record = record.sel(time=slice(None, issued - np.timedelta64(1, "D")))
        init_times = np.array([issued])
        predicted = forecasters(
            self.model, record, init_times, delays_of(record), self.options
        ).isel(init_time=0)
        exists = existing(hazard, record, init_times, self.model.normals, self.options)[:, 0]
        table = answer(predicted, exists, issued)
        table.insert(1, "hazard", self.model.hazard)
        asked = table["location"].isin(set(rows["location"].astype(str)))
        return table[asked].reset_index(drop=True)


def _load_pyfunc(path: str) -> Served:
    """What MLflow calls with the model's folder. Raises Damaged where its files have changed."""
    folder = Path(path)
    check_manifest(folder, None)
    return Served(load_model(folder)[0], load_options(folder))


def located(table: pd.DataFrame, model: Model) -> pd.DataFrame:
    """The table with its location, which may be left out where the model has but one."""
    locations = model.meta["locations"]
    if "location" in table or len(locations) > 1:
        return table
    return table.assign(location=str(locations[0]))


def read_record(table: pd.DataFrame, model: Model) -> xr.Dataset:
    """The table as the store hands out a record: every day, all the model's locations, float32."""
    hazard = hazards()[model.hazard]
    if missing := [name for name in ("time", "location", *hazard.requires) if name not in table]:
        raise RiskError(f"record: the column {missing[0]!r} is missing, add it.")
    names = [name for name in variables_of(hazard, model) if name in table]
    rows = table[["time", "location", *names]].assign(
        time=pd.to_datetime(table["time"]).dt.as_unit("ns"), location=table["location"].astype(str)
    )
    locations = [str(location) for location in model.meta["locations"]]
    _require_readable(rows, locations)
    for name in names:
        _require_possible(rows[name])
    days = pd.date_range(rows["time"].min(), rows["time"].max(), name="time")
    record = rows.set_index(["time", "location"])[names].astype(np.float32).to_xarray()
    record = record.reindex(time=days, location=locations)
    for name in names:
        record[name].attrs["delay_days"] = model.meta["delays"][name]
    return record


def _require_readable(rows: pd.DataFrame, locations: list[str]) -> None:
    if rows.empty:
        raise RiskError("record: found no row, expected a row a day and place.")
    if unknown := sorted(set(rows["location"]) - set(locations)):
        raise RiskError(
            f"record: found the location {unknown[0]!r}, expected one the model has learnt: "
            f"{', '.join(locations)}."
        )
    odd = rows["time"] != rows["time"].dt.normalize()
    if odd.any():
        time = rows.loc[odd, "time"].iloc[0]
        raise RiskError(f"record: found the time {time}, expected days without an hour.")
    twice = rows.duplicated(["time", "location"])
    if twice.any():
        day, location = rows.loc[twice, ["time", "location"]].iloc[0]
        raise RiskError(f"record: {day.date()} at {location} stands twice, leave one row of it.")


def _require_possible(values: pd.Series) -> None:
    variable = VARIABLES[str(values.name)]
    wrong = values[(values < variable.low) | (values > variable.high)]
    if not wrong.empty:
        raise RiskError(
            f"record: {variable.name}: found {wrong.iloc[0]:g}, "
            f"expected {variable.low:g} to {variable.high:g} {variable.units}; "
            "convert the units or leave the cell empty."
        )


def issue_day(record: xr.Dataset, asked: Any) -> np.datetime64:
    """The day asked for, else the day after the newest on which anything was observed."""
    times = record["time"].values
    if asked is not None:
        try:
            day = np.datetime64(pd.Timestamp(str(asked)).normalize(), "ns")
        except ValueError:
            raise RiskError(
                f"issued: found {asked!r}, expected a day such as 2002-07-31."
            ) from None
    else:
        observed = np.isfinite(record.to_dataarray().values).any(axis=(0, 2))
        if not observed.any():
            raise RiskError("record: found no value, expected at least one.")
        day = times[observed][-1] + np.timedelta64(1, "D")
    if day <= times[0]:
        raise RiskError(
            f"issued: found {str(day)[:10]} and a record that begins on {str(times[0])[:10]}, "
            "expected a later day."
        )
    return day


def answer(predicted: xr.Dataset, exists: np.ndarray, issued: np.datetime64) -> pd.DataFrame:
    """The probabilities as a table, 0 where an event cannot be.

    ``predicted``: forecasters (cell, level, location). ``exists``: (cell, location).
    """
    possible = xr.DataArray(exists, dims=("cell", "location"))
    probabilities = (
        predicted[list(FORECASTERS.values())]
        .where(possible != 0, 0.0)
        .where(possible.notnull())
        .rename({name: column for column, name in FORECASTERS.items()})
    )
    rows = probabilities.drop_vars("init_time").to_dataframe().reset_index()
    rows = rows.dropna(subset=list(FORECASTERS), how="all")
    rows["valid"] = issued + pd.to_timedelta(rows["lead_days"].to_numpy(), unit="D")
    wanted = [name for name, _ in OUTPUT_COLUMNS if name != "hazard"]
    return rows.sort_values(["location", "level", "lead_days", "window_days"])[wanted].astype(
        {name: np.int64 for name in ("level", "lead_days", "window_days")}
    )
