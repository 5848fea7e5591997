"""Arrows between the modules of ``models`` go one way, imports inside functions included."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from configs import CHECKOUT

MODELS = CHECKOUT / "models"
ROOMS = ("models.registry", "models.verification")


def name_of(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, modules: set[str]) -> set[str]:
    """The modules of ``models`` that a file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & modules
            names |= inner or {str(node.module)}
    return (names & modules) - {name_of(path)}


def arrows() -> dict[str, set[str]]:
    """Module -> the modules of ``models`` that it imports."""
    paths = {name_of(path): path for path in MODELS.rglob("*.py")}
    return {name: imports(path, set(paths)) for name, path in paths.items()}


def test_modules_import_each_other_in_no_circle() -> None:
    order = list(TopologicalSorter(arrows()).static_order())
    assert order.index("models.training") < order.index("models.predict")


@pytest.mark.parametrize(
    ("room", "may_not"),
    [
        ("models.registry", {"models.predict", "models.serving"}),
        ("models.verification", {"models.predict", "models.registry", "models.serving"}),
        ("models.postprocessing", {"models.verification", "models.combined", "models.predict"}),
    ],
)
def test_a_room_leans_on_nothing_that_leans_on_it(room: str, may_not: set[str]) -> None:
    """A front module that uses a room is not used by it, directly or through others."""
    graph = arrows()
    inside = {name for name in graph if name == room or name.startswith(f"{room}.")}
    reached, queue = set[str](), list(inside)
    while queue:
        more = graph[queue.pop()] - reached
        reached |= more
        queue += more
    assert inside and not {name for name in reached if name.startswith(tuple(may_not))}


def test_every_room_says_what_comes_in_and_out_and_where_to_start() -> None:
    for room in ROOMS:
        path = CHECKOUT / room.replace(".", "/") / "__init__.py"
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert all(word in text for word in ("In:", "Out:", "Start at")), room
