import hashlib
import json
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from live_cases import live_scores_table
from markupsafe import escape

from reports import write_index
from reports.site.live_board import LIVE_SCORES, live_board
from reports.site.scoreboard import scoreboard
from reports.storage.archive import published
from reports.storage.atomic import alone_in
from reports.text.language import language_of

pytestmark = pytest.mark.usefixtures("without_paper")


@pytest.fixture(scope="module")
def publish_days(made, without_paper, tmp_path_factory):
    """A function that publishes made-up reports of some days in a home: each made once, copied."""
    once = tmp_path_factory.mktemp("days")

    def give(home, days, region="made-up"):
        for day in days:
            if not (once / day).is_dir():
                made(issued=day).publish(once / day)
            shutil.copytree(once / day, home.published / region / day)

    return give


def _links(home) -> list[str]:
    return re.findall(
        r'<a [^>]*href="([^"]*)"', (home.published / "index.html").read_text(encoding="utf-8")
    )


def _retract(folder: Path, reason: str, forecast: str | None = None, **more) -> None:
    digest = (
        hashlib.sha256((folder / "forecast.csv").read_bytes()).hexdigest()
        if forecast is None
        else forecast
    )
    said = {
        "reason": reason,
        "at": "2003-06-13T09:30:00+00:00",
        "forecast": digest,
        "earlier": [],
    } | more
    (folder / "retraction.json").write_text(json.dumps(said), encoding="utf-8")


