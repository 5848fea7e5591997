"""What colours came to, in words, numbers and a diagram."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from reports.render.charts import BOTTOM, LEFT, RIGHT, TOP
from reports.render.reliability import reliability_chart
from reports.text.language import language_of
from reports.view.reliability import TrackRecord, days, track_record_of
from reports.view.slots import Slot

ENGLISH = language_of("en")
SLOTS = tuple(Slot("day", lead, 1, date(2003, 6, 12)) for lead in range(4)) + (
    Slot("any", 0, 7, date(2003, 6, 12)),
)
COLOURS = {
    "yellow": (12.0, 7.0, 5.0, 9.0),
    "orange": (2.0, 0.96, 1.04, 3.5),
    "red": (0.0, 0.0, 0.0, 0.04),
}
BINS = pd.DataFrame(
    [
        {
            "hazard": "heat",
            "forecast": 0.01,
            "observed": 0.012,
            "low": 0.01,
            "high": 0.02,
            "n": 4000,
            "events": 48,
            "years": 12,
        },
        {
            "hazard": "heat",
            "forecast": 0.4,
            "observed": 0.5,
            "low": 0.3,
            "high": 0.7,
            "n": 40,
            "events": 20,
            "years": 12,
        },
    ]
)


def colours(grey: tuple[int, ...] = ()) -> pd.DataFrame:
    rows = [
        {"hazard": "heat", "lead_days": slot.lead_days, "window_days": slot.window_days, "colour":
        colour, "years": 12, "days": 4000,
         "grey": slot.lead_days in grey, **dict(zip(("shown", "hits", "false", "missed"), numbers,
         strict=True))}
        for slot in SLOTS for colour, numbers in COLOURS.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def panel(grey: tuple[int, ...] = (), language: str = "en") -> TrackRecord:
    found = track_record_of("heat", colours(grey), BINS, SLOTS, language_of(language))
    assert found is not None
    return found


def test_the_words_are_of_tomorrow_and_say_what_never_came() -> None:
    yellow, orange, red, years = panel().sentences
    assert yellow == (
        "Yellow or worse, 1 day ahead: 12 days a year at a place. It came true on 7.0 of them, "
        "5.0 were false alarms; "
        "9.0 event days came without it."
    )
    assert orange.startswith("Orange or worse, 1 day ahead: 2.0 days a year")
    assert (
        red == "Red, 1 day ahead: never reached; "
        "under 0.1 event days a year at a place came without it."
    )
    assert years == "Counted on 12 past years."


def test_where_tomorrow_is_grey_the_words_are_of_the_next_lead_that_is_not() -> None:
    assert "on the day itself" in panel(grey=(1,)).sentences[0]
    assert (
        panel(grey=(0, 1, 2, 3)).sentences[0]
        == "No colour would have been shown on single days: the calendar knows as much."
    )


def test_the_table_shows_some_leads_and_every_window() -> None:
    assert [(row.slot.lead_days, row.slot.window_days) for row in panel().rows] == [
        (0, 1),
        (1, 1),
        (3, 1),
        (0, 7),
    ]
    assert [mark.shown for mark in panel().rows[0].counts] == ["12", "2.0", "0"]
    assert panel(grey=(3,)).rows[2].grey


def test_the_diagram_places_a_bin_where_chance_and_share_are() -> None:
    """The axis reaches 10 in 10, since the upper end of .7 needs it."""
    chart = reliability_chart("Heat", panel().bins, ENGLISH)
    assert chart is not None
    second = chart.bins[1]
    assert second.x == pytest.approx(LEFT + 0.4 * (RIGHT - LEFT), abs=0.1)
    assert second.y == pytest.approx(BOTTOM - 0.5 * (BOTTOM - TOP), abs=0.1)
    assert second.high < second.y < second.low < BOTTOM, "up is smaller"
    assert chart.bins[0].bar > second.bar > 0
    assert (chart.least, chart.most) == ("40", "4,000")
    assert "Given 4 in 10: happened 5 in 10, in 40 cases." in chart.description


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0"), (0.01, "under 0.1"), (0.26, "0.3"), (9.94, "9.9"), (9.96, "10"), (43.2, "43")],
)
def test_days_a_year_have_the_decimals_they_need(value: float, said: str) -> None:
    assert days(value, ENGLISH) == said


def test_nothing_counted_is_no_panel() -> None:
    assert track_record_of("heat", pd.DataFrame(), pd.DataFrame(), SLOTS, ENGLISH) is None
    assert track_record_of("drought", colours(), BINS, SLOTS, ENGLISH) is None
