"""Sources pull weather and sensor records from outside.

A source is one module here that defines SOURCE.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from configs import ConfigError, Region, options_sentence
from data_contracts.batch import Source
from data_contracts.variables import VARIABLES

Options = TypeVar("Options", bound=BaseModel)


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
