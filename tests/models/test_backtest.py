from collections.abc import Callable
from itertools import islice

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import Region
from features.build import delays_of, options_for
from features.hazards import hazards
from models.forecasting import forecasters
from models.training import build_training_set, train_model
from models.verification.backtest import TooShort, backtest, folds, joined, reasons_missing
from models.verification.backtest import test_years as years_tested


@pytest.fixture(scope="module")
def record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    return made_record(years=17, seed=7)


@pytest.fixture(scope="module")
def tested(record: xr.Dataset, made_region: Region) -> xr.Dataset:
    return backtest(hazards()["heat"], record, made_region)


def test_folds_test_whole_years_after_the_first_training(record: xr.Dataset) -> None:
    # 17 years: heat trains on min(10, 60 % = 10.2) years first, drought on min(20, 10.2)
    assert years_tested(hazards()["heat"], record) == list(range(2000, 2007))
    assert years_tested(hazards()["drought"], record) == list(range(2001, 2007))


def test_out_of_fold_numbers_are_probabilities_of_scored_days(tested: xr.Dataset) -> None:
    happened = tested["outcome"].values
    for name in ("model", "persistence", "climatology", "published"):
        values = tested[name].values
        assert np.array_equal(np.isfinite(values), np.isfinite(happened))
        assert values[np.isfinite(values)].min() >= 0 and values[np.isfinite(values)].max() <= 1
    assert set(np.unique(tested["init_time"].dt.year)) == set(range(2000, 2007))
    single = tested["outcome"].isel(cell=0).sel(level=1)
    assert set(single["init_time"].dt.month.values[np.isfinite(single.values[:, 0])]) == set(
        range(5, 11)
    )


def test_a_test_year_changes_nothing_before_it(
    record: xr.Dataset, tested: xr.Dataset, made_region: Region
) -> None:
    """Normals, baselines, model and weights of a fold see neither its test year nor a later one."""
    changed = record.copy(deep=True)
    late = changed["time"].dt.year >= 2002
    for name in changed.data_vars:
        changed[name].values[late] = changed[name].values[late][::-1] * 1.5 + 3.0
    hazard = hazards()["heat"]
    again = joined(
        hazard,
        [fold.predictions({}) for fold in islice(folds(hazard, changed, made_region), 3)],
        delays_of(changed),
    )
    assert set(again["init_time"].dt.year.values) == {2000, 2001, 2002}
    before = slice(None, "2001-12-01")
    names = ["model", "persistence", "climatology", "climatology_smoothed", "published"]
    xr.testing.assert_equal(
        tested[names].sel(init_time=before).isel(cell=0),
        again[names].sel(init_time=before).isel(cell=0),
    )
    # the calendar of 2002 is learnt before it, and so is that of the first of January 2002
    climatology = "climatology"
    first = (
        tested[climatology].isel(cell=0).sel(init_time=slice("2002-05-01", "2002-09-01"), level=1)
    )
    assert first.values == pytest.approx(
        again[climatology].isel(cell=0).sel(init_time=first["init_time"], level=1).values
    )


def test_everything_is_learnt_anew_every_third_year(
    record: xr.Dataset, made_region: Region
) -> None:
    tested = {fold.year: fold for fold in folds(hazards()["river_flood"], record, made_region)}
    assert list(tested) == list(range(2000, 2007))
    learnt = {year: fold.training.margins["init_time"].values[-1] for year, fold in tested.items()}
    assert len(set(learnt.values())) == 3 and learnt[2000] == learnt[2002] < learnt[2003]
    for year, last in learnt.items():
        gap = np.datetime64(f"{year}-01-01") - last
        assert gap > np.timedelta64(hazards()["river_flood"].backtesting.gap_days, "D")


def test_live_equals_backtest(record: xr.Dataset, tested: xr.Dataset, made_region: Region) -> None:
    """The model of a fold gives what the backtest gave, without a later observation at hand."""
    hazard = hazards()["heat"]
    delays, options = delays_of(record), options_for(hazard, made_region, record)
    training = record.sel(
        time=slice(
            None, pd.Timestamp(2000, 1, 1) - pd.Timedelta(days=hazard.backtesting.gap_days + 1)
        )
    )
    model = train_model(build_training_set(hazard, training, training, delays, options))
    for day in ("2002-06-10", "2002-07-23", "2002-10-30"):
        known = record.sel(time=slice(None, np.datetime64(day) - np.timedelta64(1, "D")))
        live = forecasters(model, known, np.array([day], "datetime64[ns]"), delays, options)
        for name in ("model", "persistence", "climatology"):
            told, said = tested[name].sel(init_time=day).values, live[name].values[:, :, 0]
            assert said[np.isfinite(told)] == pytest.approx(told[np.isfinite(told)], abs=2e-6)


def test_years_with_too_few_observed_days_are_not_tested(
    record: xr.Dataset, made_region: Region
) -> None:
    holed = record.copy(deep=True)
    first = years_tested(hazards()["flash_flood"], record)[0]
    gone = (holed["time"].dt.year == first) & (holed["time"].dt.month >= 6)
    for name in holed.data_vars:
        holed[name].values[gone] = np.nan
    assert next(folds(hazards()["flash_flood"], holed, made_region)).year == first + 1


def test_a_short_record_is_refused_in_one_sentence(
    made_record: Callable[..., xr.Dataset], made_region: Region
) -> None:
    with pytest.raises(
        TooShort,
        match=r"region testland: the record holds 9\.0 years, a backtest needs 15; add earlier",
    ):
        backtest(hazards()["heat"], made_record(years=9), made_region)


def test_a_record_without_what_a_hazard_needs_says_what_it_lacks(
    made_record: Callable[..., xr.Dataset],
) -> None:
    hot = made_record(years=1, variables=["air_temperature_max", "air_temperature_min"])
    assert str(reasons_missing(hazards()["flash_flood"], hot)) == "the record has no precipitation"
    assert reasons_missing(hazards()["heat"], hot) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        ["precipitation"],
        ["air_temperature_max"],
        ["air_temperature_max", "air_temperature_min", "precipitation"],
    ],
)
def test_any_set_of_variables_backtests_what_it_allows(
    variables: list[str], made_record: Callable[..., xr.Dataset], made_region: Region
) -> None:
    record = made_record(years=15, places=2, variables=variables, start="1991-03-05")
    for hazard in hazards().values():
        if reasons_missing(hazard, record) is None:
            assert np.isfinite(backtest(hazard, record, made_region)["model"]).any()


def test_a_place_without_a_river_does_not_keep_the_others_from_being_tested(
    made_record: Callable[..., xr.Dataset], made_region: Region
) -> None:
    """Four in five days must be observed where the hazard ever was, not everywhere."""
    record = made_record(years=15, places=2, variables=["river_discharge", "precipitation"])
    record["river_discharge"].values[:, 1] = np.nan
    fold = next(folds(hazards()["river_flood"], record, made_region))
    assert (
        np.isfinite(fold.outcome.values[..., 0]).any()
        and not np.isfinite(fold.outcome.values[..., 1]).any()
    )
