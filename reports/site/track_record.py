"""The pages of what was forecast and what came of it: the track record, and what people saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from configs import Region, Settings
from configs.csv_cells import unmark
from reports.exports.evidence import COLUMNS as EVIDENCE_COLUMNS
from reports.exports.evidence import evidence_table, with_earlier_years
from reports.site.records import languages_of_pages, write_page, write_table
from reports.text.language import Language
from reports.view.track_record import (
    alerts_table,
    by_year,
    issued_alerts,
    seen_impacts,
    sums,
    with_earlier,
)

TABLE, IMPACTS, EVIDENCE = "track-record.csv", "impacts.csv", "evidence.csv"


@dataclass(frozen=True)
class Kept:
    """What was issued and what came of it.

    ``held``: rows of forecast.csv of reports with ``outcome`` (see models.verification.issued);
    ``retracted``: of retracted ones. ``impacts``: day (datetime64), location, hazard, time, words,
    photo, origin; ``faults``: how many reports of citizens could not be used. ``names``: location
    id -> name, where the region file has none. ``since``: the first day that was looked at; what
    was told of earlier ones stays.
    """

    held: pd.DataFrame
    retracted: pd.DataFrame
    impacts: pd.DataFrame
    faults: int
    names: Mapping[str, str]
    since: date


def write_track_record(region: Region, kept: Kept, settings: Settings, label: str = "") -> Path:
    """Write track-record.html and impacts.html, .fr and .ar of both, their tables and evidence.csv.

    Returns the folder they lie in, beside the reports.
    """
    folder = settings.published / region.name
    alerts = alerts_table(kept.held, kept.retracted, kept.impacts)
    if (folder / TABLE).is_file():
        alerts = with_earlier(alerts, _read(folder / TABLE), kept.since)
    about = {"region": region.name, "label": label}
    write_table(alerts.assign(**about), folder / TABLE)
    write_table(kept.impacts.assign(**about), folder / IMPACTS)
    _write_evidence(region, kept, alerts, folder / EVIDENCE, label)
    for lang in languages_of_pages(region):
        write_page(
            region,
            settings,
            "track-record",
            lang,
            label,
            sums=sums(alerts, lang),
            years=by_year(issued_alerts(alerts, lang)),
            impacts=len(kept.impacts),
        )
        write_page(
            region,
            settings,
            "impacts",
            lang,
            label,
            seen=seen_impacts(
                kept.impacts, kept.held, alerts, _names(region, kept.names, lang), lang
            ),
            faults=kept.faults,
        )
    return folder


def _write_evidence(
    region: Region, kept: Kept, alerts: pd.DataFrame, path: Path, label: str
) -> None:
    evidence = evidence_table(region, kept.held, alerts, kept.impacts, label)
    if path.is_file():
        texts = dict.fromkeys({*EVIDENCE_COLUMNS} - {"year", "value"}, str)
        before = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={"value": [""]})
        evidence = with_earlier_years(evidence, before, kept.since.year)
    write_table(evidence, path)


def _read(path: Path) -> pd.DataFrame:
    """The alerts that were written before."""
    texts = ("hazard", "location", "colour", "came", "region", "label")
    table = pd.read_csv(
        path,
        dtype=dict.fromkeys(texts, str),
        keep_default_na=False,
        na_values={"probability": [""]},
        parse_dates=["issued", "valid"],
    )
    return table.assign(location=table["location"].map(unmark))


def _names(region: Region, recorded: Mapping[str, str], lang: Language) -> dict[str, str]:
    own = {
        place.id: place.names.get(lang.tag)
        or place.names.get("en")
        or recorded.get(place.id, place.id)
        for place in region.locations
    }
    return {**recorded, **own}
