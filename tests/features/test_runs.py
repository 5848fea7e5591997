"""Since when an index has been low, and where it ranks among the years."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from features.runs import present_state, run_start

TIMES = pd.date_range("2001-01-01", "2003-03-10")


def past(window: int = 90) -> xr.Dataset:
    shape = len(TIMES), 1
    return xr.Dataset(
        {
            "window_days": (("time", "location"), np.full(shape, window)),
            "threshold": (("time", "location"), np.full(shape, -1.0)),
        },
        {"time": TIMES, "location": ["here"]},
    )


def state(index: np.ndarray, window: int = 90, other: float = 0.5) -> dict[str, object]:
    """Of one location: ``index`` (time,) of the window that counts, and the other's value."""
    both = np.full((2, len(TIMES), 1), other)
    both[0 if window == 90 else 1, :, 0] = index
    found = present_state(both, np.array([90, 365]), past(window))
    return {
        name.removeprefix("state_"): found[name].values[0] for name in map(str, found.data_vars)
    }


def low_from(day: str) -> np.ndarray:
    return np.where(pd.Timestamp(day) <= TIMES, -1.2, 0.3)


@pytest.mark.parametrize("window", [90, 365])
def test_a_drought_began_on_the_first_day_of_the_run_that_holds_the_newest(window: int) -> None:
    index = low_from("2002-11-20")
    index[TIMES == "2002-06-01"] = -2.0  # an earlier run does not count
    said = state(index, window)
    assert said["since"] == np.datetime64("2002-11-20")
    assert (said["index"], said["window_days"], said["threshold"]) == (-1.2, window, -1.0)


def test_at_the_threshold_it_is_a_drought_and_above_it_none() -> None:
    index = np.full(len(TIMES), 0.0)
    index[-2:] = -1.0
    assert state(index)["since"] == TIMES[-2].to_datetime64()
    index[-1] = -0.99
    assert np.isnat(state(index)["since"])


def test_a_day_without_a_value_ends_a_run_and_the_newest_with_one_counts() -> None:
    index = low_from("2002-11-20")
    index[TIMES == "2003-02-01"] = np.nan
    index[-3:] = np.nan
    said = state(index)
    assert said["since"] == np.datetime64("2003-02-02") and said["day"] == TIMES[-4].to_datetime64()


def test_the_rank_is_among_the_years_that_have_that_day() -> None:
    index = np.full(len(TIMES), 0.0)
    for year, value in ((2001, -0.9), (2002, -1.5), (2003, -1.2)):
        index[f"{year}-03-10" == TIMES] = value
    said = state(index)
    assert (said["rank"], said["years"]) == (2, 3)  # 2002 was drier, 2001 was not
    index[TIMES == "2002-03-10"] = np.nan
    said = state(index)
    assert (said["rank"], said["years"]) == (1, 2)


def test_nothing_is_said_of_a_place_without_any_value() -> None:
    said = state(np.full(len(TIMES), np.nan))
    assert np.isnan(said["index"]) and np.isnat(said["since"])


@pytest.mark.parametrize(
    ("below", "start"),
    [([True, True], 0), ([False, True], 1), ([True, False, True, True], 2)],
)
def test_a_run_starts_after_the_last_day_that_is_not_in_it(below: list[bool], start: int) -> None:
    assert run_start(np.array(below)) == start
