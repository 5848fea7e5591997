"""Stage N: the chance of a hazard's events from weather forecasts, by paths of the weather that agree with them.

A path is what was observed until the issue day and then a way the weather may go: each day drawn from its error model, days and
variables together as past errors went together. The hazard's own ``events`` say what happens on each path, so that every level,
lead and window is the share of paths on which it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from features.build import cell_coordinates, delays_of
from features.calendar import DAYS, day_index
from features.hazards import LEVELS, Hazard, Options
from models.errors import (
    LOCAL,
    MEMORY_REACH,
    MONTHS,
    PATHS,
    Errors,
    gamma_quantile,
    known_after,
    learn_errors,
    normal_variance,
    rain_margin,
    recent_error,
    silent,
)
from models.silence import Fault, passing, sentences
from models.weather import (
    ISSUED,
    KINDS,
    as_issued,
    faults,
    find_changes,
    known_by,
    paired,
    possible,
    usable,
)

OLDER_RUNS = 40  # days: an older run may stand in for the newest
APART = np.timedelta64(30, "D")  # between two changes of the forecast model
TOGETHER = 8  # issue days worked on at a time
TEMPERATURES = ("air_temperature_max", "air_temperature_min", "air_temperature_mean")


def read_archive(
    forecasts: xr.Dataset, observations: xr.Dataset, names: Iterable[str] = tuple(KINDS)
) -> dict[str, xr.Dataset]:
    """Runs beside observations, see models.weather.paired, of those variables both have whose errors can be modelled."""
    return {
        name: paired(forecasts, observations, name)
        for name in names
        if name in forecasts and name in observations
    }


def archive_for(
    hazard: Hazard, forecasts: xr.Dataset | None, observations: xr.Dataset
) -> dict[str, xr.Dataset]:
    """``read_archive`` of what the hazard reads.

    Empty where that is not all it requires, and for an index of months, which no weather forecast reaches.
    """
    if forecasts is None or hazard.windows_look_back:
        return {}
    archive = read_archive(forecasts, observations, _needed((*hazard.requires, *hazard.uses)))
    return archive if all(name in archive for name in hazard.requires) else {}


def learn_by(
    archive: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    today: np.datetime64,
    changes: Sequence[np.datetime64] | None = None,
    months: Sequence[int] = MONTHS,
    paths: int = PATHS,
) -> Errors:
    """Error models from what could be known on the morning of ``today``.

    Its meta says what was left out on the first of ``months`` and why, and whether it is
    ``settled``: nothing waits for more days. ``changes`` of the forecast model: those given, else
    those seen in the errors.
    """
    return _learn_from(screen(archive, observations, today, changes), observations, months, paths)


@dataclass(frozen=True)
class Screened:
    """What may be learnt from on the morning of ``today``: usable pairs, faults, changes."""

    today: np.datetime64
    good: Mapping[str, xr.Dataset]
    left_out: Sequence[Fault]
    changes: Sequence[np.datetime64]
    run_delay: int

    def like(self, other: Screened) -> bool:
        """Whether the other sees the same faults and, within APART days, the same changes."""
        faults = (
            {(fault.variable, fault.horizon, fault.location, fault.reason.key) for fault in one}
            for one in (self.left_out, other.left_out)
        )
        same = len(self.changes) == len(other.changes) and all(
            abs(one - two) < APART for one, two in zip(self.changes, other.changes, strict=True)
        )
        return same and next(faults) == next(faults)


def screen(
    archive: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    today: np.datetime64,
    changes: Sequence[np.datetime64] | None = None,
) -> Screened:
    """What was known on the morning of ``today``, without what cannot be used; see ``learn_by``."""
    delays = delays_of(observations)
    run_delay = max((part.attrs["run_delay"] for part in archive.values()), default=0)
    today = today.astype("datetime64[ns]")
    known = {name: known_by(part, today, delays[name], run_delay) for name, part in archive.items()}
    known = {name: part for name, part in known.items() if part.sizes["init_time"]}
    left_out = [fault for part in known.values() for fault in faults(part)]
    good = {name: usable(part, left_out) for name, part in known.items()}
    good = {name: part for name, part in good.items() if np.isfinite(part["mean"].values).any()}
    given = changes_of(good) if changes is None else [day for day in changes if day <= today]
    return Screened(today, good, left_out, _apart(given), run_delay)


def _learn_from(
    seen: Screened, observations: xr.Dataset, months: Sequence[int], paths: int
) -> Errors:
    """``learn_by`` of what was screened."""
    delays, today = delays_of(observations), seen.today
    before = observations.sel(time=slice(None, today - np.timedelta64(1, "D")))
    earliest = 1 - max((delays[name] for name in seen.good), default=1)
    learnt = learn_errors(
        seen.good, before, seen.changes, seen.run_delay, earliest, months, paths, today
    )
    waits = [silent(learnt, seen.good, month, today) for month in months]
    told = {
        "issued_until": str(today)[:10],
        "left_out": sentences([*seen.left_out, *waits[0]]),
        "settled": not learnt.meta["thin"] and not any(map(passing, (seen.left_out, *waits))),
    }
    return replace(learnt, meta={**learnt.meta, **told})


def changes_of(pairs: Mapping[str, xr.Dataset]) -> list[np.datetime64]:
    """Changes of the forecast model seen in any variable; rain, whose errors tell little, is asked only where it is alone."""
    clear = [part for name, part in pairs.items() if KINDS[name].family != "rain"]
    return [day for part in clear or pairs.values() for day in find_changes(part)]


def _apart(days: Sequence[np.datetime64]) -> list[np.datetime64]:
    """Days in order, of those nearer to each other than APART the first."""
    kept: list[np.datetime64] = []
    for day in sorted(day.astype("datetime64[ns]") for day in days):
        if not kept or day - kept[-1] >= APART:
            kept.append(day)
    return kept


def draw_paths(errors: Errors, runs: xr.Dataset, issued: np.ndarray) -> np.ndarray:
    """Values of a variable on the days from ``errors``' first lead on, of ``ready_runs``.

    (path, issue, lead, location), NaN where none are foretold.
    """
    name, kind = runs.attrs["variable"], KINDS[runs.attrs["variable"]]
    learnt = errors.learnt[name]
    leads = learnt["lead"].values
    made, horizon = as_issued(runs, issued, leads, int(errors.meta["run_delay"]))
    column = np.searchsorted(learnt["horizon"].values, horizon)
    month = pd.DatetimeIndex(issued).month.to_numpy()
    row = np.searchsorted(learnt["month"].values, month)
    rank = learnt["rank"].values[row][:, :, None, :].astype(np.intp)
    # (issue, lead, location, path) for the look-up, paths first afterwards
    score = learnt["score"].values[row[:, None, None, None], column[..., None], rank]
    score = np.moveaxis(np.where((horizon >= 0)[..., None], score, np.nan), -1, 0)
    days = issued[:, None] + leads.astype("timedelta64[D]")
    place = np.arange(runs.sizes["location"])
    local = {part: learnt[part].values[column, place] for part in LOCAL}
    terms = np.moveaxis(learnt["coefficient"].values[column], -1, 0)
    made["spread"] = np.where(np.isfinite(made["spread"]), made["spread"], local["usual_spread"])
    if kind.family == "rain":
        usual = learnt["usual"].values[day_index(days)]
        return _rain_paths(np.exp(terms), usual, made, local["bias"], score)
    centre = _corrected(made["mean"], day_index(days)[..., None], local, terms)
    centre = centre + terms[3] * made["recent"]
    return kind.back(
        centre + np.sqrt(normal_variance(terms[4:], made["spread"] ** 2) * local["width"]) * score
    )


def _corrected(
    x: np.ndarray, index: np.ndarray, local: Mapping[str, np.ndarray], terms: np.ndarray
) -> np.ndarray:
    """Forecasts with bias, slope and yearly wave, which do not adapt; ``index`` of the valid days, ``terms`` by NORMAL_TERMS."""
    angle = 2 * np.pi * index / DAYS
    wave = terms[1] * np.cos(angle) + terms[2] * np.sin(angle)
    return x + local["bias"] + terms[0] * (x - local["centre"]) + wave


def _recent(learnt: xr.Dataset, runs: xr.Dataset, changes: Sequence[str]) -> np.ndarray:
    """``recent_error`` of runs (init_time, horizon, location), by what was known when each was at hand."""
    days, horizons = runs["init_time"].values, runs["horizon"].values
    valid = days[:, None] + horizons.astype("timedelta64[D]")
    local = {name: learnt[name].values for name in LOCAL}
    terms = learnt["coefficient"].values.T[:, :, None]
    told = _corrected(runs["mean"].values, day_index(valid)[..., None], local, terms)
    error = runs["observed"].values - told
    segment = np.searchsorted(np.array(sorted(changes), "datetime64[ns]"), days, side="right")
    steps = known_after(runs)
    parts = [recent_error(error[:, i], segment, step) for i, step in enumerate(steps)]
    return np.stack(parts, axis=1)


def ready_runs(errors: Errors, pairs: xr.Dataset, issued: np.ndarray) -> xr.Dataset:
    """Runs that may matter to the issue days, with the ``recent`` errors known at each.

    Without what has no error model and what cannot be: an older run stands in for it.
    """
    learnt = errors.learnt[pairs.attrs["variable"]]
    reach = OLDER_RUNS + MEMORY_REACH + int(known_after(pairs).max())
    near = pairs.sel(init_time=slice(issued.min() - np.timedelta64(reach, "D"), issued.max()))
    known = np.isfinite(learnt["bias"])
    near = near.assign({name: near[name].where(known) for name in ISSUED})
    runs = possible(near, learnt["least"], learnt["most"])
    if KINDS[pairs.attrs["variable"]].family == "normal":
        recent = _recent(learnt, runs, errors.meta["changes"])
        runs = runs.assign(recent=(runs["mean"].dims, recent))
    return runs


def _rain_paths(
    terms: np.ndarray,
    usual: np.ndarray,
    made: Mapping[str, np.ndarray],
    factor: np.ndarray,
    score: np.ndarray,
) -> np.ndarray:
    mean, deviation, shift = rain_margin(
        terms, usual, made["mean"] / factor, np.nan_to_num(made["wet"]), made["spread"] / factor
    )
    with np.errstate(invalid="ignore"):
        there = np.isfinite(mean + score)
        shape, size = (mean / deviation) ** 2, deviation**2 / mean
        amount = (
            size * gamma_quantile(np.where(np.isfinite(shape), shape, 1.0), np.nan_to_num(score))
            - shift
        )
    return np.where(there, np.maximum(amount, 0.0), np.nan)


def read_by_events(
    hazard: Hazard, observations: xr.Dataset, normals: xr.Dataset, options: Options
) -> list[str]:
    """The variables a hazard's events depend on: required ones, those whose absence changes events, and with one temperature all."""
    before = hazard.events(observations, normals, options).values
    names = [name for name in (*hazard.requires, *hazard.uses) if name in observations]

    def matters(name: str) -> bool:
        without = observations.assign({name: observations[name] * np.nan})
        return not np.array_equal(
            hazard.events(without, normals, options).values, before, equal_nan=True
        )

    needed = {name for name in names if name in hazard.requires or matters(name)}
    return [
        name
        for name in names
        if name in needed or (name in TEMPERATURES and needed & set(TEMPERATURES))
    ]


