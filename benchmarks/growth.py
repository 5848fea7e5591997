"""How much a home grows in a year: some days of a region are run, and what they wrote is weighed.

    python benchmarks/growth.py --home DIR [--region berkane-exercise] [--days 5]

DIR: a home in which the region has run; it is copied, and the copy runs the days after its newest
report. Bytes by kind, times the days for which each kind is kept (``flows/tidy.py``,
``reports/storage/retention.py``).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatch
from math import ceil
from pathlib import Path

from configs import Settings, clock, load_region
from data_contracts import upkeep
from data_contracts.repository import Repository
from flows.tidy import COMPACT_DAYS, REMADE_DAYS
from reports.storage.archive import day_of
from reports.storage.retention import DRAWINGS, TABLES, Retention

YEAR = 365
TRAININGS = 12
"""A year."""
PREFECT_DAYS = 90
FOR_EVER = 10**6


@dataclass(frozen=True)
class Kind:
    """Files of one kind, and how many days they are kept."""

    name: str
    days: int
    holds: Callable[[str], bool]


def of(kept: Retention) -> Callable[[str], bool]:
    """Whether a file's path from the home is of what is kept so long of a report's folder."""

    def holds(name: str) -> bool:
        parts = name.split("/")
        inside = len(parts) > 3 and parts[0] == "published" and day_of(Path(parts[2])) is not None
        return inside and any(fnmatch(parts[3], pattern) for pattern in kept.names)

    return holds


def below(*folders: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(folders)


KINDS = (
    Kind(f"reports: {DRAWINGS.what}", DRAWINGS.days, of(DRAWINGS)),
    Kind(f"reports: {TABLES.what}", TABLES.days, of(TABLES)),
    Kind("reports: pages, messages, numbers, alerts", FOR_EVER, below("published/")),
    Kind("print pages", DRAWINGS.days, below("data/print/")),
    Kind("MLflow's database and its copy", FOR_EVER, below("mlruns/mlflow.db")),
    Kind("Prefect's database", PREFECT_DAYS, below("prefect/")),
    Kind("the rest", FOR_EVER, lambda name: not name.startswith(("data/store/", "mlruns/"))),
)
"""A file is of the first kind that holds it. The store and models are weighed by themselves."""


def files(home: Path) -> Iterator[tuple[str, int]]:
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder) / name
            yield path.relative_to(home).as_posix(), path.lstat().st_size


def weighed(home: Path) -> dict[str, int]:
    """Bytes by kind."""
    sizes = dict.fromkeys((kind.name for kind in KINDS), 0)
    for name, size in files(home):
        kind = next((kind for kind in KINDS if kind.holds(name)), None)
        if kind:
            sizes[kind.name] += size
    return sizes


def bytes_of(folder: Path) -> int:
    return sum(size for _, size in files(folder))


def run(region: str, first: date, days: int) -> None:
    from flows.cli import main

    for n in range(days):
        day = first + timedelta(days=n)
        now = datetime(day.year, day.month, day.day, 7, tzinfo=UTC)
        clock.now = lambda now=now: now
        status = main(["daily", region])
        if status == 1:
            raise SystemExit(f"{day}: no report came of it")


def newest(settings: Settings, region: str) -> date:
    return max(day for path in (settings.published / region).iterdir() if (day := day_of(path)))


def years(a_day: float, kept: int) -> tuple[float, float]:
    """Growth in the first and in the second year of something that grows each day."""
    first = a_day * min(YEAR, kept)
    return first, a_day * min(2 * YEAR, kept) - first


def compacted(settings: Settings, region: str) -> int:
    """Bytes of the store once it holds its newest snapshot alone."""
    name = load_region(region).name
    store = settings.data / "store" / name
    upkeep.compact(Repository(name, store), [], clock.now() + timedelta(days=1), True)
    return bytes_of(store)


def rows(settings: Settings, region: str, days: int) -> list[tuple[str, float, float, float]]:
    """What each kind grows a day, in the first year and in the second, in MB.

    A day is run before anything is weighed: a home's first run makes what later ones only change.
    """
    first, name = newest(settings, region) + timedelta(days=1), load_region(region).name
    run(region, first, 1)
    store_before, before = compacted(settings, region), weighed(settings.home)
    run(region, first + timedelta(days=1), days)
    after, store_after = weighed(settings.home), bytes_of(settings.data / "store" / name)
    table = []
    for kind in KINDS:
        a_day = (after[kind.name] - before[kind.name]) / days / 1e6
        table.append((kind.name, a_day, *years(a_day, kind.days)))
    store_newest = compacted(settings, region)
    stays, old = (
        (one / days / 1e6) for one in (store_newest - store_before, store_after - store_newest)
    )
    table.append(("store: observations and forecasts", stays, *years(stays, FOR_EVER)))
    table.append(("store: old snapshots", old, *years(old, REMADE_DAYS + COMPACT_DAYS)))
    models = sum(
        bytes_of(path) for path in (settings.mlruns / "artifacts" / name).glob("*/*/model")
    )
    kept = min(TRAININGS, ceil(REMADE_DAYS / (YEAR / TRAININGS)))
    table.append(("models, a training a month", 0.0, kept * models / 1e6, 0.0))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--region", default="berkane-exercise")
    parser.add_argument("--days", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(shutil.copytree(given.home, Path(folder) / "home")))
        os.environ["CLIMATE_RISK_HOME"] = str(settings.home)
        os.environ["PREFECT_HOME"] = str(settings.prefect)
        table = rows(settings, given.region, given.days)
    print("\n| kind | MB a day | MB in the first year | MB in the second |\n|---|---|---|---|")
    for name, *numbers in [*table, ("all", *(sum(row[n] for row in table) for n in (1, 2, 3)))]:
        print(f"| {name} | {' | '.join(f'{number:,.2f}' for number in numbers)} |")


if __name__ == "__main__":
    main()
