import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import Region
from features.build import delays_of, options_for
from features.hazards import hazards
from models import predict as prediction
from models.assembly import colours_of
from models.forecasting import forecasters
from models.predict import (
    ForecastRequest,
    as_attributes,
    interval,
    predict,
    predict_with_remarks,
)
from models.publishing import disagreement, live_weights, publish
from models.training import REPLICAS, Model, fit_model
from models.verification.backtest import reasons_missing
from models.verification.scores import COLUMNS
from models.verification.weather_scores import Assessment

pytestmark = pytest.mark.usefixtures("few_replicas")
ISSUED = date(2005, 6, 20)
STAGES = pd.DataFrame(columns=[*COLUMNS, "stage", "published"])
NO_SCORES = Assessment(pd.DataFrame(columns=list(COLUMNS)), STAGES)


@pytest.fixture
def record(fitted_record: xr.Dataset) -> xr.Dataset:
    return fitted_record


@pytest.fixture
def models(fitted_models: dict[str, Model]) -> dict[str, Model]:
    return fitted_models


def scores_of(hazard: str, verdict: str) -> Assessment:
    rows = [
        (hazard, level, cell.lead_days, cell.window_days, verdict)
        for cell in hazards()[hazard].cells
        for level in (1, 2, 3)
    ]
    names = ["hazard", "level", "lead_days", "window_days", "verdict"]
    return Assessment(pd.DataFrame(rows, columns=names), STAGES)


def test_every_declared_cell_is_there_and_nested(
    record: xr.Dataset, models: dict, made_region: Region
) -> None:
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED,
            record,
            models=models,
            backtests={},
            assessment=NO_SCORES,
            versions=dict.fromkeys(models, "1"),
        )
    )
    assert made["probability"].dims == ("cell", "level", "init_time", "location")
    counted = made["hazard"].to_series().value_counts()
    assert counted.to_dict() == {name: len(hazard.cells) for name, hazard in hazards().items()}
    chance = made["probability"].values
    shown = np.isfinite(chance)
    assert (np.diff(chance, axis=1)[shown[:, 1:]] <= 0).all()
    drought = made.isel(cell=made["hazard"].values == "drought")
    # of the two index windows one counts on each valid day
    per_lead = (
        np.isfinite(drought["probability"].sel(level=1)).groupby(drought["lead_days"]).sum("cell")
    )
    assert (per_lead == 1).all()
    assert set(np.unique(made["data_until"])) == {np.datetime64("2005-06-19", "ns")}
    assert made["valid_time"].values[0, 0] == np.datetime64(ISSUED) + np.timedelta64(
        int(made["lead_days"][0]), "D"
    )


@pytest.mark.parametrize("verdict", ["no better than usual", "known", "skilful"])
def test_a_verdict_never_changes_the_number(
    verdict: str, record: xr.Dataset, models: dict, made_region: Region
) -> None:
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED,
            record,
            models={"heat": models["heat"]},
            backtests={},
            assessment=scores_of("heat", verdict),
        )
    )
    heat = hazards()["heat"]
    said = forecasters(
        models["heat"],
        record,
        np.array([ISSUED], "datetime64[ns]"),
        delays_of(record),
        options_for(heat, made_region, record),
    )
    weights = live_weights(heat, None)
    assert weights[:, 0, 0, 0, 0].tolist() == pytest.approx([0.7, 0.2, 0.1])
    number = np.round(publish(weights, said), 4)
    exists = made["probability"].values > 0
    assert exists.any() and np.array_equal(made["probability"].values[exists], number[exists])
    assert set(np.unique(made["verdict"])) == {verdict}


