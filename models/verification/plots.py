"""Two pictures kept with every trained model: skill by lead time, and reliability with counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from models.verdicts import NOT_ASSESSED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = {
    1: ("level 1, unusual", "#2b6cb0", "o"),
    2: ("level 2, severe", "#dd6b20", "s"),
    3: ("level 3, extreme", "#9b2c2c", "D"),
}
FORECASTERS = {
    "climatology": ("calendar", "#cbd5e0", "^"),
    "persistence": ("known state", "#718096", "s"),
    "model": ("model", "#2b6cb0", "o"),
}
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 1.0)
"""Share of the forecasts below each edge of a bin: fine where probabilities are high."""
REFERENCES = {
    "climatology": "better than the calendar",
    "persistence": "better than what is already known",
}
GREY = "#718096"


def skill_by_lead(rows: pd.DataFrame, path: Path) -> Path:
    """Draw the Brier skill of one hazard's cells against each baseline, as PNG; returns its path.

    With 95 % intervals. ``rows``: one hazard's rows of scores.assess; those that were not assessed
    are left out.
    """
    figure = _figure(11.0, 4.6)
    slots = _slots(rows)
    assessed = rows[rows["verdict"] != NOT_ASSESSED]
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (reference, words) in zip(panels, REFERENCES.items(), strict=True):
        for shift, (level, style) in zip((-0.18, 0.0, 0.18), LEVELS.items(), strict=True):
            _skill(axes, assessed[assessed["level"] == level], reference, slots, shift, style)
        axes.axhline(0.0, color=GREY, linewidth=1.0)
        axes.set_title(f"Is the model {words}?", fontsize=11, loc="left")
        axes.set_xticks(range(len(slots)), [_label(*slot) for slot in slots], fontsize=8)
        axes.set_xlabel("lead, days (or days taken together)")
    panels[0].set_ylabel("Brier skill score (0: no better)")
    _limits(panels[0], assessed)
    _legend(panels[0], "no cell has enough event days to be assessed")
    figure.suptitle(
        _title(rows, "skill out of fold, with 95 % intervals over years"),
        x=0.01,
        ha="left",
        fontweight="bold",
    )
    return _save(figure, path)


def reliability_diagram(out_of_fold: xr.Dataset, rows: pd.DataFrame, path: Path) -> Path:
    """Draw a reliability diagram of each level, all cells together, as PNG; returns its path.

    Points are bins of the forecast probability, above a histogram of it. ``out_of_fold``: each
    forecaster and ``outcome`` (cell, level, init_time, location), see verification.backtest.
    """
    figure = _figure(11.0, 5.2)
    grid = figure.subplots(2, 3, sharex="col", gridspec_kw={"height_ratios": (3.2, 1.0)})
    for column, (level, (words, _, _)) in enumerate(LEVELS.items()):
        upper, lower = grid[0, column], grid[1, column]
        top = max(
            [0.05, *(_reliability(upper, lower, out_of_fold, level, name) for name in FORECASTERS)]
        )
        upper.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=1.0, linestyle="--")
        upper.set_xlim(0.0, min(1.0, top))
        upper.set_ylim(0.0, min(1.0, top))
        upper.set_title(words, fontsize=11, loc="left")
        lower.set_yscale("log")
        lower.set_xlabel("forecast probability")
    grid[0, 0].set_ylabel("observed frequency")
    grid[1, 0].set_ylabel("forecasts")
    _legend(grid[0, 0], "nothing was forecast")
    figure.suptitle(
        _title(rows, "reliability out of fold, with 95 % intervals over years, and counts"),
        x=0.01,
        ha="left",
        fontweight="bold",
    )
    return _save(figure, path)


def _skill(
    axes: Axes,
    rows: pd.DataFrame,
    reference: str,
    slots: list[tuple[int, int]],
    shift: float,
    style: tuple[str, str, str],
) -> None:
    """Draw one level's skill against a reference; ``slots``: positions, ``style``: of LEVELS."""
    label, colour, marker = style
    name = f"bss_{reference}"
    rows = rows[rows[name].notna()].sort_values(["window_days", "lead_days"])
    if rows.empty:
        return
    cells = zip(rows["lead_days"], rows["window_days"], strict=True)
    position = [slots.index(cell) + shift for cell in cells]
    value = rows[name].to_numpy(float)
    spread = np.nan_to_num(
        [value - rows[f"{name}_low"].to_numpy(float), rows[f"{name}_high"].to_numpy(float) - value]
    ).clip(0.0)
    axes.errorbar(
        position,
        value,
        yerr=spread,
        color=colour,
        marker=marker,
        markersize=5,
        linestyle="none",
        elinewidth=1.4,
        capsize=2.5,
        label=label,
    )


