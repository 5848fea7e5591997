"""The contract: what a batch must be before the store takes it.

Great Expectations suites derived from VARIABLES. A breach of the schema refuses the whole batch; an
isolated cell that breaks a rule is withheld and listed. Each suite is made of expectations of one
severity: critical ones refuse, warnings withhold.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from configs import RiskError
from data_contracts.batch import EARLIEST_DAY, LATEST_DAY, LOCATION_COLUMNS, Batch
from data_contracts.variables import DETERMINISTIC, FILL_VALUES, SPREAD, VARIABLES, Variable

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

MOST_BAD_CELLS = 5.0
"""Per cent of a variable's cells; more than this out of range means a wrong unit, not bad cells."""

FEW_BAD_CELLS = 10
"""Fewer bad cells than this say nothing by their share: one dead sensor of four is a quarter."""

MOST_OF_FEW = 50.0
"""Per cent of such a small batch: a wrong unit spoils most of it, one bad sensor a smaller part."""

LONGEST_LEAD = 3_660
"""Days ahead that a forecast may be for: ten years, as the longest that are made."""

OBSERVATION_KEYS = ("time", "location")
FORECAST_KEYS = ("init_time", "lead_days", "location", "member")
FLOATS = ("float32", "float64", "FLOAT", "DOUBLE")

# Where the median of a refused variable lies tells the unit it is in: units -> (low, high, what it
# looks like, cure).
_LOOKS_LIKE: dict[str, tuple[tuple[float, float, str, str], ...]] = {
    "degC": (
        (180, 340, "kelvin", "subtract 273.15"),
        (61, 140, "degrees Fahrenheit", "subtract 32 and multiply by 5/9"),
    ),
    "hPa": (
        (45_000, 110_000, "pascal", "divide by 100"),
        (45, 110, "kilopascal", "multiply by 10"),
    ),
    "m3 m-3": ((1, 100, "per cent", "divide by 100"),),
    "MJ m-2": (
        (46, 500, "W m-2", "multiply the day's mean by 0.0864"),
        (500, 46_000, "kJ m-2", "divide by 1000"),
        (1e5, 4.6e7, "J m-2", "divide by 1,000,000"),
    ),
}


class ContractBroken(RiskError):
    """A batch that breaks its schema: nothing of it was stored, everything wrong is listed.

    Never worth a retry.
    """


@dataclass(frozen=True)
class Checked:
    """A batch that may be stored: float32 values, bad cells NaN, equal duplicates gone.

    ``withheld`` lists the bad cells.
    """

    observations: pd.DataFrame
    forecasts: pd.DataFrame
    locations: pd.DataFrame
    withheld: pd.DataFrame


def check(batch: Batch, source: str, complete: bool = True, readings: bool = False) -> Checked:
    """Hold a batch against the contract.

    ``source`` is its name; a ``complete`` one must have something to say, another may have nothing
    new. Of one whose days are made of ``readings`` a fill value is a bad cell like others, as one
    sensor at fault says nothing of the others. Raises ContractBroken with everything that is wrong,
    in one sentence.
    """
    breaches: list[str] = []
    observations, bad = _check_table(batch.observations, OBSERVATION_KEYS, "", readings, breaches)
    runs, spreads = _runs_and_spreads(batch.forecasts)
    forecasts, bad_forecasts = _check_table(runs, FORECAST_KEYS, "forecasts: ", readings, breaches)
    if len(spreads):
        spreads = _check_spreads(spreads, runs, forecasts, breaches)
        forecasts = pd.concat([forecasts, spreads], ignore_index=True)
    locations = _check_locations(batch.locations, observations, forecasts, breaches)
    if complete and not breaches and not _has_values(observations):
        breaches.append("found no value, expected observations of at least one day")
    if breaches:
        raise ContractBroken(
            f"source {source}: {'; '.join(breaches)}; nothing was stored, mend the source's data "
            "and pull again."
        )
    withheld = pd.concat([bad, bad_forecasts], ignore_index=True)
    withheld["source"] = source
    return Checked(observations, forecasts, locations, withheld)


def _has_values(table: pd.DataFrame) -> bool:
    return any(bool(table[name].notna().any()) for name in table if name in VARIABLES)


