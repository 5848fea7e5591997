"""Papers: print pages as PDF, and the card, which is one as a picture to forward."""

from __future__ import annotations

import io
from typing import Any

from reports.render.pdf import PdfUnavailable, identifier_of, pdf_of

PIXELS_A_POINT = 96 / 72
COLOURS = 128
MADE_FROM = "Source"
"""The picture's text that names the page it was made of."""


def paper_of(name: str, html: str, published: bytes = b"") -> bytes:
    """A print page as the file ``name``, a .pdf or a .png.

    ``published``: the file that is there, which is taken over where it is of the same page. Raises
    PdfUnavailable where none can be made.
    """
    if identifier_of(html).encode() in published:
        return published
    return png_of(html) if name.endswith(".png") else pdf_of(html)


def png_of(html: str) -> bytes:
    """The first sheet of ``pdf_of(html)`` as PNG, a pixel for each px of its style.

    Equal pages give equal bytes. Raises PdfUnavailable where the PDF or its picture cannot be made.
    """
    pdfium = _pdfium()
    from PIL.PngImagePlugin import PngInfo

    document = pdfium.PdfDocument(pdf_of(html))
    try:
        picture = document[0].render(scale=PIXELS_A_POINT).to_pil().convert("RGB")
    finally:
        document.close()
    written, told = io.BytesIO(), PngInfo()
    told.add_text(MADE_FROM, identifier_of(html))
    picture.quantize(COLOURS).save(written, "PNG", optimize=True, pnginfo=told)
    return written.getvalue()


def _pdfium() -> Any:
    try:
        import pypdfium2
    except (ImportError, OSError) as error:
        why = str(error).splitlines()[0]
        raise PdfUnavailable(
            f"the card was left out: pypdfium2 cannot be used here ({why}), expected it beside "
            "WeasyPrint; install what constraints.txt names."
        ) from None
    return pypdfium2
