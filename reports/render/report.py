"""The report a risk officer reads: everything that a page says and draws, in one language."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
import xarray as xr

from configs import Region
from configs.remarks import Remark, read_stored, remark
from features.build import warm_season
from reports.render.cell_maps import CellMap, CellPicture, cell_map
from reports.render.charts import ChanceChart, SkillChart, chance_chart, skill_chart
from reports.render.history import MAX_POINTS, HistoryChart, history_chart
from reports.render.maps import BriefMap, HazardMap, Sheet, brief_maps, hazard_map, sheet_of
from reports.render.reliability import ReliabilityChart, reliability_chart
from reports.storage.archive import html_name
from reports.text.actions import actions_in
from reports.text.language import ENGLISH, Language, language_of
from reports.view.brief import HazardBrief, hazard_briefs
from reports.view.changes import Changes, changes
from reports.view.claims import Claim
from reports.view.drivers import Drivers, drivers, fans
from reports.view.exposure import Exposure, exposures
from reports.view.figures import cell_figures
from reports.view.headline import HazardFacts, Headline, headline
from reports.view.message import MessageInputs, short_message
from reports.view.outlook import (
    HazardOutlook,
    NamedLocation,
    hazard_outlooks,
    named_locations,
    newest,
    rank,
    silent_outlook,
)
from reports.view.places import PlaceRow, PlacesInShort, place_rows, places_in_short
from reports.view.present import present_states
from reports.view.standing import standing_colours
from reports.view.verdicts import HazardVerdict, hazard_verdicts

SMALL_CHART_POINTS = 130
MAX_PLACE_PAGES = 200
"""Places of a region that get a page of their own, those most at risk first."""
NO_VALUE = remark("record.no_value")


@dataclass(frozen=True)
class ReportInputs:
    """What a report is made from, whatever the language.

    ``forecast``: dims (cell, level, init_time, location), one init_time; ``table``: its rows.
    ``scores``, ``history``, ``record``: see ``reports.publish``. ``previous``: the table of the
    forecast before, which the report is held against. ``claims``: what earlier messages say that
    this forecast cannot tell. ``address``: where readers find the report's folder, "" if unknown.
    ``pictures``: of a grid the cells by hazard, see ``cell_pictures``.
    """

    forecast: xr.Dataset
    table: pd.DataFrame
    scores: pd.DataFrame
    history: Mapping[str, xr.Dataset]
    region: Region
    provenance: Mapping[str, Any]
    hindcast: bool = False
    previous: pd.DataFrame | None = None
    record: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    claims: Sequence[Claim] = ()
    address: str = ""
    pictures: Mapping[str, CellPicture] = field(default_factory=dict)

    @property
    def issued(self) -> date:
        """The day the forecast was issued."""
        return pd.Timestamp(self.forecast["init_time"].values[0]).date()

    @property
    def label(self) -> str:
        """EXERCISE or another label of the forecast, else empty."""
        return str(self.forecast.attrs.get("label", ""))

    @property
    def names(self) -> dict[str, str]:
        """Names by location id, where the record tells any."""
        if "name" not in self.forecast.coords:
            return {}
        return dict(zip(self.location_ids, map(str, self.forecast["name"].values), strict=True))

    @property
    def english_names(self) -> dict[str, str]:
        """The name of each location in English, see ``named_locations``."""
        named = named_locations(self.names or dict.fromkeys(self.location_ids, ""), self.region)
        return {location_id: location.name for location_id, location in named.items()}

    @property
    def location_ids(self) -> list[str]:
        """Ids of the forecast's locations."""
        return [str(location) for location in self.forecast["location"].values]

    @property
    def missing(self) -> dict[str, Remark]:
        """Hazard -> why it has no numbers."""
        missing = dict(self.provenance.get("missing") or {})
        data = self._data.get("missing") or {}
        stored = [data.get(hazard) for hazard in missing]
        reasons = read_stored([str(reason) for reason in missing.values()], stored)
        return dict(zip(map(str, missing), reasons, strict=True))

    @property
    def degraded(self) -> tuple[Remark, ...]:
        """What the forecast had to do without, each English text once."""
        attrs = self.forecast.attrs
        messages = [
            *read_stored(
                json.loads(attrs.get("degraded") or "[]"),
                json.loads(attrs.get("remarks") or "{}").get("degraded"),
            ),
            *self._of_provenance("degraded"),
        ]
        return tuple({str(message): message for message in messages}.values())

    @property
    def notes(self) -> tuple[Remark, ...]:
        """What a reader should know besides."""
        return self._of_provenance("notes")

    @property
    def _data(self) -> Mapping[str, Any]:
        """The messages of provenance.json as data; reports of before have none."""
        return dict(self.provenance.get("remarks") or {})

    def _of_provenance(self, name: str) -> tuple[Remark, ...]:
        texts = [str(words) for words in self.provenance.get(name) or ()]
        return read_stored(texts, self._data.get(name))


