"""The pages of what was forecast and what came of it: the track record, and what people saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from configs import Region, Settings
from reports.exports.evidence import evidence_table
from reports.site.records import languages_of_pages, write_page, write_table
from reports.text.language import Language
from reports.view.track_record import (
    alerts_table,
    by_year,
    issued_alerts,
    seen_impacts,
    sums,
)

TABLE, IMPACTS, EVIDENCE = "track-record.csv", "impacts.csv", "evidence.csv"


@dataclass(frozen=True)
class Kept:
    """What was issued and what came of it.

    ``held``: rows of forecast.csv of reports with ``outcome`` and ``state`` (see
    models.verification.marks); ``retracted``: of retracted ones. ``days``: those with a report that
    counts. ``impacts``: day (datetime64), location, hazard, time, words, photo, origin; ``faults``:
    how many reports of citizens could not be used. ``names``: location id -> name, where the region
    file has none. ``ungraded``: of a grid the rows of its areas, on days of impacts.
    """

    held: pd.DataFrame
    retracted: pd.DataFrame
    days: Sequence[date]
    impacts: pd.DataFrame
    faults: int
    names: Mapping[str, str]
    ungraded: pd.DataFrame = field(default_factory=pd.DataFrame)


def write_track_record(region: Region, kept: Kept, settings: Settings, label: str = "") -> Path:
    """Write track-record.html and impacts.html, .fr and .ar of both, their tables and evidence.csv.

    Returns the folder they lie in, beside the reports.
    """
    folder = settings.published / region.name
    told = pd.concat([kept.held, kept.ungraded], ignore_index=True)
    alerts = alerts_table(kept.held, kept.retracted, kept.impacts)
    about = {"region": region.name, "label": label}
    write_table(alerts.assign(**about), folder / TABLE)
    write_table(kept.impacts.assign(**about), folder / IMPACTS)
    evidence = evidence_table(region, kept.held, kept.days, alerts, kept.impacts, label)
    write_table(evidence, folder / EVIDENCE)
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
                kept.impacts,
                told,
                alerts,
                _names(region, kept.names, lang),
                lang,
            ),
            faults=kept.faults,
        )
    return folder


def _names(region: Region, recorded: Mapping[str, str], lang: Language) -> dict[str, str]:
    own = {
        place.id: place.names.get(lang.tag)
        or place.names.get("en")
        or recorded.get(place.id, place.id)
        for place in region.locations
    }
    return {**recorded, **own}
