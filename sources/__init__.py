"""Sources pull weather and sensor records from outside.

A source is one module here that defines SOURCE.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from configs import ConfigError, Region, RiskError, Settings, options_sentence
from data_contracts.variables import VARIABLES

Options = TypeVar("Options", bound=BaseModel)


class SourceUnavailable(RiskError):
    """A source that cannot be reached now; worth another try, then to be degraded around."""


@dataclass(frozen=True)
class Batch:
    """What a source delivers, in canonical names and units, before the contract has seen it.

    ``observations``: columns time (day, no zone), location, then canonical variables.
    ``forecasts``: columns init_time, lead_days, location, member (-1 for a deterministic run or an
    ensemble's mean, -2 for its standard deviation), then variables; or empty. ``locations``:
    columns location, name, latitude, longitude, elevation (NaN where unknown), one row a place.
    ``remarks``: a sentence for each thing that could not be had though the rest was; the run is
    degraded by it. ``quality``: what the source says of its readings' quality, as
    ``data_contracts.contract.no_quality``; or empty.
    """

    observations: pd.DataFrame
    locations: pd.DataFrame
    forecasts: pd.DataFrame = field(default_factory=pd.DataFrame)
    remarks: tuple[str, ...] = ()
    quality: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Source:
    """Declaration of a source.

    ``delay_days``: the record of day t - delay_days is the newest published by the morning of day
    t. ``run_delay_days``: the weather forecast of init_time t is at hand on the morning of day t +
    run_delay_days. ``complete``: a fetch returns everything the source holds, so the store mirrors
    it; else a fetch adds to the store. ``readings``: its days are made of sensors' readings, any of
    which may be at fault. ``fetch(region, settings)`` returns a Batch; raises SourceUnavailable or
    a RiskError that names the cure. ``exercise``: what it delivers was made up, and everything made
    from it must say EXERCISE.
    """

    name: str
    delay_days: int
    attribution: str
    licence: str
    complete: bool
    fetch: Callable[[Region, Settings], Batch]
    exercise: bool = False
    run_delay_days: int = 0
    readings: bool = False


@cache
def sources() -> dict[str, Source]:
    """Every source by name: each module of this package that defines SOURCE."""
    found = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
    ]
    return {module.SOURCE.name: module.SOURCE for module in found if hasattr(module, "SOURCE")}


def sources_of(region: Region) -> list[Source]:
    """The region's sources in its order of preference.

    Raises ConfigError for a name no module defines.
    """
    unknown = [name for name in region.sources if name not in sources()]
    if unknown:
        raise ConfigError(
            f"region file {region.path}: sources: found {unknown[0]!r}, expected one of "
            f"{', '.join(sorted(sources()))}."
        )
    strangers = [name for name in region.source_options if name not in region.sources]
    if strangers:
        known = ", ".join(region.sources)
        raise ConfigError(
            f"region file {region.path}: source_options: found {strangers[0]!r}, expected a "
            f"source of the region: {known}."
        )
    nothing = [name for name in region.source_order if name not in VARIABLES]
    if nothing:
        near = difflib.get_close_matches(nothing[0], VARIABLES, n=1) or sorted(VARIABLES)
        raise ConfigError(
            f"region file {region.path}: source_order: found {nothing[0]!r}, expected a variable "
            f"such as {near[0]}."
        )
    return [sources()[name] for name in region.sources]


def is_exercise(region: Region) -> bool:
    """Whether any of the region's record may be made up: all made from it must say EXERCISE."""
    return any(source.exercise for source in sources_of(region))


def options_of(region: Region, source: str, model: type[Options]) -> Options:
    """The region's options for a source as ``model``, which has a default for each.

    Raises ConfigError for what it cannot be.
    """
    try:
        return model.model_validate(region.source_options.get(source, {}))
    except ValidationError as error:
        raise ConfigError(
            f"region file {region.path}: source_options: {source}: {options_sentence(error, model)}"
        ) from None
