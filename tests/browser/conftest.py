"""A published folder behind a real web server, and a real browser to look at it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest
from playwright.sync_api import Browser, sync_playwright

import reports
from configs import Settings, load_region
from reports import write_index

HAZARDS = ("heat", "flash_flood", "river_flood", "drought")
REGION, DAY = "made-up", "2003-06-12"


@dataclass(frozen=True)
class Site:
    """Pages served from ``url``; ``paths`` are those a reader may open, reports first."""

    url: str
    paths: tuple[str, ...]

    @property
    def reports(self) -> tuple[str, ...]:
        """The reports, one in each language published."""
        return tuple(path for path in self.paths if "/report." in path)

    @property
    def details(self) -> tuple[str, ...]:
        """The pages of full tables, one in each language published."""
        return tuple(path for path in self.paths if "/details." in path)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


def _module(name: str) -> ModuleType:
    """A module of the tests of reports, whose folder is no package."""
    path = Path(__file__).parents[1] / "reports" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"made_up_{name}", path)
    assert spec and spec.loader
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The 16 communes of Berkane and four hazards in three languages, served on 127.0.0.1."""
    with served(Settings(tmp_path_factory.mktemp("home")), 16) as whole:
        yield whole


@pytest.fixture(scope="module")
def quiet_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The 16 communes on a day when everything is green."""
    with served(Settings(tmp_path_factory.mktemp("quiet")), 16, colour="green") as quiet:
        yield quiet


@pytest.fixture(scope="module")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same of two communes: every kind of element, few of each."""
    with served(Settings(tmp_path_factory.mktemp("small")), 2) as small:
        yield small


@contextmanager
def served(settings: Settings, places: int, **shape: str) -> Iterator[Site]:
    """A report of the first ``places`` communes of Berkane, published in a home and served."""
    folder = settings.published / REGION / DAY
    folder.parent.mkdir(parents=True)
    maker = _module("conftest")
    berkane = load_region("berkane")
    few = {"name": REGION, "locations": berkane.locations[:places]}
    region = berkane.model_copy(update=few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reports.render.papers, "pdf_of", maker.no_paper)  # a browser opens pages
        maker.make_for(region, hazards=HAZARDS, **shape).publish(folder, settings=settings)
    live = _module("live_cases").live_scores_table(REGION)
    live.to_csv(folder.parent / "marks-scores.csv", index=False, date_format="%Y-%m-%d")
    write_index(settings)
    pages = sorted(f"{REGION}/{DAY}/{path.name}" for path in folder.glob("[rd]*.html"))
    pages += sorted(
        f"{REGION}/{DAY}/places/{path.name}" for path in (folder / "places").glob("berkane.*.html")
    )  # the other places' have the same parts
    fronts = sorted(
        str(path.relative_to(settings.published))
        for path in settings.published.glob("**/*.html")
        if folder not in path.parents
    )
    fronts = [
        front for front in fronts if "/latest." not in front or front.endswith("/latest.html")
    ]  # they differ in language alone
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Quiet, directory=str(settings.published))
    ) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Site(f"http://127.0.0.1:{server.server_port}/", (*pages, *fronts))
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window.

    Not for the whole session: Playwright's loop would be in the way of other tests' loops.
    """
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("needs the browser chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()
