"""Papers: the card as a picture, and papers of equal pages, which are made once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from configs import load_region
from reports import publish
from reports.render.html import to_card
from reports.render.papers import paper_of, png_of
from reports.render.pdf import pdf_of

pytestmark = pytest.mark.usefixtures("pango")
FOUR = ("heat", "flash_flood", "river_flood", "drought")


def test_the_card_is_a_picture_of_1080_by_1350_without_a_time(made_for: Callable) -> None:
    one = made_for(load_region("berkane"), hazards=FOUR)
    html = to_card(one.page("ar"), "")
    assert len(PdfReader(BytesIO(pdf_of(html))).pages) == 1
    picture = png_of(html)
    assert picture == png_of(html) and len(picture) < 200_000
    with Image.open(BytesIO(picture)) as opened:
        assert (opened.format, opened.size) == ("PNG", (1080, 1350))
        assert set(opened.info) <= {"Source", "dpi", "transparency"} and b"tIME" not in picture
        shades = opened.convert("L").histogram()
    assert sum(shades[:128]) > 20_000, "letters, chips and the map are on it"


def test_a_paper_of_the_same_page_is_taken_over_and_of_another_is_not() -> None:
    page = "<html><body><p>Seen</p></body></html>"
    first = paper_of("brief.en.pdf", page)
    assert paper_of("brief.en.pdf", page, first) is first
    assert paper_of("brief.en.pdf", page.replace("Seen", "New"), first) != first
    card = paper_of("card.en.png", page)
    assert card.startswith(b"\x89PNG") and paper_of("card.en.png", page, card) is card


def test_without_what_draws_the_card_the_papers_are_there_and_one_line_says_why(
    made: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    one = made(hazards=("heat",), languages=("fr",), history="none")
    told = one.forecast, one.scores, one.history, one.region, one.provenance
    done = publish(*told, tmp_path / "day")
    assert len(done.left_out) == 1 and done.left_out[0].startswith("the card was left out")
    names = {path.name for path in done.folder.iterdir() if path.suffix in (".pdf", ".png")}
    assert names == {f"{name}.{tag}.pdf" for name in ("report", "brief") for tag in ("en", "fr")}
