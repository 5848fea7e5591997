"""What the store knows that a new batch is held against."""

from __future__ import annotations

from datetime import UTC, datetime

import icechunk
import pandas as pd
import xarray as xr
from pandas.api.types import is_datetime64_dtype, is_numeric_dtype

from configs import Region
from data_contracts.background import DAYS_BEFORE, Background
from data_contracts.batch import Batch, Source
from data_contracts.groups import Explained, open_group
from data_contracts.neighbour_signs import LONE_RAIN


def background_of(
    session: icechunk.Session | None,
    source: Source,
    batch: Batch,
    region: Region,
    explained: Explained,
) -> Background:
    """What is known besides a batch. ``session``: of the store; None where nothing is stored.

    The stored days before a batch of new ones count, as a stuck sensor shows over days; of a
    complete source the batch is all there is. A batch whose times are no days yet, which the
    contract refuses, is held against nothing.
    """
    zone, table = _zone_hours(region), batch.observations
    if session is None or table.empty or not _has_days(table):
        return Background(zone_hours=zone)
    stored = open_group(session, f"{source.name}/observations", explained)
    if stored is None:
        return Background(rain_elsewhere=_rain(session, batch, region, explained), zone_hours=zone)
    places = {name: stored[name].values for name in ("location", "latitude", "longitude")}
    return Background(
        pd.DataFrame() if source.complete else _before(stored, table),
        _rain(session, batch, region, explained, but=source.name),
        pd.DataFrame(places),
        zone,
    )


def _has_days(table: pd.DataFrame) -> bool:
    """Whether a table has one column ``time``, of times without a zone."""
    times = table.get("time")
    return isinstance(times, pd.Series) and is_datetime64_dtype(times) and bool(times.count())


def _before(stored: xr.Dataset, table: pd.DataFrame) -> pd.DataFrame:
    """The stored days that a batch goes on from, a row a day and place."""
    first = table["time"].min()
    part = stored.sel(time=slice(first - pd.Timedelta(days=DAYS_BEFORE), None))
    part = part[[name for name in part.data_vars if name in table]]
    if not part.sizes["time"] or not part.data_vars:
        return pd.DataFrame()
    return part.reset_coords(drop=True).load().to_dataframe().reset_index()


def _rain(
    session: icechunk.Session, batch: Batch, region: Region, explained: Explained, but: str = ""
) -> pd.DataFrame:
    """The rain that other sources and stored forecasts have on days of great rain in the batch."""
    table = batch.observations
    if "precipitation" not in table or not is_numeric_dtype(table["precipitation"]):
        return pd.DataFrame()
    great = table.loc[table["precipitation"] >= LONE_RAIN, "time"].dropna()
    if great.empty:
        return pd.DataFrame()
    days = slice(great.min() - pd.Timedelta(days=1), great.max() + pd.Timedelta(days=1))
    parts = []
    for name in region.sources:
        observed = open_group(session, f"{name}/observations", explained) if name != but else None
        if observed is not None and "precipitation" in observed:
            parts.append(_long(observed["precipitation"].sel(time=days)))
        issued = open_group(session, f"{name}/forecasts", explained)
        if issued is not None and "precipitation" in issued:
            runs = issued["precipitation"].sel(
                init_time=slice(days.start - pd.Timedelta(days=16), days.stop)
            )
            rows = _long(runs)
            parts.append(rows.assign(time=rows["init_time"] + rows["lead_time"]))
    columns = ["time", "location", "precipitation"]
    return pd.concat([part[columns] for part in parts]) if parts else pd.DataFrame()


def _long(values: xr.DataArray) -> pd.DataFrame:
    return values.reset_coords(drop=True).load().to_dataframe().reset_index().dropna()


def _zone_hours(region: Region) -> float | None:
    """The zone's standard time from UTC in hours; None for UTC, which a file has by default."""
    if region.timezone == "UTC" or region.timezone.startswith("Etc/"):
        return None
    moments = [datetime(2025, month, 1, tzinfo=UTC).astimezone(region.zone) for month in (1, 7)]
    offsets = [moment.utcoffset() for moment in moments]
    return min(offset.total_seconds() for offset in offsets if offset is not None) / 3600
