"""Live forecasts: the published number of every cell, its verdict, and one colour per place and day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit
from scipy.stats import t as student_t

from configs import Region
from features.build import (
    build_outcome,
    cell_coordinates,
    delays_of,
    existing,
    measured,
    options_for,
)
from features.hazards import LEVELS, Hazard, Options, hazards
from models.backtest import reasons_missing
from models.baselines import fit_climatology, log_odds, predict_climatology
from models.colours import COLOURS, colour_ranks, name_colours, tells_more
from models.explain import causes_of, explain
from models.postprocessing.probabilities import (
    EventContext,
    pairs_for_hazard,
    rolling_event_probabilities,
)
from models.postprocessing.stacking import combine, has_weather
from models.postprocessing.stacking_evaluation import (
    COMBINED,
    STATE,
    WITH_WEATHER,
    Assessment,
    stacking_weights,
)
from models.publishing import live_weights, publish
from models.quantiles import QUANTILES, predict_quantiles
from models.scores import KNOWN, NOT_ASSESSED, PROVISIONAL, SKILFUL, USUAL
from models.training import DIMS, Model, forecasters, read_state, reference_years

DECIMALS = 4


class Assessed(NamedTuple):
    """What is known of a hazard's forecasts: its backtest, and its rows of the scores.

    ``known``: models.scores.assess; ``weather``:
    models.postprocessing.stacking_evaluation.assess_weather.
    """

    backtest: xr.Dataset | None
    known: pd.DataFrame
    weather: pd.DataFrame


def predict(
    models: Mapping[str, Model | None],
    backtests: Mapping[str, xr.Dataset],
    assessment: Assessment,
    observations: xr.Dataset,
    region: Region,
    issued: date,
    versions: Mapping[str, str],
    previous: pd.DataFrame | None = None,
    forecasts: xr.Dataset | None = None,
) -> xr.Dataset:
    """The forecast of one issue day for every hazard in ``models``.

    Dataset (cell, level, init_time, location). Besides what forecast.csv says it holds
    ``probability_low`` and ``probability_high``, a 90 % interval for the years the number was
    learnt from; ``contribution`` (cause, ...): log-odds that sum to those of the probability less
    those of the normal one; ``outlook`` (quantile, cell, init_time, location) in ``outlook_units``:
    how hot, wet, high or dry it may be; and ``stage``, "combined" where weather forecasts
    are in the number, else "state".

    A hazard whose model is None gets the climatology of the record, or nothing where the record
    lacks what it needs. ``backtests`` by hazard and ``assessment`` give weights and verdicts.
    ``previous`` is the table of the forecast before, for colours already given. ``forecasts`` as
    Store.forecasts gives them; those issued by the issue day are read. Attributes ``region``,
    ``title``, and JSON lists of sentences: ``degraded`` and ``notes``.
    """
    today = np.datetime64(issued, "ns")
    observations = observations.sel(time=slice(None, today - np.timedelta64(1, "D"))).load()
    parts, degraded, notes = [], list[str](), list[str]()
    for name in sorted(models):
        hazard = hazards()[name]
        rows = [table[table["hazard"] == name] for table in (assessment.state, assessment.weather)]
        assessed = Assessed(backtests.get(name), *rows)
        part, sentences, said = _hazard_forecast(
            hazard, models[name], assessed, observations, region, today, forecasts
        )
        part = part.assign_coords(
            model_version=("cell", np.full(len(hazard.cells), versions.get(name, ""), dtype=object))
        )
        parts.append(part.assign(colour=_colours(hazard, part, region, previous)))
        degraded, notes = degraded + sentences, notes + said
    forecast = xr.concat(parts, dim="cell", join="outer", combine_attrs="drop").transpose(
        "cause", "quantile", *DIMS
    )
    places = {
        name: observations[name]
        for name in ("latitude", "longitude", "elevation", "name")
        if name in observations.coords
    }
    return forecast.assign_coords(places).assign_attrs(
        region=region.name,
        title=region.title,
        degraded=json.dumps(degraded),
        notes=json.dumps(notes),
    )


def _hazard_forecast(
    hazard: Hazard,
    model: Model | None,
    assessed: Assessed,
    observations: xr.Dataset,
    region: Region,
    today: np.datetime64,
    forecasts: xr.Dataset | None,
) -> tuple[xr.Dataset, list[str], list[str]]:
    """A hazard's part of the forecast, and sentences on what is degraded and what is to be told."""
    options = options_for(hazard, region, observations)
    if reasons_missing(hazard, observations):
        return _unexplained(hazard, _nothing(hazard, observations, today)), [], []
    if model is None:
        part, sentences = _climatology_alone(hazard, assessed, observations, region, today, options)
        return _unexplained(hazard, part), sentences, []
    issue = np.array([today])
    delays = delays_of(observations)
    made = forecasters(model, observations, issue, delays, options, explained=True)
    weather = _weather(hazard, model, made, assessed, observations, options, forecasts)
    weights = _weights(hazard, assessed, weather)
    numbers = _published(weights, made, weather)
    exists = existing(hazard, observations, issue, model.normals, options)
    usual = made["climatology"].values
    verdict = _verdicts(hazard, assessed, made, weather, numbers)
    part = _assemble(hazard, numbers, usual, verdict, exists, observations, today)
    replicas = []
    for replica in model.replicas:
        said = forecasters(replica, observations, issue, delays, options)
        replicas.append(_published(weights, said, _moved(weather, said)))
    low, high = interval(part["probability"].values, replicas)
    why = explain(
        made,
        weights,
        weather.both,
        weather.used,
        part["probability"].values,
        part["normal_probability"].values,
    )
    ends: dict[str, Any] = {"probability_low": (DIMS, low), "probability_high": (DIMS, high)}
    part = part.assign(
        **ends,
        contribution=(("cause", *DIMS), why),
        outlook=(OUTLOOK_DIMS, _outlook(hazard, model, observations, issue, delays, options)),
        stage=(DIMS, np.where(weather.used & (verdict != ""), COMBINED, part["stage"].values)),
    ).assign_coords(cause=causes_of(hazard), **_outlook_coordinates(hazard, model))
    there = (exists == 1)[:, None] & np.isfinite(usual)
    sentences = _late(hazard, made, (exists == 1) & np.isfinite(usual[:, 0]))
    sentences += _degraded_by(hazard, part, weather.wanted & there & ~weather.used)
    return part, sentences, _told_of(hazard, weather.used & there, weather.left_out)


