"""Which alerts there are: one for each event, with a part for each colour, span and confirmation.

An event is a run of days and places that belong together, see ``reports.view.events``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from reports.view.claims import Claim
from reports.view.events import Event, Neighbours, events
from reports.view.outlook import rank


@dataclass(frozen=True, eq=False)
class AlertPart:
    """A part of an alert: places that have one colour on the very same days.

    ``rows``: the rows of the forecast table that give it, none where it is not confirmed.
    """

    claim: Claim
    rows: pd.DataFrame


@dataclass(frozen=True, eq=False)
class AlertEvent:
    """An event that is to be told of: its parts, the highest colour first."""

    claims: Event
    parts: tuple[AlertPart, ...]

    @property
    def hazard(self) -> str:
        """The hazard of all its parts."""
        return self.claims[0].hazard

    @property
    def colour(self) -> str:
        """Its highest colour."""
        return self.parts[0].claim.colour


def alert_events(
    table: pd.DataFrame, claims: Sequence[Claim], near: Neighbours
) -> list[AlertEvent]:
    """The events of today's claims, by hazard, the highest colour and the earliest first.

    Every place and day that is claimed is in one part of one event.
    """
    alert_events = [_alert_event(table, event) for event in events(claims, near)]
    return sorted(alert_events, key=lambda one: (one.hazard, *map(_order, one.parts)))


def _order(part: AlertPart) -> tuple[object, ...]:
    claim = part.claim
    told = claim.first, claim.last, claim.window_days, claim.locations, claim.confirmed_on
    return -rank(claim.colour), not claim.confirmed, *told


def _alert_event(table: pd.DataFrame, event: Event) -> AlertEvent:
    together: dict[Claim, list[str]] = {}
    for claim in event:
        together.setdefault(replace(claim, locations=()), []).extend(claim.locations)
    merged = [
        replace(claim, locations=tuple(sorted(set(places)))) for claim, places in together.items()
    ]
    parts = [AlertPart(claim, _rows(table, claim)) for claim in merged]
    return AlertEvent(event, tuple(sorted(parts, key=_order)))


def _rows(table: pd.DataFrame, claim: Claim) -> pd.DataFrame:
    if not claim.confirmed:
        return table.iloc[:0]
    first, last = pd.Timestamp(claim.first), pd.Timestamp(claim.last)
    here = (
        (table["hazard"] == claim.hazard)
        & table["location"].isin(claim.locations)
        & (table["window_days"] == claim.window_days)
    )
    if claim.looks_back:
        return table[here & (table["valid"] == last)]
    return table[here & table["valid"].between(first, last)]
