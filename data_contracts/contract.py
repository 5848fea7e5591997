"""The contract: what a batch must be before the store takes it.

A breach of the schema refuses the whole batch; an isolated value that breaks a rule is withheld and
listed. The rules follow from the variables table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from configs import RiskError
from configs.remarks import Remark
from data_contracts.background import NOTHING, Background
from data_contracts.batch import LOCATION_COLUMNS, Batch
from data_contracts.cell_types import list_breaches
from data_contracts.record_check import Ruled, follow_rules, place_notes
from data_contracts.tables import (
    FORECAST_KEYS,
    OBSERVATION_KEYS,
    column_breaches,
    location_breaches,
    no_cells,
    no_quality,
    plain,
    schema_breaches,
    suggestion,
    where_of,
)
from data_contracts.value_rules import check_order, check_ranges
from data_contracts.variables import DETERMINISTIC, SPREAD, VARIABLES


class ContractBroken(RiskError):
    """A batch that breaks its schema: nothing of it was stored, everything wrong is listed.

    Never worth a retry.
    """


@dataclass(frozen=True)
class CheckedBatch:
    """A batch that may be stored: float32 values, bad values NaN, equal duplicates gone.

    ``withheld`` lists the bad values, ``flagged`` those in doubt, which are used. ``remarks``: what
    is said of values that rules withhold; ``notes``: of those in doubt.
    """

    observations: pd.DataFrame
    forecasts: pd.DataFrame
    locations: pd.DataFrame
    withheld: pd.DataFrame
    flagged: pd.DataFrame
    remarks: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()


def check(
    batch: Batch,
    source: str,
    complete: bool = True,
    readings: bool = False,
    background: Background = NOTHING,
) -> CheckedBatch:
    """Hold a batch against the contract.

    ``source`` is its name; a ``complete`` one must have something to say, another may have nothing
    new. Of one whose days are made of ``readings`` a fill value is a bad value like others, as one
    sensor at fault says nothing of the others. ``background``: what is known besides. Raises
    ContractBroken with everything that is wrong, in one sentence.
    """
    breaches: list[str] = []
    latitude = _latitude(batch.locations)
    observations, bad = _check_table(
        batch.observations, OBSERVATION_KEYS, readings, latitude, breaches
    )
    runs, spreads = _runs_and_spreads(batch.forecasts)
    forecasts, bad_forecasts = _check_table(runs, FORECAST_KEYS, readings, latitude, breaches)
    if not breaches:
        forecasts, out_of_order = _in_order(forecasts, FORECAST_KEYS, breaches)
        bad_forecasts = pd.concat([bad_forecasts, out_of_order], ignore_index=True)
    if len(spreads):
        spreads = _check_spreads(spreads, runs, forecasts, breaches)
        forecasts = pd.concat([forecasts, spreads], ignore_index=True)
    locations = _check_locations(batch.locations, observations, forecasts, breaches)
    breaches.extend(list_breaches(batch.quality, no_quality()))
    ruled, notes = Ruled(observations, no_cells(), no_cells(), [], [], []), list[Remark]()
    if not breaches and len(observations):
        known = replace(background, rain_elsewhere=_rain_elsewhere(forecasts, background))
        ruled = follow_rules(observations, locations, known, complete and not readings)
        breaches += ruled.breaches
        kept, out_of_order = _in_order(ruled.table, OBSERVATION_KEYS, breaches)
        both = pd.concat([ruled.withheld, out_of_order], ignore_index=True)
        ruled = ruled._replace(table=kept, withheld=both)
        notes = place_notes(locations, background)
    if complete and not breaches and not _has_values(ruled.table):
        breaches.append("found no value, expected observations of at least one day")
    if breaches:
        raise ContractBroken(
            f"source {source}: {'; '.join(breaches)}; nothing was stored, mend the source's data "
            "and pull again."
        )
    withheld = pd.concat([bad, ruled.withheld, bad_forecasts], ignore_index=True)
    return CheckedBatch(
        ruled.table,
        forecasts,
        locations,
        withheld.assign(source=source),
        ruled.flagged.assign(source=source),
        tuple(ruled.remarks),
        (*ruled.notes, *notes),
    )


def _latitude(locations: pd.DataFrame) -> float | None:
    """The places' middle latitude, degrees; None where none is known."""
    if "latitude" not in locations:
        return None
    middle = pd.to_numeric(locations["latitude"], errors="coerce").median()
    return None if pd.isna(middle) else float(middle)


def _rain_elsewhere(forecasts: pd.DataFrame, background: Background) -> pd.DataFrame:
    """The rain that others have, and that the batch's own forecasts are for."""
    parts = [background.rain_elsewhere]
    if len(forecasts) and "precipitation" in forecasts:
        runs = forecasts[(forecasts["member"] != SPREAD) & forecasts["precipitation"].notna()]
        valid = runs["init_time"] + pd.to_timedelta(runs["lead_days"], unit="D")
        parts.append(runs[["location", "precipitation"]].assign(time=valid))
    return pd.concat([part for part in parts if len(part)] or [pd.DataFrame()], ignore_index=True)


