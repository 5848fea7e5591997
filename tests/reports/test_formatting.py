import math
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.text.formatting import (
    ahead_range,
    brief,
    day_listing,
    ends,
    frequency,
    location_listing,
    long_date,
    month,
    natural,
    signed,
    units,
)
from reports.text.language import ENGLISH, language_of


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
    assert frequency(chance, ENGLISH) == words


def _value(words: str) -> float:
    part, whole = re.findall(r"\d+", words)
    return int(part) / int(whole) + {"l": -0.005, "m": 0.005}.get(words[0], 0)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_greater_chance_never_reads_smaller(one, other):
    low, high = sorted((one / 10_000, other / 10_000))
    assert _value(frequency(low, ENGLISH)) <= _value(frequency(high, ENGLISH))


@given(st.integers(100, 9_900))
def test_frequencies_are_close_to_the_chance(n):
    chance = n / 10_000
    said = _value(frequency(chance, ENGLISH))
    assert abs(said - chance) <= 0.05 + 1e-9 and abs(math.log(said / chance)) < 0.46


def test_brief_says_the_same():
    said = [brief(chance, ENGLISH) for chance in (0.001, 0.999, 0.7, math.nan)]
    assert said == ["<1 in 100", ">99 in 100", "7 in 10", "no number"]


def test_dates_and_lists():
    assert long_date(date(2003, 6, 12), ENGLISH) == "Thursday 12 June 2003"
    assert ends(date(2003, 6, 28), date(2003, 7, 4), ENGLISH) == {
        "first": "28 June",
        "last": "4 July",
    }
    assert ends(date(2003, 6, 12), date(2003, 6, 18), ENGLISH) == {"first": "12", "last": "18 June"}
    assert [
        ahead_range(*days, ENGLISH)
        for days in ((0, 0), (1, 1), (4, 4), (0, 1), (0, 9), (1, 2), (3, 9))
    ] == [
        "today",
        "tomorrow",
        "4 days ahead",
        "today and tomorrow",
        "today to 9 days ahead",
        "tomorrow to 2 days ahead",
        "3 to 9 days ahead",
    ]
    assert [
        location_listing(list(names), ENGLISH) for names in ("A", "AB", "ABC", "ABCD", "ABCDE")
    ] == [
        "A",
        "A and B",
        "A, B and C",
        "A, B, C and 1 more place",
        "A, B, C and 2 more places",
    ]
    assert day_listing(list("ABCDE"), ENGLISH) == "A, B, C and 2 more days"
    assert len(location_listing(["W" * 200], ENGLISH)) == 60


@pytest.mark.parametrize(
    ("tag", "zone", "expected"),
    [
        (
            "en",
            "Africa/Casablanca",
            ["7 in 10", "Monday 4 August 2003", "August", "A and B", "in 2 days", "+0.31", "m³/s"],
        ),
        (
            "fr",
            "Africa/Casablanca",
            ["7 sur 10", "lundi 4 août 2003", "août", "A et B", "dans 2 jours", "+0,31", "m³/s"],
        ),
        (
            "ar",
            "Africa/Casablanca",
            ["7 من 10", "الاثنين 4 غشت 2003", "غشت", "أ وب", "بعد يومين", "\u200e+0,31", "م³/ث"],
        ),
        (
            "ar",
            "Africa/Tunis",
            ["7 من 10", "الاثنين 4 أوت 2003", "أوت", "أ وب", "بعد يومين", "\u200e+0,31", "م³/ث"],
        ),
    ],
)
def test_words_are_those_of_the_language_and_the_place(tag, zone, expected):
    lang = language_of(tag, zone)
    names = ["أ", "ب"] if tag == "ar" else ["A", "B"]
    day = date(2003, 8, 4)
    found = [
        frequency(0.7, lang),
        long_date(day, lang),
        month(8, lang),
        location_listing(names, lang),
        ahead_range(2, 2, lang),
    ]
    assert [*found[:4], signed(0.31, lang), units("m3 s-1", lang)] == [*expected[:4], *expected[5:]]


def test_a_frequency_is_made_of_whole_numbers():
    assert [natural(chance) for chance in (0.01, 0.02, 0.25, 0.7, 0.95, 0.98)] == [
        (1, 100),
        (1, 50),
        (3, 10),
        (7, 10),
        (19, 20),
        (49, 50),
    ]


def test_signs():
    assert [signed(v, ENGLISH) for v in (0.314, -0.2, 0.001, -0.001, math.nan)] == [
        "+0.31",
        "−0.20",
        "0.00",
        "0.00",
        "–",
    ]
