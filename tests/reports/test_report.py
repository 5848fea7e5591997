import base64
import hashlib
import math
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from reports import publish
from reports.exports.table import read_forecast_csv
from reports.text.formatting import brief
from reports.text.language import ENGLISH

ALL = ("heat", "flash_flood", "river_flood", "drought")
SHAPES = {
    "one place": {},
    "sixteen places": {"n_places": 16, "hazards": ALL},
    "forty places": {"n_places": 40, "hazards": ALL, "names": [f"Commune {i}" for i in range(40)]},
    "all grey": {"colour": "grey"},
    "all red": {"colour": "red", "n_places": 2},
    "a hazard without numbers": {"silent": ("flash_flood",)},
    "nothing at all": {"silent": ALL, "scored": False, "history": "none"},
    "nothing measured": {"history": "nan"},
    "out of season": {"issued": "2003-01-12", "silent": ("heat",)},
    "into the season": {"issued": "2003-04-26"},
    "no scores": {"scored": False},
    "degraded": {"degraded": ("The newest observation is of 2003-06-01.",)},
    "exercise": {"label": "EXERCISE", "n_places": 3},
    "one hazard": {"hazards": ("drought",)},
    "new year": {"issued": "2003-12-29", "n_places": 2},
    "leap day": {"issued": "2004-02-27"},
}
pytestmark = pytest.mark.usefixtures("without_paper")
VOID = {"meta", "br", "hr", "img", "input", "link", "path", "rect", "circle"}


