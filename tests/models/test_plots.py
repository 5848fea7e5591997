"""The pictures kept with a model: what is drawn is right, and nothing to draw is no failure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from features.hazards import hazards
from models.verification.plots import binned, reliability_diagram, skill_by_lead

PNG = b"\x89PNG\r\n\x1a\n"


def test_bins_hold_the_mean_forecast_and_the_observed_frequency() -> None:
    probability = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    event = np.array([0, 0, 0, 1, 1, 0, 1, 1], float)
    year = np.array([1, 2, 1, 2, 1, 2, 1, 2])
    said, came, low, high = binned(probability, event, year, shares=(0.0, 0.5, 1.0))
    np.testing.assert_allclose(
        said, [0.25, 0.75]
    )  # (.1 + .2 + .3 + .4) / 4 and (.6 + .7 + .8 + .9) / 4
    np.testing.assert_allclose(came, [0.25, 0.75])  # 1 of 4 and 3 of 4
    # Lower bin: no event in year 1's two, one in year 2's two: a draw of years gives 0 to 1/2.
    np.testing.assert_allclose((low[0], high[0]), (0.0, 0.5))
    np.testing.assert_allclose((low[1], high[1]), (0.5, 1.0))


def test_equal_forecasts_share_a_bin() -> None:
    said, came, _, _ = binned(
        np.full(6, 0.2), np.array([0, 1, 0, 0, 1, 0], float), np.repeat([1, 2], 3)
    )
    np.testing.assert_allclose((said, came), ([0.2], [1 / 3]))


def test_intervals_are_wider_when_the_events_fall_into_one_year() -> None:
    probability, year = np.full(400, 0.25), np.repeat(np.arange(4), 100)
    spread = np.tile([1.0, 0.0, 0.0, 0.0], 100)
    bunched = np.repeat([1.0, 0.0, 0.0, 0.0], 100)
    widths = [
        high - low
        for _, _, low, high in (binned(probability, event, year) for event in (spread, bunched))
    ]
    assert widths[0] < 1e-9 < 0.5 < widths[1]


@pytest.mark.parametrize("name", ["heat", "drought"])
@pytest.mark.parametrize("verdict", ["skilful", "not assessed"])
def test_both_pictures_are_drawn_of_every_kind_of_cell(
    tmp_path: Path, name: str, verdict: str
) -> None:
    cells = hazards()[name].cells
    rows = pd.DataFrame(
        [
            {"level": level, "lead_days": c.lead_days, "window_days": c.window_days}
            for level in (1, 2, 3)
            for c in cells
        ]
    )
    rows = rows.assign(region="here", hazard=name, verdict=verdict)
    for reference in ("climatology", "persistence"):
        for part, value in {"": 0.1, "_low": 0.05, "_high": 0.2}.items():
            rows[f"bss_{reference}{part}"] = value if verdict == "skilful" else np.nan
    times = pd.date_range("2000-01-01", periods=900)
    shape = (len(cells), 3, len(times), 1)
    event = (np.random.default_rng(0).random(shape) < 0.2) * (1.0 if verdict == "skilful" else 0.0)
    dims = ("cell", "level", "init_time", "location")
    variables = {
        name: (dims, np.full(shape, 0.2)) for name in ("model", "persistence", "climatology")
    } | {"outcome": (dims, event)}
    out_of_fold = xr.Dataset(variables, {"level": [1, 2, 3], "init_time": times})
    drawn = [
        skill_by_lead(rows, tmp_path / "plots" / "skill.png"),
        reliability_diagram(out_of_fold, rows, tmp_path / "plots" / "reliability.png"),
    ]
    assert all(path.read_bytes().startswith(PNG) and path.stat().st_size > 10_000 for path in drawn)
