"""ERA5 as Open-Meteo's archive gives it: what is missing, in blocks of years that are kept once they can no longer change."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from sources.http import Manners, Question, get_json, is_kept
from sources.open_meteo.cells import Budget, Cell, batches, pay, together, weight
from sources.open_meteo.reply import Column, ask_for, daily_table, per_place, sections

YEARS = 5  # of a block; blocks end at calendar dates, so that they are the same on every day
SETTLED = (
    100  # days; ERA5's preliminary values are replaced by final ones after two to three months
)

Days = tuple[date, date]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Archive:
    """Where history comes from and how: the endpoint, the one model pinned, hours of standard time, the folder of kept answers."""

    source: str
    url: str
    model: str
    offset: int
    kept: Path
    manners: Manners


@dataclass(frozen=True)
class Block:
    """Days of some cells that one request brings. ``final``: none of them will change, so that the answer may be kept."""

    cells: tuple[Cell, ...]
    first: date
    last: date
    final: bool

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def blocks(
    cells: Sequence[Cell],
    held: Mapping[str, Days],
    start: date,
    end: date,
    settled: date,
    variables: int,
) -> Iterator[Block]:
    """What is missing between ``start`` and ``end``, the oldest first, in requests for so many ``variables``.

    ``held``: a place's first and last day at hand, if it has any. ``settled``: the last day whose values are final.
    """
    windows: dict[Days, list[Cell]] = {}
    for cell in cells:
        for window in missing(cell, held, start, end):
            windows.setdefault(window, []).append(cell)
    for (first, last), group in sorted(windows.items()):
        for begin, until in spans(first, last, settled):
            for part in batches(group, together(variables, (until - begin).days + 1)):
                yield Block(tuple(part), begin, until, until <= settled)


def missing(cell: Cell, held: Mapping[str, Days], start: date, end: date) -> list[Days]:
    """The days that some place of a cell lacks: before its first, after its last, or all."""
    known = [held[place] for place in cell.places if place in held]
    if len(known) < len(cell.places):
        return [(start, end)]
    first, last = max(days[0] for days in known), min(days[1] for days in known)
    around = [(start, first - timedelta(days=1)), (last + timedelta(days=1), end)]
    return [(begin, until) for begin, until in around if begin <= until]


def spans(first: date, end: date, settled: date) -> Iterator[Days]:
    """The days from ``first`` to ``end`` in the longest stretches that are final: of five years, then quarters, then what is not."""
    while first <= end:
        years = date(first.year - first.year % YEARS + YEARS, 1, 1) - timedelta(days=1)
        quarter = (
            date(first.year, first.month - (first.month - 1) % 3, 28) + timedelta(days=66)
        ).replace(day=1) - timedelta(days=1)
        last = min(end, next((each for each in (years, quarter) if each <= settled), end))
        yield first, last
        first = last + timedelta(days=1)


def fetch_blocks(
    archive: Archive, wanted: Sequence[Block], columns: Sequence[Column], budget: Budget
) -> pd.DataFrame:
    """The blocks' days as a Batch's observations.

    Raises SourceUnavailable when the budget ends before the blocks do; those fetched until then are kept.
    """
    tables = []
    for number, block in enumerate(wanted, 1):
        question = question_of(archive, block, columns)
        if not is_kept(archive.kept, question):
            pay(
                question,
                cost(block, columns),
                budget,
                f" with {len(wanted) - number + 1} blocks of history to go",
            )
        log.info(
            "%s: history %d of %d, %s",
            archive.source,
            number,
            len(wanted),
            question.what,
            extra={"done": number, "of": len(wanted)},
        )
        tables.append(_fetch(archive, question, block, columns))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def question_of(archive: Archive, block: Block, columns: Sequence[Column]) -> Question:
    """The request for a block."""
    params = {
        "daily": ",".join(column.parameter for column in columns),
        "models": archive.model,
        "start_date": block.first.isoformat(),
        "end_date": block.last.isoformat(),
    }
    return ask_for(
        archive.source,
        archive.url,
        block.cells,
        f"{block.first} to {block.last}",
        archive.offset,
        params,
    )


def cost(block: Block, columns: Sequence[Column]) -> float:
    """Calls that a block counts as."""
    return weight(len(block.cells), len(columns), block.days)


def _fetch(
    archive: Archive, question: Question, block: Block, columns: Sequence[Column]
) -> pd.DataFrame:
    read = partial(_read, block=block, columns=columns, question=question, offset=archive.offset)
    return get_json(question, read, archive.manners, archive.kept, keep=block.final)


def _read(
    body: Any, block: Block, columns: Sequence[Column], question: Question, offset: int
) -> pd.DataFrame:
    """A block's reply as observations. Days at the end without any value are not published yet and are left out."""
    units = {column.parameter: column.unit for column in columns}
    tables = []
    for section in sections(body, "daily", units, block.cells, question, offset):
        table = daily_table(section, columns, block.first, block.last)
        measured = table.drop(columns="time").notna().any(axis=1)
        if block.final and not measured.any():
            raise section.refuse("no value at all")
        tables.append(per_place(table[measured[::-1].cummax()[::-1]], section.cell))
    return pd.concat(tables, ignore_index=True)
