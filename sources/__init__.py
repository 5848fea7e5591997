"""Sources pull weather and sensor records from outside. A source is one module here that defines SOURCE."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import pandas as pd

from configs import ConfigError, Region, RiskError, Settings


class SourceUnavailable(RiskError):
    """A source that cannot be reached now; worth another try, then to be degraded around."""


@dataclass(frozen=True)
class Batch:
    """What a source delivers, in canonical names and units, before the contract has seen it.

    ``observations``: columns time (day, no zone), location, then canonical variables.
    ``forecasts``: columns init_time, lead_days, location, member (-1 for a deterministic run), then variables; or empty.
    ``locations``: columns location, name, latitude, longitude, elevation (NaN where unknown), one row a place.
    """

    observations: pd.DataFrame
    locations: pd.DataFrame
    forecasts: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Source:
    """Declaration of a source.

    ``delay_days``: the record of day t - delay_days is the newest published by the morning of day t.
    ``complete``: a fetch returns everything the source holds, so the store mirrors it; else a fetch adds to the store.
    ``fetch(region, settings)`` returns a Batch; raises SourceUnavailable or a RiskError that names the cure.
    """

    name: str
    delay_days: int
    attribution: str
    licence: str
    complete: bool
    fetch: Callable[[Region, Settings], Batch]


@cache
def sources() -> dict[str, Source]:
    """Every source by name: each module of this package that defines SOURCE."""
    found = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    return {module.SOURCE.name: module.SOURCE for module in found if hasattr(module, "SOURCE")}


def sources_of(region: Region) -> list[Source]:
    """The region's sources in its order of preference. Raises ConfigError for a name no module defines."""
    unknown = [name for name in region.sources if name not in sources()]
    if unknown:
        raise ConfigError(f"region file {region.path}: sources: found {unknown[0]!r}, expected one of {', '.join(sorted(sources()))}.")
    return [sources()[name] for name in region.sources]
