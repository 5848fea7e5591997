"""The report on paper: its HTML page as PDF, by WeasyPrint, with the one font it needs inside."""

from __future__ import annotations

import base64
import gc
import hashlib
import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from html import escape, unescape
from itertools import groupby
from pathlib import Path
from typing import Any

from arabic_reshaper import ArabicReshaper
from bidi.algorithm import get_display

from configs import RiskError
from reports.language import runs_from_the_right, without_isolates
from reports.markup import plain_text

PRINT_STYLE = Path(__file__).parent / "templates" / "pdf.css"
FAMILY = "Report"
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
    page = weasyprint.HTML(string=for_paper(html), url_fetcher=_fetcher(weasyprint), media_type="print")
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


def for_paper(html: str) -> str:
    """The page with the style of the sheet added, its charts as pictures, and without what paper cannot open."""
    style = f"{_faces()}\n{PRINT_STYLE.read_text(encoding='utf-8')}\n{_margins(html)}"
    for pattern, replacement in _ONLY_ON_SCREEN:
        html = pattern.sub(replacement, html)
    html = _without_variables(html)
    return _with_pictures(html).replace("</head>", f"<style>{style}</style></head>", 1)


_ONLY_ON_SCREEN = (
    (re.compile(r"<details>(?:(?!<details\b).)*?</details>", re.DOTALL), ""),  # closed, so not seen
    (re.compile(r"<script\b.*?</script>", re.DOTALL), ""),
    (re.compile(r'<(span|caption) class="vh"[^>]*>[^<]*</\1>'), ""),  # for ears alone
    (re.compile(r"</?data\b[^>]*>"), ""),  # for programs alone
    (re.compile(r'(<a\b[^>]*?) href="(?!#)[^"]*"'), r"\1"),
    (re.compile(r"display:(?:inline-)?(?:grid|flex)"), "display:block"),  # WeasyPrint cannot break either over sheets
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
    return re.sub(r"var\(--([\w-]+)\)", lambda found: values.get(found[1], found[0]), re.sub(r":root\{[^}]*\}", "", html, count=1))


def _with_pictures(html: str) -> str:
    """The page with every chart and map as a picture with its own style, shapes and patterns.

    WeasyPrint would lay each line of an inline drawing out as an element of the page, and knows no style across drawings.
    """
    sheet = _SHEET.search(html)
    rules = [rule[0] for rule in _RULE.finditer(sheet[1].split("@media")[0] if sheet else "") if _draws(rule[0])]
    shared = {found[1] or found[2]: found[0] for block in _DEFS.findall(html) for found in _DEFINED.finditer(block)}
    return _SVG.sub(lambda found: _picture(found[1], found[2], rules, shared), _DEFS.sub("", html))


def _picture(attributes: str, drawn: str, rules: list[str], shared: dict[str, str]) -> str:
    """An <img> of a drawing with the rules and the shared definitions it needs.

    Names on a map are drawn again over their halo, since WeasyPrint does not know paint-order.
    """
    label = re.search(r'aria-label="([^"]*)"', attributes) or re.search(r"<title[^>]*>([^<]*)</title>", drawn)
    classes = set(" ".join(re.findall(r'class="([^"]*)"', attributes + drawn)).split())
    style = "".join(rule for rule in rules if _reaches(rule, classes))
    if "map" in classes:
        drawn = _TEXT.sub(r'\g<0><text style="stroke:none"\1', _joined(drawn, shared))
        style = re.sub(r"\buse\b", ".patch", style)
    wanted = dict.fromkeys(re.findall(r'(?:url\(|href=")#([\w-]+)', style + drawn))
    defs = "".join(shared[name] for name in wanted if name in shared)
    inside = f"<style>{style}text{{font-family:{FAMILY}}}</style><defs>{defs}</defs>{drawn}"
    svg = _WORDS.sub(_seen, plain_text(f'<svg xmlns="http://www.w3.org/2000/svg"{attributes}>{inside}</svg>'))
    own = re.search(r'class="[^"]*"', attributes)
    address = f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    return f'<img {own[0] if own else ""} alt="{label[1] if label else ""}" src="{address}">'


def _seen(found: re.Match[str]) -> str:
    """A drawing's text as it is seen: WeasyPrint draws it letter by letter from the left, joining none, whatever its direction."""
    text = without_isolates(unescape(found[2]))
    if not runs_from_the_right(text):
        return found[0]
    return found[1] + escape(get_display(_SHAPES.reshape(text)), quote=False)


def _joined(drawn: str, shared: dict[str, str]) -> str:
    """A map whose neighbours in drawing order are one shape where they are of one colour, and without the words for ears."""
    found = [(patch[2], shared[patch[1]]) for patch in _PATCH.finditer(drawn) if patch[1] in shared]
    paths = []
    for colour, run in groupby(found, key=lambda patch: patch[0]):
        outline = "".join(" ".join(_OUTLINE.findall(shape)) for _, shape in run)
        paths.append(f'<path class="patch {colour}" d="{outline}"/>')
    return "".join(paths) + _PATCH.sub("", drawn)


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
    return '"' + "".join(char if char.isalnum() or char == " " else f"\\{ord(char):x} " for char in text) + '"'


@cache
def _faces() -> str:
    return "\n".join(
        f'@font-face{{font-family:"{FAMILY}";font-weight:{weight};src:url("{path.as_uri()}")}}' for path, weight in _font_files().items()
    )


@cache
def _font_files() -> dict[Path, str]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return {folder / name: weight for name, weight in FACES.items()}


def _fetcher(weasyprint: Any) -> Any:
    """Opens the font files and pictures within the page, and refuses everything else."""
    allowed = {path.as_uri() for path in _font_files()}

    class OnlyOurs(weasyprint.urls.URLFetcher):
        def fetch(self, url: str, headers: Any = None) -> Any:
            if url not in allowed and not url.startswith("data:"):
                raise ValueError(f"{url}: found an address outside the page, expected none")
            return super().fetch(url, headers)

    return OnlyOurs(allowed_protocols=("data", "file"), allow_redirects=False)


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
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)  # it remarks on each CSS property meant for screens
    return weasyprint