class _Balanced(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "link", "br", "img", "input", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_index_leads_to_the_newest_report_and_lists_the_others(publish_days, home):
    publish_days(home, ["2003-06-12", "2003-06-10", "2003-05-31", "2002-12-31"])
    html = write_index(home).read_text(encoding="utf-8")
    links = _links(home)
    assert links[0] == "made-up/2003-06-12/report.en.html"
    assert [link for link in links if link.endswith("report.en.html")][1:] == [
        f"made-up/{day}/report.en.html" for day in ("2003-06-10", "2003-05-31", "2002-12-31")
    ]
    assert {
        "made-up/2003-06-12/forecast.csv",
        "made-up/2003-06-12/forecast.nc",
        "made-up/feed.xml",
        "feed.xml",
    } <= set(links)
    assert all((home.published / link).is_file() for link in links)
    assert re.findall(r"<summary>Earlier in (\d+)</summary>|<h3>(\w+)</h3>", html) == [
        ("2003", ""), ("", "June"), ("", "May"), ("2002", ""), ("", "December")
    ]  # fmt: skip
    assert (
        "Berkane province" in html
        and "Content-Security-Policy" in html
        and "http" not in html.replace("http-equiv", "")
    )
    assert '<link rel="alternate" type="application/atom+xml"' in html
    _Balanced(html)


def test_every_language_and_paper_that_exists_is_linked(publish_days, home):
    publish_days(home, ["2003-06-12"])
    folder = home.published / "made-up" / "2003-06-12"
    for name in ("report.fr.html", "report.ar.html", "report.ar.pdf", "report.xx.html"):
        (folder / name).write_text("x")
    (folder / "alerts").mkdir(exist_ok=True)
    (folder / "alerts" / "heat-red.xml").write_text("x")
    write_index(home)
    links = _links(home)
    names = ("report.en.html", "report.fr.html", "report.ar.html", "report.ar.pdf")
    assert links[:6] == [
        "index.fr.html",
        "index.ar.html",
        *(f"made-up/2003-06-12/{name}" for name in names),
    ]
    assert (
        "made-up/2003-06-12/alerts/heat-red.xml" in links
        and "made-up/2003-06-12/report.xx.html" not in links
    )
    html = (home.published / "index.html").read_text(encoding="utf-8")
    assert 'lang="ar" dir="rtl"' in html and "العربية" in html and "Français" in html


def test_a_region_without_english_is_listed_too(publish_days, home):
    publish_days(home, ["2003-06-12"])
    folder = home.published / "made-up" / "2003-06-12"
    (folder / "report.en.html").rename(folder / "report.fr.html")
    for page in folder.glob("report.ar.*"):
        page.unlink()
    write_index(home)
    assert "made-up/2003-06-12/report.fr.html" in _links(home) and not any(
        "report.en" in link for link in _links(home)
    )
    assert "url=2003-06-12/report.fr.html" in (
        home.published / "made-up" / "latest.html"
    ).read_text(encoding="utf-8")


def test_latest_is_a_page_that_survives_copying(publish_days, home, tmp_path: Path):
    publish_days(home, ["2003-06-10", "2003-06-12"])
    write_index(home)
    copy = Path(shutil.copytree(home.published, tmp_path / "server"))
    html = (copy / "made-up" / "latest.html").read_text(encoding="utf-8")
    target = re.search(r"url=([^\"]*)", html)
    assert (
        target
        and target[1] == "2003-06-12/report.en.html"
        and (copy / "made-up" / target[1]).is_file()
    )
    _Balanced(html)


def test_hindcasts_half_folders_and_strangers_are_left_out(made, publish_days, home):
    publish_days(home, ["2003-06-12"])
    made(issued="2003-06-30").publish(
        home.published / "made-up" / "hindcast" / "2003-06-30", hindcast=True
    )
    (home.published / "made-up" / "2003-07-01").mkdir()
    (home.published / "made-up" / "20030702").mkdir()
    (home.published / "data-docs" / "2003-07-01").mkdir(parents=True)
    html = write_index(home).read_text(encoding="utf-8")
    assert set(re.findall(r"20\d\d-?\d\d-?\d\d", html)) == {"2003-06-12", "2003-06-13"}, (
        "its day, and the end of its validity"
    )


def test_the_index_shows_the_colours_of_the_report(made, home):
    made(issued="2003-06-12", colour="red").publish(home.published / "made-up" / "2003-06-12")
    html = write_index(home).read_text(encoding="utf-8")
    assert html.count('<li class="red">') == 3 and "River flood: No colour" in html


def test_a_retracted_report_stays_and_says_why(publish_days, home):
    publish_days(home, ["2003-06-12", "2003-06-11", "2003-06-10"])
    folder = home.published / "made-up"
    _retract(folder / "2003-06-11", "a <b>sensor</b> failed")
    _retract(folder / "2003-06-10", "another forecast has come since", forecast="0" * 64)
    html = write_index(home).read_text(encoding="utf-8")
    assert html.count("<s>") == 1
    assert (
        '<s><a href="made-up/2003-06-11/report.en.html">2003-06-11</a></s> Retracted on Friday 13 '
        "June 2003: <bdi>a" in html
    )
    assert "a &lt;b&gt;sensor&lt;/b&gt; failed" in html and "another forecast" not in html
    assert "Retracted" not in (folder / "latest.html").read_text(encoding="utf-8")
    own = hashlib.sha256((folder / "2003-06-12" / "forecast.csv").read_bytes()).hexdigest()
    earlier = [{"reason": "an earlier reason", "at": "2003-06-12T10:00:00+00:00", "forecast": own}]
    _retract(folder / "2003-06-12", "newer", "0" * 64, earlier=earlier)
    write_index(home)
    assert "an earlier reason" in (folder / "latest.html").read_text(encoding="utf-8")
    _retract(folder / "2003-06-12", "wrong")
    html = write_index(home).read_text(encoding="utf-8")
    assert "<strong>Retracted on Friday 13 June 2003: <bdi>wrong</bdi></strong>" in html
    assert "wrong" in (folder / "latest.html").read_text(encoding="utf-8")
    assert "url=2003-06-12/report.en.html" in (folder / "latest.html").read_text(encoding="utf-8")
    _Balanced(html)


def test_an_exercise_is_called_one(made, home):
    one = made(issued="2003-06-12", label="EXERCISE")
    one.provenance["exercise"] = True
    one.publish(home.published / "made-up" / "2003-06-12")
    assert "<strong>EXERCISE</strong>" in write_index(home).read_text(encoding="utf-8")
    assert "<strong>EXERCISE</strong>" in (home.published / "made-up" / "latest.html").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    "title", ["<script>alert(1)</script>", "\"quoted\" & 'so'", "\u202eright to left", "long" * 50]
)
def test_hostile_titles_are_text(made, home, title):
    one = made(issued="2003-06-12")
    replace(one, region=one.region.model_copy(update={"title": title})).publish(
        home.published / "made-up" / "2003-06-12"
    )
    html = write_index(home).read_text(encoding="utf-8") + (
        home.published / "made-up" / "latest.html"
    ).read_text(encoding="utf-8")
    assert html.count("<script") == 1 and "<script>alert" not in html and str(escape(title)) in html


