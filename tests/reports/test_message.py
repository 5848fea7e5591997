"""The short message: what it says, how long it is, and what goes first when it is too long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import load_region
from reports.text.formatting import COLOUR_WORDS
from reports.text.language import language_of
from reports.view.headline import Headline
from reports.view.message import MessageInputs, length, retracted_message, short_message
from reports.view.outlook import HazardOutlook, NamedLocation, RiskCell, Standing, hazard_title
from reports.view.slots import Slot

ISSUED = date(2026, 8, 4)
LINK = "https://risk.berkane.example/berkane/2026-08-04/report.en.html"
LIMITS = {"en": 300, "fr": 300, "ar": 134}
NAMES = ("Berkane", "Saidia", "Ahfir", "Zegzel", "Aklim")


def outlook(name: str, colours: dict[str, dict[int, str]], **more) -> HazardOutlook:
    """An outlook of single days: place -> lead -> colour; chance 5 in 10 of each colour's level."""
    leads = sorted({lead for one in colours.values() for lead in one})
    slots = tuple(Slot("day", lead, 1, date(2026, 8, 4 + lead)) for lead in leads)
    chance, usual = {1: 0.9, 2: 0.6, 3: 0.5}, {1: 0.1, 2: 0.05, 3: 0.01}
    verdict = dict.fromkeys((1, 2, 3), "skilful")
    rows = tuple(
        (
            NamedLocation(place.lower(), place, 1000),
            tuple(
                RiskCell("number", one[lead], chance, usual, verdict, 1) if lead in one else None
                for lead in leads
            ),
        )
        for place, one in colours.items()
    )
    order = ["", "grey", "green", "yellow", "orange", "red"]
    worst = max((c for one in colours.values() for c in one.values()), key=order.index, default="")
    return HazardOutlook(name, name, None, slots, rows, (), worst, **more)


def told(*hazards: HazardOutlook, tag: str = "en", labels=(), link="", title="Berkane", action=""):
    heads = {one.name: Headline(one.name, one.name, one.colour, "", "", action) for one in hazards}
    inputs = MessageInputs(title, ISSUED, labels, hazards, heads, link)
    return short_message(inputs, language_of(tag, "Africa/Casablanca"))


def test_it_says_what_where_from_until_how_likely_what_to_do_and_where_to_read() -> None:
    red = outlook("heat", {"Saidia": {1: "red", 2: "red"}, "Ahfir": {2: "red", 3: "yellow"}})
    calm = outlook("flash_flood", {"Saidia": {0: "green"}})
    assert told(red, calm, link=LINK, action="Open the cool rooms.") == (
        "Berkane, 4 Aug: Red: Heat, Wed 5 Aug to Thu 6 Aug; Saidia, Ahfir; 5 in 10 for extreme. "
        f"Green: Flash flood. Open the cool rooms. {LINK}"
    )


def test_days_apart_are_told_apart_and_labels_come_first() -> None:
    apart = outlook("heat", {"Saidia": {0: "yellow", 1: "green", 3: "yellow"}})
    assert told(apart, labels=("HINDCAST", "EXERCISE")) == (
        "HINDCAST. EXERCISE. Berkane, 4 Aug: Yellow: Heat, Tue 4 Aug, Fri 7 Aug; Saidia; "
        "9 in 10 for unusual."
    )


def test_a_quiet_day_names_each_hazard_under_its_colour() -> None:
    """One that the calendar knows as much about is grey, and none is called all clear."""
    hazards = [
        outlook("heat", {"Saidia": {0: "green"}}),
        outlook("drought", {"Saidia": {0: "grey"}}),
        outlook("river_flood", {}),
    ]
    assert told(*hazards) == (
        "Berkane, 4 Aug: Green: Heat. Grey (no more than the calendar knows): Drought. "
        "No colour: River flood."
    )


def test_todays_colour_is_told_beside_a_higher_one_to_come() -> None:
    rising = outlook("heat", {"Saidia": {0: "orange", 1: "red"}, "Ahfir": {0: "yellow"}})
    assert told(rising) == (
        "Berkane, 4 Aug: Red: Heat, Wed 5 Aug; Saidia; 5 in 10 for extreme; today orange."
    )
    short = told(rising, title="B" * 100, tag="ar")
    assert "(اليوم برتقالي)" in short and "5/8" in short, "also where little else is told"


