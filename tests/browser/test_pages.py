"""What a reader's browser makes of every published page, at the width of a telephone, a tablet and
a desk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from unicodedata import normalize

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from pypdf import PageObject, PdfReader

from configs import load_region

WIDTHS = (360, 1440, pytest.param(768, marks=pytest.mark.slow))
LEAST_TYPE = 4.5
"""Points.

Chromium shrinks a sheet whose tables are too wide for it; below this nobody can read them.
"""

# Elements that must take the focus. Of a group of radio buttons the Tab key reaches the chosen one,
# arrow keys the others.
FOCUSABLE = """() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const wanted = "a[href], area[href], button, input:not([type=hidden]), select, textarea, " +
    "summary, iframe, [tabindex], [contenteditable]";
  window.waited = new Map();
  for (const one of document.querySelectorAll(wanted))
    if (one.tabIndex >= 0 && !one.disabled && one.checkVisibility({visibilityProperty: true}))
      window.waited.set(
        one, one.type === "radio" ? "radio " + one.name : one.outerHTML.slice(0, 120));
  window.met = new Set();
  document.addEventListener("focusin", event => window.met.add(event.target), true);
  return window.waited.size;
}"""
UNREACHED = """() => {
  const groups = new Set([...window.met].map(one => window.waited.get(one)));
  const unmet = ([one, name]) => !window.met.has(one) && !groups.has(name);
  return [...window.waited].filter(unmet).map(([one, name]) => name);
}"""
OVERFLOW = """() => {
  const most = innerWidth;
  if (document.documentElement.scrollWidth <= most) return "";
  const far = [...document.querySelectorAll("body *")].filter(one => {
    const box = one.getBoundingClientRect();
    return box.right > most || box.left < 0;
  });
  const first = far.slice(0, 3).map(one => one.outerHTML.slice(0, 80)).join(" ");
  return document.documentElement.scrollWidth + " px wide, by " + first;
}"""
# Texts of a drawing, as they are on the screen, beyond its box or one over another.
MISPLACED = """() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const wrong = [];
  for (const svg of document.querySelectorAll("svg.chart, .large svg.map")) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter(one => one.textContent.trim());
    const boxes = texts.map(one => [one.textContent, one.getBoundingClientRect()]);
    boxes.forEach(([said, box], n) => {
      const sideways = box.left < frame.left - .5 || box.right > frame.right + .5;
      if (sideways || box.top < frame.top - .5 || box.bottom > frame.bottom + .5)
        wrong.push(said + " leaves its drawing");
      for (const [other, near] of boxes.slice(0, n))
      {
        const across = Math.min(box.right, near.right) - Math.max(box.left, near.left);
        const down = Math.min(box.bottom, near.bottom) - Math.max(box.top, near.top);
        if (across > .5 && down > TALL * Math.min(box.height, near.height))
          wrong.push(said + " is over " + other);
      }
    });
  }
  return wrong;
}""".replace("TALL", "0.3")  # a line's box is a third higher than its letters
SAID = (
    "() => [...document.querySelectorAll('h1, h2, h3, table, .heads li')].map(one => "
    "one.innerText.trim())"
)


@contextmanager
def opened(
    browser: Browser, url: str, width: int = 1440, script: bool = True, bypass_csp: bool = False
) -> Iterator[tuple[Page, list[str]]]:
    """A page in a window of its own, and what went wrong in it so far: errors in its console,
    requests to another host."""
    wrong: list[str] = []
    host = url.split("/")[2]
    context = browser.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=script, bypass_csp=bypass_csp
    )
    page = context.new_page()
    page.on(
        "console",
        lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.split("/")[2] == host or asked.url.startswith("data:")
            else wrong.append(asked.url)
        ),
    )
    if "/latest." in url:  # stay on a page that leads on at once
        page.route("**/report.*", lambda route: route.fulfill(status=204))
    answer = page.goto(url)
    assert answer and answer.ok, f"{url}: {answer and answer.status}"
    yield page, wrong
    context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_fits_its_window_and_asks_nobody_else(width: int, site, browser: Browser) -> None:
    for path in site.paths:
        with opened(browser, site.url + path, width) as (page, wrong):
            page.wait_for_load_state()
            assert (path, page.evaluate(OVERFLOW)) == (path, "")
            assert (path, wrong) == (path, [])


@pytest.mark.parametrize("width", WIDTHS)
def test_texts_of_charts_and_maps_stay_within_them_and_apart(
    width: int, site, browser: Browser
) -> None:
    for path in (*site.reports, *site.details):
        with opened(browser, site.url + path, width) as (page, _):
            assert page.evaluate("document.querySelectorAll('svg.chart text').length") > 30
            assert (path, page.evaluate(MISPLACED)) == (path, [])


def test_every_commune_is_named_on_the_large_map(site, browser: Browser) -> None:
    for path in site.reports:
        with opened(browser, site.url + path, 360) as (page, _):
            named = page.evaluate(
                "[...document.querySelectorAll('.large svg.map text')].map(one => one.textContent)"
            )
            told = {one.names[path.split(".")[-2]] for one in load_region("berkane").locations}
            assert set(named) == told and len(named) == len(told) == 16


SCREEN = 740
"""Pixels of a telephone's window, 360 wide."""


