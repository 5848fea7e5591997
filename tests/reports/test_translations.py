"""Every text that readers see is in every catalogue, with the same places to fill in and all its plural forms."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import reports
from features.hazards import LEVEL_NAMES, hazards
from models.explain import causes_of
from reports.language import SENTENCE, language_of

FOLDER = Path(reports.__file__).parent
KEYWORDS = {"say": None, "say_many": (1, 2), "mark": None}
LANGUAGES = ("fr", "ar")


def used() -> set[str]:
    """All messages written in the package's modules and templates; of plurals the singular."""
    found: set[str] = set()
    for path in sorted(FOLDER.glob("*.py")):
        rows = extract("python", io.BytesIO(path.read_bytes()), KEYWORDS)
        found |= {row[1] if isinstance(row[1], str) else row[1][0] for row in rows}
    for path in sorted((FOLDER / "templates").glob("*.html")):
        for _, _, message, _ in babel_extract(io.BytesIO(path.read_bytes()), ("say", "say_many"), [], {}):
            first = message if isinstance(message, str) else (message or [None])[0]
            found |= {first} if first else set()
    return found


def declared() -> set[str]:
    """Words that other packages declare and the report shows: hazards, levels and what drives a number."""
    pasts = {"Highest temperature of the day", "Rain in 3 days", "River discharge"}  # titles of ``Hazard.history``
    names = pasts | {hazard.title for hazard in hazards().values()} | set(LEVEL_NAMES.values())
    return names | {cause for hazard in hazards().values() for cause in causes_of(hazard)}


@pytest.fixture(params=LANGUAGES)
def catalogue(request: pytest.FixtureRequest):
    with open(FOLDER / "translations" / f"{request.param}.po", "rb") as handle:
        return read_po(handle, locale=request.param)


def identifiers(catalogue) -> set[str]:
    return {one.id if isinstance(one.id, str) else one.id[0] for one in catalogue if one.id and one.context != SENTENCE}


def test_nothing_is_left_untranslated(catalogue) -> None:
    assert sorted((used() | declared()) - identifiers(catalogue)) == []


def test_a_translation_is_whole_and_fills_in_the_same(catalogue) -> None:
    for one in catalogue:
        if not one.id:
            continue
        forms = one.string if isinstance(one.string, tuple) else (one.string,)
        assert all(forms) and not one.fuzzy, one.id
        assert len(forms) == (catalogue.num_plurals if isinstance(one.id, tuple | list) else 1), one.id
        wanted = set(re.findall(r"{(\w+)}", one.id if isinstance(one.id, str) else one.id[1])) - {"n"}
        for form in forms:
            assert set(re.findall(r"{(\w+)}", form)) - {"n"} == wanted, one.id


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize(
    "sentence",
    [
        "The newest observation is of 2026-06-01, 5 days older than it should be; see why the sources deliver nothing newer.",
        "Heat: no model could be used, so the calendar's chances since 1991 stand.",
        "Heat: the state on the issue day is not known at berkane, so the calendar's chances stand there.",
        "Heat: no weather forecast could be used at berkane for days 0 to 6 ahead; there the past alone has its say.",
        "Heat: weather forecasts have their say in the chances of days 0 to 6 ahead; in all others the past alone.",
        "3 cells broke the contract and are withheld; data/quarantine lists them.",
        "open_meteo is down (found no answer); what was stored before is used.",
    ],
)
def test_sentences_made_elsewhere_are_translated_by_their_pattern(tag: str, sentence: str) -> None:
    said = language_of(tag).sentence(sentence)
    assert said is not None and said != sentence
    for number in re.findall(r"\d{4}-\d\d-\d\d|\b\d{4}\b", sentence):
        assert number[:4] in said or number in said
