"""Why weather forecasts are not used: flags with a reason each, and messages that sum them up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from configs.remarks import Remark, Value, remark

TEMPORARY = frozenset({"weather.few_days", "weather.thin_season", "weather.new_model"})
"""Codes of reasons that more days of data can remove."""


@dataclass(frozen=True)
class QualityFlag:
    """Forecasts that are not used: variable, horizon (days), location, and the reason.

    Values of the reason: ``n``: days there are; ``least``: days needed; ``day``: since when.
    """

    variable: str
    horizon: int
    location: str
    reason: Remark


def any_temporary(flags: Iterable[QualityFlag]) -> bool:
    """Whether more days of data can remove any of the flags."""
    return any(flag.reason.code in TEMPORARY for flag in flags)


def describe_flags(flags: Iterable[QualityFlag]) -> list[Remark]:
    """One message for each variable and reason; numbers of days as a range."""
    groups: dict[tuple[str, str, Value], list[QualityFlag]] = {}
    for flag in flags:
        unit = flag.reason.values.get("unit", "")
        groups.setdefault((flag.variable, flag.reason.code, unit), []).append(flag)
    return [_summary(group) for group in groups.values()]


def _summary(group: list[QualityFlag]) -> Remark:
    leads = tuple(sorted({flag.horizon for flag in group}))
    locations = tuple(sorted({flag.location for flag in group}))
    return remark(
        "weather.left_out",
        variable=group[0].variable.replace("_", " "),
        leads=remark("weather.lead", lead=leads[0])
        if len(leads) == 1
        else remark("weather.leads", days=leads),
        where=remark("weather.places", places=locations)
        if len(locations) <= 3
        else remark("weather.many_places", n=len(locations)),
        reason=_merged([flag.reason for flag in group]),
    )


def _merged(reasons: list[Remark]) -> Remark:
    """Reasons of one code as one: fewest to most days, since the earliest day."""
    merged: dict[str, Value] = dict(reasons[0].values)
    counts = [n for reason in reasons if isinstance(n := reason.values.get("n"), int)]
    days = [day for reason in reasons if isinstance(day := reason.values.get("day"), date)]
    if counts and min(counts) != max(counts):
        merged["n"] = f"{min(counts)}-{max(counts)}"
    if days:
        merged["day"] = min(days)
    return remark(reasons[0].code, **merged)