def test_a_colour_that_stands_by_an_earlier_message_alone_is_not_confirmed() -> None:
    place = NamedLocation("saidia", "Saidia", 10)
    stands = (Standing(place, "red", date(2026, 8, 6)),)
    lost = replace(outlook("heat", {"Saidia": {0: "grey"}}), standing=stands, colour="red")
    assert told(lost) == ("Berkane, 4 Aug: Red: Heat, Thu 6 Aug; Saidia; not confirmed today.")


def test_what_is_too_long_is_dropped_in_a_fixed_order() -> None:
    """Each message has a word less than the one before it, and every one keeps colour and day."""
    many = outlook("heat", {f"{name} of the long valley": {1: "red"} for name in NAMES})
    calm = outlook("drought", {"Berkane": {0: "green"}})
    messages = [
        told(many, calm, link=LINK, title="B" * size, action="Go home. " * 8)
        for size in range(1, 290)
    ]
    first = {
        word: next((n for n, text in enumerate(messages) if word not in text), 999)
        for word in ("Ahfir", "Go home", "Saidia", "Green", "for extreme", "5 places", LINK)
    }
    order = ["Ahfir", "Green", "Go home", "Saidia", "for extreme", LINK]
    assert [first[word] for word in order] == sorted(first[word] for word in order)
    assert all("Red: Heat, " in text and length(text) <= 300 for text in messages)
    assert "5 Aug" in messages[0] and all(
        "5 Aug" in t or "8/5" in t or "5/8" in t for t in messages
    )


@given(
    colours=st.lists(st.sampled_from(("green", "yellow", "orange", "red")), min_size=4, max_size=4),
    places=st.integers(1, 16),
    letters=st.integers(1, 200),
    tag=st.sampled_from(sorted(LIMITS)),
    action=st.text("ab c", max_size=400),
    link=st.sampled_from(("", LINK)),
)
def test_it_never_is_longer_than_it_may_be_nor_loses_a_colour_a_hazard_or_a_day(
    colours, places, letters, tag, action, link
) -> None:
    names = ("heat", "flash_flood", "river_flood", "drought")
    hazards = [
        outlook(name, {f"{'N' * letters}{n}": {n % 4: colour} for n in range(places)})
        for name, colour in zip(names, colours, strict=True)
    ]
    both = ("HINDCAST", "EXERCISE")
    text = told(*hazards, tag=tag, labels=both, link=link, title="T" * letters, action=action)
    lang = language_of(tag, "Africa/Casablanca")
    assert length(text) <= LIMITS[tag] and "\n" not in text
    for name, colour in zip(names, colours, strict=True):
        if colour != "green":
            assert lang.say(COLOUR_WORDS[colour]) in text and hazard_title(name, lang) in text
    assert colours == ["green"] * 4 or "4" in text


@pytest.mark.parametrize("tag", sorted(LIMITS))
def test_a_retracted_report_says_so_and_why_as_far_as_there_is_room(tag: str) -> None:
    lang = language_of(tag, "Africa/Casablanca")
    for reason in ("The rain gauge was blocked.", "x" * 500, "\U0001f327" * 200):
        text = retracted_message("Berkane", ISSUED, ("EXERCISE",), ISSUED, reason, lang)
        assert length(text) <= LIMITS[tag] and lang.say("Do not act on this report.") in text
        assert text.startswith(lang.say("EXERCISE")) and reason[:10] in text


def test_the_link_is_of_the_address_that_the_region_file_gives(
    made_for: Callable, home, without_paper: None
) -> None:
    berkane = load_region("berkane")
    known = berkane.issuer.model_copy(update={"public_url": "https://risk.example/city"})
    one = made_for(berkane.model_copy(update={"issuer": known}), hazards=("heat",), colour="red")
    folder = home.published / "berkane" / "2003-06-12"
    one.publish(folder, settings=home)
    text = (folder / "message.fr.txt").read_text(encoding="utf-8")
    assert "https://risk.example/city/berkane/2003-06-12/report.fr.html" in text
    one.publish(folder.parent / "aside", hindcast=True)
    aside = (folder.parent / "aside" / "message.fr.txt").read_text(encoding="utf-8")
    assert "https:" not in aside and "PRÉVISION RÉTROSPECTIVE" in aside
