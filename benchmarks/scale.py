"""A made-up grid of any size, and what its pull, training and daily run cost: docs/scaling.md.

``python benchmarks/scale.py --cells 2000 --years 20 --workers 2``: a Zarr store of simulated
weather, a region file that reads it, and the commands on it; then a new day and its daily run.
Printed: wall and CPU seconds of each command with its workers, the peak memory of each process of
more than .2 GB, the size of the home. None of the weather was ever measured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

STEP = 0.1
BLOCK = 15
"""Rows and columns of the store's chunks."""
COMMANDS = ("pull", "train", "forecast", "daily")


def write_weather(
    path: Path, rows: int, columns: int, days: pd.DatetimeIndex, seed: int
) -> xr.Dataset:
    """Daily Tmax, Tmin and rain of a grid as a Zarr store, written a square at a time.

    Seasons, weather that lasts for days and is alike over some degrees, and showers. The last day
    is left out, and given back: see ``write_last_day``.
    """
    latitude = 36.0 - STEP * (np.arange(rows) + 0.5)
    longitude = -10.0 + STEP * (np.arange(columns) + 0.5)
    sizes = (len(days), rows, columns)
    blank = xr.Dataset(
        {
            name: (
                ("time", "latitude", "longitude"),
                xr.DataArray(np.broadcast_to(np.float32(0), sizes))
                .chunk(dim_0=365, dim_1=BLOCK, dim_2=BLOCK)
                .data,
                {"units": units, "standard_name": standard, "cell_methods": method},
            )
            for name, units, standard, method in (
                ("tasmax", "degC", "air_temperature", "time: maximum"),
                ("tasmin", "degC", "air_temperature", "time: minimum"),
                ("pr", "mm", "precipitation_amount", "time: sum"),
            )
        },
        {"time": days, "latitude": latitude, "longitude": longitude},
    )
    blank.to_zarr(path, mode="w", compute=False, zarr_format=3, consolidated=False)
    waves, last = _regional(days, seed), blank.isel(time=[-1]).load().copy(deep=True)
    for top in range(0, rows, BLOCK):
        for left in range(0, columns, BLOCK):
            square = slice(top, min(top + BLOCK, rows)), slice(left, min(left + BLOCK, columns))
            made = _square(
                days, latitude[square[0]], longitude[square[1]], waves, (seed, top, left)
            )
            for name, values in made.items():
                last[name].values[:, *square] = values[-1:]
                values[-1] = np.nan
            part = xr.Dataset(
                {name: (("time", "latitude", "longitude"), each) for name, each in made.items()}
            )
            part.to_zarr(
                path,
                region={"time": slice(0, len(days)), "latitude": square[0], "longitude": square[1]},
                consolidated=False,
            )
    return last


def write_last_day(path: Path, last: xr.Dataset, days: int) -> None:
    """The last of the store's ``days``, which ``write_weather`` left out."""
    bare = last.drop_vars(list(last.coords)).drop_attrs(deep=True)
    bare.to_zarr(path, region={"time": slice(days - 1, days)}, consolidated=False)


def _regional(days: pd.DatetimeIndex, seed: int) -> np.ndarray:
    """Weather that the whole grid shares: (day, wave), each lasting for days."""
    noise = np.random.default_rng(seed).standard_normal((len(days), 6)).astype(np.float32)
    for day in range(1, len(days)):
        noise[day] = 0.75 * noise[day - 1] + 0.66 * noise[day]
    return noise


def _square(
    days: pd.DatetimeIndex,
    latitude: np.ndarray,
    longitude: np.ndarray,
    waves: np.ndarray,
    seed: tuple[int, int, int],
) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(latitude, longitude, indexing="ij")
    shape = (len(days), *y.shape)
    season = np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 205) / 365.25)[:, None, None]
    phases = np.stack([np.cos(0.4 * (k + 1) * x + 0.5 * k * y) for k in range(waves.shape[1])])
    shared = np.tensordot(waves, phases, 1) / np.sqrt(waves.shape[1])
    own = rng.standard_normal(shape, dtype=np.float32)
    highest = 24.0 - 0.6 * (y - 32) + 8.0 * season + 3.5 * shared + 1.0 * own
    lowest = highest - 9.0 - 2.0 * season + rng.standard_normal(shape, dtype=np.float32)
    wetness = -shared - 0.5 * season + 0.5 * rng.standard_normal(shape, dtype=np.float32)
    rain = np.where(wetness > 1.1, rng.gamma(0.8, 9.0, shape), 0.0)
    made = {"tasmax": highest, "tasmin": np.minimum(lowest, highest - 0.5), "pr": np.round(rain, 1)}
    return {name: values.astype(np.float32) for name, values in made.items()}


