"""After a good run: the dead man's signal, and the metrics."""

from __future__ import annotations

from dataclasses import replace

from configs import Settings
from configs.disk import refusal_remark
from configs.remarks import Remark
from flows.heartbeat import beat
from flows.metrics import metrics_file, write_metrics
from flows.run import Outcome
from flows.status import home_status


def after_run(outcome: Outcome, settings: Settings) -> Outcome:
    """Signs that today's report is published, and writes the file of CLIMATE_RISK_METRICS_FILE.

    Returns the outcome, degraded where a disk refuses either.
    """
    refused: tuple[Remark, ...] = ()
    try:
        beat(outcome.region, settings)
    except OSError as error:
        refused = (refusal_remark(error, settings.home),)
    if metrics_file():
        refused = (*refused, *write_metrics(home_status((), settings)))
    return replace(outcome, degraded=(*outcome.degraded, *refused))
