"""An issue: one forecast to be made, where and when, from what, and where it is to appear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import pandas as pd
import xarray as xr

from configs import Region, Settings
from configs.remarks import Remark
from data_contracts.tiled_store import AnyStore, open_store
from flows.data_quality import Row, by_rule, checked_record
from flows.train import Assessable
from models.registry import Champion
from models.training import Model
from reports.exports.table import read_published
from reports.view.areas import Areas, areas_of
from reports.view.boundary_check import drawable


@dataclass(frozen=True)
class Issue:
    """One forecast to be made: where and when, from what, and where it is to appear.

    ``degraded``: messages known before it is made; ``notes``: those that degrade nothing.
    ``missing``: hazard -> why there is no model of it. ``late``: issued after its day was over.
    ``again``: when the official report was sent that is made once more.
    """

    region: Region
    settings: Settings
    issued: date
    snapshot: str
    observations: xr.Dataset
    forecasts: xr.Dataset | None
    champions: dict[str, Champion]
    possible: Assessable
    folder: Path
    hindcast: bool = False
    degraded: tuple[Remark, ...] = ()
    missing: dict[str, Remark] = field(default_factory=dict)
    notes: tuple[Remark, ...] = ()
    late: bool = False
    again: datetime | None = None

    @cached_property
    def store(self) -> AnyStore:
        """The region's store."""
        return open_store(self.settings, self.region)

    @cached_property
    def rules_broken(self) -> list[Row]:
        """What is withheld or in doubt in the snapshot: see ``by_rule``."""
        return by_rule(self.store, self.snapshot)

    @cached_property
    def record_checked(self) -> Remark:
        """The sentence on the record, whose values it counts: see ``checked_record``."""
        return checked_record(self.store, self.observations, self.snapshot)

    @cached_property
    def areas(self) -> Areas:
        """What the report of a grid speaks of. Raises RiskError: see ``areas_of``."""
        return areas_of(self.region)

    @cached_property
    def drawable(self) -> tuple[Region, Remark | None]:
        """The region as the report may draw it, and why it is less: see ``drawable``.

        Of a grid its areas.
        """
        if self.region.grid is not None:
            return self.areas.drawn, None
        return drawable(self.region)

    @property
    def official(self) -> bool:
        """Whether it is the region's forecast of its day, to stand in the index and in MLflow."""
        return self.folder == self.settings.published / self.region.name / self.issued.isoformat()

    @property
    def models(self) -> dict[str, Model | None]:
        """The model of each hazard that is told of; None where the climatology stands."""
        models = {name: champion.model for name, champion in self.champions.items()}
        return models | dict.fromkeys(self.possible.missing)

    @property
    def versions(self) -> dict[str, str]:
        """The version of each champion."""
        return {name: champion.version for name, champion in self.champions.items()}

    @property
    def previous(self) -> pd.DataFrame | None:
        """The table of the forecast before, for colours already given; none for a hindcast."""
        return None if self.hindcast else read_published(self.before)

    @property
    def before(self) -> Path | None:
        """The folder of the region's newest official forecast before this one."""
        return folder_before(self.settings.published / self.region.name, self.issued)


@dataclass(frozen=True)
class Made:
    """A forecast as its report shows it, and what the report needs besides.

    ``past``: recent past by hazard. Of a grid, whose report is of areas: ``graded``, the forecast
    of the places that are graded, and ``cells``, a Zarr of every cell to be moved into the report.
    """

    forecast: xr.Dataset
    past: Mapping[str, xr.Dataset]
    degraded: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    graded: xr.Dataset | None = None
    cells: Path | None = None


def folder_before(published: Path, issued: date) -> Path | None:
    """The newest report in a region's published folder of a day before ``issued``, if any."""
    folders = [
        path.parent
        for path in published.glob("????-??-??/forecast.csv")
        if path.parent.name < issued.isoformat()
    ]
    return max(folders, default=None)
