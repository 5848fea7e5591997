"""Scores, fallbacks and verdicts: one set of functions for the backtest and for live verification.

Brier 1950; CORP decomposition by isotonic regression (Dimitriadis, Gneiting & Jordan 2021); false discovery rate of
Benjamini & Hochberg 1995; sign-flip test on yearly differences, because days of one year are not independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.isotonic import isotonic_regression
from sklearn.metrics import roc_auc_score

from configs import Region
from features.hazards import LEVELS, Cell, Hazard, hazards

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
FEWEST_YEARS_FOR_FALLBACK = 3  # a bootstrap over fewer says nothing
SKILFUL, KNOWN, USUAL, NOT_ASSESSED, PROVISIONAL = (
    "skilful",
    "known",
    "no better than usual",
    "not assessed",
    "provisional",
)


@dataclass(frozen=True)
class Sample:
    """One cell's and level's out-of-fold days of all places: probabilities and outcome, each (day,).

    ``block``: the stretch of time, a year or some days, that is kept whole when it is drawn or its sign flipped.
    """

    outcome: np.ndarray
    model: np.ndarray
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


def sample(
    out_of_fold: xr.Dataset,
    cell: int,
    level: int,
    speaker: str = "model",
    block_days: int | None = None,
) -> Sample:
    """The scored days of one cell and level, counted from 1, of the forecaster ``speaker``.

    Blocks are calendar years, or of ``block_days`` days.
    """
    names = {"outcome": "outcome", "model": speaker} | {
        name: name for name in ("persistence", "climatology", "climatology_smoothed")
    }
    part = {
        name: out_of_fold[variable].values[cell, level - 1].astype(np.float64)
        for name, variable in names.items()
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


def beats_by_bootstrap(reference: np.ndarray, own: np.ndarray) -> bool:
    """True if the lower 90 % bound of the yearly improvement (reference minus own squared error) is above 0."""
    if len(own) < FEWEST_YEARS_FOR_FALLBACK:
        return False
    return bool(np.quantile(bootstrap_years(len(own)) @ (reference - own), 0.10) > 0)


def sign_flip_p(difference: np.ndarray) -> float:
    """One-sided p that yearly improvements are centred on 0: share of FLIPS random signs with a mean at least as great."""
    if not np.any(difference):
        return 1.0
    signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(FLIPS, len(difference)))
    reached = signs @ difference >= difference.sum() - 1e-12
    return float((reached.sum() + 1) / (FLIPS + 1))


def discoveries(p_values: np.ndarray, q: float = FALSE_DISCOVERIES) -> np.ndarray:
    """Which p-values Benjamini & Hochberg 1995 reject at false discovery rate ``q``."""
    order = np.argsort(p_values)
    passed = p_values[order] <= q * np.arange(1, len(p_values) + 1) / max(len(p_values), 1)
    accepted = np.zeros(len(p_values), dtype=bool)
    if passed.any():
        accepted[order[: np.flatnonzero(passed).max() + 1]] = True
    return accepted


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


def persistence_by_fold(one: Sample) -> np.ndarray:
    """True for each test year whose fallback is persistence, chosen on the years before it alone: (year,)."""
    known, calendars = _squared_errors(one)
    return np.array(
        [
            _beats_all(known[:fold], [part[:fold] for part in calendars])
            for fold in range(len(one.blocks))
        ],
        dtype=bool,
    )


def knows_more_than_the_calendar(one: Sample) -> bool:
    """Whether the known state beats the calendar, and a smoother calendar too.

    A regression on a state that tells nothing still averages the noise of the calendar's frequencies away.
    """
    return _beats_all(*_squared_errors(one))


def _squared_errors(one: Sample) -> tuple[np.ndarray, list[np.ndarray]]:
    """By block, the known state's and both calendars'."""
    return one.by_block(one.persistence), [
        one.by_block(part) for part in (one.climatology, one.climatology_smoothed)
    ]


def _beats_all(own: np.ndarray, others: Sequence[np.ndarray]) -> bool:
    return all(beats_by_bootstrap(other, own) for other in others)


def nest(values: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Hold the levels that are not ``fixed`` between the nearest that are; level on axis 0, both (level, ...).

    The result is nested where the fixed values are nested among themselves and the others among themselves.
    """
    upper = np.fmin.accumulate(np.where(fixed, values, np.inf), axis=0)
    lower = np.fmax.accumulate(np.where(fixed, values, -np.inf)[::-1], axis=0)[::-1]
    return np.where(fixed, values, np.clip(values, lower, upper))


