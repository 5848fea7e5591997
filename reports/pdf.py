"""The report on paper: its HTML page as PDF, by WeasyPrint, with the one font it needs inside."""

from __future__ import annotations

import gc
import hashlib
import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

from configs import RiskError

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
    """The page with the style of the sheet added, charts that carry their own style, and without what paper cannot open."""
    style = f"{_faces()}\n{PRINT_STYLE.read_text(encoding='utf-8')}\n{_margins(html)}"
    for pattern, replacement in _ONLY_ON_SCREEN:
        html = pattern.sub(replacement, html)
    return _styled_charts(html).replace("</head>", f"<style>{style}</style></head>", 1)


_ONLY_ON_SCREEN = (
    (re.compile(r"<details>(?:(?!<details\b).)*?</details>", re.DOTALL), ""),  # closed, so not seen
    (re.compile(r"<script\b.*?</script>", re.DOTALL), ""),
    (re.compile(r'(<a\b[^>]*?) href="(?!#)[^"]*"'), r"\1"),
    (re.compile(r"display:(?:inline-)?(?:grid|flex)"), "display:block"),  # WeasyPrint cannot break either over sheets
)
_SVG = re.compile(r"<svg\b[^>]*>(?!<defs>)")
_DEFS = re.compile(r"<defs>(.*?)</defs>", re.DOTALL)


def _styled_charts(html: str) -> str:
    """The page with its stylesheet's drawing rules and its patterns inside every chart: to WeasyPrint each is a document apart."""
    sheet = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    rules = [rule for rule in re.findall(r"[^{}]+\{[^{}]*\}", sheet[1].split("@media")[0] if sheet else "") if _draws(rule)]
    patterns = "".join(dict.fromkeys(found for found in _DEFS.findall(html)))
    inside = f"<style>{''.join(rules)}text{{font-family:{FAMILY}}}</style><defs>{patterns}</defs>"
    return _SVG.sub(lambda found: found[0] + inside, html)


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
