"""Parts that several tests share: a home of their own, small made-up records, one Prefect
server."""

from __future__ import annotations

import os

os.environ.update(
    {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",  # tests run in as many processes as there are cores
    }
)

import ipaddress
import socket
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import CHECKOUT, Region, Settings, load_region

SHARED = CHECKOUT.parent / "shared" / "data"


_reached: list[str] = []


def _is_here(host: Any) -> bool:
    """Whether a name or address is this machine's own; none given is."""
    name = host.decode("utf-8", "replace") if isinstance(host, bytes) else host
    if not name or name in ("localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
        return address.is_loopback or address.is_unspecified
    except ValueError:
        return False


def _stays_here(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: refuses what would leave the loopback address, in any thread and whoever asks.

    Unix sockets stay on the machine.
    """
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and arguments[0].family in (
        socket.AF_INET,
        socket.AF_INET6,
    ):
        host = arguments[1][0] if isinstance(arguments[1], tuple) else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not _is_here(host):
        _reached.append(f"{event} {host}")
        raise ConnectionRefusedError(f"tests stay on the loopback address, found {event} {host}")


sys.addaudithook(_stays_here)


@pytest.fixture(autouse=True)
def loopback_only() -> Iterator[list[str]]:
    """Fails the test that reaches past the loopback address, even where what it runs takes the
    refusal for an outage."""
    yield _reached
    reached = _reached.copy()
    _reached.clear()
    assert not reached, (
        f"tests stay on the loopback address, this one reached for {', '.join(reached)}"
    )


LONGEST_FIRST = (
    "flows",
    "browser",
    "docs",
    "tests",
    "models",
    "sources",
    "reports",
    "postprocessing",
    "features",
)  # folders, those with long files first, so that no process has one left at the end
FITTED = (
    "test_training",
    "test_predict",
    "test_explain",
    "test_serving",
)  # share models that take a minute to fit
ON_ITS_OWN = "test_year"  # shares nothing with the other tests of flows


def group_of(item: pytest.Item, of_ready: Collection[Path]) -> str:
    """The tests that a test runs in one process with.

    ``of_ready``: files with a test that begins from the home ``ready``. Those of flows share that
    home and what is learnt of its record, all others there a Prefect server alone.
    """
    if item.path.stem in FITTED:
        return "fitted"
    if item.path.parent.name != "flows" or item.path.stem == ON_ITS_OWN:
        return item.location[0]
    return "ready" if item.path in of_ready else "flows"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what is made once a session run in one process.

    Else a file's tests stay together. First: pytest-xdist reads it.
    """
    of_ready = {item.path for item in items if "ready" in getattr(item, "fixturenames", ())}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item, of_ready)))
    items.sort(
        key=lambda item: (
            LONGEST_FIRST.index(name)
            if (name := item.path.parent.name) in LONGEST_FIRST
            else len(LONGEST_FIRST)
        )
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty home; CLIMATE_RISK_HOME names it too, so that commands find it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("CLIMATE_RISK_HOME", str(folder))
    return Settings.from_environment()


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are registered without their two plots, whose drawing is most of the time it takes."""
    for plot in ("skill_by_lead", "reliability_diagram"):
        monkeypatch.setattr(f"models.registry.{plot}", lambda *_: None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The developers' folder of real records beside the checkout; a clone need not have it."""
    if not SHARED.is_dir():
        pytest.skip("needs the developers' real records, a folder shared/data beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server on a database of its own for all tests of this process."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


def weather(times: pd.DatetimeIndex, random: np.random.Generator) -> pd.DataFrame:
    """Made-up weather of one place: seasons, memory from day to day (lag-1 about 0.7), wet winters;
    canonical units."""
    count = len(times)
    season = np.cos(2 * np.pi * (times.day_of_year.to_numpy() - 205) / 365.25)
    anomaly = np.zeros(count)
    shocks = random.normal(0.0, 2.0, count)
    for day in range(1, count):
        anomaly[day] = 0.7 * anomaly[day - 1] + shocks[day]
    mean = 19.0 + 8.0 * season + anomaly
    half_range = random.uniform(3.0, 7.0, count)
    wet = random.random(count) < 0.16 - 0.12 * season
    return pd.DataFrame(
        {
            "air_temperature_max": mean + half_range,
            "air_temperature_mean": mean,
            "air_temperature_min": mean - half_range,
            "precipitation": np.where(wet, random.gamma(0.7, 11.0, count), 0.0),
            "potential_evapotranspiration": np.clip(3.6 + 2.4 * season + 0.12 * anomaly, 0.2, None),
            "relative_humidity": np.clip(
                68.0 - 12.0 * season + random.normal(0.0, 6.0, count), 5.0, 100.0
            ),
            "river_discharge": np.convolve(
                np.where(wet, random.gamma(0.7, 6.0, count), 0.0), 0.8 ** np.arange(20)
            )[:count]
            + 1.0,
        }
    ).round(1)


@pytest.fixture(scope="session")
def write_record() -> Callable[..., Region]:
    """A function that writes a region file and the CSV record beside it, and loads the region."""

    def write(
        folder: Path,
        years: int = 16,
        locations: Sequence[str] = ("here",),
        variables: Sequence[str] = ("air_temperature_max", "air_temperature_min", "precipitation"),
        seed: int = 0,
        name: str = "testland",
        start: str = "1990-01-01",
    ) -> Region:
        """``years`` whole years of made-up days from ``start``.

        The region's clock is its record.
        """
        random = np.random.default_rng(seed)
        inbox = folder / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        times = pd.date_range(start, periods=round(years * 365.2425), freq="D")
        tables = []
        for place in locations:
            table = weather(times, random)[list(variables)]
            table.insert(0, "time", times.strftime("%Y-%m-%d"))
            table.insert(1, "location", place)
            tables.append(table)
        pd.concat(tables).to_csv(inbox / "record.csv", index=False)
        places = pd.DataFrame(
            {"location": locations, "name": [place.title() for place in locations]}
        )
        places["latitude"] = 35.0 + 0.1 * np.arange(len(locations))
        places["longitude"] = -2.0
        places["elevation"] = 50.0
        places.to_csv(inbox / "locations.csv", index=False)
        path = folder / f"{name}.yaml"
        path.write_text(
            f"name: {name}\ntitle: {name.title()}\ntimezone: UTC\nclock: record\nsources: "
            f"[station_files]\ninbox: inbox\n"
        )
        return load_region(path)

    return write


@pytest.fixture(scope="session")
def made_record() -> Callable[..., xr.Dataset]:
    """A function that makes a record in memory, as the store would hand it out."""

    def make(
        years: int = 16,
        places: int = 1,
        variables: Sequence[str] | None = None,
        seed: int = 0,
        start: str = "1990-01-01",
        delay: int = 1,
    ) -> xr.Dataset:
        """``years`` of made-up days at ``places`` places: float32 (time, location), attribute
        delay_days on each variable."""
        random = np.random.default_rng(seed)
        times = pd.date_range(start, periods=round(years * 365.2425), freq="D").as_unit("ns")
        tables = [weather(times, random) for _ in range(places)]
        names = [str(name) for name in tables[0].columns] if variables is None else list(variables)
        arrays = {
            name: np.stack([table[name].to_numpy(np.float32) for table in tables], axis=1)
            for name in names
        }
        places_known = np.array([f"place_{number}" for number in range(places)])
        return xr.Dataset(
            {
                name: (("time", "location"), values, {"delay_days": delay})
                for name, values in arrays.items()
            },
            coords={
                "time": times,
                "location": places_known,
                "latitude": ("location", 35.0 + 0.1 * np.arange(places)),
                "longitude": ("location", np.full(places, -2.0)),
                "elevation": ("location", np.full(places, 50.0)),
                "name": ("location", places_known),
            },
        )

    return make


@pytest.fixture(scope="session")
def made_region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    """A region with no particular rules of its own, for science that needs no record on disk."""
    path = tmp_path_factory.mktemp("region") / "testland.yaml"
    path.write_text("name: testland\ntitle: Testland\nclock: record\nsources: [station_files]\n")
    return load_region(path)


@pytest.fixture(scope="session")
def fitted_record(made_record: Callable[..., xr.Dataset]) -> xr.Dataset:
    """15 years and a bit, to June 2005, at two places."""
    return made_record(years=15.47, places=2, seed=13)


@pytest.fixture(scope="session")
def fitted_models(fitted_record: xr.Dataset, made_region: Region) -> dict[str, Any]:
    """Every hazard's model of ``fitted_record``, fitted once for all tests that only read them.

    With half of the usual replicas, each of which every forecast asks.
    """
    from features.hazards import hazards
    from models.training import fit_model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.training.REPLICAS", 4)
        return {
            name: fit_model(hazard, fitted_record, made_region, "snapshot")
            for name, hazard in hazards().items()
        }