@dataclass(frozen=True)
class HazardSection:
    """A hazard's part of the page.

    Its table, and the charts of the location most at risk, whose name is ``location``; ``pasts``
    holds the past of every location that has a page, by its id.
    """

    outlook: HazardOutlook
    headline: Headline
    location: str
    chance: ChanceChart | None
    history: HistoryChart | None
    pasts: Mapping[str, HistoryChart]
    drivers: Drivers | None
    map: HazardMap | None
    cells: CellMap | None


@dataclass(frozen=True)
class VerdictPanel:
    """How good a hazard's numbers are: words and tables, and the charts of them."""

    verdict: HazardVerdict
    skill: SkillChart | None
    reliability: ReliabilityChart | None


@dataclass(frozen=True)
class Page:
    """Everything a report says in one language, before it has a look.

    ``languages`` are all it is written in. ``place_rows``: the places that have a page.
    """

    lang: Language
    languages: tuple[Language, ...]
    title: str
    labels: tuple[str, ...]
    issued: date
    valid_until: datetime
    data_until: date | None
    degraded: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    missing: Mapping[str, Remark]
    headlines: tuple[Headline, ...]
    briefs: tuple[HazardBrief, ...]
    maps: tuple[BriefMap, ...]
    cells: CellMap | None
    places: PlacesInShort
    place_rows: tuple[PlaceRow, ...]
    message: str
    sections: tuple[HazardSection, ...]
    verdicts: tuple[VerdictPanel, ...]
    exposures: tuple[Exposure, ...]
    changes: Changes | None
    sheet: Sheet | None
    provenance: Mapping[str, Any]


def languages_of(region: Region) -> tuple[Language, ...]:
    """The languages a region's reports are written in: its own, and English."""
    return tuple(
        language_of(tag, region.timezone) for tag in dict.fromkeys((*region.languages, "en"))
    )


def build_page(inputs: ReportInputs, lang: Language = ENGLISH) -> Page:
    """Gather what the report says in a language."""
    region, issued = inputs.region, inputs.issued
    locations = named_locations(
        inputs.names or dict(zip(inputs.location_ids, inputs.location_ids, strict=True)),
        region,
        lang.tag,
    )
    standing = standing_colours(inputs.claims, locations, issued)
    warm = warm_season(region, inputs.forecast)
    hazards = hazard_outlooks(inputs.table, locations, warm, standing)
    sheet = sheet_of(region)
    shown = [hazard.name for hazard in hazards]
    absent = [name for name in sorted({*inputs.missing, *standing}) if name not in shown]
    silent = [silent_outlook(name, standing.get(name, ())) for name in absent]
    heads = {
        **{hazard.name: _headline(inputs, hazard, lang) for hazard in hazards},
        **{hazard.name: _headline(inputs, hazard, lang, NO_VALUE) for hazard in silent},
    }
    headlines = sorted(heads.values(), key=lambda head: -max(rank(head.colour), 0))
    rows = place_rows([*hazards, *silent], lang)
    paged = frozenset(row.location.id for row in rows[:MAX_PLACE_PAGES])
    sections = tuple(
        _section(inputs, hazard, heads[hazard.name], sheet, paged, lang) for hazard in hazards
    )
    labels = tuple(
        label for label in ("HINDCAST" if inputs.hindcast else "", inputs.label) if label
    )
    title = region.title_in(lang.tag)
    told = MessageInputs(
        title, issued, labels, (*hazards, *silent), heads, inputs.address and _link(inputs, lang)
    )
    return Page(
        lang=lang,
        languages=languages_of(region),
        title=title,
        labels=labels,
        issued=issued,
        valid_until=region.issue_time(issued + timedelta(days=1)),
        data_until=newest(inputs.table),
        degraded=inputs.degraded,
        notes=inputs.notes,
        missing=inputs.missing,
        headlines=tuple(headlines),
        briefs=hazard_briefs(headlines, [*hazards, *silent], inputs.record, lang),
        maps=_brief_maps(sections, [row.location for row in rows], sheet),
        cells=_brief_cells(sections),
        places=places_in_short([*hazards, *silent], rows, lang),
        place_rows=rows[:MAX_PLACE_PAGES],
        message=short_message(told, lang),
        sections=sections,
        verdicts=_verdict_panels(inputs, _judged(shown, inputs, standing), lang),
        exposures=exposures(hazards, lang),
        changes=changes(hazards, inputs.previous, lang),
        sheet=sheet,
        provenance=inputs.provenance,
    )


