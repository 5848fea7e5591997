"""The alerts that are out and still stand, and what of them today's forecast cannot tell.

Grey is no all-clear: what a message says of a location stands until a number tells otherwise or its
last day is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from features.hazards import hazards
from reports.view.outlook import RISING, NamedLocation, Standing, rank, tells_more

COLOURS = RISING[1:]


@dataclass(frozen=True)
class Claim:
    """What a message says: that locations have a colour from ``first`` to ``last``.

    ``window_days``: 1 where it speaks of single days, more where of some day among so many.
    """

    hazard: str
    colour: str
    locations: tuple[str, ...]
    first: date
    last: date
    window_days: int


def still_claimed(
    table: pd.DataFrame,
    earlier: pd.DataFrame | None,
    claims: Sequence[Claim],
    issued: date,
) -> tuple[Claim, ...]:
    """What messages that are out say that today's forecast table cannot tell.

    ``earlier``: the forecast table that lies beside the messages. Each claim with those of its
    locations that have no such colour in the table, nor numbers there
    that could take it back. Claims whose last day is over are left out.
    """
    claims = _to_come(claims, issued)
    today, before = _cells(table, claims), _cells(earlier, claims)

    def stands(claim: Claim, location: str) -> bool:
        at = claim.hazard, location
        return not (
            _has(claim.colour, today.get(at))
            or _told(claim, today.get(at), issued)
            or _over(claim, before.get(at), issued)
        )

    return _narrowed(claims, stands)


def taken_back(table: pd.DataFrame, claims: Sequence[Claim], issued: date) -> tuple[Claim, ...]:
    """What messages that are out say of locations that the numbers put below yellow."""
    claims = _to_come(claims, issued)
    today = _cells(table, claims)

    def below(claim: Claim, location: str) -> bool:
        cells = today.get((claim.hazard, location))
        return _told(claim, cells, issued) and not _has("yellow", cells)

    return _narrowed(claims, below)


def _to_come(claims: Sequence[Claim], issued: date) -> list[Claim]:
    """The claims whose last day is not over."""
    return [claim for claim in claims if claim.last >= issued]


def _narrowed(claims: Sequence[Claim], wanted: Callable[[Claim, str], bool]) -> tuple[Claim, ...]:
    """Each claim with the locations that are wanted; without those where none is."""
    narrowed = [
        replace(
            claim,
            locations=tuple(location for location in claim.locations if wanted(claim, location)),
        )
        for claim in claims
    ]
    return tuple(dict.fromkeys(claim for claim in narrowed if claim.locations))


def _cells(
    table: pd.DataFrame | None, claims: Sequence[Claim]
) -> Mapping[tuple[str, str], pd.DataFrame]:
    """A row for each cell of the hazards and locations of claims, by hazard and location.

    ``tells``: its colour is one that numbers give.
    """
    if table is None or table.empty or not claims:
        return {}
    claimed = {location for claim in claims for location in claim.locations}
    cells = table[table["location"].isin(claimed)]
    sure = tells_more(cells) & cells["colour"].isin(COLOURS)
    cells = cells.assign(tells=sure | (cells["colour"] == "green"))
    cells = cells[cells["level"] == 1]
    return {
        (str(hazard), str(location)): rows
        for (hazard, location), rows in cells.groupby(["hazard", "location"])
    }


def _has(colour: str, cells: pd.DataFrame | None) -> bool:
    """Whether a location has the colour, or a higher one, on any day."""
    return cells is not None and max(map(rank, cells["colour"])) >= rank(colour)


def _told(claim: Claim, cells: pd.DataFrame | None, issued: date) -> bool:
    """Whether a location's numbers tell of all that is claimed of the days to come."""
    if cells is None:
        return False
    if hazards()[claim.hazard].windows_look_back:
        near = cells.loc[cells["lead_days"] <= (claim.last - claim.first).days, "tells"]
        return bool(len(near)) and bool(near.all())
    telling = cells[cells["tells"]]
    if claim.window_days > 1:
        whole = (telling["lead_days"] == 0) & (telling["window_days"] >= claim.window_days)
        return bool(whole.any())
    return set(_days_left(claim, issued)) <= set(_single_days(telling))


def _over(claim: Claim, cells: pd.DataFrame | None, issued: date) -> bool:
    """Whether the table beside the message gave a location the colour on days that are all over.

    A message tells one first and last day for all its locations; the table tells the days of each.
    """
    if cells is None or claim.window_days > 1 or hazards()[claim.hazard].windows_look_back:
        return False
    given = set(_single_days(cells[cells["colour"].map(rank) >= rank(claim.colour)]))
    return bool(given) and not given & set(_days_left(claim, issued))


def _days_left(claim: Claim, issued: date) -> list[pd.Timestamp]:
    return list(pd.date_range(max(claim.first, issued), claim.last))


def _single_days(cells: pd.DataFrame) -> Iterable[pd.Timestamp]:
    return cells.loc[cells["window_days"] == 1, "valid"]


def standing_colours(
    claims: Sequence[Claim], locations: Mapping[str, NamedLocation]
) -> dict[str, tuple[Standing, ...]]:
    """What stands by earlier messages alone, by hazard."""
    standing: dict[str, list[Standing]] = {}
    for claim in claims:
        for location in claim.locations:
            known = locations.get(location) or NamedLocation(location, location, None)
            standing.setdefault(claim.hazard, []).append(Standing(known, claim.colour, claim.last))
    return {
        hazard: tuple(sorted(rows, key=lambda row: (row.location.id, rank(row.colour), row.last)))
        for hazard, rows in standing.items()
    }
