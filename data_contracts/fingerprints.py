"""Which batch was stored last of each source, so that the same one again costs nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import icechunk
import pandas as pd
import zarr

from configs import Region
from configs.remarks import Remark, from_json, to_json
from data_contracts.batch import Batch, Source
from data_contracts.groups import root_of

ATTRIBUTE = "batches"
"""Attribute of the store's root group: source -> the batch stored last, see KeptBatch."""


@dataclass(frozen=True)
class KeptBatch:
    """What is kept of the batch stored last: its fingerprint, and what was said of it."""

    mark: str | None
    remarks: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()


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


def kept_batch(session: icechunk.Session, source: str) -> KeptBatch | None:
    """What is kept of the batch stored last of a source; None where there is nothing."""
    kept = _kept(root_of(session)).get(source)
    if not isinstance(kept, dict):
        return None
    try:
        remarks, notes = (tuple(map(from_json, kept[name])) for name in ("remarks", "notes"))
    except KeyError:  # what another version said
        return None
    return KeptBatch(str(kept["mark"]), remarks, notes)


def keep_batch(session: icechunk.Session, source: str, stored: KeptBatch) -> None:
    """Notes what was stored last of a source."""
    root = zarr.open_group(session.store, mode="a")
    others = {name: one for name, one in _kept(root).items() if name != source}
    stored_as = {
        "mark": stored.mark,
        "remarks": list(map(to_json, stored.remarks)),
        "notes": list(map(to_json, stored.notes)),
    }
    root.attrs[ATTRIBUTE] = others | ({source: stored_as} if stored.mark else {})


def _kept(root: zarr.Group | None) -> dict[str, Any]:
    kept = {} if root is None else root.attrs.get(ATTRIBUTE, {})
    return dict(kept) if isinstance(kept, dict) else {}
