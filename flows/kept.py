"""Tables that the champions alone decide: worked out once a version of them, and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

import pandas as pd
import xarray as xr
from dask.base import tokenize

from configs import Region, Settings
from configs.hashed_files import digest, read_hashed, write_hashed
from models.registry.lineage import learning_code

SUFFIX = ".parquet"


def kept_tables(
    settings: Settings,
    region: Region,
    names: Sequence[str],
    origin: tuple[Mapping[str, xr.Dataset], str],
    work: Callable[[], Sequence[pd.DataFrame]],
) -> list[pd.DataFrame]:
    """The tables ``names`` that ``work`` gives, or gave before for the same origin and code.

    ``origin``: the backtests by hazard, and what else decides the tables beside the region file.
    They are kept as ``data/kept/<region>/<name>-<hash of the origin>-<hash of the file>.parquet``,
    those of the newest origin alone. Files that are damaged are made anew.
    """
    folder, key = settings.data / "kept" / region.name, _hash(region, *origin)
    kept = [_read(folder, f"{name}-{key}") for name in names]
    whole = [table for table in kept if table is not None]
    if len(whole) == len(names):
        return whole
    tables = [*work()]
    for name, table in zip(names, tables, strict=True):
        _write(table, folder, name, key)
    return tables


def _read(folder: Path, name: str) -> pd.DataFrame | None:
    """The table of a name, None where there is none or where its bytes are not those written."""
    content = read_hashed(folder, name, SUFFIX)
    return None if content is None else pd.read_parquet(BytesIO(content))


def _write(table: pd.DataFrame, folder: Path, name: str, key: str) -> None:
    content = BytesIO()
    table.to_parquet(content, compression="zstd")
    write_hashed(folder, f"{name}-{key}", SUFFIX, content.getvalue(), f"{name}-*{SUFFIX}")


def _hash(region: Region, backtests: Mapping[str, xr.Dataset], also: str) -> str:
    """Of the values of the backtests, the region file and the code that learns."""
    values = {name: tokenize(one) for name, one in sorted(backtests.items())}
    origin = json.dumps([values, also, learning_code()])
    return digest(origin.encode() + region.path.read_bytes())
