from datetime import date

import numpy as np
import pytest

from configs.remarks import as_remark
from reports.exports.table import forecast_table
from reports.text.language import ENGLISH
from reports.view.headline import HazardFacts, headline
from reports.view.outlook import Standing, hazard_outlooks, in_season, named_locations

ISSUED = date(2003, 6, 12)


def _said(
    made,
    paint,
    hazard="heat",
    n_places=3,
    lang=ENGLISH,
    actions=None,
    unsure=lambda lead, window, place: False,
    standing=(),
    missing=None,
    **more,
):
    """The headline of a forecast all green but where ``paint(lead, window, place number)`` says.

    Where ``unsure`` the numbers are the calendar's own. ``standing``: place number, colour, last.
    """
    one = made(n_places=n_places, hazards=(hazard,), colour="green", **more)
    forecast = one.forecast.assign(colour=one.forecast["colour"].astype(object))
    forecast["probability"][:] = np.where(
        forecast["verdict"] == "", np.nan, np.array([0.7, 0.4, 0.1])[None, :, None, None]
    )
    forecast["verdict"] = forecast["verdict"].astype(object)
    for i in range(forecast.sizes["cell"]):
        for j in range(n_places):
            at = int(forecast.lead_days[i]), int(forecast.window_days[i]), j
            exists = bool(str(forecast["verdict"].values[i, 0, 0, j]))
            forecast["colour"][i, 0, j] = paint(*at) if exists else ""
            if exists and unsure(*at):
                forecast["verdict"][i, :, 0, j] = "no better than usual"
                forecast["probability"][i, :, 0, j] = (
                    np.nan if missing else forecast["normal_probability"][i, :, 0, j]
                )
    names = dict(zip(forecast.location.values, forecast.name.values, strict=True))
    found = named_locations(names, one.region)
    stands = [Standing(list(found.values())[at], *told) for at, *told in standing]
    table = forecast_table(forecast)
    outlook = hazard_outlooks(table, found, (5, 10), {hazard: stands})[0]
    return headline(outlook, ISSUED, (5, 10), lang, HazardFacts(missing, actions or {}))


def test_an_alert_says_where_when_how_likely_and_how_usual(made):
    said = _said(
        made,
        lambda lead, window, place: (
            "orange" if window == 1 and lead >= 2 and place < 2 else "green"
        ),
    )
    assert said.colour == "orange"
    assert (
        said.sentence
        == "Orange: up to 4 in 10 for severe heat (usual 1 in 15), from Saturday 14 June "
        "to Saturday 21 June in Berkane and Saïdia."
    )
    assert (
        said.detail == "In Berkane, extreme: 1 in 10 (usual less than 1 in 100); "
        "unusual: 7 in 10 (usual 2 in 10)."
    )


def test_one_place_of_many_leads_with_its_colour_and_what_is_to_be_done(made):
    actions = {"yellow": "Watch.", "red": "Open the halls."}
    said = _said(
        made,
        lambda lead, window, place: "red" if (lead, window, place) == (1, 1, 0) else "green",
        n_places=12,
        actions=actions,
    )
    assert (said.colour, said.action) == ("red", "Open the halls.")
    assert said.sentence == (
        "Red: 1 in 10 for extreme heat (usual less than 1 in 100), on Friday 13 June in Berkane."
    )


def test_places_of_lower_colours_are_named_after_the_worst(made):
    colours = {0: "red", 1: "orange", 2: "orange", 3: "yellow"}
    said = _said(made, lambda lead, window, place: colours.get(place, "green"), n_places=12)
    days = "from today to Saturday 21 June"
    assert said.colour == "red" and said.sentence.endswith(f", {days} in Berkane.")
    assert said.detail.endswith(f"Orange {days} in Saïdia and Madagh. Yellow {days} in Ahfir.")


@pytest.mark.parametrize(
    ("hazard", "cells"),
    [("heat", [(0, 1), (9, 1), (0, 3), (0, 7)]), ("drought", [(30, 90), (90, 90)])],
)
@pytest.mark.parametrize("colour", ["yellow", "orange", "red"])
def test_nothing_unusual_never_stands_while_a_place_is_coloured(made, hazard, cells, colour):
    """Whichever cell it is, in one place of twelve."""
    for cell in cells:
        said = _said(
            made,
            lambda lead, window, place, cell=cell: (
                colour if (lead, window, place) == (*cell, 11) else "green"
            ),
            hazard=hazard,
            n_places=12,
        )
        assert said.colour == colour
        assert said.sentence.startswith(f"{colour.capitalize()}: ")
        assert said.sentence.endswith(" in Sidi Bouhria.") and "othing" not in said.sentence


NO_ALL_CLEAR = (
    "A colour that is not confirmed was given by an earlier report; today’s numbers know no more "
    "than the calendar, so it stands until its day is over. This is no all-clear."
)


def test_a_colour_that_no_number_confirms_is_told_as_that(made):
    said = _said(
        made,
        lambda lead, window, place: (
            "orange" if window == 1 and lead in (1, 2) and place < 2 else "grey"
        ),
        unsure=lambda *_: True,
        actions={"orange": "Open the halls."},
    )
    assert (said.colour, said.action) == ("orange", "Open the halls.")
    assert said.sentence == (
        "Orange: not confirmed today, from Friday 13 June to Saturday 14 June in Berkane and "
        "Saïdia."
    )
    assert said.detail.startswith(NO_ALL_CLEAR)


