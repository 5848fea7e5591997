"""What CONTRIBUTING promises: a source is one file, and a variable is one row."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from configs import CHECKOUT
from sources import sources

PACKAGES = ("configs", "data_contracts", "sources")

# For each copy of the packages: imports every source there is. For two of them: pulls from those
# that ask nobody, all in one process, because third-party packages are slow to import.
PULL = """
import importlib, json, sys, tempfile
from datetime import date, timedelta
from pathlib import Path

def pull(copy):
    from configs import Settings, load_region
    from data_contracts.store import Store
    from sources import sources, sources_of
    home = Path(tempfile.mkdtemp(dir=copy))
    (home / "inbox").mkdir()
    (home / "inbox" / "o.csv").write_text("time,air_temperature_max\\n2001-01-01,20\\n")
    names = [name for name in sources() if name.startswith("exercise")]
    names += [name for name in sources() if name == "station_files"]
    path = home / "made-up-exercise.yaml"
    path.write_text(json.dumps({
        "name": "made-up-exercise", "title": "T", "clock": "record", "sources": names,
        "inbox": str(home / "inbox"), "utc_offset": 0,
        "history_start": str(date.today() - timedelta(days=9)),
        "locations": [{"id": "a", "latitude": 34.9, "longitude": -2.3}],
    }))
    region, settings = load_region(path), Settings(home)
    store = Store(settings, region)
    for source in sources_of(region):
        store.ingest(source, source.fetch(store.fetch_request(source.name)))
    return sorted(store.observations()["source"].attrs["flag_meanings"].split())

done = {}
for copy in sys.argv[1:]:
    for name in [name for name in sys.modules if name.split(".")[0] in PACKAGES]:
        del sys.modules[name]
    sys.path[0] = copy
    importlib.invalidate_caches()
    from sources import sources
    whole = Path(copy).name in ("without-exercise", "without-open_meteo")
    done[Path(copy).name] = sorted(sources()), pull(copy) if whole else None
print(json.dumps(done))
""".replace("in PACKAGES", f"in {PACKAGES!r}")


def copy_to(folder: Path) -> Path:
    """The packages that a pull needs, in a folder of their own."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / package, folder / package, ignore=ignored)
    return folder


def run(script: str, *arguments: Path) -> str:
    """What a script prints that finds the packages in no place but the copies'."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        env={"PATH": "", "OMP_NUM_THREADS": "1"},
        cwd=arguments[0],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "names",
    [("exercise", "open_meteo"), pytest.param(tuple(sources()), marks=pytest.mark.slow)],
    ids=["two", "each"],
)
def test_a_source_that_is_deleted_breaks_no_other(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in names:
        copy = copy_to(tmp_path / f"without-{name}")
        module = copy / "sources" / name
        shutil.rmtree(module) if module.is_dir() else module.with_suffix(".py").unlink()
    pulled = json.loads(run(PULL, *sorted(tmp_path.iterdir())))
    assert len(pulled) == len(names)
    for copy_name, (known, stored) in pulled.items():
        gone = copy_name.removeprefix("without-")
        assert known == sorted(set(sources()) - {gone})
        if stored is not None:
            ask_nobody = {"exercise", "exercise_sensors", "station_files"}
            assert stored == sorted(ask_nobody - {gone})
    assert sum(stored is not None for _, stored in pulled.values()) == 2


ROW = """
    Variable("snow_depth", "cm", 0.0, 2000.0, "mean depth of snow", "snow depth", "time: mean"),
)

VARIABLES"""

SNOW = """
import sys
from pathlib import Path
sys.path[0] = sys.argv[1]
from configs import Settings, load_region
from data_contracts.store import Store
from sources import sources_of
from sources.common.units import conversion
assert conversion("m", "snow_depth", "x", "y").apply(0.5) == 50
home = Path(sys.argv[1])
(home / "inbox").mkdir()
(home / "inbox" / "o.csv").write_text("time,snow_depth\\n2001-01-01,12.5\\n")
(home / "snow.yaml").write_text(
    "name: snow\\ntitle: S\\nclock: record\\nsources: [station_files]\\n"
    f"inbox: {home / 'inbox'}\\n")
region = load_region(home / "snow.yaml")
store = Store(Settings(home), region)
for source in sources_of(region):
    store.ingest(source, source.fetch(store.fetch_request(source.name)))
stored = store.observations()["snow_depth"]
print(float(stored.values[0, 0]), stored.attrs["units"], stored.attrs["cell_methods"])
"""


def test_a_variable_that_is_added_is_one_row(tmp_path: Path) -> None:
    table = copy_to(tmp_path) / "data_contracts" / "variables.py"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("\n)\n\nVARIABLES", ROW, 1), encoding="utf-8")
    assert run(SNOW, tmp_path).strip() == "12.5 cm time: mean"


@pytest.mark.parametrize("package", ["sources", "data_contracts"])
def test_a_package_says_in_ten_lines_what_it_is(package: str) -> None:
    assert len((CHECKOUT / package / "README.md").read_text().splitlines()) <= 20
