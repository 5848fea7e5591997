"""Daily series of services: how each is called, and what its values must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NUMBER_TYPES = {int, float, type(None)}


@dataclass(frozen=True)
class DailySeries:
    """A daily series of a service.

    ``parameter``: what it is called there; ``unit``: what it must come in; ``variable``: our name;
    ``factor``: to our unit.
    """

    parameter: str
    unit: str
    variable: str
    factor: float = 1.0


def as_numbers(values: Sequence[Any]) -> np.ndarray | None:
    """Values as float64, null as NaN; None where one is no finite number."""
    if not set(map(type, values)) <= NUMBER_TYPES:
        return None
    try:
        numbers = np.array(values, dtype=float)
    except OverflowError:
        return None
    return None if np.isinf(numbers).any() else numbers
