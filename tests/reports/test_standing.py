"""The worst place leads and a colour stands through grey, in all that is published."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import xarray as xr
from lxml import etree

from configs import Settings
from configs.actions import ActionText
from features.hazards import hazards
from flows.issue import folder_before
from models.assembly import colours_of
from reports import publish, write_index
from reports.exports.messages import CAP
from reports.exports.table import read_forecast_csv, read_published
from reports.site.feed import ATOM
from reports.site.notices import retract
from reports.storage.archive import ALERTS

pytestmark = pytest.mark.usefixtures("without_paper")
ACTIONS = {
    "heat": {
        "orange": ActionText(plain="Open the halls."),
        "red": ActionText(plain="Close the schools."),
    }
}
LOW, ORANGE, RED = (0.10, 0.02, 0.0), (0.60, 0.40, 0.10), (0.90, 0.70, 0.50)
KEPT, WITHDRAWN = (0.60, 0.25, 0.10), (0.30, 0.20, 0.05)
"""Chances by level. Orange from .30 of level 2 on, kept down to .24; red from .40 of level 3 on."""
Numbers = Callable[[int, int, int], tuple[float, float, float] | None]


class City:
    """Places whose heat is forecast day after day, published as a scheduled run does."""

    def __init__(self, made: Callable, home: Settings, schema: etree.XMLSchema):
        self.made, self.home, self.schema = made, home, schema
        self.n_places, self.languages = 3, ("en",)

    def day(self, issued: str, numbers: Numbers | None, now: datetime | None = None) -> Path:
        """The folder of a day's report; None: the day has no heat; else chances, or the calendar's.

        Colours are by the rule of live forecasts, held against the report before.
        """
        names = ("heat", "drought") if numbers else ("drought",)
        shape = {"n_places": self.n_places, "colour": "green", "languages": self.languages}
        one = self.made(hazards=names, issued=issued, **shape)
        region = one.region.model_copy(update={"actions": ACTIONS})
        forecast = one.forecast
        folder = self.home.published / region.name / issued
        before = folder_before(folder.parent, date.fromisoformat(issued))
        if numbers:
            forecast = _with(forecast, numbers)
            heat = forecast["hazard"].values == "heat"
            part = forecast.isel(cell=np.flatnonzero(heat))
            rule = colours_of(hazards()["heat"], part, region, read_published(before))
            forecast["colour"][heat] = rule.values
        told = forecast, one.scores, one.history, region, one.provenance
        folder.parent.mkdir(parents=True, exist_ok=True)
        publish(*told, folder, before=before, settings=self.home, now=now)
        for path in (folder / ALERTS).iterdir():
            self.schema.assertValid(etree.parse(path))
        return folder


def _with(forecast: xr.Dataset, numbers: Numbers) -> xr.Dataset:
    """The forecast with the numbers of heat for each lead, window and number of the place."""
    forecast = forecast.copy(deep=True)
    for name in ("colour", "verdict"):
        forecast[name] = forecast[name].astype(object)
    for i in np.flatnonzero(forecast["hazard"].values == "heat"):
        for j in range(forecast.sizes["location"]):
            chance = numbers(int(forecast["lead_days"][i]), int(forecast["window_days"][i]), j)
            usual = forecast["normal_probability"].values[i, :, 0, j]
            told = usual if chance is None else np.array(chance)
            forecast["probability"][i, :, 0, j] = told
            forecast["verdict"][i, :, 0, j] = "no better than usual" if chance is None else "known"
    return forecast


@pytest.fixture
def city(made: Callable, home: Settings, schema: etree.XMLSchema) -> City:
    return City(made, home, schema)


def only(lead: int, place: int, chance: tuple[float, float, float]) -> Numbers:
    """Low everywhere but on one single day of one place."""
    return lambda *at: chance if at == (lead, 1, place) else LOW


def calendar(*_: int) -> None:
    """Numbers that know no more than the calendar."""
    return None


def heat(folder: Path) -> dict:
    """The English headline of heat."""
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    (found,) = [head for head in told["headlines"] if head["hazard"] == "heat"]
    return found


def chip(folder: Path, tag: str) -> tuple[str, str]:
    """The colour and the words of heat at the top of a page."""
    html = (folder / f"report.{tag}.html").read_text(encoding="utf-8")
    found = re.search(r'<li class="head" data-hazard="heat" data-colour="(\w*)">(.*?)</li>', html)
    assert found
    return found[1], unescape(re.sub(r"<[^>]*>", "", found[2]))


def messages(folder: Path) -> dict[str, ElementTree.Element]:
    """Heat's messages by file name."""
    paths = sorted((folder / ALERTS).glob("heat-*.xml"))
    return {path.name: ElementTree.parse(path).getroot() for path in paths}  # noqa: S314 (ours)