def chances(
    hazard: Hazard,
    errors: Errors,
    archive: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    normals: xr.Dataset,
    options: Options,
    issued: np.ndarray,
    wanted: Sequence[str] | None = None,
) -> xr.DataArray:
    """The chance of every cell and level by forecasts at hand on the mornings ``issued``: (cell, level, init_time, location).

    ``wanted``: what ``read_by_events`` gives, where it is at hand. NaN where a day that counts is
    neither observed by then nor foretold, and where the hazard has no such cell that day; levels
    are nested. Nothing later than an issue day is read for it.
    """
    issued = np.asarray(issued, dtype="datetime64[ns]")
    if wanted is None:
        wanted = read_by_events(hazard, observations, normals, options)
    shape = (len(hazard.cells), len(LEVELS), len(issued), observations.sizes["location"])
    made = np.full(shape, np.nan)
    exists = hazard.applies(issued, normals, options)
    worth = (
        np.flatnonzero((exists == 1).any(axis=(0, 2)))
        if not hazard.windows_look_back
        else np.array([], dtype=int)
    )
    archive = {
        name: ready_runs(errors, pairs, issued)
        for name, pairs in archive.items()
        if name in errors.learnt and len(worth)
    }
    for begin in range(0, len(worth), TOGETHER):
        rows = worth[begin : begin + TOGETHER]
        made[:, :, rows] = _some_chances(
            hazard, errors, archive, observations, normals, options, issued[rows], wanted
        )
    coords = {
        "level": list(LEVELS),
        "init_time": issued,
        "location": observations["location"].values,
        **cell_coordinates(hazard),
    }
    return xr.DataArray(
        np.where(exists[:, None] == 1, made, np.nan),
        dims=("cell", "level", "init_time", "location"),
        coords=coords,
    )


