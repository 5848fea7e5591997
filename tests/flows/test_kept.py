"""Tables that the champions alone decide are worked out once, and are never wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import flows.kept
from configs import Region, Settings, load_region
from flows.kept import kept_tables
from flows.past import assessment_of
from models.registry import Champion

NAMES = ("one", "two")
TABLES = [
    pd.DataFrame({"name": ["a", "b"], "number": [1, 2], "share": [0.25, np.nan]}),
    pd.DataFrame({"yes": [True, False] * 20}),
]


def backtest(value: float) -> dict[str, xr.Dataset]:
    return {"heat": xr.Dataset({"model": ("day", np.array([value, np.nan], dtype=np.float32))})}


class Worked:
    """Work that counts how often it was done."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> list[pd.DataFrame]:
        self.times += 1
        return TABLES


@pytest.fixture
def region(tmp_path: Path) -> Region:
    path = tmp_path / "here.yaml"
    path.write_text(load_region("tunis").path.read_text())
    return load_region("tunis").model_copy(update={"path": path})


def asked(tmp_path: Path, region: Region, work: Worked, value: float = 0.5, also: str = "") -> None:
    """Asks for the tables and compares them with what the work gives."""
    origin = (backtest(value), also)
    found = kept_tables(Settings(tmp_path / "home"), region, NAMES, origin, work)
    for one, expected in zip(found, TABLES, strict=True):
        pd.testing.assert_frame_equal(one, expected)


def test_the_work_is_done_once_for_the_same_origin(tmp_path: Path, region: Region) -> None:
    work = Worked()
    for _ in range(3):
        asked(tmp_path, region, work)
    assert work.times == 1


def test_whatever_decides_the_tables_makes_them_anew(
    tmp_path: Path, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backtest's value, hazards that are missing, the region file, the code."""
    work = Worked()
    asked(tmp_path, region, work)
    asked(tmp_path, region, work, value=np.nextafter(np.float32(0.5), np.float32(1)))
    asked(tmp_path, region, work, also="drought")
    region.path.write_text(region.path.read_text() + "# another line\n")
    asked(tmp_path, region, work)
    monkeypatch.setattr(flows.kept, "learning_code", lambda: "another")
    asked(tmp_path, region, work)
    assert work.times == 5
    assert len(list((tmp_path / "home").rglob("*.parquet"))) == len(NAMES)


def test_a_damaged_or_missing_file_is_made_anew(tmp_path: Path, region: Region) -> None:
    """A bit of every seventh byte changed, one after the other; cut short; gone."""
    work = Worked()
    asked(tmp_path, region, work)
    for path in (tmp_path / "home").rglob("*.parquet"):
        whole = path.read_bytes()
        for place in range(0, len(whole), 7):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            asked(tmp_path, region, work)
            assert path.read_bytes() == whole
        for end in (0, 3, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:end])
            asked(tmp_path, region, work)
        path.unlink()
        asked(tmp_path, region, work)
        assert path.read_bytes() == whole


def test_a_hazard_without_a_model_is_assessed_once_whoever_names_it(
    tmp_path: Path, region: Region
) -> None:
    """A forecast names it among those missing, the grading does not."""
    settings = Settings(tmp_path / "home")
    champions = {"heat": Champion(None, None, "", None)}
    tables = [
        assessment_of(region, settings, champions, missing).table
        for missing in ({"drought", "heat"}, {"drought"})
    ]
    assert set(tables[0]["hazard"]) == {"drought", "heat"}
    assert set(tables[0]["verdict"]) == {"not assessed"}
    pd.testing.assert_frame_equal(*tables)
    files = {path: path.stat().st_mtime_ns for path in settings.data.rglob("*.parquet")}
    assessment_of(region, settings, champions, {"drought", "heat"})
    assert files == {path: path.stat().st_mtime_ns for path in settings.data.rglob("*.parquet")}
