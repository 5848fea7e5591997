"""Whose store it is: two region files of one name may not share a home's."""

from __future__ import annotations

import os
from pathlib import Path

from configs import Region, RiskError, Settings
from configs.whole_files import write_whole


def claim_store(region: Region, settings: Settings) -> None:
    """Notes that the region's store is that of its file.

    Raises RiskError where it is another file's, which is still there and has the same name.
    """
    if problems := store_problems(region, settings):
        raise RiskError(problems[0])
    path = _note(region, settings)
    line = os.path.relpath(region.path, settings.home)
    if not path.is_file() or path.read_text(encoding="utf-8") != line:
        write_whole(path, line)


def store_problems(region: Region, settings: Settings) -> list[str]:
    """A sentence where the region's store in this home is that of another region file."""
    try:
        line = _note(region, settings).read_text(encoding="utf-8")
        owner = Path(os.path.normpath(settings.home / line))
        if not owner.is_file() or owner.samefile(region.path) or not _has_name(owner, region.name):
            return []
    except (OSError, ValueError):
        return []
    return [
        f"region file {region.path}: the store {settings.data / 'store' / region.name} is that of "
        f"{owner}, which has the name {region.name!r} too, expected one region file of a name; "
        "call one of them otherwise, or set CLIMATE_RISK_HOME to another folder for it."
    ]


def _note(region: Region, settings: Settings) -> Path:
    return settings.data / "regions" / f"{region.name}.path"


def _has_name(path: Path, name: str) -> bool:
    """Whether a file still describes a region of this name."""
    from configs import load_region

    try:
        return load_region(path).name == name
    except RiskError:
        return False
