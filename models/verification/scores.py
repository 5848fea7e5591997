"""Scores and verdicts: the table scores.csv, from a backtest of every hazard of a region.

Brier 1950; CORP decomposition by isotonic regression (Dimitriadis, Gneiting & Jordan 2021).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.isotonic import isotonic_regression

from configs import Region
from features.hazards import LEVELS, Hazard, hazards
from models.verdicts import KNOWN, NO_BETTER, NOT_ASSESSED, SKILFUL
from models.verification.inference import benjamini_hochberg, sign_flip_p, skill_interval
from models.verification.samples import Sample, by_lead, sample

COLUMNS = (
    "region", "hazard", "level", "lead_days", "window_days",
    "n", "n_events", "n_event_years", "base_rate",
    "brier", "brier_climatology", "brier_persistence", "brier_published",
    "bss_climatology", "bss_climatology_low", "bss_climatology_high",
    "bss_persistence", "bss_persistence_low", "bss_persistence_high",
    "p_value", "roc_area", "roc_area_climatology", "reliability", "resolution",
    "fallback", "verdict", "delay_days",
)  # fmt: skip


def assess(
    out_of_fold: Mapping[str, xr.Dataset], region: Region, missing: Collection[str]
) -> pd.DataFrame:
    """The table of scores.csv for all hazards of a region together.

    ``out_of_fold``: backtests by hazard, see verification.backtest. ``missing``: hazards that
    cannot be assessed; their rows say so. ``brier`` and the skills are the model's,
    ``brier_published`` and the verdict are of the published probability.
    """
    rows: list[dict[str, Any]] = []
    for name in sorted({*out_of_fold, *missing}):
        if name in out_of_fold:
            rows += _hazard_rows(hazards()[name], out_of_fold[name])
        else:
            rows += _blank_rows(hazards()[name])
    scores = pd.DataFrame(rows, columns=[*COLUMNS, "_assessed", "_p_persistence"])
    return decide(scores.assign(region=region.name))[list(COLUMNS)]


def decide(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows with a verdict from their p-values.

    ``known`` where the published probability beats the climatologies, ``skilful`` where it beats
    persistence as well. The false discovery rate is limited over families, see ``claimed``.
    """
    assessed = scores["_assessed"].fillna(False).astype(bool)
    known = claimed(scores, assessed, "p_value")
    skilful = known & claimed(scores, assessed, "_p_persistence")
    verdict = np.select([~assessed, skilful, known], [NOT_ASSESSED, SKILFUL, KNOWN], NO_BETTER)
    return scores.assign(verdict=verdict)


def claimed(scores: pd.DataFrame, assessed: pd.Series, column: str) -> pd.Series:
    """Rows that may be called better by the p-values in ``column``.

    A family is a hazard, level and window (of an index: a hazard and level). Its p is that of its
    shortest assessed lead. The greatest p that Benjamini & Hochberg accept over all families is the
    limit. Longer leads are claimed in turn while theirs is within it.
    """
    rows = scores[assessed].sort_values("lead_days", kind="stable")
    of_index = [hazards()[name].windows_look_back for name in rows["hazard"]]
    window = rows["window_days"].where(~np.array(of_index, dtype=bool), 0)
    families = [rows["hazard"], rows["level"], window]
    limit = benjamini_hochberg(rows.groupby(families)[column].first().to_numpy(dtype=float))
    within = (rows[column].astype(float) <= limit) & (limit > 0)
    unbroken = within.groupby(families).cummin().astype(bool)
    return unbroken.reindex(scores.index, fill_value=False)


def _blank_rows(hazard: Hazard) -> list[dict[str, Any]]:
    """Rows of a hazard that was not backtested, of an index one for each lead and level."""
    first = hazard.cells[0].window_days
    cells = [
        cell for cell in hazard.cells if not hazard.windows_look_back or cell.window_days == first
    ]
    return [
        _row(hazard, cell.lead_days, cell.window_days, level) for cell in cells for level in LEVELS
    ]


def _row(hazard: Hazard, lead_days: int, window_days: int, level: int) -> dict[str, Any]:
    return {
        "hazard": hazard.name,
        "level": level,
        "lead_days": lead_days,
        "window_days": window_days,
        "n": 0,
        "n_events": 0,
        "n_event_years": 0,
        "fallback": "climatology",
        "_assessed": False,
    }


