"""What is known of a batch besides: stored days, the rain that others have, the region's clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from data_contracts.variables import VARIABLES

DAYS_BEFORE = 400
"""Stored days that a batch of new ones is held against together with them."""


@dataclass(frozen=True)
class Background:
    """What the rules look at beside a batch.

    ``observations``: stored days of the same source, columns time, location, variables, none of
    them delivered anew. ``rain_elsewhere``: columns time, location, precipitation, the most that a
    forecast or another source has. ``locations``: stored places, columns location, latitude,
    longitude. ``zone_hours``: of the region's time zone from UTC, standard time; None where the
    region names none.
    """

    observations: pd.DataFrame = field(default_factory=pd.DataFrame)
    rain_elsewhere: pd.DataFrame = field(default_factory=pd.DataFrame)
    locations: pd.DataFrame = field(default_factory=pd.DataFrame)
    zone_hours: float | None = None


NOTHING = Background()


def rows_for_rules(
    table: pd.DataFrame, locations: pd.DataFrame, background: Background
) -> pd.DataFrame:
    """A batch's rows and then the stored ones, as ``record_of`` takes them."""
    names = [name for name in table if name in VARIABLES]
    rows = table[["time", "location", *names]]
    stored = background.observations
    if len(stored):
        stored = stored[["time", "location", *(name for name in names if name in stored)]]
        since = table["time"].min() - pd.Timedelta(days=DAYS_BEFORE)
        stored = stored[(stored["time"] >= since) & ~_among(stored, table)]
        stored = stored.astype({name: table[name].dtype for name in names if name in stored})
        rows = pd.concat([rows, stored], ignore_index=True)
    places = locations.drop_duplicates("location").set_index("location")
    rows = rows.assign(
        latitude=rows["location"].map(places["latitude"].astype("float64")),
        longitude=rows["location"].map(places["longitude"].astype("float64")),
    )
    if len(rows) > len(table):
        rows["is_new"] = [*[1.0] * len(table), *[0.0] * (len(rows) - len(table))]
    rain = background.rain_elsewhere
    if len(rain):
        most = (
            rain.groupby(["time", "location"])["precipitation"]
            .max()
            .reset_index(name="rain_elsewhere")
        )
        rows = rows.merge(most, on=["time", "location"], how="left")
    return rows


def _among(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Which rows are of a day and place of the others."""
    keys = [
        pd.MultiIndex.from_frame(part[["time", "location"]].astype({"time": "datetime64[ns]"}))
        for part in (rows, others)
    ]
    return pd.Series(keys[0].isin(keys[1]), index=rows.index)
