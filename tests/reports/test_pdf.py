from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from markupsafe import Markup
from pypdf import PdfReader

import reports
from configs import Location, load_region
from configs.actions import ActionText
from reports.render.drawings import SVG_ADDRESS, drawing, in_order_of_the_eye, layers
from reports.render.html import to_brief
from reports.render.maps import MAX_VERTICES, DayMap, Patch, Shape, Sheet
from reports.render.pdf import pdf_of
from reports.view.outlines import outlines

pytestmark = pytest.mark.usefixtures("pango")
SVG = "http://www.w3.org/2000/svg"
FOUR = ("heat", "flash_flood", "river_flood", "drought")
ARABIC = """<!doctype html><html lang="ar" dir="rtl"><head><meta charset="utf-8"><title>x</title>
<style>body{font-family:Report} img{display:block}
@page{size:A4;@bottom-left{content:counter(page) " / " counter(pages)}}</style></head>
<body><main><p>السلام عليكم</p></main></body></html>"""


@pytest.fixture
def page(made: Callable) -> str:
    """The English print page of a made-up report."""
    return made().print_page()


def text_of(html: str) -> str:
    return squeezed(unescape(re.sub(r"<[^>]*>", "", html)))


def squeezed(text: str) -> str:
    """Without space, and with letters that are drawn as one told apart."""
    return "".join(normalize("NFKC", text).split())


def embedded(reader: PdfReader) -> dict[str, bool]:
    """The fonts of every sheet, and whether the file carries them."""
    found = {}
    for sheet in reader.pages:
        for font in sheet["/Resources"].get("/Font", {}).values():
            for below in font.get_object()["/DescendantFonts"]:
                described = below.get_object()["/FontDescriptor"].get_object()
                found[str(described["/FontName"])] = any(
                    key in described for key in ("/FontFile", "/FontFile2", "/FontFile3")
                )
    return found


def test_the_sheets_hold_every_number_of_the_page(
    made_for: Callable, without_paper: None, tmp_path: Path
) -> None:
    """Of the 16 communes of Berkane, whose pages for a screen are small in every language."""
    one = made_for(load_region("berkane"), hazards=FOUR)
    folder = one.publish(tmp_path / "day")
    assert max(path.stat().st_size for path in folder.glob("report.*.html")) < 1_500_000
    html = (folder / "report.en.html").read_text(encoding="utf-8")
    document = pdf_of(one.print_page())
    reader = PdfReader(BytesIO(document))
    texts = [squeezed(sheet.extract_text()) for sheet in reader.pages]
    assert len(texts) <= 9, "of a day with colours in all places"
    assert all(
        f"{i}/{len(texts)}" in text and "ValiduntilFriday13June2003" in text
        for i, text in enumerate(texts, 1)
    )
    for headline in re.findall(r'<div class="say"><p>(.*?)</p>', html):
        assert text_of(headline) in texts[0] + texts[1]
    wanted = [text_of(one) for one in re.findall(r"<data [^>]*>(.*?)</data>", html)]
    whole = "".join(texts)
    assert len(wanted) > 30
    assert all(whole.count(one) >= wanted.count(one) for one in set(wanted))
    for name in re.findall(
        r"<text[^>]*>([^<]*)</text>", re.search(r'<svg class="map".*?</svg>', html, re.DOTALL)[0]
    ):
        assert squeezed(unescape(name)) in texts[0], "names are drawn on the map"
    assert reader.pages[0].mediabox.width > reader.pages[0].mediabox.height
    assert set(embedded(reader).values()) == {True} and all(
        "Report" in name for name in embedded(reader)
    )
    assert len(document) < 1_500_000


def test_a_quiet_day_of_16_communes_takes_six_sheets(made_for: Callable) -> None:
    one = made_for(load_region("berkane"), hazards=FOUR, colour="green")
    for tag in ("en", "fr", "ar"):
        assert len(PdfReader(BytesIO(pdf_of(one.print_page(tag)))).pages) <= 6


@pytest.mark.parametrize("tag", ["en", "fr", "ar"])
def test_the_brief_is_one_sheet_of_a4_however_much_there_is_to_say(
    made_for: Callable, tag: str
) -> None:
    """Of a quiet day and of one with all colours, whose region asks for long actions."""
    berkane = load_region("berkane")
    told = ActionText(plain="Tell every quarter and every school. " * 12)
    long = {name: {"yellow": told} for name in FOUR}
    for shape, actions in (({"colour": "green"}, {}), ({}, {}), ({"colour": "red"}, long)):
        one = made_for(berkane.model_copy(update={"actions": actions}), hazards=FOUR, **shape)
        page = one.page(tag)
        (sheet,) = PdfReader(BytesIO(pdf_of(to_brief(page, "https://risk.example/a")))).pages
        text = squeezed(sheet.extract_text())
        assert (round(sheet.mediabox.width), round(sheet.mediabox.height)) == (595, 842)
        if tag != "ar":
            assert all(squeezed(head.title) in text for head in page.headlines)
            assert squeezed("https://risk.example/a") in text


