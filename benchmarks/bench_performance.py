"""Indices and features beside the least they could cost and beside other libraries.

Prints the table and writes it to docs/performance.md. CPU seconds of one thread, the least of some
rounds in which each candidate has its turn: the machine may have other work.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time

import dask
import numpy as np
import pandas as pd
import xarray as xr
from bench_features import record
from scipy import stats

from configs import CHECKOUT
from features.build import build_features, delays_of
from features.calendar import HALF_WINDOW, day_index, seasonal_mean, trailing_sum
from features.hazards import Options, hazards
from features.indices import LEAST_WET
from features.water_balance import fit_window, index_by

COMMAND = "make bench"
WINDOW, ROUNDS = 90, 7
WINDOWS = {
    "precipitation": (3, 7, 30, 90, 30, 90, 3, 30),
    "air_temperature_max": (3, 30, 7, 30, 365, 90, 7, 90),
    "river_discharge": (7,),
    "potential_evapotranspiration": (90, 365, 30, 10, 59, 29, 334, 304, 274),
}
"""Lengths of the trailing windows of the hazards' predictors, days."""


@dataclass(frozen=True)
class Row:
    """A line of the table: how many times a peer takes what we take, or we what a floor takes."""

    what: str
    beside: str
    seconds: float
    theirs: float
    asked: float
    floor: bool = False

    def cells(self) -> tuple[str, ...]:
        """Text of the line; milliseconds."""
        ratio = self.seconds / self.theirs if self.floor else self.theirs / self.seconds
        reached = ratio <= self.asked if self.floor else ratio >= self.asked
        return (
            self.what,
            self.beside,
            f"{1e3 * self.seconds:.2f}",
            f"{1e3 * self.theirs:.2f}",
            f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.1f}",
            f"{'at most' if self.floor else 'at least'} {self.asked:g}",
            "yes" if reached else "no",
        )


