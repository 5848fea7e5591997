from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import xarray as xr
from pypdf import PdfReader

import reports
import reports.render.papers
from configs import RiskError, Settings
from reports.exports.table import forecast_table, read_forecast_csv
from reports.render.pdf import PdfUnavailable, pdf_of
from reports.site import feed, notices
from reports.storage import archive, retraction

DAY, AT = date(2003, 6, 12), datetime(2003, 6, 12, 9, 30, tzinfo=UTC)
NASTY = '<script>alert(1)</script> "quoted" & \u202eright to left'

pytestmark = pytest.mark.usefixtures("without_paper")


@pytest.fixture(scope="module")
def published_once(made: Callable, without_paper: None, tmp_path_factory):
    """What a made-up report was made from, and a home that it is published in."""
    one, before = made(), Settings(tmp_path_factory.mktemp("once"))
    one.publish(before.published / one.region.name / str(DAY))
    return one, before


def copied(once, home: Settings) -> tuple[Any, Path]:
    """The report, and its folder in a home of the test's own."""
    one, before = once
    shutil.copytree(before.home, home.home, dirs_exist_ok=True)
    return one, home.published / one.region.name / str(DAY)


PAGES = {"report.en.html", "details.en.html", "places/p00.en.html"}


@pytest.fixture
def out(home: Settings, published_once):
    """A made-up report, published in a home, with what it was made from."""
    return copied(published_once, home)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def tables(folder: Path) -> set[str]:
    """The files for programs, which say what was said of the report too."""
    layers = {f"layers/{path.name}" for path in (folder / "layers").iterdir()}
    return layers | {"forecast.csv", "forecast.geojson", "forecast.nc", "provenance.json"}


def page(folder: Path) -> str:
    return (folder / "report.en.html").read_text(encoding="utf-8")


def cancels(folder: Path, reason: str, sent: datetime) -> dict[str, str]:
    return {
        f"cancel-{path.name}": f"{path.name} {sent.isoformat()} {reason}"
        for path in (folder / "alerts").glob("warn*.xml")
    }


def test_a_retracted_report_says_why_and_loses_nothing(out, home: Settings) -> None:
    one, folder = out
    before = files(folder)
    assert any(name.startswith("alerts/") for name in before)
    notices.retract(one.region, DAY, "  The rain gauge\n was blocked ", home, AT)
    after = files(folder)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {*PAGES, "message.en.txt"} | tables(folder)
    assert after["message.en.txt"].decode() == (
        "Berkane province, 12 Jun: Retracted on 12 Jun: The rain gauge was blocked. "
        "Do not act on this report.\n"
    )
    assert {name for name in set(after) - set(before) if not name.endswith("-cancel.xml")} == {
        "retraction.json"
    }
    html = page(folder)
    assert html.count("<!-- notices -->") == html.count('retracted" role="alert"') == 1
    assert (
        "Retracted on 12 June 2003:</b> <bdi>The rain gauge was blocked.</bdi> <b>Do not act on "
        "this report." in html
    )
    assert (
        html.replace(html[html.index("<!-- notices -->") : html.index("<!-- /notices -->")], "")
        != html
    )
    assert json.loads((folder / "retraction.json").read_text())["at"] == "2003-06-12T09:30:00+00:00"
    assert retraction.retraction_of(folder) == retraction.Retraction(
        "The rain gauge was blocked", AT.isoformat(), retraction.forecast_digest(folder)
    )


def test_a_report_is_retracted_once(out, home: Settings) -> None:
    one, folder = out
    notices.retract(one.region, DAY, "wrong gauge", home, AT)
    before = files(folder)
    notices.retract(one.region, DAY, "wrong gauge", home, AT + timedelta(hours=5))
    assert files(folder) == before
    with pytest.raises(RiskError, match="retracted already because 'wrong gauge'"):
        notices.retract(one.region, DAY, "another", home, AT)
    assert files(folder) == before


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 501, "bell \x07", "half \ud800"])
def test_a_reason_that_cannot_be_shown_retracts_nothing(reason: str, out, home: Settings) -> None:
    one, folder = out
    before = files(folder)
    with pytest.raises(RiskError, match="--reason"):
        notices.retract(one.region, DAY, reason, home, AT)
    assert files(folder) == before and not (home.data / "retractions").exists()


def test_a_day_without_a_report_names_the_newest(out, home: Settings, made: Callable) -> None:
    one, _ = out
    with pytest.raises(
        RiskError, match="2003-06-13: found no published report.*newest is of 2003-06-12"
    ):
        notices.retract(one.region, date(2003, 6, 13), "why", home, AT)
    elsewhere = one.region.model_copy(update={"name": "elsewhere"})
    with pytest.raises(RiskError, match="climate-risk daily elsewhere"):
        notices.retract(elsewhere, DAY, "why", home, AT)


