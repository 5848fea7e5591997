"""Compiles what numba compiles ahead: ``python -m models``.

Kept beside the sources (or in NUMBA_CACHE_DIR), so that no later process waits for it.
"""

from __future__ import annotations

import numpy as np

from features.__main__ import main as compile_features
from models.distribution_regression import PredictorSpec, Rows, fit


def main() -> None:
    """Everything that features compute, and a regression, once."""
    compile_features()
    random, ones = np.random.default_rng(0), np.ones((100, 2))
    x, y = random.normal(size=(100, 1)), random.integers(0, 2, (100, 2)).astype(np.float64)
    fit(Rows(x, random.normal(size=(100, 3)), ones, y, ones, ones), PredictorSpec({"x": 1.0}))


if __name__ == "__main__":
    main()
