"""OGC SensorThings API 1.1: readings of a city's or agency's sensors.

Their Datastreams are named by id or found by their ObservedProperty.

    source_options:
      sensor_things:
        url: https://sensors.example.org/FROST-Server/v1.1
        authorization_env: SENSORS_AUTHORIZATION    # optional: a variable that holds "Bearer abc"
        places:
          berkane: {thing: 12}                      # its Datastreams of the properties below
          saidia: {datastreams: {river_level: 41}}  # or by id
        properties:                                 # name or definition: ours
          Air Temperature: air_temperature
          "http://vocabulary/rain": precipitation

Units are read from ``unitOfMeasurement`` (UCUM 2.1, or a usual symbol) and converted. A reading
whose ``resultQuality`` holds one of ``bad_quality`` is left out, and how many were is remarked;
what is said of the quality of any reading is kept, see ``Store.quality``. The standard:
https://docs.ogc.org/is/18-088/18-088.html, sections 8 to 10.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from configs import Region
from configs.remarks import remark, several
from data_contracts.batch import Batch, FetchRequest, SourceUnavailable
from sources.common.gathering import gather
from sources.common.sensors import NewestDays, SensorPull, newest_days, sensor_source
from sources.sensor_things.datastreams import Datastream, datastreams
from sources.sensor_things.observations import readings
from sources.sensor_things.service import NAME, SensorThingsService, service_of

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr


def fetch(request: FetchRequest) -> Batch:
    """The days that the service's readings give, of each Datastream from its newest stored day on.

    Raises SourceUnavailable.
    """
    stored = request.stored.observations
    return fetch_from(
        service_of(request.region), request.region, newest_days(stored), stored=stored
    )


SOURCE = sensor_source(NAME, "SensorThings service", fetch)


def fetch_from(
    service: SensorThingsService,
    region: Region,
    newest: NewestDays,
    stored: xr.Dataset | None = None,
) -> Batch:
    """As ``fetch``, from a service, ``newest`` being the newest days of what is ``stored``."""
    pull = SensorPull(NAME, region, service.options, newest, stored=stored)

    def of_stream(stream: Datastream) -> list[pd.DataFrame]:
        first = pull.first_day(stream.location, stream.variable)
        return [readings(service, stream, first, pull)]

    streams = datastreams(service, pull.remarks)
    parts = gather({str(each): partial(of_stream, each) for each in streams}, pull.remarks, NAME)
    batch = pull.batch(parts)
    if batch.observations.empty and not newest:
        address = service.options.url
        nothing = remark("sensors.nothing_in", source=NAME, n=len(parts), address=address)
        raise SourceUnavailable(several([nothing, *pull.remarks]))
    return batch
