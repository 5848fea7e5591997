"""Verify: what was forecast is held against what came, and told on the pages of the record."""

from __future__ import annotations

from datetime import date

import pandas as pd
from prefect import task

from configs import Settings
from configs.remarks import Remark, remark
from features.hazards import Cell, hazards
from flows.check import open_region
from flows.grading import definitions, grade
from flows.orchestration import name_run, reason_of, risk_flow
from flows.past import Past, past_of
from flows.progress import stage
from flows.records import write_records
from flows.run import Outcome, as_prefect_state, region_lock, task_options
from models.registry import Registry
from models.remarks import describe_cells
from models.verification.live_scores import live_scores
from models.verification.marks import Knowledge
from reports import write_index
from reports.site.live_board import LIVE_SCORES
from reports.site.records import write_table


@task(name="grade", task_run_name="grade {past.region.name} {past.issued}", **task_options())
def verify_record(past: Past) -> tuple[Remark, ...]:
    """Grade what can be graded, and write marks, scores and pages; returns what to know of it.

    Call it with the region's lock held. Again on the same day changes nothing.
    """
    region, settings = past.region, past.settings
    define = definitions(region, settings, past.observations, past.champions)
    grading = grade(region, settings, Knowledge(past.observations, define, past.issued))
    marks = grading.marks.frame()
    scores = live_scores(marks, past.backtests, region.name, past.issued)
    folder = settings.published / region.name
    if len(scores):
        write_table(scores.assign(label=past.label), folder / LIVE_SCORES)
    write_records(past, marks)
    Registry(settings).log_marks(region, marks, past.issued)
    return (*grading.notes, *worse_than_backtest(scores, past.issued))


def worse_than_backtest(scores: pd.DataFrame, today: date) -> tuple[Remark, ...]:
    """A message for each hazard and level whose live skill is below its backtest's."""
    below = scores[scores["below"]]
    messages = []
    for name, level in sorted(set(zip(below["hazard"], below["level"], strict=True))):
        rows = below[(below["hazard"] == name) & (below["level"] == level)]
        hazard, pairs = hazards()[name], zip(rows["lead_days"], rows["window_days"], strict=True)
        cells = [
            Cell(int(lead), 1 if hazard.windows_look_back else int(window))
            for lead, window in pairs
        ]
        messages.append(
            remark(
                "marks.below",
                hazard=hazard.title,
                level=int(level),
                cells=describe_cells(cells),
                day=today.replace(day=1),
            )
        )
    return tuple(messages)


def keep_record(past: Past) -> tuple[Remark, ...]:
    """Grade after a report went out; returns what is degraded. Nothing here stops the report."""
    try:
        with stage("grade"):
            verify_record(past)
    except Exception as error:
        return (remark("marks.failed", reason=reason_of(error), region=past.region.name),)
    finally:
        write_index(past.settings)
    return ()


@risk_flow("verify", hours=4)
def verify(region: str) -> Outcome:
    """Grades every matured forecast of a region's official reports, each once.

    Events are those of the model that issued a forecast; scores are the backtest's. Marks go to
    marks.parquet and marks-scores.csv beside the reports, to the pages of the record, and to
    MLflow.

    Args:
        region: A name under configs/regions, or the path of a region's YAML file.
    """
    settings, place = Settings.from_environment(), open_region(region)
    with region_lock(place, settings):
        past = past_of(place, settings)
        name_run(place, past.issued)
        with stage("grade"):
            notes = verify_record(past)
        write_index(settings)
        path = settings.published / place.name
        return as_prefect_state(Outcome(place.name, path, notes=notes))
