"""Every English sentence that leaves ``models``: what is degraded, what a reader should know, why.

Functions take numbers and names and give one sentence or a part of one. Nothing else in this
package words what is not an error. ``title``: the hazard's.
"""

from __future__ import annotations

from collections.abc import Sequence

from features.hazards import Cell


def climatology_stands(title: str, first_year: int) -> str:
    """A hazard without a model."""
    return f"{title}: no model could be used, so the calendar's chances since {first_year} stand."


def late_value(title: str, days: int, locations: Sequence[str]) -> str:
    """The newest value came ``days`` late at these locations; -1: too late."""
    where = ", ".join(locations)
    if days < 0:
        return (
            f"{title}: the state on the issue day is not known at {where}, so the "
            "calendar's chances stand there."
        )
    before = f"{days} {'day' if days == 1 else 'days'}"
    return (
        f"{title}: the newest value is late at {where}, so what was known "
        f"{before} before stands there."
    )


def weather_missing(title: str, cells: Sequence[Cell], locations: Sequence[str]) -> str:
    """Cells whose probability is to hold weather forecasts, and there are none."""
    return (
        f"{title}: no weather forecast could be used at {', '.join(locations)} for "
        f"{describe_cells(cells)}; there the past alone has its say."
    )


def weather_used(title: str, cells: Sequence[Cell]) -> str:
    """Cells whose probability holds weather forecasts."""
    return (
        f"{title}: weather forecasts have their say in the chances of {describe_cells(cells)}; "
        "in all others the past alone."
    )


def weather_left_out(title: str, reason: str) -> str:
    """A part of the weather forecasts that could not be used, by models.silence."""
    return f"{title}: {reason}"


def describe_cells(cells: Sequence[Cell]) -> str:
    """Cells in words, such as "days 0 to 6 ahead, any of the next 3 days"."""
    leads = [cell.lead_days for cell in cells if cell.window_days == 1]
    words = [] if not leads else [f"days {', '.join(map(str, leads))} ahead"]
    if len(leads) > 2 and leads == list(range(leads[0], leads[-1] + 1)):
        words = [f"days {leads[0]} to {leads[-1]} ahead"]
    windows = [cell.window_days for cell in cells if cell.window_days > 1]
    return ", ".join([*words, *(f"any of the next {days} days" for days in windows)])


def variables_missing(names: Sequence[str]) -> str:
    """Why a hazard cannot be assessed."""
    return f"the record has no {' and no '.join(names)}"


def model_unusable(
    region: str, hazard: str, broken: Sequence[str], instead: str | None = None
) -> str:
    """A champion whose files are damaged; ``instead``: the version that is used, if any."""
    used = "what the calendar knows" if instead is None else f"version {instead}"
    what = f"The {hazard} model of {region} could not be loaded, {', '.join(broken)}"
    return f"{what}; {used} is used instead; run climate-risk train {region}."


def broken_version(version: str, error: Exception) -> str:
    """A version that could not be loaded."""
    return f"version {version} ({' '.join(str(error).split()) or type(error).__name__})"


def no_champion(name: str) -> str:
    """Why a model becomes the first champion of its registered name."""
    return f"there was no champion of {name} for this region file and its places"


def compared(version: str, difference: str) -> str:
    """How a model compares with the champion's version."""
    return f"against version {version}: {difference}"


def uncommitted(code_version: str) -> str:
    """What is added where the code is not committed."""
    return f"; its code has changes that are not committed ({code_version})"


def candidate(reason: str) -> str:
    """Why a model is registered as a candidate."""
    return f"registered as a candidate, as asked for; {reason}"


def held_uncommitted(reason: str) -> str:
    """Why a model of code that is not committed is held back."""
    return f"{reason}; commit them and train again, or train with --promote-dirty"


def promoted_uncommitted(reason: str) -> str:
    """Why a model of code that is not committed is promoted."""
    return f"{reason}, promoted all the same as asked for"


def champion_already() -> str:
    """Why nothing changes for a version that is judged again."""
    return "it is the champion already"


def nothing_to_compare() -> str:
    """Why a model cannot be compared with the champion."""
    return "nothing to compare: the champion has no test day in common with it"


def brier_difference(accepted: bool, mean: float, interval: tuple[float, float], years: int) -> str:
    """The comparison with the champion: mean Brier difference and its 95 % interval."""
    low, high = interval
    verdict = "accepted, not worse" if accepted else "refused, worse"
    return (
        f"{verdict}: Brier difference to the champion {mean:+.5f} [{low:+.5f}, {high:+.5f}] "
        f"over {years} years"
    )
