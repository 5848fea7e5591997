"""How many places a source may be asked for, and what a region beyond that is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from configs import CHECKOUT, ConfigError, Region, load_region
from flows.check import check, open_region
from sources import places_problems, sources

GRID = "grid: {west: -10, south: 30, east: 0, north: 40, step: 0.1}\n"
LIMITED = [source for source in sources().values() if source.max_locations is not None]


def region_file(folder: Path, names: str, more: str) -> Path:
    path = folder / "wide-exercise.yaml"
    path.write_text(f"name: wide-exercise\ntitle: W\nsources: [{names}]\n{more}")
    return path


@pytest.mark.parametrize("source", LIMITED, ids=lambda source: source.name)
def test_a_source_takes_its_limit_of_places_and_no_more(tmp_path: Path, source) -> None:
    region = load_region(region_file(tmp_path, source.name, GRID))
    limit = source.max_locations
    for count, refused in ((limit, False), (limit + 1, True)):
        cells = region.locations[:count]
        part = region.model_copy(update={"locations": cells, "places": count})
        told = places_problems(part).get(source.name, "")
        assert f"expected at most {limit:,};" in told if refused else "expected at most" not in told


def test_the_limit_is_of_the_whole_region_not_of_a_tile(tmp_path: Path) -> None:
    region = load_region(region_file(tmp_path, "open_meteo", GRID))
    tile = region.model_copy(update={"grid": None, "locations": region.locations[:100]})
    assert tile.places == 10_000
    assert places_problems(tile)["open_meteo"].startswith("sources: open_meteo: found 10,000")


BY_NAME = [source.name for source in sources().values() if source.by_name]


@pytest.mark.parametrize("name", BY_NAME)
def test_data_that_name_their_places_take_a_grid_of_one_tile(tmp_path: Path, name: str) -> None:
    for side, refused in ((1.5, False), (1.6, True)):
        box = f"grid: {{west: -10, south: {40 - side}, east: {side - 10}, north: 40, step: 0.1}}\n"
        problems = places_problems(load_region(region_file(tmp_path, name, box)))
        assert problems == ({name: problems[name]} if refused else {})
    assert problems[name] == (
        f"sources: {name}: found a grid of 4 tiles, expected one of at most 15 by 15 cells, as its "
        "data name their places; write a region file with these places beside that of the grid."
    )


@pytest.mark.parametrize("name", ["exercise", "gridded_files"])
def test_files_and_the_exercise_take_any_grid(tmp_path: Path, name: str) -> None:
    assert places_problems(load_region(region_file(tmp_path, name, GRID))) == {}


def test_a_region_beyond_a_limit_is_refused_before_anything_is_asked(
    tmp_path: Path, home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked, the service would be out of reach, which the check would tell."""
    asked = 'source_options: {nasa_power: {url: "http://127.0.0.1:9/none"}}\n'
    path = region_file(tmp_path, "nasa_power", GRID + asked)
    sentence = (
        "sources: nasa_power: found 10,000 places, expected at most 1,000; choose a larger step, "
        "lay a mask on the grid, or take gridded_files in its place."
    )
    with pytest.raises(ConfigError, match=re.escape(f"region file {path}: {sentence}")):
        open_region(path)
    findings = [one for one in check(str(path), home) if one.what == "source nasa_power"]
    assert [one.problem for one in findings] == [sentence]


def test_a_list_of_places_is_told_to_be_shorter(tmp_path: Path) -> None:
    places = "\n".join(f"  - {{id: p{n}, latitude: 1, longitude: 2}}" for n in range(501))
    region = load_region(region_file(tmp_path, "open_meteo", f"locations:\n{places}\n"))
    assert places_problems(region)["open_meteo"].endswith(
        "found 501 places, expected at most 500; name fewer places or take gridded_files in its "
        "place."
    )


def test_the_readme_tells_each_limit() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\d,]+|any) \| \[sources/", readme, re.MULTILINE))
    known = sources()
    assert {
        name: f"{known[name].max_locations:,}" if known[name].max_locations else "any"
        for name in told
    } == told
    assert {"open_meteo", "nasa_power", "sql", "gridded_files"} <= set(told)
    assert {"station_files", "sensor_things", "ngsi_ld", "sql"} == set(BY_NAME)


def test_the_projects_own_regions_are_within_the_limits() -> None:
    region = load_region("berkane")
    assert isinstance(region, Region) and places_problems(region) == {}
