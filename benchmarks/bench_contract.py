"""The contract on a million rows: Great Expectations beside the plainest pandas that asks the
same."""

from __future__ import annotations

import numpy as np
import pandas as pd
from timing import REPEATS, best

from data_contracts.batch import Batch
from data_contracts.contract import check
from data_contracts.variables import FILL_VALUES, VARIABLES

ROWS, PLACES = 1_000_000, 100


def batch() -> Batch:
    """Made-up Tmax, Tmin and precipitation of PLACES places, ROWS rows, without a fault."""
    random = np.random.default_rng(0)
    days = pd.date_range("1990-01-01", periods=ROWS // PLACES, freq="D")
    mean = random.normal(19.0, 8.0, ROWS).clip(-40.0, 45.0)
    places = [f"place-{number:03d}" for number in range(PLACES)]
    observations = pd.DataFrame(
        {
            "time": np.tile(days, PLACES),
            "location": np.repeat(places, len(days)),
            "air_temperature_max": mean + 5.0,
            "air_temperature_min": mean - 5.0,
            "precipitation": random.gamma(0.3, 8.0, ROWS),
        }
    )
    locations = pd.DataFrame(
        {"location": places, "name": places, "latitude": 35.0, "longitude": -2.0, "elevation": 50.0}
    )
    return Batch(observations, locations)


def floor(table: pd.DataFrame) -> int:
    """The same questions in bare pandas; returns the number of faults."""
    faults = int(table[["time", "location"]].isna().sum().sum()) + int(
        table.duplicated(["time", "location"]).sum()
    )
    for name in table.columns[2:]:
        row, values = VARIABLES[name], table[name]
        faults += int(((values < row.low) | (values > row.high)).sum()) + int(
            values.isin(FILL_VALUES).sum()
        )
    return faults + int((table["air_temperature_min"] > table["air_temperature_max"]).sum())


def main() -> None:
    made = batch()
    if floor(made.observations) or len(check(made, "bench").withheld):
        raise SystemExit("the made-up batch has faults, so that the two would not do the same work")
    ours, least = best(lambda: check(made, "bench")), best(lambda: floor(made.observations))
    print(f"{ROWS:,} rows x 3 variables, best of {REPEATS}; seconds")
    print(f"{'contract':>10}{'pandas':>9}{'ratio':>8}{'rows/s':>11}")
    print(f"{ours:>10.2f}{least:>9.2f}{ours / least:>7.1f}x{ROWS / ours:>11.2e}")


if __name__ == "__main__":
    main()