class Weather(NamedTuple):
    """What weather forecasts add to a hazard's numbers; arrays (cell, level, init_time, location).

    ``both``: the combined model's probability. ``wanted``: where it is to be published, ``used``:
    where it is. ``verdict`` (cell, level). ``chance``: the weather model's own.
    """

    both: np.ndarray
    chance: np.ndarray
    wanted: np.ndarray
    used: np.ndarray
    verdict: np.ndarray
    combination: xr.DataArray
    left_out: list[str]


def _weather(
    hazard: Hazard,
    model: Model,
    made: xr.Dataset,
    assessed: Assessed,
    observations: xr.Dataset,
    options: Options,
    forecasts: xr.Dataset | None,
) -> Weather:
    shape, issue = made["model"].shape, made["init_time"].values
    archive = pairs_for_hazard(hazard, forecasts, observations)
    weights = stacking_weights(assessed.backtest, len(hazard.cells))
    never, silent = np.zeros(shape, dtype=bool), np.full(shape, np.nan)
    if not archive:
        nothing = np.full(shape[:2], NOT_ASSESSED, dtype=object)
        return Weather(silent, silent, never, never, nothing, weights, [])
    context = EventContext(hazard, observations, model.normals, options)
    ahead = rolling_event_probabilities(context, archive, issue)
    both = combine(weights, made["model"].values, ahead.values)
    decided, verdict = _decided(hazard, assessed.weather)
    wanted = np.array(np.broadcast_to(decided[:, None, None, None], shape))
    assessable = np.asarray(np.isfinite(made["climatology"].values))
    whole = (has_weather(ahead.values) | ~assessable).all(axis=1, keepdims=True)
    used: np.ndarray = wanted & whole & assessable
    return Weather(both, ahead.values, wanted, used, verdict, weights, ahead.attrs["left_out"])


def _moved(weather: Weather, said: xr.Dataset) -> Weather:
    """The combined number where the state model says something else."""
    if not weather.used.any():
        return weather
    both = combine(weather.combination, said["model"].values, weather.chance)
    return weather._replace(both=both)


def _weights(hazard: Hazard, assessed: Assessed, weather: Weather) -> np.ndarray:
    """Weights of the forecasters, the combined model the first of them where it is used.

    (forecaster, cell, level or 1, init_time, location).
    """
    alone = live_weights(hazard, assessed.backtest)
    if not weather.used.any():
        return alone
    tested = assessed.backtest
    if tested is not None and "both" not in tested:
        tested = None
    return np.where(weather.used, live_weights(hazard, tested, WITH_WEATHER), alone)


