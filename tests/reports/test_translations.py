"""Every text that readers see is in every catalogue, with all plural forms and parts to fill."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import reports
from configs import CHECKOUT
from configs.messages import ENGLISH, MESSAGES, WORDS, Plural
from configs.remarks import Remark, Value, as_remark, names_in, remark, template_of, text
from data_contracts.variables import VARIABLES
from features.hazards import LEVEL_NAMES, hazards
from models.explain import causes_of
from reports.render.html import as_bdi
from reports.text.language import END, FOREIGN, ISOLATE, language_of
from sources.common.http_exchange import LATER
from sources.common.http_messages import Request
from sources.common.readings import PARTS as PARTS_OF_VARIABLES

FOLDER = Path(reports.__file__).parent
KEYWORDS = {"say": None, "say_many": (1, 2), "mark": None}
LANGUAGES = ("fr", "ar")


def used() -> set[str]:
    """All messages written in the package's modules and templates; of plurals the singular."""
    found: set[str] = set()
    for path in sorted(FOLDER.rglob("*.py")):
        rows = extract("python", io.BytesIO(path.read_bytes()), KEYWORDS)
        found |= {row[1] if isinstance(row[1], str) else row[1][0] for row in rows}
    for path in sorted((FOLDER / "render" / "templates").glob("*.html")):
        for _, _, message, _ in babel_extract(
            io.BytesIO(path.read_bytes()), ("say", "say_many"), [], {}
        ):
            first = message if isinstance(message, str) else (message or [None])[0]
            found |= {first} if first else set()
    return found


def declared() -> set[str]:
    """Words that other packages declare and the report shows: of hazards, levels and causes."""
    pasts = {
        "Highest temperature of the day",
        "Rain in 3 days",
        "River discharge",
    }  # titles of ``Hazard.history``
    names = pasts | {hazard.title for hazard in hazards().values()} | set(LEVEL_NAMES.values())
    for hazard in hazards().values():
        names |= {*causes_of(hazard), *map(hazard.event_of, LEVEL_NAMES)}
        if hazard.meaning is not None:
            names |= {text for texts in hazard.meaning.words.values() for text in texts}
    return names


def test_french_has_narrow_spaces_before_its_signs_and_ordinals_of_dates() -> None:
    french = language_of("fr", "Africa/Casablanca")
    said = french.say("{parts}; {part}", parts="a", part="b")
    assert said == "a\u202f; b"
    quoted = french.say("“unusual” begins here")
    assert "«\u202finhabituel\u202f»" in quoted
    signs = [
        form
        for one in french.catalogue
        for form in forms_of(one)
        if one.id and re.search(r"(?<!\u202f)[;!?»]|[ \u00a0][:%]|«(?!\u202f)", form)
    ]
    assert signs == []
    assert french.dated(date(2026, 6, 1)) == "lundi 1er juin 2026"
    assert french.dated(date(2026, 6, 11), "d MMM") == "11 juin"
    assert french.dated(date(2026, 7, 1), "d MMM") == "1er juil."
    assert french.dated(date(2026, 7, 1), "d") == "1", "the number alone, over a table's column"


MONTHS = [
    "يناير",
    "فبراير",
    "مارس",
    "أبريل",
    "ماي",
    "يونيو",
    "يوليوز",
    "غشت",
    "شتنبر",
    "أكتوبر",
    "نونبر",
    "دجنبر",
]


def test_arabic_has_the_months_of_the_region_whatever_else_was_written() -> None:
    """In a process that has dated a page of another territory first, as an index may."""
    code = (
        "from datetime import date\n"
        "from reports.text.language import language_of\n"
        "for zone in ('UTC', 'Africa/Casablanca'):\n"
        "    arabic = language_of('ar', zone)\n"
        "    said = [[arabic.dated(date(2026, month, 1), form) for month in range(1, 13)]\n"
        "            for form in ('MMMM', 'LLLL', 'MMM')]\n"
        "print(ascii(said))\n"
    )
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert ast.literal_eval(ran.stdout) == [MONTHS] * 3
    assert language_of("ar", "Africa/Cairo").dated(date(2026, 7, 1), "MMMM") == "يوليو"


