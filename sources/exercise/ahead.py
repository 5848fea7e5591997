"""What lies ahead of an issue day: weather forecasts as they would have been issued, and the true
chance of any event.

Both start from the state at the end of the day before the issue day and keep the layers already
revealed; they differ in what becomes of the rest. A forecast's members draw it at half its spread
and add the forecast model's bias. The truth draws it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from sources.common.province.simulation import Run
from sources.common.province.weather import weather_of
from sources.common.province.world import (
    LEADS,
    NAMES,
    WAVES,
    Grounds,
    Innovations,
    ProvinceState,
    joined,
    stream,
)

if TYPE_CHECKING:
    import xarray as xr

MEMBER_SPREAD = 0.5  # of the right one: raw ensembles are overconfident
LOST_RUNS = 0.005  # share of the days whose forecast never arrived
LOST_MEMBERS = 0.01
FORECAST_VARIABLES = (
    "air_temperature_max",
    "air_temperature_min",
    "precipitation",
    "river_discharge",
)
CHUNK = 64  # issue days worked on together, so that memory stays small

Event = Callable[[Mapping[str, np.ndarray], np.ndarray], np.ndarray]
"""Whether an event happens: from fields by variable, each (draw, time, location), and the days, to
(..., draw, time, location)."""


@dataclass(frozen=True)
class ForecastModel:
    """The errors a forecast model always makes: ``warm`` degC, ``warm_lead`` degC a day of lead,
    ``location_spread`` their spread over locations.

    ``rain`` and ``flow`` are factors, to the power of 1 plus a tenth a day of lead.
    """

    name: str
    warm: float
    warm_lead: float
    location_spread: float
    rain: float
    flow: float


OLD_MODEL = ForecastModel(
    "old", warm=-0.9, warm_lead=-0.06, location_spread=0.8, rain=1.25, flow=0.80
)
NEW_MODEL = ForecastModel(
    "new", warm=0.5, warm_lead=0.04, location_spread=0.5, rain=0.90, flow=1.10
)


@dataclass(frozen=True)
class Forecasts:
    """Forecasts as issued.

    ``values`` by variable, (init, lead, location, member); ``init`` days; NaN where none arrived.
    """

    init: np.ndarray
    values: dict[str, np.ndarray]


@dataclass(frozen=True)
class Draws:
    """Standard normal numbers, (lead, issue, draw, ...): two of the province, channel by spatial
    wave, channel by location.
    """

    province: np.ndarray
    waves: np.ndarray
    own: np.ndarray


def ahead(
    run: Run, index: np.ndarray, draws: Draws, known: bool, spread: float = 1.0
) -> dict[str, np.ndarray]:
    """Fields of the LEADS days from each issue day on: variable -> (lead, issue, draw, location).

    ``index``: days from the world's start, from the run's second to the one after its last. With
    ``known`` the layers
    revealed by the morning of the issue day are kept and the rest is drawn at ``spread`` of its
    spread; without, everything is drawn.
    """
    grounds, leads = run.grounds, np.arange(LEADS)
    if known and len(run.known.slow) == 1:
        raise ValueError("the run was simulated without layers, nothing is known ahead")
    before = ProvinceState(
        **{
            field.name: getattr(run.states, field.name)[index - run.offset - 1][:, None]
            for field in fields(ProvinceState)
        }
    )
    new = _unknown(grounds, draws, known, spread)
    if known:
        entry, row = leads[:, None] + 1, index[None, :] - run.offset + leads[:, None]
        kept = {
            field.name: getattr(run.known, field.name)[entry, row][:, :, None]
            for field in fields(Innovations)
        }
        new = Innovations(**{name: getattr(new, name) + part for name, part in kept.items()})
    days = run.world.start + (index[None, :] + leads[:, None])[:, :, None]
    weather, _ = weather_of(grounds, days, before, new)
    return {name: values[..., : len(run.world.ids)] for name, values in weather.items()}


def _unknown(grounds: Grounds, draws: Draws, known: bool, spread: float) -> Innovations:
    """Drawn innovations, each with the variance that is unknown at its lead (all of it where
    nothing is known).
    """
    shared = np.sqrt(grounds.unknown_shared) if known else np.ones(LEADS)
    channels = np.sqrt(grounds.unknown.T) if known else np.ones((LEADS, len(NAMES)))
    province = draws.province * (spread * shared).astype(np.float32)[:, None, None, None]
    weights = (spread * channels).astype(np.float32)[:, None, None, :, None]
    return Innovations(
        province[..., 0],
        province[..., 1],
        joined(grounds, weights * draws.waves, weights * draws.own),
    )


def truth(
    run: Run,
    issued: np.ndarray,
    event: Event,
    draws: int = 400,
    layers: bool = True,
    history: int = 0,
) -> np.ndarray:
    """The true chance of an event on the LEADS days from each issue day on: (..., issue, lead,
    location).

    Given the state at the end of the day before and, with ``layers``, all that weather forecasts
    could know that morning; without (K-truth), the past alone. ``issued``: issue days (datetime64),
    from the day after the run's first to the day after its last. ``event`` is called once an issue
    day with the fields of ``history`` past days (as they were, in every draw) and the days ahead;
    it returns yes or no, or several of these, for each. Its noise is that of ``draws`` draws, which
    are the same for every event.
    """
    index = _rows(run, issued, least=max(1, history))
    return np.stack(
        [_chance(run, int(row), event, draws, layers, history) for row in index], axis=-3
    )


def _rows(run: Run, issued: np.ndarray, least: int) -> np.ndarray:
    index = (np.asarray(issued, "datetime64[D]") - run.world.start).astype(int)
    rows = index - run.offset
    if len(index) == 0 or rows.min() < least or rows.max() > len(run.days):
        first, last = (
            run.days[0] + np.timedelta64(least, "D"),
            run.days[-1] + np.timedelta64(1, "D"),
        )
        raise ValueError(f"issue days must lie from {first} to {last}")
    return index


def _chance(run: Run, row: int, event: Event, draws: int, layers: bool, history: int) -> np.ndarray:
    """One issue day's chances: (..., lead, location)."""
    random = stream(run.world.seed, "truth", row)
    fields_ahead = ahead(
        run, np.array([row]), draw(random, (LEADS, 1, draws), len(run.world.ids) + 1), layers
    )
    past = slice(row - history - run.offset, row - run.offset)
    # float32, as the store would hold them: a value on a threshold falls on the same side of it in
    # the record and in the draws
    whole = {
        name: _with_past(run.fields[name][past], values[:, 0]).astype(np.float32)
        for name, values in fields_ahead.items()
    }
    days = run.world.start + np.arange(row - history, row + LEADS)
    happens = np.asarray(event(whole, days), dtype=np.float64)
    return happens[..., history:, :].mean(axis=-3)


