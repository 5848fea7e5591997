"""Archived weather forecasts beside what was then observed, and which of them cannot be used.

A *run* is the forecast issued on one day; its *horizon* is days from that day to the valid one. ``paired`` lays runs and
observations side by side, ``as_issued`` gives what was at hand on the morning of an issue day, ``faults`` says what is left out
and why, ``find_changes`` from when on another forecast model issues them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from data_contracts.variables import DETERMINISTIC, SPREAD
from features.calendar import day_index, seasonal_mean
from models.silence import Fault, Reason, because

SMALLEST_FLOW = 1e-3  # m3 s-1, keeps the logarithm of a dry river finite
LARGEST_LOG = 80.0  # of a flow, keeps it finite in float32
ISSUED = ("mean", "spread", "wet")  # what pairs tell of each run
WET = 0.1  # mm a day, the least that counts as rain
FEWEST_DAYS = 90  # issue days before forecasts are learnt from
FEWEST_IN_SEASON = 30  # of them within SEASON_DAYS of the day of year
SEASON_DAYS = 45
RECENT_DAYS = 365  # faults are those of the forecasts as they are issued now
OLDEST_RUN = 2  # days by which a run may be older than the newest that could be at hand
KELVIN = 273.15
FARTHEST = 15.0  # degC between forecast and observation on the median day: beyond any bias, the unit must be another
FACTOR = 8.0  # between sums of rain, or median flows: as FARTHEST
SHIFT_MARGIN = 0.1  # of correlation
FEWEST_IN_SEGMENT = 30  # days of a forecast model's own before its bias is known
CLEAR_SHIFT = 5.0  # standard errors, the largest of the many places a change could be at


@dataclass(frozen=True)
class Kind:
    """How a variable's errors are modelled: ``normal`` or ``rain`` errors, on a ``scale``.

    ``back`` is its inverse, ``spread_on_scale`` the standard deviation there, of one with a mean.
    """

    family: str
    scale: Callable[[np.ndarray], np.ndarray] = np.asarray
    back: Callable[[np.ndarray], np.ndarray] = np.asarray
    spread_on_scale: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda spread, mean: spread
    temperature: bool = False


KINDS: Mapping[str, Kind] = {
    "air_temperature_max": Kind("normal", temperature=True),
    "air_temperature_min": Kind("normal", temperature=True),
    "air_temperature_mean": Kind("normal", temperature=True),
    "river_discharge": Kind(
        "normal",
        scale=lambda flow: np.log(np.maximum(flow, SMALLEST_FLOW)),
        back=lambda log: np.exp(np.minimum(log, LARGEST_LOG)),
        spread_on_scale=lambda spread, mean: np.sqrt(  # exact for a log-normal distribution
            np.log1p((spread / np.maximum(mean, SMALLEST_FLOW)) ** 2)
        ),
    ),
    "precipitation": Kind("rain"),
}


def paired(forecasts: xr.Dataset, observations: xr.Dataset, variable: str) -> xr.Dataset:
    """Runs of a variable and what was observed on their valid days: (init_time, horizon, location), init_time without gaps.

    ``mean`` and ``spread`` of the members there are (a missing one is not a zero; one alone has no spread), on the variable's
    scale (its own units, discharge as a logarithm), ``wet``, the share of members with rain, and ``observed``, on that scale.
    Where there is a deterministic run too the mean is its: it is of one kind over the years that had no ensemble yet. A spread that
    was issued beside a mean (member SPREAD) stands for that of members.
    ``forecasts`` as Store.forecasts gives them, ``observations`` (time, location) of the same places. Attribute ``run_delay``: days
    after its init_time by which a run is at hand; ``delay``: those by which an observation is.
    """
    kind, issued = KINDS[variable], forecasts[variable]
    first, last = forecasts["init_time"].values[[0, -1]]
    days = np.arange(
        first.astype("datetime64[D]"), last.astype("datetime64[D]") + np.timedelta64(1, "D")
    ).astype("datetime64[ns]")
    horizons = (forecasts["lead_time"].values / np.timedelta64(1, "D")).astype(int)
    order = ("init_time", "lead_time", "location")
    members = (
        issued.transpose(*order, "member")
        if "member" in issued.dims
        else issued.transpose(*order).expand_dims({"member": [-1]}, -1)
    )
    values = members.reindex(init_time=days, location=observations["location"].values).values
    mean, spread, wet = _of_all(values, members["member"].values, kind)
    dims = ("init_time", "horizon", "location")
    parts = {
        "mean": mean,
        "spread": spread,
        "wet": wet,
        "observed": kind.scale(_on_valid_days(observations[variable], days, horizons)),
    }
    coords = {"init_time": days, "horizon": horizons, "location": observations["location"].values}
    made = {name: (dims, part.astype(np.float32)) for name, part in parts.items()}
    return xr.Dataset(
        made,
        coords=coords,
        attrs={
            "variable": variable,
            "run_delay": int(issued.attrs.get("delay_days", 0)),
            "delay": int(observations[variable].attrs.get("delay_days", 1)),
        },
    )


def _of_all(
    values: np.ndarray, member: np.ndarray, kind: Kind
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``_of_members`` over the last axis, whose numbers are ``member``.

    A deterministic run, where there is one, gives the mean, and all of it where it is alone; a
    spread that was issued is taken before that of members.
    """
    single, told = member == DETERMINISTIC, member == SPREAD
    alone, together = (
        _of_members(values[..., which], kind.scale) for which in (single, ~single & ~told)
    )
    mean = np.where(np.isfinite(alone[0]), alone[0], together[0])
    wet = np.where(np.isfinite(together[2]), together[2], alone[2])
    if not (told.any() and single.any()):
        return mean, together[1], wet
    spread = kind.spread_on_scale(values[..., told][..., 0], values[..., single][..., 0])
    return mean, np.where(np.isfinite(spread), spread, together[1]), wet


