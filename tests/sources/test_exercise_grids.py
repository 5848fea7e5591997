"""The exercise on grids: a new day costs a day, tiles fit together, every place has its climate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sources.exercise
from configs import Region, Settings, load_region
from data_contracts.batch import Batch, FetchRequest, StoredRecord
from data_contracts.contract import check
from data_contracts.store import Store
from sources import sources as known_sources
from sources.common.province.climate import DAYS, beyond_province, climate
from sources.common.province.region import world_of
from sources.common.province.resume import keep_checkpoint, kept_checkpoint
from sources.common.province.simulation import Run, simulate
from sources.common.province.world import World, position_of, stream

SOURCE = known_sources()["exercise"]
START = np.datetime64("2001-01-01")


def world(seed: int = 80_001, variants: tuple[str, ...] = (), count: int = 5) -> World:
    """Places from the coast to the hills, every second on the river."""
    number = np.arange(count)
    return World(
        seed,
        START,
        tuple(f"p{one}" for one in number),
        34.7 + 0.1 * number,
        -2.6 + 0.1 * number,
        100.0 * number,
        number % 2 == 0,
        frozenset(variants),
    )


def require_same(part: Run, whole: Run) -> None:
    """All of a run that began later is what the whole one has of its days."""
    rows = slice(part.offset, part.offset + len(part.days))
    np.testing.assert_array_equal(part.days, whole.days[rows])
    for name, values in part.fields.items():
        np.testing.assert_array_equal(values, whole.fields[name][rows], name)
    for one in dataclasses.fields(part.states):
        mine, theirs = getattr(part.states, one.name), getattr(whole.states, one.name)
        np.testing.assert_array_equal(mine, theirs[rows], one.name)
    for one in dataclasses.fields(part.known):
        mine, theirs = getattr(part.known, one.name), getattr(whole.known, one.name)
        ahead = slice(part.offset, part.offset + mine.shape[1])
        np.testing.assert_array_equal(mine, theirs[:, ahead], one.name)


@pytest.mark.parametrize("variants", [(), ("no_memory",), ("no_forecast_skill", "no_trend")])
@pytest.mark.parametrize("layers", [False, True])
def test_a_run_that_goes_on_has_the_numbers_of_a_whole_one(
    tmp_path: Path, variants: tuple[str, ...], layers: bool
) -> None:
    """Day by day, over a weekend and over a year, each kept in a file and read again."""
    place, run = world(variants=variants), None
    for days in (2, 400, 1, 1, 3, 365):
        until = (START - 1 if run is None else run.days[-1]) + days
        after = None if run is None else kept_checkpoint(tmp_path / "0.npz", place)
        run = simulate(place, until, layers, after)
        keep_checkpoint(tmp_path / "0.npz", place, run.checkpoint)
        assert len(run.days) == days + (after is not None)
    assert run is not None
    require_same(run, simulate(place, run.days[-1], layers))


def test_a_stream_goes_on_where_it_was() -> None:
    first, second = stream(1, "any"), stream(1, "any")
    whole = first.standard_normal(1_001, dtype=np.float32)
    parts = []
    for count in (1, 332, 0, 667, 1):
        parts.append(second.standard_normal(count, dtype=np.float32))
        second = stream(1, "any", position=position_of(second))
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_what_is_kept_of_another_world_or_damaged_is_not_used(tmp_path: Path) -> None:
    place, file = world(), tmp_path / "0.npz"
    assert kept_checkpoint(file, place) is None
    keep_checkpoint(file, place, simulate(place, START + 5, layers=False).checkpoint)
    assert kept_checkpoint(file, place) is not None
    others = [world(seed=80_002), world(variants=("no_trend",)), world(count=4)]
    others.append(dataclasses.replace(place, elevation=place.elevation + 1))
    others.append(dataclasses.replace(place, start=START + 1))
    assert [kept_checkpoint(file, other) for other in others] == [None] * 5
    whole = file.read_bytes()
    for damaged in (whole[:-200], b"", b"\x00" * 500, whole.replace(b"positions", b"posotions")):
        file.write_bytes(damaged)
        assert kept_checkpoint(file, place) is None


# In a region

BOX = "{west: -8, south: 30, east: -7, north: 31, step: 0.25}"


def region_of(folder: Path, until: str, more: str = "", grid: str = BOX) -> Region:
    path = folder / "morocco-exercise.yaml"
    path.write_text(
        "name: morocco-exercise\ntitle: M\nsources: [exercise]\nhistory_start: 2001-01-01\n"
        f"grid: {grid}\nsource_options: {{exercise: {{seed: 80003, until: {until}{more}}}}}\n"
    )
    return load_region(path)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many days each simulation of the source had."""
    days = list[int]()

    def counting(*args, **more) -> Run:
        run = simulate(*args, **more)
        days.append(len(run.days))
        return run

    monkeypatch.setattr(sources.exercise, "simulate", counting)
    yield days


