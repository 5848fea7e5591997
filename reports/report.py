"""The report a risk officer reads.

One HTML file in each language, without fonts, pictures or scripts from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import xarray as xr
from markupsafe import Markup, escape

from configs import Region
from features.build import warm_season
from reports import charts
from reports.changes import Changes, changes
from reports.drivers import Drivers, drivers, fans
from reports.exports import forecast_table
from reports.headline import Headline, headline
from reports.language import END, ENGLISH, FOREIGN, ISOLATE, Language, isolate, language_of, mark
from reports.maps import HazardMap, Sheet, hazard_map, sheet_of
from reports.markup import plain_text
from reports.outlook import (
    HazardOutlook,
    Place,
    Standing,
    hazard_title,
    newest,
    outlooks,
    places,
    rank,
)
from reports.people import Exposure, exposures
from reports.standing import Claim
from reports.verdicts import HazardVerdict, hazard_verdicts, lead_label
from reports.wording import words_of

SMALL_POINTS, MOST_OTHERS = 130, 15
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


@dataclass(frozen=True)
class Section:
    """A hazard's part of the page.

    Its table, and the charts of the place most at risk; ``others`` holds the other places' past.
    """

    outlook: HazardOutlook
    headline: Headline
    place: str
    chance: charts.OutlookChart | None
    history: charts.HistoryChart | None
    others: tuple[charts.HistoryChart, ...]
    drivers: Drivers | None
    map: HazardMap | None


@dataclass(frozen=True)
class Page:
    """Everything a report says in one language, before it has a look.

    ``languages`` are all it is written in.
    """

    lang: Language
    languages: tuple[Language, ...]
    title: str
    labels: tuple[str, ...]
    issued: date
    valid_until: datetime
    data_until: date | None
    degraded: tuple[str, ...]
    notes: tuple[str, ...]
    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]
    verdicts: tuple[HazardVerdict, ...]
    exposures: tuple[Exposure, ...]
    changes: Changes | None
    sheet: Sheet | None
    provenance: Mapping[str, Any]


def languages_of(region: Region) -> tuple[Language, ...]:
    """The languages a region's reports are written in: its own, and English."""
    return tuple(
        language_of(tag, region.timezone) for tag in dict.fromkeys((*region.languages, "en"))
    )


def build(
    forecast: xr.Dataset,
    scores: pd.DataFrame,
    history: Mapping[str, xr.Dataset],
    region: Region,
    provenance: Mapping[str, Any],
    hindcast: bool = False,
    lang: Language = ENGLISH,
    previous: pd.DataFrame | None = None,
    record: Mapping[str, pd.DataFrame] | None = None,
    claims: Sequence[Claim] = (),
) -> Page:
    """Gather what the report says in a language.

    From a forecast, the region's scores, and the recent past by hazard. ``previous``: the table of
    the forecast before, which the report is held against. ``record``: see ``reports.publish``.
    ``claims``: what earlier messages say that this forecast cannot tell.
    """
    table = forecast_table(forecast)
    issued = pd.Timestamp(forecast["init_time"].values[0]).date()
    warm = warm_season(region, forecast)
    named = _places(forecast, region, lang)
    standing = _standing(claims, named)
    hazards = outlooks(table, named, warm, standing)
    missing = {
        str(name): str(reason) for name, reason in dict(provenance.get("missing") or {}).items()
    }
    heads = [
        headline(one, issued, warm, lang, missing.get(one.name, ""), region.actions.get(one.name))
        for one in hazards
    ]
    sheet = sheet_of(region)
    sections = [
        _section(forecast, one, head, history.get(one.name), sheet, lang)
        for one, head in zip(hazards, heads, strict=True)
    ]
    names = [hazard.name for hazard in hazards]
    absent = [
        headline(
            _silent(name, standing.get(name, ())),
            issued,
            warm,
            lang,
            missing.get(name, "there is no value"),
            region.actions.get(name),
        )
        for name in sorted({*missing, *standing})
        if name not in names
    ]
    return Page(
        lang=lang,
        languages=languages_of(region),
        title=region.title_in(lang.tag),
        labels=tuple(
            label
            for label in ("HINDCAST" if hindcast else "", str(forecast.attrs.get("label", "")))
            if label
        ),
        issued=issued,
        valid_until=region.issue_time(issued + timedelta(days=1)),
        data_until=newest(table),
        degraded=_degraded(forecast, provenance),
        notes=tuple(str(note) for note in provenance.get("notes") or ()),
        headlines=tuple(sorted((*heads, *absent), key=lambda head: -max(rank(head.colour), 0))),
        sections=tuple(sections),
        verdicts=tuple(
            hazard_verdicts(
                scores,
                record or {},
                list(dict.fromkeys([*names, *sorted({*missing, *standing})])),
                missing,
                issued,
                lang,
            )
        ),
        exposures=exposures(hazards, lang),
        changes=changes(hazards, previous, lang),
        sheet=sheet,
        provenance=provenance,
    )


