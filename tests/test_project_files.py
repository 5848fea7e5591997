"""The files that others' tools read say what the project is."""

from __future__ import annotations

import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from configs import CHECKOUT

FORMS = sorted((CHECKOUT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def read(name: str) -> Any:
    return yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))


def test_the_citation_is_of_this_version_and_licence() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = read("CITATION.cff")
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_ci_runs_the_same_script_on_every_supported_python() -> None:
    (job,) = read(".github/workflows/ci.yml")["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert job["steps"][-1]["run"] == "bash .ci/run"


def test_hooks_run_what_make_check_runs() -> None:
    (local,) = read(".pre-commit-config.yaml")["repos"]
    check = (
        (CHECKOUT / "Makefile").read_text(encoding="utf-8").split("\ncheck:")[1].split("\n\n")[0]
    )
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in local["hooks"]]
    assert len(entries) == check.count("-m ")
    for entry in entries:
        assert f"-m {entry.removesuffix(' --force-exclude')}" in check


@pytest.mark.parametrize(
    "path", [path for path in FORMS if path.name != "config.yml"], ids=lambda path: path.stem
)
def test_an_issue_form_has_fields_of_distinct_names(path) -> None:
    form = read(str(path.relative_to(CHECKOUT)))
    assert form["name"] and form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    names = [field["id"] for field in fields]
    assert names and len(set(names)) == len(names)
    assert all(field["attributes"]["label"] for field in fields)


def test_what_make_docs_builds_is_not_committed() -> None:
    ignored = subprocess.run(["git", "-C", str(CHECKOUT), "check-ignore", "-q", "site/index.html"])
    if not (CHECKOUT / ".git").exists():
        pytest.skip("needs a git checkout")
    assert ignored.returncode == 0
