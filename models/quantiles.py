"""The outlook: how hot, how wet, how high or how dry the coming days may be, in quantiles.

The state model's kind of regression (models.distribution_regression), learnt from the hazard's
quantity over its level 1 threshold at thresholds all over its distribution, and inverted: the
quantile is where P(quantity > c) passes its level. On the scale that the hazard's ``outlook``
declares.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logit

from features.build import cell_coordinates
from features.hazards import Hazard, Options, Quantity
from models.distribution_regression import (
    Fit,
    PredictorSpec,
    Rows,
    fit,
    fits_of,
    fitted_log_odds,
    to_dataset,
)
from models.state_model import (
    DEVIATION,
    MAX_ROWS,
    STATE_DEVIATION,
    Inputs,
    State,
    every_so_many,
    model_spec,
)

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
RATES = (0.02, 0.05, 0.1, 0.25, 0.4, 0.6, 0.75, 0.9, 0.95, 0.98)  # of exceedance, to learn at
GRID = 61  # thresholds between which an inversion interpolates
BEYOND = 0.25  # of the range learnt from, on which the regression is followed on either side
WITH_SEASON = 3.0  # deviation of c times season: spread may vary with it as it likes
FEWEST_DAYS = 1_500  # of a location's record
DECIMALS = 4


def quantity_spec(hazard: Hazard) -> PredictorSpec:
    """All predictors, and the ensemble's log-odds."""
    strong = (*hazard.state, *hazard.calendar, *hazard.overlap, hazard.newest)
    names = (*model_spec(hazard).predictors, *hazard.overlap)
    deviations = {name: STATE_DEVIATION if name in strong else DEVIATION for name in names}
    return PredictorSpec(deviations, bounded=False, with_season=WITH_SEASON)


def fit_quantity(hazard: Hazard, inputs: Inputs, past: xr.Dataset) -> xr.Dataset | None:
    """The regression of the hazard's quantity; None without one, or with too short a record.

    ``inputs``: predictors of the issue days trained on. ``past`` (time, location): hazard.history.
    The attributes say what the quantity is, and its units.
    """
    if hazard.outlook is None:
        return None
    above = _above(hazard.outlook, past)
    above = above.where(above.notnull().sum("time") >= FEWEST_DAYS)
    if not above.notnull().any():
        return None
    spec = quantity_spec(hazard)
    fits = [[fit(rows, spec) for rows in _rows(hazard, inputs, above, spec)]]
    about = {name: past.attrs[name] for name in ("title", "units")}
    return to_dataset(fits, spec).assign_attrs(about, hazard=hazard.name)


def _above(quantity: Quantity, past: xr.Dataset) -> xr.DataArray:
    """The quantity over its threshold, on its scale."""
    value, threshold = (
        quantity.scale(past[name].values.astype(np.float64)) for name in ("value", "threshold")
    )
    return past["value"].astype(np.float64).copy(data=value - threshold)


def _rows(
    hazard: Hazard, inputs: Inputs, above: xr.DataArray, spec: PredictorSpec
) -> Iterator[Rows]:
    values = above.transpose("time", "location").values
    for number, cell in enumerate(hazard.cells):
        rows, y = np.zeros(0, dtype=int), np.zeros(0)
        if cell.window_days == 1 or hazard.windows_look_back:
            valid = inputs.init_times + np.timedelta64(cell.lead_days, "D")
            at = pd.DatetimeIndex(above["time"].values).get_indexer(pd.DatetimeIndex(valid))
            y = np.where((at >= 0)[:, None], values[at], np.nan).reshape(-1)
            there = np.isfinite(y) & inputs.exists[number].reshape(-1)
            rows = np.flatnonzero(there)
            rows = every_so_many(rows, inputs.turn, MAX_ROWS)
        margin = y[rows]
        grid = np.quantile(margin, 1 - np.array(RATES)) if len(rows) else np.zeros(0)
        c = np.broadcast_to(grid, (len(rows), len(grid)))
        yield Rows(
            x=inputs.predictors(spec.predictors, number, rows),
            s=inputs.modifiers(number, rows),
            c=c,
            y=(margin[:, None] > c).astype(np.float64),
            start=np.zeros(c.shape),
            weight=np.full(c.shape, 1 / max(len(grid), 1)),
        )


