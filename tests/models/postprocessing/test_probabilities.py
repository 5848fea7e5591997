"""Probabilities of events: nested, without look-ahead, silent where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from province import SEASON, Province, context_of, normals_of

from configs.remarks import from_json
from features.build import build_outcome
from features.hazards import hazards
from models.postprocessing.calibration import (
    Calibration,
)
from models.postprocessing.forecast_pairs import (
    pair_archive,
)
from models.postprocessing.probabilities import (
    EventContext,
    event_probabilities,
    share_of_trajectories,
    trajectory_quantiles,
)
from models.postprocessing.screening import calibrate_on

DAY = np.timedelta64(1, "D")


DAYS = np.array(["2012-07-02", "2012-07-17", "2012-07-30"], dtype="datetime64[ns]")


@pytest.mark.parametrize("name", ["heat", "flash_flood", "river_flood"])
def test_probabilities_are_nested_by_level_and_by_window(
    province: Province, archive: dict[str, xr.Dataset], july: Calibration, name: str
) -> None:
    """And finite wherever all days were forecast: for the river at the one place that has it."""
    hazard, normals = hazards()[name], normals_of(name, province.observations)
    p = event_probabilities(
        EventContext(hazard, province.observations, normals, SEASON), july, archive, DAYS
    )
    there = p.values[..., [3]] if name == "river_flood" else p.values
    assert np.isfinite(there[:7]).all()
    assert ((there >= 0) & (there <= 1) | np.isnan(there)).all()
    assert not (np.diff(there, axis=1) > 0).any()
    single, three, seven = there[:7], *there[-2:]
    assert (three >= single[:3].max(axis=0)).all()
    assert (seven >= three).all()
    assert (seven <= single.sum(axis=0) + 1e-9).all()


def test_quantiles_of_trajectories_are_of_the_days_that_the_probabilities_count(
    province: Province, archive: dict[str, xr.Dataset], july: Calibration
) -> None:
    """Where half of them are above the threshold of level 1, so is their middle."""
    context = context_of("heat", province.observations)
    p = event_probabilities(context, july, archive, DAYS).values[:7, 0]
    quantiles = trajectory_quantiles(context, july, archive, DAYS, (0.05, 0.5, 0.95))
    assert (np.diff(quantiles[:, :7], axis=0) > 0).all()
    assert np.isnan(quantiles[:, -2:]).all(), "a window of several days has none"
    valid = [DAYS + np.timedelta64(lead, "D") for lead in range(7)]
    threshold = np.stack(
        [hazards()["heat"].meaning.thresholds(day, context.normals, SEASON)[0, 0] for day in valid]
    )
    low, middle, high = quantiles[:, :7]
    assert (p[middle > threshold] >= 0.5).all() and (p[middle < threshold] <= 0.5).all()
    assert (p[low > threshold] >= 0.95).all() and (p[high < threshold] <= 0.05).all()
    assert (middle > threshold).any() and (middle < threshold).any()


@pytest.fixture(scope="module")
def with_and_without_nonsense(
    province: Province,
) -> list[tuple[xr.Dataset, dict[str, xr.Dataset], Calibration]]:
    """Observations, pairs and calibration; again with nonsense from the morning of DAYS[1] on."""
    observations, forecasts, day = province.observations, province.forecasts, DAYS[1]
    nonsense = observations.assign(
        {
            v: observations[v].where(observations["time"] < day, 7.0).assign_attrs(delay_days=1)
            for v in observations
        }
    )
    worlds = []
    for record, runs in (
        (observations, forecasts),
        (nonsense, forecasts.where(forecasts["init_time"] <= day, 3.0)),
    ):
        pairs = pair_archive(runs, record)
        worlds.append((record, pairs, calibrate_on(pairs, record, day, months=(7,))))
    return worlds


@pytest.mark.parametrize("name", ["heat", "flash_flood", "river_flood"])
def test_nothing_after_the_issue_day_matters(
    province: Province, with_and_without_nonsense, name: str
) -> None:
    """Runs and observations from the morning on are nonsense: no number changes."""
    hazard, normals = hazards()[name], normals_of(name, province.observations)
    probabilities = [
        event_probabilities(
            EventContext(hazard, record, normals, SEASON), calibration, pairs, DAYS[1:2]
        ).values
        for record, pairs, calibration in with_and_without_nonsense
    ]
    np.testing.assert_array_equal(*probabilities)


def test_deterministic_forecasts_alone_work(province: Province) -> None:
    alone = province.forecasts.isel(member=0, drop=True)
    pairs = pair_archive(alone, province.observations)
    calibration = calibrate_on(
        pairs, province.observations, np.datetime64("2012-07-01"), months=(7,)
    )
    p = event_probabilities(context_of("heat", province.observations), calibration, pairs, DAYS)
    assert np.isfinite(p.values[:10]).all()
    assert np.isnan(pairs["air_temperature_max"]["spread"]).all()


def test_a_variable_without_forecasts_is_made_from_the_others_or_the_hazard_is_silent(
    province: Province,
) -> None:
    """Without Tmin the usual range stands for it; without Tmax or discharge nothing does."""
    no_low, neither = (
        province.forecasts.drop_vars("air_temperature_min"),
        province.forecasts[["precipitation"]],
    )
    for forecasts, name, speaks in (
        (no_low, "heat", True),
        (neither, "heat", False),
        (neither, "river_flood", False),
    ):
        pairs = pair_archive(forecasts, province.observations)
        calibration = calibrate_on(
            pairs, province.observations, np.datetime64("2012-07-01"), months=(7,)
        )
        p = event_probabilities(context_of(name, province.observations), calibration, pairs, DAYS)
        assert np.isfinite(p.values[:10]).all() if speaks else np.isnan(p.values).all()


def test_a_lead_left_out_silences_the_cells_that_need_it_and_no_others(province: Province) -> None:
    forecasts = province.forecasts.copy(deep=True)
    forecasts["air_temperature_max"][:, 4:] = np.nan
    pairs = pair_archive(forecasts, province.observations)
    calibration = calibrate_on(
        pairs, province.observations, np.datetime64("2012-07-01"), months=(7,)
    )
    assert any("leads 4, 5, 6" in str(from_json(stored)) for stored in calibration.meta["left_out"])
    p = event_probabilities(context_of("heat", province.observations), calibration, pairs, DAYS)
    spoken = np.isfinite(p.values[:, 0]).all(axis=(1, 2))
    cells = hazards()["heat"].cells
    assert [cell.lead_days + cell.window_days <= 4 for cell in cells] == spoken.tolist()


def test_an_archive_that_ended_says_nothing(
    province: Province, archive: dict[str, xr.Dataset]
) -> None:
    """The last run is of 30 June, or of 1 January: the first still reaches 2 July, at horizon 2."""
    for last, speaks in (("2012-06-30", True), ("2012-01-01", False)):
        old = {name: pairs.sel(init_time=slice(None, last)) for name, pairs in archive.items()}
        calibration = calibrate_on(
            old, province.observations, np.datetime64("2012-07-01"), months=(7,)
        )
        p = event_probabilities(
            context_of("heat", province.observations), calibration, old, DAYS[:1]
        )
        assert np.isfinite(p.values[:8]).all() if speaks else np.isnan(p.values[:, 0]).all()


def test_days_not_yet_observed_are_bridged_by_the_runs_issued_on_them(province: Province) -> None:
    """With a record three days late heat waves are still forecast."""
    late = province.observations.assign(
        {v: province.observations[v].assign_attrs(delay_days=3) for v in province.observations}
    )
    pairs = pair_archive(province.forecasts, late)
    calibration = calibrate_on(pairs, late, np.datetime64("2012-07-01"), months=(7,))
    assert calibration.by_variable["air_temperature_max"]["lead"].values[0] == -2
    p = event_probabilities(context_of("heat", late), calibration, pairs, DAYS)
    assert np.isfinite(p.values[:10]).all()


def test_shares_of_trajectories_are_what_the_outcome_would_be() -> None:
    """One trajectory that is what happened: its share is the outcome, unknown days included."""
    hazard, random = hazards()["flash_flood"], np.random.default_rng(81_003)
    steps = random.integers(0, 4, (40, 2))
    events = np.stack([steps >= level for level in (1, 2, 3)]).astype(float)
    events[:, 17, 1] = np.nan
    coords = {
        "level": [1, 2, 3],
        "time": np.datetime64("2001-01-01", "ns") + np.arange(40) * DAY,
        "location": ["a", "b"],
    }
    happened = xr.DataArray(events, dims=("level", "time", "location"), coords=coords)
    normals = xr.Dataset(coords={"location": ["a", "b"]})
    outcome = build_outcome(hazard, happened, normals, SEASON).values[:, :, :30]
    windows = np.stack([events[:, day : day + 10] for day in range(30)], axis=1)[:, None]
    np.testing.assert_array_equal(share_of_trajectories(hazard, windows), outcome)


@pytest.mark.parametrize("name", ["heat", "flash_flood", "river_flood"])
def test_no_event_looks_further_back_than_the_trajectories_do(
    province: Province, name: str
) -> None:
    hazard, normals = hazards()[name], normals_of(name, province.observations)
    part = province.observations.sel(time=slice("2012-06-01", "2012-09-30"))
    first = hazard.margin_days
    whole = hazard.events(province.observations, normals, SEASON).sel(
        time=part["time"].values[first:]
    )
    np.testing.assert_array_equal(
        hazard.events(part, normals, SEASON).values[:, first:], whole.values
    )


def test_what_events_depend_on_is_seen(province: Province) -> None:
    names = ("heat", "flash_flood", "river_flood")
    read = {name: context_of(name, province.observations).variables_read() for name in names}
    assert read == {
        "heat": ["air_temperature_max", "air_temperature_min", "air_temperature_mean"],
        "flash_flood": ["precipitation"],
        "river_flood": ["river_discharge"],
    }
