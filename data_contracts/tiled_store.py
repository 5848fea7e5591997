"""The stores of a grid's tiles, seen as one: the record of the places that its models learn from.

Each tile has a store of its own, <home>/data/store/<region>/<tile>/, so that tiles are written side
by side and a damaged one costs its own cells alone. A snapshot of the whole is the list of its
tiles' snapshots, kept in snapshots/<id>.json.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region, RiskError, Settings
from configs.tiles import learning_places, tiles_of
from configs.whole_files import write_whole
from data_contracts.batch import EARLIEST_DAY, FetchRequest, StoredRecord
from data_contracts.refusals import StoreUnusable
from data_contracts.store import LISTS, Store

SNAPSHOTS = "snapshots"


class TiledStore:
    """The data of a region of a grid. It reads as ``Store`` does, and a tile's store is written."""

    def __init__(self, settings: Settings, region: Region) -> None:
        self.region, self.settings = region, settings
        self.path = settings.data / "store" / region.name

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The tiles."""
        return tiles_of(self.region)

    @cached_property
    def learning(self) -> Mapping[str, tuple[str, ...]]:
        """The places that models learn from, by the tile's name."""
        assert self.region.grid is not None
        return learning_places(self.regions, self.region.grid.learning_cells)

    @cached_property
    def tiles(self) -> Mapping[str, Store]:
        """The store of each tile, by the tile's name."""
        return {tile.name: Store(self.settings, tile) for tile in self.regions}

    @property
    def stored(self) -> bool:
        """Whether anything was ever stored."""
        return any(store.stored for store in self.tiles.values())

    def verify(self) -> None:
        """Raises StoreUnusable where a tile's newest snapshot cannot be used."""
        for store in self.tiles.values():
            store.verify()

    def fetch_request(self, source: str) -> FetchRequest:
        """What is stored from a source in the tile furthest behind, of those learnt from."""
        asked = [self.tiles[name].fetch_request(source) for name in self.learning]
        return min(asked, key=lambda request: _newest(request.stored))

    def snapshot(self) -> str:
        """Id of the newest snapshots of all tiles together. Raises RiskError without any."""
        tips = {name: each.repository.tip() for name, each in self.tiles.items() if each.stored}
        if not tips:
            raise _nothing(self.region)
        content = json.dumps(tips, sort_keys=True)
        identity = hashlib.sha256(content.encode()).hexdigest()[:20]
        path = self._list(identity)
        if not path.is_file():
            write_whole(path, content)
        return identity

    def knows(self, snapshot: str) -> bool:
        """Whether it is a snapshot of the whole."""
        return self._list(snapshot).is_file()

    def snapshots(self, snapshot: str | None = None) -> dict[str, str]:
        """Each stored tile's snapshot of one of the whole (default: the newest).

        Raises RiskError for one that is not known.
        """
        path = self._list(snapshot or self.snapshot())
        try:
            tips: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise RiskError(
                f"region {self.region.name!r}: the store has no snapshot {snapshot!r}, expected one"
                f" that a report names; see {self.path / SNAPSHOTS}."
            ) from None
        return {name: tip for name, tip in tips.items() if name in self.tiles}

    def observations(self, snapshot: str | None = None) -> xr.Dataset:
        """Daily observations of the learning places, as ``Store.observations``.

        Raises RiskError where none of them has any.
        """
        parts = self._of_learning_places(Store.observations, snapshot)
        if not parts:
            raise _nothing(self.region)
        learnt = {place for places in self.learning.values() for place in places}
        every = [place.id for place in self.region.locations if place.id in learnt]
        return _side_by_side(parts, every)

    def forecasts(self, snapshot: str | None = None) -> xr.Dataset | None:
        """Weather forecasts at the learning places, as ``Store.forecasts``."""
        parts = self._of_learning_places(Store.forecasts, snapshot)
        return _side_by_side(parts, []) if parts else None

    def _of_learning_places(
        self, read: Callable[[Store, str], xr.Dataset | None], snapshot: str | None
    ) -> list[xr.Dataset]:
        """The records, in memory: a tile whose store cannot be used gives none."""
        tips, parts = self.snapshots(snapshot), []
        for name, places in self.learning.items():
            with suppress(StoreUnusable):
                record = read(self.tiles[name], tips[name]) if name in tips else None
                if record is not None:
                    there = [place for place in places if place in record["location"].values]
                    parts.append(record.sel(location=there).load())
        return parts

    def withheld(self, snapshot: str | None = None) -> pd.DataFrame:
        """All values withheld, as ``Store.withheld``."""
        return self._listed("withheld", snapshot)

    def flagged(self, snapshot: str | None = None) -> pd.DataFrame:
        """All values in doubt, as ``Store.flagged``."""
        return self._listed("flagged", snapshot)

    def quality(self, snapshot: str | None = None) -> pd.DataFrame:
        """What sources say of the readings behind each day, as ``Store.quality``."""
        return self._listed("quality", snapshot)

    def _listed(self, name: str, snapshot: str | None) -> pd.DataFrame:
        tips = self.snapshots(snapshot) if self.stored else {}
        rows = []
        for tile, tip in tips.items():
            with suppress(StoreUnusable):
                table = getattr(self.tiles[tile], name)(tip)
                rows += [table] if len(table) else []
        return pd.concat(rows, ignore_index=True) if rows else LISTS[name]()

    def _list(self, identity: str) -> Path:
        return self.path / SNAPSHOTS / f"{identity}.json"


AnyStore = Store | TiledStore


def open_store(settings: Settings, region: Region) -> AnyStore:
    """The store of a region: of a grid the stores of its tiles."""
    return Store(settings, region) if region.grid is None else TiledStore(settings, region)


def _side_by_side(parts: list[xr.Dataset], places: list[str]) -> xr.Dataset:
    """Tiles' records as one, on all days of any, at ``places`` where any are given.

    What a tile lacks is NaN, its source -1.
    """
    numbered = [part["source"] for part in parts if "source" in part.coords]
    names = dict.fromkeys(name for each in numbered for name in _sources_of(each))
    bare = [_renumbered(part, list(names)) for part in parts]
    whole = xr.concat(
        bare,
        "location",
        join="outer",
        fill_value={"source": np.int8(-1)},
        combine_attrs="override",
        data_vars="all",
        coords="minimal",
        compat="override",
    )
    if places:
        whole = whole.reindex(location=places, fill_value={"source": np.int8(-1)})
    return whole.set_coords("source") if "source" in whole else whole


def _sources_of(source: xr.DataArray) -> list[str]:
    return str(source.attrs["flag_meanings"]).split()


def _renumbered(part: xr.Dataset, names: list[str]) -> xr.Dataset:
    """A record whose sources are numbered as in ``names``, a variable like others."""
    if "source" not in part.coords:
        return part
    source = part["source"]
    numbers = np.array([*map(names.index, _sources_of(source)), -1], np.int8)
    about = {"flag_values": list(range(len(names))), "flag_meanings": " ".join(names)}
    whole = source.copy(data=numbers[source.values]).assign_attrs(about)
    return part.reset_coords("source").assign(source=whole.reset_coords(drop=True))


def _newest(stored: StoredRecord) -> pd.Timestamp:
    """The newest day observed, the first day there is where nothing is stored."""
    observed = stored.observations
    return EARLIEST_DAY if observed is None else pd.Timestamp(observed["time"].values[-1])


def _nothing(region: Region) -> RiskError:
    return RiskError(
        f"region {region.name!r}: no observations are stored yet, run `climate-risk "
        f"pull {region.name}` first."
    )
