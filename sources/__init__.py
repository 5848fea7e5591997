"""Sources pull weather and sensor records from outside.

A source is one module or package here that defines SOURCE; ``common`` holds what they share.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import replace
from functools import cache

from configs import ConfigError, Region
from configs.tiles import SIDE, tiles_of
from data_contracts.batch import Source
from data_contracts.variables import VARIABLES
from sources.common.options import OwnFilesOptions, options_of


@cache
def sources() -> dict[str, Source]:
    """Every source by name: each module of this package that defines SOURCE."""
    modules = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
    ]
    return {module.SOURCE.name: module.SOURCE for module in modules if hasattr(module, "SOURCE")}


def sources_of(region: Region) -> list[Source]:
    """The region's sources in its order of preference.

    Raises ConfigError for a name no module defines.
    """
    missing = [name for name in region.sources if name not in sources()]
    if missing:
        raise ConfigError(
            f"region file {region.path}: sources: found {missing[0]!r}, expected one of "
            f"{', '.join(sorted(sources()))}."
        )
    strangers = [name for name in region.source_options if name not in region.sources]
    if strangers:
        known = ", ".join(region.sources)
        raise ConfigError(
            f"region file {region.path}: source_options: found {strangers[0]!r}, expected a "
            f"source of the region: {known}."
        )
    not_variables = [name for name in region.source_order if name not in VARIABLES]
    if not_variables:
        near = difflib.get_close_matches(not_variables[0], VARIABLES, n=1) or sorted(VARIABLES)
        raise ConfigError(
            f"region file {region.path}: source_order: found {not_variables[0]!r}, expected a "
            f"variable such as {near[0]}."
        )
    return [_of_region(sources()[name], region) for name in region.sources]


def _of_region(source: Source, region: Region) -> Source:
    """The source, with the delay that the region's own files have."""
    if not source.own_files:
        return source
    return replace(source, delay_days=options_of(region, source.name, OwnFilesOptions).delay_days)


def places_problems(region: Region) -> dict[str, str]:
    """Source -> a sentence, for each that cannot be asked for as many places as the region has."""
    count = max(region.places, len(region.locations))
    fewer = "choose a larger step, lay a mask on the grid," if region.grid else "name fewer places"
    problems = {
        source.name: f"sources: {source.name}: found {count:,} places, expected at most "
        f"{source.max_locations:,}; {fewer} or take gridded_files in its place."
        for source in sources_of(region)
        if source.max_locations is not None and count > source.max_locations
    }
    by_name = [one.name for one in sources_of(region) if one.by_name and one.name not in problems]
    if by_name and (tiles := len(tiles_of(region))) > 1:
        problems |= {
            name: f"sources: {name}: found a grid of {tiles} tiles, expected one of at most "
            f"{SIDE} by {SIDE} cells, as its data name their places; write a region file with "
            "these places beside that of the grid."
            for name in by_name
        }
    return problems


def is_exercise(region: Region) -> bool:
    """Whether any of the region's record may be made up: all made from it must say EXERCISE."""
    return any(source.exercise for source in sources_of(region))
