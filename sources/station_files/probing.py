"""Damaged HDF5 files: the library may loop without an end or crash on one.

Neither can be caught where it happens, so a process of its own looks first.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from configs.gridded import is_hdf5

SECONDS = 30.0
"""For one file; opening takes a fraction of a second, reading 50 MB a few."""

READ_BELOW = 50_000_000  # bytes; of larger files the values are not looked at here

_LOOK = """
import json, sys
import h5netcdf
for line in sys.stdin:
    path, read = json.loads(line)
    try:
        with h5netcdf.File(path, "r") as file:
            for variable in file.variables.values():
                dict(variable.attrs)
                if read:
                    variable[...]
    except Exception:
        pass
    print("", flush=True)
"""


def endless(paths: Sequence[Path], seconds: float = SECONDS) -> list[Path]:
    """Those of HDF5 files whose opening does not end, or breaks the reader."""
    left, bad = [path for path in paths if is_hdf5(path)], list[Path]()
    while left:
        count = _looked_at(left, seconds * len(left))
        if count < len(left):
            bad.append(left[count])
        left = left[count + 1 :]
    return bad


def _looked_at(paths: Sequence[Path], seconds: float) -> int:
    """How many of the files were gone through before one broke off."""
    lines = (json.dumps([str(path), path.stat().st_size < READ_BELOW]) + "\n" for path in paths)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _LOOK],
            input="".join(lines).encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
        ).stdout
    except subprocess.TimeoutExpired as expired:
        done = expired.stdout or b""
    return done.count(b"\n")