def _reliability(
    upper: Axes, lower: Axes, out_of_fold: xr.Dataset, level: int, forecaster: str
) -> float:
    """Draw one forecaster's curve and histogram; returns the highest value drawn."""
    label, colour, marker = FORECASTERS[forecaster]
    cells = out_of_fold.sel(level=level).transpose("cell", "init_time", "location")
    probability, outcome = cells[forecaster].to_numpy(), cells["outcome"].to_numpy()
    years = np.broadcast_to(cells["init_time"].dt.year.to_numpy()[None, :, None], outcome.shape)
    valid = np.isfinite(probability) & np.isfinite(outcome)
    probability, happened, years = probability[valid], outcome[valid], years[valid]
    if not happened.any():
        return 0.0
    forecast, observed, low, high = binned(probability, happened, years)
    errors = np.array([observed - low, high - observed]).clip(0.0)
    upper.errorbar(
        forecast,
        observed,
        yerr=errors,
        color=colour,
        marker=marker,
        markersize=4,
        linewidth=1.2,
        elinewidth=0.9,
        capsize=2,
        label=label,
    )
    counts, edges = np.histogram(probability, bins=np.linspace(0.0, 1.0, 41))
    lower.stairs(np.where(counts > 0, counts, np.nan), edges, color=colour, linewidth=1.3)
    return float(max(forecast.max(), high.max())) * 1.08


def binned(
    probability: np.ndarray,
    event: np.ndarray,
    year: np.ndarray,
    shares: Sequence[float] = SHARES,
    draws: int = 400,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean forecast, observed frequency and its 95 % interval (low, high) of each bin.

    Bins lie between the quantiles ``shares`` of the forecasts; equal forecasts share a bin.
    ``probability``, ``event`` (0 or 1) and ``year``: (case,), without NaN. The interval comes from
    drawing whole years anew: days and leads of one summer are not independent.
    """
    edges = np.unique(np.quantile(probability, shares))
    _, years = np.unique(year, return_inverse=True)
    count = len(shares) - 1
    year_and_bin = years * count + np.searchsorted(edges[1:-1], probability, side="right")
    size, events, total = (
        np.bincount(year_and_bin, weights, minlength=(years.max() + 1) * count).reshape(-1, count)
        for weights in (None, event, probability)
    )
    filled = size.sum(axis=0) > 0
    size, events, total = size[:, filled], events[:, filled], total[:, filled]
    weights = np.random.default_rng(0).multinomial(
        len(size), np.full(len(size), 1 / len(size)), size=draws
    )
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile((weights @ events) / (weights @ size), [0.025, 0.975], axis=0)
    return total.sum(axis=0) / size.sum(axis=0), events.sum(axis=0) / size.sum(axis=0), low, high


def _slots(rows: pd.DataFrame) -> list[tuple[int, int]]:
    """(lead_days, window_days) from left to right: single days by lead, then windows."""
    pairs = set(zip(rows["lead_days"].astype(int), rows["window_days"].astype(int), strict=True))
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def _label(lead: int, window: int) -> str:
    if window == 1:
        return str(lead)
    return f"1-{window}" if lead == 0 else f"{lead}\n({window}-day\nindex)"


def _title(rows: pd.DataFrame, words: str) -> str:
    names = (
        [str(rows[column].iloc[0]).replace("_", " ") for column in ("region", "hazard")]
        if len(rows)
        else ["no", "hazard"]
    )
    return f"{names[0]}, {names[1]}: {words}"


def _limits(axes: Axes, rows: pd.DataFrame) -> None:
    """Keep one wild interval from flattening the rest: the range is that of the skills, widened."""
    values = rows[[f"bss_{reference}" for reference in REFERENCES]].to_numpy(float)
    if np.isfinite(values).any():
        low, high = min(np.nanmin(values), 0.0), max(np.nanmax(values), 0.0)
        margin = max(0.6 * (high - low), 0.05)
        axes.set_ylim(low - margin, min(high + margin, 1.0))


def _legend(axes: Axes, nothing: str) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)
    else:
        axes.text(0.5, 0.5, nothing, transform=axes.transAxes, ha="center", color=GREY)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> Path:
    tidy(figure.axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def tidy(panels: Sequence[Axes]) -> None:
    """The house's plain look: no box, a light grid behind the data."""
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e2e8f0", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(colors="#4a5568", labelsize=8)
