"""Check: is a region ready to run? Runs nothing and stores nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from configs import ConfigError, Region, RiskError, Settings, clock, load_region
from configs.remarks import text
from features.hazards import LEVELS, Hazard, hazards
from flows.claims import store_problems
from sources.common.http import asked_once

if TYPE_CHECKING:
    import pandas as pd

    from data_contracts.batch import Source

COLOURS = ("yellow", "orange", "red")
RECENT = timedelta(days=10)  # what a service is asked for: longer than every source's delay
TRIED = 16  # cells of a grid that a source is asked for


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    ``problem`` is a sentence, or empty when all is well; ``doubt``: one on what may be wrong.
    ``block``: lines to paste into the region file.
    """

    what: str
    fact: str = ""
    problem: str = ""
    doubt: str = ""
    block: str = ""


def open_region(name: str | Path) -> Region:
    """The region, its file held against the sources and hazards there are. Raises ConfigError."""
    from sources import places_problems

    region = load_region(name)
    problems = (*exercise_problems(region), *places_problems(region).values())
    for problem in (*problems, *hazard_problems(region)):
        raise ConfigError(f"region file {region.path}: {problem}")
    return region


def exercise_problems(region: Region) -> list[str]:
    """A sentence where a record may be made up and the region's name does not say so.

    The name stands in every row of its tables.
    """
    from sources import is_exercise

    if not is_exercise(region) or "exercise" in region.name:
        return []
    return [
        f"name: found {region.name!r}, expected 'exercise' in the name of a region with a made-up "
        f"source; call it {region.name}-exercise."
    ]


def hazard_problems(region: Region) -> list[str]:
    """A sentence for each name under thresholds, colours and actions that no hazard knows."""
    known = hazards()
    named = [
        (key, name) for key in ("thresholds", "colours", "actions") for name in getattr(region, key)
    ]
    problems = [_unknown(f"{key}:", name, known) for key, name in named if name not in known]
    for hazard in known.values():
        problems += _threshold_problems(region, hazard) + _colour_problems(region, hazard)
    return problems


def _threshold_problems(region: Region, hazard: Hazard) -> list[str]:
    names = region.thresholds.get(hazard.name, {})
    return [
        _unknown(f"thresholds: {hazard.name}:", name, hazard.thresholds)
        for name in names
        if name not in hazard.thresholds
    ]


def _colour_problems(region: Region, hazard: Hazard) -> list[str]:
    colours = region.colours.get(hazard.name, {})
    problems = [
        _unknown(f"colours: {hazard.name}:", colour, COLOURS)
        for colour in colours
        if colour not in COLOURS
    ]
    for colour, limits in colours.items():
        where = f"colours: {hazard.name}: {colour}:"
        problems += [
            f"{where} found level {level}, expected one of {LEVELS}."
            for level in limits
            if level not in LEVELS
        ]
        problems += [
            f"{where} found {limit:g}, expected a probability from 0 to 1."
            for limit in limits.values()
            if not 0 <= limit <= 1
        ]
    return problems


def _unknown(where: str, found: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(found, names, n=1, cutoff=0.5)
    return f"{where} unknown key {found!r}, " + (
        f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(names)}."
    )


def check(name: str, settings: Settings) -> list[Finding]:
    """Findings on the region's file, its inbox, and its sources, whose records are checked."""
    from sources import places_problems

    try:
        region = load_region(name)
    except RiskError as error:
        return [Finding("region file", problem=str(error))]
    findings = [Finding("region file", str(region.path))]
    problems, too_many = hazard_problems(region), dict[str, str]()
    with suppress(ConfigError):  # a source that does not exist is told below
        problems += exercise_problems(region)
        too_many = places_problems(region)
    findings += [Finding("region file", problem=problem) for problem in problems]
    findings += [Finding("boundaries", problem=problem) for problem in _boundary_problems(region)]
    findings += [Finding("store", problem=problem) for problem in store_problems(region, settings)]
    findings += [Finding("publish_to", problem=problem) for problem in _platform_problems(region)]
    findings += [Finding("notifications", problem=problem) for problem in _address_problems(region)]
    findings += [Finding(f"source {name}", problem=told) for name, told in too_many.items()]
    names = [name for name in region.sources if name not in too_many]
    if "station_files" in names:
        of_inbox = _inbox(region, settings)
        findings += of_inbox
        if any(finding.problem for finding in of_inbox):
            names.remove("station_files")
    with asked_once():
        return findings + [_source(region, settings, name) for name in names]


