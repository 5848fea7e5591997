"""Every text that readers see is in every catalogue, with all plural forms and parts to fill."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import reports
from configs import CHECKOUT
from features.hazards import LEVEL_NAMES, hazards
from models.explain import causes_of
from reports.language import END, FOREIGN, SENTENCE, language_of
from reports.report import as_bdi
from sources.common.http_exchange import LATER
from sources.common.http_messages import Request

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
        for _, _, message, _ in babel_extract(
            io.BytesIO(path.read_bytes()), ("say", "say_many"), [], {}
        ):
            first = message if isinstance(message, str) else (message or [None])[0]
            found |= {first} if first else set()
    return found


def declared() -> set[str]:
    """Words that other packages declare and the report shows: hazards, levels, causes."""
    pasts = {
        "Highest temperature of the day",
        "Rain in 3 days",
        "River discharge",
    }  # titles of ``Hazard.history``
    names = pasts | {hazard.title for hazard in hazards().values()} | set(LEVEL_NAMES.values())
    return names | {cause for hazard in hazards().values() for cause in causes_of(hazard)}


@pytest.fixture(params=LANGUAGES)
def catalogue(request: pytest.FixtureRequest):
    with open(FOLDER / "translations" / f"{request.param}.po", "rb") as handle:
        return read_po(handle, locale=request.param)


def identifiers(catalogue) -> set[str]:
    return {
        one.id if isinstance(one.id, str) else one.id[0]
        for one in catalogue
        if one.id and one.context != SENTENCE
    }


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


TERMS = {
    # English -> what its translation holds in French and Arabic
    r"\bunusual\b": ("inhabituel", "غير (ال)?معتاد"),
    r"\busual\b": ("habituel|normales", "معتاد"),
    r"\bsevere\b": ("sévère", "شديد"),
    r"\bextreme\b": ("extrême", "بالغ"),
    r"\bwithheld\b": ("écarté", "ستُ?بعد"),
    r"\bleft out\b": ("écarté", "ستُ?بعد|غير المشمولة"),
    r"\buntil\b": ("jusqu’", "إلى غاية|إلى أن"),
    r"\bby \{last": ("d’ici", "بحلول"),
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
            if one.id
            and re.search(english, one.id if isinstance(one.id, str) else one.id[1], re.IGNORECASE)
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
    withheld = "3 cells broke the contract and are withheld; data/quarantine lists them."
    for said in (french.say("Withheld cells"), french.sentence(withheld) or "reten"):
        assert "reten" not in said
    by = "{hazard}: {colour} in {places} by {last}"
    values = {"hazard": "الجفاف", "colour": "أحمر", "places": "بركان", "last": "6 غشت"}
    assert "بحلول 6 غشت" in arabic.say(by, **values)


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize(
    "sentence",
    [
        "The newest observation is of 2026-06-01, 5 days older than it should be; "
        "see why the sources deliver nothing newer.",
        "Heat: no model could be used, so the calendar's chances since 1991 stand.",
        "Heat: the state on the issue day is not known at berkane, "
        "so the calendar's chances stand there.",
        "Heat: no weather forecast could be used at berkane for days 0 to 6 ahead; "
        "there the past alone has its say.",
        "Heat: weather forecasts have their say in the chances of days 0 to 6 ahead; "
        "in all others the past alone.",
        "3 cells broke the contract and are withheld; data/quarantine lists them.",
        "sensor_things: precipitation of a (Datastreams(7)): readings left out for their "
        "resultQuality: 3; data/quality lists them.",
        "open_meteo is down (found no answer); what was stored before is used.",
        "sql could not be used (sql: RR is 1, 2 or 3); what was stored before is used.",
        "sql: readings left out for their time: 2, such as TA of a, b at 9999-12-31; have them mended there.",
        "sql: readings left out for two values at one instant: 2, such as river_level of a at "
        "2026-03-01T05:00Z is 1 and 9; take one out there, or choose one sensor a place.",
        "sql: readings left out for an hour that clocks repeat or skip in Europe/Madrid: 2, such as "
        "TA of a at 2024-10-27 02:30; give times with their zone.",
        "Heat: Forecasts of air temperature max, leads 0, 1, at plain, are left out: "
        "there are 79-80 days of them with observations since 2026-03-01, 90 are needed.",
        "Heat: Forecasts of air temperature max, lead 9, at 4 places, are left out: "
        "there are 12 days of them with observations near this time of year, 30 are needed.",
        "Flash flood: Forecasts of precipitation, leads 0, 1, at plain, are left out: the forecast "
        "model changed on 2026-06-10 and there are 11-21 days of the new one with observations, "
        "30 are needed.",
        "There is no model of heat, drought: train it with climate-risk train tunis",
    ],
)
def test_sentences_made_elsewhere_are_translated_by_their_pattern(tag: str, sentence: str) -> None:
    said = language_of(tag).sentence(sentence)
    assert said is not None and said != sentence
    for number in re.findall(r"\d{4}-\d\d-\d\d|\b\d{4}\b", sentence):
        assert number[:4] in said or number in said


def test_no_pattern_is_of_a_sentence_that_nobody_says_any_more(catalogue) -> None:
    """The last words of each of its pieces stand in the code.

    A sentence reworded there would fall back to English.
    """
    said = "\n".join(written())
    pieces = [
        (words, one.id)
        for one in catalogue
        if one.context == SENTENCE
        for piece in re.split(r"\{\w+\}|[,;:.()]", one.id)
        if len(words := piece.split()) >= 2
    ]
    assert len(pieces) > 90
    assert [
        of
        for words, of in pieces
        if " ".join(words[-3:]) not in said and "_".join(words) not in said
    ] == []


def written() -> set[str]:
    """Every text that stands in the packages' modules."""
    packages = ("configs", "data_contracts", "features", "flows", "models", "reports", "sources")
    trees = [
        ast.parse(path.read_bytes())
        for package in packages
        for path in (CHECKOUT / package).rglob("*.py")
    ]
    found = (
        node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)
    )
    return {text for text in found if isinstance(text, str)}


