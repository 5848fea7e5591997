"""Normals and features of every hazard, 64 places, 20 years: Dask on one thread beside two."""

from __future__ import annotations

from functools import partial

import dask
import numpy as np
import pandas as pd
import xarray as xr
from timing import REPEATS, best

from features.build import build_features, delays_of
from features.hazards import Options, hazards

PLACES, YEARS = 64, 20


def record(count: int, years: int) -> xr.Dataset:
    """Made-up daily weather of so many places, canonical units, (time, location) float32."""
    random = np.random.default_rng(0)
    time = pd.date_range("1980-01-01", periods=round(365.25 * years), freq="D")
    shape = (len(time), count)
    season = 8.0 * np.cos(2 * np.pi * (time.day_of_year.to_numpy()[:, None] - 205) / 365.25)
    mean = 19.0 + season + random.normal(0.0, 3.0, shape)
    wet = random.random(shape) < 0.15
    values = {
        "air_temperature_max": mean + 5.0,
        "air_temperature_mean": mean,
        "air_temperature_min": mean - 5.0,
        "precipitation": np.where(wet, random.gamma(0.7, 11.0, shape), 0.0),
        "potential_evapotranspiration": np.clip(3.6 + 0.3 * season, 0.2, None)
        + random.uniform(0.0, 1.0, shape),
        "river_discharge": random.gamma(2.0, 3.0, shape),
    }
    variables = {
        name: (("time", "location"), array.astype(np.float32), {"delay_days": 1})
        for name, array in values.items()
    }
    places = [f"place-{number:02d}" for number in range(count)]
    return xr.Dataset(
        variables,
        {
            "time": time,
            "location": places,
            "latitude": ("location", np.linspace(30.0, 40.0, count)),
        },
    )


def seconds_with(features: xr.Dataset, threads: int) -> float:
    """Seconds to compute a lazy Dataset on so many threads."""
    with dask.config.set(scheduler="threads", num_workers=threads):
        return best(features.compute)


def main() -> None:
    observations, options = record(PLACES, YEARS), Options()
    delays = delays_of(observations)
    init_times = observations["time"].values[400::5]
    print(f"{PLACES} places, {len(init_times)} issue days, best of {REPEATS}; seconds")
    print(
        f"{'hazard':<14}{'normals':>10}{'1 thread':>10}{'2 threads':>11}{'gain':>7}{'values/s':>12}"
    )
    for hazard in hazards().values():
        fit = partial(hazard.fit_normals, observations, options)
        normals, learning = fit(), best(fit)
        features = build_features(hazard, observations, normals, init_times, delays, options)
        one, two = seconds_with(features, 1), seconds_with(features, 2)
        count = sum(variable.size for variable in features.data_vars.values())
        print(
            f"{hazard.name:<14}{learning:>10.2f}{one:>10.2f}{two:>11.2f}{one / two:>6.2f}x"
            f"{count / two:>12.2e}"
        )


if __name__ == "__main__":
    main()