def least(candidates: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """CPU seconds of each candidate, the least of its rounds."""
    seconds = dict.fromkeys(candidates, np.inf)
    for _ in range(rounds):
        for name, work in candidates.items():
            start = thread_time()
            work()
            seconds[name] = min(seconds[name], thread_time() - start)
    return seconds


def drought_index(daily: np.ndarray, times: np.ndarray, spi: bool) -> np.ndarray:
    """The index of every day, fitted on all years, from daily rain or balance (time, location)."""
    total = trailing_sum(daily, WINDOW)
    fit = fit_window(total, times, np.full(daily.shape[1], spi))
    return index_by(fit, total, day_index(times))


def difference(daily: np.ndarray, times: np.ndarray, spi: bool) -> float:
    """Largest difference of one location's index from scipy's, within [-3, 3]."""
    total, index = trailing_sum(daily[:, :1], WINDOW)[:, 0], day_index(times)
    apart = total if spi else total - seasonal_mean(total[:, None], times)[index, 0]
    found = drought_index(daily[:, :1], times, spi)[:, 0]
    expected = np.full(len(total), np.nan)
    for day in range(0, 366, 5):
        near = np.abs((index - day + 183) % 366 - 183) <= HALF_WINDOW
        sample, at = apart[near & np.isfinite(apart)], np.flatnonzero(index == day)
        expected[at] = (_by_gamma if spi else _by_log_logistic)(sample, apart[at])
    both = np.isfinite(expected)
    return float(np.abs(np.clip(expected, -3, 3) - found)[both].max())


def _by_log_logistic(sample: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Generalised logistic of scipy's L-moments; scipy has it as fisk, shifted."""
    l1, l2, skew = stats.lmoment(sample, order=[1, 2, 3])
    k = -skew
    scale = l2 * np.sin(k * np.pi) / (k * np.pi)
    middle = l1 - scale * (1 / k - np.pi / np.sin(k * np.pi))
    law, sign = stats.fisk(1 / abs(k), scale=scale / abs(k)), -np.sign(k)
    shifted = sign * (values - middle) + scale / abs(k)
    return stats.norm.ppf(law.cdf(shifted)) if sign > 0 else stats.norm.isf(law.cdf(shifted))


def _by_gamma(sample: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Thom's gamma of the wet sums."""
    wet = sample[sample >= LEAST_WET]
    a = np.log(wet.mean()) - np.log(wet).mean()
    shape = (1 + np.sqrt(1 + 4 * a / 3)) / (4 * a)
    dry = 1 - len(wet) / len(sample)
    law = stats.gamma(shape, scale=wet.mean() / shape)
    return stats.norm.ppf(dry + (1 - dry) * np.where(values < LEAST_WET, 0.0, law.cdf(values)))


def climate_indices_of(rain: np.ndarray, pet: np.ndarray) -> dict[str, float]:
    """CPU seconds of climate-indices a location."""
    script = Path(__file__).with_name("run_climate_indices.py")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "given.npz"
        days = len(rain) // 366 * 366
        np.savez(path, rain=rain[:days], pet=pet[:days])
        command = [sys.executable, str(script), str(path), str(WINDOW)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def xclim_of(rain: np.ndarray, pet: np.ndarray, times: np.ndarray) -> dict[str, float]:
    """CPU seconds of xclim at one location, by its quickest method of each distribution."""
    import xclim.indices as xclim

    def series(values: np.ndarray) -> xr.DataArray:
        return xr.DataArray(values[:, 0], {"time": times}, attrs={"units": "mm/day"})

    asked = {"freq": "D", "window": WINDOW, "method": "APP"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return least(
            {
                "spei": lambda: xclim.standardized_precipitation_evapotranspiration_index(
                    series(rain - pet), dist="fisk", fitkwargs={"floc": -1000.0}, **asked
                ).load(),
                "spi": lambda: xclim.standardized_precipitation_index(
                    series(rain), dist="gamma", fitkwargs={"floc": 0}, **asked
                ).load(),
            },
            rounds=1,
        )


def index_rows(observations: xr.Dataset) -> Iterator[Row]:
    """SPEI and SPI of every day beside sorting, xclim and climate-indices."""
    times = observations["time"].values
    rain, pet = (
        observations[name].values.astype(np.float64)
        for name in ("precipitation", "potential_evapotranspiration")
    )
    balance, places = rain - pet, rain.shape[1]
    sums = np.ascontiguousarray(trailing_sum(balance, WINDOW).T)
    ours = least(
        {
            "sort": lambda: np.sort(sums, axis=1),
            "spei": lambda: drought_index(balance, times, spi=False),
            "spi": lambda: drought_index(rain, times, spi=True),
        }
    )
    ours = {name: seconds / places for name, seconds in ours.items()}
    peers, xclim = climate_indices_of(rain, pet), xclim_of(rain, pet, times)
    for name, floor, times_xclim, times_peer in (("spei", 5, 100, 8), ("spi", 2, 60, 10)):
        what = f"{name.upper()}-{WINDOW} of every day"
        yield Row(what, "xclim", ours[name], xclim[name], times_xclim)
        yield Row(what, "climate-indices, a location", ours[name], peers[f"{name}_one"], times_peer)
        yield Row(what, f"climate-indices, {places} at once", ours[name], peers[name], times_peer)
        yield Row(what, "sorting its sums once", ours[name], ours["sort"], floor, floor=True)


def all_features(observations: xr.Dataset, normals: dict[str, xr.Dataset]) -> list[xr.Dataset]:
    """Predictors of every hazard for all days but the first of the record."""
    days, delays = observations["time"].values[400:], delays_of(observations)
    return [
        build_features(hazard, observations, normals[name], days, delays, Options()).compute()
        for name, hazard in hazards().items()
    ]


def _least(length: int) -> int:
    return length if length <= 3 else int(np.ceil(0.9 * length))


def by_pandas(observations: xr.Dataset) -> list[pd.Series]:
    """The predictors' trailing windows alone, by groupby and rolling."""
    table = observations[list(WINDOWS)].to_dataframe()
    grouped = {name: table.groupby(level="location", sort=False)[name] for name in WINDOWS}
    return [
        grouped[name].rolling(length, min_periods=_least(length)).mean()
        for name, windows in WINDOWS.items()
        for length in windows
    ]


def by_xarray(observations: xr.Dataset) -> list[xr.DataArray]:
    """The predictors' trailing windows alone, by rolling, which Bottleneck does where it is."""
    return [
        observations[name].rolling(time=length, min_periods=_least(length)).mean()
        for name, windows in WINDOWS.items()
        for length in windows
    ]


def by_kernels(observations: xr.Dataset) -> list[np.ndarray]:
    """The same windows, as features take them."""
    return [
        trailing_sum(observations[name].values, length)
        for name, windows in WINDOWS.items()
        for length in windows
    ]


def feature_rows(observations: xr.Dataset) -> Iterator[Row]:
    """Features beside copying them, and trailing windows beside pandas and xarray."""
    normals = {
        name: hazard.fit_normals(observations, Options()) for name, hazard in hazards().items()
    }
    with dask.config.set(scheduler="synchronous"):
        made = all_features(observations, normals)
        arrays = [part.values for one in made for part in one.data_vars.values()]
        seconds = least(
            {
                "features": lambda: all_features(observations, normals),
                "copy": lambda: [part.copy() for part in arrays],
                "kernels": lambda: by_kernels(observations),
                "xarray": lambda: by_xarray(observations),
            },
            rounds=5,
        )
        seconds |= least({"pandas": lambda: by_pandas(observations)}, rounds=1)
    places = observations.sizes["location"]
    seconds = {name: part / places for name, part in seconds.items()}
    count = sum(map(len, WINDOWS.values()))
    what = "features of all hazards"
    yield Row(what, "copying them", seconds["features"], seconds["copy"], 6, floor=True)
    windows = f"pandas groupby-rolling, their {count} trailing windows alone"
    yield Row(what, windows, seconds["features"], seconds["pandas"], 10)
    what = f"their {count} trailing windows"
    yield Row(what, "pandas groupby-rolling", seconds["kernels"], seconds["pandas"], 10)
    yield Row(what, "xarray rolling", seconds["kernels"], seconds["xarray"], 20)


HEAD = ("what", "beside", "ours, ms", "theirs, ms", "ratio", "asked", "reached")


def page(rows: list[Row], differences: dict[str, float], size: tuple[int, int]) -> str:
    """The page, Markdown; ``size``: locations and years."""
    places, years = size
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells() for row in rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    told = "; ".join(f"{name.upper()} {value:.0e}" for name, value in differences.items())
    return f"""# Performance

Made by `{COMMAND}`: CPU milliseconds a location on one thread, {years} years of made-up days,
{places} locations at once. Each figure is the least of some rounds in which all have their turn.
Beside a peer the ratio is its time over ours; beside sorting or copying, the least that it could
cost, ours over that.

{table}

An index is fitted on all years by doy window of 31 days and given for every day, from daily values
on. xclim and climate-indices fit each day of the year alone, which is less work: xclim at one
location by its quickest method (`APP`), climate-indices by the same distributions. Sorting is
NumPy's, of each location's {WINDOW}-day sums. Largest difference of an index from scipy's
distributions of the same samples: {told}.

Of SPEI's time about a third is the pass over the sorted sums: each of them goes into the sums of 31
windows, which costs as much as storing that many numbers. SPI takes an exponential, two logarithms
and a power series a day, which sorting does not.

Features are those of all four hazards for every day, overlap ensembles included, from the record to
a Dataset by Dask's synchronous scheduler, which copies them once. The peers compute nothing but the
trailing windows that these features rest on.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=CHECKOUT / "docs" / "performance.md")
    parser.add_argument("--places", type=int, default=32)
    parser.add_argument("--years", type=int, default=44)
    given = parser.parse_args()
    observations = record(given.places, given.years)
    times, rain = observations["time"].values, observations["precipitation"].values
    balance = rain.astype(np.float64) - observations["potential_evapotranspiration"].values
    differences = {
        "spei": difference(balance, times, spi=False),
        "spi": difference(rain.astype(np.float64), times, spi=True),
    }
    rows = [*index_rows(observations), *feature_rows(observations)]
    text = page(rows, differences, (given.places, given.years))
    print(text)
    given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
