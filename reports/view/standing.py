"""Colours that stand by earlier messages, in the forecast's own cells and beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
import xarray as xr

from reports.text.formatting import long_date
from reports.text.language import Language
from reports.view.claims import Claim, ClaimCell, cells_by_place, index_cells
from reports.view.outlook import NamedLocation, Standing, rank


def with_standing(forecast: xr.Dataset, table: pd.DataFrame, claims: Sequence[Claim]) -> xr.Dataset:
    """The forecast with the colours that stand by earlier messages: dims as they are.

    ``table``: its rows; ``claims``: what ``stands`` gives for it. A cell whose numbers cannot tell
    has the colour that a message gave to its place and day; so every format that is made from the
    forecast says the same.
    """
    painted = _standing_cells(table, claims)
    if not painted:
        return forecast
    colour = forecast["colour"].transpose("cell", "init_time", "location").astype(object).copy()
    places = [str(place) for place in forecast["location"].values]
    leads, windows = forecast["lead_days"].values, forecast["window_days"].values
    for i, hazard in enumerate(forecast["hazard"].values):
        for j, place in enumerate(places):
            name = painted.get((str(hazard), place, int(leads[i]), int(windows[i])))
            if name:
                colour[i, 0, j] = name
    return forecast.assign(colour=colour)


def _standing_cells(
    table: pd.DataFrame, claims: Sequence[Claim]
) -> dict[tuple[str, str, int, int], str]:
    """Hazard, place, lead and window -> the colour that stands there and is not in the table."""
    cells, painted = cells_by_place(table), {}
    for claim in sorted(claims, key=lambda one: rank(one.colour)):
        for place in claim.locations:
            for cell in _cells_of(claim, cells.get((claim.hazard, place), [])):
                at = claim.hazard, place, cell.lead_days, cell.window_days
                if not cell.tells and rank(cell.colour) < rank(claim.colour):
                    painted[at] = claim.colour
    return painted


def _cells_of(claim: Claim, cells: Sequence[ClaimCell]) -> list[ClaimCell]:
    """The cells that show a claim: those of its days, or of the index that it has become.

    A claim of some day among several is shown by each of these days that cannot be told, or by the
    shortest window that holds them all.
    """
    if claim.looks_back:
        return index_cells(cells, claim.last)
    days = [
        cell for cell in cells if cell.kind == "day" and claim.first <= cell.valid <= claim.last
    ]
    silent = [cell for cell in days if not cell.tells]
    if claim.window_days == 1 or silent:
        return silent
    longer = [cell for cell in cells if cell.kind == "any" and cell.last >= claim.last]
    return sorted(longer, key=lambda cell: cell.window_days)[:1]


def standing_colours(
    claims: Sequence[Claim], locations: Mapping[str, NamedLocation]
) -> dict[str, tuple[Standing, ...]]:
    """What stands by earlier messages alone, by hazard."""
    standing: dict[str, list[Standing]] = {}
    for claim in claims:
        for location in claim.locations:
            known = locations.get(location) or NamedLocation(location, location, None)
            standing.setdefault(claim.hazard, []).append(
                Standing(known, claim.colour, claim.last, claim.first, claim.confirmed_on)
            )

    def order(row: Standing) -> tuple[Any, ...]:
        return row.location.id, rank(row.colour), row.last

    return {hazard: tuple(sorted(rows, key=order)) for hazard, rows in standing.items()}


def not_confirmed(since: date | None, lang: Language) -> str:
    """Of a colour that stands: since which day no number confirms it; None: that is not known."""
    if since is None:
        return lang.say("not confirmed today")
    return lang.say("not confirmed since {day}", day=long_date(since, lang, year=False))