@pytest.mark.parametrize(("name", "most"), [("quiet_site", 6), ("site", 10)])
def test_a_report_is_a_few_screens_of_a_telephone(
    name: str, most: int, browser: Browser, request: pytest.FixtureRequest
) -> None:
    site = request.getfixturevalue(name)
    for path in site.reports:
        with opened(browser, site.url + path, 360) as (page, _):
            height = page.evaluate("document.documentElement.scrollHeight")
            assert height <= most * SCREEN, (path, height / SCREEN)


def test_links_of_a_report_lead_to_what_is_there(site, browser: Browser) -> None:
    for path in (*site.reports, *site.details):
        with opened(browser, site.url + path) as (page, _):
            links = page.evaluate("[...document.querySelectorAll('a[href]')].map(one => one.href)")
            found = {link: page.request.get(link.split("#")[0]).status for link in set(links)}
        assert len(found) > 2 and {link for link, status in found.items() if status != 200} == set()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_keyboard_reaches_everything(width: int, site, browser: Browser) -> None:
    for path in site.paths:
        with opened(browser, site.url + path, width) as (page, _):
            for _ in range(page.evaluate(FOCUSABLE) + 5):
                page.keyboard.press("Tab")
            assert (path, page.evaluate(UNREACHED)) == (path, [])


def test_a_page_is_written_in_its_own_direction(site, browser: Browser) -> None:
    assert site.reports
    for path in site.reports:
        tag = path.split(".")[-2]
        with opened(browser, site.url + path) as (page, _):
            found = page.evaluate(
                "[document.documentElement.lang, getComputedStyle(document.body).direction]"
            )
            assert found == [tag, "rtl" if tag == "ar" else "ltr"]


@pytest.mark.parametrize(
    ("width", "name"),
    [(360, "small_site"), *(pytest.param(w, "site", marks=pytest.mark.slow) for w in (360, 1440))],
)
def test_axe_finds_nothing_serious(
    width: int, name: str, browser: Browser, request: pytest.FixtureRequest
) -> None:
    site = request.getfixturevalue(name)
    for path in site.paths:
        with opened(browser, site.url + path, width, bypass_csp=True) as (
            page,
            _,
        ):  # axe is a script of ours, which the page forbids
            found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            serious = [
                f"{one['id']}: {one['help']} {[node['target'] for node in one['nodes'][:3]]}"
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert (path, serious) == (path, [])


def test_a_page_says_the_same_without_script(site, browser: Browser) -> None:
    for path in site.reports:
        with opened(browser, site.url + path) as (page, _):
            expected = page.evaluate(SAID)
        with opened(browser, site.url + path, script=False) as (page, _):
            assert len(expected) > 10 and page.evaluate(SAID) == expected


def test_paper_holds_every_table_in_type_that_can_be_read(site, browser: Browser) -> None:
    for path in site.reports:
        with opened(browser, site.url + path) as (page, _):
            cells = page.evaluate(
                "[...document.querySelectorAll('tbody th')].map(one => one.innerText.trim())"
            )
            printed = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True, print_background=True)))
        marks = [mark for sheet in printed.pages for mark in placed(sheet)]
        assert (path, [text for text, x, _, width in marks if not 0 <= x < width]) == (path, [])
        assert min(size for _, _, size, _ in marks) > LEAST_TYPE, path
        if path.endswith(".ar.html"):  # a PDF holds Arabic as shapes in the order of the eye
            continue
        text = "".join(
            normalize("NFKC", "".join(text for text, *_ in marks)).split()
        )  # "fi" may be one letter there
        assert [cell for cell in cells if "".join(cell.split()) not in text] == []


def placed(sheet: PageObject) -> list[tuple[str, float, float, float]]:
    """Each piece of text on a sheet, where it begins, the height of its type, and the sheet's
    width, in points."""
    found: list[tuple[str, float, float, float]] = []

    def visit(text: str, cm: list[float], tm: list[float], _: object, size: float) -> None:
        if text.strip():
            x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
            found.append((text, x, abs(size * tm[3] * cm[3]), float(sheet.mediabox.width)))

    sheet.extract_text(visitor_text=visit)
    return found
