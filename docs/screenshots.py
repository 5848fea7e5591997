"""Pictures of the newest published reports as they look on their own morning: `python
docs/screenshots.py berkane-exercise.en tunis.en`.

Needs the developers' tools and Debian's chromium. Writes docs/<region>.<language>.png. A region may
be region/hindcast.
"""

from __future__ import annotations

import argparse
import io
import shutil
from datetime import datetime
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from configs import CHECKOUT, Settings

WIDTH, HEIGHT, COLOURS = 1280, 1300, 128


def newest(region: str) -> Path:
    """The folder of a region's newest published report."""
    return max((Settings.from_environment().published / region).glob("????-??-??"))


def picture(page: Page, region: str, language: str) -> Path:
    """Photographs the top of a report."""
    folder = newest(region)
    page.clock.set_fixed_time(datetime.fromisoformat(f"{folder.name}T12:00:00"))
    page.goto((folder / f"report.{language}.html").as_uri())
    path = CHECKOUT / "docs" / f"{region.replace('/', '-')}.{language}.png"
    Image.open(io.BytesIO(page.screenshot())).quantize(COLOURS).save(path, optimize=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", metavar="REGION.LANGUAGE")
    asked = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name in asked.reports:
            print(picture(page, *name.rsplit(".", 1)).relative_to(CHECKOUT))
        browser.close()


if __name__ == "__main__":
    main()
