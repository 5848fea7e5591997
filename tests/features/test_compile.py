"""What is compiled at installation is all that a run needs."""

import os
import subprocess
import sys
from pathlib import Path

import features
from features.__main__ import tiny_record
from features.hazards import hazards

LISTED = """
import importlib, pkgutil, sys
import features
from features.__main__ import main

main()
names = [info.name for info in pkgutil.walk_packages(features.__path__, "features.")]
modules = list(map(importlib.import_module, names))
compiled = {
    name: function
    for module in modules
    for name, function in vars(module).items()
    if hasattr(function, "signatures")
}
called = {name for function in compiled.values() for name in function.py_func.__code__.co_names}
for name in set(compiled) - called:  # one that others call is part of them
    print(name, len(compiled[name].signatures))
"""


def test_python_m_features_compiles_every_function() -> None:
    checkout = str(Path(features.__path__[0]).parent)
    path = os.pathsep.join([checkout, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", LISTED],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    found = {name: int(count) for name, count in map(str.split, done.stdout.splitlines())}
    assert {"_falling_sums", "_gamma_odds", "_count_below", "_trailing_sum"} <= set(found)
    assert all(count > 0 for count in found.values())


def test_the_tiny_record_has_what_every_hazard_requires() -> None:
    record = tiny_record()
    assert all(set(hazard.requires) <= set(record.data_vars) for hazard in hazards().values())
