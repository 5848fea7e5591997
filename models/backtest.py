"""Backtest: expanding yearly folds, everything refitted inside each fold, a gap between training and test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region, RiskError
from features.build import build_outcome, delays_of, options_for
from features.hazards import Hazard, Options
from models.train import forecasters, learn

LEAST_YEARS = 15  # of record: fewer leave too few test years for a verdict
LEAST_VALID = 0.8  # share of a test year's issue days that must have an outcome
SHARE_FIRST = 0.6  # of the record, at most, for the first training


class TooShort(RiskError):
    """A record with fewer years than a backtest needs."""


def reasons_missing(hazard: Hazard, observations: xr.Dataset) -> str | None:
    """Why a hazard cannot be assessed on this record, in words, or None."""
    lacking = [name for name in hazard.requires if name not in observations or not bool(np.isfinite(observations[name]).any())]
    return f"the record has no {' and no '.join(lacking)}" if lacking else None


def record_years(observations: xr.Dataset) -> float:
    """Length of the record in years, first day to last."""
    return observations.sizes["time"] / 365.25


def require_years(observations: xr.Dataset, region: Region) -> None:
    """Raises TooShort when the record is shorter than a backtest needs."""
    if round(record_years(observations), 1) < LEAST_YEARS:
        raise TooShort(
            f"region {region.name}: the record holds {record_years(observations):.1f} years, a backtest needs {LEAST_YEARS};"
            " add earlier years to its sources."
        )


def test_years(hazard: Hazard, observations: xr.Dataset) -> list[int]:
    """Calendar years a fold may test: complete ones after the first training, which is min(the hazard's, 60 % of the record)."""
    times = pd.DatetimeIndex(observations["time"].values)
    first = times[0] + pd.Timedelta(days=365.25 * min(hazard.first_training_years, SHARE_FIRST * record_years(observations)))
    return [year for year in range(times[0].year, times[-1].year + 1) if pd.Timestamp(year, 1, 1) >= first - pd.Timedelta(days=2)]


def backtest(hazard: Hazard, observations: xr.Dataset, region: Region) -> xr.Dataset:
    """Out-of-fold predictions of every forecaster beside what happened, for all test years.

    Dataset (cell, level, init_time, location): ``model``, ``persistence``, ``climatology``, ``outcome`` and, where the hazard
    has one, ``overlap``; float32, NaN where there was nothing to score. Raises TooShort.
    """
    require_years(observations, region)
    observations = observations.load()
    delays, options = delays_of(observations), options_for(hazard, region, observations)
    tested = [_fold(hazard, observations, year, delays, options) for year in test_years(hazard, observations)]
    folds = [fold for fold in tested if fold is not None]
    if not folds:
        days = f"{LEAST_VALID:.0%} of its {hazard.title.lower()} days observed"
        raise TooShort(f"region {region.name}: no test year of the record has {days}; fill the gaps.")
    joined = xr.concat(folds, dim="init_time")
    return joined.assign_attrs(hazard=hazard.name, delay_days=max(delays[name] for name in hazard.requires))


def _fold(hazard: Hazard, observations: xr.Dataset, year: int, delays: dict[str, int], options: Options) -> xr.Dataset | None:
    """One test year: learn on what ended ``gap_days`` before it, forecast its issue days; None where it is mostly unobserved."""
    start = pd.Timestamp(year, 1, 1)
    training = observations.sel(time=slice(None, start - pd.Timedelta(days=hazard.gap_days + 1)))
    model = learn(hazard, training, training, delays, options)
    reach = max(cell.lead_days + cell.window_days for cell in hazard.cells)
    known = observations.sel(time=slice(None, pd.Timestamp(year, 12, 31) + pd.Timedelta(days=reach)))
    outcome = build_outcome(hazard, hazard.events(known, model.normals, options), model.normals, options)
    outcome = outcome.isel(init_time=slice(None, None, hazard.issue_step_days)).sel(init_time=str(year))
    issue_days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")[:: hazard.issue_step_days]
    expected = (hazard.applies(issue_days.astype("datetime64[ns]"), model.normals, options) == 1).sum()
    valid = np.isfinite(outcome.values[:, 0])
    if not expected or valid.sum() < LEAST_VALID * expected:
        return None
    scored = valid.any(axis=(0, 2))
    made = forecasters(model, observations, outcome["init_time"].values[scored], delays, options)
    happened = outcome.isel(init_time=scored)
    fold = made.drop_vars("state_known").where(np.isfinite(happened.values))
    return fold.assign(outcome=(happened.dims, happened.values)).astype(np.float32)
