"""The exercise: it looks like Berkane, nothing changes once it was issued, forecasts err as they
should, and the truth is true.

Seeds here were never used while the simulator was made.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import ConfigError, Region, Settings, load_region
from data_contracts.batch import Batch, FetchRequest
from data_contracts.contract import check
from data_contracts.store import Store
from features.hazards import Options as HazardOptions
from features.hazards import hazards
from sources import is_exercise, sources, sources_of
from sources.common.province import climate
from sources.common.province.climate import (
    COAST_HEIGHT,
    COAST_LATITUDE,
    COAST_MAXIMUM,
    COAST_MINIMUM,
    COAST_RAIN,
    INLAND_HEIGHT,
    INLAND_LATITUDE,
    INLAND_MAXIMUM,
    INLAND_MINIMUM,
    INLAND_RAIN,
    WET_DAYS,
)
from sources.common.province.region import locations_table, world_of
from sources.common.province.simulation import Run, simulate
from sources.common.province.world import CHANNELS, LEADS, SYNOPTIC, World
from sources.exercise import fetch, record_table
from sources.exercise.ahead import Forecasts, event_of, issue_forecasts, truth
from sources.exercise_sensors import POWER_ON_READING, readings
from sources.exercise_sensors import fetch as fetch_sensors

START, END = np.datetime64("1991-01-01"), np.datetime64("2020-12-31")
PLACES = ("coast", "inland", "plain", "river")


def world(
    seed: int,
    variants: tuple[str, ...] = (),
    names: tuple[str, ...] = PLACES,
    start: np.datetime64 = START,
) -> World:
    """Four places: the two that the normals are of, one on the plain between them, and one on the
    river."""
    place = {
        "coast": (COAST_LATITUDE, -2.3, COAST_HEIGHT),
        "inland": (INLAND_LATITUDE, -2.4, INLAND_HEIGHT),
        "plain": (34.92, -2.32, 150.0),
        "river": (34.90, -2.63, 100.0),
    }
    latitude, longitude, elevation = np.array([place[name] for name in names]).T
    return World(
        seed,
        start,
        names,
        latitude,
        longitude,
        elevation,
        np.array([name == "river" for name in names]),
        frozenset(variants),
    )


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(world(70_001), END)


@pytest.fixture(scope="module")
def runs(run: Run) -> list[Run]:
    return [run, *(simulate(world(seed), END, layers=False) for seed in (70_002, 70_003, 70_004))]


@pytest.fixture(scope="module")
def issued(run: Run) -> Forecasts:
    """14 years of forecasts, the first seven by the old model."""
    return issue_forecasts(
        run,
        np.datetime64("2003-01-01"),
        np.datetime64("2016-12-20"),
        5,
        np.datetime64("2010-01-01"),
    )


def by_month(values: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Monthly means of (day, place): (12, place)."""
    months = days.astype("datetime64[M]").astype(int) % 12
    return np.stack([values[months == month].mean(axis=0) for month in range(12)])