@pytest.fixture(params=LANGUAGES)
def catalogue(request: pytest.FixtureRequest):
    with open(FOLDER / "text" / "translations" / f"{request.param}.po", "rb") as handle:
        return read_po(handle, locale=request.param)


def identifiers(catalogue) -> set[str]:
    return {one.id if isinstance(one.id, str) else one.id[0] for one in catalogue if one.id}


def test_nothing_is_left_untranslated(catalogue) -> None:
    assert sorted((used() | declared()) - identifiers(catalogue)) == []


def test_a_translation_is_whole_and_fills_in_the_same(catalogue) -> None:
    for one in catalogue:
        if not one.id:
            continue
        forms = one.string if isinstance(one.string, tuple) else (one.string,)
        assert all(forms) and not one.fuzzy, one.id
        assert len(forms) == (catalogue.num_plurals if isinstance(one.id, tuple | list) else 1), (
            one.id
        )
        wanted = set(re.findall(r"{(\w+)}", one.id if isinstance(one.id, str) else one.id[1])) - {
            "n"
        }
        for form in forms:
            assert set(re.findall(r"{(\w+)}", form)) - {"n"} == wanted, one.id


def forms_of(one) -> tuple[str, ...]:
    """The texts of a catalogue's entry."""
    return one.string if isinstance(one.string, tuple) else (one.string,)


def english_of(one) -> str:
    """The English text of a catalogue's entry, of plurals that of many."""
    return one.id if isinstance(one.id, str) else one.id[1]


IDS = re.compile(r"\b(" + "|".join([*VARIABLES, *hazards()]) + r")\b|[a-z]+_[a-z_]+")
NAMED_SO = {"source_options"}
"""Keys of region files, which have no other name."""


def test_no_sentence_holds_the_id_of_a_variable(catalogue) -> None:
    raw = [
        form
        for one in catalogue
        if one.id and english_of(one) not in {*VARIABLES, *hazards()}
        for form in (english_of(one), *forms_of(one))
        for found in IDS.finditer(re.sub(r"{\w+}|`[^`]*`", "", form))
        if "_" in found.group() and found.group() not in NAMED_SO
    ]
    assert set(raw) <= set(PARTS_OF_VARIABLES)


@pytest.mark.parametrize("tag", ["en", *LANGUAGES])
@pytest.mark.parametrize("code", sorted(set(MESSAGES) - {ENGLISH}))
def test_a_message_tells_no_id_of_a_variable_or_a_unit(tag: str, code: str) -> None:
    names = {name: "air_temperature_max" for name in (WORDS - {"unit"}) & names_in(code)}
    made = remark(code, **{**sample(code).values, **names})
    said = language_of(tag).remark(made)
    assert "air_temperature_max" not in said
    if "unit" in names_in(code):
        hot = remark(code, **{**sample(code).values, "unit": "degC"})
        assert "degC" not in language_of(tag).remark(hot)


WRITTEN_OUT = {
    "day 0",
    "the rain that is exceeded once in 2 years is none, so that no severity can be told",
}
"""Texts whose number is a word in a language: "jour J", the dual of two years in Arabic."""


def test_numbers_of_a_sentence_are_the_same_in_every_language(catalogue) -> None:
    differing = []
    for one in catalogue:
        if not one.id or english_of(one) in WRITTEN_OUT:
            continue
        wanted = numbers_in(english_of(one))
        differing += [form for form in forms_of(one) if numbers_in(form) != wanted]
    assert differing == []


def numbers_in(words: str) -> list[str]:
    """Numbers of a text without its {names}; a decimal comma is a point, thousands are together."""
    plain = re.sub(r"{\w+}", "", words)
    plain = re.sub(r"(?<=\d)[ ,](?=000)", "", plain)
    return sorted(re.findall(r"\d+(?:[.,]\d+)?", plain.replace(",", ".")))