def _of_members(
    values: np.ndarray, scale: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation (NaN with fewer than 2) and share above WET over the last axis, of the members there are."""
    there = np.isfinite(values)
    count = there.sum(axis=-1)
    scaled = np.where(there, scale(np.where(there, values, 1.0)), 0.0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, scaled.sum(axis=-1) / count, np.nan)
        squares = np.where(there, (scaled - mean[..., None]) ** 2, 0.0).sum(axis=-1)
        spread = np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)
        wet = np.where(count > 0, (there & (values >= WET)).sum(axis=-1) / count, np.nan)
    return mean, spread, wet


def _on_valid_days(observed: xr.DataArray, days: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    """Observations on the valid day of each run and horizon: (init_time, horizon, location)."""
    values, first = observed.transpose("time", "location").values, observed["time"].values[0]
    rows = ((days[:, None] - first) / np.timedelta64(1, "D")).astype(int) + horizons[None, :]
    inside = (rows >= 0) & (rows < len(values))
    return np.where(inside[..., None], values[np.clip(rows, 0, len(values) - 1)], np.nan)


def known_by(pairs: xr.Dataset, today: np.datetime64, delay: int, run_delay: int = 0) -> xr.Dataset:
    """Pairs as they could be known on the morning of ``today``: runs issued ``run_delay`` days before it, values ``delay`` days before."""
    day = np.timedelta64(1, "D")
    runs = pairs.sel(init_time=slice(None, today - run_delay * day))
    valid = runs["init_time"].values[:, None] + runs["horizon"].values * day
    seen = xr.DataArray(valid <= today - delay * day, dims=("init_time", "horizon"))
    return runs.assign(observed=runs["observed"].where(seen))


def as_issued(
    pairs: xr.Dataset,
    issued: np.ndarray,
    leads: np.ndarray,
    run_delay: int = 0,
    oldest: int = OLDEST_RUN,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What was at hand on the mornings ``issued`` about the days ``leads`` ahead, by name, each (issue, lead, location).

    Names are mean, spread and wet, and recent where the pairs have it. Second, the horizon of the
    run it is from, same shape, -1 where there is none: the newest run that had arrived, up to
    ``oldest`` days older than the newest there could be. ``leads`` below 0 are days before the
    issue day, told of by the runs issued on them.
    """
    init, horizons = pairs["init_time"].values, pairs["horizon"].values
    issued = np.asarray(issued, "datetime64[ns]")
    row_of = ((issued - (init[0] if len(init) else issued[0])) / np.timedelta64(1, "D")).astype(int)
    column_of = {int(horizon): number for number, horizon in enumerate(horizons)}
    shape = (len(row_of), len(leads), pairs.sizes["location"])
    made, found = (
        {name: np.full(shape, np.nan) for name in (*ISSUED, "recent") if name in pairs},
        np.full(shape, -1),
    )
    arrays = {name: pairs[name].values for name in made}
    for number, lead in enumerate(leads):
        for age in range(oldest + 1):
            back = max(run_delay, -int(lead)) + age
            column, rows = column_of.get(int(lead) + back), row_of - back
            if column is None or not len(init):
                continue
            inside = (rows >= 0) & (rows < len(init))
            here = arrays["mean"][np.clip(rows, 0, len(init) - 1), column]
            fills = inside[:, None] & np.isfinite(here) & (found[:, number] < 0)
            for name, part in made.items():
                part[:, number][fills] = arrays[name][np.clip(rows, 0, len(init) - 1), column][
                    fills
                ]
            found[:, number][fills] = int(lead) + back
    return made, found


def reach_of(pairs: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """The least and the most a forecast can be at each place: all that was observed and its whole range more on either side.

    Only of temperatures: no rain and no flow is too great to be foretold.
    """
    observed = pairs["observed"].astype(np.float64)
    low, high = (
        observed.reduce(how, dim=("init_time", "horizon"))
        for how in (np.fmin.reduce, np.fmax.reduce)
    )
    span = (
        np.maximum(high - low, FARTHEST) if KINDS[pairs.attrs["variable"]].temperature else np.inf
    )
    return (low - span).fillna(-np.inf), (high + span).fillna(np.inf)


def possible(pairs: xr.Dataset, least: xr.DataArray, most: xr.DataArray) -> xr.Dataset:
    """Pairs without the forecasts beyond what they can be."""
    near = (pairs["mean"] >= least) & (pairs["mean"] <= most)
    return pairs.assign({name: pairs[name].where(near) for name in ISSUED})


def faults(pairs: xr.Dataset) -> list[Fault]:
    """Every column (horizon, place) of a variable's newest runs that must be left out; see the reasons' functions.

    None of a place that neither ever had the variable nor a forecast of it.
    """
    has_it = np.isfinite(pairs["mean"].values).any(axis=(0, 1)) | np.isfinite(
        pairs["observed"].values
    ).any(axis=(0, 1))
    recent = pairs.isel(init_time=slice(-RECENT_DAYS, None))
    mean, all_of_it = recent["mean"].values, pairs["mean"].values
    both = pair_days(possible(pairs, *reach_of(pairs)))
    enough, since = both.sum(axis=0), _since(pairs)
    shifted, units = _shifted(recent), _other_units(recent)
    found = []
    for column, horizon in enumerate(pairs["horizon"].values):
        for place, name in enumerate(pairs["location"].values):
            x = mean[:, column, place]
            reason = _without_values(x, all_of_it[:, column, place]) or _constant(x)
            reason = (
                reason
                or units[column, place]
                or shifted[column, place]
                or _too_few(enough[column, place], since[column, place])
            )
            if reason and has_it[place]:
                found.append(Fault(pairs.attrs["variable"], int(horizon), str(name), reason))
    return found


def usable(pairs: xr.Dataset, left_out: Iterable[Fault]) -> xr.Dataset:
    """Pairs without the columns of ``left_out`` and without impossible values."""
    mask = np.ones((pairs.sizes["horizon"], pairs.sizes["location"]), dtype=bool)
    columns, places = (
        pairs["horizon"].values.tolist(),
        [str(name) for name in pairs["location"].values],
    )
    for fault in left_out:
        if fault.variable == pairs.attrs["variable"]:
            mask[columns.index(fault.horizon), places.index(fault.location)] = False
    keep = xr.DataArray(mask, dims=("horizon", "location"))
    return possible(
        pairs.assign({name: pairs[name].where(keep) for name in ISSUED}),
        *reach_of(pairs),
    )


def _without_values(recent: np.ndarray, ever: np.ndarray) -> Reason | None:
    if np.isfinite(recent).any():
        return None
    return because("no_longer", n=RECENT_DAYS) if np.isfinite(ever).any() else because("never")


def _other_units(recent: xr.Dataset) -> np.ndarray:
    """Columns in Kelvin, degrees Fahrenheit, metres, inches: (horizon, location), a reason or None."""
    how = _other_temperature if KINDS[recent.attrs["variable"]].temperature else _other_amount
    mean, observed = (recent[name].values.astype(np.float64) for name in ("mean", "observed"))
    reasons = np.full(mean.shape[1:], None, dtype=object)
    for place in range(mean.shape[2]):
        expected = 1.0
        for column in range(mean.shape[1]):
            both = np.isfinite(mean[:, column, place] + observed[:, column, place])
            if both.any():
                x, y = mean[both, column, place], observed[both, column, place]
                reasons[column, place], expected = how(recent.attrs["variable"], x, y, expected)
    return reasons


def _other_temperature(
    variable: str, x: np.ndarray, y: np.ndarray, expected: float
) -> tuple[Reason | None, float]:
    gap = float(np.median(x - y))
    if abs(gap) <= FARTHEST:
        return None, expected
    names = {"Kelvin": y + KELVIN, "degrees Fahrenheit": 1.8 * y + 32.0}
    unit = [name for name, values in names.items() if abs(np.median(x - values)) < FARTHEST]
    return because("unit", unit=unit[0]) if unit else because("too_far"), expected


def _other_amount(
    variable: str, x: np.ndarray, y: np.ndarray, expected: float
) -> tuple[Reason | None, float]:
    """Amounts are held against those of the horizon before: means of ensembles dwindle with the horizon, units do not."""
    rain = KINDS[variable].family == "rain"
    ratio = float((x.sum() + 1.0) / (y.sum() + 1.0)) if rain else float(np.exp(np.median(x - y)))
    if 1 / FACTOR <= ratio / expected <= FACTOR:
        return None, ratio
    return because("far_more" if ratio > 1 else "far_less"), expected


def _constant(x: np.ndarray) -> Reason | None:
    x = x[np.isfinite(x)]
    same = len(x) >= FEWEST_IN_SEASON and np.ptp(x) < 1e-6
    return because("constant") if same else None


def _too_few(days: int, since: np.datetime64) -> Reason | None:
    if days >= FEWEST_DAYS:
        return None
    return because("few_days", n=int(days), day=str(since)[:10], least=FEWEST_DAYS)


def pair_days(pairs: xr.Dataset) -> np.ndarray:
    """Where there is a forecast and what was then observed: (init_time, horizon, location)."""
    return np.isfinite(pairs["mean"].values + pairs["observed"].values)


def _since(pairs: xr.Dataset) -> np.ndarray:
    """The first run that has a value; where none has, the first of all: (horizon, location)."""
    return pairs["init_time"].values[np.isfinite(pairs["mean"].values).argmax(axis=0)]


def _shifted(recent: xr.Dataset) -> np.ndarray:
    """Whether a column tells more of the day before or after than of its own: (horizon, location), a reason or None.

    A forecast whose skill has faded is like the days before it, because days are alike; so this counts only at the shortest
    horizon, and then at all where it is so, or where, over all places, the next horizon is nearer to its own, later day than this one.
    """
    own, before, after = (_likeness(recent, shift) for shift in (0, -1, 1))
    known = np.isfinite(own).any(axis=0)
    own, before, after = (np.nan_to_num(part) for part in (own, before, after))
    later = (
        np.concatenate([own[1:], own[-2:-1] - SHIFT_MARGIN])
        if len(own) > 1
        else np.full_like(own, -np.inf)
    )
    reasons = np.full(own.shape, None, dtype=object)
    for other, key in ((before, "day_before"), (after, "day_after")):
        nearer = other > own + SHIFT_MARGIN
        whole = nearer[:2].all(axis=0)
        dips = (_mean_of(later - own, known) > SHIFT_MARGIN) & (_mean_of(other - later, known) > 0)
        new = (whole | (nearer & dips[:, None])) & (reasons == np.array(None))
        reasons[new] = because(key)
    return reasons


def _mean_of(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return values[:, columns].mean(axis=1) if columns.any() else np.zeros(len(values))


def _likeness(recent: xr.Dataset, shift: int) -> np.ndarray:
    """Correlation of forecasts with observations ``shift`` days from their valid day, seasons taken off: (horizon, location)."""
    days, rain = recent["init_time"].values, KINDS[recent.attrs["variable"]].family == "rain"
    made = np.full((recent.sizes["horizon"], recent.sizes["location"]), np.nan)
    for column in range(recent.sizes["horizon"]):
        x, y = (recent[name].values[:, column].astype(np.float64) for name in ("mean", "observed"))
        x, y = (np.sqrt(part) if rain else part - _season(part, days) for part in (x, y))
        y = np.roll(y, -shift, axis=0)
        y[slice(-shift, None) if shift > 0 else slice(0, -shift)] = np.nan
        made[column] = correlation(x, y)
    return made


def _season(values: np.ndarray, days: np.ndarray) -> np.ndarray:
    return seasonal_mean(values, days, harmonics=1)[day_index(days)]


def correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlation along axis 0 over the rows both have; NaN with fewer than FEWEST_IN_SEASON or where one never changes."""
    both = np.isfinite(x) & np.isfinite(y)
    count = both.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (
            np.where(both, part - np.where(both, part, 0).sum(axis=0) / count, 0.0)
            for part in (x, y)
        )
        made = (x * y).sum(axis=0) / np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return np.where(count >= FEWEST_IN_SEASON, made, np.nan)


def find_changes(pairs: xr.Dataset) -> list[np.datetime64]:
    """Days from which on another forecast model issues the runs, seen in the mean error of the shortest horizons over all places.

    Binary segmentation (Scott & Knott 1974) of the daily error, its yearly wave taken off: the split with the greatest difference
    of means in standard errors, from 10-day means because errors persist, is a change where it is above CLEAR_SHIFT; each side
    is then searched. Segments have FEWEST_IN_SEGMENT days at least.
    """
    rain = KINDS[pairs.attrs["variable"]].family == "rain"
    short = pairs.isel(horizon=slice(0, 3))
    x, y = (short[name].values.astype(np.float64) for name in ("mean", "observed"))
    error = np.cbrt(x) - np.cbrt(y) if rain else x - y
    there = np.isfinite(error).any(axis=(1, 2))
    days = pairs["init_time"].values[there]
    if len(days) < 2 * FEWEST_IN_SEGMENT:
        return []
    return sorted(_splits(np.nanmean(error[there], axis=(1, 2)), days))


def _splits(series: np.ndarray, days: np.ndarray) -> list[np.datetime64]:
    if len(series) < 2 * FEWEST_IN_SEGMENT:
        return []
    where, size = _best_split(series, days)
    if size < CLEAR_SHIFT:
        return []
    return [
        days[where],
        *_splits(series[:where], days[:where]),
        *_splits(series[where:], days[where:]),
    ]


def _best_split(series: np.ndarray, days: np.ndarray) -> tuple[int, float]:
    """The split with the greatest difference of means beside the same yearly wave on both sides, and that in standard errors."""
    length = len(series)
    angle = 2 * np.pi * day_index(days) / 366
    waves = np.stack([np.ones(length), np.cos(angle), np.sin(angle)], axis=1)
    if length < 2 * 365:
        waves = waves[:, :1]
    basis = np.linalg.qr(waves)[0]
    rest = series - basis @ (basis.T @ series)
    tail = np.cumsum(rest[::-1])[::-1]
    shares = np.cumsum(basis[::-1], axis=0)[::-1]  # a step regressed on the waves
    free = np.arange(length, 0, -1) - (shares**2).sum(axis=1)
    inner = slice(FEWEST_IN_SEGMENT, length - FEWEST_IN_SEGMENT + 1)
    gain = np.zeros(length)
    gain[inner] = np.abs(tail[inner]) / np.sqrt(np.maximum(free[inner], 1e-9))
    where = int(np.argmax(gain))
    step = (np.arange(length) >= where) * 1.0
    whole = np.column_stack([waves, step])
    left = series - whole @ np.linalg.lstsq(whole, series, rcond=None)[0]
    blocks = left[: length // 10 * 10].reshape(-1, 10).mean(axis=1)
    return where, float(
        gain[where] / np.sqrt(max(10 * np.mean(blocks**2), np.mean(left**2), 1e-12))
    )
