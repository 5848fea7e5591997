"""The report on paper: its HTML page as PDF, by WeasyPrint, with the one font it needs inside."""

from __future__ import annotations

import gc
import hashlib
import io
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import cache, lru_cache
from html import escape, unescape
from importlib import resources
from pathlib import Path
from typing import Any

from arabic_reshaper import ArabicReshaper
from bidi.algorithm import get_display

from configs import RiskError
from reports.text.language import runs_from_the_right, without_isolates
from reports.text.xml import plain_text

PRINT_STYLE = Path(__file__).parent / "templates" / "pdf.css"
FAMILY = "Report"
SCHEME = "drawing:"
FACES = {"DejaVuSans.ttf": "normal", "DejaVuSans-Bold.ttf": "bold"}
"""Font files that matplotlib brings, and their weight. They hold Latin, Arabic and the signs of the report (free licence)."""


class PdfUnavailable(RiskError):
    """This machine cannot make PDFs; its text says why and what helps."""


def pdf_of(html: str) -> bytes:
    """A report's page as PDF: A4, fonts embedded, page numbers and the page's <footer> on every sheet.

    Nothing is read but ``html`` and the font files, whatever the page asks for; links to files beside the page stay
    plain text. Equal pages give equal bytes. Raises PdfUnavailable where WeasyPrint or its Pango is missing.
    """
    weasyprint = _weasyprint()
    fonts = weasyprint.text.fonts.FontConfiguration()
    paper, pictures = for_paper(html)
    page = _sheets(weasyprint)(
        string=paper, url_fetcher=_fetcher(weasyprint, pictures), media_type="print"
    )
    identifier = hashlib.sha256(html.encode()).hexdigest()[:32].encode()
    with _no_collection():
        return bytes(page.write_pdf(font_config=fonts, pdf_identifier=identifier))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without Python's search for cycles, which takes a quarter of the time among the boxes of a layout."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def for_paper(html: str) -> tuple[str, dict[str, str]]:
    """The page with the style of the sheet added and without what paper cannot open; its charts and maps as SVG, by address."""
    style = f"{_faces()}\n{PRINT_STYLE.read_text(encoding='utf-8')}\n{_margins(html)}"
    for pattern, replacement in _ONLY_ON_SCREEN:
        html = pattern.sub(replacement, html)
    html = _without_variables(html)
    html, pictures = _with_pictures(html)
    return html.replace("</head>", f"<style>{style}</style></head>", 1), pictures


_ONLY_ON_SCREEN = (
    (re.compile(r"<details>(?:(?!<details\b).)*?</details>", re.DOTALL), ""),  # closed, so not seen
    (re.compile(r"<script\b.*?</script>", re.DOTALL), ""),
    (re.compile(r'<(span|caption) class="vh"[^>]*>[^<]*</\1>'), ""),  # for ears alone
    (
        re.compile(r"</?data\b[^>]*>| data-[\w-]+=\"[^\"]*\"| scope=\"\w+\"| aria-hidden=\"true\""),
        "",
    ),  # for programs alone
    (re.compile(r"\.\w+ \.tone::before\{[^}]*\}"), ""),
    (re.compile(r"</small><small>"), "\n"),  # one block of lines instead of a block a line
    (re.compile(r'(<a\b[^>]*?) href="(?!#)[^"]*"'), r"\1"),
    (
        re.compile(r"display:(?:inline-)?(?:grid|flex)"),
        "display:block",
    ),  # WeasyPrint cannot break either over sheets
)
_SHEET = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_DEFS = re.compile(r'<svg class="defs".*?<defs>(.*?)</defs></svg>', re.DOTALL)
_DEFINED = re.compile(r'<pattern id="([\w-]+)".*?</pattern>|<path id="([\w-]+)"[^>]*/>', re.DOTALL)
_SVG = re.compile(r"<svg\b([^>]*)>(.*?)</svg>", re.DOTALL)
_PATCH = re.compile(r'<use href="#([\w-]+)" class="([^"]*)"><title>.*?</title></use>', re.DOTALL)
_OUTLINE = re.compile(r' d="([^"]*)"')
_TEXT = re.compile(r"<text\b([^>]*>[^<]*</text>)")
_WORDS = re.compile(r"(<text\b[^>]*>)([^<]+)")
_SHAPES = ArabicReshaper({"delete_harakat": False})
_RULE = re.compile(r"([^{}]+)\{[^{}]*\}")