def test_equal_pages_are_equal_bytes_in_another_process_too(page: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    code = (
        "import sys; from reports.render.pdf import pdf_of; "
        "sys.stdout.buffer.write(pdf_of(open(sys.argv[1], encoding='utf-8').read()))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "page.html")], check=True, capture_output=True
    )
    assert other.stdout == pdf_of(page)
    assert other.stderr == b""


def test_arabic_is_shaped_and_its_sheet_runs_from_the_right() -> None:
    """Letters that join are drawn in their joined forms: lam and alef as one, so the PDF has
    fewer shapes than letters."""
    reader = PdfReader(BytesIO(pdf_of(ARABIC)))
    assert set(embedded(reader).values()) == {True}
    places: list[tuple[str, float]] = []
    reader.pages[0].extract_text(
        visitor_text=lambda text, cm, tm, font, size: places.append((text, tm[4] * cm[0] + cm[4]))
    )
    spoken = "".join(text for text, _ in places)
    assert len(set("السلام عليكم") & set(normalize("NFKC", spoken))) >= 8
    numbered = next(x for text, x in places if "/" in text)
    assert numbered < float(reader.pages[0].mediabox.width) / 4
    joined = {glyph for sheet in reader.pages for glyph in _glyphs(sheet)}
    assert "ﻻ" in joined or "لا" in joined


def test_arabic_in_a_drawing_is_joined_and_in_the_order_of_the_eye() -> None:
    """WeasyPrint draws a drawing's text letter by letter from the left.

    Other scripts stay as they are.
    """
    words = ["\u2067٨ من 10\u2069", "خميس & <b>", "Saïdia & 7"]
    seen = [in_order_of_the_eye(text) for text in words]
    assert seen == ["10 ﻦﻣ ٨", "<b> & ﺲﻴﻤﺧ", "Saïdia & 7"]
    lines = Markup("").join(Markup("<text y='9'>{}</text>").format(text) for text in seen)
    image = drawing("chart", "x", "0 0 100 50", lines)
    (sheet,) = PdfReader(BytesIO(pdf_of(ARABIC.replace("</main>", f"{image}</main>")))).pages
    assert {"ﻦ", "ﻣ", "ﺲ", "ﺧ"} <= set(_glyphs(sheet)), "the sheet's font has the joined forms"


def _glyphs(sheet) -> list[str]:
    """What single shapes of a sheet's fonts stand for."""
    fonts = [font.get_object() for font in sheet["/Resources"]["/Font"].values()]
    maps = "".join(font["/ToUnicode"].get_data().decode() for font in fonts)
    codes = re.findall(r"<[0-9a-fA-F]+>\s+<((?:[0-9a-fA-F]{4})+)>", maps)
    return [bytes.fromhex(code).decode("utf-16-be") for code in codes]


def test_nothing_outside_the_page_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text("p::before{content:'SECRET'}")
    page = (
        f'<html lang="en"><head><style>p{{color:#000}}</style><link rel="stylesheet" '
        f'href="{secret.as_uri()}"></head><body><main>'
        f'<p>Seen</p><img alt="none" src="http://127.0.0.1:9/a.png"><img alt="none" '
        f'src="{secret.as_uri()}">'
        "</main></body></html>"
    )
    document = pdf_of(page)
    reader = PdfReader(BytesIO(document))
    text = reader.pages[0].extract_text()
    assert "Seen" in text and "SECRET" not in text
    assert b"file:" not in document and str(tmp_path).encode() not in document


def test_files_beside_the_page_are_named_and_not_linked(page: str) -> None:
    assert "forecast.csv" in page and all(
        address.startswith("#") for address in re.findall(r'href="([^"]*)"', page)
    )


def test_the_footer_stands_below_every_sheet_and_at_the_end(page: str) -> None:
    sheets = [squeezed(one.extract_text()) for one in PdfReader(BytesIO(pdf_of(page))).pages]
    below = "ValiduntilFriday13June2003"
    assert all(below in sheet for sheet in sheets) and sheets[-1].count(below) == 2


def pictures(page: str) -> list[ElementTree.Element]:
    """The drawings of a print page."""
    assert "<svg" not in page
    drawn = re.findall(r'<img [^>]*src="([^"]*)"', page)
    assert all(one.startswith(SVG_ADDRESS) for one in drawn)
    whole = [unquote(unescape(one)).removeprefix(SVG_ADDRESS) for one in drawn]
    return [ElementTree.fromstring(one) for one in whole]  # noqa: S314 (our own drawings)


def test_drawings_carry_their_own_style_and_the_patterns_it_names(made_for: Callable) -> None:
    page = made_for(load_region("berkane"), hazards=("heat",)).print_page("fr")
    assert page.count("<details") == page.count("<script") == 0 and 'id="h-heat"' in page
    drawn = pictures(page)
    rings = sum(
        len(outline.polygons) for outline in outlines(load_region("berkane"), MAX_VERTICES).values()
    )
    charts = [one for one in drawn if one.get("class") == "chart"]
    maps = [one for one in drawn if one.get("class") == "map"]
    assert len(maps) == 8 and len(charts) >= 3, "the brief's, and of days that tell anything"
    for one in drawn:
        style, defs = (one.findtext(f"{{{SVG}}}style") or ""), one.find(f"{{{SVG}}}defs")
        assert "var(" not in style and ".value{" in style and defs is not None
        assert {shape.attrib["id"] for shape in defs} == set(re.findall(r"url\(#([\w-]+)\)", style))
    for one in maps:
        patches = [
            shape
            for shape in one.iter(f"{{{SVG}}}path")
            if (shape.get("class") or "").startswith("patch ")
        ]
        assert sum(patch.attrib["d"].count("M") for patch in patches) == rings, (
            "every commune is drawn"
        )
        assert all(a.get("class") != b.get("class") for a, b in pairwise(patches)), (
            "neighbours of one colour"
        )


def test_a_location_inside_another_stays_in_front_of_it() -> None:
    """Of a map's locations those of one colour are one shape, as far as none is hidden by it."""
    boxes = {
        "a": (0, 0, 9, 9),
        "b": (9, 0, 19, 9),
        "c": (2, 2, 4, 4),
        "d": (19, 0, 29, 9),
        "e": (12, 1, 12, 1),
    }
    colours = {"a": "green", "b": "red", "c": "red", "d": "green", "e": "green"}
    shapes = {name: Shape(name, name.upper(), (0, 0), box) for name, box in boxes.items()}
    patches = tuple(Patch(name, (0, 0), colour, "") for name, colour in colours.items())
    stacked = layers(Sheet(10, shapes), DayMap(("", ""), "", patches))
    assert [(one.colour, one.path) for one in stacked] == [
        ("green", "AD"),
        ("red", "BC"),
        ("green", "E"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        '<script>alert("x")</script>',
        "A & B's",
        "bell\x07 and \ufffe",
        "\u202eright",
        "W" * 200,
        "عين",
    ],
)
def test_a_name_spoils_no_sheet(made: Callable, name: str) -> None:
    """Drawings are XML, which a stray sign would empty.

    A name is text on the sheet, as far as paper can hold it.
    """
    places = tuple(
        Location(id=f"p{i:02d}", names={"en": f"{name}{i}"}, latitude=34 + i, longitude=-2 - i)
        for i in range(2)
    )
    one = made(
        n_places=2,
        hazards=("heat",),
        history="none",
        scored=False,
        names=[place.names["en"] for place in places],
    )
    region = one.region.model_copy(update={"locations": places, "title": name})
    html = replace(one, region=region).print_page()
    assert len(pictures(html)) >= 12
    text = squeezed(
        "".join(sheet.extract_text() for sheet in PdfReader(BytesIO(pdf_of(html))).pages)
    )
    if not any(unicodedata.bidirectional(char) in ("AL", "RLO") for char in name):
        assert text.count(squeezed("".join(char for char in name if char not in "\x07\ufffe"))) >= 4


NO_PANGO = """
import cffi
whole = cffi.FFI.dlopen
def dlopen(self, name, *rest):
    if "pango" in str(name):
        raise OSError(f"cannot load library {name!r}")
    return whole(self, name, *rest)
cffi.FFI.dlopen = dlopen
from reports.render.pdf import PdfUnavailable, pdf_of
try:
    pdf_of("<p>x</p>")
except PdfUnavailable as error:
    print(error)
"""


def test_without_pango_one_line_says_why_and_what_helps() -> None:
    said = subprocess.run(
        [sys.executable, "-c", NO_PANGO], check=True, capture_output=True, text=True
    )
    assert said.stdout.count("\n") == 1 and said.stderr == ""
    assert said.stdout.startswith("the PDF was left out") and "libpango-1.0-0" in said.stdout


def test_without_paper_all_else_is_published_and_one_line_says_why(
    made: Callable, without_paper: None, tmp_path: Path
) -> None:
    one = made(languages=("fr", "ar"))
    done = reports.publish(
        one.forecast, one.scores, one.history, one.region, one.provenance, tmp_path / "day"
    )
    assert (
        len(done.left_out) == 1
        and done.left_out[0].startswith("the PDF was left out")
        and "\n" not in done.left_out[0]
    )
    assert {path.name for path in done.folder.iterdir()} == {
        "report.en.html", "report.fr.html", "report.ar.html", "details.en.html",
        "details.fr.html", "details.ar.html", "places",
        "message.en.txt", "message.fr.txt", "message.ar.txt", "forecast.csv", "forecast.nc",
        "forecast.geojson", "scores.csv",
        "alerts", "layers", "provenance.json",
    }  # fmt: skip
    page = (done.folder / "report.en.html").read_text(encoding="utf-8")
    assert "message.en.txt" in page and ".pdf" not in page and ".png" not in page
