"""Margins, their bounds and the ensembles, each beside its definition written anew and slowly."""

from __future__ import annotations

from collections.abc import Callable

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import gamma, norm

import features.build
from features.build import as_known_at, build_features, build_margins, delays_of
from features.hazards import Hazard, Options, hazards
from features.water_balance import daily_balance

ALL = sorted(hazards())
SHARED_QUANTITY = sorted(name for name, hazard in hazards().items() if hazard.shifts)
SOUTH = (11, 4)
OWN: dict[str, dict[str, float]] = {
    "heat": {"level_1": 30, "heat_floor": 29, "level_3": 1},
    "flash_flood": {"level_1": 18, "level_2": 1, "level_3": 2},
    "river_flood": {"level_1": 6, "level_2": 12, "level_3": 20},
    "drought": {"level_1": -1, "level_2": -1.25, "level_3": -1.75},
}
HIGH_FIRST: dict[str, dict[str, float]] = {
    "heat": {"level_1": 33},
    "flash_flood": {"level_1": 200},
    "river_flood": {"level_1": 22},
    "drought": {"level_1": -1.8},
}
KINDS = ("plain", "holed", "whole numbers", "south")
DAY = np.timedelta64(1, "D")


def days_since(later: np.ndarray, earlier: np.datetime64) -> np.ndarray:
    return ((later - earlier) / DAY).astype(int)


def doy(times: np.ndarray) -> np.ndarray:
    """Day of a leap year, from 0, by way of a leap year's dates."""
    dates = pd.DatetimeIndex(times)
    return np.array([pd.Timestamp(2000, d.month, d.day).day_of_year - 1 for d in dates])


@pytest.fixture(scope="module")
def make_case(made_record: Callable[..., xr.Dataset]) -> Callable[..., tuple[xr.Dataset, Options]]:
    """A record of three places and the options of a hazard, of one of KINDS."""

    def make(name: str, kind: str, seed: int) -> tuple[xr.Dataset, Options]:
        rng = np.random.default_rng(seed)
        record = made_record(years=7, places=3, seed=seed)
        if kind != "plain":
            for values in record.data_vars.values():
                values.values[rng.random(values.shape) < 0.01] = np.nan
                begin = rng.integers(0, len(values) - 60)
                values.values[begin : begin + 60, rng.integers(3)] = np.nan
            for variable in (
                "air_temperature_min",
                "air_temperature_mean",
                "potential_evapotranspiration",
            ):
                record[variable].values[:, 1] = np.nan
            record["river_discharge"].values[:, 2] = 0.0
        if kind == "whole numbers":
            record = record.map(np.round, keep_attrs=True)
        if kind == "south":
            record = record.assign_coords(latitude=("location", [-30.0, -31.0, -32.0]))
        season = SOUTH if kind == "south" else (5, 10)
        return record, Options(season, OWN[name] if kind == "whole numbers" else {})

    return make


def all_of(*conditions: np.ndarray) -> np.ndarray:
    """Conditions together, each 1, 0 or NaN for not known: one that fails is enough for none."""
    stack = np.stack(np.broadcast_arrays(*conditions))
    known = np.where(np.isnan(stack).any(axis=0), np.nan, 1.0)
    return np.where((stack == 0).any(axis=0), 0.0, known)