def suggestion(name: str, known: Iterable[str]) -> str:
    """ ", did you mean 'x'?" for the known name nearest to ``name``, or an empty text."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""


def no_cells() -> pd.DataFrame:
    """An empty table of withheld cells with its columns' types."""
    return _nothing(_CELL | {"value": "float64", "rule": "str"})


def no_quality() -> pd.DataFrame:
    """An empty table of what sources say of their readings' quality, with its columns' types.

    One row a source, variable, day, place and quality (their own word or JSON): how many readings
    it was said of, and how many of these the day's value is made of.
    """
    return _nothing(_CELL | {"quality": "str", "readings": "int64", "used": "int64"})


_CELL = {"source": "str", "variable": "str", "time": "datetime64[ns]", "location": "str"}


def _nothing(types: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def range_suite(variables: Sequence[Variable]) -> list[Expectation]:
    """Every value lies in its variable's physical range."""
    return [
        _expectations().ExpectColumnValuesToBeBetween(
            column=row.name, min_value=row.low, max_value=row.high, severity="warning"
        )
        for row in variables
    ]


def fill_suite(variables: Sequence[Variable]) -> list[Expectation]:
    """No value is one that services write for "missing".

    Numbers a variable can really take are left to it.
    """
    return [
        _expectations().ExpectColumnValuesToNotBeInSet(
            column=row.name, value_set=fills, severity="critical"
        )
        for row in variables
        if (
            fills := [
                float(np.float32(value))
                for value in FILL_VALUES
                if not row.low <= value <= row.high
            ]
        )
    ]


def schema_suite(columns: Sequence[str], keys: Sequence[str]) -> list[Expectation]:
    """Keys are there, never null, together unique; days are real, values floating-point numbers."""
    gxe = _expectations()
    days = [key for key in keys if key in ("time", "init_time")]
    values = [name for name in columns if name in VARIABLES]
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=key, severity="critical") for key in keys),
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=key, min_value=EARLIEST_DAY, max_value=LATEST_DAY, severity="critical"
            )
            for key in days
        ),
        *(
            gxe.ExpectColumnValuesToBeInTypeList(
                column=name, type_list=list(FLOATS), severity="critical"
            )
            for name in values
        ),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=list(keys), severity="critical"),
    ]


def order_suites(columns: Sequence[str]) -> list[list[Expectation]]:
    """Tmin <= Tmax, and then, where these two are in order, Tmin <= Tmean <= Tmax."""
    low, mean, high = "air_temperature_min", "air_temperature_mean", "air_temperature_max"
    steps = [[(high, low)], [(high, mean), (mean, low)]]
    return [[_ordered(*pair) for pair in pairs if set(pair) <= set(columns)] for pairs in steps]


def _ordered(high: str, low: str) -> Expectation:
    return _expectations().ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=high,
        column_B=low,
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        severity="warning",
    )


