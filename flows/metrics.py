"""Metrics: how a home stands as a text file that Prometheus' node_exporter collects."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from configs.disk import refusal_remark
from configs.remarks import Remark
from configs.whole_files import write_whole
from flows.standing import STATUSES, HomeStatus, Standing

FILE = "CLIMATE_RISK_METRICS_FILE"
PREFIX = "climate_risk_"


def metrics_file() -> str:
    """The file that CLIMATE_RISK_METRICS_FILE names; empty where it names none."""
    return os.environ.get(FILE, "")


def write_metrics(status: HomeStatus) -> tuple[Remark, ...]:
    """Writes the file that CLIMATE_RISK_METRICS_FILE names, whole, where it names one.

    Returns a message where the disk refuses it.
    """
    name = metrics_file()
    if not name:
        return ()
    path = Path(name).expanduser()
    try:
        write_whole(path, metrics(status))
    except OSError as error:
        return (refusal_remark(error, path),)
    return ()


def metrics(status: HomeStatus) -> bytes:
    """The status in Prometheus' text format: gauges with the labels region and source."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}{name}", text, labels, registry=registry)

    look = gauge("look_timestamp_seconds", "When the status was looked at")
    look.set(status.at.timestamp())
    disk = status.itself.values("disk")
    if disk:
        gauge("home_bytes", "Size of the home").set(disk["home_bytes"])
        gauge("disk_free_bytes", "Room left on its disk").set(disk["free_bytes"])
    gauge("problems", "Problems of the home itself").set(len(status.itself.problems))
    gauges = {
        "status": gauge("status", "Exit status: 0 well, 3 degraded, 1 no usable report", "region"),
        "problems": gauge("region_problems", "Problems of a region", "region"),
        "report": gauge("last_report_timestamp_seconds", "When it was sent", "region"),
        "run": gauge("last_good_run_timestamp_seconds", "Newest run with today's report", "region"),
        "withheld": gauge("withheld_values", "Values withheld of the newest 7 days", "region"),
    }
    sources = {
        "age_days": gauge("data_age_days", "From the newest day to that of the report due",
                          "region", "source"),
        "overdue_days": gauge("data_overdue_days", "Beyond the source's delay", "region", "source"),
    }  # fmt: skip
    for one in status.regions:
        for name, value in _values(one).items():
            gauges[name].labels(one.region).set(value)
        for check in one.checks:
            for name, known in sources.items():
                if name in check.values:
                    source = check.key.removeprefix("data ")
                    known.labels(one.region, source).set(check.values[name])
    return bytes(generate_latest(registry))


def _values(one: Standing) -> dict[str, float]:
    """The figures of a region that are known."""
    report, contract = one.values("report"), one.values("contract")
    values: dict[str, float] = {"status": STATUSES[one.state], "problems": len(one.problems)}
    for name, stamp in (("report", report.get("sent")), ("run", report.get("last_good_run"))):
        if stamp:
            values[name] = datetime.fromisoformat(stamp).timestamp()
    if "withheld" in contract:
        values["withheld"] = contract["withheld"]
    return values
