"""Made-up weather of any day."""

from __future__ import annotations

from typing import Any

import numpy as np
from open_meteo_service import kind


def weather(parameter: str, ordinals: Any) -> np.ndarray:
    """Made-up weather by day: a summer and a winter, days that hang together, rain on one day in
    six."""
    days = np.asarray(ordinals)
    noise = np.stack(
        [
            np.random.default_rng(int(day)).normal(size=2)
            for day in range(days.min() - 4, days.max() + 1)
        ]
    )
    near = np.convolve(noise[:, 0], [0.9, 0.6, 0.4, 0.25, 0.15])[4 : len(noise)][days - days.min()]
    summer = np.sin(2 * np.pi * (days % 365.25 - 200) / 365.25 + np.pi / 2)
    wet = noise[4:, 1][days - days.min()] > 1.0
    shift = {"max": 5.0, "min": -5.0}.get(parameter.split("_")[-1], 0.0)
    found = {
        "temperature": 19 + 8 * summer + shift + 2.5 * near,
        "precipitation": np.where(wet, 4 + 4 * np.abs(near) ** 2, 0.0),
        "et0": np.maximum(3.5 + 2.5 * summer + 0.3 * near, 0.1),
        "relative": np.clip(62 - 10 * near, 5, 100),
        "wind": 3 + np.abs(near),
        "shortwave": 17 + 9 * summer,
        "soil": 0.2 - 0.08 * summer,
        "surface": 1004 - near,
    }
    return np.round(found[kind(parameter)], 2)