def _boundary_problems(region: Region) -> list[str]:
    """What is wrong with the outlines of the region's locations, of a grid with its areas."""
    from reports.view.areas import as_told
    from reports.view.boundary_check import boundary_problems

    try:
        told = as_told(region)
    except RiskError as error:
        return [str(error)]
    return [text(problem.words) for problem in boundary_problems(told)]


def _platform_problems(region: Region) -> list[str]:
    """A sentence on each platform whose secret is not in the environment."""
    from sources.common.platforms import ngsi_ld, sensor_things

    problems = []
    for open_platform in (ngsi_ld.recipient_of, sensor_things.delivery_of):
        try:
            open_platform(region)
        except RiskError as error:
            problems.append(str(error))
    return problems


def _address_problems(region: Region) -> list[str]:
    """A sentence on each address for notifications that is none; nothing is sent."""
    from sources.common.notifications import EXAMPLE, NOTIFY, addresses_of, region_variable

    return [
        f"{one.variable}: its word {one.number} is no address that can be used, expected one such "
        f"as {EXAMPLE}; put it right."
        for one in addresses_of(NOTIFY, region_variable(region.name))
        if one.scheme == "unknown"
    ]


def _inbox(region: Region, settings: Settings) -> list[Finding]:
    """Everything that is wrong with the region's files, and the block that cures it."""
    from sources.station_files.inspection import inspect

    try:
        seen = inspect(region, settings)
    except RiskError as error:
        return [Finding("inbox", problem=str(error))]
    findings = [Finding("inbox", f"{seen.folder}, {seen.count} files")]
    findings += [Finding("inbox", fact) for fact in seen.known]
    findings += [Finding("inbox", problem=problem) for problem in seen.problems]
    findings += [Finding("inbox", doubt=doubt) for doubt in seen.doubts]
    if seen.block:
        findings.append(Finding("to paste", _how_to_paste(region, seen.left), block=seen.block))
    return findings


def _how_to_paste(region: Region, left: tuple[str, ...]) -> str:
    still = "".join(f" What is wrong even then: {problem}" for problem in left[:5])
    return (
        f"put this into {region.path}, in the place of the same keys where it has them, else at "
        f"its end, and check again:{still}"
    )


def _source(region: Region, settings: Settings, name: str) -> Finding:
    from data_contracts.contract import check as check_contract
    from data_contracts.store import Store
    from sources import sources_of

    what = f"source {name}"
    try:
        source = {one.name: one for one in sources_of(region)}[name]
        with _briefly(source, region, settings) as (part, home):
            batch = source.fetch(Store(home, part).fetch_request(name))
        checked = check_contract(batch, name, source.complete, source.readings)
    except RiskError as error:
        return Finding(what, problem=str(error))
    if batch.observations.empty:
        nothing = (
            f"{name}: it answers, but found no day since {part.history_start}, expected some; "
            "look there, or run it again later."
        )
        return Finding(what, problem=" ".join(map(str, batch.remarks)) or nothing)
    days, places = batch.observations["time"], batch.observations["location"].nunique()
    withheld = len(checked.withheld)
    remarks = (*batch.remarks, *checked.remarks, *checked.notes)
    bad = f", {withheld} cells would be withheld" if withheld else ""
    listed = "".join(f"; {remark}" for remark in remarks)
    of_grid = f" of {region.places:,}" if region.grid else ""
    span = f"{days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}, {places}{of_grid} places"
    return Finding(what, f"{span}{_years(days) if source.complete else ''}{bad}{listed}")


def _years(days: pd.Series) -> str:
    """How many years a whole record has, and how many a backtest needs."""
    from models.verification.backtest import MIN_YEARS

    return f", {(days.max() - days.min()).days / 365.25:.1f} years (a backtest needs {MIN_YEARS})"


@contextmanager
def _briefly(
    source: Source, region: Region, settings: Settings
) -> Iterator[tuple[Region, Settings]]:
    """The region and the home to fetch with.

    A service is asked for some newest days, whatever is stored, and nothing of it is kept; for a
    grid every source is asked for some cells alone.
    """
    if region.grid is None and (source.complete or source.exercise):
        yield region, settings
        return
    recent = clock.now().astimezone(region.zone).date() - RECENT
    changes: dict[str, Any] = {"history_start": max(recent, region.history_start or recent)}
    if source.complete or source.exercise or (source.own_files and region.clock == "record"):
        changes = {}
    if region.grid is not None:
        changes |= {"grid": None, "locations": region.locations[:TRIED]}
    with TemporaryDirectory(prefix="climate-risk-check-") as folder:
        home = settings if source.complete else Settings(Path(folder))
        yield region.model_copy(update=changes), home
