"""Status: how a home stands, region by region. It reads alone, and starts no server.

A check that cannot be made says what cannot be read; the others are made all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from configs import RESERVED, Region, RiskError, Settings, clock, load_region
from flows.home_checks import home_checks
from flows.region_checks import Looked, region_checks
from flows.standing import Check, HomeStatus, Standing


def home_status(names: Sequence[str], settings: Settings) -> HomeStatus:
    """How a home and some of its regions stand; without ``names`` all that have run here.

    Raises ConfigError for a name or path that is no region file.
    """
    now = clock.now()
    regions = [load_region(name) for name in names]
    standings = [standing_of(region, settings, now) for region in regions]
    if not names:
        standings = [
            _unreadable(name, region)
            if isinstance(region, RiskError)
            else standing_of(region, settings, now)
            for name, region in regions_here(settings).items()
        ]
    itself = Standing("", str(settings.home), tuple(home_checks(settings, now)))
    return HomeStatus(settings.home, now, itself, tuple(standings))


def standing_of(region: Region, settings: Settings, now: datetime) -> Standing:
    """How a region stands at a time."""
    looked = Looked(region, settings, now)
    return Standing(region.name, region.title, tuple(region_checks(looked)))


def regions_here(settings: Settings) -> dict[str, Region | RiskError]:
    """The regions that have run in a home, by name: their files, or why one cannot be read."""
    noted = {path.stem: path for path in (settings.data / "regions").glob("*.path")}
    published = {path.parent.name for path in settings.published.glob("*/ledger.jsonl")}
    return {
        name: _region(name, noted.get(name), settings)
        for name in sorted(set(noted) | published - RESERVED)
    }


def _region(name: str, note: Path | None, settings: Settings) -> Region | RiskError:
    try:
        if note is None:
            return load_region(name)
        return load_region(str(settings.home / note.read_text(encoding="utf-8").strip()))
    except RiskError as error:
        return error
    except (OSError, ValueError) as error:
        return RiskError(f"{note}: it cannot be read ({type(error).__name__}).")


def _unreadable(name: str, error: RiskError) -> Standing:
    check = Check("region file", f"cannot be read: {error}", "failed")
    return Standing(name, name, (check,))
