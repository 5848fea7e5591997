"""Every message that leaves ``models``: what is degraded, what a reader should know, why.

Functions take numbers and names and give one ``Remark``, which has its words in configs.messages.
Why a version became the champion or not is English alone. ``title``: the hazard's.
"""

from __future__ import annotations

from collections.abc import Sequence

from configs.remarks import Remark, as_remark, remark
from features.hazards import Cell


def climatology_stands(title: str, first_year: int) -> Remark:
    """A hazard without a model."""
    return remark("forecast.climatology", hazard=title, year=str(first_year))


def late_value(title: str, days: int, locations: Sequence[str]) -> Remark:
    """The newest value came ``days`` late at these locations; -1: too late."""
    places = tuple(locations)
    if days < 0:
        return remark("forecast.state_unknown", hazard=title, places=places)
    return remark("forecast.late", hazard=title, places=places, n=int(days))


def weather_missing(title: str, cells: Sequence[Cell], locations: Sequence[str]) -> Remark:
    """Cells whose probability is to hold weather forecasts, and there are none."""
    return remark(
        "forecast.weather_missing",
        hazard=title,
        places=tuple(locations),
        cells=describe_cells(cells),
    )


def weather_used(title: str, cells: Sequence[Cell]) -> Remark:
    """Cells whose probability holds weather forecasts."""
    return remark("forecast.weather_used", hazard=title, cells=describe_cells(cells))


def weather_left_out(title: str, reason: Remark) -> Remark:
    """A part of the weather forecasts that could not be used, by models.silence."""
    return remark("forecast.hazard", hazard=title, reason=reason)


def describe_cells(cells: Sequence[Cell]) -> Remark:
    """Cells in words, such as "days 0 to 6 ahead, any of the next 3 days"."""
    leads = tuple(cell.lead_days for cell in cells if cell.window_days == 1)
    windows = [cell.window_days for cell in cells if cell.window_days > 1]
    if len(windows) > len("ab"):
        single = [describe_cells([cell]) for cell in cells if cell.window_days > 1]
        days = [describe_cells([cell for cell in cells if cell.window_days == 1])] if leads else []
        return remark("cells.list", cells=(*days, *single))
    ends = dict(zip("ab", windows, strict=False))
    kind = ("", "window", "windows")[len(windows)]
    if not leads:
        return remark(f"cells.{kind}", **ends) if kind else remark("cells.list", cells=())
    if len(leads) > 2 and list(leads) == list(range(leads[0], leads[-1] + 1)):
        span = {"first": leads[0], "last": leads[-1]}
        return remark("_".join(filter(None, ("cells.span", kind))), **span, **ends)
    return remark("_".join(filter(None, ("cells.days", kind))), days=leads, **ends)


def variables_missing(names: Sequence[str]) -> Remark:
    """Why a hazard cannot be assessed."""
    first, *others = names
    if not others:
        return remark("record.without", variable=first)
    rest: Remark | str = others[-1]
    for name in reversed(others[:-1]):
        rest = remark("record.and_without", variable=name, other=rest)
    return remark("record.without_two", variable=first, other=rest)


def model_unusable(
    region: str, hazard: str, broken: Sequence[Remark], instead: str | None = None
) -> Remark:
    """A champion whose files are damaged; ``instead``: the version that is used, if any."""
    used = (
        remark("model.climatology") if instead is None else remark("model.version", version=instead)
    )
    return remark(
        "model.unusable", hazard=hazard, region=region, broken=tuple(broken), instead=used
    )


def broken_version(version: str, error: Exception) -> Remark:
    """A version that could not be loaded."""
    known = getattr(error, "remark", None)
    words = " ".join(str(error).split()) or type(error).__name__
    return remark("model.broken", version=version, reason=known or as_remark(words))


def brier_difference(
    accepted: bool, mean: float, interval: tuple[float, float], years: int
) -> Remark:
    """The comparison with the champion: mean Brier difference and its 95 % interval."""
    low, high = (f"{end:+.5f}" for end in interval)
    code = "gate.not_worse" if accepted else "gate.worse"
    return remark(code, mean=f"{mean:+.5f}", low=low, high=high, n=years)


def live_difference(
    accepted: bool, mean: float, interval: tuple[float, float], days: int
) -> Remark:
    """The comparison with the champion on its live days: mean Brier difference, 95 % interval."""
    low, high = (f"{end:+.5f}" for end in interval)
    code = "gate.live_not_worse" if accepted else "gate.live_worse"
    return remark(code, mean=f"{mean:+.5f}", low=low, high=high, days=days)
