"""Archived weather forecasts beside what was then observed.

A *run* is the forecast issued on one day. Its *horizon* is the number of days from that day to the
valid day. *Pairs* are the runs of one variable with the observations of their valid days:
dimensions (init_time, horizon, location).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from data_contracts.variables import DETERMINISTIC, SPREAD

DAY = np.timedelta64(1, "D")
MIN_FLOW = 1e-3  # m3 s-1, keeps the logarithm of a dry river finite
MAX_LOG_FLOW = 80.0  # keeps a flow finite in float32
FORECAST_PARTS = ("mean", "spread", "wet")  # what pairs hold of each run
WET_DAY_MM = 0.1  # the least that counts as rain
MAX_RUN_AGE_DAYS = 2  # by which a run may be older than the newest that could be available
MAX_RUN_DAYS = 8 * 365  # before a fit: older runs are of other models, and cost as much
MIN_RANGE = 15.0  # degC, a plausible range of temperatures is no narrower than three times this


@dataclass(frozen=True)
class ErrorModel:
    """How a variable's forecast errors are modelled: ``family`` "normal" or "rain", on a scale.

    ``scale``: from units to the scale; ``back``: its inverse. ``spread_on_scale``: standard
    deviation on the scale from (spread, mean) in units.
    """

    family: str
    scale: Callable[[np.ndarray], np.ndarray] = np.asarray
    back: Callable[[np.ndarray], np.ndarray] = np.asarray
    spread_on_scale: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda spread, _: spread
    temperature: bool = False


ERROR_MODELS: Mapping[str, ErrorModel] = {
    "air_temperature_max": ErrorModel("normal", temperature=True),
    "air_temperature_min": ErrorModel("normal", temperature=True),
    "air_temperature_mean": ErrorModel("normal", temperature=True),
    "river_discharge": ErrorModel(
        "normal",
        scale=lambda flow: np.log(np.maximum(flow, MIN_FLOW)),
        back=lambda log: np.exp(np.minimum(log, MAX_LOG_FLOW)),
        spread_on_scale=lambda spread, mean: np.sqrt(  # exact for a log-normal distribution
            np.log1p((spread / np.maximum(mean, MIN_FLOW)) ** 2)
        ),
    ),
    "precipitation": ErrorModel("rain"),
}


def pair_archive(
    forecasts: xr.Dataset, observations: xr.Dataset, names: Iterable[str] = tuple(ERROR_MODELS)
) -> dict[str, xr.Dataset]:
    """Pairs by variable, of those ``names`` that both datasets hold."""
    return {
        name: pair_with_observations(forecasts, observations, name)
        for name in names
        if name in forecasts and name in observations
    }


def pair_with_observations(
    forecasts: xr.Dataset, observations: xr.Dataset, variable: str
) -> xr.Dataset:
    """Pairs of one variable: (init_time, horizon, location), init_time without gaps, float32.

    ``mean``, ``spread``: of the members, on the variable's scale (its units; discharge: logarithm).
    ``wet``: share of members with rain. ``observed``: on the same scale.
    A missing member is not a zero; one member alone has no spread. A deterministic run gives the
    mean where there is one, so that the mean is of one kind in years without an ensemble. A spread
    that was issued (member SPREAD) is taken before that of the members.

    ``forecasts``: as Store.forecasts gives them. ``observations``: (time, location), same
    locations. Attributes: ``run_delay``, days after its init_time by which a run is available;
    ``delay``, days by which an observation is.
    """
    model, issued = ERROR_MODELS[variable], forecasts[variable]
    first, last = forecasts["init_time"].values[[0, -1]]
    days = np.arange(first.astype("datetime64[D]"), last.astype("datetime64[D]") + DAY).astype(
        "datetime64[ns]"
    )
    horizons = (forecasts["lead_time"].values / DAY).astype(int)
    order = ("init_time", "lead_time", "location")
    members = (
        issued.transpose(*order, "member")
        if "member" in issued.dims
        else issued.transpose(*order).expand_dims({"member": [DETERMINISTIC]}, -1)
    )
    values = members.reindex(init_time=days, location=observations["location"].values).values
    mean, spread, wet = _run_statistics(values, members["member"].values, model)
    parts = {
        "mean": mean,
        "spread": spread,
        "wet": wet,
        "observed": model.scale(_on_valid_days(observations[variable], days, horizons)),
    }
    dims = ("init_time", "horizon", "location")
    coords = {"init_time": days, "horizon": horizons, "location": observations["location"].values}
    return xr.Dataset(
        {name: (dims, part.astype(np.float32)) for name, part in parts.items()},
        coords=coords,
        attrs={
            "variable": variable,
            "run_delay": int(issued.attrs.get("delay_days", 0)),
            "delay": int(observations[variable].attrs.get("delay_days", 1)),
        },
    )


def _run_statistics(
    values: np.ndarray, member: np.ndarray, model: ErrorModel
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, spread and wet share over the last axis, whose numbers are ``member``."""
    is_single, is_spread = member == DETERMINISTIC, member == SPREAD
    single, ensemble = (
        _member_statistics(values[..., which], model.scale)
        for which in (is_single, ~is_single & ~is_spread)
    )
    mean = np.where(np.isfinite(single[0]), single[0], ensemble[0])
    wet = np.where(np.isfinite(ensemble[2]), ensemble[2], single[2])
    if not (is_spread.any() and is_single.any()):
        return mean, ensemble[1], wet
    spread = model.spread_on_scale(values[..., is_spread][..., 0], values[..., is_single][..., 0])
    return mean, np.where(np.isfinite(spread), spread, ensemble[1]), wet


