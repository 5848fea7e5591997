"""What the rules of the data contract catch, and what they withhold of records without a fault.

Plants one fault at a time in the real records at hand and in the exercise, and holds each against
the contract. Prints the tables and writes them to docs/data-quality.md.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from records import record_names, records

from configs import CHECKOUT, load_region
from data_contracts.batch import Batch
from data_contracts.contract import CheckedBatch, ContractBroken, check
from data_contracts.rules import RULES
from data_contracts.variables import VARIABLES
from sources import exercise_sensors
from sources.common.province.region import last_day, locations_table, parts_of, world_of
from sources.common.province.simulation import simulate
from sources.exercise import record_table

COMMAND = "make bench-quality"
TRIES, YEARS = 2, 8
"""Faults of a kind planted in a record of one place, and years of it in which they are."""

MOST_WITHHELD = 1e-4
"""Share of the cells of a record without a fault that may be withheld."""


@dataclass(frozen=True)
class Fault:
    """A kind of fault: the variable, and what it makes of one place's days.

    ``plant``: the values of the place (day,), random numbers -> the values with the fault and which
    days have it.
    """

    name: str
    variable: str
    plant: Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def _some(values: np.ndarray, random: np.random.Generator, share: float) -> np.ndarray:
    return np.isfinite(values) & (random.random(len(values)) < share)


def _code(number: float, share: float) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    def plant(values: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        days = _some(values, random, share)
        return np.where(days, number, values), days

    return plant


def _times(factor: float, offset: float = 0.0) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    def plant(values: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return values * factor + offset, np.isfinite(values)

    return plant


def _stretch(
    days: int, change: Callable[[np.ndarray], np.ndarray]
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    def plant(values: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        known = np.flatnonzero(np.isfinite(values))
        first = int(random.choice(known[: len(known) - days]))
        inside = np.zeros(len(values), bool)
        inside[first : first + days] = True
        changed = values.copy()
        changed[inside] = change(values[inside])
        return changed, inside & np.isfinite(values)

    return plant


def _after(
    years: int, change: Callable[[np.ndarray], np.ndarray]
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    def plant(values: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        late = np.arange(len(values)) >= len(values) - round(365.25 * years)
        return np.where(late, change(values), values), late

    return plant


TMAX, TMIN, RAIN = "air_temperature_max", "air_temperature_min", "precipitation"
FAULTS = (
    Fault("999.9 for missing, 2 % of days", RAIN, _code(999.9, 0.02)),
    Fault("99.99 for missing, 11 % of days", RAIN, _code(99.99, 0.11)),
    Fault("-99 for missing, 10 % of days", TMAX, _code(-99.0, 0.10)),
    Fault("-32768 for missing, 3 % of days", TMIN, _code(-32768.0, 0.03)),
    Fault("kelvin", TMAX, _times(1.0, 273.15)),
    Fault("degrees Fahrenheit", TMAX, _times(1.8, 32.0)),
    Fault("tenths of a degree", TMAX, _times(10.0)),
    Fault("rain in tenths of mm", RAIN, _times(10.0)),
    Fault("rain in inches", RAIN, _times(1 / 25.4)),
    Fault("rain in metres", RAIN, _times(1e-3)),
    Fault("wind in km/h", "wind_speed", _times(3.6)),
    Fault("humidity as a fraction", "relative_humidity", _times(0.01)),
    Fault("stuck for 15 days", TMAX, _stretch(15, lambda part: np.full(len(part), part[0]))),
    Fault("stuck for 60 days", TMAX, _stretch(60, lambda part: np.full(len(part), part[0]))),
    Fault("one day 35 degC too high", TMAX, _stretch(1, lambda part: part + 35.0)),
    Fault("one night 35 degC too low", TMIN, _stretch(1, lambda part: part - 35.0)),
    Fault("a year of a counter's sums", RAIN, _stretch(365, lambda part: np.nancumsum(part))),
    Fault("a counter's sums throughout", RAIN, lambda v, _: (np.nancumsum(v), np.isfinite(v))),
    Fault("a lone day of 700 mm", RAIN, _stretch(1, lambda part: np.full(1, 700.0))),
    Fault("a gauge blocked for a year", RAIN, _stretch(365, lambda part: part * 0.0)),
    Fault("rain falls to a quarter, 4 years", RAIN, _after(4, lambda part: part * 0.25)),
    Fault("4 degC warmer, 4 years", TMAX, _after(4, lambda part: part + 4.0)),
    Fault("Tmin above Tmax, 1 % of days", TMIN, lambda v, r: _above(v, r)),
)


def _above(values: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    days = _some(values, random, 0.01)
    return np.where(days, np.minimum(values + 25.0, 49.0), values), days


@dataclass(frozen=True)
class Sound:
    """A record without a known fault: its rows and places."""

    name: str
    table: pd.DataFrame
    locations: pd.DataFrame

    def newest(self, variable: str) -> pd.DataFrame:
        """The rows of the newest YEARS that have a variable, by place and then by day."""
        last = self.table.loc[self.table[variable].notna(), "time"].max()
        days = self.table["time"].between(last - pd.DateOffset(years=YEARS), last)
        return self.table[days].sort_values(["location", "time"], ignore_index=True)


def sound_records(names: list[str]) -> Iterator[Sound]:
    """The real records at hand, and the exercise's weather and sensors without their faults."""
    for region, observations in records([name for name in names if name != "exercise"]):
        rows = observations.drop_vars(["source", "variable"]).reset_coords(drop=True).to_dataframe()
        columns = ["latitude", "longitude", "elevation", "name"]
        places = observations[columns].drop_vars("time", errors="ignore").to_dataframe()
        order = ["location", "name", "latitude", "longitude", "elevation"]
        yield Sound(region.name, rows.reset_index(), places.reset_index()[order])
    if "exercise" in names:
        yield from _exercise()