def said(root: ElementTree.Element, name: str) -> list[str]:
    return [found.text or "" for found in root.iter(f"{{{CAP}}}{name}")]


def test_one_red_place_of_sixteen_leads_everywhere(city: City, home: Settings) -> None:
    city.n_places, city.languages = 16, ("fr", "ar", "en")
    folder = city.day("2003-06-12", only(1, 1, RED))
    assert (heat(folder)["colour"], heat(folder)["action"]) == ("red", "Close the schools.")
    assert heat(folder)["sentence"].endswith(", on Friday 13 June in Saïdia.")
    for tag, red, unusual in (
        ("en", "on Friday 13 June in Saïdia", "Nothing unusual"),
        ("fr", "le vendredi 13 juin à Saïdia", "Rien d’inhabituel"),
        ("ar", "يوم الجمعة 13 يونيو في Saïdia", "لا شيء غير معتاد"),
    ):
        colour, words = chip(folder, tag)
        assert colour == "red" and red in words and "Close the schools." in words
        assert unusual not in words
    write_index(home)
    front = (home.published / "index.en.html").read_text(encoding="utf-8")
    assert re.search(r'<li class="red">.*?Heat: Red</li>', front)
    assert "Heat: To do:" in front and "Close the schools." in front
    for path in (home.published / "feed.xml", folder.parent / "feed.xml"):
        (summary,) = ElementTree.parse(path).getroot().iter(f"{{{ATOM}}}summary")  # noqa: S314
        assert "Heat: Red: 5 in 10 for extreme heat" in (summary.text or "")
        assert "To do: Close the schools." in (summary.text or "")
        assert "Heat: Nothing unusual" not in (summary.text or "")
    root = messages(folder)["heat-red.xml"]
    assert set(said(root, "instruction")) == {"Close the schools."}
    assert "Heat: red in Saïdia on Friday 13 June" in said(root, "headline")


@pytest.mark.parametrize("seed", range(3))
def test_the_first_colour_of_a_hazard_is_the_highest_of_its_table(
    made: Callable, tmp_path: Path, seed: int
) -> None:
    names = ("heat", "flash_flood", "river_flood", "drought")
    folder = made(n_places=3, hazards=names, seed=seed).publish(tmp_path / "day")
    table = read_forecast_csv(folder / "forecast.csv")
    order = ["yellow", "orange", "red"]
    for head in json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["headlines"]:
        found = set(table.loc[table["hazard"] == head["hazard"], "colour"]) & set(order)
        worst = max(found, key=order.index, default="")
        assert head["colour"] == worst if worst else head["colour"] not in order
        assert not worst or f"{worst.capitalize()}: " in head["sentence"]


