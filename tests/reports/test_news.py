"""News: what is told of a report is what the chain of its CAP messages says, once."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cap_chain import Chain, days
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import Settings
from reports.exports.news import ORDER, News, news_of, to_tell
from reports.exports.notification import _LINES, _WHAT, notification
from reports.site import notices
from reports.storage.archive import ArchivedReport

AT = datetime(2003, 6, 12, 9, 30, tzinfo=UTC)


@pytest.fixture
def chain(berkane, shapes, schema, tmp_path: Path) -> Chain:
    return Chain(berkane, shapes, schema, tmp_path / "berkane")


def report(chain: Chain, issued: str, exercise: bool = False) -> ArchivedReport:
    """The folder of a day of the chain as a published report."""
    folder = chain.folder / issued
    told = {"sent": f"{issued}T06:30:00+01:00", "exercise": exercise}
    (folder / "provenance.json").write_text(json.dumps(told))
    for tag in ("fr", "ar", "en"):
        (folder / f"message.{tag}.txt").write_text(f"the message in {tag}\n")
        (folder / f"report.{tag}.html").write_text("a page")
    return ArchivedReport("berkane", date.fromisoformat(issued), folder)


def told(news: list[News]) -> list[tuple[str, str, str, str]]:
    return [(one.kind, one.hazard, one.before, one.colour) for one in news]


def test_an_event_is_told_when_its_colour_is_reached_raised_lowered_and_over(chain) -> None:
    course = [
        ("2026-07-08", "gooog", [("reached", "heat", "", "orange")]),
        ("2026-07-09", "ooogg", [("reached", "heat", "", "orange")]),  # carried along: the same
        ("2026-07-10", "ororg", [("raised", "heat", "orange", "red")]),
        ("2026-07-11", "yyygg", [("lowered", "heat", "red", "yellow")]),
        ("2026-07-12", "yyyyg", [("changed", "heat", "yellow", "yellow")]),
        ("2026-07-13", "ggggg", [("cleared", "heat", "yellow", "")]),
        ("2026-07-14", "ggggg", []),
    ]
    known: set[str] = set()
    sent = []
    for issued, letters, expected in course:
        chain.day(issued, *days("berkane", letters))
        news = news_of(report(chain, issued))
        assert told(news) == expected, issued
        due = to_tell(news, known, datetime.fromisoformat(f"{issued}T06:30:00+01:00"))
        sent.append([one.kind for one in due])
        known |= {one.identity for one in due}
    assert sent == [["reached"], [], ["raised"], ["lowered"], ["changed"], ["cleared"], []]


def test_of_two_messages_that_become_one_the_higher_was_before(chain) -> None:
    chain.day("2026-07-08", *days("berkane", "ggyggo"))
    chain.day("2026-07-09", *days("berkane", "gyyyor"))
    assert told(news_of(report(chain, "2026-07-09"))) == [("raised", "heat", "orange", "red")]


def test_what_was_before_is_known_where_its_report_is_kept_no_more(chain) -> None:
    chain.day("2026-07-08", *days("berkane", "gooog"))
    chain.day("2026-07-09", *days("berkane", "rrrog"))
    shutil.rmtree(chain.folder / "2026-07-08")
    assert told(news_of(report(chain, "2026-07-09"))) == [("raised", "heat", "orange", "red")]


def test_a_window_that_moved_on_is_no_news_and_other_places_of_it_are(chain) -> None:
    """A drought is told anew after a week (8 July and 15 July), which nobody need be told."""
    drought = [("berkane", "drought", "orange", 30, 90, 0.6)]
    chain.day("2026-07-08", *drought)
    chain.day("2026-07-15", *drought)
    assert [one.silent for one in news_of(report(chain, "2026-07-15"))] == [True]
    chain.day("2026-07-16", *drought, ("saidia", "drought", "orange", 30, 90, 0.6))
    kinds = [(one.kind, one.silent) for one in news_of(report(chain, "2026-07-16"))]
    assert ("changed", False) in kinds or ("reached", False) in kinds


def test_what_was_replaced_or_is_over_is_not_told_any_more(chain) -> None:
    chain.day("2026-07-08", *days("berkane", "gogg"))
    chain.day("2026-07-09", *days("berkane", "rggg"))
    news = [one for day in ("2026-07-08", "2026-07-09") for one in news_of(report(chain, day))]
    assert [one.kind for one in to_tell(news, set(), AT.replace(year=2002))] == ["raised"]
    assert to_tell(news, set(), datetime(2026, 7, 11, tzinfo=UTC)) == ()


def test_who_was_never_told_hears_what_stands_and_no_end(chain) -> None:
    chain.day("2026-07-08", *days("berkane", "oogg"), *days("berkane", "yyyg", "flash_flood"))
    chain.day("2026-07-09", *days("berkane", "oggg"), *days("berkane", "gggg", "flash_flood"))
    news = news_of(report(chain, "2026-07-09"))
    now = datetime(2026, 7, 9, 6, tzinfo=UTC)
    assert [one.kind for one in to_tell(news, set(), now)] == ["reached", "cleared"]
    assert [one.kind for one in to_tell(news, set(), now, first=True)] == ["reached"]


def test_a_notification_speaks_the_regions_languages_english_last(chain) -> None:
    languages = ("en", "ar", "fr")
    url = {"public_url": "https://risk.city.example"}
    issuer = chain.region.issuer.model_copy(update=url)
    region = chain.region.model_copy(update={"languages": languages, "issuer": issuer})
    chain.region = region
    chain.day("2026-07-08", *days("berkane", "gooog"), *days("saidia", "yyggg", "flash_flood"))
    one = report(chain, "2026-07-08")
    sent = notification(news_of(one), one, region)
    assert sent.subject.endswith("+1") and "\n" not in sent.subject
    at = [sent.text.index(f"the message in {tag}") for tag in ("ar", "fr", "en")]
    assert at == sorted(at)
    assert "New. Heat: orange in Berkane from Thursday 9 July to Saturday 11 July." in sent.text
    french = r"Nouveau\. Chaleur\s: orange à Berkane du jeudi 9 juillet au samedi 11 juillet\."
    assert re.search(french, sent.text)
    for tag in languages:
        link = f"https://risk.city.example/berkane/2026-07-08/report.{tag}.html"
        assert sent.text.count(link) == 1
    english = notification(news_of(one), one, region.model_copy(update={"languages": ("en",)}))
    assert english.subject == "Berkane, 8 Jul: Heat: orange +1"


def test_an_exercise_says_so_before_anything_else(chain) -> None:
    chain.day("2026-07-08", *days("berkane", "gooog"))
    one = report(chain, "2026-07-08", exercise=True)
    english = chain.region.model_copy(update={"languages": ("en",)})
    sent = notification(news_of(one), one, english)
    assert sent.subject.startswith("EXERCISE. ")
    assert sent.text.startswith("EXERCISE: the weather, the places’ state and the risks in it are")


def test_every_kind_of_news_has_words() -> None:
    assert set(_WHAT) == set(ORDER)
    assert set(_LINES) == set(ORDER)


def test_a_retraction_is_told_once_and_in_the_place_of_its_cancels(
    made: Callable, home: Settings, without_paper: None
) -> None:
    folder = home.published / "made-up" / "2003-06-12"
    one = made(colour="orange", languages=("en", "fr"))
    one.publish(folder, settings=home, now=AT)
    day = date(2003, 6, 12)
    before = to_tell(news_of(ArchivedReport("made-up", day, folder)), set(), AT)
    assert {news.kind for news in before} == {"reached"}
    notices.retract(one.region, day, "The gauge was blocked", home, AT)
    retracted = ArchivedReport("made-up", day, folder)
    (news,) = to_tell(news_of(retracted), {news.identity for news in before}, AT)
    sent = notification([news], retracted, one.region)
    assert (
        "the report of 12 June is retracted"
        in notification(
            [news], retracted, one.region.model_copy(update={"languages": ("en",)})
        ).subject
    )
    assert sent.text.count("The gauge was blocked\n") == 2  # once a language
    assert sent.text.endswith("Do not act on this report.\n")
    notices.write_note(one.region, day, "See the wadi.", home)
    notices.apply_notices(folder, one.region, home)
    known = {news.identity for news in news_of(retracted)}
    fresh = news_of(ArchivedReport("made-up", day, folder))
    (note,) = to_tell(fresh, known, AT)
    assert (note.kind, note.text("fr")) == ("note", "See the wadi.")
    corrected = made(colour="green", languages=("en", "fr"))
    corrected.publish(folder, settings=home, now=AT.replace(hour=12))
    known |= {news.identity for news in fresh}
    due = to_tell(news_of(ArchivedReport("made-up", day, folder)), known, AT.replace(hour=12))
    assert [one.kind for one in due] == ["corrected"]


COURSES = st.lists(
    st.tuples(st.text("gyor.", min_size=5, max_size=5), st.text("gyo", min_size=5, max_size=5),
              st.booleans()),
    min_size=2,
    max_size=6,
)  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(COURSES)
def test_whatever_comes_and_whenever_a_mail_server_is_down_each_thing_is_told_once(
    berkane, schema, tmp_path_factory: pytest.TempPathFactory, course
) -> None:
    """A day: the letters of two places, and whether the address takes its message.

    Told are, once it does: all messages that stand, and the end of each that was told before.
    """
    chain = Chain(berkane, {}, schema, tmp_path_factory.mktemp("chain") / "berkane")
    known: list[str] = []
    untold: list[ArchivedReport] = []
    for number, (one, other, taken) in enumerate(course):
        issued = f"2026-07-{8 + number:02d}"
        chain.day(issued, *days("berkane", one), *days("saidia", other))
        now = datetime.fromisoformat(f"{issued}T06:30:00+01:00")
        untold.append(report(chain, issued))
        news = [each for published in untold for each in news_of(published)]
        due = to_tell(news, set(known), now)
        assert {each.identity for each in due}.isdisjoint(known)
        if not taken:
            continue
        known += [each.identity for each in due]
        standing = [each for each in news_of(untold[-1]) if each.kind != "cleared"]
        assert {each.identity for each in standing} <= set(known)
        ended = [each for each in news if each.kind == "cleared"]
        assert {each.identity for each in ended} <= set(known)
        untold = untold[-1:]
    assert len(known) == len(set(known))