def _some_chances(
    hazard: Hazard,
    errors: Errors,
    archive: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    normals: xr.Dataset,
    options: Options,
    issued: np.ndarray,
    wanted: Sequence[str],
) -> np.ndarray:
    """As ``chances`` for a few issue days: the paths stand one behind the other in one long record, each with its past before it."""
    reach = max(cell.lead_days + cell.window_days for cell in hazard.cells)
    before = hazard.margin_days
    fields = _whole_paths(errors, archive, observations, issued, wanted, before, reach)
    if not all(name in fields for name in hazard.requires):
        return np.full(
            (len(hazard.cells), len(LEVELS), len(issued), observations.sizes["location"]), np.nan
        )
    paths, days, length, places = next(iter(fields.values())).shape
    offsets = np.arange(-before, reach).astype("timedelta64[D]")
    times = np.broadcast_to((issued[:, None] + offsets)[None], (paths, days, length)).reshape(-1)
    columns = {
        name: (("time", "location"), values.reshape(-1, places).astype(np.float32))
        for name, values in fields.items()
    }
    record = xr.Dataset(
        columns, coords={"time": times, "location": observations["location"].values}
    )
    happened = hazard.events(record, normals, options).values.reshape(
        len(LEVELS), paths, days, length, places
    )
    return share_of_paths(hazard, happened[:, :, :, before:])


