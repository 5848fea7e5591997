"""The outlook: how hot, how wet, how high or how dry the coming days may be, in quantiles, with a coverage that holds by season.

Conformalised quantile regression (Romano, Patterson & Candes 2019). Quantiles start from the calendar's, moved by the newest
known value; boosted trees learn what else moves or widens them; then each quantile is shifted by what it was off by on years
that were held out, lead by lead and season by season. All of that happens on the scale that the hazard's ``outlook`` declares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import xgboost as xgb

from features.build import cell_coordinates
from features.calendar import DAYS, day_index, seasonal_mean, window_quantile, year_blocks
from features.hazards import Hazard, Options, Quantity

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SEASONS = ("DJF", "MAM", "JJA", "SON")  # of the valid day
ROUNDS = (0, 10, 20, 40, 80, 120)  # of boosting, among which each lead has its own
BLOCKS = 5  # of consecutive years, each foretold by what did not see it
HARMONICS = 3  # of the calendar's quantiles, whose tails are noisy from day to day
MOST_ROWS = 12_000  # learnt from; neighbouring days say much the same
FEWEST_DAYS = 1_500  # of a place's record, for quantiles of its calendar
FEWEST_IN_GROUP = 100  # different valid days of a lead and season, for a shift of their own
DECIMALS = 4
PARAMETERS: Mapping[str, Any] = {
    "objective": "reg:quantileerror",
    "quantile_alpha": np.array(QUANTILES),
    "tree_method": "hist",
    "max_bin": 64,
    "max_depth": 3,
    "eta": 0.1,
    "min_child_weight": 100.0,  # rows: a leaf's value is a quantile of its rows, which lambda does not restrain
    "subsample": 0.5,
    "colsample_bytree": 0.7,
    "seed": 20261123,
    "nthread": 1,
}


@dataclass(frozen=True)
class Outlook:
    """What was learnt of one hazard's quantity; on its scale. ``booster`` is None where no lead gains by trees.

    ``learnt``: ``calendar`` (quantile, dayofyear, location), ``line`` (cell, term: constant, newest value, the calendar's
    median), ``rounds`` (cell), ``offset`` (quantile, cell, season). Its attributes say the hazard, the quantity's
    title and units, and the years learnt from.
    """

    booster: xgb.Booster | None
    learnt: xr.Dataset


@dataclass(frozen=True)
class _Rows:
    """Issue days, cells and places laid out as a table: ``x`` (row, predictor), all else (row,)."""

    x: np.ndarray
    start: np.ndarray
    cell: np.ndarray
    place: np.ndarray
    issued: np.ndarray
    valid: np.ndarray

    def only(self, chosen: np.ndarray) -> _Rows:
        return _Rows(**{name: values[chosen] for name, values in vars(self).items()})


def fit_outlook(
    hazard: Hazard, features: xr.Dataset, past: xr.Dataset, normals: xr.Dataset, options: Options
) -> Outlook | None:
    """Learn quantiles of ``past["value"]`` on the valid days of ``features``; None without a quantity or 5 years of it.

    ``features`` (init_time, cell, location) as build_features makes them, ``past`` (time, location) as hazard.history does:
    both of training years alone, and of the same places.
    """
    if hazard.outlook is None:
        return None
    record = past["value"].sel(location=features["location"].values).astype(np.float64)
    record = record.where(record.notnull().sum("time") >= FEWEST_DAYS)
    record = record.copy(data=hazard.outlook.scale(record.values))
    rows = _rows(hazard, features, np.nonzero(_speaks(hazard, features, normals, options)))
    rows = _thinned(rows.only(np.isfinite(_values_on(record, rows.valid, rows.place))))
    years = np.unique(pd.DatetimeIndex(rows.issued).year)
    if len(years) < BLOCKS:
        return None
    y = _values_on(record, rows.valid, rows.place)
    outside = _outside(rows, y, record, len(hazard.cells), hazard.gap_days)
    rounds = _choose_rounds(rows, y, outside, hazard)
    foretold = np.take_along_axis(
        outside, np.searchsorted(ROUNDS, rounds[rows.cell])[None, :, None], axis=0
    )[0]
    outlook = _learn(rows, y, record, len(hazard.cells), int(rounds.max()))
    about = {
        **past.attrs,
        "hazard": hazard.name,
        "first_year": int(years[0]),
        "last_year": int(years[-1]),
        "rows": len(y),
    }
    return replace(
        outlook,
        learnt=_described(
            outlook.learnt, rounds, _offsets(rows, y, foretold, len(hazard.cells)), about
        ),
    )


def predict_outlook(
    outlook: Outlook, hazard: Hazard, features: xr.Dataset, normals: xr.Dataset, options: Options
) -> xr.DataArray:
    """Quantiles in the quantity's units: (quantile, cell, init_time, location); never crossing, never impossible.

    NaN where the hazard cannot strike, for windows of several days, and where the newest value or the place is not known.
    """
    at = np.nonzero(_speaks(hazard, features, normals, options))
    rows, learnt = _rows(hazard, features, at), _at_places(outlook, features)
    made = _boosted(outlook, rows, learnt, learnt["rounds"].values)
    offset = learnt["offset"].values[:, rows.cell, _season(rows.valid)].T
    return _laid_out(hazard, features, at, np.sort(made + offset, axis=-1))


def usual_outlook(
    outlook: Outlook, hazard: Hazard, features: xr.Dataset, normals: xr.Dataset, options: Options
) -> xr.DataArray:
    """The calendar's own quantiles for the same days, cells and places: what the outlook is held against."""
    at = np.nonzero(_speaks(hazard, features, normals, options))
    rows = _rows(hazard, features, at)
    return _laid_out(
        hazard, features, at, _calendar_of(_at_places(outlook, features)["calendar"].values, rows)
    )


