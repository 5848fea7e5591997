"""What is done for each tile of a grid: pull it, learn its normals, forecast it.

Each function reads and writes one tile alone, so that any process may do it, at any time again:
what is done already is left. ``flows.grids`` brings the tiles together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import xarray as xr

from configs import Region, RiskError, Settings
from configs.grid import Grid
from configs.remarks import Remark
from data_contracts.store import Store
from features.hazards import Options, hazards
from flows.cells import write_cells
from flows.orchestration import failed_hazards
from flows.recent import recent
from flows.run import known_before
from models import predict as prediction
from models.areas import LOCATION, AreaSums, AreaWeights
from models.places import LocalNormals, at_places, learn_locally
from models.training import Model
from models.verification.weather_scores import Assessment
from models.weights import Weights

DAMAGED = (OSError, KeyError, RuntimeError, ValueError)
"""What reading a tile's normals raises where the file is none or not whole."""


@dataclass(frozen=True)
class Learnt:
    """What all tiles share of a forecast: models without places, and how good they are.

    ``models``: hazard -> model, None where the climatology stands. ``normals``: hazard -> folder of
    the tiles' normals, which are part of its version. ``options``: hazard -> what the region says.
    """

    models: Mapping[str, Model | None]
    versions: Mapping[str, str]
    normals: Mapping[str, Path]
    options: Mapping[str, Options]
    weights: Mapping[str, Weights]
    assessment: Assessment


@dataclass(frozen=True)
class Wanted:
    """A tile to forecast: its grid, its snapshot, the weights of areas, and the places graded."""

    tile: Region
    grid: Grid
    snapshot: str
    over: AreaWeights
    graded: tuple[str, ...]


@dataclass(frozen=True)
class TileForecast:
    """What a tile's forecast adds to the report.

    ``forecast`` and ``past`` (by hazard): sums over its cells; ``graded``: the forecast of places
    that are graded. ``degraded`` and ``notes`` of its cells. ``failure``: why there is none.
    """

    forecast: AreaSums | None = None
    past: Mapping[str, AreaSums] = field(default_factory=dict)
    graded: xr.Dataset | None = None
    degraded: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    failure: str = ""


def learn_normals(work: tuple[Region, str], settings: Settings, learnt: Learnt) -> str:
    """Learns the normals of a tile that no run has learnt yet; why it could not, or "".

    ``work``: the tile, and the snapshot of its record. Of the years that the model learnt from.
    """
    tile, snapshot = work
    try:
        record = _record(Store(settings, tile), snapshot).load()
        for name in learnt.normals:
            where, model = normals_at(learnt, name, tile), learnt.models[name]
            if model is not None and not LocalNormals.exist(*where):
                learn_locally(model, record, learnt.options[name]).save(*where)
    except Exception as error:
        return f"{tile.name}: {error}"
    return ""


def _record(store: Store, snapshot: str) -> xr.Dataset:
    return store.observations(snapshot).drop_vars("source", errors="ignore")


def normals_at(learnt: Learnt, hazard: str, tile: Region) -> tuple[Path, str]:
    """Where a tile's normals of a hazard lie: a folder, and their name there."""
    return learnt.normals[hazard], tile.name.rpartition("/")[2]


def forecast_tile(
    wanted: Wanted, settings: Settings, issued: date, learnt: Learnt, cells: Path
) -> TileForecast:
    """The forecast of a tile: into the tile's part of the Zarr ``cells``, and its sums."""
    try:
        return _forecast_tile(wanted, settings, issued, learnt, cells)
    except Exception as error:
        return TileForecast(failure=f"{wanted.tile.name}: {type(error).__name__}: {error}")


def _forecast_tile(
    wanted: Wanted, settings: Settings, issued: date, learnt: Learnt, cells: Path
) -> TileForecast:
    tile, store = wanted.tile, Store(settings, wanted.tile)
    observations = known_before(_record(store, wanted.snapshot), issued).load()
    forecasts = store.forecasts(wanted.snapshot)
    models, lost = _models_here(learnt, tile)
    request = prediction.ForecastRequest(
        region=tile,
        issued=issued,
        observations=observations,
        models=models,
        backtests={},
        assessment=learnt.assessment,
        versions=learnt.versions,
        forecasts=None if forecasts is None else forecasts.load(),
    )
    predicted = prediction.predict_with_remarks(request, learnt.weights)
    forecast = predicted.forecast.isel(init_time=0)
    places = [place.id for place in tile.locations]
    write_cells(forecast.reindex({LOCATION: places}), tile, wanted.grid, cells)
    there = np.isin(places, forecast[LOCATION].values)
    over = AreaWeights(wanted.over.areas, wanted.over.weights[:, there])
    ordered = predicted.forecast.sel({LOCATION: np.array(places)[there]})
    about = [name for name in ordered.coords if ordered[name].dims == (LOCATION,)]
    bare = ordered.drop_vars([name for name in about if name != LOCATION])
    return TileForecast(
        AreaSums.of(bare.drop_vars("colour"), over),
        {
            name: AreaSums.of(
                recent(hazards()[name], model.normals, observations, learnt.options[name], issued),
                over,
            )
            for name, model in models.items()
            if model is not None
        },
        predicted.forecast.sel({LOCATION: [name for name in wanted.graded if name in places]}),
        (*failed_hazards({**lost, **predicted.failures}), *predicted.degraded),
        predicted.notes,
    )


def _models_here(
    learnt: Learnt, tile: Region
) -> tuple[dict[str, Model | None], dict[str, Exception]]:
    """The models with the tile's normals; the climatology stands where these cannot be read."""
    models, lost = dict[str, Model | None](), dict[str, Exception]()
    for name, model in learnt.models.items():
        models[name] = None
        if model is not None:
            where = normals_at(learnt, name, tile)
            try:
                models[name] = at_places(model, LocalNormals.load(*where))
            except DAMAGED:
                LocalNormals.remove(*where)
                lost[name] = RiskError(
                    f"tile {tile.name}: found no normals that can be read, expected some; run "
                    "again, which learns them anew."
                )
    return models, lost
