"""Pages on a region's record beside its reports, one a language, and tables of their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from configs import Region, Settings
from configs.csv_cells import marked
from configs.whole_files import write_whole
from reports.render.html import render_template
from reports.text.language import Language, language_of, mark

TITLES = {
    "track-record": mark("Track record: alerts and what came of them"),
    "impacts": mark("What people saw"),
    "actions": mark("What to do at each colour"),
    "triggers": mark("Triggers: when acting pays"),
}
"""File name of a page -> what it is called, in the order that the index lists them."""


def page_name(name: str, tag: str) -> str:
    """The file name of a page in a language."""
    return f"{name}.html" if tag == "en" else f"{name}.{tag}.html"


def record_links(folder: Path, lang: Language) -> list[tuple[str, str]]:
    """File name and title of the pages that a region's published folder has."""
    links = []
    for name, title in TITLES.items():
        names = [page_name(name, lang.tag), page_name(name, "en")]
        there = next((one for one in names if (folder / one).is_file()), None)
        if there:
            links.append((there, lang.say(title)))
    return links


def languages_of_pages(region: Region) -> list[Language]:
    """The languages of a region's pages: English and its own."""
    return [language_of(tag, region.timezone) for tag in dict.fromkeys(("en", *region.languages))]


def write_page(
    region: Region, settings: Settings, name: str, lang: Language, label: str, **values: Any
) -> Path:
    """Write a page of a region in a language by the template of its name; returns its path.

    ``label``: EXERCISE where the record is one, else empty.
    """
    others = [(other, page_name(name, other.tag)) for other in languages_of_pages(region)]
    text = render_template(
        f"{name}.html",
        lang,
        region=region,
        title=lang.say(TITLES[name]),
        label=label,
        others=others,
        **values,
    )
    path = settings.published / region.name / page_name(name, lang.tag)
    write_whole(path, text)
    return path


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all: 6 significant digits, an empty field for none."""
    text = marked(table).to_csv(
        index=False, lineterminator="\n", float_format="%.6g", date_format="%Y-%m-%d"
    )
    write_whole(path, text)