def publish(
    model: np.ndarray,
    known: np.ndarray,
    climatology: np.ndarray,
    use_model: np.ndarray,
    use_known: np.ndarray,
) -> np.ndarray:
    """The number published for each level; all arrays (level, ...), level on axis 0.

    The calendar's number is never altered. Where levels fall back on different baselines the known state's number is held
    between the calendar's of its neighbours, so that the fallback itself is nested; the model's is held between those.
    """
    fallback = nest(np.where(use_known, known, climatology), ~use_known)
    return nest(np.where(use_model, model, fallback), ~use_model)


def assess(
    out_of_fold: Mapping[str, xr.Dataset], region: Region, missing: Mapping[str, str]
) -> pd.DataFrame:
    """The table of scores.csv for all hazards of a region together; verdicts are corrected over all its assessed cells.

    ``out_of_fold``: backtests by hazard, as models.backtest makes them. ``missing``: hazards that cannot be assessed; their
    rows say so. ``brier`` and the skills are the model's, ``brier_published`` is of what would have been published.
    """
    rows = []
    for name in sorted({*out_of_fold, *missing}):
        rows += (
            _hazard_rows(hazards()[name], out_of_fold[name])
            if name in out_of_fold
            else _blank_rows(hazards()[name])
        )
    scores = pd.DataFrame(rows, columns=[*COLUMNS, "_assessed"]).assign(region=region.name)
    scores = decide(scores)
    for name, predictions in out_of_fold.items():
        for _, rows_of_cell in scores[scores["hazard"] == name].groupby(
            ["lead_days", "window_days"]
        ):
            scores.loc[rows_of_cell.index, "brier_published"] = _published_briers(
                hazards()[name], predictions, rows_of_cell
            )
    return scores[list(COLUMNS)]


def decide(scores: pd.DataFrame) -> pd.DataFrame:
    """Verdicts from p-values: Benjamini-Hochberg over all assessed cells, and a lead counts only if every shorter one does."""
    assessed = scores["_assessed"].fillna(False).astype(bool)
    found = pd.Series(False, index=scores.index)
    found[assessed] = discoveries(scores.loc[assessed, "p_value"].to_numpy(dtype=float))
    ordered = scores[assessed].sort_values("lead_days")
    unbroken = (
        found[ordered.index]
        .groupby([ordered["hazard"], ordered["level"], ordered["window_days"]])
        .cummin()
    )
    skilful = found & unbroken.reindex(scores.index, fill_value=False)
    known = scores["fallback"] == "persistence"
    verdict = np.select([~assessed, skilful, known], [NOT_ASSESSED, SKILFUL, KNOWN], USUAL)
    return scores.assign(verdict=verdict)


def _blank_rows(hazard: Hazard) -> list[dict]:
    first = hazard.cells[0].window_days
    cells = [
        cell for cell in hazard.cells if not hazard.windows_look_back or cell.window_days == first
    ]
    return [_row(hazard, cell, level) for cell in cells for level in LEVELS]


def _row(hazard: Hazard, cell: Cell, level: int) -> dict:
    where = {
        "hazard": hazard.name,
        "level": level,
        "lead_days": cell.lead_days,
        "window_days": cell.window_days,
    }
    return where | {
        "n": 0,
        "n_events": 0,
        "n_event_years": 0,
        "fallback": "climatology",
        "_assessed": False,
    }


