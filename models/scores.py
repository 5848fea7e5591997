"""Scores and verdicts: one set of functions for the backtest and for live verification.

Brier 1950; CORP decomposition by isotonic regression (Dimitriadis, Gneiting & Jordan 2021); false discovery rate of
Benjamini & Hochberg 1995; sign-flip test on yearly differences, because days of one year are not independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.isotonic import isotonic_regression
from sklearn.metrics import roc_auc_score

from configs import Region
from features.hazards import LEVELS, Hazard, hazards

COLUMNS = (
    "region", "hazard", "level", "lead_days", "window_days", "n", "n_events", "n_event_years", "base_rate",
    "brier", "brier_climatology", "brier_persistence", "brier_published",
    "bss_climatology", "bss_climatology_low", "bss_climatology_high",
    "bss_persistence", "bss_persistence_low", "bss_persistence_high",
    "p_value", "roc_area", "roc_area_climatology", "reliability", "resolution", "fallback", "verdict", "delay_days",
)  # fmt: skip
DRAWS = 1_000  # of whole years, for intervals
FLIPS = 10_000
FALSE_DISCOVERIES = 0.10
FEWEST_EVENT_DAYS = 10
FEWEST_EVENT_YEARS = 5
SKILFUL, KNOWN, USUAL, NOT_ASSESSED, PROVISIONAL = (
    "skilful",
    "known",
    "no better than usual",
    "not assessed",
    "provisional",
)


@dataclass(frozen=True)
class Sample:
    """One cell's and level's out-of-fold days of all locations: probabilities, outcome; (day,).

    ``block``: the stretch of time, a year or some days, that is kept whole when it is drawn or its
    sign flipped. ``published``: the number that readers get.
    """

    outcome: np.ndarray
    model: np.ndarray
    published: np.ndarray
    persistence: np.ndarray
    climatology: np.ndarray
    climatology_smoothed: np.ndarray
    block: np.ndarray
    day: np.ndarray

    def brier(self, probability: np.ndarray) -> float:
        return float(np.mean((probability - self.outcome) ** 2))

    def by_block(self, probability: np.ndarray) -> np.ndarray:
        """Sum of squared errors of each block, in the order of ``blocks``."""
        return np.bincount(self.place, (probability - self.outcome) ** 2, len(self.blocks))

    @cached_property
    def blocks(self) -> np.ndarray:
        """The distinct blocks, in order."""
        return np.unique(self.block)

    @cached_property
    def place(self) -> np.ndarray:
        """Which of ``blocks`` each day is in: (day,)."""
        return np.searchsorted(self.blocks, self.block)

    @cached_property
    def event_days(self) -> np.ndarray:
        """The distinct days with an event, in order."""
        return np.unique(self.day[self.outcome == 1])

    @property
    def event_years(self) -> int:
        return len(np.unique(self.event_days.astype("datetime64[Y]")))

    @property
    def assessed(self) -> bool:
        return len(self.event_days) >= FEWEST_EVENT_DAYS and self.event_years >= FEWEST_EVENT_YEARS


FORECASTERS = ("model", "published", "persistence", "climatology", "climatology_smoothed")


def sample(
    out_of_fold: xr.Dataset,
    cell: int,
    level: int,
    names: Mapping[str, str] | None = None,
    block_days: int | None = None,
) -> Sample:
    """The scored days of one cell and level, counted from 1.

    ``names``: which variable stands for a forecaster, where it is not its own. Blocks are calendar
    years, or of ``block_days`` days.
    """
    variables = {"outcome": "outcome"} | {name: name for name in FORECASTERS} | dict(names or {})
    part = {
        name: out_of_fold[variable].values[cell, level - 1].astype(np.float64)
        for name, variable in variables.items()
    }
    ok = np.all([np.isfinite(values) for values in part.values()], axis=0)
    days = np.broadcast_to(
        out_of_fold["init_time"].values.astype("datetime64[D]")[:, None], ok.shape
    )[ok]
    block = (
        days.astype(int) // block_days
        if block_days
        else days.astype("datetime64[Y]").astype(int) + 1970
    )
    return Sample(**{name: values[ok] for name, values in part.items()}, block=block, day=days)


def by_lead(hazard: Hazard, out_of_fold: xr.Dataset) -> xr.Dataset:
    """Cells as they are judged: where they are windows of an index, those of one lead as one.

    Its ``window_days`` is that which counts on most of its days.
    """
    if not hazard.windows_look_back:
        return out_of_fold
    of_lead = out_of_fold["lead_days"].values
    groups = [np.flatnonzero(of_lead == lead) for lead in np.unique(of_lead)]
    counts = np.isfinite(out_of_fold["outcome"].values[:, 0]).sum(axis=(1, 2))
    fullest = [int(group[counts[group].argmax()]) for group in groups]
    merged = {
        name: (part.dims, np.stack([np.fmax.reduce(part.values[group]) for group in groups]))
        for name, part in out_of_fold.data_vars.items()
    }
    windows = out_of_fold["window_days"].values[fullest]
    coords = {name: out_of_fold[name] for name in ("level", "init_time", "location")}
    cells = {"lead_days": ("cell", of_lead[fullest]), "window_days": ("cell", windows)}
    return xr.Dataset(merged, {**coords, **cells}, out_of_fold.attrs)


@cache
def bootstrap_years(years: int, seed: int = 0) -> np.ndarray:
    """How often each year is drawn in each of DRAWS resamples of whole years: (draw, year)."""
    return np.random.default_rng(seed).multinomial(years, np.full(years, 1 / years), size=DRAWS)


def skill_interval(own: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """95 % interval of 1 - own / reference from yearly sums of squared errors, by bootstrap over whole years."""
    if len(own) < 2:
        return float("nan"), float("nan")
    drawn = bootstrap_years(len(own))
    against = drawn @ reference
    skill = 1 - np.divide(drawn @ own, against, out=np.full(len(drawn), np.nan), where=against > 0)
    if not np.isfinite(skill).any():
        return float("nan"), float("nan")
    low, high = np.nanquantile(skill, [0.025, 0.975])
    return float(low), float(high)


def sign_flip_p(difference: np.ndarray) -> float:
    """One-sided p that yearly improvements are centred on 0: share of FLIPS random signs with a mean at least as great."""
    if not np.any(difference):
        return 1.0
    signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(FLIPS, len(difference)))
    reached = signs @ difference >= difference.sum() - 1e-12
    return float((reached.sum() + 1) / (FLIPS + 1))


def discovery_limit(p_values: np.ndarray, q: float = FALSE_DISCOVERIES) -> float:
    """The greatest p that Benjamini & Hochberg 1995 take for a discovery at rate ``q``; 0: none."""
    ranks = np.arange(1, len(p_values) + 1)
    limits = q * ranks / max(len(p_values), 1)
    passed = np.sort(p_values) <= limits
    return float(limits[passed].max()) if passed.any() else 0.0


def corp(probability: np.ndarray, outcome: np.ndarray) -> tuple[float, float, float]:
    """Reliability (miscalibration), resolution (discrimination) and uncertainty of the Brier score, by isotonic regression."""
    order = np.lexsort((outcome, probability))
    values, start = np.unique(probability[order], return_index=True)
    weight = np.diff(np.append(start, len(order))).astype(float)
    mean = np.add.reduceat(outcome[order], start) / weight
    recalibrated = np.repeat(isotonic_regression(mean, sample_weight=weight), weight.astype(int))
    brier, best = (
        np.mean((probability - outcome) ** 2),
        np.mean((recalibrated - outcome[order]) ** 2),
    )
    uncertainty = float(np.mean((outcome - outcome.mean()) ** 2))
    return float(brier - best), float(uncertainty - best), uncertainty


def assess(
    out_of_fold: Mapping[str, xr.Dataset], region: Region, missing: Mapping[str, str]
) -> pd.DataFrame:
    """The table of scores.csv for all hazards of a region together.

    ``out_of_fold``: backtests by hazard, as models.backtest makes them. ``missing``: hazards that
    cannot be assessed; their rows say so. ``brier`` and the skills are the model's,
    ``brier_published`` and the verdict are of the published number.
    """
    rows = []
    for name in sorted({*out_of_fold, *missing}):
        rows += (
            _hazard_rows(hazards()[name], out_of_fold[name])
            if name in out_of_fold
            else _blank_rows(hazards()[name])
        )
    scores = pd.DataFrame(rows, columns=[*COLUMNS, "_assessed", "_p_persistence"])
    return decide(scores.assign(region=region.name))[list(COLUMNS)]


def decide(scores: pd.DataFrame) -> pd.DataFrame:
    """Verdicts from p-values: ``known`` where the published number beats the climatologies, and
    ``skilful`` where it beats persistence as well; false discoveries are limited over families.
    """
    assessed = scores["_assessed"].fillna(False).astype(bool)
    known = claimed(scores, assessed, "p_value")
    skilful = known & claimed(scores, assessed, "_p_persistence")
    verdict = np.select([~assessed, skilful, known], [NOT_ASSESSED, SKILFUL, KNOWN], USUAL)
    return scores.assign(verdict=verdict)


def claimed(scores: pd.DataFrame, assessed: pd.Series, column: str) -> pd.Series:
    """Rows that may be called better by the p-values in ``column``.

    A family is a hazard, level and window (of an index: a hazard and level). Its p is that of its
    shortest assessed lead; the greatest p that Benjamini & Hochberg accept over all families is the
    limit, and longer leads are claimed in turn while theirs is within it.
    """
    rows = scores[assessed].sort_values("lead_days", kind="stable")
    index = [hazards()[name].windows_look_back for name in rows["hazard"]]
    window = rows["window_days"].where(~np.array(index, dtype=bool), 0)
    families = [rows["hazard"], rows["level"], window]
    limit = discovery_limit(rows.groupby(families)[column].first().to_numpy(dtype=float))
    within = (rows[column].astype(float) <= limit) & (limit > 0)
    unbroken = within.groupby(families).cummin().astype(bool)
    return unbroken.reindex(scores.index, fill_value=False)


def _blank_rows(hazard: Hazard) -> list[dict]:
    first = hazard.cells[0].window_days
    cells = [
        cell for cell in hazard.cells if not hazard.windows_look_back or cell.window_days == first
    ]
    return [
        _row(hazard, cell.lead_days, cell.window_days, level) for cell in cells for level in LEVELS
    ]


def _row(hazard: Hazard, lead_days: int, window_days: int, level: int) -> dict:
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


def _hazard_rows(hazard: Hazard, out_of_fold: xr.Dataset) -> list[dict]:
    judged, rows = by_lead(hazard, out_of_fold), []
    for cell in range(judged.sizes["cell"]):
        lead, window = (int(judged[name].values[cell]) for name in ("lead_days", "window_days"))
        for level in LEVELS:
            one = sample(judged, cell, level)
            scored = _score(one) if len(one.outcome) else {}
            same = _row(hazard, lead, window, level)
            rows.append(same | {"delay_days": out_of_fold.attrs["delay_days"]} | scored)
    return rows


def _score(one: Sample) -> dict:
    """The columns of scores.csv of one cell and level, and what its verdict is decided by."""
    better = one.brier(one.persistence) < one.brier(one.climatology)
    p_value, p_persistence = p_values(one)
    return describe(one) | {
        "p_value": p_value if one.assessed else np.nan,
        "_p_persistence": p_persistence if one.assessed else np.nan,
        "fallback": "persistence" if better else "climatology",
        "_assessed": one.assessed,
    }


def p_values(one: Sample) -> tuple[float, float]:
    """One-sided p that the published number is no better than the climatologies, than persistence."""
    own = one.by_block(one.published)
    usual, smooth, known = (
        sign_flip_p(one.by_block(part) - own)
        for part in (one.climatology, one.climatology_smoothed, one.persistence)
    )
    return max(usual, smooth), known


def describe(one: Sample) -> dict:
    """The columns of scores.csv that are no decision: counts, Brier scores, skills, discrimination."""
    own, usual, known = (
        one.by_block(values) for values in (one.model, one.climatology, one.persistence)
    )
    low_usual, high_usual = skill_interval(own, usual)
    low_known, high_known = skill_interval(own, known)
    reliability, resolution, _ = corp(one.model, one.outcome)
    both = 0 < one.outcome.sum() < len(one.outcome)
    return {
        "n": len(one.outcome),
        "n_events": int(one.outcome.sum()),
        "n_event_years": one.event_years,
        "base_rate": one.outcome.mean(),
        "brier": one.brier(one.model),
        "brier_climatology": one.brier(one.climatology),
        "brier_persistence": one.brier(one.persistence),
        "brier_published": one.brier(one.published),
        "bss_climatology": _skill(own, usual),
        "bss_climatology_low": low_usual,
        "bss_climatology_high": high_usual,
        "bss_persistence": _skill(own, known),
        "bss_persistence_low": low_known,
        "bss_persistence_high": high_known,
        "roc_area": roc_auc_score(one.outcome, one.model) if both else np.nan,
        "roc_area_climatology": roc_auc_score(one.outcome, one.climatology) if both else np.nan,
        "reliability": reliability,
        "resolution": resolution,
    }


def _skill(own: np.ndarray, reference: np.ndarray) -> float:
    return 1 - own.sum() / reference.sum() if reference.sum() > 0 else np.nan


def no_worse(challenger: xr.Dataset, champion: xr.Dataset) -> tuple[bool, str]:
    """Whether a challenger may take the champion's place, and why.

    It may unless its yearly paired Brier difference is surely above 0. Both are out-of-fold
    predictions, compared on the days, locations, cells and levels that both have.
    """
    new, old = xr.align(challenger, champion, join="inner", exclude=("cell",))
    if (
        not new.sizes["init_time"]
        or not new.sizes["location"]
        or new.sizes["cell"] != old.sizes["cell"]
    ):
        return True, "nothing to compare: the champion has no test day in common with it"
    difference = (
        (new["model"] - new["outcome"]) ** 2 - (old["model"] - old["outcome"]) ** 2
    ).astype(float)
    yearly = [
        part.groupby("init_time.year").sum(["cell", "level", "init_time", "location"])
        for part in (difference, difference.notnull())
    ]
    total, count = (part.values for part in yearly)
    if not count.sum():
        return True, "nothing to compare: the champion has no test day in common with it"
    drawn = bootstrap_years(len(total))
    low, high = np.quantile((drawn @ total) / np.maximum(drawn @ count, 1), [0.025, 0.975])
    mean = total.sum() / count.sum()
    words = f"Brier difference to the champion {mean:+.5f} [{low:+.5f}, {high:+.5f}] over {len(total)} years"
    return (
        (False, f"refused, worse: {words}") if low > 0 else (True, f"accepted, not worse: {words}")
    )
