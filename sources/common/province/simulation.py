"""A simulated period: the world from its start to a day, and what forecasts know of it ahead.

It may go on from a checkpoint, the state of the weather and of the random numbers after a day, and
gives the same numbers as from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

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
    position_of,
    prepare,
    stream,
)


@dataclass(frozen=True)
class Checkpoint:
    """What a simulation goes on from after the day ``day``: its state, and where its streams are.

    ``positions``: of each of ``streams_of``, as ``position_of``.
    """

    day: np.datetime64
    state: ProvinceState
    positions: np.ndarray


@dataclass(frozen=True)
class Run:
    """A simulated period. ``fields``: variable -> (day, location), without the upstream catchment.
    ``states``: one a day.

    ``known``: the part of each day's innovations that a forecast knows, first axis 0 = all of it, l
    + 1 = at lead l; its days go LEADS beyond the record. A run without layers has entry 0 alone.
    ``offset``: days from the world's start to the first of ``days``. ``checkpoint``: what a later
    run may go on from; its first day is this one's last.
    """

    world: World
    grounds: Grounds
    days: np.ndarray
    fields: dict[str, np.ndarray]
    states: ProvinceState
    known: Innovations
    offset: int
    checkpoint: Checkpoint


def simulate(
    world: World, until: np.datetime64, layers: bool = True, after: Checkpoint | None = None
) -> Run:
    """The world from its start to the day ``until``, both included; or from the day ``after`` on.

    Without ``layers`` nothing is known ahead: a tenth of the memory.
    """
    grounds, day = prepare(world), np.timedelta64(1, "D")
    days = np.arange(world.start if after is None else after.day + day, until + day)
    streams = streams_of(world, None if after is None else after.positions)
    before = first_state(grounds, ()) if after is None else after.state
    parts = [reveal(world, grounds, streams, len(days) - 1, layers)]
    positions = np.stack([position_of(each) for each in streams])
    parts.append(reveal(world, grounds, streams, 1 + LEADS, layers))
    known = Innovations(
        **{
            one.name: np.concatenate([getattr(part, one.name) for part in parts], axis=1)
            for one in fields(Innovations)
        }
    )
    everything = Innovations(
        known.slow[0, : len(days)], known.heat[0, : len(days)], known.local[0, : len(days)]
    )
    values, states = weather_of(grounds, days, before, everything)
    reported = {name: field[:, : len(world.ids)] for name, field in values.items()}
    return Run(
        world,
        grounds,
        days,
        reported,
        states,
        known,
        int((days[0] - world.start) / day),
        Checkpoint(until - day, _last_but_one(before, states), positions),
    )


def _last_but_one(before: ProvinceState, states: ProvinceState) -> ProvinceState:
    """The state of the last day but one, which may be the one ``before`` the first."""
    return ProvinceState(
        **{
            one.name: (
                getattr(states, one.name)[-2]
                if len(getattr(states, one.name)) > 1
                else getattr(before, one.name)
            )
            for one in fields(ProvinceState)
        }
    )


def streams_of(world: World, positions: np.ndarray | None = None) -> list[np.random.Generator]:
    """The streams of a world's innovations: of each location, upstream, the waves, the province.

    They stand at the start, or at ``positions``.
    """
    names = [("place", name) for name in world.ids]
    names += [("upstream", ""), ("waves", ""), ("province", "")]
    return [
        stream(world.seed, *name, position=None if positions is None else positions[number])
        for number, name in enumerate(names)
    ]


def reveal(
    world: World,
    grounds: Grounds,
    streams: Sequence[np.random.Generator],
    count: int,
    layers: bool,
) -> Innovations:
    """The innovations of the next ``count`` days and, with ``layers``, what of them is known at
    each lead: the first axis is Run's.
    """
    shares = np.sqrt(np.diff(grounds.unknown, axis=1, prepend=0.0).T).astype(np.float32)
    shares_provincial = np.sqrt(np.diff(grounds.unknown_shared, prepend=0.0)).astype(np.float32)

    def drawn(random: np.random.Generator, weights: np.ndarray, *sizes: int) -> np.ndarray:
        numbers = random.standard_normal((count, LEADS, *sizes), dtype=np.float32)
        return _known(numbers, weights, layers)

    *owners, of_waves, of_province = streams
    own = np.stack([drawn(owner, shares, len(NAMES)) for owner in owners], axis=-1)
    waves = drawn(of_waves, shares[..., None], len(NAMES), 2 * WAVES)
    provincial = drawn(of_province, shares_provincial[:, None], 2)
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
