"""What made-up sources need not deliver again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_contracts.batch import StoredRecord


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
