"""The made-up outlooks themselves are forecasts that the project could give."""

import pandas as pd
import pytest
from outlook_cases import Case, cases
from pandas.testing import assert_frame_equal

from reports.exports.table import forecast_table
from reports.view.outlook import hazard_outlooks, named_locations, tells_more

CASES = cases()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_case_is_a_forecast(case: Case) -> None:
    for table, forecast in zip(case.tables, case.forecasts, strict=True):
        assert_frame_equal(forecast_table(forecast), table)
        coloured = table["colour"].isin(["green", "yellow", "orange", "red"])
        assert (tells_more(table) == coloured).all()
    days = [pd.Timestamp(table["issued"].iloc[0]) for table in case.tables]
    assert list(pd.date_range(days[0], periods=len(days))) == days


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_highest_colours_are_as_told(case: Case) -> None:
    """But for what stands from the day before, which no table of one day knows."""
    names = named_locations({}, case.region)
    found = {one.name: one.colour for one in hazard_outlooks(case.tables[-1], names, (5, 10))}
    if case is CASES["forecasts lost"]:
        assert found == case.colours | {"heat": "grey"}
    else:
        assert found == case.colours