def test_a_colour_stands_through_grey_days_until_a_number_can_tell(city: City) -> None:
    """Orange for 15 June in one place; on 13 and 14 June the forecasts are lost."""
    city.languages = ("fr", "ar", "en")
    first = city.day("2003-06-12", only(3, 0, ORANGE))
    assert heat(first)["sentence"] == (
        "Orange: 4 in 10 for severe heat (usual 1 in 15), on Sunday 15 June in Berkane."
    )
    updates = []
    for issued in ("2003-06-13", "2003-06-14"):
        folder = city.day(issued, calendar)
        table = read_forecast_csv(folder / "forecast.csv")
        kept = table[(table["hazard"] == "heat") & (table["colour"] != "grey")]
        assert set(kept["colour"]) == {"orange"} and set(kept["location"]) == {"p00"}
        assert set(kept["valid"].dt.date) == {date(2003, 6, 15)}
        assert set(kept["verdict"]) == {"no better than usual"}
        head = heat(folder)
        assert (head["colour"], head["action"]) == ("orange", "Open the halls.")
        assert (
            head["sentence"]
            == "Orange: not confirmed since Thursday 12 June, on Sunday 15 June in Berkane."
        )
        assert "This is no all-clear." in head["detail"]
        for tag, unsure in (
            ("en", "not confirmed since Thursday 12 June"),
            ("fr", "non confirmé depuis le jeudi 12 juin"),
            ("ar", "غير مؤكَّد منذ الخميس 12 يونيو"),
        ):
            colour, words = chip(folder, tag)
            assert colour == "orange" and unsure in words
        page = (folder / "report.en.html").read_text(encoding="utf-8")
        assert "<small>not confirmed</small>" in page and "all clear in" not in page
        assert "Heat: not confirmed today in Berkane (Sunday 15 June)" in page
        (root,) = messages(folder).values()
        assert said(root, "msgType") == ["Update"]
        assert said(root, "references")[0].split(",")[1] == "made-up.heat.orange.2003-06-12"
        assert (
            "Heat: orange in Berkane on Sunday 15 June, not confirmed since Thursday 12 June"
            in said(root, "headline")
        )
        updates += said(root, "identifier")
    assert set(updates) == {"made-up.heat.orange.2003-06-13"}, "nothing changed on the 14th"
    kept = city.day("2003-06-15", only(0, 0, KEPT))
    assert heat(kept)["sentence"].endswith(", today (Sunday 15 June) in Berkane.")
    (root,) = messages(kept).values()
    assert said(root, "msgType") == ["Update"] and "not confirmed" not in " ".join(
        said(root, "headline")
    )


def test_a_number_below_the_margin_takes_the_colour_back(city: City) -> None:
    city.day("2003-06-12", only(3, 0, ORANGE))
    city.day("2003-06-13", calendar)
    folder = city.day("2003-06-14", only(1, 0, WITHDRAWN))
    assert heat(folder)["colour"] == "green"
    assert list(messages(folder)) == ["heat-orange-cancel.xml"]
    assert "Heat: all clear in Berkane." in (folder / "report.en.html").read_text(encoding="utf-8")


def test_a_standing_colour_ends_with_its_day(city: City) -> None:
    city.day("2003-06-12", only(1, 0, ORANGE))
    city.day("2003-06-13", calendar)
    folder = city.day("2003-06-14", calendar)
    assert heat(folder)["colour"] == "grey" and messages(folder) == {}


def test_an_alert_stands_on_the_page_too_while_its_hazard_is_missing(city: City) -> None:
    """Without heat for two days; the place's other hazard is green."""
    city.day("2003-06-12", only(3, 0, ORANGE))
    for issued in ("2003-06-13", "2003-06-14"):
        folder = city.day(issued, None)
        head = heat(folder)
        assert (head["colour"], head["action"]) == ("orange", "Open the halls.")
        assert head["sentence"] == (
            "Orange: not confirmed since Thursday 12 June, on Sunday 15 June in Berkane."
        )
        table = read_forecast_csv(folder / "forecast.csv")
        rows = table[table["hazard"] == "heat"]
        assert set(zip(rows["location"], rows["valid"].dt.date, strict=True)) == {
            ("p00", date(2003, 6, 15))
        }
        assert set(rows["colour"]) == {"orange"} and set(rows["verdict"]) == {"not assessed"}
        assert list(rows["level"]) == [1, 2, 3] and rows["probability"].isna().all()
        assert "This is no all-clear." in head["detail"]
        told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        assert told["headlines"][0] == head, "it comes before what is green"
        assert chip(folder, "en")[0] == "orange"
        (root,) = messages(folder).values()
        assert said(root, "msgType") == ["Update"]
    assert "heat" not in [
        one["hazard"]
        for one in json.loads(
            (city.day("2003-06-16", None) / "provenance.json").read_text(encoding="utf-8")
        )["headlines"]
    ]


