"""Forecasts that were issued, as past days of the trigger bench."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from features.build import cell_coordinates
from features.hazards import LEVELS, Hazard
from models.colours import COLOURS
from models.verification.outcomes import positions
from models.verification.samples import by_lead
from models.verification.triggers import Bench

ISSUED = "issued"
DIMS = ("cell", "level", "init_time", "location")


def issued_bench(hazard: Hazard, held: pd.DataFrame) -> Bench:
    """The bench of the issued forecasts of a hazard, with the colours that were shown.

    ``held``: rows of forecast.csv with ``outcome``: 1.0, 0.0, NaN where it is not known.
    """
    rows = held[held["hazard"] == hazard.name]
    days, places = (np.unique(rows[name].to_numpy()) for name in ("issued", "location"))
    at = positions(hazard, rows, days, places)
    known = at[0] >= 0  # an older version may have had other cells
    rows, at = rows[known], tuple(index[known] for index in at)
    shape = (len(hazard.cells), len(LEVELS), len(days), len(places))
    ranks = {colour: number for number, colour in enumerate(COLOURS)}
    values = {
        "probability": rows["probability"].to_numpy(dtype=float),
        "outcome": rows["outcome"].to_numpy(dtype=float),
        "rank": np.array([ranks.get(colour, 0) for colour in rows["colour"]], dtype=float),
    }
    variables = {}
    for name, of_rows in values.items():
        laid_out = np.full(shape, np.nan)
        laid_out[at] = of_rows
        variables[name] = (DIMS, laid_out)
    coords = {"level": list(LEVELS), "init_time": days, "location": list(places)}
    data = xr.Dataset(variables, {**coords, **cell_coordinates(hazard)})
    judged = by_lead(hazard, data)
    return Bench(
        hazard,
        ISSUED,
        judged["lead_days"].values,
        judged["window_days"].values,
        days,
        judged["init_time"].dt.year.values,
        np.nan_to_num(judged["rank"].values[:, 0]).astype(int),
        judged["probability"].values,
        judged["outcome"].values,
    )
