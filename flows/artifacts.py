"""Artifacts: what a run shows beside itself in Prefect, as tables and links.

What the data contract says is in ``flows.data_quality``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

import pandas as pd
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run

from configs import Region
from flows.servers import HOST
from flows.summary import skill_table

PREFECT_PAGE, MLFLOW_PAGE = f"http://{HOST}:4200", f"http://{HOST}:5000"
"""Where ``make ui`` shows the runs of a home."""


def show_pulled(region: Region, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of what each source brought."""
    create_table_artifact(
        key=f"pulled-{region.name}",
        table=[dict(row) for row in rows],
        description=f"What each source of {region.name} brought, and what became of it.",
    )


def show_skill(region: Region, scores: pd.DataFrame) -> None:
    """A table of how good the forecasts of each hazard and level are; nothing without scores."""
    if scores.empty:
        return
    create_table_artifact(
        key=f"skill-{region.name}",
        table=[
            {str(key): value for key, value in row.items()}
            for row in skill_table(scores).to_dict("records")
        ],
        description="Brier skill scores of the backtest, ranges over lead times and windows: 1 is "
        "perfect, 0 is no better.",
    )


def show_report(region: Region, issued: date, folder: str, mlflow_run: str) -> None:
    """Links to a report and to its run in MLflow."""
    lines = [f"The forecast of {issued} for {region.title}:", "", f"- folder: `{folder}`"]
    if public := region.issuer.public_url:
        address = f"{public}/{quote(region.name)}/{issued}/report.{region.languages[0]}.html"
        lines.append(f"- [report]({address})")
    if mlflow_run:
        lines.append(f"- MLflow: run `{mlflow_run}` of {region.name}, at {MLFLOW_PAGE}")
    create_markdown_artifact(
        key=f"report-{region.name}",
        markdown="\n".join(lines),
        description="The report and the run in MLflow; `make ui` shows MLflow.",
    )


def own_link() -> str:
    """The address of the flow run under way, as ``make ui`` and the schedule show it.

    Empty outside of one.
    """
    return f"{PREFECT_PAGE}/runs/flow-run/{flow_run.id}" if flow_run.id else ""