def _published(weights: np.ndarray, made: xr.Dataset, weather: Weather) -> np.ndarray:
    """The published probability: (cell, level, init_time, location)."""
    said = {str(name): part.values for name, part in made.data_vars.items()}
    said["model"] = np.where(weather.used, weather.both, said["model"])
    return publish(weights, said)


def _verdicts(
    hazard: Hazard, assessed: Assessed, made: xr.Dataset, weather: Weather, numbers: np.ndarray
) -> np.ndarray:
    """The verdict on each number: (cell, level, init_time, location).

    Where the newest value is too late nothing more than the climatology is claimed; where there is
    no number it is not assessed.
    """
    rows = verdict_rows(hazard, assessed.known)
    verdict = np.broadcast_to(rows[..., None, None], numbers.shape)
    lost = (made["days_late"].values == -1)[:, None]
    verdict = np.where(lost & np.isin(verdict, (SKILFUL, KNOWN)), USUAL, verdict)
    verdict = np.where(weather.used, weather.verdict[..., None, None], verdict)
    return np.where(np.isnan(numbers), NOT_ASSESSED, verdict)


def verdict_rows(hazard: Hazard, scores: pd.DataFrame) -> np.ndarray:
    """Verdicts of scores.csv by cell and level, of an index by its lead: (cell, level)."""
    by_lead = hazard.windows_look_back
    found = {
        (row["lead_days"], 0 if by_lead else row["window_days"], row["level"]): row["verdict"]
        for row in scores.to_dict("records")
    }
    return np.array(
        [
            [
                found.get((cell.lead_days, 0 if by_lead else cell.window_days, level), NOT_ASSESSED)
                for level in LEVELS
            ]
            for cell in hazard.cells
        ],
        dtype=object,
    )


def _late(hazard: Hazard, made: xr.Dataset, exists: np.ndarray) -> list[str]:
    """A sentence where the newest value is not at hand: on what day's the numbers are."""
    late, sentences = made["days_late"].values, []
    for days in np.unique(late[exists]):
        if days == 0:
            continue
        here = made["location"].values[((late == days) & exists).any(axis=(0, 1))]
        where = ", ".join(str(place) for place in here)
        sentences.append(
            f"{hazard.title}: the state on the issue day is not known at {where}, so the "
            "calendar's chances stand there."
            if days < 0
            else f"{hazard.title}: the newest value is late at {where}, so what was known "
            f"{days} {'day' if days == 1 else 'days'} before stands there."
        )
    return sentences


