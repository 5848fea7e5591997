"""Marks: each cell of each forecast that was issued, once, with what came of it.

A mark is opened when its report is read and closed once: graded where the days that it speaks of
were observed, ungradable where they still are not after PATIENCE_DAYS, retracted where its report
was. A closed mark never changes, whatever an archive revises or a training learns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xarray as xr

from configs import RiskError
from configs.whole_files import write_whole
from features.build import delays_of
from features.hazards import hazards
from models.verification.outcomes import Definition, cell_positions, outcomes_of_rows

OPEN, GRADED, UNGRADABLE, RETRACTED = "open", "graded", "ungradable", "retracted"
NO_OBSERVATION, NO_MODEL = "no observation", "its model is gone"
"""Why a mark is ungradable."""
PATIENCE_DAYS = 30
"""Days that observations may be late by, beyond their usual delay."""
TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    {
        "region": TEXT,
        "hazard": TEXT,
        "location": TEXT,
        "level": pa.int8(),
        "issued": pa.date32(),
        "valid": pa.date32(),
        "lead_days": pa.int16(),
        "window_days": pa.int16(),
        "probability": pa.float32(),
        "climatology": pa.float32(),
        "climatology_smoothed": pa.float32(),
        "persistence": pa.float32(),
        "model": pa.float32(),
        "outcome": pa.float32(),
        "state": TEXT,
        "reason": TEXT,
        "late": pa.bool_(),
        "colour": TEXT,
        "stage": TEXT,
        "model_version": TEXT,
        "graded_on": pa.date32(),
    }
)
"""Columns of marks.parquet. ``probability``: the published one; beside it those of climatology,
persistence and the model, missing where the report did not keep them. ``outcome``: 1, 0, missing
where not graded. ``late``: the report was, and is never scored as a forecast of its day.
``graded_on``: the day on which the mark was closed."""
EMPTY_REPORTS = b"reports_without_a_mark"
Define = Callable[[str, str], Definition | None]
"""What an event is by a hazard's model of a version; None where that is gone."""


@dataclass(frozen=True)
class Marks:
    """All marks of a region: ``table`` by SCHEMA, and the days of reports that have none."""

    table: pa.Table
    empty: frozenset[date] = frozenset()

    @property
    def days(self) -> frozenset[date]:
        """The days whose reports were read."""
        return frozenset(pc.unique(self.table["issued"]).to_pylist()) | self.empty

    def frame(self) -> pd.DataFrame:
        """The marks as a DataFrame: days datetime64[ns], texts as categories."""
        return _frame(self.table)

    def still(self, state: str) -> pa.Table:
        """The marks of one state."""
        return self.table.filter(pc.equal(self.table["state"].cast(pa.string()), state))


@dataclass(frozen=True)
class Knowledge:
    """What marks are closed by on a day.

    ``observations``: of the days before ``today``. ``define``: what an event is by a version.
    """

    observations: xr.Dataset
    define: Define
    today: date


def read_marks(path: Path) -> Marks:
    """The marks of a file; none where it is not there. Raises RiskError for one that is none."""
    if not path.is_file():
        return Marks(SCHEMA.empty_table())
    texts = [one.name for one in SCHEMA if one.type == TEXT]
    try:
        table = pq.read_table(path, read_dictionary=texts)
    except pa.ArrowInvalid as error:
        raise _no_marks(path, str(error).split("\n", 1)[0].rstrip(".")) from None
    empty_days = json.loads((table.schema.metadata or {}).get(EMPTY_REPORTS, b"[]"))
    if not set(SCHEMA.names) <= set(table.column_names):
        raise _no_marks(path, f"the columns {', '.join(table.column_names)}")
    return Marks(_as_schema(table), frozenset(map(date.fromisoformat, empty_days)))


def _no_marks(path: Path, found: str) -> RiskError:
    return RiskError(
        f"{path}: found {found}, expected a table of marks; put it back from a backup, or move it "
        "away: climate-risk verify then grades all that lies in published/ anew."
    )


def write_marks(marks: Marks, path: Path) -> None:
    """Write the marks whole or not at all."""
    empty_days = json.dumps(sorted(day.isoformat() for day in marks.empty)).encode()
    table = marks.table.replace_schema_metadata({EMPTY_REPORTS: empty_days}).unify_dictionaries()
    out = BytesIO()
    pq.write_table(table, out, compression="zstd")
    write_whole(path, out.getvalue())


def open_marks(rows: pd.DataFrame, late: bool, define: Define) -> pd.DataFrame:
    """The open marks of one report: a row for each cell that has a probability and can happen.

    ``rows``: those of forecast.csv with ``climatology_smoothed``, ``persistence``, ``model`` and
    ``stage``, such as reports.exports.table.read_issued gives.
    """
    given = rows[rows["probability"].notna()]
    parts = [
        part[_possible(str(hazard), str(version), part, define)]
        for (hazard, version), part in given.groupby(["hazard", "model_version"], sort=False)
    ]
    kept = pd.concat(parts) if parts else given
    return kept.assign(
        climatology=kept["normal_probability"],
        outcome=np.nan,
        state=OPEN,
        reason="",
        late=late,
        graded_on=np.datetime64("NaT", "ns"),
    )[SCHEMA.names].reset_index(drop=True)