def share_of_paths(hazard: Hazard, happened: np.ndarray) -> np.ndarray:
    """From events (level, path, issue, day, location) of the days from the issue day on to (cell, level, issue, location).

    NaN where it is not known on every path whether the event happens; otherwise windows are as features.build.build_outcome has them.
    """
    made = np.full((len(hazard.cells), len(happened), happened.shape[2], happened.shape[4]), np.nan)
    for number, cell in enumerate(hazard.cells):
        days = happened[:, :, :, cell.lead_days : cell.lead_days + cell.window_days]
        hit = (days == 1).any(axis=3)
        unknown = (np.isnan(days).any(axis=3) & ~hit).any(axis=1)
        made[number] = np.where(unknown, np.nan, hit.mean(axis=1))
    return made


def _whole_paths(
    errors: Errors,
    archive: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    issued: np.ndarray,
    wanted: Sequence[str],
    before: int,
    reach: int,
) -> dict[str, np.ndarray]:
    """Past and paths of each variable wanted: (path, issue, before + reach, location)."""
    delays = delays_of(observations)
    drawn = {
        name: draw_paths(errors, archive[name], issued)
        for name in _needed(wanted)
        if name in errors.learnt and name in archive
    }
    ahead = _with_tied(drawn, errors, issued)
    leads = next((errors.learnt[name]["lead"].values for name in drawn), np.arange(0))
    made = {}
    for name in wanted:
        if name not in ahead:
            continue
        past = _past(observations[name], issued, delays[name], before, reach)
        whole = np.repeat(past[None], len(ahead[name]), axis=0)
        for number, lead in enumerate(leads):
            if -delays[name] < lead < reach:
                whole[:, :, before + lead] = ahead[name][:, :, number]
        made[name] = whole
    return made


