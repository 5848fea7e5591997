"""Open-Meteo's manners: which grid cells are asked for, what a request weighs, and how fast weight is spent."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pandas as pd

from configs import ConfigError, Location, Region
from sources.http import Closed, Question

CELL = 0.25  # degrees, ERA5's grid
MINUTE = 60.0  # s
TOGETHER = 50  # cells a request; the service takes up to 1,000, but an address of a few thousand letters passes every proxy
HEAVIEST = 550.0  # calls a request, so that the free service's 600 a minute and 5,000 an hour are enough for it
T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Cell:
    """A cell of a regular grid by its centre, degrees north and east, and the ids of the places in it."""

    latitude: float
    longitude: float
    places: tuple[str, ...] = ()


def cells_of(region: Region, size: float = CELL) -> list[Cell]:
    """The region's places by the cell of ``size`` degrees they lie in: places of one cell are fetched once.

    Raises ConfigError for a region without places or a place without coordinates.
    """
    if not region.locations:
        raise ConfigError(
            f"region file {region.path}: locations: found none, Open-Meteo needs at least one place; add it."
        )
    inside: dict[tuple[float, float], list[str]] = {}
    for place in region.locations:
        latitude, longitude = position(region, place)
        inside.setdefault((_centre(latitude, size), _centre(longitude, size)), []).append(place.id)
    return [Cell(*centre, tuple(places)) for centre, places in sorted(inside.items())]


def position(region: Region, place: Location) -> tuple[float, float]:
    """Degrees north and east of a place. Raises ConfigError where the region file has none."""
    if place.latitude is None or place.longitude is None:
        raise ConfigError(
            f"region file {region.path}: locations: {place.id!r} has no latitude or longitude, which it needs here; add them."
        )
    return place.latitude, place.longitude


def lacking(cells: Sequence[Cell], places: Collection[str]) -> list[Cell]:
    """The cells with those of their places that are not among ``places``; a cell that has none left is left out."""
    left = [
        replace(cell, places=tuple(place for place in cell.places if place not in places))
        for cell in cells
    ]
    return [cell for cell in left if cell.places]


def _centre(degrees: float, size: float) -> float:
    return round(round(degrees / size) * size, 6)


def named(places: Sequence[str]) -> str:
    """Places for a message: all of a few, else how many more there are."""
    return (
        ", ".join(places)
        if len(places) <= 3
        else f"{', '.join(places[:2])} and {len(places) - 2} more"
    )


def weight(places: int, variables: int, days: int) -> float:
    """Calls that a request counts as: places x max(1, v, v x d), v = variables / 10 and d = days / 14.

    More than 10 variables or 14 days count for more than one call, fractions included; each ensemble member is a variable.
    Source: the calculator of Open-Meteo's pricing page, https://open-meteo.com/en/pricing.
    """
    share = variables / 10
    return places * max(1.0, share, share * days / 14)


def together(variables: int, days: int) -> int:
    """How many cells one request may be for."""
    return max(1, min(TOGETHER, int(HEAVIEST / weight(1, variables, days))))


@dataclass
class Budget:
    """Weight that one pull may still spend, and how fast: the free service takes ``a_minute``, 5,000 an hour, 10,000 a day."""

    left: float
    a_minute: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    spent: deque[tuple[float, float]] = field(default_factory=deque)

    def affords(self, calls: float) -> bool:
        return calls <= self.left

    def spend(self, calls: float) -> None:
        """Take ``calls`` from what is left, after waiting until a minute has room for them."""
        self._forget()
        while self.spent and sum(each for _, each in self.spent) + calls > self.a_minute:
            self.sleep(max(0.0, self.spent[0][0] + MINUTE - self.clock()))
            self._forget()
        self.spent.append((self.clock(), calls))
        self.left -= calls

    def _forget(self) -> None:
        while self.spent and self.spent[0][0] + MINUTE <= self.clock():
            self.spent.popleft()


def pay(question: Question, calls: float, budget: Budget, left: str = "") -> None:
    """Spend what a question weighs. Raises Closed where that is more than the pull may; ``left`` tells what is still to be asked."""
    if not budget.affords(calls):
        raise question.unavailable(
            f"that this pull's weighted calls are used up{left}",
            "what was fetched is kept; run it again tomorrow, or raise `calls` under source_options if your plan allows it",
            Closed,
        )
    budget.spend(calls)


def in_parts(ask: Callable[[Sequence[Cell]], pd.DataFrame], cells: Sequence[Cell]) -> pd.DataFrame:
    """What ``ask`` brings for the cells, asked for a request's share of them at a time."""
    return pd.concat([ask(part) for part in batches(cells, TOGETHER)], ignore_index=True)


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, ``size`` at a time."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