def _exercise() -> Iterator[Sound]:
    region = load_region("berkane-exercise")
    world = world_of(region)
    runs = [simulate(part, last_day(region), layers=False) for part in parts_of(world)]
    places = locations_table(region, world)
    yield Sound("exercise", pd.concat(map(record_table, runs), ignore_index=True), places)
    sensors = [exercise_sensors.readings(run, stuck="") for run in runs]
    table = pd.concat(sensors, ignore_index=True)
    yield Sound("exercise sensors", table[table[TMAX] != exercise_sensors.POWER_ON_READING], places)


def checked(record: Sound, table: pd.DataFrame | None = None) -> CheckedBatch | None:
    """The record held against the contract; None where it is refused."""
    rows = record.table if table is None else table
    try:
        return check(Batch(rows, record.locations), record.name)
    except ContractBroken:
        return None


def false_alarms(record: Sound) -> dict[str, object]:
    """A row of the table of false alarms."""
    outcome, cells = checked(record), _count(record.table)
    withheld = cells if outcome is None else len(outcome.withheld)
    noted = [] if outcome is None else sorted(set(outcome.flagged["rule"]))
    names = [rule.name for rule in RULES.values() if rule.sentence in noted]
    return {
        "record": record.name,
        "places": len(record.locations),
        "values": cells,
        "withheld": withheld,
        "of 10,000": round(1e4 * withheld / cells, 2),
        "in doubt": ", ".join(names) or "-",
    }


def _count(table: pd.DataFrame) -> int:
    return int(table[[name for name in table if name in VARIABLES]].notna().sum().sum())


def caught(record: Sound, fault: Fault, seed: int) -> str:
    """What comes of a fault: refused, withheld, in doubt, or missed."""
    random = np.random.default_rng([seed, zlib.crc32(f"{record.name} {fault.name}".encode())])
    place = record.locations["location"].iloc[int(random.integers(len(record.locations)))]
    table = record.newest(fault.variable)
    mine = np.flatnonzero(table["location"].to_numpy() == place)
    values, days = fault.plant(table[fault.variable].to_numpy(float)[mine], random)
    table[fault.variable] = table[fault.variable].astype(float)
    table.loc[mine, fault.variable] = values
    outcome = checked(record, table)
    if outcome is None:
        return "refused"
    at = set(table["time"].to_numpy()[mine][days])
    for name, cells in (("withheld", outcome.withheld), ("in doubt", outcome.flagged)):
        hits = cells[(cells["variable"] == fault.variable) & (cells["location"] == place)]
        if name == "in doubt" and len(hits):
            return name
        if len(hits) and len(set(hits["time"].to_numpy()) & at) > 0:
            return name
    return "missed"


def report(names: list[str], command: str) -> tuple[str, bool]:
    """The page, and whether no record has too much withheld."""
    sound = list(sound_records(names))
    alarms = pd.DataFrame([false_alarms(record) for record in sound])
    rows = []
    for fault in FAULTS:
        ends = [
            caught(record, fault, seed)
            for record in sound
            if fault.variable in record.table
            for seed in range(1 if len(record.locations) > 1 else TRIES)
        ]
        if not ends:
            continue
        counts = {end: ends.count(end) for end in ("refused", "withheld", "in doubt", "missed")}
        rows.append(
            {"fault": fault.name, "variable": fault.variable, "planted": len(ends)} | counts
        )
    rules = [
        {"rule": rule.name, "what must hold": rule.sentence, "consequence": rule.consequence.value}
        for rule in RULES.values()
    ]
    parts = [
        "# What the data contract catches",
        f"Made by `{command}`. One fault at a time is planted in one place of each record.",
        "## Rules",
        table_of(pd.DataFrame(rules)),
        "## False alarms",
        "Records without a planted fault: at most 1 value in 10,000 may be withheld.",
        table_of(alarms),
        "## Planted faults",
        "A fault is refused (the whole file), withheld, in doubt (used, and the report says so) or "
        "missed.",
        table_of(pd.DataFrame(rows)),
    ]
    fine = bool((alarms["withheld"] <= MOST_WITHHELD * alarms["values"]).all())
    return "\n\n".join(parts) + "\n", fine


def table_of(table: pd.DataFrame) -> str:
    """A table in Markdown."""
    lines = [" | ".join(table.columns), " | ".join("---" for _ in table)]
    lines += [" | ".join(map(str, row)) for row in table.itertuples(index=False)]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    known = [*record_names(), "exercise"]
    parser.add_argument("--record", action="append", choices=known, help="default: all")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "docs" / "data-quality.md")
    given = parser.parse_args()
    words = "".join(f" --record {name}" for name in given.record or ())
    command = f"python benchmarks/quality.py{words}" if words else COMMAND
    text, fine = report(given.record or known, command)
    print(text)
    given.out.write_text(text, encoding="utf-8")
    if not fine:
        raise SystemExit("more than 1 value in 10,000 of a record without a fault is withheld")


if __name__ == "__main__":
    main()
