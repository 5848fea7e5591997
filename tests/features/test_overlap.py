"""The overlap ensemble against what can be worked out: rain without memory, of which part of the
window has fallen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from features.build import build_features, build_outcome, delays_of
from features.hazards import Cell, Options, drought

# A "day" of this record is a month: independent sums, so that a window of 6 makes SPI-6. The newest
# known is the one before
# the issue day, so that lead 0 leaves one of six unknown, lead 1 two, lead 5 all.
MONTHS = 6
UNKNOWN = (1, 2, 6)
CELLS = tuple(Cell(unknown - 1, MONTHS) for unknown in UNKNOWN)


def closed_form(unknown: int, limit: float = -1.0) -> tuple[float, float]:
    """Brier skill and ROC area of the exact chance of Z <= limit, where ``unknown`` sixths of Z's
    variance are not known.

    With known part k ~ N(0, 1): p(k) = Phi((limit - sqrt(1 - u) k) / sqrt(u)). Brier skill = var(p)
    / (q (1 - q));
    ROC area = P(p of an event > p of none), and p falls with k.
    """
    u, q = unknown / MONTHS, norm.cdf(limit)
    if u == 1:
        return 0.0, 0.5
    k = np.linspace(-8, 8, 20_001)
    weight = norm.pdf(k) / norm.pdf(k).sum()
    p = norm.cdf((limit - np.sqrt(1 - u) * k) / np.sqrt(u))
    event, none = weight * p / q, weight * (1 - p) / (1 - q)
    lower = np.cumsum(event) - event / 2
    return float((weight * p**2).sum() - q**2) / (q * (1 - q)), float((none * lower).sum())


def rain_without_memory(years: int, seed: int) -> xr.Dataset:
    """Independent gamma sums (shape 2: rather skewed months), mm, no season, at one place."""
    times = pd.date_range("1950-01-01", periods=round(years * 365.2425)).as_unit("ns")
    rain = np.random.default_rng(seed).gamma(2.0, 20.0, (len(times), 1)).astype(np.float32)
    return xr.Dataset(
        {"precipitation": (("time", "location"), rain, {"delay_days": 1})},
        {"time": times, "location": ["here"]},
    )


@pytest.fixture(scope="module")
def foretold() -> tuple[np.ndarray, np.ndarray]:
    """The ensemble's level 1 chances and what happened: (cell, day).

    Learnt on 30 years, tried on the 30 after.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drought, "CELLS", CELLS)
        patch.setattr(drought, "WINDOWS", (MONTHS, 2 * MONTHS))
        hazard = replace(drought.HAZARD, cells=CELLS)
        record = rain_without_memory(years=60, seed=1)
        normals = hazard.fit_normals(record.isel(time=slice(0, 30 * 365)), Options())
        days = record["time"].values[30 * 365 + 60 : -MONTHS]
        features = build_features(
            hazard, record, normals, days, delays_of(record), Options()
        ).compute()
        outcome = build_outcome(
            hazard, hazard.events(record, normals, Options()), normals, Options()
        ).sel(init_time=days, level=1)
    return features["overlap_1"].values[:, :, 0].T.astype(np.float64), outcome.values[:, :, 0]


def skill(chance: np.ndarray, happened: np.ndarray) -> float:
    return float(1 - np.mean((chance - happened) ** 2) / happened.var())


@pytest.mark.parametrize(
    ("unknown", "bss", "auc"), [(1, 0.59, 0.965), (2, 0.40, 0.92), (6, 0.00, 0.50)]
)
def test_the_closed_form_is_the_known_one(unknown: int, bss: float, auc: float) -> None:
    """The issue's figures are rounded: the exact ones are .583 and .960, .410 and .914."""
    assert closed_form(unknown) == pytest.approx((bss, auc), abs=0.011)


@pytest.mark.parametrize(
    ("unknown", "bss_within", "auc_within"), [(1, 0.04, 0.01), (2, 0.03, 0.02), (6, 0.005, 0.03)]
)
def test_the_overlap_ensemble_equals_the_closed_form(
    unknown: int, bss_within: float, auc_within: float, foretold: tuple[np.ndarray, np.ndarray]
) -> None:
    chance, happened = (part[UNKNOWN.index(unknown)] for part in foretold)
    bss, auc = closed_form(unknown)
    assert happened.sum() >= 1_000
    assert skill(chance, happened) == pytest.approx(bss, abs=bss_within)
    assert roc_auc_score(happened, chance) == pytest.approx(auc, abs=auc_within)


def test_the_overlap_ensemble_is_right_in_the_large_and_by_bins(
    foretold: tuple[np.ndarray, np.ndarray],
) -> None:
    for chance, happened in zip(*foretold, strict=True):
        assert chance.mean() == pytest.approx(happened.mean(), rel=0.05)
        for low in (0.0, 0.2, 0.4, 0.6, 0.8):
            inside = (chance >= low) & (chance < low + 0.2)
            if inside.sum() >= 200:
                assert happened[inside].mean() == pytest.approx(chance[inside].mean(), abs=0.05)


def test_memory_is_not_the_overlaps_doing(foretold: tuple[np.ndarray, np.ndarray]) -> None:
    """A window of which nothing is known has the same chance whatever the record has just seen."""
    chance = foretold[0][UNKNOWN.index(6)]
    assert chance.std() < 0.02
