"""Why weather forecasts are not used: reasons as data, and the one place that words them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Value = str | int

REASON_TEXTS = {
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
"""The text of each reason. It ends a sentence."""

TEMPORARY = frozenset({"few_days", "thin_season", "new_model"})
"""Reasons that more days of data can remove."""


@dataclass(frozen=True)
class Reason:
    """Why forecasts are not used: a key of REASON_TEXTS and the values of its text.

    ``n``: days there are; ``least``: days needed; ``day``: since when, an ISO date.
    """

    key: str
    values: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        """The text, which ends a sentence."""
        return REASON_TEXTS[self.key].format(**dict(self.values))


@dataclass(frozen=True)
class QualityFlag:
    """Forecasts that are not used: variable, horizon (days), location, and the reason."""

    variable: str
    horizon: int
    location: str
    reason: Reason


def reason_of(key: str, **values: Value) -> Reason:
    """A reason from its key and values."""
    return Reason(key, tuple(values.items()))


def any_temporary(flags: Iterable[QualityFlag]) -> bool:
    """Whether more days of data can remove any of the flags."""
    return any(flag.reason.key in TEMPORARY for flag in flags)


def describe_flags(flags: Iterable[QualityFlag]) -> list[str]:
    """One sentence for each variable and reason; numbers of days as a range."""
    groups: dict[tuple[str, str, Value], list[QualityFlag]] = {}
    for flag in flags:
        unit = dict(flag.reason.values).get("unit", "")
        groups.setdefault((flag.variable, flag.reason.key, unit), []).append(flag)
    return [_sentence(group) for group in groups.values()]


def _sentence(group: list[QualityFlag]) -> str:
    leads = sorted({flag.horizon for flag in group})
    locations = sorted({flag.location for flag in group})
    days = f"lead {leads[0]}" if len(leads) == 1 else f"leads {', '.join(map(str, leads))}"
    where = f"at {', '.join(locations)}" if len(locations) <= 3 else f"at {len(locations)} places"
    variable = group[0].variable.replace("_", " ")
    reason = _merged([flag.reason for flag in group])
    return f"Forecasts of {variable}, {days}, {where}, are left out: {reason}."


def _merged(reasons: list[Reason]) -> Reason:
    """Reasons of one key as one: fewest to most days, since the earliest day."""
    all_values = [dict(reason.values) for reason in reasons]
    merged = dict(all_values[0])
    if "n" in merged:
        counts = sorted(int(values["n"]) for values in all_values)
        merged["n"] = counts[0] if counts[0] == counts[-1] else f"{counts[0]}-{counts[-1]}"
    if "day" in merged:
        merged["day"] = min(str(values["day"]) for values in all_values)
    return Reason(reasons[0].key, tuple(merged.items()))
