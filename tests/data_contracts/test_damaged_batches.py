"""Damaged batches through the only door: each is refused whole in a sentence, or what is stored is
what was delivered, held against a reckoning of its own in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from configs import Region, RiskError, Settings
from data_contracts.batch import Batch, Source
from data_contracts.store import Store
from data_contracts.variables import VARIABLES

NAMES = ("air_temperature_max", "air_temperature_min", "precipitation", "river_discharge")
PLACES = ("a", "b")
FLOAT32_MAX = float(np.finfo(np.float32).max)
DAYS = pd.date_range("2001-02-25", periods=6)
Frames = dict[str, pd.DataFrame]
Damage = Callable[[Frames, Any], None]


def never(request: object) -> Batch:
    raise AssertionError("batches are handed over")


def plain() -> Frames:
    """A sound batch's tables."""
    rows = [(day, place) for place in PLACES for day in DAYS]
    table = pd.DataFrame(rows, columns=["time", "location"])
    steps = np.arange(len(table), dtype=float)
    values = {
        "air_temperature_max": 20 + steps,
        "air_temperature_min": 5 + steps,
        "precipitation": steps / 2,
        "river_discharge": 3 * steps,
    }
    locations = pd.DataFrame(
        {"location": PLACES, "name": PLACES, "latitude": 35.0, "longitude": -2.0, "elevation": 0.0}
    )
    issued = table.rename(columns={"time": "init_time"}).assign(
        lead_days=1, member=-1, precipitation=steps / 2
    )
    quality = pd.DataFrame(
        {"variable": "precipitation", "time": table["time"], "location": table["location"]}
    ).assign(quality="good", readings=24, used=24)
    return {
        "observations": table.assign(**values),
        "locations": locations,
        "forecasts": issued,
        "quality": quality,
    }


CELLS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([-9999.0, 99.99, 1e30, -0.0, 9.96921e36, 300.0, 1e-40, 2**53 + 1]),
)
TEXTS = st.one_of(
    st.sampled_from(["", "a\rb", "=1+1", "a\nb", "\ud800", "\x00", "'", "NaN", "é" * 300, "a"]),
    st.text(max_size=5),
)
ANYTHING = st.one_of(CELLS, TEXTS, st.none(), st.booleans(), st.integers(), st.just([1]))
STAMPS = st.sampled_from(
    [
        pd.NaT,
        pd.Timestamp("1600-01-01"),
        pd.Timestamp("2001-02-25T06:00"),
        pd.Timestamp("2199-12-31"),
        pd.Timestamp("2001-02-27"),
        pd.Timestamp("2001-03-09"),
    ]
)


def is_one(table: pd.DataFrame, name: str, kind: str) -> bool:
    """Whether a column is there once and of a kind of type."""
    return list(table).count(name) == 1 and table[name].dtype.kind == kind


def cell(frames: Frames, draw: Any) -> None:
    """One value becomes another number."""
    table = frames["observations"]
    name = draw(st.sampled_from(NAMES))
    if len(table) and is_one(table, name, "f"):
        row = draw(st.integers(0, len(table) - 1))
        table.iloc[row, list(table).index(name)] = draw(CELLS)


def thing(frames: Frames, draw: Any) -> None:
    """One value of any table becomes anything."""
    table = frames[draw(st.sampled_from(sorted(frames)))]
    if len(table) and len(table.columns):
        column = draw(st.sampled_from([str(name) for name in table.columns]))
        cells = [*table[column]] if isinstance(table[column], pd.Series) else None
        if cells is not None:
            cells[draw(st.integers(0, len(cells) - 1))] = draw(ANYTHING)
            table[column] = pd.Series(cells, index=table.index, dtype=object)


def text(frames: Frames, draw: Any) -> None:
    """A place has another name, everywhere."""
    word = draw(TEXTS)
    for table in frames.values():
        if "location" in table:
            table["location"] = table["location"].astype(object).replace("b", word)


def word(frames: Frames, draw: Any) -> None:
    text = draw(TEXTS)
    frames["quality"]["quality"] = pd.Series(text, frames["quality"].index, dtype=object)


def stamp(frames: Frames, draw: Any) -> None:
    table, day = frames["observations"], draw(STAMPS)
    if len(table) and is_one(table, "time", "M") and table["time"].dt.tz is None:
        table.iloc[draw(st.integers(0, len(table) - 1)), list(table).index("time")] = day


def zone(frames: Frames, draw: Any) -> None:
    table = frames["observations"]
    if is_one(table, "time", "M") and table["time"].dt.tz is None:
        table["time"] = table["time"].dt.tz_localize("UTC")


def twice(frames: Frames, draw: Any) -> None:
    table = frames[draw(st.sampled_from(sorted(frames)))]
    more = table.sample(frac=0.5, random_state=draw(st.integers(0, 9)))
    for name, each in frames.items():
        if each is table:
            frames[name] = pd.concat([table, more], ignore_index=True)


def order(frames: Frames, draw: Any) -> None:
    table = frames["observations"]
    frames["observations"] = table.sample(frac=1, random_state=draw(st.integers(0, 9)))


