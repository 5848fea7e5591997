"""The rooms of ``reports`` and the arrows between them: who may import whom, and no way back."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import reports

FOLDER = Path(reports.__file__).parent

# Room -> the rooms it may import. ``publishing`` and ``reports`` itself are in front of all.
ARROWS = {
    "text": set(),
    "storage": {"text"},
    "view": {"text"},
    "exports": {"storage", "text", "view"},
    "render": {"storage", "text", "view"},
    "site": {"exports", "render", "storage", "text", "view"},
    "publishing": {"exports", "render", "site", "storage", "view"},
    "__init__": {"publishing", "site"},
}
# The modules that may import others of ``features`` than the list of hazards.
FEATURES = {"render/report.py"}


def imported(path: Path) -> set[str]:
    """Modules of a file's imports, those inside functions too."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def room(path: Path) -> str:
    return path.relative_to(FOLDER).with_suffix("").parts[0]


def modules() -> list[Path]:
    return sorted(FOLDER.rglob("*.py"))


def arrows() -> dict[str, set[str]]:
    """Room -> the rooms that its modules import."""
    found: dict[str, set[str]] = {room(path): set() for path in modules()}
    for path in modules():
        ours = {name.split(".")[1] for name in imported(path) if name.startswith("reports.")}
        found[room(path)] |= ours - {room(path)}
    return found


def test_each_arrow_is_allowed_and_each_allowed_one_is_used() -> None:
    assert arrows() == ARROWS


def test_no_arrows_make_a_circle() -> None:
    assert set(TopologicalSorter(ARROWS).static_order()) == set(ARROWS)


def test_no_modules_make_a_circle() -> None:
    names = {
        "reports." + ".".join(path.relative_to(FOLDER).with_suffix("").parts): path
        for path in modules()
        if path.name != "__init__.py"
    }
    graph = {name: imported(path) & set(names) for name, path in names.items()}
    assert set(TopologicalSorter(graph).static_order()) == set(names)


def test_the_front_is_imported_by_nobody_behind_it() -> None:
    assert [path for path in modules() if "reports" in imported(path)] == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_room_knows_of_features_the_hazards_alone(path: Path) -> None:
    others = {
        name
        for name in imported(path)
        if name.startswith("features") and name != "features.hazards"
    }
    assert not others or str(path.relative_to(FOLDER)) in FEATURES


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    long = {path.name for path in modules() if len(path.read_text().splitlines()) > 400}
    wide = {
        path.name for path in modules() for line in path.read_text().splitlines() if len(line) > 100
    }
    assert (long, wide) == (set(), set())


def test_a_class_name_is_said_once() -> None:
    names = [
        node.name
        for path in modules()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    ]
    assert len(names) == len(set(names))
