"""Records whose truth is known, and hazards of few cells: what tests of honesty share."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.signal import lfilter

from configs import Region
from features.hazards import Cell, Hazard, always, hazards
from models.verification.scores import COLUMNS
from models.verification.weather_scores import Assessment


@pytest.fixture(scope="session")
def flat_record() -> Callable[..., xr.Dataset]:
    """A function that makes a record in memory: no season, no trend, places without likeness."""

    def make(
        variable: str, years: int = 15, places: int = 1, memory: float = 0.0, seed: int = 0
    ) -> xr.Dataset:
        """Tmax 25 degC, deviation 4, lag-1 correlation ``memory``; or rain (mm), one day in 5."""
        rng = np.random.default_rng(seed)
        times = pd.date_range("1990-01-01", periods=round(years * 365.2425)).as_unit("ns")
        shape = (len(times), places)
        anomaly = lfilter([np.sqrt(1 - memory**2)], [1, -memory], rng.normal(size=shape), axis=0)
        arrays = {
            "air_temperature_max": 25.0 + 4.0 * anomaly,
            "precipitation": np.where(rng.random(shape) < 0.2, rng.gamma(0.8, 9.0, shape), 0.0),
        }
        return xr.Dataset(
            {
                variable: (
                    ("time", "location"),
                    arrays[variable].astype(np.float32),
                    {"delay_days": 1},
                )
            },
            coords={"time": times, "location": [f"place_{number}" for number in range(places)]},
        )

    return make


@pytest.fixture(scope="session")
def unassessed() -> Assessment:
    """No scores at all, as where nothing was backtested."""
    stages = pd.DataFrame(columns=[*COLUMNS, "stage", "published"])
    return Assessment(pd.DataFrame(columns=list(COLUMNS)), stages)


@pytest.fixture(scope="session")
def all_year(made_region: Region) -> Region:
    """A region whose warm season is the whole year."""
    return made_region.model_copy(update={"warm_season": (1, 12)})


@pytest.fixture
def few_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are fitted with as many replicas as those that all tests share."""
    monkeypatch.setattr("models.training.REPLICAS", 4)


@pytest.fixture
def with_cells(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hazard]:
    """A function that gives a hazard other (fewer, hence quicker) cells for the time of a test."""

    def narrow(name: str, *cells: Cell) -> Hazard:
        strikes_on_any_day = (
            {"applies": always(cells)} if name in ("flash_flood", "river_flood") else {}
        )
        hazard = replace(hazards()[name], cells=cells, **strikes_on_any_day)
        monkeypatch.setattr(importlib.import_module(f"features.hazards.{name}"), "CELLS", cells)
        monkeypatch.setitem(hazards(), name, hazard)
        return hazard

    return narrow
