"""Why weather forecasts are silent: reasons as data, and the one place where they become sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Value = str | int

WORDS = {
    "never": "there is no value",
    "no_longer": "there is no value in the last {n} runs",
    "constant": "they never change",
    "unit": "they seem to be in {unit}",
    "too_far": "they are too far from what is observed, in another unit it seems",
    "far_more": "they are far more than what is observed, in another unit it seems",
    "far_less": "they are far less than what is observed, in another unit it seems",
    "day_before": "they tell of the day before better than of their own",
    "day_after": "they tell of the day after better than of their own",
    "few_days": "there are {n} days of them with observations since {day}, {least} are needed",
    "thin_season": "there are {n} days of them with observations near this time of year, {least} "
    "are needed",
    "new_model": "the forecast model changed on {day} and there are {n} days of the new one with "
    "observations, {least} are needed",
}
"""What each reason says, in words that end a sentence."""

PASSING = frozenset({"few_days", "thin_season", "new_model"})
"""Reasons that the coming weeks may cure by themselves."""


@dataclass(frozen=True)
class Reason:
    """Why forecasts are left out: a key of WORDS, and the {names} in its words.

    ``n``: days there are; ``least``: days needed; ``day``: since when, an ISO date.
    """

    key: str
    values: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        return WORDS[self.key].format(**dict(self.values))


@dataclass(frozen=True)
class Fault:
    """A column of forecasts that is left out: variable, horizon (days), place, and why."""

    variable: str
    horizon: int
    location: str
    reason: Reason


def because(key: str, **values: Value) -> Reason:
    """A reason by its key and values."""
    return Reason(key, tuple(values.items()))


def passing(left_out: Iterable[Fault]) -> bool:
    """Whether any of it may speak again in the coming weeks."""
    return any(fault.reason.key in PASSING for fault in left_out)


def sentences(left_out: Iterable[Fault]) -> list[str]:
    """A sentence for each variable and reason; numbers of days as a range over leads and places."""
    together: dict[tuple[str, str, Value], list[Fault]] = {}
    for fault in left_out:
        apart = dict(fault.reason.values).get("unit", "")
        together.setdefault((fault.variable, fault.reason.key, apart), []).append(fault)
    return [_sentence(group) for group in together.values()]


def _sentence(group: list[Fault]) -> str:
    leads = sorted({fault.horizon for fault in group})
    places = sorted({fault.location for fault in group})
    days = f"lead {leads[0]}" if len(leads) == 1 else f"leads {', '.join(map(str, leads))}"
    where = f"at {', '.join(places)}" if len(places) <= 3 else f"at {len(places)} places"
    what = group[0].variable.replace("_", " ")
    return (
        f"Forecasts of {what}, {days}, {where}, are left out: "
        f"{_together([fault.reason for fault in group])}."
    )


def _together(reasons: list[Reason]) -> Reason:
    """Reasons of one key as one: from the fewest to the most days, since the earliest day."""
    values = [dict(reason.values) for reason in reasons]
    made = dict(values[0])
    if "n" in made:
        counts = sorted(int(each["n"]) for each in values)
        made["n"] = counts[0] if counts[0] == counts[-1] else f"{counts[0]}-{counts[-1]}"
    if "day" in made:
        made["day"] = min(str(each["day"]) for each in values)
    return Reason(reasons[0].key, tuple(made.items()))
