"""Pictures of published reports as they look on their own morning.

`python docs/screenshots.py berkane-exercise/hindcast/2026-08-04.en ...` takes of each report, in a
language, the first screen of a desk and of a telephone and the sheet of the brief, into
docs/images/. Needs the developers' tools and Debian's chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
from datetime import datetime
from pathlib import Path

import pypdfium2
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from configs import CHECKOUT, Settings

SCREENS = {"screen": (1280, 860), "phone": (360, 740)}
COLOURS, SHEET_SCALE = 96, 1.4
IMAGES = CHECKOUT / "docs" / "images"


def save(picture: Image.Image, report: str, what: str, language: str) -> Path:
    """Save a picture with few colours, which text and maps need no more of."""
    path = IMAGES / f"{report.replace('/', '-')}-{what}.{language}.png"
    picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    return path


def pictures(page: Page, report: str, language: str) -> list[Path]:
    """Photographs the first screens and the brief of a report."""
    folder = Settings.from_environment().published / report
    page.clock.set_fixed_time(datetime.fromisoformat(f"{folder.name}T12:00:00"))
    paths = []
    for what, (width, height) in SCREENS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto((folder / f"report.{language}.html").as_uri())
        paths.append(save(Image.open(io.BytesIO(page.screenshot())), report, what, language))
    sheet = pypdfium2.PdfDocument(folder / f"brief.{language}.pdf")[0]
    return [*paths, save(sheet.render(scale=SHEET_SCALE).to_pil(), report, "brief", language)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", metavar="REGION/DAY.LANGUAGE")
    asked = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        for name in asked.reports:
            for path in pictures(page, *name.rsplit(".", 1)):
                print(path.relative_to(CHECKOUT))
        browser.close()


if __name__ == "__main__":
    main()
