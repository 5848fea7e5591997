"""Rules of the house that a machine can hold: who imports whom, what is one file, what must never
appear."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

import configs.yaml_files
import features.hazards
import sources
from configs import CHECKOUT, load_region, region_names
from data_contracts.variables import VARIABLES

PACKAGES = ("configs", "data_contracts", "features", "flows", "models", "reports", "sources")

# Who may import whom, besides itself: each arrow once, from a package to a package or to one of
# its modules. An arrow that nobody uses any more must go.
MAY_IMPORT = {
    "data_contracts": ("configs",),
    "sources": (
        "configs",
        "data_contracts.batch",
        "data_contracts.units_mistaken",
        "data_contracts.variables",
    ),
    "features": ("configs",),
    "models": ("configs", "features", "data_contracts.variables"),
    "reports": ("configs", "data_contracts.variables", "features"),
    "flows": ("configs", "data_contracts", "features", "models", "reports", "sources"),
}
ONLY_IN = {
    "prefect": "flows/",
    "mlflow": "models/registry/",
    "great_expectations": "data_contracts/",
}
FORBIDDEN_MODULES = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
HEAVY = (
    "prefect",
    "mlflow",
    "great_expectations",
    "xgboost",
    "sklearn",
    "matplotlib",
    "dask",
    "xarray",
    "numba",
    "icechunk",
    "scipy",
)

# Written in pieces, so that this file does not hold what it looks for.
PLACES = "|".join(
    (
        "/" + "home/",
        "/" + "root/",
        "/" + "Users/",
        "/" + "work/",
        "/" + "tmp/",
        "C:" + r"\\",
        "/" + "opt/",
    )
)
HOSTS = "|".join(
    (
        "file:" + "//",
        r"pypi\." + "org",
        "python" + r"hosted\." + "org",
        "index-" + "url =",
        "extra-index-" + "url",
    )
)
UNDONE = "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"))


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(path: Path) -> set[str]:
    """Every module a file imports, at its top or inside a function.

    "a.b" and "a.b.c" for ``from a.b import c``.
    """
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def tracked() -> list[Path]:
    """The text files git tracks, or would once they are added."""
    if not (CHECKOUT / ".git").exists():
        pytest.skip("needs a git checkout")
    command = [
        "git",
        "-C",
        str(CHECKOUT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [CHECKOUT / name for name in names if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000]]


def found(pattern: str, paths: list[Path]) -> list[str]:
    hits = []
    for path in paths:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        hits += [
            f"{path.relative_to(CHECKOUT)}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(lines, 1)
            if re.search(pattern, line)
        ]
    return hits


def name_of(path: Path) -> str:
    """The module that a file is: "sources.common.http", or "sources" for its ``__init__.py``."""
    return ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


def arrows() -> dict[str, set[str]]:
    """The modules of ours that each module of ours imports, at its top, inside a function, or for
    types alone: a name that only types need is an arrow like any other."""
    ours = {name_of(path): path for path in modules()}

    def targets(path: Path) -> Iterator[str]:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                yield from (name if name in ours else str(node.module) for name in names)

    return {name: (set(targets(path)) & set(ours)) - {name} for name, path in ours.items()}


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of nodes each of which leads to all others of its group."""

    def reached(start: str) -> frozenset[str]:
        seen: set[str] = set()
        queue = [start]
        while queue:
            new = graph.get(queue.pop(), set()) - seen
            seen |= new
            queue += new
        return frozenset(seen)

    leads_to = {node: reached(node) for node in graph}
    within_circle = [node for node in graph if node in leads_to[node]]
    groups = {
        frozenset(other for other in within_circle if leads_to[other] == leads_to[node])
        for node in within_circle
    }
    return [set(group) for group in groups]


OWN_TIME = {
    "data_contracts/upkeep.py",
    "sources/common/http_exchange.py",
    "sources/common/open_meteo/service.py",
}


def test_what_decides_a_day_asks_the_clock() -> None:
    asking = {
        path.relative_to(CHECKOUT).as_posix()
        for path in modules()
        if re.search(r"\b(datetime\.now|date\.today)\(", path.read_text(encoding="utf-8"))
    }
    assert asking == OWN_TIME | {"configs/clock.py"}


def test_imports_follow_the_allowed_arrows_and_each_is_used() -> None:
    used, strays = set(), []
    for name, targets in arrows().items():
        package = name.split(".")[0]
        for target in (target for target in targets if not within(target, {package})):
            allowed = [arrow for arrow in MAY_IMPORT.get(package, ()) if within(target, {arrow})]
            used |= {(package, arrow) for arrow in allowed}
            strays += [] if allowed else [f"{name} imports {target}"]
    assert strays == []
    assert {(package, arrow) for package in MAY_IMPORT for arrow in MAY_IMPORT[package]} == used