def test_nothing_published_yet(home):
    assert "No report has been published yet." in write_index(home).read_text(encoding="utf-8")


def test_the_same_reports_give_the_same_pages(publish_days, home):
    publish_days(home, ["2003-06-12", "2003-06-10"])
    names = ("index.html", "feed.xml", "made-up/latest.html", "made-up/feed.xml")
    write_index(home)
    first = [(home.published / name).read_bytes() for name in names]
    write_index(home)
    assert [(home.published / name).read_bytes() for name in names] == first


@pytest.mark.parametrize(
    ("tag", "words"), [("fr", "Tableau des scores"), ("ar", "لوحة نتائج التقييم")]
)
def test_the_front_pages_are_in_every_language_of_the_reports(made, home, tag, words):
    for day in ("2003-06-12", "2003-06-10"):
        made(issued=day, languages=("fr", "ar")).publish(home.published / "made-up" / day)
    write_index(home)
    name = {"fr": "index.fr.html", "ar": "index.ar.html"}[tag]
    html = (home.published / name).read_text(encoding="utf-8")
    _Balanced(html)
    language = language_of(tag)
    assert f'<html lang="{tag}" dir="{language.direction}">' in html and words in html
    links = re.findall(r'href="([^"#]*)"', html)
    assert f"made-up/2003-06-10/report.{tag}.html" in links and all(
        (home.published / link).is_file() for link in links
    )
    leads = (home.published / "made-up" / f"latest.{tag}.html").read_text(encoding="utf-8")
    assert f"url=2003-06-12/report.{tag}.html" in leads
    english = (
        "Earlier in",
        "Valid until",
        "Scoreboard",
        "beat the calendar",
        "For other programs",
        "The latest report",
        "Issued",
    )
    assert [said for said in english if said in html + leads] == []


def test_the_scoreboard_says_in_words_and_figures_how_each_hazard_fares(made, home):
    """By the scores of the newest report that has any.

    A chance beats the calendar where its verdict is skilful or known.
    """
    one = made(issued="2003-06-12")
    one.publish(home.published / "made-up" / "2003-06-12")
    made(issued="2003-06-13", scored=False).publish(home.published / "made-up" / "2003-06-13")
    board = scoreboard(published(home)["made-up"], language_of("en"))
    assert board is not None and str(board.day) == "2003-06-12"
    assert [row.title for row in board.rows] == ["Drought", "Flash flood", "Heat"]
    scores = one.scores[one.scores["hazard"] == "heat"]
    heat = board.rows[2]
    judged = scores[scores["verdict"] != "not assessed"]
    assert (heat.beats, heat.assessed) == (
        str(judged["verdict"].isin(["skilful", "known"]).sum()),
        str(len(judged)),
    )
    assert (heat.events, heat.years) == ("230", "10")
    first = scores[
        (scores["level"] == 1) & (scores["verdict"] == "skilful") & (scores["window_days"] == 1)
    ]
    skills = 1 - first["brier_published"] / first["brier_climatology"]
    assert heat.lines[0].meaning == "better than the calendar and than what is already known."
    assert heat.lines[0].skill == f"+{skills.min():.2f} to +{skills.max():.2f}"
    html = write_index(home).read_text(encoding="utf-8")
    assert heat.lines[0].skill in html and f"{heat.beats} of {heat.assessed} assessed" in html


def test_without_scores_the_scoreboard_says_so(made, home):
    made(scored=False).publish(home.published / "made-up" / "2003-06-12")
    assert scoreboard(published(home)["made-up"], language_of("en")) is None
    assert "No scores yet" in write_index(home).read_text(encoding="utf-8")


def test_the_index_knows_when_a_report_is_out_of_date(publish_days, home):
    publish_days(home, ["2003-06-12"])
    html = write_index(home).read_text(encoding="utf-8")
    assert (
        'data-valid-until="2003-06-13T06:30:00+00:00" hidden' in html
        and "Valid until Friday 13 June 2003, 06:30." in html
    )
    assert html.count("<script>") == 1 and "script-src" in html


