"""How much of the possible skill forecasts have on the exercise, whose truth is known.

Made for docs/exercise.md. For each level and lead: the skill of the truth over the climatology, and
the share of it that each model has. *Truth* is the true probability by all that is known on the
issue day; *state truth* that without the weather forecasts. The state model's share is of the state
truth's skill. The shares of the weather model, the combined model and the raw ensemble (share of
members over the threshold) are of the truth's. Beside them: whether the combined probabilities are
calibrated on what then happened. Skills are in expectation over outcomes: a Brier score is the mean
squared distance to the true probability plus what nobody can know, so that rare events need no
luck. *interval*: the share of days on which the 90 % interval of what is published without weather
forecasts holds the state truth.
Sums go over all seeds before any ratio is taken.

Climatology, thresholds and the state model are learnt at the begin of each of ERAS from all that
was before it, the weather model by quarter and the stacking weights by rolling origin from what was
then past. All are held against the truth in the eras from TESTED on.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from configs import CHECKOUT, load_region
from features.build import build_outcome, delays_of
from features.hazards import LEVELS, Hazard, Options, hazards
from models.baselines import log_odds
from models.forecasting import forecasters
from models.postprocessing.forecast_pairs import pair_archive
from models.postprocessing.probabilities import EventContext, rolling_event_probabilities
from models.postprocessing.rolling_stacking import combined_probabilities
from models.predict import interval
from models.publishing import INITIAL_WEIGHTS, disagreement, publish, yearly_weights
from models.training import REPLICAS, build_training_set, train_model, train_replicas
from models.verdicts import COMBINED, STATE, WEATHER
from models.verification.scores import corp
from models.verification.weather_scores import BLOCK_DAYS, STAGES
from sources.common.province.simulation import Run, simulate
from sources.common.province.world import LEADS
from sources.exercise import world_of
from sources.exercise.ahead import event_of, issue_forecasts, truth

OPTIONS = Options((5, 10))
FIRST_FORECAST, MODEL_CHANGE, UNTIL = (
    np.datetime64("2008-01-01"),
    np.datetime64("2017-01-01"),
    np.datetime64("2025-12-31"),
)
ERAS = ((2012, 2015), (2016, 2020), (2021, 2025))  # first and last year
TESTED = 2016
DRAWS = 400
LAST_LEAD = 6
MIN_EVENTS = 100  # for calibration
FORECASTERS = (STATE, WEATHER, COMBINED, "raw")
CALIBRATION = (
    "of the truth's mean",
    "in the large",
    "slope",
    "slope low",
    "slope high",
    "miscalibration",
    "the truth's own",
)


def province(
    seed: int, variants: Sequence[str], members: int, since: int
) -> tuple[Run, xr.Dataset, xr.Dataset]:
    """A run of the 16 communes from the year ``since`` on, its record and its forecasts.

    As the store would give them.
    """
    rules = {
        "seed": seed,
        "variants": frozenset(variants),
        "start": np.datetime64(f"{since}-01-01"),
    }
    world = dataclasses.replace(world_of(load_region("berkane-exercise")), **rules)
    run = simulate(world, UNTIL)
    issued = issue_forecasts(run, FIRST_FORECAST, UNTIL, members, MODEL_CHANGE)
    places = list(world.ids)
    record = {
        name: (("time", "location"), values.astype(np.float32), {"delay_days": 1})
        for name, values in run.fields.items()
    }
    observations = xr.Dataset(
        record, coords={"time": run.days.astype("datetime64[ns]"), "location": places}
    )
    dims = ("init_time", "lead_time", "location", "member")
    runs = {
        name: (dims, values.astype(np.float32), {"delay_days": 0})
        for name, values in issued.values.items()
    }
    leads = np.arange(LEADS).astype("timedelta64[D]").astype("timedelta64[ns]")
    axes = {
        "init_time": issued.init.astype("datetime64[ns]"),
        "lead_time": leads,
        "location": places,
        "member": np.arange(members),
    }
    return run, observations, xr.Dataset(runs, coords=axes)


def issue_days(hazard: Hazard, normals: xr.Dataset, era: tuple[int, int], step: int) -> np.ndarray:
    """Days the hazard has a cell on, every ``step``-th.

    None within 15 days of the era's begin, where the state model's training ends.
    """
    days = np.arange(
        f"{era[0]}-01-16", np.datetime64(f"{era[1]}-12-31") - 16, dtype="datetime64[D]"
    ).astype("datetime64[ns]")
    return days[(hazard.applies(days, normals, OPTIONS)[0] == 1).any(axis=1)][::step]


def raw_share(
    hazard: Hazard, forecasts: xr.Dataset, normals: xr.Dataset, days: np.ndarray, lead: int
) -> np.ndarray:
    """Share of the members above the level 1 threshold of the valid day: (init_time, location).

    NaN for rain, which has none.
    """
    name = hazard.requires[0]
    members = forecasts[name].sel(init_time=days).isel(lead_time=lead).values
    if hazard.name == "flash_flood":
        return np.full(members.shape[:2], np.nan)
    values = np.zeros(members.shape[:2], dtype=np.float32)
    times = days + np.timedelta64(lead, "D")
    record = xr.Dataset(
        {name: (("time", "location"), values)},
        coords={"time": times, "location": normals["location"]},
    )
    limit = hazard.history(record, normals, OPTIONS)["threshold"].values[..., None]
    there = np.isfinite(members)
    limit = np.where(np.isnan(limit), np.inf, limit)
    return np.where(
        there.any(axis=-1),
        ((members > limit) & there).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1),
        np.nan,
    )


@dataclasses.dataclass(frozen=True)
class Said:
    """Each forecaster's probabilities in the test years, the true ones, and what happened.

    Arrays (cell, level, init_time, location).
    """

    days: np.ndarray
    numbers: dict[str, np.ndarray]
    calendar: np.ndarray
    right: np.ndarray
    right_known: np.ndarray
    outcome: np.ndarray
    covered: np.ndarray


def rehearse(
    name: str, seed: int, step: int, variants: Sequence[str], members: int, since: int
) -> Said:
    """One history of the province, learnt from and forecast."""
    hazard, (run, observations, forecasts) = (
        hazards()[name],
        province(seed, variants, members, since),
    )
    eras = [_era(hazard, run, observations, forecasts, era, step) for era in ERAS]
    whole = xr.concat(eras, dim="init_time")
    dims = whole["model"].dims
    whole = whole.assign(
        both=(dims, combined_probabilities(hazard, whole, 1)),
        covered=(dims, interval_holds(hazard, whole)),
    ).sel(init_time=slice(str(TESTED), None))
    numbers = STAGES | {"raw": "raw"}
    rest = (
        whole[part].values for part in ("climatology", "right", "right_known", "outcome", "covered")
    )
    return Said(
        whole["init_time"].values,
        {said: whole[part].values for said, part in numbers.items()},
        *rest,
    )


def _era(
    hazard: Hazard,
    run: Run,
    observations: xr.Dataset,
    forecasts: xr.Dataset,
    era: tuple[int, int],
    step: int,
) -> xr.Dataset:
    """The chances of one era; the truth, which takes long, only where it is asked for."""
    training, delays = observations.sel(time=slice(None, str(era[0] - 1))), delays_of(observations)
    tested = era[0] >= TESTED
    blocks = (REPLICAS,) if tested else ()
    learnt_from = build_training_set(hazard, training, training, delays, OPTIONS, *blocks)
    model = train_model(learnt_from)
    normals = model.normals
    days = issue_days(hazard, normals, era, step)
    outcome = build_outcome(
        hazard, hazard.events(observations, normals, OPTIONS), normals, OPTIONS
    ).sel(init_time=days)
    said = forecasters(model, observations, days, delays, OPTIONS)
    context = EventContext(hazard, observations, normals, OPTIONS)
    weather = rolling_event_probabilities(context, pair_archive(forecasts, observations), days)
    parts = {
        "model": said["model"].values,
        "persistence": said["persistence"].values,
        "climatology": said["climatology"].values,
        "weather": weather.values,
        "outcome": outcome.values,
    }
    parts |= {name: np.full(outcome.shape, np.nan) for name in ("raw", "right", "right_known")}
    replicas = {name: np.full((REPLICAS, *outcome.shape), np.nan) for name in INITIAL_WEIGHTS}
    if tested:
        slim = normals.drop_dims("day") if "day" in normals.dims else normals
        event = event_of(
            lambda record, own: hazard.events(record, own, OPTIONS), slim, run.world.ids
        )
        for name, layers in (("right", True), ("right_known", False)):
            found = truth(run, days, event, DRAWS, layers=layers, history=hazard.margin_days)
            parts[name][: LAST_LEAD + 1] = np.moveaxis(found[:, :, : LAST_LEAD + 1], 2, 0)
        for number, replica in enumerate(train_replicas(learnt_from, model)):
            by_replica = forecasters(replica, observations, days, delays, OPTIONS)
            for name, values in replicas.items():
                values[number] = by_replica[name].values
        for lead in range(LAST_LEAD + 1):
            parts["raw"][lead, 0] = raw_share(hazard, forecasts, normals, days, lead)
    variables = {name: (outcome.dims, values) for name, values in parts.items()}
    dims = ("replica", *outcome.dims)
    variables |= {f"{name}_replicas": (dims, values) for name, values in replicas.items()}
    return xr.Dataset(variables, coords={"init_time": days})


def interval_holds(hazard: Hazard, whole: xr.Dataset) -> np.ndarray:
    """1 where the 90 % interval of what is published without weather forecasts holds the truth.

    That is the state truth; 0 elsewhere, NaN where it is not known: (cell, level, init_time,
    location). The noise of the truth's draws is added to the interval, in quadrature.
    """
    weights, true = yearly_weights(hazard, whole), whole["right_known"].values
    probability = publish(weights, whole)
    replicas = [
        publish(weights, {name: one[f"{name}_replicas"].values for name in INITIAL_WEIGHTS})
        for one in (whole.isel(replica=number) for number in range(REPLICAS))
    ]
    low, high = interval(probability, replicas, disagreement(weights, whole))
    noise = norm.ppf(0.95) * np.sqrt(probability * (1 - probability) / DRAWS)
    down, up = (np.hypot(probability - end, noise) for end in (low, high))
    inside = (true >= probability - down) & (true <= probability + up)
    return np.where(np.isfinite(true + probability), inside, np.nan)


def sums_of(one: Said, level: int, lead: int) -> dict[str, float]:
    """What adds up over seeds, of one level and lead, where the weather model has a number.

    The noise of the truth's draws is taken off.
    """
    k = level - 1
    right, known, calendar = one.right[lead, k], one.right_known[lead, k], one.calendar[lead, k]
    said = {name: part[lead, k] for name, part in one.numbers.items()}
    ok = np.isfinite(right + known + calendar + said[WEATHER])
    if np.isfinite(said["raw"]).any():
        ok &= np.isfinite(said["raw"])

    def far(p: np.ndarray, to: np.ndarray) -> float:
        return float(((p - to) ** 2 - to * (1 - to) / (DRAWS - 1))[ok].sum())

    made = {
        "n": float(ok.sum()),
        "calendar": far(calendar, right),
        "calendar_known": far(calendar, known),
        "state_known": far(said[STATE], known),
        "covered": float(one.covered[lead, k][ok].sum()),
    }
    made |= {name: far(part, right) for name, part in said.items()}
    unknowable = [float((to * (1 - to))[ok].sum() * DRAWS / (DRAWS - 1)) for to in (right, known)]
    made = {name: value for name, value in made.items() if np.isfinite(value)}
    return made | {"unknowable": unknowable[0], "unknowable_known": unknowable[1]}


def calibration(seeds: list[Said], level: int, lead: int) -> dict[str, float]:
    """Calibration of the combined probabilities on what happened.

    Events, ratio in the large, logistic slope and its 90 % interval, CORP's share. And on the true
    probabilities, which luck does not touch: their ratio, and the CORP share that luck leaves to
    the truth itself.
    """
    p, y, t, block = [], [], [], []
    for number, one in enumerate(seeds):
        said, happened, right = (
            one.numbers[COMBINED][lead, level - 1],
            one.outcome[lead, level - 1],
            one.right[lead, level - 1],
        )
        ok = np.isfinite(said + happened + right)
        days = np.broadcast_to(
            one.days.astype("datetime64[D]").astype(int)[:, None] // BLOCK_DAYS, ok.shape
        )[ok]
        p, y, t, block = (
            [*p, said[ok]],
            [*y, happened[ok]],
            [*t, right[ok]],
            [*block, days + 10**6 * number],
        )
    chance, event, true, blocks = (np.concatenate(part) for part in (p, y, t, block))
    if event.sum() < MIN_EVENTS:
        return {"events": event.sum(), "of the truth's mean": chance.sum() / true.sum()}
    unreliable, _, uncertainty = corp(chance, event)
    low, slope, high = slope_interval(chance, event, blocks)
    return {
        "events": event.sum(),
        "of the truth's mean": chance.sum() / true.sum(),
        "in the large": chance.sum() / event.sum(),
        "slope": slope,
        "slope low": low,
        "slope high": high,
        "miscalibration": unreliable / uncertainty,
        "the truth's own": corp(true, event)[0] / uncertainty,
    }


def slope_interval(
    chance: np.ndarray, event: np.ndarray, blocks: np.ndarray, draws: int = 60
) -> tuple[float, float, float]:
    """Slope of the log-odds and its 90 % interval by drawing whole blocks of days."""
    names, place = np.unique(blocks, return_inverse=True)
    x, random = log_odds(chance)[:, None], np.random.default_rng(0)

    def slope(weight: np.ndarray) -> float:
        return float(LogisticRegression(C=np.inf).fit(x, event, sample_weight=weight).coef_[0, 0])

    drawn = [
        slope(random.multinomial(len(names), np.full(len(names), 1 / len(names)))[place] + 1e-9)
        for _ in range(draws)
    ]
    return (
        float(np.quantile(drawn, 0.05)),
        slope(np.ones(len(event))),
        float(np.quantile(drawn, 0.95)),
    )


def table(seeds: list[Said]) -> pd.DataFrame:
    """A row for each level and lead: skills of the truths, shares of them, calibration."""
    rows = []
    for level in LEVELS:
        for lead in range(LAST_LEAD + 1):
            total = pd.DataFrame([sums_of(one, level, lead) for one in seeds]).sum()
            if not total["n"]:
                continue
            row = {
                "level": level,
                "lead": lead,
                "state truth's skill": _skill(total, "_known"),
                STATE: 1 - total["state_known"] / total["calendar_known"],
            }
            row["interval"] = total["covered"] / total["n"]
            row["truth's skill"] = _skill(total, "")
            row |= {
                name: 1 - total.get(name, np.nan) / total["calendar"] for name in FORECASTERS[1:]
            }
            rows.append(row | calibration(seeds, level, lead))
    blank = dict.fromkeys(CALIBRATION, np.nan)
    return pd.DataFrame([blank | row for row in rows])[
        [*(name for name in rows[0] if name not in blank), *blank]
    ]


def _skill(total: pd.Series, which: str) -> float:
    worst = total[f"calendar{which}"]
    return float(worst / (worst + total[f"unknowable{which}"]))


def requirements(name: str, found: pd.DataFrame) -> list[str]:
    """The sentences of what must hold, each with what was found."""
    first = found[
        (found["level"] == 1) & (found["lead"] <= (2 if name == "river_flood" else LAST_LEAD))
    ].set_index("lead")
    lines = []
    for stage, truth_name, least in (
        (STATE, "state truth's skill", 0.80),
        (COMBINED, "truth's skill", 0.85),
    ):
        shares, weights = first[stage], first[truth_name]
        words, whole = (
            ", ".join(f"{share:.2f}" for share in shares),
            np.average(shares, weights=weights),
        )
        which = f"{stage}: {words} of {truth_name} at leads 0 to {shares.index[-1]}"
        lines.append(f"{which} (all together {whole:.2f}; {least:.2f} is asked for)")
    if first["raw"].notna().any():
        lines.append(
            "no less than the raw ensemble's share at every lead: "
            f"{bool((first[COMBINED] >= first['raw']).all())}"
        )
    sure = found[found["events"] >= MIN_EVENTS]
    shares = sure["interval"]
    lines.append(
        "90 % intervals of what is published without weather forecasts hold the state truth on "
        f"{shares.min():.0%} to {shares.max():.0%} of the days, {shares.mean():.0%} in the mean"
    )
    large, touch = (
        (sure["in the large"] - 1).abs() <= 0.15,
        (sure["slope low"] <= 1.25) & (sure["slope high"] >= 0.8),
    )
    near, sharp = (sure["of the truth's mean"] - 1).abs() <= 0.15, sure["miscalibration"] <= 0.05
    words = [
        f"{large.sum()} right in the large within 15 % of what happened and {near.sum()} of what "
        "the truth expected"
    ]
    words.append(f"slopes of {touch.sum()} touch [0.8, 1.25]")
    perfect = (sure["the truth's own"] <= 0.05).sum()
    words.append(
        f"CORP miscalibration of {sharp.sum()} within 5 % of uncertainty (of the truth's own "
        f"chances on the same days: {perfect})"
    )
    lines.append(f"of {len(sure)} cells with {MIN_EVENTS} events or more: {', '.join(words)}")
    return lines


def markdown(name: str, found: pd.DataFrame, what: str) -> str:
    head = "| " + " | ".join(found.columns) + " |\n|" + "---|" * len(found.columns)
    rows = [
        "| "
        + " | ".join(
            "" if pd.isna(v) else f"{v:.0f}" if c in ("level", "lead", "events") else f"{v:.2f}"
            for c, v in row.items()
        )
        + " |"
        for _, row in found.iterrows()
    ]
    listed = "\n".join(f"- {line}" for line in requirements(name, found))
    return f"## {hazards()[name].title}\n\n{what}\n\n{listed}\n\n{head}\n" + "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--hazard",
        nargs="*",
        default=["heat", "river_flood"],
        choices=("heat", "river_flood", "flash_flood"),
    )
    parser.add_argument("--seed", type=int, nargs="*", default=[20_011, 20_012, 20_013, 20_014])
    parser.add_argument("--step", type=int, default=4, help="every so many issue days")
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--variants", nargs="*", default=[])
    parser.add_argument(
        "--since",
        type=int,
        default=1996,
        help="first year of the record: the state model learns more from a longer one",
    )
    parser.add_argument("--out", type=Path, help="a file to write to, such as docs/exercise.md")
    asked = parser.parse_args()
    parts = []
    for name in asked.hazard:
        seeds = [
            rehearse(name, seed, asked.step, asked.variants, asked.members, asked.since)
            for seed in asked.seed
        ]
        what = (
            f"{len(seeds)} histories of 16 communes (seeds "
            f"{', '.join(map(str, asked.seed))}), every {asked.step} days of {TESTED} to "
            f"{ERAS[-1][1]}, {asked.members} members"
        )
        parts.append(
            markdown(
                name,
                table(seeds),
                what + (f", {', '.join(asked.variants)}." if asked.variants else "."),
            )
        )
        print(parts[-1], flush=True)
    if asked.out:
        text = (
            f"# The exercise, held against the truth\n\nMade by `make bench-exercise`, "
            f"whose script takes `--seed`.\n{__doc__}\n" + "\n".join(parts)
        )
        (CHECKOUT / asked.out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
