"""Great Expectations: the suites that the variables table gives, and how one is run.

Each suite is made of expectations of one severity: critical ones refuse a batch, warnings withhold
a value.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from configs.collection import no_collection
from data_contracts.batch import EARLIEST_DAY, LATEST_DAY
from data_contracts.variables import FILL_VALUES, VARIABLES, Variable

if TYPE_CHECKING:  # slow to import, and only its name is needed here
    from great_expectations.expectations import Expectation

MAX_MOVED_KM = 1.0
"""Beyond that a place is another one: its past is not its own."""

MAX_HOURS_FROM_ZONE = 3.5
"""Between a zone's standard time and the sun: 3 h 20 min at Kashgar is the most there is."""

FLOATS = ("float32", "float64", "FLOAT", "DOUBLE")


def extremes_suite(variables: Sequence[Variable]) -> list[Expectation]:
    """The lowest and the highest value lie in the range: quick, and enough where all is well."""
    kinds = (_expectations().ExpectColumnMinToBeBetween, _expectations().ExpectColumnMaxToBeBetween)
    return [
        kind(column=row.name, min_value=row.low, max_value=row.high, severity="warning")
        for row in variables
        for kind in kinds
    ]


def places_suite() -> list[Expectation]:
    """Places stay where they were, and where their clock says.

    Columns: ``moved_km`` from what is stored; ``hours_from_zone`` from the region's time zone to
    the sun's.
    """
    between = _expectations().ExpectColumnValuesToBeBetween
    return [
        between(column="moved_km", max_value=MAX_MOVED_KM, severity="info"),
        between(
            column="hours_from_zone",
            min_value=-MAX_HOURS_FROM_ZONE,
            max_value=MAX_HOURS_FROM_ZONE,
            severity="info",
        ),
    ]


def range_suite(variables: Sequence[Variable]) -> list[Expectation]:
    """Every value lies in its variable's physical range."""
    return [
        _expectations().ExpectColumnValuesToBeBetween(
            column=row.name, min_value=row.low, max_value=row.high, severity="warning"
        )
        for row in variables
    ]


def fill_suite(
    variables: Sequence[Variable], values: Sequence[float] = FILL_VALUES
) -> list[Expectation]:
    """No value is one of those that services write for "missing".

    Numbers a variable can really take are left to it.
    """
    return [
        _expectations().ExpectColumnValuesToNotBeInSet(
            column=row.name, value_set=fills, severity="critical"
        )
        for row in variables
        if (
            fills := [
                float(np.float32(value)) for value in values if not row.low <= value <= row.high
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
            kind(column=key, min_value=EARLIEST_DAY, max_value=LATEST_DAY, severity="critical")
            for key in days
            for kind in (gxe.ExpectColumnMinToBeBetween, gxe.ExpectColumnMaxToBeBetween)
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


ALONE = Lock()
"""Great Expectations changes the filters of warnings, which all threads share."""


def validate(table: pd.DataFrame, suite: list[Expectation]) -> list[tuple[Any, dict[str, Any]]]:
    """The expectations the table does not meet, in the suite's order, each with its result."""
    if not suite:
        return []
    import great_expectations as gx

    complete = {"result_format": "COMPLETE", "include_unexpected_rows": False}
    with ALONE:
        try:
            batch = _whole_table().get_batch({"dataframe": table})
        except UnicodeEncodeError:
            batch = _whole_table().get_batch({"dataframe": _in_utf8(table)})
        outcome = batch.validate(
            gx.ExpectationSuite("contract", expectations=suite), result_format=complete
        )
    results = {
        _key(result.expectation_config.to_domain_obj()): result for result in outcome.results
    }
    failed = [(expectation, results[_key(expectation)]) for expectation in suite]
    for expectation, result in failed:
        for problem in _exceptions(result.exception_info):
            raise RuntimeError(f"{expectation.expectation_type}: {problem}")
    return [(expectation, result.result) for expectation, result in failed if not result.success]


def _in_utf8(table: pd.DataFrame) -> pd.DataFrame:
    """The table, in which texts that UTF-8 cannot write have escapes: every cell is hashed."""

    def written(cell: Any) -> Any:
        return cell.encode(errors="backslashreplace").decode() if isinstance(cell, str) else cell

    return table.map(written)


def _exceptions(info: dict[str, Any]) -> list[str]:
    """What was raised: by an expectation itself, or by metrics of it, each told by its id."""
    parts = [info] if "raised_exception" in info else list(info.values())
    return [
        f"{part['exception_message']} {part['exception_traceback']}"
        for part in parts
        if part.get("raised_exception", False)
    ]


def _key(expectation: Any) -> tuple[Any, ...]:
    names = ("column", "column_A", "column_B", "rule")
    return (expectation.expectation_type, *(getattr(expectation, name, None) for name in names))


def _expectations() -> Any:
    _context()
    import great_expectations.expectations as gxe

    return gxe


@cache
def _whole_table() -> Any:
    """The definition of a batch that is one table; it takes longer to make than to use."""
    source = _context().data_sources.add_or_update_pandas("batch")
    return source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("whole")


@cache
def _context() -> Any:
    """An ephemeral context: no files, no telemetry, no progress bars, no lines below a warning."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with no_collection():
        import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context