def _hazard_rows(hazard: Hazard, out_of_fold: xr.Dataset) -> list[dict]:
    rows = []
    for number, cell in enumerate(hazard.cells):
        if (
            hazard.windows_look_back
            and not np.isfinite(out_of_fold["outcome"].values[number]).any()
        ):
            continue  # an index window that counts on no day of this record
        for level in LEVELS:
            one = sample(out_of_fold, number, level)
            scored = _score(one, hazard) if len(one.outcome) else {}
            rows.append(
                _row(hazard, cell, level) | {"delay_days": out_of_fold.attrs["delay_days"]} | scored
            )
    return rows


def _score(one: Sample, hazard: Hazard) -> dict:
    own, usual, known = (
        one.by_block(values) for values in (one.model, one.climatology, one.persistence)
    )
    by_fold = np.where(persistence_by_fold(one), known, usual)
    p_value = max(
        sign_flip_p(free - own) for free in (by_fold, known, one.by_block(one.climatology_smoothed))
    )
    fallback = knows_more_than_the_calendar(one) if one.assessed else bool(hazard.overlap)
    return describe(one) | {
        "p_value": p_value if one.assessed else np.nan,
        "fallback": "persistence" if fallback else "climatology",
        "_assessed": one.assessed,
    }


def describe(one: Sample) -> dict:
    """The columns of scores.csv that are no decision: counts, Brier scores, skills with their intervals, discrimination."""
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


def _published_briers(hazard: Hazard, out_of_fold: xr.Dataset, rows: pd.DataFrame) -> list[float]:
    """Brier score of the published number by level; ``rows`` one cell's, by level."""
    cell, said = published_numbers(hazard, out_of_fold, rows)
    error = (said - out_of_fold["outcome"].values[cell]) ** 2
    return [
        float(np.nanmean(level)) if np.isfinite(level).any() else float("nan") for level in error
    ]


def published_numbers(
    hazard: Hazard, out_of_fold: xr.Dataset, rows: pd.DataFrame
) -> tuple[int, np.ndarray]:
    """A cell's place, and what would have been published of it, its fallback as it was chosen fold by fold: (level, init_time, location).

    ``rows`` are the cell's scores, by level.
    """
    cell = hazard.cells.index(
        Cell(int(rows["lead_days"].iloc[0]), int(rows["window_days"].iloc[0]))
    )
    verdicts = rows["verdict"].to_numpy(dtype=object)
    numbers = {
        str(name): values.values[cell].astype(np.float64)
        for name, values in out_of_fold.data_vars.items()
    }
    year = out_of_fold["init_time"].dt.year.values
    use_known = np.zeros(numbers["outcome"].shape, dtype=bool)
    for k, level in enumerate(LEVELS):
        one = sample(out_of_fold, cell, level)
        chosen = (
            persistence_by_fold(one)
            if verdicts[k] != NOT_ASSESSED
            else np.full(len(one.blocks), bool(hazard.overlap))
        )
        use_known[k] = np.isin(year, one.blocks[chosen])[:, None]
    known = known_numbers(numbers, verdicts)
    use_model = np.broadcast_to((verdicts == SKILFUL)[:, None, None], use_known.shape)
    return cell, publish(numbers["model"], known, numbers["climatology"], use_model, use_known)


def known_numbers(numbers: Mapping[str, np.ndarray], verdicts: np.ndarray) -> np.ndarray:
    """The known state's numbers (level, ...), and the overlap ensemble's own where a level is not assessed and has one."""
    if "overlap" not in numbers:
        return numbers["persistence"]
    bare = (verdicts == NOT_ASSESSED).reshape(
        -1, *[1] * (numbers["overlap"].ndim - 1)
    ) & np.isfinite(numbers["overlap"])
    return np.where(bare, numbers["overlap"], numbers["persistence"])


def no_worse(challenger: xr.Dataset, champion: xr.Dataset) -> tuple[bool, str]:
    """Whether a challenger may take the champion's place, and why: its yearly paired Brier difference is not surely above 0.

    Both are out-of-fold predictions; they are compared on the days, places, cells and levels both have.
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
