"""The pages of docs/ build without a warning and load nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import climate_risk as cr
from configs import CHECKOUT

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


class Resources(HTMLParser):
    """What a page loads, and the classes of its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.classes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.classes |= set((found.get("class") or "").split())
        if address := found.get(LOADED.get(tag, "")):
            self.loaded.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return folder


def pages(site: Path) -> Iterator[tuple[Path, Resources]]:
    for path in sorted(site.rglob("*.html")):
        page = Resources()
        page.feed(path.read_text(encoding="utf-8"))
        yield path, page


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    found = [
        (path.name, address)
        for path, page in pages(site)
        for address in page.loaded
        if re.match(r"(\w+:)?//", address)
    ]
    assert found == []
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.search(r"url\(['\"]?(https?:)?//|@import", styles)


def test_no_page_makes_a_script_fetch_anything(site: Path) -> None:
    """The theme's script fetches a library for diagrams, and facts on a repository, where it finds
    them."""
    assert {path.name for path, page in pages(site) if "mermaid" in page.classes} == set()
    assert not any(
        'data-md-component="source"' in path.read_text() for path in site.rglob("*.html")
    )


def test_all_that_a_page_loads_is_there(site: Path) -> None:
    lost = [
        address
        for path, page in pages(site)
        if path.name != "404.html"
        for address in page.loaded
        if not (path.parent / address.partition("?")[0]).exists()
    ]
    assert lost == []


def test_the_api_page_has_every_public_function(site: Path) -> None:
    text = (site / "api.html").read_text(encoding="utf-8")
    names = [name for name in cr.__all__ if name[0].islower()]
    assert [name for name in names if f'id="climate_risk.{name}"' not in text] == []
    assert 'id="climate_risk._' not in text


@pytest.mark.parametrize(
    "path", sorted((CHECKOUT / "docs").glob("*.md")), ids=lambda path: path.stem
)
def test_links_between_pages_also_work_in_a_checkout(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []
