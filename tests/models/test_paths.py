"""Error models are refitted each quarter, and sooner only where there is a reason to."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from province import Made, make

from features.hazards import Options, hazards
from models import paths
from models.paths import read_archive, rolling_chances

SEASON = Options((5, 10))


@pytest.fixture(scope="module")
def made() -> Made:
    return make(83_201, ids=("plain",), until=np.datetime64("2011-06-30"))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """Of each fit the day and the months it is for, as they are made."""
    seen: list[tuple[str, tuple[int, ...]]] = []
    learn = paths.learn_errors

    def noted(*arguments, **named):  # type: ignore[no-untyped-def]
        seen.append((str(arguments[7])[:10], tuple(arguments[5])))
        return learn(*arguments, **named)

    monkeypatch.setattr(paths, "learn_errors", noted)
    return seen


def rolled(made: Made, first: str, last: str, since: str, step: int = 10, **given) -> xr.DataArray:  # type: ignore[no-untyped-def]
    """Chances of heat on every ``step``-th day by forecasts from ``since`` on."""
    hazard = hazards()["heat"]
    forecasts = made.forecasts[["air_temperature_max"]].sel(init_time=slice(since, None))
    normals = hazard.fit_normals(made.observations.sel(time=slice("1996", "2006")), SEASON)
    days = np.arange(first, last, step, dtype="datetime64[D]")
    archive = read_archive(forecasts, made.observations)
    return rolling_chances(
        hazard, archive, made.observations, normals, SEASON, days, paths=20, **given
    )


def test_a_settled_archive_is_fitted_each_quarter(
    made: Made, fits: list[tuple[str, tuple[int, ...]]]
) -> None:
    rolled(made, "2009-01-01", "2009-12-31", "2007-01-01")
    assert [day for day, _ in fits] == ["2009-01-01", "2009-04-01", "2009-07-10", "2009-10-08"]
    assert [months for _, months in fits] == [(1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12)]


def test_a_young_archive_is_fitted_each_month_until_it_is_settled(
    made: Made, fits: list[tuple[str, tuple[int, ...]]]
) -> None:
    told = rolled(made, "2009-04-01", "2009-09-01", "2009-03-01")
    assert [day[:7] for day, _ in fits] == [f"2009-0{month}" for month in range(4, 9)]
    spoken = np.isfinite(told.sel(level=1).isel(cell=0).values).any(axis=1)
    assert not spoken[told["init_time"].values < np.datetime64("2009-06-01")].any()
    assert spoken[told["init_time"].values >= np.datetime64("2009-06-10")].all()


def test_another_forecast_model_is_fitted_at_once(
    made: Made, fits: list[tuple[str, tuple[int, ...]]]
) -> None:
    """It changes on 10 June 2010, is silent on 1 July, and fitted anew with 30 days in August."""
    change = [np.datetime64("2010-06-10")]
    told = rolled(made, "2010-05-01", "2010-12-31", "2007-01-01", step=7, changes=change)
    assert [day[:7] for day, _ in fits] == ["2010-05", "2010-07", "2010-08", "2010-10"]
    spoken = np.isfinite(told.sel(level=1).isel(cell=0).values).any(axis=1)
    july = told["init_time"].dt.month.values == 7
    assert not spoken[july].any()
    assert spoken[told["init_time"].dt.month.values == 9].all()
    assert told.attrs["left_out"] == []


def test_a_day_alone_is_told_as_in_the_backtest(made: Made) -> None:
    """What the first day of a fit gives does not depend on the days that follow."""
    many = rolled(made, "2009-07-01", "2009-09-30", "2007-01-01")
    one = rolled(made, "2009-07-01", "2009-07-02", "2007-01-01")
    np.testing.assert_array_equal(many.isel(init_time=slice(0, 1)).values, one.values)
