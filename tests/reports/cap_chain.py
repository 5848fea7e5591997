"""Reading CAP messages, and making the chain of a region's messages day after day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
from lxml import etree

from configs import Region
from reports.exports.chain import alerts
from reports.exports.messages import CAP
from reports.exports.table import COLUMNS, write_csv
from reports.storage.archive import ALERTS

LEVEL = {"yellow": 1, "orange": 2, "red": 3}
LETTERS = {"g": ("green", 0.1), "y": ("yellow", 0.55), "o": ("orange", 0.41), "r": ("red", 0.6)}


def table_of(issued: str, *cells: tuple) -> pd.DataFrame:
    """A forecast table of cells (location, hazard, colour, lead_days, window_days, chance).

    The chance is of the colour's level. Where it is None the numbers are the calendar's own.
    """
    day, rows = pd.Timestamp(issued), []
    for location, hazard, colour, lead, window, chance in cells:
        for level in (1, 2, 3):
            p, verdict = 0.05, "no better than usual"
            if chance is not None:
                p, verdict = min(chance * 0.5 ** (level - LEVEL.get(colour, 1)), 1.0), "skilful"
            row = ["x", location, hazard, level, day, day + pd.Timedelta(days=lead), lead, window]
            rows.append([*row, p, 0.05, verdict, colour, day - pd.Timedelta(days=1), "1"])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def days(place: str, letters: str, hazard: str = "heat") -> list[tuple]:
    """The cells of a place's days from today on, a letter a day.

    g, y, o and r are colours that numbers give, "." is grey, a space no cell at all.
    """
    told = [(lead, *LETTERS.get(letter, ("grey", None))) for lead, letter in enumerate(letters)]
    return [
        (place, hazard, colour, lead, 1, chance)
        for lead, colour, chance in told
        if letters[lead] != " "
    ]


def read(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 (our own text)


def said(element: ElementTree.Element, name: str) -> list[str]:
    return [found.text or "" for found in element.iter(f"{{{CAP}}}{name}")]


def one(element: ElementTree.Element, name: str) -> str:
    (found,) = set(said(element, name))  # the same in every info block
    return found


def save(folder: Path, made: dict[str, str]) -> Path:
    (folder / ALERTS).mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (folder / ALERTS / name).write_text(text, encoding="utf-8")
    return folder


def check(schema: etree.XMLSchema, made: dict[str, str]) -> None:
    """What CAP 1.2 asks beyond its schema too.

    Closed polygons, no odd signs in identifiers, one timing in all languages of a part, and the
    highest colour first.
    """
    for text in made.values():
        schema.assertValid(etree.fromstring(text.encode()))
        root = read(text)
        for name in ("identifier", "sender"):
            assert not set(" ,<&") & set(one(root, name))
        for polygon in said(root, "polygon"):
            points = polygon.split()
            assert len(points) >= 4 and points[0] == points[-1]
        parts = parts_of(root)
        ranks = [list(SEVERITIES).index(one(infos[0], "severity")) for infos in parts]
        assert ranks == sorted(ranks) and parts
        for infos in parts:
            for name in (
                "category",
                "responseType",
                "urgency",
                "severity",
                "certainty",
                "effective",
                "onset",
                "expires",
                "geocode",
            ):
                assert len({tuple(said(info, name)) for info in infos}) == 1
            assert len({one(info, "language") for info in infos}) == len(infos) >= 1
            sent, onset, expires = (
                datetime.fromisoformat(one(element, name))
                for element, name in ((root, "sent"), (infos[0], "onset"), (infos[0], "expires"))
            )
            assert max(sent, onset) < expires
        for when in ("sent", "effective", "onset", "expires"):
            for moment in said(root, when):
                assert datetime.fromisoformat(moment).tzinfo and not moment.endswith("+00:00")


SEVERITIES = {"Extreme": "red", "Severe": "orange", "Moderate": "yellow"}


def parts_of(root: ElementTree.Element) -> list[list[ElementTree.Element]]:
    """The blocks of a message by part: each part in all its languages."""
    infos = root.findall(f"{{{CAP}}}info")
    n = len({one(info, "language") for info in infos})
    return [infos[i : i + n] for i in range(0, len(infos), n)]


def blocks(root: ElementTree.Element) -> list[str]:
    """What each part of a message says: "orange berkane 07-09/07-11".

    Its colour, places and days, and "since 07-08" where it is not confirmed.
    """
    found = []
    for infos in parts_of(root):
        values = parameters(infos[0])
        where = [one(area, "value") for area in infos[0].findall(f"{{{CAP}}}area")]
        first, last = values["first_day"][5:], values["last_day"][5:]
        told = [SEVERITIES[one(infos[0], "severity")], "+".join(where)]
        told.append(first if first == last else f"{first}/{last}")
        if values["confirmed"] == "no":
            told.append(f"since {values['confirmed_on'][5:]}")
        found.append(" ".join(told))
    return found


def parameters(info: ElementTree.Element) -> dict[str, str]:
    """The parameters of a block."""
    found = info.findall(f"{{{CAP}}}parameter")
    return {one(parameter, "valueName"): one(parameter, "value") for parameter in found}


def types(made: dict[str, str]) -> dict[str, str]:
    """File name -> Alert, Update or Cancel."""
    return {name: one(read(text), "msgType") for name, text in made.items()}


def english(root: ElementTree.Element, name: str) -> list[str]:
    """What the English blocks say, in order."""
    infos = [info for info in root.findall(f"{{{CAP}}}info") if one(info, "language") == "en"]
    return [one(info, name) for info in infos]


def replaces(root: ElementTree.Element) -> list[str]:
    """The identifiers of the messages that a message refers to."""
    return [reference.split(",")[1] for reference in one(root, "references").split()]


class Chain:
    """The messages of a region day after day, each held against the folder of the day before."""

    def __init__(self, region: Region, shapes: dict, schema: etree.XMLSchema, folder: Path):
        self.region, self.shapes, self.schema, self.folder = region, shapes, schema, folder
        self.before: Path | None = None

    def day(self, issued: str, *cells: tuple, beside: bool = True) -> dict[str, str]:
        """The day's messages; ``beside``: its table lies beside them, as when published."""
        return self.of_table(table_of(issued, *cells), beside)

    def of_table(self, table: pd.DataFrame, beside: bool = True) -> dict[str, str]:
        """The messages of a day's forecast table."""
        made = alerts(table, self.region, "", self.before, self.shapes)
        check(self.schema, made)
        self.before = save(self.folder / str(table["issued"].iloc[0])[:10], made)
        if beside:
            write_csv(table, self.before / "forecast.csv")
        return made
