"""Backtest: how good would the forecasts of the past have been? Its answer is scores.csv."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from configs import RiskError, Settings
from configs.csv_cells import marked
from configs.remarks import as_remark
from configs.whole_files import write_whole
from data_contracts.tiled_store import open_store
from flows.artifacts import show_skill
from flows.check import open_region
from flows.engine import engine
from flows.orchestration import risk_flow
from flows.progress import stage
from flows.pull import pull_sources
from flows.run import Outcome, as_prefect_state, region_lock
from flows.train import assess, available_hazards, backtest_hazards, forecasts_of, listed
from models.verification import backtest as backtests


def write_scores(scores: pd.DataFrame, path: Path) -> None:
    """Writes scores.csv, whole or not at all.

    Numbers keep 6 significant digits; a missing one is an empty field.
    """
    write_whole(path, marked(scores).to_csv(index=False, lineterminator="\n", float_format="%.6g"))


def stages_path(path: Path) -> Path:
    """Where the table of the three models goes: beside that of the scores."""
    return path.with_name(f"{path.stem}_stages{path.suffix}")


@risk_flow("backtest", hours=36)
def backtest(region: str, out: str = "scores.csv") -> Outcome:
    """Pulls a region's record, forecasts every past year from those before it, and scores that.

    Where the record has weather forecasts, a second table beside the scores, scores_stages.csv for
    scores.csv, holds the state, the weather and the combined model apart.

    Args:
        region: A name under configs/regions, or the path of a region's YAML file.
        out: The file that the scores are written to.
    """
    settings, place, path = (
        Settings.from_environment(),
        open_region(region),
        Path(out).expanduser().resolve(),
    )
    if not path.parent.is_dir() or path.is_dir():
        raise RiskError(
            f"--out {out}: found no folder {path.parent} to write the file in; "
            "make it or name another file."
        )
    with region_lock(place, settings), engine():
        pulled = pull_sources(place, settings, least_years=backtests.MIN_YEARS)
        store = open_store(settings, place)
        observations = store.observations()
        possible = available_hazards(observations, place)
        tested = backtest_hazards(possible.hazards, observations, forecasts_of(store), place)
        missing = possible.missing | tested.missing
        if not tested.out_of_fold:
            raise RiskError(
                f"{place.name}: no hazard can be assessed: {listed(missing | possible.absent)}"
            )
        with stage("score") as say:
            assessment = assess(tested.out_of_fold, place, missing)
            scores = assessment.table
            say(cells=len(scores))
        write_scores(scores, path)
        show_skill(place, scores)
        notes = [
            f"{name} is not assessed: {why}" for name, why in (missing | possible.absent).items()
        ]
        if len(assessment.weather):
            write_scores(assessment.weather, stages_path(path))
            notes.append(
                "The state model, the weather model and both combined, on the same days: "
                f"{stages_path(path).name}"
            )
        return as_prefect_state(
            Outcome(place.name, path, pulled.degraded, tuple(map(as_remark, notes)), scores)
        )
