"""Texts that a spreadsheet would run are told apart, numbers stay numbers, and all reads back."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.csv_cells import mark, marked, unmark

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=", "-")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert mark(text) == f"'{text}"


@given(st.one_of(st.text(), st.text(alphabet="'=+-@\t\ra")))
def test_every_text_reads_back(text: str) -> None:
    assert unmark(mark(text)) == text
    assert not mark(text).startswith(tuple("=+-@\t\r\n"))


def test_numbers_and_days_stay_as_they_are() -> None:
    table = pd.DataFrame(
        {"n": [-1.5, 2], "day": pd.to_datetime(["2001-01-01", None]), "text": ["-a", None]}
    )
    table["kind"] = pd.Series(["=b", "c"], dtype="category")
    assert marked(table).to_csv(index=False).splitlines() == [
        "n,day,text,kind",
        "-1.5,2001-01-01,'-a,'=b",
        "2.0,,,c",
    ]
