"""A model at places that it did not learn from.

What a model learns of how weather becomes an event holds wherever the climate is alike: regressions
and trees read anomalies from a place's own normals. A region of a grid learns them from a sample of
its cells; each other cell brings its own normals and climatology.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import xarray as xr

from configs.hashed_files import read_hashed, write_hashed
from features.hazards import Options, happened, hazards
from models import training
from models.baselines import fit_climatology
from models.netcdf import read_dataset
from models.training import Model

SUFFIX = ".nc"


@dataclass(frozen=True)
class LocalNormals:
    """What a hazard needs to know of places: ``normals``, and ``climatology`` as of a Model."""

    normals: xr.Dataset
    climatology: xr.DataArray

    def save(self, folder: Path, name: str) -> None:
        """Write a NetCDF file, whole or not at all; not compressed, since each run reads it."""
        named = self.climatology.astype("float32").to_dataset(name="climatology")
        with tempfile.TemporaryDirectory() as scratch:
            written = Path(scratch) / "normals.nc"
            self.normals.to_netcdf(written, group="normals", engine="h5netcdf")
            named.to_netcdf(written, mode="a", group="climatology", engine="h5netcdf")
            content = written.read_bytes()
        write_hashed(folder, name, SUFFIX, content, f"{name}-*{SUFFIX}")

    @classmethod
    def load(cls, folder: Path, name: str) -> LocalNormals:
        """Read what ``save`` wrote. Raises OSError where there is none, or none that is whole."""
        content = read_hashed(folder, name, SUFFIX)
        if content is None:
            raise FileNotFoundError(f"{folder / name}: found no normals, expected some")
        normals = read_dataset(BytesIO(content), "normals")
        return cls(normals, read_dataset(BytesIO(content), "climatology")["climatology"])

    @staticmethod
    def remove(folder: Path, name: str) -> None:
        """Remove what ``save`` wrote."""
        for path in _files(folder, name):
            path.unlink(missing_ok=True)

    @staticmethod
    def exist(folder: Path, name: str) -> bool:
        """Whether ``save`` wrote any, be they whole or not."""
        return any(_files(folder, name))


def _files(folder: Path, name: str) -> Iterator[Path]:
    return folder.glob(f"{name}-*{SUFFIX}")


def learn_locally(model: Model, observations: xr.Dataset, options: Options) -> LocalNormals:
    """Normals and climatology of the places observed, from the years that the model learnt from.

    They are fitted as the model's own are: see training.label_days.
    """
    hazard, meta = hazards()[model.hazard], model.meta
    first, last = meta["reference_years"]
    record = observations.sel(time=slice(meta["data_from"], meta["trained_until"])).load()
    reference = record.sel(time=slice(f"{first}-01-01", f"{last}-12-31"))
    labels = training.label_days(hazard, record, reference, options, training.REPLICAS)
    return LocalNormals(labels.normals, fit_climatology(happened(labels.margins)))


def at_places(model: Model, local: LocalNormals) -> Model:
    """The model as it forecasts at these places.

    Its replicas have the same normals: how sure a place's normals are is not in the interval.
    """
    own: dict[str, Any] = {"normals": local.normals, "climatology": local.climatology}
    return replace(
        model, **own, replicas=tuple(replace(replica, **own) for replica in model.replicas)
    )