def _needed(wanted: Sequence[str]) -> list[str]:
    """What is drawn: with one temperature all of them, of which those not foretold are made."""
    return [
        name
        for name in KINDS
        if name in wanted or (name in TEMPERATURES and set(wanted) & set(TEMPERATURES))
    ]


def _with_tied(
    drawn: dict[str, np.ndarray], errors: Errors, issued: np.ndarray
) -> dict[str, np.ndarray]:
    """Paths, and those of temperatures that are not foretold from the others': the usual range below the highest, the usual mix."""
    high, low, mean = TEMPERATURES
    ties = errors.temperatures
    if high in drawn and low not in drawn and "range" in ties:
        days = issued[:, None] + errors.learnt[high]["lead"].values.astype("timedelta64[D]")
        drawn = drawn | {low: drawn[high] - ties["range"].values[day_index(days)]}
    if high in drawn and low in drawn and mean not in drawn and "share" in ties:
        drawn = drawn | {
            mean: drawn[low]
            + ties["offset"].values
            + ties["share"].values * (drawn[high] - drawn[low])
        }
    return drawn


def _past(
    observed: xr.DataArray, issued: np.ndarray, delay: int, before: int, reach: int
) -> np.ndarray:
    """What was known of the days before each issue day, NaN for those to come.

    (issue, before + reach, location).
    """
    values, first = observed.transpose("time", "location").values, observed["time"].values[0]
    offsets = np.arange(-before, reach)
    rows = ((issued[:, None] - first) / np.timedelta64(1, "D")).astype(int) + offsets
    known = (rows >= 0) & (rows < len(values)) & (offsets <= -delay)
    return np.where(known[..., None], values[np.clip(rows, 0, len(values) - 1)], np.nan).astype(
        np.float32
    )


def rolling_chances(
    hazard: Hazard,
    archive: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    normals: xr.Dataset,
    options: Options,
    issued: np.ndarray,
    changes: Sequence[np.datetime64] | None = None,
    paths: int = PATHS,
) -> xr.DataArray:
    """``chances`` on the mornings ``issued``, by error models refitted each quarter.

    They are refitted on the first morning of a month in between where other faults or changes of
    the forecast model are seen, and each month until they are settled. A fit is on what could be
    known on the first morning it serves. Attributes, of the newest fit: ``changes``, days from
    which on another forecast model issues the runs, and ``left_out``, sentences. The one path of
    backtest and live.
    """
    issued = np.asarray(issued, dtype="datetime64[ns]")
    wanted = read_by_events(hazard, observations, normals, options)
    archive = {name: part for name, part in archive.items() if name in _needed(wanted)}
    months, parts = issued.astype("datetime64[M]"), []
    errors: Errors | None = None
    before: Screened | None = None
    for month in np.unique(months):
        days = issued[months == month]
        seen = screen(archive, observations, days[0], changes)
        if errors is None or before is None or not _serves(errors, before, seen):
            errors = _learn_from(seen, observations, _until_refit(months, month), paths)
            before = seen
        parts.append(chances(hazard, errors, archive, observations, normals, options, days, wanted))
    assert errors is not None
    return xr.concat(parts, dim="init_time").assign_attrs(
        {name: errors.meta[name] for name in ("changes", "left_out")}
    )


def _serves(errors: Errors, before: Screened, seen: Screened) -> bool:
    """Whether error models still stand: in their quarter, settled, and nothing else is seen."""
    same_quarter = _quarter(before.today) == _quarter(seen.today)
    return bool(errors.meta["settled"]) and same_quarter and before.like(seen)


def _until_refit(months: np.ndarray, month: np.datetime64) -> tuple[int, ...]:
    """Those of the issue days' ``months`` that a fit for ``month`` may serve, of its quarter."""
    later = [each for each in np.unique(months) if each >= month]
    return tuple(
        int(each.astype(int) % 12 + 1) for each in later if _quarter(each) == _quarter(month)
    )


def _quarter(day: np.datetime64) -> int:
    return int(day.astype("datetime64[M]").astype(int)) // 3