def _possible(hazard: str, version: str, rows: pd.DataFrame, define: Define) -> np.ndarray:
    """Where the event can happen at all by the model's definition: bool (row,).

    Off a hazard's season its forecast is a certain no, which nobody is graded for.
    """
    definition = define(hazard, version) if hazard in hazards() else None
    if definition is None:
        return np.ones(len(rows), dtype=bool)
    declared = hazards()[hazard]
    days = np.unique(rows["issued"].to_numpy())
    applies = declared.applies(days, definition.normals, definition.options)
    by_cell = np.any(np.asarray(applies) == 1, axis=tuple(range(2, np.ndim(applies))))
    at = cell_positions(declared, rows)
    of_day = np.searchsorted(days, rows["issued"].to_numpy())
    return np.asarray((at < 0) | by_cell[at, of_day])


def updated(
    marks: Marks,
    opened: Iterable[pd.DataFrame],
    read: Collection[date],
    retracted: Collection[date],
    knowledge: Knowledge,
) -> Marks:
    """The marks with those of new reports, and every mark closed that can be.

    ``opened``: of ``open_marks``. ``read``: the days of these reports. ``retracted``: the days of
    reports that are. The very same marks where nothing changed.
    """
    before = marks.still(OPEN)
    new = [_as_table(part) for part in opened if len(part)]
    pending = _plain(_frame(pa.concat_tables([before, *new])))
    closed = close(pending, retracted, knowledge)
    with_marks = {day for part in new for day in pc.unique(part["issued"]).to_pylist()}
    empty = marks.empty | (frozenset(read) - with_marks)
    if not new and empty == marks.empty and closed["state"].eq(OPEN).all():
        return marks
    done = marks.table.filter(pc.not_equal(marks.table["state"].cast(pa.string()), OPEN))
    ordered = closed.sort_values("state", key=lambda state: state == OPEN, kind="stable")
    return Marks(pa.concat_tables([done, _as_table(ordered)]).unify_dictionaries(), empty)


def close(pending: pd.DataFrame, retracted: Collection[date], knowledge: Knowledge) -> pd.DataFrame:
    """Open marks, those closed that can be. Texts are plain."""
    pending = pending.reset_index(drop=True)
    today = pd.Timestamp(knowledge.today)
    withdrawn = pending["issued"].isin(pd.to_datetime(sorted(retracted)))
    known_by = last_days(pending) + pd.to_timedelta(_delays(pending, knowledge), "D")
    due = (known_by <= today) & ~withdrawn
    outcome, reason = np.full(len(pending), np.nan), np.full(len(pending), "", dtype=object)
    for (hazard, version), rows in pending[due].groupby(["hazard", "model_version"], sort=False):
        definition = knowledge.define(str(hazard), str(version)) if hazard in hazards() else None
        if definition is None:
            reason[rows.index] = NO_MODEL
            continue
        outcome[rows.index] = outcomes_of_rows(
            hazards()[str(hazard)], definition, knowledge.observations, rows
        )
        reason[rows.index] = NO_OBSERVATION
    graded = due & np.isfinite(outcome)
    given_up = due & ~graded & (known_by + pd.Timedelta(days=PATIENCE_DAYS) < today)
    states = [withdrawn, graded, given_up]
    state = np.select(states, [RETRACTED, GRADED, UNGRADABLE], OPEN)
    return pending.assign(
        outcome=np.where(graded, outcome, np.nan),
        state=state,
        reason=np.where(given_up, reason, ""),
        graded_on=pd.Series(today, pending.index).where(state != OPEN),
    )


def last_days(rows: pd.DataFrame) -> pd.Series:
    """The last day that each row speaks of: of a window of days its end, else the valid day."""
    back = rows["hazard"].map(lambda name: name in hazards() and hazards()[name].windows_look_back)
    length = rows["window_days"].where(~back.astype(bool), 1)
    return rows["valid"] + pd.to_timedelta(length.to_numpy(dtype=int) - 1, "D")


def _delays(rows: pd.DataFrame, knowledge: Knowledge) -> np.ndarray:
    """Days until the day of each row is usually observed: (row,)."""
    delays = delays_of(knowledge.observations)
    by_hazard = {
        name: max([delays.get(variable, 1) for variable in hazard.requires], default=1)
        for name, hazard in hazards().items()
    }
    of_row = [max(by_hazard.get(str(name), 1), 1) for name in rows["hazard"]]
    return np.array(of_row, dtype=int)


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with texts in the place of categories, and numbers in double precision."""
    texts = rows.select_dtypes("category").columns
    numbers = rows.select_dtypes("float32").columns
    return rows.astype(dict.fromkeys(texts, object) | dict.fromkeys(numbers, float))


def _frame(table: pa.Table) -> pd.DataFrame:
    rows: pd.DataFrame = table.to_pandas(date_as_object=False)
    days = [one.name for one in SCHEMA if one.type == pa.date32()]
    return rows.astype(dict.fromkeys(days, "datetime64[ns]"))


def _as_table(rows: pd.DataFrame) -> pa.Table:
    """Rows with plain texts as a table by SCHEMA."""
    plain = pa.Table.from_pandas(rows[SCHEMA.names], preserve_index=False)
    return _as_schema(plain)


def _as_schema(table: pa.Table) -> pa.Table:
    columns = [
        column
        if column.type == one.type
        else column.cast(pa.string()).dictionary_encode().cast(one.type)
        if one.type == TEXT
        else column.cast(one.type, safe=False)
        for one, column in ((one, table[one.name]) for one in SCHEMA)
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