TERMS = {
    # English -> what its translation holds in French and Arabic
    r"\bunusual\b": ("inhabituel", "غير (ال)?معتاد"),
    r"\busual\b": ("habituel|normales", "معتاد"),
    r"\bsevere\b": ("sévère", "شديد"),
    r"\bextreme\b": ("extrême", "بالغ"),
    r"\bwithheld\b": ("écarté", "ستُ?بعد"),
    r"\bleft out\b": ("écarté", "ستُ?بعد|غير المشمولة"),
    r"\buntil\b": ("jusqu’", "إلى غاية|إلى أن"),
    r"\ball[- ]clear\b": ("fin d’alerte", "زوال الخطر|زال الخطر"),
    r"\bnot confirmed\b": ("non confirmé", "غير (ال)?مؤكَّد"),
    r"\bno longer\b": ("plus", "لم يعد"),
    r"\bno more than the calendar\b": (
        "n’en (sai|save)n?t pas plus que les normales",
        "لا تعرف .*أكثر مما تقوله المعدلات",
    ),
    r"\bbelow yellow\b": ("en dessous du jaune", "دون اللون الأصفر"),
    r"\bor worse\b": ("ou plus|le jaune", "أو أعلى"),
}
"""What a reader must not take for its opposite."""


def test_words_that_warn_are_translated_by_one_word_each(catalogue) -> None:
    at = LANGUAGES.index(str(catalogue.locale))
    said = {
        english: [
            (one.id, form)
            for one in catalogue
            if one.id and re.search(english, re.sub(r"{\w+}", "", english_of(one)), re.IGNORECASE)
            for form in (one.string if isinstance(one.string, tuple) else (one.string,))
        ]
        for english in TERMS
    }
    assert [english for english, found in said.items() if not found] == []
    assert [
        pair
        for english, found in said.items()
        for pair in found
        if not re.search(TERMS[english][at], pair[1], re.IGNORECASE)
    ] == []


def test_nothing_withheld_is_called_kept_and_no_date_to_come_an_end() -> None:
    french, arabic = (language_of(tag) for tag in LANGUAGES)
    withheld = remark("record.withheld", n=3)
    for said in (french.say("Withheld cells"), french.remark(withheld)):
        assert "reten" not in said


DAY = date(2026, 6, 1)
NUMBERS = {"n": 12345, "least": 90, "years": 5.2, "days": (0, 1, 5), "day": DAY, "lead": 3}
PARTS = {
    "reason": "weather.constant",
    "found": "http.cut",
    "cure": "cure.later",
    "instead": "model.climatology",
    "leads": "cells.window",
    "where": "weather.places",
    "cells": "cells.span",
    "first": "cure.key",
    "rest": "cure.later",
    "broken": "model.file_missing",
}
"""Names of values -> the code of a message that may stand there."""


def sample(code: str) -> Remark:
    """A message of a code, with values that hold no English word."""
    values: dict[str, Value] = {}
    for name in names_in(code):
        if name in NUMBERS:
            values[name] = NUMBERS[name]
        elif name in ("a", "b", "last") or (name == "first" and code.startswith("cells.")):
            values[name] = 7
        elif name in WORDS:
            word = {"unit": "Kelvin", "hazards": "heat", "hazard": "Heat"}
            values[name] = word.get(name, "air_temperature_max")
        elif name in PARTS:
            values[name] = sample(PARTS[name])
        else:
            values[name] = "Ǻ"
    return remark(code, **values)


@pytest.mark.parametrize("code", sorted(MESSAGES))
def test_every_message_has_words_in_every_language(catalogue, code: str) -> None:
    template = MESSAGES[code]
    key = template.one if isinstance(template, Plural) else template
    assert code == ENGLISH or catalogue.get(key) is not None, "add it to the catalogue"


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("code", sorted(set(MESSAGES) - {ENGLISH}))
def test_a_message_of_every_code_leaves_no_english(tag: str, code: str) -> None:
    message = sample(code)
    said = language_of(tag).remark(message)
    assert FOREIGN not in said and "{" not in said
    alike = set(re.findall(r"[A-Za-z_]{3,}", template_of(message))) - KEPT
    if tag == "ar":
        assert set(re.findall(r"[A-Za-z_]{3,}", said)) <= KEPT
    elif alike:
        assert said != text(message)


