"""Which alerts there are: decided from the forecast, and from the messages that are still out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import pandas as pd

from features.hazards import hazards
from reports.view.outlook import rank, tells_more
from reports.view.standing import Claim


@dataclass(frozen=True)
class AlertPart:
    """A part of a hazard's alert.

    One colour, its locations, its rows of the forecast table, and when.

    ``first`` and ``last`` are the days it holds. ``window_days``: 1, or of how many days it is one
    of. ``confirmed``: today's numbers give the colour; else an earlier message did, and it stands.
    """

    hazard: str
    colour: str
    locations: tuple[str, ...]
    rows: pd.DataFrame
    first: date
    last: date
    window_days: int
    confirmed: bool


def alert_parts(
    table: pd.DataFrame, issued: date, claims: Sequence[Claim]
) -> dict[str, list[AlertPart]]:
    """Each hazard's parts, the highest colour first: what the table says and what claims go on."""
    parts = [_stands(claim, table.iloc[:0], issued) for claim in claims]
    coloured = table.assign(confirmed=tells_more(table), rank=table["colour"].map(rank))
    for hazard, rows in coloured[coloured["rank"] > 0].groupby("hazard", sort=True):
        parts += _of_table(str(hazard), rows, issued)
    order = sorted(
        parts,
        key=lambda part: (
            part.hazard,
            -rank(part.colour),
            not part.confirmed,
            part.first,
            part.last,
            part.locations,
        ),
    )
    return {
        hazard: list(grouped_parts)
        for hazard, grouped_parts in groupby(order, lambda part: part.hazard)
    }


def _of_table(hazard: str, rows: pd.DataFrame, issued: date) -> list[AlertPart]:
    """The parts of a hazard's coloured rows.

    A location is in the part of its highest colour, and, where other days have that colour or a
    still higher one without being confirmed, in a part of those too. Single days count on
    when; windows of several days only where no single day of the location has the colour.
    """
    location = rows["location"]
    sure = rows["rank"].where(rows["confirmed"], 0).groupby(location).transform("max")
    kept = rows["rank"].where(~rows["confirmed"], 0).groupby(location).transform("max")
    parts = []
    for confirmed, best in ((True, sure), (False, kept.where(kept >= sure, 0))):
        shown = rows[(rows["rank"] == best) & (rows["confirmed"] == confirmed)]
        alone = (shown["window_days"] == 1).groupby(shown["location"]).transform("any")
        for (colour, single), some in shown.groupby([shown["colour"], alone]):
            parts.append(_part(hazard, str(colour), some, issued, bool(single), confirmed))
    return parts


def _part(
    hazard: str, colour: str, rows: pd.DataFrame, issued: date, single: bool, confirmed: bool
) -> AlertPart:
    locations, window = tuple(sorted(set(rows["location"]))), 1
    days = rows[rows["window_days"] == 1] if single else rows
    first, last = days["valid"].min().date(), days["valid"].max().date()
    if hazards()[hazard].windows_look_back:
        first = issued
    elif not single:
        window = int(rows["window_days"].min())
        last = first + timedelta(days=window - 1)
    return AlertPart(hazard, colour, locations, rows, first, last, window, confirmed)


def _stands(claim: Claim, nothing: pd.DataFrame, issued: date) -> AlertPart:
    """A claim that goes on, from today on.

    An index keeps its first day, which tells how far ahead.
    """
    looks_back = hazards()[claim.hazard].windows_look_back
    first = claim.first if looks_back else max(claim.first, issued)
    return AlertPart(
        claim.hazard,
        claim.colour,
        claim.locations,
        nothing,
        first,
        claim.last,
        claim.window_days,
        False,
    )
