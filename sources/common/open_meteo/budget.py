"""What a request to Open-Meteo weighs, and how fast weight is spent."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from configs.remarks import remark
from sources.common.grid import GridCell, batches
from sources.common.http_messages import Request, Throttled

MINUTE = 60.0  # s

MAX_CELLS = 50
"""Cells a request. The service takes up to 1,000, but an address of a few thousand letters passes
every proxy."""

MAX_CALLS = 550.0
"""Calls a request, so that the free service's 600 a minute and 5,000 an hour are enough for it."""


def weight(cells: int, variables: int, days: int) -> float:
    """Calls that a request counts as: cells x max(1, v, v x d), v = variables / 10, d = days / 14.

    More than 10 variables or 14 days count for more than one call, fractions included; each
    ensemble member is a variable. Source: the calculator of Open-Meteo's pricing page,
    https://open-meteo.com/en/pricing.
    """
    share = variables / 10
    return cells * max(1.0, share, share * days / 14)


def cells_a_request(variables: int, days: int) -> int:
    """How many cells one request may be for."""
    return max(1, min(MAX_CELLS, int(MAX_CALLS / weight(1, variables, days))))


@dataclass
class Budget:
    """Weight that one pull may still spend, and how fast.

    The free service takes ``a_minute``, 5,000 an hour, 10,000 a day.
    """

    left: float
    a_minute: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    spent: deque[tuple[float, float]] = field(default_factory=deque)

    def affords(self, calls: float) -> bool:
        """Whether so much is left."""
        return calls <= self.left

    def spend(self, calls: float) -> None:
        """Takes ``calls`` from what is left, after waiting until a minute has room for them."""
        self._forget()
        while self.spent and sum(each for _, each in self.spent) + calls > self.a_minute:
            self.sleep(max(0.0, self.spent[0][0] + MINUTE - self.clock()))
            self._forget()
        self.spent.append((self.clock(), calls))
        self.left -= calls

    def _forget(self) -> None:
        while self.spent and self.spent[0][0] + MINUTE <= self.clock():
            self.spent.popleft()


def pay(request: Request, calls: float, budget: Budget, to_go: int = 0) -> None:
    """Spends what a request weighs.

    Raises Throttled where that is more than the pull may. ``to_go``: blocks of history that are
    still to be asked for.
    """
    if not budget.affords(calls):
        used_up = remark("answer.calls_used")
        if to_go:
            used_up = remark("answer.calls_used_to_go", n=to_go)
        raise request.unavailable(used_up, remark("cure.calls"), Throttled)
    budget.spend(calls)


def in_parts(
    ask: Callable[[Sequence[GridCell]], pd.DataFrame], cells: Sequence[GridCell]
) -> pd.DataFrame:
    """What ``ask`` brings for the cells, asked for a request's share of them at a time."""
    return pd.concat([ask(part) for part in batches(cells, MAX_CELLS)], ignore_index=True)
