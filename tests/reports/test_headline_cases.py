"""Headlines and messages of the ten made-up outlooks, word by word in English."""

from __future__ import annotations

import re
from datetime import date

import pytest
from outlook_cases import Case, cases

from reports.text.actions import actions_in
from reports.text.formatting import COLOUR_WORDS
from reports.text.language import ENGLISH, Language, language_of
from reports.view.headline import HazardFacts, Headline, headline
from reports.view.message import MessageInputs, length, short_message
from reports.view.outlook import (
    HazardOutlook,
    Standing,
    hazard_outlooks,
    hazard_title,
    named_locations,
)

CASES = cases()
LOST = "Saturday 11 July to Sunday 12 July"
NO_DROUGHT = (
    "In 30 days (7 August), in 60 days (6 September) and in 90 days (6 October): up to 1 in 20 for "
    "unusual drought (usual 2 in 10)."
)
GREY = "No more than the calendar knows (usual chance: {})."
NO_ALL_CLEAR = (
    "A colour that is not confirmed was given by an earlier report; today’s numbers know no more "
    "than the calendar, so it stands until its day is over. This is no all-clear."
)
QUIET = "Nothing unusual."

SAID = {
    "quiet": {
        "heat": (QUIET, ""),
        "flash_flood": (QUIET, ""),
        "drought": (QUIET, NO_DROUGHT),
    },
    "one commune red": {
        "heat": (
            "Red: 5 in 10 for extreme heat (usual 1 in 100), on Thursday 9 July in Saidia.",
            "Severe: 7 in 10 (usual 1 in 30); unusual: 9 in 10 (usual 1 in 10).",
        ),
    },
    "heat rising": {
        "heat": (
            "Red: up to 5 in 10 for extreme heat (usual 1 in 100), from today to Saturday 11 July "
            "in Berkane.",
            "In Berkane, severe: 7 in 10 (usual 1 in 30); unusual: 9 in 10 (usual 1 in 10). "
            "Orange from today to Saturday 11 July in Madagh.",
        ),
    },
    "forecasts lost": {
        "heat": (
            "Orange: not confirmed today, until Sunday 12 July in Berkane and Madagh.",
            NO_ALL_CLEAR,
        ),
        "flash_flood": (GREY.format("1 in 30"), ""),
    },
    "drought deep and unassessed": {
        "drought": (
            "Red: up to 6 in 10 for extreme drought (usual 1 in 30), in 30 days (7 August), in 60 "
            "days (6 September) and in 90 days (6 October) in Aghbal, Ahfir, Ain Erreggada and 13 "
            "more places.",
            "In Aghbal, severe: 8 in 10 (usual 1 in 15); unusual: 19 in 20 (usual 2 in 10).",
        ),
    },
    "flood today": {
        "flash_flood": (
            "Red: 4 in 10 for extreme flash flooding (usual less than 1 in 100), on Thursday 9 "
            "July "
            "in Berkane. Orange: 3 in 10 for severe flash flooding (usual 1 in 100), today "
            "(Wednesday 8 July) in Berkane.",
            "Severe: 5 in 10 (usual 1 in 100); unusual: 7 in 10 (usual 1 in 30). "
            "Yellow today (Wednesday 8 July) in Madagh and Saidia.",
        ),
    },
    "all grey": {
        "heat": (GREY.format("1 in 10"), ""),
        "flash_flood": (GREY.format("1 in 30"), ""),
        "drought": (GREY.format("2 in 10"), ""),
    },
    "out of season": {
        "heat": ("Out of season: it is assessed from May to October.", ""),
        "flash_flood": (QUIET, ""),
    },
    "two hazards": {
        "heat": (
            "Yellow: up to 5 in 10 for unusual heat (usual 1 in 10), from today to Thursday 9 July "
            "in Saidia; from Wednesday 15 July to Thursday 16 July in Rislane.",
            "In Rislane, extreme: 1 in 50 (usual 1 in 100); severe: 2 in 10 (usual 1 in 30).",
        ),
        "flash_flood": (
            "Orange: 3 in 10 for severe flash flooding (usual 1 in 100), on Friday 10 July in "
            "Madagh.",
            "Extreme: 1 in 15 (usual less than 1 in 100); unusual: 5 in 10 (usual 1 in 30).",
        ),
    },
    "retracted": {
        "heat": (
            f"Orange: up to 4 in 10 for severe heat (usual 1 in 30), from {LOST} in Berkane and "
            "Madagh.",
            "In Berkane, extreme: 1 in 10 (usual 1 in 100); unusual: 6 in 10 (usual 1 in 10).",
        ),
    },
}


