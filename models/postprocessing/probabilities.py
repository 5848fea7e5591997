"""The weather model: probabilities of a hazard's events, as shares of trajectories.

A trajectory is what was observed until the issue day, then a way the weather may go. The hazard's
own ``events`` say what happens on it. ``rolling_event_probabilities`` is the one way for backtest
and live.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from features.build import cell_coordinates, delays_of
from features.hazards import LEVELS, Hazard, Options
from models.postprocessing.calibration import N_TRAJECTORIES, Calibration
from models.postprocessing.forecast_pairs import DAY, ERROR_MODELS, pair_archive
from models.postprocessing.screening import Screened, calibrate, screen
from models.postprocessing.temperatures import TEMPERATURES, add_tied_temperatures
from models.postprocessing.trajectories import prepare_runs, sample_trajectories

VALUES_AT_ONCE = 600_000  # of one variable on all trajectories: arrays that a cache can hold


@dataclass(frozen=True)
class EventContext:
    """What decides a hazard's events: its declaration, the record, its normals and options.

    ``observations``: (time, location).
    """

    hazard: Hazard
    observations: xr.Dataset
    normals: xr.Dataset
    options: Options

    @property
    def locations(self) -> np.ndarray:
        """Ids of the locations of the record."""
        return self.observations["location"].values

    def events(self, record: xr.Dataset) -> xr.DataArray:
        """Events (level, time, location) of a record: 1, 0 or NaN."""
        return self.hazard.events(record, self.normals, self.options)

    def empty(self, n_issue_times: int) -> np.ndarray:
        """Probabilities of NaN: (cell, level, issue_time, location)."""
        shape = (len(self.hazard.cells), len(LEVELS), n_issue_times, len(self.locations))
        return np.full(shape, np.nan)

    def variables_read(self) -> list[str]:
        """The variables that the hazard's events depend on.

        Those it requires, those whose absence changes its events, and with one temperature all.
        """
        events = self.events(self.observations).values
        hazard, observations = self.hazard, self.observations
        names = [name for name in (*hazard.requires, *hazard.uses) if name in observations]

        def matters(name: str) -> bool:
            without = observations.assign({name: observations[name] * np.nan})
            return not np.array_equal(self.events(without).values, events, equal_nan=True)

        needed = {name for name in names if name in hazard.requires or matters(name)}
        with_ties = needed | (set(TEMPERATURES) if needed & set(TEMPERATURES) else set())
        return [name for name in names if name in with_ties]


def pairs_for_hazard(
    hazard: Hazard, forecasts: xr.Dataset | None, observations: xr.Dataset
) -> dict[str, xr.Dataset]:
    """Pairs by variable of what the hazard reads.

    Empty where that is not all it requires, and for an index of months, which no weather forecast
    reaches.
    """
    if forecasts is None or hazard.windows_look_back:
        return {}
    drawn = _drawn_for((*hazard.requires, *hazard.uses))
    archive = pair_archive(forecasts, observations, drawn)
    return archive if all(name in archive for name in hazard.requires) else {}


def _drawn_for(variables: Sequence[str]) -> list[str]:
    """The variables to draw trajectories of: with one temperature all temperatures."""
    with_ties = set(variables) | (
        set(TEMPERATURES) if set(variables) & set(TEMPERATURES) else set()
    )
    return [name for name in ERROR_MODELS if name in with_ties]


def event_probabilities(
    context: EventContext,
    calibration: Calibration,
    archive: Mapping[str, xr.Dataset],
    issue_times: np.ndarray,
    variables: Sequence[str] | None = None,
) -> xr.DataArray:
    """The probability of every cell and level: (cell, level, init_time, location).

    By the forecasts available on the mornings ``issue_times``; nothing later is read.
    ``archive``: pairs by variable. ``variables``: those of ``context.variables_read``, if known.
    NaN where a day that counts is neither observed by then nor forecast, and where the hazard has
    no such cell that day. Levels are nested.
    """
    hazard = context.hazard
    issue_times = np.asarray(issue_times, dtype="datetime64[ns]")
    if variables is None:
        variables = context.variables_read()
    probabilities = context.empty(len(issue_times))
    exists = hazard.applies(issue_times, context.normals, context.options)
    days = np.flatnonzero((exists == 1).any(axis=(0, 2)))
    if hazard.windows_look_back:
        days = days[:0]
    runs = {
        name: prepare_runs(calibration, pairs, issue_times)
        for name, pairs in archive.items()
        if name in calibration.by_variable and len(days)
    }
    at_once = _days_at_once(context, calibration)
    for first in range(0, len(days), at_once):
        rows = days[first : first + at_once]
        probabilities[:, :, rows] = _probabilities_of_days(
            context, calibration, runs, issue_times[rows], variables
        )
    coords = {
        "level": list(LEVELS),
        "init_time": issue_times,
        "location": context.locations,
        **cell_coordinates(hazard),
    }
    return xr.DataArray(
        np.where(exists[:, None] == 1, probabilities, np.nan),
        dims=("cell", "level", "init_time", "location"),
        coords=coords,
    )


def _probabilities_of_days(
    context: EventContext,
    calibration: Calibration,
    runs: Mapping[str, xr.Dataset],
    issue_times: np.ndarray,
    variables: Sequence[str],
) -> np.ndarray:
    """``event_probabilities`` of a few issue days: (cell, level, issue_time, location)."""
    hazard = context.hazard
    fields = _whole_trajectories(context, calibration, runs, issue_times, variables)
    if not all(name in fields for name in hazard.requires):
        return context.empty(len(issue_times))
    shape = next(iter(fields.values())).shape
    record = _one_record(context, fields, issue_times)
    happened = context.events(record).values.reshape(len(LEVELS), *shape)
    return share_of_trajectories(hazard, happened[:, :, :, hazard.margin_days :])


def _one_record(
    context: EventContext, fields: Mapping[str, np.ndarray], issue_times: np.ndarray
) -> xr.Dataset:
    """All trajectories one behind the other in one long record, each after its own past."""
    past_days, shape = context.hazard.margin_days, next(iter(fields.values())).shape
    offsets = np.arange(-past_days, _reach_of(context.hazard)).astype("timedelta64[D]")
    times = np.broadcast_to((issue_times[:, None] + offsets)[None], shape[:3]).reshape(-1)
    columns = {
        name: (("time", "location"), values.reshape(-1, shape[3]).astype(np.float32))
        for name, values in fields.items()
    }
    return xr.Dataset(columns, coords={"time": times, "location": context.locations})


def trajectory_quantiles(
    context: EventContext,
    calibration: Calibration,
    archive: Mapping[str, xr.Dataset],
    issue_times: np.ndarray,
    quantiles: Sequence[float],
) -> np.ndarray:
    """Quantiles of the hazard's quantity on its trajectories, in the units of its history.

    (quantile, cell, issue_time, location), of the trajectories that ``event_probabilities`` counts.
    NaN for windows of several days, and where a trajectory leaves the value open.
    """
    hazard, variables = context.hazard, context.variables_read()
    quantile_values = np.full(
        (len(quantiles), *context.empty(len(issue_times))[:, 0].shape), np.nan
    )
    runs = {
        name: prepare_runs(calibration, pairs, issue_times)
        for name, pairs in archive.items()
        if name in calibration.by_variable
    }
    fields = _whole_trajectories(context, calibration, runs, issue_times, variables)
    if not all(name in fields for name in hazard.requires):
        return quantile_values
    record = _one_record(context, fields, issue_times)
    value = hazard.history(record, context.normals, context.options)["value"].values
    ahead = value.reshape(next(iter(fields.values())).shape)[:, :, hazard.margin_days :]
    for number, cell in enumerate(hazard.cells):
        if cell.window_days == 1:
            quantile_values[:, number] = np.quantile(ahead[:, :, cell.lead_days], quantiles, axis=0)
    return quantile_values


def _days_at_once(context: EventContext, calibration: Calibration) -> int:
    """Issue days whose trajectories are looked at together, so that memory stays bounded."""
    n_trajectories = max(
        (part.sizes["trajectory"] for part in calibration.by_variable.values()), default=1
    )
    days = context.hazard.margin_days + _reach_of(context.hazard)
    return max(VALUES_AT_ONCE // (n_trajectories * days * len(context.locations)), 1)


def _reach_of(hazard: Hazard) -> int:
    """Days from the issue day to the end of the last cell."""
    return max(cell.lead_days + cell.window_days for cell in hazard.cells)


def share_of_trajectories(hazard: Hazard, happened: np.ndarray) -> np.ndarray:
    """Share of trajectories with an event: (cell, level, issue_time, location).

    ``happened``: events (level, trajectory, issue_time, day, location) from the issue day on. NaN
    where any trajectory leaves it open. Windows are those of features.build.build_outcome.
    """
    n_levels, _, n_issue_times, _, n_locations = happened.shape
    shares = np.full((len(hazard.cells), n_levels, n_issue_times, n_locations), np.nan)
    for number, cell in enumerate(hazard.cells):
        days = happened[:, :, :, cell.lead_days : cell.lead_days + cell.window_days]
        hit = (days == 1).any(axis=3)
        unknown = (np.isnan(days).any(axis=3) & ~hit).any(axis=1)
        shares[number] = np.where(unknown, np.nan, hit.mean(axis=1))
    return shares


def _whole_trajectories(
    context: EventContext,
    calibration: Calibration,
    runs: Mapping[str, xr.Dataset],
    issue_times: np.ndarray,
    variables: Sequence[str],
) -> dict[str, np.ndarray]:
    """Past and trajectories of each variable: (trajectory, issue_time, day, location)."""
    past_days, reach = context.hazard.margin_days, _reach_of(context.hazard)
    delays = delays_of(context.observations)
    drawn = {
        name: sample_trajectories(calibration, runs[name], issue_times)
        for name in _drawn_for(variables)
        if name in calibration.by_variable and name in runs
    }
    leads = next((calibration.by_variable[name]["lead"].values for name in drawn), np.arange(0))
    valid = issue_times[:, None] + leads.astype("timedelta64[D]")
    ahead = add_tied_temperatures(drawn, calibration.temperatures, valid)
    offsets = np.arange(-past_days, reach)
    whole = {}
    for name in variables:
        if name not in ahead:
            continue
        past = _past(context.observations[name], issue_times, delays[name], offsets)
        whole[name] = np.repeat(past[None], len(ahead[name]), axis=0)
        for number, lead in enumerate(leads):
            if -delays[name] < lead < reach:
                whole[name][:, :, past_days + lead] = ahead[name][:, :, number]
    return whole


def _past(
    observed: xr.DataArray, issue_times: np.ndarray, delay: int, offsets: np.ndarray
) -> np.ndarray:
    """What was known of the days ``offsets`` from each issue day: (issue_time, offset, location).

    NaN for days less than ``delay`` before it and to come.
    """
    values, first = observed.transpose("time", "location").values, observed["time"].values[0]
    rows = ((issue_times[:, None] - first) / DAY).astype(int) + offsets
    known = (rows >= 0) & (rows < len(values)) & (offsets <= -delay)
    clipped = values[np.clip(rows, 0, len(values) - 1)]
    return np.where(known[..., None], clipped, np.nan).astype(np.float32)


def rolling_event_probabilities(
    context: EventContext,
    archive: Mapping[str, xr.Dataset],
    issue_times: np.ndarray,
    changes: Sequence[np.datetime64] | None = None,
    n_trajectories: int = N_TRAJECTORIES,
) -> xr.DataArray:
    """``event_probabilities`` by ``rolling_calibrations``.

    Attributes, of the newest fit: ``changes``, days from which on another forecast model issues
    the runs, and ``left_out``, messages as JSON.
    """
    variables = context.variables_read()
    fits = list(rolling_calibrations(context, archive, issue_times, changes, n_trajectories))
    parts = [
        event_probabilities(context, calibration, archive, days, variables)
        for days, calibration in fits
    ]
    return xr.concat(parts, dim="init_time").assign_attrs(
        {name: fits[-1][1].meta[name] for name in ("changes", "left_out")}
    )


def rolling_calibrations(
    context: EventContext,
    archive: Mapping[str, xr.Dataset],
    issue_times: np.ndarray,
    changes: Sequence[np.datetime64] | None = None,
    n_trajectories: int = N_TRAJECTORIES,
) -> Iterator[tuple[np.ndarray, Calibration]]:
    """Issue days, month by month, each with the calibration that serves them.

    Calibrations are fitted anew as time goes on: each quarter; each month until they are settled;
    and on the first morning of a month on which other flags or changes of the forecast model are
    seen. A fit is on what was known on the first morning it serves. ``changes``: see ``screen``.
    """
    issue_times = np.asarray(issue_times, dtype="datetime64[ns]")
    drawn = _drawn_for(context.variables_read())
    archive = {name: part for name, part in archive.items() if name in drawn}
    months = issue_times.astype("datetime64[M]")
    calibration: Calibration | None = None
    fitted_on: Screened | None = None
    for month in np.unique(months):
        days = issue_times[months == month]
        screened = screen(archive, context.observations, days[0], changes)
        if (
            calibration is None
            or fitted_on is None
            or not _serves(calibration, fitted_on, screened)
        ):
            served = _months_served(months, month)
            calibration = calibrate(screened, context.observations, served, n_trajectories)
            fitted_on = screened
        yield days, calibration


def _serves(calibration: Calibration, fitted_on: Screened, screened: Screened) -> bool:
    """Whether a calibration still stands: in its quarter, settled, and nothing else is seen."""
    same_quarter = _quarter(fitted_on.today) == _quarter(screened.today)
    settled = bool(calibration.meta["settled"])
    return settled and same_quarter and fitted_on.agrees_with(screened)


def _months_served(months: np.ndarray, month: np.datetime64) -> tuple[int, ...]:
    """Those of the issue days' ``months`` that a fit for ``month`` may serve, in its quarter."""
    later = [other for other in np.unique(months) if other >= month]
    return tuple(
        int(other.astype(int) % 12 + 1) for other in later if _quarter(other) == _quarter(month)
    )


def _quarter(day: np.datetime64) -> int:
    return int(day.astype("datetime64[M]").astype(int)) // 3
