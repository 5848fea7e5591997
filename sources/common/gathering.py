"""Asking a service for several things, of which one may fail."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

import pandas as pd

from configs.remarks import Remark
from data_contracts.batch import SourceUnavailable
from sources.common.http_messages import BadResponse, Throttled

MAX_DOWN_IN_A_ROW = 2  # failed asks, each already tried several times
log = logging.getLogger(__name__)

Part = TypeVar("Part")


def gather(
    asks: Mapping[str, Callable[[], list[Part]]], remarks: list[Remark], source: str
) -> list[Part]:
    """What each of ``asks``, by what is asked for, gives.

    One that fails goes to ``remarks``, as the others may still be had. Raises SourceUnavailable
    when none succeeds, when one is Throttled, or when two in a row are down, since then the service
    is.
    """
    parts, errors, down, answered = list[Part](), list[SourceUnavailable](), 0, False
    for number, (what, ask) in enumerate(asks.items(), 1):
        log_progress(log, source, number, len(asks), what)
        try:
            parts += ask()
            down, answered = 0, True
        except SourceUnavailable as error:
            errors.append(error)
            down = _down_in_a_row(error, down)
        if down >= MAX_DOWN_IN_A_ROW:
            break
    if errors and (not answered or down >= MAX_DOWN_IN_A_ROW):
        raise errors[0] if not answered else errors[-1]
    remarks += [error.remark for error in errors]
    return parts


def _down_in_a_row(error: SourceUnavailable, before: int) -> int:
    if isinstance(error, BadResponse):
        return 0
    return MAX_DOWN_IN_A_ROW if isinstance(error, Throttled) else before + 1


def log_progress(
    logger: logging.Logger, source: str, number: int, count: int, what: str, kind: str = ""
) -> None:
    """Logs that the ``number``-th of ``count`` things, of a ``kind``, is asked for."""
    progress = {"done": number, "of": count}
    which = f"{kind} {number}" if kind else str(number)
    logger.info("%s: %s of %d, %s", source, which, count, what, extra=progress)


def or_nothing(ask: Callable[[], pd.DataFrame], remarks: list[Remark]) -> pd.DataFrame:
    """What ``ask`` brings. What cannot be had now is remarked, and is not made up later."""
    try:
        return ask()
    except SourceUnavailable as error:
        remarks.append(error.remark)
        return pd.DataFrame()


def no_days() -> pd.DataFrame:
    """A Batch's observations of no day."""
    return pd.DataFrame(
        {"time": pd.Series(dtype="datetime64[ns]"), "location": pd.Series(dtype="str")}
    )


def joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The tables that have rows, one below the other; an empty table where none has."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
