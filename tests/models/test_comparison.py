"""A challenger against the champion's live days: what is paired, and in which blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from registered import HEAT, PLACES, live_marks, out_of_fold

from features.hazards import hazards
from models.verification.comparison import live_blocks, marks_of, no_worse_live, paired


def test_pairs_are_of_the_same_day_place_cell_and_level() -> None:
    marks = live_marks(0.8, (2002,)).sample(frac=1, random_state=1)
    challenger = out_of_fold(0.6)
    challenger["published"] = challenger["published"].where(
        challenger["init_time"] != np.datetime64("2002-05-01")
    )
    pairs = paired(HEAT, challenger.sel(location=[PLACES[1]]), marks)
    assert len(pairs.day) == (153 - 1) * len(HEAT.cells) * 3
    np.testing.assert_allclose(pairs.difference, 0.4**2 - 0.2**2, atol=1e-6)
    one = marks[marks["location"] == PLACES[1]]
    one = one[one["issued"] > "2002-05-01"]
    assert pairs.event.sum() == one["outcome"].sum()


def test_only_timely_graded_marks_of_the_champion_count() -> None:
    marks = live_marks(0.8, (2002,))
    parts = [
        marks,
        marks.assign(model_version="2"),
        marks.assign(late=True),
        marks.assign(state="open"),
        marks.assign(hazard="drought"),
    ]
    assert len(marks_of(pd.concat(parts), "heat", "1")) == len(marks)


def test_weather_forecasts_are_held_against_weather_forecasts() -> None:
    marks = live_marks(0.8, (2002,)).assign(stage="combined")
    challenger = out_of_fold(0.6)
    assert not len(paired(HEAT, challenger, marks).day)
    challenger["published_with_weather"] = out_of_fold(0.8)["published"]
    np.testing.assert_allclose(paired(HEAT, challenger, marks).difference, 0, atol=1e-7)


@pytest.mark.parametrize(
    ("hazard", "first", "last", "blocks"),
    [
        ("flash_flood", "2001-01-01", "2001-06-30", 6),  # months
        ("heat", "2001-05-01", "2001-10-31", 3),  # pairs of months
        ("drought", "2001-01-01", "2002-12-31", 4),  # half-years
        ("drought", "2001-01-01", "2005-12-31", 5),  # years
    ],
)
def test_blocks_are_as_long_as_days_depend_on_each_other(
    hazard: str, first: str, last: str, blocks: int
) -> None:
    days = pd.date_range(first, last).to_numpy().astype("datetime64[D]")
    assert len(np.unique(live_blocks(hazards()[hazard], days))) == blocks


@pytest.mark.parametrize(
    ("rule", "judged"),
    [
        ({}, True),
        ({"days": "issued < '2001-05-30'"}, False),  # 29 days
        ({"days": "issued < '2001-07-15'"}, False),  # days enough, but two blocks of two months
        ({"no_event": True}, False),
    ],
)
def test_what_is_too_little_to_judge_by_passes_and_is_told(rule: dict, judged: bool) -> None:
    marks = live_marks(0.9, (2001, 2002)).query(rule.get("days", "lead_days >= 0"))
    if rule.get("no_event"):
        marks = marks.assign(outcome=0.0)
    passes, reason = no_worse_live(out_of_fold(0.5), marks, "heat", "1")
    assert (passes, reason.code) == (not judged, "gate.live_worse" if judged else "gate.live_few")


def test_the_gate_refuses_an_equal_challenger_no_more_often_than_chance_has_it() -> None:
    """Two forecasters with errors of their own and the same skill: the lower end of a 95 % interval
    is above 0 in 2.5 % of cases, somewhat more of few blocks; of 100 in 12 at most."""
    refused = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        days = pd.date_range("2001-01-01", "2002-12-31")
        outcome = (random.random(len(days)) < 0.3).astype(float)
        own, other = (np.clip(0.3 + random.normal(0, 0.1, len(days)), 0, 1) for _ in range(2))
        dims = ("cell", "level", "init_time", "location")
        flood = hazards()["flash_flood"]
        challenger = xr.Dataset(
            {"published": (dims, other[None, None, :, None]),
             "outcome": (dims, outcome[None, None, :, None])},
            {"level": [1], "init_time": days, "location": ["here"]},
        )  # fmt: skip
        marks = pd.DataFrame(
            {
                "hazard": "flash_flood", "location": "here", "level": 1, "issued": days,
                "lead_days": flood.cells[0].lead_days, "window_days": flood.cells[0].window_days,
                "probability": own, "outcome": outcome, "state": "graded", "late": False,
                "stage": "state", "model_version": "1",
            }
        )  # fmt: skip
        refused += not no_worse_live(challenger, marks, "flash_flood", "1")[0]
    assert refused <= 12
