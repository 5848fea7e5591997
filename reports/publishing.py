"""Publishing: a forecast becomes a folder of pages, PDFs, alerts and tables, all of it at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from configs import Region, Settings, clock
from reports.exports.cap import moment
from reports.exports.chain import alerts
from reports.exports.geojson import write_geojson
from reports.exports.messages import claims_of
from reports.exports.netcdf import write_netcdf
from reports.exports.provenance import write_provenance
from reports.exports.table import forecast_table, read_published, write_csv, write_scores
from reports.render.cell_maps import cell_pictures
from reports.render.html import (
    Before,
    Links,
    to_brief,
    to_card,
    to_details,
    to_html,
    to_place,
    to_print,
)
from reports.render.papers import paper_of
from reports.render.pdf import PdfUnavailable
from reports.render.report import Page, ReportInputs, build_page, languages_of
from reports.site.index import front
from reports.site.notices import add_notices, render_notices, with_block
from reports.storage.archive import (
    ALERTS,
    CSV,
    FILES,
    GEOJSON,
    NETCDF,
    OURS,
    PLACES,
    PROVENANCE,
    SCORES,
    ZARR,
    brief_name,
    card_name,
    day_of,
    details_name,
    html_name,
    message_name,
    pdf_name,
    place_name,
)
from reports.storage.atomic import publish_folder
from reports.storage.ledger import publish_recorded
from reports.storage.print_pages import save_print_page
from reports.storage.retraction import forecast_digest
from reports.view.claims import stands
from reports.view.outlines import Outline, outlines
from reports.view.standing import with_standing


@dataclass(frozen=True)
class Publication:
    """Where a report is, and sentences on what this machine could not make and was left out."""

    folder: Path
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Edition:
    """The report to be written, and what surrounds it.

    ``before``: the folder of the forecast before. ``sent_before``: when the report that
    ``folder`` holds was sent, None where none is there. ``settings``: None for a report that is
    not official.
    """

    inputs: ReportInputs
    pages: Mapping[str, Page]
    folder: Path
    before: Path | None
    sent_before: datetime | None
    settings: Settings | None
    now: datetime | None
    late: bool = False
    again: datetime | None = None
    graded: xr.Dataset | None = None
    cells: Path | None = None

    @property
    def label(self) -> str:
        return "HINDCAST" if self.inputs.hindcast else self.inputs.label


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
    late: bool = False,
    again: datetime | None = None,
    graded: xr.Dataset | None = None,
    cells: Path | None = None,
) -> Publication:
    """Write a report into ``folder``, all of it at once.

    For each of the region's languages and English: report.<language>.html and .pdf,
    details.<language>.html, brief.<language>.pdf, card.<language>.png, message.<language>.txt and
    places/<location>.<language>.html; then forecast.csv, forecast.nc, forecast.geojson, alerts/,
    provenance.json, and scores.csv where there are scores.

    ``forecast``: dims (cell, level, init_time, location), one init_time. ``scores``: the region's
    scores table, possibly empty. ``history``: by hazard, dims (time, location), variables value,
    normal, threshold, of an index also its state (features.runs). ``before``: the published folder
    of the forecast before, whose colours and alerts this one is held against. ``settings``: where
    notes and retractions of the region's official reports lie; None for a report that is none.
    ``record``: what past days' colours and chances came to, tables ``colours`` (hazard, lead_days,
    window_days, colour, grey, years, and days a year at a location: shown, hits, false, missed) and
    ``reliability`` (hazard, forecast, observed, low, high, n). provenance.json is ``provenance``,
    when the report was sent and until when it is valid, and the headlines of the English one. The
    same arguments write the same bytes. ``now`` (with a time zone, the clock's where not given):
    when an official report is sent that is of this day, or replaces one of other numbers in
    ``folder``, to whose alerts its own refer; one of the same numbers keeps the time of before, and
    any other has the region's hour of its day. ``late``: made after its day was over, which its
    line in the ledger says too; it sends no alerts. ``again``: when the official report was sent
    that this one is, made once more into another folder: it has its links. ``graded``: the forecast
    of the places that are graded, where that is not ``forecast``; it is a group of forecast.nc.
    ``cells``: the Zarr of all cells of a grid, which is drawn and moved into the folder as
    forecast.zarr.
    Raises RiskError when ``folder`` holds files that are no report.
    """
    table = forecast_table(forecast)
    issued = pd.Timestamp(forecast["init_time"].values[0]).date()
    sent_before = None if settings is None else _sent_before(folder)
    out = None if hindcast else folder if sent_before else before
    claims = stands(table, read_published(out), claims_of(out, region.name), issued)
    forecast = with_standing(forecast, table, claims)
    inputs = ReportInputs(
        forecast,
        forecast_table(forecast),
        scores,
        history,
        region,
        provenance,
        hindcast,
        read_published(before),
        record or {},
        claims,
        _address(region, issued) if settings is not None or again else "",
        cell_pictures(cells, region),
    )
    pages = {lang.tag: build_page(inputs, lang) for lang in languages_of(region)}
    edition = _Edition(
        inputs, pages, folder, before, sent_before, settings, now, late, again, graded, cells
    )
    left_out: list[str] = []

    def write(aside: Path) -> None:
        left_out.extend(_write(edition, aside))

    if settings is None:
        whole = publish_folder(folder, write, PROVENANCE, OURS)
    else:
        whole = publish_recorded(folder, write, OURS, late, lambda: now or clock.now())
    return Publication(whole, tuple(dict.fromkeys(left_out)))


def _address(region: Region, issued: date) -> str:
    """Where readers find the folder of an official report; "" where the region does not tell."""
    known = region.issuer.public_url
    return f"{known}/{region.name}/{issued}" if known else ""


def _write(edition: _Edition, aside: Path) -> list[str]:
    """Write all files into a folder aside; returns sentences on what was left out."""
    inputs, folder = edition.inputs, edition.folder
    shapes = outlines(inputs.region)
    write_csv(inputs.table, aside / CSV, inputs.english_names, edition.label)
    again = edition.sent_before is not None and forecast_digest(folder) == forecast_digest(aside)
    sent = _sent(edition, again)
    if len(inputs.scores):
        write_scores(inputs.scores, aside / SCORES)
    write_netcdf(inputs.forecast, aside / NETCDF, edition.graded)
    if edition.cells is not None:
        shutil.move(edition.cells, aside / ZARR)
    write_geojson(inputs.table, inputs.region, aside / GEOJSON, edition.label, shapes, inputs.names)
    write_provenance(_provenance(edition) | {"sent": moment(sent)}, aside / PROVENANCE)
    _write_alerts(edition, aside, shapes, sent, again)
    for tag, page in edition.pages.items():
        (aside / message_name(tag)).write_text(page.message + "\n", encoding="utf-8", newline="\n")
    left_out = _write_papers(edition, aside)
    _write_pages(edition, aside)
    if edition.settings is not None:
        add_notices(aside, inputs.region, inputs.issued, edition.settings)
    return left_out


def _write_pages(edition: _Edition, aside: Path) -> None:
    """The pages for screens, which lead to what is there already."""
    (aside / PLACES).mkdir()
    for tag, page in edition.pages.items():
        links = _links(edition, aside, tag)
        texts = {html_name(tag): to_html(page, links), details_name(tag): to_details(page, links)}
        for row in page.place_rows:
            texts[f"{PLACES}/{place_name(row.location.id, tag)}"] = to_place(page, row)
        for name, text in texts.items():
            (aside / name).write_text(text, encoding="utf-8", newline="\n")


def _links(edition: _Edition, aside: Path, tag: str) -> Links:
    def there(name: str) -> str:
        return name if (aside / name).is_file() else ""

    before = edition.before
    linked = edition.settings is not None or edition.again is not None
    page_before = None
    if linked and before is not None and (before / html_name(tag)).is_file():
        day = day_of(before)
        page_before = Before(day, f"../{before.name}/{html_name(tag)}") if day else None
    alerts = [
        path for path in sorted((aside / ALERTS).glob("*.xml")) if not path.stem.endswith("-cancel")
    ]
    return Links(
        message_name(tag),
        there(pdf_name(tag)),
        there(brief_name(tag)),
        there(card_name(tag)),
        f"../../{front(tag)}" if linked else "",
        page_before,
        tuple(f"{ALERTS}/{path.name}" for path in alerts),
        tuple(name for name in FILES if there(name)),
    )


def _sent(edition: _Edition, again: bool) -> datetime:
    """When the report is sent: now if it is of today, late or a correction, and again when it was.

    One that is made after its day, or is not official, at the region's hour of that day.
    """
    if edition.again is not None:
        return edition.again
    if edition.sent_before is not None and again:
        return edition.sent_before
    region, issued = edition.inputs.region, edition.inputs.issued
    now = (edition.now or clock.now()).astimezone(region.zone).replace(microsecond=0)
    official = edition.settings is not None and not edition.inputs.hindcast
    of_today = official and now.date() == issued
    return (
        now
        if of_today or edition.late or edition.sent_before is not None
        else region.issue_time(issued)
    )


def _provenance(edition: _Edition) -> dict[str, Any]:
    """What provenance.json holds but the time it was sent."""
    english = edition.pages["en"]
    return {
        **edition.inputs.provenance,
        "sender": edition.inputs.region.sender,
        "languages": list(edition.pages),
        "timezone": edition.inputs.region.timezone,
        "titles": {tag: page.title for tag, page in edition.pages.items()},
        "valid_until": english.valid_until.isoformat(),
        "headlines": [asdict(head) for head in english.headlines],
        "headlines_in": {
            tag: [asdict(head) for head in page.headlines] for tag, page in edition.pages.items()
        },
    }


def _write_alerts(
    edition: _Edition, aside: Path, shapes: Mapping[str, Outline], sent: datetime, again: bool
) -> None:
    """Write alerts/: those that are out already where the numbers are the same.

    A late report sends none: what is out stands until the next one that is of its own day.
    """
    inputs, folder = edition.inputs, edition.folder
    if again and (folder / ALERTS).is_dir():
        shutil.copytree(folder / ALERTS, aside / ALERTS)
        return
    (aside / ALERTS).mkdir()
    if edition.late and edition.before is not None and (edition.before / ALERTS).is_dir():
        shutil.copytree(edition.before / ALERTS, aside / ALERTS, dirs_exist_ok=True)
    if inputs.hindcast or edition.late:
        return
    earlier = folder if edition.sent_before else None
    messages = alerts(
        inputs.table,
        inputs.region,
        edition.label,
        edition.before,
        shapes,
        inputs.names,
        earlier,
        sent,
    )
    for name, text in messages.items():
        (aside / ALERTS / name).write_text(text, encoding="utf-8", newline="\n")


def _sent_before(folder: Path) -> datetime | None:
    """When the report that a folder holds was sent; None where it holds none that tells."""
    try:
        sent = json.loads((folder / PROVENANCE).read_text(encoding="utf-8")).get("sent")
    except FileNotFoundError:
        return None
    return datetime.fromisoformat(sent) if sent and (folder / CSV).is_file() else None


def _write_papers(edition: _Edition, aside: Path) -> list[str]:
    """Each page on paper, the brief and the card, that of an equal page taken over.

    Says why where no PDF, or no picture, can be made.
    """
    inputs, settings, block = edition.inputs, edition.settings, ""
    digest, left_out = forecast_digest(aside), dict[str, str]()
    for tag, page in edition.pages.items():
        if settings is not None:
            block = render_notices(inputs.region, inputs.issued, settings, tag, digest)
        address = inputs.address and f"{inputs.address}/{html_name(tag)}"
        htmls = {
            pdf_name(tag): to_print(page),
            brief_name(tag): to_brief(page, address),
            card_name(tag): to_card(page, address),
        }
        for name, html in htmls.items():
            kind = Path(name).suffix
            if settings is not None:
                save_print_page(html, inputs.region.name, inputs.issued, name, settings)
            if kind in left_out:
                continue
            try:
                published = edition.folder / name
                known = published.read_bytes() if published.is_file() else b""
                (aside / name).write_bytes(paper_of(name, with_block(html, block), known))
            except PdfUnavailable as why:
                left_out[kind] = str(why)
    return list(left_out.values())
