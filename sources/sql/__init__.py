"""SQL: readings from any database that SQLAlchemy speaks to, by one SELECT.

PostgreSQL and TimescaleDB are the usual city historians.

In the region file, with the database's URL (and so its password) in the environment only:

    source_options:
      sql:
        url_env: CITY_DATABASE_URL     # postgresql://user:password@host/database
        select: >
          SELECT ts AS time, station AS location, sensor AS variable, value
          FROM readings WHERE ts >= :since
        variables: {TA: air_temperature, RR: precipitation}   # theirs: ours; else canonical names
        units: {TA: K}                                        # where it is not the canonical one
        locations: {"0815": berkane}                          # theirs: ours; else the region's ids

``:since`` (optional) is a time from which on rows are wanted, so that a daily pull asks for what is
new; after a place or variable is added, the option ``since`` brings its past. Rows may be of any
interval up to a day; a ``time`` that is a date is that day's. The statement runs in a transaction
that is read-only where the database can and is rolled back in any case.
"""

from __future__ import annotations

import pandas as pd

from configs import Region, RiskError
from configs.remarks import several
from data_contracts.batch import EARLIEST_DAY, Batch, FetchRequest
from sources.common.daily import DAY
from sources.common.options import options_of
from sources.common.sensors import (
    NewestDays,
    SensorPull,
    day_start,
    newest_days,
    resumed,
    sensor_source,
)
from sources.sql.options import NAME, SqlOptions
from sources.sql.rows import readings


def fetch(request: FetchRequest) -> Batch:
    """The days that the SELECT's rows give, those after the newest stored ones where some are.

    Raises SourceUnavailable, RiskError.
    """
    from sources.sql.database import selected  # SQLAlchemy takes half a second to import

    region = request.region
    options, stored = options_of(region, NAME, SqlOptions), request.stored.observations
    newest = newest_days(stored)
    first = first_wanted(region, options, newest)
    # A day earlier, because the database may compare with times of another zone.
    rows = selected(options, region, day_start(first, region.day_offset) - DAY)
    if rows.empty and first == EARLIEST_DAY:
        raise RiskError(
            f"{NAME}: the select gave no row, expected readings; mend `select` in {region.path} "
            "or load the table."
        )
    pull = SensorPull(NAME, region, options, newest, answered=set(newest), stored=stored)
    batch = pull.batch([readings(rows, region, options, pull.remarks)], first)
    if batch.observations.empty and pull.remarks and first == EARLIEST_DAY:
        raise RiskError(several(pull.remarks))
    return batch


SOURCE = sensor_source(NAME, "database", fetch)


def first_wanted(region: Region, options: SqlOptions, newest: NewestDays) -> pd.Timestamp:
    """The first day to ask for: some before the newest stored one, else the region's first."""
    if options.since is None and newest:
        return resumed(newest.values(), options)
    start = options.since or region.history_start
    return pd.Timestamp(start) if start else EARLIEST_DAY
