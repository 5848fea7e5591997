"""Times as databases give them -> instants in UTC."""

from __future__ import annotations

import numpy as np
import pandas as pd

from configs import RiskError
from configs.remarks import Remark, remark
from sources.common.readings import are_stray, at_stray_times
from sources.sql.options import NAME, SqlOptions


def utc_times(
    rows: pd.DataFrame, options: SqlOptions, offset: float, remarks: list[Remark]
) -> pd.Series:
    """Instants in UTC; a date is the first instant of that day of the region's.

    NaT for a row left out, because no record may hold its time or because clocks repeat or skip its
    hour; ``remarks`` gets a sentence for each reason. Raises RiskError for what is no time.
    """
    text = rows["time"].astype("str").str.strip()
    shaped = text.str.match(r"\d{4}-\d{2}-\d{2}($|[T ]\d{2}:\d{2})")
    refuse(rows, "time", ~shaped, "a time or a date such as 2001-01-31")
    stray = are_stray(text.str[:4].astype("int64"))
    day, zoned = text.str.len() == 10, text.str.contains(r"[T ].*(?:Z|[+-]\d{2}(?::?\d{2})?)$")
    moments = pd.Series(pd.NaT, index=text.index, dtype="datetime64[ns, UTC]")
    kinds = (zoned & ~stray, day & ~stray, ~zoned & ~day & ~stray)
    with_zone, dates, wall = (_parsed(text[kind], utc=kind is kinds[0]) for kind in kinds)
    for kind, known in (
        (kinds[0], with_zone),
        (kinds[1], (dates - pd.Timedelta(hours=offset)).dt.tz_localize("UTC")),
        (kinds[2], _localized(wall, rows, options.time_zone)),
    ):
        moments.loc[kind] = known
    changed = moments.isna() & wall.notna().reindex(text.index, fill_value=False)
    wrong = moments.isna() & ~stray & ~changed
    once = f"a time that is there once in {options.time_zone}; give it with its zone"
    refuse(rows, "time", wrong | changed if changed.all() else wrong, once)
    remarks += at_stray_times(NAME, examples(rows[stray]))
    if changed.any():
        count, example = int(changed.sum()), examples(rows[changed])[0]
        remarks.append(
            remark("readings.clock", source=NAME, zone=options.time_zone, n=count, example=example)
        )
    return moments


def _parsed(text: pd.Series, utc: bool = False) -> pd.Series:
    """Texts as times, NaT for those that are none."""
    moments = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=utc)
    return moments.astype("datetime64[ns, UTC]" if utc else "datetime64[ns]")


def _localized(wall: pd.Series, rows: pd.DataFrame, zone: str) -> pd.Series:
    """Times on the wall in UTC; NaT for those that clocks skip there, or repeat.

    A reading told twice for a repeated time is two: the first from before the clocks went back.
    """
    once = wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    before, after = (
        wall.dt.tz_localize(zone, ambiguous=np.full(len(wall), summer), nonexistent="NaT")
        for summer in (True, False)
    )
    keys = pd.DataFrame({"time": wall, **rows.loc[wall.index, ["location", "variable"]]})
    same = keys.groupby(["time", "location", "variable"], dropna=False)
    twice = once.isna() & (same["time"].transform("size") == 2)
    turn = same.cumcount()
    once = once.mask(twice & (turn == 0), before).mask(twice & (turn == 1), after)
    return once.dt.tz_convert("UTC")


def examples(rows: pd.DataFrame) -> list[str]:
    """Which readings they are."""
    return [
        f"{row['variable']} of {row['location']} at {str(row['time'])[:40]}"
        for row in rows.to_dict("records")
    ]


def refuse(rows: pd.DataFrame, name: str, bad: pd.Series, expected: str) -> None:
    """Raises RiskError naming the first row that is bad."""
    if bad.any():
        row = rows[bad].iloc[0]
        where = f"{row['variable']} of {row['location']} at {str(row['time'])[:40]}"
        raise RiskError(
            f"{NAME}: {where}: {name}: found {str(row[name])[:40]!r}, expected {expected}; mend "
            "the table or the select."
        )
