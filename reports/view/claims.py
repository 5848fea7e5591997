"""What is claimed of places and days: by today's numbers, or by messages that still stand.

Grey is no all-clear: what a message says of a place and day stands until a number tells otherwise
or that day is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd

from features.hazards import hazards
from reports.view.outlook import RISING, rank, tells_more
from reports.view.slots import slot_kind

COLOURS = RISING[1:]
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Claim:
    """That places have a colour from ``first`` to ``last``.

    ``window_days``: 1 where every day of these is meant, more where it is some day among so many,
    or the length of the index window from ``first`` to ``last``. ``confirmed``: the numbers of the
    forecast that claims it give the colour; else they cannot tell, and an earlier one gave it.
    ``confirmed_on``: the day of the last forecast whose numbers gave it.
    """

    hazard: str
    colour: str
    locations: tuple[str, ...]
    first: date
    last: date
    window_days: int
    confirmed: bool
    confirmed_on: date

    @property
    def looks_back(self) -> bool:
        """Whether it is of an index whose window ends on ``last``."""
        return hazards()[self.hazard].windows_look_back

    @property
    def days(self) -> Iterator[date]:
        """The days from ``first`` to ``last``."""
        return (self.first + DAY * n for n in range((self.last - self.first).days + 1))

    def touches(self, other: Claim) -> bool:
        """Whether no day lies between the two."""
        return self.first <= other.last + DAY and other.first <= self.last + DAY

    def overlaps(self, other: Claim) -> bool:
        """Whether they have a day in common."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class ClaimCell:
    """One cell of a place: ``tells`` whether its colour, or green, is given by its numbers."""

    lead_days: int
    window_days: int
    valid: date
    colour: str
    tells: bool

    @property
    def kind(self) -> str:
        """What it speaks of, see ``Slot``."""
        return slot_kind(self.lead_days, self.window_days)

    @property
    def last(self) -> date:
        """The last day it speaks of."""
        return self.valid + DAY * (self.window_days - 1) if self.kind == "any" else self.valid

    @property
    def first(self) -> date:
        """The first day it speaks of; of an index, the first of its window."""
        return self.valid - DAY * (self.window_days - 1) if self.kind == "index" else self.valid


def claims_today(
    table: pd.DataFrame,
    earlier: pd.DataFrame | None,
    claims: Sequence[Claim],
    issued: date,
) -> tuple[Claim, ...]:
    """What holds today, each claim of one place: no place and day twice.

    ``table``: today's forecast table. ``claims``: what the messages that are out say; ``earlier``:
    the table beside them. A coloured cell whose numbers tell is claimed as confirmed. What a
    message says that today's numbers cannot tell is claimed as not confirmed, and so is a colour of
    the table that its numbers do not give. A window of several days counts where no day or shorter
    window in it has its colour.
    """
    cells = cells_by_place(table)
    stood = stands(table, earlier, claims, issued)
    sure = [
        claim
        for (hazard, place), found in cells.items()
        for claim in _of_cells(hazard, place, found, True, issued)
    ]
    before = _issue_day(earlier) or issued - DAY
    kept = [
        claim
        for (hazard, place), found in cells.items()
        for claim in _of_cells(hazard, place, found, False, before)
    ]
    said, given = _by_place(stood), _by_place(sure)
    new = [
        claim
        for claim in kept
        if not any(_knows_better(other, claim) for other in said.get(_place(claim), ()))
        and not any(_says_as_much(other, claim) for other in given.get(_place(claim), ()))
    ]
    return tuple(dict.fromkeys((*sure, *_highest((*stood, *new)))))


def stands(
    table: pd.DataFrame,
    earlier: pd.DataFrame | None,
    claims: Sequence[Claim],
    issued: date,
) -> tuple[Claim, ...]:
    """What messages that are out say that today's forecast table cannot tell, place by place.

    Not confirmed since the day of the last forecast that gave it: ``earlier``, the table that lies
    beside the messages, where its numbers do, else what the message says. Days that are over are
    left out.
    """
    to_come = [replace(claim, locations=(place,)) for claim in claims for place in claim.locations]
    to_come = [claim for claim in to_come if claim.last >= issued]
    if not to_come:
        return ()
    today, before = cells_by_place(table), cells_by_place(earlier)
    told_on = _issue_day(earlier)
    left = [
        _since(span, before.get(_place(claim), []), told_on)
        for claim in to_come
        for span in _untold(claim, today.get(_place(claim), []), issued)
    ]
    newest_first = sorted(left, key=lambda claim: claim.confirmed_on, reverse=True)
    return tuple(_highest(newest_first))


def _place(claim: Claim) -> tuple[str, str]:
    return claim.hazard, claim.locations[0]


def _by_place(claims: Iterable[Claim]) -> dict[tuple[str, str], list[Claim]]:
    at: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        at.setdefault(_place(claim), []).append(claim)
    return at


def _knows_better(stood: Claim, shown: Claim) -> bool:
    """Whether a message tells of a window what a cell that cannot tell only shows."""
    return (
        stood.window_days > 1 and stood.overlaps(shown) and rank(stood.colour) >= rank(shown.colour)
    )


def _issue_day(table: pd.DataFrame | None) -> date | None:
    return None if table is None or table.empty else pd.Timestamp(table["issued"].max()).date()


def cells_by_place(table: pd.DataFrame | None) -> Mapping[tuple[str, str], list[ClaimCell]]:
    """The cells of each hazard and place."""
    if table is None or table.empty:
        return {}
    sure = tells_more(table) & table["colour"].isin(COLOURS) | (table["colour"] == "green")
    cells: dict[tuple[str, str], list[ClaimCell]] = {}
    rows = table.assign(tells=sure)[table["level"] == 1]
    for row in rows.to_dict("records"):
        cell = ClaimCell(
            int(row["lead_days"]),
            int(row["window_days"]),
            pd.Timestamp(row["valid"]).date(),
            str(row["colour"]),
            bool(row["tells"]),
        )
        cells.setdefault((str(row["hazard"]), str(row["location"])), []).append(cell)
    return cells