def _link(inputs: ReportInputs, lang: Language) -> str:
    return f"{inputs.address}/{html_name(lang.tag)}"


def _brief_maps(
    sections: Sequence[HazardSection], locations: Sequence[NamedLocation], sheet: Sheet | None
) -> tuple[BriefMap, ...]:
    """Maps of the coloured hazards, the worst first; of one hazard where none is coloured."""
    drawn = [section for section in sections if section.map]
    coloured = [section for section in drawn if rank(section.outlook.colour) > 0]
    shown = sorted(coloured, key=lambda section: -rank(section.outlook.colour)) or drawn[:1]
    return brief_maps([section.map for section in shown if section.map], locations, sheet)


def _brief_cells(sections: Sequence[HazardSection]) -> CellMap | None:
    """The map of the cells of the hazard with the highest colour, where any hazard has one."""
    drawn = [section for section in sections if section.cells]
    worst = max(drawn, key=lambda section: rank(section.outlook.colour), default=None)
    return worst.cells if worst else None


def _judged(
    shown: Sequence[str], inputs: ReportInputs, standing: Mapping[str, object]
) -> list[str]:
    """The hazards that have a panel, those with numbers first."""
    return list(dict.fromkeys([*shown, *sorted({*inputs.missing, *standing})]))


def _headline(
    inputs: ReportInputs, hazard: HazardOutlook, lang: Language, reason: Remark | None = None
) -> Headline:
    """A hazard's headline; ``reason`` is why it has no numbers where nobody says so."""
    return headline(
        hazard,
        inputs.issued,
        warm_season(inputs.region, inputs.forecast),
        lang,
        HazardFacts(
            inputs.missing.get(hazard.name, reason),
            actions_in(inputs.region, hazard.name, lang),
            partial(cell_figures, inputs.forecast, hazard.name),
            present_states(
                inputs.history.get(hazard.name), [location for location, _ in hazard.rows]
            ),
        ),
    )


def _verdict_panels(
    inputs: ReportInputs, hazards: Sequence[str], lang: Language
) -> tuple[VerdictPanel, ...]:
    verdicts = hazard_verdicts(
        inputs.scores, inputs.record, hazards, inputs.missing, inputs.issued, lang
    )
    return tuple(
        VerdictPanel(
            verdict,
            skill_chart(verdict.title, verdict.skills, lang),
            reliability_chart(verdict.title, verdict.track_record.bins, lang)
            if verdict.track_record
            else None,
        )
        for verdict in verdicts
    )


def _section(
    inputs: ReportInputs,
    hazard: HazardOutlook,
    head: Headline,
    sheet: Sheet | None,
    paged: Collection[str],
    lang: Language,
) -> HazardSection:
    worst, row = hazard.rows[0]
    pasts = _history_charts(inputs, hazard, {*paged, worst.id}, lang)
    return HazardSection(
        hazard,
        head,
        worst.name,
        chance_chart(head.title, worst.name, hazard.slots, row, lang),
        pasts.get(worst.id),
        pasts,
        drivers(inputs.forecast, hazard, lang),
        hazard_map(hazard, sheet, lang),
        cell_map(hazard, inputs.pictures, lang),
    )


def _history_charts(
    inputs: ReportInputs, hazard: HazardOutlook, paged: Collection[str], lang: Language
) -> dict[str, HistoryChart]:
    """The past of the location most at risk in full, and thinned those of the others."""
    history = inputs.history.get(hazard.name)
    if history is None:
        return {}
    ahead = fans(inputs.forecast, hazard.name)
    charts = {
        location.id: history_chart(
            history,
            location.id,
            location.name,
            lang,
            ahead.get(location.id),
            SMALL_CHART_POINTS if n else MAX_POINTS,
        )
        for n, (location, _) in enumerate(hazard.rows)
        if location.id in paged
    }
    return {id: chart for id, chart in charts.items() if chart}