def predict_quantiles(
    hazard: Hazard,
    fitted: xr.Dataset | None,
    state: State,
    normals: xr.Dataset,
    options: Options,
) -> xr.DataArray:
    """Quantiles in the quantity's units: (quantile, cell, init_time, location).

    They never cross and are never impossible. NaN where the hazard cannot strike, for windows of
    several days, and where the newest value is not known.
    """
    inputs = state.inputs
    cells, days, locations = inputs.shape
    quantiles = np.full((len(QUANTILES), cells, days, locations), np.nan)
    if fitted is not None and hazard.outlook is not None:
        spec = quantity_spec(hazard)
        thresholds = _thresholds(hazard, inputs, normals, options)
        fits = fits_of(fitted)[0]
        for number, cell in enumerate(hazard.cells):
            one = fits[number]
            if (cell.window_days == 1 or hazard.windows_look_back) and one.reach[2] > one.reach[1]:
                above = _invert(one, spec, inputs, number).reshape(-1, days, locations)
                value = hazard.outlook.back(above + thresholds[number])
                there = inputs.exists[number] & state.known[number]
                quantiles[:, number] = np.where(there, value, np.nan)
    coords = {
        "quantile": list(QUANTILES),
        "init_time": inputs.init_times,
        "location": state.features["location"].values,
        **cell_coordinates(hazard),
    }
    dims = ("quantile", "cell", "init_time", "location")
    return xr.DataArray(np.round(quantiles, DECIMALS), dims=dims, coords=coords)


def _thresholds(
    hazard: Hazard, inputs: Inputs, normals: xr.Dataset, options: Options
) -> np.ndarray:
    """The level 1 threshold of each valid day on the quantity's scale.

    (cell, init_time, location).
    """
    assert hazard.outlook is not None
    thresholds = []
    for cell in hazard.cells:
        valid = inputs.init_times + np.timedelta64(cell.lead_days, "D")
        blank = np.full((len(valid), normals.sizes["location"]), np.nan, dtype=np.float32)
        coords = {"time": valid, "location": normals["location"].values}
        days = xr.Dataset(
            {name: (("time", "location"), blank) for name in (*hazard.requires, *hazard.uses)},
            coords,
        )
        threshold = hazard.history(days, normals, options)["threshold"]
        thresholds.append(hazard.outlook.scale(threshold.values.astype(np.float64)))
    return np.stack(thresholds)


def _invert(one: Fit, spec: PredictorSpec, inputs: Inputs, cell: int) -> np.ndarray:
    """Quantiles of the quantity over its threshold: (quantile, init_time x location)."""
    _, days, locations = inputs.shape
    everywhere = np.arange(days * locations)
    _, low, high = one.reach
    room = BEYOND * (high - low)
    grid = np.linspace(low - room, high + room, GRID)
    x = inputs.predictors(spec.predictors, cell, everywhere)
    c = np.broadcast_to(grid, (len(everywhere), GRID))
    odds = fitted_log_odds(one, spec, x, c, inputs.modifiers(cell, everywhere))  # falls in c
    odds = np.minimum.accumulate(odds, axis=1) - 1e-9 * np.arange(GRID)
    wanted = logit(1 - np.array(QUANTILES))
    return np.array([np.interp(-wanted, -row, grid) for row in odds]).T


def grade_quantiles(made: xr.DataArray, past: xr.Dataset) -> pd.DataFrame:
    """How quantiles (quantile, cell, init_time, location) fared: a row for each lead.

    Columns: cell, lead_days, window_days, n, inside_90 and inside_50 (shares of outcomes inside,
    ends counted in), pinball (mean quantile loss, units of the quantity).
    """
    rows = []
    value = past["value"].transpose("time", "location")
    for number in range(made.sizes["cell"]):
        lead = np.timedelta64(int(made["lead_days"].values[number]), "D")
        at = pd.DatetimeIndex(value["time"].values).get_indexer(
            pd.DatetimeIndex(made["init_time"].values + lead)
        )
        actual = np.where((at >= 0)[:, None], value.values[at], np.nan)
        quantile = made.values[:, number]
        ok = np.isfinite(actual) & np.isfinite(quantile).all(axis=0)
        if ok.any():
            q, y = quantile[:, ok], actual[ok]
            rows.append(
                {
                    "cell": number,
                    "lead_days": int(made["lead_days"].values[number]),
                    "window_days": int(made["window_days"].values[number]),
                    "n": int(ok.sum()),
                    "inside_90": float(((q[0] <= y) & (y <= q[-1])).mean()),
                    "inside_50": float(((q[1] <= y) & (y <= q[-2])).mean()),
                    "pinball": float(pinball(q.T, y).mean()),
                }
            )
    return pd.DataFrame(rows)


def pinball(quantiles: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Quantile loss, mean over QUANTILES (last axis); units of ``actual``.

    Koenker & Bassett 1978.
    """
    error, level = actual[..., None] - quantiles, np.array(QUANTILES)
    return np.maximum(level * error, (level - 1) * error).mean(axis=-1)
