"""A registered model as MLflow serves it: a table of the record in, a table of chances out.

MLflow finds this module by its name in MLmodel. The numbers are those of
``models.training.forecasters``, which backtests and live runs call; a report publishes their
weighted mean, with weather forecasts where there are any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region, RiskError
from data_contracts.variables import VARIABLES
from features.build import delays_of, existing, options_for
from features.hazards import Hazard, Options, hazards
from models.manifest import check_manifest
from models.model_files import load_model
from models.training import Model, forecasters

OPTIONS = "options.json"
FORECASTERS = {"probability": "model", "persistence": "persistence", "climatology": "climatology"}
"""Column of the answer -> the forecaster it is of."""
COLUMNS_SAID = (
    ("location", "string"),
    ("hazard", "string"),
    ("level", "long"),
    ("lead_days", "long"),
    ("window_days", "long"),
    ("valid", "datetime"),
    *((name, "double") for name in FORECASTERS),
)
"""Name and MLflow's type of each column of the answer."""


@dataclass(frozen=True)
class Served:
    """A model that answers with chances; ``options`` are what its region file says of the hazard."""

    model: Model
    options: Options

    def predict(
        self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """A row for each place, level, lead and window of one issue day.

        ``model_input``: time, location and canonical variables, a row a day and place; the last
        ``memory_days`` of the hazard and its delay do. ``params["issued"]``: the issue day (default: the day after the newest value).
        Raises RiskError where the table cannot be read.
        """
        rows = located(model_input, self.model)
        record = read_record(rows, self.model)
        issued = issue_day(record, (params or {}).get("issued"))
        record = record.sel(time=slice(None, issued - np.timedelta64(1, "D")))
        made = forecasters(
            self.model, record, np.array([issued]), delays_of(record), self.options
        ).isel(init_time=0)
        hazard = hazards()[self.model.hazard]
        exists = existing(hazard, record, np.array([issued]), self.model.normals, self.options)[
            :, 0
        ]
        table = answer(made, exists, issued)
        table.insert(1, "hazard", self.model.hazard)
        asked = table["location"].isin(set(rows["location"].astype(str)))
        return table[asked].reset_index(drop=True)


def _load_pyfunc(path: str) -> Served:
    """What MLflow calls with the model's folder. Raises Damaged where its files have changed."""
    folder = Path(path)
    check_manifest(folder, None)
    return Served(load_model(folder)[0], load_options(folder))


def options_of(model: Model, region: Region, observations: xr.Dataset | None) -> Options:
    """What the region file says of the model's hazard.

    Without observations the region file's places tell north from south.
    """
    if observations is None:
        latitudes = [np.nan if one.latitude is None else one.latitude for one in region.locations]
        observations = xr.Dataset(
            coords={"latitude": ("location", np.array(latitudes or [np.nan]))}
        )
    return options_for(hazards()[model.hazard], region, observations)


def save_options(options: Options, folder: Path) -> None:
    """Write what the region file says, which the model's own files do not hold."""
    text = json.dumps(asdict(options), indent=1, sort_keys=True)
    (folder / OPTIONS).write_text(text, encoding="utf-8")


def load_options(folder: Path) -> Options:
    """Read what save_options wrote."""
    found = json.loads((folder / OPTIONS).read_text(encoding="utf-8"))
    first, last = found["warm_season"]
    return Options((first, last), found["thresholds"])


def columns_read(model: Model) -> list[tuple[str, str, bool]]:
    """Name, MLflow's type and whether it is required, of each column that the model reads."""
    hazard = hazards()[model.hazard]
    several = len(model.meta["locations"]) > 1
    keys = [("time", "datetime", True), ("location", "string", several)]
    variables = [(name, "double", name in hazard.requires) for name in variables_of(hazard, model)]
    return [*keys, *variables]


def variables_of(hazard: Hazard, model: Model) -> list[str]:
    """The variables that the model learnt from."""
    return [name for name in (*hazard.requires, *hazard.uses) if name in model.meta["delays"]]


def located(table: pd.DataFrame, model: Model) -> pd.DataFrame:
    """The table with its location, which may be left out where the model has but one."""
    places = model.meta["locations"]
    if "location" in table or len(places) > 1:
        return table
    return table.assign(location=str(places[0]))


def read_record(table: pd.DataFrame, model: Model) -> xr.Dataset:
    """The table as the store would hand it out: every day, all places of the model, float32."""
    hazard = hazards()[model.hazard]
    if missing := [name for name in ("time", "location", *hazard.requires) if name not in table]:
        raise RiskError(f"record: the column {missing[0]!r} is missing, add it.")
    names = [name for name in variables_of(hazard, model) if name in table]
    rows = table[["time", "location", *names]].assign(
        time=pd.to_datetime(table["time"]).dt.as_unit("ns"), location=table["location"].astype(str)
    )
    places = [str(place) for place in model.meta["locations"]]
    _require_readable(rows, places)
    for name in names:
        _require_possible(rows[name])
    days = pd.date_range(rows["time"].min(), rows["time"].max(), name="time")
    record = rows.set_index(["time", "location"])[names].astype(np.float32).to_xarray()
    record = record.reindex(time=days, location=places)
    for name in names:
        record[name].attrs["delay_days"] = model.meta["delays"][name]
    return record


def _require_readable(rows: pd.DataFrame, places: list[str]) -> None:
    if rows.empty:
        raise RiskError("record: found no row, expected a row a day and place.")
    if strangers := sorted(set(rows["location"]) - set(places)):
        raise RiskError(
            f"record: found the location {strangers[0]!r}, expected one the model has learnt: "
            f"{', '.join(places)}."
        )
    odd = rows["time"] != rows["time"].dt.normalize()
    if odd.any():
        raise RiskError(
            f"record: found the time {rows.loc[odd, 'time'].iloc[0]}, expected days without an hour."
        )
    twice = rows.duplicated(["time", "location"])
    if twice.any():
        day, place = rows.loc[twice, ["time", "location"]].iloc[0]
        raise RiskError(f"record: {day.date()} at {place} stands twice, leave one row of it.")


def _require_possible(values: pd.Series) -> None:
    row = VARIABLES[str(values.name)]
    wrong = values[(values < row.low) | (values > row.high)]
    if not wrong.empty:
        raise RiskError(
            f"record: {row.name}: found {wrong.iloc[0]:g}, expected {row.low:g} to {row.high:g} "
            f"{row.units}; convert the units or leave the cell empty."
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
        known = np.isfinite(record.to_dataarray().values).any(axis=(0, 2))
        if not known.any():
            raise RiskError("record: found no value, expected at least one.")
        day = times[known][-1] + np.timedelta64(1, "D")
    if day <= times[0]:
        raise RiskError(
            f"issued: found {str(day)[:10]} and a record that begins on {str(times[0])[:10]}, "
            "expected a later day."
        )
    return day


def answer(made: xr.Dataset, exists: np.ndarray, issued: np.datetime64) -> pd.DataFrame:
    """The chances as a table; where an event cannot be its chance is 0."""
    possible = xr.DataArray(exists, dims=("cell", "location"))
    chances = made[list(FORECASTERS.values())].where(possible != 0, 0.0).where(possible.notnull())
    chances = chances.rename({name: column for column, name in FORECASTERS.items()})
    rows = chances.drop_vars("init_time").to_dataframe().reset_index()
    rows = rows.dropna(subset=list(FORECASTERS), how="all")
    rows["valid"] = issued + pd.to_timedelta(rows["lead_days"].to_numpy(), unit="D")
    wanted = [name for name, _ in COLUMNS_SAID if name != "hazard"]
    return rows.sort_values(["location", "level", "lead_days", "window_days"])[wanted].astype(
        {name: np.int64 for name in ("level", "lead_days", "window_days")}
    )