def pulled(region: Region, home: Settings) -> Batch:
    store = Store(home, region)
    batch = SOURCE.fetch(store.fetch_request("exercise"))
    store.ingest(SOURCE, batch)
    return batch


def stored(batch: Batch) -> StoredRecord:
    """What a store holds of a batch's observations."""
    values = batch.observations.drop(columns="river_discharge")
    return StoredRecord(values.set_index(["time", "location"]).to_xarray())


def test_a_new_day_simulates_a_day(home: Settings, tmp_path: Path, simulated: list[int]) -> None:
    """The newest stored day is simulated again, to see that the store is of this world."""
    for until in ("2001-03-01", "2001-03-01", "2001-03-09"):
        region = region_of(tmp_path, until)
        batch = pulled(region, home)
    assert simulated == [60, 1, 9]
    assert batch.observations["time"].nunique() == 9

    once = Settings(tmp_path / "once")
    pulled(region, once)
    mine, theirs = (Store(each, region).observations().load() for each in (home, once))
    assert mine.equals(theirs) and mine.sizes == {"time": 68, "location": 16, "variable": 9}


def test_forecasts_go_on_too(home: Settings, tmp_path: Path, simulated: list[int]) -> None:
    more = ", members: 2, forecasts_from: 2001-01-20"
    for until in ("2001-02-10", "2001-02-12"):
        region = region_of(tmp_path, until, more)
        batch = pulled(region, home)
    assert simulated == [41, 3]
    assert batch.forecasts["init_time"].nunique() <= 3
    once = Settings(tmp_path / "once")
    pulled(region, once)
    mine, theirs = (Store(each, region).forecasts() for each in (home, once))
    assert mine is not None and theirs is not None and mine.load().equals(theirs.load())


def test_a_first_forecast_may_be_of_before_what_was_kept(
    home: Settings, tmp_path: Path, simulated: list[int]
) -> None:
    region = region_of(tmp_path, "2001-02-10", ", members: 0")
    first = SOURCE.fetch(FetchRequest(region, home))
    later = region_of(tmp_path, "2001-02-11", ", members: 2, forecasts_from: 2001-02-01")
    batch = SOURCE.fetch(FetchRequest(later, home, stored(first)))
    assert simulated == [41, 2, 42]
    assert batch.observations["time"].nunique() == 2
    assert batch.forecasts["init_time"].nunique() >= 10


def test_a_store_that_is_behind_is_filled_from_the_start(
    home: Settings, tmp_path: Path, simulated: list[int]
) -> None:
    """A run may have died after it simulated and before it stored."""
    first = SOURCE.fetch(FetchRequest(region_of(tmp_path, "2001-02-10"), home))
    request = FetchRequest(region_of(tmp_path, "2001-02-20"), home, stored(first))
    batches = [SOURCE.fetch(request), SOURCE.fetch(request)]
    assert simulated == [41, 11, 51]
    pd.testing.assert_frame_equal(batches[0].observations, batches[1].observations)
    assert batches[0].observations["time"].min() == pd.Timestamp("2001-02-10")


def test_another_seed_is_simulated_from_its_start(
    home: Settings, tmp_path: Path, simulated: list[int]
) -> None:
    region = region_of(tmp_path, "2001-02-10")
    first = SOURCE.fetch(FetchRequest(region, home))
    other = {"exercise": region.source_options["exercise"] | {"seed": 80_004}}
    region = region.model_copy(update={"source_options": other})
    batch = SOURCE.fetch(FetchRequest(region, home, stored(first)))
    assert simulated == [41, 41] and batch.observations["time"].nunique() == 41


