"""Marks of a made-up live record, and the backtest of the same made-up forecaster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from features.hazards import LEVELS, Cell, Hazard, hazards
from models.verification.marks import SCHEMA

HEAT = replace(hazards()["heat"], cells=(Cell(0, 1), Cell(1, 1), Cell(0, 3)))
"""The hazard with few of its cells."""
USUAL = 0.3
SPREAD = (0.159 / (2 - 0.159)) ** 0.5
"""Standard deviation of a mean with a half-life of 4 days of normal shocks: a = 0.159 weighs the
newest, so that its variance is a / (2 - a)."""


def draws(days: pd.DatetimeIndex, seed: int, sharpness: float, places: int = 1):
    """Probability and outcome of level 1, (day, place): what drives a place lasts for some days.

    ``sharpness`` 1: the probability is the true one; 0: noise about the usual one.
    """
    random = np.random.default_rng(seed)
    shocks = random.normal(size=(len(days) + 20, places))
    state = pd.DataFrame(shocks).ewm(halflife=4).mean().to_numpy()[20:]
    true = 1 / (1 + np.exp(-(3 * state / SPREAD + np.log(USUAL / (1 - USUAL)))))
    outcome = (random.random(true.shape) < true).astype(float)
    blind = random.permutation(true)
    return sharpness * true + (1 - sharpness) * blind, outcome


def season(first: int, last: int) -> pd.DatetimeIndex:
    """The days of May to October of some years."""
    days = pd.date_range(f"{first}-05-01", f"{last}-10-31")
    return days[(days.month >= 5) & (days.month <= 10)]


def backtest(days: pd.DatetimeIndex, seed: int, hazard: Hazard = HEAT) -> xr.Dataset:
    """A backtest whose every cell and level has draws of its own."""
    shape = (len(hazard.cells), len(LEVELS), len(days), 1)
    p, outcome = np.empty(shape), np.empty(shape)
    for cell in range(shape[0]):
        for level in range(shape[1]):
            p[cell, level], outcome[cell, level] = draws(days, seed + 100 * cell + level, 1.0)
    usual = np.full(shape, USUAL)
    dims = ("cell", "level", "init_time", "location")
    values = dict.fromkeys(("climatology", "climatology_smoothed", "persistence"), usual)
    values |= {"model": p, "published": p, "outcome": outcome}
    coords = {"level": list(LEVELS), "init_time": days, "location": ["here"]}
    coords |= {
        name: ("cell", [getattr(cell, name) for cell in hazard.cells])
        for name in ("lead_days", "window_days")
    }
    return xr.Dataset({name: (dims, part) for name, part in values.items()}, coords)


def marks(
    days: pd.DatetimeIndex, seed: int, sharpness: float = 1.0, hazard: Hazard = HEAT, **columns
) -> pd.DataFrame:
    """Graded marks of every cell and level of a hazard, as Marks.frame gives them."""
    parts = []
    for number, cell in enumerate(hazard.cells):
        for level in LEVELS:
            p, outcome = draws(days, seed + 100 * number + level, sharpness)
            valid = days + pd.Timedelta(days=cell.lead_days)
            parts.append(
                pd.DataFrame(
                    {
                        "region": "city", "hazard": hazard.name, "location": "here", "level": level,
                        "issued": days, "valid": valid, "lead_days": cell.lead_days,
                        "window_days": cell.window_days, "probability": p[:, 0],
                        "climatology": USUAL, "climatology_smoothed": USUAL, "persistence": USUAL,
                        "model": p[:, 0], "outcome": outcome[:, 0], "state": "graded",
                        "reason": "", "late": False, "colour": "green", "stage": "state",
                        "model_version": "1", "graded_on": valid + pd.Timedelta(days=8),
                    }
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)[SCHEMA.names].assign(**columns)
