"""Compiles the features' numba functions ahead: ``python -m features``.

What numba compiles is kept beside the sources (or in NUMBA_CACHE_DIR), so that no later process
waits for it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from features.build import build_features, delays_of
from features.hazards import Options, hazards

VARIABLES = (
    "air_temperature_max",
    "air_temperature_min",
    "precipitation",
    "potential_evapotranspiration",
    "river_discharge",
)


def tiny_record() -> xr.Dataset:
    """Five years of made-up days at one location, (time, location) float32."""
    times = pd.date_range("2001-01-01", "2005-12-31").as_unit("ns")
    random = np.random.default_rng(0)
    values = {
        name: (
            ("time", "location"),
            random.gamma(0.5, 10.0, (len(times), 1)).astype(np.float32),
            {"delay_days": 1},
        )
        for name in VARIABLES
    }
    return xr.Dataset(values, {"time": times, "location": ["here"]})


def main() -> None:
    """Everything that a hazard computes, once, of all variables and of rain alone."""
    record, options = tiny_record(), Options()
    for known in (record, record[["precipitation"]]):
        days, delays = known["time"].values[-3:], delays_of(known)
        for hazard in hazards().values():
            if set(hazard.requires) <= set(known.data_vars):
                normals = hazard.fit_normals(known, options)
                hazard.margins(known, normals, options)
                hazard.history(known, normals, options)
                build_features(hazard, known, normals, days, delays, options).compute()


if __name__ == "__main__":
    main()
