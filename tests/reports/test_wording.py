import math
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.wording import ahead_range, brief, frequency, listing, long_date, span


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (0.0, "less than 1 in 100"),
        (0.0099, "less than 1 in 100"),
        (0.01, "1 in 100"),
        (0.02, "1 in 50"),
        (0.05, "1 in 20"),
        (0.1, "1 in 10"),
        (0.25, "3 in 10"),
        (0.6499, "6 in 10"),
        (0.7, "7 in 10"),
        (0.95, "19 in 20"),
        (0.98, "49 in 50"),
        (0.9901, "more than 99 in 100"),
        (1.0, "more than 99 in 100"),
        (math.nan, "no number"),
    ],
)
def test_chances_are_natural_frequencies(chance, words):
    assert frequency(chance) == words


def _value(words: str) -> float:
    part, whole = re.findall(r"\d+", words)
    return int(part) / int(whole) + {"l": -0.005, "m": 0.005}.get(words[0], 0)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_greater_chance_never_reads_smaller(one, other):
    low, high = sorted((one / 10_000, other / 10_000))
    assert _value(frequency(low)) <= _value(frequency(high))


@given(st.integers(100, 9_900))
def test_frequencies_are_close_to_the_chance(n):
    chance = n / 10_000
    assert abs(_value(frequency(chance)) - chance) <= max(0.05, 0.005) and abs(math.log(_value(frequency(chance)) / chance)) < 0.46


def test_brief_says_the_same():
    assert brief(0.001) == "<1 in 100" and brief(0.999) == ">99 in 100" and brief(0.7) == "7 in 10"


def test_dates_and_lists():
    assert long_date(date(2003, 6, 12)) == "Thursday 12 June 2003"
    assert span(date(2003, 6, 28), date(2003, 7, 4)) == "28 June to 4 July"
    assert span(date(2003, 6, 12), date(2003, 6, 18)) == "12 to 18 June"
    assert [ahead_range(*days) for days in ((0, 0), (0, 1), (1, 2), (3, 9))] == [
        "today",
        "today and tomorrow",
        "tomorrow to 2 days ahead",
        "3 to 9 days ahead",
    ]
    assert listing(["A", "B", "C"]) == "A, B and C" and listing(list("ABCDE")) == "A, B, C and 2 more places"
    assert len(listing(["W" * 200])) == 60
