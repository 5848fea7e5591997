"""Hyper-parameters: every constant that decides what is learnt, under the name of its module."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from types import ModuleType

import numpy as np
import pytest

from features.hazards import Cell, hazards
from models.registry.hyperparameters import LEARNING, _entries, constants_of, hyperparameters


@pytest.mark.parametrize("name", hazards())
def test_every_hazard_has_its_own_and_those_of_all(name: str) -> None:
    found = hyperparameters(hazards()[name])
    own = f"features.hazards.{name}"
    backtesting = hazards()[name].backtesting
    assert found[f"{own}.backtesting.gap_days"] == backtesting.gap_days
    assert found[f"{own}.backtesting.step_days"] == backtesting.step_days
    assert found[f"{own}.cells"] == [
        [cell.lead_days, cell.window_days] for cell in hazards()[name].cells
    ]
    for module in LEARNING:
        assert any(key.startswith(f"{module}.") for key in found), module
    assert json.loads(json.dumps(found)) == found
    assert all(key == key.strip() and "=" not in key for key in found)


def test_a_mapping_gives_an_entry_a_key() -> None:
    from models.boosting import PARAMETERS

    found = hyperparameters(hazards()["heat"])
    for key, value in PARAMETERS.items():
        assert found[f"models.boosting.parameters.{key}"] == value


def numbers_in(module: ModuleType) -> set[str]:
    """Names of a module's plain numbers, by their spelling alone."""
    return {
        target.id
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, int | float)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }


@pytest.mark.parametrize("name", LEARNING)
def test_no_number_of_a_learning_module_is_left_out(name: str) -> None:
    module = importlib.import_module(name)
    found = hyperparameters(hazards()["heat"])
    assert {f"{name}.{one.lower()}" for one in numbers_in(module)} <= set(found)


def test_what_is_imported_is_told_where_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    import models.boosting

    assert "LEVELS" not in constants_of(models.boosting)
    monkeypatch.setattr(models.boosting, "PATIENCE", 11)
    assert hyperparameters(hazards()["heat"])["models.boosting.patience"] == 11


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        (3, {"k": 3}),
        ("hist", {"k": "hist"}),
        ((1, 2.5), {"k": [1, 2.5]}),
        ({1: -1.0, 2: -1.5}, {"k.1": -1.0, "k.2": -1.5}),
        ({"heat": {"a": 1}}, {"k.heat.a": 1}),
        (np.array([1, 2]), {"k": [1, 2]}),
        ((Cell(0, 1), Cell(0, 3)), {"k": [[0, 1], [0, 3]]}),
        ((1, print), {}),
        (print, {}),
        (None, {}),
    ],
    ids=str,
)
def test_numbers_text_and_lists_of_them_are_parameters(value: object, entries: dict) -> None:
    assert _entries("k", value) == entries
