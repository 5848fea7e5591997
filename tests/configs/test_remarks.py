"""Messages as data: known codes alone, the same after JSON, English as readers knew it."""

from __future__ import annotations

import copy
import json
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.messages import MESSAGES, WORDS
from configs.remarks import (
    Remark,
    as_remark,
    from_json,
    names_in,
    read_stored,
    remark,
    sentences,
    text,
    to_json,
    with_texts,
)

DAY = date(2026, 6, 1)
scalars = st.text(max_size=9) | st.integers() | st.floats(allow_nan=False) | st.dates()


def _remarks(values: st.SearchStrategy) -> st.SearchStrategy[Remark]:
    def of(code: str) -> st.SearchStrategy[Remark]:
        names = {name: st.integers(0) if name == "n" else values for name in names_in(code)}
        return st.fixed_dictionaries(names).map(lambda found: remark(code, **found))

    return st.sampled_from(sorted(MESSAGES)).flatmap(of)


remarks = _remarks(
    st.recursive(
        scalars, lambda of: _remarks(of) | st.lists(of, max_size=3).map(tuple), max_leaves=6
    )
)


@given(remarks)
def test_a_remark_is_the_same_after_json_and_has_one_english_text(message: Remark) -> None:
    again = from_json(json.loads(json.dumps(to_json(message))))
    assert again == message and text(again) == text(message) == str(message)
    assert len({message, again}) == 1


def test_an_unknown_code_or_name_fails_where_the_remark_is_made() -> None:
    with pytest.raises(KeyError, match=r"heat\.late"):
        remark("heat.late", days=3)
    with pytest.raises(KeyError, match="found \\['days'\\], expected \\['day', 'n'\\]"):
        remark("record.stale", days=3)


@pytest.mark.parametrize(
    ("message", "english"),
    [
        (
            remark("record.stale", day=DAY, n=5),
            "The newest observation is of 2026-06-01, 5 days older than it should be; see why the "
            "sources deliver nothing newer.",
        ),
        (
            remark("record.withheld", n=1),
            "1 cell broke the contract and is withheld; data/quarantine lists it.",
        ),
        (
            remark("source.down", source="sql", reason=as_remark("no answer.")),
            "sql is down (no answer); what was stored before is used.",
        ),
        (
            remark("forecast.state_unknown", hazard="Heat", places=("a", "b")),
            "Heat: the state on the issue day is not known at a, b, so the calendar's chances "
            "stand there.",
        ),
        (remark("several", first=as_remark("One."), rest=as_remark("Two.")), "One. Two."),
    ],
)
def test_english_is_what_it_was(message: Remark, english: str) -> None:
    assert text(message) == english


def test_a_file_of_before_or_of_a_later_version_is_read_as_english() -> None:
    known, later = remark("cure.later"), {"code": "of.later", "values": {}}
    assert read_stored(["Old."], None) == (as_remark("Old."),)
    assert read_stored(["Old.", "New."], [to_json(known), later]) == (known, as_remark("New."))
    assert read_stored(*sentences([known])) == (known,)


def test_texts_are_changed_at_every_depth() -> None:
    inner = remark("http.refused", status="403", reason=as_remark("key s3cret"))
    message = remark("http.tries", found=inner, n=2)
    assert "s3cret" not in text(with_texts(message, lambda words: words.replace("s3cret", "***")))


def test_a_remark_survives_the_way_between_processes() -> None:
    message = remark("forecast.late", hazard="Heat", places=("a",), n=2)
    assert copy.deepcopy(message) == message


def test_no_text_stands_twice_but_that_of_no_value() -> None:
    counts = Counter(MESSAGES.values())
    assert {words for words, n in counts.items() if n > 1} <= {"there is no value"}
    assert {name for code in MESSAGES for name in names_in(code)} >= WORDS
