"""Forecasts that were issued, held against what happened since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region
from features.build import cell_coordinates, measured, options_for
from features.hazards import LEVELS, Hazard, hazards
from models.colours import COLOURS
from models.verification.outcomes import observed_outcome
from models.verification.samples import by_lead
from models.verification.triggers import Bench

ISSUED = "issued"
DIMS = ("cell", "level", "init_time", "location")
CELL = ["hazard", "location", "issued", "lead_days", "window_days", "level"]


def outcomes_of_issued(
    issued: pd.DataFrame,
    normals: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    region: Region,
    until: date,
) -> dict[str, xr.DataArray]:
    """What came after each issue day, by hazard: see ``observed_outcome``.

    ``issued``: rows of forecast.csv of one or more days. ``normals``: of the hazards' models, which
    say what the event is. Observations from ``until`` on are not read.
    """
    known = observations.sel(time=slice(None, pd.Timestamp(until) - pd.Timedelta(days=1)))
    outcomes = {}
    for name, rows in issued.groupby("hazard"):
        if name not in normals:
            continue
        hazard = hazards()[str(name)]
        first, last = rows["issued"].min(), rows["issued"].max()
        options = options_for(hazard, region, observations)
        outcome = observed_outcome(hazard, normals[str(name)], known, first, last, options)
        here = measured(hazard, known, options)
        outcomes[str(name)] = outcome.where(xr.DataArray(here, dims="location"))
    return outcomes


def with_outcomes(issued: pd.DataFrame, outcomes: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """The rows with a column ``outcome``: 1.0, 0.0, NaN where it is not known yet."""
    parts = []
    for name, outcome in outcomes.items():
        leads, windows = outcome["lead_days"].values, outcome["window_days"].values
        flat = (
            outcome.drop_vars(["lead_days", "window_days"]).to_series().reset_index(name="outcome")
        )
        flat["lead_days"] = leads[flat["cell"].to_numpy()]
        flat["window_days"] = windows[flat["cell"].to_numpy()]
        parts.append(flat.drop(columns="cell").assign(hazard=name))
    if not parts:
        return issued.assign(outcome=np.nan)
    known = pd.concat(parts).rename(columns={"init_time": "issued"})
    known["location"] = known["location"].astype(str)
    return issued.merge(known, how="left", on=CELL)


def issued_bench(hazard: Hazard, issued: pd.DataFrame, outcome: xr.DataArray) -> Bench:
    """The bench of the issued forecasts of a hazard, with the colours that were shown.

    ``issued``: rows of forecast.csv. ``outcome``: of ``outcomes_of_issued``.
    """
    rows = issued[issued["hazard"] == hazard.name]
    days = np.unique(rows["issued"].to_numpy())
    places = {str(place): number for number, place in enumerate(outcome["location"].values)}
    cells = {(cell.lead_days, cell.window_days): number for number, cell in enumerate(hazard.cells)}
    pairs = pd.Series(list(zip(rows["lead_days"], rows["window_days"], strict=True)), rows.index)
    known = pairs.isin(list(cells)) & rows["location"].isin(list(places))
    rows, pairs = rows[known], pairs[known]  # an older version may have had other cells or places
    at = (
        pairs.map(cells).to_numpy(dtype=int),
        rows["level"].to_numpy() - 1,
        np.searchsorted(days, rows["issued"].to_numpy()),
        rows["location"].map(places).to_numpy(dtype=int),
    )
    shape = (len(hazard.cells), len(LEVELS), len(days), len(places))
    probability, rank = np.full(shape, np.nan), np.full(shape, np.nan)
    probability[at] = rows["probability"].to_numpy()
    ranks = {colour: number for number, colour in enumerate(COLOURS)}
    rank[at] = [ranks.get(colour, 0) for colour in rows["colour"]]
    data = xr.Dataset(
        {
            "probability": (DIMS, probability),
            "rank": (DIMS, rank),
            "outcome": (DIMS, outcome.reindex(init_time=days).values),
        },
        {
            "level": list(LEVELS),
            "init_time": days,
            "location": list(places),
            **cell_coordinates(hazard),
        },
    )
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