def above(value: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    return np.where(np.isnan(value) | np.isnan(limit), np.nan, value > limit)


def at_or_above(value: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    return np.where(np.isnan(value) | np.isnan(limit), np.nan, value >= limit)


def before(values: np.ndarray, days: int) -> np.ndarray:
    return pd.DataFrame(values).shift(days).to_numpy()


def rolling(values: np.ndarray, window: int, least: float) -> np.ndarray:
    """Mean of the window's known days, NaN where fewer than the share ``least`` are known."""
    need = window if window <= 3 else int(np.ceil(least * window))
    return pd.DataFrame(values).rolling(window, min_periods=need).mean().to_numpy()


def values_of(record: xr.Dataset, name: str) -> np.ndarray:
    return record[name].values.astype(np.float64)


Defined = tuple[np.ndarray, np.ndarray]


def heat_by_definition(record: xr.Dataset, normals: xr.Dataset, options: Options) -> Defined:
    """Levels (level, time, location), and True where rounding may decide."""
    tmax, index = values_of(record, "air_temperature_max"), doy(record["time"].values)
    month = record["time"].dt.month.values
    first, last = options.warm_season
    months = range(first, last + 1) if first <= last else (*range(first, 13), *range(1, last + 1))
    season = np.isin(month, list(months))[:, None]
    p90, floor = normals["tmax_p90"].values[index], normals["heat_floor"].values
    one = np.where(season, all_of(above(tmax, p90), above(tmax, floor)), 0.0)
    two = all_of(one, before(one, 1), before(one, 2))
    middle = (tmax + values_of(record, "air_temperature_min")) / 2
    measured = values_of(record, "air_temperature_mean")
    tmean = np.where(np.isfinite(measured).mean(axis=0) >= 0.9, measured, middle)
    three_days = rolling(tmean, 3, 1.0)
    significance = three_days - normals["tmean_p95"].values
    acclimatisation = three_days - before(rolling(tmean, 30, 0.8), 3)
    ehf = significance * np.where(acclimatisation <= 1, 1.0, acclimatisation)
    severity = ehf / normals["ehf_p85"].values
    least = options.thresholds.get("level_3", 1.0)
    three = all_of(two, at_or_above(severity, least))
    unknown = np.isnan(normals["ehf_p85"].values)  # the level is not assessed there
    levels = np.stack([one, two, np.where(unknown, np.nan, three)])
    tie = np.zeros(levels.shape, dtype=bool)
    tie[2] = np.abs(severity - least) < 1e-9
    return levels, tie


def flash_flood_by_definition(record: xr.Dataset, normals: xr.Dataset, options: Options) -> Defined:
    rain = values_of(record, "precipitation")
    three = rain + before(rain, 1) + before(rain, 2)
    severity = np.maximum(rain / normals["level_1d"].values, three / normals["level_3d"].values)
    wet = at_or_above(rain, 5.0)
    severe, extreme = (above(severity, normals[f"severity_{k}"].values) for k in (2, 3))
    unusual = above(three, normals["sum_3d_p95"].values)
    either = 1 - all_of(1 - unusual, 1 - severe)
    levels = np.stack([all_of(wet, either), all_of(wet, severe), all_of(wet, severe, extreme)])
    return levels, np.zeros(levels.shape, dtype=bool)


def river_flood_by_definition(record: xr.Dataset, normals: xr.Dataset, options: Options) -> Defined:
    flow = values_of(record, "river_discharge")
    levels = np.stack([above(flow, level) for level in normals["return_level"].values])
    return levels, np.zeros(levels.shape, dtype=bool)


def drought_index(record: xr.Dataset, normals: xr.Dataset) -> np.ndarray:
    """Index of the window that counts on each day: (time, location), clipped."""
    index, places = doy(record["time"].values), np.arange(record.sizes["location"])
    balance = daily_balance(record, normals, record["time"].values)
    which = normals["index_window"].values[index]
    counted = np.full(balance.shape, np.nan)
    for window in (90, 365):
        fit = normals.sel(window=window)
        total = window * rolling(balance, window, 0.9)
        part = {
            name: fit[name].values[index][:, places]
            for name in ("season", "xi", "alpha", "k", "gamma_shape", "gamma_scale", "gamma_dry")
        }
        inside = 1 - part["k"] * (total - part["season"] - part["xi"]) / part["alpha"]
        with np.errstate(over="ignore", divide="ignore"):
            logistic = 1 / (1 + np.maximum(inside, 0.0) ** (1 / part["k"]))
        wet = gamma.cdf(total, part["gamma_shape"], scale=part["gamma_scale"])
        dry = part["gamma_dry"]
        rain = np.where(total < 0.005, dry, dry + (1 - dry) * wet)
        chance = np.where(np.isnan(part["xi"]), rain, logistic)
        counted = np.where(which == window, np.clip(norm.ppf(chance), -3, 3), counted)
    return counted


def drought_by_definition(record: xr.Dataset, normals: xr.Dataset, options: Options) -> Defined:
    value = drought_index(record, normals)
    limits = [options.thresholds.get(f"level_{k}", -0.5 - 0.5 * k) for k in (1, 2, 3)]
    levels = np.stack([at_or_above(-value, -limit) for limit in limits])
    return levels, np.stack([np.abs(value - limit) < 1e-8 for limit in limits])


DEFINITIONS: dict[str, Callable[[xr.Dataset, xr.Dataset, Options], Defined]] = {
    "heat": heat_by_definition,
    "flash_flood": flash_flood_by_definition,
    "river_flood": river_flood_by_definition,
    "drought": drought_by_definition,
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ALL)
def test_a_margin_is_above_zero_exactly_where_the_event_is(
    name: str, kind: str, seed: int, make_case: Callable[..., tuple[xr.Dataset, Options]]
) -> None:
    hazard, (record, options) = hazards()[name], make_case(name, kind, seed)
    normals = hazard.fit_normals(record, options)
    margins = hazard.margins(record, normals, options)
    assert margins.dims == ("level", "time", "location")
    expected, tie = DEFINITIONS[name](record, normals, options)
    found = np.where(np.isnan(margins.values), np.nan, margins.values > 0)
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.array_equal(found[~tie], expected[~tie], equal_nan=True)
    assert np.nansum(expected[0]) > 0
    assert np.array_equal(
        hazard.events(record, normals, options).values[~tie], expected[~tie], equal_nan=True
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ALL)
def test_margins_are_nested_and_shift_where_they_share_a_quantity(
    name: str, kind: str, make_case: Callable[..., tuple[xr.Dataset, Options]]
) -> None:
    hazard, (record, options) = hazards()[name], make_case(name, kind, 3)
    if kind == "plain":  # one absolute threshold among fitted ones that are lower
        options = Options(options.warm_season, HIGH_FIRST[name])
    normals = hazard.fit_normals(record, options)
    margins = hazard.margins(record, normals, options).values
    for higher, lower in ((1, 0), (2, 1)):
        reached = margins[higher] > 0
        assert (margins[lower][reached] > 0).all()
    if name in SHARED_QUANTITY:
        assert hazard.shifts is not None
        shifts = hazard.shifts(normals, options)
        assert shifts.shape == (3, 3)
        assert not np.nan_to_num(shifts[0]).any()
        np.testing.assert_allclose(margins[0] - shifts[:, None], margins, atol=2e-6)


def series(name: str, values: list[float]) -> xr.Dataset:
    """A few summer days of one variable at one place."""
    times = pd.date_range("2001-07-01", periods=len(values)).as_unit("ns")
    column = np.array(values, dtype=np.float32)[:, None]
    return xr.Dataset(
        {name: (("time", "location"), column, {"delay_days": 1})},
        {"time": times, "location": ["here"]},
    )


def test_what_hits_a_threshold_exactly_is_above_it_only_where_the_rule_says_so() -> None:
    river, level = hazards()["river_flood"], [[4.0], [6.0], [9.0]]
    normals = xr.Dataset({"return_level": (("level", "location"), level)})
    flow = series("river_discharge", [3.0, 4.0, 4.5, 6.0, 9.0, 9.5])
    found = river.margins(flow, normals, Options()).values[:, :, 0] > 0
    assert found.sum(axis=0).tolist() == [0, 0, 1, 1, 2, 3]
    limits = {"sum_3d_p95": 12.0, "level_1d": 10.0, "level_3d": 20.0}
    limits |= {"severity_2": 1.0, "severity_3": 2.0}
    normals = xr.Dataset({key: ("location", [value]) for key, value in limits.items()})
    rain = series("precipitation", [0, 0, 5, 7, 5, 4.9, 10, 11, 0, 20, 21, 0, 0, np.nan, 4, 30])
    found = hazards()["flash_flood"].margins(rain, normals, Options()).values[:, :, 0]
    # 5 mm of a day are enough, 12 mm in 3 days, severities of 1 and of 2 are not
    counts = np.where(np.isnan(found).any(axis=0), -1, (found > 0).sum(axis=0)).tolist()
    assert counts == [0, 0, 0, 0, 1, 0, 1, 2, 0, 2, 3, 0, 0, -1, 0, -1]


def test_a_rule_that_fails_alone_makes_a_day_known() -> None:
    heat = hazards()["heat"]
    own = Options((5, 10), {"level_1": 30.0})
    tmax = series("air_temperature_max", [31, 31, 31, np.nan, 31, 29, 31, np.nan, np.nan, 30])
    normals = heat.fit_normals(tmax, own)
    one, two, three = heat.events(tmax, normals, own).values[:, :, 0]
    unknown = np.nan
    assert np.array_equal(one, [1, 1, 1, unknown, 1, 0, 1, unknown, unknown, 0], equal_nan=True)
    expected = [unknown, unknown, 1, unknown, unknown, 0, 0, 0, unknown, 0]
    assert np.array_equal(two, expected, equal_nan=True)
    assert np.isnan(three).all()  # no Tmin: no EHF


def with_delay(record: xr.Dataset, delay: int) -> xr.Dataset:
    changed = record.copy(deep=True)
    for values in changed.data_vars.values():
        values.attrs["delay_days"] = delay
    return changed


@pytest.mark.parametrize("delay", [1, 2, 3])
@pytest.mark.parametrize("kind", ["holed", "south"])
def test_a_days_margin_never_exceeds_what_its_past_days_allow(
    delay: int, kind: str, make_case: Callable[..., tuple[xr.Dataset, Options]]
) -> None:
    heat = hazards()["heat"]
    record, options = make_case("heat", kind, 4)
    record = with_delay(record, delay)
    times = record["time"].values
    normals = heat.fit_normals(record, options)
    days = heat.margins(record, normals, options)
    built = build_features(heat, record, normals, times[500:], delays_of(record), options)
    bound = built["spell_bound"].values  # (init_time, cell, location)
    reached = build_margins(heat, days, normals, options).sel(init_time=times[500:])
    for number, cell in enumerate(heat.cells):
        for level in (2, 3):
            margin = reached.isel(cell=number).sel(level=level).values
            assert (np.isnan(margin) | (margin <= bound[:, number] + 1e-6)).all()
        # valid day - 1 and valid day - 2, where published by the issue day and not missing
        expected = np.full(bound[:, number].shape, np.inf)
        for back in (1, 2):
            ago = back - cell.lead_days
            if ago >= delay and cell.window_days == 1:
                expected = np.fmin(expected, days.values[0, 500 - ago : len(times) - ago])
        assert np.array_equal(bound[:, number], expected.astype(np.float32))
    assert heat.bounds == ("", "spell_bound", "spell_bound")
    assert np.isposinf(bound[:, -2:]).all() and np.isposinf(bound).any()
    assert np.isfinite(bound[:, 0]).any() == (delay <= 2)


@pytest.mark.parametrize("name", ALL)
def test_a_windows_margin_is_the_greatest_of_its_days(
    name: str, make_case: Callable[..., tuple[xr.Dataset, Options]]
) -> None:
    hazard, (record, options) = hazards()[name], make_case(name, "holed", 5)
    normals = hazard.fit_normals(record, options)
    margins = hazard.margins(record, normals, options)
    times, daily = margins["time"].values, margins.values.astype(np.float32)
    found = build_margins(hazard, margins, normals, options).values
    exists = hazard.applies(times, normals, options) == 1
    for number, cell in enumerate(hazard.cells):
        span = 1 if hazard.windows_look_back else cell.window_days
        for day in [*range(400, len(times), 53), len(times) - 8, len(times) - 2]:
            valid = daily[:, day + cell.lead_days : day + cell.lead_days + span]
            whole = valid.shape[1] == span
            for level, place in np.ndindex(3, 3):
                part = valid[level, :, place]
                known = part[~np.isnan(part)]
                decided = (whole and len(known) == span) or (known > 0).any()
                expected = known.max() if decided and exists[number, day, place] else np.nan
                assert found[number, level, day, place] == pytest.approx(expected, nan_ok=True)


def level_of(three: list[float], limits: dict[str, float]) -> int:
    """Highest level of a day with its rain and that of the two days before it, mm."""
    rain, total = three[2], three[0] + three[1] + three[2]
    severity = max(rain / limits["level_1d"], total / limits["level_3d"])
    if rain < 5.0:
        return 0
    if severity > limits["severity_2"]:
        return 3 if severity > limits["severity_3"] else 2
    return 1 if total > limits["sum_3d_p95"] else 0


def slow_flash_flood(
    record: xr.Dataset, normals: xr.Dataset, issued: np.datetime64, delay: int, place: int
) -> np.ndarray:
    """Share of the years' rain that reaches each level after the last known days: (cell, level)."""
    hazard, rain = hazards()["flash_flood"], values_of(record, "precipitation")[:, place]
    names = ("sum_3d_p95", "level_1d", "level_3d", "severity_2", "severity_3")
    limits = {name: float(normals[name].values[place]) for name in names}
    newest = int(days_since(issued - delay * DAY, record["time"].values[0]))
    known = rain[newest - 1 : newest + 1].tolist()
    index = doy(record["time"].values)
    centre = doy(np.array([issued - (delay - 1) * DAY]))[0]
    length = delay - 1 + 7
    shares = np.full((len(hazard.cells), 3), np.nan)
    members = [
        rain[start : start + length].tolist()
        for start in range(len(rain) - length + 1)
        if min((index[start] - centre) % 366, (centre - index[start]) % 366) <= 15
        and not np.isnan(rain[start : start + length]).any()
    ]
    for number, cell in enumerate(hazard.cells):
        first = delay - 1 + cell.lead_days
        if not members or (first < 2 and np.isnan(known).any()):
            continue
        highest = [
            max(
                level_of((known + member)[step : step + 3], limits)
                for step in range(first, first + cell.window_days)
            )
            for member in members
        ]
        shares[number] = [np.mean([one >= level for one in highest]) for level in (1, 2, 3)]
    return shares


def slow_sum(values: np.ndarray, last: int, window: int) -> float:
    """Sum of the days that end with ``last``, scaled where up to a tenth are missing, else NaN."""
    part = values[max(last - window + 1, 0) : last + 1]
    known = part[~np.isnan(part)]
    need = window if window <= 3 else int(np.ceil(0.9 * window))
    return known.sum() * window / len(known) if len(known) >= need else np.nan


def slow_drought(
    record: xr.Dataset, normals: xr.Dataset, issued: np.datetime64, delay: int, place: int
) -> np.ndarray:
    """Share of the years' sums that complete the window to at most each level's: (cell, level)."""
    hazard, times = hazards()["drought"], record["time"].values
    balance = daily_balance(record, normals, times)[:, place]
    kept = balance.astype(np.float32).astype(np.float64)  # the record of the normals
    index, newest = doy(times), int(days_since(issued - delay * DAY, times[0]))
    shares = np.full((len(hazard.cells), 3), np.nan)
    for number, cell in enumerate(hazard.cells):
        valid = doy(np.array([issued + cell.lead_days * DAY]))[0]
        rest = min(cell.lead_days + delay, cell.window_days)
        seen = cell.window_days - rest
        observed = slow_sum(balance, newest, seen) if seen else 0.0
        limit = normals["limit"].sel(window=cell.window_days).values[:, valid, place]
        counts = normals["index_window"].values[valid, place] == cell.window_days
        near = np.minimum((index - valid) % 366, (valid - index) % 366) <= 10
        drawn = np.array([slow_sum(kept, day, rest) for day in np.flatnonzero(near)])
        drawn = drawn[~np.isnan(drawn)]
        if counts and len(drawn) and not np.isnan(limit).any() and not np.isnan(observed):
            shares[number] = [np.mean(observed + drawn <= one) for one in limit]
    return shares


@pytest.mark.parametrize("kind", ["plain", "holed"])
@pytest.mark.parametrize("delay", [1, 3])
@pytest.mark.parametrize(
    ("name", "slow"), [("flash_flood", slow_flash_flood), ("drought", slow_drought)]
)
def test_an_ensemble_is_what_a_plain_count_finds(
    name: str,
    slow: Callable[..., np.ndarray],
    delay: int,
    kind: str,
    make_case: Callable[..., tuple[xr.Dataset, Options]],
) -> None:
    hazard, (record, options) = hazards()[name], make_case(name, kind, 6)
    record = with_delay(record, delay)
    rain = values_of(record, "precipitation")
    # 28 and 29 February, New Year, after heavy rain, after missing days, past the record's end
    days = [np.datetime64(day) for day in ("1996-02-28", "1996-02-29", "1995-12-31", "1996-01-01")]
    first, last = record["time"].values[[0, -1]]
    days += [first + (600 + delay + day) * DAY for day in np.argsort(-rain[600:-9, 0])[:9]]
    days += [
        first + (600 + delay + day) * DAY for day in np.flatnonzero(np.isnan(rain[600:, 0]))[:6]
    ]
    days += [last + DAY]
    issued = np.unique(np.array(days).astype("datetime64[ns]"))
    normals = hazard.fit_normals(record, options)
    built = build_features(hazard, record, normals, issued, delays_of(record), options).compute()
    found = np.stack([built[part].values for part in hazard.overlap], axis=2)
    for row, day in enumerate(issued):
        for place in range(3):
            expected = slow(record, normals, day, delay, place)
            np.testing.assert_allclose(found[row, :, :, place], expected, atol=1e-6)
    assert (np.nan_to_num(found) > 0).any()
    unknown = kind == "holed" and (name == "drought" or delay < 3)
    assert np.isnan(found).any() or not unknown


def alone(
    hazard: Hazard, record: xr.Dataset, normals: xr.Dataset, options: Options, day: np.datetime64
) -> dict[str, np.ndarray]:
    """Predictors of one issue day from a record as it is, nothing of it left out."""
    names = [name for name in (*hazard.requires, *hazard.uses) if name in record]
    delays = {name: delay for name, delay in delays_of(record).items() if name in names}
    known = as_known_at(record[names], day, delays)
    rows = np.array([known.sizes["init_time"] - 1])
    seen = hazard.observe(known, normals, rows, delays, options)
    return {
        row.name: row.value(seen) if row.by_cell else row.value(seen)[rows]
        for row in hazard.predictors
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ALL)
def test_no_predictor_looks_further_back_than_the_hazard_says(
    name: str, kind: str, make_case: Callable[..., tuple[xr.Dataset, Options]]
) -> None:
    hazard, (record, options) = hazards()[name], make_case(name, kind, 7)
    for number, values in enumerate(record.data_vars.values()):
        values.attrs["delay_days"] = 1 + number % 3
    normals, longest = hazard.fit_normals(record, options), max(delays_of(record).values())
    for end in (1_200, 1_850, record.sizes["time"]):
        day = record["time"].values[end - 1] + DAY
        tail = slice(end - hazard.memory_days - longest, end)
        whole = alone(hazard, record.isel(time=slice(0, end)), normals, options, day)
        recent = alone(hazard, record.isel(time=tail), normals, options, day)
        assert set(whole) == set(hazard.features)
        for part, values in whole.items():
            np.testing.assert_allclose(recent[part], values, rtol=1e-5, atol=1e-5, err_msg=part)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ALL)
def test_no_margin_looks_further_back_than_the_hazard_says(
    name: str, kind: str, make_case: Callable[..., tuple[xr.Dataset, Options]]
) -> None:
    hazard, (record, options) = hazards()[name], make_case(name, kind, 7)
    normals = hazard.fit_normals(record, options)
    whole = hazard.margins(record, normals, options)
    for first, end in ((500, 501), (1_200, 1_850), (1_850, record.sizes["time"])):
        near = record.isel(time=slice(first - hazard.margin_days, end))
        found = hazard.margins(near, normals, options).isel(time=slice(hazard.margin_days, None))
        xr.testing.assert_allclose(found, whole.isel(time=slice(first, end)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_features_do_not_depend_on_how_the_work_is_shared_out(
    name: str,
    make_case: Callable[..., tuple[xr.Dataset, Options]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hazard, (record, options) = hazards()[name], make_case(name, "holed", 8)
    normals, days = hazard.fit_normals(record, options), record["time"].values[700:1_100:9]

    def built(per_chunk: int, threads: int) -> dict[str, bytes]:
        monkeypatch.setattr(features.build, "LOCATIONS_PER_CHUNK", per_chunk)
        with dask.config.set(scheduler="threads", num_workers=threads):
            made = build_features(hazard, record, normals, days, delays_of(record), options)
            return {str(part): values.values.tobytes() for part, values in made.items()}

    expected = built(16, 1)
    assert all(built(*how) == expected for how in ((1, 1), (1, 4), (2, 2), (16, 4)))