def test_the_interval_holds_the_number_and_is_wider_where_years_are_few(
    record: xr.Dataset, made_region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.REPLICAS", REPLICAS)
    known = scores_of("heat", "known")
    widths = []
    for part in (record, record.sel(time=slice("1998-01-01", None))):
        model = fit_model(hazards()["heat"], part, made_region)
        made = predict(
            ForecastRequest(
                made_region, ISSUED, part, models={"heat": model}, backtests={}, assessment=known
            )
        )
        chance, low, high = (
            made[name].sel(level=1).values
            for name in ("probability", "probability_low", "probability_high")
        )
        assert (
            (low <= chance).all()
            and (chance <= high).all()
            and (high - low).min() > 0
            and high.max() < 1
        )
        widths.append((high - low).mean())
    assert widths[0] < widths[1]


@pytest.mark.parametrize(("spread", "width"), [(0.0, 0.0), (1.0, 0.2457)])
def test_the_jackknife_interval_is_that_of_its_replicas(spread: float, width: float) -> None:
    # 8 replicas at log-odds +-0.1 about 0: se = sqrt(7/8 * 8 * 0.01) = 0.2646,
    # times Student's t of 7 degrees of freedom, 1.895, = 0.501, expit: .377 to .623
    ends = 0.1 * spread * np.array([1, -1] * 4)
    low, high = interval(
        np.array([0.5]), [np.array([1 / (1 + np.exp(-end))]) for end in ends], np.zeros(1)
    )
    assert (high - low)[0] == pytest.approx(width, abs=1e-3)


def test_forecasters_that_disagree_widen_the_interval() -> None:
    # weights .5, .3, .2 of log-odds 1, 0, -1: mean .3, variance .5*.49 + .3*.09 + .2*1.69 = .61;
    # no years: se = .781, times 1.895 = 1.480; expit(.3 -+ 1.480): .235 to .856
    odds = {"model": 1.0, "persistence": 0.0, "climatology": -1.0}
    probabilities = {name: np.array([1 / (1 + np.exp(-odd))]) for name, odd in odds.items()}
    weights = np.array([[0.5], [0.3], [0.2]])
    published = publish(weights, probabilities)
    between = disagreement(weights, probabilities)
    assert between == pytest.approx([0.61])
    low, high = interval(published, [published] * 8, between)
    assert (low[0], high[0]) == pytest.approx((0.235, 0.856), abs=1e-3)


def test_what_is_not_known_on_the_day_is_the_calendars_and_said(
    record: xr.Dataset, models: dict, made_region: Region
) -> None:
    old = record.sel(time=slice(None, "2005-06-15"))  # four days late at both places
    request = ForecastRequest(
        made_region,
        ISSUED,
        old,
        models={"heat": models["heat"]},
        backtests={},
        assessment=scores_of("heat", "known"),
    )
    made, predicted = predict(request), predict_with_remarks(request)
    assert [remark.code for remark in predicted.degraded] == ["forecast.state_unknown"]
    assert as_attributes(predicted.degraded, predicted.notes).items() <= made.attrs.items()
    assert predicted.forecast.equals(made)
    assert np.array_equal(made["probability"].values, made["normal_probability"].values)
    assert np.isnan(made["outlook"].values).all()
    assert set(np.unique(made["verdict"])) == {"no better than usual"}
    said = json.loads(made.attrs["degraded"])
    assert len(said) == 1 and "place_0, place_1" in said[0] and "calendar" in said[0]


@pytest.mark.parametrize("late", [1, 2, 3])
def test_a_late_value_leaves_what_was_known_before_it(
    late: int, record: xr.Dataset, models: dict, made_region: Region
) -> None:
    """Of one location: the number for a day is that of the newest morning with a value at hand."""
    part = record.copy(deep=True)
    first = np.datetime64(ISSUED) - np.timedelta64(late, "D")
    part["air_temperature_max"].values[record["time"].values >= first, 0] = np.nan
    known = scores_of("heat", "known")
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED,
            part,
            models={"heat": models["heat"]},
            backtests={},
            assessment=known,
        )
    )
    before = predict(
        ForecastRequest(
            made_region,
            (pd.Timestamp(ISSUED) - pd.Timedelta(days=late)).date(),
            record,
            models={"heat": models["heat"]},
            backtests={},
            assessment=known,
        )
    )
    whole = predict(
        ForecastRequest(
            made_region,
            ISSUED,
            record,
            models={"heat": models["heat"]},
            backtests={},
            assessment=known,
        )
    )
    for lead in range(10 - late):
        here, there = (part["probability"].values[:, :, 0, 0] for part in (made, before))
        assert np.allclose(here[lead], there[lead + late], atol=2e-4)
    other = made["probability"].values[..., 1]
    assert np.array_equal(other, whole["probability"].values[..., 1])
    assert set(np.unique(made["verdict"])) == {"known"}
    days = "1 day" if late == 1 else f"{late} days"
    sentence = f"late at place_0, so what was known {days} before stands there."
    assert sentence in json.loads(made.attrs["degraded"])[0]