def test_regions_that_publish_at_once_take_turns_at_the_index(publish_days, home):
    """The second to come sees what the first has published, and none writes into the other's
    file."""
    publish_days(home, ["2003-06-12"])
    with alone_in(home.published):
        waiting = threading.Thread(target=write_index, args=(home,))
        waiting.start()
        waiting.join(timeout=0.5)
        assert waiting.is_alive() and not (home.published / "index.html").exists()
        publish_days(home, ["2003-06-12"], region="other")
    waiting.join()
    assert "other/2003-06-12/report.en.html" in _links(home)


KILLED = """
import importlib.util, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("made_up_forecasts", sys.argv[1])
sys.modules["made_up_forecasts"] = made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
def wait(*ignored):
    print("here", flush=True)
    time.sleep(60)
made.reports.render.papers.pdf_of = wait
made.make(issued="2003-06-13").publish(Path(sys.argv[2]))
"""


def test_a_run_killed_while_it_publishes_leads_nobody_to_half_a_report(made, publish_days, home):
    publish_days(home, ["2003-06-12"])
    write_index(home)
    folder = home.published / "made-up" / "2003-06-13"
    command = [
        sys.executable,
        "-c",
        KILLED,
        str(Path(__file__).parent / "conftest.py"),
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "here\n"
    process.kill()
    process.wait()
    assert not folder.exists() and list(folder.parent.glob(".climate-risk-new-*")), (
        "pages were being written"
    )
    write_index(home)
    assert "url=2003-06-12/" in (folder.parent / "latest.html").read_text(encoding="utf-8")
    assert "made-up/2003-06-13" not in (home.published / "index.html").read_text(encoding="utf-8")
    made(issued="2003-06-13").publish(folder)
    write_index(home)
    assert "url=2003-06-13/" in (folder.parent / "latest.html").read_text(encoding="utf-8")
    assert not list(folder.parent.glob(".climate-risk-new-*"))


def test_the_scoreboard_tells_what_live_forecasts_came_to(publish_days, home):
    publish_days(home, ["2003-06-12"])
    folder = home.published / "made-up"
    assert live_board(folder, language_of("en")) is None
    table = live_scores_table("made-up")
    table.to_csv(folder / LIVE_SCORES, index=False, date_format="%Y-%m-%d")
    (folder / "track-record.fr.html").write_text("x")
    board = live_board(folder, language_of("fr"))
    assert board is not None and board.alerts == "track-record.fr.html"
    html = write_index(home).read_text(encoding="utf-8")
    _Balanced(html)
    drought, flash_flood, heat = live_board(folder, language_of("en")).hazards
    assert drought.sentences == (
        "40 days of reports graded, 20 Jan 2003 to 11 Jun 2003.",
        "At least unusual, 30 days ahead: skill +0.21. Its range: too early (40 days).",
        "Reliability 0.004 (0 is perfect).",
        "In no score, of all chances: 36 cannot be graded, 0 retracted, 108 issued late.",
    )
    assert (drought.below, drought.colours[0].hits) == ((), "–")
    assert flash_flood.colours == () and flash_flood.sentences == (
        "In no score, of all chances: 144 cannot be graded, 72 retracted, 0 issued late.",
    )
    assert heat.sentences[1:3] == (
        "At least unusual, today: skill +0.21. Its range: +0.12 to +0.29.",
        "Its backtest: skill +0.31, range +0.24 to +0.37.",
    )
    assert heat.below == (
        "Unusual, today, tomorrow, 2 days ahead, any of the next 3 days: worse than its backtest.",
    )
    yellow = heat.colours[0]
    assert (yellow.days, yellow.hits, yellow.false) == (
        "31.4",
        "121 of 181 (55 to 74 %)",
        "69 of 190 (28 to 44 %)",
    )
    assert heat.below[0] in html and LIVE_SCORES in html


def test_a_live_skill_of_a_few_days_is_not_told(home):
    folder = home.published / "made-up"
    folder.mkdir(parents=True)
    few = live_scores_table("made-up").query("hazard == 'drought'").assign(issue_days=29)
    few.to_csv(folder / LIVE_SCORES, index=False, date_format="%Y-%m-%d")
    (drought,) = live_board(folder, language_of("en")).hazards
    assert drought.sentences[1] == "Skill: too early to tell (29 days)."
