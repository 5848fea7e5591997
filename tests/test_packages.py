"""What a user installs is enough: nothing leans on a package that only developers have."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from configs import CHECKOUT

OURS = ("configs", "data_contracts", "features", "flows", "models", "reports", "sources")

# What no module here imports, because another package does when it is asked for this.
THROUGH = {
    "cftime": "xarray, for calendars without leap years",
    "h5netcdf": "xarray, for NetCDF-4",
    "psycopg": "SQLAlchemy, for PostgreSQL",
    "flask-wtf": "MLflow, for a password before its pages",
}


def declared() -> list[Requirement]:
    """What pyproject.toml says that a user needs."""
    told = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(line) for line in told["project"]["dependencies"]]


def installed_with(wanted: list[Requirement]) -> set[str]:
    """The distributions that come with these, by their canonical names."""
    found: set[str] = set()
    asked: set[tuple[str, str]] = set()
    queue = [(one.name, extra) for one in wanted for extra in ("", *one.extras)]
    while queue:
        name, extra = queue.pop()
        name = canonicalize_name(name)
        if (name, extra) in asked:
            continue
        asked.add((name, extra))
        try:
            needs = [Requirement(line) for line in requires(name) or ()]
        except PackageNotFoundError:  # for another system or Python
            continue
        found.add(name)
        queue += [
            (one.name, more)
            for one in needs
            if one.marker is None or one.marker.evaluate({"extra": extra})
            for more in ("", *one.extras)
        ]
    return found


def parts_of(name: str) -> set[str]:
    """The modules, packages and other entries of site-packages that a distribution brings."""
    files = distribution(name).files or []
    return {file.parts[0] for file in files if not file.parts[0].startswith(("..", "__pycache__"))}


def imported() -> dict[str, Path]:
    """Every foreign module that ours import, at the top of a file or inside a function."""
    found: dict[str, Path] = {}
    for path in (path for package in OURS for path in (CHECKOUT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            found |= {name.partition(".")[0]: path for name in names}
    return {
        name: path
        for name, path in found.items()
        if name not in OURS and name not in sys.stdlib_module_names
    }


def test_every_package_that_is_imported_is_declared() -> None:
    brought = {part.partition(".")[0] for one in declared() for part in parts_of(one.name)}
    assert len(imported()) > 20
    assert {name: path.name for name, path in imported().items() if name not in brought} == {}


def test_every_package_that_others_import_for_us_is_installed() -> None:
    there = installed_with(declared())
    assert {name: why for name, why in THROUGH.items() if name not in there} == {}


@pytest.mark.slow
def test_netcdf_of_any_calendar_and_with_coordinates_is_read_with_a_users_packages(
    tmp_path: Path,
) -> None:
    """In a folder of packages that is what a user installs, and nothing else."""
    site = tmp_path / "site"
    site.mkdir()
    for name in installed_with(declared()):
        for part in parts_of(name):
            if not (site / part).exists():
                (site / part).symlink_to(distribution(name).locate_file(part))
    assert (site / "xarray").exists() and not (site / "pytest").exists()
    days = xr.date_range("2000-02-01", "2001-12-31", calendar="noleap", use_cftime=True)
    warm = np.full((len(days), 1), 21.5, np.float32)
    dataset = xr.Dataset(
        {"air_temperature_max": (("time", "station"), warm, {"units": "degC"})},
        {
            "time": days,
            "station": ["berkane"],
            "lat": ("station", [34.9]),
            "lon": ("station", [-2.33]),
        },
    )
    (tmp_path / "inbox").mkdir()
    dataset.to_netcdf(tmp_path / "inbox" / "record.nc", engine="h5netcdf")
    region = tmp_path / "here.yaml"
    region.write_text("name: here\ntitle: Here\nsources: [station_files]\ninbox: inbox\n")
    done = subprocess.run(
        [sys.executable, "-S", "-m", "flows.cli", "check", str(region)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{CHECKOUT}{os.pathsep}{site}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2000-02-01 to 2001-12-31, 1 places" in done.stdout