def test_the_same_forecast_again_stays_retracted_and_another_one_corrects_it(
    out, home: Settings, made: Callable
) -> None:
    one, folder = out
    notices.retract(one.region, DAY, "wrong gauge", home, AT)
    retracted = files(folder)
    one.publish(folder)
    notices.apply_notices(folder, one.region, home)
    assert files(folder) == retracted
    replace(made(seed=2), region=one.region).publish(folder)
    notices.apply_notices(folder, one.region, home)
    html = page(folder)
    assert (
        "Corrected: it replaces the report retracted on 12 June 2003, because:</b> <bdi>wrong "
        "gauge.</bdi>" in html
    )
    assert "Do not act" not in html and 'retracted" role="alert"' not in html
    assert retraction.retraction_of(folder) is None and (folder / "retraction.json").is_file()
    notices.retract(one.region, DAY, "the other gauge", home, AT + timedelta(hours=1))
    assert "<bdi>the other gauge.</bdi> <b>Do not act" in page(folder)
    assert [told.reason for told in retraction.retractions(folder / "retraction.json")] == [
        "the other gauge",
        "wrong gauge",
    ]
    one.publish(folder)
    notices.apply_notices(folder, one.region, home)
    assert "<bdi>wrong gauge.</bdi> <b>Do not act" in page(folder)


def test_alerts_of_a_retracted_report_are_cancelled_beside_them(out, home: Settings) -> None:
    one, folder = out
    (folder / "alerts").mkdir(exist_ok=True)
    (folder / "alerts" / "warn-1.xml").write_text("one")
    notices.write_note(one.region, DAY, "seen", home)
    notices.apply_notices(folder, one.region, home, cancels)
    assert not [path.name for path in (folder / "alerts").glob("*cancel*")]
    notices.retract(one.region, DAY, "wrong gauge", home, AT, cancels)
    assert (folder / "alerts" / "warn-1.xml").read_text() == "one"
    assert (
        folder / "alerts" / "cancel-warn-1.xml"
    ).read_text() == f"warn-1.xml {AT.isoformat()} wrong gauge"
    before = files(folder)
    notices.apply_notices(folder, one.region, home, cancels)
    assert files(folder) == before


def test_a_note_stands_beside_the_model_and_goes_again(out, home: Settings) -> None:
    one, folder = out
    numbers, before = read_forecast_csv(folder / "forecast.csv"), page(folder)
    path = notices.write_note(one.region, DAY, f"Wadi checked at noon.\r\n{NASTY}\n", home)
    assert path == home.data / "notes" / one.region.name / "2003-06-12.txt"
    notices.apply_notices(folder, one.region, home)
    html = page(folder)
    assert "Note of the duty officer" in html and '<p dir="auto">Wadi checked at noon.</p>' in html
    assert (
        html.count("<script") == 1
        and "&lt;script&gt;alert(1)&lt;/script&gt; &#34;quoted&#34; &amp;" in html
    )
    pd.testing.assert_frame_equal(read_forecast_csv(folder / "forecast.csv"), numbers)
    notices.write_note(one.region, DAY, " ", home)
    notices.apply_notices(folder, one.region, home)
    assert not path.exists()
    assert page(folder).replace("\n<!-- notices --><!-- /notices -->", "") == before.replace(
        "\n<!-- notices --><!-- /notices -->", ""
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [("x" * 2001, "2,001 characters"), ("a\x00b", "U\\+0000"), ("a\x1b[31m", "U\\+001B")],
)
def test_a_note_that_cannot_be_shown_is_refused(text: str, words: str, out, home: Settings) -> None:
    with pytest.raises(RiskError, match=words):
        notices.write_note(out[0].region, DAY, text, home)
    assert not (home.data / "notes").exists()


def test_a_note_written_by_hand_stops_no_report(out, home: Settings) -> None:
    one, folder = out
    path = notices.note_path(one.region, DAY, home)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xef\xbb\xbf" + "Sa\u00efdia".encode() + b"\r\n\x07\xff" + b"y" * 3000)
    notices.apply_notices(folder, one.region, home)
    html = page(folder)
    assert '<p dir="auto">Saïdia</p><p dir="auto">\ufffdyyy' in html and "y…</p>" in html


