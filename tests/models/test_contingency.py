"""Contingency of colours and reliability of what would have been published on past days."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import Region
from features.build import cell_coordinates
from features.hazards import LEVELS, hazards
from models.verdicts import KNOWN, NO_BETTER, SKILFUL
from models.verification.contingency import contingency_rows, contingency_table
from models.verification.reliability import MIN_CASES, reliability_rows, reliability_table
from models.verification.scores import assess

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


def counts(data: xr.Dataset, published: np.ndarray, verdict: str = SKILFUL) -> pd.DataFrame:
    """The contingency rows of single days one day ahead, by colour."""
    verdicts = np.full(published.shape[:2], verdict, dtype=object)
    data = data.assign(published=(data["published"].dims, published))
    rows = pd.DataFrame(contingency_rows(HEAT, REGION, data, verdicts))
    return rows.query("lead_days == 1 and window_days == 1").set_index("colour")


def test_hits_false_alarms_and_misses_of_a_colour_are_counted_by_the_event_it_speaks_of() -> None:
    """Ten days. Level 1 at .5 on days 0-3 (yellow), level 2 at .3 on day 0 as well (orange).

    Level 1 happens on days 0, 1 and 9, level 2 on day 1.
    """
    data, lead = made(10), 1
    published = np.zeros(data["model"].shape)
    published[lead, 0, :4], published[lead, 1, 0] = 0.5, 0.3
    data["outcome"][lead, 0, [0, 1, 9]], data["outcome"][lead, 1, 1] = 1, 1
    rows = counts(data, published)
    assert rows.loc["yellow", ["shown", "hits", "false", "missed"]].tolist() == [4, 2, 2, 1]
    assert rows.loc["orange", ["shown", "hits", "false", "missed"]].tolist() == [1, 0, 1, 1]
    assert rows.loc["red", ["shown", "hits", "false", "missed"]].tolist() == [0, 0, 0, 0]


def test_counts_are_per_place_and_year() -> None:
    data = made(730, places=2)  # 2001 and 2002
    published = np.zeros(data["model"].shape)
    published[1, 0, :20] = 0.5
    assert counts(data, published).loc["yellow", "shown"] == pytest.approx(
        10
    )  # 20 days at 2 places in 2 years
    assert counts(data, published).loc["yellow", "years"] == 2


def test_what_the_calendar_knows_as_well_is_never_shown() -> None:
    data = made(10)
    data["outcome"][1, 0, 3] = 1
    data["climatology"][:] = 0.6  # .9 is neither proven better nor twice as much
    published = np.full(data["model"].shape, 0.9)
    rows = counts(data, published, NO_BETTER)
    assert rows["grey"].all() and rows.loc["yellow", ["shown", "missed"]].tolist() == [0, 1]


def test_days_out_of_season_are_not_counted() -> None:
    data = made(10)
    published = np.zeros(data["model"].shape)
    published[1, 0, :4] = 0.5
    data["outcome"][1, :, 2:] = np.nan
    assert counts(data, published).loc["yellow", "shown"] == 2
    assert counts(data, published).loc["yellow", "days"] == 2


def test_bins_hold_every_case_once_and_small_ones_join_their_neighbour() -> None:
    rng = np.random.default_rng(90_210)
    data = made(1461)
    chance = rng.uniform(0, 0.45, data["model"].shape[2:])
    chance[:5] = 0.95  # too few for a bin of their own
    published = np.broadcast_to(chance, data["model"].shape).copy()
    data["outcome"][:] = (rng.uniform(size=published.shape) < published).astype(float)
    data = data.assign(published=(data["published"].dims, published))
    bins = pd.DataFrame(reliability_rows(HEAT, data))
    single = sum(cell.window_days == 1 for cell in HEAT.cells)
    assert bins["n"].sum() == 1461 * single and bins["n"].min() >= MIN_CASES
    assert ((bins["low"] <= bins["observed"]) & (bins["observed"] <= bins["high"])).all()
    near = bins[bins["n"] > 500]
    np.testing.assert_allclose(near["observed"], near["forecast"], atol=0.03)


def test_counts_are_of_the_probability_that_is_published() -> None:
    """Persistence foretells all, the model nothing; the published probability is persistence's."""
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
    table = contingency_table({"heat": data}, scores, REGION)
    yellow = table.query("colour == 'yellow' and lead_days == 1 and window_days == 1").iloc[0]
    assert yellow["false"] == 0 and yellow["hits"] == yellow["shown"] > 0 == yellow["missed"]
    reliability = reliability_table({"heat": data})
    assert set(reliability["hazard"]) == {"heat"} and len(reliability) == 2
