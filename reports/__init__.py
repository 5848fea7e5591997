"""Reports: what risk officers read, and the same numbers for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from configs import Region
from reports.exports import forecast_table, write_csv, write_netcdf, write_provenance
from reports.folders import publish_folder
from reports.index import PROVENANCE, write_index
from reports.report import build, languages_of, to_html

__all__ = ["publish", "write_index"]

CSV = "forecast.csv"
NETCDF = "forecast.nc"


def publish(
    forecast: xr.Dataset,
    scores: pd.DataFrame,
    history: Mapping[str, xr.Dataset],
    region: Region,
    provenance: Mapping[str, Any],
    folder: Path,
    hindcast: bool = False,
    previous: pd.DataFrame | None = None,
) -> Path:
    """Write forecast.csv, forecast.nc, provenance.json and a report.<language>.html for each of the region's languages and
    English into ``folder``, all at once; returns it.

    ``forecast``: dims (cell, level, init_time, location), one init_time. ``scores``: the region's scores table, possibly
    empty. ``history``: by hazard, dims (time, location), variables value, normal, threshold. ``previous``: the table of
    the forecast before. provenance.json is ``provenance`` and the headlines of the English report. The same arguments write the
    same bytes.
    Raises RiskError when ``folder`` holds files that are no report.
    """
    pages = {lang.tag: build(forecast, scores, history, region, provenance, hindcast, lang, previous) for lang in languages_of(region)}
    html = {tag: to_html(page) for tag, page in pages.items()}
    headlines = [asdict(head) for head in pages["en"].headlines]
    table = forecast_table(forecast)

    def write(aside: Path) -> None:
        write_csv(table, aside / CSV)
        write_netcdf(forecast, aside / NETCDF)
        write_provenance({**provenance, "headlines": headlines}, aside / PROVENANCE)
        for tag, text in html.items():
            (aside / f"report.{tag}.html").write_text(text, encoding="utf-8", newline="\n")

    return publish_folder(folder, write, mark=PROVENANCE)
