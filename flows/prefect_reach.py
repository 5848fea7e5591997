"""Prefect's API within a command's reach, and what its threads say while they are waited for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from configs.collection import no_collection
from configs.remarks import Remark
from flows import make_prefect_home

RUNS = ("prefect.flow_runs", "prefect.task_runs")
SENDERS = ("APILogWorker", "EventsWorker")
"""Loggers of Prefect's runs, and of its threads that send their lines and events."""


@contextmanager
def within_reach() -> Iterator[tuple[Remark, ...]]:
    """Prefect's API within reach, else one started for the block; yields what is wrong with it."""
    make_prefect_home()
    with no_collection():
        import prefect.main  # noqa: F401  (sets up Prefect's logging)
    from prefect.logging.handlers import PrefectConsoleHandler
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    from flows.prefect_app import NO_UI, ONE_RUN
    from flows.servers import own_server, unanswered

    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_is_news)
    url = PREFECT_API_URL.value()
    missed = unanswered(url) if url else ""
    if url and not missed:
        yield ()
        return
    options = (NO_UI, ONE_RUN)
    with (
        own_server(4280, options, missed=missed) as api,
        temporary_settings(
            {
                PREFECT_API_URL: api.url,
                PREFECT_API_AUTH_STRING: api.login.text if api.login else None,
            }
        ),
    ):
        try:
            yield api.degraded
        finally:
            _deliver()


def _deliver() -> None:
    """Waits until the API has the run's last lines and events, which Prefect's threads send."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=30, at_exit=False)
    EventsWorker.drain_all(timeout=30, at_exit=False)


def _is_news(record: logging.LogRecord) -> bool:
    """False for what Prefect logs when a run fails, which this command tells in its own words.

    And for what its senders of lines and events say while ``_deliver`` waits for them.
    """
    failed = record.levelno >= 40 and record.name.startswith(RUNS)
    return not failed and record.name not in SENDERS
