from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from configs import CHECKOUT


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_speed_is_shown_beside_the_least_cost_and_peers(tmp_path: Path) -> None:
    out = tmp_path / "performance.md"
    script = str(CHECKOUT / "benchmarks" / "bench_performance.py")
    command = [sys.executable, script, "--places", "2", "--years", "20", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    text = out.read_text(encoding="utf-8")
    assert done.stdout.strip() == text.strip()
    rows = [
        line.split(" | ") for line in text.splitlines() if line.startswith(("| S", "| f", "| t"))
    ]
    assert {"xclim", "copying them", "xarray rolling"} <= {row[1] for row in rows}
    assert all(float(row[2]) > 0 and float(row[3]) > 0 for row in rows)
    told = text.split("same samples: ")[1].split(".\n")[0]
    assert all(float(part.split()[1]) <= 1e-5 for part in told.split("; "))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_skill_is_shown_beside_climatology_persistence_and_peers(tmp_path: Path) -> None:
    out = tmp_path / "skill.md"
    command = [
        sys.executable,
        str(CHECKOUT / "benchmarks" / "skill.py"),
        "--record",
        "tunis",
        "--hazard",
        "drought",
        "--out",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1100, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    text = out.read_text(encoding="utf-8")
    assert done.stdout.strip() == text.strip()
    assert "--record tunis --hazard drought" in text and "tunis, 1979-01-01 to 2002-05-31" in text
    header = next(line for line in text.splitlines() if line.startswith("| hazard |"))
    assert [
        name in header
        for name in ("climatology", "ours", "published", "known", "logistic", "xgboost")
    ] == [True] * 6
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| drought |")]
    assert rows and all(float(cell) <= 1 for row in rows for cell in row[6:11])
