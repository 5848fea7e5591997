"""Formats that come with the project: one YAML file each in ``formats/``, known by its name.

A template is a FileFormat and how its files are recognised: ``title``; ``recognise``, columns that
its header has (in NetCDF: variables, of which ``any_of`` must be there); ``by_name``, words in a
file's name that tell what a column is; ``self_described``, where the header alone says everything
and nobody need name the format.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from configs import ConfigError, Region
from configs.validation import sentence_of
from configs.yaml_files import read_yaml
from sources.common.options import options_of
from sources.station_files.options import NAME, FileFormat, StationFilesOptions

FOLDER = Path(__file__).parent / "formats"


class Template(BaseModel):
    """A format by its name, and how it is recognised."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    recognise: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    by_name: dict[str, dict[str, str]] = {}
    self_described: bool = False
    written: FileFormat

    def fits(self, header: Collection[str]) -> bool:
        """Whether a header has the columns that this format is known by, whatever their case."""
        names = {plain(name) for name in header}
        some = not self.any_of or any(plain(name) in names for name in self.any_of)
        return some and all(plain(name) in names for name in self.recognise)


def plain(name: str) -> str:
    """A column's name without case, outer blanks and a unit behind it."""
    return bare(name).lower()


def bare(name: str) -> str:
    """A column's name without a unit in brackets behind it: ``rain (mm)`` -> ``rain``."""
    return split_unit(name)[0]


def split_unit(name: str) -> tuple[str, str | None]:
    """A column's name and the unit that stands behind it in brackets, if one does."""
    text = name.strip()
    for opening, closing in (("(", ")"), ("[", "]")):
        if text.endswith(closing) and opening in text[1:]:
            front, _, unit = text[: -len(closing)].rpartition(opening)
            unit = unit.strip().removeprefix("unit=").strip("\"'")
            if front.strip() and unit:
                return front.strip(), unit
    return text, None


@cache
def templates() -> Mapping[str, Template]:
    """Every format by its name, which is that of its file."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.yaml"))}


def _read(path: Path) -> Template:
    content: dict[str, Any] = dict(read_yaml(path))
    about = {name: content.pop(name) for name in list(content) if name in Template.model_fields}
    return Template.model_validate({**about, "written": content})


def with_template(given: FileFormat, where: str) -> FileFormat:
    """The format with its template filled in; what was given wins, key by key of mappings.

    Raises ConfigError for a template that does not exist.
    """
    if given.format is None:
        return given
    template = templates().get(given.format)
    if template is None:
        near = difflib.get_close_matches(given.format, templates(), n=1, cutoff=0.4)
        hint = (
            f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(templates())}."
        )
        raise ConfigError(f"{where}: format: found {given.format!r}, {hint}")
    base, own = template.written.model_dump(), given.model_dump(exclude_unset=True)
    merged = base | own
    for name in ("columns", "units", "trace"):
        merged[name] = base[name] | own.get(name, {})
    for name in ("missing", "ignore"):
        merged[name] = [*base[name], *own.get(name, ())]
    try:
        return FileFormat.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(f"{where}: {sentence_of(error, FileFormat)}") from None


def recognised(header: Collection[str]) -> str | None:
    """The name of the format that a header is of: the one known by the most columns."""
    fitting = [name for name, template in templates().items() if template.fits(header)]
    return max(
        fitting,
        key=lambda name: len(templates()[name].recognise) + 0.5 * bool(templates()[name].any_of),
        default=None,
    )


def files_of(region: Region) -> dict[str, FileFormat]:
    """Pattern -> format of the region's station files, each whole: its template filled in.

    Raises ConfigError.
    """
    where = f"region file {region.path}: source_options: {NAME}: files"
    options = options_of(region, NAME, StationFilesOptions)
    return {
        pattern: with_template(given, f"{where}: {pattern}")
        for pattern, given in options.files.items()
    }


def format_of(name: str, files: dict[str, FileFormat]) -> FileFormat | None:
    """The format of a file: that of the longest pattern that fits its name; None where none does.

    locations.csv is a plain file unless a pattern is its very name.
    """
    fitting = [
        pattern
        for pattern in files
        if fnmatchcase(name.lower(), pattern.lower())
        and (name.lower() != "locations.csv" or pattern.lower() == "locations.csv")
    ]
    return files[max(fitting, key=len)] if fitting else None


def unused_patterns(names: list[str], files: dict[str, FileFormat], region: Region) -> list[str]:
    """A sentence for each pattern that no file's name fits."""
    return [
        f"region file {region.path}: source_options: {NAME}: files: {pattern!r} fits no file of "
        "the inbox, expected one at least; mend the pattern or take it out."
        for pattern in files
        if not any(fnmatchcase(name.lower(), pattern.lower()) for name in names)
    ]
