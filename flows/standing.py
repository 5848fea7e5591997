"""How a home stands: what was looked at, what is wrong, and what to make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from configs import RiskError

State = Literal["ok", "degraded", "failed"]
STATUSES: Mapping[State, int] = {"ok": 0, "degraded": 3, "failed": 1}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    ``key``: its own among those of a region, the same at every time. ``state``: ok; degraded,
    somebody should look; failed, there is no usable report. ``values``: its figures, JSON-able.
    """

    key: str
    sentence: str
    state: State = "ok"
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """How one region stands, or the home itself, whose ``region`` is ""."""

    region: str
    title: str
    checks: tuple[Check, ...]

    @property
    def state(self) -> State:
        """The worst of its checks."""
        states = [check.state for check in self.checks]
        return "failed" if "failed" in states else "degraded" if "degraded" in states else "ok"

    @property
    def problems(self) -> dict[str, Check]:
        """Checks that are not ok, by a key that is their own in the home."""
        prefix = self.region or "home"
        return {f"{prefix}.{one.key}": one for one in self.checks if one.state != "ok"}

    def values(self, key: str) -> Mapping[str, Any]:
        """The figures of a check; none where it was not made."""
        return next((check.values for check in self.checks if check.key == key), {})


@dataclass(frozen=True)
class HomeStatus:
    """How a home stands at a time (UTC)."""

    home: Path
    at: datetime
    itself: Standing
    regions: tuple[Standing, ...]

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Its regions, and itself."""
        return (*self.regions, self.itself)

    @property
    def problems(self) -> dict[str, Check]:
        """All that is not ok, by key."""
        return {key: one for each in self.standings for key, one in each.problems.items()}

    @property
    def status(self) -> int:
        """Exit status: 0 all well; 3 degraded; 1 no usable report of today, or nothing here."""
        if not self.regions or any(each.state == "failed" for each in self.regions):
            return 1
        return 3 if self.problems else 0

    @property
    def verdict(self) -> str:
        """One line: what to make of it."""
        if not self.regions:
            return "Nothing has run here yet; climate-risk daily REGION begins."
        bad = [each.region for each in self.regions if each.state == "failed"]
        if bad:
            return f"No usable report of today: {', '.join(bad)}. Problems: {len(self.problems)}."
        if self.problems:
            where = list(dict.fromkeys(key.split(".")[0] for key in self.problems))
            return f"Degraded: {', '.join(where)}. Problems: {len(self.problems)}."
        return "All is well."


def made(key: str, check: Callable[[], Iterator[Check]], state: State = "degraded") -> list[Check]:
    """The checks of a function; where it cannot read something, one that says so."""
    try:
        return list(check())
    except (RiskError, OSError, ValueError, KeyError, TypeError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        return [Check(key, f"cannot be read: {why}", state)]
