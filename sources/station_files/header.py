"""A file's columns by their canonical names, and what to do about those that have none."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import pandas as pd

from data_contracts.variables import VARIABLES
from sources.station_files.aliases import ALIASES
from sources.station_files.kinds import LOCATIONS, OF_PLACES, FileKind, RawTable
from sources.station_files.options import DATE_PARTS, FileFormat
from sources.station_files.templates import bare, plain


@dataclass(frozen=True)
class NamedTable:
    """A file's table with the columns of its kind.

    ``theirs``: what the file calls each. ``units``: a column's unit, None for the canonical one.
    ``raw``: the table as the file has it, for columns of marks.
    """

    raw: RawTable
    table: pd.DataFrame
    theirs: dict[str, str] = field(default_factory=dict)
    units: dict[str, str | None] = field(default_factory=dict)


def named(raw: RawTable, kind: FileKind, written: FileFormat, problems: list[str]) -> NamedTable:
    """The table's columns by their canonical names; what is wrong is added to ``problems``."""
    header = [str(name) for name in raw.table]
    problems += [
        f"{raw.path}: the column {name!r} stands twice; take one out."
        for name in dict.fromkeys(header)
        if name and header.count(name) > 1
    ]
    ours = _canonical(raw, header, kind, written, problems)
    columns = {ours[i]: name for i, name in enumerate(header) if ours[i]}
    table = pd.DataFrame(
        {name: raw.table.iloc[:, i] for i in range(len(header)) if (name := ours[i])},
        index=raw.table.index,
    )
    parts = [part for part in DATE_PARTS if part in table]
    if "time" not in table and is_date(parts):
        table["time"] = _joined_date(table)
        columns["time"] = ", ".join(columns[part] for part in parts)
    table = table.drop(columns=parts)
    _require(raw, kind, header, list(map(str, table)), problems)
    units = {
        name: _unit(raw, columns[name], name, written)
        for name in map(str, table)
        if name in columns
    }
    return NamedTable(raw, table, columns, units)


def _canonical(
    raw: RawTable, header: list[str], kind: FileKind, written: FileFormat, problems: list[str]
) -> list[str]:
    """The canonical name of each column, "" for one that is passed over."""
    mapped = {plain(theirs): ours for theirs, ours in written.columns.items()}
    marks = {plain(quality.column) for quality in written.quality}
    ours: list[str] = []
    unknown: list[str] = []
    for name in header:
        canonical = _name_of(name, raw, kind, written, mapped)
        if canonical and canonical in ours:
            first = header[ours.index(canonical)]
            if not _passed_over(name, written.ignore) and header.count(name) == 1:
                problems.append(
                    f"{raw.path}: the columns {first!r} and {name!r} are both {canonical}, "
                    "expected one; name the other under `ignore:`."
                )
            canonical = ""
        elif not canonical and not _passed_over(name, written.ignore) and plain(name) not in marks:
            unknown.append(name)
        ours.append(canonical)
    problems += _unknown(raw, unknown, kind)
    return ours


def _name_of(
    name: str, raw: RawTable, kind: FileKind, written: FileFormat, mapped: Mapping[str, str]
) -> str:
    """A column's canonical name: as the region file says, as it stands, or as the file says."""
    known = (*kind.columns, *DATE_PARTS) if mapped else kind.columns
    for candidate in (
        written.columns.get(name) or mapped.get(plain(name)),
        name,
        bare(name),
        raw.meanings.get(name),
    ):
        if candidate in known:
            return str(candidate)
    return ""


def _passed_over(name: str, patterns: Iterable[str]) -> bool:
    return any(
        fnmatchcase(word, pattern.lower())
        for pattern in patterns
        for word in (name.lower(), plain(name))
    )


def is_date(parts: Iterable[str]) -> bool:
    """Whether parts of a date are a whole one."""
    there = set(parts)
    return {"year", "month", "day"} <= there or {"year", "day_of_year"} <= there


def _joined_date(table: pd.DataFrame) -> pd.Series:
    """The parts of a date as ISO text; what is no date as it stands there."""
    text = {
        part: table[part].astype("str").str.strip().str.removesuffix(".0")
        for part in DATE_PARTS
        if part in table
    }
    if "month" in text and "day" in text:
        return text["year"] + "-" + text["month"].str.zfill(2) + "-" + text["day"].str.zfill(2)
    joined = text["year"] + "-" + text["day_of_year"].str.zfill(3)
    days = pd.to_datetime(joined, format="%Y-%j", errors="coerce")
    return days.dt.strftime("%Y-%m-%d").fillna(joined)


def _require(
    raw: RawTable, kind: FileKind, header: list[str], names: list[str], problems: list[str]
) -> None:
    for needed in kind.required:
        if needed not in names:
            near = next((name for name in header if ALIASES.get(plain(name)) == needed), None)
            cure = f"rename {near!r}" if near else "add it"
            problems.append(
                f"{raw.path}: there is no `{needed}` column, found "
                f"{', '.join(map(repr, header[:20]))}; {cure}."
            )
    if kind is not LOCATIONS and not any(name in VARIABLES or "spread" in name for name in names):
        problems.append(
            f"{raw.path}: there is no variable in it, expected one or more of "
            f"{', '.join(VARIABLES)}; add a column."
        )


def _unknown(raw: RawTable, names: list[str], kind: FileKind) -> list[str]:
    """A sentence on each column whose meaning can be guessed, one on all others together."""
    sentences, others = [], []
    for name in names:
        if not name:
            sentences.append(
                f"{raw.path}: the header has an empty field; name the column or take it out."
            )
        elif near := suggestion(name, kind):
            sentences.append(
                f"{raw.path}: unknown column {name!r}, did you mean {near!r}? Rename it."
            )
        else:
            others.append(name)
    if others:
        shown = ", ".join(map(repr, others[:12])) + (", ..." if len(others) > 12 else "")
        word = "column" if len(others) == 1 else "columns"
        it = "it" if len(others) == 1 else "them"
        sentences.append(
            f"{raw.path}: unknown {word} {shown}, expected one of {', '.join(kind.columns)}; "
            f"rename {it}, take {it} out or name {it} under `ignore:`."
        )
    return sentences


def without_accents(text: str) -> str:
    """A text's letters without the marks on them."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def suggestion(name: str, kind: FileKind) -> str | None:
    """The column that a name may mean."""
    word = without_accents(plain(name)).replace(" ", "_")
    alias = word if word in kind.columns else ALIASES.get(word)
    if alias in kind.columns:
        return alias
    long = [column for column in kind.columns if len(column) > 4]
    near = difflib.get_close_matches(word, long, n=1, cutoff=0.75)
    return near[0] if near else None


def _unit(raw: RawTable, theirs: str, ours: str, written: FileFormat) -> str | None:
    """The unit of a column: as the region file says, as the file says, or None."""
    given = {plain(name): unit for name, unit in written.units.items()}
    for name in (theirs, plain(theirs), ours):
        unit = written.units.get(name) or given.get(name)
        if unit:
            return unit
    return raw.units.get(theirs)


def place_columns(table: pd.DataFrame) -> list[str]:
    """The columns that tell of the place, where they are columns of a record."""
    return [name for name in OF_PLACES if name in table]
