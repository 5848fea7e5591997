import re
import shutil
from pathlib import Path

from reports import write_index


def _days(made, home, days, region="made-up"):
    for day in days:
        made(issued=day).publish(home.published / region / day)


def test_the_index_leads_to_the_newest_report_and_lists_the_others(made, home):
    _days(made, home, ["2003-06-12", "2003-06-10", "2003-06-11"])
    html = write_index(home).read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]*)"', html)
    assert links == [f"made-up/2003-06-{day}/report.en.html" for day in (12, 11, 10)]
    assert all((home.published / link).is_file() for link in links)
    assert "Berkane province" in html and "Content-Security-Policy" in html and "http" not in html.replace("http-equiv", "")


def test_latest_is_a_page_that_survives_copying(made, home, tmp_path: Path):
    _days(made, home, ["2003-06-10", "2003-06-12"])
    write_index(home)
    copy = Path(shutil.copytree(home.published, tmp_path / "server"))
    target = re.search(r"url=([^\"]*)", (copy / "made-up" / "latest.html").read_text(encoding="utf-8"))
    assert target and target[1] == "2003-06-12/report.en.html" and (copy / "made-up" / target[1]).is_file()


def test_hindcasts_half_folders_and_strangers_are_left_out(made, home):
    _days(made, home, ["2003-06-12"])
    made(issued="2003-06-30").publish(home.published / "made-up" / "hindcast" / "2003-06-30", hindcast=True)
    (home.published / "made-up" / "2003-07-01").mkdir()
    (home.published / "made-up" / "20030702").mkdir()
    (home.published / "data-docs" / "2003-07-01").mkdir(parents=True)
    html = write_index(home).read_text(encoding="utf-8")
    assert re.findall(r'href="([^"]*)"', html) == ["made-up/2003-06-12/report.en.html"]


def test_the_index_shows_the_colours_of_the_report(made, home):
    made(issued="2003-06-12", colour="red").publish(home.published / "made-up" / "2003-06-12")
    html = write_index(home).read_text(encoding="utf-8")
    assert html.count('<li class="red">') == 3 and "River flood: no colour" in html


def test_nothing_published_yet(home):
    assert "No report has been published yet." in write_index(home).read_text(encoding="utf-8")


def test_the_same_reports_give_the_same_index(made, home):
    _days(made, home, ["2003-06-12", "2003-06-10"])
    first = write_index(home).read_bytes()
    assert write_index(home).read_bytes() == first
