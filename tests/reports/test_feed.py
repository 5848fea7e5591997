import json
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin
from xml.etree import ElementTree

import pytest

from reports.site.feed import ATOM, MAX_ENTRIES, feed
from reports.storage.archive import published
from reports.text.language import language_of, without_isolates

REQUIRED = ("id", "title", "updated")


def write(home, region: str, day: str, pages=("en",), **provenance) -> Path:
    """A published folder, as far as feeds look into it."""
    folder = home.published / region / day
    folder.mkdir(parents=True)
    said = {
        "title": region.title(),
        "issued": day,
        "headlines": [{"title": "Heat", "sentence": "Orange in A & B.", "colour": "orange"}],
    }
    (folder / "provenance.json").write_text(json.dumps(said | provenance), encoding="utf-8")
    for tag in pages:
        (folder / f"report.{tag}.html").write_text("x")
    return folder


def read(home, region: str = "", tag: str = "en") -> ElementTree.Element:
    """The feed, checked for what RFC 4287 requires of every feed and entry."""
    found = published(home)
    text = feed(
        found[region] if region else [report for reports in found.values() for report in reports],
        region,
        language_of(tag),
    )
    root = ElementTree.fromstring(text)  # noqa: S314 (our own text)
    assert root.tag == f"{{{ATOM}}}feed"
    assert root.find(f"{{{ATOM}}}author/{{{ATOM}}}name") is not None
    for element in (root, *entries(root)):
        for name in REQUIRED:
            assert len(element.findall(f"{{{ATOM}}}{name}")) == 1 and said(element, name)
        assert datetime.fromisoformat(said(element, "updated")).tzinfo
        assert said(element, "id").startswith("tag:") and " " not in said(element, "id")
    ids = [said(entry, "id") for entry in entries(root)]
    assert len(set(ids)) == len(ids)
    base = f"http://server/{region}/feed.xml" if region else "http://server/feed.xml"
    for link in root.iter(f"{{{ATOM}}}link"):
        path = urljoin(base, link.attrib["href"]).removeprefix("http://server/")
        assert link.attrib["rel"] == "self" or (home.published / path).is_file()
    return root


def entries(root: ElementTree.Element) -> list[ElementTree.Element]:
    return root.findall(f"{{{ATOM}}}entry")


def said(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{{ATOM}}}{name}") or ""


def test_the_newest_come_first_in_every_language(home):
    write(
        home,
        "a",
        "2003-06-12",
        ("en", "fr", "ar"),
        sent="2003-06-12T06:30:00+01:00",
        sender="risk@city.example",
    )
    write(home, "b", "2003-06-13", ("fr",))
    write(home, "a", "2003-06-11")
    root = read(home)
    assert [said(entry, "title") for entry in entries(root)] == [
        "B, Friday 13 June 2003",
        "A, Thursday 12 June 2003",
        "A, Wednesday 11 June 2003",
    ]
    newest, second, _ = entries(root)
    assert (
        said(newest, "id") == "tag:climate-risk.invalid,2003:b/2003-06-13"
        and said(newest, "updated") == "2003-06-13T00:00:00Z"
    )
    assert (
        said(second, "id") == "tag:city.example,2003:a/2003-06-12"
        and said(second, "updated") == "2003-06-12T05:30:00Z"
    )
    assert said(root, "updated") == "2003-06-13T00:00:00Z"
    assert (
        said(second, "summary") == "Heat: Orange in A & B. Indicative, not an official vigilance."
    )
    links = [
        (link.attrib["hreflang"], link.attrib["href"]) for link in second.findall(f"{{{ATOM}}}link")
    ]
    assert links == [(tag, f"a/2003-06-12/report.{tag}.html") for tag in ("en", "fr", "ar")]
    own = read(home, "a")
    assert [said(entry, "id") for entry in entries(own)] == [
        said(entry, "id") for entry in entries(root)[1:]
    ]
    assert {said(own, "id"), said(root, "id")} == {
        "tag:city.example,2026:a",
        "tag:climate-risk.invalid,2026:reports",
    }


def test_only_the_newest_are_told(home):
    days = [
        (datetime(2003, 6, 1) + timedelta(days=i)).date().isoformat()
        for i in range(MAX_ENTRIES + 5)
    ]
    for day in days:
        write(home, "a", day)
    assert [said(entry, "id").rpartition("/")[2] for entry in entries(read(home))] == days[::-1][
        :MAX_ENTRIES
    ]


def test_a_retraction_is_news(home):
    folder = write(home, "a", "2003-06-12", exercise=True)
    write(home, "a", "2003-06-13")
    (folder / "retraction.json").write_text(
        '{"reason": "a <sensor> failed", "at": "2003-06-14T10:00:00+00:00"}'
    )
    root = read(home, "a")
    entry = entries(root)[1]
    assert said(entry, "title") == "EXERCISE: RETRACTED: A, Thursday 12 June 2003"
    assert said(entry, "summary").startswith(
        "Retracted on Saturday 14 June 2003: a <sensor> failed Heat:"
    )
    assert said(entry, "updated") == said(root, "updated") == "2003-06-14T10:00:00Z"
    assert said(entry, "id") == "tag:climate-risk.invalid,2003:a/2003-06-12"


@pytest.mark.parametrize(
    "title", ["<script>alert(1)</script>", ']]> & "quotes"', "\u202eright", "long " * 40]
)
def test_hostile_titles_are_text(home, title):
    write(home, "a", "2003-06-12", title=title)
    told = without_isolates(said(entries(read(home))[0], "title"))
    assert told == f"{title}, Thursday 12 June 2003"


def test_no_report_is_a_valid_feed_too(home):
    assert entries(read(home)) == []


def test_a_feed_in_each_language_links_its_page_first_and_the_alerts(home):
    french = {"title": "Chaleur", "sentence": "Orange à A.", "action": "Ouvrez les écoles."}
    folder = write(
        home,
        "a",
        "2003-06-12",
        ("en", "fr"),
        titles={"fr": "Berkane"},
        languages=["fr", "en"],
        headlines_in={"fr": [french]},
        note="Oued visité\nà midi.",
    )
    (folder / "alerts").mkdir()
    (folder / "alerts" / "heat-orange.xml").write_text("<alert/>")
    root = read(home, "a", "fr")
    entry = entries(root)[0]
    assert root.attrib["{http://www.w3.org/XML/1998/namespace}lang"] == "fr"
    assert said(entry, "title") == "Berkane, jeudi 12 juin 2003"
    assert said(entry, "id").endswith("/fr") and said(root, "id").endswith("/fr")
    assert [
        (link.attrib["rel"], link.attrib["type"], link.attrib["href"])
        for link in entry.findall(f"{{{ATOM}}}link")
    ] == [
        ("alternate", "text/html", "2003-06-12/report.fr.html"),
        ("alternate", "text/html", "2003-06-12/report.en.html"),
        ("related", "application/cap+xml", "2003-06-12/alerts/heat-orange.xml"),
    ]
    told = said(entry, "summary").replace("\xa0", " ").replace("\u202f", " ")
    assert "Oued visité à midi. Chaleur : Orange à A. À faire : Ouvrez les écoles." in told


def test_a_note_is_told_in_english_too_before_the_headlines(home):
    write(home, "a", "2003-06-12", note="Wadi checked.")
    told = said(entries(read(home))[0], "summary")
    assert told.startswith("Note of the duty officer: Wadi checked. Heat: Orange")
