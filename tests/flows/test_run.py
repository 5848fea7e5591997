"""What every flow needs: the lock, the day, and the environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import flows
from configs import CHECKOUT, Region, RiskError, Settings
from flows.run import known_before, newest_day, region_lock, today


def observations(until: str = "2001-03-10") -> xr.Dataset:
    """Ten days to ``until``; the last two are not observed."""
    times = pd.date_range(end=until, periods=10)
    values = np.array([1.0] * 8 + [np.nan] * 2)[:, None]
    return xr.Dataset(
        {"precipitation": (("time", "location"), values)}, {"time": times, "location": ["here"]}
    )


@pytest.fixture
def region(tmp_path: Path) -> Region:
    return Region(
        name="here",
        title="Here",
        clock="record",
        sources=("station_files",),
        timezone="Pacific/Auckland",
        path=tmp_path / "here.yaml",
    )


def test_today_by_the_records_clock_is_the_day_after_the_newest_observation(region: Region) -> None:
    assert newest_day(observations()) == date(2001, 3, 8)
    assert today(region, observations()) == date(2001, 3, 9)


def test_today_by_the_calendar_is_the_regions_own(region: Region) -> None:
    assert (
        today(region.model_copy(update={"clock": "today"}), observations())
        == datetime.now(region.zone).date()
    )


def test_only_days_before_the_issue_day_are_known() -> None:
    assert known_before(observations(), date(2001, 3, 5))["time"].values[-1] == np.datetime64(
        "2001-03-04"
    )
    with pytest.raises(RiskError, match="2001-03-01"):
        known_before(observations(), date(2001, 3, 1))


def test_a_store_without_a_value_has_no_today(region: Region) -> None:
    with pytest.raises(RiskError, match="no observed value"):
        today(region, observations() * np.nan)


def test_runs_of_one_region_never_interleave(region: Region, tmp_path: Path) -> None:
    settings, order = Settings(tmp_path), []
    inside = threading.Event()

    def other() -> None:
        inside.wait(10)
        with region_lock(region, settings):
            order.append("second")

    thread = threading.Thread(target=other)
    thread.start()
    with region_lock(region, settings):
        inside.set()
        thread.join(0.5)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_the_environment_keeps_what_its_owner_set(tmp_path: Path) -> None:
    prepare: Callable[..., dict[str, str]] = flows._prepare
    settings = Settings(tmp_path)
    assert prepare({}, settings)["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert prepare({}, settings)["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert "PREFECT_HOME" not in prepare({"PREFECT_HOME": "mine"}, settings)
    assert "PREFECT_HOME" not in prepare({"PREFECT_API_URL": "http://127.0.0.1:4200/api"}, settings)


def test_the_pages_of_prefect_that_tell_an_outside_host_are_not_shown(tmp_path: Path) -> None:
    assert flows._prepare({}, Settings(tmp_path))["PREFECT_SERVER_UI_V2_ENABLED"] == "false"


@pytest.mark.slow
def test_a_commands_own_server_refuses_strangers_and_serves_the_command(
    tmp_path: Path, write_record: Callable[..., Region]
) -> None:
    """The region's lock is held here, so that the command is waiting while strangers ask."""
    settings, region = Settings(tmp_path / "home"), write_record(tmp_path, years=1)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with region_lock(region, settings):
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "pull", str(region.path)],
            env=kept | {"CLIMATE_RISK_HOME": str(settings.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("started Prefect"):
                break
        (login,) = settings.prefect.glob("login-*")
        api = f"http://127.0.0.1:{login.name.partition('-')[2]}/api"
        for headers in ({}, {"Origin": "http://evil.example"}):
            request = urllib.request.Request(f"{api}/flows/filter", b"{}", headers, method="POST")  # noqa: S310
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(request, timeout=30)  # noqa: S310
    rest = process.stdout.read()
    assert process.wait(120) == 0, rest
    assert "Unauthorized" not in rest and not login.exists()


@pytest.mark.slow
def test_ctrl_c_ends_a_command_quietly_and_leaves_no_server(
    tmp_path: Path, write_record: Callable[..., Region]
) -> None:
    """The region's lock is held here, so that the command is waiting when the signal comes."""
    settings, region = Settings(tmp_path / "home"), write_record(tmp_path, years=1)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with region_lock(region, settings):
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "pull", str(region.path)],
            env=kept | {"CLIMATE_RISK_HOME": str(settings.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("started Prefect")
        server = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        time.sleep(3)
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.read()
    assert process.wait(60) == 130
    assert said == "stopped\n"
    assert server and not any(Path(f"/proc/{pid}").exists() for pid in server)


def test_a_home_without_room_is_one_sentence(tmp_path: Path) -> None:
    """A file system of its own, where this user may mount one."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs a user who may mount a file system")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", "pull", "tunis"],
            env={"PATH": os.environ["PATH"], "CLIMATE_RISK_HOME": str(tmp_path)},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("make room there, then run this again.")
