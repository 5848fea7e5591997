"""What a registered model tells MLflow: the tables that go in and out, and what loads it.

Written beside the model's own files: MLmodel, and options.json with what the region file says of
the hazard. models.serving answers with them.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np
import xarray as xr

from configs import Region
from features.build import options_for
from features.hazards import Hazard, Options, hazards
from models.training import Model

LOADER = "models.serving"
"""The module that MLflow loads a model with; MLmodel of every stored model names it."""
OPTIONS = "options.json"
FORECASTERS = {"probability": "model", "persistence": "persistence", "climatology": "climatology"}
"""Column of the answer -> the forecaster it is of."""
OUTPUT_COLUMNS = (
    ("location", "string"),
    ("hazard", "string"),
    ("level", "long"),
    ("lead_days", "long"),
    ("window_days", "long"),
    ("valid", "datetime"),
    *((name, "double") for name in FORECASTERS),
)
"""Name and MLflow's type of each column of the answer."""


def input_columns(model: Model) -> list[tuple[str, str, bool]]:
    """Name, MLflow's type and whether it is required, of each column that the model reads."""
    hazard = hazards()[model.hazard]
    several = len(model.meta["locations"]) > 1
    keys = [("time", "datetime", True), ("location", "string", several)]
    variables = [(name, "double", name in hazard.requires) for name in variables_of(hazard, model)]
    return [*keys, *variables]


def variables_of(hazard: Hazard, model: Model) -> list[str]:
    """The variables that the model learnt from."""
    return [name for name in (*hazard.requires, *hazard.uses) if name in model.meta["delays"]]


def write_mlmodel(model: Model, run_id: str, folder: Path) -> None:
    """Write MLmodel, by which MLflow finds LOADER and knows its tables."""
    from mlflow.models import Model as Description
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(kind, name, required=required) for name, kind, required in input_columns(model)
    ]
    outputs: list[ColSpec | TensorSpec] = [ColSpec(kind, name) for name, kind in OUTPUT_COLUMNS]
    issued = ParamSchema([ParamSpec("issued", "string", None)])
    description = Description(
        artifact_path="model",
        run_id=run_id,
        signature=ModelSignature(Schema(inputs), Schema(outputs), issued),
    )
    description.add_flavor(
        "python_function", loader_module=LOADER, python_version=platform.python_version()
    )
    description.save(str(folder / "MLmodel"))


def options_of(model: Model, region: Region, observations: xr.Dataset | None) -> Options:
    """What the region file says of the model's hazard.

    Without observations the region file's locations tell north from south.
    """
    if observations is None:
        latitudes = [
            np.nan if location.latitude is None else location.latitude
            for location in region.locations
        ]
        observations = xr.Dataset(
            coords={"latitude": ("location", np.array(latitudes or [np.nan]))}
        )
    return options_for(hazards()[model.hazard], region, observations)


def save_options(options: Options, folder: Path) -> None:
    """Write what the region file says, which the model's own files do not hold."""
    text = json.dumps(asdict(options), indent=1, sort_keys=True)
    (folder / OPTIONS).write_text(text, encoding="utf-8")


def load_options(folder: Path) -> Options:
    """Read what save_options wrote."""
    stored = json.loads((folder / OPTIONS).read_text(encoding="utf-8"))
    first, last = stored["warm_season"]
    return Options((first, last), stored["thresholds"])
