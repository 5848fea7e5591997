"""Areas: sums over tiles are those of all cells, and a mean is a forecast like any other."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from models.areas import AreaSums, AreaWeights, _summing_to

CELLS = 7


def values(seed: int) -> tuple[xr.Dataset, AreaWeights]:
    rng = np.random.default_rng(seed)
    chance = rng.random((2, CELLS))
    chance[rng.random((2, CELLS)) < 0.2] = np.nan
    verdict = rng.choice(["skilful", "known"], (2, CELLS)).astype(object)
    dims = ("level", "location")
    dataset = xr.Dataset(
        {"probability": (dims, chance), "verdict": (dims, verdict)},
        {"location": [f"c{n}" for n in range(CELLS)], "level": [1, 2]},
    )
    return dataset, AreaWeights(("north", "south", "none"), _weights(rng))


def _weights(rng: np.random.Generator) -> np.ndarray:
    weights = rng.random((3, CELLS))
    weights[2] = 0
    return weights


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cut", [1, 4, CELLS - 1])
def test_sums_over_tiles_are_those_of_all_cells(seed: int, cut: int) -> None:
    dataset, over = values(seed)
    whole = AreaSums.of(dataset, over).means()
    parts = [
        AreaSums.of(dataset.isel(location=part), AreaWeights(over.areas, over.weights[:, part]))
        for part in (slice(None, cut), slice(cut, None))
    ]
    together = (parts[0] + parts[1]).means()
    np.testing.assert_allclose(together["probability"], whole["probability"], rtol=1e-12)
    np.testing.assert_array_equal(together["verdict"].values[:, :2], whole["verdict"].values[:, :2])


def test_a_mean_leaves_out_cells_without_a_value() -> None:
    """0.2 with weight 1 and 0.5 with weight 3: 1.7 / 4; the third cell has none."""
    dataset = xr.Dataset(
        {"probability": ("location", [0.2, 0.5, np.nan]), "verdict": ("location", ["a", "b", "c"])},
        {"location": ["x", "y", "z"]},
    )
    mean = AreaSums.of(dataset, AreaWeights(("here",), np.array([[1.0, 3.0, 9.0]]))).means()
    assert mean["probability"].item() == pytest.approx(0.425)
    assert mean["verdict"].item() == "c", "most of the area"
    assert np.isnan(
        AreaSums.of(dataset, AreaWeights(("sea",), np.zeros((1, 3)))).means()["probability"].item()
    )


def test_contributions_sum_to_the_log_odds_of_the_mean() -> None:
    parts = np.array([[0.3, -1.0, 0.0], [0.1, 0.5, 0.0]])
    moved = _summing_to(np.array([0.8, -0.5, 0.0]), parts)
    np.testing.assert_allclose(moved.sum(axis=0), [0.8, -0.5, 0.0])
    assert moved[0, 0] > moved[1, 0] > 0, "what lacks is shared out by size"