@pytest.mark.parametrize("tag", LANGUAGES)
def test_what_a_source_complains_of_is_translated_as_far_as_known_and_the_rest_is_english(
    tag: str,
) -> None:
    why = Request(
        "open_meteo", "https://api.example.org/v1", "the weather, of 16 places"
    ).unavailable("no answer within 30 s in 3 tries", LATER)
    said = language_of(tag).sentence(
        f"open_meteo is down ({str(why).rstrip('.')}); what was stored before is used."
    )
    assert said is not None and "run it again" not in said and "no answer" not in said
    assert f"{FOREIGN}the weather, of 16 places{END}" in said, (
        "prose is not taken for a list of names"
    )
    page = str(as_bdi(said))
    assert '<bdi lang="en" dir="ltr">the weather, of 16 places</bdi>' in page
    unknown = language_of(tag).sentence(
        "sql is down (a <b>fault</b>, or two); what was stored before is used."
    )
    assert (
        unknown
        and '<bdi lang="en" dir="ltr">a &lt;b&gt;fault&lt;/b&gt;, or two</bdi>' in as_bdi(unknown)
    )


@pytest.mark.parametrize(("tag", "said"), [("fr", "5,2"), ("ar", "5.2")])
def test_a_fraction_in_a_sentence_is_written_as_there(tag: str, said: str) -> None:
    language = language_of(tag, "Africa/Cairo" if tag == "ar" else "Europe/Paris")
    sentence = language.sentence(
        "region x: the record holds 5.2 years, a backtest needs 12; "
        "add earlier years to its sources."
    )
    assert sentence and said in sentence


def test_arabic_counts_in_six_forms() -> None:
    arabic = language_of("ar", "Africa/Casablanca")
    said = [arabic.say_many("in {n} day", "in {n} days", n) for n in (1, 2, 3, 11, 100)]
    assert said == ["بعد يوم واحد", "بعد يومين", "بعد 3 أيام", "بعد 11 يومًا", "بعد 100 يوم"]
