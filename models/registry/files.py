"""A model's files: XGBoost's JSON, NetCDF for arrays, JSON for the rest; nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr
import xgboost as xgb

from configs import RiskError
from models.netcdf import read_dataset
from models.training import Model, rounds_of

FORMAT = 4
"""Of what a model holds; one of another format is learnt anew."""
LEARNT = ("climatology", "regression", "persistence", "smoothed")
"""Fields of a model that are files of their own."""
OF_THE_RECORD = ("record", "record_index")
"""Normals that replicas share but for the years left out."""


class OtherFormat(RiskError):
    """A model written by another version of this package."""


def save_model(model: Model, out_of_fold: xr.Dataset, folder: Path) -> None:
    """Write a model and its out-of-fold predictions into ``folder``.

    What the model and its replicas have learnt lies side by side along ``learner``, the model
    first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    learners = (model, *model.replicas)
    _write(
        model.normals[[name for name in OF_THE_RECORD if name in model.normals]], folder, "record"
    )
    _write(out_of_fold, folder, "out_of_fold")
    if model.quantity is not None:
        _write(model.quantity, folder, "quantity")
    for name, parts in _learnt(learners).items():
        side_by_side = xr.concat(
            parts, "learner", data_vars="all", coords="minimal", compat="override", join="exact"
        )
        _write(side_by_side, folder, name)
    for number, learner in enumerate(learners):
        for step, booster in learner.boosters.items():
            booster.save_model(folder / f"booster_{number}_{step}.json")
    meta = {
        "format": FORMAT,
        "hazard": model.hazard,
        "learners": [learner.meta for learner in learners],
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1, sort_keys=True), encoding="utf-8")


def _write(dataset: xr.Dataset, folder: Path, name: str) -> None:
    packed = {variable: {"zlib": True} for variable in dataset.data_vars}
    dataset.to_netcdf(folder / f"{name}.nc", engine="h5netcdf", encoding=packed)


def _learnt(learners: Sequence[Model]) -> dict[str, list[xr.Dataset]]:
    """The arrays of each learner by the name of their file."""
    arrays = {name: [getattr(learner, name) for learner in learners] for name in LEARNT}
    arrays["climatology"] = [part.to_dataset(name="climatology") for part in arrays["climatology"]]
    arrays["normals"] = [
        learner.normals.drop_vars([*OF_THE_RECORD, "day"], errors="ignore") for learner in learners
    ]
    return arrays


def load_model(folder: Path) -> tuple[Model, xr.Dataset]:
    """Read what save_model wrote.

    Raises OSError, KeyError or ValueError where a part is missing or damaged, and OtherFormat.
    """
    stored = _meta(folder)
    record, out_of_fold = (
        read_dataset(folder / "record.nc"),
        read_dataset(folder / "out_of_fold.nc"),
    )
    learnt = {name: read_dataset(folder / f"{name}.nc") for name in (*LEARNT, "normals")}
    quantity = read_dataset(folder / "quantity.nc") if (folder / "quantity.nc").exists() else None
    learners = []
    for number, meta in enumerate(stored["learners"]):
        own: dict[str, Any] = {
            name: part.isel(learner=number, missing_dims="ignore") for name, part in learnt.items()
        }
        normals = own.pop("normals").assign(_without_years(record, meta))
        climatology = own.pop("climatology")["climatology"]
        boosters = {
            step: xgb.Booster(model_file=folder / f"booster_{number}_{step}.json")
            for step, rounds in rounds_of(meta).items()
            if rounds
        }
        learners.append(
            Model(stored["hazard"], normals, climatology, boosters=boosters, meta=meta, **own)
        )
    return replace(learners[0], replicas=tuple(learners[1:]), quantity=quantity), out_of_fold


def load_normals(folder: Path) -> xr.Dataset:
    """The model's normals alone, as ``load_model`` gives them, and raising the same."""
    meta = _meta(folder)["learners"][0]
    normals = read_dataset(folder / "normals.nc").isel(learner=0, missing_dims="ignore")
    return normals.assign(_without_years(read_dataset(folder / "record.nc"), meta))


def _meta(folder: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    if stored.get("format") != FORMAT:
        raise OtherFormat(
            f"{folder}: found a model of format {stored.get('format')}, expected {FORMAT}; "
            "train anew."
        )
    return stored


def _without_years(record: xr.Dataset, meta: Mapping[str, Any]) -> xr.Dataset:
    """The record that a replica's normals hold: NaN in the years it was learnt without."""
    if "without" not in meta or "record" not in record:
        return record
    first, last = meta["without"]
    years = record["day"].dt.year
    return record.assign(record=record["record"].where((years < first) | (years > last)))