def _decided(hazard: Hazard, stages: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Whether each cell is to be the combined number (cell,), and as what (cell, level).

    Provisionally where no day with forecasts was ever backtested.
    """
    both = stages[stages["stage"] == COMBINED]
    rows = both.set_index(["lead_days", "window_days", "level"])["verdict"].to_dict()
    decided = both.groupby(["lead_days", "window_days"])["published"].first().to_dict()
    published = [decided.get((cell.lead_days, cell.window_days), True) for cell in hazard.cells]
    verdict = [
        [rows.get((cell.lead_days, cell.window_days, level), PROVISIONAL) for level in LEVELS]
        for cell in hazard.cells
    ]
    return np.array(published, dtype=bool), np.array(verdict, dtype=object)


def _degraded_by(hazard: Hazard, part: xr.Dataset, silent: np.ndarray) -> list[str]:
    """A sentence where weather forecasts should have had their say and are missing."""
    if not silent.any():
        return []
    where = ", ".join(str(place) for place in part["location"].values[silent.any(axis=(0, 1, 2))])
    cells = _cells_in_words(hazard, silent)
    return [
        f"{hazard.title}: no weather forecast could be used at {where} for {cells}; there the past alone has its say."
    ]


def _told_of(hazard: Hazard, used: np.ndarray, reasons: list[str]) -> list[str]:
    """What a reader should know of the weather forecasts: where they count, what was left out."""
    left_out = [f"{hazard.title}: {sentence}" for sentence in reasons]
    if not used.any():
        return left_out
    cells = _cells_in_words(hazard, used)
    return [
        f"{hazard.title}: weather forecasts have their say in the chances of {cells}; in all others the past alone.",
        *left_out,
    ]


def _cells_in_words(hazard: Hazard, which: np.ndarray) -> str:
    """Cells of which there is any in ``which`` (cell, ...), as "days 0 to 6 ahead, any of the next 3 days"."""
    chosen = [cell for cell, yes in zip(hazard.cells, which, strict=True) if yes.any()]
    leads = [cell.lead_days for cell in chosen if cell.window_days == 1]
    words = [] if not leads else [f"days {', '.join(map(str, leads))} ahead"]
    if len(leads) > 2 and leads == list(range(leads[0], leads[-1] + 1)):
        words = [f"days {leads[0]} to {leads[-1]} ahead"]
    return ", ".join(
        [
            *words,
            *(
                f"any of the next {cell.window_days} days"
                for cell in chosen
                if cell.window_days > 1
            ),
        ]
    )


OUTLOOK_DIMS = ("quantile", "cell", "init_time", "location")


def _outlook(
    hazard: Hazard,
    model: Model,
    observations: xr.Dataset,
    issue: np.ndarray,
    delays: Mapping[str, int],
    options: Options,
) -> np.ndarray:
    """Quantiles of the hazard's quantity, NaN where none were learnt."""
    state = read_state(model, observations, issue, delays, options)
    return predict_quantiles(hazard, model.quantity, state, model.normals, options).values


def _outlook_coordinates(hazard: Hazard, model: Model | None) -> dict[str, Any]:
    """The quantiles, and of each cell what they are of, and its units."""
    learnt = {} if model is None or model.quantity is None else model.quantity.attrs
    words = {
        f"outlook_{name}": ("cell", np.full(len(hazard.cells), learnt.get(name, ""), dtype=object))
        for name in ("title", "units")
    }
    return {"quantile": list(QUANTILES), **words}


def _unexplained(hazard: Hazard, part: xr.Dataset) -> xr.Dataset:
    """A part without a model: no interval, no outlook, and nothing that sets its numbers apart from the calendar's."""
    chance, causes = part["probability"].values, causes_of(hazard)
    nothing = np.broadcast_to(np.where(np.isnan(chance), np.nan, 0.0), (len(causes), *chance.shape))
    ends: dict[str, Any] = {
        name: (DIMS, np.full(chance.shape, np.nan))
        for name in ("probability_low", "probability_high")
    }
    ends["outlook"] = OUTLOOK_DIMS, np.full((len(QUANTILES), *chance[:, 0].shape), np.nan)
    coords = {"cause": causes, **_outlook_coordinates(hazard, None)}
    return part.assign(contribution=(("cause", *DIMS), nothing), **ends).assign_coords(coords)


def interval(probability: np.ndarray, replicas: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """90 % interval of each probability for the years it was learnt from.

    Jackknife in log-odds, a block of years left out each (Efron & Stein 1981): se^2 = (g - 1) / g
    times the sum of squares about the mean of g replicas, and Student's t of g - 1 degrees of
    freedom. Holds the probability; where that is 0 because the event cannot be, or missing, so are
    both ends.
    """
    g = len(replicas)
    odds = log_odds(np.stack(replicas))
    error = np.sqrt((g - 1) / g * ((odds - odds.mean(axis=0)) ** 2).sum(axis=0))
    reach = student_t.ppf(0.95, g - 1) * error
    low, high = (
        np.round(expit(log_odds(probability) + side * reach), DECIMALS) for side in (-1, 1)
    )
    certain = (error == 0) | (probability == 0) | np.isnan(probability)
    return np.where(certain, probability, np.minimum(low, probability)), np.where(
        certain, probability, np.maximum(high, probability)
    )


def _climatology_alone(
    hazard: Hazard,
    assessed: Assessed,
    observations: xr.Dataset,
    region: Region,
    today: np.datetime64,
    options: Options,
) -> tuple[xr.Dataset, list[str]]:
    """The climatology learnt from the record, where there is no model."""
    first, last = reference_years(region, observations)
    reference = observations.sel(time=slice(f"{first}-01-01", f"{last}-12-31"))
    normals = hazard.fit_normals(reference, options)
    margins = hazard.margins(observations, normals, options)
    outcome = build_outcome(hazard, margins, normals, options)
    issue = np.array([today])
    usual = predict_climatology(fit_climatology(outcome), issue, outcome["lead_days"].values)
    verdict = np.where(
        np.isnan(usual), NOT_ASSESSED, USUAL if len(assessed.known) else NOT_ASSESSED
    ).astype(object)
    exists = existing(hazard, observations, issue, normals, options)
    sentence = (
        f"{hazard.title}: no model could be used, so the calendar's chances since {first} stand."
    )
    return _assemble(hazard, usual, usual, verdict, exists, observations, today), [sentence]


def _nothing(hazard: Hazard, observations: xr.Dataset, today: np.datetime64) -> xr.Dataset:
    """The part of a hazard that the record lacks the variables of."""
    shape = (len(hazard.cells), len(LEVELS), 1, observations.sizes["location"])
    first = hazard.cells[0].window_days
    declared = [not hazard.windows_look_back or cell.window_days == first for cell in hazard.cells]
    exists = np.array(declared)[:, None, None] & measured(hazard, observations)
    exists = np.where(exists, 1.0, np.nan)
    number, verdict = np.full(shape, np.nan), np.full(shape, NOT_ASSESSED, dtype=object)
    return _assemble(hazard, number, number, verdict, exists, observations, today)


def _assemble(
    hazard: Hazard,
    probability: np.ndarray,
    normal: np.ndarray,
    verdict: np.ndarray,
    exists: np.ndarray,
    observations: xr.Dataset,
    today: np.datetime64,
) -> xr.Dataset:
    """A hazard's part of the forecast; ``exists`` as features.build.existing gives it."""
    wide = np.broadcast_to(exists[:, None], probability.shape)
    chance, usual = (
        np.round(np.where(np.isnan(wide), np.nan, np.where(wide == 0, 0.0, part)), DECIMALS)
        for part in (probability, normal)
    )
    leads = np.array([cell.lead_days for cell in hazard.cells], dtype="timedelta64[D]")
    coords = {
        "level": list(LEVELS),
        "init_time": [today],
        "location": observations["location"].values,
        "hazard": ("cell", np.full(len(leads), hazard.name, dtype=object)),
        "valid_time": (("cell", "init_time"), (today + leads)[:, None]),
        "data_until": ("cell", np.full(len(leads), _data_until(hazard, observations))),
        **cell_coordinates(hazard),
    }
    said = np.where(np.isnan(wide), "", verdict)
    numbers = {"probability": (DIMS, chance), "normal_probability": (DIMS, usual)}
    return xr.Dataset(
        {**numbers, "verdict": (DIMS, said), "stage": (DIMS, np.where(said == "", "", STATE))},
        coords=coords,
    )


def _data_until(hazard: Hazard, observations: xr.Dataset) -> np.datetime64:
    """The newest day on which all that the hazard requires was observed somewhere; NaT where there is none."""
    present = [name for name in hazard.requires if name in observations]
    if len(present) < len(hazard.requires):
        return np.datetime64("NaT", "ns")
    seen = np.isfinite(observations[present].to_dataarray().values).all(axis=0).any(axis=1)
    return (
        observations["time"].values[seen][-1].astype("datetime64[ns]")
        if seen.any()
        else np.datetime64("NaT", "ns")
    )


def _colours(
    hazard: Hazard, part: xr.Dataset, region: Region, previous: pd.DataFrame | None
) -> xr.DataArray:
    """One colour per cell and place: the highest row reached.

    Where there is no number, or none that knows more than the calendar: the colour given to the
    same valid day before, else grey.
    """
    chance, usual, verdict = (
        part[name].values for name in ("probability", "normal_probability", "verdict")
    )
    before = _ranks_before(hazard, part, previous)
    rank = colour_ranks(hazard, region, chance, usual, before)
    nothing = ~tells_more(chance, usual, verdict)
    colour = name_colours(rank, nothing, before)
    return xr.DataArray(
        np.where((verdict == "").all(axis=1), "", colour), dims=("cell", "init_time", "location")
    )


def _ranks_before(hazard: Hazard, part: xr.Dataset, previous: pd.DataFrame | None) -> np.ndarray:
    """Rank of the colour the forecast before gave the same valid day, place and window, else 0.

    (cell, init_time, location). A colour that stood there through grey days is among them.
    """
    shape = tuple(part.sizes[dim] for dim in ("cell", "init_time", "location"))
    if previous is None:
        return np.zeros(shape, dtype=int)
    rows = previous[(previous["hazard"] == hazard.name) & previous["colour"].isin(COLOURS)]
    given = {
        (row.location, row.valid, row.window_days): COLOURS.index(row.colour)
        for row in rows.itertuples()
    }
    valid, window, places = (
        part["valid_time"].values[:, 0],
        part["window_days"].values,
        part["location"].values,
    )
    ranks = [
        [given.get((str(place), pd.Timestamp(v), int(w)), 0) for place in places]
        for v, w in zip(valid, window, strict=True)
    ]
    return np.array(ranks, dtype=int)[:, None, :]