def test_no_module_and_no_package_imports_itself_by_a_detour() -> None:
    graph = arrows()
    packages = {package: set[str]() for package in PACKAGES}
    for name, targets in graph.items():
        package = name.split(".")[0]
        packages[package] |= {target.split(".")[0] for target in targets} - {package}
    assert circles(graph) == []
    assert circles(packages) == []


def test_no_source_imports_another() -> None:
    for name, targets in arrows().items():
        package, *rest = name.split(".")
        if package == "sources" and rest:
            known = {"sources.common", f"sources.{rest[0]}"}
            others = {target for target in targets if within(target, {"sources"})}
            assert {target for target in others if not within(target, known)} == set(), name


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert circles(graph) == [{"b", "c"}]


@pytest.mark.parametrize(("library", "home"), ONLY_IN.items())
def test_a_large_library_stays_behind_its_door(library: str, home: str) -> None:
    users = {
        path.relative_to(CHECKOUT).as_posix()
        for path in modules()
        if any(within(name, {library}) for name in imported(path))
    }
    assert users, f"nobody imports {library}"
    assert {user for user in users if not user.startswith(home)} == set()


def test_nothing_is_pickled() -> None:
    assert [
        path
        for path in modules()
        if any(within(name, FORBIDDEN_MODULES) for name in imported(path))
    ] == []


def test_a_file_is_replaced_in_one_place_alone() -> None:
    """Everybody else calls ``write_whole``."""
    by = {
        path.relative_to(CHECKOUT).as_posix() for path in modules() if "os.replace" in dotted(path)
    }
    assert by == {"configs/whole_files.py"}


def dotted(path: Path) -> set[str]:
    """Names with their module that a file calls: "os.replace"."""
    calls = [node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    return {ast.unparse(call) for call in calls if isinstance(call, ast.Attribute)}


def test_no_shell_and_no_open_door() -> None:
    code = [
        path
        for path in tracked()
        if path.suffix in {".py", ".yaml", ".yml", ".toml"} and path != Path(__file__)
    ]
    assert found(r"shell\s*=\s*True|os\.system\(|0\.0\.0\." + "0", code) == []
    assert (
        found(
            r"yaml\.(full_load|unsafe_load)\(|\b(eval|exec)\(",
            [path for path in code if "tests" not in path.parts],
        )
        == []
    )


def test_yaml_makes_no_objects() -> None:
    loaders = {hit.split(":")[0] for hit in found(r"yaml\.load\(", modules())}
    assert loaders == {"configs/yaml_files.py"}
    assert issubclass(configs.yaml_files._Loader, yaml.SafeLoader)


def test_every_hazard_module_declares_a_hazard_of_its_name() -> None:
    names = {info.name for info in pkgutil.iter_modules(features.hazards.__path__)}
    assert names == set(features.hazards.hazards())
    for hazard in features.hazards.hazards().values():
        assert set(hazard.requires) | set(hazard.uses) <= set(VARIABLES)


def test_every_source_module_declares_a_source_of_its_name() -> None:
    names = {info.name for info in pkgutil.iter_modules(sources.__path__)}
    assert names - {"common"} == set(sources.sources())


@pytest.mark.parametrize("name", region_names())
def test_every_region_file_loads_and_names_sources_that_exist(name: str) -> None:
    region = load_region(name)
    assert region.name == name
    assert sources.sources_of(region)


@pytest.mark.parametrize("row", VARIABLES.values(), ids=lambda row: row.name)
def test_every_variable_has_a_unit_a_range_and_a_meaning(row) -> None:
    assert row.units and row.meaning and row.low < row.high
    assert re.fullmatch(r"time: (maximum|mean|minimum|sum)", row.cell_methods)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from flows.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("HEAVY []"), done.stdout[-300:]
    assert "daily" in done.stdout


def test_no_file_names_a_machine_or_an_index() -> None:
    text = [path for path in tracked() if path != Path(__file__) and path.name != "LICENSE"]
    assert found(rf"(?<![\w.>$}}-])({PLACES})\w", text) == []
    assert found(HOSTS, text) == []


def test_nothing_is_left_for_later() -> None:
    assert (
        found(
            rf"#.*\b({UNDONE})\b",
            [path for path in tracked() if path.suffix in {".py", ".yaml", ".toml", ".sh"}],
        )
        == []
    )


def test_constraints_pin_every_dependency_and_no_address() -> None:
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    assert all(re.match(r"[a-z0-9-]+==[\w.]+( ; .+)?$", line) for line in lines)
    pinned = {line.split("==")[0] for line in lines}
    wanted = re.findall(
        r'^    "([A-Za-z0-9-]+)',
        (CHECKOUT / "pyproject.toml").read_text().split("[tool.", 1)[0],
        re.MULTILINE,
    )
    assert len(wanted) > 20
    assert {name.lower() for name in wanted} <= pinned


def test_no_test_folder_is_a_package() -> None:
    assert list((CHECKOUT / "tests").rglob("__init__.py")) == []