def _standing(
    claims: Sequence[Claim], named: Mapping[str, Place]
) -> dict[str, tuple[Standing, ...]]:
    """What stands by earlier messages alone, by hazard."""
    found: dict[str, list[Standing]] = {}
    for claim in claims:
        for place in claim.places:
            known = named.get(place) or Place(place, place, None)
            found.setdefault(claim.hazard, []).append(Standing(known, claim.colour, claim.last))
    return {
        hazard: tuple(sorted(stands, key=lambda one: (one.place.id, rank(one.colour), one.last)))
        for hazard, stands in found.items()
    }


def _silent(hazard: str, standing: Sequence[Standing]) -> HazardOutlook:
    """A hazard that the forecast does not speak of."""
    colour = max((one.colour for one in standing), key=rank, default="")
    title = hazard_title(hazard)
    return HazardOutlook(hazard, title, None, (), (), (), colour, tuple(standing))


def _places(forecast: xr.Dataset, region: Region, lang: Language) -> dict[str, Place]:
    ids = [str(place) for place in forecast["location"].values]
    names = forecast["name"].values if "name" in forecast.coords else ids
    return places(
        {place: str(name) for place, name in zip(ids, names, strict=True)}, region, lang.tag
    )


def _degraded(forecast: xr.Dataset, provenance: Mapping[str, Any]) -> tuple[str, ...]:
    sentences = [
        *json.loads(forecast.attrs.get("degraded") or "[]"),
        *(provenance.get("degraded") or []),
    ]
    return tuple(dict.fromkeys(str(sentence) for sentence in sentences))


def _section(
    forecast: xr.Dataset,
    hazard: HazardOutlook,
    words: Headline,
    history: xr.Dataset | None,
    sheet: Sheet | None,
    lang: Language,
) -> Section:
    worst, row = hazard.rows[0]
    chance = charts.outlook_chart(words.title, worst.name, hazard.slots, row, lang)
    past: list[charts.HistoryChart | None] = [None]
    if history is not None:
        shown = [place for place, _ in hazard.rows[: 1 + MOST_OTHERS]]
        points = [charts.MOST_POINTS] + [SMALL_POINTS] * MOST_OTHERS
        ahead = fans(forecast, hazard.name)
        past = [
            charts.history_chart(history, place.id, place.name, lang, ahead.get(place.id), most)
            for place, most in zip(shown, points, strict=False)
        ]
    others = tuple(chart for chart in past[1:] if chart)
    return Section(
        hazard,
        words,
        worst.name,
        chance,
        past[0],
        others,
        drivers(forecast, hazard, lang),
        hazard_map(hazard, sheet, lang),
    )


def to_html(page: Page) -> str:
    """The page as one self-contained HTML text. Equal pages give equal bytes."""
    script = "" if "HINDCAST" in page.labels else asset("outdated.js")  # a hindcast was never valid
    return render_template("report.html", page.lang, script=script, page=page)


def render_template(name: str, lang: Language = ENGLISH, /, script: str = "", **values: Any) -> str:
    """Fill a template in a language.

    Everything is escaped, control characters are left out, and the stylesheet and the script are
    allowed by their hashes alone.
    """
    style = asset("style.css")
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
    page = {"style": style, "script": script, "policy": _policy(style, script)}
    return plain_text(environment().get_template(name).render(**{**spoken, **page, **values}))


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
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(labels=LABELS, label_names=LABEL_NAMES)
    found.filters.update(bdi=as_bdi, svg=in_a_chart)
    return found


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


def in_a_chart(text: str, lang: Language) -> str:
    """A text for a chart, which is drawn from left to right.

    Words of a language that is not keep their own order.
    """
    return (
        f"\u2067{text}{END}"
        if lang.direction == "rtl" and any("\u0590" <= char <= "\u08ff" for char in text)
        else text
    )