def no_column(frames: Frames, draw: Any) -> None:
    name = draw(st.sampled_from(sorted(frames)))
    column = draw(st.sampled_from([str(column) for column in frames[name].columns] or [""]))
    frames[name] = frames[name].drop(columns=column, errors="ignore")


def column_twice(frames: Frames, draw: Any) -> None:
    table = frames["observations"]
    frames["observations"] = pd.concat([table, table.iloc[:, -1:]], axis=1)


def unknown(frames: Frames, draw: Any) -> None:
    frames["observations"]["precipitatoin"] = 1.0


def unit(frames: Frames, draw: Any) -> None:
    name = draw(st.sampled_from(NAMES))
    if is_one(frames["observations"], name, "f"):
        frames["observations"][name] *= draw(st.sampled_from([0.1, 10.0, -1.0, 1e6]))


def empty(frames: Frames, draw: Any) -> None:
    name = draw(st.sampled_from(sorted(frames)))
    frames[name] = frames[name].iloc[:0]


def lead(frames: Frames, draw: Any) -> None:
    frames["forecasts"]["lead_days"] = draw(st.sampled_from([-1, 0, 1.5, 10**6, math.nan, "x"]))


def member(frames: Frames, draw: Any) -> None:
    frames["forecasts"]["member"] = draw(st.sampled_from([-2, 0, 1, 10**9, math.nan]))


DAMAGES: tuple[Damage, ...] = (
    cell, cell, cell, thing, text, word, stamp, zone, twice, order, no_column, column_twice,
    unknown, unit, empty, lead, member,
)  # fmt: skip

Cell = tuple[str, str, str]


def cells_of(table: pd.DataFrame) -> dict[Cell, set[float]]:
    """(variable, day, place) -> the float32 numbers that a table says of it."""
    cells: dict[Cell, set[float]] = {}
    for row in table.to_dict("records") if len(table) else ():
        for name in NAMES:
            value = row.get(name)
            if isinstance(value, int | float) and abs(value) < FLOAT32_MAX:
                key = (name, str(row["time"])[:10], str(row["location"]))
                cells.setdefault(key, set()).add(float(np.float32(value)))
    return cells


def stored_cells(store: Store) -> dict[Cell, float]:
    """(variable, day, place) -> what is stored, read by no code of the contract."""
    cells: dict[Cell, float] = {}
    try:
        record = store.observations().load()
    except RiskError:
        return cells
    for name in map(str, record.data_vars):
        for n, day in enumerate(record["time"].values.astype("datetime64[D]").astype(str)):
            for m, place in enumerate(record["location"].values.tolist()):
                value = float(record[name].values[n, m])
                if not math.isnan(value):
                    cells[name, str(day), str(place)] = value
    return cells


def hold(store: Store, source: Source, frames: Frames) -> None:
    """Ingests one batch and holds what is stored against what was there and what was delivered."""
    before = stored_cells(store)
    batch = Batch(frames["observations"], frames["locations"], frames["forecasts"],
                  quality=frames["quality"])  # fmt: skip
    try:
        result = store.ingest(source, batch)
    except RiskError as error:
        assert stored_cells(store) == before, "a refused batch stores nothing"
        assert str(error).endswith(".") and "\n" not in str(error)
        return
    after, offered = stored_cells(store), cells_of(frames["observations"])
    withheld = {
        (row["variable"], str(row["time"])[:10], row["location"])
        for row in result.withheld.to_dict("records")
    }
    for key, value in after.items():
        row = VARIABLES[key[0]]
        assert np.float32(row.low) <= value <= np.float32(row.high), key
        kept = not source.complete and key not in withheld and before.get(key) == value
        assert kept or value in offered[key], key
    for key, values in offered.items():
        assert key in withheld or after.get(key) in values, key
    if not source.complete:
        assert set(before) <= set(after) | withheld
    again = store.ingest(source, batch)
    assert (again.snapshot, again.changed) == (result.snapshot, False)
    assert len(again.withheld) == len(result.withheld)


def damaged(draw: Any) -> Frames:
    frames = plain()
    for damage in draw(st.lists(st.sampled_from(DAMAGES), max_size=4)):
        damage(frames, draw)
    return frames


def ingest_some(data: st.DataObject) -> None:
    """A sound batch, then damaged ones, into a store of their own."""
    complete, readings = data.draw(st.booleans()), data.draw(st.booleans())
    source = Source("s", 1, "test", "test", complete, never, readings=readings)
    with TemporaryDirectory() as folder:
        region = Region(name="r", title="R", sources=("s",), path=Path(folder) / "r.yaml")
        store = Store(Settings(Path(folder)), region)
        if data.draw(st.booleans()):
            hold(store, source, plain())
        hold(store, source, damaged(data.draw))


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(st.data())
def test_a_damaged_batch_is_refused_whole_or_stored_as_it_is(data: st.DataObject) -> None:
    ingest_some(data)


@pytest.mark.slow
@pytest.mark.timeout(10_800)
@settings(
    max_examples=2_000,
    deadline=None,
    suppress_health_check=[*HealthCheck],
    phases=[phase for phase in Phase if phase not in (Phase.shrink, Phase.explain)],
)
@given(st.data())
def test_two_thousand_damaged_batches(data: st.DataObject) -> None:
    ingest_some(data)