def _of_cells(
    hazard: str, place: str, cells: Sequence[ClaimCell], confirmed: bool, confirmed_on: date
) -> list[Claim]:
    """What a place's coloured cells claim, of those that tell or of the others.

    Runs of days, indices, and windows.
    """

    def claim(colour: str, first: date, last: date, window: int) -> Claim:
        return Claim(hazard, colour, (place,), first, last, window, confirmed, confirmed_on)

    coloured = [cell for cell in cells if cell.tells == confirmed and rank(cell.colour) > 0]
    days = {cell.valid: cell.colour for cell in coloured if cell.kind == "day"}
    claims = [claim(days[first], first, last, 1) for first, last in _runs(days)]
    claims += [
        claim(cell.colour, cell.first, cell.last, cell.window_days)
        for cell in coloured
        if cell.kind == "index"
    ]
    windows = [cell for cell in coloured if cell.kind == "any"]
    for cell in sorted(windows, key=lambda cell: cell.window_days):
        whole = claim(cell.colour, cell.first, cell.last, cell.window_days)
        if not any(_says_as_much(other, whole) for other in claims):
            claims.append(whole)
    return claims


def _says_as_much(claim: Claim, window: Claim) -> bool:
    """Whether a claim of one place makes one of a window of days superfluous."""
    if window.looks_back or window.window_days == 1:
        return False
    inside = (
        claim.overlaps(window)
        if claim.window_days == 1
        else window.first <= claim.first and claim.last <= window.last
    )
    return inside and rank(claim.colour) >= rank(window.colour)


def _runs(days: Mapping[date, object]) -> Iterator[tuple[date, date]]:
    """First and last of each run of consecutive days with one value."""
    order = sorted(days)
    begins = [day for day in order if days.get(day - DAY) != days[day]]
    ends = [day for day in order if days.get(day + DAY) != days[day]]
    return zip(begins, ends, strict=True)


def _untold(claim: Claim, cells: Sequence[ClaimCell], issued: date) -> Iterator[Claim]:
    """What of a claim of one place its cells of today cannot tell."""
    if claim.looks_back:
        if not any(cell.tells for cell in index_cells(cells, claim.last)):
            yield claim
        return
    left = replace(claim, first=max(claim.first, issued))
    if claim.window_days > 1:
        if not _tells_of_window(left, cells):
            yield left
        return
    told = {cell.valid for cell in cells if cell.kind == "day" and cell.tells}
    for first, last in _runs({day: True for day in left.days if day not in told}):
        yield replace(claim, first=first, last=last)


def index_cells(cells: Sequence[ClaimCell], last: date) -> list[ClaimCell]:
    """The cells of the index that an earlier one, whose window ended on ``last``, has become.

    Those of the first valid day from it on, else of the last one.
    """
    valid = sorted({cell.valid for cell in cells if cell.kind == "index"})
    day = next((one for one in valid if one >= last), valid[-1] if valid else None)
    return [cell for cell in cells if cell.kind == "index" and cell.valid == day]


def _tells_of_window(claim: Claim, cells: Sequence[ClaimCell]) -> bool:
    """Whether a window as long can tell, or a day inside has the colour by its numbers."""
    sure = [cell for cell in cells if cell.tells]
    return any(
        (cell.kind == "any" and cell.window_days >= claim.window_days)
        or (
            cell.kind == "day"
            and claim.first <= cell.valid <= claim.last
            and rank(cell.colour) >= rank(claim.colour)
        )
        for cell in sure
    )


def _since(claim: Claim, before: Sequence[ClaimCell], told_on: date | None) -> Claim:
    """The claim as one not confirmed, since the day it last was."""
    if told_on and told_on > claim.confirmed_on and _gave(claim, before):
        return replace(claim, confirmed=False, confirmed_on=told_on)
    return replace(claim, confirmed=False)


def _gave(claim: Claim, cells: Sequence[ClaimCell]) -> bool:
    """Whether the numbers of a table gave the colour, or a higher one, to some day of a claim."""
    here = index_cells(cells, claim.last) if claim.looks_back else cells
    return any(
        cell.tells
        and rank(cell.colour) >= rank(claim.colour)
        and (claim.looks_back or (cell.first <= claim.last and claim.first <= cell.last))
        for cell in here
    )


def _highest(claims: Iterable[Claim]) -> list[Claim]:
    """Claims of single places without those that a higher or equal one covers.

    Of equal ones the first counts.
    """
    order = sorted(claims, key=lambda claim: (-rank(claim.colour), claim.window_days))
    kept: list[Claim] = []
    at: dict[tuple[str, str], list[Claim]] = {}
    for claim in order:
        others = at.setdefault(_place(claim), [])
        for left in _without(claim, others):
            kept.append(left)
            others.append(left)
    return sorted(kept, key=lambda claim: (claim.hazard, claim.locations, claim.first, claim.last))


def _without(claim: Claim, others: Sequence[Claim]) -> Iterator[Claim]:
    """What of a claim none of the others says already."""
    if claim.looks_back:
        same = (claim.first, claim.last)
        if all((other.first, other.last) != same for other in others):
            yield claim
    elif claim.window_days > 1:
        if not any(_says_as_much(other, claim) for other in others):
            yield claim
    else:
        said = {day for other in others if other.window_days == 1 for day in other.days}
        for first, last in _runs({day: True for day in claim.days if day not in said}):
            yield replace(claim, first=first, last=last)