def test_a_window_of_days_stands_on_the_page_as_in_the_message(
    city: City,
) -> None:
    city.day("2003-06-12", lambda lead, window, place: ORANGE if (window, place) == (3, 2) else LOW)
    folder = city.day("2003-06-13", calendar)
    head = heat(folder)
    assert (
        head["sentence"]
        == "Orange: not confirmed since Thursday 12 June, from today to Saturday 14 June in Madagh."
    )
    table = read_forecast_csv(folder / "forecast.csv")
    orange = table[(table["hazard"] == "heat") & (table["colour"] == "orange")]
    assert set(orange["location"]) == {"p02"}
    assert set(orange["valid"].dt.date) == {date(2003, 6, 13), date(2003, 6, 14)}
    page = (folder / "report.en.html").read_text(encoding="utf-8")
    assert "Heat: not confirmed today in Madagh (" in page
    assert "no colour can be told" not in page
    (root,) = messages(folder).values()
    assert said(root, "msgType") == ["Update"] and "no" in said(root, "value")
    assert heat(city.day("2003-06-14", calendar))["colour"] == "orange"
    assert heat(city.day("2003-06-15", calendar))["colour"] == "grey"


def test_what_was_retracted_stands_no_more(city: City, home: Settings) -> None:
    folder = city.day("2003-06-12", only(3, 0, ORANGE))
    region = city.made().region
    retract(
        region, date(2003, 6, 12), "A gauge failed.", home, datetime(2003, 6, 12, 9, tzinfo=UTC)
    )
    assert set(messages(folder)) == {"heat-orange.xml", "heat-orange-cancel.xml"}
    assert read_published(folder) is None
    after = city.day("2003-06-13", calendar)
    assert heat(after)["colour"] == "grey" and messages(after) == {}


def test_grey_on_the_same_day_takes_back_nothing_either(city: City) -> None:
    """Orange in the morning, the forecasts lost at noon; the same numbers again change no byte."""
    morning = city.day("2003-06-12", only(3, 0, ORANGE))
    first = set(messages(morning))
    noon = datetime(2003, 6, 12, 12, tzinfo=UTC)
    folder = city.day("2003-06-12", calendar, noon)
    assert heat(folder)["sentence"] == (
        "Orange: not confirmed today, on Sunday 15 June in Berkane."
    )
    assert set(messages(folder)) - first == {"heat-orange-2.xml"}
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    city.day("2003-06-12", calendar, noon + timedelta(hours=1))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


def test_a_report_of_today_is_sent_by_the_clock_and_one_of_a_past_day_at_its_hour(
    city: City,
) -> None:
    """Made again with the same numbers it keeps its time, and with it every byte."""
    noon = datetime(2003, 6, 12, 12, 3, 4, 567, tzinfo=UTC)
    folder = city.day("2003-06-12", only(3, 0, ORANGE), noon)
    (root,) = messages(folder).values()
    assert said(root, "sent") == ["2003-06-12T12:03:04-00:00"]
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert told["sent"] == "2003-06-12T12:03:04-00:00"
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    city.day("2003-06-12", only(3, 0, ORANGE), noon + timedelta(hours=3))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    folder = city.day("2003-06-13", only(2, 0, RED), noon + timedelta(days=30))
    (root,) = messages(folder).values()
    assert said(root, "sent") == ["2003-06-13T06:30:00-00:00"]


def test_what_a_retracted_report_carried_along_stands(city: City, home: Settings) -> None:
    """The report of the 13th says what that of the 12th said, and is retracted."""
    first = messages(city.day("2003-06-12", only(3, 0, ORANGE)))
    folder = city.day("2003-06-13", only(2, 0, ORANGE))
    file = "alerts/heat-orange.xml"
    sent = (folder.parent / "2003-06-12" / file).read_bytes()
    assert (folder / file).read_bytes() == sent and set(messages(folder)) == set(first)
    noon = datetime(2003, 6, 13, 12, tzinfo=UTC)
    retract(city.made().region, date(2003, 6, 13), "A gauge failed.", home, noon)
    assert set(messages(folder)) == set(first)
    after = city.day("2003-06-14", calendar)
    (root,) = messages(after).values()
    assert said(root, "msgType") == ["Update"]
    assert heat(after)["sentence"] == (
        "Orange: not confirmed since Thursday 12 June, on Sunday 15 June in Berkane."
    )
