"""What made-up sources need not deliver again, and need not simulate again."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from configs.whole_files import write_whole
from data_contracts.batch import StoredRecord
from sources.common.province.simulation import Checkpoint
from sources.common.province.world import ProvinceState, World


def newest_stored(stored: StoredRecord) -> dict[str, pd.DataFrame]:
    """What the store holds from a source on its newest day of ``observations`` and newest issue day
    of ``forecasts``.
    """
    nothing = {"observations": pd.DataFrame(), "forecasts": pd.DataFrame()}
    observed, issued = stored.observations, stored.forecasts
    if observed is None:
        return nothing
    newest = {"observations": observed.isel(time=[-1]).to_dataframe().reset_index()}
    if issued is not None:
        rows = issued.isel(init_time=[-1]).to_dataframe().reset_index()
        rows["lead_days"] = rows["lead_time"].dt.days
        newest["forecasts"] = rows
    return nothing | newest


def same_values(stored: pd.DataFrame, delivered: pd.DataFrame, when: str) -> bool:
    """Whether all that is stored of its newest day is what is delivered for it: else another seed
    or variant was stored.
    """
    if stored.empty:
        return False
    keys = [
        key
        for key in ("time", "init_time", "lead_days", "location", "member")
        if key in delivered and key in stored
    ]
    names = [name for name in stored if name in delivered and name not in keys]
    mine = delivered[delivered[when] == stored[when].iloc[0]].set_index(keys)[names]
    theirs = stored.set_index(keys)[names].dropna(how="all")
    mine = mine.dropna(how="all")
    return len(mine) == len(theirs) and bool(
        np.array_equal(mine.sort_index().to_numpy(), theirs.sort_index().to_numpy(), equal_nan=True)
    )


def keep_checkpoint(path: Path, world: World, checkpoint: Checkpoint) -> None:
    """Writes what a simulation of the world goes on from, whole or not at all."""
    arrays = {one.name: getattr(checkpoint.state, one.name) for one in fields(ProvinceState)}
    arrays |= {"day": checkpoint.day, "positions": checkpoint.positions}
    content = io.BytesIO()
    np.savez(content, world=np.array(_digest(world)), **arrays)
    write_whole(path, content.getvalue())


def kept_checkpoint(path: Path, world: World) -> Checkpoint | None:
    """What was kept of this very world; None where nothing was, or the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if str(arrays["world"]) != _digest(world):
                return None
            state = ProvinceState(**{one.name: arrays[one.name] for one in fields(ProvinceState)})
            return Checkpoint(arrays["day"][()], state, arrays["positions"])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def _digest(world: World) -> str:
    """The SHA-256 of all that makes a world."""
    parts = [repr((world.seed, str(world.start), world.ids, sorted(world.variants))).encode()]
    places = (world.latitude, world.longitude, world.elevation, world.river)
    return hashlib.sha256(b"".join([*parts, *(one.tobytes() for one in places)])).hexdigest()
