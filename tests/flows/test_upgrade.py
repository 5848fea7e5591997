"""A home of the release before goes on with today's code: its data, models, reports and ledger."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from configs import CHECKOUT, Region, Settings
from flows.home import LAYOUT, read_stamp
from reports.storage.ledger import broken, entries

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]

RELEASED = "## 0.2.0"
"""The release before, as the changelog's headings name it."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the release before, as the history has it."""
    git = ["git", "-C", str(CHECKOUT)]
    log = [*git, "log", "--format=%H", f"-S{RELEASED}", "--", "CHANGELOG.md"]
    said = subprocess.run(log, capture_output=True, text=True, check=False)
    if not said.stdout.strip():
        pytest.skip("needs a git checkout with its history")
    commit = said.stdout.split()[-1]
    folder = tmp_path_factory.mktemp("release")
    packed = subprocess.run([*git, "archive", commit], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, check=True)
    return folder


def test_a_home_of_the_release_before_goes_on(
    release: Path, write_record: Callable[..., Region], command: Callable, tmp_path: Path
) -> None:
    region = write_record(tmp_path / "region", years=15, name="upland")
    home = Settings(tmp_path / "home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "daily", str(region.path)],
        env=kept | {"CLIMATE_RISK_HOME": str(home.home), "PYTHONPATH": str(release)},
        cwd=release,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 3), done.stderr
    folder = home.published / "upland"
    before = (folder / "2005-01-01" / "forecast.csv").read_bytes()
    assert read_stamp(home).layout < LAYOUT
    record = region.path.parent / "inbox" / "record.csv"
    table = pd.read_csv(record)
    pd.concat([table, table.iloc[[-1]].assign(time="2005-01-01")]).to_csv(record, index=False)
    said = command(home, "daily", region.path)
    assert said.status in (0, 3) and "Traceback" not in said.err, said.err
    assert read_stamp(home).layout == LAYOUT
    assert [(line.issued, line.kind) for line in entries(folder)] == [
        ("2005-01-01", "recovered"),
        ("2005-01-02", "issue"),
    ]
    assert broken(folder) == ""
    assert (folder / "2005-01-01" / "forecast.csv").read_bytes() == before
    assert command(home, "store", "check", region.path).status == 0
    assert command(home, "ledger", "check").status == 0
    there = Settings(tmp_path / "there")
    assert command(home, "backup", tmp_path / "home.tar.gz").status == 0
    assert command(there, "restore", tmp_path / "home.tar.gz").status == 0
    shutil.rmtree(home.home)
    assert command(there, "daily", region.path).status in (0, 3)
