"""Models to register: a hazard, two places, and predictions as good as a test wants them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region
from features.hazards import LEVELS, hazards
from models.training import Model

HEAT = hazards()["heat"]
PLACES = ("east", "west")


def named(region: Region, name: str) -> Region:
    return changed(region, name=name)


def changed(region: Region, **update: object) -> Region:
    """The region with other values; made anew, because a copy would keep the fingerprint."""
    return Region(**{**region.model_dump(), **update})


def of(model: Model, region: Region) -> Model:
    return Model(
        **{
            **vars(model),
            "meta": {**model.meta, "region": region.name, "fingerprint": region.fingerprint},
        }
    )


def out_of_fold(sharpness: float) -> xr.Dataset:
    """Eight years of predictions that give the event ``sharpness`` and what did not happen its
    opposite; same events always."""
    times = pd.DatetimeIndex(
        np.concatenate(
            [pd.date_range(f"{year}-05-01", f"{year}-09-30") for year in range(1995, 2003)]
        )
    )
    shape = (len(HEAT.cells), len(LEVELS), len(times), len(PLACES))
    happened = np.cumprod(np.random.default_rng(1).random(shape) < 0.3, axis=1).astype(np.float32)
    dims = ("cell", "level", "init_time", "location")
    mine = np.where(happened == 1, sharpness, 1 - sharpness).astype(np.float32)
    usual = np.broadcast_to(happened.mean(axis=(0, 2, 3), keepdims=True), shape).astype(np.float32)
    coords = {"level": list(LEVELS), "init_time": times, "location": list(PLACES)}
    coords |= {
        name: ("cell", [getattr(cell, name) for cell in HEAT.cells])
        for name in ("lead_days", "window_days")
    }
    variables = {
        "model": mine,
        "published": mine,
        "persistence": usual,
        "climatology": usual,
        "climatology_smoothed": usual,
        "outcome": happened,
    }
    return xr.Dataset(
        {name: (dims, values) for name, values in variables.items()},
        coords,
        attrs={"hazard": "heat", "delay_days": 1},
    )


def live_marks(sharpness: float, years: tuple[int, ...], version: str = "1") -> pd.DataFrame:
    """The graded marks of a champion that gave the events of ``out_of_fold`` ``sharpness``."""
    predicted = out_of_fold(sharpness)
    predicted = predicted.sel(init_time=np.isin(predicted["init_time"].dt.year, years))
    rows = predicted.to_dataframe().reset_index()
    valid = rows["init_time"] + pd.to_timedelta(rows["lead_days"], "D")
    return rows.rename(columns={"init_time": "issued", "published": "probability"}).assign(
        hazard="heat",
        valid=valid,
        state="graded",
        late=False,
        stage="state",
        model_version=version,
        graded_on=valid + pd.Timedelta(days=8),
    )
