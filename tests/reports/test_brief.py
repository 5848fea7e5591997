"""The brief: who is concerned, how sure a colour is, what changed, and which places are
coloured."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from reports.render.html import to_brief, to_card
from reports.storage.archive import place_name
from reports.text.language import ENGLISH
from reports.view.assurance import how_sure
from reports.view.changes import changes
from reports.view.exposure import people_concerned
from reports.view.outlook import HazardOutlook, NamedLocation, RiskCell, Standing
from reports.view.places import place_rows, places_in_short, span
from reports.view.slots import Slot

VERDICT = dict.fromkeys((1, 2, 3), "skilful")
CHANCE, USUAL = {1: 0.9, 2: 0.6, 3: 0.5}, {1: 0.1, 2: 0.05, 3: 0.01}
PEOPLE = {"Berkane": 100, "Saidia": 20, "Ahfir": 3}


def outlook(colours: dict[str, str], name: str = "heat", **more) -> HazardOutlook:
    """Of a day ahead: place -> colour."""
    order = ["", "grey", "green", "yellow", "orange", "red"]
    rows = tuple(
        (
            NamedLocation(place.lower(), place, PEOPLE.get(place)),
            (RiskCell("number", colour, CHANCE, USUAL, VERDICT, 1),),
        )
        for place, colour in colours.items()
    )
    worst = max(colours.values(), key=order.index)
    slots = (Slot("day", 1, 1, date(2026, 8, 5)),)
    return HazardOutlook(name, name, None, slots, rows, (worst,), worst, **more)


def counted(colour: str, shown: float, hits: float, missed: float = 1.0) -> pd.DataFrame:
    """Counts of 31 years at the lead of ``outlook``."""
    row = {"hazard": "heat", "lead_days": 1, "window_days": 1, "colour": colour, "grey": False}
    counts = {"shown": shown, "hits": hits, "false": shown - hits, "missed": missed}
    return pd.DataFrame([row | counts | {"years": 31}])


@pytest.mark.parametrize(
    ("colour", "table", "said"),
    [
        # 1 day a year in 31 years are 31 days, 0.8 of which came true
        (
            "red",
            counted("red", 1.0, 0.8),
            "in the backtest of 31 years, 8 in 10 of such days with red",
        ),
        # 0.1 * 31 = 3.1 days
        (
            "red",
            counted("red", 0.1, 0.1),
            "hard to say; red came on 3 days at a place in 31 past years",
        ),
        ("red", counted("red", 0.0, 0.0), "not known; red never came in past years"),
        ("red", counted("yellow", 9.0, 9.0), "not known; red never came in past years"),
        ("red", None, "not known; no past year was counted"),
        # 3 of 3 + 1 event days a year came with a colour: 1 in 4 without, told as 3 in 10
        (
            "green",
            counted("yellow", 4.0, 3.0),
            "in the backtest of 31 years, 3 in 10 unusual days came",
        ),
        ("green", counted("yellow", 0.1, 0.1, 0.1), None),
        ("grey", counted("yellow", 4.0, 3.0), None),
    ],
)
def test_how_sure_a_colour_is_comes_from_what_such_colours_came_to(colour, table, said) -> None:
    sentence = how_sure(outlook({"Saidia": colour}), table, ENGLISH)
    assert sentence.startswith(f"How sure: {said}") if said else sentence == ""


def test_a_colour_that_no_number_confirms_claims_no_backtest() -> None:
    lost = outlook({"Saidia": "grey"})
    place = lost.rows[0][0]
    kept = replace(lost, colour="red", standing=(Standing(place, "red", date(2026, 8, 6)),))
    assert how_sure(kept, counted("red", 1.0, 0.8), ENGLISH) == ""


def test_people_are_counted_where_it_is_worst_and_where_it_is_coloured() -> None:
    mixed = outlook({"Saidia": "red", "Ahfir": "yellow", "Berkane": "green"})
    assert people_concerned(mixed, ENGLISH) == (
        "Concerned: 20 people in 1 place (red), 23 people in 2 places (yellow or worse)."
    )
    alone = outlook({"Saidia": "yellow", "Berkane": "green"})
    assert people_concerned(alone, ENGLISH) == "Concerned: 20 people in 1 place."
    assert people_concerned(outlook({"Saidia": "green"}), ENGLISH) == ""
    assert people_concerned(outlook({"Somewhere": "red"}), ENGLISH) == "", "nobody knows how many"


def before(colours: dict[str, str]) -> pd.DataFrame:
    rows = [
        {"hazard": "heat", "location": place.lower(), "level": 1, "lead_days": 2, "window_days": 1}
        | {"issued": pd.Timestamp("2026-08-03"), "valid": pd.Timestamp("2026-08-05")}
        | {"colour": colour}
        for place, colour in colours.items()
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (
            "yellow red",
            "orange green",
            ("Heat: red, now orange; higher in 1 place; lower in 1 place.",),
        ),
        ("orange green", "orange orange", ("Heat: still orange; higher in 1 place.",)),
        ("green green", "green green", ()),
        ("red red", "red grey", ()),
    ],
)
def test_what_changed_is_told_by_colour_then_and_now(was: str, now: str, said) -> None:
    """A colour that can no longer be told is no lower one; another sentence tells of it."""
    places = ("Saidia", "Ahfir")
    then = before(dict(zip(places, was.split(), strict=True)))
    found = changes([outlook(dict(zip(places, now.split(), strict=True)))], then, ENGLISH)
    assert found is not None and found.in_short == said
    if "grey" in now:
        assert found.cleared == (
            "Heat: no colour can be told any more in Ahfir (Wednesday 5 August); this is no "
            "all-clear.",
        )


def test_coloured_places_stand_apart_and_the_others_are_counted_by_what_is_known() -> None:
    heat = outlook({"Saidia": "red", "Ahfir": "green", "Berkane": "green", "Aklim": "grey"})
    flood = outlook(
        {"Saidia": "green", "Ahfir": "grey", "Berkane": "green", "Aklim": "grey"}, "flash_flood"
    )
    rows = place_rows([heat, flood], ENGLISH)
    short = places_in_short([heat, flood], rows, ENGLISH)
    (saidia,) = short.rows
    assert saidia.location.name == "Saidia"
    red, green = saidia.colours
    assert red is not None and (red.colour, red.days, red.chance) == ("red", "5 Aug", 0.5)
    assert green is not None and green.colour == "green"
    assert [(group.words, [one.name for one in group.locations]) for group in short.rest] == [
        ("1 place green", ["Berkane"]),
        ("1 place green for some hazards, grey for others", ["Ahfir"]),
        ("1 place grey", ["Aklim"]),
    ]


def test_a_place_that_only_an_earlier_message_colours_is_coloured() -> None:
    lost = outlook({"Saidia": "grey"})
    kept = replace(lost, standing=(Standing(lost.rows[0][0], "orange", date(2026, 8, 7)),))
    (row,) = places_in_short([kept], place_rows([kept], ENGLISH), ENGLISH).rows
    (item,) = row.colours
    assert item is not None and (item.colour, item.days) == ("orange", "7 Aug")
    assert item.chance != item.chance, "no number"


def test_runs_of_days_are_told_by_their_ends() -> None:
    days = [date(2026, 8, day) for day in (4, 6, 5, 9, 12, 13)]
    assert span(days, ENGLISH, "d") == "4 to 6, 9, 12 to 13"


@pytest.mark.parametrize(
    ("location", "plain"),
    [
        ("ain-erreggada", True),
        ("../x", False),
        ("Saidia", False),
        ("a/b", False),
        ("\u0639", False),
    ],
)
def test_a_place_has_a_file_name_that_every_file_system_takes(location: str, plain: bool) -> None:
    name = place_name(location, "fr")
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*\.fr\.html", name)
    assert (name == f"{location}.fr.html") == plain
    assert place_name(location + "x", "fr") != name


def test_ids_of_every_shape_have_pages_of_their_own(
    made: Callable, without_paper: None, tmp_path: Path
) -> None:
    one = made(n_places=3, hazards=("heat",), colour="red")
    ids = ["a/../b", "plain", "\u0639\u064a\u0646"]
    history = {name: past.assign_coords(location=ids) for name, past in one.history.items()}
    moved = replace(one, forecast=one.forecast.assign_coords(location=ids), history=history)
    folder = replace(moved, region=one.region.model_copy(update={"locations": ()})).publish(
        tmp_path / "day"
    )
    pages = sorted(path.name for path in (folder / "places").iterdir())
    assert len(pages) == 3 and "plain.en.html" in pages
    html = (folder / "report.en.html").read_text(encoding="utf-8")
    assert set(re.findall(r'href="places/([^"]+)"', html)) == set(pages)


@pytest.mark.parametrize("sheet", [to_brief, to_card])
def test_a_sheet_says_what_the_report_is_called_and_where_it_is(made: Callable, sheet) -> None:
    html = sheet(made(label="EXERCISE").page(), "https://risk.example/<b>")
    assert "<b>EXERCISE</b>" in html and "https://risk.example/&lt;b&gt;" in html
    assert "<script" not in html and "href=" not in html
