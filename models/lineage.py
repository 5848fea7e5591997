"""What a model was learnt from, told so that it can be found again: the record and the code."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from functools import cache

import xarray as xr

from configs import CHECKOUT, Region

LEARNING_CODE = ("configs", "data_contracts", "features", "models")
"""Packages that a training's numbers depend on; flows hold no science, reports only show it."""
LEARNING_LIBRARIES = ("numpy", "scipy", "xarray", "xgboost")


def dataset_of(region: Region, snapshot: str, observations: xr.Dataset) -> dict[str, str]:
    """The fields of MLflow's Dataset: the record of a region at one snapshot of its store.

    The store's path is relative to the home, which may be moved.
    """
    times, names = observations["time"].values, [str(name) for name in observations.data_vars]
    source = {"store": f"data/store/{region.name}", "snapshot": snapshot}
    columns = [{"type": "double", "name": name, "required": False} for name in names]
    profile = {
        "region": region.name,
        "period": [str(times[0])[:10], str(times[-1])[:10]],
        "variables": names,
        "locations": [str(place) for place in observations["location"].values],
        "days": len(times),
    }
    return {
        "name": region.name,
        "digest": snapshot,
        "source_type": "icechunk",
        "source": json.dumps(source),
        "schema": json.dumps({"mlflow_colspec": columns}),
        "profile": json.dumps(profile),
    }


@cache
def learning_code() -> str:
    """SHA-256 of the source of LEARNING_CODE and the versions of LEARNING_LIBRARIES.

    It tells apart what ``git describe`` calls by one name, "-dirty".
    """
    digest = hashlib.sha256()
    for package in LEARNING_CODE:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            digest.update(f"{path.relative_to(CHECKOUT)}\n".encode() + path.read_bytes())
    for library in LEARNING_LIBRARIES:
        digest.update(f"{library} {importlib.metadata.version(library)}\n".encode())
    return digest.hexdigest()
