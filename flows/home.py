"""The home's stamp: which layout it has, and which version of this package wrote there last.

``<home>/home.json`` holds both. A home of a later layout is refused before anything is read or
written; one of an earlier layout is brought up to this one, step by step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from configs import RiskError, Settings
from configs.whole_files import write_whole

STAMP = "home.json"
LAYOUT = 2
"""The layout that this version writes. 1: a home without a stamp, of version 0.2 or before."""


@dataclass(frozen=True)
class Stamp:
    """What a home tells of itself: its layout, and the version of the package that wrote last."""

    layout: int
    package: str


def package_version() -> str:
    """The version of this package."""
    return version("climate-risk")


def schedule_lock(settings: Settings) -> Path:
    """The lock that ``climate-risk schedule`` holds as long as it serves a home.

    It is none of data/locks/, where each region has its own: those are held for a run.
    """
    return settings.data / "schedule.lock"


def open_home(settings: Settings) -> None:
    """Brings a home to this layout and stamps it.

    Raises RiskError where a later version laid it out, where its stamp cannot be read, and where a
    restore was stopped half way; OSError where its disk refuses.
    """
    require_finished(settings.home)
    now = Stamp(LAYOUT, package_version())
    if read_stamp(settings) == now:
        return
    settings.data.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.data / "home.lock"):
        for layout in range(read_stamp(settings).layout, LAYOUT):
            STEPS[layout](settings)
            write_stamp(settings, Stamp(layout + 1, now.package))
        write_stamp(settings, now)


def read_stamp(settings: Settings) -> Stamp:
    """A home's stamp; layout 1 where it has none. Raises RiskError for a later or unreadable one.

    An empty home needs no step, and passes those of layout 1 without any change.
    """
    path = settings.home / STAMP
    if not path.is_file():
        return Stamp(1, "")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        stamp = Stamp(int(stored["layout"]), str(stored["package"]))
    except (ValueError, TypeError, KeyError):
        raise RiskError(
            f"file {path}: found no stamp of a home, expected its layout and the version that "
            "wrote it; put it back from a backup, nothing else was touched."
        ) from None
    if not 1 <= stamp.layout <= LAYOUT:
        raise RiskError(
            f"home {settings.home}: found layout {stamp.layout}, written by climate-risk "
            f"{stamp.package}, expected {LAYOUT} at most; install that version or a later one, "
            "nothing was touched."
        )
    return stamp


def write_stamp(settings: Settings, stamp: Stamp) -> None:
    """Writes a home's stamp."""
    write_whole(settings.home / STAMP, f"{json.dumps(asdict(stamp), sort_keys=True)}\n")


RESTORING = ".climate-risk-restore"
"""Folder in a home in which a backup is unpacked."""
CHECKED = "checked"
"""File in it once all of it was checked: from then on its parts are put in place."""


def require_finished(home: Path) -> None:
    """Raises RiskError where a restore into this home was stopped while it put parts in place."""
    if (home / RESTORING / CHECKED).is_file():
        raise RiskError(
            f"home {home}: found a restore that was stopped half way, expected a whole home; give "
            "climate-risk restore once more, with the same file."
        )


def drop_results(settings: Settings) -> None:
    """Layout 1 to 2: takes away what failed runs left in Prefect's storage, pickled exceptions."""
    for path in (settings.prefect / "storage").glob("*"):
        if path.is_file():
            path.unlink(missing_ok=True)


STEPS: Mapping[int, Callable[[Settings], None]] = {1: drop_results}
"""Layout -> the step to the next one. Each does no harm when it is done twice."""