def _without_variables(html: str) -> str:
    """The page with the values of its stylesheet's variables in their places: WeasyPrint hands each down from element to element."""
    sheet = _SHEET.search(html)
    values = dict(re.findall(r"--([\w-]+):([^;}]+)", sheet[1])) if sheet else {}
    return re.sub(
        r"var\(--([\w-]+)\)",
        lambda found: values.get(found[1], found[0]),
        re.sub(r":root\{[^}]*\}", "", html, count=1),
    )


def _with_pictures(html: str) -> tuple[str, dict[str, str]]:
    """The page with an <img> for every chart and map, and these as SVG with its own style, shapes and patterns.

    WeasyPrint would lay each line of an inline drawing out as an element of the page, and knows no style across drawings.
    """
    sheet = _SHEET.search(html)
    rules = [
        rule[0]
        for rule in _RULE.finditer(sheet[1].split("@media")[0] if sheet else "")
        if _draws(rule[0])
    ]
    shared = {
        found[1] or found[2]: found[0]
        for block in _DEFS.findall(html)
        for found in _DEFINED.finditer(block)
    }
    pictures: dict[str, str] = {}
    return _SVG.sub(
        lambda found: _picture(found[1], found[2], rules, shared, pictures), _DEFS.sub("", html)
    ), pictures


def _picture(
    attributes: str, drawn: str, rules: list[str], shared: dict[str, str], pictures: dict[str, str]
) -> str:
    """An <img> of a drawing, which is added to ``pictures`` with the rules and the shared definitions it needs.

    Names on a map are drawn again over their halo, since WeasyPrint does not know paint-order.
    """
    label = re.search(r'aria-label="([^"]*)"', attributes) or re.search(
        r"<title[^>]*>([^<]*)</title>", drawn
    )
    classes = set(" ".join(re.findall(r'class="([^"]*)"', attributes + drawn)).split())
    style = "".join(rule for rule in rules if _reaches(rule, classes))
    if "map" in classes:
        drawn = _TEXT.sub(r'\g<0><text style="stroke:none"\1', _joined(drawn, shared))
        style = re.sub(r"\buse\b", ".patch", style)
    wanted = dict.fromkeys(re.findall(r'(?:url\(|href=")#([\w-]+)', style + drawn))
    defs = "".join(shared[name] for name in wanted if name in shared)
    inside = f"<style>{style}text{{font-family:{FAMILY}}}</style><defs>{defs}</defs>{drawn}"
    svg = _WORDS.sub(
        _seen, plain_text(f'<svg xmlns="http://www.w3.org/2000/svg"{attributes}>{inside}</svg>')
    )
    own = re.search(r'class="[^"]*"', attributes)
    address = f"{SCHEME}{hashlib.sha256(svg.encode()).hexdigest()}"
    pictures[address] = svg
    return f'<img {own[0] if own else ""} alt="{label[1] if label else ""}" src="{address}">'


def _seen(found: re.Match[str]) -> str:
    """A drawing's text as it is seen: WeasyPrint draws it letter by letter from the left, joining none, whatever its direction."""
    text = without_isolates(unescape(found[2]))
    if not runs_from_the_right(text):
        return found[0]
    return found[1] + escape(get_display(_SHAPES.reshape(text)), quote=False)


def _joined(drawn: str, shared: dict[str, str]) -> str:
    """A map in few shapes, those of one colour together, and without the words for ears.

    A shape within the bounds of another stays in front of it, as one place may lie inside another.
    """
    layers: list[tuple[str, list[str]]] = []
    for name, colour in _PATCH.findall(drawn):
        outline = " ".join(_OUTLINE.findall(shared.get(name, "")))
        for known, outlines in reversed(layers):
            if known == colour:
                outlines.append(outline)
                break
            if any(_within(_bounds(outline), _bounds(other)) for other in outlines):
                layers.append((colour, [outline]))
                break
        else:
            layers.append((colour, [outline]))
    return "".join(
        f'<path class="patch {colour}" d="{"".join(outlines)}"/>' for colour, outlines in layers
    ) + _PATCH.sub("", drawn)


