"""Tables that the champions alone decide: worked out once a version of them, and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pandas as pd
import xarray as xr
from dask.base import tokenize

from configs import Region, Settings
from configs.whole_files import write_whole
from models.registry import code_version
from models.registry.lineage import is_dirty


def kept_tables(
    settings: Settings,
    region: Region,
    names: Sequence[str],
    origin: tuple[Mapping[str, xr.Dataset], str],
    work: Callable[[], Sequence[pd.DataFrame]],
) -> list[pd.DataFrame]:
    """The tables ``names`` that ``work`` gives, or gave before for the same origin and code.

    ``origin``: the backtests by hazard, and what else decides the tables beside the region file.
    They are kept as ``data/kept/<region>/<name>-<hash of the origin>.parquet``, those of the newest
    origin alone. Files that are damaged are made anew. Code that was changed and not committed has
    no name that tells it apart: nothing is kept of it.
    """
    version = code_version()
    if is_dirty(version):
        return [*work()]
    folder, key = settings.data / "kept" / region.name, _hash(region, *origin, version)
    paths = {name: folder / f"{name}-{key}.parquet" for name in names}
    with suppress(OSError, ValueError):  # missing or damaged: pyarrow's errors are these
        return [pd.read_parquet(path, page_checksum_verification=True) for path in paths.values()]
    tables = [*work()]
    for (name, path), table in zip(paths.items(), tables, strict=True):
        _write(table, path)
        for other in set(folder.glob(f"{name}-*.parquet")) - {path}:
            other.unlink(missing_ok=True)
    return tables


def _hash(region: Region, backtests: Mapping[str, xr.Dataset], also: str, version: str) -> str:
    """Of the values of the backtests, the region file and the code."""
    values = {name: tokenize(one) for name, one in sorted(backtests.items())}
    origin = json.dumps([values, also, version])
    return hashlib.sha256(origin.encode() + region.path.read_bytes()).hexdigest()[:32]


def _write(table: pd.DataFrame, path: Path) -> None:
    out = BytesIO()
    table.to_parquet(out, compression="zstd", write_page_checksum=True)
    write_whole(path, out.getvalue())