def grade_outlook(made: xr.DataArray, past: xr.Dataset) -> pd.DataFrame:
    """How quantiles (quantile, cell, init_time, location) fared: a row for each season and lead that has outcomes.

    Columns: season, cell, lead_days, window_days, n, inside_90 and inside_50 (shares of outcomes inside, ends counted in),
    pinball (mean quantile loss, units of the quantity).
    """
    day, cell, place = np.nonzero(np.isfinite(made.values).all(axis=0).swapaxes(0, 1))
    valid = made["init_time"].values[day] + made["lead_days"].values[cell].astype("timedelta64[D]")
    actual = _values_on(past["value"].sel(location=made["location"].values), valid, place)
    said = np.round(made.values[:, cell, day, place], DECIMALS).T
    inside = {f"inside_{width}": _inside(said, actual, side) for width, side in ((90, 0), (50, 1))}
    columns = {
        "season": np.array(SEASONS)[_season(valid)],
        "cell": cell,
        **inside,
        "pinball": pinball(said, actual),
        "actual": actual,
    }
    table = pd.DataFrame(columns).dropna(subset="actual").drop(columns="actual")
    grouped = table.groupby(["season", "cell"], sort=False)
    graded = grouped.mean().assign(n=grouped.size()).reset_index()
    return graded.assign(
        **{name: made[name].values[graded["cell"]] for name in ("lead_days", "window_days")}
    )


