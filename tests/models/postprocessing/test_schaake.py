"""The Schaake shuffle: trajectories err together where past forecasts did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from models.postprocessing.schaake import schaake_ranks, score_quantiles

DAYS, LEADS, TRAJECTORIES = 500, np.arange(3), 300
DIMS = ("init_time", "horizon", "location")


def pairs_of(scores: np.ndarray) -> xr.Dataset:
    """Pairs of forecasts of which one was issued on every day."""
    times = pd.date_range("2001-01-01", periods=len(scores)).as_unit("ns")
    parts = {name: (DIMS, np.zeros(scores.shape)) for name in ("mean", "spread", "wet", "observed")}
    return xr.Dataset(parts, {"init_time": times, "horizon": LEADS, "location": ["here"]})


def test_ranks_are_tied_over_leads_and_variables_as_past_errors_were() -> None:
    """Two variables of one issue day err alike at leads 0 and 1, and at random at lead 2."""
    random = np.random.default_rng(5)
    shared = random.normal(size=(DAYS, 1, 1))
    own = random.normal(size=(2, DAYS, len(LEADS), 1))
    scores = 0.95 * shared + 0.3 * own
    scores[:, :, 2] = own[:, :, 2]
    named = dict(zip(("warm", "wet"), scores, strict=True))
    pairs = {name: pairs_of(part) for name, part in named.items()}
    ranks = schaake_ranks(named, pairs, LEADS, 0, TRAJECTORIES)
    rows = np.concatenate([ranks["warm"], ranks["wet"]])
    assert (np.sort(rows, axis=1) == np.arange(TRAJECTORIES)).all()
    past = np.corrcoef(np.concatenate([part[:, :, 0].T for part in scores]))
    np.testing.assert_allclose(np.corrcoef(rows), past, atol=0.15)


def test_quantiles_of_scores_rise_and_widen_with_what_was_missed() -> None:
    """Scores twice as wide as a right model's: 500 days weigh more than the prior's 60."""
    scores = 2.0 * np.random.default_rng(6).normal(size=(DAYS, 1, 1))
    (quantiles,) = score_quantiles(scores, TRAJECTORIES)
    assert (np.diff(quantiles) >= 0).all()
    # (500 x 2 + 60 x 1) / 560 = 1.89
    assert abs(quantiles.std() - 1.89) < 0.15
