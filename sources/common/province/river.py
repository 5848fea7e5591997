"""The province's water: soil, river and base flow, day by day."""

from __future__ import annotations

import numpy as np

from sources.common.province.world import Grounds, ProvinceState

SOIL_CAPACITY = 110.0  # mm of water a soil holds
MEAN_SOIL = 0.3 * SOIL_CAPACITY  # water of a soil that has no memory
SOIL_DRAINS = 0.01  # of its water a day
DRY_SOIL, WET_SOIL = 0.08, 0.40  # m3 m-3
RUNOFF_POWER = 2.0  # quick runoff is the wet share of the soil to this power, times the rain
UPSTREAM_AREA = 4_500.0  # km2 that give quick runoff; sets the mean flow, see BASE_FLOW
LOCAL_AREA = 200.0  # km2 of a commune's own wadis
# M3 s-1; the mean is near the 26.5 of the Moulouya at the dam Mohamed V (abhmoulouya.ma,
# RessourcesEau)
BASE_FLOW = 4.0
# Of a river reach's water from one day to the next; there are two of them, one behind the other
RIVER_KEEPS = 0.40
BASE_KEEPS = float(np.exp(-1 / 60))


def river_and_soil(
    grounds: Grounds, before: ProvinceState, fields: dict[str, np.ndarray]
) -> tuple[np.ndarray, ...]:
    """Soil water (mm), the river's two reaches and its base flow (m3 s-1), day by day, each (day,
    *batch, location).

    A bucket: quick runoff grows with its wetness. What runs off upstream fills the reaches of every
    location on the river.
    """
    rain, thirst = fields["precipitation"], fields["potential_evapotranspiration"]
    soil, first, second, base = (np.empty(rain.shape) for _ in range(4))
    keeps, base_keeps = (RIVER_KEEPS, BASE_KEEPS) if grounds.remembers else (0.0, 0.0)
    last = before.soil, before.reach_one, before.reach_two, before.base
    for day in range(len(rain)):
        held = last[0] if grounds.remembers else np.full_like(last[0], MEAN_SOIL)
        wet = held / SOIL_CAPACITY
        quick = rain[day] * wet**RUNOFF_POWER
        drained = SOIL_DRAINS * held
        filled = held + rain[day] - quick - drained
        spilt = np.maximum(filled - SOIL_CAPACITY, 0.0)
        filled = filled - spilt
        soil[day] = filled * np.exp(-thirst[day] / SOIL_CAPACITY)
        runoff = quick + spilt
        # mm day-1 km2 to m3 s-1
        inflow = (UPSTREAM_AREA * runoff[..., -1:] + LOCAL_AREA * runoff) / 86.4
        first[day] = keeps * last[1] + (1 - keeps) * inflow
        second[day] = keeps * last[2] + (1 - keeps) * first[day]
        base[day] = (
            base_keeps * last[3] + (1 - base_keeps) * UPSTREAM_AREA * drained[..., -1:] / 86.4
        )
        last = soil[day], first[day], second[day], base[day]
    return soil, first, second, base


def volume_of_water(soil: np.ndarray) -> np.ndarray:
    """Volume of water in the topsoil, m3 m-3, of a soil that holds so many mm."""
    return DRY_SOIL + (WET_SOIL - DRY_SOIL) * soil / SOIL_CAPACITY
