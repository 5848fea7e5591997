"""FIWARE NGSI-LD: what a city's context broker remembers of weather stations and flood monitors.

It is asked by temporal queries.

    source_options:
      ngsi_ld:
        url: https://broker.example.org/ngsi-ld/v1
        tenant: berkane                          # optional; fiware_service, fiware_service_path too
        authorization_env: BROKER_AUTHORIZATION  # optional: a variable that holds "Bearer abc"
        places:
          berkane:
            WeatherObserved: "urn:ngsi-ld:WeatherObserved:berkane-1"
            FloodMonitoring: "urn:ngsi-ld:FloodMonitoring:moulouya-3"

Attributes and their units are those of the Smart Data Models (https://smartdatamodels.org,
dataModel.Weather and dataModel.Environment); ``attributes`` names others. A reading's ``unitCode``
(UN/CEFACT) wins over the model's unit, ``units`` over both. The standard: ETSI GS CIM 009 V1.6.1,
5.7.4 (temporal queries), 4.5.7 and 4.5.9 (representations), 6.3.10 (pages of time).
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from configs import ConfigError, Region, clock
from configs.remarks import remark, several
from data_contracts.batch import Batch, FetchRequest, SourceUnavailable
from sources.common.gathering import gather
from sources.common.http_messages import BadResponse
from sources.common.readings import parts_of, unreadable
from sources.common.sensors import (
    NewestDays,
    SensorPull,
    day_start,
    first_day,
    newest_days,
    resumed,
    sensor_source,
)
from sources.ngsi_ld.attributes import converted_readings, readings_of
from sources.ngsi_ld.broker import NAME, Broker, Entity, broker_of

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr


def fetch(request: FetchRequest) -> Batch:
    """The days that the broker's readings give, from the newest stored ones on.

    Raises SourceUnavailable, RiskError.
    """
    stored = request.stored.observations
    return fetch_from(broker_of(request.region), request.region, newest_days(stored), stored=stored)


SOURCE = sensor_source(NAME, "NGSI-LD context broker", fetch)


def fetch_from(
    broker: Broker,
    region: Region,
    newest: NewestDays,
    now: datetime | None = None,
    stored: xr.Dataset | None = None,
) -> Batch:
    """As ``fetch``, from a broker, ``newest`` being the newest days of what is ``stored``."""
    until = pd.Timestamp(now or clock.now()).tz_convert("UTC")
    pull = SensorPull(NAME, region, broker.options, newest, now, stored=stored)
    asks = {
        location: partial(_of_location, broker, pull, location, _first_day(pull, location), until)
        for location in broker.options.places
    }
    batch = pull.batch(gather(asks, pull.remarks, NAME))
    if batch.observations.empty and not newest:
        nothing = remark("sensors.nothing_at", source=NAME, address=broker.options.url)
        raise SourceUnavailable(several([nothing, *pull.remarks]))
    return batch


def _of_location(
    broker: Broker, pull: SensorPull, location: str, first: pd.Timestamp, until: pd.Timestamp
) -> list[pd.DataFrame]:
    """A location's readings, as the next pull asks from its newest stored day on.

    Readings that are none, or whose time no record may hold, are left out and remarked. Raises
    SourceUnavailable where an entity is not answered for, or no reading can be read.
    """
    since = day_start(first, pull.region.day_offset)
    parts, strays, wrong = list[pd.DataFrame](), list[str](), dict[str, list[BadResponse]]()
    for kind, identity in broker.options.places[location].items():
        answers = broker.answers(Entity(location, kind, identity), since, until)
        rows = readings_of(answers, broker.options, strays, wrong)
        parts += converted_readings(rows, location, broker.options, wrong)
    wanted = broker.options.wanted
    whole = [wanted[name] for name in wanted if name not in wrong]
    pull.answered.update((location, part) for variable in whole for part in parts_of(variable))
    if wrong and not parts:
        raise next(iter(wrong.values()))[0]
    for attribute, errors in wrong.items():
        pull.remarks.extend(unreadable(NAME, errors, f"{attribute} of {location}"))
    pull.leave_out([f"{what} of {location}" for what in strays])
    return parts


def _first_day(pull: SensorPull, location: str) -> pd.Timestamp:
    """The first day to ask for of a location: some before the newest of what is stored of it."""
    known = [day for (where, _), day in pull.newest.items() if where == location]
    if known and pull.options.since is None:
        return resumed(known, pull.options)
    first = first_day(pull.region, pull.options, {}, location, "precipitation")
    if first is None:
        raise ConfigError(
            f"region file {pull.region.path}: history_start: found none, {NAME} needs the first "
            "day to ask for; add it."
        )
    return first