def test_tiles_have_the_weather_of_the_whole_region(home: Settings, tmp_path: Path) -> None:
    """The halves of a box, each simulated apart, are the box: its weather is one."""
    region = region_of(tmp_path, "2001-06-30")
    table = SOURCE.fetch(FetchRequest(region, home)).observations
    halves = []
    for number, cells in enumerate((region.locations[:7], region.locations[7:])):
        update = {"name": f"{region.name}/000-00{number}", "grid": None, "locations": cells}
        tile = region.model_copy(update=update)
        halves.append(SOURCE.fetch(FetchRequest(tile, home)).observations)
    order = ["time", "location"]
    apart = pd.concat(halves).sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(apart, table.sort_values(order, ignore_index=True))


def test_near_cells_have_like_weather_and_far_ones_do_not(home: Settings, tmp_path: Path) -> None:
    grid = "{west: -8, south: 30, east: 0, north: 31, step: 0.5}"
    region = region_of(tmp_path, "2003-12-31", grid=grid)
    table = SOURCE.fetch(FetchRequest(region, home)).observations
    hottest = table.pivot(index="time", columns="location", values="air_temperature_max")
    unusual = hottest - hottest.rolling(61, center=True, min_periods=1).mean()
    like = unusual.corr()
    near, far = (like.loc["N30.25W007.75", name] for name in ("N30.25W007.25", "N30.25W000.25"))
    assert near > 0.9 > 0.8 > far > 0.3  # 48 and 720 km: heat waves are everybody's


# The climate beyond the province


def test_the_province_keeps_its_climate() -> None:
    places = world_of(load_region("berkane-exercise"))
    warmer, wetter = beyond_province(places.latitude, places.longitude)
    assert (warmer == 0).all() and (wetter == 1).all()


def yearly_means(latitude: list[float], longitude: float = -2.5) -> tuple[np.ndarray, np.ndarray]:
    """Mean Tmax (degC) and relative wetness of places at sea level."""
    north, zero = np.array(latitude), np.zeros(len(latitude))
    table = climate(north, zero + longitude, zero, zero + 1)
    return table.maximum.mean(axis=0), beyond_province(north, zero + longitude)[1]


def test_the_south_is_hotter_and_drier_and_the_north_colder_and_wetter() -> None:
    warmth, wetness = yearly_means([25.0, 28.0, 31.0, 35.0, 40.0, 45.0, 55.0])
    assert (np.diff(warmth) < 0).all() and (np.diff(wetness)[[0, 1, 2, 4, 5]] > 0).all()
    assert warmth[0] < 32 and warmth[-1] > 5


def test_the_climate_is_smooth_and_finite_everywhere() -> None:
    """A tenth of a degree changes Tmax by a tenth of a degree Celsius and rain by a tenth, but
    within the province, where the hills rise behind the coast."""
    north = np.round(np.arange(-90, 90.01, 0.1), 1)
    east = np.zeros(len(north)) - 180
    while east[0] < 180:
        table = climate(north, east, 0 * north, 0 * north + 1)
        for one in dataclasses.fields(table):
            values = getattr(table, one.name)
            assert np.isfinite(values).all() and values.shape[0] == DAYS, one.name
        outside = (north[1:] < 34.6) | (north[:-1] > 35.2)
        warmer, wetter = beyond_province(north, east)
        assert np.abs(np.diff(warmer)).max() < 0.1 and np.abs(np.diff(np.log(wetter))).max() < 0.1
        assert np.abs(np.diff(table.maximum.mean(axis=0)))[outside].max() < 0.2
        east = east + 120


def test_seasons_fade_to_the_equator_and_turn_beyond_it() -> None:
    """January is the row 15, July 196."""
    north = np.array([35.0, 15.0, 0.0, -15.0, -35.0])
    table = climate(north, 0 * north - 2.5, 0 * north, 0 * north + 1)
    swing = table.maximum[196] - table.maximum[15]
    assert swing[0] > swing[1] > 5 and swing[4] < swing[3] < -5 and abs(swing[2]) < 0.01
    assert (np.sign(table.radiation[196] - table.radiation[15]) == [1, 1, -1, -1, -1]).all()


@pytest.mark.parametrize("south", [-35, 0, 28, 60])
def test_the_contract_accepts_the_weather_of_any_latitude(
    home: Settings, tmp_path: Path, south: int
) -> None:
    grid = f"{{west: 20, south: {south}, east: 22, north: {south + 2}, step: 1}}"
    region = region_of(tmp_path, "2003-12-31", grid=grid)
    batch = SOURCE.fetch(FetchRequest(region, home))
    checked = check(batch, "exercise", False)
    assert checked.withheld.empty
