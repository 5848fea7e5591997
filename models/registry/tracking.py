"""Runs in MLflow: what a training or a forecast was made from, and how good it is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd
import xarray as xr

from configs import Region
from features.hazards import hazards
from models.registry.database import Database
from models.registry.hyperparameters import hyperparameters
from models.registry.lineage import dataset_of
from models.training import Model

METRICS = (
    "brier",
    "brier_published",
    "bss_climatology",
    "bss_persistence",
    "roc_area",
    "reliability",
    "resolution",
)
"""Columns of scores.csv that are logged."""
MAX_PARAMETERS = 100
"""Parameters that MLflow takes at once."""
MAX_METRICS = 1000
"""Metrics that MLflow takes at once."""
MAX_TEXT = 6000
"""Characters of a parameter that MLflow takes."""


@dataclass(frozen=True)
class TrainingRun:
    """What a training tells of itself beside its model.

    ``observations``: what it learnt from. ``seconds``: how long each step took, by its name.
    ``started``: when the fit began, in seconds since 1970 (default: when it is registered).
    ``started_by``: the address of the flow run that trained it.
    """

    observations: xr.Dataset | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    started: float | None = None
    started_by: str = ""


FLOW_RUN = "prefect_flow_run"
"""Tag that links a run to the flow run that made it."""

UNTOLD = TrainingRun()
"""A training of which nothing is told but its model."""


class MetricValue(NamedTuple):
    """A metric of a run; ``step``: the lead in days, 0 where there is none."""

    key: str
    value: float
    step: int


@contextmanager
def run_of(
    database: Database,
    region: Region,
    name: str,
    tags: Mapping[str, str],
    started: float | None = None,
) -> Iterator[str]:
    """The id of a new run, finished at the end of the block, failed where that raises.

    ``started``: seconds since 1970, now by default.
    """
    client = database.client
    run_id: str = client.create_run(
        experiment_of(database, region),
        start_time=round(1000 * (time.time() if started is None else started)),
        run_name=name,
        tags={"region": region.name, **tags},
    ).info.run_id
    try:
        yield run_id
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def close_dead_runs(database: Database, region: Region) -> list[str]:
    """Mark the region's unfinished runs as killed; returns their ids.

    For a process that holds the region's lock: then no other one is making a run of the region.
    """
    experiment = experiment_of(database, region)
    runs = database.client.search_runs([experiment], "attributes.status = 'RUNNING'")
    for run in runs:
        database.client.set_terminated(run.info.run_id, "KILLED")
    return [str(run.info.run_id) for run in runs]


def experiment_of(database: Database, region: Region) -> str:
    """The id of the region's experiment, made where there is none."""
    client = database.client
    experiment = client.get_experiment_by_name(region.name)
    if experiment is None:
        with database.locked():
            experiment = client.get_experiment_by_name(region.name)
            if experiment is None:
                location = str(database.artifacts / region.name)
                return client.create_experiment(region.name, artifact_location=location)
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id


def finished_forecast(database: Database, region: Region, tags: Mapping[str, str]) -> str | None:
    """The id of a finished run with the same kind, issue day and files, if there is one."""
    wanted = " and ".join(f"tags.{key} = '{tags[key]}'" for key in ("kind", "issued", "sha256"))
    runs = database.client.search_runs(
        [experiment_of(database, region)],
        f"{wanted} and attributes.status = 'FINISHED'",
        max_results=1,
    )
    return runs[0].info.run_id if runs else None


def log_parameters(database: Database, run_id: str, values: Mapping[str, str]) -> None:
    """Log parameters, as ``parameters`` makes them."""
    from mlflow.entities import Param

    items = [Param(key, value) for key, value in values.items()]
    for start in range(0, len(items), MAX_PARAMETERS):
        database.client.log_batch(run_id, params=items[start : start + MAX_PARAMETERS])


def log_metrics(database: Database, run_id: str, values: list[MetricValue]) -> None:
    """Log metrics, all with one time stamp."""
    from mlflow.entities import Metric

    items = [Metric(metric.key, metric.value, 0, metric.step) for metric in values]
    for start in range(0, len(items), MAX_METRICS):
        database.client.log_batch(run_id, metrics=items[start : start + MAX_METRICS])


def log_dataset(
    database: Database,
    run_id: str,
    region: Region,
    snapshot: str,
    observations: xr.Dataset | None,
) -> None:
    """Name the record that was learnt from, where it and its snapshot are known."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    if observations is None or not snapshot:
        return
    learnt_from = Dataset(**dataset_of(region, snapshot, observations))
    context = InputTag("mlflow.data.context", "training")
    database.client.log_inputs(run_id, [DatasetInput(learnt_from, [context])])


def training_parameters(model: Model, region: Region) -> dict[str, str]:
    """All that a training was set to: its meta, the region file's part in it, hyper-parameters."""
    hazard = hazards()[model.hazard]
    asked = {f"region.{key}": value for key, value in region.learnt_with.items() if key != "name"}
    return parameters({**model.meta, **asked, **hyperparameters(hazard)})


def parameters(meta: Mapping[str, Any]) -> dict[str, str]:
    """MLflow parameters of a mapping: nested keys joined by dots, lists as JSON.

    Each has at most MAX_TEXT characters.
    """
    texts: dict[str, str] = {}
    for key, value in meta.items():
        if isinstance(value, Mapping):
            texts |= {f"{key}.{inner}": text for inner, text in parameters(value).items()}
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            texts[str(key)] = text[:MAX_TEXT]
    return texts


def durations(training: TrainingRun) -> list[MetricValue]:
    """How long each step took, such as fit_seconds."""
    return [
        MetricValue(f"{name}_seconds", float(value), 0) for name, value in training.seconds.items()
    ]


def metrics(rows: pd.DataFrame) -> list[MetricValue]:
    """A hazard's scores: a curve over leads for each score, level and window, and means.

    ``rows``: the hazard's rows of scores.csv.
    """
    values = [
        MetricValue(f"cells_{str(verdict).replace(' ', '_')}", float(count), 0)
        for verdict, count in rows["verdict"].value_counts().items()
    ]
    levels, windows = rows["level"].astype(str), rows["window_days"].astype(str)
    curves = "_level" + levels + "_window" + windows + "d"
    for score in METRICS:
        scores = pd.to_numeric(rows[score], errors="coerce")
        if scores.notna().any():
            values.append(MetricValue(f"{score}_mean", float(scores.mean()), 0))
        steps = zip(curves, scores, rows["lead_days"].astype(int), strict=True)
        values += [
            MetricValue(score + curve, float(value), lead)
            for curve, value, lead in steps
            if pd.notna(value)
        ]
    return values


def highest(forecast: xr.Dataset) -> list[MetricValue]:
    """The highest probability of each hazard, level and window of a forecast, over leads."""
    top = (
        forecast["probability"]
        .max(["init_time", "location"], skipna=True)
        .to_dataframe(name="value")
        .reset_index()
        .dropna(subset="value")
    )
    rows = zip(
        top["hazard"], top["level"], top["window_days"], top["value"], top["lead_days"], strict=True
    )
    return [
        MetricValue(f"highest_{hazard}_level{level}_window{window}d", float(value), int(lead))
        for hazard, level, window, value, lead in rows
    ]
