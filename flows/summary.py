"""The few lines a command ends with: what the forecast says, what is degraded, and where to look."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import xarray as xr

from flows.run import Outcome

COLOURS = ("red", "orange", "yellow", "grey", "green")
"""From the gravest on; grey says nothing and comes before green."""


def summarise(outcome: Outcome) -> None:
    """Prints the summary. What is degraded goes to standard error; the last line of standard output is the path."""
    if outcome.forecast is not None:
        print()
        for line in outlook(outcome.forecast):
            print(line)
    elif not outcome.scores.empty:
        print()
        show_table(skill_table(outcome.scores))
    for note in outcome.notes:
        print(f"note: {note}")
    sys.stdout.flush()
    for sentence in outcome.degraded:
        print(f"degraded: {sentence}", file=sys.stderr, flush=True)
    if outcome.path is not None:
        print(shortened(report_of(outcome.path)), flush=True)


def report_of(path: Path) -> Path:
    """The page to open in a report's folder, or the path itself."""
    pages = sorted(path.glob("report.*.html")) if path.is_dir() else []
    return next((page for page in pages if page.name == "report.en.html"), pages[0] if pages else path)


def shortened(path: Path) -> Path:
    """The path from the working folder when it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def outlook(forecast: xr.Dataset) -> list[str]:
    """A line for the forecast and one for each hazard: its gravest colour, where and when."""
    issued = pd.Timestamp(forecast["init_time"].values[0])
    lines = [f"{forecast.attrs.get('title') or forecast.attrs['region']}, issued {issued:%A %d %B %Y}"]
    for name in dict.fromkeys(forecast["hazard"].values.tolist()):
        cells = forecast.isel(cell=forecast["hazard"].values == name, init_time=0)
        lines.append(f"  {name.replace('_', ' '):<13}{_gravest(cells)}")
    return lines


def _gravest(cells: xr.Dataset) -> str:
    colours = cells["colour"].transpose("cell", "location").values
    found = next((colour for colour in COLOURS if (colours == colour).any()), None)
    verdicts = Counter(verdict for verdict in cells["verdict"].values.ravel().tolist() if verdict)
    if found is None:
        return "not assessed" if verdicts else "cannot happen here"
    if found == "grey":
        return "grey: no more than the calendar knows"
    cell, place = (int(at[0]) for at in (colours == found).nonzero())
    days = pd.DatetimeIndex(cells["valid_time"].values.reshape(-1))
    more = int((colours == found).any(0).sum()) - 1
    where = f"{cells['location'].values[place]}{f' and {more} more' if more else ''}"
    if found == "green":
        return "green: nothing above what is usual enough to act on"
    return f"{found}: {where}, {_when(cells, cell, days[cell])}"


def _when(cells: xr.Dataset, cell: int, valid: pd.Timestamp) -> str:
    lead, window = int(cells["lead_days"].values[cell]), int(cells["window_days"].values[cell])
    if lead == 0 and window > 1 and window < 30:
        return f"on some day of the next {window}"
    return f"{valid:%a %d %b %Y}"


def skill_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Hazard and level by row: event days, the range of the skill over leads, and how many cells have each verdict."""
    rows = []
    for (hazard, level), group in scores.groupby(["hazard", "level"], sort=False):
        verdicts = Counter(group["verdict"])
        rows.append(
            {
                "hazard": str(hazard).replace("_", " "),
                "level": str(level),
                "event days": _span(group["n_events"], "{:.0f}"),
                "skill over the calendar": _span(group["bss_climatology"], "{:+.2f}"),
                "over what is known": _span(group["bss_persistence"], "{:+.2f}"),
                "verdicts (cells)": ", ".join(f"{verdict} {count}" for verdict, count in verdicts.items()),
            }
        )
    return pd.DataFrame(rows)


def _span(values: pd.Series, form: str) -> str:
    known = pd.to_numeric(values, errors="coerce").dropna()
    if known.empty:
        return "-"
    ends = [form.format(value) for value in (known.min(), known.max())]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def show_table(table: pd.DataFrame) -> None:
    """A Rich table in a terminal, aligned plain text elsewhere."""
    if not sys.stdout.isatty():
        widths = [max(len(column), *(len(value) for value in table[column])) for column in table]
        for row in [tuple(table.columns), *table.itertuples(index=False)]:
            print("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(*table.columns, box=None, header_style="bold")
    for row in table.itertuples(index=False):
        shown.add_row(*row)
    Console(highlight=False).print(shown)
