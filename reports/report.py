"""The report a risk officer reads: one HTML file without scripts, fonts or pictures from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import xarray as xr

from configs import Region
from features.build import warm_season
from features.hazards import LEVEL_NAMES
from reports import charts, wording
from reports.exports import forecast_table
from reports.headline import Headline, headline, missing_headline
from reports.outlook import HazardOutlook, hazard_title, newest, outlooks, places
from reports.verdicts import HazardVerdict, hazard_verdicts, lead_label

SMALL_POINTS, MOST_OTHERS = 130, 15
TEMPLATES = Path(__file__).parent / "templates"
LABELS = {
    "HINDCAST": "made later for a past day with the data of that day; it was not issued then and counts for nothing.",
    "EXERCISE": "the weather, the places’ state and the risks in it are simulated; do not act on it.",
}


@dataclass(frozen=True)
class Section:
    """A hazard's part of the page: its table, and the charts of the place most at risk; ``others`` holds the other places' past."""

    outlook: HazardOutlook
    headline: Headline
    place: str
    chance: charts.OutlookChart | None
    history: charts.HistoryChart | None
    others: tuple[charts.HistoryChart, ...]


@dataclass(frozen=True)
class Page:
    """Everything a report says, before it has a look."""

    title: str
    labels: tuple[str, ...]
    issued: date
    valid_until: date
    data_until: date | None
    degraded: tuple[str, ...]
    notes: tuple[str, ...]
    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]
    verdicts: tuple[HazardVerdict, ...]
    provenance: Mapping[str, Any]


def build(
    forecast: xr.Dataset,
    scores: pd.DataFrame,
    history: Mapping[str, xr.Dataset],
    region: Region,
    provenance: Mapping[str, Any],
    hindcast: bool = False,
) -> Page:
    """Gather what the report says from a forecast, the region's scores, and the recent past by hazard."""
    table = forecast_table(forecast)
    issued = pd.Timestamp(forecast["init_time"].values[0]).date()
    ids = [str(place) for place in forecast["location"].values]
    names = forecast["name"].values if "name" in forecast.coords else ids
    known = places({place: str(name) for place, name in zip(ids, names, strict=True)}, region)
    warm = warm_season(region, forecast)
    hazards = outlooks(table, known, warm)
    missing = {str(name): str(reason) for name, reason in dict(provenance.get("missing") or {}).items()}
    heads = [headline(hazard, issued, warm, missing.get(hazard.name, "")) for hazard in hazards]
    sections = tuple(_section(hazard, head, history.get(hazard.name)) for hazard, head in zip(hazards, heads, strict=True))
    absent = [missing_headline(name, reason) for name, reason in sorted(missing.items()) if name not in {hazard.name for hazard in hazards}]
    everything = list(dict.fromkeys([hazard.name for hazard in hazards] + sorted(missing)))
    return Page(
        title=region.title,
        labels=tuple(label for label in ("HINDCAST" if hindcast else "", str(forecast.attrs.get("label", ""))) if label),
        issued=issued,
        valid_until=issued + timedelta(days=1),
        data_until=newest(table),
        degraded=_degraded(forecast, provenance),
        notes=tuple(str(note) for note in provenance.get("notes") or ()),
        headlines=(*heads, *absent),
        sections=sections,
        verdicts=tuple(hazard_verdicts(scores, everything, missing, issued)),
        provenance=provenance,
    )


def _degraded(forecast: xr.Dataset, provenance: Mapping[str, Any]) -> tuple[str, ...]:
    sentences = [*json.loads(forecast.attrs.get("degraded") or "[]"), *(provenance.get("degraded") or [])]
    return tuple(dict.fromkeys(str(sentence) for sentence in sentences))


def _section(hazard: HazardOutlook, words: Headline, history: xr.Dataset | None) -> Section:
    worst, row = hazard.rows[0]
    chance = charts.outlook_chart(hazard.title, worst.name, hazard.slots, row)
    if history is None:
        return Section(hazard, words, worst.name, chance, None, ())
    others = [charts.history_chart(history, place.id, place.name, most=SMALL_POINTS) for place, _ in hazard.rows[1 : 1 + MOST_OTHERS]]
    return Section(hazard, words, worst.name, chance, charts.history_chart(history, worst.id, worst.name), tuple(filter(None, others)))


def to_html(page: Page) -> str:
    """The page as one self-contained HTML text. Equal pages give equal bytes."""
    return render_template("report.html", page=page)


def render_template(name: str, **values: Any) -> str:
    """Fill a template; everything is escaped, and the stylesheet is allowed by its hash alone."""
    style, policy = stylesheet()
    return environment().get_template(name).render(style=style, policy=policy, **values)


@cache
def stylesheet() -> tuple[str, str]:
    """The stylesheet, and a Content-Security-Policy that permits it and nothing else."""
    text = (TEMPLATES / "style.css").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return text, f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def environment() -> jinja2.Environment:
    """Templates with autoescape on and unknown names an error."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.globals.update(words=wording, level_names=LEVEL_NAMES, labels=LABELS, hazard_title=hazard_title, lead_label=lead_label)
    return found
