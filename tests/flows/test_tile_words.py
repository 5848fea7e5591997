"""What is said of many tiles."""

from datetime import date
from pathlib import Path

import pytest
import xarray as xr
import yaml

from configs import load_region
from configs.remarks import remark, text
from flows.cells import create_cells
from flows.tile_words import in_some_tiles

USED = remark("record.stale", day=date(2026, 1, 2), n=3)
OTHER = remark("record.stale", day=date(2026, 1, 3), n=2)


def test_a_message_of_all_tiles_is_told_as_it_is() -> None:
    assert in_some_tiles([[USED], [USED, USED], [USED]]) == [USED]


@pytest.mark.parametrize("said", [[[USED], []], [[], [USED]], [[USED], [OTHER], []]])
def test_a_message_of_some_tiles_says_of_how_many(said: list[list]) -> None:
    (told,) = in_some_tiles(said)
    many = sum(map(bool, said))
    assert text(told).startswith(f"In {many} of {len(said)} tiles: ")


def test_tiles_that_differ_are_told_by_the_first() -> None:
    (told,) = in_some_tiles([[USED], [OTHER]])
    assert text(told).startswith("In 2 of 2 tiles: ") and str(USED).rstrip(".") in text(told)


@pytest.mark.parametrize("source", ["exercise", "gridded_files"])
def test_cells_of_an_exercise_say_so(source: str, tmp_path: Path) -> None:
    path, box = tmp_path / "here.yaml", {"west": 0, "south": 0, "east": 2, "north": 1, "step": 1}
    options = {"gridded_files": {"path": "weather.nc"}} if source == "gridded_files" else {}
    about = {"name": "here", "title": "Here", "utc_offset": 0, "grid": box, "sources": [source]}
    path.write_text(yaml.safe_dump(about | {"source_options": options}), encoding="utf-8")
    create_cells(tmp_path / "cells.zarr", load_region(path), ["heat"], date(2026, 1, 1))
    with xr.open_zarr(tmp_path / "cells.zarr") as cells:
        assert cells.attrs.get("label") == ("EXERCISE" if source == "exercise" else None)