def _with_past(past: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """(draw, day, location) from days that were, (day, location), the same in every draw, and days
    ahead, (lead, draw, location).
    """
    ahead_of = draws.swapaxes(0, 1)
    return np.concatenate([np.broadcast_to(past, (len(ahead_of), *past.shape)), ahead_of], axis=1)


def event_of(
    events: Callable[[xr.Dataset, xr.Dataset], xr.DataArray],
    normals: xr.Dataset,
    ids: Sequence[str],
) -> Event:
    """An Event from a function of a record and its normals, both with a location dimension, to
    (..., time, location).

    ``events`` sees each draw of a location as a location of its own, with that location's normals;
    ``ids`` are the run's locations in order.
    """
    import xarray as xr

    mine = normals.sel(location=list(ids))

    def event(values: Mapping[str, np.ndarray], days: np.ndarray) -> np.ndarray:
        draws, length, locations = next(iter(values.values())).shape
        label = np.arange(draws * locations)
        columns = {
            name: (("time", "location"), array.swapaxes(0, 1).reshape(length, -1))
            for name, array in values.items()
        }
        record = xr.Dataset(columns, {"time": days.astype("datetime64[ns]"), "location": label})
        of_draws = mine.isel(location=label % locations).assign_coords(location=label)
        happens = events(record, of_draws).values
        return np.moveaxis(happens.reshape(*happens.shape[:-1], draws, locations), -2, -3)

    return event


def draw(random: np.random.Generator, shape: tuple[int, ...], locations: int) -> Draws:
    """Fresh numbers of the given (lead, issue, draw) shape."""

    def normal(*sizes: int) -> np.ndarray:
        return random.standard_normal((*shape, *sizes), dtype=np.float32)

    return Draws(normal(2), normal(len(NAMES), 2 * WAVES), normal(len(NAMES), locations))


def issue_forecasts(
    run: Run, first: np.datetime64, last: np.datetime64, members: int, change: np.datetime64
) -> Forecasts:
    """The forecasts issued on the days ``first`` to ``last``, both included; from ``change`` on by
    another model.
    """
    day = np.timedelta64(1, "D")
    first = max(first, run.days[0] + day)
    index = _rows(run, np.arange(first, last + day), least=1)
    parts = [
        _issue(run, index[start : start + CHUNK], members, change)
        for start in range(0, len(index), CHUNK)
    ]
    return Forecasts(
        run.world.start + index,
        {name: np.concatenate([part[name] for part in parts]) for name in FORECAST_VARIABLES},
    )


def _issue(
    run: Run, index: np.ndarray, members: int, change: np.datetime64
) -> dict[str, np.ndarray]:
    """Each forecast variable with errors and gaps: (issue, lead, location, member)."""
    fields_ahead = ahead(
        run, index, _member_draws(run, index, members), known=True, spread=MEMBER_SPREAD
    )
    issued = run.world.start + index
    lost = np.stack([_lost(run, day, members) for day in issued])
    new = (issued >= change)[:, None, None, None]
    old_errors, new_errors = _errors(run, OLD_MODEL), _errors(run, NEW_MODEL)
    values = {}
    for name in FORECAST_VARIABLES:
        raw = fields_ahead[name].transpose(1, 0, 3, 2)
        with_error = np.where(new, _wrong(name, raw, new_errors), _wrong(name, raw, old_errors))
        values[name] = np.where(lost[:, None, None, :], np.nan, np.round(with_error, 2))
    values["air_temperature_min"] = np.minimum(
        values["air_temperature_min"], values["air_temperature_max"]
    )
    return values


def _member_draws(run: Run, index: np.ndarray, members: int) -> Draws:
    """The members' numbers, a stream for each issue day and location, so that no day or location
    depends on another.
    """
    shape = (LEADS, members)
    parts = []
    for row in index:
        random = stream(run.world.seed, "members", row)
        shared = [
            random.standard_normal((*shape, *sizes), dtype=np.float32)
            for sizes in ((2,), (len(NAMES), 2 * WAVES))
        ]
        own = [
            stream(run.world.seed, "members", f"{row}/{name}").standard_normal(
                (*shape, len(NAMES)), dtype=np.float32
            )
            for name in (*run.world.ids, "/upstream")
        ]
        parts.append((*shared, np.stack(own, axis=-1)))
    province, waves, own_all = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
    return Draws(province, waves, own_all)


def _lost(run: Run, day: np.datetime64, members: int) -> np.ndarray:
    """Which members of a day's forecast never arrived."""
    numbers = stream(run.world.seed, "lost", day).random(members + 1)
    return (numbers[1:] < LOST_MEMBERS) | (numbers[0] < LOST_RUNS)


def _errors(run: Run, model: ForecastModel) -> tuple[ForecastModel, np.ndarray]:
    """The model and each location's own warm error, degC."""
    locations = [
        stream(run.world.seed, f"model {model.name}", name).standard_normal()
        for name in run.world.ids
    ]
    return model, model.warm + model.location_spread * np.array(locations)


def _wrong(name: str, values: np.ndarray, errors: tuple[ForecastModel, np.ndarray]) -> np.ndarray:
    """A forecast model's values with its errors: (issue, lead, location, member)."""
    model, warm = errors
    lead = np.arange(LEADS)[None, :, None, None]
    if name.startswith("air_temperature"):
        share = 1.0 if name.endswith("max") else 0.5
        return values + share * (warm[None, None, :, None] + model.warm_lead * lead)
    factor = model.rain if name == "precipitation" else model.flow
    return values * factor ** (1 + 0.1 * lead)
