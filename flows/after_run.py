"""After a good run: the dead man's signal, and the metrics."""

from __future__ import annotations

import os
from dataclasses import replace

from configs import Settings
from configs.disk import disk_refusal
from flows.heartbeat import beat
from flows.metrics import FILE, write_metrics
from flows.run import Outcome
from flows.status import home_status


def after_run(outcome: Outcome, settings: Settings) -> Outcome:
    """Signs that today's report is published, and writes the file of CLIMATE_RISK_METRICS_FILE.

    Returns the outcome, degraded where a disk refuses either.
    """
    try:
        beat(outcome.region, settings)
        if os.environ.get(FILE):
            write_metrics(home_status((), settings))
    except OSError as error:
        refused = disk_refusal(error.errno, error.filename or settings.home)
        if refused is None:
            raise
        return replace(outcome, degraded=(*outcome.degraded, refused.remark))
    return outcome
