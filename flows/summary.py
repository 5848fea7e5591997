"""The few lines a command ends with: the forecast, what is degraded, and where to look."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from configs.remarks import Remark, text
from flows.run import Outcome


def summarise(outcome: Outcome) -> None:
    """Prints the summary.

    What is degraded goes to standard error; the last line of standard output is the path.
    """
    if outcome.path is not None and (outcome.path / "provenance.json").is_file():
        _print_lines(headlines(outcome.path))
    elif not outcome.scores.empty:
        print()
        show_table(skill_table(outcome.scores))
        print(
            "Skill: 1 is perfect, 0 is no better, below 0 is worse; the ranges are over lead times"
            " and windows."
        )
    _print_lines([text(note) for note in outcome.notes])
    sys.stdout.flush()
    told_degraded(outcome.degraded)
    if outcome.path is not None:
        print(shortened(report_of(outcome.path)), flush=True)


def told_degraded(messages: Sequence[Remark]) -> int:
    """Prints what is degraded to standard error. Returns the exit status: 3 where anything is."""
    for message in messages:
        print(f"degraded: {text(message)}", file=sys.stderr, flush=True)
    return 3 if messages else 0


def _print_lines(lines: list[str] | tuple[str, ...]) -> None:
    """The lines, set apart by an empty one."""
    print(*(("", *lines) if lines else ()), sep="\n", end="\n" if lines else "")


def report_of(path: Path) -> Path:
    """The page to open in a report's folder, or the path itself."""
    page = path / "report.en.html"
    return page if page.is_file() else path


def shortened(path: Path) -> Path:
    """The path from the working folder when it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def headlines(folder: Path) -> list[str]:
    """What the report in ``folder`` says first: a line for the issue and one for each hazard."""
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    lines = [
        f"{provenance['title']}, {'hindcast for' if provenance['hindcast'] else 'issued'}"
        f" {date.fromisoformat(provenance['issued']):%A %-d %B %Y}"
    ]
    for head in provenance["headlines"]:
        words = " ".join(part for part in (head["sentence"], head["detail"]) if part)
        lines.append(f"  {head['title']:<13}{head['colour'] or '-':<8}{words}")
    return lines


def skill_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Hazard and level by row: event days, the range of the skill over leads, cells by verdict."""
    rows = []
    for (hazard, level), group in scores.groupby(["hazard", "level"], sort=False):
        rows.append(
            {
                "hazard": str(hazard).replace("_", " "),
                "level": str(level),
                "event days": _span(group["n_events"], "{:.0f}"),
                "skill over the calendar": _span(group["bss_climatology"], "{:+.2f}"),
                "over what is known": _span(group["bss_persistence"], "{:+.2f}"),
                "verdicts (cells)": ", ".join(
                    f"{verdict} {count}" for verdict, count in Counter(group["verdict"]).items()
                ),
            }
        )
    return pd.DataFrame(rows)


def _span(values: pd.Series, form: str) -> str:
    known = pd.to_numeric(values, errors="coerce").dropna()
    if known.empty:
        return "-"
    ends = [
        form.format(round(value, 2) + 0.0) for value in (known.min(), known.max())
    ]  # + 0.0 turns -0.0 into 0.0
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def show_table(table: pd.DataFrame) -> None:
    """A Rich table in a terminal, aligned plain text elsewhere."""
    if not sys.stdout.isatty():
        widths = [max(map(len, (str(column), *table[column]))) for column in table]
        for row in [tuple(table.columns), *table.itertuples(index=False)]:
            print(
                "  ".join(
                    value.ljust(width) for value, width in zip(row, widths, strict=True)
                ).rstrip()
            )
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(*table.columns, box=None, header_style="bold")
    for row in table.itertuples(index=False):
        shown.add_row(*row)
    Console(highlight=False).print(shown)
