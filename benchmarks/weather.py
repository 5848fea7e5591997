"""How much of the skill there can be stage N has, alone and with K, on the exercise, whose true chances are known.

For each lead of level 1 to 3: the truth's Brier skill over the calendar, the share of it that K, N, both together and the raw ensemble's
own threshold share have. In expectation over outcomes: a Brier
score is the mean squared distance to the true chance plus what nobody can know, so that rare events need no luck.
Calendar, thresholds and K are learnt from the years before TRAINED_UNTIL, N each month and the mixture each year from what was
then past; all are held against the truth in TESTED.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence

import numpy as np
import xarray as xr

from configs import load_region
from features.build import build_outcome, delays_of
from features.hazards import LEVELS, Hazard, Options, hazards
from models.baselines import fit_climatology, predict_climatology
from models.blend import blend, learn_blend
from models.errors import PATHS
from models.paths import HISTORY_DAYS, read_archive, rolling_chances
from models.train import forecasters, learn
from sources.exercise import world_of
from sources.exercise.ahead import event_of, issue_forecasts, truth
from sources.exercise.world import LEADS, Run, simulate

OPTIONS = Options((5, 10))
TRAINED_UNTIL, FIRST_FORECAST, MODEL_CHANGE = 2011, np.datetime64("2008-01-01"), np.datetime64("2017-01-01")
FIRST_ISSUED, TESTED = np.datetime64("2012-01-16"), range(2016, 2026)
UNTIL = np.datetime64("2025-12-31")
DRAWS = 400


def province(seed: int, variants: Sequence[str], members: int) -> tuple[Run, xr.Dataset, xr.Dataset]:
    """A run of the 16 communes, its record, and its forecasts, as the store would give them."""
    world = dataclasses.replace(world_of(load_region("berkane-exercise")), seed=seed, variants=frozenset(variants))
    run = simulate(world, UNTIL)
    issued = issue_forecasts(run, FIRST_FORECAST, UNTIL, members, MODEL_CHANGE)
    places = list(world.ids)
    record = {name: (("time", "location"), values.astype(np.float32), {"delay_days": 1}) for name, values in run.fields.items()}
    observations = xr.Dataset(record, coords={"time": run.days.astype("datetime64[ns]"), "location": places})
    dims = ("init_time", "lead_time", "location", "member")
    runs = {name: (dims, values.astype(np.float32), {"delay_days": 1}) for name, values in issued.values.items()}
    leads = np.arange(LEADS).astype("timedelta64[D]").astype("timedelta64[ns]")
    axes = {"init_time": issued.init.astype("datetime64[ns]"), "lead_time": leads, "location": places, "member": np.arange(members)}
    return run, observations, xr.Dataset(runs, coords=axes)


def issue_days(hazard: Hazard, normals: xr.Dataset, step: int) -> np.ndarray:
    days = np.arange(FIRST_ISSUED, UNTIL - 16, dtype="datetime64[D]").astype("datetime64[ns]")
    return days[(hazard.applies(days, normals, OPTIONS)[0] == 1).any(axis=1)][::step]


def together(days: np.ndarray, known: np.ndarray, weather: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Both stages' chance in the test years, each by what was past at its begin: NaN before; (cell, level, init_time, location)."""
    made = np.full(known.shape, np.nan)
    year = days.astype("datetime64[Y]").astype(int) + 1970
    for test in TESTED:
        past, now = days < np.datetime64(f"{test - 1}-12-15"), year == test
        weights = learn_blend(known[:, :, past], weather[:, :, past], outcome[:, :, past])
        made[:, :, now] = blend(weights, known[:, :, now], weather[:, :, now])
    return made


