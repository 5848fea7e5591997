"""Which batch was stored last of each source, so that the same one again costs nothing."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import icechunk
import pandas as pd
import zarr

from configs import Region
from data_contracts.batch import Batch, Source
from data_contracts.groups import root_of

ATTRIBUTE = "batches"
"""Attribute of the store's root group: source -> fingerprint of the batch stored last."""


def fingerprint(region: Region, source: Source, batch: Batch) -> str | None:
    """SHA-256 of a batch and of all that decides what is stored of it; None where it has none.

    That is the source's declaration, the region file and the code of this package. A table with
    cells that pandas cannot hash has no fingerprint.
    """
    digest = hashlib.sha256(_code())
    declared = (source.name, source.complete, source.delay_days, source.run_delay_days)
    digest.update(repr((*declared, source.readings)).encode())
    digest.update(region.model_dump_json(exclude={"path"}).encode())
    for table in (batch.observations, batch.forecasts, batch.locations, batch.quality):
        columns = [(str(name), str(table.dtypes.iloc[n])) for n, name in enumerate(table.columns)]
        digest.update(repr((columns, len(table))).encode())
        try:
            digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
        except (TypeError, ValueError, AttributeError, UnicodeError):
            return None
    return digest.hexdigest()


@cache
def _code() -> bytes:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).digest()


def kept_fingerprint(session: icechunk.Session, source: str) -> str | None:
    """The fingerprint of the batch stored last of a source."""
    root = root_of(session)
    kept = {} if root is None else root.attrs.get(ATTRIBUTE, {})
    return str(kept[source]) if isinstance(kept, dict) and source in kept else None


def keep_fingerprint(session: icechunk.Session, source: str, mark: str | None) -> None:
    """Notes what was stored last of a source."""
    root = zarr.open_group(session.store, mode="a")
    kept = root.attrs.get(ATTRIBUTE, {})
    others = dict(kept) if isinstance(kept, dict) else {}
    root.attrs[ATTRIBUTE] = {name: one for name, one in others.items() if name != source} | (
        {source: mark} if mark else {}
    )
