"""The skill of ours beside the calendar, persistence, a logistic regression and an untuned XGBoost.

On every record at hand. Everyone is tested on the same folds: the same training days, labels, gap,
test years and outcomes. Prints the tables and writes them to docs/skill.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import xarray as xr
from peers import learn_peers
from records import record_names, records

from configs import CHECKOUT, Region
from features.build import delays_of
from features.hazards import hazards
from models.verdicts import KNOWN, NOT_ASSESSED, SKILFUL
from models.verification.backtest import folds, joined, reasons_missing
from models.verification.samples import by_lead
from models.verification.scores import assess

COMMAND = "make bench-skill"
OURS = ("ours", "without trees", "published", "known")
PEERS = ("logistic", "xgboost")
ALLOWED_BELOW_CLIMATOLOGY = 0.01
ALLOWED_BELOW_KNOWN = 0.01
LEAST_KEPT = 0.98  # of the model's mean skill, by the published number
KEYS = ["hazard", "level", "window_days", "lead_days"]

# Skills of an independent implementation on the same protocol: known, logistic, untuned XGBoost,
# careful XGBoost.
ABSENT = np.nan
INDEPENDENT = {
    ("tunis", "heat", 1, 0): (0.21, 0.20, 0.03, 0.21),
    ("tunis", "heat", 1, 1): (0.10, 0.09, -0.05, 0.10),
    ("tunis", "heat", 1, 3): (0.04, 0.04, -0.11, 0.04),
    ("tunis", "heat", 1, 7): (0.02, 0.01, -0.11, 0.02),
    ("tunis", "heat", 2, 0): (0.54, 0.45, 0.32, 0.54),
    ("tunis", "heat", 2, 1): (0.22, 0.18, -0.04, 0.22),
    ("tunis", "heat", 3, 0): (0.41, 0.37, 0.12, 0.40),
    ("tunis", "heat", 3, 1): (0.19, 0.13, -0.03, 0.19),
    ("tunis", "drought", 1, 30): (0.53, 0.49, ABSENT, ABSENT),
    ("tunis", "drought", 1, 60): (0.23, 0.18, ABSENT, ABSENT),
    ("tunis", "drought", 1, 90): (0.02, -0.04, ABSENT, ABSENT),
    ("tunis", "flash_flood", 1, 0): (0.09, 0.08, ABSENT, ABSENT),
    ("tunis", "flash_flood", 2, 0): (0.14, 0.12, ABSENT, ABSENT),
    ("melilla", "heat", 1, 0): (0.16, 0.17, 0.03, 0.17),
    ("melilla", "heat", 1, 1): (0.07, 0.08, -0.08, 0.07),
    ("melilla", "heat", 1, 3): (0.04, 0.04, -0.10, 0.04),
    ("melilla", "heat", 1, 7): (0.04, 0.03, -0.09, 0.04),
    ("melilla", "heat", 2, 0): (0.50, 0.44, 0.25, 0.50),
    ("melilla", "heat", 2, 1): (0.24, 0.18, 0.00, 0.24),
    ("melilla", "drought", 1, 30): (0.50, 0.46, ABSENT, ABSENT),
    ("melilla", "drought", 1, 60): (0.25, 0.23, ABSENT, ABSENT),
    ("melilla", "drought", 1, 90): (0.01, 0.03, ABSENT, ABSENT),
    ("melilla", "flash_flood", 1, 0): (0.13, 0.18, ABSENT, ABSENT),
    ("melilla", "flash_flood", 2, 0): (0.12, 0.12, ABSENT, ABSENT),
    ("camels-01031500", "river_flood", 1, 0): (0.20, 0.21, 0.08, 0.20),
    ("camels-01031500", "river_flood", 1, 1): (0.03, 0.00, -0.06, 0.03),
}


@dataclass(frozen=True)
class Measured:
    """One record's skills.

    ``skills``: a row a cell and level, columns KEYS, verdict, n_events, OURS and PEERS; ``rounds``
    of boosting by hazard, of each model learnt; CPU ``seconds`` of our backtest.
    """

    name: str
    first: str
    last: str
    skills: pd.DataFrame
    rounds: dict[str, list[str]]
    seconds: float

    @property
    def assessed(self) -> pd.DataFrame:
        return self.skills[self.skills["verdict"] != NOT_ASSESSED]


def measure(region: Region, observations: xr.Dataset, names: Sequence[str]) -> Measured:
    """Backtests everyone on one record, for the named hazards that it allows."""
    ours, theirs = dict[str, xr.Dataset](), dict[str, xr.Dataset]()
    rounds, seconds = dict[str, list[str]](), 0.0
    for name in names:
        if reasons_missing(hazards()[name], observations) is None:
            ours[name], theirs[name], rounds[name], spent = _compete(name, observations, region)
            print(f"{region.name} {name}: {spent:.0f} s of CPU", file=sys.stderr, flush=True)
            seconds += spent
    scores = assess(ours, region, {})
    usual = scores["brier_climatology"]
    columns = {
        "ours": scores["brier"],
        "published": scores["brier_published"],
        "known": scores["brier_persistence"],
    }
    columns |= {other: _briers(scores, theirs, ours, other) for other in ("without trees", *PEERS)}
    skills = {name: (1 - brier / usual).where(usual > 0) for name, brier in columns.items()}
    times = [str(day)[:10] for day in observations["time"].values[[0, -1]]]
    table = scores[[*KEYS, "n_events", "verdict"]].assign(**skills).sort_values(KEYS)
    return Measured(region.name, times[0], times[1], table, rounds, seconds)


def _compete(
    name: str, observations: xr.Dataset, region: Region
) -> tuple[xr.Dataset, xr.Dataset, list[str], float]:
    """Out-of-fold predictions of ours and of the others, our boosting rounds, our CPU seconds."""
    ours, theirs, rounds = [], [], []
    seconds, start, learnt = 0.0, process_time(), None
    for fold in folds(hazards()[name], observations, region):
        ours.append(fold.predictions({}))
        seconds += process_time() - start
        if fold.training is not learnt:
            learnt, others = fold.training, learn_peers(fold)
            rounds.append("/".join(str(count) for count in fold.model.meta["rounds"].values()))
        plain = replace(fold, model=replace(fold.model, boosters={}))
        bare = plain.predictions({}) if fold.model.boosters else ours[-1]
        theirs.append(others(fold).assign({"without trees": bare["model"]}))
        start = process_time()
    return (
        joined(hazards()[name], ours, delays_of(observations)),
        xr.concat(theirs, dim="init_time"),
        rounds,
        seconds,
    )


def _briers(
    scores: pd.DataFrame, theirs: dict[str, xr.Dataset], ours: dict[str, xr.Dataset], peer: str
) -> np.ndarray:
    """Another's Brier score for each row of ``scores``, over the days ours is scored on."""
    errors = {}
    for name, part in ours.items():
        numbers = (
            theirs[name][[peer]].assign(outcome=part["outcome"]).where(np.isfinite(part["model"]))
        )
        errors[name] = by_lead(hazards()[name], numbers.transpose(*part["outcome"].dims))
    out = []
    for row in scores.itertuples():
        part = errors[row.hazard]
        here = (part["lead_days"].values == row.lead_days) & (
            part["window_days"].values == row.window_days
        )
        error = (part[peer] - part["outcome"]).values[here, row.level - 1]
        out.append(float(np.nanmean(error**2)) if np.isfinite(error).any() else np.nan)
    return np.array(out)