def test_readers_find_the_old_page_or_the_new(out, home: Settings) -> None:
    """The folder is exchanged, never written in: a page opened before stays what it was."""
    one, folder = out
    with open(folder / "report.en.html", encoding="utf-8") as opened:
        notices.retract(one.region, DAY, "wrong gauge", home, AT)
        assert "Retracted" not in opened.read()
    assert "Retracted" in page(folder)
    there = {path.name for path in folder.parent.iterdir()}
    assert there == {str(DAY), "ledger.jsonl", ".climate-risk.lock"}


@pytest.mark.parametrize("tag", ["fr", "ar"])
def test_notices_are_told_in_every_language(tag: str, out, home: Settings) -> None:
    """In the language's own dates."""
    one, folder = out
    notices.retract(one.region, DAY, NASTY, home, AT)
    block = notices.render_notices(one.region, DAY, home, tag, retraction.forecast_digest(folder))
    assert {"fr": "12 juin 2003", "ar": "يونيو"}[tag] in block and "<script" not in block


@pytest.fixture(scope="module")
def printed_once(pango: None, made: Callable, tmp_path_factory):
    """A region that speaks three languages, and a home with its report published with PDFs."""
    one, before = (
        made(
            hazards=("heat",), colour="orange", languages=("fr", "ar"), history="none", scored=False
        ),
        Settings(tmp_path_factory.mktemp("printed")),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reports.render.papers, "pdf_of", pdf_of)
        one.publish(before.published / one.region.name / str(DAY), settings=before)
    return one, before


@pytest.fixture
def spoken(printed_once, home: Settings, monkeypatch: pytest.MonkeyPatch):
    """The printed report in a home of the test's own, and the text of a PDF of it."""
    monkeypatch.setattr(reports.render.papers, "pdf_of", pdf_of)
    one, folder = copied(printed_once, home)

    def paper(tag: str, name: str) -> str:
        sheets = PdfReader(folder / f"{name}.{tag}.pdf").pages
        return "".join("".join(sheet.extract_text() for sheet in sheets).split())

    return one, folder, paper


def test_every_page_and_its_paper_say_why(spoken, home: Settings) -> None:
    one, folder, paper = spoken
    before = files(folder)
    notices.retract(one.region, DAY, "sonde 7 en panne", home, AT)
    after = files(folder)
    assert set(before) <= set(after), "nothing disappears"
    kinds = (
        *("report.{}.html", "report.{}.pdf", "details.{}.html", "brief.{}.pdf", "card.{}.png"),
        *("message.{}.txt", "places/p00.{}.html"),
    )
    pages = {kind.format(tag) for tag in ("en", "fr", "ar") for kind in kinds}
    assert {name for name in before if after[name] != before[name]} == pages | tables(folder)
    said = {
        "en": "Retracted on 12 June 2003:",
        "fr": "Retiré le 12 juin 2003 :",
        "ar": "سُحبت هذه النشرة بتاريخ",
    }
    for tag, words in said.items():
        assert words in (folder / f"report.{tag}.html").read_text(encoding="utf-8").replace(
            "\u202f", " "
        )
        assert "sonde7enpanne" in paper(tag, "report") and "sonde7enpanne" in paper(tag, "brief")
        message = (folder / f"message.{tag}.txt").read_text(encoding="utf-8")
        assert "sonde 7 en panne" in message and len(message) <= (135 if tag == "ar" else 301)
    assert "Retiréle12juin2003" in paper("fr", "report")


def test_a_second_run_of_the_day_keeps_what_was_said(spoken, home: Settings) -> None:
    one, folder, _ = spoken
    notices.write_note(one.region, DAY, "Wadi checked.", home)
    notices.apply_notices(folder, one.region, home)
    noted = files(folder)
    assert "Wadi checked." in page(folder)
    one.publish(folder, settings=home)
    assert files(folder) == noted
    notices.retract(one.region, DAY, "wrong gauge", home, AT)
    retracted = files(folder)
    one.publish(folder, settings=home)
    assert files(folder) == retracted


