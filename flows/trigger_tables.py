"""The tables of triggers: those of backtests are kept, those of issued forecasts new each day."""

from __future__ import annotations

import pandas as pd

from features.hazards import hazards
from flows.kept import kept_tables
from flows.past import Past
from models.verification import triggers
from models.verification.issued import issued_bench

KINDS = {"table": triggers.trigger_table, "value": triggers.value_table}


def backtest_benches(past: Past) -> list[triggers.Bench]:
    """The benches of the champions' backtests."""
    return triggers.benches(past.backtests, past.assessment, past.region)


def trigger_tables(past: Past, held: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``trigger_table`` and ``value_table`` of the backtests and of the issued forecasts.

    ``held``: marks as rows of forecast.csv with ``outcome``. What backtests come to is worked out
    once, see ``kept_tables``.
    """
    names = sorted(set(held["hazard"]) & set(hazards()))
    issued = [issued_bench(hazards()[name], held) for name in names]
    kept = _of_backtests(past)
    tables = []
    for kind, table_of in KINDS.items():
        parts = [part for part in (kept[kind], table_of(issued)) if len(part)]
        tables.append(pd.concat(parts, ignore_index=True) if parts else kept[kind])
    return tables[0], tables[1]


def _of_backtests(past: Past) -> dict[str, pd.DataFrame]:
    def work() -> list[pd.DataFrame]:
        benches = backtest_benches(past)
        return [table_of(benches) for table_of in KINDS.values()]

    names = [f"triggers-{kind}" for kind in KINDS]
    tables = kept_tables(past.settings, past.region, names, (past.backtests, ""), work)
    return dict(zip(KINDS, tables, strict=True))
