"""The track record, what people saw, and the evidence of a year, by sums worked by hand."""

from __future__ import annotations

import math
import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from configs import Location, Region, Settings
from reports.exports.evidence import COLUMNS, MEASURES, evidence_table
from reports.site.track_record import Kept, write_track_record
from reports.text.language import language_of
from reports.view.track_record import alerts_table, issued_alerts, seen_impacts, sums

ENGLISH = language_of("en")
NAN = math.nan
STATES = {"nan": "open"}


def rows(*cells: tuple) -> pd.DataFrame:
    """Rows of forecast.csv with outcome: (issued, place, lead, window, colour, outcomes by
    level)."""
    found = [
        {
            "region": "city", "location": place, "hazard": "heat", "level": level,
            "issued": pd.Timestamp(issued), "valid": pd.Timestamp(issued) + pd.Timedelta(days=lead),
            "lead_days": lead, "window_days": window, "probability": 0.7 - 0.2 * level,
            "colour": colour, "outcome": outcome, "state": STATES.get(str(outcome), "graded"),
        }
        for issued, place, lead, window, colour, outcomes in cells
        for level, outcome in enumerate(outcomes, start=1)
    ]  # fmt: skip
    return pd.DataFrame(found)


HELD = rows(
    ("2026-07-01", "a", 0, 1, "yellow", (1, 1, 0)),  # came true
    ("2026-07-01", "a", 1, 1, "orange", (1, 0, 0)),  # unusual, not severe: did not
    ("2026-07-01", "b", 0, 1, "green", (1, 0, 0)),  # missed
    ("2026-07-01", "b", 1, 1, "green", (0, 0, 0)),
    ("2026-07-01", "a", 0, 3, "yellow", (1, 1, 0)),  # a window
    ("2026-07-02", "a", 0, 1, "yellow", (1, 0, 0)),  # came true, and was orange the day before
    ("2026-07-02", "b", 3, 1, "red", (NAN, NAN, NAN)),  # not known yet
)
DAYS = [date(2026, 7, 1), date(2026, 7, 2)]
RETRACTED = rows(("2026-07-03", "a", 0, 1, "red", (1, 1, 1)))
IMPACTS = pd.DataFrame(
    {
        "day": pd.to_datetime(["2026-07-01", "2026-07-02", "2025-01-01"]),
        "location": ["a", "b", "a"],
        "hazard": "heat",
        "time": ["14:30", "", ""],
        "words": ["Two <b>fainted</b>", "=hot", "Long ago"],
        "photo": ["street.jpg", "", ""],
        "origin": "officer",
    }
)
ALERTS = alerts_table(HELD, RETRACTED, IMPACTS)


def test_each_coloured_cell_is_told_with_what_came_of_its_own_level() -> None:
    came = {
        (f"{row.issued:%d}", row.location, row.lead_days, row.window_days): (row.colour, row.came)
        for row in ALERTS.itertuples()
    }
    assert came == {
        ("01", "a", 0, 1): ("yellow", "happened"),
        ("01", "a", 1, 1): ("orange", "did not happen"),
        ("01", "b", 0, 1): ("", "missed"),
        ("01", "a", 0, 3): ("yellow", "happened"),
        ("02", "a", 0, 1): ("yellow", "happened"),
        ("02", "b", 3, 1): ("red", "not known yet"),
        ("03", "a", 0, 1): ("red", "retracted"),
    }
    assert ALERTS["issued"].is_monotonic_decreasing
    orange = ALERTS.query("colour == 'orange'").iloc[0]
    assert orange["probability"] == pytest.approx(0.3), "that of level 2"
    keys = ["issued", "location", "lead_days", "window_days"]
    assert ALERTS.set_index(keys)["impacts"].to_dict() == {
        (pd.Timestamp("2026-07-01"), "a", 0, 1): 1,
        (pd.Timestamp("2026-07-01"), "a", 0, 3): 1,
        (pd.Timestamp("2026-07-01"), "a", 1, 1): 0,
        (pd.Timestamp("2026-07-01"), "b", 0, 1): 0,
        (pd.Timestamp("2026-07-02"), "a", 0, 1): 0,
        (pd.Timestamp("2026-07-02"), "b", 3, 1): 0,
        (pd.Timestamp("2026-07-03"), "a", 0, 1): 0,
    }  # fmt: skip


