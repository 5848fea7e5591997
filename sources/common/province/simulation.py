"""A simulated period: the world from its start to a day, and what forecasts know of it ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sources.common.province.weather import first_state, weather_of
from sources.common.province.world import (
    LEADS,
    NAMES,
    WAVES,
    Grounds,
    Innovations,
    ProvinceState,
    World,
    joined,
    prepare,
    stream,
)


@dataclass(frozen=True)
class Run:
    """A simulated period. ``fields``: variable -> (day, location), without the upstream catchment.
    ``states``: one a day.

    ``known``: the part of each day's innovations that a forecast knows, first axis 0 = all of it, l
    + 1 = at lead l; its days go LEADS beyond the record. A run without layers has entry 0 alone.
    """

    world: World
    grounds: Grounds
    days: np.ndarray
    fields: dict[str, np.ndarray]
    states: ProvinceState
    known: Innovations


def simulate(world: World, until: np.datetime64, layers: bool = True) -> Run:
    """The world from its start to the day ``until``, both included.

    Without ``layers`` nothing is known ahead: a tenth of the memory.
    """
    grounds = prepare(world)
    days = np.arange(world.start, until + np.timedelta64(1, "D"))
    known = reveal(world, grounds, len(days) + LEADS, layers)
    everything = Innovations(
        known.slow[0, : len(days)], known.heat[0, : len(days)], known.local[0, : len(days)]
    )
    fields, states = weather_of(grounds, days, first_state(grounds, ()), everything)
    reported = {name: values[:, : len(world.ids)] for name, values in fields.items()}
    return Run(world, grounds, days, reported, states, known)


def reveal(world: World, grounds: Grounds, count: int, layers: bool) -> Innovations:
    """The innovations of ``count`` days and, with ``layers``, what of them is known at each lead:
    the first axis is Run's.
    """
    shares = np.sqrt(np.diff(grounds.unknown, axis=1, prepend=0.0).T).astype(np.float32)
    shares_provincial = np.sqrt(np.diff(grounds.unknown_shared, prepend=0.0)).astype(np.float32)
    owners = [
        ("upstream", "") if location == len(world.ids) else ("place", world.ids[location])
        for location in range(len(world.ids) + 1)
    ]

    def drawn(purpose: str, name: str, weights: np.ndarray, *sizes: int) -> np.ndarray:
        numbers = stream(world.seed, purpose, name).standard_normal(
            (count, LEADS, *sizes), dtype=np.float32
        )
        return _known(numbers, weights, layers)

    own = np.stack([drawn(*owner, shares, len(NAMES)) for owner in owners], axis=-1)
    waves = drawn("waves", "", shares[..., None], len(NAMES), 2 * WAVES)
    provincial = drawn("province", "", shares_provincial[:, None], 2)
    local = np.stack([joined(grounds, *parts) for parts in zip(waves, own, strict=True)])
    return Innovations(provincial[..., 0], provincial[..., 1], local)


def _known(numbers: np.ndarray, weights: np.ndarray, layers: bool) -> np.ndarray:
    """Sums over the layers known, from (day, layer, ...): entry 0 is all of them, entry l + 1 those
    above layer l, if asked for.
    """
    parts = [np.zeros_like(numbers[:, 0])]
    for layer in reversed(range(LEADS)):
        parts = [*parts, parts[-1] + weights[layer] * numbers[:, layer]][0 if layers else -1 :]
    return np.stack(parts[::-1])
