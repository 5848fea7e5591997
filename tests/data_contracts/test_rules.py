"""Every rule on small records made here: what it catches, what it leaves alone, and what
follows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.messages import MESSAGES
from data_contracts.background import Background
from data_contracts.batch import Batch
from data_contracts.climate_limits import fits, misfits, plausible_range
from data_contracts.contract import CheckedBatch, ContractBroken, check
from data_contracts.record import record_of
from data_contracts.rules import RULE_OF_SENTENCE, RULES, Consequence
from data_contracts.units_mistaken import MISTAKEN, likely_unit
from data_contracts.variables import VARIABLES

TMAX, TMIN, RAIN = "air_temperature_max", "air_temperature_min", "precipitation"
YEARS = 4


def weather(places: int = 1, years: int = YEARS, seed: int = 0) -> pd.DataFrame:
    """Days of a Mediterranean place or some near one another, without a fault."""
    random = np.random.default_rng(seed)
    days = pd.date_range("2001-01-01", periods=round(365.25 * years))
    season = np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 205) / 365.25)
    mean = 19 + 8 * season + np.convolve(random.normal(0, 2, len(days)), [1, 0.7, 0.5], "same")
    wet = random.random(len(days)) < 0.2 - 0.15 * season
    rain = np.where(wet, random.gamma(0.7, 9.0, len(days)), 0.0)
    parts = []
    for number in range(places):
        noise = random.normal(0, 0.7, (2, len(days)))
        parts.append(
            pd.DataFrame(
                {
                    "time": days,
                    "location": f"p{number}",
                    TMAX: (mean + 5 + noise[0]).round(1),
                    TMIN: (mean - 5 + noise[1]).round(1),
                    RAIN: (rain * random.uniform(0.7, 1.3, len(days))).round(1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def held(
    table: pd.DataFrame,
    latitude: float = 35.0,
    complete: bool = True,
    readings: bool = False,
    background: Background = Background(),  # noqa: B008 (frozen)
    longitude: float = -2.0,
    apart: float = 0.05,
) -> CheckedBatch:
    ids = sorted(table["location"].unique())
    places = pd.DataFrame(
        {"location": ids, "name": ids, "latitude": latitude + apart * np.arange(len(ids))}
    ).assign(longitude=longitude, elevation=np.nan)
    return check(Batch(table, places), "test", complete, readings, background)


def with_days(
    table: pd.DataFrame, name: str, days: slice, value: object, place: str = "p0"
) -> pd.DataFrame:
    table = table.copy()
    rows = table.index[table["location"] == place][days]
    table.loc[rows, name] = value
    return table


def sparse(values: pd.Series, every: int) -> pd.Series:
    return pd.Series(np.arange(len(values)) % every == 0, index=values.index)


def test_a_record_without_a_fault_passes_whole() -> None:
    result = held(weather(places=4))
    assert result.withheld.empty and result.flagged.empty
    assert result.remarks == () and result.notes == ()


# name: (variable, the number, one day in so many): the number stands for "missing"
FILLS = {
    "GSOD's 99.99 on one day in nine": (RAIN, 99.99, 9),
    "999.9 on 2 % of days": (RAIN, 999.9, 50),
    "AEMET's and others' 999": (RAIN, 999.0, 40),
    "a river's 9999": ("river_discharge", 9999.0, 100),
    "a barometer's 999.9 among its values": ("air_pressure", 999.9, 30),
}


@pytest.mark.parametrize(("name", "code", "every"), FILLS.values(), ids=FILLS.keys())
def test_a_number_that_stands_for_missing_refuses_a_file_and_withholds_readings(
    name: str, code: float, every: int
) -> None:
    table = weather()
    random = np.random.default_rng(1)
    table["river_discharge"] = random.gamma(2, 5, len(table)).round(2)
    table["air_pressure"] = random.normal(1005, 6, len(table)).round(1)
    table["air_pressure"] = table["air_pressure"].replace(999.9, 999.8)
    table[name] = table[name].mask(sparse(table[name], every), code)
    count = int(sparse(table[name], every).sum())
    with pytest.raises(
        ContractBroken, match=f"{name} of p0 is {code:g} on {count} days .* a fill value"
    ):
        held(table)
    kept = held(table, complete=False, readings=True)
    assert len(kept.withheld) == count and set(kept.withheld["value"].round(1)) == {round(code, 1)}
    assert kept.observations[name].isna().sum() == count


@pytest.mark.parametrize(("name", "value"), [(TMIN, -50.0), (RAIN, 500.0), (TMAX, 55.5)])
def test_an_end_of_the_range_that_recurs_far_from_all_others_is_withheld(
    name: str, value: float
) -> None:
    table = weather()
    table[name] = table[name].mask(sparse(table[name], 60), value)
    result = held(table)
    hits = result.withheld[result.withheld["rule"] == RULES["recurs"].sentence]
    assert len(hits) == sparse(table[name], 60).sum() and set(hits["variable"]) == {name}


@pytest.mark.parametrize("code", [-99.0, -9999.0, -32768.0, -28316.8, 99.9, 999.0])
def test_a_fill_value_out_of_range_is_called_one(code: float) -> None:
    table = weather()
    table[TMAX] = table[TMAX].mask(sparse(table[TMAX], 10), code)
    with pytest.raises(ContractBroken, match=f"{code:g} at .*, a fill value that stands for miss"):
        held(table)


# name: (variable, what was done to it, words of the remark)
UNITS: dict[str, tuple[str, Callable[[pd.Series], pd.Series], str]] = {
    "tenths of mm": (RAIN, lambda x: x * 10, "tenths of a mm: divide by 10"),
    "metres": (RAIN, lambda x: x / 1000, "metres: multiply by 1000"),
    "inches": (RAIN, lambda x: x / 25.4, "inches: multiply by 25.4"),
    "kg m-2 s-1": (RAIN, lambda x: x / 86_400, "multiply by 86400"),
    "km/h": ("wind_speed", lambda x: x * 3.6, "km/h: divide by 3.6"),
    "knots": (
        "wind_speed",
        lambda x: (x + 3).round(1) * 3600 / 1852,
        "knots: multiply by 0.5144",
    ),
    "a fraction": ("relative_humidity", lambda x: x / 100, "a fraction: multiply by 100"),
    "kWh": ("surface_downwelling_shortwave", lambda x: x / 3.6, "kWh m-2: multiply by 3.6"),
}


@pytest.mark.parametrize(("name", "change", "words"), UNITS.values(), ids=UNITS.keys())
def test_a_record_in_another_unit_is_told_with_the_unit_that_suits_its_latitude(
    name: str, change: Callable[[pd.Series], pd.Series], words: str
) -> None:
    table = weather()
    random = np.random.default_rng(2)
    table["wind_speed"] = random.gamma(4, 1.1, len(table)).round(1)
    table["relative_humidity"] = random.normal(65, 10, len(table)).clip(5, 100)
    table["surface_downwelling_shortwave"] = table[TMAX] * 0.7 + 1
    table[name] = change(table[name])
    result = held(table)
    (note,) = [str(each) for each in result.notes if name in str(each)]
    assert note.startswith(f"{name} of p0: its ") and words in note
    assert name in set(result.flagged["variable"]) and result.withheld.empty


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x * 10, "tenths of a degree: divide by 10"),
        (lambda x: x + 273.15, "kelvin: subtract 273.15"),
        (lambda x: x * 1.8 + 32, "degrees Fahrenheit"),
        (lambda x: x * 37 + 5000, "check its unit"),
    ],
)
def test_the_hint_is_the_unit_that_brings_a_record_into_its_latitude(
    change: Callable[[pd.Series], pd.Series], words: str
) -> None:
    table = weather()[["time", "location", TMAX]]
    table[TMAX] = change(table[TMAX] + 8)
    with pytest.raises(ContractBroken, match=words):
        held(table)


def test_a_sensor_that_is_stuck_is_withheld_from_its_first_day_to_its_last() -> None:
    table = with_days(weather(), TMAX, slice(100, 219), 24.3)
    result = held(table)
    assert len(result.withheld) == 119 and set(result.withheld["value"].round(1)) == {24.3}
    (said,) = map(str, result.notes)
    assert said.startswith(f"{TMAX} of p0 is 24.3 on 119 days in a row from 2001-04-11 on")


# name: (variable, its values on 400 days)
STILL = {
    "a dry summer": (RAIN, np.where(np.arange(400) < 300, 0.0, 3.5 + np.arange(400) % 7)),
    "whole degrees, three days alike": (TMAX, 20.0 + (np.arange(400) // 3) % 9),
    "a foggy month": (
        "relative_humidity",
        np.where(np.arange(400) < 40, 100.0, 50 + np.arange(400) % 37),
    ),
    "a dry river": (
        "river_discharge",
        np.where(np.arange(400) < 250, 0.0, 1 + np.arange(400) % 11),
    ),
}


@pytest.mark.parametrize(("name", "values"), STILL.values(), ids=STILL.keys())
def test_what_stands_still_by_nature_is_not_stuck(name: str, values: np.ndarray) -> None:
    days = pd.date_range("2001-01-01", periods=400)
    table = pd.DataFrame({"time": days, "location": "p0", name: values})
    assert held(table).withheld.empty


def test_a_sensor_that_sticks_over_many_pulls_is_seen_with_what_is_stored() -> None:
    table = weather().rename(columns=str)
    table = with_days(table, TMIN, slice(-12, None), 11.1)
    stored, new = table.iloc[:-3], table.iloc[-3:]
    assert held(new, complete=False).withheld.empty
    result = held(new, complete=False, background=Background(stored))
    assert len(result.withheld) == 3 and set(result.withheld["variable"]) == {TMIN}


def test_a_spike_is_withheld_and_one_that_another_thermometer_shows_is_not() -> None:
    table = with_days(weather(), TMAX, slice(50, 51), 49.0)
    assert held(table).withheld["time"].tolist() == [pd.Timestamp("2001-02-20")]
    both = with_days(table, TMIN, slice(50, 51), 33.0)
    assert held(both).withheld.empty
    neighbours = with_days(
        with_days(weather(places=2), TMAX, slice(50, 51), 49.0), TMAX, slice(50, 51), 44.0, "p1"
    )
    assert held(neighbours).withheld.empty


def test_the_hottest_day_ever_is_kept_where_it_builds_up() -> None:
    table = with_days(weather(), TMAX, slice(190, 195), [38.0, 45.0, 49.5, 46.0, 39.0])
    assert held(table).withheld.empty


def test_a_value_that_its_latitude_never_had_is_withheld() -> None:
    table = with_days(weather(), TMAX, slice(10, 12), [50.0, 51.0])
    result = held(table, latitude=69.0)
    assert RULES["latitude"].sentence in set(result.withheld["rule"])
    assert held(table, latitude=30.0).withheld.query("rule.str.contains('latitude')").empty


def test_a_counters_readings_in_the_place_of_sums_are_withheld() -> None:
    table = weather()
    total = table[RAIN].cumsum()
    whole = held(table.assign(**{RAIN: total.clip(upper=1899)}))
    assert whole.observations[RAIN].isna().all()
    part = with_days(table, RAIN, slice(400, 700), table[RAIN].iloc[400:700].cumsum())
    bad = held(part).observations[RAIN].isna()
    assert 200 < bad.sum() <= 330 and not bad[:380].any()


def lone(table: pd.DataFrame, value: float) -> pd.DataFrame:
    dry = with_days(table, RAIN, slice(498, 503), 0.0)
    for place in ("p1", "p2", "p3", "p4"):
        dry = with_days(dry, RAIN, slice(498, 503), 0.0, place)
    return with_days(dry, RAIN, slice(500, 501), value)


def test_a_rain_that_all_neighbours_contradict_is_withheld_and_a_confirmed_one_never() -> None:
    table = lone(weather(places=5), 700.0)
    result = held(table)
    assert result.withheld["value"].tolist() == [700.0]
    assert "while 4 neighbours had 0 mm at most" in str(result.notes[0])
    day_before = with_days(table, RAIN, slice(499, 500), 80.0, "p3")
    assert held(day_before).withheld.empty
    day = table["time"].iloc[500]
    forecast = pd.DataFrame({"time": [day], "location": ["p0"], RAIN: [60.0]})
    assert held(table, background=Background(rain_elsewhere=forecast)).withheld.empty
    assert held(table, apart=3.0).withheld.empty, "neighbours 300 km away contradict nothing"


def test_a_forecast_in_the_batch_confirms_a_rain() -> None:
    table = lone(weather(places=5), 700.0)
    runs = pd.DataFrame(
        {
            "init_time": [table["time"].iloc[498]],
            "lead_days": [2],
            "location": ["p0"],
            "member": [-1],
            RAIN: [90.0],
        }
    )
    ids = sorted(table["location"].unique())
    places = pd.DataFrame({"location": ids, "name": ids, "latitude": 35 + 0.05 * np.arange(5)})
    batch = Batch(table, places.assign(longitude=-2.0, elevation=np.nan), runs)
    assert check(batch, "test").withheld.empty


def test_a_single_place_or_an_extreme_among_wet_neighbours_is_never_withheld() -> None:
    assert held(with_days(weather(), RAIN, slice(500, 501), 900.0)).withheld.empty
    storm = weather(places=5)
    for number, amount in enumerate((700.0, 60.0, 90.0, 30.0, 120.0)):
        storm = with_days(storm, RAIN, slice(500, 501), amount, f"p{number}")
    assert held(storm).withheld.empty


def test_a_gauge_that_is_dry_while_all_neighbours_are_wet_is_withheld() -> None:
    table = with_days(weather(places=5), RAIN, slice(300, 500), 0.0)
    result = held(table)
    assert set(result.withheld["location"]) == {"p0"} and len(result.withheld) >= 200
    assert "see whether the gauge is blocked" in str(result.notes[0])


def dry_from(table: pd.DataFrame, first: str, days: int, place: str = "p0") -> pd.DataFrame:
    """The table whose gauge at a place shows nothing for some days."""
    since = pd.Timestamp(first)
    inside = table["time"].between(since, since + pd.Timedelta(days=days - 1))
    return table.assign(**{RAIN: table[RAIN].mask(inside & (table["location"] == place), 0.0)})


# A winter day is wet with a chance of 0.35, a summer day of 0.05: 0.65 ** 90 is 1e-17 and
# 0.65 ** 50 is 4e-10, a year 1e-36, a summer's 90 days 1e-2.
DRY_SPELLS = {
    "a year": ("2002-09-01", 365, "withheld"),
    "a winter": ("2002-12-01", 90, "withheld"),
    "fifty days of winter": ("2002-12-05", 50, "flagged"),
    "a summer": ("2002-06-01", 90, None),
    "a month of winter": ("2002-12-15", 25, None),
}


@pytest.mark.parametrize(("first", "days", "end"), DRY_SPELLS.values(), ids=DRY_SPELLS)
def test_a_lone_gauge_that_is_dry_beyond_its_climate_is_doubted_or_withheld(
    first: str, days: int, end: str | None
) -> None:
    table = weather(years=6)
    assert not len(held(table).withheld) and not len(held(table).flagged)
    found = held(dry_from(table, first, days))
    withheld, flagged = len(found.withheld), len(found.flagged)
    assert (withheld >= days, flagged >= days) == (end == "withheld", end == "flagged")
    assert withheld + flagged <= days + 30  # the dry days beside the spell, with it
    said = " ".join(map(str, (*found.remarks, *found.notes)))
    assert ("see whether the gauge" in said) == (end is not None)


def test_a_drought_that_another_source_shows_is_no_blocked_gauge() -> None:
    """A neighbour or another source that was dry too confirms it; one that was wet does not."""
    table = dry_from(weather(years=6), "2002-09-01", 365)
    days = pd.date_range("2002-09-01", periods=365)
    for rain, confirmed in ((0.05, True), (2.0, False)):
        elsewhere = pd.DataFrame({"time": days, "location": "p0", RAIN: rain})
        found = held(table, background=Background(rain_elsewhere=elsewhere))
        assert (len(found.withheld) == 0) == confirmed
    both = weather(places=2, years=6)
    one = dry_from(both, "2002-09-01", 365)
    assert set(held(one).withheld["location"]) == {"p0"}
    assert not len(held(dry_from(one, "2002-09-01", 365, "p1")).withheld)


def test_a_desert_may_be_dry_for_years() -> None:
    """Three days of rain a year for six years, then none for two: 0.992 ** 730 is 0.002."""
    table = weather(years=8)
    number = np.arange(len(table))
    rain = np.where((number % 122 == 0) & (number < 2192), 6.3, 0.0)
    found = held(table.assign(**{RAIN: rain}))
    assert not len(found.withheld) and "dry_spell" not in " ".join(found.flagged["rule"])


def test_a_rain_far_beyond_all_other_years_is_doubted_and_used_unless_confirmed() -> None:
    """The highest days of the other years have a mean of some 40 mm."""
    table = weather(years=8)
    day = pd.Timestamp("2004-10-12")
    at = table["time"] == day

    def of(rain: float, **more: Background) -> list[str]:
        found = held(table.assign(**{RAIN: table[RAIN].mask(at, rain)}), **more)
        assert not len(found.withheld)
        assert found.observations.loc[found.observations["time"] == day, RAIN].item() == rain
        return found.flagged["rule"].tolist()

    assert of(700.0) == [RULES["outstanding_rain"].sentence]
    assert of(150.0) == []
    elsewhere = pd.DataFrame({"time": [day], "location": ["p0"], RAIN: [160.0]})
    assert of(700.0, background=Background(rain_elsewhere=elsewhere)) == []


def test_a_gauge_that_loses_three_quarters_of_its_rain_is_told_where_months_are_few() -> None:
    """The amounts of wet days tell what sums of months, most of which are dry, do not."""
    table = weather(years=8)
    late = table["time"] >= "2005-03-01"
    wet = table[RAIN].where(np.arange(len(table)) % 2 == 0, 0.0)
    found = held(table.assign(**{RAIN: wet.mask(late, (wet / 4).round(1))}))
    broken = found.flagged[found.flagged["rule"] == RULES["break"].sentence]
    assert broken["variable"].tolist() == [RAIN]
    assert abs((broken["time"].iloc[0] - pd.Timestamp("2005-03-01")).days) < 200
    assert not (held(table.assign(**{RAIN: wet})).flagged["rule"] == RULES["break"].sentence).any()


def test_a_break_is_listed_where_its_first_day_has_no_value() -> None:
    table = weather(years=8)
    late, gap = table["time"] >= "2005-03-01", table["time"].between("2005-02-20", "2005-03-05")
    table = table.assign(**{TMAX: (table[TMAX] + 4.0 * late).mask(gap)})
    rules = held(table).flagged
    assert TMAX in rules.loc[rules["rule"] == RULES["break"].sentence, "variable"].tolist()


def test_a_break_in_a_yearly_total_is_told_with_its_month_and_both_years() -> None:
    table = weather(years=14)
    table[RAIN] = table[RAIN].where(table["time"] < "2011-10-01", table[RAIN] * 0.22)
    result = held(table)
    (note,) = [str(each) for each in result.notes]
    assert f"{RAIN} of p0 breaks on 2011-" in note and "mm before it and" in note
    assert result.withheld.empty


def test_the_published_break_of_berkane_is_seen(shared) -> None:
    raw = pd.read_csv(shared / "berkane" / "historique_meteo_2009_2026.csv", comment="#")
    names = {"MAX_TEMPERATURE_C": TMAX, "MIN_TEMPERATURE_C": TMIN, "PRECIP_TOTAL_DAY_MM": RAIN}
    table = raw.rename(columns=names)[list(names.values())].astype(float)
    table.insert(0, "time", pd.to_datetime(raw["DATE"]))
    table.insert(1, "location", "berkane")
    result = held(table, latitude=34.92, longitude=-2.32)
    assert f"{RAIN} of berkane breaks on 2023-10-01: in a mean year 332 mm" in " ".join(
        map(str, result.notes)
    )
    assert result.withheld.empty


def test_two_places_with_one_record_are_told_unless_they_are_neighbours() -> None:
    table = weather(places=2)
    table.loc[table["location"] == "p1", TMAX] = table.loc[table["location"] == "p0", TMAX].array
    assert held(table, apart=0.05).notes == ()
    (note,) = map(str, held(table, apart=2.0).notes)
    assert note.startswith(f"{TMAX} of p1 is that of p0 on all its")


def test_a_station_that_moved_and_one_against_its_clock_are_told() -> None:
    stored = pd.DataFrame({"location": ["p0"], "latitude": [35.0], "longitude": [-3.0]})
    (note,) = map(str, held(weather(), background=Background(locations=stored)).notes)
    assert note.startswith("p0 lies 91 km from where its stored days were measured")
    (note,) = map(str, held(weather(), background=Background(zone_hours=8.0)).notes)
    assert note.startswith("p0: its longitude -2 is 8.1 h from the region's time zone")
    kashgar = held(weather(), background=Background(zone_hours=8.0), longitude=76.0)
    assert kashgar.notes == ()


def test_a_record_that_never_changes_is_told_and_used() -> None:
    table = weather().assign(**{TMAX: 21.5, TMIN: 11.0})
    result = held(table)
    assert result.withheld.empty and set(result.flagged["variable"]) == {TMAX, TMIN}
    assert all("see to the sensor" in str(note) for note in result.notes)


def test_whole_numbers_are_noted_and_disturb_no_report() -> None:
    table = weather()
    table[TMAX] = table[TMAX].round()
    result = held(table)
    assert result.notes == () and set(result.flagged["rule"]) == {RULES["whole"].sentence}


@pytest.mark.parametrize("last", [True, False])
def test_what_is_withheld_of_the_newest_days_degrades_and_what_is_older_is_a_note(
    last: bool,
) -> None:
    table = weather()
    days = table.index[-14:] if last else table.index[300:314]
    table.loc[days, TMAX] = 21.7
    result = held(table)
    assert len(result.withheld) == 14
    remarks, notes = (tuple(map(str, part)) for part in (result.remarks, result.notes))
    told, other = (remarks, notes) if last else (notes, remarks)
    assert len(told) == 1 and "21.7 on 14 days in a row" in told[0] and other == ()


def test_of_many_cases_some_are_told_and_the_others_counted() -> None:
    table = weather(places=6)
    for number in range(6):
        table = with_days(table, TMAX, slice(20, 60), 17.7, f"p{number}")
    remarks = [str(each) for each in held(table).notes]
    assert len(remarks) == 4 and remarks[-1] == "A sensor that is stuck: 3 more such cases."


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_every_rule_has_a_title_and_a_sentence_of_its_own(rule) -> None:
    assert f"rule.title_{rule.name}" in MESSAGES
    assert RULE_OF_SENTENCE[rule.sentence] is rule
    assert rule.withholds == (rule.consequence in (Consequence.REFUSE, Consequence.WITHHOLD))


def test_an_error_in_a_rule_is_an_error_and_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def fails(record, name):
        raise ZeroDivisionError("of the rule")

    monkeypatch.setitem(RULES, "spike", replace(RULES["spike"], find=fails))
    with pytest.raises(RuntimeError, match="of the rule"):
        held(weather())


@pytest.mark.parametrize("latitude", [-90.0, -35.0, 0.0, 35.0, 69.0, 90.0, None, np.nan])
@pytest.mark.parametrize("name", VARIABLES)
def test_what_a_latitude_allows_lies_in_the_variables_range(name: str, latitude: float) -> None:
    low, high = plausible_range(name, latitude)
    assert VARIABLES[name].low <= low < high <= VARIABLES[name].high


@pytest.mark.parametrize(
    ("name", "values", "latitude"),
    [
        (TMAX, [56.7], 36.5), (TMAX, [49.6], 50.2), (TMAX, [38.0], 67.5), (TMIN, [-67.7], 63.5),
        (TMIN, [-89.2], -78.5), (TMAX, [23.4], 80.0), (RAIN, [1825.0], -21.0), (TMAX, [53.9], 29.7),
    ],
)  # fmt: skip
def test_records_of_the_world_are_plausible(
    name: str, values: list[float], latitude: float
) -> None:
    assert fits(name, np.array(values), latitude)


def test_a_short_record_says_nothing_of_its_unit() -> None:
    assert misfits(RAIN, np.full(300, 50.0), 35.0) == []
    assert misfits(RAIN, np.full(400, 50.0), 35.0) != []


PLAIN = [unit for unit in MISTAKEN["mm"] + MISTAKEN["m s-1"] if unit.factor not in (0.254, 0.1)]


@pytest.mark.parametrize("unit", PLAIN, ids=lambda unit: unit.code)
def test_a_mistaken_unit_is_guessed(unit) -> None:
    name = RAIN if unit in MISTAKEN["mm"] else "wind_speed"
    table = weather().assign(
        wind_speed=(3 + np.random.default_rng(0).gamma(6, 0.9, len(weather()))).round(1)
    )
    guess = likely_unit(name, (table[name] - unit.offset).to_numpy() / unit.factor, 35.0)
    assert guess == unit


def test_a_speed_that_may_be_in_several_units_has_no_hint() -> None:
    """18 is 5.0 m s-1 in km/h, 9.3 in knots, 8.0 in miles an hour; 36 is too much but in km/h."""
    speeds = np.random.default_rng(0).gamma(9, 1.0, 800)
    assert likely_unit("wind_speed", 2 * speeds, 35.0) is None
    guess = likely_unit("wind_speed", 4 * speeds, 35.0)
    assert guess is not None and guess.unit == "km/h"


NUMBERS = st.floats(-1e4, 1e4, width=32) | st.sampled_from([np.nan, np.inf, 0.0, 999.9, -9999.0])


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(VARIABLES)),
    st.lists(NUMBERS, min_size=1, max_size=80),
    st.integers(1, 3),
    st.booleans(),
)
def test_what_is_stored_is_what_came_or_nothing(
    name: str, values: list[float], places: int, readings: bool
) -> None:
    """Whatever the numbers: a batch is refused whole, or each value is kept as it was or
    withheld."""
    days = pd.date_range("2001-01-01", periods=len(values))
    table = pd.concat(
        [pd.DataFrame({"time": days, "location": f"p{i}", name: values}) for i in range(places)],
        ignore_index=True,
    )
    try:
        result = held(table, complete=False, readings=readings)
    except ContractBroken:
        return
    kept, came = result.observations[name].to_numpy(), table[name].to_numpy(np.float32)
    gone = np.isnan(kept) & ~np.isnan(came)
    assert ((kept == came) | gone | np.isnan(came)).all()
    low, high = VARIABLES[name].low, VARIABLES[name].high
    assert ((kept >= low) & (kept <= high) | np.isnan(kept)).all()
    assert len(result.withheld) == gone.sum()


@pytest.mark.parametrize(
    ("change", "count"),
    [(lambda x: x * 0 - 999, 1461), (lambda x: x + 273.15, 1461), (lambda x: x * 0 + 85.0, 1461)],
)
def test_one_sensor_of_four_at_fault_costs_itself_alone(
    change: Callable[[pd.Series], pd.Series], count: int
) -> None:
    table = weather(places=4)
    mine = table["location"] == "p2"
    table.loc[mine, TMAX] = change(table.loc[mine, TMAX])
    result = held(table, complete=False, readings=True)
    assert len(result.withheld) == count and set(result.withheld["location"]) == {"p2"}
    assert result.observations.loc[~mine, TMAX].notna().all()
    with pytest.raises(ContractBroken):
        held(table)


def test_the_arrays_of_a_record_are_its_rows() -> None:
    table = weather(places=3).sample(frac=0.8, random_state=0)
    record = record_of(table)
    day = np.searchsorted(record.days, table["time"].to_numpy("datetime64[D]"))
    place = [list(record.places).index(name) for name in table["location"]]
    np.testing.assert_array_equal(record.values[TMAX][day, place], table[TMAX])
    assert np.isfinite(record.values[TMAX]).sum() == len(table)
