"""One run in all its formats: every number in every file is the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from html import unescape
from io import BytesIO
from pathlib import Path
from unicodedata import normalize
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pypdf import PdfReader

from configs import Settings, load_region
from reports.exports.messages import CAP
from reports.exports.table import forecast_table, read_forecast_csv
from reports.render.pdf import identifier_of, pdf_of
from reports.storage.print_pages import print_page
from reports.text.formatting import COLOUR_WORDS, brief
from reports.text.language import language_of
from reports.text.xml import read_xml
from reports.view.outlook import hazard_title

HAZARDS = ("heat", "flash_flood", "river_flood", "drought")
PLACES = 3
TAGS = ("en", "fr", "ar")
KEY = ["location", "hazard", "level", "lead_days", "window_days"]
NUMBERS = ["probability", "normal_probability"]
TEXTS = ["verdict", "colour", "model_version"]
BY_LEVEL = [*NUMBERS, "verdict"]
DAYS = ["issued", "valid", "data_until"]


@dataclass(frozen=True)
class Run:
    """What was forecast, and the folder it was published in."""

    table: pd.DataFrame
    folder: Path
    settings: Settings

    def page(self, tag: str) -> str:
        return (self.folder / f"report.{tag}.html").read_text(encoding="utf-8")

    def details(self, tag: str) -> str:
        return (self.folder / f"details.{tag}.html").read_text(encoding="utf-8")

    def message(self, tag: str) -> str:
        return (self.folder / f"message.{tag}.txt").read_text(encoding="utf-8")

    def card(self, tag: str) -> str:
        """The text of the sheet that the card is a picture of."""
        html = print_page("berkane", date(2003, 6, 12), f"card.{tag}.png", self.settings)
        assert (
            html
            and identifier_of(html).encode() in self.folder.joinpath(f"card.{tag}.png").read_bytes()
        ), "the picture is of this sheet"
        return _text(pdf_of(html))

    def paper(self, tag: str, name: str = "report") -> str:
        return _text((self.folder / f"{name}.{tag}.pdf").read_bytes())


def _text(pdf: bytes) -> str:
    return "".join(sheet.extract_text() for sheet in PdfReader(BytesIO(pdf)).pages)


@pytest.fixture(scope="module")
def run(made_for, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three communes of Berkane, four hazards, three languages, with PDFs.

    Made once, since nothing changes it.
    """
    berkane = load_region("berkane")
    few = berkane.model_copy(update={"locations": berkane.locations[:PLACES]})
    one = made_for(few, hazards=HAZARDS)
    home = Settings(tmp_path_factory.mktemp("run"))
    folder = one.publish(home.published / "berkane" / "2003-06-12", settings=home)
    return Run(one.table(), folder, home)


def of_netcdf(path: Path) -> pd.DataFrame:
    """As forecast.csv has it, by way of the Dataset that the file holds."""
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return forecast_table(data.load())


def of_geojson(path: Path) -> pd.DataFrame:
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    cells = [feature["properties"] for feature in features]
    found = pd.DataFrame(
        [
            {**cell, "level": level} | {name: cell[f"{name}_{level}"] for name in BY_LEVEL}
            for cell in cells
            for level in (1, 2, 3)
        ]
    )
    return found.assign(**{name: pd.to_datetime(found[name]) for name in DAYS})


def of_page(html: str) -> dict[tuple[str, str, int, int], list[tuple[str, str]]]:
    """The numbers of each cell of the tables, and how each is told: by hazard, place, lead, window.

    The chance of the colour's level, its usual one, then those of the lower levels.
    """
    found = {}
    for hazard, table in re.findall(
        r'<table class="days[^"]*" data-hazard="(\w+)">(.*?)</table>', html, re.DOTALL
    ):
        for place, row in re.findall(r'<tr data-location="([^"]+)">(.*?)</tr>', table, re.DOTALL):
            for lead, window, cell in re.findall(
                r'<td [^>]*data-lead="(\d+)" data-window="(\d+)">(.*?)</td>', row, re.DOTALL
            ):
                told = re.findall(r'<data value="([^"]*)">([^<]*)</data>', cell)
                found[hazard, place, int(lead), int(window)] = [
                    (value, unescape(words)) for value, words in told
                ]
    return found


