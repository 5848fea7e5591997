"""Pages as HTML: templates filled in a language, with no font, picture or script from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from reports.render.drawings import drawing, in_order_of_the_eye, layers
from reports.render.report import Page
from reports.text.formatting import words_of
from reports.text.language import END, ENGLISH, FOREIGN, ISOLATE, Language, isolate, mark
from reports.text.xml import plain_text
from reports.view.outlook import hazard_title
from reports.view.slots import lead_label

TEMPLATES = Path(__file__).parent / "templates"


LABEL_NAMES = {"HINDCAST": mark("HINDCAST"), "EXERCISE": mark("EXERCISE")}


LABELS = {
    "HINDCAST": mark(
        "made later for a past day with the data of that day; it was not issued then and counts "
        "for nothing."
    ),
    "EXERCISE": mark(
        "the weather, the places’ state and the risks in it are simulated; do not act on it."
    ),
}


def to_html(page: Page) -> str:
    """The page as one self-contained HTML text. Equal pages give equal bytes."""
    script = "" if "HINDCAST" in page.labels else asset("outdated.js")  # a hindcast was never valid
    return render_template("report.html", page.lang, script=script, page=page)


def to_print(page: Page) -> str:
    """The page on paper as one HTML text, for ``pdf_of``. Equal pages give equal bytes."""
    style = asset("print.css")
    return render_template("print.html", page.lang, page=page, paper=True, print_style=style)


def render_template(name: str, lang: Language = ENGLISH, /, script: str = "", **values: Any) -> str:
    """Fill a template in a language.

    Everything is escaped, control characters are left out, and the stylesheet and the script are
    allowed by their hashes alone.
    """
    style = stylesheet()
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
def stylesheet() -> str:
    """The style of pages on a screen: style.css, and the rules of charts and maps it imports."""
    lines = asset("style.css").splitlines()
    return "\n".join(
        asset(line.split('"')[1]) if line.startswith("@import") else line for line in lines
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