def _has_values(table: pd.DataFrame) -> bool:
    return any(bool(values.notna().any()) for name, values in table.items() if name in VARIABLES)


def _check_table(
    table: pd.DataFrame,
    keys: tuple[str, ...],
    readings: bool,
    latitude: float | None,
    breaches: list[str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One table through its schema and ranges: the clean table and its withheld cells.

    What is wrong is added to ``breaches``.
    """
    what = "forecasts: " if keys == FORECAST_KEYS else ""
    if table.empty:
        return table, no_cells()
    wrong = column_breaches(table, keys)
    if not wrong:
        table = plain(table, keys)
        wrong = schema_breaches(table, keys)
    if wrong:
        breaches.extend(what + text for text in wrong)
        return table.iloc[:0], no_cells()
    table, withheld, wrong = check_ranges(table, keys, readings, latitude)
    breaches.extend(what + text for text in wrong)
    return table, withheld


def _in_order(
    table: pd.DataFrame, keys: tuple[str, ...], breaches: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with its temperatures in order, and the cells withheld for that."""
    what = "forecasts: " if keys == FORECAST_KEYS else ""
    table, withheld, wrong = check_order(table, keys)
    breaches.extend(what + text for text in wrong)
    return table, withheld


def _runs_and_spreads(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Forecasts without their spreads, and the spreads: rows whose member is SPREAD."""
    if "member" not in table or not (table["member"] == SPREAD).any():
        return table, table.iloc[:0]
    spread = table["member"] == SPREAD
    return table[~spread], table[spread]


def _check_spreads(
    spreads: pd.DataFrame, runs: pd.DataFrame, kept: pd.DataFrame, breaches: list[str]
) -> pd.DataFrame:
    """Spreads as they are kept: each is 0 or more and has a mean, that of a deterministic run.

    A spread whose mean was withheld goes with it. What is wrong is added to ``breaches``.
    """
    keys = FORECAST_KEYS
    wrong = column_breaches(spreads, keys)
    if not wrong:
        spreads = plain(spreads, keys)
        wrong = schema_breaches(spreads, keys)
    for name in [] if wrong else [name for name in spreads if name in VARIABLES]:
        wrong += _spread_breaches(spreads, runs, name)
        has_mean = _has_mean(spreads, kept, name)
        spreads = spreads.assign(**{name: spreads[name].where(has_mean)})
    breaches.extend("forecasts: " + text for text in wrong)
    return spreads.iloc[:0] if wrong else spreads


def _spread_breaches(spreads: pd.DataFrame, runs: pd.DataFrame, name: str) -> list[str]:
    row, spread = VARIABLES[name], spreads[name]
    odd = ~spread.between(0, row.high - row.low) & spread.notna()
    alone = spread.notna() & ~_has_mean(spreads, runs, name)
    wrong = []
    for bad, expected in (
        (odd, f"expected 0 to {row.high - row.low:g} {row.units}"),
        (alone, "which has no mean, expected one beside each spread"),
    ):
        if bad.any():
            first = spreads[bad].iloc[0]
            where = where_of(first, FORECAST_KEYS)
            wrong.append(f"the spread of {name} at {where} is {first[name]:g}, {expected}")
    return wrong


def _has_mean(spreads: pd.DataFrame, runs: pd.DataFrame, name: str) -> pd.Series:
    """Which spreads of a variable stand beside a mean."""
    keys = [key for key in FORECAST_KEYS if key != "member"]
    means = runs[(runs["member"] == DETERMINISTIC) & runs[name].notna()]
    there = pd.MultiIndex.from_frame(spreads[keys]).isin(pd.MultiIndex.from_frame(means[keys]))
    return pd.Series(there, index=spreads.index)


def _check_locations(
    locations: pd.DataFrame,
    observations: pd.DataFrame,
    forecasts: pd.DataFrame,
    breaches: list[str],
) -> pd.DataFrame:
    """Every location that was measured is described, each once, with possible coordinates."""
    missing = [name for name in LOCATION_COLUMNS if name not in locations]
    if missing:
        breaches.append(f"locations: the columns {', '.join(missing)} are missing")
        return locations
    if wrong := location_breaches(locations):
        breaches.extend(wrong)
        return locations
    if locations["location"].duplicated().any():
        breaches.append(
            f"locations: {locations['location'][locations['location'].duplicated()].iloc[0]!r} "
            "stands twice"
        )
    for name, limit in (("latitude", 90), ("longitude", 180)):
        odd = locations[locations[name].astype(float).abs() > limit]
        if len(odd):
            location, value = odd["location"].iloc[0], odd[name].iloc[0]
            breaches.append(
                f"locations: the {name} of {location!r} is {value:g}, expected -{limit} to "
                f"{limit} degrees"
            )
    tables = [table["location"] for table in (observations, forecasts) if len(table)]
    measured = {location for column in tables for location in column.unique()}
    unknown = sorted(measured - set(locations["location"]))
    if unknown:
        near = suggestion(unknown[0], locations["location"])
        breaches.append(f"location {unknown[0]!r} is not in the list of locations{near}")
    return locations[list(LOCATION_COLUMNS)].reset_index(drop=True)
