"""Imports inside models.postprocessing point one way: down this list."""

from __future__ import annotations

import ast
from pathlib import Path

import models.postprocessing

ROOM = Path(models.postprocessing.__file__).parent
ORDER = (
    "silence",
    "forecast_pairs",
    "quality",
    "model_changes",
    "horizon_fit",
    "emos",
    "csgd",
    "schaake",
    "temperatures",
    "calibration",
    "screening",
    "trajectories",
    "probabilities",
    "stacking",
    "rolling_stacking",
)
"""Each module may import those above it."""


def imported(name: str) -> set[str]:
    """Modules of the room that a module of the room imports."""
    prefix = f"{models.postprocessing.__name__}."
    nodes = ast.walk(ast.parse((ROOM / f"{name}.py").read_text(encoding="utf-8")))
    names = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    return {module.removeprefix(prefix) for module in names if module.startswith(prefix)}


def test_every_module_has_its_place_and_imports_only_those_above() -> None:
    assert {path.stem for path in ROOM.glob("*.py")} - {"__init__"} == set(ORDER)
    upward = {
        (name, other)
        for number, name in enumerate(ORDER)
        for other in imported(name) - set(ORDER[:number])
    }
    assert upward == set()
