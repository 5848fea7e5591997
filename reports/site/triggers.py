"""The page on triggers: when acting on a colour pays, with its tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from configs import Region, Settings
from reports.render.values import ValueChart, value_chart
from reports.site.records import languages_of_pages, write_page, write_table
from reports.text.language import Language
from reports.view.outlook import hazard_title
from reports.view.triggers import trigger_panels

TABLE, VALUES = "triggers.csv", "triggers-value.csv"


def write_triggers(
    region: Region,
    table: pd.DataFrame,
    values: pd.DataFrame,
    issued: date,
    settings: Settings,
    label: str = "",
) -> Path:
    """Write triggers.html, .fr and .ar, triggers.csv and triggers-value.csv beside the reports.

    ``table`` and ``values``: ``trigger_table`` and ``value_table`` of models.verification.triggers.
    Returns the folder.
    """
    folder = settings.published / region.name
    about = {"region": region.name, "label": label}
    for rows, name in ((table, TABLE), (values, VALUES)):
        known = [part for part in about if part not in rows]
        write_table(rows.assign(**{part: about[part] for part in known}), folder / name)
    for lang in languages_of_pages(region):
        write_page(
            region,
            settings,
            "triggers",
            lang,
            label,
            issued=issued,
            panels=trigger_panels(table, issued, lang),
            charts=_charts(values, lang),
        )
    return folder


def _charts(values: pd.DataFrame, lang: Language) -> dict[str, list[ValueChart]]:
    """Hazard -> a chart a colour, of one day ahead (an index: of its shortest lead).

    Of past days with weather forecasts where there are any, else of all.
    """
    charts: dict[str, list[ValueChart]] = {}
    if not len(values):
        return charts
    for (hazard, colour), rows in values.groupby(["hazard", "colour"], sort=False):
        of_stage = rows[rows["stage"] == ("combined" if _has(rows, "combined") else "state")]
        lead = 1 if (of_stage["lead_days"] == 1).any() else of_stage["lead_days"].min()
        cell = of_stage[of_stage["lead_days"] == lead]
        cell = cell[cell["window_days"] == cell["window_days"].min()]
        chart = value_chart(hazard_title(str(hazard), lang), str(colour), cell, lang)
        if chart:
            charts.setdefault(str(hazard), []).append(chart)
    return charts


def _has(rows: pd.DataFrame, stage: str) -> bool:
    return bool((rows["stage"] == stage).any())