def raw_share(hazard: Hazard, forecasts: xr.Dataset, normals: xr.Dataset, days: np.ndarray, lead: int) -> np.ndarray:
    """Share of the members above the level 1 threshold of the valid day: (init_time, location); NaN for rain, which has none."""
    name = hazard.requires[0]
    members = forecasts[name].sel(init_time=days).isel(lead_time=lead).values
    if hazard.name == "flash_flood":
        return np.full(members.shape[:2], np.nan)
    values = np.zeros(members.shape[:2], dtype=np.float32)
    times = days + np.timedelta64(lead, "D")
    record = xr.Dataset({name: (("time", "location"), values)}, coords={"time": times, "location": normals["location"]})
    limit = hazard.history(record, normals, OPTIONS)["threshold"].values[..., None]
    there = np.isfinite(members)
    limit = np.where(np.isnan(limit), np.inf, limit)
    return np.where(there.any(axis=-1), ((members > limit) & there).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1), np.nan)


def table(name: str, seed: int, step: int, variants: Sequence[str], members: int) -> list[str]:
    hazard = hazards()[name]
    run, observations, forecasts = province(seed, variants, members)
    training = observations.sel(time=slice(None, str(TRAINED_UNTIL)))
    model = learn(hazard, training, training, delays_of(observations), OPTIONS)
    normals = model.normals
    days = issue_days(hazard, normals, step)
    outcome = build_outcome(hazard, hazard.events(observations, normals, OPTIONS), normals, OPTIONS).sel(init_time=days).values
    known = forecasters(model, observations, days, delays_of(observations), OPTIONS)["model"].values
    weather = rolling_chances(hazard, read_archive(forecasts, observations), observations, normals, OPTIONS, days, paths=PATHS).values
    both = together(days, known, weather, outcome)
    test = np.isin(days.astype("datetime64[Y]").astype(int) + 1970, list(TESTED))
    usual = fit_climatology(build_outcome(hazard, hazard.events(training, normals, OPTIONS), normals, OPTIONS))
    calendar = predict_climatology(usual, days[test], np.array([cell.lead_days for cell in hazard.cells]))
    slim = normals.drop_dims("day") if "day" in normals.dims else normals
    event = event_of(lambda record, own: hazard.events(record, own, OPTIONS), slim, run.world.ids)
    right = truth(run, days[test], event, DRAWS, history=HISTORY_DAYS)
    lines = [
        "| level | lead | places and days | truth's skill | K | N | both | raw | N's own mean, truth's mean |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for k, level in enumerate(LEVELS):
        for lead in range(7):
            raw = raw_share(hazard, forecasts, normals, days[test], lead) if level == 1 else np.full(right[k, :, lead].shape, np.nan)
            said = {"K": known[lead, k][test], "N": weather[lead, k][test], "both": both[lead, k][test], "raw": raw}
            lines.append(_row(level, lead, right[k, :, lead], calendar[lead, k], said))
    return lines


def _row(level: int, lead: int, right: np.ndarray, calendar: np.ndarray, said: dict[str, np.ndarray]) -> str:
    """A line of the table, over the days and places where N speaks. The noise of the truth's draws is taken off."""
    ok = np.isfinite(right + calendar + said["N"])
    ok &= np.isfinite(said["raw"]) if np.isfinite(said["raw"]).any() else True
    if not ok.any():
        return f"| {level} | {lead} | 0 | | | silent | | | |"
    noise, unknowable = right * (1 - right) / (DRAWS - 1), (right * (1 - right))[ok].mean() * DRAWS / (DRAWS - 1)

    def far(p: np.ndarray) -> float:
        return float(((p - right) ** 2 - noise)[ok].mean())

    worst = far(calendar)
    shares = " | ".join(f"{1 - far(p) / worst:.2f}" for p in said.values())
    means = f"{said['N'][ok].mean():.4f}, {right[ok].mean():.4f}"
    return f"| {level} | {lead} | {ok.sum()} | {worst / (worst + unknowable):.3f} | {shares} | {means} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hazard", default="heat", choices=("heat", "river_flood", "flash_flood"))
    parser.add_argument("--seed", type=int, default=901)
    parser.add_argument("--step", type=int, default=4, help="every so many issue days")
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--variants", nargs="*", default=[])
    asked = parser.parse_args()
    print("\n".join(table(asked.hazard, asked.seed, asked.step, asked.variants, asked.members)))


if __name__ == "__main__":
    main()