def pinball(quantiles: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Quantile loss, mean over QUANTILES (last axis of ``quantiles``), units of ``actual``: Koenker & Bassett 1978."""
    error, level = actual[..., None] - quantiles, np.array(QUANTILES)
    return np.maximum(level * error, (level - 1) * error).mean(axis=-1)


def save_outlook(outlook: Outlook, folder: Path) -> None:
    """Write outlook.nc and, where there is a booster, outlook.json into ``folder``; nothing is pickled."""
    folder.mkdir(parents=True, exist_ok=True)
    outlook.learnt.to_netcdf(folder / "outlook.nc", engine="h5netcdf")
    if outlook.booster is not None:
        outlook.booster.save_model(folder / "outlook.json")


def load_outlook(folder: Path) -> Outlook:
    """Read what save_outlook wrote. Raises OSError or xgboost's error where a part is missing or damaged."""
    learnt = xr.load_dataset(folder / "outlook.nc", engine="h5netcdf")
    return Outlook(
        xgb.Booster(model_file=folder / "outlook.json") if learnt["rounds"].values.any() else None,
        learnt,
    )


def _speaks(
    hazard: Hazard, features: xr.Dataset, normals: xr.Dataset, options: Options
) -> np.ndarray:
    """Whether there is an outlook: (init_time, cell, location)."""
    one_day = (features["window_days"].values == 1) | hazard.windows_look_back
    strikes = np.moveaxis(hazard.applies(features["init_time"].values, normals, options), 0, 1) == 1
    return strikes & one_day[:, None] & np.isfinite(features[_quantity(hazard).start].values)


def _quantity(hazard: Hazard) -> Quantity:
    assert hazard.outlook is not None, f"{hazard.name} declares no outlook"
    return hazard.outlook


def _rows(hazard: Hazard, features: xr.Dataset, at: tuple[np.ndarray, ...]) -> _Rows:
    day, cell, place = at
    leads, windows = (features[name].values[cell] for name in ("lead_days", "window_days"))
    x = np.stack(
        [*(features[name].values[at] for name in hazard.features), leads, windows], axis=-1
    )
    issued = features["init_time"].values[day]
    start = features[_quantity(hazard).start].values[at].astype(np.float64)
    return _Rows(
        x.astype(np.float32), start, cell, place, issued, issued + leads.astype("timedelta64[D]")
    )


def _thinned(rows: _Rows) -> _Rows:
    """Every k-th issue day with all its leads, at most about MOST_ROWS rows; places take turns."""
    step = int(np.ceil(max(len(rows.cell), 1) / MOST_ROWS))
    turn = rows.place * step // (rows.place.max(initial=0) + 1)
    return rows.only((np.searchsorted(np.unique(rows.issued), rows.issued) + turn) % step == 0)


def _values_on(record: xr.DataArray, days: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Value of the record (time, location) on each day at each place, NaN where it has no such day."""
    position = pd.DatetimeIndex(record["time"].values).get_indexer(pd.DatetimeIndex(days))
    return np.where(position >= 0, record.values[position, place], np.nan)


def _season(days: np.ndarray) -> np.ndarray:
    """Position in SEASONS of each day."""
    return pd.DatetimeIndex(days.ravel()).month.to_numpy().reshape(days.shape) % 12 // 3


def _calendar(record: xr.DataArray) -> np.ndarray:
    """Quantiles of the doy window, smoothed over the year: (quantile, dayofyear, location)."""
    leap_year = np.datetime64("2000-01-01") + np.arange(DAYS)
    curves = [window_quantile(record.values, record["time"].values, q) for q in QUANTILES]
    return np.sort([seasonal_mean(curve, leap_year, HARMONICS) for curve in curves], axis=0)


def _calendar_of(calendar: np.ndarray, rows: _Rows) -> np.ndarray:
    """The calendar's quantiles of each row: (row, quantile)."""
    return calendar[:, day_index(rows.valid), rows.place].T


def _design(rows: _Rows, usual: np.ndarray) -> np.ndarray:
    return np.stack([np.ones(len(usual)), rows.start, usual[:, len(QUANTILES) // 2]], axis=-1)


def _fit_lines(rows: _Rows, y: np.ndarray, usual: np.ndarray, cells: int) -> np.ndarray:
    """How the newest value moves each cell's quantiles off the calendar's, by least squares: (cell, term); moves are 0 on average."""
    lines, design = np.zeros((cells, 3)), _design(rows, usual)
    for cell in np.unique(rows.cell):
        here = rows.cell == cell
        line = np.linalg.lstsq(
            design[here], y[here] - usual[here, len(QUANTILES) // 2], rcond=None
        )[0]
        lines[cell] = line - [(design[here] @ line).mean(), 0, 0]
    return lines


def _margin(rows: _Rows, learnt: xr.Dataset) -> np.ndarray:
    """Where the trees start from: (row, quantile)."""
    usual = _calendar_of(learnt["calendar"].values, rows)
    return usual + (_design(rows, usual) * learnt["line"].values[rows.cell]).sum(
        axis=-1, keepdims=True
    )


def _learn(rows: _Rows, y: np.ndarray, record: xr.DataArray, cells: int, rounds: int) -> Outlook:
    """Calendar, lines and ``rounds`` rounds of trees, without shifts."""
    calendar = _calendar(record)
    learnt = xr.Dataset(
        {"calendar": (("quantile", "dayofyear", "location"), calendar)},
        {"location": record["location"].values},
    )
    learnt["line"] = (("cell", "term"), _fit_lines(rows, y, _calendar_of(calendar, rows), cells))
    if not rounds:
        return Outlook(None, learnt)
    data = xgb.DMatrix(rows.x, y, base_margin=_margin(rows, learnt), nthread=1)
    return Outlook(xgb.train(dict(PARAMETERS), data, rounds), learnt)


def _boosted(outlook: Outlook, rows: _Rows, learnt: xr.Dataset, rounds: np.ndarray) -> np.ndarray:
    """Quantiles (row, quantile) in rising order, without shifts; ``rounds`` (cell) of trees."""
    margin = _margin(rows, learnt)
    made = margin.copy()
    for count in np.unique(rounds[rows.cell]):
        here = rounds[rows.cell] == count
        if count and outlook.booster is not None:
            data = xgb.DMatrix(rows.x[here], base_margin=margin[here], nthread=1)
            made[here] = outlook.booster.predict(data, iteration_range=(0, int(count))).reshape(
                -1, len(QUANTILES)
            )
    return np.sort(made, axis=-1)


def _outside(
    rows: _Rows, y: np.ndarray, record: xr.DataArray, cells: int, gap_days: int
) -> np.ndarray:
    """Each block of years foretold by what did not see it, after each of ROUNDS: (rounds, row, quantile)."""
    out, gap = np.empty((len(ROUNDS), len(y), len(QUANTILES))), np.timedelta64(gap_days, "D")
    years, blocks = pd.DatetimeIndex(rows.issued).year.to_numpy(), year_blocks(rows.issued, BLOCKS)
    for block in np.unique(blocks):
        held = blocks == block
        seen = (rows.issued < rows.issued[held].min() - gap) | (
            rows.issued > rows.issued[held].max() + gap
        )
        rest = record.where(~record["time"].dt.year.isin(np.unique(years[held])))
        outlook = _learn(rows.only(seen), y[seen], rest, cells, ROUNDS[-1])
        for number, count in enumerate(ROUNDS):
            out[number, held] = _boosted(
                outlook, rows.only(held), outlook.learnt, np.full(cells, count)
            )
    return out


def _choose_rounds(rows: _Rows, y: np.ndarray, outside: np.ndarray, hazard: Hazard) -> np.ndarray:
    """Rounds with the least quantile loss on held-out years, in the quantity's units: (cell,), 0 where there are no rows."""
    back, chosen = _quantity(hazard).back, np.zeros(len(hazard.cells), dtype=np.int64)
    loss = np.stack([pinball(back(made), back(y)) for made in outside])
    for cell in np.unique(rows.cell):
        chosen[cell] = ROUNDS[int(np.nanmean(loss[:, rows.cell == cell], axis=1).argmin())]
    return chosen


def _offsets(rows: _Rows, y: np.ndarray, foretold: np.ndarray, cells: int) -> np.ndarray:
    """Shifts that give every quantile its coverage on held-out years: (quantile, cell, season).

    Of each cell and season; where they have too few days, of the cell in all seasons, then of all cells.
    """
    error, season = y[:, None] - foretold, _season(rows.valid)
    known = np.isfinite(error).all(axis=1)
    out = np.empty((len(QUANTILES), cells, len(SEASONS)))
    for cell, number in np.ndindex(cells, len(SEASONS)):
        of_cell = known & (rows.cell == cell)
        groups = [of_cell & (season == number), of_cell, known]
        enough = [group for group in groups if len(np.unique(rows.valid[group])) >= FEWEST_IN_GROUP]
        out[:, cell, number] = conformal_offsets(error[enough[0] if enough else known])
    return out


def conformal_offsets(error: np.ndarray) -> np.ndarray:
    """Shift of each quantile from its errors, actual less foretold (row, quantile): the order statistic that covers a new day too.

    Each side on its own, Romano et al. 2019, theorem 2: rank (n + 1) q, rounded away from the median. Errors are of learners that
    had fewer years than the one in use, so that intervals from a short record err on the wide side.
    """
    ranked, level = np.sort(error, axis=0), np.array(QUANTILES)
    rank = (len(error) + 1) * level
    rank = np.where(level < 0.5, np.floor(rank), np.ceil(rank)).astype(int) - 1
    return np.take_along_axis(ranked, np.clip(rank, 0, len(error) - 1)[None], axis=0)[0]


def _described(
    learnt: xr.Dataset, rounds: np.ndarray, offset: np.ndarray, about: Mapping[str, Any]
) -> xr.Dataset:
    parts: dict[str, Any] = {
        "rounds": ("cell", rounds),
        "offset": (("quantile", "cell", "season"), offset),
    }
    return (
        learnt.assign(parts)
        .assign_coords(quantile=list(QUANTILES), season=list(SEASONS))
        .assign_attrs(about)
    )


def _at_places(outlook: Outlook, features: xr.Dataset) -> xr.Dataset:
    """What was learnt, at the places of ``features``; NaN where a place was not learnt from."""
    return outlook.learnt.reindex(location=features["location"].values)


def _laid_out(
    hazard: Hazard, features: xr.Dataset, at: tuple[np.ndarray, ...], made: np.ndarray
) -> xr.DataArray:
    """Quantiles (row, quantile) on the scale as (quantile, cell, init_time, location) in units, NaN elsewhere."""
    day, cell, place = at
    sizes = (len(QUANTILES), *(features.sizes[dim] for dim in ("cell", "init_time", "location")))
    out = np.full(sizes, np.nan)
    out[:, cell, day, place] = np.round(_quantity(hazard).back(made), DECIMALS).T
    coords = {name: features[name].values for name in ("init_time", "location")} | {
        "quantile": list(QUANTILES)
    }
    return xr.DataArray(
        out,
        dims=("quantile", "cell", "init_time", "location"),
        coords=coords | cell_coordinates(hazard),
        name="outlook",
    )


def _inside(said: np.ndarray, actual: np.ndarray, side: int) -> np.ndarray:
    actual = np.round(actual, DECIMALS)
    return (actual >= said[:, side]) & (actual <= said[:, -1 - side])
