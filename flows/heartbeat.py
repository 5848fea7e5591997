"""The dead man's signal: a sign of each good run, so that its absence is noticed elsewhere."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import httpx

from configs import Settings, clock
from configs.whole_files import write_whole

PING = "CLIMATE_RISK_PING_URL"
PING_SECONDS = 10.0

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it tells each address


def _path(region: str, settings: Settings) -> Path:
    return settings.data / "alive" / region


def last_beat(region: str, settings: Settings) -> datetime | None:
    """When a run of the region last published today's report; None where that is not known."""
    with suppress(OSError, ValueError):
        return datetime.fromisoformat(_path(region, settings).read_text(encoding="utf-8").strip())
    return None


def beat(region: str, settings: Settings) -> None:
    """Signs that a run of the region has published today's report.

    Writes the time into data/alive/<region>, and asks the address in CLIMATE_RISK_PING_URL, whose
    answer does not matter: it holds a secret, so no log shows it.
    """
    write_whole(_path(region, settings), f"{clock.now().isoformat(timespec='seconds')}\n")
    if address := os.environ.get(PING):
        try:
            httpx.get(address, timeout=PING_SECONDS).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("the address in %s did not answer (%s)", PING, type(error).__name__)