def _check_table(
    table: pd.DataFrame, keys: tuple[str, ...], what: str, readings: bool, breaches: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One table through all suites: the clean table and its withheld cells.

    What is wrong is added to ``breaches``.
    """
    nothing = no_cells()
    if table.empty:
        return table, nothing
    found = _column_breaches(table, keys)
    if not found:
        table = _plain(table, keys)
        found = _schema_breaches(table, keys)
    if found:
        breaches.extend(what + text for text in found)
        return table.iloc[:0], nothing
    table, out_of_range, found = _check_ranges(table, keys, readings)
    table, out_of_order, found_order = (
        _check_order(table, keys) if not found else (table, nothing, [])
    )
    breaches.extend(what + text for text in found + found_order)
    return table, pd.concat([out_of_range, out_of_order], ignore_index=True)


def _column_breaches(table: pd.DataFrame, keys: tuple[str, ...]) -> list[str]:
    found = [f"the column {key!r} is missing" for key in keys if key not in table]
    for name in table.columns:
        if list(table.columns).count(name) > 1:
            return [f"the column {name!r} stands twice"]
        if name not in keys and name not in VARIABLES:
            near = suggestion(str(name), VARIABLES) or f", expected one of {', '.join(VARIABLES)}"
            found.append(f"unknown column {name!r}{near}")
    if not found and not any(name in VARIABLES for name in table.columns):
        found.append(f"found no variable, expected one or more of {', '.join(VARIABLES)}")
    for key in keys:
        if key in ("time", "init_time") and key in table:
            found.extend(_day_breaches(table[key], key))
    return found


def _day_breaches(days: pd.Series, key: str) -> list[str]:
    """A day is a datetime64 at midnight without a time zone."""
    if not isinstance(days.dtype, np.dtype) or days.dtype.kind != "M":
        return [f"{key!r} is of type {days.dtype}, expected days without a time zone (datetime64)"]
    odd = days[days != days.dt.normalize()].dropna()
    return (
        [f"{key!r} holds {odd.iloc[0].isoformat()}, expected days without an hour"]
        if len(odd)
        else []
    )


def _plain(table: pd.DataFrame, keys: tuple[str, ...]) -> pd.DataFrame:
    """Equal duplicates dropped and numbers as float32, the precision that is stored.

    Columns of another type stay as they are.
    """
    if table.duplicated(list(keys)).any():
        table = table.drop_duplicates()
    table = table.reset_index(drop=True)
    numbers = [
        name
        for name in table.columns
        if name in VARIABLES and getattr(table[name].dtype, "kind", "O") in "fiu"
    ]
    with np.errstate(over="ignore"):
        return table.astype({name: np.float32 for name in numbers})


def _schema_breaches(table: pd.DataFrame, keys: tuple[str, ...]) -> list[str]:
    found = []
    for expectation, result in _validate(table, schema_suite(list(table.columns), keys)):
        name = getattr(expectation, "column", None)
        kind = expectation.expectation_type
        if kind == "expect_column_values_to_be_in_type_list":
            found.append(f"{name!r} is of type {table[name].dtype}, expected numbers")
        elif kind == "expect_column_values_to_not_be_null":
            found.append(
                f"{name!r} is empty in {result['unexpected_count']} rows, expected one in each"
            )
        elif kind == "expect_column_values_to_be_between":
            first = table[name].iloc[result["unexpected_index_list"][0]]
            found.append(
                f"{name!r} holds {first.date()}, expected days from {EARLIEST_DAY.date()} to "
                f"{LATEST_DAY.date()}"
            )
        else:
            found.append(_duplicate(table, keys))
    if "lead_days" in keys:
        leads = table["lead_days"]
        if not (leads.between(0, LONGEST_LEAD) & (leads % 1 == 0)).all():
            found.append(f"'lead_days' must hold whole numbers from 0 to {LONGEST_LEAD}")
    return found


def _duplicate(table: pd.DataFrame, keys: tuple[str, ...]) -> str:
    first = (
        table[table.duplicated(list(keys), keep=False)]
        .sort_values(list(keys), kind="stable")
        .iloc[:2]
    )
    differing = [
        name for name in first.columns if name not in keys and first[name].nunique(dropna=False) > 1
    ]
    name = differing[0]
    one, other = first[name]
    where = _where(first.iloc[0], keys)
    return f"{where} stands twice with differing {name}, {one:g} and {other:g}"


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
    found = _column_breaches(spreads, keys)
    if not found:
        spreads = _plain(spreads, keys)
        found = _schema_breaches(spreads, keys)
    for name in [] if found else [name for name in spreads if name in VARIABLES]:
        row, spread = VARIABLES[name], spreads[name]
        odd = ~spread.between(0, row.high - row.low) & spread.notna()
        alone = spread.notna() & ~_has_mean(spreads, runs, name)
        for bad, expected in (
            (odd, f"expected 0 to {row.high - row.low:g} {row.units}"),
            (alone, "which has no mean, expected one beside each spread"),
        ):
            if bad.any():
                first = spreads[bad].iloc[0]
                where = _where(first, keys)
                found.append(f"the spread of {name} at {where} is {first[name]:g}, {expected}")
        spreads = spreads.assign(**{name: spread.where(_has_mean(spreads, kept, name))})
    breaches.extend("forecasts: " + text for text in found)
    return spreads.iloc[:0] if found else spreads


def _has_mean(spreads: pd.DataFrame, runs: pd.DataFrame, name: str) -> pd.Series:
    """Which spreads of a variable stand beside a mean."""
    keys = [key for key in FORECAST_KEYS if key != "member"]
    means = runs[(runs["member"] == DETERMINISTIC) & runs[name].notna()]
    there = pd.MultiIndex.from_frame(spreads[keys]).isin(pd.MultiIndex.from_frame(means[keys]))
    return pd.Series(there, index=spreads.index)


def _check_ranges(
    table: pd.DataFrame, keys: tuple[str, ...], readings: bool
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Cells out of range become NaN; too many of them are a breach, and a fill value is one.

    Among days made of ``readings`` a fill value is a cell out of range.
    """
    variables = [VARIABLES[name] for name in table.columns if name in VARIABLES]
    failed = {
        expectation.column: result
        for expectation, result in _validate(table, range_suite(variables))
    }
    suspects = [VARIABLES[name] for name in failed]
    filled = {
        expectation.column: result for expectation, result in _validate(table, fill_suite(suspects))
    }
    found, bad = [], []
    for row in suspects:
        result = failed[row.name]
        if row.name in filled and (not readings or _too_many(result)):
            found.append(_fill_breach(table, row, filled[row.name], keys))
        elif _too_many(result):
            found.append(_range_breach(table, row, result, keys))
        else:
            rule = f"{row.name} must be between {row.low:g} and {row.high:g} {row.units}"
            bad.append((row.name, result["unexpected_index_list"], rule))
    return *_withhold(table, bad, keys), found


def _fill_breach(
    table: pd.DataFrame, row: Variable, result: dict[str, Any], keys: tuple[str, ...]
) -> str:
    first = table.iloc[result["unexpected_index_list"][0]]
    return (
        f"{row.name} is {first[row.name]:g} at {_where(first, keys)}, a fill value that stands "
        "for missing "
        f"({result['unexpected_count']} such cells), expected {row.low:g} to {row.high:g} "
        f"{row.units}, leave missing values empty"
    )


def _too_many(result: dict[str, Any]) -> bool:
    """Whether so many cells break a rule that the unit or the column must be wrong.

    One cell alone never shows that.
    """
    bad, share = result["unexpected_count"], result["unexpected_percent_nonmissing"]
    return bad > 1 and share > (MOST_BAD_CELLS if bad >= FEW_BAD_CELLS else MOST_OF_FEW)


def _range_breach(
    table: pd.DataFrame, row: Variable, result: dict[str, Any], keys: tuple[str, ...]
) -> str:
    first = table.iloc[result["unexpected_index_list"][0]]
    middle = float(table[row.name].median())
    hints = [
        f", it looks like {unit}: {cure}"
        for low, high, unit, cure in _LOOKS_LIKE.get(row.units, ())
        if low < middle <= high
    ]
    return (
        f"{row.name} is out of range in {result['unexpected_percent_nonmissing']:.3g} % of its "
        "cells "
        f"(found {first[row.name]:g} at {_where(first, keys)}, expected {row.low:g} to "
        f"{row.high:g} {row.units})" + (hints[0] if hints else ", check its unit")
    )


def _check_order(
    table: pd.DataFrame, keys: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Where Tmin > Tmax both are withheld, a Tmean outside them alone; too many are a breach."""
    found: list[str] = []
    listed = [no_cells()]
    for suite in order_suites(list(table.columns)):
        bad: list[tuple[str, list[Hashable], str]] = []
        for expectation, result in _validate(table, suite):
            high, low, rows = (
                expectation.column_A,
                expectation.column_B,
                result["unexpected_index_list"],
            )
            if _too_many(result):
                found.append(_order_breach(table, high, low, result, keys))
            suspects = [name for name in (high, low) if "mean" in name] or [high, low]
            bad.extend((name, rows, f"{low} must not be above {high}") for name in suspects)
        table, cells = _withhold(table, bad, keys)
        listed.append(cells)
    return table, pd.concat(listed, ignore_index=True), found


def _order_breach(
    table: pd.DataFrame, high: str, low: str, result: dict[str, Any], keys: tuple[str, ...]
) -> str:
    first = table.iloc[result["unexpected_index_list"][0]]
    return (
        f"{low} is above {high} in {result['unexpected_percent_nonmissing']:.3g} % of the rows "
        f"(first at {_where(first, keys)}, {first[low]:g} and {first[high]:g}), check whether "
        "columns are swapped"
    )


def _withhold(
    table: pd.DataFrame, bad: list[tuple[str, list[Hashable], str]], keys: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with the bad cells NaN, and a row for each cell (the first rule it breaks)."""
    parts = [_bad_cells(table, name, rows, rule, keys) for name, rows, rule in bad]
    table = table.copy() if bad else table
    for name, rows, _ in bad:
        table.loc[rows, name] = np.nan
    listed = pd.concat([no_cells(), *parts], ignore_index=True)
    return table, listed.drop_duplicates(
        ["variable", "time", "location", "value"], ignore_index=True
    )


def _bad_cells(
    table: pd.DataFrame, name: str, rows: list[Hashable], rule: str, keys: tuple[str, ...]
) -> pd.DataFrame:
    cells = table.loc[rows]
    if "init_time" in keys:
        time = cells["init_time"] + pd.to_timedelta(cells["lead_days"], unit="D")
        rules = [
            f"{rule} (forecast issued {start.date()}, lead {lead:g})"
            for start, lead in zip(cells["init_time"], cells["lead_days"], strict=True)
        ]
    else:
        time, rules = cells["time"], [rule] * len(cells)
    return pd.DataFrame(
        {
            "source": "",
            "variable": name,
            "time": time.to_numpy(),
            "location": cells["location"].array,
            "value": cells[name].to_numpy(np.float64),
            "rule": rules,
        }
    )


def _check_locations(
    locations: pd.DataFrame,
    observations: pd.DataFrame,
    forecasts: pd.DataFrame,
    breaches: list[str],
) -> pd.DataFrame:
    """Every place that was measured is described, each once, with possible coordinates."""
    missing = [name for name in LOCATION_COLUMNS if name not in locations]
    if missing:
        breaches.append(f"locations: the columns {', '.join(missing)} are missing")
        return locations
    if locations["location"].duplicated().any():
        breaches.append(
            f"locations: {locations['location'][locations['location'].duplicated()].iloc[0]!r} "
            "stands twice"
        )
    for name, most in (("latitude", 90), ("longitude", 180)):
        odd = locations[locations[name].astype(float).abs() > most]
        if len(odd):
            place, value = odd["location"].iloc[0], odd[name].iloc[0]
            breaches.append(
                f"locations: the {name} of {place!r} is {value:g}, expected -{most} to {most} "
                "degrees"
            )
    measured = {
        place
        for table in (observations, forecasts)
        if len(table)
        for place in table["location"].unique()
    }
    unknown = sorted(measured - set(locations["location"]))
    if unknown:
        breaches.append(
            f"location {unknown[0]!r} is not in the list of "
            f"locations{suggestion(unknown[0], locations['location'])}"
        )
    return locations[list(LOCATION_COLUMNS)].reset_index(drop=True)


def _where(row: pd.Series, keys: tuple[str, ...]) -> str:
    shown = [
        str(row[key].date()) if isinstance(row[key], pd.Timestamp) else f"{key} {row[key]}"
        for key in keys
        if key != "member"
    ]
    return ", ".join(shown).replace("location ", "")


def _validate(table: pd.DataFrame, suite: list[Expectation]) -> list[tuple[Any, dict[str, Any]]]:
    """The expectations the table does not meet, in the suite's order, each with its result."""
    if not suite:
        return []
    import great_expectations as gx

    context = _context()
    source = context.data_sources.add_or_update_pandas("batch")
    whole = source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("whole")
    batch = whole.get_batch({"dataframe": table})
    complete = {"result_format": "COMPLETE", "include_unexpected_rows": False}
    outcome = batch.validate(
        gx.ExpectationSuite("contract", expectations=suite), result_format=complete
    )
    results = {
        _key(result.expectation_config.to_domain_obj()): result for result in outcome.results
    }
    failed = [(expectation, results[_key(expectation)]) for expectation in suite]
    for expectation, result in failed:
        if result.exception_info.get("raised_exception", False):
            raise RuntimeError(
                f"{expectation.expectation_type}: {result.exception_info['exception_message']}"
            )
    return [(expectation, result.result) for expectation, result in failed if not result.success]


def _key(expectation: Any) -> tuple[Any, ...]:
    names = ("column", "column_A", "column_B")
    return (expectation.expectation_type, *(getattr(expectation, name, None) for name in names))


def _expectations() -> Any:
    _context()
    import great_expectations.expectations as gxe

    return gxe


@cache
def _context() -> Any:
    """An ephemeral context: no files, no telemetry, no progress bars, no lines below a warning."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context
