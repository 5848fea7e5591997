"""Times as databases give them -> instants in UTC."""

from __future__ import annotations

import numpy as np
import pandas as pd

from configs import RiskError
from configs.remarks import Remark, remark
from sources.common.readings import are_stray, at_stray_times
from sources.sql.options import NAME, SqlOptions

LEAP_SECOND = r"(\d{2}:\d{2}):60(?=\D|$)"
"""It has no place in any clock of ours: it is the second before it."""


def utc_times(
    rows: pd.DataFrame, options: SqlOptions, offset: float, remarks: list[Remark]
) -> pd.Series:
    """Instants in UTC; a date is the first instant of that day of the region's.

    NaT for a row left out, because it has no time, no record may hold its time, or clocks repeat or
    skip its hour; ``remarks`` gets a sentence for each reason. Raises RiskError where no row has a
    time.
    """
    whole = rows.index
    text = rows["time"].astype("str").str.strip().str.replace(LEAP_SECOND, r"\1:59", regex=True)
    shaped = text.str.match(r"\d{4}-\d{2}-\d{2}($|[T ]\d{2}:\d{2})")
    rows = left_out(rows, "time", ~shaped, "a time or a date such as 2001-01-31", remarks)
    text = text[shaped]
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
    if changed.all() or wrong.any():
        left_out(rows, "time", wrong | changed if changed.all() else wrong, once, remarks)
    remarks += at_stray_times(NAME, examples(rows[stray]))
    if changed.any():
        count, example = int(changed.sum()), examples(rows[changed])[0]
        remarks.append(
            remark("readings.clock", source=NAME, zone=options.time_zone, n=count, example=example)
        )
    return moments.reindex(whole)


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


def left_out(
    rows: pd.DataFrame, name: str, bad: pd.Series, expected: str, remarks: list[Remark]
) -> pd.DataFrame:
    """The rows that are not bad; ``remarks`` gets a sentence on those that are.

    Raises RiskError naming the first where all are.
    """
    if not bad.any():
        return rows
    row = rows[bad].iloc[0]
    where = f"{row['variable']} of {row['location']} at {str(row['time'])[:40]}"
    what = f"{where}: {name}: found {str(row[name])[:40]!r}, expected {expected}"
    if bad.all():
        raise RiskError(f"{NAME}: {what}; mend the table or the select.")
    of = f"{row['variable']} of {row['location']}"
    remarks.append(
        remark("readings.unreadable", source=NAME, n=int(bad.sum()), of=of, example=what)
    )
    return rows[~bad]
