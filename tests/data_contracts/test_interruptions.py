"""Writers that are killed, and writers that meet: the newest snapshot is always one that was
written whole."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_store import ADDING, batch, store_in

from configs import CHECKOUT, Settings
from data_contracts.upkeep import check_store, compact, snapshots_of

# Every round all values become the round's number, and the record a day longer: two commits.
WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, "tests/data_contracts")
from small_store import ADDING, batch, store_in
home, first, last, step = Path(sys.argv[1]), *map(int, sys.argv[2:5])
store = store_in(home)
for number in range(first, last, step):
    print(number, flush=True)
    store.ingest(ADDING, batch(days=10 + number, places=3, value=float(number % 70)))
print("done", flush=True)
"""


def writer(home: Settings, first: int, last: int, step: int) -> subprocess.Popen[str]:
    words = map(str, (home.home, first, last, step))
    command = [sys.executable, "-c", WRITER, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)


def hold_whole(home: Settings) -> None:
    """Everything reads, and each of the newest snapshots holds one round's values alone."""
    store = store_in(home.home)
    condition = check_store(store.repository)
    assert condition.problems == ()
    for snapshot in condition.snapshots[:6]:
        record = store.observations(snapshot.id).load()
        values = np.stack([record["precipitation"], record["wind_speed"]])
        assert len(np.unique(values[np.isfinite(values)])) == 1, snapshot
        assert len(store.withheld(snapshot.id)) == 1


def killed(home: Settings, first: int, seed: int) -> int:
    """Kills a writer at some moment of an ingest; the round from which the next one goes on."""
    process = writer(home, first, first + 1_000, 1)
    assert process.stdout is not None
    begun = int(process.stdout.readline())
    time.sleep(random.Random(seed).uniform(0.0, 2.0))  # noqa: S311
    process.kill()
    begun = max([begun, *map(int, process.stdout.read().split())])
    assert process.wait() == -9
    if store_in(home.home).repository.exists():
        hold_whole(home)
    return begun + 1


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_fifty_killed_writers_leave_whole_snapshots(home: Settings) -> None:
    first = 1
    for seed in range(50):
        first = killed(home, first, seed)
    store = store_in(home.home)
    assert store.ingest(ADDING, batch(days=5_000, places=3, value=70.5)).changed
    compact(store.repository, [])
    hold_whole(home)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_twenty_rounds_of_two_writers_lose_nothing(home: Settings) -> None:
    """Each writes its own rounds: every one is there, in snapshots that are whole."""
    writers = [writer(home, first, first + 40, 2) for first in (1, 2)]
    for process in writers:
        output, _ = process.communicate()
        assert process.returncode == 0 and output.endswith("done\n")
    hold_whole(home)
    store = store_in(home.home)
    messages = [snapshot.message for snapshot in snapshots_of(store.repository)]
    assert messages.count("adding") == 40


def test_a_writer_waits_for_the_other(home: Settings) -> None:
    store = store_in(home.home)
    store.ingest(ADDING, batch())
    with store.repository.locked():
        process = writer(home, 3, 4, 1)
        assert process.stdout is not None
        assert process.stdout.readline() == "3\n"
        time.sleep(0.5)
        assert len(snapshots_of(store.repository)) == 1
        assert process.poll() is None
    assert process.communicate()[0] == "done\n"
    assert len(snapshots_of(store.repository)) == 3