def summary(measured: Measured) -> dict[str, object]:
    """The record in one line: means over assessed cells, and how many are clearly below the
    calendar."""
    cells = measured.assessed
    low = {name: int((cells[name] < -ALLOWED_BELOW_CLIMATOLOGY).sum()) for name in (*OURS, *PEERS)}
    return {
        "record": f"{measured.name}, {measured.first} to {measured.last}",
        "cells": len(cells),
        **{f"mean {name}": f"{cells[name].mean():.3f}" for name in (*OURS, *PEERS)},
        "below climatology": ", ".join(f"{name} {count}" for name, count in low.items()),
        "beat known": int((cells["ours"] > cells["known"]).sum()),
        "known or skilful": int(cells["verdict"].isin((KNOWN, SKILFUL)).sum()),
        "skilful": int((cells["verdict"] == SKILFUL).sum()),
        "CPU s": f"{measured.seconds:.0f}",
    }


def required(measured: Measured) -> str:
    """What is required of the model and of the published numbers, and the cells that break it."""
    cells = measured.assessed
    kept = cells["published"].mean() / cells["ours"].mean()
    broken = {
        "ours below climatology": cells[cells["ours"] < -ALLOWED_BELOW_CLIMATOLOGY],
        "ours below persistence": cells[cells["ours"] < cells["known"] - ALLOWED_BELOW_KNOWN],
        "published below climatology by .005": cells[cells["published"] < -0.005],
    }
    said = [
        f"{words}: "
        + (
            "; ".join(
                f"{row.hazard} L{row.level} {_cell(row)} ours {row.ours:.3f}, published "
                f"{row.published:.3f}, known {row.known:.3f}"
                for row in found.itertuples()
            )
            or "none"
        )
        for words, found in broken.items()
    ]
    holds = "holds" if kept >= LEAST_KEPT else "does not hold"
    return "\n".join(
        [f"- {measured.name}: published keeps {kept:.1%} of the model's mean skill, {holds};"]
        + [f"  - {words}." for words in said]
    )


