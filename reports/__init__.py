"""Reports: what risk officers read, and the same numbers for other programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from configs import Region, Settings
from reports.alerts import alerts, moment
from reports.archive import OURS, SCORES
from reports.exports import (
    forecast_table,
    read_published,
    write_csv,
    write_geojson,
    write_netcdf,
    write_provenance,
    write_scores,
)
from reports.folders import publish_folder
from reports.index import PROVENANCE, write_index
from reports.notices import add_notices
from reports.outlines import outlines
from reports.pdf import PdfUnavailable, pdf_of
from reports.report import build, languages_of, to_html
from reports.standing import FOLDER, still_claimed

__all__ = ["Published", "publish", "write_index"]

CSV = "forecast.csv"
NETCDF = "forecast.nc"
GEOJSON = "forecast.geojson"


@dataclass(frozen=True)
class Published:
    """Where a report is, and sentences on what this machine could not make and was left out."""

    folder: Path
    left_out: tuple[str, ...] = ()


def publish(
    forecast: xr.Dataset,
    scores: pd.DataFrame,
    history: Mapping[str, xr.Dataset],
    region: Region,
    provenance: Mapping[str, Any],
    folder: Path,
    hindcast: bool = False,
    before: Path | None = None,
    settings: Settings | None = None,
    record: Mapping[str, pd.DataFrame] | None = None,
    now: datetime | None = None,
) -> Published:
    """Write a report into ``folder``, all of it at once.

    For each of the region's languages and English report.<language>.html and .pdf; forecast.csv,
    forecast.nc, forecast.geojson, alerts/, provenance.json, and scores.csv where there are scores.

    ``forecast``: dims (cell, level, init_time, location), one init_time. ``scores``: the region's
    scores table, possibly empty. ``history``: by hazard, dims (time, location), variables value,
    normal, threshold. ``before``: the published folder of the forecast before, whose colours and
    alerts this one is held against. ``settings``: where notes and retractions of the region's
    official reports lie; None for a report that is none. ``record``: what past days' colours and
    chances came to, tables ``colours`` (hazard, lead_days, window_days, colour, grey, years, and
    days a year at a place: shown, hits, false, missed) and ``reliability`` (hazard, forecast,
    observed, low, high, n). provenance.json is ``provenance``, when the report was sent and until
    when it is valid, and the headlines of the English one. The same arguments write the same bytes;
    only where ``folder`` holds a report of other numbers is this one sent ``now`` (with a time
    zone, the clock's where not given) and not at the region's hour, and its alerts refer to those
    that are out. Raises RiskError when ``folder`` holds files that are no report.
    """
    table, previous = forecast_table(forecast), read_published(before)
    issued = pd.Timestamp(forecast["init_time"].values[0]).date()
    known = None if settings is None else _sent_before(folder)
    out = None if hindcast else folder if known else before
    claims = still_claimed(table, out, region.name, issued)
    told = forecast, scores, history, region, provenance, hindcast
    pages = {
        lang.tag: build(*told, lang, previous, record, claims) for lang in languages_of(region)
    }
    label = "HINDCAST" if hindcast else str(forecast.attrs.get("label", ""))
    names = _names(forecast)
    said = {
        **provenance,
        "sender": region.sender,
        "titles": {tag: page.title for tag, page in pages.items()},
        "valid_until": pages["en"].valid_until.isoformat(),
        "headlines": [asdict(head) for head in pages["en"].headlines],
    }
    left_out: list[str] = []

    def write(aside: Path) -> None:
        shapes = outlines(region)
        write_csv(table, aside / CSV)
        again = known is not None and (folder / CSV).read_bytes() == (aside / CSV).read_bytes()
        sent = (
            known
            if known and again
            else (now or datetime.now(UTC))
            if known
            else region.issue_time(issued)
        )
        if len(scores):
            write_scores(scores, aside / SCORES)
        write_netcdf(forecast, aside / NETCDF)
        write_geojson(table, region, aside / GEOJSON, label, shapes, names)
        write_provenance(said | {"sent": moment(sent)}, aside / PROVENANCE)
        if again and (folder / FOLDER).is_dir():
            shutil.copytree(folder / FOLDER, aside / FOLDER)
        else:
            (aside / FOLDER).mkdir()
            earlier = folder if known else None
            for name, text in (
                {}
                if hindcast
                else alerts(table, region, label, before, shapes, names, earlier, sent)
            ).items():
                (aside / FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
        for tag, page in pages.items():
            (aside / f"report.{tag}.html").write_text(to_html(page), encoding="utf-8", newline="\n")
        if settings is not None:
            add_notices(aside, region, issued, settings)
        left_out.extend(_write_pdfs(aside, folder))

    return Published(
        publish_folder(folder, write, PROVENANCE, OURS), tuple(dict.fromkeys(left_out))
    )


def _sent_before(folder: Path) -> datetime | None:
    """When the report that a folder holds was sent; None where it holds none that tells."""
    try:
        told = json.loads((folder / PROVENANCE).read_text(encoding="utf-8")).get("sent")
    except FileNotFoundError:
        return None
    return datetime.fromisoformat(told) if told and (folder / CSV).is_file() else None


def _names(forecast: xr.Dataset) -> dict[str, str]:
    """Names by location id, where the record tells any."""
    ids = [str(place) for place in forecast["location"].values]
    return (
        dict(zip(ids, map(str, forecast["name"].values), strict=True))
        if "name" in forecast.coords
        else {}
    )


def _write_pdfs(aside: Path, published: Path) -> list[str]:
    """Each page as PDF beside it, that of an equal page already published taken over.

    Says why where none can be made.
    """
    for page in sorted(aside.glob("report.*.html")):
        known, path = published / page.with_suffix(".pdf").name, page.with_suffix(".pdf")
        if (
            known.is_file()
            and (published / page.name).is_file()
            and (published / page.name).read_bytes() == page.read_bytes()
        ):
            shutil.copyfile(known, path)
            continue
        try:
            path.write_bytes(pdf_of(page.read_text(encoding="utf-8")))
        except PdfUnavailable as why:
            return [str(why)]
    return []