KEPT = {
    "climate", "risk", "train", "data", "quality", "quarantine", "resultQuality", "source_options",
    "HTTP", "JSON", "gzip", "UTC", "Brier", "git", "promote", "dirty", "Content", "Range", "SQLite",
    "unitCode", "phenomenonTime", "observedAt", "properties", "Datastream", "Datastreams", "iot",
    "history_start", "calls", "NGSI", "SensorThings", "window_days", "page", "units", "attributes",
    "datastreams", "ObservedProperty", "GeoJSON", "verify", "forecast", "zarr",
} | {name for code in MESSAGES for name in names_in(code)}  # fmt: skip
"""Names of commands, folders and keys, which no language translates, and of values."""


def test_numbers_and_dates_of_a_message_are_written_as_there() -> None:
    stale = remark("record.stale", day=DAY, n=1234)
    short = remark("record.short", region="x", years=5.2, least=12)
    french, arabic = language_of("fr", "Europe/Paris"), language_of("ar", "Africa/Cairo")
    assert "1er juin 2026" in french.remark(stale) and "1\u202f234 jours" in french.remark(stale)
    assert "5,2 ans" in french.remark(short) and "1,234" in arabic.remark(stale)


def test_names_of_another_direction_are_isolated_and_lists_joined() -> None:
    message = remark("forecast.state_unknown", hazard="Heat", places=("berkane", "بركان"))
    assert f"berkane, {ISOLATE}بركان{END}\u202f;" in language_of("fr").remark(message)
    assert f"{ISOLATE}berkane{END} وبركان" in language_of("ar").remark(message)


@pytest.mark.parametrize("tag", LANGUAGES)
def test_what_a_source_complains_of_is_translated_as_far_as_known_and_the_rest_is_english(
    tag: str,
) -> None:
    found = remark("http.tries", found=remark("http.timeout", seconds="30"), n=3)
    why = Request(
        "open_meteo", "https://api.example.org/v1", "the weather, of 16 places"
    ).unavailable(found, LATER)
    assert str(why) == (
        "open_meteo: asked api.example.org for the weather, of 16 places; found no answer within "
        "30 s in 3 tries; run it again later."
    )
    lang = language_of(tag)
    said = lang.remark(remark("source.down", source="open_meteo", reason=why.remark))
    assert "run it again" not in said and "no answer" not in said
    assert f"{FOREIGN}the weather, of 16 places{END}" in said
    page = str(as_bdi(said))
    assert '<bdi lang="en" dir="ltr">the weather, of 16 places</bdi>' in page
    fault = as_remark("a <b>fault</b>, or two.")
    unknown = lang.remark(remark("source.down", source="sql", reason=fault))
    assert '<bdi lang="en" dir="ltr">a &lt;b&gt;fault&lt;/b&gt;, or two</bdi>' in as_bdi(unknown)


def test_every_hazard_and_variable_that_comes_with_the_project_has_its_words(catalogue) -> None:
    words = {
        *hazards(), *(hazard.title.lower() for hazard in hazards().values()), *VARIABLES,
        *(name.replace("_", " ") for name in VARIABLES), *PARTS_OF_VARIABLES, "Kelvin",
        "degrees Fahrenheit",
    }  # fmt: skip
    assert sorted(words - identifiers(catalogue)) == []


def test_a_word_without_a_translation_is_shown_in_english_and_marked() -> None:
    message = remark("record.without", variable="snow_depth")
    assert f"{FOREIGN}snow depth{END}" in language_of("fr").remark(message)
    assert language_of("en").remark(message) == "the record has no snow depth"
    assert language_of("fr").word("Orange") == "Orange", "the same word in both languages"


def test_arabic_counts_in_six_forms() -> None:
    arabic = language_of("ar", "Africa/Casablanca")
    said = [arabic.say_many("in {n} day", "in {n} days", n) for n in (1, 2, 3, 11, 100)]
    assert said == ["بعد يوم واحد", "بعد يومين", "بعد 3 أيام", "بعد 11 يومًا", "بعد 100 يوم"]
