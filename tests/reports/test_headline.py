from datetime import date

import numpy as np
import pytest

from reports.exports import forecast_table
from reports.headline import headline
from reports.language import ENGLISH
from reports.outlook import Outlook, Place, in_season, outlooks, places, region_colour

ISSUED = date(2003, 6, 12)


def _said(made, paint, hazard="heat", n_places=3, lang=ENGLISH, actions=None, **more):
    """The headline of a forecast all green but where ``paint(lead, window, place number)`` says another colour."""
    one = made(n_places=n_places, hazards=(hazard,), colour="green", **more)
    forecast = one.forecast.assign(colour=one.forecast["colour"].astype(object))
    for i in range(forecast.sizes["cell"]):
        for j in range(n_places):
            found = paint(int(forecast.lead_days[i]), int(forecast.window_days[i]), j)
            forecast["colour"][i, 0, j] = (
                found if str(forecast["verdict"].values[i, 0, 0, j]) else ""
            )
    forecast["probability"][:] = np.where(
        forecast["verdict"] == "", np.nan, np.array([0.7, 0.4, 0.1])[None, :, None, None]
    )
    names = dict(zip(forecast.location.values, forecast.name.values, strict=True))
    return headline(
        outlooks(forecast_table(forecast), places(names, one.region), (5, 10))[0],
        ISSUED,
        (5, 10),
        lang,
        actions=actions,
    )


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
        == "Orange in Berkane and Saïdia from Saturday 14 June; up to 7 in 10 chance (usual: 2 in 10), 4 in 10 of severe."
    )


def test_one_place_of_many_is_named_but_does_not_colour_the_region(made):
    said = _said(
        made,
        lambda lead, window, place: "red" if (lead, window, place) == (1, 1, 0) else "green",
        n_places=12,
    )
    assert (
        said.colour == "green"
        and said.sentence == "Nothing unusual."
        and said.detail == "Red in Berkane alone."
    )


def test_a_flood_anywhere_colours_the_region(made):
    said = _said(
        made,
        lambda lead, window, place: "red" if (lead, window, place) == (0, 1, 0) else "green",
        hazard="flash_flood",
        n_places=12,
    )
    assert said.colour == "red" and said.sentence.startswith(
        "Red in Berkane today, Thursday 12 June; 7 in 10 chance"
    )


def test_a_colour_of_the_coming_days_together_says_so(made):
    said = _said(made, lambda lead, window, place: "yellow" if window == 7 else "green")
    assert said.sentence.startswith(
        "Yellow in Berkane, Saïdia and Madagh on some day from 12 to 18 June;"
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
        "No more than the calendar knows beyond 30 days.",
    )
    said = _said(made, lambda lead, window, place: "green" if lead <= 3 else "grey")
    assert said.detail == "No more than the calendar knows after Sunday 15 June."
    said = _said(made, lambda lead, window, place: "grey" if lead == 1 else "green")
    assert said.detail == "Grey days: no more than the calendar knows."


@pytest.mark.parametrize(
    ("people", "colour"),
    [((900, 50, 50), "green"), ((100, 100, 800), "yellow"), ((None, 1, 1), "yellow")],
)
def test_a_tenth_of_the_people_is_enough(people, colour):
    cells = [
        Outlook("number", "yellow" if i == 1 else "green", {1: 0.5}, {1: 0.1}, {1: "skilful"}, 1)
        for i in range(3)
    ]
    column = [
        (Place(str(i), str(i), n), cell)
        for i, (n, cell) in enumerate(zip(people, cells, strict=True))
    ]
    assert region_colour(column, 3, anywhere=False) == colour


def test_seasons_may_cross_the_new_year():
    assert [in_season(month, (11, 2)) for month in (10, 11, 1, 2, 3)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert [in_season(month, (5, 10)) for month in (4, 5, 10, 11)] == [False, True, True, False]