MESSAGES = {
    "quiet": "Green: Drought, Flash flood, Heat.",
    "one commune red": "Red: Heat, Thu 9 Jul; Saidia; 5 in 10 for extreme. "
    "Green: Drought, Flash flood. Close the schools at noon.",
    "heat rising": "Red: Heat, Fri 10 Jul to Sat 11 Jul; Berkane; 5 in 10 for extreme. "
    "Green: Drought, Flash flood. Close the schools at noon.",
    "forecasts lost": "Orange: Heat, Sun 12 Jul; Berkane, Madagh; not confirmed today. "
    "Grey (no more than the calendar knows): Drought, Flash flood. Open the cool halls.",
    "drought deep and unassessed": "Red: Drought, in 30 days (7 August); Aghbal, Ahfir, Ain "
    "Erreggada +13; 6 in 10 for extreme. Green: Flash flood, Heat. Ration water.",
    "flood today": "Red: Flash flood, Thu 9 Jul; Berkane; 4 in 10 for extreme; today orange. "
    "Green: Drought, Heat. Clear the banks.",
    "all grey": "Grey (no more than the calendar knows): Drought, Flash flood, Heat.",
    "out of season": "Green: Drought, Flash flood. No colour: Heat.",
    "two hazards": "Orange: Flash flood, Fri 10 Jul; Madagh; 3 in 10 for severe. Yellow: Heat, "
    "Wed 8 Jul to Thu 9 Jul, Wed 15 Jul to Thu 16 Jul; Rislane, Saidia; 5 in 10 for unusual. "
    "Green: Drought. Keep out of the wadis.",
    "retracted": "Orange: Heat, Sat 11 Jul to Sun 12 Jul; Berkane, Madagh; 4 in 10 for severe. "
    "Green: Drought, Flash flood. Open the cool halls.",
}
"""What follows the region and the day."""
LINK = "https://risk.example/b"


def outlooks_of(name: str, lang: Language = ENGLISH) -> list[HazardOutlook]:
    """The outlooks of a case; what earlier messages left stands where forecasts are lost."""
    case: Case = CASES[name]
    places = named_locations(
        {place.id: place.id for place in case.region.locations}, case.region, lang.tag
    )
    left = [Standing(places[at], "orange", date(2026, 7, 12)) for at in ("berkane", "madagh")]
    standing = {"heat": left} if name == "forecasts lost" else {}
    return hazard_outlooks(case.tables[-1], places, (5, 10), standing)


def headlines_of(name: str, lang: Language = ENGLISH) -> dict[str, Headline]:
    """The headlines of a case by hazard."""
    case: Case = CASES[name]
    return {
        one.name: headline(
            one,
            case.issued,
            (5, 10),
            lang,
            HazardFacts(actions=actions_in(case.region, one.name, lang)),
        )
        for one in outlooks_of(name, lang)
    }


def message_of(name: str, lang: Language = ENGLISH) -> str:
    """The short message of a case."""
    case, outlooks = CASES[name], tuple(outlooks_of(name, lang))
    title = case.region.title_in(lang.tag)
    heads = headlines_of(name, lang)
    return short_message(MessageInputs(title, case.issued, (), outlooks, heads, LINK), lang)


@pytest.mark.parametrize("name", CASES)
def test_a_made_up_outlook_is_forwarded_in_these_words(name: str) -> None:
    day = ENGLISH.dated(CASES[name].issued, "d MMM")
    assert message_of(name) == f"Berkane, {day}: {MESSAGES[name]} {LINK}"


@pytest.mark.parametrize(("tag", "most"), [("fr", 300), ("ar", 134)])
@pytest.mark.parametrize("name", CASES)
def test_a_message_in_every_language_tells_colour_hazard_and_day(
    name: str, tag: str, most: int
) -> None:
    lang = language_of(tag, "Africa/Casablanca")
    message = message_of(name, lang)
    assert length(message) <= most
    for one in outlooks_of(name, lang):
        if one.colour in ("yellow", "orange", "red"):
            assert lang.say(COLOUR_WORDS[one.colour]) in message
            assert hazard_title(one.name, lang) in message
    days = re.findall(r"(\d+) (?:Jul|August)", MESSAGES[name])
    assert not days or days[0] in message


@pytest.mark.parametrize("name", CASES)
def test_a_made_up_outlook_is_told_in_these_words(name: str) -> None:
    said = headlines_of(name)
    assert {hazard: said[hazard].colour for hazard in said} == CASES[name].colours
    for hazard, words in SAID[name].items():
        assert (said[hazard].sentence, said[hazard].detail) == words


@pytest.mark.parametrize("name", CASES)
def test_nothing_unusual_stands_only_where_no_place_has_a_colour_on_any_day(name: str) -> None:
    table = CASES[name].tables[-1]
    coloured = set(table.loc[table["colour"].isin(("yellow", "orange", "red")), "hazard"])
    calm = {hazard for hazard, said in headlines_of(name).items() if QUIET in said.sentence}
    assert not calm & coloured


@pytest.mark.parametrize("tag", ["fr", "ar"])
@pytest.mark.parametrize("name", CASES)
def test_every_language_tells_the_same_numbers_and_no_english(name: str, tag: str) -> None:
    said, english = headlines_of(name, language_of(tag, "Africa/Casablanca")), headlines_of(name)
    assert list(said) == list(english)
    for hazard, head in said.items():
        for words, other in (
            (head.sentence, english[hazard].sentence),
            (head.detail, english[hazard].detail),
        ):
            assert sorted(re.findall(r"\d+", words)) == sorted(re.findall(r"\d+", other))
            assert tag == "fr" or not re.search("[A-Za-z]", words)
            assert not re.search(r"\b(usual|in|for|today|from|on)\b", words)
