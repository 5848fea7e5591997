"""The exercise's gauges and city sensors: the simulated weather as instruments with faults would
report it. Nothing was measured.

Against the record of ``exercise``, their rain gauges catch too little, their thermometers are off
by a constant and by noise; they fail for days; one sticks to a value for weeks; now and then one
reports the 85 degC that a DS18B20 thermometer reads when its power comes back, which the contract
withholds. They give river levels too. Named after ``exercise`` in a region, they fill only what it
lacks.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_contracts.batch import Batch, FetchRequest, Source
from sources.common.province.region import last_day, locations_table, parts_of, world_of
from sources.common.province.resume import newest_stored, same_values
from sources.common.province.simulation import Run, simulate
from sources.common.province.world import stream

NAME = "exercise_sensors"
FAILS, RECOVERS = 0.004, 0.12  # chance a day
STICKS, LETS_GO = 0.004, 0.03  # chance a day, of the one instrument that sticks
POWER_CUT = 0.0002  # chance a day of a reading of 85 degC
POWER_ON_READING = 85.0  # degC, DS18B20 data sheet: the power-on reset value
TIP = 0.2  # mm of rain that tip a gauge's bucket
MAX_LOCATIONS = 1_000
"""Each instrument's whole record is made up anew each day, in 0.1 s."""


def fetch(request: FetchRequest) -> Batch:
    """All readings; where the store already holds them, only those from its newest day on."""
    region = request.region
    world = world_of(region)
    runs = [simulate(part, last_day(region), layers=False) for part in parts_of(world)]
    stuck = world.ids[int(stream(world.seed, "stuck").integers(len(world.ids)))]
    table = pd.concat([readings(run, stuck) for run in runs], ignore_index=True)
    stored = newest_stored(request.stored)["observations"]
    if same_values(stored, table.mask(table == POWER_ON_READING), "time"):
        table = table[table["time"] >= stored["time"].max()]
    return Batch(table, locations_table(region, world))


SOURCE = Source(
    name=NAME,
    delay_days=1,
    attribution="EXERCISE: simulated sensors, nothing was measured",
    licence="as the project",
    complete=False,
    fetch=fetch,
    max_locations=MAX_LOCATIONS,
    exercise=True,
)


def readings(run: Run, stuck: str) -> pd.DataFrame:
    """The instruments' days, a row a day and location; NaN where one failed.

    ``stuck`` is the location whose instrument sticks.
    """
    parts = [
        _instrument(run, location, name == stuck) for location, name in enumerate(run.world.ids)
    ]
    return pd.concat(parts, ignore_index=True).sort_values(
        ["time", "location"], kind="stable", ignore_index=True
    )


def _instrument(run: Run, location: int, sticks: bool) -> pd.DataFrame:
    """One location's readings.

    Its errors are streams of its own, drawn day by day from the first.
    """
    name, days = run.world.ids[location], run.days
    constant = stream(run.world.seed, "sensor", name).standard_normal(3)
    uniform = stream(run.world.seed, "faults", name).random((len(days), 3))
    noise = stream(run.world.seed, "noise", name).standard_normal((len(days), 5))
    fields = {key: values[:, location] for key, values in run.fields.items()}
    caught = fields["precipitation"] * (0.92 + 0.03 * constant[0]) * np.exp(0.08 * noise[:, 0])
    warm = 0.5 * constant[1]
    table = pd.DataFrame(
        {
            "air_temperature_max": np.round(
                fields["air_temperature_max"] + warm + 0.3 * noise[:, 1], 1
            ),
            "air_temperature_min": np.round(fields["air_temperature_min"] + warm, 1),
            "precipitation": np.round(np.floor(caught / TIP) * TIP, 1),
            "relative_humidity": np.clip(
                np.round(fields["relative_humidity"] + 3 * constant[2] + 2 * noise[:, 2]), 1, 100
            ),
            "soil_moisture": np.clip(
                np.round(fields["soil_moisture"] + 0.01 * noise[:, 3], 3), 0.0, 0.6
            ),
            "river_level": np.round(
                0.35 * fields["river_discharge"] ** 0.45 + 0.02 * noise[:, 4], 2
            ),
        }
    )
    table["air_temperature_min"] = table[["air_temperature_min", "air_temperature_max"]].min(axis=1)
    if sticks:
        table = _held(table, _spells(uniform[:, 1], STICKS, LETS_GO))
    table.loc[uniform[:, 2] < POWER_CUT, "air_temperature_max"] = POWER_ON_READING
    table[_spells(uniform[:, 0], FAILS, RECOVERS)] = np.nan
    keys = pd.DataFrame({"time": days.astype("datetime64[ns]"), "location": name})
    return pd.concat([keys, table.astype(np.float32)], axis=1)


def _spells(uniform: np.ndarray, begins: float, ends: float) -> np.ndarray:
    """Days within spells that begin and end with these chances a day."""
    on, within = False, np.empty(len(uniform), bool)
    for day, number in enumerate(uniform):
        on = number >= ends if on else number < begins
        within[day] = on
    return within


def _held(table: pd.DataFrame, stuck: np.ndarray) -> pd.DataFrame:
    """The readings, those of the days a thermometer and hygrometer stick replaced by the last
    before.
    """
    held = table.copy()
    for name in ("air_temperature_max", "air_temperature_min", "relative_humidity"):
        held[name] = table[name].mask(pd.Series(stuck)).ffill().fillna(table[name])
    return held
