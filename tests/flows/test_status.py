"""Status: what a stranger reads of a home, whole, broken or empty; it changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

sys.path.insert(0, str(Path(__file__).parents[1] / "sources"))

from loopback import listening

from configs import Settings, load_region
from data_contracts.store import Store
from flows import home_checks
from flows.cli import main
from flows.home_checks import parts_of, read_sizes
from flows.region_checks import Looked
from flows.standing import Check, HomeStatus
from flows.status import home_status
from sources import sources_of


def checks(found: HomeStatus) -> dict[str, Check]:
    return {one.key: one for each in found.standings for one in each.checks}


def states(found: HomeStatus) -> dict[str, str]:
    return {key: one.state for key, one in checks(found).items() if one.state != "ok"}


def test_a_home_whose_report_is_there_is_well(told_home: Settings, command: Callable) -> None:
    said = command(told_home, "status")
    assert (said.status, said.err) == (0, "")
    assert "ok    report                  2005-01-01, sent 2005-01-01 06:30 UTC." in said.out
    assert "data station_files      newest day 2004-12-31." in said.out
    assert said.out.rstrip().endswith("UTC: All is well.")
    assert max(map(len, said.out.splitlines())) <= 100
    told = json.loads(command(told_home, "status", "--json").out)
    assert (told["status"], told["problems"]) == (0, {})
    (region,) = told["regions"]
    assert [one["key"] for one in region["checks"]][:2] == ["report", "data station_files"]
    assert region["checks"][0]["values"]["due"] == "2005-01-01"


def test_one_region_is_told_by_its_name_or_path(
    ready, told_home: Settings, command: Callable
) -> None:
    assert command(told_home, "status", ready.region.path).status == 0
    said = command(told_home, "status", "smalville")
    assert said.status == 1 and said.err.startswith("climate-risk: region 'smalville': there is no")


def test_where_nothing_ran_it_says_how_to_begin(home: Settings, command: Callable) -> None:
    said = command(home, "status")
    assert said.status == 1
    assert "Nothing has run here yet; climate-risk daily REGION begins." in said.out


def test_of_a_region_that_never_ran_nothing_is_said_twice(told_home: Settings) -> None:
    found = home_status(("tunis",), told_home)
    assert set(states(found)) == {"report", "data"} and found.status == 1
    for key in ("report", "data"):
        assert checks(found)[key].sentence.endswith("; run climate-risk daily tunis.")


def test_its_reader_may_leave_early(
    told_home: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As ``climate-risk status | head -1`` does."""
    monkeypatch.setenv("CLIMATE_RISK_HOME", str(told_home.home))
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr("sys.stdout", os.fdopen(writer, "w"))
    assert main(["status"]) == 1
    assert capfd.readouterr().err == ""


def test_a_report_that_is_missing_retracted_or_degraded_is_told(told_home: Settings) -> None:
    folder = told_home.published / "smallville"
    path = folder / "2005-01-01" / "provenance.json"
    told = json.loads(path.read_text())
    code = {"code": "source.down", "values": {"source": "era5", "reason": "none"}}
    worse = told | {"degraded": ["era5 is down."], "remarks": {"degraded": [code]}}
    path.write_text(json.dumps(worse))
    found = home_status((), told_home)
    assert states(found)["degraded source.down era5"] == "degraded"
    assert found.status == 3 and "smallville" in found.verdict

    (folder / "2005-01-01").rename(folder / "2004-12-29")
    found = home_status((), told_home)
    assert found.status == 1 and states(found)["report"] == "failed"
    sentence = checks(found)["report"].sentence
    assert "expected that of 2005-01-01, days missing: 3" in sentence
    assert "run climate-risk daily smallville" in sentence

    shutil.rmtree(folder)
    assert "none was published yet" in checks(home_status((), told_home))["report"].sentence


