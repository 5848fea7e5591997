"""What a model was learnt from: the record and the code, named so that both can be found again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import subprocess
from functools import cache

import xarray as xr

from configs import CHECKOUT, Region

LEARNING_CODE = ("configs", "data_contracts", "features", "models")
"""Packages that a training's numbers depend on; flows hold no science, reports only show it."""
LEARNING_LIBRARIES = ("numpy", "scipy", "xarray", "xgboost")
_CODE = (".", ":(exclude)configs/regions")
"""What git compares: region files are their owners', and a model keeps their fingerprint."""


def code_version() -> str:
    """What ``git describe`` says of the checkout, "-dirty" where files differ.

    Region files do not count. Without git it is the package's version.
    """
    if (CHECKOUT / ".git").exists():
        try:
            changed = _git("status", "--porcelain", "--untracked-files=no", "--", *_CODE)
            return _git("describe", "--always", "--tags") + ("-dirty" if changed else "")
        except (OSError, subprocess.SubprocessError):
            pass  # no git here, or a checkout of another user
    return importlib.metadata.version("climate-risk")


def _git(*words: str) -> str:
    command = ["git", "-C", str(CHECKOUT), *words]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return result.stdout.strip()


def is_dirty(code_version: str) -> bool:
    """Whether the code has changes that are not committed."""
    return code_version.endswith("-dirty")


def training_key(region: Region, hazard: str, snapshot: str, until: str) -> str:
    """Trainings with one key learn the same: same record to the day ``until``, region file, code.

    Empty where the record has no snapshot.
    """
    parts = (hazard, region.fingerprint, snapshot, until, learning_code())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest() if snapshot else ""


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
        "locations": [str(location) for location in observations["location"].values],
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
