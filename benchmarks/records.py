"""The real records at hand: the one that comes with the project and, where the folder is, those
beside the checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import xarray as xr

from configs import CHECKOUT, Region, Settings, load_region
from data_contracts.store import Store
from sources import sources_of

STATIONS = CHECKOUT.parent / "shared" / "data" / "stations"


def record_names() -> list[str]:
    """tunis, which comes with the project, then every station folder beside the checkout."""
    beside = (
        sorted(path.name for path in STATIONS.iterdir() if path.is_dir())
        if STATIONS.is_dir()
        else []
    )
    return ["tunis", *(name for name in beside if name != "tunis")]


def records(names: list[str]) -> Iterator[tuple[Region, xr.Dataset]]:
    """Region and observations of each named record, through its source, the contract and a store of
    its own."""
    for name in names:
        with TemporaryDirectory() as scratch:
            home = Settings(Path(scratch))
            region = (
                load_region(name) if name == "tunis" else load_region(_region_file(name, home.home))
            )
            store = Store(home, region)
            for source in sources_of(region):
                store.ingest(source, source.fetch(store.fetch_request(source.name)))
            observations = store.observations().load()
        yield region, observations


def _region_file(name: str, folder: Path) -> Path:
    """A region file with nothing of its own for a folder of station files."""
    text = f"title: {name}\nclock: record\nsources: [station_files]\ninbox: {STATIONS / name}\n"
    path = folder / f"{name}.yaml"
    path.write_text(f"name: {name.replace('_', '-')}\n{text}")
    return path
