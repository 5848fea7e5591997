"""Pages as HTML: templates filled in a language, with no font, picture or script from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from reports.render.drawings import drawing, in_order_of_the_eye, layers
from reports.render.maps import Sheet
from reports.render.report import Page
from reports.storage.archive import PLACES, details_name, html_name, place_name
from reports.text.formatting import words_of
from reports.text.language import END, ENGLISH, FOREIGN, ISOLATE, Language, isolate
from reports.text.xml import plain_text
from reports.view.labels import LABEL_NAMES, LABELS
from reports.view.outlook import hazard_title
from reports.view.places import PlaceRow
from reports.view.slots import lead_label

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Before:
    """The report before: its day, and its page as seen from this report's folder."""

    day: date
    address: str


@dataclass(frozen=True)
class Links:
    """What lies beside a page, as addresses seen from its folder; "" for what does not."""

    message: str = ""
    paper: str = ""
    brief: str = ""
    card: str = ""
    index: str = ""
    before: Before | None = None
    alerts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def to_html(page: Page, links: Links) -> str:
    """The entry page as one self-contained HTML text. Equal pages give equal bytes."""
    return _on_screen(
        "report.html",
        page,
        html_name,
        shapes=page.sheet,
        links=links,
        place_page=lambda location, tag: f"{PLACES}/{place_name(location, tag)}",
    )


def to_details(page: Page, links: Links) -> str:
    """The page of all tables, of how good the numbers are, and of what they are based on."""
    return _on_screen(
        "details.html",
        page,
        details_name,
        links=links,
        heading=page.lang.say("All numbers: {region}", region=isolate(page.title, page.lang)),
        up=html_name(page.lang.tag),
    )


def to_place(page: Page, row: PlaceRow) -> str:
    """The page of one place: its colours and numbers by hazard and day, and its past."""
    id = row.location.id
    of_place = {
        section.outlook.name: cells
        for section in page.sections
        for location, cells in section.outlook.rows
        if location.id == id
    }
    names = [hazard.name for hazard in page.places.hazards]
    return _on_screen(
        "place.html",
        page,
        lambda tag: place_name(id, tag),
        place=row.location,
        rows=of_place,
        colours=dict(zip(names, row.colours, strict=True)),
        heading=row.location.name,
        up=f"../{html_name(page.lang.tag)}",
    )


def _on_screen(
    name: str, page: Page, here: Callable[[str], str], shapes: Sheet | None = None, **values: Any
) -> str:
    """``here``: the file of this page in a language. ``shapes``: of maps that it has."""
    script = "" if "HINDCAST" in page.labels else asset("outdated.js")  # a hindcast was never valid
    shown = {"up": "", "place_page": None, "heading": page.title, **values}
    return render_template(
        name, page.lang, script=script, page=page, here=here, shapes=shapes, **shown
    )


def to_print(page: Page) -> str:
    """The page on paper as one HTML text, for ``pdf_of``. Equal pages give equal bytes."""
    return _on_paper("print.html", page, links=None, print_style=style_of("print.css"))


def to_brief(page: Page, address: str) -> str:
    """The brief on one sheet of A4, for ``pdf_of``. ``address``: where its report is, or ""."""
    return _sheet(page, "brief", address)


def to_card(page: Page, address: str) -> str:
    """The brief on a card, for ``png_of``. ``address``: where its report is, or ""."""
    return _sheet(page, "card", address)


def _sheet(page: Page, kind: str, address: str) -> str:
    style = style_of("sheet.css")
    return _on_paper("sheet.html", page, kind=kind, address=address, print_style=style)


def _on_paper(name: str, page: Page, **values: Any) -> str:
    shown = {"up": "", "place_page": None, "heading": page.title, **values}
    return render_template(name, page.lang, page=page, paper=True, **shown)


def render_template(name: str, lang: Language = ENGLISH, /, script: str = "", **values: Any) -> str:
    """Fill a template in a language.

    Everything is escaped, control characters are left out, and the stylesheet and the script are
    allowed by their hashes alone.
    """
    style = style_of("style.css")
    spoken = {
        "lang": lang,
        "say": lang.say,
        "say_many": lang.say_many,
        "words": words_of(lang),
        "hazard_title": partial(hazard_title, lang=lang),
        "lead_label": partial(lead_label, lang=lang),
        "isolate": partial(isolate, language=lang),
        "stored_day": lambda text: lang.dated(date.fromisoformat(text), "d MMMM y") if text else "",
    }
    look = {"style": style, "script": script, "policy": _policy(style, script), "paper": False}
    return plain_text(environment().get_template(name).render(**{**spoken, **look, **values}))


@cache
def style_of(name: str) -> str:
    """A stylesheet with the ones it imports in their place, and its variables filled in."""
    whole = _imported(name)
    variables = {
        key: value
        for rule in re.findall(r":root{([^}]*)}", whole)
        for key, value in re.findall(r"(--\w+):((?:[^;(]|\([^)]*\))+)", rule)
    }
    rules = re.sub(r":root{[^}]*}\n|/\*.*?\*/\n?", "", whole)
    return re.sub(r"var\((--\w+)\)", lambda used: variables[used[1]], rules)


def _imported(name: str) -> str:
    return "\n".join(
        _imported(line.split('"')[1]) if line.startswith("@import") else line
        for line in asset(name).splitlines()
    )


@cache
def asset(name: str) -> str:
    """A stylesheet or script of the templates' folder."""
    return (TEMPLATES / name).read_text(encoding="utf-8").strip()


@cache
def _policy(style: str, script: str) -> str:
    """A Content-Security-Policy that permits stylesheet, script if any, and nothing else."""
    scripts = f" script-src '{_digest(script)}';" if script else ""
    return (
        f"default-src 'none';{scripts} style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def environment() -> jinja2.Environment:
    """Templates with autoescape on and unknown names an error."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        labels=LABELS,
        label_names=LABEL_NAMES,
        patterns=asset("patterns.svg"),
        drawing=drawing,
        layers=layers,
    )
    templates.filters.update(bdi=as_bdi, svg=in_a_chart)
    return templates


def as_bdi(text: str) -> Markup:
    """A sentence as HTML.

    Escaped, its isolates as <bdi> elements, and what is left in English told as that.
    """
    marked = (
        escape(text)
        .replace(ISOLATE, Markup("<bdi>"))
        .replace(FOREIGN, Markup('<bdi lang="en" dir="ltr">'))
    )
    return marked.replace(END, Markup("</bdi>"))


@jinja2.pass_context
def in_a_chart(context: jinja2.runtime.Context, text: str, lang: Language) -> str:
    """A text for a chart, which is drawn from left to right.

    Words of a language that is not keep their own order.
    """
    if context["paper"]:
        return in_order_of_the_eye(text)
    return (
        f"\u2067{text}{END}"
        if lang.direction == "rtl" and any("\u0590" <= char <= "\u08ff" for char in text)
        else text
    )
