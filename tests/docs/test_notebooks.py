"""The notebooks of docs/ run as they are, and are committed without what a run leaves."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import pytest
import xarray as xr
from nbclient import NotebookClient

import climate_risk as cr
from configs import CHECKOUT, Region, Settings

NOTEBOOKS = sorted((CHECKOUT / "docs" / "notebooks").glob("*.ipynb"))
FIRST = "observations_to_probability"
SECOND = "compare_models_in_mlflow"


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(CHECKOUT / "docs" / "notebooks" / f"{name}.ipynb", as_version=4)


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def with_region(notebook: nbformat.NotebookNode, path: Path, hazard: str) -> nbformat.NotebookNode:
    """The notebook with another region and hazard in the cell that names them."""
    (cell,) = [cell for cell in notebook.cells if 'hazard = "' in cell.source]
    cell.source = f"region = cr.load_region({str(path)!r})\nhazard = {hazard!r}"
    return notebook


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """A function that runs a notebook in a Python of its own and returns the outputs of its
    cells."""
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))

    def execute(notebook: nbformat.NotebookNode) -> list[Any]:
        client = NotebookClient(notebook, timeout=250, kernel_name="python3", resources={})
        done = client.execute(cwd=str(tmp_path))
        return [output for cell in done.cells for output in cell.get("outputs", [])]

    return execute


def pictures(outputs: list[Any]) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs)


def tables(outputs: list[Any]) -> str:
    return "\n".join(output.get("data", {}).get("text/html", "") for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells and not any(cell.outputs or cell.execution_count for cell in cells)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_public_names_only(path: Path) -> None:
    code = "\n".join(code_of(nbformat.read(path, as_version=4)))
    nodes = list(ast.walk(ast.parse(code)))
    used = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "cr"
    }
    assert used and used <= set(cr.__all__)
    imported = {
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
    assert imported <= {"climate_risk", "matplotlib.pyplot", "mlflow", "pandas"}
    assert not any(isinstance(node, ast.ImportFrom) for node in nodes)


def test_the_first_notebook_is_40_lines() -> None:
    assert sum(len(source.splitlines()) for source in code_of(read(FIRST))) <= 40


def test_the_first_notebook_runs_on_a_short_record(
    made_record: Callable[..., xr.Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, on 15 made-up years: what `make test` has time for."""
    record = made_record(years=15.2, seed=3)
    monkeypatch.setattr(cr, "load_observations", lambda region: record)
    monkeypatch.setattr(plt, "show", lambda: None)
    names: dict[str, Any] = {}
    for source in code_of(read(FIRST)):
        exec(source.replace("2001-07-01", "2004-07-01"), names)  # noqa: S102 (our own file)
    plt.close("all")
    assert names["forecast"]["published"].between(0, 1).all()
    assert set(names["scores"]["hazard"]) == {names["hazard"]}


@pytest.mark.slow
def test_observations_to_probability(run: Callable[..., list[Any]]) -> None:
    outputs = run(read(FIRST))
    assert pictures(outputs) == 1
    assert "published" in tables(outputs) and "verdict" in tables(outputs)


@pytest.fixture
def two_versions(
    home: Settings, tmp_path: Path, write_record: Callable[..., Region]
) -> Callable[[str], Region]:
    """A function that registers a champion and a candidate of a region's hazard in a home."""
    from models.registry import Registry
    from models.registry.tracking import TrainingRun
    from models.registry.versions import Admission

    def register(hazard: str) -> Region:
        region = write_record(tmp_path / "region", years=15.2)
        observations = cr.load_observations(region)
        model, tested = (
            cr.fit(hazard, observations, region),
            cr.backtest(hazard, observations, region),
        )
        registry, training = Registry(home), TrainingRun(observations)
        versions = (
            (model, tested, Admission()),
            (
                # learnt without the first years
                replace(model.replicas[0], meta={**model.meta, **model.replicas[0].meta}),
                tested.assign(model=tested["persistence"]),
                Admission(candidate=True),
            ),
        )
        for made, out_of_fold, admission in versions:
            scores = cr.score(out_of_fold, region)
            registry.register(region, made, out_of_fold, scores, "test", training, admission)
        return region

    return register


@pytest.mark.slow
def test_compare_models_in_mlflow(
    run: Callable[..., list[Any]], two_versions: Callable[[str], Region]
) -> None:
    outputs = run(with_region(read(SECOND), two_versions("drought").path, "drought"))
    assert pictures(outputs) == 1
    html = tables(outputs)
    assert "champion" in html and "candidate" in html
    assert re.search(r"0\.\d*[1-9]", html.rsplit("<th>difference</th>", 1)[1])
