"""Indices as climate-indices has them.

Run as a process of its own: to import it changes the root logger.

Arguments: an .npz with the inputs that test_indices_peers.py writes, and the .npz to write.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np


def parts(balance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A balance as precipitation and PET, neither of which may be negative."""
    return np.maximum(balance, 0.0), np.maximum(-balance, 0.0)


def main(given: str, wanted: str) -> None:
    """Write each index under the name its test asks for."""
    warnings.simplefilter("ignore")
    from climate_indices import compute, eto, indices

    day, month = compute.Periodicity.daily, compute.Periodicity.monthly
    gamma, logistic = indices.Distribution.gamma, indices.Distribution.loglogistic
    data = np.load(given)
    found = {}
    for window in (1, 6, 12):
        series = [
            indices.spei(*parts(city), window, logistic, month, 1900, 1900, 1899 + len(city) // 12)
            for city in data["balance_monthly"].T
        ]
        found[f"spei_{window}"] = np.stack(series, axis=1)
        found[f"spi_{window}"] = indices.spi(
            data["rain_monthly"], window, gamma, 1895, 1981, 2010, month
        )
    for name in ("rain_90", "rain_365"):
        found[f"spi_{name}"] = indices.spi(
            data[name].ravel(), 1, gamma, 2000, 2000, 2000 + len(data[name]) - 1, day
        )
    for name in ("balance_90", "balance_365"):
        sums = data[name].ravel()
        last = 2000 + len(data[name]) - 1
        found[f"spei_{name}"] = indices.spei(*parts(sums), 1, logistic, day, 2000, 2000, last)
    tmax, tmin = data["leap_year_tmax"], data["leap_year_tmin"]
    found["hargreaves"] = eto.eto_hargreaves(tmin, tmax, (tmax + tmin) / 2, float(data["latitude"]))
    np.savez(wanted, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
