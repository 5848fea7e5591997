"""A region of a grid: its tiles pulled, learnt and forecast by the engine, and brought together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from configs import Region, RiskError
from configs.remarks import remark
from data_contracts.tiled_store import TiledStore
from features.build import options_for
from features.hazards import hazards
from flows.cells import create_cells
from flows.engine import Engine
from flows.issue import Issue, Made
from flows.progress import stage
from flows.tile_words import in_some_tiles, of_tiles
from flows.tiles import Learnt, TileForecast, Wanted, forecast_tile, learn_normals, normals_at
from flows.train import out_of_fold_of
from models.areas import AreaSums, AreaWeights, area_forecast
from models.places import LocalNormals
from models.predict import weights_of
from models.registry import Registry
from models.training import Model
from models.verification.weather_scores import Assessment
from reports.view.areas import Areas
from sources import is_exercise


def forecast_grid(issue: Issue, assessment: Assessment, engine: Engine) -> Made:
    """The forecast of every cell, tile by tile, and its means over the areas of the report.

    A tile that fails costs its own cells. Raises RiskError where every tile does.
    """
    region, settings = issue.region, issue.settings
    store, areas = issue.store, issue.areas
    assert region.grid is not None and isinstance(store, TiledStore)
    snapshots, learnt = store.snapshots(issue.snapshot), learnt_of(issue, assessment)
    season = next(iter(learnt.options.values())).warm_season
    tiles = [
        tile.model_copy(update={"warm_season": season})
        for tile in store.regions
        if tile.name in snapshots
    ]
    lost = _learn(tiles, snapshots, learnt, issue, engine)
    cells = settings.data / "cells" / f"{region.name}.zarr"
    shutil.rmtree(cells, ignore_errors=True)
    create_cells(cells, region, list(learnt.models), issue.issued)
    wanted = [
        Wanted(
            tile,
            region.grid,
            snapshots[tile.name],
            AreaWeights(areas.ids, areas.shares(tile.locations, region.grid.step)),
            store.learning.get(tile.name, ()),
        )
        for tile in tiles
    ]
    with stage("forecast tiles") as say:
        made = [*engine.each(forecast_tile, wanted, settings, issue.issued, learnt, cells)]
        say(tiles=len(made), cells=sum(len(tile.locations) for tile in tiles))
    return _together(issue, areas, learnt, made, [*lost], cells)


def learnt_of(issue: Issue, assessment: Assessment) -> Learnt:
    """What all tiles share: the champions without their own places' normals."""
    models, registry = issue.models, Registry(issue.settings)
    return Learnt(
        {name: None if model is None else _bare(model) for name, model in models.items()},
        issue.versions,
        {
            name: registry.tiles_folder(issue.region, name, champion.version)
            for name, champion in issue.champions.items()
            if champion.model is not None
        },
        {name: options_for(hazards()[name], issue.region, issue.observations) for name in models},
        weights_of(models, out_of_fold_of(issue.champions)),
        assessment,
    )


def _bare(model: Model) -> Model:
    """A model without what it knows of its own places: tiles bring theirs."""
    none: dict[str, Any] = {"normals": xr.Dataset(), "climatology": xr.DataArray()}
    replicas = tuple(replace(replica, **none) for replica in model.replicas)
    return replace(model, **none, replicas=replicas)


def _learn(
    tiles: Sequence[Region],
    snapshots: Mapping[str, str],
    learnt: Learnt,
    issue: Issue,
    engine: Engine,
) -> list[str]:
    """Learns the normals of tiles that have none yet; why of some tiles it could not."""
    new = [
        tile
        for tile in tiles
        if not all(LocalNormals.exist(*normals_at(learnt, name, tile)) for name in learnt.normals)
    ]
    if not new:
        return []
    with stage("learn normals") as say:
        work = [(tile, snapshots[tile.name]) for tile in new]
        why = [*engine.each(learn_normals, work, issue.settings, learnt)]
        say(tiles=len(new))
    return [one for one in why if one]


def _together(
    issue: Issue,
    areas: Areas,
    learnt: Learnt,
    made: Sequence[TileForecast],
    lost: list[str],
    cells: Path,
) -> Made:
    whole = [tile for tile in made if tile.forecast is not None]
    failed = [tile.failure for tile in made if tile.failure]
    if not whole:
        raise RiskError(f"{issue.region.name}: no tile could be forecast: {failed[0]}")
    sums = _summed(tile.forecast for tile in whole if tile.forecast is not None)
    forecast = area_forecast(sums.means(), areas.locations, areas.drawn, issue.previous)
    forecast = forecast.assign_attrs(region=issue.region.name, title=issue.region.title)
    past = {
        name: _summed(tile.past[name] for tile in whole if name in tile.past).means()
        for name in learnt.normals
        if any(name in tile.past for tile in whole)
    }
    kept = [tile.graded for tile in whole if tile.graded is not None and tile.graded.location.size]
    graded = _side_by_side(kept, issue.region) if kept else None
    degraded = [of_tiles("tiles.failed", failed, len(made))] if failed else []
    degraded += [of_tiles("tiles.unlearnt", lost, len(made))] if lost else []
    notes = [
        remark("tiles.areas", cells=len(issue.region.locations)),
        *in_some_tiles([tile.notes for tile in whole]),
    ]
    degraded += in_some_tiles([tile.degraded for tile in whole])
    return Made(forecast, past, tuple(degraded), tuple(notes), graded, cells)


def _side_by_side(parts: Sequence[xr.Dataset], region: Region) -> xr.Dataset:
    """Forecasts of tiles as one. What differs between them, as the newest day, is by place."""
    together = xr.concat(
        parts,
        "location",
        data_vars="all",
        coords="different",
        compat="equals",
        join="outer",
        combine_attrs="drop",
    )
    label = {"label": "EXERCISE"} if is_exercise(region) else {}
    return together.assign_attrs(region=region.name, title=region.title, **label)


def _summed(parts: Iterator[AreaSums]) -> AreaSums:
    total = next(parts)
    for part in parts:
        total = total + part
    return total