def _member_statistics(
    values: np.ndarray, scale: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation (NaN of fewer than 2) and wet share of the members there are."""
    present = np.isfinite(values)
    count = present.sum(axis=-1)
    scaled = np.where(present, scale(np.where(present, values, 1.0)), 0.0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, scaled.sum(axis=-1) / count, np.nan)
        squares = np.where(present, (scaled - mean[..., None]) ** 2, 0.0).sum(axis=-1)
        spread = np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)
        n_wet = (present & (values >= WET_DAY_MM)).sum(axis=-1)
        wet = np.where(count > 0, n_wet / count, np.nan)
    return mean, spread, wet


def _on_valid_days(observed: xr.DataArray, days: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    """Observations on the valid day of each run and horizon: (init_time, horizon, location)."""
    values, first = observed.transpose("time", "location").values, observed["time"].values[0]
    rows = ((days[:, None] - first) / DAY).astype(int) + horizons[None, :]
    inside = (rows >= 0) & (rows < len(values))
    return np.where(inside[..., None], values[np.clip(rows, 0, len(values) - 1)], np.nan)


def known_by(pairs: xr.Dataset, today: np.datetime64, delay: int, run_delay: int = 0) -> xr.Dataset:
    """Pairs as they were known on the morning of ``today``.

    Runs issued at least ``run_delay`` and at most MAX_RUN_DAYS days before it, observations of days
    at least ``delay`` days before it.
    """
    runs = pairs.sel(init_time=slice(today - MAX_RUN_DAYS * DAY, today - run_delay * DAY))
    valid = runs["init_time"].values[:, None] + runs["horizon"].values * DAY
    known = xr.DataArray(valid <= today - delay * DAY, dims=("init_time", "horizon"))
    return runs.assign(observed=runs["observed"].where(known))


def has_pair(pairs: xr.Dataset) -> np.ndarray:
    """Where there is a forecast and its observation: (init_time, horizon, location)."""
    return np.isfinite(pairs["mean"].values + pairs["observed"].values)


def known_after(pairs: xr.Dataset) -> np.ndarray:
    """Days by which a run must be older for its error to be known when a run is issued.

    (horizon,), at least 1.
    """
    delay = int(pairs.attrs["delay"]) - int(pairs.attrs["run_delay"])
    return np.maximum(pairs["horizon"].values.astype(int) + delay, 1)


def latest_available(
    pairs: xr.Dataset,
    issue_times: np.ndarray,
    leads: np.ndarray,
    run_delay: int = 0,
    max_age: int = MAX_RUN_AGE_DAYS,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The newest forecast available on each issue day of the days ``leads`` ahead.

    First: arrays (issue_time, lead, location) by name: mean, spread, wet, and recent where the
    pairs hold it. Second: the horizon of the run used, same shape, -1 where there is none. A run
    may be ``max_age`` days older than the newest that could be available. ``leads`` below 0 are
    days before the issue day, forecast by the runs issued on them.
    """
    init, horizons = pairs["init_time"].values, pairs["horizon"].values
    issue_times = np.asarray(issue_times, "datetime64[ns]")
    row_of = ((issue_times - (init[0] if len(init) else issue_times[0])) / DAY).astype(int)
    column_of = {int(horizon): number for number, horizon in enumerate(horizons)}
    shape = (len(row_of), len(leads), pairs.sizes["location"])
    names = [name for name in (*FORECAST_PARTS, "recent") if name in pairs]
    arrays = {name: pairs[name].values for name in names}
    filled, used = {name: np.full(shape, np.nan) for name in names}, np.full(shape, -1)
    for number, lead in enumerate(leads):
        for age in range(max_age + 1):
            back = max(run_delay, -int(lead)) + age
            column, rows = column_of.get(int(lead) + back), row_of - back
            if column is None or not len(init):
                continue
            inside, clipped = (rows >= 0) & (rows < len(init)), np.clip(rows, 0, len(init) - 1)
            usable = inside[:, None] & np.isfinite(arrays["mean"][clipped, column])
            fills = usable & (used[:, number] < 0)
            for name, part in filled.items():
                part[:, number][fills] = arrays[name][clipped, column][fills]
            used[:, number][fills] = int(lead) + back
    return filled, used


def plausible_range(pairs: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Lower and upper limit of a forecast, (location,): all observed, widened by its whole range.

    Infinite for rain and discharge: no amount is too great to be forecast.
    """
    observed = pairs["observed"].astype(np.float64)
    low, high = (
        observed.reduce(extreme, dim=("init_time", "horizon"))
        for extreme in (np.fmin.reduce, np.fmax.reduce)
    )
    is_temperature = ERROR_MODELS[pairs.attrs["variable"]].temperature
    span = np.maximum(high - low, MIN_RANGE) if is_temperature else np.inf
    return (low - span).fillna(-np.inf), (high + span).fillna(np.inf)


def within_range(pairs: xr.Dataset, lower: xr.DataArray, upper: xr.DataArray) -> xr.Dataset:
    """Pairs with the forecasts beyond their limits, (location,), made NaN."""
    mean = pairs["mean"].values
    return keep_forecasts(pairs, (mean >= lower.values) & (mean <= upper.values))


def keep_forecasts(pairs: xr.Dataset, keep: np.ndarray) -> xr.Dataset:
    """Pairs without the forecasts that are not to ``keep``, which broadcasts to their arrays."""
    parts = {
        name: (pairs[name].dims, np.where(keep, pairs[name].values, np.float32(np.nan)))
        for name in FORECAST_PARTS
    }
    return pairs.assign(parts)