def by_year(values: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Yearly groups of a series: (year, day), 366th days left out."""
    years = days.astype("datetime64[Y]").astype(int)
    return np.stack([values[years == year][:365] for year in np.unique(years)])


def anomaly(values: np.ndarray, days: np.ndarray) -> np.ndarray:
    """A series less its season, four harmonics of the year."""
    angle = 2 * np.pi * (days - days[0]).astype(int)[:, None] / 365.2425 * np.arange(1, 5)
    waves = np.concatenate([np.ones((len(days), 1)), np.cos(angle), np.sin(angle)], axis=1)
    return values - waves @ np.linalg.lstsq(waves, values, rcond=None)[0]


def lag(values: np.ndarray, days: int) -> float:
    return float(np.corrcoef(values[:-days], values[days:])[0, 1])


# The same bytes


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    end = np.datetime64("1994-12-31")
    one, again, other = (
        record_table(simulate(world(seed), end)) for seed in (70_010, 70_010, 70_011)
    )
    assert one.equals(again)
    assert not one.equals(other)


@pytest.mark.parametrize("variants", [(), ("no_memory",)])
def test_a_later_end_changes_no_earlier_day(variants: tuple[str, ...]) -> None:
    """Records until one day, the day after and 400 days after agree on all days they share.

    So do their forecasts.
    """
    end = np.datetime64("1994-06-30")
    made = [simulate(world(70_012, variants), end + more) for more in (0, 1, 400)]
    for longer in made[1:]:
        for name, values in made[0].fields.items():
            np.testing.assert_array_equal(values, longer.fields[name][: len(values)], err_msg=name)
    since, change = end - 20, end - 10
    first, later = (
        issue_forecasts(one, since, last, 4, change)
        for one, last in ((made[0], end + 1), (made[2], end + 60))
    )
    assert (
        first.init[-1] == end + 1
    )  # the forecast of the morning after the newest day of the record
    for name, values in first.values.items():
        np.testing.assert_array_equal(values, later.values[name][: len(values)], err_msg=name)


def test_a_place_does_not_depend_on_the_others() -> None:
    end = np.datetime64("1993-12-31")
    all_places, two = (
        simulate(world(70_013), end),
        simulate(world(70_013, names=("river", "coast")), end),
    )
    days = end - 30, end
    forecasts = [issue_forecasts(one, *days, 3, end - 15) for one in (all_places, two)]
    for here, name in enumerate(two.world.ids):
        there = all_places.world.ids.index(name)
        for variable, values in two.fields.items():
            np.testing.assert_array_equal(
                values[:, here],
                all_places.fields[variable][:, there],
                err_msg=f"{variable} at {name}",
            )
        for variable, values in forecasts[1].values.items():
            np.testing.assert_array_equal(
                values[:, :, here],
                forecasts[0].values[variable][:, :, there],
                err_msg=f"{variable} at {name}",
            )


def test_a_run_without_layers_is_the_same_record(run: Run) -> None:
    plain = simulate(run.world, np.datetime64("1992-12-31"), layers=False)
    for name, values in plain.fields.items():
        np.testing.assert_array_equal(values, run.fields[name][: len(values)], err_msg=name)
    with pytest.raises(ValueError, match="without layers"):
        issue_forecasts(plain, START + 30, START + 40, 2, START)


def test_thirty_years_of_sixteen_places_take_less_than_a_minute() -> None:
    began = time.process_time()
    sixteen = world_of(load_region("berkane-exercise"))
    made = simulate(dataclasses.replace(sixteen, seed=70_014), sixteen.start + 30 * 365)
    assert made.fields["precipitation"].shape == (30 * 365 + 1, 16)
    assert time.process_time() - began < 60


# Looks like Berkane


def published(place: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Monthly Tmax, Tmin and rain of the coast and inland stations, as printed."""
    coast, inland = (
        (COAST_MAXIMUM, COAST_MINIMUM, COAST_RAIN),
        (INLAND_MAXIMUM, INLAND_MINIMUM, INLAND_RAIN),
    )
    return tuple(np.array(figures) for figures in (coast if place == "coast" else inland))  # type: ignore[return-value]


@pytest.mark.parametrize("place", ["coast", "inland"])
def test_monthly_normals_are_the_published_ones(runs: list[Run], place: str) -> None:
    """Over 120 years a monthly mean of Tmax is known to about 0.12 degC, of rain to about a
    tenth."""
    column = PLACES.index(place)
    means = {
        name: np.mean([by_month(one.fields[name], one.days)[:, column] for one in runs], axis=0)
        for name in runs[0].fields
    }
    maximum, minimum, rain = published(place)
    np.testing.assert_allclose(means["air_temperature_max"], maximum, atol=0.6)
    np.testing.assert_allclose(means["air_temperature_min"], minimum, atol=0.6)
    lengths = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    np.testing.assert_allclose(means["precipitation"] * lengths, rain, rtol=0.3, atol=2.5)
    assert (means["precipitation"] * lengths).sum() == pytest.approx(rain.sum(), rel=0.1)


def test_days_with_rain_are_as_many_as_on_the_coast(runs: list[Run]) -> None:
    wet = np.mean(
        [by_month(one.fields["precipitation"] >= 1, one.days)[:, 0] for one in runs], axis=0
    )
    np.testing.assert_allclose(wet, WET_DAYS, atol=0.035)


def test_rain_is_intermittent_clustered_and_heavy(runs: list[Run]) -> None:
    """AEMET's record of Melilla 1981-2010: lag-1 correlation of wet days 0.30, coefficient of
    variation of wet days' rain 1.47,
    yearly highest day 57 mm on average, yearly sums 389 mm with a standard deviation of 135."""
    for one in runs:
        rain = one.fields["precipitation"][:, 0]
        wet = anomaly((rain >= 1).astype(float), one.days)
        assert 0.2 < lag(wet, 1) < 0.42
        assert lag(wet, 5) < 0.15
        assert 1.1 < rain[rain >= 1].std() / rain[rain >= 1].mean() < 2.1
        assert 38 < by_year(rain, one.days).max(axis=1).mean() < 80
        assert 85 < by_year(rain, one.days).sum(axis=1).std() < 200


def test_temperature_persists_has_a_slow_mode_and_a_longer_hot_tail(runs: list[Run]) -> None:
    """Lag correlations of Melilla's and Berkane's Tmax anomalies: 0.58-0.69, 0.36-0.43, 0.21-0.30
    after 1, 2 and 5 days, 0.1 after 20."""
    for one in runs:
        hot = anomaly(one.fields["air_temperature_max"][:, 2], one.days)
        assert 0.52 < lag(hot, 1) < 0.72
        assert 0.12 < lag(hot, 5) < 0.35
        assert 0.05 < lag(hot, 20) < 0.25
        assert 2.3 < hot.std() < 3.4
        skew = ((hot - hot.mean()) ** 3).mean() / hot.std() ** 3
        tails = ((hot - hot.mean()) ** 4).mean() / hot.std() ** 4
        assert 0.2 < skew < 0.9
        assert tails > 3.1
        assert 37 < one.fields["air_temperature_max"][:, 2].max() < 52


def test_the_climate_warms_by_four_tenths_a_decade(run: Run) -> None:
    still = simulate(world(run.world.seed, ("no_trend",)), END, layers=False)
    warmer = run.fields["air_temperature_max"] - still.fields["air_temperature_max"]
    decades = np.arange(len(run.days)) / 3652.5
    assert np.polyfit(decades, warmer.mean(axis=1), 1)[0] == pytest.approx(0.4, abs=0.01)


def test_without_memory_yesterday_tells_nothing() -> None:
    made = simulate(world(70_020, ("no_memory", "no_trend")), END, layers=False)
    for name, column in (
        ("air_temperature_max", 2),
        ("precipitation", 0),
        ("river_discharge", 3),
        ("soil_moisture", 0),
    ):
        series = anomaly(made.fields[name][:, column], made.days)
        assert abs(lag(series, 1)) < 0.05, name  # 10,958 days: five standard errors


def test_the_river_floods_a_dry_commune(runs: list[Run]) -> None:
    """The mean flow is near the 26.5 m3/s of the Moulouya, and most floods come while the commune
    has had next to no rain."""
    flow = np.concatenate([one.fields["river_discharge"][:, 3] for one in runs])
    assert 15 < flow.mean() < 45
    assert np.isnan(runs[0].fields["river_discharge"][:, :3]).all()
    dry = []
    for one in runs:
        flow, rain = one.fields["river_discharge"][:, 3], one.fields["precipitation"][:, 3]
        flood = np.flatnonzero(flow > np.quantile(flow, 0.995))
        dry += [rain[max(0, day - 2) : day + 1].sum() < 2 for day in flood]
        assert lag(np.log(flow), 1) > 0.8
    assert np.mean(dry) > 0.15


def test_evapotranspiration_and_soil_are_those_of_a_mediterranean_plain(run: Run) -> None:
    """Reference evapotranspiration of such plains is about 1,100 to 1,500 mm a year, with its peak
    in July."""
    water = by_month(run.fields["potential_evapotranspiration"], run.days)[:, 2]
    assert (
        1000
        < by_year(run.fields["potential_evapotranspiration"][:, 2], run.days).sum(axis=1).mean()
        < 1600
    )
    assert water.argmax() == 6
    soil = by_month(run.fields["soil_moisture"], run.days)[:, 2]
    assert soil.argmax() in (0, 1, 2) and soil.argmin() in (6, 7, 8)
    assert lag(anomaly(run.fields["soil_moisture"][:, 2], run.days), 10) > 0.6


def test_the_contract_accepts_every_cell(run: Run) -> None:
    region = load_region("berkane-exercise")
    places = locations_table(region, run.world)
    assert check(Batch(record_table(run), places), "exercise", False).withheld.empty


# Forecasts


def errors(
    run: Run, issued: Forecasts, since: str, until: str, lead: int, column: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Error of the ensemble mean of Tmax at a lead (n,), and the members' variance (n,), on days
    none is missing."""
    at = (issued.init >= np.datetime64(since)) & (issued.init < np.datetime64(until))
    values = issued.values["air_temperature_max"][at, lead, column]
    outcome = run.fields["air_temperature_max"][
        (issued.init[at] - run.days[0]).astype(int) + lead, column
    ]
    whole = np.isfinite(values).all(axis=1)
    return values[whole].mean(axis=1) - outcome[whole], values[whole].var(axis=1, ddof=1)


@pytest.mark.parametrize(("lead", "rmse"), [(1, 1.3), (5, 2.2)])
def test_forecast_errors_grow_as_at_a_real_station_and_ensembles_are_overconfident(
    run: Run, issued: Forecasts, lead: int, rmse: float
) -> None:
    """Issue 4: RMSE 1.3 degC at 24 h growing to 2.2 at 120 h, with a spread about half of that."""
    error, variance = errors(run, issued, "2003-01-01", "2010-01-01", lead)
    found = error.std()
    assert found == pytest.approx(rmse, abs=0.25)
    assert 0.4 < np.sqrt(variance.mean()) / found < 0.62


def test_a_change_of_model_changes_the_bias(run: Run, issued: Forecasts) -> None:
    old, new = (
        errors(run, issued, *era, 1)[0].mean()
        for era in (("2003-01-01", "2010-01-01"), ("2010-01-01", "2016-12-01"))
    )
    assert abs(new - old) > 0.3
    far = errors(run, issued, "2003-01-01", "2010-01-01", 9)[0].mean()
    assert far < old - 0.2  # the old model cools with lead


def test_what_a_forecast_knows_at_a_lead_is_what_has_been_revealed(run: Run) -> None:
    """The known part of a standard normal innovation has the variance 1 - unknown(lead).

    The rest is independent of it.
    """
    temperature = list(CHANNELS).index("temperature")
    parts = run.known.local[:, :, temperature, 0].astype(float)
    whole, at_lead = parts[0], parts[1:]
    assert whole.std() == pytest.approx(1.0, abs=0.03)
    for lead in range(LEADS):
        assert at_lead[lead].var() == pytest.approx(1 - SYNOPTIC[lead], abs=0.05)
        if lead < LEADS - 1:
            assert abs(np.corrcoef(at_lead[lead], whole - at_lead[lead])[0, 1]) < 0.04
    assert (at_lead[-1] == 0).all()


def test_some_members_and_some_runs_never_arrive(issued: Forecasts) -> None:
    missing = np.isnan(issued.values["air_temperature_max"])
    assert (missing == missing[:, :1, :1]).all()  # at all leads and places, or at none
    whole, members = missing[:, 0, 0].all(axis=1), missing[:, 0, 0]
    assert 0.001 < whole.mean() < 0.012
    assert 0.005 < members[~whole].mean() < 0.02


# Truth


WARM = np.arange(np.datetime64("2000-05-03"), np.datetime64("2020-10-01"), 13)
WARM = WARM[np.isin(WARM.astype("datetime64[M]").astype(int) % 12, (4, 5, 6, 7, 8))]


def brier(chances: np.ndarray, happened: np.ndarray, draws: int) -> float:
    """Brier score less what a finite number of draws adds to it."""
    return float(((chances - happened) ** 2).mean() - (chances * (1 - chances)).mean() / draws)


def test_the_truth_is_reliable_and_what_forecasts_know_adds_to_it(run: Run) -> None:
    """Chances of a day hotter than usual, from layers and from the past alone, against what
    happened."""
    usual = by_month(run.fields["air_temperature_max"], run.days)

    def hot(fields: dict[str, np.ndarray], days: np.ndarray) -> np.ndarray:
        return (
            fields["air_temperature_max"]
            > usual[days.astype("datetime64[M]").astype(int) % 12] + 2.0
        )

    with_layers, past_alone = (truth(run, WARM, hot, layers=layers) for layers in (True, False))  # type: ignore[arg-type]
    assert with_layers.shape == past_alone.shape == (len(WARM), LEADS, 4)
    rows = (WARM - run.days[0]).astype(int)
    happened = hot(run.fields, run.days)
    previous = 1.0
    for lead in (0, 1, 2, 4, 6):
        outcome, chances, past = (
            happened[rows + lead].astype(float),
            with_layers[:, lead],
            past_alone[:, lead],
        )
        base = outcome.mean() * (1 - outcome.mean())
        skill, skill_past = (
            1 - brier(chances, outcome, 400) / base,
            1 - brier(past, outcome, 400) / base,
        )
        assert skill_past - 0.03 < skill < previous + 0.06
        previous = skill
        for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.01)):
            there = (chances >= low) & (chances < high)
            if (
                there.sum() > 60
            ):  # places share their weather: as few as a quarter of the cells tell something new
                spread = np.sqrt(
                    max(chances[there].mean() * (1 - chances[there].mean()), 0.01) * 4 / there.sum()
                )
                assert abs(chances[there].mean() - outcome[there].mean()) < 3.5 * spread, (
                    lead,
                    low,
                )
    lead_one = happened[rows + 1].astype(float)
    assert (
        brier(with_layers[:, 1], lead_one, 400)
        < brier(past_alone[:, 1], lead_one, 400)
        < lead_one.mean() * (1 - lead_one.mean())
    )


def test_without_forecast_skill_the_truth_is_that_of_the_past_alone() -> None:
    made = simulate(world(70_030, ("no_forecast_skill",)), np.datetime64("1995-12-31"))
    assert (made.known.local[1:] == 0).all() and (made.known.heat[1:] == 0).all()
    days = np.arange(np.datetime64("1994-06-01"), np.datetime64("1994-06-05"))
    warm = [
        truth(made, days, lambda fields, _: fields["air_temperature_max"] > 28, layers=layers)
        for layers in (True, False)
    ]
    np.testing.assert_array_equal(*warm)


def test_the_truth_of_yesterday_is_what_happened(run: Run) -> None:
    """An event that looks back two days is certain at lead 0 where yesterday was wet: the past
    stands in every draw."""
    days = np.arange(np.datetime64("2005-01-10"), np.datetime64("2005-02-10"))

    def wet_lately(fields: dict[str, np.ndarray], days: np.ndarray) -> np.ndarray:
        rain = fields["precipitation"]
        return np.stack(
            [rain[:, max(0, day - 1) : day + 1].sum(axis=1) > 5 for day in range(rain.shape[1])],
            axis=1,
        )

    chances = truth(run, days, wet_lately, draws=20, history=3)  # type: ignore[arg-type]
    yesterday = run.fields["precipitation"][(days - run.days[0]).astype(int) - 1]
    assert (chances[:, 0][yesterday > 5] == 1).all()
    assert (yesterday > 5).any()


@pytest.mark.parametrize(
    ("name", "history", "issued"),
    [
        ("heat", 33, "2010-07-05"),
        ("flash_flood", 5, "2010-11-20"),
        ("river_flood", 2, "2010-12-20"),
    ],
)
def test_the_truth_of_a_hazards_own_events(run: Run, name: str, history: int, issued: str) -> None:
    """Each hazard's own function on the draws.

    On one draw that is the record itself it gives the record's events.
    """
    hazard, options = hazards()[name], HazardOptions()
    arrays = {
        variable: (("time", "location"), values.astype(np.float32))
        for variable, values in run.fields.items()
    }
    record = xr.Dataset(
        arrays, {"time": run.days.astype("datetime64[ns]"), "location": list(run.world.ids)}
    )
    normals = hazard.fit_normals(record, options)
    levels = ("level", "time", "location")
    event = event_of(
        lambda observed, usual: hazard.events(observed, usual, options).transpose(*levels),
        normals,
        run.world.ids,
    )
    expected = hazard.events(record, normals, options).transpose(*levels).values[:, 400:800]
    itself = {
        variable: values[None, 400 - history : 800].astype(np.float32)
        for variable, values in run.fields.items()
    }
    np.testing.assert_array_equal(
        event(itself, run.days[400 - history : 800])[:, 0, history:], expected
    )
    days = np.datetime64(issued) + np.arange(0, 60, 6)
    chances = truth(run, days, event, draws=100, history=history)
    assert chances.shape == (3, len(days), LEADS, 4)
    known = np.isfinite(chances).all(axis=(0, 1, 2))
    assert known.tolist() == ([False, False, False, True] if name == "river_flood" else [True] * 4)
    assert (np.diff(chances[..., known], axis=0) <= 0).all()  # levels are nested
    assert 0 < chances[0][..., known].mean() < 0.9


def test_truth_outside_the_run_is_refused(run: Run) -> None:
    for day in (run.days[0], run.days[-1] + 2):
        with pytest.raises(ValueError, match="issue days must lie"):
            truth(run, np.array([day]), lambda fields, _: fields["precipitation"] > 1, draws=2)


# Sensors


def test_sensors_fail_stick_and_catch_too_little(run: Run) -> None:
    table = readings(run, stuck="plain")
    parts = {str(place): part.set_index("time") for place, part in table.groupby("location")}
    failed = table["air_temperature_max"].isna().mean()
    assert 0.01 < failed < 0.08
    caught = (
        parts["coast"]["precipitation"].sum()
        / run.fields["precipitation"][parts["coast"]["precipitation"].notna(), 0].sum()
    )
    assert 0.75 < caught < 0.98
    same = parts["plain"]["air_temperature_max"].diff() == 0
    spell = same.groupby((~same).cumsum()).sum().max()
    others = max(
        int((part["air_temperature_max"].diff() == 0).rolling(8).sum().max())
        for name, part in parts.items()
        if name != "plain"
    )
    assert spell > 15 and others < 8
    assert (
        parts["river"]["river_level"].notna().any() and parts["plain"]["river_level"].isna().all()
    )
    region = load_region("berkane-exercise")
    withheld = check(
        Batch(table, locations_table(region, run.world)), "exercise_sensors", False
    ).withheld
    starting = withheld["value"] == POWER_ON_READING
    assert starting.any()
    assert set(withheld.loc[~starting, "location"]) == {"plain"}
    assert withheld.loc[~starting, "rule"].str.contains("values must change from day to day").all()


# In a region


@pytest.fixture
def write_region(tmp_path: Path) -> Callable[..., Region]:
    def write(
        options: str = "until: 1997-03-01, members: 2, forecasts_from: 1996-12-01, model_change: "
        "1997-01-15",
        more: str = "",
    ) -> Region:
        path = tmp_path / "drill.yaml"
        path.write_text(
            "name: drill\ntitle: Drill\nsources: [exercise, "
            "exercise_sensors]\nhistory_start: 1996-01-01\n"
            f"source_options:\n  exercise: {{{options}}}\n{more}"
        )
        return load_region(path)

    return write


WRONG = {
    "misspelt": ("sead: 3", "source_options: exercise: unknown key 'sead', did you mean 'seed'?"),
    "no number": (
        "seed: many",
        "source_options: exercise: seed: found 'many', expected a valid integer",
    ),
    "no such variant": (
        "variants: [no_rain]",
        "variants.0: found 'no_rain', expected 'no_memory', 'no_forecast_skill' or 'no_trend'",
    ),
    "ends before it starts": (
        "until: 1995-01-01",
        "would end on 1995-01-01, expected two days or more after history_start 1996-01-01",
    ),
}


@pytest.mark.parametrize(("options", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_option_is_told_in_one_sentence(
    write_region: Callable[..., Region], tmp_path: Path, options: str, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence.replace("?", r"\?")):
        fetch(FetchRequest(write_region(options), Settings(tmp_path)))


def test_a_place_without_coordinates_is_refused(
    write_region: Callable[..., Region], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="locations: 'a' has no latitude or longitude"):
        fetch(FetchRequest(write_region(more="locations: [{id: a}]\n"), Settings(tmp_path)))


def test_options_of_a_source_the_region_does_not_name_are_refused(
    write_region: Callable[..., Region],
) -> None:
    region = write_region().model_copy(update={"sources": ("exercise_sensors",)})
    with pytest.raises(
        ConfigError,
        match="source_options: found 'exercise', expected a source of the region: exercise_sensors",
    ):
        sources_of(region)


def test_another_seed_is_another_region_to_its_models(write_region: Callable[..., Region]) -> None:
    assert (
        write_region("seed: 1").fingerprint
        == write_region("seed: 1").fingerprint
        != write_region("seed: 2").fingerprint
    )


def test_it_says_that_it_is_an_exercise(write_region: Callable[..., Region]) -> None:
    assert is_exercise(write_region())
    assert is_exercise(load_region("berkane-exercise"))
    assert not is_exercise(load_region("tunis"))
    for name, source in sources().items():
        assert source.exercise == name.startswith("exercise")
        assert source.exercise == ("EXERCISE" in source.attribution)
    assert "EXERCISE" in load_region("berkane-exercise").title


def test_the_province_has_its_16_communes_and_4_on_the_river() -> None:
    region = load_region("berkane-exercise")
    made = world_of(region)
    assert len(made.ids) == 16 and made.river.sum() == 4
    assert all({"fr", "ar"} <= set(place.names) for place in region.locations)
    assert region.boundaries is not None and (region.path.parent / region.boundaries).is_file()


def test_any_number_of_places_can_be_made_up(write_region: Callable[..., Region]) -> None:
    few, many = (world_of(write_region(f"places: {count}")) for count in (3, 300))
    assert len(many.ids) == len(set(many.ids)) == 300
    np.testing.assert_array_equal(few.latitude, many.latitude[:3])


def test_a_pull_adds_what_is_new_and_nothing_twice(
    write_region: Callable[..., Region], tmp_path: Path
) -> None:
    """Pulled on two days, the store holds the bytes of one pull on the second.

    An unchanged day brings no new snapshot.
    """
    settings, known = Settings(tmp_path / "two"), sources()
    options = "members: 2, forecasts_from: 1996-12-01, model_change: 1997-01-15, places: 3, until: "
    for end, days in (("1997-03-01", 426), ("1997-03-01", 1), ("1997-03-04", 4)):
        region = write_region(options + end)
        batch = fetch(Store(settings, region).fetch_request("exercise"))
        assert batch.observations["time"].nunique() == days
        assert batch.observations["time"].max() == pd.Timestamp(end)
        assert batch.forecasts["init_time"].max() == pd.Timestamp(end) + pd.Timedelta(1, "D")
        Store(settings, region).ingest(known["exercise"], batch)
        stored = Store(settings, region).ingest(
            known["exercise_sensors"],
            fetch_sensors(Store(settings, region).fetch_request("exercise_sensors")),
        )
    assert (
        not Store(settings, region)
        .ingest(known["exercise"], fetch(Store(settings, region).fetch_request("exercise")))
        .changed
    )
    at_once = Settings(tmp_path / "once")
    for name in region.sources:
        Store(at_once, region).ingest(
            known[name], known[name].fetch(Store(at_once, region).fetch_request(name))
        )
    assert stored.changed
    assert (
        Store(settings, region)
        .observations()
        .load()
        .equals(Store(at_once, region).observations().load())
    )
    one, other = Store(settings, region).forecasts(), Store(at_once, region).forecasts()
    assert one is not None and other is not None and one.load().equals(other.load())
    assert one.sizes["member"] == 2 and one.sizes["lead_time"] == LEADS


def test_another_seed_replaces_what_is_stored(
    write_region: Callable[..., Region], tmp_path: Path
) -> None:
    settings, options = (
        Settings(tmp_path),
        "members: 2, forecasts_from: 1996-12-01, places: 2, until: 1997-02-01, seed: ",
    )
    for seed in (1, 2):
        region = write_region(options + str(seed))
        batch = fetch(Store(settings, region).fetch_request("exercise"))
        assert (
            batch.observations["time"].nunique() == 398
            and batch.forecasts["init_time"].nunique() > 55
        )
        Store(settings, region).ingest(sources()["exercise"], batch)
    found = Store(settings, region).observations()["air_temperature_max"].values
    np.testing.assert_array_equal(
        found.ravel(), batch.observations["air_temperature_max"].to_numpy()
    )


def test_the_record_ends_yesterday_and_forecasts_today(tmp_path: Path) -> None:
    path = tmp_path / "now.yaml"
    recent = date.today().replace(day=1, year=date.today().year - 1)
    path.write_text(
        f"name: now\ntitle: Now\nsources: [exercise]\nhistory_start: {recent}\n"
        f"source_options: {{exercise: {{places: 2, members: 1, forecasts_from: {recent}}}}}\n"
    )
    before = pd.Timestamp.now("UTC").tz_localize(None).normalize()
    batch = fetch(FetchRequest(load_region(path), Settings(tmp_path)))
    after = pd.Timestamp.now("UTC").tz_localize(None).normalize()
    newest = batch.observations["time"].max() + pd.Timedelta(1, "D")
    assert before <= newest <= after
    assert newest - batch.forecasts["init_time"].max() <= pd.Timedelta(
        3, "D"
    )  # a forecast may have been lost


def test_by_default_twelve_years_have_no_forecasts_and_the_model_changes_in_mid_archive() -> None:
    from sources.common.province.region import forecast_days, members_of

    region = load_region("berkane-exercise")
    plain = region.model_copy(update={"source_options": {}})
    assert members_of(plain) == 5 and members_of(plain.model_copy(update={"places": 1_001})) == 0
    assert forecast_days(load_region("berkane-exercise")) == (
        np.datetime64("2008-01-01"),
        np.datetime64("2017-01-01"),
    )


def test_normals_of_the_year_are_smooth_and_keep_their_monthly_means() -> None:
    curve = climate.yearly(COAST_MAXIMUM)
    np.testing.assert_allclose(
        np.add.reduceat(curve, climate.MONTH_STARTS[:-1]) / np.diff(climate.MONTH_STARTS),
        COAST_MAXIMUM,
        atol=0.02,
    )
    assert np.abs(np.diff(np.append(curve, curve[0]))).max() < 0.2
    assert climate.yearly(COAST_RAIN).min() >= 0