@lru_cache(512)
def _bounds(outline: str) -> tuple[float, float, float, float]:
    """West, north, east and south of a path of straight lines; of one with arcs, its first point."""
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", outline.partition("a")[0])] or [
        0.0,
        0.0,
    ]
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])


def _within(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one[2] <= other[2] and one[3] <= other[3]


def _reaches(rule: str, classes: set[str]) -> bool:
    """Whether any selector of a rule may name something that has only ``classes``."""
    selectors = rule.partition("{")[0].split(",")
    return any(set(re.findall(r"\.([\w-]+)", selector)) <= classes for selector in selectors)


def _draws(rule: str) -> bool:
    """Whether a rule of the stylesheet may change how a chart is drawn."""
    return re.search(r"[{;](?:fill|stroke|text-anchor)[\w-]*:|^\s*svg", rule) is not None


def _margins(html: str) -> str:
    """What stands below every sheet: the text of the page's <footer> at its start, the page number at its end."""
    found = re.search(r"<footer\b[^>]*>(.*?)</footer>", html, re.DOTALL)
    words = " ".join(unescape(re.sub(r"<[^>]*>", " ", found[1])).split()) if found else ""
    rtl = re.search(r'<html\b[^>]*\bdir="rtl"', html) is not None
    start, end, direction = ("right", "left", "rtl") if rtl else ("left", "right", "ltr")
    number = 'counter(page) " / " counter(pages)'
    return (
        f"@page{{@bottom-{start}{{content:{_css_text(words)};direction:{direction};text-align:{start};width:85%}}"
        f"@bottom-{end}{{content:{number};direction:ltr;text-align:{end}}}}}"
    )


def _css_text(text: str) -> str:
    """A CSS string: all but letters, digits and spaces escaped, so that no name ends it."""
    return (
        '"'
        + "".join(char if char.isalnum() or char == " " else f"\\{ord(char):x} " for char in text)
        + '"'
    )


@cache
def _faces() -> str:
    return "\n".join(
        f'@font-face{{font-family:"{FAMILY}";font-weight:{weight};src:url("{path.as_uri()}")}}'
        for path, weight in _font_files().items()
    )


@cache
def _font_files() -> dict[Path, str]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return {folder / name: weight for name, weight in FACES.items()}


def _fetcher(weasyprint: Any, pictures: Mapping[str, str]) -> Any:
    """Opens the font files and the page's own pictures, and refuses everything else."""
    allowed = {path.as_uri() for path in _font_files()}

    class OnlyOurs(weasyprint.urls.URLFetcher):
        def fetch(self, url: str, headers: Any = None) -> Any:
            if url in pictures:
                return weasyprint.urls.URLFetcherResponse(
                    url, pictures[url].encode(), {"Content-Type": "image/svg+xml"}
                )
            if url not in allowed:
                raise ValueError(f"{url}: found an address outside the page, expected none")
            return super().fetch(url, headers)

    return OnlyOurs(allowed_protocols=("file",), allow_redirects=False)


def _sheets(weasyprint: Any) -> Any:
    """WeasyPrint's HTML, its own stylesheet without the rules for notes and markers, of which the report has none.

    They would be worked out for each element apart, a tenth of the time.
    """

    class Sheets(weasyprint.HTML):
        def _ua_stylesheets(self, forms: bool = False) -> list[Any]:
            return [_own_stylesheet(weasyprint)]

    return Sheets


@cache
def _own_stylesheet(weasyprint: Any) -> Any:
    rules = resources.files(weasyprint).joinpath("css/html5_ua.css").read_text(encoding="utf-8")
    return weasyprint.CSS(
        string=re.sub(r"^::(?:marker|note|footnote).*$", "", rules, flags=re.MULTILINE)
    )


@cache
def _weasyprint() -> Any:
    try:
        with redirect_stdout(io.StringIO()):  # it prints advice of its own where Pango is missing
            import weasyprint
            import weasyprint.text.fonts
            import weasyprint.urls
    except (ImportError, OSError) as error:
        why = str(error).splitlines()[0]
        raise PdfUnavailable(
            f"the PDF was left out: WeasyPrint cannot be used here ({why}), expected it and Pango; "
            "install libpango-1.0-0, libpangoft2-1.0-0 and libharfbuzz-subset0."
        ) from None
    logging.getLogger("weasyprint").setLevel(
        logging.CRITICAL
    )  # it remarks on each CSS property meant for screens
    return weasyprint
