"""The contract with the real Great Expectations: what refuses a batch, what withholds a cell, what
passes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from data_contracts.batch import Batch
from data_contracts.contract import CheckedBatch, ContractBroken, check
from data_contracts.variables import FILL_VALUES, SPREAD, VARIABLES, Variable

DAYS = 100
ROWS = pytest.mark.parametrize("row", VARIABLES.values(), ids=VARIABLES.keys())


def places(*ids: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"location": ids, "name": ids, "latitude": 35.0, "longitude": -2.0, "elevation": np.nan}
    )


def record(**columns: object) -> pd.DataFrame:
    """A hundred plain days of one place; ``columns`` replaces or adds some."""
    plain = {
        "time": pd.date_range("2001-01-01", periods=DAYS),
        "location": "a",
        "air_temperature_max": 20.0,
        "air_temperature_min": 10.0,
    }
    return pd.DataFrame(plain | columns)


def issued(**columns: object) -> pd.DataFrame:
    plain = {
        "init_time": pd.date_range("2001-01-01", periods=DAYS),
        "lead_days": 1,
        "location": "a",
        "member": -1,
        "precipitation": 1.0,
    }
    return pd.DataFrame(plain | columns)


def checked(observations: pd.DataFrame, forecasts: pd.DataFrame | None = None) -> CheckedBatch:
    return check(
        Batch(observations, places("a"), pd.DataFrame() if forecasts is None else forecasts), "test"
    )


def with_cell(table: pd.DataFrame, name: str, value: object, row: int = 3) -> pd.DataFrame:
    table = table.copy()
    table.loc[row, name] = value
    return table


HOURLY = pd.date_range("2001-01-01 06:00", periods=DAYS)
ZONED = pd.date_range("2001-01-01", periods=DAYS, tz="UTC")
BREACHES: dict[str, tuple[Callable[[], pd.DataFrame], str]] = {
    "kelvin": (
        lambda: record(air_temperature_max=293.15, air_temperature_min=283.15),
        "air_temperature_max is out of range in 100 % .*found 293.15 at 2001-01-01, "
        "a.*looks like kelvin: subtract 273.15; air_temp",
    ),
    "fahrenheit": (lambda: record(air_temperature_max=90.0), "looks like degrees Fahrenheit"),
    "pascal": (lambda: record(air_pressure=101_325.0), "looks like pascal: divide by 100"),
    "per cent of soil": (lambda: record(soil_moisture=30.0), "looks like per cent: divide by 100"),
    "joules": (lambda: record(surface_downwelling_shortwave=2e7), "looks like J m-2"),
    "no known unit": (
        lambda: record(precipitation=-5.0),
        "precipitation is out of range in 100 % .* check its unit",
    ),
    "one fill value": (
        lambda: with_cell(record(), "air_temperature_max", -999.0),
        "max is -999 at 2001-01-04, a, a fill value",
    ),
    "text": (
        lambda: record(precipitation="wet"),
        "'precipitation' is of type str, expected numbers",
    ),
    "true and false": (
        lambda: record(precipitation=True),
        "'precipitation' is of type bool, expected numbers",
    ),
    "unknown column": (lambda: record(rainfall=1.0), "unknown column 'rainfall'"),
    "misspelt column": (
        lambda: record(air_temperatur_max=1.0),
        "unknown column 'air_temperatur_max', did you mean 'air_temperature_max'?",
    ),
    "no location": (lambda: record().drop(columns="location"), "the column 'location' is missing"),
    "no variable": (lambda: record()[["time", "location"]], "found no variable"),
    "text for days": (
        lambda: record(time=["2001-01-01"] * DAYS),
        "'time' is of type .*expected days",
    ),
    "hours": (
        lambda: record(time=HOURLY),
        "'time' holds 2001-01-01T06:00:00, expected days without an hour",
    ),
    "a zone": (lambda: record(time=ZONED), "expected days without a time zone"),
    "no day": (lambda: with_cell(record(), "time", pd.NaT), "'time' is empty in 1 rows"),
    "no place": (lambda: with_cell(record(), "location", None), "'location' is empty in 1 rows"),
    "a day of no record": (
        lambda: with_cell(record(), "time", pd.Timestamp("2260-01-01")),
        "'time' holds 2260-01-01, expected days",
    ),
    "differing duplicates": (
        lambda: pd.concat([record(), record(air_temperature_max=21.0).iloc[:1]]),
        "2001-01-01, a stands twice with differing air_temperature_max, 20 and 21",
    ),
    "a number and a text for one day": (
        lambda: pd.concat([record(), record(air_temperature_max="warm").iloc[:1]]),
        "2001-01-01, a stands twice with differing air_temperature_max, 20 and 'warm'",
    ),
    "swapped columns": (
        lambda: record(air_temperature_max=10.0, air_temperature_min=20.0),
        "air_temperature_min is above air_temperature_max in 100 % .*whether columns are swapped",
    ),
    "unlisted place": (
        lambda: record(location="b"),
        "location 'b' is not in the list of locations",
    ),
    "no rows": (lambda: record().iloc[:0], "found no value"),
    "no value": (
        lambda: record(air_temperature_max=np.nan, air_temperature_min=np.nan),
        "found no value",
    ),
}


def test_one_fill_value_among_days_of_readings_is_withheld_and_the_rest_is_kept() -> None:
    """A sensor that says -999 once; of a file it would be the sign of a column to look at."""
    table = with_cell(record(), "air_temperature_max", -999.0)
    found = check(Batch(table, places("a")), "test", complete=False, readings=True)
    assert found.withheld[["variable", "value"]].to_numpy().tolist() == [
        ["air_temperature_max", -999.0]
    ]
    assert found.observations["air_temperature_max"].isna().sum() == 1
    assert found.observations["air_temperature_min"].notna().all()


def test_fill_values_in_most_days_of_readings_are_a_breach() -> None:
    table = record(air_temperature_max=-999.0)
    with pytest.raises(ContractBroken, match="a fill value that stands for missing"):
        check(Batch(table, places("a")), "test", complete=False, readings=True)


@pytest.mark.parametrize("lead", [-1, 0.5, 99_999_999, 1e30, float("nan"), float("inf")])
def test_days_ahead_are_whole_numbers_of_at_most_ten_years(lead: float) -> None:
    odd = issued(lead_days=[float(lead), *[0.0] * (DAYS - 1)])
    with pytest.raises(
        ContractBroken,
        match="'lead_days' must hold whole numbers from 0 to 3660|'lead_days' is empty",
    ):
        check(Batch(record(), places("a"), odd), "test")


@pytest.mark.parametrize(("table", "sentence"), BREACHES.values(), ids=BREACHES.keys())
def test_a_breach_of_the_schema_refuses_the_batch(
    table: Callable[[], pd.DataFrame], sentence: str
) -> None:
    with pytest.raises(ContractBroken, match=sentence) as caught:
        checked(table())
    assert "nothing was stored" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_everything_wrong_is_listed_at_once() -> None:
    with pytest.raises(ContractBroken) as caught:
        checked(
            record(air_temperature_max=293.0, precipitation=-999.0), issued(precipitation="wet")
        )
    for part in ("kelvin", "fill value", "forecasts: 'precipitation' is of type"):
        assert part in str(caught.value)


@ROWS
def test_every_variable_passes_its_extremes_and_refuses_fill_values(row: Variable) -> None:
    low, high = np.full(DAYS, row.low), np.full(DAYS, row.high)
    plain = record()[["time", "location"]]
    for values in (low, high):
        result = checked(plain.assign(**{row.name: values}))
        assert result.withheld.empty
        np.testing.assert_array_equal(result.observations[row.name], values.astype("float32"))
    fills = [value for value in FILL_VALUES if not row.low <= value <= row.high]
    with pytest.raises(
        ContractBroken, match=rf"a fill value that stands for missing \({len(fills)} such cells\)"
    ):
        checked(plain.assign(**{row.name: np.append(low[len(fills) :], fills)}))


def test_single_precision_fill_values_are_known() -> None:
    with pytest.raises(ContractBroken, match="a fill value"):
        checked(
            with_cell(
                record(air_temperature_max=np.full(DAYS, 20, "float32")),
                "air_temperature_max",
                np.float32(-999.9),
            )
        )


def test_an_isolated_cell_out_of_range_is_withheld_and_listed() -> None:
    result = checked(with_cell(record(), "air_temperature_max", 99.5))
    assert np.isnan(result.observations.loc[3, "air_temperature_max"])
    assert result.observations["air_temperature_max"].isna().sum() == 1
    assert result.withheld.to_dict("records") == [
        {
            "source": "test",
            "variable": "air_temperature_max",
            "time": pd.Timestamp("2001-01-04"),
            "location": "a",
            "value": 99.5,
            "rule": "air_temperature_max must be between -90 and 60 degC",
        }
    ]


def test_infinity_is_out_of_range() -> None:
    assert len(checked(with_cell(record(), "air_temperature_max", np.inf)).withheld) == 1


SHARES = {
    "5 % of many": (200, 10, False),
    "over 5 % of many": (200, 11, True),
    "over 5 %, but few": (100, 9, False),  # 9 % in nine cells: a sensor at fault
    "ten of a small batch": (16, 10, True),
    "one of four": (4, 1, False),
    "half of a small batch": (4, 2, False),
    "most of a small batch": (4, 3, True),  # a summer in degrees Fahrenheit, one day of it cool
    "all of a small batch": (2, 2, True),
    "one alone": (1, 1, False),
}


@pytest.mark.parametrize(("days", "bad", "refused"), SHARES.values(), ids=SHARES.keys())
def test_a_wrong_unit_refuses_the_batch_and_a_sensor_at_fault_its_own_cells(
    days: int, bad: int, refused: bool
) -> None:
    table = (
        record(time=pd.date_range("2001-01-01", periods=200)).assign(precipitation=1.0).iloc[:days]
    )
    swapped = table.assign(air_temperature_min=np.where(np.arange(days) < bad, 30.0, 10.0))
    table.loc[table.index[:bad], "precipitation"] = -1.0
    if refused:
        with pytest.raises(ContractBroken, match="precipitation is out of range in"):
            checked(table)
        with pytest.raises(ContractBroken, match="check whether columns are swapped"):
            checked(swapped)
    else:
        assert len(checked(table).withheld) == bad
        assert len(checked(swapped).withheld) == 2 * bad


def test_the_five_per_cent_are_of_the_cells_that_have_a_value() -> None:
    # 100 values of which 10 are bad are 10 %, though of the 200 days they are 5 %.
    values = np.where(np.arange(200) < 100, 1.0, np.nan)
    values[:10] = -1.0
    with pytest.raises(ContractBroken, match="out of range in 10 %"):
        checked(record(time=pd.date_range("2001-01-01", periods=200), precipitation=values))


ORDER = {
    "min above max": (
        {"air_temperature_min": 25.0},
        {"air_temperature_max", "air_temperature_min"},
    ),
    "max below min": ({"air_temperature_max": 5.0}, {"air_temperature_max", "air_temperature_min"}),
    "mean above max": ({"air_temperature_mean": 21.0}, {"air_temperature_mean"}),
    "mean below min": ({"air_temperature_mean": 9.0}, {"air_temperature_mean"}),
    "equal": ({"air_temperature_min": 20.0, "air_temperature_mean": 20.0}, set()),
    "one missing": (
        {"air_temperature_max": np.nan, "air_temperature_min": 30.0, "air_temperature_mean": 30.0},
        set(),
    ),
    # The impossible value alone is withheld, not its innocent partner.
    "out of range first": ({"air_temperature_min": 70.0}, {"air_temperature_min"}),
}


@pytest.mark.parametrize(("cells", "withheld"), ORDER.values(), ids=ORDER.keys())
def test_min_mean_and_max_must_be_in_order(cells: dict[str, float], withheld: set[str]) -> None:
    table = record(air_temperature_mean=15.0)
    for name, value in cells.items():
        table = with_cell(table, name, value)
    result = checked(table)
    assert set(result.withheld["variable"]) == withheld
    given = {name for name, value in cells.items() if np.isnan(value)}
    assert set(result.observations.columns[result.observations.loc[3].isna()]) == withheld | given


def test_equal_duplicates_are_taken_once() -> None:
    assert len(checked(pd.concat([record(), record()])).observations) == DAYS


def test_forecasts_are_held_to_the_same_rules() -> None:
    result = checked(record(), with_cell(issued(), "precipitation", -3.0))
    assert np.isnan(result.forecasts.loc[3, "precipitation"])
    cell = result.withheld.iloc[0]
    # Issued on 2001-01-04 for one day ahead.
    assert cell["time"] == pd.Timestamp("2001-01-05")
    assert cell["rule"].endswith("(forecast issued 2001-01-04, lead 1)")
    with pytest.raises(ContractBroken, match="forecasts: .*looks like kelvin"):
        checked(record(), issued(air_temperature_max=300.0))
    with pytest.raises(ContractBroken, match="'lead_days' must hold whole numbers"):
        checked(record(), issued(lead_days=-1))
    with pytest.raises(
        ContractBroken,
        match="forecasts: 2001-01-01, lead_days 1, a stands twice with differing precipitation",
    ):
        checked(record(), pd.concat([issued(), issued(precipitation=2.0).iloc[:1]]))


def test_values_that_are_stored_as_one_number_are_no_differing_duplicates() -> None:
    close = record(air_temperature_max=20.00000001).iloc[:1]
    first = pd.concat([record(air_temperature_max=20.0), close], ignore_index=True)
    stored = checked(first).observations
    assert stored["air_temperature_max"].iloc[0] == np.float32(20.0)
    assert not stored.duplicated(["time", "location"]).any()


SPREADS = {
    "negative": (
        {"precipitation": -0.5},
        "the spread of precipitation at .* is -0.5, expected 0 t",
    ),
    "infinite": ({"precipitation": np.inf}, "is inf, expected 0 to 1900 mm"),
    "without its mean": ({"lead_days": 2}, "which has no mean, expected one beside each spread"),
    "no number": ({"precipitation": "much"}, "'precipitation' is of type"),
    "no lead": ({"lead_days": -2}, "'lead_days' must hold whole numbers"),
}


@pytest.mark.parametrize(("columns", "words"), SPREADS.values(), ids=SPREADS.keys())
def test_a_spread_that_cannot_be_refuses_the_batch(columns: dict[str, object], words: str) -> None:
    spreads = issued(**({"member": SPREAD, "precipitation": 0.5} | columns))
    with pytest.raises(ContractBroken, match=f"forecasts: .*{words}") as broken:
        checked(record(), pd.concat([issued(), spreads.iloc[:1]], ignore_index=True))
    assert str(broken.value).count("\n") == 0


def test_a_spread_whose_mean_is_withheld_goes_with_it() -> None:
    runs = with_cell(issued(), "precipitation", -3.0)
    both = pd.concat([runs, issued(member=SPREAD, precipitation=0.5)], ignore_index=True)
    kept = checked(record(), both).forecasts
    spreads = kept[kept["member"] == SPREAD].reset_index(drop=True)
    assert spreads["precipitation"].isna().tolist() == [row == 3 for row in range(DAYS)]


def test_spreads_are_in_no_order() -> None:
    """Tmin's may be wider than Tmax's, and pressure's is far below any pressure."""
    runs = issued(air_temperature_max=20.0, air_temperature_min=10.0, air_pressure=1000.0)
    wide = issued(member=SPREAD, air_temperature_max=0.5, air_temperature_min=1.5, air_pressure=2.0)
    result = checked(record(), pd.concat([runs, wide], ignore_index=True))
    assert result.withheld.empty
    assert len(result.forecasts) == 2 * DAYS