def test_the_rows_of_a_day_and_the_sentence_count_single_days() -> None:
    third, second, first = issued_alerts(ALERTS, ENGLISH)
    assert (third.retracted, third.colour) == (True, "red")
    assert (second.colour, second.shown, second.happened, second.unknown) == ("red", "2", "1", "1")
    assert (first.shown, first.happened, first.did_not, first.missed) == ("2", "1", "1", "1")
    assert first.colour == "orange" and first.impacts == "1"
    (heat,) = sums(ALERTS, ENGLISH)
    assert heat.sentence == (
        "4 alerts for a place and day: 2 came true, 1 did not, 1 are not known yet."
    )


def test_an_alert_that_nobody_can_grade_is_told_so_and_counts_in_no_sum() -> None:
    untold = HELD.assign(state=HELD["state"].replace("open", "ungradable"))
    alerts = alerts_table(untold, RETRACTED, IMPACTS)
    red = alerts[(alerts["colour"] == "red") & (alerts["came"] != "retracted")]
    assert red["came"].tolist() == ["cannot be told"]
    (heat,) = sums(alerts, ENGLISH)
    assert heat.sentence.startswith("3 alerts") and "0 are not known" in heat.sentence


def test_what_people_saw_stands_beside_the_forecast_of_its_day() -> None:
    seen = seen_impacts(IMPACTS, HELD, ALERTS, {"a": "Saidia"}, ENGLISH)
    assert [(one.place, one.forecast, one.came) for one in seen] == [
        ("b", "Green, and no alert before", "did not happen"),
        ("Saidia", "Yellow; first alert on the day itself", "happened"),
        ("Saidia", "no forecast of that day, or no alert", "not known yet"),
    ]


def region(path: Path = Path("city.yaml")) -> Region:
    places = (
        Location(id="a", population=100),
        Location(id="b", population=300),
        Location(id="c", population=600),
    )
    return Region(
        name="city", title="City", sources=("s",), locations=places, languages=("fr",), path=path
    )


def test_the_evidence_of_a_year_counts_each_place_and_day_once() -> None:
    """Warned: a on the 1st and 2nd, b on the 5th. Of a on the 2nd the orange did not come and the
    yellow did. Lead times of what came: 0 (the 1st) and 1 (the 2nd, orange the day before).
    """
    table = evidence_table(region(), HELD, DAYS, ALERTS, IMPACTS)
    assert list(table.columns) == list(COLUMNS)
    year = table[(table["year"] == 2026) & (table["hazard"] == "")].set_index("measure")["value"]
    assert year.to_dict() == {
        "people_covered": 400.0,
        "population_share_covered": 0.4,
        "hazards_forecast": 1.0,
        "days_with_report": 2.0,
        "warnings_issued": 3.0,
        "people_reached": 400.0,
        "warnings_with_event": 2.0,
        "warnings_without_event": 0.0,
        "events_without_warning": 1.0,
        "lead_time": 0.5,
        "impacts_told": 2.0,
    }
    heat = table[(table["year"] == 2026) & (table["hazard"] == "heat")]
    assert heat.set_index("measure")["value"]["warnings_issued"] == 3
    assert table[table["year"] == 2025].set_index("measure")["value"]["impacts_told"] == 1
    assert (table["definition"].str.len() > 20).all() and (table["source"].str.len() > 20).all()
    assert set(table["measure"]) == set(MEASURES)


def test_people_are_not_told_where_populations_are_not_known() -> None:
    bare = region().model_copy(update={"locations": ()})
    table = evidence_table(bare, HELD, DAYS, ALERTS, IMPACTS).set_index(
        ["year", "measure", "hazard"]
    )
    assert math.isnan(table.loc[(2026, "people_covered", ""), "value"])
    assert table.loc[(2026, "warnings_issued", ""), "value"] == 3


def test_the_pages_escape_what_people_wrote_and_stay_the_same(home: Settings) -> None:
    kept = Kept(HELD, RETRACTED, DAYS, IMPACTS, 2, {})
    folder = write_track_record(region(), kept, home, "EXERCISE")
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {
        "track-record.html", "track-record.fr.html", "impacts.html", "impacts.fr.html",
        "track-record.csv", "impacts.csv", "evidence.csv",
    }  # fmt: skip
    page = first["impacts.html"].decode()
    assert "Two &lt;b&gt;fainted&lt;/b&gt;" in page and "<b>fainted" not in page
    assert "2 rows of citizens" in page and "EXERCISE" in page
    assert b",'=hot," in first["impacts.csv"], "a spreadsheet runs nothing"
    french = first["track-record.fr.html"].decode()
    assert 'lang="fr"' in french and not re.search(r"\bhappened\b|Highest colour", french)
    write_track_record(region(), kept, home, "EXERCISE")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
