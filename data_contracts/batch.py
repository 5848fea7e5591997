"""What a source declares, what it is asked for, and what it delivers.

Sources and the store both look here, so that neither imports the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from configs import Region, RiskError, Settings
from configs.remarks import Remark

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr

EARLIEST_DAY, LATEST_DAY = pd.Timestamp("1700-01-01"), pd.Timestamp("2199-12-31")
"""Days a record may hold: instrumental records begin after 1700, and 9999-12-31 is a fill value."""

LOCATION_COLUMNS = ("location", "name", "latitude", "longitude", "elevation")


class SourceUnavailable(RiskError):
    """A source that cannot be reached now. Try again, then go on without it."""


@dataclass(frozen=True)
class StoredRecord:
    """What the store holds from one source; None where it holds nothing.

    ``observations``: dims (time, location), a variable each. ``forecasts``: dims (init_time,
    lead_time, location[, member]). Both are Dask-backed: values are read when they are used.
    """

    observations: xr.Dataset | None = None
    forecasts: xr.Dataset | None = None


@dataclass(frozen=True)
class FetchRequest:
    """What a source is asked for: the records of ``region`` that are not ``stored`` yet.

    ``settings`` name the home, where a source may read its inbox and keep answers.
    """

    region: Region
    settings: Settings
    stored: StoredRecord = field(default_factory=StoredRecord)


@dataclass(frozen=True)
class Batch:
    """What a source delivers, in canonical names and units, before the contract has seen it.

    ``observations``: columns time (day, no zone), location, then canonical variables.
    ``forecasts``: columns init_time, lead_days, location, member (-1 for a deterministic run or an
    ensemble's mean, -2 for its standard deviation), then variables; or empty. ``locations``:
    columns LOCATION_COLUMNS, elevation NaN where unknown, one row a location. ``remarks``: a
    message for each thing that could not be had though the rest was; they degrade the run.
    ``quality``: what the source says of its readings' quality, as
    ``data_contracts.tables.no_quality``; or empty.
    """

    observations: pd.DataFrame
    locations: pd.DataFrame
    forecasts: pd.DataFrame = field(default_factory=pd.DataFrame)
    remarks: tuple[Remark, ...] = ()
    quality: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Source:
    """Declaration of a source.

    ``delay_days``: the record of day t - delay_days is the newest published by the morning of day
    t. ``run_delay_days``: the weather forecast of init_time t is at hand on the morning of day t +
    run_delay_days. ``complete``: a fetch returns everything the source holds, and the store mirrors
    it; else a fetch adds to the store. ``readings``: its days are made of sensors' readings, and
    any of them may be at fault. ``exercise``: what it delivers was made up, and everything made
    from it must say EXERCISE. ``max_locations``: the most places of a region that it can be asked
    for; None where it reads any number. ``by_name``: what it reads says by name which place it is
    of, so that it cannot be asked for a part of the region. ``own_files``: it reads files of the
    region, whose region file says whom to credit. ``fetch`` returns a Batch; it raises
    SourceUnavailable, or a RiskError that names the cure.
    """

    name: str
    delay_days: int
    attribution: str
    licence: str
    complete: bool
    fetch: Callable[[FetchRequest], Batch]
    exercise: bool = False
    run_delay_days: int = 0
    readings: bool = False
    max_locations: int | None = None
    by_name: bool = False
    own_files: bool = False
