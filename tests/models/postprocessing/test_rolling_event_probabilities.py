"""Calibrations are refitted each quarter, and sooner only where there is a reason to."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from province import Province, make

from features.hazards import Options, hazards
from models.postprocessing import screening
from models.postprocessing.forecast_pairs import pair_archive
from models.postprocessing.probabilities import EventContext, rolling_event_probabilities

SEASON = Options((5, 10))


@pytest.fixture(scope="module")
def province() -> Province:
    return make(83_201, ids=("plain",), until=np.datetime64("2011-06-30"))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """Of each fit the day and the months it is for, as they are province."""
    seen: list[tuple[str, tuple[int, ...]]] = []
    fit = screening.fit_calibration

    def noted(pairs, observations, plan):  # type: ignore[no-untyped-def]
        seen.append((str(plan.today)[:10], tuple(plan.months)))
        return fit(pairs, observations, plan)

    monkeypatch.setattr(screening, "fit_calibration", noted)
    return seen


def rolled(  # type: ignore[no-untyped-def]
    province: Province, first: str, last: str, since: str, step: int = 10, **given
) -> xr.DataArray:
    """Probabilities of heat on every ``step``-th day by forecasts from ``since`` on."""
    hazard = hazards()["heat"]
    forecasts = province.forecasts[["air_temperature_max"]].sel(init_time=slice(since, None))
    normals = hazard.fit_normals(province.observations.sel(time=slice("1996", "2006")), SEASON)
    days = np.arange(first, last, step, dtype="datetime64[D]")
    archive = pair_archive(forecasts, province.observations)
    context = EventContext(hazard, province.observations, normals, SEASON)
    return rolling_event_probabilities(context, archive, days, n_trajectories=20, **given)


def test_a_settled_archive_is_fitted_each_quarter(
    province: Province, fits: list[tuple[str, tuple[int, ...]]]
) -> None:
    rolled(province, "2009-01-01", "2009-12-31", "2007-01-01")
    assert [day for day, _ in fits] == ["2009-01-01", "2009-04-01", "2009-07-10", "2009-10-08"]
    assert [months for _, months in fits] == [(1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12)]


def test_a_young_archive_is_fitted_each_month_until_it_is_settled(
    province: Province, fits: list[tuple[str, tuple[int, ...]]]
) -> None:
    rolling = rolled(province, "2009-04-01", "2009-09-01", "2009-03-01")
    assert [day[:7] for day, _ in fits] == [f"2009-0{month}" for month in range(4, 9)]
    has_number = np.isfinite(rolling.sel(level=1).isel(cell=0).values).any(axis=1)
    assert not has_number[rolling["init_time"].values < np.datetime64("2009-06-01")].any()
    assert has_number[rolling["init_time"].values >= np.datetime64("2009-06-10")].all()


def test_another_forecast_model_is_fitted_at_once(
    province: Province, fits: list[tuple[str, tuple[int, ...]]]
) -> None:
    """It changes on 10 June 2010, is silent on 1 July, and fitted anew with 30 days in August."""
    change = [np.datetime64("2010-06-10")]
    rolling = rolled(province, "2010-05-01", "2010-12-31", "2007-01-01", step=7, changes=change)
    assert [day[:7] for day, _ in fits] == ["2010-05", "2010-07", "2010-08", "2010-10"]
    has_number = np.isfinite(rolling.sel(level=1).isel(cell=0).values).any(axis=1)
    july = rolling["init_time"].dt.month.values == 7
    assert not has_number[july].any()
    assert has_number[rolling["init_time"].dt.month.values == 9].all()
    assert rolling.attrs["left_out"] == []


def test_a_day_alone_is_as_in_the_backtest(province: Province) -> None:
    """What the first day of a fit gives does not depend on the days that follow."""
    many = rolled(province, "2009-07-01", "2009-09-30", "2007-01-01")
    alone = rolled(province, "2009-07-01", "2009-07-02", "2007-01-01")
    np.testing.assert_array_equal(many.isel(init_time=slice(0, 1)).values, alone.values)
