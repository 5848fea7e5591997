"""The store of a tile: 44 years, a year of daily appends, and reads before and after compaction.

Beside the least it could cost: the same values in one NumPy file.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from scale import BLOCK, region_file
from timing import REPEATS, best

from configs import Region, Settings, load_region
from configs.tiles import tiles_of
from data_contracts.batch import Batch
from data_contracts.store import Store
from data_contracts.upkeep import compact
from sources.gridded_files import SOURCE

NAMES = ("air_temperature_max", "air_temperature_min", "precipitation")


def values_of(days: int, places: int) -> np.ndarray:
    """Made-up Tmax, Tmin and rain without a fault, float32 (variable, day, place)."""
    random = np.random.default_rng(0)
    season = 8 * np.cos(2 * np.pi * (np.arange(days) - 205) / 365.25)[:, None]
    tmax = 24 + season + 3 * random.standard_normal((days, places))
    tmin = tmax - 8 - random.gamma(2, 1, (days, places))
    rain = np.round(np.where(random.random((days, places)) < 0.2, random.gamma(1, 8), 0), 1)
    return np.stack([tmax, tmin, rain]).astype(np.float32)


def batch(tile: Region, days: pd.DatetimeIndex, values: np.ndarray) -> Batch:
    """These days as a source delivers them."""
    places = [place.id for place in tile.locations]
    columns = {name: part.ravel() for name, part in zip(NAMES, values, strict=True)}
    time, location = np.repeat(days, len(places)), np.tile(places, len(days))
    rows = [(p.id, p.id, p.latitude, p.longitude, np.nan) for p in tile.locations]
    about = pd.DataFrame(rows, columns=["location", "name", "latitude", "longitude", "elevation"])
    return Batch(pd.DataFrame({"time": time, "location": location, **columns}), about)


def read_cell(store: Store) -> np.ndarray:
    """All variables of one cell, every day: (variable, time)."""
    record = store.observations()[list(NAMES)].isel(location=7)
    return np.stack([record[name].values for name in NAMES])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=44)
    parser.add_argument("--appended", type=int, default=365)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tile = tiles_of(load_region(region_file(folder, BLOCK, BLOCK)))[0]
        days = pd.date_range("1980-01-01", periods=round(given.years * 365.25) + given.appended)
        values = values_of(len(days), len(tile.locations))
        store, history = Store(Settings(folder / "home"), tile), len(days) - given.appended
        began = perf_counter()
        store.ingest(SOURCE, batch(tile, days[:history], values[:, :history]))
        print(f"{given.years} years of {len(tile.locations)} cells: {perf_counter() - began:.1f} s")
        np.save(folder / "plain.npy", values[:, :history].transpose(0, 2, 1))

        def plain() -> np.ndarray:
            return np.load(folder / "plain.npy", mmap_mode="r")[:, 7].copy()

        floor, once = best(plain), best(lambda: read_cell(store))
        seconds = []
        for day in range(history, len(days)):
            began = perf_counter()
            one = batch(tile, days[day : day + 1], values[:, day : day + 1])
            store.ingest(SOURCE, one)
            seconds.append(perf_counter() - began)
        appended = best(lambda: read_cell(store))
        if not np.array_equal(read_cell(store), values[:, :, 7]):
            raise SystemExit("the store gave other values than it was given")
        began = perf_counter()
        compact(store.repository, [], datetime.now(UTC) + timedelta(days=1))
        compacting, after = perf_counter() - began, best(lambda: read_cell(store))
    first, last = (1e3 * np.median(part) for part in (seconds[:30], seconds[-30:]))
    print(f"a day appended: {first:.0f} ms at first, {last:.0f} ms after {given.appended} days")
    print(f"one cell, every day, best of {REPEATS}: NumPy file {1e3 * floor:.1f} ms, store as")
    print(f"first written {1e3 * once:.0f} ms, after {given.appended} appended days")
    print(f"{1e3 * appended:.0f} ms, compacted (in {compacting:.1f} s) {1e3 * after:.0f} ms")


if __name__ == "__main__":
    main()