def test_a_place_without_a_record_has_no_number_and_harms_no_other(
    record: xr.Dataset, made_region: Region
) -> None:
    part = record.sel(time=slice("1998-01-01", None)).copy(deep=True)
    alone = part.isel(location=[0]).copy(deep=True)
    for name in part.data_vars:
        part[name].values[:, 1] = np.nan
    heat = hazards()["heat"]
    made, expected = (
        predict(
            ForecastRequest(
                made_region,
                ISSUED,
                one,
                models={"heat": fit_model(heat, one, made_region)},
                backtests={},
                assessment=scores_of("heat", "known"),
            )
        )
        for one in (part, alone)
    )
    assert np.isnan(made["probability"].values[..., 1]).all()
    assert np.isnan(made["normal_probability"].values[..., 1]).all()
    assert set(np.unique(made["verdict"].values[..., 1])) == {"not assessed"}
    assert set(np.unique(made["colour"].values[..., 1])) == {"grey"}
    assert made["probability"].values[..., 0] == pytest.approx(
        expected["probability"].values[..., 0], abs=2e-4
    )


def test_later_observations_change_nothing(
    record: xr.Dataset, models: dict, made_region: Region
) -> None:
    cut = record.sel(time=slice(None, np.datetime64(ISSUED) - np.timedelta64(1, "D")))
    xr.testing.assert_identical(
        *(
            predict(
                ForecastRequest(
                    made_region, ISSUED, part, models=models, backtests={}, assessment=NO_SCORES
                )
            )
            for part in (record, cut)
        )
    )


def test_without_a_model_the_calendar_stands_and_without_the_variable_nothing(
    record: xr.Dataset, made_region: Region
) -> None:
    hot = record[["air_temperature_max"]]
    assert reasons_missing(hazards()["flash_flood"], hot)
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED,
            hot,
            models={"heat": None, "flash_flood": None, "river_flood": None},
            backtests={},
            assessment=NO_SCORES,
        )
    )
    assert set(np.unique(made.isel(cell=made["hazard"].values == "river_flood")["verdict"])) == {""}
    flash, heat = (
        made.isel(cell=made["hazard"].values == name) for name in ("flash_flood", "heat")
    )
    assert flash["probability"].isnull().all() and set(np.unique(flash["verdict"])) == {
        "not assessed"
    }
    assert set(np.unique(flash["colour"])) == {"grey"} and flash["data_until"].isnull().all()
    assert np.array_equal(
        heat["probability"].values, heat["normal_probability"].values, equal_nan=True
    )
    assert 0 < heat["probability"].sel(level=1).mean() < 0.5
    assert len(json.loads(made.attrs["degraded"])) == 1


def test_a_hazard_without_a_model_stands_beside_one_that_has_it(
    record: xr.Dataset, models: dict, made_region: Region
) -> None:
    dry = record.drop_vars("precipitation")
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED,
            dry,
            models={"heat": models["heat"], "flash_flood": None, "river_flood": None},
            backtests={},
            assessment=NO_SCORES,
        )
    )
    heat, flash, river = (
        made.isel(cell=made["hazard"].values == name)
        for name in ("heat", "flash_flood", "river_flood")
    )
    assert heat["probability_high"].notnull().all() and flash["contribution"].isnull().all()
    assert river["probability"].notnull().all() and (river["contribution"].fillna(0) == 0).all()


