"""Orchestration: what Prefect is told of every flow, and what it shows of one that fails.

``risk_flow`` makes a flow. Its run ends within some hours, is refused where what started it is not
ours, and fails with one sentence. Nothing of a run is pickled.
"""

from __future__ import annotations

import importlib
import logging
import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Flow
from prefect.artifacts import create_markdown_artifact
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Failed
from pydantic import ValidationError, validate_call

from configs import CHECKOUT, Region, RiskError, Settings
from configs.disk import explained
from configs.remarks import Remark, remark
from flows.guard import require_ours
from flows.prefect_reach import RUNS
from flows.time_limit import ends_within

P = ParamSpec("P")
R = TypeVar("R")

HIDDEN = "***"
SECRET_WORDS = ("KEY", "TOKEN", "PASSWORD", "SECRET", "AUTH", "URL", "NOTIFY", "DSN")
"""Parts of the names of environment variables that may hold a password."""
SHORTEST_SECRET = 6


class RiskFlow(Flow[P, R]):
    """A flow that another process imports by its name."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return _imported, (self.fn.__module__, self.fn.__name__)


def _imported(module: str, name: str) -> object:
    return getattr(importlib.import_module(module), name)


def risk_flow(name: str, hours: float) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Makes a flow of a function whose first parameter is a region.

    Its run is named after the region, stops after ``hours`` and keeps nothing of what it returns
    or raises in Prefect's storage. An error is the message of the run's state and one line of its
    log; whoever called the flow in this process gets the error itself.
    """

    def make(function: Callable[P, R]) -> Flow[P, R]:
        @validate_call
        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
            return kwargs

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            _log_one_line_each()
            try:
                with ends_within(hours * 3600, name):
                    require_ours()
                    given = signature(function).bind(*args, **kwargs).arguments
                    right = _in_their_types(name, checked, given)
                    return cast(Callable[..., R], function)(**right)
            except Exception as error:
                return cast(R, _failed(error))

        return RiskFlow(
            run,
            name=name,
            flow_run_name=run_name,
            persist_result=False,
            validate_parameters=False,  # Prefect pickles what that raises, and loads its blocks
        )

    return make


def _in_their_types(
    name: str, checked: Callable[..., dict[str, Any]], given: dict[str, Any]
) -> dict[str, Any]:
    """The parameters of a run. Raises RiskError where one cannot be made into what it is."""
    try:
        return checked(**given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RiskError(
            f"{name}: found {first['input']!r} as its parameter {where}, expected another "
            f"({first['msg'].lower()}); mend it."
        ) from None


def run_name() -> str:
    """The name of the run under way: its flow and its region, without the path of a file."""
    given = flow_run.parameters or {}
    regions = given.get("regions") or [given.get("region", "")]
    return " ".join([str(flow_run.flow_name), *(Path(str(one)).stem for one in regions)])


def name_run(region: Region, issued: date) -> None:
    """Names the run under way after its region and issue day, once that is known."""
    if run_id := flow_run.id:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            client.update_flow_run(run_id, name=f"{flow_run.flow_name} {region.name} {issued}")


def sentence_of(error: BaseException) -> str:
    """What a run that failed says, in one line, without what the environment holds of secrets.

    An error that is not one of ours is a bug, and told with the place that raised it.
    """
    if isinstance(error, RiskError | TimeoutError):
        words = str(error)
    else:
        words = (
            f"{type(error).__name__} in {place_of(error)}: {error}; this is an error of the "
            "program, report it with the run's artifact."
        )
    return without_secrets(" ".join(words.split()))


def reason_of(error: Exception) -> Remark:
    """Why one part of a run failed while the run goes on, to be shown in its report.

    A bug is told with the run's id, and its traceback is put beside the run.
    """
    error = explained(error, Settings.from_environment().home)
    if isinstance(error, RiskError):
        return error.remark
    if isinstance(error, TimeoutError):
        return remark("run.part_hangs")
    if flow_run.id:
        _show_traceback(error)
    kind = type(error).__name__
    return remark("run.part_bug", kind=kind, place=place_of(error), run=str(flow_run.id or "-"))


def failed_hazards(failures: Mapping[str, Exception]) -> list[Remark]:
    """The messages on hazards that could not be forecast, by hazard why."""
    return [
        remark("forecast.hazard", hazard=name, reason=reason_of(error))
        for name, error in failures.items()
    ]


def place_of(error: BaseException) -> str:
    """File and line of ours that raised an error, as ``flows/daily.py:40``."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if Path(one.filename).is_relative_to(CHECKOUT)]
    ours = [one for one in ours if ".venv" not in one.filename] or list(frames)
    if not ours:
        return "an unknown place"
    path = Path(ours[-1].filename)
    shown = path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else path.name
    return f"{shown}:{ours[-1].lineno}"


def without_secrets(words: str) -> str:
    """The words, with ``***`` for each value of an environment variable that may be a secret."""
    values = {
        value
        for name, value in os.environ.items()
        if any(part in name.upper() for part in SECRET_WORDS) and len(value) >= SHORTEST_SECRET
    }
    for value in sorted(values - {os.environ.get("PREFECT_API_URL")}, key=len, reverse=True):
        words = words.replace(value, HIDDEN)
    return words


def _failed(error: Exception) -> object:
    """The state of a run that an error ended.

    A state that a flow returns is kept as it is: of one that it raises Prefect pickles the error.
    """
    error = explained(error, Settings.from_environment().home)
    sentence = sentence_of(error)
    with suppress(MissingContextError):
        get_run_logger().error(sentence)
        if not isinstance(error, RiskError):
            _show_traceback(error)
    return Failed(message=sentence, data=error)


def _show_traceback(error: Exception) -> None:
    """Puts the traceback of a bug beside the run."""
    lines = without_secrets("".join(traceback.format_exception(error)))
    fenced = "\n".join(f"    {line}" for line in lines.splitlines())
    create_markdown_artifact(key="bug", markdown=fenced, description=sentence_of(error))


class _OneLine(logging.Filter):
    """Makes one line, and one record, of what Prefect logs of a run that fails.

    A task's line is one of its run only: where it matters its flow says it too.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            record.msg, record.args = sentence_of(error), ()
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return not record.getMessage().startswith("Finished in state Failed(")


def _log_one_line_each() -> None:
    """From now on what Prefect logs of a failing task or flow is one line each."""
    for name in RUNS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _OneLine) for one in logger.filters):
            logger.addFilter(_OneLine())
