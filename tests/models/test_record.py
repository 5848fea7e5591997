"""What would have been published on past days, and what came of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import Region
from features.build import cell_coordinates
from features.hazards import LEVELS, hazards
from models.record import FEWEST_CASES, colour_marks, record_of, reliability_of
from models.scores import KNOWN, SKILFUL, USUAL, assess

HEAT = hazards()["heat"]
REGION = Region(name="r", title="R", sources=("station_files",), path=Path("r.yaml"))


def made(days: int = 365, first: str = "2001-01-01", places: int = 1) -> xr.Dataset:
    """Out-of-fold heat of one place and year on which nothing is foretold and nothing happens."""
    times = np.datetime64(first, "ns") + np.arange(days) * np.timedelta64(1, "D")
    shape = (len(HEAT.cells), len(LEVELS), days, places)
    names = (
        "model", "published", "persistence", "climatology", "climatology_smoothed", "outcome",
    )  # fmt: skip
    coords = {
        "level": list(LEVELS),
        "init_time": times,
        "location": [f"p{i}" for i in range(places)],
        **cell_coordinates(HEAT),
    }
    return xr.Dataset(
        {name: (("cell", "level", "init_time", "location"), np.zeros(shape)) for name in names},
        coords,
        {"delay_days": 1},
    )


def marks(data: xr.Dataset, said: np.ndarray, verdict: str = SKILFUL) -> pd.DataFrame:
    told = np.full(said.shape[:2], verdict, dtype=object)
    data = data.assign(published=(data["published"].dims, said))
    found = pd.DataFrame(colour_marks(HEAT, REGION, data, told))
    return found.query("lead_days == 1 and window_days == 1").set_index("colour")


def test_hits_false_alarms_and_misses_of_a_colour_are_counted_by_the_event_it_speaks_of() -> None:
    """Ten days: level 1 at .5 on days 0-3 (yellow); level 2 at .3 on day 0 as well (orange); level 1 happens on days 0, 1 and 9, 2 on 1."""
    data, lead = made(10), 1
    said = np.zeros(data["model"].shape)
    said[lead, 0, :4], said[lead, 1, 0] = 0.5, 0.3
    data["outcome"][lead, 0, [0, 1, 9]], data["outcome"][lead, 1, 1] = 1, 1
    found = marks(data, said)
    assert found.loc["yellow", ["shown", "hits", "false", "missed"]].tolist() == [4, 2, 2, 1]
    assert found.loc["orange", ["shown", "hits", "false", "missed"]].tolist() == [1, 0, 1, 1]
    assert found.loc["red", ["shown", "hits", "false", "missed"]].tolist() == [0, 0, 0, 0]


def test_counts_are_per_place_and_year() -> None:
    data = made(730, places=2)  # 2001 and 2002
    said = np.zeros(data["model"].shape)
    said[1, 0, :20] = 0.5
    assert marks(data, said).loc["yellow", "shown"] == pytest.approx(
        10
    )  # 20 days at 2 places in 2 years
    assert marks(data, said).loc["yellow", "years"] == 2


def test_what_the_calendar_knows_as_well_is_never_shown() -> None:
    data = made(10)
    data["outcome"][1, 0, 3] = 1
    data["climatology"][:] = 0.6  # .9 is neither proven better nor twice as much
    said = np.full(data["model"].shape, 0.9)
    found = marks(data, said, USUAL)
    assert found["grey"].all() and found.loc["yellow", ["shown", "missed"]].tolist() == [0, 1]


def test_days_out_of_season_are_not_counted() -> None:
    data = made(10)
    said = np.zeros(data["model"].shape)
    said[1, 0, :4] = 0.5
    data["outcome"][1, :, 2:] = np.nan
    assert marks(data, said).loc["yellow", "shown"] == 2
    assert marks(data, said).loc["yellow", "days"] == 2


def test_bins_hold_every_case_once_and_small_ones_join_their_neighbour() -> None:
    rng = np.random.default_rng(90_210)
    data = made(1461)
    chance = rng.uniform(0, 0.45, data["model"].shape[2:])
    chance[:5] = 0.95  # too few for a bin of their own
    said = np.broadcast_to(chance, data["model"].shape).copy()
    data["outcome"][:] = (rng.uniform(size=said.shape) < said).astype(float)
    data = data.assign(published=(data["published"].dims, said))
    bins = pd.DataFrame(reliability_of(HEAT, data))
    single = sum(cell.window_days == 1 for cell in HEAT.cells)
    assert bins["n"].sum() == 1461 * single and bins["n"].min() >= FEWEST_CASES
    assert ((bins["low"] <= bins["observed"]) & (bins["observed"] <= bins["high"])).all()
    near = bins[bins["n"] > 500]
    np.testing.assert_allclose(near["observed"], near["forecast"], atol=0.03)


def test_the_record_is_of_the_number_that_is_published() -> None:
    """The known state foretells all, the model nothing; the published number is the known state's."""
    data = made(12 * 365)
    rng = np.random.default_rng(7)
    event = np.broadcast_to(
        rng.uniform(size=data["outcome"].shape[2:]) < 0.2, data["outcome"].shape[2:]
    )
    data["outcome"][:] = event.astype(float)
    data["persistence"][:] = np.where(event, 0.9, 0.02)
    data["published"][:] = data["persistence"]
    for name in ("climatology", "climatology_smoothed", "model"):
        data[name][:] = 0.2
    scores = assess({"heat": data}, REGION, {})
    assert set(scores["verdict"]) == {KNOWN}
    record = record_of({"heat": data}, scores, REGION)
    yellow = record.colours.query(
        "colour == 'yellow' and lead_days == 1 and window_days == 1"
    ).iloc[0]
    assert yellow["false"] == 0 and yellow["hits"] == yellow["shown"] > 0 == yellow["missed"]
    assert set(record.reliability["hazard"]) == {"heat"} and len(record.reliability) == 2
