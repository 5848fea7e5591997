from datetime import date
from math import nan

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from reports.render.charts import BOTTOM, LEFT, RIGHT, TOP, number, round_ticks, skill_chart
from reports.render.history import columns_path, history_chart, line_path
from reports.text.language import ENGLISH
from reports.view.drivers import Fan
from reports.view.slots import Slot
from reports.view.verdicts import SkillByLead


@given(st.floats(-500, 500), st.floats(0, 1000))
def test_ticks_enclose_the_data_and_are_few(low, width):
    ticks = round_ticks(low, low + width)
    assert ticks[0] <= low + 1e-6 and ticks[-1] >= low + width - 1e-6 and 2 <= len(ticks) <= 6


def test_a_line_breaks_where_a_value_is_missing():
    assert line_path([0.0, 1.0, 2.0, 3.0, 4.0], [5.0, 6.0, None, 7.0, None]) == "M0 5 1 6M3 7h0"


def test_a_flat_stretch_needs_two_points():
    assert line_path([0.0, 1.0, 2.0, 3.0], [5.0, 5.0, 5.0, 5.0]) == "M0 5 3 5"


def test_dry_days_have_no_column():
    assert columns_path([0.0, 1.0, 2.0], [9.0, 4.0, None], 9.0) == "M1 9V4"


def _history(value, normal, threshold, units="degC"):
    n = len(value)
    columns = {"value": value, "normal": [normal], "threshold": [threshold]}
    wide = {
        name: (("time", "location"), np.broadcast_to(np.array([a], float).T, (n, 1)))
        for name, a in columns.items()
    }
    return xr.Dataset(
        wide,
        {"time": pd.date_range("2003-03-01", periods=n), "location": ["a"]},
        {"title": "T", "units": units},
    )


def test_beyond_is_above_for_heat_and_below_for_drought():
    heat = history_chart(_history([20, 31, 20], 20, 30), "a", "A", ENGLISH)
    assert heat and heat.beyond.startswith("M231 ") and heat.beyond.endswith("h0")
    drought = history_chart(_history([0.2, -1.4, 1.5], 0, -1, "1"), "a", "A", ENGLISH)
    assert (
        drought
        and drought.beyond.startswith("M231 ")
        and "on 1 of 3 measured days" in drought.description
    )


def test_nothing_measured_has_no_chart():
    assert history_chart(_history([np.nan] * 5, 20, 30), "a", "A", ENGLISH) is None
    assert history_chart(_history([1.0] * 5, 20, 30), "elsewhere", "A", ENGLISH) is None


def test_a_threshold_that_is_missing_is_not_drawn():
    chart = history_chart(_history([1.0, 2.0, 3.0], 2, np.nan, "mm"), "a", "A", ENGLISH)
    assert (
        chart
        and chart.threshold == ""
        and chart.beyond == ""
        and chart.bars
        and "threshold" not in chart.description
    )


def test_charts_stay_in_their_frame(made):
    for hazard, past in made(
        n_places=2, hazards=("heat", "flash_flood", "river_flood", "drought")
    ).history.items():
        chart = history_chart(past, "p00", "A", ENGLISH)
        assert chart, hazard
        numbers = [
            float(n)
            for n in chart.value.replace("M", " ").replace("V", " ").replace("h", " ").split()
        ]
        assert (
            min(numbers) >= TOP
            and max(numbers) <= RIGHT
            and chart.y_ticks[0][0] == BOTTOM
            and LEFT <= chart.x_ticks[0][0] < RIGHT
        )
        assert len(chart.value) < 6_000


def test_skills_far_out_are_held_at_the_edge():
    chart = skill_chart(
        "T",
        [
            SkillByLead(Slot("day", 0, 1, date(2003, 6, 12)), -4.0, 0.2, -9.0, 0.4),
            SkillByLead(Slot("day", 1, 1, date(2003, 6, 13)), nan, nan, nan, nan),
        ],
        ENGLISH,
    )
    assert (
        chart
        and chart.points[0].published == BOTTOM
        and chart.points[0].low == BOTTOM
        and chart.points[1].published is None
    )
    assert skill_chart("T", [], ENGLISH) is None


def test_numbers_have_a_true_minus_and_no_idle_zero():
    assert [number(v, ENGLISH) for v in (-1.04, 2.0, 0.5, -0.01, 1200.0)] == [
        "−1",
        "2",
        "0.5",
        "0",
        "1,200",
    ]


def test_the_days_ahead_go_on_where_the_past_ends():
    past = _history([20, 31, 20], 20, 30)
    fan = Fan(
        tuple(day.date() for day in pd.date_range("2003-03-04", periods=2)),
        (18, 17),
        (21, 22),
        (26, 33),
    )
    chart, without = (
        history_chart(past, "a", "A", ENGLISH, fan),
        history_chart(past, "a", "A", ENGLISH),
    )
    assert chart and without and without.fan == without.median == ""
    # five days from LEFT to RIGHT: 70, 150.5, 231, 311.5, 392; the axis holds 33 at the top
    assert (
        chart.median.startswith("M311.5 ")
        and chart.fan.startswith("M311.5 ")
        and chart.fan.endswith("Z")
    )
    assert chart.value.split()[-2].endswith("231") or " 231 " in chart.value
    assert (
        chart.y_ticks[-1][1] == "35"
        and "On Wednesday 5 March between 17 °C and 33 °C, 9 times in 10." in chart.description
    )
    numbers = [float(n) for n in chart.fan.strip("MZ").split()]
    assert min(numbers) >= TOP and max(numbers) == RIGHT


def test_one_day_ahead_is_a_band_of_some_width():
    fan = Fan((pd.Timestamp("2003-05-30").date(),), (-1.0,), (0.0,), (1.0,))
    chart = history_chart(_history([0.2, -1.4, 1.5], 0, -1, "1"), "a", "A", ENGLISH, fan)
    assert chart and len({x for x in chart.fan.strip("MZ").split()[::2]}) == 2
