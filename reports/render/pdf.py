"""The report on paper: its print page as PDF, by WeasyPrint, with the one font it needs inside."""

from __future__ import annotations

import hashlib
import io
import logging
from base64 import b64decode
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from configs import RiskError
from configs.collection import no_collection
from reports.render.cell_maps import PNG_ADDRESS
from reports.render.drawings import FAMILY, SVG_ADDRESS

FACES = {"DejaVuSans.ttf": "normal", "DejaVuSans-Bold.ttf": "bold"}
"""Font files that matplotlib brings, and their weight.

They hold Latin, Arabic and the signs of the report (free licence).
"""


SMALLEST = 7
"""The classes fit-0 to fit-7 of sheet.css."""
_FIT = ' fit-0"'


class PdfUnavailable(RiskError):
    """This machine cannot make PDFs; its text says why and what helps."""


def pdf_of(html: str) -> bytes:
    """A print page, see ``reports.render.html.to_print``, as PDF: fonts embedded.

    One that must fit a single sheet, as ``to_brief`` and ``to_card`` make it, becomes smaller and
    says less until it does. Nothing is read but ``html`` and the font files, whatever the page asks
    for. Equal pages give equal bytes. Raises PdfUnavailable where WeasyPrint or its Pango is
    missing.
    """
    weasyprint = _weasyprint()
    fonts = weasyprint.text.fonts.FontConfiguration()
    fetcher = _fetcher(weasyprint)
    faces = weasyprint.CSS(string=_faces(), font_config=fonts, url_fetcher=fetcher)
    with no_collection():
        for size in _sizes(html):
            page = weasyprint.HTML(string=size, url_fetcher=fetcher, media_type="print")
            document = page.render(stylesheets=[faces], font_config=fonts)
            if len(document.pages) == 1:
                break
        return bytes(document.write_pdf(pdf_identifier=identifier_of(html).encode()))


def identifier_of(html: str) -> str:
    """What a PDF of a page names the page by."""
    return hashlib.sha256(html.encode()).hexdigest()[:32]


def _sizes(html: str) -> Iterator[str]:
    """The page in each size that it may have, the largest first."""
    for size in range(SMALLEST + 1 if _FIT in html else 1):
        yield html.replace(_FIT, f' fit-{size}"', 1)


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


def _fetcher(weasyprint: Any) -> Any:
    """Opens the font files and what the page itself draws, and refuses everything else."""
    allowed = {path.as_uri() for path in _font_files()}

    class OnlyOurs(weasyprint.urls.URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:
            if url.startswith(SVG_ADDRESS):
                svg = unquote_to_bytes(url.removeprefix(SVG_ADDRESS))
                kind = {"Content-Type": "image/svg+xml"}
                return weasyprint.urls.URLFetcherResponse(url, svg, kind)
            if url.startswith(PNG_ADDRESS):
                png, kind = b64decode(url.removeprefix(PNG_ADDRESS)), {"Content-Type": "image/png"}
                return weasyprint.urls.URLFetcherResponse(url, png, kind)
            if url not in allowed:
                raise ValueError(f"{url}: found an address outside the page, expected none")
            return super().fetch(url, headers)

    return OnlyOurs(allowed_protocols=("file",), allow_redirects=False)


@cache
def _weasyprint() -> Any:
    try:
        # It prints advice of its own where Pango is missing.
        with no_collection(), redirect_stdout(io.StringIO()):
            import weasyprint
            import weasyprint.text.fonts
            import weasyprint.urls
    except (ImportError, OSError) as error:
        why = str(error).splitlines()[0]
        raise PdfUnavailable(
            f"the PDF was left out: WeasyPrint cannot be used here ({why}), expected it and Pango; "
            "install libpango-1.0-0, libpangoft2-1.0-0 and libharfbuzz-subset0."
        ) from None
    # It remarks on each CSS property meant for screens.
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    return weasyprint
