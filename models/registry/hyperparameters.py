"""Hyper-parameters of a training: every constant that the learning modules and the hazard state."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import astuple, fields, is_dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from features.hazards import Hazard

LEARNING = (
    "features.balance_ensemble",
    "features.calendar",
    "features.indices",
    "features.water_balance",
    "models.baselines",
    "models.boosting",
    "models.distribution_regression",
    "models.forecasting",
    "models.postprocessing.calibration",
    "models.postprocessing.csgd",
    "models.postprocessing.emos",
    "models.postprocessing.forecast_pairs",
    "models.postprocessing.model_changes",
    "models.postprocessing.probabilities",
    "models.postprocessing.quality",
    "models.postprocessing.schaake",
    "models.postprocessing.stacking",
    "models.postprocessing.rolling_stacking",
    "models.postprocessing.trajectories",
    "models.publishing",
    "models.quantiles",
    "models.state_model",
    "models.training",
    "models.verification.backtest",
    "models.verification.inference",
    "models.verification.samples",
    "models.verification.weather_scores",
)
"""The modules whose constants decide what is learnt and how it is tested."""

CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*")


def hyperparameters(hazard: Hazard) -> dict[str, Any]:
    """Every hyper-parameter of the hazard's training: ``<module>.<name>`` -> number, text or list.

    Constants of LEARNING and of the hazard's own module, and the numeric fields of its declaration.
    A mapping gives an entry a key: ``models.boosting.parameters.eta``.
    """
    parameters: dict[str, Any] = {}
    own = f"features.hazards.{hazard.name}"
    for name in (*LEARNING, own):
        module = importlib.import_module(name)
        for constant in constants_of(module):
            parameters |= _entries(f"{name}.{constant.lower()}", getattr(module, constant))
    for field in fields(hazard):
        value = getattr(hazard, field.name)
        parameters |= _entries(f"{own}.{field.name}", value, with_text=False)
    return parameters


@cache
def constants_of(module: ModuleType) -> tuple[str, ...]:
    """Upper-case names that the module assigns at its top level; imported ones are others'."""
    names: list[str] = []
    for node in ast.parse(inspect.getsource(module)).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return tuple(dict.fromkeys(name for name in names if CONSTANT.fullmatch(name)))


def _entries(key: str, value: Any, with_text: bool = True) -> dict[str, Any]:
    """Key -> value; of a mapping or a declaration one entry a key; none of what is no parameter.

    ``with_text``: whether text counts, which in a declaration is a name.
    """
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        entries: dict[str, Any] = {}
        for inner, part in value.items():
            entries |= _entries(f"{key}.{inner}", part, with_text)
        return entries
    plain = _plain(value)
    return {} if plain is None or (not with_text and _is_text(plain)) else {key: plain}


def _plain(value: Any) -> Any:
    """The value as numbers, text and lists of them; None where it is none of these."""
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist() if value.dtype.kind in "biuf" else None
    if is_dataclass(value) and not isinstance(value, type):
        value = astuple(value)
    if isinstance(value, tuple | list) and value:
        parts = [_plain(part) for part in value]
        return None if any(part is None for part in parts) else parts
    return None


def _is_text(plain: Any) -> bool:
    return isinstance(plain, str) or (isinstance(plain, list) and any(map(_is_text, plain)))
