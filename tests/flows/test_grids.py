"""A region of a grid: worked in tiles, each cell as a place of an ordinary region is."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lxml.html
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from PIL import Image

from configs import RiskError, Settings, load_region
from configs.tiles import tiles_of
from flows.engine import SETTING, Engine, engine
from reports.exports.table import read_forecast_csv, read_issued
from reports.render.cell_maps import SHADES
from reports.storage.ledger import broken
from reports.text.formatting import COLOUR_WORDS

pytestmark = pytest.mark.timeout(1_200)
ROWS, COLUMNS = 1, 16
"""Two tiles, of 15 cells and of 1; the models learn from all of them."""
DAYS = pd.date_range("2005-01-01", "2020-06-30")
ISSUED = "2020-07-01"


def write_weather(path: Path) -> xr.Dataset:
    """Tmax of a grid as a Zarr store: a season, and noise that lasts for days."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((len(DAYS), ROWS, COLUMNS)).astype(np.float32)
    for day in range(1, len(DAYS)):
        noise[day] = 0.7 * noise[day - 1] + 0.7 * noise[day]
    season = -np.cos(2 * np.pi * (DAYS.day_of_year.to_numpy() - 15) / 365.25)[:, None, None]
    weather = xr.Dataset(
        {
            "air_temperature_max": (
                ("time", "latitude", "longitude"),
                (22 + 9 * season + 3 * noise).astype(np.float32),
                {"units": "degC"},
            )
        },
        {
            "time": DAYS,
            "latitude": 34.0 - 0.5 * (np.arange(ROWS) + 0.5),
            "longitude": -4.0 + 0.5 * (np.arange(COLUMNS) + 0.5),
        },
    )
    weather.to_zarr(path, zarr_format=3, consolidated=False)
    return weather


AREAS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[w, 33.5], [e, 33.5], [e, 34], [w, 34], [w, 33.5]]],
            },
        }
        for name, w, e in (("west", -4.0, 0.25), ("east", 0.25, 4.0))
    ],
}


