"""ERA5 as Open-Meteo's archive gives it, in blocks of years kept once they can no longer change."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from configs.remarks import remark
from sources.common.coverage import Block, published
from sources.common.gathering import log_progress
from sources.common.grid import per_location
from sources.common.http import get_json, is_kept
from sources.common.http_messages import Request, RetryPolicy
from sources.common.open_meteo.budget import Budget, pay, weight
from sources.common.open_meteo.responses import ExpectedSeries, daily_table, series_of_cells
from sources.common.series import DailySeries
from sources.open_meteo.parameters import weather_request

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Archive:
    """Where history comes from and how.

    ``url``: the endpoint; ``model``: the one pinned; ``offset``: hours of standard time; ``kept``:
    the folder of kept answers.
    """

    source: str
    url: str
    model: str
    offset: float
    kept: Path
    policy: RetryPolicy


def fetch_blocks(
    archive: Archive, blocks: Sequence[Block], columns: Sequence[DailySeries], budget: Budget
) -> pd.DataFrame:
    """The blocks' days as a Batch's observations.

    Raises SourceUnavailable when the budget ends before the blocks do; those fetched until then are
    kept.
    """
    tables = []
    for number, block in enumerate(blocks, 1):
        request = block_request(archive, block, columns)
        if not is_kept(archive.kept, request):
            pay(request, cost(block, columns), budget, len(blocks) - number + 1)
        log_progress(log, archive.source, number, len(blocks), request.what, "history")
        read = partial(_read, block=block, columns=columns, request=request, offset=archive.offset)
        tables.append(get_json(request, read, archive.policy, archive.kept, keep=block.final))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def affordable(
    archive: Archive, blocks: Iterable[Block], columns: Sequence[DailySeries], budget: Budget
) -> list[Block]:
    """The first of the blocks that the budget is enough for."""
    left, chosen = budget.left, []
    for block in blocks:
        if not is_kept(archive.kept, block_request(archive, block, columns)):
            left -= cost(block, columns)
        if left < 0:
            break
        chosen.append(block)
    return chosen


def block_request(archive: Archive, block: Block, columns: Sequence[DailySeries]) -> Request:
    """The request for a block."""
    params = {
        "daily": ",".join(column.parameter for column in columns),
        "models": archive.model,
        "start_date": block.first.isoformat(),
        "end_date": block.last.isoformat(),
    }
    what = f"{block.first} to {block.last}"
    return weather_request(archive.source, archive.url, block.cells, what, archive.offset, params)


def cost(block: Block, columns: Sequence[DailySeries]) -> float:
    """Calls that a block counts as."""
    return weight(len(block.cells), len(columns), block.days)


def _read(
    body: Any, block: Block, columns: Sequence[DailySeries], request: Request, offset: float
) -> pd.DataFrame:
    """A block's response as observations, without days at the end that are not published yet."""
    expected = ExpectedSeries(
        "daily", {column.parameter: column.unit for column in columns}, offset
    )
    variables = [column.variable for column in columns]
    tables = []
    for series in series_of_cells(body, expected, block.cells, request):
        table = daily_table(series, columns, block.first, block.last)
        if block.final and not table[variables].notna().any(axis=None):
            raise series.bad(remark("answer.no_value"))
        tables.append(per_location(published(table, variables), series.cell))
    return pd.concat(tables, ignore_index=True)
