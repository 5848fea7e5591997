"""What learning from a sample of a grid's cells costs in skill, on the made-up grid of scale.py.

Models learn from 16, 64 (as runs do) or 256 cells of 2,025, years before the last four. Each then
forecasts the same 81 other cells, each by its own normals, in the last four. Printed: the Brier
skill of the model against the climatology, level 1, mean over leads and windows, and the share of
log loss that the sample of 64 loses to 256. None of the weather was ever measured.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from time import process_time

import numpy as np
import pandas as pd
import xarray as xr
from scale import made_record

from features.build import NO_OPTIONS, build_outcome, delays_of
from features.hazards import Hazard, hazards
from models.forecasting import forecasters
from models.places import at_places, learn_locally
from models.publishing import log_loss
from models.training import build_training_set, train_model
from models.verification.outcomes import margins_for

SIDE, SIZES, TESTED = 45, (16, 64, 256), 5
"""Cells a side; cells learnt from; every so manieth row and column is tested."""
TEST_YEARS = 4


def held_out(
    hazard: Hazard, record: xr.Dataset, size: int, tested: np.ndarray
) -> tuple[float, float]:
    """Brier skill and log loss at the tested cells of a model that learnt from ``size`` others."""
    times, delays = pd.DatetimeIndex(record["time"].values), delays_of(record)
    first = pd.Timestamp(times[-1].year - TEST_YEARS, 7, 1)
    past = record.sel(time=slice(None, first - pd.Timedelta(days=100)))
    others = np.setdiff1d(np.arange(record.sizes["location"]), tested)
    learnt = past.isel(location=others[:: len(others) // size][:size])
    reference = slice(str(times[0].year + 1), str(first.year - 2))
    training = build_training_set(
        hazard, learnt, learnt.sel(time=reference), delays, NO_OPTIONS, label_blocks=5
    )
    meta = {
        "reference_years": [int(reference.start), int(reference.stop)],
        "data_from": str(times[0])[:10],
        "trained_until": str(past["time"].values[-1])[:10],
    }
    model = train_model(training)
    model = replace(model, meta={**model.meta, **meta})
    here = record.isel(location=tested)
    local = at_places(model, learn_locally(model, here, NO_OPTIONS))
    last = times[-1] - pd.Timedelta(days=130)
    margins = margins_for(hazard, local.normals, here, first, last, NO_OPTIONS)
    outcome = build_outcome(hazard, margins, local.normals, NO_OPTIONS)
    days = outcome["init_time"].sel(init_time=slice(first, last)).values
    days = days[:: hazard.backtesting.step_days]
    happened = outcome.sel(init_time=days).transpose("cell", "level", "init_time", "location")
    said = forecasters(local, here, days, delays, NO_OPTIONS)
    known = np.isfinite(happened.values) & np.isfinite(said["climatology"].values)
    known[:, 1:] = False
    brier = {
        name: float(((said[name].values - happened.values)[known] ** 2).mean())
        for name in ("model", "climatology")
    }
    loss = float(log_loss(said["model"].values, happened.values)[known].mean())
    return 1 - brier["model"] / brier["climatology"], loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=16)
    given = parser.parse_args()
    record = made_record(SIDE, SIDE, given.years, seed=1)
    number = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    tested = number[2::TESTED, 2::TESTED].ravel()
    print(f"{len(tested)} cells tested, the last {TEST_YEARS} of {given.years} years")
    for name in ("drought", "flash_flood", "heat"):
        began, results = process_time(), {}
        for size in SIZES:
            results[size] = held_out(hazards()[name], record, size, tested)
        skills = ", ".join(f"{size} cells {skill:.3f}" for size, (skill, _) in results.items())
        lost = results[64][1] / results[256][1] - 1
        print(
            f"{name:12s} Brier skill {skills}; log loss of 64 over 256: {lost:+.1%} "
            f"({process_time() - began:.0f} CPU s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