def test_other_numbers_correct_the_report_and_its_alerts(out, home: Settings) -> None:
    """The cancelled alerts stay beside the new ones, which are sent under names of their own
    when the correction is made."""
    one, folder = out
    other = replace(
        one, forecast=one.forecast.assign(probability=(one.forecast["probability"] * 0.9).round(4))
    )
    one.publish(folder, settings=home)
    first = {name: raw for name, raw in files(folder).items() if name.startswith("alerts/")}
    notices.write_note(one.region, DAY, "Wadi checked.", home)
    notices.retract(one.region, DAY, "wrong gauge", home, AT)
    cancelled = {name: raw for name, raw in files(folder).items() if name.startswith("alerts/")}
    assert len(cancelled) == 2 * len(first)
    other.publish(folder, settings=home, now=AT + timedelta(hours=1))
    corrected = files(folder)
    assert "Corrected: it replaces the report retracted" in page(
        folder
    ) and "Wadi checked." in page(folder)
    assert cancelled.items() <= corrected.items()
    new = {name for name in corrected if name.startswith("alerts/")} - set(cancelled)
    assert new == {name.replace(".xml", "-2.xml") for name in first}
    assert b"<sent>2003-06-12T10:30:00-00:00</sent>" in corrected[min(new)]
    assert json.loads(corrected["provenance.json"])["sent"] == "2003-06-12T10:30:00-00:00"
    (report,) = archive.published(home)[one.region.name]
    assert feed.updated(report) == AT + timedelta(hours=1) and report.retraction is None
    other.publish(folder, settings=home, now=AT + timedelta(hours=5))
    assert files(folder) == corrected, "the same numbers again are no further correction"


def test_a_note_reaches_every_file_and_is_taken_out_again(out, home: Settings) -> None:
    one, folder = out
    before, digest = files(folder), retraction.forecast_digest(folder)
    notices.write_note(one.region, DAY, "=Wadi checked,\nat noon.", home)
    notices.apply_notices(folder, one.region, home)
    changed = {name for name, raw in files(folder).items() if before.get(name) != raw}
    assert changed == PAGES | tables(folder)
    assert retraction.forecast_digest(folder) == digest
    told = "NOTE of the duty officer: =Wadi checked, at noon."
    assert set(pd.read_csv(folder / "forecast.csv")["notice"]) == {told}
    for path in (folder / "forecast.geojson", *(folder / "layers").iterdir()):
        collection = json.loads(path.read_text(encoding="utf-8"))
        said = {feature["properties"]["notice"] for feature in collection["features"]}
        assert said | {collection["notice"]} == {told}
    with xr.open_dataset(folder / "forecast.nc", engine="h5netcdf") as data:
        assert data.attrs["notice"] == told
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["note"] == "=Wadi checked,\nat noon."
    notices.write_note(one.region, DAY, "", home)
    notices.apply_notices(folder, one.region, home)
    assert {name for name, raw in files(folder).items() if before[name] != raw} == set()


def test_a_retraction_reaches_every_file_beside_the_same_numbers(out, home: Settings) -> None:
    one, folder = out
    numbers = read_forecast_csv(folder / "forecast.csv")
    notices.retract(one.region, DAY, "the gauge was blocked", home, AT)
    told = "RETRACTED on 2003-06-12: the gauge was blocked. Do not act on this report."
    assert set(pd.read_csv(folder / "forecast.csv")["notice"]) == {told}
    pd.testing.assert_frame_equal(read_forecast_csv(folder / "forecast.csv"), numbers)
    with xr.open_dataset(folder / "forecast.nc", engine="h5netcdf") as data:
        assert data.attrs["notice"] == told
        pd.testing.assert_frame_equal(forecast_table(data.load()), numbers)
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["retraction"]["reason"] == "the gauge was blocked"


def test_paper_that_cannot_be_made_again_does_not_stay(
    spoken, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, folder, _ = spoken

    def none(html: str) -> bytes:
        raise PdfUnavailable("the PDF was left out")

    monkeypatch.setattr(reports.render.papers, "pdf_of", none)
    replace(one, forecast=one.forecast.assign(probability=one.forecast["probability"] * 0)).publish(
        folder, settings=home
    )
    assert not [*folder.glob("*.pdf"), *folder.glob("*.png")]
    assert len(list(folder.glob("*.html"))) == 6


def test_paper_whose_print_page_was_not_kept_does_not_stay(spoken, home: Settings) -> None:
    """As of a report that a version before published: its PDF would say what is no longer so."""
    one, folder, _ = spoken
    kept = sorted((home.data / "print" / one.region.name).iterdir())
    stems = [f"{kind}{tag}" for kind in ("", "brief.", "card.") for tag in ("ar", "en", "fr")]
    assert {path.name for path in kept} == {f"{DAY}.{stem}.html.gz" for stem in stems}
    for path in kept:
        if ".en." in path.name:
            path.unlink()
    notices.write_note(one.region, DAY, "Wadi checked.", home)
    notices.apply_notices(folder, one.region, home)
    left = [*folder.glob("*.pdf"), *folder.glob("*.png")]
    assert {path.name for path in left} == {
        f"{name}.{tag}.{end}"
        for name, end in (("report", "pdf"), ("brief", "pdf"), ("card", "png"))
        for tag in ("ar", "fr")
    }
