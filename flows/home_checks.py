"""What is looked at of a home: its disk, and whether the schedule and Prefect's API are alive."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from pathlib import Path

import httpx

from configs import Settings
from flows.home import schedule_lock
from flows.standing import Check, made

LEAST_FREE, LEAST_DAYS = 1_000_000_000, 30
"""Bytes of room, and days until the disk is full, below which someone should make room."""
MANY_DAYS = 3650
"""Days until the disk is full of which no number is told."""
GROWTH_DAYS = 3
"""Days apart that two sizes of the home must be for a rate of growth."""
SIZES = "sizes.json"
"""In data/watch: the home's size by day, as the watch found it."""
API_SECONDS = 2.0


def home_checks(settings: Settings, now: datetime) -> Iterator[Check]:
    """The checks of a home, in the order in which they are told."""
    yield from made("disk", partial(_disk, settings, now))
    yield from made("schedule", partial(_schedule, settings))


def home_size(home: Path) -> int:
    """Bytes of all files below a folder; what cannot be read, or is gone meanwhile, is left out."""
    total, folders = 0, [os.fspath(home)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
    return total


def parts_of(settings: Settings) -> int:
    """Bytes of what runs make in a home, which may be a checkout with other things in it."""
    return sum(
        home_size(part)
        for part in (settings.data, settings.mlruns, settings.published, settings.prefect)
    )


def read_sizes(settings: Settings) -> dict[str, int]:
    """The home's size by day (ISO), as the watch found it."""
    path = settings.data / "watch" / SIZES
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {date.fromisoformat(day).isoformat(): int(size) for day, size in stored.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _disk(settings: Settings, now: datetime) -> Iterator[Check]:
    size, free = parts_of(settings), shutil.disk_usage(settings.home).free
    rate = _growth(read_sizes(settings) | {now.date().isoformat(): size})
    values = {"home_bytes": size, "free_bytes": free, "bytes_a_day": rate}
    sentence = f"{_megabytes(size)} here, {_megabytes(free)} free"
    days = free / rate if rate and rate > 0 else None
    if rate is None:
        sentence += "; the rate of growth is known once the watch has run for some days"
    elif days is None or days > MANY_DAYS:
        sentence += "; at its rate of growth there is room for more than 10 years"
    else:
        sentence += f"; {rate / 1e6:.1f} MB more a day, full in about {days:,.0f} days"
    tight = free < LEAST_FREE or (days is not None and days < LEAST_DAYS)
    cure = "; make room." if tight else "."
    yield Check("disk", sentence + cure, "degraded" if tight else "ok", values)
    if not os.access(settings.home, os.W_OK):
        yield Check("home", f"{settings.home} may not be written to; no run can.", "degraded")


def _megabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def _growth(sizes: dict[str, int]) -> float | None:
    """Bytes a day from the first to the last; None where these are too near."""
    first, last = min(sizes), max(sizes)
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days
    return (sizes[last] - sizes[first]) / days if days >= GROWTH_DAYS else None


def _schedule(settings: Settings) -> Iterator[Check]:
    """A home whose runs cron starts has no schedule of its own, which is no fault."""
    alive = _is_held(schedule_lock(settings))
    api = os.environ.get("PREFECT_API_URL", "")
    addresses = [api] if api else list(_own_addresses(settings))
    answering = [address for address in addresses if _answers(address)]
    values = {"alive": alive, "api": answering}
    if alive and not answering:
        cure = "Prefect's API does not answer; stop climate-risk schedule and start it again."
        yield Check("schedule", f"it runs, but {cure}", "degraded", values)
    elif alive:
        yield Check("schedule", f"it runs; Prefect's API answers at {answering[0]}.", values=values)
    elif api:
        state = "answers" if answering else "does not answer"
        yield Check(
            "schedule",
            f"none runs here; Prefect's API {state} at PREFECT_API_URL.",
            "ok" if answering else "degraded",
            values,
        )
    else:
        yield Check(
            "schedule", "none runs here; cron or a timer must start the runs.", values=values
        )


def _own_addresses(settings: Settings) -> Iterator[str]:
    """Of the servers started here, each of which has a file with its login."""
    for path in sorted(settings.prefect.glob("login-*")):
        port = path.name.removeprefix("login-")
        if port.isdecimal():
            yield f"http://127.0.0.1:{port}/api"


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=API_SECONDS).status_code == 200
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _is_held(path: Path) -> bool:
    """Whether a process holds a file's lock; the file is read alone and not made."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