def write_region(folder: Path, name: str, **more: Any) -> Path:
    path = folder / f"{name}.yaml"
    about = {"name": name, "title": name, "clock": "record", "languages": ["en", "fr", "ar"]}
    source = {"gridded_files": {"path": "weather.zarr"}}
    words = about | {"sources": ["gridded_files"], "source_options": source} | more
    path.write_text(yaml.safe_dump(words), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The region of a grid, and one of the same cells as a list of places."""
    folder = tmp_path_factory.mktemp("grid")
    write_weather(folder / "weather.zarr")
    (folder / "areas.geojson").write_text(json.dumps(AREAS), encoding="utf-8")
    box = {"west": -4.0, "south": 33.5, "east": 4.0, "north": 34.0, "step": 0.5}
    grid = write_region(folder, "meshed", grid=box, boundaries="areas.geojson")
    listed = [
        {"id": cell.id, "latitude": cell.latitude, "longitude": cell.longitude}
        for cell in load_region(grid).locations
    ]
    return {"meshed": grid, "listed": write_region(folder, "listed", locations=listed)}


@pytest.fixture(scope="module")
def homes(
    places: dict[str, Path],
    run_daily: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Settings]:
    """A home of each after its first ``daily``."""
    made = {}
    for name, path in places.items():
        made[name] = Settings(tmp_path_factory.mktemp(name))
        said = run_daily(made[name], load_region(path))
        assert said.status == 0, (said.out, said.err)
    return made


def report(home: Settings, name: str) -> Path:
    return home.published / name / ISSUED


@pytest.fixture(scope="module")
def cells(homes: dict[str, Settings]) -> Iterator[xr.Dataset]:
    with xr.open_zarr(report(homes["meshed"], "meshed") / "forecast.zarr") as stored:
        yield stored.load()


def test_each_cell_is_forecast_as_a_place_is(
    homes: dict[str, Settings], places: dict[str, Path], cells: xr.Dataset
) -> None:
    with xr.open_dataset(report(homes["listed"], "listed") / "forecast.nc") as stored:
        listed = stored.load().isel(init_time=0)
    region = load_region(places["meshed"])
    x, y = (
        xr.DataArray([getattr(place, name) for place in region.locations], dims="location")
        for name in ("longitude", "latitude")
    )
    here = cells.sel(latitude=y, longitude=x, method="nearest").transpose(..., "location")
    order = [place.id for place in region.locations]
    there = listed.assign_coords(location=listed["location"].astype(str)).sel(location=order)
    for name in ("probability", "normal_probability"):
        np.testing.assert_allclose(here[name], there[name], atol=1e-6, err_msg=name)
    assert np.isfinite(here["probability"]).any()
    flags = here["verdict"].attrs["flag_meanings"].split()
    assert {flags[number] for number in np.unique(here["verdict"]) if number < len(flags)}


@pytest.mark.parametrize("tag", ["en", "fr", "ar"])
def test_the_report_has_a_map_of_every_cell(
    homes: dict[str, Settings], cells: xr.Dataset, tag: str
) -> None:
    folder = report(homes["meshed"], "meshed")
    page = lxml.html.parse(folder / f"report.{tag}.html")
    [picture] = page.xpath("//section[@id='heat']//img[@class='map cells']")
    _, _, png = picture.get("src").partition("base64,")
    drawn = Image.open(io.BytesIO(base64.b64decode(png)))
    words = cells["colour"].attrs["flag_meanings"].split()
    heat = cells["colour"].values[cells["hazard"].values == "heat", 0]
    for column in range(COLUMNS):
        there = {words[number] for number in heat[:, column] if number < len(words)}
        highest = next(colour for colour in [*SHADES][::-1] if colour in {*there, ""})
        pixel = drawn.convert("RGB").getpixel(((4 * column + 1) * drawn.width // 64, 9))
        assert "#" + bytes(pixel).hex() == SHADES[highest]
    assert picture.get("alt").count(":") >= 2


def test_the_report_speaks_of_areas_by_their_share(
    homes: dict[str, Settings], cells: xr.Dataset
) -> None:
    """West has 8.5 columns of half a degree, of which the ninth counts half."""
    table = pd.read_csv(report(homes["meshed"], "meshed") / "forecast.csv")
    assert set(table["location"]) == {"west", "east"}
    heat = table[(table["hazard"] == "heat") & (table["location"] == "west")]
    row = heat[heat["level"] == 1].iloc[0]
    number = next(
        n for n in range(cells.sizes["cell"])
        if cells["hazard"].values[n] == row["hazard"]
        and cells["lead_days"].values[n] == row["lead_days"]
        and cells["window_days"].values[n] == row["window_days"]
    )  # fmt: skip
    weight = (
        np.array([1.0] * 8 + [0.5] + [0.0] * 7)
        * np.cos(np.radians(cells["latitude"].values))[:, None]
    )
    chance = cells["normal_probability"].values[number, 0]
    expected = np.nansum(weight * chance) / weight[np.isfinite(chance)].sum()
    assert row["normal_probability"] == pytest.approx(expected, abs=1e-4)


def test_cells_that_were_learnt_from_are_graded(
    homes: dict[str, Settings], places: dict[str, Path]
) -> None:
    netcdf = report(homes["meshed"], "meshed") / "forecast.nc"
    graded = read_issued(netcdf)
    assert set(graded["location"]) == {p.id for p in load_region(places["meshed"]).locations}
    marks = pd.read_parquet(homes["meshed"].published / "meshed" / "marks.parquet")
    assert set(marks["location"]) <= set(graded["location"])
    assert set(marks["region"]) == set(graded["region"]) == {"meshed"}
    assert broken(homes["meshed"].published / "meshed") == ""


def test_a_tile_that_is_damaged_costs_its_own_cells(
    homes: dict[str, Settings], places: dict[str, Path], command: Callable[..., Any], home: Settings
) -> None:
    shutil.copytree(homes["meshed"].home, home.home, dirs_exist_ok=True)
    second = tiles_of(load_region(places["meshed"]))[1].name
    chunks = home.data / "store" / second / "chunks"
    for path in chunks.iterdir():
        path.write_bytes(b"rot")
    said = command(home, "forecast", places["meshed"])
    assert said.status == 3 and second in said.err and "Traceback" not in said.err
    with xr.open_zarr(report(home, "meshed") / "forecast.zarr") as stored:
        known = np.isfinite(stored["normal_probability"].values).any(axis=(0, 1))
    assert known[:, :15].all() and not known[:, 15:].any()


def test_normals_of_a_tile_that_are_damaged_are_learnt_anew(
    homes: dict[str, Settings], places: dict[str, Path], command: Callable[..., Any], home: Settings
) -> None:
    """One bit of one value: nothing but its hash tells."""
    shutil.copytree(homes["meshed"].home, home.home, dirs_exist_ok=True)
    tile = tiles_of(load_region(places["meshed"]))[1].name
    [path] = home.home.rglob(f"{tile.rpartition('/')[2]}-*.nc")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    said = command(home, "forecast", places["meshed"])
    sentence = f"tile {tile}: found no normals that can be read, expected some; run again, which"
    assert said.status == 3 and sentence in said.err
    again = command(home, "forecast", places["meshed"])
    assert again.status == 0 and path.read_bytes() != bytes(content)
    with (
        xr.open_zarr(report(home, "meshed") / "forecast.zarr") as mended,
        xr.open_zarr(report(homes["meshed"], "meshed") / "forecast.zarr") as first,
    ):
        xr.testing.assert_equal(mended, first)


def test_a_note_reaches_the_cells_and_loses_nothing_that_is_graded(
    homes: dict[str, Settings], places: dict[str, Path], command: Callable[..., Any], home: Settings
) -> None:
    shutil.copytree(homes["meshed"].home, home.home, dirs_exist_ok=True)
    folder = report(home, "meshed")
    before, graded = as_bytes(folder), read_issued(folder / "forecast.nc")
    assert command(home, "note", places["meshed"], "Wadi checked.").status == 0
    told = "NOTE of the duty officer: Wadi checked."
    for consolidated in (True, False):
        with xr.open_zarr(folder / "forecast.zarr", consolidated=consolidated) as stored:
            assert stored.attrs["notice"] == told and stored.attrs["Conventions"] == "CF-1.11"
    with xr.open_dataset(folder / "forecast.nc", engine="h5netcdf") as stored:
        assert stored.attrs["notice"] == told
    pd.testing.assert_frame_equal(read_issued(folder / "forecast.nc"), graded)
    assert command(home, "note", "--remove", places["meshed"]).status == 0
    assert as_bytes(folder) == before


def test_what_was_seen_in_an_area_stands_beside_what_was_forecast_for_it(
    homes: dict[str, Settings], places: dict[str, Path], command: Callable[..., Any], home: Settings
) -> None:
    shutil.copytree(homes["meshed"].home, home.home, dirs_exist_ok=True)
    folder = home.published / "meshed"
    table = read_forecast_csv(folder / ISSUED / "forecast.csv")
    heat = table[(table["hazard"] == "heat") & (table["lead_days"] == 0) & (table["level"] == 1)]
    colour = heat[heat["location"] == "west"]["colour"].iloc[0]
    words = [places["meshed"], "People fainted.", "--hazard", "heat", "--day", ISSUED]
    said = command(home, "impact", *words, "--place", "West")
    assert said.status == 0, said.err
    page = (folder / "impacts.html").read_text(encoding="utf-8")
    assert "People fainted." in page and "no forecast of that day" not in page
    assert f"{COLOUR_WORDS[colour]}, and no alert before" in page
    assert "cannot be told: no observation" in page
    elsewhere = command(home, "impact", *words, "--place", "N33.75W003.75")
    assert elsewhere.status == 1 and "expected a place of meshed by its id or name" in elsewhere.err


def as_bytes(folder: Path) -> dict[str, bytes]:
    """The files of a report's numbers."""
    paths = [folder / "forecast.nc", *(folder / "forecast.zarr").rglob("*")]
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A ``dask scheduler`` and two ``dask worker`` processes on loopback."""
    with Cluster(tmp_path_factory.mktemp("dask")) as made:
        yield made


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder: Path, workers: int = 2) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.processes = folder, dict[str, subprocess.Popen[bytes]]()
        self.address, self.workers = "", workers

    def __enter__(self) -> Cluster:
        about = self.folder / "scheduler.json"
        self.start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0",
                   "--no-dashboard", "--scheduler-file", str(about))  # fmt: skip
        for _ in range(600):
            if about.is_file() and about.stat().st_size:
                break
            time.sleep(0.1)
        self.address = yaml.safe_load(about.read_text(encoding="utf-8"))["address"]
        for number in range(1, self.workers + 1):
            self.join(f"worker {number}")
        return self

    def join(self, worker: str) -> None:
        """Starts a worker of the scheduler."""
        self.start(
            worker, "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--host", "127.0.0.1", "--local-directory", str(self.folder / worker),
        )  # fmt: skip

    def start(self, name: str, *words: str) -> None:
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "dask", *words],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / f"{name}.log").open("wb"),
        )

    def kill(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes.pop(name).wait()

    def __exit__(self, *error: object) -> None:
        for name in list(self.processes):
            self.kill(name)


@pytest.fixture
def on_cluster(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv(SETTING, cluster.address)
    return cluster


def test_a_cluster_forecasts_what_one_process_does(
    homes: dict[str, Settings],
    places: dict[str, Path],
    on_cluster: Cluster,
    command: Callable[..., Any],
    home: Settings,
    cells: xr.Dataset,
) -> None:
    shutil.copytree(homes["meshed"].home, home.home, dirs_exist_ok=True)
    shutil.rmtree(home.published / "meshed")
    said = command(home, "daily", places["meshed"])
    assert said.status == 0, said.err
    with xr.open_zarr(report(home, "meshed") / "forecast.zarr") as stored:
        for name in ("probability", "probability_low", "normal_probability"):
            np.testing.assert_allclose(stored[name], cells[name], atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def thousands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The region file of a grid of 2,025 cells whose weather lies in a Zarr store beside it."""
    import scale  # not above: Dask's processes import this module, and find tests alone

    folder = tmp_path_factory.mktemp("thousands")
    rows, columns = scale.shape_of(2_000)
    days = pd.date_range("2009-07-01", "2025-06-30")
    scale.write_weather(folder / "weather.zarr", rows, columns, days, 1)
    return scale.region_file(folder, rows, columns)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_thousands_of_cells_on_a_cluster_are_as_on_one_machine(
    thousands: Path, on_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is killed while the tiles are pulled; another takes its work."""
    forecasts = []
    for name, setting in (("cluster", on_cluster.address), ("alone", "")):
        environment = os.environ | {"CLIMATE_RISK_HOME": str(tmp_path / name), SETTING: setting}
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "daily", str(thousands)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        if setting:
            stores = tmp_path / name / "data" / "store"
            while process.poll() is None and len([*stores.glob("*/???-???")]) < 2:
                time.sleep(0.1)
            on_cluster.kill("worker 1")
            on_cluster.join("worker 1")
        said, _ = process.communicate()
        assert process.returncode == 0, said
        (folder,) = (tmp_path / name / "published" / "scale-exercise").glob("????-??-??")
        with xr.open_zarr(folder / "forecast.zarr") as stored:
            forecasts.append(stored.load())
    cluster, alone = forecasts
    assert np.isfinite(alone["probability"].values).any(axis=(0, 1)).sum() == 2_025
    for name in ("probability", "probability_low", "probability_high", "normal_probability"):
        np.testing.assert_allclose(cluster[name], alone[name], atol=1e-6, err_msg=name)


def slowly(item: int, folder: Path) -> int:
    """Says that it began, and takes a while."""
    (folder / f"{item}-{os.getpid()}").touch()
    time.sleep(0.4)
    return item * item


def test_a_worker_that_is_killed_stops_nothing(on_cluster: Cluster, tmp_path: Path) -> None:
    with engine() as opened:
        results = opened.each(slowly, range(8), tmp_path)
        assert next(results) == 0
        on_cluster.kill("worker 2")
        assert list(results) == [n * n for n in range(1, 8)]
    on_cluster.join("worker 2")


def test_a_scheduler_that_is_killed_is_one_sentence(
    homes: dict[str, Settings],
    places: dict[str, Path],
    command: Callable[..., Any],
    home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was published stays readable, and a run without the cluster completes."""
    shutil.copytree(homes["meshed"].home, home.home, dirs_exist_ok=True)
    before = (report(home, "meshed") / "forecast.csv").read_bytes()
    with Cluster(tmp_path / "dask") as made:
        monkeypatch.setenv(SETTING, made.address)
        with (
            pytest.raises(RiskError, match="connection to the Dask scheduler was lost"),
            engine() as opened,
        ):
            results = opened.each(slowly, range(8), tmp_path)
            assert next(results) == 0
            made.kill("scheduler")
            list(results)
        said = command(home, "forecast", places["meshed"])
        assert said.status == 1 and "no Dask scheduler answered" in said.err
        assert len(said.err.strip().splitlines()) == 1
    assert (report(home, "meshed") / "forecast.csv").read_bytes() == before
    monkeypatch.delenv(SETTING)
    assert command(home, "forecast", places["meshed"]).status == 0


def test_a_scheduler_without_a_worker_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.engine.CONNECT_SECONDS", 3)
    with Cluster(tmp_path / "dask", workers=0) as made:
        monkeypatch.setenv(SETTING, made.address)
        with pytest.raises(RiskError, match="has no worker, expected one or more"), engine():
            pass


@pytest.mark.parametrize("setting", ["locale:2", "local:0", "http://127.0.0.1:1", "tcp://x"])
def test_a_setting_that_is_none_says_what_there_is(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, setting)
    with (
        pytest.raises(RiskError, match=f"{SETTING}: found '{setting}', expected local:4"),
        engine(),
    ):
        pass


def test_threads_of_this_process_give_results_in_order() -> None:
    assert list(Engine().each(pow, range(20), 2)) == [n * n for n in range(20)]
