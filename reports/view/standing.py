"""Colours that stand by earlier messages, in the forecast's own cells and beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from features.hazards import hazards
from reports.text.formatting import long_date
from reports.text.language import Language
from reports.view.claims import DAY, Claim, ClaimCell, cells_by_place, index_cells
from reports.view.outlook import NamedLocation, Standing, rank


def with_standing(forecast: xr.Dataset, table: pd.DataFrame, claims: Sequence[Claim]) -> xr.Dataset:
    """The forecast with the colours that stand by earlier messages: dims as they are.

    ``table``: its rows; ``claims``: what ``stands`` gives for it. A cell whose numbers cannot tell
    has the colour that a message gave to its place and day; so every format that is made from the
    forecast says the same. A hazard, or a place of it, that the forecast does not speak of has
    cells that are not assessed.
    """
    issued = pd.Timestamp(forecast["init_time"].values[0]).date()
    painted = _standing_cells(table, claims, issued)
    if not painted:
        return forecast
    whole = _with_hazards(forecast, sorted({hazard for hazard, *_ in painted}), issued)
    colour = whole["colour"].transpose("cell", "init_time", "location").astype(object).copy()
    verdict = whole["verdict"].transpose(*_DIMS).astype(object).copy()
    places = [str(place) for place in whole["location"].values]
    cells = zip(
        *(whole[name].values for name in ("hazard", "lead_days", "window_days")), strict=True
    )
    for i, (hazard, lead, window) in enumerate(cells):
        for j, place in enumerate(places):
            name = painted.get((str(hazard), place, int(lead), int(window)))
            if name:
                colour[i, 0, j] = name
                if not any(verdict.values[i, :, 0, j]):
                    verdict[i, :, 0, j] = NOT_ASSESSED
    return whole.assign(colour=colour, verdict=verdict)


def _with_hazards(forecast: xr.Dataset, wanted: Sequence[str], issued: date) -> xr.Dataset:
    """The forecast with empty cells of the hazards that it does not speak of."""
    there = {str(name) for name in forecast["hazard"].values}
    parts = [_empty(forecast, name, issued) for name in wanted if name not in there]
    if not parts:
        return forecast
    minimal: Any = {"data_vars": "minimal", "coords": "minimal", "compat": "override"}
    return xr.concat([forecast, *parts], dim="cell", join="override", **minimal)


def _empty(forecast: xr.Dataset, name: str, issued: date) -> xr.Dataset:
    """The cells of a hazard without a number: other dims and variables as in the forecast."""
    cells = declared_cells(name, issued)
    part = forecast.isel(cell=[0] * len(cells))
    blank = {
        key: variable.copy(data=np.full(variable.shape, _NOTHING[variable.dtype.kind]))
        for key, variable in part.variables.items()
        if "cell" in variable.dims and variable.dtype.kind in _NOTHING
    }
    valid = np.array([cell.valid for cell in cells], dtype="datetime64[ns]")
    return part.assign({key: blank[key] for key in part.data_vars if key in blank}).assign_coords(
        {key: blank[key] for key in part.coords if key in blank}
        | {
            "hazard": ("cell", np.full(len(cells), name, dtype=object)),
            "lead_days": ("cell", [cell.lead_days for cell in cells]),
            "window_days": ("cell", [cell.window_days for cell in cells]),
            "valid_time": (("cell", "init_time"), valid[:, None]),
        }
    )


_DIMS = ("cell", "level", "init_time", "location")
_NOTHING: Mapping[str, Any] = {
    "f": np.nan,
    "M": np.datetime64("NaT", "ns"),
    "O": np.array("", dtype=object),
    "U": "",
}
"""What an empty cell holds, by the kind of numpy's type."""
NOT_ASSESSED = "not assessed"


def _standing_cells(
    table: pd.DataFrame, claims: Sequence[Claim], issued: date
) -> dict[tuple[str, str, int, int], str]:
    """Hazard, place, lead and window -> the colour that stands there and is not in the table."""
    cells, painted = cells_by_place(table), {}
    for claim in sorted(claims, key=lambda one: rank(one.colour)):
        for place in claim.locations:
            here = _with_declared(cells.get((claim.hazard, place), []), claim, issued)
            for cell in _cells_of(claim, here):
                at = claim.hazard, place, cell.lead_days, cell.window_days
                if not cell.tells and rank(cell.colour) < rank(claim.colour):
                    painted[at] = claim.colour
    return painted


def _with_declared(cells: list[ClaimCell], claim: Claim, issued: date) -> list[ClaimCell]:
    """A place's cells, and those of days that its hazard declares and the table does not have.

    An index has one of its windows for a lead; where there is none at all, the one of the claim.
    """
    declared = declared_cells(claim.hazard, issued)
    if claim.looks_back:
        return cells or [cell for cell in declared if cell.window_days == claim.window_days]
    there = {(cell.lead_days, cell.window_days) for cell in cells}
    return cells + [
        cell
        for cell in declared
        if cell.kind == "day" and (cell.lead_days, cell.window_days) not in there
    ]


def declared_cells(hazard: str, issued: date) -> list[ClaimCell]:
    """The cells that a hazard declares, without numbers."""
    return [
        ClaimCell(cell.lead_days, cell.window_days, issued + DAY * cell.lead_days, "", False)
        for cell in hazards()[hazard].cells
    ]


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
    claims: Sequence[Claim], locations: Mapping[str, NamedLocation], issued: date
) -> dict[str, tuple[Standing, ...]]:
    """What stands by earlier messages alone, by hazard.

    Since when it is not confirmed is known of messages of before the issue day.
    """
    standing: dict[str, list[Standing]] = {}
    for claim in claims:
        for location in claim.locations:
            known = locations.get(location) or NamedLocation(location, location, None)
            since = claim.confirmed_on if claim.confirmed_on < issued else None
            standing.setdefault(claim.hazard, []).append(
                Standing(known, claim.colour, claim.last, claim.first, since)
            )

    def order(row: Standing) -> tuple[Any, ...]:
        return row.location.id, rank(row.colour), row.last

    return {hazard: tuple(sorted(rows, key=order)) for hazard, rows in standing.items()}


def not_confirmed(since: date | None, lang: Language) -> str:
    """Of a colour that stands: since which day no number confirms it; None: that is not known."""
    if since is None:
        return lang.say("not confirmed today")
    return lang.say("not confirmed since {day}", day=long_date(since, lang, year=False))