def made_record(rows: int, columns: int, years: int, seed: int) -> xr.Dataset:
    """The same weather in memory, as a store hands it out: (time, location)."""
    first = pd.Timestamp("2025-07-01") - pd.DateOffset(years=years)
    days = pd.date_range(first, "2025-06-30")
    latitude, longitude = 36.0 - STEP * np.arange(rows), -10.0 + STEP * np.arange(columns)
    made = _square(days, latitude, longitude, _regional(days, seed), (seed, 0, 0))
    names = ("air_temperature_max", "air_temperature_min", "precipitation")
    values = {
        name: (("time", "location"), each.reshape(len(days), -1), {"delay_days": 1})
        for name, each in zip(names, made.values(), strict=True)
    }
    places = [f"cell-{number}" for number in range(rows * columns)]
    y = np.repeat(latitude, columns)
    return xr.Dataset(values, {"time": days, "location": places, "latitude": ("location", y)})


def region_file(folder: Path, rows: int, columns: int) -> Path:
    """A region file of the grid beside its store ``weather.zarr``."""
    east, south = -10.0 + STEP * columns, 36.0 - STEP * rows
    path = folder / "scale-exercise.yaml"
    grid = f"{{west: -10.0, south: {south:g}, east: {east:g}, north: 36.0, step: {STEP}}}"
    path.write_text(
        "name: scale-exercise\ntitle: A made-up grid\nclock: record\nsources: [gridded_files]\n"
        f"grid: {grid}\nsource_options: {{gridded_files: {{path: weather.zarr}}}}\n",
        encoding="utf-8",
    )
    return path


@dataclass(frozen=True)
class Cost:
    """What a command cost: seconds, CPU seconds of all its processes, memory of each, GB."""

    wall: float
    cpu: float
    peaks: list[float]
    status: int
    output: str


def measured(arguments: list[str], environment: dict[str, str]) -> Cost:
    """Runs a command to its end and watches the memory of its processes."""
    before, began = os.times(), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    peaks, done = dict[int, int](), threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            for one in _family(process.pid):
                peaks[one] = max(peaks.get(one, 0), _resident(one))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    done.set()
    watcher.join()
    after = os.times()
    cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    largest = sorted((peak / 1e9 for peak in peaks.values() if peak > 0.2e9), reverse=True)
    return Cost(time.perf_counter() - began, cpu, largest, process.returncode, output)


def _family(root: int) -> list[int]:
    """A process and all that it started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    family = [root]
    for each in family:
        family += [child for child, parent in parents.items() if parent == each]
    return family


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf(
            "SC_PAGE_SIZE"
        )
    except (OSError, ValueError, IndexError):
        return 0


def main() -> None:
    """Makes the grid and runs the commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[2000])
    parser.add_argument("--years", type=int, default=20)
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[2], help="0: threads, no cluster"
    )
    parser.add_argument("--keep", type=Path, help="a folder that stays")
    options = parser.parse_args()
    for cells in options.cells:
        for workers in options.workers:
            with tempfile.TemporaryDirectory() as scratch:
                run(
                    (options.keep or Path(scratch)) / f"{cells}-{workers}",
                    cells,
                    options.years,
                    workers,
                )


def shape_of(cells: int) -> tuple[int, int]:
    """Rows and columns of a grid of about so many cells, whole blocks wide."""
    columns = round(cells**0.5 / BLOCK) * BLOCK or BLOCK
    return -(-cells // columns), columns


def run(folder: Path, cells: int, years: int, workers: int) -> None:
    """One size with one number of workers: history, training, a forecast, the next day's run."""
    rows, columns = shape_of(cells)
    folder.mkdir(parents=True, exist_ok=True)
    first = pd.Timestamp("2025-07-01") - pd.DateOffset(years=years)
    days = pd.date_range(first, "2025-07-01")
    store, path = folder / "weather.zarr", region_file(folder, rows, columns)
    last = write_weather(store, rows, columns, days, 1)
    environment = os.environ | {
        "CLIMATE_RISK_HOME": str(folder / "home"),
        "CLIMATE_RISK_DASK": f"local:{workers}" if workers else "",
        "OMP_NUM_THREADS": "1",
    }
    tasks = -(-rows // BLOCK) * -(-columns // BLOCK)
    print(
        f"{rows * columns} cells in {tasks} tiles, a task each in every stage; {years} years, "
        f"{workers or 'no'} workers",
        flush=True,
    )
    for command in COMMANDS:
        if command == "daily":
            write_last_day(store, last, len(days))
        cost = measured([command, str(path)], environment)
        if cost.status not in (0, 3):
            raise SystemExit(cost.output)
        peaks = ", ".join(f"{peak:.2f}" for peak in cost.peaks)
        print(f"  {command:10s} {cost.wall:7.1f} s, {cost.cpu:7.1f} CPU s, {peaks} GB", flush=True)
        for line in cost.output.splitlines():
            print(f"      {line[:150]}", flush=True)
    files = [file.stat() for file in (folder / "home").rglob("*") if file.is_file()]
    print(f"  home: {sum(file.st_blocks for file in files) * 512 / 1e9:.2f} GB", flush=True)


if __name__ == "__main__":
    main()
