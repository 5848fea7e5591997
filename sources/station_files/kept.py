"""What the store has, for the rows of files that cannot be read now."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from data_contracts.batch import StoredRecord
from data_contracts.variables import DETERMINISTIC, VARIABLES
from sources.station_files.kinds import FORECASTS, OBSERVATIONS, FileKind


def with_stored(table: pd.DataFrame, stored: StoredRecord, kind: FileKind) -> pd.DataFrame:
    """The table, and the stored values of cells that it has none for."""
    dataset = stored.observations if kind is OBSERVATIONS else stored.forecasts
    if dataset is None:
        return table
    before, keys = _rows(dataset, kind), list(kind.keys)
    if table.empty:
        return before
    merged = table.set_index(keys).combine_first(before.set_index(keys)).reset_index()
    return merged[[*keys, *(name for name in VARIABLES if name in merged)]]


def _rows(dataset: xr.Dataset, kind: FileKind) -> pd.DataFrame:
    """A stored record as the rows of a file's table."""
    variables = [name for name in VARIABLES if name in dataset]
    dims = [
        dim
        for dim in ("time", "init_time", "lead_time", "location", "member")
        if dim in dataset.dims
    ]
    table = dataset[variables].to_dataframe(dim_order=dims).reset_index()
    table["location"] = table["location"].astype("str")
    if kind is FORECASTS:
        table["lead_days"] = table["lead_time"].dt.days
        if "member" not in table:
            table["member"] = DETERMINISTIC
    known = table[variables].notna().any(axis=1)
    return table.loc[known, [*kind.keys, *variables]].reset_index(drop=True)
