"""Whether the outlook's intervals hold what they say: coverage by season and skill by lead on the last years of real records.

Learnt from all but the last 6 years; those are what it is graded on, values and all. Intervals say 90 % and 50 %; where the lower end
is 0, as that of rain mostly is, nothing can lie below it and an interval of 90 % holds 95 %. Skill: 1 - quantile loss / that of the
calendar's quantiles (31-day window of the training years).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from time import process_time

import numpy as np
import pandas as pd
import xarray as xr
from records import record_names, records

from configs import Region
from features.build import build_features, delays_of, options_for
from features.calendar import day_index, window_quantile
from features.hazards import Hazard, hazards
from models.quantiles import QUANTILES, Outlook, fit_outlook, grade_outlook, predict_outlook

YEARS_KEPT_BACK = 6
SPIN_UP_DAYS = 400  # the longest window of a predictor, and its first value


def measure(hazard: Hazard, observations: xr.Dataset, region: Region, all_year: bool) -> None:
    """Print coverage and skill of one hazard's outlook on the years kept back."""
    options, delays = options_for(hazard, region, observations), delays_of(observations)
    last = int(observations["time"].dt.year[-1]) - YEARS_KEPT_BACK
    train = observations.sel(time=slice(None, str(last)))
    normals = hazard.fit_normals(train, options)
    speaking = replace(options, warm_season=(1, 12)) if all_year else options
    days = observations["time"].values[SPIN_UP_DAYS :: hazard.issue_step_days]
    features = build_features(hazard, observations, normals, days, delays, options).compute()
    before, after = (
        features.sel(init_time=slice(None, str(last))),
        features.sel(init_time=slice(str(last + 1), None)),
    )
    start = process_time()
    outlook = fit_outlook(
        hazard, before, hazard.history(train, normals, options), normals, speaking
    )
    spent = process_time() - start
    if outlook is None:
        print(f"\n{region.name} {hazard.name}: too short a record")
        return
    past = hazard.history(observations, normals, options)
    made = predict_outlook(outlook, hazard, after, normals, speaking)
    bare = replace(outlook, learnt=outlook.learnt.assign(offset=outlook.learnt["offset"] * 0))
    unshifted = predict_outlook(bare, hazard, after, normals, speaking)
    usual = calendar(made, hazard.history(train, normals, options))
    print(
        f"\n{region.name} {hazard.name}{', all year' if all_year else ''}: fitted to {last} in {spent:.1f} s of CPU, {_about(outlook)}"
    )
    print(
        _beside(past, outlook=made, unshifted=unshifted, calendar=usual).to_string(
            index=False, float_format="{:.3f}".format
        )
    )
    print(_skills(grade_outlook(made, past), grade_outlook(usual, past)))


def calendar(made: xr.DataArray, train: xr.Dataset) -> xr.DataArray:
    """Quantiles of the doy window of the training years, on the days and cells that ``made`` speaks of."""
    curves = np.stack(
        [window_quantile(train["value"].values, train["time"].values, q) for q in QUANTILES]
    )
    valid = made["init_time"].values + made["lead_days"].values[:, None].astype("timedelta64[D]")
    return made.copy(data=np.where(np.isnan(made.values), np.nan, curves[:, day_index(valid)]))


def _beside(past: xr.Dataset, **made: xr.DataArray) -> pd.DataFrame:
    """A row a season: outcomes and the share of them inside each one's 90 % and 50 % intervals, all leads together."""
    parts = []
    for name, quantiles in made.items():
        table = grade_outlook(quantiles, past)
        weighted = (
            table[["inside_90", "inside_50", "pinball"]]
            .mul(table["n"], axis=0)
            .assign(season=table["season"], n=table["n"])
        )
        sums = (
            pd.concat([weighted, weighted.assign(season="year")])
            .groupby("season", sort=False)
            .sum()
        )
        means = sums.drop(columns="n").div(sums["n"], axis=0).add_prefix(f"{name}_")
        parts.append(means if parts else means.assign(n=sums["n"].astype(int)))
    return pd.concat(parts, axis=1).reset_index()


def _skills(ours: pd.DataFrame, usual: pd.DataFrame) -> str:
    """Quantile skill of each cell."""
    loss = [
        (table["pinball"] * table["n"]).groupby([table["window_days"], table["lead_days"]]).sum()
        for table in (ours, usual)
    ]
    skill = 1 - loss[0] / loss[1]
    cells = ", ".join(
        f"{lead}{f' ({window})' if window > 1 else ''}: {value:.3f}"
        for (window, lead), value in skill.items()
    )
    return f"skill {1 - loss[0].sum() / loss[1].sum():.3f}; by lead (window) {cells}"


def _about(outlook: Outlook) -> str:
    return f"{outlook.learnt.attrs['rows']} rows, rounds {outlook.learnt['rounds'].values.tolist()}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", nargs="+", default=["tunis"], choices=record_names())
    parser.add_argument("--hazard", nargs="+", default=sorted(hazards()), choices=sorted(hazards()))
    given = parser.parse_args(arguments)
    for region, observations in records(given.record):
        for name in given.hazard:
            hazard = hazards()[name]
            if all(variable in observations for variable in hazard.requires):
                for all_year in (False, True) if hazard.seasonal else (False,):
                    measure(hazard, observations, region, all_year)


if __name__ == "__main__":
    main()