class Page(HTMLParser):
    """Elements in order, the nesting checked, and table cells with where they stand."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[tuple[str, dict]] = []
        self.elements: list[tuple[str, dict]] = []
        self.cells: list[dict] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.append((tag, found))
        if tag not in VOID:
            self.open.append((tag, found))
        if tag == "td" and "data-lead" in found:
            self.cells.append(
                found
                | {
                    "location": self._nearest("data-location"),
                    "hazard": self._nearest("data-hazard"),
                    "values": [],
                    "text": "",
                }
            )
        if tag == "data" and self._within_cell():
            self.cells[-1]["values"].append(found["value"])

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self._within_cell():
            self.cells[-1]["text"] += data

    def _nearest(self, name):
        return next(attrs[name] for _, attrs in reversed(self.open) if name in attrs)

    def _within_cell(self):
        return any(tag == "td" and "data-lead" in attrs for tag, attrs in self.open)


@pytest.fixture(scope="module", params=SHAPES.values(), ids=SHAPES)
def shaped(
    request: pytest.FixtureRequest, made, without_paper, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict, Path]:
    """A shape, and the folder a report of it is published in."""
    return request.param, made(**request.param).publish(tmp_path_factory.mktemp("shape") / "day")


def read(folder: Path, name: str = "report.en.html") -> str:
    return (folder / name).read_text(encoding="utf-8")


def _html(made, tmp_path: Path, hindcast: bool = False, **shape) -> str:
    return read(made(**shape).publish(tmp_path / "day", hindcast))


def places(folder: Path) -> list[str]:
    """The English pages of the places."""
    return sorted(f"places/{path.name}" for path in (folder / "places").glob("*.en.html"))


def test_the_page_says_what_forecast_csv_says(shaped):
    page = Page(read(shaped[1], "details.en.html"))
    of_places = [Page(read(shaped[1], name)) for name in places(shaped[1])]
    table = read_forecast_csv(shaped[1] / "forecast.csv")
    by = {
        (r.hazard, r.location, r.lead_days, r.window_days, r.level): r for r in table.itertuples()
    }
    seen: list[tuple] = []
    for cell in [*page.cells, *(cell for one in of_places for cell in one.cells)]:
        at = (cell["hazard"], cell["location"], int(cell["data-lead"]), int(cell["data-window"]))
        seen.append(at)
        level = {"orange": 2, "red": 3}.get(by[(*at, 1)].colour, 1)
        leads = by[(*at, level)]
        lower = [by[(*at, other)].probability for other in range(level - 1, 0, -1)]
        expected = [leads.probability, leads.normal_probability, *lower]
        assert cell["values"] == [f"{value:.4f}" for value in expected]
        assert all(brief(value, ENGLISH) in cell["text"] for value in expected)
        assert cell["class"].split()[0] == leads.colour
    numbers = {at[:4] for at, row in by.items() if not math.isnan(row.probability)}
    assert Counter(seen) == dict.fromkeys(numbers, 2), "in the table of all and on its own page"


def test_each_page_is_self_contained_small_and_in_order(shaped):
    names = ("report.en.html", "details.en.html", *places(shaped[1])[:2])
    for name in names:
        _in_order(read(shaped[1], name), shaped[0])
    assert len(names) == 2 + min(shaped[0].get("n_places", 1), 2)


def _in_order(html: str, shape: dict) -> None:
    page = Page(html)
    assert not re.search(
        r"https?:|//[a-z]|javascript:|@import|data:", html.replace("img-src data:", "")
    )
    assert {tag for tag, _ in page.elements}.isdisjoint({"link", "img", "iframe", "object", "form"})
    assert [attrs for tag, attrs in page.elements if tag == "script"] == [{}], (
        "one script, within the page"
    )
    assert not any(
        name.startswith("on") or name == "style" for _, attrs in page.elements for name in attrs
    )
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert (
        headings[0] == 1
        and headings.count(1) == 1
        and all(b - a <= 1 for a, b in zip(headings, headings[1:], strict=False))
    )
    assert all("scope" in attrs for tag, attrs in page.elements if tag == "th")
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    named = {
        name for _, attrs in page.elements for name in attrs.get("aria-labelledby", "").split()
    }
    assert named <= set(ids) and {
        a["href"][1:] for t, a in page.elements if t == "a" and a["href"].startswith("#")
    } <= set(ids)
    assert dict(page.elements)["html"] == {"lang": "en", "dir": "ltr"}
    assert "nan" not in re.sub(r"<[^>]*>", " ", html).lower().split() and "None" not in html
    if shape.get("n_places", 1) <= 16:
        assert len(html.encode()) < 600_000


def test_the_policy_allows_the_stylesheet_and_the_script_by_their_hashes_and_nothing_else(
    made, tmp_path: Path
):
    html = _html(made, tmp_path)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert policy and style and script
    looks, does = (
        base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
        for found in (style, script)
    )
    allowed = policy[1].replace("&#39;", "'").replace("&#43;", "+")
    assert allowed == (
        f"default-src 'none'; script-src 'sha256-{does}'; style-src 'sha256-{looks}'; img-src "
        f"data:; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize(
    "name",
    [
        '<script>alert("x")</script>',
        "</title><b>",
        "W" * 200,
        "a' onclick='b",
        "{{ 7 * 7 }}",
        "A & B, C",
        "عين",
    ],
)
def test_names_are_shown_as_text_everywhere(made, tmp_path: Path, name):
    one = made(n_places=2, names=[name, f"{name}!"], degraded=(f"{name} is late.",))
    one.provenance["missing"] = {"river_flood": name}
    one.provenance["sources"][0]["attribution"] = name
    one = replace(one, region=one.region.model_copy(update={"title": name}))
    folder = one.publish(tmp_path / "day")
    html = read(folder)
    page = Page(html)
    assert sum(tag == "script" for tag, _ in page.elements) == 1 and not any(
        "onclick" in attrs for _, attrs in page.elements
    )
    shown = unescape(re.sub(r"<[^>]*>", "", html))
    assert shown.count(name) >= 4  # title, heading, notice, places
    details = read(folder, "details.en.html")
    assert sum(tag == "script" for tag, _ in Page(details).elements) == 1
    assert unescape(re.sub(r"<[^>]*>", "", details)).count(name) >= 5  # tables, sources
    assert len(places(folder)) == 2 and name in unescape(read(folder, places(folder)[0]))


def test_equal_arguments_write_equal_bytes(made, tmp_path: Path):
    one, two = (made(n_places=4, hazards=ALL).publish(tmp_path / name) for name in ("one", "two"))
    first, second = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in (one, two)
    )
    assert len(first) > 10 and first == second


@pytest.mark.parametrize(
    ("shape", "hindcast", "label"),
    [({}, True, "HINDCAST"), ({"label": "EXERCISE"}, False, "EXERCISE")],
)
def test_what_is_not_a_forecast_is_labelled_so(made, tmp_path: Path, shape, hindcast, label):
    html = _html(made, tmp_path, hindcast=hindcast, **shape)
    assert f"<title>{label}: " in html and f"<b>{label}</b>" in html
    assert label not in _html(made, tmp_path / "plain")


def test_out_of_season_is_said_and_has_no_green(made, tmp_path: Path):
    one = made(hazards=("heat",), issued="2003-01-12", colour="green")
    one.forecast["probability"][:] = 0.0
    one.forecast["normal_probability"][:] = 0.0
    html = (one.publish(tmp_path / "day") / "report.en.html").read_text(encoding="utf-8")
    assert "Out of season: it is assessed from May to October." in html
    assert '<div class="chip none">' in html and '<td class="green' not in html


def test_the_season_may_begin_within_the_outlook(made, tmp_path: Path):
    one = made(hazards=("heat",), issued="2003-04-26", colour="green")
    before = one.forecast["valid_time"].values[:, 0] < np.datetime64("2003-05-01")
    before &= one.forecast["window_days"].values < 7
    one.forecast["probability"][before] = 0.0
    one.forecast["normal_probability"][before] = 0.0
    page = Page(read(one.publish(tmp_path / "day"), "details.en.html"))
    assert [(int(c["data-lead"]), int(c["data-window"])) for c in page.cells] == [
        (5, 1),
        (6, 1),
        (7, 1),
        (8, 1),
        (9, 1),
        (0, 7),
    ]


def test_degraded_missing_and_validity_are_on_the_page(made, tmp_path: Path):
    html = _html(made, tmp_path, degraded=("The newest observation is of 2003-06-01.",))
    assert "The newest observation is of 2003-06-01." in html
    assert "Not available: no river_discharge in the record." in html
    assert "Indicative, not an official vigilance" in html and "Friday 13 June 2003" in html


def test_a_report_leads_to_what_lies_beside_it(made, home) -> None:
    """To its tables, places, message, files and alerts, the day before's report and the index.

    A hindcast is none of the official ones, and leads to neither a day before nor an index.
    """
    days = ("2003-06-12", "2003-06-13")
    folders = [home.published / "made-up" / day for day in days]
    for day, folder, before in zip(days, folders, (None, folders[0]), strict=True):
        one = made(hazards=("heat",), colour="red", issued=day)
        told = one.forecast, one.scores, one.history, one.region, one.provenance
        publish(*told, folder, before=before, settings=home)
    publish(*told, home.home / "aside", hindcast=True)
    first, second, aside = (
        set(re.findall(r'href="([^"#]+)"', read(folder)))
        for folder in (*folders, home.home / "aside")
    )
    own = {"details.en.html", "places/p00.en.html", "message.en.txt", "forecast.csv"}
    alerts = {f"alerts/{path.name}" for path in (folders[0] / "alerts").iterdir()}
    assert alerts and own | alerts <= first and own <= aside
    assert second - first >= {"../2003-06-12/report.en.html"} and "../../index.en.html" in second
    assert not [link for link in aside if ".." in link or link.startswith("alerts")]
    assert 'href="../report.en.html"' in read(folders[0], "places/p00.en.html")
