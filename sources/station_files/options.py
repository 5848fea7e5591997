"""What a region file says of its station files: how they are written, by a pattern of their names.

A pattern is a file name with * and ?. Of several that fit, the longest counts.
"""

from __future__ import annotations

import codecs
import difflib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from data_contracts.batch import LOCATION_COLUMNS
from data_contracts.variables import VARIABLES
from sources.common.options import OwnFilesOptions
from sources.common.units import UnknownUnit, scaled_conversion

NAME = "station_files"
DATE_PARTS = ("year", "month", "day", "day_of_year")
KEYS = ("time", "location", "init_time", "lead_days", "member")
KNOWN = (*KEYS, *DATE_PARTS, *LOCATION_COLUMNS[1:], *VARIABLES)
"""What a file's column may be."""

DATE_WORDS = (("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("hh", "%H"), ("mm", "%M"), ("ss", "%S"))


def _listed(value: Any) -> Any:
    """One value for a list of one."""
    return value if isinstance(value, list | tuple) else [value]


Texts = Annotated[tuple[str, ...], BeforeValidator(lambda value: [str(x) for x in _listed(value)])]
Marks = Annotated[tuple[float | str, ...], BeforeValidator(_listed)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quality(_Strict):
    """A column of marks: where its mark is none of ``good``, the values of its row are missing.

    ``good`` may hold * and ?. ``of``: the columns that the marks are of, as the file calls them
    (default: all).
    """

    column: str
    good: Texts = Field(min_length=1)
    of: Texts = ()


class FileFormat(_Strict):
    """How files are written. What is left out is as in a plain file, or as the file itself says.

    ``format``: a format that comes with the project; what stands beside it wins. ``columns``: the
    file's name of a column -> ``time``, ``location``, a variable, or ``name``, ``latitude``,
    ``longitude``, ``elevation`` of the place; ``year``, ``month`` and ``day``, or ``year`` and
    ``day_of_year``, together are a time.
    ``units``: the file's name of a column (or the variable) -> its unit. ``missing``: numbers and
    texts that stand for no value. ``trace``: a text -> the number it stands for. ``separator``: of
    fields, a blank for any number of blanks. ``skip_rows``: lines above the header.
    ``date_format``: such as DD/MM/YYYY or %d/%m/%Y. ``ignore``: columns that are passed over, * and
    ? allowed. ``location``: the place that all rows are of. ``hours``: the file has times (UTC)
    within the day, each the ``start`` or the ``end`` of what its values are for; days are made of
    them. ``within_km``: how far a grid's cell may be from a
    place (default: 25, or half the diagonal of a cell where that is more).
    """

    format: str | None = None
    columns: dict[str, str] = {}
    units: dict[str, str] = {}
    missing: Marks = ()
    trace: dict[str, float] = {}
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    encoding: str | None = None
    skip_rows: int | None = Field(default=None, ge=0, le=10_000)
    date_format: str | None = None
    ignore: Texts = ()
    quality: Annotated[tuple[Quality, ...], BeforeValidator(_listed)] = ()
    location: str | None = None
    hours: Literal["start", "end"] | None = None
    within_km: float | None = Field(default=None, gt=0, le=500)

    @field_validator("columns", "units", "trace", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return {str(key): item for key, item in value.items()} if isinstance(value, dict) else value

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, value: dict[str, str]) -> dict[str, str]:
        for theirs, ours in value.items():
            if ours.removesuffix("_spread") not in KNOWN:
                near = difflib.get_close_matches(ours, KNOWN, n=1, cutoff=0.5)
                hint = (
                    f"did you mean {near[0]!r}" if near else f"expected one of {', '.join(KNOWN)}"
                )
                raise ValueError(f"{theirs}: found {ours!r}, {hint}")
        return value

    @field_validator("encoding")
    @classmethod
    def _an_encoding(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                codecs.lookup(value)
                b"a".decode(value)
        except (LookupError, UnicodeError):
            raise ValueError(f"found {value!r}, expected one such as utf-8 or latin-1") from None
        return value

    @field_validator("date_format")
    @classmethod
    def _directives(cls, value: str | None) -> str | None:
        if value is None or "%" in value:
            return value
        for word, directive in DATE_WORDS:
            value = value.replace(word, directive)
        if "%" not in value:
            raise ValueError(f"found {value!r}, expected one such as DD/MM/YYYY or %d/%m/%Y")
        return value

    @model_validator(mode="after")
    def _known_units(self) -> FileFormat:
        for column, unit in self.units.items():
            variable = self.columns.get(column, column)
            if variable in VARIABLES:
                try:
                    scaled_conversion(unit, variable)
                except UnknownUnit as error:
                    raise ValueError(f"units: {column}: {error}") from None
        return self


class StationFilesOptions(OwnFilesOptions):
    """``files``: a pattern of file names -> how those files are written. Beside their delay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: dict[str, FileFormat] = {}
