"""What a region file says of its gridded files: where they are, and what their variables are."""

from __future__ import annotations

import difflib
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from data_contracts.variables import VARIABLES
from sources.common.options import OwnFilesOptions
from sources.common.units import UnknownUnit, scaled_conversion

NAME = "gridded_files"


def _listed(value: Any) -> Any:
    """One value for a list of one."""
    return value if isinstance(value, list | tuple) else [value]


class GriddedFilesOptions(OwnFilesOptions):
    """What a region may choose, beside the delay of its files.

    ``path``: a file or a Zarr store, or a pattern of these with * and ?, or a list; relative to the
    region file. ``variables``: the files' name of a variable -> ours; others are left out. Without
    it, variables are known by their CF standard name and cell methods, or by our names. ``units``:
    the files' name of a variable -> its unit, where the files do not say it or say it wrongly.
    ``within_km``: how far a cell's centre may be from the nearest point of the files' grid; by
    default half a step of that grid in latitude and in longitude. ``since``: a first day from which
    on what is stored is read anew with each pull, as after files were corrected.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(min_length=1)
    variables: dict[str, str] = {}
    units: dict[str, str] = {}
    within_km: float | None = Field(default=None, gt=0, le=500)
    since: date | None = None

    @field_validator("path")
    @classmethod
    def _local(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            if "://" in path:
                raise ValueError(f"found {path!r}, expected the path of a local file; copy it here")
        return value

    @field_validator("variables")
    @classmethod
    def _known_variables(cls, value: dict[str, str]) -> dict[str, str]:
        for theirs, ours in value.items():
            if ours not in VARIABLES:
                near = difflib.get_close_matches(ours, VARIABLES, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}" if near else f"one of {', '.join(VARIABLES)}"
                raise ValueError(f"{theirs}: found {ours!r}, expected a variable; {hint}")
        return value

    @model_validator(mode="after")
    def _known_units(self) -> GriddedFilesOptions:
        for theirs, unit in self.units.items():
            ours = self.variables.get(theirs, theirs)
            if ours in VARIABLES:
                try:
                    scaled_conversion(unit, ours)
                except UnknownUnit as error:
                    raise ValueError(f"units: {theirs}: {error}") from None
        return self
