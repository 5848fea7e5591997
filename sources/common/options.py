"""The options of a source in the region file."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs import ConfigError, Region
from configs.validation import sentence_of

Model = TypeVar("Model", bound=BaseModel)


class OwnFilesOptions(BaseModel):
    """What a region may choose of any files of its own.

    ``delay_days``: the record of day t - delay_days is the newest in the files on the morning of
    day t.
    """

    model_config = ConfigDict(frozen=True)

    delay_days: int = Field(default=1, ge=1, le=90, strict=True)


def options_of(region: Region, source: str, model: type[Model]) -> Model:
    """The region's options for a source as ``model``, which has a default for each.

    Raises ConfigError for what it cannot be.
    """
    try:
        return model.model_validate(region.source_options.get(source, {}))
    except ValidationError as error:
        raise ConfigError(
            f"region file {region.path}: source_options: {source}: {sentence_of(error, model)}"
        ) from None