def test_what_is_confirmed_leads_and_what_is_not_follows(made):
    colours = {0: "orange", 1: "orange", 2: "yellow", 3: "yellow"}
    said = _said(
        made,
        lambda lead, window, place: (
            colours.get(place, "green") if (lead, window) == (1, 1) else "green"
        ),
        n_places=5,
        unsure=lambda lead, window, place: (lead, window) == (1, 1) and place in (1, 3),
    )
    assert said.sentence == (
        "Orange: 4 in 10 for severe heat (usual 1 in 15), on Friday 13 June in Berkane."
    )
    assert said.detail == " ".join(
        [
            "Extreme: 1 in 10 (usual less than 1 in 100); unusual: 7 in 10 (usual 2 in 10).",
            "Orange: not confirmed today, on Friday 13 June in Saïdia.",
            "Yellow on Friday 13 June in Madagh.",
            "Yellow: not confirmed today, on Friday 13 June in Ahfir.",
            NO_ALL_CLEAR,
        ]
    )


def test_days_of_a_colour_that_are_not_confirmed_give_no_chance_and_are_told_apart(made):
    said = _said(
        made,
        lambda lead, window, place: (
            "orange" if window == 1 and lead in (1, 2) and place == 0 else "green"
        ),
        unsure=lambda lead, window, place: lead == 2,
    )
    assert said.sentence == (
        "Orange: 4 in 10 for severe heat (usual 1 in 15), on Friday 13 June in Berkane."
    )
    assert "Orange: not confirmed today, on Saturday 14 June in Berkane." in said.detail


def test_a_place_may_have_a_sure_colour_and_a_higher_one_that_is_not(made):
    said = _said(
        made,
        lambda lead, window, place: (
            {0: "orange", 3: "red"}.get(lead, "green") if window == 1 and place == 0 else "green"
        ),
        unsure=lambda lead, window, place: lead == 3,
    )
    assert said.colour == "red"
    assert said.sentence == (
        "Red: not confirmed today, on Sunday 15 June in Berkane. "
        "Orange: 4 in 10 for severe heat (usual 1 in 15), today (Thursday 12 June) in Berkane."
    )
    assert said.detail == NO_ALL_CLEAR


def test_what_only_an_earlier_message_tells_leads_too(made):
    stands = [(0, "orange", date(2003, 6, 14)), (1, "yellow", date(2003, 6, 13))]
    said = _said(made, lambda *_: "grey", unsure=lambda *_: True, standing=stands)
    assert said.colour == "orange"
    assert said.sentence == "Orange: not confirmed today, until Saturday 14 June in Berkane."
    assert said.detail == (
        f"Yellow: not confirmed today, until Friday 13 June in Saïdia. {NO_ALL_CLEAR}"
    )


def test_a_hazard_without_numbers_keeps_its_colour_and_says_why_it_has_none(made):
    said = _said(
        made,
        lambda lead, window, place: "orange" if (lead, window, place) == (1, 1, 0) else "grey",
        unsure=lambda *_: True,
        missing=as_remark("no air_temperature_max in the record"),
    )
    assert said.colour == "orange"
    assert said.sentence == "Orange: not confirmed today, on Friday 13 June in Berkane."
    assert said.detail == f"{NO_ALL_CLEAR} Not available: no air_temperature_max in the record."
    assert (
        _said(made, lambda *_: "grey", unsure=lambda *_: True, missing=as_remark("x")).colour == ""
    )


def test_a_flood_anywhere_colours_the_region(made):
    said = _said(
        made,
        lambda lead, window, place: "red" if (lead, window, place) == (0, 1, 0) else "green",
        hazard="flash_flood",
        n_places=12,
    )
    assert said.colour == "red" and said.sentence == (
        "Red: 1 in 10 for extreme flash flooding (usual less than 1 in 100), "
        "today (Thursday 12 June) in Berkane."
    )


def test_a_colour_of_the_coming_days_together_says_so(made):
    said = _said(made, lambda lead, window, place: "yellow" if window == 7 else "green")
    assert said.sentence == (
        "Yellow: up to 7 in 10 for unusual heat (usual 2 in 10), on some day from 12 to 18 June in "
        "Berkane, Saïdia and Madagh."
    )


def test_grey_is_never_green(made):
    said = _said(made, lambda lead, window, place: "grey")
    assert (
        said.colour == "grey"
        and said.sentence == "No more than the calendar knows (usual chance: 2 in 10)."
    )
    one_grey = _said(made, lambda lead, window, place: "grey" if place == 0 else "green")
    assert one_grey.colour == "grey"


def test_grey_beyond_a_lead(made):
    said = _said(
        made, lambda lead, window, place: "green" if lead <= 30 else "grey", hazard="drought"
    )
    assert (said.colour, said.sentence, said.detail) == (
        "green",
        "Nothing unusual.",
        "In 30 days (12 July), in 60 days (11 August) and in 90 days (10 September): up to 7 in 10 "
        "for unusual drought (usual 2 in 10).",
    )
    said = _said(made, lambda lead, window, place: "green" if lead <= 3 else "grey")
    assert said.detail == "No more than the calendar knows after Sunday 15 June."
    said = _said(made, lambda lead, window, place: "grey" if lead == 1 else "green")
    assert said.detail == "Grey days: no more than the calendar knows."


def test_seasons_may_cross_the_new_year():
    assert [in_season(month, (11, 2)) for month in (10, 11, 1, 2, 3)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert [in_season(month, (5, 10)) for month in (4, 5, 10, 11)] == [False, True, True, False]