def test_places_are_checked() -> None:
    with pytest.raises(ContractBroken, match="locations: 'a' stands twice"):
        check(Batch(record(), places("a", "a")), "test")
    with pytest.raises(
        ContractBroken, match="the latitude of 'a' is 95, expected -90 to 90 degrees"
    ):
        check(Batch(record(), places("a").assign(latitude=95.0)), "test")
    with pytest.raises(ContractBroken, match="the columns elevation are missing"):
        check(Batch(record(), places("a").drop(columns="elevation")), "test")


def test_a_source_that_adds_may_have_nothing_new() -> None:
    assert check(Batch(record().iloc[:0], places("a")), "test", complete=False).observations.empty
    empty = record(air_temperature_max=np.nan, air_temperature_min=np.nan)
    assert len(check(Batch(empty, places("a")), "test", complete=False).observations) == DAYS


def test_whole_numbers_are_numbers() -> None:
    assert checked(record(precipitation=1)).observations["precipitation"].dtype == np.float32


def test_a_check_prints_and_logs_nothing(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    checked(record())
    with caplog.at_level(logging.INFO, logger="great_expectations"):
        checked(with_cell(record(), "air_temperature_max", 99.5))
    assert capfd.readouterr() == ("", "")
    assert not [entry for entry in caplog.records if entry.levelno >= logging.WARNING]


def test_a_million_rows_take_seconds() -> None:
    days, ids = pd.date_range("1990-01-01", periods=10_000), [f"place {i}" for i in range(100)]
    table = pd.DataFrame(
        {"time": np.repeat(days, 100), "location": pd.Series(np.tile(ids, 10_000), dtype="str")}
    )
    values = np.random.default_rng(0).uniform(0, 20, len(table))
    table = table.assign(
        air_temperature_max=values, air_temperature_min=values - 5, precipitation=values
    )
    start = time.process_time()
    result = check(Batch(table, places(*ids)), "test")
    assert len(result.observations) == 1_000_000
    assert time.process_time() - start < 15  # about 3 s of CPU; the rest is room for a slow machine


def test_a_column_that_stands_twice_in_an_empty_table_is_an_empty_table() -> None:
    table = record().iloc[:0]
    table = pd.concat([table, table[["air_temperature_max"]]], axis=1)
    with pytest.raises(ContractBroken, match="found no value"):
        check(Batch(table, places("a")), "test")


def test_a_text_that_no_file_can_hold_is_refused_as_a_text() -> None:
    """JSON may spell half of a surrogate pair, which UTF-8 cannot write."""
    runs = issued(air_temperature_max=20.0).astype({"air_temperature_max": object})
    runs.loc[0, "air_temperature_max"] = "\ud800"
    with pytest.raises(ContractBroken, match="'air_temperature_max' is of type object"):
        checked(record(), runs)
