"""What was said of a report after it came out, put into its files for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from configs.csv_cells import mark
from reports.exports import zarr_metadata
from reports.exports.geojson import LAYERS, with_notice
from reports.exports.netcdf import read_graded, write_netcdf
from reports.exports.provenance import write_provenance
from reports.exports.table import BESIDE
from reports.storage.archive import CSV, GEOJSON, NETCDF, PROVENANCE, ZARR
from reports.storage.retraction import Retraction


def stamp(folder: Path, retraction: Retraction | None, note: str) -> None:
    """Put a retraction and the duty officer's note into the files of a report's folder.

    They stand in the column ``notice`` of forecast.csv, in ``notice`` of each GeoJSON collection
    and Feature, in the global attribute ``notice`` of forecast.nc and forecast.zarr, and as
    ``retraction`` and ``note`` in provenance.json. Without both they are taken out again. Where
    provenance.json tells the same already, nothing is read or written. The same state gives the
    same bytes; files of before these columns, and files that are not there, are left alone.
    """
    path = folder / PROVENANCE
    before = json.loads(path.read_text(encoding="utf-8"))
    plain = {name: value for name, value in before.items() if name not in ("retraction", "note")}
    stated: dict[str, Any] = {"retraction": asdict(retraction)} if retraction else {}
    stated |= {"note": note} if note else {}
    if plain | stated == before:
        return
    notice = notice_of(retraction, note)
    _stamp_csv(folder / CSV, notice)
    for layer in (folder / GEOJSON, *sorted((folder / LAYERS).glob("*.geojson"))):
        if layer.is_file():
            text = with_notice(layer.read_text(encoding="utf-8"), notice)
            layer.write_text(text, encoding="utf-8", newline="\n")
    _stamp_netcdf(folder / NETCDF, notice)
    if (folder / ZARR).is_dir():
        zarr_metadata.put_notice(folder / ZARR, notice)
    write_provenance(plain | stated, path)


def notice_of(retraction: Retraction | None, note: str) -> str:
    """Both in one line of English, empty where nothing is said."""
    parts = []
    if retraction:
        reason = retraction.reason if retraction.reason[-1:] in ".!?" else f"{retraction.reason}."
        day = retraction.moment.date()
        parts.append(f"RETRACTED on {day}: {reason} Do not act on this report.")
    if note:
        parts.append(f"NOTE of the duty officer: {' '.join(note.split())}")
    return " ".join(parts)


def _stamp_csv(path: Path, notice: str) -> None:
    if not path.is_file():
        return
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    if BESIDE[-1] in table:
        stamped = table.assign(**{BESIDE[-1]: mark(notice)})
        stamped.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _stamp_netcdf(path: Path, notice: str) -> None:
    if not path.is_file():
        return
    with xr.open_dataset(path, engine="h5netcdf") as data:
        forecast = data.load().drop_encoding()
    forecast.attrs = zarr_metadata.with_notice(forecast.attrs, notice)
    graded = read_graded(path)
    write_netcdf(forecast, path, None if graded is None else graded.drop_encoding())
