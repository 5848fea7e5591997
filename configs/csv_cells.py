"""Texts of CSV files that a spreadsheet would take for formulas (OWASP, "CSV Injection").

A text that begins with = + - @ or a control character gets an apostrophe before it, and one that
has apostrophes before such a beginning gets one more, so that ``unmarked`` gives every text back.
Numbers are no texts and stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pandas is slow to import, and only its name is needed here
    import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_MARKED = re.compile(r"'+[=+\-@\t\r\n]")


def mark(text: str) -> str:
    """The text as a spreadsheet shows it, and never runs it."""
    return f"'{text}" if _FORMULA.match(text) else text


def unmark(text: str) -> str:
    """The text that ``mark`` was given."""
    return text[1:] if _MARKED.match(text) else text


def marked(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every text marked, in columns that hold any."""
    texts = table.select_dtypes(["object", "str", "category"]).columns
    return table.assign(
        **{
            name: [mark(cell) if isinstance(cell, str) else cell for cell in table[name]]
            for name in texts
        }
    )
