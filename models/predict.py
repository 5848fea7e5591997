"""Live forecasts: the published number of every cell, its verdict, and one colour per place and day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from configs import Region
from features.build import build_outcome, cell_coordinates, delays_of, options_for
from features.hazards import LEVELS, Hazard, Options, hazards
from models.backtest import reasons_missing
from models.baselines import fit_climatology, log_odds, predict_climatology
from models.blend import blend, speaks
from models.colours import COLOURS, colour_ranks, knows_nothing, name_colours
from models.explain import WEATHER, causes_of, explain
from models.paths import archive_for, rolling_chances
from models.quantiles import QUANTILES, predict_outlook
from models.scores import KNOWN, NOT_ASSESSED, PROVISIONAL, SKILFUL, USUAL, known_numbers, publish
from models.stages import live_weights, publish_both
from models.train import Model, State, read_replicas, read_state, reference_years, speak

DECIMALS = 4
TWO_SIDED_90 = 1.645  # standard normal
DIMS = ("cell", "level", "init_time", "location")


@dataclass(frozen=True)
class Weather:
    """What stage N speaks from: ``forecasts`` as Store.forecasts gives them, of which those issued by the issue day are read.

    ``stages``: models.stages.assess_weather. ``backtests``: by hazard, what the weights of the two stages are learnt from.
    """

    forecasts: xr.Dataset
    stages: pd.DataFrame
    backtests: Mapping[str, xr.Dataset]


def predict(
    models: Mapping[str, Model | None],
    scores: pd.DataFrame,
    observations: xr.Dataset,
    region: Region,
    issued: date,
    versions: Mapping[str, str],
    previous: pd.DataFrame | None = None,
    weather: Weather | None = None,
) -> xr.Dataset:
    """The forecast of one issue day for every hazard in ``models``: Dataset (cell, level, init_time, location).

    Besides what forecast.csv says it holds ``probability_low`` and ``probability_high``, a 90 % interval for the years the
    number was learnt from, ``contribution`` (cause, ...): log-odds that sum to those of the probability less those of the usual
    one, ``outlook`` (quantile, cell, init_time, location): how hot, wet, high or dry it may be, in ``outlook_units``, and ``stage``,
    "N" where weather forecasts have their say in the number, else "K". Where they have there is no interval.

    A hazard whose model is None gets the calendar's numbers from the record, or none where the record lacks what it needs.
    ``scores`` gives stage K's verdicts and fallbacks. ``previous`` is the table of the forecast before, for colours already given.
    ``weather`` is what stage N speaks from, where there is any.
    Attributes ``region``, ``title``, and JSON lists of sentences: ``degraded`` and ``notes``.
    """
    today = np.datetime64(issued, "ns")
    observations = observations.sel(time=slice(None, today - np.timedelta64(1, "D"))).load()
    parts, degraded, notes = [], list[str](), list[str]()
    for name in sorted(models):
        hazard, model = hazards()[name], models[name]
        part, made, sentences = _hazard_forecast(
            hazard, model, scores[scores["hazard"] == name], observations, region, today
        )
        if model is not None and made is not None and weather is not None:
            part, more, said = _with_weather(
                hazard, model, part, made, weather, observations, region
            )
            sentences, notes = sentences + more, notes + said
        part = part.assign_coords(
            model_version=("cell", np.full(len(hazard.cells), versions.get(name, ""), dtype=object))
        )
        parts.append(part.assign(colour=_colours(hazard, part, region, previous)))
        degraded += sentences
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
    scores: pd.DataFrame,
    observations: xr.Dataset,
    region: Region,
    today: np.datetime64,
) -> tuple[xr.Dataset, xr.Dataset | None, list[str]]:
    """Stage K's part of the forecast, what its forecasters said (None without a model), and sentences on what is degraded."""
    options, missing = (
        options_for(hazard, region, observations),
        reasons_missing(hazard, observations),
    )
    if missing:
        return (
            _unexplained(
                hazard, _assemble(hazard, *_nothing(hazard, observations), observations, today)
            ),
            None,
            [],
        )
    if model is None:
        numbers, exists, reference = _calendar_alone(hazard, observations, region, today, options)
        sentences = [
            f"{hazard.title}: no model could be used, so the calendar's chances since {reference} stand."
        ]
        verdict = np.full(
            numbers["climatology"].shape, USUAL if len(scores) else NOT_ASSESSED, dtype=object
        )
        part = _assemble(
            hazard,
            numbers["climatology"],
            numbers["climatology"],
            verdict,
            exists,
            observations,
            today,
        )
        return _unexplained(hazard, part), None, sentences
    state = read_state(model, observations, np.array([today]), delays_of(observations), options)
    made = speak(model, state)
    exists = hazard.applies(np.array([today]), model.normals, options)
    probability, verdict, speaks = _published(hazard, made, scores)
    sentences = []
    if hazard.only_where_measured:
        exists = np.where(_measured(hazard, observations), exists, np.nan)
    unknown = ~made["state_known"].values & (exists == 1)[:, None]
    if unknown.any():
        where = ", ".join(
            str(place) for place in made["location"].values[unknown.any(axis=(0, 1, 2))]
        )
        sentences.append(
            f"{hazard.title}: the state on the issue day is not known at {where}, so the calendar's chances stand there."
        )
    part = _assemble(
        hazard, probability, made["climatology"].values, verdict, exists, observations, today
    )
    replicas = [
        _published(hazard, said, scores)[0]
        for said in read_replicas(model, state, observations, delays_of(observations), options)
    ]
    low, high = interval(part["probability"].values, replicas)
    part = part.assign(probability_low=(DIMS, low), probability_high=(DIMS, high))
    part = part.assign(outlook=_outlook(hazard, model, state, options)).assign_coords(
        _outlook_coordinates(hazard, model)
    )
    why = explain(
        model, state, speaks, part["probability"].values, part["normal_probability"].values
    )
    return (
        part.assign(contribution=(("cause", *DIMS), why)).assign_coords(cause=causes_of(hazard)),
        made,
        sentences,
    )


