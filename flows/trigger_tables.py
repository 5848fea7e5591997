"""The tables of triggers: those of backtests are kept, those of issued forecasts new each day."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from pathlib import Path

import pandas as pd

from configs.whole_files import write_whole
from features.hazards import hazards
from flows.past import Past
from models.registry import code_version
from models.verification import triggers
from models.verification.issued import issued_bench

KINDS = {"table": triggers.trigger_table, "value": triggers.value_table}


def backtest_benches(past: Past) -> list[triggers.Bench]:
    """The benches of the champions' backtests."""
    return triggers.benches(past.backtests, past.assessment, past.region)


def trigger_tables(past: Past, held: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``trigger_table`` and ``value_table`` of the backtests and of the issued forecasts.

    ``held``: marks as rows of forecast.csv with ``outcome``. What backtests come to is worked out
    once for the same models, region file and code, and kept under data/triggers/.
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
    folder = past.settings.data / "triggers" / past.region.name
    paths = {kind: folder / f"{kind}-{_key(past)}.parquet" for kind in KINDS}
    if all(path.is_file() for path in paths.values()):
        return {kind: pd.read_parquet(path) for kind, path in paths.items()}
    benches = backtest_benches(past)
    tables = {kind: table_of(benches) for kind, table_of in KINDS.items()}
    for kind, path in paths.items():
        _keep(tables[kind], path)
    for other in set(folder.glob("*.parquet")) - set(paths.values()):
        other.unlink()
    return tables


def _key(past: Past) -> str:
    """What decides the tables: versions of models, the region file, the code."""
    versions = {name: one.version for name, one in sorted(past.champions.items())}
    origin = json.dumps([versions, sorted(past.backtests), code_version()])
    return hashlib.sha256(origin.encode() + past.region.path.read_bytes()).hexdigest()[:32]


def _keep(table: pd.DataFrame, path: Path) -> None:
    out = BytesIO()
    table.to_parquet(out, compression="zstd")
    write_whole(path, out.getvalue())
