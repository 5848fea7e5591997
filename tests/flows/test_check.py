"""Check: everything that is wrong in one go, fast without a network, and the block that cures
it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from station_formats import RAW, true_record

from configs import Region, RiskError, Settings, load_region
from flows.check import check
from flows.claims import claim_store, store_problems

FILES = "name: here\ntitle: Here\nclock: record\nsources: [station_files]\ninbox: inbox\n"


def written(folder: Path, text: str, name: str = "here.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["aemet", "ghcn-daily", "gsod"])
def test_a_raw_file_takes_one_check_and_one_paste(
    home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    from flows.cli import main

    file, write = RAW[name]
    path = written(tmp_path, FILES)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / file).write_bytes(write(true_record()))
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    block = "source_options:" + out.split("source_options:")[-1]
    assert yaml.safe_load(block)["source_options"]["station_files"]["files"][file] == {
        "format": name
    }
    path.write_text(FILES + block, encoding="utf-8")
    assert main(["check", str(path)]) == 0
    out = capsys.readouterr().out
    assert "2001-01-01 to 2003-12-31, 1 places, 3.0 years (a backtest needs 15)" in out
    assert "problem" not in out and "to paste" not in out


def town(folder: Path, ring: list[list[float]], **keys: Any) -> Path:
    feature = {
        "type": "Feature",
        "properties": {"id": "berkane"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    written(folder, json.dumps({"type": "FeatureCollection", "features": [feature]}), "b.geojson")
    place = {"id": "berkane", "latitude": 34.92, "longitude": -2.32} | keys
    text = yaml.safe_dump({"boundaries": "b.geojson", "locations": [place]})
    return written(folder, FILES + text)


AROUND = [[-2.4, 34.8], [-2.2, 34.8], [-2.2, 35.0], [-2.4, 35.0], [-2.4, 34.8]]
TURNED = [[north, east] for east, north in AROUND]
BOUNDARIES = {
    "as it should be": (AROUND, {}, None),
    "a gauge beyond the line": (AROUND, {"longitude": -2.15}, None),
    "no coordinates": (AROUND, {"latitude": None, "longitude": None}, None),
    "coordinates swapped": (
        TURNED,
        {},
        r"location berkane \(34.92, -2.32\) lies outside of its polygon by 5,?6\d\d km, .*; swap "
        "them in the file, GeoJSON coordinates are longitude, latitude",
    ),
    "the place elsewhere": (AROUND, {"latitude": 36.0}, r"by 111 km, .*; mend the boundaries or"),
    "a sign lost": (AROUND, {"longitude": 2.32}, r"by 4\d\d km"),
}


@pytest.mark.parametrize(("ring", "keys", "words"), BOUNDARIES.values(), ids=BOUNDARIES.keys())
def test_boundaries_hold_their_places(
    home: Settings, tmp_path: Path, ring: list[list[float]], keys: dict[str, Any], words: str | None
) -> None:
    import re

    path = town(tmp_path, ring, **{key: value for key, value in keys.items() if value is not None})
    if None in keys.values():
        path.write_text(path.read_text().replace("latitude: 34.92", "population: 1"))
    findings = [each for each in check(str(path), home) if each.what == "boundaries"]
    if words is None:
        assert findings == []
    else:
        assert re.search(words, findings[0].problem), findings


@pytest.mark.parametrize("edges", ["west: -3, east: -1", "west: 357, east: 359"])
@pytest.mark.parametrize(
    ("ring", "words"),
    [
        (AROUND, None),
        (None, None),
        (TURNED, "swap their coordinates, GeoJSON has longitude, latitude"),
        ([[east + 20, north] for east, north in AROUND], "give those of the region"),
    ],
    ids=["as it should be", "none", "coordinates swapped", "elsewhere"],
)
def test_boundaries_of_a_grid_are_its_areas(
    home: Settings, tmp_path: Path, ring: list[list[float]] | None, words: str | None, edges: str
) -> None:
    path = town(tmp_path, ring or AROUND)
    grid = f"grid: {{{edges}, south: 34, north: 36, step: 0.5}}\nsource_options: "
    about = "name: cells\ntitle: C\nsources: [gridded_files]\n"
    about += "boundaries: b.geojson\n" if ring is not None else ""
    path.write_text(f"{about}{grid}{{gridded_files: {{path: none.nc}}}}\n")
    problems = [each.problem for each in check(str(path), home) if each.what == "boundaries"]
    if words is None:
        assert problems == []
    else:
        sentence = "found no polygon within the grid, expected one or more"
        assert problems == [f"boundaries {tmp_path / 'b.geojson'}: {sentence}; {words}."]


def test_a_service_out_of_reach_is_asked_once(home: Settings, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"url": f"http://127.0.0.1:{port}"}
    path = written(
        tmp_path,
        yaml.safe_dump(
            {
                "name": "here",
                "title": "Here",
                "sources": ["nasa_power"],
                "locations": [{"id": "a", "latitude": 35.0, "longitude": -2.0}],
                "source_options": {"nasa_power": options},
            }
        ),
    )
    (problem,) = [each.problem for each in check(str(path), home) if each.problem]
    assert "found no connection;" in problem and "tries" not in problem


def test_two_region_files_of_one_name_do_not_share_a_store(home: Settings, tmp_path: Path) -> None:
    first, second = (
        load_region(written(tmp_path / folder, FILES)) for folder in ("first", "second")
    )
    claim_store(first, home)
    claim_store(first, home)
    with pytest.raises(RiskError) as caught:
        claim_store(second, home)
    for path in (first.path, second.path):
        assert str(path) in str(caught.value)
    assert any(str(first.path) in each.problem for each in check(str(second.path), home))


def other_name(region: Region) -> None:
    region.path.write_text(FILES.replace("here", "there"))


def gone(region: Region) -> None:
    region.path.unlink()


@pytest.mark.parametrize("change", [other_name, gone])
def test_a_store_may_be_taken_over_when_its_file_is_no_longer_of_it(
    home: Settings, tmp_path: Path, change: Callable[[Region], None]
) -> None:
    first, second = (
        load_region(written(tmp_path / folder, FILES)) for folder in ("first", "second")
    )
    claim_store(first, home)
    change(first)
    claim_store(second, home)
    assert store_problems(second, home) == []


def test_a_home_and_its_region_file_may_be_copied_together(tmp_path: Path) -> None:
    first = load_region(written(tmp_path / "old", FILES))
    claim_store(first, Settings(tmp_path / "old" / "home"))
    import shutil

    shutil.copytree(tmp_path / "old", tmp_path / "new")
    copy = load_region(tmp_path / "new" / "here.yaml")
    claim_store(copy, Settings(tmp_path / "new" / "home"))
    with pytest.raises(RiskError, match="is that of"):
        claim_store(copy, Settings(tmp_path / "old" / "home"))


def test_an_address_for_notifications_that_is_none_is_told_by_its_place(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, FILES)
    monkeypatch.setenv("CLIMATE_RISK_NOTIFY_HERE", "json://127.0.0.1/hook s3cret-word")
    problems = [one.problem for one in check(str(path), home) if one.what == "notifications"]
    assert problems == [
        "CLIMATE_RISK_NOTIFY_HERE: its word 2 is no address that can be used, expected one such as "
        "mailto://user:password@host; put it right."
    ]