def _with_weather(
    hazard: Hazard,
    model: Model,
    part: xr.Dataset,
    made: xr.Dataset,
    weather: Weather,
    observations: xr.Dataset,
    region: Region,
) -> tuple[xr.Dataset, list[str], list[str]]:
    """The part with stage N's say where it is to be published and not silent, and sentences on what is degraded and what is to be known.

    ``made``: what K's forecasters said.
    """
    archive = archive_for(hazard, weather.forecasts, observations)
    if not archive:
        return part, [], []
    options, today = options_for(hazard, region, observations), part["init_time"].values
    ahead = rolling_chances(hazard, archive, observations, model.normals, options, today)
    weights = live_weights(weather.backtests.get(hazard.name), len(hazard.cells))
    both = blend(weights, made["model"].values, ahead.values)
    wanted, verdict = _decided(hazard, weather.stages[weather.stages["hazard"] == hazard.name])
    exists = (part["verdict"].values != "") & (hazard.applies(today, model.normals, options) == 1)[
        :, None
    ]
    heard = exists & speaks(ahead.values)
    use = heard & wanted[..., None, None]
    said = part["probability"].values
    numbers = np.moveaxis(
        publish_both(*(np.moveaxis(array, 1, 0) for array in (said, both, use))), 0, 1
    )
    chance = np.where(use, np.round(numbers, DECIMALS), said)
    news: dict[str, Any] = {
        end: part[end].where(~use) for end in ("probability_low", "probability_high")
    }
    news["probability"] = DIMS, chance
    news["verdict"] = DIMS, np.where(use, verdict[..., None, None], part["verdict"].values)
    news["stage"] = DIMS, np.where(use, "N", part["stage"].values)
    part = part.assign(news)
    silent = exists & wanted[..., None, None] & ~heard
    return (
        _caused_by_weather(part, use),
        _degraded_by(hazard, part, silent),
        _told_of(hazard, use, ahead.attrs),
    )