def test_of_a_broken_home_each_line_says_what_cannot_be_read(told_home: Settings) -> None:
    """A store with a bit gone, provenance that is none, a ledger with a changed file."""
    for chunk in (told_home.data / "store" / "smallville" / "chunks").iterdir():
        raw = bytearray(chunk.read_bytes())
        raw[len(raw) // 2] ^= 1
        chunk.write_bytes(raw)
    folder = told_home.published / "smallville" / "2005-01-01"
    (folder / "forecast.csv").write_text("not what was published\n")
    found = home_status((), told_home)
    assert found.status == 1
    by_key = checks(found)
    for key in ("report", "data station_files", "inputs"):
        assert by_key[key].sentence.startswith("cannot be read: "), key
        assert "climate-risk store" in by_key[key].sentence
    assert "not the file that was published" in by_key["ledger"].sentence
    (folder / "provenance.json").write_text("{")
    shutil.rmtree(told_home.data / "store" / "smallville" / "refs")
    (told_home.data / "watch").mkdir()
    (told_home.data / "watch" / "sizes.json").write_text("[")
    found = home_status((), told_home)
    assert found.status == 1 and "cannot be read" in checks(found)["report"].sentence
    (told_home.data / "regions" / "smallville.path").write_text("../gone.yaml")
    assert "there is no file" in checks(home_status((), told_home))["region file"].sentence


def test_it_changes_nothing_and_imports_neither_prefect_nor_mlflow(told_home: Settings) -> None:
    """As in a home that may not be written to; in a process of its own."""

    def seen() -> dict[str, tuple[int, int]]:
        stats = {path: path.stat() for path in told_home.home.rglob("*")}
        return {str(path): (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}

    before = seen()
    script = (
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[2], int) and arguments[2] & 3:\n"
        f"        assert not str(arguments[0]).startswith({str(told_home.home)!r}), arguments\n"
        "sys.addaudithook(refuse)\n"
        "from flows.cli import main\n"
        "status = main(['status'])\n"
        "heavy = {'prefect', 'mlflow', 'great_expectations', 'xgboost', 'sklearn', 'matplotlib'}\n"
        "print('IMPORTED', sorted(heavy & set(sys.modules)))\n"
        "sys.exit(status)\n"
    )
    environment = os.environ | {"CLIMATE_RISK_HOME": str(told_home.home)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("IMPORTED []")
    assert seen() == before


@pytest.mark.parametrize(
    ("clock", "due"),
    [
        ("2026-06-10T04:00", "2026-06-09"),  # 05:00 there: before the hour of the schedule
        ("2026-06-10T06:00", "2026-06-09"),  # 07:00: within the hour that a run may take
        ("2026-06-10T06:30", "2026-06-10"),  # 07:30
        ("2026-06-10T23:30", "2026-06-10"),  # half past midnight there, already the 11th
    ],
)
def test_which_report_must_be_there_by_the_regions_clock(clock: str, due: str) -> None:
    region = load_region("berkane")  # 06:30, an hour east of Greenwich
    now = datetime.fromisoformat(clock).replace(tzinfo=UTC)
    assert Looked(region, Settings(Path()), now).due == date.fromisoformat(due)


def test_calibration_is_told_from_the_marks_of_a_year(
    told_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("configs.clock.now", lambda: datetime(2005, 8, 1, tzinfo=UTC))
    path = told_home.published / "smallville" / "marks.parquet"
    path.unlink()
    assert "no marks yet" in checks(home_status((), told_home))["calibration"].sentence
    valid = pd.date_range("2005-01-01", periods=7 * 30).date
    told = {"hazard": "heat", "level": 1, "lead_days": 1, "window_days": 1, "state": "graded"}
    marks = pd.DataFrame({"valid": valid, "probability": 0.1, "late": False, **told})
    marks = marks.astype({"hazard": "category", "state": "category", "probability": "float32"})
    marks.assign(outcome=[float(n % 10 == 0) for n in range(len(valid))]).to_parquet(path)
    good = checks(home_status((), told_home))["calibration"]
    assert good.state == "ok" and "10.0% was said and 10.0% came" in good.sentence
    marks.assign(outcome=[float(n % 2 == 0) for n in range(len(valid))]).to_parquet(path)
    bad = checks(home_status((), told_home))["calibration"]
    assert bad.state == "degraded" and "10.0% was said and 50.0% came" in bad.sentence
    marks[:60].assign(outcome=0.0).to_parquet(path)
    early = checks(home_status((), told_home))["calibration"]
    assert early.state == "ok" and "too early: 9 of 26 weeks" in early.sentence
    marks.assign(outcome=1.0).to_parquet(path)
    monkeypatch.setattr("configs.clock.now", lambda: datetime(2007, 8, 1, tzinfo=UTC))
    assert checks(home_status((), told_home))["calibration"].state == "ok"  # it is of long ago


def test_growth_and_room_of_the_disk(told_home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = told_home.data / "watch"
    folder.mkdir()
    size = parts_of(told_home)
    monkeypatch.setattr("configs.clock.now", lambda: datetime(2005, 1, 11, tzinfo=UTC))
    (folder / "sizes.json").write_text(json.dumps({"2005-01-01": size - 10_000_000}))
    assert read_sizes(told_home) == {"2005-01-01": size - 10_000_000}
    disk = checks(home_status((), told_home))["disk"]
    assert disk.state == "ok" and "room for more than 10 years" in disk.sentence
    assert disk.values["bytes_a_day"] == pytest.approx(1e6, rel=0.01)
    free = disk.values["free_bytes"]
    (folder / "sizes.json").write_text(json.dumps({"2005-01-01": size - free // 10}))
    disk = checks(home_status((), told_home))["disk"]
    assert disk.state == "ok" and " MB more a day, full in about 100 days." in disk.sentence
    (folder / "sizes.json").write_text(json.dumps({"2005-01-01": size - free}))
    disk = checks(home_status((), told_home))["disk"]
    assert disk.state == "degraded" and disk.sentence.endswith("full in about 10 days; make room.")
    monkeypatch.setattr(home_checks, "LEAST_FREE", free * 2)
    (folder / "sizes.json").unlink()
    assert checks(home_status((), told_home))["disk"].state == "degraded"


def test_a_schedule_is_alive_where_its_lock_is_held_and_its_api_answers(
    told_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def schedule() -> Check:
        (found,) = [
            one for one in home_status((), told_home).itself.checks if one.key == "schedule"
        ]
        return found

    assert schedule().sentence.startswith("none runs here")
    with FileLock(told_home.data / "schedule.lock"):
        assert schedule().state == "degraded" and "API does not answer" in schedule().sentence
        with listening(Health) as address:
            told_home.prefect.mkdir()
            (told_home.prefect / f"login-{address.rpartition(':')[2]}").write_text("admin:x\n")
            assert schedule().state == "ok" and f"answers at {address}/api" in schedule().sentence
    assert schedule().values == {"alive": False, "api": []}


def test_withheld_values_of_the_newest_days_are_told(told_home: Settings) -> None:
    """2 of 21 values."""
    region = load_region(told_home.home.parent / "files" / "smallville.yaml")
    path = region.inbox_path(told_home) / "record.csv"
    record = pd.read_csv(path)
    record.loc[record.index[-2:], "air_temperature_max"] = 99.0
    record.to_csv(path, index=False)
    store, (source,) = Store(told_home, region), sources_of(region)
    store.ingest(source, source.fetch(store.fetch_request(source.name)))
    contract = checks(home_status((), told_home))["contract"]
    assert contract.state == "degraded" and "2 values are withheld" in contract.sentence
    assert contract.values["passed"] == 19
