"""The pages on a region's record in a real browser: they fit a telephone and load nothing."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parents[1] / "reports"))

from test_track_record import DAYS, HELD, IMPACTS, RETRACTED

from configs import Settings, load_region
from reports import Kept, write_actions, write_track_record, write_triggers

DAY = date(2026, 7, 8)
RATES = ("fires", "in_vain", "missed", "hit_rate", "false_alarm_ratio", "warned", "lead_time")
INSIDE = """() => [...document.querySelectorAll('svg.chart text')].filter(one => {
    const box = one.getBBox();
    return box.x < 0 || box.x + box.width > 400 || box.y + box.height > 196;
}).map(one => one.textContent)"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def cells() -> list[dict]:
    return [
        {
            "hazard": hazard,
            "stage": stage,
            "lead_days": lead,
            "window_days": window,
            "colour": colour,
            "level": level,
        }
        for hazard, leads in (("heat", ((0, 1), (1, 1), (0, 7))), ("drought", ((30, 90),)))
        for stage in ("state", "combined")
        for lead, window in leads
        for level, colour in enumerate(("yellow", "orange", "red"), start=1)
    ]


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Made-up tables of the trigger bench, with and without intervals."""
    rates = {
        f"{name}{end}": value
        for name in RATES
        for end, value in (("", 12.3), ("_low", 4.5), ("_high", 98.7))
    }
    more = rates | {"years": 31, "event_days": 9.0, "value": 0.43, "value_at": 0.15}
    told = pd.DataFrame([cell | more for cell in cells()])
    told.loc[told["level"] == 3, [f"{name}_low" for name in RATES]] = float("nan")
    values = [
        cell
        | {
            "cost_loss": share,
            "value": 0.8 - share,
            "value_low": 0.5 - share,
            "value_high": 1.0,
            "value_colour": -0.2 + share,
        }
        for cell in cells()
        for share in (0.01, 0.1, 0.5, 0.9)
    ]
    return told, pd.DataFrame(values)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings, region = Settings(tmp_path_factory.mktemp("home")), load_region("berkane-exercise")
    write_triggers(region, *tables(), DAY, settings, "EXERCISE")
    write_actions(region, settings, "EXERCISE")
    kept = Kept(HELD, RETRACTED, DAYS, IMPACTS, 3, {})
    return write_track_record(region, kept, settings, "EXERCISE")


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_every_page_fits_its_window_and_loads_nothing(
    folder: Path, width: int, browser: Browser
) -> None:
    pages = sorted(folder.glob("*.html"))
    assert len(pages) == 12
    for path in pages:
        look_at(path, width, browser)


def look_at(path: Path, width: int, browser: Browser) -> None:
    context, wrong = browser.new_context(viewport={"width": width, "height": 800}), list[str]()
    page, own = context.new_page(), path.as_uri()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: wrong.append(asked.url) if asked.url != own else None)
    page.goto(own)
    assert (path.name, page.evaluate(TOO_WIDE)) == (path.name, 0)
    assert (path.name, page.evaluate(INSIDE)) == (path.name, [])
    assert (path.name, wrong) == (path.name, [])
    direction = page.evaluate("getComputedStyle(document.body).direction")
    assert direction == ("rtl" if path.name.endswith(".ar.html") else "ltr")
    context.close()