def test_a_hazard_whose_forecast_fails_has_less_and_harms_no_other(
    record: xr.Dataset, models: dict, made_region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its model fails, so the calendar stands; then that fails too, and there is nothing."""
    given = {"heat": models["heat"], "flash_flood": None}
    asked = ForecastRequest(made_region, ISSUED, record, given, {}, NO_SCORES)
    climatology = prediction._forecast_climatology

    def no_model(*_):
        raise KeyError("lost")

    def none_of_heat(issue, region):
        return no_model() if issue.hazard.name == "heat" else climatology(issue, region)

    whole = predict_with_remarks(asked)
    assert whole.failures == {}
    monkeypatch.setattr(prediction, "_forecast_with_model", no_model)
    less = predict_with_remarks(asked)
    monkeypatch.setattr(prediction, "_forecast_climatology", none_of_heat)
    nothing = predict_with_remarks(asked)
    for made in (less, nothing):
        assert list(made.failures) == ["heat"] and isinstance(made.failures["heat"], KeyError)
        flash = [
            part.forecast["probability"].isel(cell=part.forecast["hazard"].values == "flash_flood")
            for part in (whole, made)
        ]
        assert np.array_equal(*(part.values for part in flash), equal_nan=True)
    heat = [
        made.forecast.isel(cell=made.forecast["hazard"].values == "heat")
        for made in (less, nothing)
    ]
    assert heat[0]["probability"].notnull().any()
    assert np.array_equal(heat[0]["probability"], heat[0]["normal_probability"], equal_nan=True)
    assert heat[1]["probability"].isnull().all()


def test_heat_out_of_season_cannot_be(
    record: xr.Dataset, models: dict, made_region: Region
) -> None:
    made = predict(
        ForecastRequest(
            made_region,
            date(2004, 10, 28),
            record,
            models={"heat": models["heat"]},
            backtests={},
            assessment=scores_of("heat", "known"),
        )
    )
    single = made.isel(cell=made["window_days"].values == 1)
    inside = single["valid_time"].values[:, 0] < np.datetime64("2004-11-01")
    assert (single["probability"].values[~inside] == 0).all() and (
        single["normal_probability"].values[~inside] == 0
    ).all()
    assert set(np.unique(single["colour"].values[~inside])) == {"green"}
    week = made.isel(cell=made["window_days"].values == 7)
    assert (week["normal_probability"].sel(level=1) > 0).all()


def test_a_place_without_discharge_has_no_river_flood(
    record: xr.Dataset, models: dict, made_region: Region
) -> None:
    dry = record.copy(deep=True)
    dry["river_discharge"].values[:, 1] = np.nan
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED,
            dry,
            models={"river_flood": fit_model(hazards()["river_flood"], dry, made_region)},
            backtests={},
            assessment=NO_SCORES,
        )
    )
    assert np.isfinite(made["probability"].isel(location=0)).all()
    assert made["probability"].isel(location=1).isnull().all() and set(
        np.unique(made["verdict"].isel(location=1))
    ) == {""}


def part_of(
    chances: list[float], usual: float | list[float] = 0.05, verdict: str = "known"
) -> xr.Dataset:
    """One cell at one location; ``usual``: the climatology, of all levels or of each."""
    dims = ("cell", "level", "init_time", "location")
    values = np.array(chances).reshape(1, 3, 1, 1)
    normal = np.broadcast_to(np.atleast_1d(usual).reshape(1, -1, 1, 1), values.shape)
    today = np.datetime64("2005-06-20", "ns")
    return xr.Dataset(
        {
            "probability": (dims, values),
            "normal_probability": (dims, normal),
            "verdict": (dims, np.full(values.shape, verdict, dtype=object)),
        },
        coords={
            "level": [1, 2, 3],
            "init_time": [today],
            "location": ["here"],
            "lead_days": ("cell", [1]),
            "window_days": ("cell", [1]),
            "valid_time": (("cell", "init_time"), [[today + np.timedelta64(1, "D")]]),
        },
    )


@pytest.mark.parametrize(
    ("hazard", "chances", "usual", "verdict", "colour"),
    [
        ("heat", [0.39, 0.1, 0.0], 0.05, "known", "green"),
        ("heat", [0.40, 0.1, 0.0], 0.05, "known", "yellow"),
        ("heat", [0.50, 0.30, 0.0], 0.05, "known", "orange"),
        ("heat", [0.50, 0.25, 0.20], 0.05, "known", "orange"),
        ("heat", [0.60, 0.50, 0.40], 0.05, "skilful", "red"),
        ("heat", [0.45, 0.1, 0.0], 0.30, "known", "green"),  # not twice the usual 0.30
        # level 1 is not twice its usual, level 2 is twice its own
        ("heat", [0.50, 0.30, 0.0], [0.30, 0.10, 0.01], "known", "orange"),
        ("heat", [0.80, 0.1, 0.0], 0.60, "known", "yellow"),  # but from .80 on that is waived
        ("heat", [0.09, 0.04, 0.04], 0.05, "no better than usual", "grey"),
        ("heat", [0.90, 0.8, 0.7], 0.05, "no better than usual", "red"),  # told by its value
        ("heat", [0.02, 0.04, 0.04], 0.05, "not assessed", "green"),  # half of the usual or less
        ("heat", [0.008, 0.001, 0.0], 0.003, "no better than usual", "grey"),  # both next to none
        ("flash_flood", [0.25, 0.0, 0.0], 0.02, "known", "yellow"),
        ("flash_flood", [0.25, 0.12, 0.10], 0.02, "known", "orange"),
        ("river_flood", [0.5, 0.4, 0.30], 0.02, "known", "red"),
        ("drought", [0.50, 0.2, 0.1], 0.30, "known", "yellow"),  # 1.5 times is enough
    ],
)
def test_the_colour_is_the_highest_row_reached(
    hazard: str,
    chances: list[float],
    usual: float | list[float],
    verdict: str,
    colour: str,
    made_region: Region,
) -> None:
    assert colours_of(
        hazards()[hazard], part_of(chances, usual, verdict), made_region, None
    ).values.ravel().tolist() == [colour]


@pytest.mark.parametrize(("chance", "colour"), [(0.33, "yellow"), (0.31, "green")])
def test_a_colour_once_given_for_a_day_is_withdrawn_below_four_fifths_of_its_threshold(
    chance: float, colour: str, made_region: Region
) -> None:
    # yellow at .40 is kept down to .32
    row = {
        "location": "here",
        "hazard": "heat",
        "valid": pd.Timestamp("2005-06-21"),
        "window_days": 1,
        "colour": "yellow",
    }
    made = colours_of(
        hazards()["heat"], part_of([chance, 0.0, 0.0]), made_region, pd.DataFrame([row])
    )
    assert made.values.ravel().tolist() == [colour]


NO_BETTER, NO_FORECAST = (0.04, "no better than usual"), (np.nan, "not assessed")
DAYS_OF_A_COLOUR = {
    # chance of level 2 (orange from .30, kept down to .24) and verdict, day after day -> colours
    "one grey day": ([(0.4, "known"), NO_BETTER], ["orange", "orange"]),
    "grey after grey": ([(0.4, "known"), *[NO_BETTER] * 3], ["orange"] * 4),
    "no number at all": ([(0.4, "known"), *[NO_FORECAST] * 2], ["orange"] * 3),
    "a number that keeps it": (
        [(0.4, "known"), NO_BETTER, NO_FORECAST, (0.25, "known")],
        ["orange"] * 4,
    ),
    "a number that withdraws it": (
        [(0.4, "known"), NO_BETTER, NO_FORECAST, (0.23, "known")],
        ["orange", "orange", "orange", "yellow"],  # level 1 is .46
    ),
    "kept against the first, not the last number": (
        [(0.4, "known"), (0.25, "known"), NO_BETTER, (0.25, "known")],
        ["orange"] * 4,
    ),
    "never given": ([(0.05, "known"), NO_BETTER, NO_FORECAST], ["green", "grey", "grey"]),
    "grey from the start": ([NO_BETTER, (0.25, "known")], ["grey", "yellow"]),
}


@pytest.mark.parametrize(
    ("days", "colours"), DAYS_OF_A_COLOUR.values(), ids=DAYS_OF_A_COLOUR.keys()
)
def test_a_colour_once_given_stands_through_grey_until_a_number_can_tell(
    days: list[tuple[float, str]], colours: list[str], made_region: Region
) -> None:
    found, before = [], None
    for chance, verdict in days:
        part = part_of([2 * chance, chance, 0.65 * chance], verdict=verdict)
        made = colours_of(hazards()["heat"], part, made_region, before)
        found += made.values.ravel().tolist()
        row = {"location": "here", "hazard": "heat", "valid": pd.Timestamp("2005-06-21")}
        before = pd.DataFrame([row | {"window_days": 1, "colour": found[-1]}])
    assert found == colours


def test_a_region_may_have_its_own_cost_loss_ratios(made_region: Region) -> None:
    own = made_region.model_copy(update={"colours": {"heat": {"yellow": {1: 0.1}}}})
    assert colours_of(
        hazards()["heat"], part_of([0.15, 0.0, 0.0]), own, None
    ).values.ravel().tolist() == ["yellow"]


def test_the_outlook_stands_beside_the_chances_in_its_own_units(
    record: xr.Dataset, models: dict, made_region: Region
) -> None:
    made = predict(
        ForecastRequest(
            made_region, ISSUED, record, models=models, backtests={}, assessment=NO_SCORES
        )
    )
    assert made["outlook"].dims == ("quantile", "cell", "init_time", "location")
    units = {
        str(name): str(unit)
        for name, unit in zip(made["hazard"].values, made["outlook_units"].values, strict=True)
    }
    assert units == {"heat": "degC", "flash_flood": "mm", "river_flood": "m3 s-1", "drought": "1"}
    for name in models:
        single = (made["hazard"].values == name) & (
            (made["window_days"].values == 1) | (name == "drought")
        )
        quantiles = made["outlook"].values[:, single]
        shown = np.isfinite(quantiles).all(axis=0)
        assert shown.any() and (np.diff(quantiles[:, shown], axis=0) >= 0).all()
        assert name in ("heat", "drought") or (quantiles[:, shown] >= 0).all()
    # where level 1 is nearly certain the middle of the outlook is not far from its threshold:
    # both speak of one quantity
    heat = made.isel(cell=made["hazard"].values == "heat", init_time=0)
    usual = hazards()["heat"].history(
        record, models["heat"].normals, options_for(hazards()["heat"], made_region, record)
    )
    median = heat["outlook"].sel(quantile=0.5).values[0]
    assert median == pytest.approx(
        usual["normal"].sel(time=str(ISSUED), method="nearest").values, abs=10
    )


def test_a_hazard_without_a_model_has_no_outlook(
    record: xr.Dataset, models: dict, made_region: Region
) -> None:
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED,
            record,
            models={**models, "heat": None},
            backtests={},
            assessment=NO_SCORES,
        )
    )
    assert np.isnan(made["outlook"].values[:, made["hazard"].values == "heat"]).all()
    assert np.isfinite(made["outlook"].values[:, made["hazard"].values == "flash_flood"]).any()


def test_the_thresholds_of_the_levels_stand_beside_their_chances(
    record: xr.Dataset, models: dict, made_region: Region
) -> None:
    """Of the models' own normals, on the valid day; none where there is no cell or no record."""
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED,
            record.drop_vars("river_discharge"),
            models={**models, "flash_flood": None},
            backtests={},
            assessment=NO_SCORES,
        )
    )
    threshold = made["threshold"]
    assert threshold.dims == ("condition", "cell", "level", "init_time", "location")
    units = dict(zip(made["hazard"].values, made["threshold_units"].values.T.tolist(), strict=True))
    assert units == {
        "heat": ["degC", "degC"],
        "flash_flood": ["mm", "mm"],
        "river_flood": ["m3 s-1", "m3 s-1"],
        "drought": ["1", "mm"],
    }
    heat = threshold.isel(cell=made["hazard"].values == "heat", init_time=0)
    wanted = hazards()["heat"].history(
        record, models["heat"].normals, options_for(hazards()["heat"], made_region, record)
    )["threshold"]
    for cell in range(10):
        day = np.datetime64("2004-06-20") + np.timedelta64(cell, "D")  # of any year
        np.testing.assert_allclose(heat.values[0, cell, 0], wanted.sel(time=day).values, atol=1e-4)
    without = made["verdict"].values == ""
    assert without.any() and np.isnan(threshold.values[:, without]).all()
    known = np.isfinite(threshold.values[0])
    names = made["hazard"].values
    assert known[names == "flash_flood"].all(), "the climatology has normals too"
    assert not known[names == "river_flood"].any()
    assert (known | without)[names == "drought"].all()