def _hazard_rows(hazard: Hazard, out_of_fold: xr.Dataset) -> list[dict[str, Any]]:
    judged, rows = by_lead(hazard, out_of_fold), []
    for cell in range(judged.sizes["cell"]):
        lead, window = (int(judged[name].values[cell]) for name in ("lead_days", "window_days"))
        for level in LEVELS:
            scored = sample(judged, cell, level)
            row = _row(hazard, lead, window, level)
            row |= {"delay_days": out_of_fold.attrs["delay_days"]}
            rows.append(row | (_assess_sample(scored) if len(scored.outcome) else {}))
    return rows


def _assess_sample(scored: Sample) -> dict[str, Any]:
    """The columns of scores.csv of one cell and level, and what its verdict is decided by."""
    better = scored.brier(scored.persistence) < scored.brier(scored.climatology)
    p_value, p_persistence = p_values(scored)
    return score_sample(scored) | {
        "p_value": p_value if scored.assessed else np.nan,
        "_p_persistence": p_persistence if scored.assessed else np.nan,
        "fallback": "persistence" if better else "climatology",
        "_assessed": scored.assessed,
    }


def p_values(scored: Sample) -> tuple[float, float]:
    """One-sided p that the published probability is no better than the climatologies,
    and that it is no better than persistence.
    """
    own = scored.by_block(scored.published)
    climatology, smoothed, persistence = (
        sign_flip_p(scored.by_block(reference) - own)
        for reference in (scored.climatology, scored.climatology_smoothed, scored.persistence)
    )
    return max(climatology, smoothed), persistence


def score_sample(scored: Sample) -> dict[str, Any]:
    """The columns of scores.csv that are no decision: counts, Brier scores, skills, ROC areas."""
    own, climatology, persistence = (
        scored.by_block(values) for values in (scored.model, scored.climatology, scored.persistence)
    )
    reliability, resolution, _ = corp(scored.model, scored.outcome)
    return {
        "n": len(scored.outcome),
        "n_events": int(scored.outcome.sum()),
        "n_event_years": scored.event_years,
        "base_rate": scored.outcome.mean(),
        "brier": scored.brier(scored.model),
        "brier_climatology": scored.brier(scored.climatology),
        "brier_persistence": scored.brier(scored.persistence),
        "brier_published": scored.brier(scored.published),
        **_skill_columns("climatology", own, climatology),
        **_skill_columns("persistence", own, persistence),
        "roc_area": roc_area(scored.model, scored.outcome),
        "roc_area_climatology": roc_area(scored.climatology, scored.outcome),
        "reliability": reliability,
        "resolution": resolution,
    }


def _skill_columns(name: str, own: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Brier skill score against a reference, with its 95 % interval."""
    low, high = skill_interval(own, reference)
    skill = 1 - own.sum() / reference.sum() if reference.sum() > 0 else np.nan
    return {f"bss_{name}": skill, f"bss_{name}_low": low, f"bss_{name}_high": high}


def _by_value(probability: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cases and events of each distinct probability, ascending: (value,) each."""
    _, value, cases = np.unique(probability, return_inverse=True, return_counts=True)
    return cases.astype(float), np.bincount(value, outcome)


def roc_area(probability: np.ndarray, outcome: np.ndarray) -> float:
    """Area under the ROC curve; NaN where all outcomes are the same. Both arrays (case,).

    The share of pairs of an event and a non-event whose probabilities are in order, ties half.
    """
    cases, events = _by_value(probability, outcome)
    rest = cases - events
    if not events.sum() or not rest.sum():
        return float("nan")
    below = np.cumsum(rest) - rest / 2
    return float(events @ below / (events.sum() * rest.sum()))


def corp(probability: np.ndarray, outcome: np.ndarray) -> tuple[float, float, float]:
    """Reliability (miscalibration), resolution (discrimination) and uncertainty of the Brier score.

    By isotonic regression: Dimitriadis, Gneiting & Jordan 2021. Both arrays (case,).
    """
    cases, events = _by_value(probability, outcome)
    recalibrated = isotonic_regression(events / cases, sample_weight=cases)
    brier = np.mean((probability - outcome) ** 2)
    squares = events * (1 - recalibrated) ** 2 + (cases - events) * recalibrated**2
    best = squares.sum() / len(outcome)
    uncertainty = float(np.mean((outcome - outcome.mean()) ** 2))
    return float(brier - best), float(uncertainty - best), uncertainty
