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
from reports.index import PROVENANCE, REPORT, write_index
from reports.report import build, to_html

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
) -> Path:
    """Write forecast.csv, forecast.nc, provenance.json and report.en.html into ``folder``, all at once; returns it.

    ``forecast``: dims (cell, level, init_time, location), one init_time. ``scores``: the region's scores table, possibly
    empty. ``history``: by hazard, dims (time, location), variables value, normal, threshold. provenance.json is
    ``provenance`` and the headlines of the report. The same arguments write the same bytes.
    Raises RiskError when ``folder`` holds files that are no report.
    """
    page = build(forecast, scores, history, region, provenance, hindcast)
    html = to_html(page)
    table = forecast_table(forecast)

    def write(aside: Path) -> None:
        write_csv(table, aside / CSV)
        write_netcdf(forecast, aside / NETCDF)
        write_provenance({**provenance, "headlines": [asdict(head) for head in page.headlines]}, aside / PROVENANCE)
        (aside / REPORT).write_text(html, encoding="utf-8", newline="\n")

    return publish_folder(folder, write, mark=PROVENANCE)
