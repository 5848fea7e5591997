"""The inbox: which files it holds, of which kind, and what is no file of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs import Region, RiskError, Settings
from sources.station_files.csv_files import read_csv
from sources.station_files.kinds import FORECASTS, LOCATIONS, OBSERVATIONS, FileKind, RawTable
from sources.station_files.netcdf_files import read_netcdf
from sources.station_files.options import FileFormat
from sources.station_files.parquet_files import read_parquet
from sources.station_files.probing import endless
from sources.station_files.templates import format_of

READERS: dict[str, Callable[..., RawTable]] = {
    ".csv": read_csv,
    ".parquet": read_parquet,
    ".nc": read_netcdf,
    ".nc4": read_netcdf,
}
TEXTS = frozenset({".txt", ".tsv", ".dat", ".asc"})
"""Read as text where the region file says how they are written."""
UNREADABLE_FORMATS = frozenset(
    {".xlsx", ".xls", ".ods", ".gz", ".zip", ".feather", ".grib", ".grb", ".json", ".tsv"}
)


@dataclass(frozen=True)
class InboxFile:
    """A file to read: its kind, how it is written where the region file says so.

    ``offset``: hours of the region's days from UTC.
    """

    path: Path
    kind: FileKind
    written: FileFormat | None
    offset: float = 0.0

    @property
    def reader(self) -> Callable[..., RawTable]:
        """The reader of its format."""
        return READERS.get(suffix_of(self.path), read_csv)

    def raw(self, written: FileFormat, places: Any) -> RawTable:
        """Its table as it stands there. Raises FilesRefused."""
        more = {"places": places} if self.reader is read_netcdf else {}
        return self.reader(self.path, self.kind, written, **more)


@dataclass(frozen=True)
class Inbox:
    """What an inbox holds: files to read, those passed over, and what is wrong with others."""

    folder: Path
    files: tuple[InboxFile, ...]
    passed_over: tuple[Path, ...]
    problems: tuple[str, ...]

    def of_kind(self, kind: FileKind) -> list[InboxFile]:
        """The files of a kind, in the order of their names."""
        return [file for file in self.files if file.kind is kind]


IMPACTS = "impacts"
"""How the names of files begin that hold citizens' reports, which are no record of a station."""


def suffix_of(path: Path) -> str:
    """A file's suffix in small letters; of packed text that of the text."""
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    return inner if suffix == ".gz" and inner in {".csv", *TEXTS} else suffix


def inbox_of(region: Region, settings: Settings, formats: Mapping[str, FileFormat]) -> Inbox:
    """The region's inbox. Raises RiskError where there is no folder."""
    folder = region.inbox_path(settings)
    if not folder.is_dir():
        what = "is a file, expected a folder" if folder.is_file() else "does not exist"
        raise RiskError(f"region {region.name!r}: the inbox {folder} {what}; {_cure(region)}.")
    files: list[InboxFile] = []
    passed_over: list[Path] = []
    problems: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not (path.is_file() or path.is_symlink()):
            continue
        if path.name.lower().startswith(IMPACTS):
            continue
        written, suffix = format_of(path.name, dict(formats)), suffix_of(path)
        if wrong := _link_problem(path, folder):
            problems.append(wrong)
        elif suffix in READERS or (written is not None and suffix in TEXTS):
            files.append(InboxFile(path, kind_of(path.name), written, region.day_offset))
        elif suffix in UNREADABLE_FORMATS:
            problems.append(
                f"{path}: found a {path.suffix} file, expected CSV, Parquet or NetCDF; save it as "
                "one of these or take it out of the inbox."
            )
        else:
            passed_over.append(path)
    damaged = endless([file.path for file in files if file.reader is read_netcdf])
    problems += [
        f"{path}: it cannot be read as NetCDF (opening it does not end or breaks the reader); "
        "write it anew."
        for path in damaged
    ]
    files = [file for file in files if file.path not in damaged]
    if not any(file.kind is OBSERVATIONS for file in files):
        problems.append(
            f"region {region.name!r}: the inbox {folder} holds no file of observations; "
            f"{_cure(region)}."
        )
    return Inbox(folder, tuple(files), tuple(passed_over), tuple(problems))


def _cure(region: Region) -> str:
    return f"put CSV, Parquet or NetCDF files there or set `inbox:` in {region.path}"


def _link_problem(path: Path, folder: Path) -> str | None:
    """A sentence on a link that leads out of the inbox, or nowhere."""
    if not path.is_symlink() or path.resolve().is_relative_to(folder.resolve()):
        return None
    return f"{path}: it is a link out of the inbox, expected a file; put the file itself there."


def kind_of(name: str) -> FileKind:
    """What kind of file a name says it is."""
    plain = name.lower()
    if plain == "locations.csv":
        return LOCATIONS
    return FORECASTS if plain.startswith("forecasts") else OBSERVATIONS