def by_hazard(measured: Measured) -> list[dict[str, object]]:
    """Mean skills of each hazard, with trees and without, and the rounds of each model learnt."""
    rows = []
    for name, cells in measured.assessed.groupby("hazard"):
        means = {other: f"{cells[other].mean():.4f}" for other in OURS}
        first = f"{cells.loc[cells['level'] == 1, 'ours'].mean():.4f}"
        rounds = {"rounds of each step, model by model": ", ".join(measured.rounds[name])}
        rows.append(
            {"record": measured.name, "hazard": name, "cells": len(cells)}
            | means
            | {"ours, level 1": first}
            | rounds
        )
    return rows


def _cell(row: object) -> str:
    return f"lead {row.lead_days}" + (f" window {row.window_days}" if row.window_days > 1 else "")  # type: ignore[attr-defined]


def in_detail(measured: Measured) -> pd.DataFrame:
    """Every assessed cell; two decimals would hide what the requirement asks of the third."""
    cells = measured.assessed.copy()
    numbers = {name: cells[name].map("{:.3f}".format) for name in (*OURS, *PEERS)}
    return cells[["hazard", "level", "window_days", "lead_days", "n_events"]].assign(
        climatology="0", **numbers, verdict=cells["verdict"]
    )


def beside_independent(every: Sequence[Measured]) -> pd.DataFrame:
    """Our skills and those of the independent implementation for the cells that both have."""
    rows = []
    for (record, hazard, level, lead), theirs in INDEPENDENT.items():
        for skills in (one.skills for one in every if one.name == record):
            same = (
                (skills["hazard"] == hazard)
                & (skills["level"] == level)
                & (skills["lead_days"] == lead)
            )
            single = (skills["window_days"] == 1) | (skills["hazard"] == "drought")
            for row in skills[same & single].itertuples():
                here = (row.known, row.logistic, row.xgboost, row.ours)
                both = [
                    f"{own:.2f} / " + ("-" if np.isnan(other) else f"{other:.2f}")
                    for own, other in zip(here, theirs, strict=True)
                ]
                names = ("known", "logistic", "untuned XGBoost", "ours / careful XGBoost")
                rows.append(
                    {"record": record, "cell": f"{hazard} L{level} lead {lead}"}
                    | dict(zip(names, both, strict=True))
                )
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    lines = [
        list(table.columns),
        ["---"] * len(table.columns),
        *table.astype(str).to_numpy().tolist(),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TEXT = """# Skill, side by side

Made by `{command}`. Brier skill against climatology (0 is the calendar, 1 is perfect), out of fold: everyone learns from the
same years, labels and gap, and is tested on the same later years. No weather forecasts are used.

- *ours*: the state model, whatever is published. *without trees*: its regression alone. *published*: the weighted mean of model,
  persistence and climatology, weights by the years before. *known*: persistence.
  *logistic*: a standardised logistic regression for each cell and level on
  the hazard's own predictors, the overlap ensemble left out, what is missing replaced by the median. *xgboost*:
  `XGBClassifier()` as it comes, a model for each level with lead and window as predictors.
- Cells with fewer than 10 event days or 5 event years are not assessed and not counted. *known or skilful*
  and *skilful* count what is claimed of the published number (docs/verification.md); *beat known* is a bare comparison.

## Summary

{summary}

{hazards}

Required of each record: the published number keeps {kept} of the model's mean skill; no assessed cell of the model is below
climatology or below persistence by more than {below_climatology}.

{required}

## Beside an independent implementation

Each entry is here / there. There, heat has no floor (`heat_floor` takes away the weakest level 1 days), drought is SPEI-90 all
year where here the index that counts turns to 365 days in dry summers, levels are fitted apart, and labels of training years
come from thresholds fitted to the same years, where here they are cross-fitted.

{independent}
{details}"""  # noqa: E501  its lines are those of docs/skill.md


def document(every: Sequence[Measured], command: str) -> str:
    """docs/skill.md of the measured records."""
    details = [
        f"\n## {one.name}: every assessed cell\n\n{markdown(in_detail(one))}\n" for one in every
    ]
    return TEXT.format(
        command=command,
        summary=markdown(pd.DataFrame([summary(one) for one in every])),
        hazards=markdown(pd.DataFrame([row for one in every for row in by_hazard(one)])),
        kept=f"{LEAST_KEPT:.0%}",
        below_climatology=ALLOWED_BELOW_CLIMATOLOGY,
        required="\n".join(required(one) for one in every),
        independent=markdown(beside_independent(every)),
        details="".join(details),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", nargs="+", default=record_names(), choices=record_names())
    parser.add_argument("--hazard", nargs="+", default=sorted(hazards()), choices=sorted(hazards()))
    parser.add_argument("--out", type=Path, default=CHECKOUT / "docs" / "skill.md")
    given = parser.parse_args(arguments)
    every = [
        measure(region, observations, given.hazard)
        for region, observations in records(given.record)
    ]
    narrowed = (
        ""
        if arguments is None and len(sys.argv) == 1
        else " ".join(["", *(arguments or sys.argv[1:])])
    )
    text = document(every, COMMAND if not narrowed else f"python benchmarks/skill.py{narrowed}")
    print(text)
    given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