def of_places(html: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """Colour and chance of each cell of the table of places, and the chance in words."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    (table,) = re.findall(r'<table class="where">(.*?)</table>', html, re.DOTALL)
    for place, row in re.findall(r'<tr data-location="([^"]+)">(.*?)</tr>', table, re.DOTALL):
        for colour, hazard, cell in re.findall(
            r'<td class="(\w+)" data-hazard="(\w+)">(.*?)</td>', row, re.DOTALL
        ):
            (told,) = re.findall(r'<data value="([^"]*)">([^<]*)</data>', cell) or [("", "")]
            found[hazard, place] = (colour, told[0], *([unescape(told[1])] if told[0] else []))
    return found


def highest(table: pd.DataFrame) -> pd.DataFrame:
    """Of each hazard and place the highest colour, and the highest chance of its level."""
    order = {colour: n for n, colour in enumerate(("", "grey", "green", "yellow", "orange", "red"))}
    told = table.assign(rank=table["colour"].map(order))
    top = told[told["rank"] == told.groupby(["hazard", "location"])["rank"].transform("max")]
    level = top["colour"].map({"orange": 2, "red": 3}).fillna(1).astype(int)
    top = top[(top["level"] == level) & (top["rank"] > order["green"])]
    return top.groupby(["hazard", "location"]).agg(
        colour=("colour", "first"), probability=("probability", "max"), rank=("rank", "first")
    )


@pytest.mark.parametrize("tag", TAGS)
def test_the_table_of_places_holds_the_highest_colour_and_its_chance(run: Run, tag: str) -> None:
    lang, wanted = language_of(tag, "Africa/Casablanca"), highest(run.table)
    said = of_places(run.page(tag))
    assert len(wanted) >= 4
    for at, row in wanted.iterrows():
        assert said[at] == (
            row["colour"],
            f"{row['probability']:.4f}",
            brief(row["probability"], lang),
        )


@pytest.mark.usefixtures("pango")
@pytest.mark.parametrize("tag", TAGS)
def test_brief_card_and_message_say_what_the_table_says(run: Run, tag: str) -> None:
    """Each hazard with its highest colour.

    On paper the sentence of the page; in the message its first day and, where it has room, the
    highest chance. Of Arabic, which a PDF holds as shapes in the order of the eye, the figures.
    """
    lang, wanted = language_of(tag, "Africa/Casablanca"), highest(run.table)
    heads = re.findall(
        r'<li class="head" data-hazard="(\w+)" data-colour="(\w*)">.*?<p>(.*?)</p>', run.page(tag)
    )
    by_hazard = wanted.reset_index().sort_values("rank").groupby("hazard")["colour"].last()
    assert {hazard: colour for hazard, colour, _ in heads} == by_hazard.to_dict()
    for text in (run.paper(tag, "brief"), run.card(tag)):
        seen = "".join(normalize("NFKC", text).split())
        for _, colour, sentence in heads:
            said = unescape(re.sub(r"<[^>]*>", "", sentence))
            if tag == "ar":
                assert set(re.findall(r"\d+", said)) <= set(re.findall(r"\d+", text))
            else:
                assert "".join(normalize("NFKC", said).split()) in seen
                assert lang.say(COLOUR_WORDS[colour]) in text
    message = run.message(tag)
    days = run.table[(run.table["window_days"] == 1) & (run.table["level"] == 1)]
    for hazard, colour in by_hazard.items():
        assert lang.say(COLOUR_WORDS[colour]) in message and hazard_title(hazard, lang) in message
        reached = days[(days["hazard"] == hazard) & (days["colour"] == colour)]["valid"]
        if len(reached):
            first = reached.min().date()
            forms = {lang.dated(first, form) for form in ("EEE d MMM", "d/M")}
            assert any(form in message for form in forms), (hazard, first)


def test_the_files_for_programs_hold_what_was_forecast(run: Run) -> None:
    wanted = run.table.set_index(KEY)
    readers = {
        "forecast.csv": read_forecast_csv,
        "forecast.nc": of_netcdf,
        "forecast.geojson": of_geojson,
    }
    for name, read in readers.items():
        found = read(run.folder / name).set_index(KEY)
        assert len(found) == len(wanted), name
        there = found.reindex(wanted.index)
        np.testing.assert_array_equal(
            there[NUMBERS].astype(float).to_numpy().round(4),
            wanted[NUMBERS].to_numpy(),
            err_msg=name,
        )
        for column in (*TEXTS, *DAYS):
            assert (there[column] == wanted[column]).all(), (name, column)


@pytest.mark.parametrize("tag", TAGS)
def test_a_page_holds_every_chance_and_tells_it_as_it_is(run: Run, tag: str) -> None:
    lang, wanted = language_of(tag, "Africa/Casablanca"), run.table.set_index(KEY)
    said = of_page(run.details(tag))
    assert len(said) == PLACES * (12 + 9 + 9 + 3)
    for (hazard, place, lead, window), told in said.items():
        rows = wanted.loc[(place, hazard, slice(None), lead, window)]
        level = {"orange": 2, "red": 3}.get(str(rows["colour"].iloc[0]), 1)
        chances = list(rows["probability"][:level])[::-1]
        numbers = [chances[0], rows["normal_probability"].iloc[level - 1], *chances[1:]]
        assert told == [(f"{number:.4f}", brief(number, lang)) for number in numbers]


@pytest.mark.usefixtures("pango")
@pytest.mark.parametrize("tag", TAGS)
def test_a_pdf_holds_every_number_of_its_page(run: Run, tag: str) -> None:
    """Of Arabic, which a PDF holds as shapes in the order of the eye, the figures."""
    said = [words for cell in of_places(run.page(tag)).values() for words in cell[2:]]
    assert len(said) >= 3
    text = run.paper(tag)
    if tag == "ar":
        there, wanted = (
            Counter(re.findall(r"\d+", text)),
            Counter(figure for words in said for figure in re.findall(r"\d+", words)),
        )
    else:
        text, wanted = "".join(text.split()), Counter("".join(words.split()) for words in said)
        there = Counter({words: text.count(words) for words in wanted})
    assert {words: (there[words], n) for words, n in wanted.items() if there[words] < n} == {}


def test_alerts_carry_the_highest_chance_of_their_colour_in_every_language(run: Run) -> None:
    files = sorted((run.folder / "alerts").glob("*.xml"))
    days: list[tuple[str, str, str, str]] = []
    for path in files:
        root = read_xml(path.read_bytes())
        assert root is not None
        infos = root.findall(f"{{{CAP}}}info")
        spoken = [info.findtext(f"{{{CAP}}}language") for info in infos]
        assert spoken == ["fr", "ar", "en"] * (len(infos) // 3)
        for info in infos:
            told = {
                _said(one, "valueName"): _said(one, "value")
                for one in info.findall(f"{{{CAP}}}parameter")
            }
            places = {
                _said(one, "value") for one in info.findall(f"{{{CAP}}}area/{{{CAP}}}geocode")
            }
            here = run.table[
                run.table["location"].isin(places)
                & (run.table["hazard"] == told["hazard"])
                & (run.table["window_days"] == int(told.get("window_days", 1)))
                & (run.table["colour"] == told["colour"])
            ]
            first = told["last_day" if told["hazard"] == "drought" else "first_day"]
            here = here[here["valid"].between(first, told["last_day"])]
            assert places == set(here["location"])
            if info.findtext(f"{{{CAP}}}language") == "en" and "window_days" not in told:
                told_of = here[here["level"] == 1]
                days += list(
                    told_of[["hazard", "location", "colour", "valid"]]
                    .astype(str)
                    .itertuples(index=False, name=None)
                )
            peak = here.loc[here[here["level"] == int(told["level"])]["probability"].idxmax()]
            assert (told["probability"], told["normal_probability"]) == (
                f"{peak.probability:.4f}",
                f"{peak.normal_probability:.4f}",
            )
            most = min(int(peak.probability * 100 + 0.5 + 1e-9), 99)
            assert str(most) in re.findall(r"\d+", _said(info, "description"))
    alone = run.table[(run.table["window_days"] == 1) & (run.table["level"] == 1)]
    coloured = alone[alone["colour"].isin(["yellow", "orange", "red"])]
    wanted = coloured[["hazard", "location", "colour", "valid"]].astype(str)
    assert sorted(days) == sorted(wanted.itertuples(index=False, name=None))


def _said(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{{CAP}}}{name}") or ""
