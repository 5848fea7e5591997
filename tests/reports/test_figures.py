"""The figures of a headline: what its levels are in the leading place, and how a drought stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial

import numpy as np
import pytest
import xarray as xr

from reports.exports.table import forecast_table
from reports.text.formatting import amount, amounts, ordinal
from reports.text.language import ENGLISH, FOREIGN, Language, language_of
from reports.view.figures import CellFigures, cell_figures, meaning
from reports.view.headline import HazardFacts, Headline, headline
from reports.view.outlook import NamedLocation, hazard_outlooks, named_locations
from reports.view.present import present_states, state_sentence

ISSUED = date(2003, 6, 12)
UNITS = {
    "heat": ("degC", "degC", "degC", "Highest temperature of the day"),
    "flash_flood": ("mm", "mm", "mm", "Rain in 3 days"),
    "river_flood": ("m3 s-1", "m3 s-1", "m3 s-1", "River discharge"),
    "drought": ("1", "mm", "1", "Water balance index (SPEI)"),
}
THRESHOLDS = {
    "heat": [[36.2, 36.2, 36.2], [np.nan, np.nan, 31.4]],
    "flash_flood": [[34.6, 72.0, 83.7], [np.nan, 52.3, 60.8]],
    "river_flood": [[0.45, 12.4, 1250.0], [np.nan, np.nan, np.nan]],
    "drought": [[-1.0, -1.5, -2.0], [-478.5, -497.6, -516.8]],
}
RANGES = {
    "heat": (38.9, 43.6),
    "flash_flood": (0.0, 91.2),
    "river_flood": (3.2, 1640.0),
    "drought": (-2.62, -0.81),
}


def figured(forecast: xr.Dataset, hazard: str) -> xr.Dataset:
    """The forecast with thresholds and quantiles as ``predict`` gives them."""
    cells, places = forecast.sizes["cell"], forecast.sizes["location"]
    shape = (2, cells, 3, 1, places)
    values = np.broadcast_to(np.array(THRESHOLDS[hazard])[:, None, :, None, None], shape)
    low, high = RANGES[hazard]
    band = np.array([low, (low + high) / 2, high])[:, None, None, None]
    first, second, unit, title = UNITS[hazard]
    dims = ("condition", "cell", "level", "init_time", "location")
    outlook = np.broadcast_to(band, (3, cells, 1, places))
    return forecast.assign(
        threshold=(dims, values), outlook=(("quantile", "cell", "init_time", "location"), outlook)
    ).assign_coords(
        condition=[1, 2],
        threshold_units=(("condition", "cell"), [[first] * cells, [second] * cells]),
        outlook_title=("cell", [title] * cells),
        outlook_units=("cell", [unit] * cells),
    )


def said(
    made: Callable, hazard: str, lang: Language = ENGLISH, past: xr.Dataset | None = None
) -> Headline:
    """The headline of a hazard that is red on the first cell in the second place of two."""
    one = made(n_places=2, hazards=(hazard,), colour="green")
    forecast = figured(one.forecast, hazard)
    forecast["colour"] = forecast["colour"].astype(object)
    forecast["colour"][0, 0, 1] = "red"
    forecast["verdict"][:] = np.where(forecast["verdict"] == "", "", "known")
    forecast["probability"][:] = np.where(
        forecast["verdict"] == "", np.nan, np.array([0.8, 0.6, 0.5])[None, :, None, None]
    )
    places = named_locations(
        dict(zip(forecast.location.values, forecast.name.values, strict=True)), one.region
    )
    outlook = hazard_outlooks(forecast_table(forecast), places, (5, 10))[0]
    facts = HazardFacts(
        figures=partial(cell_figures, forecast, hazard),
        states=present_states(past, list(places.values())),
    )
    return headline(outlook, ISSUED, (5, 10), lang, facts)


EXPLAINED = {
    "heat": "In Saïdia, unusual: a day above 36 °C; severe: three days in a row above 36 °C; "
    "extreme: three days in a row above 36 °C whose mean, nights included, is about 31 °C or "
    "more. Highest temperature of the day, Thursday 12 June: 39 to 44 °C, 9 times in 10.",
    "flash_flood": "In Saïdia, unusual: more than 35 mm of rain in 3 days; severe: more than 72 mm "
    "of rain in 3 days or 52 mm in a day; extreme: more than 84 mm of rain in 3 days or 61 mm in a "
    "day. Rain in 3 days, Thursday 12 June: 0 to 91 mm, 9 times in 10.",
    "river_flood": "In Saïdia, unusual: a discharge above 0.45 m³/s; severe: a discharge above 12 "
    "m³/s; extreme: a discharge above 1,250 m³/s. River discharge, Thursday 12 June: 3.2 to 1,640 "
    "m³/s, 9 times in 10.",
    "drought": "In Saïdia, unusual: a balance (rain less possible evaporation) of −478 mm or lower "
    "over 3 months, index −1.0 or lower; severe: a balance (rain less possible evaporation) of "
    "−498 mm or lower over 3 months, index −1.5 or lower; extreme: a balance (rain less possible "
    "evaporation) of −517 mm or lower over 3 months, index −2.0 or lower. "
    "Water balance index (SPEI), Saturday 12 July: −2.6 to −0.8, 9 times in 10.",
}


@pytest.mark.parametrize("hazard", EXPLAINED)
def test_the_levels_are_explained_with_the_figures_of_the_leading_place(made, hazard: str) -> None:
    detail = said(made, hazard).detail.replace("\xa0", " ")
    assert detail.endswith(EXPLAINED[hazard])


@pytest.mark.parametrize("tag", ["fr", "ar"])
@pytest.mark.parametrize("hazard", EXPLAINED)
def test_the_figures_are_explained_in_every_language(made, hazard: str, tag: str) -> None:
    detail = said(made, hazard, language_of(tag, "Africa/Casablanca")).detail
    assert FOREIGN not in detail and "{" not in detail
    for english in ("above", "more than", "balance", "discharge"):
        assert english not in detail


def test_words_of_a_hazard_that_no_catalogue_knows_are_marked_as_english(monkeypatch) -> None:
    from dataclasses import replace

    from features.hazards import Meaning
    from features.hazards.heat import HAZARD

    avalanche = replace(
        HAZARD, name="avalanche", meaning=Meaning({1: ("snow above {first}",)}, ("mm", "mm"), None)
    )
    monkeypatch.setattr("reports.view.figures.hazards", lambda: {"avalanche": avalanche})
    figures = CellFigures({1: (120.0, np.nan)}, ("mm", "mm"), 1, np.nan, np.nan, "", "")
    place = NamedLocation("p", "Ifrane", None)
    assert f"{FOREIGN}snow above 120" in meaning(
        "avalanche", place, figures, [1, 2], language_of("fr")
    )


def test_without_a_threshold_nothing_is_explained() -> None:
    figures = CellFigures({1: (np.nan, np.nan)}, ("degC", "degC"), 1, np.nan, np.nan, "", "")
    assert meaning("heat", NamedLocation("p", "Ifrane", None), figures, [1], ENGLISH) == ""


def history(*rows: tuple[float, str | None, int]) -> xr.Dataset:
    """Where each location stands: index, since when below the threshold, rank."""
    index, since, rank = zip(*rows, strict=True)
    n = len(rows)
    columns = {
        "index": index,
        "window_days": [365] * n,
        "threshold": [-1.0] * n,
        "day": [np.datetime64("2003-06-11", "ns")] * n,
        "since": [np.datetime64(day or "NaT", "ns") for day in since],
        "rank": rank,
        "years": [31] * n,
    }
    return xr.Dataset(
        {f"state_{name}": ("location", np.array(values)) for name, values in columns.items()},
        coords={"location": [f"p{i:02d}" for i in range(n)]},
    )


def test_a_drought_is_first_told_as_it_stands_then_as_it_may_go_on(made) -> None:
    past = history((-1.2, "2003-05-20", 4), (-1.9, "2001-11-08", 2))
    assert said(made, "drought", past=past).sentence == (
        "In drought in Saïdia and Berkane; in Saïdia since November 2001: the last 12 months were "
        "the 2nd driest of 31 years. Red: 5 in 10 for extreme drought (usual less than 1 in 100), "
        "in 30 days (12 July) in Saïdia."
    )


ONE = NamedLocation("p00", "Tunis", None), NamedLocation("p01", "Kef", None)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [(-1.9, "2001-11-08", 1)],
            "In drought since November 2001: the last 12 months were the driest of 31 years.",
        ),
        (
            [(-1.2, "2003-05-20", 3)],
            "In drought since 20 May 2003: the last 12 months were the 3rd driest of 31 years.",
        ),
        (
            [(-1.2, "2003-05-20", 11), (0.3, None, 16)],
            "In drought in Tunis since 20 May 2003: the last 12 months were the 11th driest of 31 "
            "years.",
        ),
        ([(0.3, None, 16), (-0.9, None, 7)], "Not in drought on 11 June 2003."),
        ([(np.nan, None, 1)], ""),
    ],
)
def test_the_present_state_in_words(rows: list, words: str) -> None:
    states = present_states(history(*rows), ONE[: len(rows)])
    assert state_sentence(states, ENGLISH) == words


def test_a_history_without_a_state_tells_none() -> None:
    assert present_states(None, ONE) == ()
    assert present_states(xr.Dataset(coords={"location": ["p00"]}), ONE) == ()


def test_no_drought_is_called_nothing_unusual(made) -> None:
    """All green ahead, and dry now."""
    one = made(hazards=("drought",), colour="green")
    places = named_locations({"p00": "Tunis"}, one.region)
    outlook = hazard_outlooks(one.table(), places, (5, 10))[0]
    states = present_states(history((-1.9, "2001-11-08", 2)), list(places.values()))
    head = headline(outlook, ISSUED, (5, 10), ENGLISH, HazardFacts(states=states))
    assert head.colour == "green" and "Nothing unusual" not in head.sentence
    assert head.sentence.startswith("In drought since November 2001: ")
    assert " In 30 days (12 July)" in head.sentence


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (38.2, "degC", "38 °C"),
        (-0.4, "degC", "−0.4 °C"),
        (0.0, "mm", "0 mm"),
        (7.25, "mm", "7.2 mm"),
        (0.456, "m3 s-1", "0.46 m³/s"),
        (1250.4, "m3 s-1", "1,250 m³/s"),
        (-1.5, "1", "−1.5"),
    ],
)
def test_an_amount_is_no_finer_than_people_ask_for(value: float, unit: str, words: str) -> None:
    assert amount(value, unit, ENGLISH).replace("\xa0", " ") == words


def test_a_span_of_amounts_says_its_unit_once() -> None:
    assert amounts(41.2, 43.8, "degC", ENGLISH) == "41 to 44\xa0°C"
    assert amounts(41.2, 41.4, "degC", ENGLISH) == "41\xa0°C"
    french = language_of("fr", "Africa/Casablanca")
    assert amounts(3.25, 12.0, "m3 s-1", french) == "3,2 à 12\xa0m³/s"


def test_ranks_are_written_as_each_language_does() -> None:
    assert [ordinal(n, ENGLISH) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd",
    ]  # fmt: skip
    assert [ordinal(n, language_of("fr")) for n in (1, 2)] == ["1er", "2e"]
    assert ordinal(2, language_of("ar", "Africa/Casablanca")) == "2"