def _decided(hazard: Hazard, stages: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Whether each cell and level is to be both stages' number, and as what: (cell, level).

    Provisionally where no day with forecasts was ever backtested.
    """
    rows = (
        stages[stages["stage"] == "both"]
        .set_index(["lead_days", "window_days", "level"])[["published", "verdict"]]
        .to_dict("index")
    )
    nothing = {"published": True, "verdict": PROVISIONAL}
    found = [
        [rows.get((cell.lead_days, cell.window_days, level), nothing) for level in LEVELS]
        for cell in hazard.cells
    ]
    return tuple(
        np.array([[row[name] for row in of_cell] for of_cell in found])
        for name in ("published", "verdict")
    )  # type: ignore[return-value]


def _caused_by_weather(part: xr.Dataset, use: np.ndarray) -> xr.Dataset:
    """Contributions with a cause of its own for the weather forecast, which accounts for all where it has its say."""
    total = log_odds(part["probability"].values) - log_odds(part["normal_probability"].values)
    whole = np.where(use, total, np.where(np.isnan(total), np.nan, 0.0))
    why = np.concatenate([np.where(use, 0.0, part["contribution"].values), whole[None]])
    causes = [*part["cause"].values, WEATHER]
    return (
        part.drop_vars(["contribution", "cause"])
        .assign(contribution=(("cause", *DIMS), why))
        .assign_coords(cause=causes)
    )


def _degraded_by(hazard: Hazard, part: xr.Dataset, silent: np.ndarray) -> list[str]:
    """A sentence where weather forecasts should have had their say and are missing."""
    if not silent.any():
        return []
    where = ", ".join(str(place) for place in part["location"].values[silent.any(axis=(0, 1, 2))])
    cells = _cells_in_words(hazard, silent)
    return [
        f"{hazard.title}: no weather forecast could be used at {where} for {cells}; there the past alone has its say."
    ]


def _told_of(hazard: Hazard, use: np.ndarray, attrs: Mapping[str, Any]) -> list[str]:
    """What is to be known of the weather forecasts: where they speak, and what was left out and why."""
    left_out = [f"{hazard.title}: {sentence}" for sentence in attrs["left_out"]]
    if not use.any():
        return left_out
    cells = _cells_in_words(hazard, use)
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


def _published(
    hazard: Hazard, made: xr.Dataset, scores: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Published probability, its verdict and the forecaster that speaks: (cell, level, init_time, location)."""
    decided = scores.set_index(["lead_days", "window_days", "level"])[
        ["verdict", "fallback"]
    ].to_dict("index")
    default = {
        "verdict": NOT_ASSESSED,
        "fallback": "persistence" if hazard.overlap else "climatology",
    }
    probability = np.empty(made["model"].shape)
    verdict, speaks = (np.empty(probability.shape, dtype=object) for _ in range(2))
    for number, cell in enumerate(hazard.cells):
        rows = [decided.get((cell.lead_days, cell.window_days, level), default) for level in LEVELS]
        verdicts = np.array([row["verdict"] for row in rows], dtype=object)
        use_known = np.array([row["fallback"] == "persistence" for row in rows])
        numbers = {str(name): values.values[number] for name, values in made.data_vars.items()}
        shape = numbers["model"].shape
        use_model, use_known, said = (
            np.broadcast_to(part[:, None, None], shape)
            for part in (verdicts == SKILFUL, use_known, verdicts)
        )
        probability[number] = publish(
            numbers["model"],
            known_numbers(numbers, verdicts),
            numbers["climatology"],
            use_model,
            use_known,
        )
        unknown = ~numbers["state_known"].astype(bool)
        probability[number] = np.where(unknown, numbers["climatology"], probability[number])
        verdict[number] = np.where(unknown & np.isin(said, (SKILFUL, KNOWN)), USUAL, said)
        bare = (
            use_known
            & (said == NOT_ASSESSED)
            & np.isfinite(numbers.get("overlap", np.full(shape, np.nan)))
        )
        speaks[number] = np.select(
            [unknown, use_model, bare, use_known],
            ["climatology", "model", "overlap", "persistence"],
            "climatology",
        )
    return probability, verdict, speaks


OUTLOOK_DIMS = ("quantile", "cell", "init_time", "location")


def _outlook(
    hazard: Hazard, model: Model, state: State, options: Options
) -> tuple[tuple[str, ...], np.ndarray]:
    """Quantiles of the hazard's quantity, NaN where none were learnt."""
    if model.outlook is None:
        return OUTLOOK_DIMS, np.full(
            (len(QUANTILES), *(state.features.sizes[dim] for dim in OUTLOOK_DIMS[1:])), np.nan
        )
    return OUTLOOK_DIMS, predict_outlook(
        model.outlook, hazard, state.features, model.normals, options
    ).values


def _outlook_coordinates(hazard: Hazard, model: Model | None) -> dict[str, Any]:
    """The quantiles, and of each cell what they are of, and its units."""
    learnt = {} if model is None or model.outlook is None else model.outlook.learnt.attrs
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
    """90 % interval of each probability for the years it was learnt from: jackknife in log-odds, a block of years left out each.

    Efron & Stein 1981: se^2 = (g - 1) / g times the sum of squares about the mean of g replicas. Holds the probability; where
    that is 0 because the event cannot be, or missing, so are both ends.
    """
    odds = log_odds(np.stack(replicas))
    error = np.sqrt(
        (len(replicas) - 1) / len(replicas) * ((odds - odds.mean(axis=0)) ** 2).sum(axis=0)
    )
    low, high = (
        np.round(expit(log_odds(probability) + side * TWO_SIDED_90 * error), DECIMALS)
        for side in (-1, 1)
    )
    certain = error == 0
    return np.where(certain, probability, np.minimum(low, probability)), np.where(
        certain, probability, np.maximum(high, probability)
    )


def _calendar_alone(
    hazard: Hazard, observations: xr.Dataset, region: Region, today: np.datetime64, options: Options
):
    """The calendar's probabilities learnt from the record, which cells exist, and since when the record is."""
    first, last = reference_years(region, observations)
    normals = hazard.fit_normals(
        observations.sel(time=slice(f"{first}-01-01", f"{last}-12-31")), options
    )
    outcome = build_outcome(hazard, hazard.events(observations, normals, options), normals, options)
    usual = predict_climatology(
        fit_climatology(outcome), np.array([today]), outcome["lead_days"].values
    )
    return {"climatology": usual}, hazard.applies(np.array([today]), normals, options), first


def _nothing(
    hazard: Hazard, observations: xr.Dataset
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    shape = (len(hazard.cells), len(LEVELS), 1, observations.sizes["location"])
    first = hazard.cells[0].window_days
    declared = [not hazard.windows_look_back or cell.window_days == first for cell in hazard.cells]
    exists = np.broadcast_to(np.where(declared, 1.0, np.nan)[:, None, None], (shape[0], *shape[2:]))
    return (
        np.full(shape, np.nan),
        np.full(shape, np.nan),
        np.full(shape, NOT_ASSESSED, dtype=object),
        exists,
    )


def _assemble(
    hazard: Hazard,
    probability: np.ndarray,
    normal: np.ndarray,
    verdict: np.ndarray,
    exists: np.ndarray,
    observations: xr.Dataset,
    today: np.datetime64,
) -> xr.Dataset:
    """A hazard's part of the forecast. ``exists`` (cell, init_time, location): 1, 0 (cannot be: chance 0) or NaN (no such cell)."""
    if hazard.only_where_measured:
        exists = np.where(_measured(hazard, observations), exists, np.nan)
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
        {**numbers, "verdict": (DIMS, said), "stage": (DIMS, np.where(said == "", "", "K"))},
        coords=coords,
    )


def _measured(hazard: Hazard, observations: xr.Dataset) -> np.ndarray:
    """Whether each place ever had all that the hazard requires: (location,)."""
    if any(name not in observations for name in hazard.requires):
        return np.zeros(observations.sizes["location"], dtype=bool)
    return (
        np.isfinite(observations[list(hazard.requires)].to_dataarray().values)
        .any(axis=1)
        .all(axis=0)
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
    nothing = knows_nothing(verdict) | np.isnan(chance).all(axis=1)
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
